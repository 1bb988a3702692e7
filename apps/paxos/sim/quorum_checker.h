// SPDX-License-Identifier: Apache-2.0
// Invariants "a commit has a quorum" (of distinct replicas, in the lives that the leader last heard of, at
// the level the cluster's durability asks for), "a view is entered with a quorum" and "a leader that serves
// hears a quorum". It counts for itself what reached each replica.
#ifndef BMC_PAXOS_SIM_QUORUM_CHECKER_H
#define BMC_PAXOS_SIM_QUORUM_CHECKER_H

#include <array>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class QuorumChecker {
 public:
  QuorumChecker(Verdict& verdict, const CoreOptions& options) : verdict_(verdict), options_(options) {}

  // A new life of `replica` begins.
  void on_start(ReplicaIndex replica, Micros now);
  // `message` of another replica reaches the core of `to` now.
  void on_delivered(ReplicaIndex to, Micros now, const Message& message);
  // `from` sends `message` to other replicas.
  void on_sent(ReplicaIndex from, const Message& message);

  // `committed`: the highest op that any replica took for committed before. `durable`: the replica's own log,
  // as far as it is safe on its disk.
  void observe(const Observation& seen, Op committed, Op durable);
  // The same, right after on_tick(): all that depends on time must be up to date.
  void observe_tick(const Observation& seen);

 private:
  // What reached one replica from one other, in this life of the first.
  struct Peer {
    std::uint32_t incarnation = 0;  // highest heard of
    std::uint32_t ack_incarnation = 0;
    View ack_view = 0;
    Op ack_op = 0;
    View wish = 0;  // a replica in view v wishes at least v
    View heard_view = 0;
    Micros heard_at = 0;  // last message of heard_view
  };
  struct Side {
    std::array<Peer, PAXOS_REPLICAS_MAX> peers{};
    View view = 0;  // its own
    View own_wish = 0;
    View highest_view = 0;  // of any message that came
    bool leader_heard = false;
    Micros leader_heard_at = 0;  // or the entry into the view
    Micros leads_since = 0;
  };

  void check_commit(const Observation& seen, Op committed, Op durable);
  void check_view(const Observation& seen);

  Verdict& verdict_;
  CoreOptions options_;
  std::array<Side, PAXOS_REPLICAS_MAX> sides_{};
};

}  // namespace bmc::paxos::sim

#endif
