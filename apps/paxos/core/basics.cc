// SPDX-License-Identifier: Apache-2.0
// Small words that all parts of ReplicaCore::Impl use.
#include <algorithm>

#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
// splitmix64
std::uint64_t roll(std::uint64_t& state) {
  std::uint64_t mixed = (state += 0x9e3779b97f4a7c15u);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

constexpr unsigned kDoublingsMax = 3;
}  // namespace

std::size_t ReplicaCore::Impl::quorum() const {
  const std::size_t quorum = options_.quorum();
  return mutants_.has(Mutant::quorum_off_by_one) && quorum > 1 ? quorum - 1 : quorum;
}

ReplicaSet ReplicaCore::Impl::everyone_else() const {
  return static_cast<ReplicaSet>(((1u << options_.replica_count) - 1) & ~(1u << options_.index));
}

// Check-quorum: a leader that others have left must not answer for them.
bool ReplicaCore::Impl::is_serving() const {
  if (!is_leader() || own_wish_ != 0) return false;
  if (mutants_.has(Mutant::leader_never_steps_down)) return true;
  return now_ - peers_.quorum_heard(now_) <= options_.quorum_timeout_us;
}

Message ReplicaCore::Impl::message_of(MessageType type, const google::protobuf::MessageLite* body) const {
  static const auto kEmpty = std::make_shared<const std::string>();
  Message message;
  message.type = type;
  message.sender = options_.index;
  message.incarnation = incarnation_;
  message.view = view_;
  message.commit = commit_;
  message.body = body ? std::make_shared<const std::string>(body->SerializeAsString()) : kEmpty;
  return message;
}

void ReplicaCore::Impl::store_state() {
  check(log_view_ <= view_, Invariant::view_grows);
  DurableState state{view_, log_view_, incarnation_};
  if (mutants_.has(Mutant::log_view_not_stored)) state.log_view = restored_state_.log_view;
  if (mutants_.has(Mutant::recovery_below_durable_view)) {
    state.view = std::max(state.view, restored_state_.view);  // storage would not write less
    state.log_view = std::max(state.log_view, restored_state_.log_view);
  }
  outbox_.store_state(state);
}

// All entries up to it count as this replica's vote.
Op ReplicaCore::Impl::accepted_op() const {
  if (options_.durability == Durability::kMemory || mutants_.has(Mutant::ack_before_store)) return log_.end();
  return outbox_.stored_op();
}

Micros ReplicaCore::Impl::patience() const {
  return options_.leader_timeout_us << std::min(brief_views_, kDoublingsMax);
}

Micros ReplicaCore::Impl::draw_timeout() { return patience() + roll(dice_) % (patience() + 1); }

// The one way into the normal status of `view_`; the log is the view's.
void ReplicaCore::Impl::become_normal() {
  check(log_view_ <= view_, Invariant::view_grows);
  status_ = Status::kNormal;
  log_view_ = view_;
  normal_since_ = now_;
  outbox_.drop_votes();
  votes_ = {};
  if (!mutants_.has(Mutant::pending_outlives_view)) buffered_.clear();
  leaders_op_ = log_.end();
  peers_.start_view(now_);
  own_wish_ = 0;
  wish_at_ = view_change_at_ = gap_at_ = kNever;
  leader_timer_at_ = now_ + draw_timeout();
  if (!is_leader()) return;
  view_start_op_ = log_.end();
  last_time_us_ = log_.end() > log_.begin() ? batch_time(*log_.at(log_.end()).batch) : applied_time_us_;
  heartbeat_at_ = now_ + options_.heartbeat_us;
  press_at_ = now_ + options_.retransmit_us;
}

}  // namespace bmc::paxos
