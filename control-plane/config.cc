// SPDX-License-Identifier: Apache-2.0
// The options of bmcd, one table for the command line and the file; see config.h.
#include "control-plane/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "control-plane/option_table.h"
#include "control-plane/option_values.h"
#include "control-plane/parse.h"

namespace bmc {
namespace {

constexpr const char* kDefaultFile = "/etc/bmcd/bmcd.toml";

Result<void> add_iface(Config& config, const std::string& value) {
  // The kernel's own rules: dev_valid_name().
  const bool good = !value.empty() && value.size() < 16 && value != "." && value != ".." &&
                    std::none_of(value.begin(), value.end(),
                                 [](unsigned char c) { return c == '/' || c == ':' || c <= ' '; });
  if (!good) return Error{EINVAL, "'" + value + "' is no interface name; `ip link` lists them"};
  if (std::find(config.ifaces.begin(), config.ifaces.end(), value) != config.ifaces.end())
    return Error{EINVAL, "interface " + value + " is given twice"};
  config.ifaces.push_back(value);
  return {};
}

Option::Set set_duration_or_off(std::optional<std::chrono::nanoseconds>& target) {
  return [&target](const std::string& value) -> Result<void> {
    target.reset();
    if (value == "off") return {};
    const auto parsed = parse_duration(value);
    if (!parsed) return parsed.error();
    if (parsed->count() == 0) return Error{EINVAL, "0 would act at once; write off, or a duration like 30s"};
    target = *parsed;
    return {};
  };
}

// Each value is one more; the first one replaces the default, which is all.
Option::Set add_offload(std::set<PaxosOffload>& target) {
  return [&target, any = false](const std::string& value) mutable -> Result<void> {
    const std::pair<const char*, PaxosOffload> names[] = {{"ack", PaxosOffload::kAck},
                                                          {"quorum", PaxosOffload::kQuorum},
                                                          {"broadcast", PaxosOffload::kBroadcast}};
    if (!std::exchange(any, true)) target.clear();
    if (value == "none") return {};
    for (const auto& [name, offload] : names)
      if (value == name) return target.insert(offload), Result<void>();
    return Error{EINVAL, "'" + value + "' is none of: ack, quorum, broadcast, none"};
  };
}

// sun_path holds 108 bytes with its terminating zero.
constexpr std::size_t kSocketPathMax = 107;

std::vector<Option> all_options(Config& c) {
  return {
      {"iface", "NAME", "network interface to accelerate", "", true,
       [&c](const std::string& v) { return add_iface(c, v); }},
      {"server", "ADDR:PORT", "server to accelerate; without any they are found on the host", "", true,
       append_parsed(c.servers, parse_endpoint)},
      {"xdp-mode", "auto|native|generic", "where XDP runs: in the driver, or in the stack's generic hook",
       "auto", false,
       set_choice(c.xdp_mode,
                  {{"auto", XdpMode::kAuto}, {"native", XdpMode::kNative}, {"generic", XdpMode::kGeneric}})},
      {"mode", "serve|shadow|bypass", "answer, only compare, or do nothing", "serve", false,
       set_choice(
           c.mode,
           {{"serve", ServeMode::kServe}, {"shadow", ServeMode::kShadow}, {"bypass", ServeMode::kBypass}})},
      {"memory", "SIZE", "upper limit of the memory that holds cached items", "256MiB", false,
       set_parsed(c.memory_bytes, parse_size)},
      metrics_option(c.metrics),
      {"control", "PATH", "unix socket for bmcctl", "/run/bmcd/control.sock", false,
       set_path(c.control, kSocketPathMax)},
      {"pin", "PATH", "directory in bpffs through which programs and cache outlive bmcd", "/sys/fs/bpf/bmcd",
       false, set_path(c.pin)},
      {"max-staleness", "DURATION", "longest that an item is served after it was read; 0: no cap", "1s",
       false, set_duration(c.max_staleness)},
      {"revalidate-after", "DURATION", "how often a hot item is shown to the server all the same; 0: never",
       "60s", false, set_duration(c.revalidate_after)},
      {"stage-writes", "true|false",
       "keep the value of a write of a cached item, and serve it once it is stored", "true", false,
       set_choice(c.stage_writes, {{"true", true}, {"false", false}})},
      {"rest-after", "DURATION",
       "how long next to nothing must have been answered before the server is watched no more; 0: never",
       "60s", false, set_duration(c.rest_after)},
      {"allow", "PREFIX", "clients that may be answered from the kernel; without any: all", "", true,
       append_parsed(c.allow, parse_prefix)},
      {"rate-limit", "PPS", "replies a second to one source from the kernel; 0: no limit", "0", false,
       set_number(c.rate_limit_pps)},
      {"reset-stuck-connections", "DURATION|off",
       "close a TCP connection whose position stays unknown for so long", "off", false,
       set_duration_or_off(c.reset_stuck_connections)},
      {"cache", "true|false", "whether memcached is accelerated", "true", false,
       set_choice(c.cache, {{"true", true}, {"false", false}})},
      {"paxos-allow", "uid=N,ports=A-B",
       "whose replicas of Paxos groups get the kernel's help, at which ports", "", true,
       append_parsed(c.paxos_allow, parse_port_grant)},
      {"paxos-socket", "PATH", "unix socket for those replicas", c.paxos_socket, false,
       set_path(c.paxos_socket, kSocketPathMax)},
      {"paxos-offload", "ack|quorum|broadcast|none", "what is switched on at the start; without any: all", "",
       true, add_offload(c.paxos_offloads)},
      log_level_option(c.log_level),
  };
}

// The options and flags; the values go into `config`, which must outlive it.
struct Parser {
  CLI::App app{
      "bmcd answers requests before the network stack.\n"
      "Every option but --config can stand in the file under the same name (TOML).",
      "bmcd"};
  OptionTable table;
  bool check = false, detach = false, version = false;

  explicit Parser(Config& config) : table(all_options(config), kDefaultFile) {
    table.add_to(app);
    app.add_flag("--check-config", check, "say whether the configuration is good, and leave");
    app.add_flag("--detach", detach, "remove from the kernel what an earlier bmcd left there, and leave");
    app.add_flag("--version", version, "print the version, and leave");
  }
};

}  // namespace

Result<CommandLine> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  line.config.metrics = *parse_endpoint("127.0.0.1:9801");
  Parser parser(line.config);
  auto help = parser.table.parse(parser.app, argc, argv);
  if (!help) return std::move(help).error();
  if (!help->empty()) return CommandLine{Command::kSaid, {}, {}, *std::move(help)};
  if (parser.version) return CommandLine{Command::kSaid, {}, {}, "bmcd " BMC_VERSION "\n"};
  line.command = parser.check ? Command::kCheckConfig : parser.detach ? Command::kDetach : Command::kRun;
  auto file = parser.table.apply();
  if (!file) return std::move(file).error();
  line.config_file = *std::move(file);
  if (line.config.ifaces.empty() && line.command != Command::kDetach)
    return Error{EINVAL, "no interface given: use --iface NAME, or iface = \"NAME\" in the file"};
  if (!line.config.cache && line.config.paxos_allow.empty() && line.command != Command::kDetach)
    return Error{EINVAL,
                 "nothing is to be done: cache = false, and no paxos-allow says whose replicas to help"};
  return line;
}

const char* to_string(XdpMode mode) {
  switch (mode) {
    case XdpMode::kAuto:
      return "auto";
    case XdpMode::kNative:
      return "native";
    case XdpMode::kGeneric:
      return "generic";
  }
  std::abort();
}

const char* to_string(ServeMode mode) {
  switch (mode) {
    case ServeMode::kServe:
      return "serve";
    case ServeMode::kShadow:
      return "shadow";
    case ServeMode::kBypass:
      return "bypass";
  }
  std::abort();
}

}  // namespace bmc
