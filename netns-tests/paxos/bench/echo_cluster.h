// SPDX-License-Identifier: Apache-2.0
// A cluster of paxos-echo processes on a network of their own, with a bmcd beside each where the kernel is to
// help, and what they use. Used by the measurement.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_ECHO_CLUSTER_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_ECHO_CLUSTER_H

#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/paxos/bench/accounts.h"
#include "netns-tests/paxos/cluster/mesh.h"

namespace bmc::bench {

// A directory of its own under `parent`, gone with the object.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& parent);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What the kernel does for the replicas. All stand on the same network: NAPI on their devices, and a switch
// in XDP, because what a network of machines would do costs these replicas their processors.
struct Side {
  const char* name;
  bool acknowledges, counts, broadcasts;
};
inline constexpr Side kSides[] = {{"off", false, false, false},
                                  {"broadcast", false, false, true},
                                  {"ack", true, false, false},
                                  {"quorum", false, true, false},
                                  {"all", true, true, true}};

struct EchoOptions {
  std::size_t replicas = 3;
  std::string durability = "memory";
  bool batching = true;
  std::uint32_t busy_poll_us = 0;  // of replicas and clients
  std::string data_parent = "/tmp";
  const Side* side = nullptr;  // null: the library alone, on a bridge without programs

  bool wants_bmcd() const {
    return side != nullptr && (side->acknowledges || side->counts || side->broadcasts);
  }
};

// What one replica used up to a moment.
struct ReplicaUsage {
  double cpu_seconds = 0;  // of its process, and of the network's work that fell into its time
  std::uint64_t packets_sent = 0;
  std::uint64_t wakeups = 0;  // of its threads
  // With accounts:
  double process_seconds = 0;  // of its process alone
  double device_seconds =
      0;  // of its interface's NAPI: reception by its kernel, XDP programs and their answers
  std::uint64_t system_calls = 0;
};

struct Usage {
  std::vector<ReplicaUsage> replicas;
  std::uint64_t client_packets_sent = 0;
};

class EchoCluster {
 public:
  // Starts it; throws lab::LabError.
  explicit EchoCluster(const EchoOptions& options);

  const cluster::Mesh& mesh() const { return mesh_; }
  std::vector<std::string> addresses() const;
  // `accounts`: null, or what fills in the rest.
  Usage usage(const Accounts* accounts) const;

  // Ends all; what each told at its end, as JSON.
  std::vector<std::string> stop();

 private:
  std::string socket_path(std::size_t replica) const {
    return data_.path() + "/bmcd" + std::to_string(replica);
  }
  void start_bmcds();
  std::vector<std::string> command_line(std::size_t replica) const;

  EchoOptions options_;
  cluster::Mesh mesh_;
  TemporaryDirectory data_;
  std::vector<std::unique_ptr<lab::Bmcd>> bmcds_;
  std::vector<std::unique_ptr<lab::Process>> processes_;
};

}  // namespace bmc::bench

#endif
