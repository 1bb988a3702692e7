// SPDX-License-Identifier: Apache-2.0
// A cluster of paxos-kv processes, each with a namespace and a disk of its own. Used by the nemesis and the
// demo.
#ifndef BMC_NETNS_TESTS_PAXOS_CLUSTER_KV_CLUSTER_H
#define BMC_NETNS_TESTS_PAXOS_CLUSTER_KV_CLUSTER_H

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/lib/bmcd.h"
#include "netns-tests/paxos/cluster/mesh.h"
#include "netns-tests/paxos/cluster/replica_process.h"

namespace bmc::cluster {

enum class Store : std::uint8_t {
  kPaxosKv,
  kUnreplicated,  // a memcached on every replica that knows nothing of the others: no linearizable store
};

struct ClusterOptions {
  std::size_t replicas = 5;
  std::string durability = "wal";  // or "memory"
  std::string reads_at = "here";   // or "leader": who answers reads; both are linearizable
  Store store = Store::kPaxosKv;
  std::optional<std::uint64_t> fault_seed{};  // none: no faults but of processes
  std::uint64_t disk_megabytes = 96;          // of a tmpfs each; 0: a directory on the real disk
  // "on": a bmcd beside every replica, which lends it all its kernel programs; "mixed": beside some, and some
  // of them. The replicas then have no privilege.
  std::string offloads = "off";
  std::string further = {};  // lines of the replicas' configuration
};

// What a replica says of itself.
struct ReplicaReport {
  std::string role;  // as the library's name_of(): "leader", "backup", …
  std::uint64_t view = 0;
  std::size_t leader = 0;
  std::uint64_t commit = 0;
  std::uint64_t applied = 0;
  std::string kernel =
      {};  // what the kernel does for it: "ack,quorum,broadcast", "none"; "off": it does not ask
};

class KvCluster {
 public:
  // Formats and starts all; returns when there is a leader that serves. Throws lab::LabError.
  explicit KvCluster(const ClusterOptions& options);
  KvCluster(const KvCluster&) = delete;
  KvCluster& operator=(const KvCluster&) = delete;

  const ClusterOptions& options() const { return options_; }
  const Mesh& mesh() const { return mesh_; }
  Mesh& mesh() { return mesh_; }
  std::size_t size() const { return replicas_.size(); }
  ReplicaProcess& replica(std::size_t index) { return *replicas_.at(index); }
  // The bmcd beside a replica; null: it has none.
  lab::Bmcd* bmcd(std::size_t replica) { return bmcds_.at(replica).get(); }
  // What replica `index` asks bmcd for, as paxos-kv's kernel-offloads; empty: nothing.
  std::string wanted_offloads(std::size_t replica) const;
  // Waits until every replica has what it wants.
  bool wait_helped(lab::Deadline deadline) const;
  // Of `stats paxos`, such as "paxos_kernel_entries"; nothing when it does not answer.
  std::optional<std::uint64_t> statistic(std::size_t replica, const std::string& name) const;
  // Where clients reach a replica.
  lab::Endpoint client_endpoint(std::size_t replica) const;

  // Nothing when it does not answer.
  std::optional<ReplicaReport> report(std::size_t replica) const;
  // The leader that serves in the highest view, if one says so now.
  std::optional<std::size_t> leader() const;

  // Waits until every replica follows one leader, in one view, and has applied all that is committed: up to
  // this op. Without load. Nothing: that did not come. An operation whose client has given up may still be
  // under way and move the cluster on.
  std::optional<std::uint64_t> wait_settled(lab::Deadline deadline) const;
  // As above without the last condition, which does not hold for long under load.
  bool wait_following(lab::Deadline deadline) const;
  // Once settled: what is not the same in the replicas' states, as far as each can be asked: the number of
  // items, their bytes, and each key's value and cas unique (a replica's own only with reads_at "here").
  // Empty: they are equal.
  std::string difference_of_states(const std::vector<std::string>& keys) const;
  // What each replica says of itself, a line each.
  std::string describe() const;

 private:
  // What `stats` tells; empty when there is no answer.
  using Statistics = std::map<std::string, std::string>;

  void format(std::size_t replica);
  std::vector<std::string> as_user(std::vector<std::string> command) const;
  std::vector<std::string> command_line(std::size_t replica) const;
  std::string kernel_lines(std::size_t replica) const;
  Statistics statistics(std::size_t replica, const std::string& section) const;
  std::string configuration_path(std::size_t replica) const;
  std::string socket_path(std::size_t replica) const;
  void start_bmcd(std::size_t replica);
  std::optional<std::vector<ReplicaReport>> all_following() const;

  ClusterOptions options_;
  Mesh mesh_;
  std::vector<std::unique_ptr<ReplicaProcess>> replicas_;
  std::vector<std::unique_ptr<lab::Bmcd>> bmcds_;  // by replica
};

}  // namespace bmc::cluster

#endif
