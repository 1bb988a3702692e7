// SPDX-License-Identifier: Apache-2.0
// A core's fence whose accelerator comes and goes while the core runs; with none it is one that stays frozen.
// Used by the runtime, where bmcd gives and takes the help of the kernel programs, and by the simulator.
#ifndef BMC_PAXOS_FASTPATH_SWITCHED_FENCE_H
#define BMC_PAXOS_FASTPATH_SWITCHED_FENCE_H

#include <array>

#include "apps/paxos/core/fence.h"

namespace bmc::paxos {

struct FenceCounters {
  std::uint64_t armed = 0;         // terms that an accelerator began
  std::uint64_t frozen = 0;        // that ended
  std::uint64_t accepted = 0;      // entries that were accepted outside of the core
  std::uint64_t acknowledged = 0;  // ops, of all others together, whose acknowledgement was counted there
};

class SwitchedFence : public Fence {
 public:
  // Null: none. `next` is frozen and outlives its time behind the fence; the one before is the caller's
  // again. Only while nothing is armed: ReplicaCore::on_fence_changes() comes first, and take_effects() not
  // in between.
  void exchange(Fence* next);
  bool is_armed() const { return is_armed_; }

  Fenced freeze() override;
  Fenced take() override;
  bool arm_backup(const ArmBackup& term) override;
  bool arm_leader(const ArmLeader& term) override;
  bool propose(Op op) override { return accelerator_ && accelerator_->propose(op); }
  void acknowledge_self(Op op) override;
  Op acked(ReplicaIndex replica) const override;
  Op commit() const override { return accelerator_ ? accelerator_->commit() : 0; }

  const FenceCounters& counters() const { return counters_; }

 private:
  Fenced counted(Fenced fenced);
  bool armed(bool is_armed);

  // Invariant (nothing accepted is left behind): an accelerator leaves its place frozen, when all that it has
  // accepted is the core's. So whatever a program has acknowledged in this replica's name since its start was
  // given to the core, or stands in the slots of the accelerator that is here now, of which the core takes it
  // before it promises anything. Writer of both: exchange() and the calls of the core, on one thread.
  Fence* accelerator_ = nullptr;
  bool is_armed_ = false;
  mutable FenceCounters counters_;
  mutable std::array<Op, PAXOS_REPLICAS_MAX> told_{};  // of acked(), in this term
};

}  // namespace bmc::paxos

#endif
