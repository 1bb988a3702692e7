// SPDX-License-Identifier: Apache-2.0
// The calls from outside: what they have in common, and which part handles which message and timer.
#include "apps/paxos/core/replica_core.h"

#include <algorithm>
#include <utility>

#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

ReplicaCore::ReplicaCore(const CoreOptions& options, Restored restored, StateMachine& machine,
                         std::uint64_t seed, Micros now, Fence* fence, MutantSet mutants)
    : impl_(std::make_unique<Impl>(options, std::move(restored), machine, seed, now, fence, mutants)) {}
ReplicaCore::~ReplicaCore() = default;

void ReplicaCore::on_message(Micros now, Micros wall_us, const Message& message) {
  impl_->on_message(now, wall_us, message);
}
void ReplicaCore::on_tick(Micros now, Micros wall_us) { impl_->on_tick(now, wall_us); }
void ReplicaCore::on_stored(Micros now, Micros wall_us, std::uint64_t number) {
  impl_->on_stored(now, wall_us, number);
}
void ReplicaCore::on_accelerated(Micros now, Micros wall_us) { impl_->on_accelerated(now, wall_us); }
void ReplicaCore::on_fence_changes(Micros now, Micros wall_us) { impl_->on_fence_changes(now, wall_us); }
Micros ReplicaCore::next_deadline() const { return impl_->next_deadline(); }
Effects ReplicaCore::take_effects() { return impl_->take_effects(); }
CoreView ReplicaCore::look() const { return impl_->look(); }
const LogEntry* ReplicaCore::entry(Op op) const { return impl_->entry(op); }
const IgnoredCounters& ReplicaCore::ignored() const { return impl_->ignored(); }

void ReplicaCore::Impl::on_message(Micros now, Micros wall_us, const Message& message) {
  now_ = std::max(now_, now);
  wall_us_ = wall_us;
  if (!is_leader()) absorb();
  std::optional<Ignored> reason = unreadable(message);
  if (!reason) reason = meet(message);
  if (is_leader()) absorb();  // not before meet(): what an earlier life acknowledged no longer counts
  if (!reason) reason = unwanted(message);
  if (reason) {
    ignore(*reason);
  } else {
    handle(message);
  }
}

void ReplicaCore::Impl::handle(const Message& message) {
  switch (message.type) {
    case MessageType::kPrepare:
      return on_prepare(message);
    case MessageType::kPrepareOk:
      return on_prepare_ok(message);
    case MessageType::kCommit:
      return on_commit(message);
    case MessageType::kStartViewChange:
      return;  // meet() has recorded the wish
    case MessageType::kDoViewChange:
      return on_do_view_change(message);
    case MessageType::kStartView:
      return on_start_view(message);
    case MessageType::kGetState:
      return on_get_state(message);
    case MessageType::kNewState:
      return on_new_state(message);
    case MessageType::kRecovery:
      return on_recovery(message);
    case MessageType::kRecoveryResponse:
      return on_recovery_response(message);
    case MessageType::kRequest:
      return on_request(message);
    case MessageType::kReply:
      return;  // unreadable() has sent it away
    case MessageType::kPing: {
      Message pong = message_of(MessageType::kPong);
      pong.echo = message.echo;
      return outbox_.send(only(message.sender), std::move(pong));
    }
    case MessageType::kPong:
      return on_pong(message);
    case MessageType::kReadIndex:
      return on_read_index(message);
    case MessageType::kReadIndexReply:
      return on_read_index_reply(message);
    case MessageType::kGetCheckpoint:
      return on_get_checkpoint(message);
    case MessageType::kCheckpoint:
      return on_checkpoint(message);
  }
}

void ReplicaCore::Impl::on_tick(Micros now, Micros wall_us) {
  now_ = std::max(now_, now);
  wall_us_ = wall_us;
  absorb();
  run_timers();
}

void ReplicaCore::Impl::on_accelerated(Micros now, Micros wall_us) {
  now_ = std::max(now_, now);
  wall_us_ = wall_us;
  absorb();
}

void ReplicaCore::Impl::on_fence_changes(Micros now, Micros wall_us) {
  on_accelerated(now, wall_us);
  if (mutants_.has(Mutant::fence_left_behind)) return leave_fence_behind();
  take_back_acceptance();
  if (is_leader()) count_acknowledgements();
}

void ReplicaCore::Impl::on_stored(Micros now, Micros wall_us, std::uint64_t number) {
  now_ = std::max(now_, now);
  wall_us_ = wall_us;
  absorb();
  const Op before = accepted_op();
  outbox_.stored(number);
  if (is_leader()) {
    count_own_vote();
  } else if (accepted_op() > before && (is_backup() || mutants_.has(Mutant::acks_after_promise))) {
    acknowledge();
  }
}

// What several calls made possible is decided once: requests that came together share a batch, and their
// reads a question.
Effects ReplicaCore::Impl::take_effects() {
  if (is_leader()) {
    propose_what_is_due();
    ask_for_reads();
  }
  answer_reads();
  hand_over_acceptance();
  return outbox_.take();
}

void ReplicaCore::Impl::run_timers() {
  if (now_ >= leader_timer_at_) on_leader_timer();
  if (now_ >= wish_at_) send_wish();
  if (now_ >= view_change_at_) repeat_view_change();
  if (now_ >= heartbeat_at_) send_commit();
  if (now_ >= press_at_) press_peers();
  if (now_ >= gap_at_) catch_up();
  if (now_ >= question_at_) repeat_question();
  if (now_ >= read_at_) send_read_question();
}

Micros ReplicaCore::Impl::next_deadline() const {
  const Micros next = std::min({leader_timer_at_, wish_at_, view_change_at_, heartbeat_at_, press_at_,
                                gap_at_, question_at_, read_at_});
  if (!is_leader() || !may_propose()) return next;
  return std::min(next, std::max(batcher_.due_at(), now_ + 1));
}

CoreView ReplicaCore::Impl::look() const {
  CoreView view;
  view.status = status_;
  view.view = view_;
  view.log_view = log_view_;
  view.is_leader = is_leader();
  view.is_serving = is_serving();
  view.leader = leader_of(view_);
  view.log_begin = log_.begin();
  view.op = log_.end();
  view.commit = commit_;
  view.applied = applied_;
  view.checkpoint = checkpoint_.op;
  view.stored = outbox_.stored_op();
  view.incarnation = incarnation_;
  view.sessions = clients_.size();
  view.requests_waiting = batcher_.size();
  view.reads_waiting = reads_.size();
  return view;
}

}  // namespace bmc::paxos
