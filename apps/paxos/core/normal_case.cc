// SPDX-License-Identifier: Apache-2.0
// PREPARE, PREPARE_OK and COMMIT: how entries get into the logs and become committed (VR Revisited
// section 4.1).
#include <algorithm>
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
constexpr Op kPressedAtOnce = 16;  // PREPAREs repeated to one replica at a time
}  // namespace

Message ReplicaCore::Impl::prepare_of(const LogEntry& entry) const {
  Message message = message_of(MessageType::kPrepare);
  message.flags = PAXOS_FLAG_KERNEL_ACK_OK;  // is_agreed() knows what a program's acknowledgement says
  message.ack_level = options_.durability == Durability::kWal ? PAXOS_ACK_DURABLE : PAXOS_ACK_MEMORY;
  message.op = entry.op;
  message.chain = log_.chain_at(entry.op - 1);
  message.body = entry.batch;
  return message;
}

void ReplicaCore::Impl::append_entry(View view, Op op, std::shared_ptr<const std::string> batch) {
  const Chain chain = chain_of(log_.chain_at(log_.end()), op, view, *batch);
  LogEntry entry{op, view, chain, std::move(batch)};
  outbox_.store_entries({entry});
  log_.append(std::move(entry));
}

void ReplicaCore::Impl::on_prepare(const Message& message) {
  if (mutants_.has(Mutant::append_over_gap) && message.op > log_.end() + 1) {
    Message shifted = message;
    shifted.op = log_.end() + 1;
    return accept(shifted);
  }
  if (message.op == log_.end() + 1) {
    accept(message);
  } else if (message.op <= log_.end()) {
    acknowledge();  // the leader does not seem to know
  } else {
    buffered_.try_emplace(message.op, message);
  }
  commit_up_to(message.commit);
  if (mutants_.has(Mutant::ack_before_append) && message.op > log_.end()) {
    Message lie = message_of(MessageType::kPrepareOk);
    lie.ack_level = message.ack_level;
    lie.op = message.op;
    lie.chain = chain_of(message.chain, message.op, message.view, *message.body);
    outbox_.send(only(message.sender), std::move(lie));
  }
}

// The next entry of the view.
void ReplicaCore::Impl::accept(const Message& message) {
  append_entry(message.view, message.op, message.body);
  append_buffered();
  gap_at_ = leaders_op_ > log_.end() ? now_ + options_.retransmit_us : kNever;
  if (options_.durability == Durability::kMemory || mutants_.has(Mutant::ack_before_store)) acknowledge();
}

// PREPAREs that came before their turn and have their turn now.
void ReplicaCore::Impl::append_buffered() {
  while (!buffered_.empty()) {
    const auto first = buffered_.begin();
    const Message& message = first->second;
    if (message.op > log_.end() + 1) return;
    if (message.op == log_.end() + 1 && message.chain == log_.chain_at(log_.end())) {
      append_entry(message.view, message.op, message.body);
    }
    buffered_.erase(first);
  }
}

// PREPARE_OK: all entries up to `op` are here, and stay whatever this replica goes through.
void ReplicaCore::Impl::acknowledge(Op op) {
  if (op < log_.begin()) return;  // a checkpoint took the log's place and is not durable yet
  Message message = message_of(MessageType::kPrepareOk);
  message.ack_level = options_.durability == Durability::kWal ? PAXOS_ACK_DURABLE : PAXOS_ACK_MEMORY;
  if (status_ == Status::kViewChange) message.view = log_view_;  // Mutant::acks_after_promise
  message.op = op;
  message.chain = log_.chain_at(op);
  outbox_.send(only(leader_of(message.view)), std::move(message));
}

// The leader's log reaches `op`. Should what is missing not come by itself, it is asked for.
void ReplicaCore::Impl::note_leaders_op(Op op) {
  leaders_op_ = std::max(leaders_op_, op);
  if (leaders_op_ > log_.end() && gap_at_ == kNever && !transfer_.is_active()) {
    gap_at_ = now_ + options_.retransmit_us;
  }
}

void ReplicaCore::Impl::on_prepare_ok(const Message& message) {
  Peer& peer = peers_[message.sender];
  peer.acked = message.op;
  peer.pressed = now_;
  if (mutants_.has(Mutant::any_ack_is_a_quorum)) return commit_up_to(message.op);
  if (mutants_.has(Mutant::quorum_told_once)) {
    std::size_t acks = 0;
    for (ReplicaIndex i = 0; i < options_.replica_count; ++i) acks += peers_[i].acked >= message.op;
    if (acks != quorum()) return;
    return commit_up_to(message.op);
  }
  count_acknowledgements();
}

// The leader's own vote. Like everybody's it holds only once log_view is durable: a leader that restarts
// without it would hide this view's entries behind an older log_view.
void ReplicaCore::Impl::count_own_vote() {
  if (!outbox_.state_is_stored() && !mutants_.has(Mutant::ack_before_store)) return;
  Peer& self = peers_[options_.index];
  const bool waits = !fence_is_armed_ || !mutants_.has(Mutant::own_cell_not_waited);
  self.acked = std::max(self.acked, waits ? accepted_op() : log_.end());
  tell_own_vote();
  if (!mutants_.has(Mutant::quorum_told_once)) count_acknowledgements();
}

void ReplicaCore::Impl::count_acknowledgements() { commit_up_to(peers_.acked_by(quorum())); }

void ReplicaCore::Impl::on_commit(const Message& message) {
  commit_up_to(message.commit);
  // The leader lacks acknowledgements that were lost.
  if (message.commit < accepted_op() && !mutants_.has(Mutant::resend_swallowed)) acknowledge();
  Message pong = message_of(MessageType::kPong);
  pong.op = log_.end();
  pong.echo = message.echo;
  outbox_.send(only(message.sender), std::move(pong));
}

// The heartbeat, and the question of a read round (header.echo). A leader that does not hear a quorum falls
// silent: those who still hear it must not wait for it.
void ReplicaCore::Impl::send_commit() {
  heartbeat_at_ = now_ + options_.heartbeat_us;
  if (own_wish_ != 0) return;
  Message message = message_of(MessageType::kCommit);
  message.op = log_.end();
  message.chain = log_.chain_at(commit_);
  message.echo = reads_.echo;
  outbox_.send(everyone_else(), std::move(message));
}

void ReplicaCore::Impl::press_peers() {
  press_at_ = now_ + options_.retransmit_us;
  if (own_wish_ != 0) return;
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    const bool is_slow = peers_[i].acked < log_.end() && now_ - peers_[i].pressed >= options_.retransmit_us;
    const bool is_alive = now_ - peers_[i].heard <= options_.quorum_timeout_us;
    if (i != options_.index && is_slow && is_alive) press(i);
  }
}

// Repeats what the replica has not acknowledged, as far as this view proposed it. What is older it has to ask
// for; the heartbeat tells it.
void ReplicaCore::Impl::press(ReplicaIndex index) {
  peers_[index].pressed = now_;
  const Op first = std::max({peers_[index].acked, view_start_op_, log_.begin()}) + 1;
  for (Op op = first; op <= std::min(log_.end(), first + kPressedAtOnce - 1); ++op) {
    const LogEntry& entry = log_.at(op);
    Message message = prepare_of(entry);
    message.flags |= PAXOS_FLAG_RETRANSMIT;
    outbox_.send(only(index), std::move(message), entry.batch->size() > options_.batch_bytes_max);
  }
}

}  // namespace bmc::paxos
