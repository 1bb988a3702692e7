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
  take_fenced(fence_->freeze());
}

// At the end of every burst of calls, as soon as nothing is open that only the core can do.
void ReplicaCore::Impl::hand_over_acceptance() {
  if (!fence_ || fence_is_armed_ || status_ != Status::kNormal || !outbox_.state_is_stored()) return;
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
    leader_timer_at_ = now_ + draw_timeout();
  }
  for (const Message& message : fenced.accepted) {
    check(message.op == log_.end() + 1 && message.chain == log_.chain_at(log_.end()),
          Invariant::fenced_is_next);
    append_entry(message.view, message.op, message.body);
    note_leaders_op(message.op);
    commit_up_to(message.commit);
  }
  if (leaders_op_ <= log_.end()) gap_at_ = kNever;
  if (fenced.asked_again) acknowledge();
}

void ReplicaCore::Impl::learn_acknowledgements() {
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    const Op acked = fence_->acked(i);
    if (i == options_.index || acked <= peers_[i].acked) continue;
    peers_[i].acked = acked;
    peers_[i].pressed = peers_[i].heard = now_;
  }
}

// The accelerator's commit number is believed by nobody: the core counts for itself.
void ReplicaCore::Impl::absorb_acknowledgements() {
  const Op told = fence_->commit();
  learn_acknowledgements();
  check(told <= std::max(commit_, peers_.acked_by(options_.quorum())), Invariant::commit_is_counted);
  count_acknowledgements();
}

// A PREPARE is about to leave.
void ReplicaCore::Impl::tell_proposal(Op op) {
  if (fence_ && fence_is_armed_ && !fence_->propose(op)) take_back_acceptance();
}

void ReplicaCore::Impl::tell_own_vote() {
  if (fence_ && fence_is_armed_) fence_->acknowledge_self(peers_[options_.index].acked);
}

}  // namespace bmc::paxos
