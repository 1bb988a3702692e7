// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/switched_fence.h"

#include <algorithm>

#include "apps/paxos/core/invariant.h"

namespace bmc::paxos {

void SwitchedFence::exchange(Fence* next) {
  check(!is_armed_, Invariant::accepted_is_kept);
  accelerator_ = next;
}

Fenced SwitchedFence::counted(Fenced fenced) {
  counters_.accepted += fenced.accepted.size();
  return fenced;
}

bool SwitchedFence::armed(bool is_armed) {
  is_armed_ = is_armed;
  counters_.armed += is_armed;
  return is_armed;
}

Fenced SwitchedFence::freeze() {
  if (!accelerator_) return {};
  counters_.frozen += is_armed_;
  is_armed_ = false;
  return counted(accelerator_->freeze());
}

Fenced SwitchedFence::take() {
  if (!accelerator_) return {.accepted = {}, .leader_heard = false, .asked_again = false, .is_frozen = true};
  Fenced fenced = counted(accelerator_->take());
  counters_.frozen += fenced.is_frozen && is_armed_;
  is_armed_ = !fenced.is_frozen;
  return fenced;
}

bool SwitchedFence::arm_backup(const ArmBackup& term) {
  return armed(accelerator_ && accelerator_->arm_backup(term));
}

bool SwitchedFence::arm_leader(const ArmLeader& term) {
  for (std::size_t i = 0; i < told_.size(); ++i) told_[i] = std::max(term.base, term.acked[i]);
  return armed(accelerator_ && accelerator_->arm_leader(term));
}

void SwitchedFence::acknowledge_self(Op op) {
  if (accelerator_) accelerator_->acknowledge_self(op);
}

Op SwitchedFence::acked(ReplicaIndex replica) const {
  const Op acked = accelerator_ ? accelerator_->acked(replica) : 0;
  Op& told = told_[replica];
  if (acked > told) {
    counters_.acknowledged += acked - told;
    told = acked;
  }
  return acked;
}

}  // namespace bmc::paxos
