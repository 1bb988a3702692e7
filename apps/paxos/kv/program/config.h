// SPDX-License-Identifier: Apache-2.0
// What the administrator decided: the command line and the TOML file of paxos-kv, parsed and checked.
#ifndef BMC_KV_PROGRAM_CONFIG_H
#define BMC_KV_PROGRAM_CONFIG_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/include/bmc/paxos/options.h"
#include "apps/paxos/kv/server/server_options.h"
#include "control-plane/endpoint.h"
#include "control-plane/result.h"

namespace bmc::kv {

// Each field is the option of the same name, or what it stands for; docs in config.cc.
struct Config {
  paxos::Options replica;                 // data-dir, cluster-id, replica, index, durability, and the times
  paxos::ClientOptions client;            // deadline, and what it shares with the replica
  paxos::KernelOffloads kernel_offloads;  // which are wanted, should there be a kernel-socket
  bool index_is_given = false;
  bool reads_are_stale = false;
  bool reads_are_local = false;
  ServerOptions server;             // listen, memory, connections, buffer-memory
  std::optional<Endpoint> metrics;  // nothing: no exporter
  std::string log_level = "info";
  Endpoint asked;     // status: whom
  bool json = false;  // status
};

enum class Task : std::uint8_t {
  kFormat,
  kRecover,
  kRun,
  kStatus,
  kCheckConfig,
  kSaid,  // help or version: `text` is to be printed
};

struct CommandLine {
  Task task = Task::kSaid;
  Config config;
  std::string config_file;  // the file that was read; empty: none
  std::string text;
};

// Reads the arguments, then the file (--config, else /etc/paxos-kv/paxos-kv.toml if it is there). What the
// command line says rules over the file, the file over the defaults. All but status need a whole, valid
// configuration.
Result<CommandLine> parse_command_line(int argc, const char* const* argv);

// "0x00c0ffee00c0ffee".
std::string format_cluster_id(std::uint64_t cluster_id);

}  // namespace bmc::kv

#endif
