// SPDX-License-Identifier: Apache-2.0
// The process's side of counting acknowledgements (quorum.h): a leader's term, its own acknowledgement, and
// what is committed, counted anew from the cells. Used by a replica's fence.
#ifndef BMC_PAXOS_FASTPATH_LEADER_GATE_H
#define BMC_PAXOS_FASTPATH_LEADER_GATE_H

#include <array>
#include <cstdint>

#include "apps/paxos/core/types.h"
#include "apps/paxos/fastpath/world.h"

namespace bmc::paxos {

struct LeaderTerm {
  View view = 0;
  Op base = 0;      // the commit number
  Op proposed = 0;  // the log's end: what this view has proposed by now
  std::uint64_t cluster_id = 0;
  std::uint32_t epoch = 0;
  ReplicaIndex self = 0;
  std::uint8_t replica_count = 0;
  std::uint8_t quorum = 0;
  std::uint8_t ack_level = PAXOS_ACK_NONE;
  std::array<paxos_fast_peer, PAXOS_REPLICAS_MAX> peers{};
  std::array<Op, PAXOS_REPLICAS_MAX> acked{};  // in this view, known by now; the own too
};

class LeaderGate {
 public:
  // The memory of `world` outlives it.
  explicit LeaderGate(const fast_world& world) : world_(world) {}

  bool is_armed() const;

  // From now on the program counts. Only while frozen. False if there are no generations left: it stays
  // frozen.
  bool arm(const LeaderTerm& term);

  // From now on acknowledgements come to the process, but for those that a program is just counting: what the
  // cells say may still rise, and stays true. Returns commit().
  Op freeze();

  // Before the PREPARE of `op` leaves. False: the term has no more ops; arm anew.
  bool propose(Op op);

  // The own acknowledgement: all up to `op` is in the log (wal: durable).
  void acknowledge_self(Op op);

  // What is committed in this term, counted anew: a wrong `commit` cell ends the process.
  Op commit() const;
  // What a replica has acknowledged in this term behind its base; 0: nothing.
  Op acked(ReplicaIndex replica) const;

  // Before sleeping on the doorbell; `known`: of the last commit(). False: there is news, do not sleep.
  bool may_sleep(Op known);

 private:
  const paxos_leader_config& config() const;

  const fast_world& world_;
};

}  // namespace bmc::paxos

#endif
