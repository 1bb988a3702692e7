// SPDX-License-Identifier: Apache-2.0
// A cluster of paxos-echo processes on a bridge, and what they use: processor time and packets, by role. Used
// by the measurement.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_ECHO_CLUSTER_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_ECHO_CLUSTER_H

#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/process.h"
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

struct EchoOptions {
  std::size_t replicas = 3;
  std::string durability = "memory";
  bool batching = true;
  std::uint32_t busy_poll_us = 0;  // of replicas and clients
  std::string data_parent = "/tmp";
};

// What was used up to a moment.
struct Usage {
  std::vector<double> replica_cpu_seconds;
  std::vector<std::uint64_t> packets_sent;  // by the replicas, then the clients
};

class EchoCluster {
 public:
  // Starts it; throws lab::LabError.
  explicit EchoCluster(const EchoOptions& options);

  const cluster::Mesh& mesh() const { return mesh_; }
  std::vector<std::string> addresses() const;
  Usage usage() const;

  // Ends all; what each told at its end, as JSON.
  std::vector<std::string> stop();

 private:
  EchoOptions options_;
  cluster::Mesh mesh_;
  TemporaryDirectory data_;
  std::vector<std::unique_ptr<lab::Process>> processes_;
};

}  // namespace bmc::bench

#endif
