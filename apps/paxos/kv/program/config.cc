// SPDX-License-Identifier: Apache-2.0
// The options of paxos-kv; see config.h.
#include "apps/paxos/kv/program/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <random>
#include <span>

#include "apps/paxos/kv/machine/limits.h"
#include "apps/paxos/kv/program/option_table.h"
#include "control-plane/parse.h"

namespace bmc::kv {
namespace {

using Set = std::function<Result<void>(const std::string&)>;

constexpr const char* kDefaultFile = "/etc/paxos-kv/paxos-kv.toml";
constexpr const char* kMetricsDefault = "127.0.0.1:9802";

Set set_path(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (value.empty() || value.front() != '/') return Error{EINVAL, "'" + value + "' is no absolute path"};
    target = value;
    return {};
  };
}

Set set_endpoint(Endpoint& target) {
  return [&target](const std::string& value) -> Result<void> {
    auto parsed = parse_endpoint(value);
    if (!parsed) return std::move(parsed).error();
    target = *parsed;
    return {};
  };
}

// Kept as text for the library, which takes texts.
Result<std::string> checked_endpoint(const std::string& value) {
  const auto parsed = parse_endpoint(value);
  if (!parsed) return parsed.error();
  return to_string(*parsed);
}

template <typename Number>
Set set_number(Number& target, std::uint64_t max = std::numeric_limits<Number>::max()) {
  return [&target, max](const std::string& value) -> Result<void> {
    const auto parsed = parse_number(value, max);
    if (!parsed) return parsed.error();
    target = static_cast<Number>(*parsed);
    return {};
  };
}

// In units of `unit_ns`; what is finer is an error.
Set set_duration(std::uint32_t& target, std::int64_t unit_ns) {
  return [&target, unit_ns](const std::string& value) -> Result<void> {
    const auto parsed = parse_duration(value);
    if (!parsed) return parsed.error();
    const std::int64_t units = parsed->count() / unit_ns;
    if (units * unit_ns != parsed->count())
      return Error{EINVAL,
                   "'" + value + "' is finer than " + format_duration(std::chrono::nanoseconds(unit_ns))};
    if (units > std::numeric_limits<std::uint32_t>::max())
      return Error{ERANGE, "'" + value + "' is too long"};
    target = static_cast<std::uint32_t>(units);
    return {};
  };
}

template <typename Size>
Set set_size(Size& target, std::uint64_t min, std::uint64_t max) {
  return [&target, min, max](const std::string& value) -> Result<void> {
    const auto parsed = parse_size(value);
    if (!parsed) return parsed.error();
    if (*parsed < min || *parsed > max)
      return Error{ERANGE, "'" + value + "' is not between " + format_size(min) + " and " + format_size(max)};
    target = static_cast<Size>(*parsed);
    return {};
  };
}

// One of two words: sets `target` to whether it is the second.
Set set_choice(std::string first, std::string second, std::function<void(bool)> assign) {
  return [=](const std::string& value) -> Result<void> {
    if (value != first && value != second)
      return Error{EINVAL, "'" + value + "' is neither " + first + " nor " + second};
    assign(value == second);
    return {};
  };
}

Result<void> set_cluster_id(std::uint64_t& target, const std::string& value) {
  const bool hex = value.starts_with("0x");
  const char* begin = value.data() + (hex ? 2 : 0);
  const char* end = value.data() + value.size();
  const auto [parsed_to, failed] = std::from_chars(begin, end, target, hex ? 16 : 10);
  if (failed != std::errc() || parsed_to != end || target == 0)
    return Error{EINVAL, "'" + value + "' is no number of 64 bits other than 0, such as 0x1f2e3d4c5b6a7988"};
  return {};
}

Result<void> set_log_level(std::string& target, const std::string& value) {
  const std::vector<std::string> levels = {"trace", "debug", "info", "warning", "error"};
  if (std::find(levels.begin(), levels.end(), value) == levels.end())
    return Error{EINVAL, "'" + value + "' is none of: trace, debug, info, warning, error"};
  target = value;
  return {};
}

Result<void> set_metrics(std::optional<Endpoint>& target, const std::string& value) {
  target.reset();
  if (value == "off") return {};
  const auto parsed = parse_endpoint(value);
  if (!parsed) return parsed.error();
  target = *parsed;
  return {};
}

// Who takes part, and as whom.
std::vector<Option> cluster_options(Config& c) {
  paxos::Options& replica = c.replica;
  return {
      {"cluster-id", "NUMBER", "the cluster's number, the same for each of its replicas", "", false,
       [&](const std::string& v) { return set_cluster_id(replica.cluster_id, v); }},
      {"replica", "ADDR:PORT",
       "address of a replica, for each of the 1, 3, 5, 7 or 9, in the same order "
       "everywhere",
       "", true,
       [&](const std::string& v) -> Result<void> {
         auto text = checked_endpoint(v);
         if (!text) return std::move(text).error();
         replica.replicas.push_back(*std::move(text));
         return {};
       }},
      {"index", "NUMBER", "which of them this is; the first is 0", "", false,
       [&](const std::string& v) -> Result<void> {
         c.index_is_given = true;
         return set_number(replica.replica_index)(v);
       }},
      {"replica-listen", "ADDR:PORT", "where this replica listens for the others, if not at its own address",
       "", false,
       [&](const std::string& v) -> Result<void> {
         auto text = checked_endpoint(v);
         if (!text) return std::move(text).error();
         replica.listen = *std::move(text);
         return {};
       }},
      {"data-dir", "PATH", "directory of this replica's log and checkpoints", "/var/lib/paxos-kv", false,
       set_path(replica.data_directory)},
      {"durability", "wal|memory",
       "acknowledge when a majority has written and synced, or when a majority has it in memory", "wal",
       false,
       set_choice("wal", "memory",
                  [&](bool memory) {
                    using Durability = paxos::Options::Durability;
                    replica.durability = memory ? Durability::memory : Durability::wal;
                  })},
  };
}

// What clients of memcached's protocol get.
std::vector<Option> server_options(Config& c) {
  return {
      {"listen", "ADDR:PORT", "where clients of memcached's protocol are served (TCP)", "127.0.0.1:11211",
       false, set_endpoint(c.server.listen)},
      {"memory", "SIZE", "upper limit of the items; beyond it commands are refused, nothing is evicted",
       "64MiB", false, set_size(c.server.memory_bytes_max, kMemoryBytesMin, kMemoryBytesMax)},
      {"connections", "NUMBER", "clients at a time; further ones are refused", "1024", false,
       set_number(c.server.connections_max, 1'000'000)},
      {"buffer-memory", "SIZE", "of all connections together, beyond 16 KiB each", "64MiB", false,
       set_size(c.server.buffer_bytes_max, 4u << 20, 64ull << 30)},
      {"reads", "linearizable|stale",
       "gets see every write acknowledged before, or whatever this replica holds", "linearizable", false,
       set_choice("linearizable", "stale", [&](bool stale) { c.reads_are_stale = stale; })},
      {"reads-at", "leader|here",
       "who answers linearizable gets: the leader, or this replica after it asked the leader how far to be",
       "leader", false, set_choice("leader", "here", [&](bool here) { c.reads_are_local = here; })},
      {"deadline", "DURATION", "a command that the cluster has not answered by then fails", "5s", false,
       set_duration(c.client.deadline_ms, 1'000'000)},
  };
}

std::vector<Option> further_options(Config& c) {
  paxos::Options& replica = c.replica;
  return {
      {"batch-requests", "NUMBER", "requests in one entry of the log; 1: no batching", "64", false,
       set_number(replica.batch_requests_max)},
      {"batch-delay", "DURATION", "how long a batch waits to be filled while another is in flight", "200us",
       false, set_duration(replica.batch_delay_us, 1'000)},
      {"checkpoint-interval", "NUMBER", "entries of the log between two snapshots", "4096", false,
       set_number(replica.checkpoint_interval_batches)},
      {"log-kept", "NUMBER", "entries kept before the snapshot, for replicas that lag", "4096", false,
       set_number(replica.log_kept_batches)},
      {"heartbeat", "DURATION", "between two signs of life of the leader", "20ms", false,
       set_duration(replica.heartbeat_ms, 1'000'000)},
      {"leader-timeout", "DURATION", "without a sign of life for 1 to 2 times this, another leads", "150ms",
       false, set_duration(replica.leader_timeout_ms, 1'000'000)},
      {"quorum-timeout", "DURATION", "a leader that hears no majority for so long stops serving", "300ms",
       false, set_duration(replica.quorum_timeout_ms, 1'000'000)},
      {"metrics", "ADDR:PORT|off", "where Prometheus scrapes", kMetricsDefault, false,
       [&](const std::string& v) { return set_metrics(c.metrics, v); }},
      {"log-level", "LEVEL", "trace, debug, info, warning or error", "info", false,
       [&](const std::string& v) { return set_log_level(c.log_level, v); }},
  };
}

std::vector<Option> all_options(Config& config) {
  std::vector<Option> all = cluster_options(config);
  for (Option& each : server_options(config)) all.push_back(std::move(each));
  for (Option& each : further_options(config)) all.push_back(std::move(each));
  return all;
}

struct TaskName {
  const char* name;
  Task task;
  const char* doc;
};
constexpr TaskName kTasks[] = {
    {"format", Task::kFormat, "make the disk of a new replica of a new cluster, once"},
    {"recover", Task::kRecover, "make the disk of a replica that lost it; the others give it everything"},
    {"run", Task::kRun, "run the replica and serve clients"},
    {"status", Task::kStatus, "ask a running replica what it is doing"},
    {"check-config", Task::kCheckConfig, "say whether the configuration is good"},
};

std::string general_help() {
  std::string text =
      "paxos-kv: a replicated key-value server that speaks memcached's protocol\n"
      "usage: paxos-kv COMMAND [OPTIONS]\n\n";
  for (const TaskName& each : kTasks) {
    std::string name = each.name;
    name.resize(14, ' ');
    text += "  " + name + each.doc + "\n";
  }
  return text + "\nEach takes --help. Options can stand in a TOML file under the same names (--config).\n";
}

void set_defaults(Config& config) {
  config.replica.data_directory = "/var/lib/paxos-kv";
  config.server.listen = *parse_endpoint("127.0.0.1:11211");
  config.metrics = *parse_endpoint(kMetricsDefault);
}

std::string drawn_cluster_id() {
  std::random_device dice;
  return format_cluster_id(std::uint64_t{dice()} << 32 | dice() | 1);
}

Result<void> check_whole(const Config& config) {
  if (config.replica.cluster_id == 0)
    return Error{EINVAL,
                 "no cluster-id: give each replica of the cluster the same; here is one just drawn: " +
                     drawn_cluster_id()};
  if (config.replica.replicas.empty())
    return Error{EINVAL, "no replica: give the addresses of all replicas, such as --replica 10.0.0.1:7400"};
  if (!config.index_is_given)
    return Error{EINVAL, "no index: say which of the replicas this is; the first is 0"};
  std::string all;
  for (const std::string& each : config.replica.validate()) all += (all.empty() ? "" : "; ") + each;
  if (all.empty())
    for (const std::string& each : config.client.validate()) all += (all.empty() ? "" : "; ") + each;
  if (!all.empty()) return Error{EINVAL, all};
  return {};
}

// What the client and the server share with the replica.
void complete(Config& config) {
  config.replica.request_bytes_max = kMessageBytesMax;
  config.client.request_bytes_max = kMessageBytesMax;
  config.client.cluster_id = config.replica.cluster_id;
  config.client.replicas = config.replica.replicas;
  // Each connection has one call under way.
  config.client.calls_waiting_max =
      static_cast<std::uint32_t>(std::max<std::size_t>(config.server.connections_max, 1));
  if (config.reads_are_stale || config.reads_are_local)
    config.client.read_replica = config.replica.replica_index;
  config.server.expiry = config.reads_are_stale ? Expiry::kJudge : Expiry::kReport;
}

// The options and flags of one command.
struct Parser {
  CLI::App app;
  OptionTable table;
  std::string file, asked;
  bool json = false;

  Parser(const TaskName& task, Config& config)
      : app(task.doc, std::string("paxos-kv ") + task.name), table(all_options(config)) {
    table.add_to(app);
    app.add_option("--config", file, "configuration file")->type_name("PATH")->default_str(kDefaultFile);
    if (task.task == Task::kStatus) {
      app.add_option("--server", asked, "whom to ask, if not at --listen")->type_name("ADDR:PORT");
      app.add_flag("--json", json, "print JSON");
    }
    app.allow_extras();
  }

  Result<void> reject_extras() const {
    for (const std::string& word : app.remaining()) {
      if (word.size() < 3 || word.compare(0, 2, "--") != 0)
        return Error{EINVAL, "'" + word + "' was not expected; options begin with --"};
      const std::string name = word.substr(2, word.find('=') - 2);
      return Error{EINVAL, "unknown option --" + name +
                               table.suggestion(name, "--", {"config", "help", "server", "json"})};
    }
    return {};
  }
};

Result<void> interpret(const Parser& parser, CommandLine& line) {
  struct stat status = {};
  if (!parser.file.empty()) {
    line.config_file = parser.file;
  } else if (::stat(kDefaultFile, &status) == 0) {
    line.config_file = kDefaultFile;
  }
  if (Result<void> applied = parser.table.apply(line.config_file); !applied) return applied;
  complete(line.config);
  if (line.task != Task::kStatus) return check_whole(line.config);
  line.config.json = parser.json;
  line.config.asked = line.config.server.listen;
  if (parser.asked.empty()) return {};
  if (Result<void> set = set_endpoint(line.config.asked)(parser.asked); !set)
    return within("--server", set.error());
  return {};
}

}  // namespace

std::string format_cluster_id(std::uint64_t cluster_id) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(cluster_id));
  return text;
}

Result<CommandLine> parse_command_line(int argc, const char* const* argv) {
  const std::string word = argc > 1 ? argv[1] : "--help";
  if (word == "--help" || word == "-h" || word == "help")
    return CommandLine{Task::kSaid, {}, {}, general_help()};
  if (word == "--version") return CommandLine{Task::kSaid, {}, {}, "paxos-kv " BMC_VERSION "\n"};
  std::vector<std::string> names;
  for (const TaskName& each : kTasks) names.emplace_back(each.name);
  const auto known = std::find(names.begin(), names.end(), word);
  if (known == names.end()) {
    const std::string near = nearest(word, names);
    return Error{EINVAL,
                 "unknown command '" + word + "'" +
                     (near.empty() ? "; paxos-kv --help lists them" : "; did you mean " + near + "?")};
  }
  const TaskName& task = kTasks[known - names.begin()];
  CommandLine line;
  line.task = task.task;
  set_defaults(line.config);
  Parser parser(task, line.config);
  try {
    parser.app.parse(argc - 1, argv + 1);
  } catch (const CLI::CallForHelp&) {
    return CommandLine{Task::kSaid, {}, {}, parser.app.help()};
  } catch (const CLI::ParseError& error) {
    return Error{EINVAL, error.what()};
  }
  if (Result<void> good = parser.reject_extras(); !good) return good.error();
  if (Result<void> good = interpret(parser, line); !good) return good.error();
  return line;
}

}  // namespace bmc::kv
