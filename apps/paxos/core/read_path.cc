// SPDX-License-Identifier: Apache-2.0
// Linearizable reads: a quorum confirms, after the read has come, that its view is still this leader's; then
// everything that was committed before the read is applied first. Backups serve them by the leader's index.
#include <algorithm>
#include <bit>
#include <utility>

#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

void ReplicaCore::Impl::on_read(const Message&) {
  const body::Request& request = bodies_.request;
  const bool can_ask = is_leader() ? is_serving() : is_backup() && own_wish_ == 0;
  if (!can_ask) return refuse(request);
  if (reads_.size() >= options_.reads_waiting_max) return answer(request, body::Reply::BUSY);
  if (is_leader() && mutants_.has(Mutant::stale_read)) {
    return answer(request, body::Reply::OK, machine_.read(request.payload(), applied_time_us_));
  }
  reads_.waiting.push_back({request.client(), request.session(), request.number(), request.payload()});
  ask_for_reads();
}

// Whatever this replica has, however old.
void ReplicaCore::Impl::on_stale_read() {
  const body::Request& request = bodies_.request;
  if (status_ == Status::kRecovering) return refuse(request);
  answer(request, body::Reply::OK, machine_.read(request.payload(), applied_time_us_));
}

// One question for all reads that wait, when the last one is answered.
void ReplicaCore::Impl::ask_for_reads() {
  if (reads_.is_asking || (reads_.waiting.empty() && reads_.remote_waiting.from == 0)) return;
  reads_.is_asking = true;
  ++reads_.echo;
  reads_.asked = std::exchange(reads_.waiting, {});
  reads_.remote_asked = std::exchange(reads_.remote_waiting, {});
  reads_.answered = 0;
  // What an earlier leader committed may be uncommitted here until the view's first log end is.
  reads_.index =
      mutants_.has(Mutant::read_before_view_committed) ? commit_ : std::max(commit_, view_start_op_);
  if (options_.quorum() == 1) return confirm_reads(reads_.index);
  send_read_question();
}

void ReplicaCore::Impl::send_read_question() {
  read_at_ = now_ + options_.retransmit_us;
  if (is_leader()) return send_commit();
  Message question = message_of(MessageType::kReadIndex);
  question.echo = reads_.echo;
  outbox_.send(only(leader_of(view_)), std::move(question));
}

void ReplicaCore::Impl::on_pong(const Message& message) {
  reads_.answered = static_cast<ReplicaSet>(reads_.answered | only(message.sender));
  if (std::popcount(reads_.answered) + 1u >= quorum()) confirm_reads(reads_.index);
}

void ReplicaCore::Impl::on_read_index(const Message& message) {
  Reads::Remote& remote = reads_.remote_waiting;
  remote.from = static_cast<ReplicaSet>(remote.from | only(message.sender));
  remote.incarnation[message.sender] = message.incarnation;
  remote.echo[message.sender] = message.echo;
  ask_for_reads();
}

void ReplicaCore::Impl::on_read_index_reply(const Message& message) { confirm_reads(message.op); }

void ReplicaCore::Impl::confirm_reads(Op index) {
  reads_.is_asking = false;
  read_at_ = kNever;
  for (Read& each : reads_.asked) reads_.confirmed.push_back({index, std::move(each)});
  reads_.asked.clear();
  const Reads::Remote remote = std::exchange(reads_.remote_asked, {});
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    if (!(remote.from & only(i))) continue;
    Message reply = message_of(MessageType::kReadIndexReply);
    reply.op = index;
    reply.chain = remote.incarnation[i];  // the asker counts its questions anew in every life
    reply.echo = remote.echo[i];
    outbox_.send(only(i), std::move(reply));
  }
  ask_for_reads();
}

void ReplicaCore::Impl::answer_reads() {
  for (; !reads_.confirmed.empty() && reads_.confirmed.front().index <= applied_;
       reads_.confirmed.pop_front()) {
    const Read& read = reads_.confirmed.front().read;
    body::Request request;
    request.set_client(read.client);
    request.set_session(read.session);
    request.set_number(read.number);
    request.set_kind(body::Request::READ);
    answer(request, body::Reply::OK, machine_.read(read.query, applied_time_us_));
  }
}

// The view is over and with it the questions.
void ReplicaCore::Impl::refuse_reads() {
  const auto refuse_read = [this](const Read& read) {
    body::Request request;
    request.set_client(read.client);
    request.set_session(read.session);
    request.set_number(read.number);
    request.set_kind(body::Request::READ);
    refuse(request);
  };
  for (const Read& each : reads_.waiting) refuse_read(each);
  for (const Read& each : reads_.asked) refuse_read(each);
  for (const ConfirmedRead& each : reads_.confirmed) refuse_read(each.read);
  const std::uint32_t echo = reads_.echo;
  reads_ = {};
  reads_.echo = echo;
  read_at_ = kNever;
}

}  // namespace bmc::paxos
