// SPDX-License-Identifier: Apache-2.0
// Who accepts entries, the core or the accelerator behind the fence: exactly one of them at any time
// (invariant single owner, core/fence.h).
#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

// Before the core accepts or counts anything itself, and before it says anything of another view.
void ReplicaCore::Impl::take_back_acceptance() {
  if (!fence_ || !fence_is_armed_) return;
  fence_is_armed_ = false;
  take_fenced(fence_->freeze());
}

// At the end of every burst of calls, as soon as nothing is open that only the core can do.
void ReplicaCore::Impl::hand_over_acceptance() {
  if (!fence_ || fence_is_armed_ || status_ != Status::kNormal || !outbox_.state_is_stored()) return;
  if (is_backup() && (transfer_.is_active() || !buffered_.empty())) return;
  fence_is_armed_ = true;
  if (is_leader()) {
    fence_->arm_leader(view_, commit_);
  } else {
    fence_->arm_backup(view_, log_.end());
  }
}

// They are acknowledged already: they must continue the log.
void ReplicaCore::Impl::take_fenced(const std::vector<Message>& accepted) {
  for (const Message& message : accepted) {
    check(message.op == log_.end() + 1 && message.chain == log_.chain_at(log_.end()),
          Invariant::fenced_is_next);
    append_entry(message.view, message.op, message.body);
  }
}

}  // namespace bmc::paxos
