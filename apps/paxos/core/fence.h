// SPDX-License-Identifier: Apache-2.0
// The seam of the kernel offloads: whoever accepts entries or counts acknowledgements in place of the core.
// Without one (Fence* null) the core does everything itself. PROTOCOL.md, "The accelerator".
#ifndef BMC_PAXOS_CORE_FENCE_H
#define BMC_PAXOS_CORE_FENCE_H

#include <array>
#include <deque>

#include "apps/paxos/core/message.h"

namespace bmc::paxos {

// Accept entries of `view` from `base` + 1 on: memory: and acknowledge them; wal: and say nothing.
struct ArmBackup {
  View view = 0;
  Op base = 0;                           // the log's end
  ReplicaIndex leader = 0;               // of `view`
  std::uint32_t leader_incarnation = 0;  // 0: not heard of yet, so nothing is accepted
  std::uint32_t own_incarnation = 0;
};

// Count acknowledgements of `view`; all up to `base` are committed.
struct ArmLeader {
  View view = 0;
  Op base = 0;
  Op proposed = 0;                                              // the log's end
  std::array<std::uint32_t, PAXOS_REPLICAS_MAX> incarnation{};  // of whom acknowledgements count
  std::array<Op, PAXOS_REPLICAS_MAX> acked{};                   // known by now; the own too
};

// What a backup's accelerator did since it was last asked.
struct Fenced {
  // PREPAREs, in the order of op; memory: acknowledged. In small pieces: for one block as large as a burst
  // the allocator would first tidy up everything that is free.
  std::deque<Message> accepted;
  bool leader_heard = false;
  bool asked_again = false;  // wal: the leader lacks acknowledgements of what was accepted
  bool is_frozen = false;    // by itself: it cannot go on
};

// Invariant (single owner): between arm_backup() and the next freeze() only the accelerator accepts entries;
// otherwise only the core does. The core freezes before it promises anything to another view, before it
// accepts an entry by itself, and when it ends. Acknowledgements may be counted by both: they only grow.
class Fence {
 public:
  virtual ~Fence() = default;

  // Stops the accelerator at once. What it accepted and was not yet taken comes back; nothing is accepted
  // later.
  virtual Fenced freeze() = 0;
  // The same, and it goes on.
  virtual Fenced take() = 0;

  // False: it cannot, and stays frozen.
  virtual bool arm_backup(const ArmBackup& term) = 0;
  virtual bool arm_leader(const ArmLeader& term) = 0;

  // Armed for a leader:
  // Before the PREPARE of `op` leaves. False: no more in this term.
  virtual bool propose(Op op) = 0;
  // All up to `op` counts as this replica's vote.
  virtual void acknowledge_self(Op op) = 0;
  // The same of the others, as far as it was counted in this term; still true after freeze().
  virtual Op acked(ReplicaIndex replica) const = 0;
  // What it holds for committed in this term; 0: nothing. Never more than acked() says afterwards.
  virtual Op commit() const = 0;
};

}  // namespace bmc::paxos

#endif
