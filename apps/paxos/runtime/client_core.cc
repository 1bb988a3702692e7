// SPDX-License-Identifier: Apache-2.0
// Sessions and their requests.
//
// Why a session ends with every call that failed after it was sent: its number may be carried out later, so
// it cannot be used again, and the next number would be refused if it is not.
#include "apps/paxos/runtime/client_core.h"

#include <algorithm>
#include <utility>

namespace bmc::paxos::runtime {
namespace {

using body::Reply;
using body::Request;

constexpr std::uint32_t kNoHint = 255;

bool is_read(Request::Kind kind) { return kind == Request::READ || kind == Request::READ_STALE; }

}  // namespace

ClientCore::ClientCore(const ClientOptions& options, std::function<std::uint64_t()> draw)
    : options_(options), draw_(std::move(draw)) {}

void ClientCore::start(Micros now, Kind kind, std::string payload, internal::Completion done) {
  const auto refuse = [&](ErrorCode code, const std::string& why) { done(Error{code, why}); };
  if (closed_) return refuse(ErrorCode::shutting_down, "the client is closed");
  if (payload.size() > options_.request_bytes_max) {
    return refuse(ErrorCode::too_large, "the request has " + std::to_string(payload.size()) +
                                            " bytes; request_bytes_max is " +
                                            std::to_string(options_.request_bytes_max));
  }
  Call call{kind, std::move(payload), std::move(done), now + options_.deadline_ms * Micros{1000}};
  if (Slot* slot = slot_for(kind)) return assign(now, *slot, std::move(call));
  if (waiting_.size() < options_.calls_waiting_max) return waiting_.push_back(std::move(call));
  call.done(Error{ErrorCode::busy, std::to_string(waiting_.size()) +
                                       " calls are waiting in this client; ask again when some are done"});
}

// Reads leave the open sessions to the calls.
ClientCore::Slot* ClientCore::slot_for(Kind kind) {
  auto* first = &free_open_;
  auto* second = &free_closed_;
  if (is_read(kind)) std::swap(first, second);
  for (auto* free : {first, second}) {
    if (free->empty()) continue;
    Slot* slot = free->back();
    free->pop_back();
    return slot;
  }
  if (slots_.size() >= options_.sessions_max) return nullptr;
  Slot* slot = slots_.emplace_back(std::make_unique<Slot>()).get();
  forget_session(*slot);
  return slot;
}

void ClientCore::forget_session(Slot& slot) {
  by_client_.erase(slot.client);
  slot.client = draw_();
  slot.session = slot.last_number = slot.last_read = 0;
  by_client_.emplace(slot.client, &slot);
}

void ClientCore::assign(Micros now, Slot& slot, Call call) {
  busy_++;
  slot.call = std::move(call);
  slot.was_proposable = false;
  slot.refusal.reset();
  const bool needs_session = slot.call->kind == Request::APPLY && slot.session == 0;
  ask(now, slot, needs_session ? Request::REGISTER : slot.call->kind);
}

void ClientCore::ask(Micros now, Slot& slot, Kind kind) {
  slot.asked = kind;
  slot.number = 0;
  if (kind == Request::APPLY) slot.number = ++slot.last_number;
  if (is_read(kind)) slot.number = ++slot.last_read;

  Request request;
  request.set_client(slot.client);
  request.set_session(slot.session);
  request.set_number(slot.number);
  request.set_kind(kind);
  if (kind != Request::REGISTER) request.set_payload(std::move(slot.call->payload));
  slot.request = std::make_shared<const std::string>(request.SerializeAsString());
  slot.target = first_target(kind);
  slot.pause = options_.retransmit_ms * Micros{1000};
  slot.redirected = 0;
  if (kind == Request::APPLY) slot.was_proposable = true;
  send(now, slot);
}

ReplicaIndex ClientCore::first_target(Kind kind) const {
  if (is_read(kind) && options_.read_replica >= 0) return static_cast<ReplicaIndex>(options_.read_replica);
  return leader_;
}

ReplicaIndex ClientCore::after(ReplicaIndex replica) const {
  return static_cast<ReplicaIndex>((replica + 1u) % options_.replicas.size());
}

void ClientCore::send(Micros now, Slot& slot) {
  slot.resend_at = now + slot.pause;
  slot.believed_leader = leader_;
  Message message;
  message.type = MessageType::kRequest;
  message.body = slot.request;
  sends_.push_back({slot.target, std::move(message)});
}

// The same bytes, since the number must be the same; to another replica, since this one was silent: the one
// that others have found to lead meanwhile, or the next.
void ClientCore::resend(Micros now, Slot& slot) {
  retransmissions_++;
  slot.target = leader_ == slot.believed_leader ? after(slot.target) : leader_;
  slot.pause = std::min(2 * slot.pause, options_.retransmit_ms_max * Micros{1000});
  slot.redirected = 0;
  send(now, slot);
}

ClientCore::Slot* ClientCore::slot_asking(const Reply& reply) {
  const auto found = by_client_.find(reply.client());
  if (found == by_client_.end()) return nullptr;
  Slot& slot = *found->second;
  if (!slot.call || reply.kind() != slot.asked || reply.number() != slot.number) return nullptr;
  if (slot.asked == Request::APPLY && reply.session() != slot.session) return nullptr;
  return &slot;
}

void ClientCore::on_message(Micros now, ReplicaIndex from, const Message& message) {
  Reply reply;
  if (message.type != MessageType::kReply || !reply.ParseFromString(*message.body)) return;
  Slot* const slot = slot_asking(reply);
  if (slot == nullptr) return;  // answered before, or given up
  switch (reply.status()) {
    case Reply::OK:
      return on_ok(now, from, *slot, reply);
    case Reply::NOT_LEADER:
      return on_not_leader(now, from, *slot, reply.leader());
    case Reply::BUSY:  // asked again after the pause
      slot->refusal = Error{ErrorCode::busy, "the cluster has too much waiting; ask again later"};
      return;
    case Reply::SESSION_EVICTED:
      if (slot->asked != Request::APPLY) return;
      return fail(
          now, *slot, ErrorCode::session_evicted,
          "the cluster forgot this session for newer ones; sessions_max of the replicas is too small");
    case Reply::TOO_LARGE:
      return fail(now, *slot, ErrorCode::too_large, "the request is larger than the cluster takes");
    case Reply::MALFORMED:
      return fail(now, *slot, ErrorCode::incompatible, "the replica did not understand the request");
    default:
      return;  // of a later version: the others may answer something that we know
  }
}

void ClientCore::on_ok(Micros now, ReplicaIndex from, Slot& slot, Reply& reply) {
  if (!is_read(slot.asked)) leader_ = from;
  if (slot.asked != Request::REGISTER) return complete(now, slot, std::move(*reply.mutable_result()));
  sessions_opened_++;
  slot.session = reply.session();
  ask(now, slot, Request::APPLY);
}

// A hint is followed at once, but not for ever: two replicas may each take the other for the leader.
void ClientCore::on_not_leader(Micros now, ReplicaIndex from, Slot& slot, std::uint32_t hint) {
  if (from != slot.target) return;  // of an earlier time
  redirections_++;
  const bool is_hint = hint != kNoHint && hint < options_.replicas.size() && hint != from;
  slot.refusal = Error{ErrorCode::not_leader, "replica " + std::to_string(from) + " does not lead"};
  if (!is_hint) {
    slot.refusal->what += " and knows no leader; is a majority of the replicas up?";
    slot.pause = options_.retransmit_ms * Micros{1000};  // a new leader is to be found soon
    slot.resend_at = std::min(slot.resend_at, now + slot.pause);
    return;
  }
  slot.refusal->leader = static_cast<std::uint8_t>(hint);
  leader_ = static_cast<ReplicaIndex>(hint);
  if (slot.redirected++ >= options_.replicas.size()) return;
  slot.target = leader_;
  send(now, slot);
}

void ClientCore::complete(Micros now, Slot& slot, Result<std::string> result) {
  internal::Completion done = std::move(slot.call->done);
  slot.call.reset();
  slot.request.reset();
  busy_--;
  (slot.session != 0 ? free_open_ : free_closed_).push_back(&slot);
  done(std::move(result));
  if (waiting_.empty() || closed_) return;
  Call next = std::move(waiting_.front());
  waiting_.pop_front();
  assign(now, *slot_for(next.kind), std::move(next));
}

void ClientCore::fail(Micros now, Slot& slot, ErrorCode code, const std::string& why) {
  if (!is_read(slot.asked)) forget_session(slot);
  Error error{code, why};
  if (code == ErrorCode::not_leader && slot.refusal) error.leader = slot.refusal->leader;
  complete(now, slot, std::move(error));
}

void ClientCore::time_out(Micros now, Slot& slot) {
  const std::string late = "no answer within " + std::to_string(options_.deadline_ms) + " ms";
  if (slot.was_proposable) {
    return fail(now, slot, ErrorCode::unknown_outcome,
                late + "; the operation may have been carried out, or may yet be");
  }
  if (slot.refusal) return fail(now, slot, slot.refusal->code, late + ": " + slot.refusal->what);
  fail(now, slot, ErrorCode::timed_out, late + " from any replica; are they up and reachable over UDP?");
}

void ClientCore::on_tick(Micros now) {
  while (!waiting_.empty() && waiting_.front().deadline <= now) {
    waiting_.front().done(Error{ErrorCode::timed_out, "all sessions of this client were busy for " +
                                                          std::to_string(options_.deadline_ms) + " ms"});
    waiting_.pop_front();
  }
  for (const auto& slot : slots_) {  // none is added: what waits takes the place of what ends
    if (!slot->call) continue;
    if (slot->call->deadline <= now) {
      time_out(now, *slot);
    } else if (slot->resend_at <= now) {
      resend(now, *slot);
    }
  }
}

void ClientCore::close() {
  closed_ = true;
  for (Call& call : waiting_) call.done(Error{ErrorCode::shutting_down, "the client was closed"});
  waiting_.clear();
  for (const auto& slot : slots_) {
    if (!slot->call) continue;
    const bool unknown = slot->was_proposable;
    fail(0, *slot, unknown ? ErrorCode::unknown_outcome : ErrorCode::shutting_down,
         unknown ? "the client was closed before the answer came" : "the client was closed");
  }
}

}  // namespace bmc::paxos::runtime
