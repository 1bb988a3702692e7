// SPDX-License-Identifier: Apache-2.0
// GET_STATE and NEW_STATE: entries that a replica lacks, and how another log becomes its own (VR Revisited
// sections 5.2 and 4.2; PROTOCOL.md, "Installing a log").
#include <algorithm>
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

void ReplicaCore::Impl::fetch(TransferPurpose purpose, ReplicaIndex source, const LogEnd& target) {
  transfer_ = {};
  transfer_.purpose = purpose;
  transfer_.source = source;
  transfer_.target = target;
  if (mutants_.has(Mutant::truncate_to_commit) && purpose == TransferPurpose::kInstall &&
      log_.end() > commit_) {
    log_.truncate(commit_);
    outbox_.store_truncation(commit_);
  }
  // Up to the commit number all logs are equal; up to the end they often are, and the source will say.
  fetch_from(log_.end() < target.op ? log_.end() : commit_);
}

void ReplicaCore::Impl::fetch_from(Op base) {
  transfer_.base = base;
  transfer_.base_chain = log_.chain_at(base);
  transfer_.suffix.clear();
  ask();
}

void ReplicaCore::Impl::end_transfer() {
  transfer_ = {};
  question_at_ = kNever;
}

void ReplicaCore::Impl::ask() {
  transfer_.echo = ++last_echo_;
  repeat_question();
}

void ReplicaCore::Impl::repeat_question() {
  question_at_ = now_ + options_.retransmit_us;
  Message message;
  if (transfer_.wants_checkpoint) {
    body::GetCheckpoint body;
    body.set_offset(transfer_.download.bytes.size());
    message = message_of(MessageType::kGetCheckpoint, &body);
    message.op = transfer_.download.op;
  } else {
    body::GetState body;
    body.set_up_to(transfer_.target.op);
    message = message_of(MessageType::kGetState, &body);
    message.op = transfer_.end();
    message.chain = transfer_.end_chain();
  }
  message.echo = transfer_.echo;
  outbox_.send(only(transfer_.source), std::move(message));
}

// No entries and no checkpoint in the answer: the logs are not equal at the asker's op.
void ReplicaCore::Impl::on_get_state(const Message& message) {
  body::NewState body;
  if (message.op < log_.begin()) {
    body.set_checkpoint_op(checkpoint_.op);
  } else if (log_.agrees(message.op, message.chain)) {
    const Op last = std::min(log_.end(), Op{bodies_.get_state.up_to()});
    std::size_t bytes = 0;
    for (Op op = message.op + 1; op <= last && bytes < options_.chunk_bytes_max; ++op) {
      const LogEntry& entry = log_.at(op);
      if (bytes > 0 && bytes + entry.batch->size() > options_.chunk_bytes_max) break;
      bytes += entry.batch->size() + sizeof(LogEntry);
      body::Entry& sent = *body.add_entries();
      sent.set_op(entry.op);
      sent.set_view(entry.view);
      sent.set_chain(entry.chain);
      sent.set_batch(*entry.batch);
    }
  }
  Message answer = message_of(MessageType::kNewState, &body);
  answer.op = message.op;
  answer.echo = message.echo;
  outbox_.send(only(message.sender), std::move(answer), true);
}

// Reads the entries of the NEW_STATE at hand into incoming_. False if they do not continue what is here.
bool ReplicaCore::Impl::take_entries(const Message& message) {
  incoming_.clear();
  Op op = transfer_.end();
  Chain chain = transfer_.end_chain();
  if (transfer_.wants_checkpoint || message.op != op) return false;
  for (body::Entry& sent : *bodies_.new_state.mutable_entries()) {
    chain = chain_of(chain, ++op, sent.view(), sent.batch());
    if (sent.op() != op || sent.chain() != chain) return false;
    auto batch = std::make_shared<const std::string>(std::move(*sent.mutable_batch()));
    incoming_.push_back({op, sent.view(), chain, std::move(batch)});
  }
  return true;
}

void ReplicaCore::Impl::on_new_state(const Message& message) {
  if (incoming_.empty()) {
    if (bodies_.new_state.checkpoint_op() <= message.op) return on_different_log();
    transfer_.wants_checkpoint = true;
    return ask();
  }
  if (is_backup()) return append_caught_up();
  leader_timer_at_ = now_ + draw_timeout();  // it goes forward
  for (LogEntry& each : incoming_) transfer_.suffix.push_back(std::move(each));
  install_when_complete();
}

// The own log is not the source's up to where it was asked for the rest.
void ReplicaCore::Impl::on_different_log() {
  if (transfer_.purpose == TransferPurpose::kCatchUp) return end_transfer();
  if (transfer_.base != commit_ || !transfer_.suffix.empty()) fetch_from(commit_);
}

// A gap in a normal backup's log that has lasted.
void ReplicaCore::Impl::catch_up() {
  gap_at_ = kNever;
  if (!is_backup() || transfer_.is_active() || leaders_op_ <= log_.end()) return;
  fetch(TransferPurpose::kCatchUp, leader_of(view_), {leaders_op_, 0, 0});
}

void ReplicaCore::Impl::append_caught_up() {
  take_back_acceptance();
  std::vector<LogEntry> fresh;
  for (LogEntry& each : incoming_) {
    if (each.op <= log_.end()) continue;  // came as a PREPARE meanwhile
    fresh.push_back(each);
    log_.append(std::move(each));
  }
  outbox_.store_entries(std::move(fresh));
  append_buffered();
  if (options_.durability == Durability::kMemory || mutants_.has(Mutant::ack_before_store)) acknowledge();
  go_on_catching_up();
}

void ReplicaCore::Impl::go_on_catching_up() {
  if (log_.end() < transfer_.target.op) return fetch_from(log_.end());
  end_transfer();
  note_leaders_op(leaders_op_);
}

void ReplicaCore::Impl::install_when_complete() {
  if (transfer_.end() < transfer_.target.op) return ask();
  const LogEnd target = transfer_.target;
  if (transfer_.end_chain() != target.chain) return fetch_from(commit_);
  std::vector<LogEntry> suffix = std::move(transfer_.suffix);
  end_transfer();
  install(target, std::move(suffix));
}

// Makes the log that ends with `target` this replica's, of which `suffix` is the part not known to be here,
// and takes up the view. Status and log_view change only when all of it is here and asked to be stored.
void ReplicaCore::Impl::install(const LogEnd& target, std::vector<LogEntry> suffix) {
  check(target.commit <= target.op, Invariant::committed_stays);
  if (mutants_.has(Mutant::log_view_before_entries)) {
    log_view_ = view_;
    store_state();
  }
  replace_suffix(target, std::move(suffix));
  check(log_.agrees(target.op, target.chain) && log_.end() == target.op, Invariant::committed_stays);
  become_normal();
  store_state();
  if (is_leader()) {
    send_start_view(everyone_else());
    commit_up_to(target.commit);
    count_own_vote();
  } else {
    if (mutants_.has(Mutant::pending_outlives_view)) append_buffered();
    acknowledge();
    commit_up_to(target.commit);
  }
}

// Never drops an entry that the new log has as well, not even for a moment: the log on the disk still counts
// for the old log_view, and an entry of it may be committed by this replica's acknowledgement.
void ReplicaCore::Impl::replace_suffix(const LogEnd& target, std::vector<LogEntry> suffix) {
  auto first_new = suffix.begin();
  while (first_new != suffix.end() && log_.agrees(first_new->op, first_new->chain)) ++first_new;
  const Op common = first_new == suffix.end() ? target.op : first_new->op - 1;
  check(common >= commit_, Invariant::committed_stays);
  if (log_.end() > common) {
    log_.truncate(common);
    outbox_.store_truncation(common);
  }
  std::vector<LogEntry> fresh(std::make_move_iterator(first_new), std::make_move_iterator(suffix.end()));
  for (const LogEntry& each : fresh) log_.append(each);
  outbox_.store_entries(std::move(fresh));
}

}  // namespace bmc::paxos
