// SPDX-License-Identifier: Apache-2.0
// Cluster: real paxos-kv processes on the loopback interface with their disks in a temporary directory.
#ifndef BMC_KV_TESTS_CLUSTER_H
#define BMC_KV_TESTS_CLUSTER_H

#include <filesystem>
#include <string>
#include <vector>

#include "control-plane/tests/eventually.h"
#include "control-plane/tests/loopback.h"
#include "control-plane/tests/process.h"

namespace bmc::kv::test {

using namespace bmc::test;

class Cluster {
 public:
  // Formats the replicas' disks and starts none. `options` go to each.
  explicit Cluster(std::size_t replicas, std::vector<std::string> options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::size_t size() const { return ports_.size(); }
  // Of memcached's protocol.
  std::uint16_t port(std::size_t index) const { return ports_[index]; }
  std::uint16_t metrics_port(std::size_t index) const { return metrics_ports_[index]; }
  std::string data_directory(std::size_t index) const;

  void start(std::size_t index);
  void start_all();
  Process& process(std::size_t index) { return processes_[index]; }

  // Runs `paxos-kv TASK` with a replica's options and `further`, which replace them where they are the same.
  Finished run_task(const std::string& task, std::size_t index, std::vector<std::string> further = {});

  // Value of "paxos_NAME" in `stats paxos`, or nothing if the replica does not answer.
  std::string paxos_stat(std::size_t index, const std::string& name) const;
  // The index of a replica that leads and serves; waits for one.
  std::size_t leader() const;

  // Sends a request until it is answered so, through a connection of its own each time.
  bool answers(std::size_t index, const std::string& request, const std::string& answer) const;

 private:
  std::vector<std::string> arguments(const std::string& task, std::size_t index) const;

  std::filesystem::path directory_;
  std::vector<std::uint16_t> replica_ports_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::uint16_t> metrics_ports_;
  std::vector<std::string> options_;
  std::vector<Process> processes_;
};

}  // namespace bmc::kv::test

#endif
