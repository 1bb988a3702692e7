// SPDX-License-Identifier: Apache-2.0
// Who accepts entries, the core or the accelerator behind the fence: exactly one of them at any time
// (invariant single owner, core/fence.h); and what the core believes of the other's counting.
#include <algorithm>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

// Before the core accepts anything itself, and before it says anything of another view. Acknowledgements that
// the accelerator counted are known to the core afterwards, and not yet acted upon.
void ReplicaCore::Impl::take_back_acceptance() {
  if (!fence_ || !fence_is_armed_) return;
  if (is_leader()) learn_acknowledgements();
  fence_is_armed_ = false;
  const Fenced fenced = fence_->freeze();
  if (!mutants_.has(Mutant::fence_not_drained)) take_fenced(fenced);
}

// Mutant::fence_left_behind
void ReplicaCore::Impl::leave_fence_behind() {
  if (fence_ && fence_is_armed_) fence_->freeze();
  fence_is_armed_ = false;
}

// At the end of every burst of calls, as soon as nothing is open that only the core can do.
void ReplicaCore::Impl::hand_over_acceptance() {
  if (!fence_ || fence_is_armed_ || status_ != Status::kNormal) return;
  if (!outbox_.state_is_stored() && !mutants_.has(Mutant::fence_armed_early)) return;
  looked_at_ = now_;
  if (is_backup()) {
    if (transfer_.is_active() || !buffered_.empty()) return;
    const ReplicaIndex leader = leader_of(view_);
    fence_is_armed_ =
        fence_->arm_backup({view_, log_.end(), leader, peers_[leader].incarnation, incarnation_});
    return;
  }
  ArmLeader term{view_, commit_, log_.end(), {}, {}};
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    term.incarnation[i] = peers_[i].incarnation;
    term.acked[i] = peers_[i].acked;
  }
  fence_is_armed_ = fence_->arm_leader(term);
}

// What the accelerator did becomes the core's. At the beginning of every call.
void ReplicaCore::Impl::absorb() {
  if (!fence_ || !fence_is_armed_) return;
  if (is_leader()) return absorb_acknowledgements();
  const Fenced fenced = fence_->take();
  fence_is_armed_ = !fenced.is_frozen;
  take_fenced(fenced);
}

// Those accepted are acknowledged already (memory): they must continue the log.
void ReplicaCore::Impl::take_fenced(const Fenced& fenced) {
  if (fenced.leader_heard) {
    withdraw_wish();
    leader_timer_at_ = std::max(leader_timer_at_, looked_at_ + draw_timeout());
  }
  looked_at_ = now_;
  for (const Message& message : fenced.accepted) {
    check(message.op == log_.end() + 1 && message.chain == log_.chain_at(log_.end()),
          Invariant::fenced_is_next);
    append_entry(message.view, message.op, message.body);
    note_leaders_op(message.op);
    commit_up_to(message.commit);
  }
  if (leaders_op_ <= log_.end()) gap_at_ = kNever;
  const bool is_unsaid = mutants_.has(Mutant::absorbed_is_acked) && !fenced.accepted.empty();
  if (fenced.asked_again || is_unsaid) acknowledge(is_unsaid ? log_.end() : accepted_op());
}

void ReplicaCore::Impl::learn_acknowledgements() {
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    if (i == options_.index) continue;
    const Op acked = fence_->acked(i);
    if (acked <= peers_[i].acked) continue;
    peers_[i].acked = acked;
    peers_[i].pressed = now_;
    peers_[i].heard = std::max(peers_[i].heard, looked_at_);
  }
  looked_at_ = now_;
}

// The accelerator's commit number is believed by nobody: the core counts for itself.
void ReplicaCore::Impl::absorb_acknowledgements() {
  const Op told = fence_->commit();
  learn_acknowledgements();
  if (mutants_.has(Mutant::fence_counts_heads)) return count_heads();
  check(told <= std::max(commit_, peers_.acked_by(options_.quorum())), Invariant::commit_is_counted);
  count_acknowledgements();
}

// Mutant::fence_counts_heads
void ReplicaCore::Impl::count_heads() {
  std::size_t heads = 0;
  Op highest = 0;
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    heads += peers_[i].acked > commit_;
    highest = std::max(highest, peers_[i].acked);
  }
  if (heads >= quorum()) commit_up_to(highest);
}

// A PREPARE is about to leave.
void ReplicaCore::Impl::tell_proposal(Op op) {
  if (fence_ && fence_is_armed_ && !fence_->propose(op)) take_back_acceptance();
}

void ReplicaCore::Impl::tell_own_vote() {
  if (fence_ && fence_is_armed_) fence_->acknowledge_self(peers_[options_.index].acked);
}

}  // namespace bmc::paxos
