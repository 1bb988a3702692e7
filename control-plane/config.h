// SPDX-License-Identifier: Apache-2.0
// Config: what the administrator decided, parsed and checked, from the command line and a TOML file.
// Made once by bmcd's main and lent to everything else; nobody changes it afterwards.
#ifndef BMC_CONTROL_PLANE_CONFIG_H
#define BMC_CONTROL_PLANE_CONFIG_H

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control-plane/endpoint.h"
#include "control-plane/port_grant.h"
#include "control-plane/result.h"

namespace bmc {

// Where XDP programs run: kAuto is the driver if it can, else the kernel's generic hook.
enum class XdpMode { kAuto, kNative, kGeneric };

// Help of the kernel's for a replica of a Paxos group.
enum class PaxosOffload { kAck, kQuorum, kBroadcast };

// What an application does with the traffic it could answer.
enum class ServeMode { kServe, kShadow, kBypass };

// Each field is the option of the same name; docs and defaults in config.cc.
struct Config {
  std::vector<std::string> ifaces;  // at least one, none twice
  std::vector<Endpoint> servers;    // empty: the application finds them
  XdpMode xdp_mode = XdpMode::kAuto;
  ServeMode mode = ServeMode::kServe;
  std::uint64_t memory_bytes = 256ull << 20;
  std::optional<Endpoint> metrics;  // nothing: no exporter
  std::string control = "/run/bmcd/control.sock";
  std::string pin = "/sys/fs/bpf/bmcd";
  std::chrono::nanoseconds max_staleness = std::chrono::seconds(1);      // 0: no cap
  std::chrono::nanoseconds revalidate_after = std::chrono::seconds(60);  // 0: never
  bool stage_writes = true;
  std::chrono::nanoseconds rest_after = std::chrono::seconds(60);   // 0: never
  std::vector<Prefix> allow;                                        // empty: every source
  std::uint32_t rate_limit_pps = 0;                                 // per source; 0: no limit
  std::optional<std::chrono::nanoseconds> reset_stuck_connections;  // nothing: never
  bool cache = true;                                                // whether memcached is accelerated
  std::vector<PortGrant> paxos_allow;                               // empty: replicas are not
  std::string paxos_socket = "/run/bmcd/paxos.sock";
  std::set<PaxosOffload> paxos_offloads = {PaxosOffload::kAck, PaxosOffload::kQuorum,
                                           PaxosOffload::kBroadcast};
  std::string log_level = "info";  // a name spdlog knows
};

// What the command line asks bmcd to do.
enum class Command {
  kRun,
  kCheckConfig,  // say whether the configuration is good, and leave
  kDetach,       // remove what an earlier bmcd left in the kernel, and leave
  kSaid,         // --help or --version: `text` is to be printed, and leave with 0
};

struct CommandLine {
  Command command = Command::kRun;
  Config config;            // kRun, kCheckConfig, kDetach
  std::string config_file;  // the file that was read; empty: none
  std::string text;         // kSaid
};

// Reads the arguments, then the file (--config, else /etc/bmcd/bmcd.toml if it is there). What the command
// line says rules over the file, the file over the defaults. The error names the option or key and its place.
Result<CommandLine> parse_command_line(int argc, const char* const* argv);

const char* to_string(XdpMode mode);
const char* to_string(ServeMode mode);

}  // namespace bmc

#endif
