// SPDX-License-Identifier: Apache-2.0
// Lets faults happen: which, when, to whom and for how long. It never takes more than the protocol promises
// to survive: at most f replicas are without what they acknowledged at a time.
#ifndef BMC_PAXOS_SIM_NEMESIS_H
#define BMC_PAXOS_SIM_NEMESIS_H

#include <functional>
#include <memory>
#include <vector>

#include "apps/paxos/sim/node.h"
#include "apps/paxos/sim/world.h"

namespace bmc::paxos::sim {

class Nemesis {
 public:
  Nemesis(World& world, std::vector<std::unique_ptr<Node>>& nodes, Random random);

  void start();
  // No more faults, and a majority is made well for good; the others stay dead or cut off. Returns who is
  // well.
  ReplicaSet heal();

 private:
  ReplicaIndex replicas() const { return world_.profile.core.replica_count; }
  ReplicaIndex victim();
  bool may_forget(ReplicaIndex replica) const;
  // `action` unless heal() has come before.
  void later(Micros delay, std::function<void()> action);
  Micros length() { return random_.exponential(world_.profile.fault_length_us); }

  void act();
  void carry_out(Fault fault);
  void partition();
  void one_way();
  void filter();
  void end(ReplicaIndex replica, End how, Micros down);
  void restart(ReplicaIndex replica);
  void storm(ReplicaIndex replica, std::uint64_t times);
  void pause(ReplicaIndex replica);
  void damage(ReplicaIndex replica, bool all);
  void slow(ReplicaIndex replica);
  void let_sync_fail(ReplicaIndex replica);
  void cut_off(ReplicaIndex replica, ReplicaSet well);

  World& world_;
  std::vector<std::unique_ptr<Node>>& nodes_;
  Random random_;
  std::vector<Fault> kinds_;  // of those that come and go
  std::uint64_t healed_ = 0;
};

}  // namespace bmc::paxos::sim

#endif
