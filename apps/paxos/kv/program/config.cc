// SPDX-License-Identifier: Apache-2.0
// The options of paxos-kv; see config.h.
#include "apps/paxos/kv/program/config.h"

#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <random>

#include "apps/paxos/kv/machine/limits.h"
#include "control-plane/option_table.h"
#include "control-plane/option_values.h"
#include "control-plane/parse.h"

namespace bmc::kv {
namespace {

constexpr const char* kDefaultFile = "/etc/paxos-kv/paxos-kv.toml";

// Kept as text for the library, which takes texts.
Result<std::string> checked_endpoint(std::string_view value) {
  const auto parsed = parse_endpoint(value);
  if (!parsed) return parsed.error();
  return to_string(*parsed);
}

// In units of `unit_ns`; what is finer is an error.
Option::Set set_duration(std::uint32_t& target, std::int64_t unit_ns) {
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

Result<std::uint64_t> parse_cluster_id(std::string_view value) {
  const bool hex = value.starts_with("0x");
  const char* begin = value.data() + (hex ? 2 : 0);
  const char* end = value.data() + value.size();
  std::uint64_t id = 0;
  const auto [parsed_to, failed] = std::from_chars(begin, end, id, hex ? 16 : 10);
  if (failed != std::errc() || parsed_to != end || id == 0)
    return Error{EINVAL, "'" + std::string(value) +
                             "' is no number of 64 bits other than 0, such as 0x1f2e3d4c5b6a7988"};
  return id;
}

// Who takes part, and as whom.
std::vector<Option> cluster_options(Config& c) {
  using Durability = paxos::Options::Durability;
  paxos::Options& replica = c.replica;
  return {
      {"cluster-id", "NUMBER", "the cluster's number, the same for each of its replicas", "", false,
       set_parsed(replica.cluster_id, parse_cluster_id)},
      {"replica", "ADDR:PORT",
       "address of a replica, for each of the 1, 3, 5, 7 or 9, in the same order "
       "everywhere",
       "", true, append_parsed(replica.replicas, checked_endpoint)},
      {"index", "NUMBER", "which of them this is; the first is 0", "", false,
       [&c](const std::string& v) -> Result<void> {
         c.index_is_given = true;
         return set_number(c.replica.replica_index)(v);
       }},
      {"replica-listen", "ADDR:PORT", "where this replica listens for the others, if not at its own address",
       "", false, set_parsed(replica.listen, checked_endpoint)},
      {"data-dir", "PATH", "directory of this replica's log and checkpoints", "/var/lib/paxos-kv", false,
       set_path(replica.data_directory)},
      {"durability", "wal|memory",
       "acknowledge when a majority has written and synced, or when a majority has it in memory", "wal",
       false, set_choice(replica.durability, {{"wal", Durability::wal}, {"memory", Durability::memory}})},
  };
}

// "all", or names with commas.
Option::Set set_offloads(paxos::KernelOffloads& target) {
  return [&target](const std::string& value) -> Result<void> {
    target.acknowledge = target.quorum = target.broadcast = value == "all";
    if (value == "all") return {};
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(',', at), value.size());
      const std::string name = value.substr(at, end - at);
      at = end + 1;
      if (name == "ack") {
        target.acknowledge = true;
      } else if (name == "quorum") {
        target.quorum = true;
      } else if (name == "broadcast") {
        target.broadcast = true;
      } else {
        return Error{EINVAL, "'" + name + "' is none of: ack, quorum, broadcast; or all"};
      }
    }
    return {};
  };
}

// What of its work the replica leaves to the kernel.
std::vector<Option> kernel_options(Config& c) {
  return {
      {"kernel-socket", "PATH",
       "where bmcd is asked for the help of its kernel programs: /run/bmcd/paxos.sock; without it nobody is",
       "", false, set_path(c.replica.kernel.socket, sizeof(sockaddr_un::sun_path) - 1)},
      {"kernel-offloads", "NAMES",
       "which help is wanted: ack, quorum, broadcast, with commas between, or all", "all", false,
       set_offloads(c.kernel_offloads)},
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
       set_choice(c.reads_are_stale, {{"linearizable", false}, {"stale", true}})},
      {"reads-at", "leader|here",
       "who answers linearizable gets: the leader, or this replica after it asked the leader how far to be",
       "leader", false, set_choice(c.reads_are_local, {{"leader", false}, {"here", true}})},
      {"deadline", "DURATION", "a command that the cluster has not answered by then fails", "5s", false,
       set_duration(c.client.deadline_ms, 1'000'000)},
  };
}

std::vector<Option> further_options(Config& c) {
  paxos::Options& replica = c.replica;
  return {
      {"batch-requests", "NUMBER", "requests in one entry of the log; 1: no batching", "64", false,
       set_number(replica.batch_requests_max)},
      {"batch-delay", "DURATION", "how long a batch waits to be filled while another is in flight", "1ms",
       false, set_duration(replica.batch_delay_us, 1'000)},
      {"busy-poll", "DURATION",
       "look for datagrams without sleeping for so long after one; costs processor time", "0us", false,
       set_duration(replica.busy_poll_us, 1'000)},
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
      metrics_option(c.metrics),
      log_level_option(c.log_level),
  };
}

std::vector<Option> all_options(Config& config) {
  std::vector<Option> all = cluster_options(config);
  for (Option& each : kernel_options(config)) all.push_back(std::move(each));
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
  config.metrics = *parse_endpoint("127.0.0.1:9802");
  config.kernel_offloads = {.socket = {}, .acknowledge = true, .quorum = true, .broadcast = true};
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
  if (!config.replica.kernel.socket.empty()) {
    config.kernel_offloads.socket = config.replica.kernel.socket;
    config.replica.kernel = config.kernel_offloads;
  }
  config.replica.request_bytes_max = kMessageBytesMax;
  config.client.request_bytes_max = kMessageBytesMax;
  config.client.cluster_id = config.replica.cluster_id;
  config.client.replicas = config.replica.replicas;
  config.client.busy_poll_us = config.replica.busy_poll_us;
  // Each connection has one call under way.
  config.client.calls_waiting_max =
      static_cast<std::uint32_t>(std::max<std::size_t>(config.server.connections_max, 1));
  if (config.reads_are_stale || config.reads_are_local)
    config.client.read_replica = config.replica.replica_index;
  config.server.expiry = config.reads_are_stale ? Expiry::kJudge : Expiry::kReport;
}

// The options and flags of one command; the values go into `config`, which must outlive it.
struct Parser {
  CLI::App app;
  OptionTable table;
  std::string asked;
  bool json = false;

  Parser(const TaskName& task, Config& config)
      : app(task.doc, std::string("paxos-kv ") + task.name), table(all_options(config), kDefaultFile) {
    table.add_to(app);
    if (task.task != Task::kStatus) return;
    app.add_option("--server", asked, "whom to ask, if not at --listen")->type_name("ADDR:PORT");
    app.add_flag("--json", json, "print JSON");
  }
};

Result<void> interpret(const Parser& parser, CommandLine& line) {
  auto file = parser.table.apply();
  if (!file) return std::move(file).error();
  line.config_file = *std::move(file);
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
  auto help = parser.table.parse(parser.app, argc - 1, argv + 1);
  if (!help) return std::move(help).error();
  if (!help->empty()) return CommandLine{Task::kSaid, {}, {}, *std::move(help)};
  if (Result<void> good = interpret(parser, line); !good) return good.error();
  return line;
}

}  // namespace bmc::kv
