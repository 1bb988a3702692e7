// SPDX-License-Identifier: Apache-2.0
// Clients that write a history: each a thread with one operation at a time, on a few keys that change before
// their histories grow long. Started anew for every round of the nemesis.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_WORKLOAD_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_WORKLOAD_H

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "netns-tests/lib/random.h"
#include "netns-tests/paxos/cluster/kv_cluster.h"
#include "netns-tests/paxos/nemesis/kv_connection.h"

namespace bmc::nemesis {

struct WorkloadOptions {
  std::string key_prefix;
  std::size_t clients = 8;
  std::uint64_t seed = 1;
  std::int64_t operations_per_second = 150;  // of each client, at most
  std::int64_t timeout_ms = 1000;            // then the outcome is unknown
};

class Workload {
 public:
  // Starts the clients. `cluster` must outlive it.
  Workload(const cluster::KvCluster& cluster, const WorkloadOptions& options);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // Ends and joins them. Call once, before history().
  void stop();
  linearizability::History history() const;
  std::vector<std::string> keys() const;

  // Operations with an answer so far.
  std::uint64_t answered() const { return answered_; }
  // The longest time in which no client got an answer to a write.
  std::int64_t longest_silence_ns() const { return longest_silence_ns_; }

 private:
  // A few keys are in use at a time. A key is left when it has had its share of operations.
  static constexpr std::size_t kRegisters = 6;
  static constexpr std::size_t kLists = 2;
  static constexpr std::uint64_t kOperationsPerKey = 120;

  struct Client {
    std::uint32_t number;
    lab::Random random;
    linearizability::History history;
    std::uint64_t values = 0;
    std::optional<KvConnection> connection;
  };

  void serve(Client& client);
  bool connect(Client& client);
  void operate(Client& client);
  void use_register(Client& client, const std::string& key);
  void compare_and_swap(Client& client, const std::string& key);
  void use_list(Client& client, const std::string& key);
  Operation make(Client& client, Action action, const std::string& key) const;
  void carry_out(Client& client, Operation operation, const std::string& unique = {});
  void record(Client& client, const Operation& operation);
  std::string key_of(std::size_t slot, std::uint64_t use) const;

  const cluster::KvCluster& cluster_;
  const WorkloadOptions options_;
  std::array<std::atomic<std::uint64_t>, kRegisters + kLists> uses_{};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::int64_t> last_write_ns_;
  std::atomic<std::int64_t> longest_silence_ns_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::thread> threads_;
};

}  // namespace bmc::nemesis

#endif
