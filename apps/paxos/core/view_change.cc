// SPDX-License-Identifier: Apache-2.0
// From the silence of a leader to the first message of the next one (VR Revisited section 4.2, with wishes in
// front so that a replica that hears nothing does not disturb those that hear their leader).
#include <algorithm>
#include <utility>

#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
constexpr Micros kLasting = 4;  // leader timeouts: a view that was normal for so long was worth having
}  // namespace

void ReplicaCore::Impl::on_leader_timer() {
  leader_timer_at_ = now_ + draw_timeout();
  if (status_ == Status::kRecovering) return;
  if (is_leader() && hears_quorum()) return withdraw_wish();
  wish(view_ + 1);
}

// The leader itself counts as hearing its leader while a quorum answers it.
bool ReplicaCore::Impl::hears_quorum() const {
  if (mutants_.has(Mutant::leader_never_steps_down)) return true;
  return now_ - peers_.quorum_heard(now_) <= patience();
}

void ReplicaCore::Impl::hear_leader(const Message& message) {
  withdraw_wish();
  leader_timer_at_ = now_ + draw_timeout();
  if (is_backup()) note_leaders_op(message.op);
}

// A wish is no promise: this replica stays where it is and goes on with its leader should it speak.
void ReplicaCore::Impl::wish(View view) {
  own_wish_ = std::max(own_wish_, view);
  send_wish();
  follow_wishes();
}

void ReplicaCore::Impl::withdraw_wish() {
  own_wish_ = 0;
  wish_at_ = kNever;
}

void ReplicaCore::Impl::send_wish() {
  if (is_leader() && hears_quorum()) return withdraw_wish();
  body::StartViewChange body;
  body.set_wished_view(std::max(own_wish_, view_));
  outbox_.send(everyone_else(), message_of(MessageType::kStartViewChange, &body));
  if (own_wish_ != 0) wish_at_ = now_ + options_.retransmit_us;
}

void ReplicaCore::Impl::follow_wishes() {
  const std::size_t enough = mutants_.has(Mutant::one_wish_is_enough) ? 1 : quorum();
  const View wished = peers_.wished_by(enough, std::max(own_wish_, view_), now_, options_.leader_timeout_us);
  if (wished > view_) enter_view(wished);
}

// The promise: from here on nothing of an older view is accepted. What was accepted goes into the vote.
void ReplicaCore::Impl::enter_view(View view) {
  check(view > view_, Invariant::view_grows);
  if (!mutants_.has(Mutant::fence_not_frozen)) take_back_acceptance();
  if (is_leader()) leave_leadership();
  refuse_reads();
  end_transfer();
  const bool lasted =
      status_ == Status::kNormal && now_ - normal_since_ >= kLasting * options_.leader_timeout_us;
  brief_views_ = lasted ? 0 : brief_views_ + 1;
  status_ = Status::kViewChange;
  view_ = view;
  if (!mutants_.has(Mutant::pending_outlives_view)) buffered_.clear();
  duplicate_votes_ = 0;
  votes_ = {};
  gap_at_ = kNever;
  withdraw_wish();
  outbox_.drop_older_than(view);
  if (!mutants_.has(Mutant::view_not_stored)) store_state();
  leader_timer_at_ = now_ + draw_timeout();
  collect_own_vote();
  repeat_view_change();
  try_to_lead();
}

void ReplicaCore::Impl::leave_leadership() {
  heartbeat_at_ = press_at_ = kNever;
  for (const Batcher::Waiting& each : batcher_.clear()) {
    body::Request request;
    request.set_client(each.client);
    request.set_session(each.session);
    request.set_number(each.number);
    request.set_kind(each.kind);
    refuse(request);
  }
}

void ReplicaCore::Impl::collect_own_vote() {
  View log_view = log_view_;
  if (mutants_.has(Mutant::last_entry_view_as_log_view) && log_.has(log_.end())) {
    log_view = log_.at(log_.end()).view;
  }
  votes_[options_.index] = Vote{view_, log_view, log_end()};
}

// DO_VIEW_CHANGE until the leader of the view answers; the wish beside it draws in those who do not know of
// the view yet. RECOVERY likewise.
void ReplicaCore::Impl::repeat_view_change() {
  view_change_at_ = now_ + options_.retransmit_us;
  if (status_ == Status::kRecovering) return send_recovery();
  if (own_wish_ == 0) send_wish();
  if (leader_of(view_) == options_.index) return;
  const Vote& vote = *votes_[options_.index];
  body::DoViewChange body;
  body.set_log_view(vote.log_view);
  Message message = message_of(MessageType::kDoViewChange, &body);
  message.op = vote.log.op;
  message.chain = vote.log.chain;
  message.commit = vote.log.commit;
  outbox_.send(only(leader_of(view_)), std::move(message));
}

void ReplicaCore::Impl::on_do_view_change(const Message& message) {
  if (status_ == Status::kNormal) return send_start_view(only(message.sender));
  votes_[message.sender] =
      Vote{message.view, bodies_.do_view_change.log_view(), {message.op, message.chain, message.commit}};
  ++duplicate_votes_;
  try_to_lead();
}

// The vote that tells of the newest log: it has everything that is committed.
std::optional<ReplicaIndex> ReplicaCore::Impl::best_vote() const {
  std::size_t count = 0;
  std::optional<ReplicaIndex> best;
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    if (!votes_[i]) continue;
    ++count;
    const bool ignores_log_view = mutants_.has(Mutant::longest_log_is_best);
    const auto rank = [&](const Vote& vote) {
      return std::pair(ignores_log_view ? 0 : vote.log_view, vote.log.op);
    };
    if (!best || rank(*votes_[i]) > rank(*votes_[*best])) best = i;
  }
  if (mutants_.has(Mutant::duplicate_vote_counted)) count = 1 + duplicate_votes_;
  if (count < quorum()) return std::nullopt;
  return mutants_.has(Mutant::leader_keeps_own_log) ? options_.index : best;
}

// In the midst of the view change to a view whose log it has had: only a leader that restarted is so. It may
// have proposed entries there that left before they were on its disk, so it must not fill their places again.
bool ReplicaCore::Impl::led_before() const {
  return status_ == Status::kViewChange && log_view_ == view_ && !mutants_.has(Mutant::leads_again);
}

void ReplicaCore::Impl::try_to_lead() {
  if (status_ != Status::kViewChange || leader_of(view_) != options_.index || transfer_.is_active()) return;
  if (led_before()) return;
  const std::optional<ReplicaIndex> best = best_vote();
  if (!best) return;
  LogEnd target = votes_[*best]->log;
  for (const std::optional<Vote>& vote : votes_) {
    if (vote) target.commit = std::max(target.commit, vote->log.commit);
  }
  if (log_.agrees(target.op, target.chain)) return install(target, {});
  fetch(TransferPurpose::kInstall, *best, target);
}

void ReplicaCore::Impl::send_start_view(ReplicaSet to) {
  Message message = message_of(MessageType::kStartView);
  message.op = log_.end();
  message.chain = log_.chain_at(log_.end());
  outbox_.send(to, std::move(message));
}

void ReplicaCore::Impl::on_start_view(const Message& message) {
  const LogEnd target{message.op, message.chain, message.commit};
  if (log_.agrees(target.op, target.chain)) {
    end_transfer();
    return install(target, {});
  }
  if (!transfer_.is_active()) fetch(TransferPurpose::kInstall, message.sender, target);
}

}  // namespace bmc::paxos
