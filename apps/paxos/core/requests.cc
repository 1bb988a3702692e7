// SPDX-License-Identifier: Apache-2.0
// Requests of clients: what becomes of them at the leader until they are proposed, and all replies.
#include <algorithm>
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
constexpr ReplicaIndex kNoHint = PAXOS_SENDER_CLIENT;

bool is_well_formed(const body::Request& request) {
  switch (request.kind()) {
    case body::Request::REGISTER:
      return request.session() == 0 && request.number() == 0;
    case body::Request::APPLY:
      return request.session() != 0 && request.number() != 0;
    case body::Request::READ:
    case body::Request::READ_STALE:
      return true;
    default:
      return false;
  }
}
}  // namespace

void ReplicaCore::Impl::on_request(const Message& message) {
  const body::Request& request = bodies_.request;
  if (!is_well_formed(request)) return answer(request, body::Reply::MALFORMED);
  if (message.body->size() > options_.request_bytes_max) return answer(request, body::Reply::TOO_LARGE);
  if (request.kind() == body::Request::READ_STALE) return on_stale_read();
  if (request.kind() == body::Request::READ) return on_read(message);
  on_operation(message);
}

// APPLY and REGISTER. Whether the session still exists is decided when the request is applied, not here: this
// table may be behind that of a newer leader.
void ReplicaCore::Impl::on_operation(const Message& message) {
  const body::Request& request = bodies_.request;
  if (!is_serving()) return refuse(request);
  const ClientTable::Session* known = clients_.find(request.client());
  if (known && !mutants_.has(Mutant::no_client_table)) {
    if (request.kind() == body::Request::REGISTER) {
      bodies_.request.set_session(known->session);
      return answer(request, body::Reply::OK);
    }
    if (known->session == request.session() && request.number() <= known->number) {
      if (request.number() == known->number) return answer(request, body::Reply::OK, known->result);
      return ignore(Ignored::duplicate);
    }
  }
  if (batcher_.in_pipeline(request.client(), request.number()) && !mutants_.has(Mutant::no_client_table)) {
    return ignore(Ignored::duplicate);
  }
  if (batcher_.is_full()) return answer(request, body::Reply::BUSY);
  batcher_.add({request.client(), request.session(), request.number(), request.kind(), now_, message.body});
}

void ReplicaCore::Impl::answer(const body::Request& request, body::Reply::Status status,
                               const std::string& result) {
  reply(request, status, is_leader() ? options_.index : kNoHint, result);
}

// With the leader as far as this replica knows it.
void ReplicaCore::Impl::refuse(const body::Request& request) {
  const bool knows = is_backup() && own_wish_ == 0;
  reply(request, body::Reply::NOT_LEADER, knows ? leader_of(view_) : kNoHint, {});
}

void ReplicaCore::Impl::reply(const body::Request& request, body::Reply::Status status, ReplicaIndex leader,
                              const std::string& result) {
  body::Reply reply;
  reply.set_client(request.client());
  reply.set_session(request.session());
  reply.set_number(request.number());
  reply.set_status(status);
  reply.set_kind(request.kind());
  reply.set_leader(leader);
  if (!result.empty()) reply.set_result(result);
  outbox_.reply(request.client(), message_of(MessageType::kReply, &reply));
}

// With nothing in flight all that waits goes at once; otherwise what fills a batch or has waited long enough.
void ReplicaCore::Impl::propose_what_is_due() {
  const bool in_flight = log_.end() != commit_;
  batcher_.observe(now_, in_flight);
  const bool everything = may_propose() && !in_flight && batcher_.is_due(now_);
  while (may_propose() && (everything || batcher_.is_due(now_))) propose();
}

bool ReplicaCore::Impl::may_propose() const {
  return own_wish_ == 0 && !batcher_.empty() && log_.end() - commit_ < options_.pipeline_ops_max;
}

void ReplicaCore::Impl::propose() {
  check(is_leader(), Invariant::one_proposer);
  last_time_us_ = std::max(last_time_us_, wall_us_);
  append_entry(view_, log_.end() + 1, batcher_.take(last_time_us_));
  const LogEntry& entry = log_.at(log_.end());
  tell_proposal(entry.op);
  outbox_.send(everyone_else(), prepare_of(entry), entry.batch->size() > options_.batch_bytes_max);
  heartbeat_at_ = now_ + options_.heartbeat_us;
  batcher_.observe(now_, true);
  count_own_vote();
}

}  // namespace bmc::paxos
