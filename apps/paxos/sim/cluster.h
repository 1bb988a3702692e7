// SPDX-License-Identifier: Apache-2.0
// One run of the simulator: a cluster, its clients and the nemesis, from a seed to a verdict.
#ifndef BMC_PAXOS_SIM_CLUSTER_H
#define BMC_PAXOS_SIM_CLUSTER_H

#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/sim/client.h"
#include "apps/paxos/sim/nemesis.h"
#include "apps/paxos/sim/node.h"
#include "apps/paxos/sim/world.h"

namespace bmc::paxos::sim {

struct RunResult {
  // Empty: nothing was violated.
  std::string invariant;
  std::string what;

  // What happened, so that a run in which nothing happens is seen.
  std::uint64_t packets = 0;
  std::uint64_t committed = 0;  // ops
  std::uint64_t applied = 0;    // operations of the state machine
  std::uint64_t answered = 0;   // requests
  std::uint64_t stale_answers = 0;
  FaultCounts faults;
  Micros simulated_us = 0;
  std::uint64_t trace_hash = 0;

  bool failed() const { return !invariant.empty(); }
};

class Cluster {
 public:
  explicit Cluster(const SimOptions& options);

  // Once.
  RunResult run();

 private:
  void deliver(const Packet& packet);
  void run_until(Micros end);
  // Until `done`, or the verdict of liveness.
  template <typename Done>
  void run_until_done(const char* what, Done done);
  bool clients_are_idle() const;
  bool replicas_agree() const;
  void check_stability();
  void ask_for_everything();
  std::string situation() const;

  Random random_;
  World world_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Client>> clients_;
  Nemesis nemesis_;
  ReplicaSet well_ = 0;
};

}  // namespace bmc::paxos::sim

#endif
