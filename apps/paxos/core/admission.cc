// SPDX-License-Identifier: Apache-2.0
// Who may say what when: every message that is not acted upon is turned away here, with its reason; handlers
// assert the rest. Three steps: unreadable (whatever the state), meet (what any message tells of its sender:
// it may draw this replica into a newer view), unwanted (in the state it finds).
#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
bool parse(google::protobuf::MessageLite& body, const Message& message) {
  return body.ParseFromString(*message.body);
}
}  // namespace

std::optional<Ignored> ReplicaCore::Impl::unreadable(const Message& message) {
  const bool from_client = message.type == MessageType::kRequest;
  if (message.type == MessageType::kReply) return Ignored::not_for_replicas;
  if (from_client != (message.sender == PAXOS_SENDER_CLIENT)) return Ignored::unknown_sender;
  if (!from_client && (message.sender >= options_.replica_count || message.sender == options_.index)) {
    return Ignored::unknown_sender;
  }
  bool readable = true;
  switch (message.type) {
    case MessageType::kRequest:
      readable = parse(bodies_.request, message);
      break;
    case MessageType::kPrepare:
      readable = !message.body->empty() && message.op > 0;
      break;
    case MessageType::kStartViewChange:
      readable = parse(bodies_.wish, message);
      break;
    case MessageType::kDoViewChange:
      readable = parse(bodies_.do_view_change, message) && bodies_.do_view_change.log_view() <= message.view;
      break;
    case MessageType::kGetState:
      readable = parse(bodies_.get_state, message) && bodies_.get_state.up_to() > message.op;
      break;
    case MessageType::kNewState:
      readable = parse(bodies_.new_state, message);
      break;
    case MessageType::kRecoveryResponse:
      readable = parse(bodies_.recovery_response, message);
      break;
    case MessageType::kGetCheckpoint:
      readable = parse(bodies_.get_checkpoint, message);
      break;
    case MessageType::kCheckpoint:
      readable = parse(bodies_.chunk, message) && message.op > 0 && !bodies_.chunk.data().empty() &&
                 bodies_.chunk.offset() + bodies_.chunk.data().size() <= bodies_.chunk.total();
      break;
    default:
      break;
  }
  return readable ? std::nullopt : std::optional(Ignored::malformed_body);
}

// A header.view above one's own is a view its sender has entered, with a quorum behind it: so one follows.
std::optional<Ignored> ReplicaCore::Impl::meet(const Message& message) {
  if (message.type == MessageType::kRequest) return std::nullopt;
  Peer& peer = peers_[message.sender];
  if (message.incarnation < peer.incarnation) return Ignored::old_incarnation;
  if (message.incarnation > peer.incarnation) {
    if (!mutants_.has(Mutant::fence_knows_old_lives)) take_back_acceptance();  // armed with the old one
    if (peer.incarnation != 0) {
      peer.acked = 0;
      votes_[message.sender].reset();  // what it told may be lost; it will tell anew
    }
    peer.incarnation = message.incarnation;
  }
  if (status_ == Status::kRecovering) return std::nullopt;
  if (message.type == MessageType::kStartViewChange) {
    peer.wish = bodies_.wish.wished_view();
    peer.wished = now_;
  }
  if (message.view > view_) {
    // A replica that recovers cannot lead the view it was in; the next one's leader can.
    const bool cannot_lead =
        message.type == MessageType::kRecovery && leader_of(message.view) == message.sender;
    enter_view(cannot_lead ? message.view + 1 : message.view);
  }
  const bool is_answer = message.type == MessageType::kPrepareOk || message.type == MessageType::kPong;
  if (is_answer && message.view == view_) peer.heard = now_;
  if (is_from_leader(message)) hear_leader(message);
  if (is_from_leader(message) && message.type == MessageType::kPrepare) take_back_acceptance();
  if (message.type == MessageType::kStartViewChange) follow_wishes();
  return std::nullopt;
}

// PREPARE_OK: whether it speaks of this log. A program does not know the chain of what it accepted: it
// repeats what the PREPARE said, the chain of the entry before, or in a repeated answer says nothing. In one
// view that is enough: nobody but this leader told it an entry of the view.
bool ReplicaCore::Impl::is_agreed(const Message& message) const {
  if (!(message.flags & PAXOS_FLAG_KERNEL_ACK_OK)) {
    return message.op < log_.begin() || log_.agrees(message.op, message.chain);
  }
  return message.chain == 0 || message.op <= log_.begin() || log_.agrees(message.op - 1, message.chain);
}

// What only the normal leader of this replica's view sends.
bool ReplicaCore::Impl::is_from_leader(const Message& message) const {
  const bool leading = message.type == MessageType::kPrepare || message.type == MessageType::kCommit ||
                       message.type == MessageType::kStartView;
  return leading && message.view == view_ && message.sender == leader_of(view_);
}

std::optional<Ignored> ReplicaCore::Impl::unwanted(const Message& message) {
  if (message.type == MessageType::kRequest) return std::nullopt;
  if (status_ == Status::kRecovering) {
    if (auto reason = unwanted_while_recovering(message)) return reason;
  }
  switch (message.type) {
    case MessageType::kPrepare:
    case MessageType::kCommit:
      return unwanted_prepare(message);
    case MessageType::kPrepareOk:
      return unwanted_prepare_ok(message);
    case MessageType::kStartViewChange:
    case MessageType::kDoViewChange:
    case MessageType::kStartView:
      return unwanted_view_change(message);
    case MessageType::kGetState:
    case MessageType::kNewState:
    case MessageType::kGetCheckpoint:
    case MessageType::kCheckpoint:
      return unwanted_transfer(message);
    case MessageType::kRecovery:
    case MessageType::kRecoveryResponse:
    case MessageType::kPong:
    case MessageType::kReadIndex:
    case MessageType::kReadIndexReply:
      return unwanted_answer(message);
    default:
      return std::nullopt;
  }
}

std::optional<Ignored> ReplicaCore::Impl::unwanted_while_recovering(const Message& message) const {
  switch (message.type) {
    case MessageType::kRecoveryResponse:
    case MessageType::kNewState:
    case MessageType::kCheckpoint:
      return std::nullopt;
    default:
      return Ignored::recovering;
  }
}

// Mutant::acks_after_promise: the old leader's PREPAREs, in the midst of a view change.
bool ReplicaCore::Impl::is_promise_breaker(const Message& message) const {
  return mutants_.has(Mutant::acks_after_promise) && status_ == Status::kViewChange &&
         message.type == MessageType::kPrepare && message.view == log_view_ &&
         message.sender == leader_of(log_view_) && message.op <= log_.end() + 1;
}

// PREPARE and COMMIT.
std::optional<Ignored> ReplicaCore::Impl::unwanted_prepare(const Message& message) const {
  if (is_promise_breaker(message)) return std::nullopt;
  if (message.view < view_) return Ignored::old_view;
  if (message.sender != leader_of(view_)) return Ignored::not_from_leader;
  if (status_ != Status::kNormal) return Ignored::not_normal;
  if (message.type == MessageType::kCommit) {
    const bool differs = log_.has(message.commit) && log_.chain_at(message.commit) != message.chain;
    return differs ? std::optional(Ignored::chain_mismatch) : std::nullopt;
  }
  if (mutants_.has(Mutant::append_over_gap)) return std::nullopt;
  if (message.op <= log_.end() && mutants_.has(Mutant::resend_swallowed)) return Ignored::duplicate;
  if (message.op > log_.end() + options_.pipeline_ops_max && !mutants_.has(Mutant::ack_before_append)) {
    return Ignored::out_of_window;
  }
  if (message.op == log_.end() + 1 && message.chain != log_.chain_at(log_.end()))
    return Ignored::chain_mismatch;
  return std::nullopt;
}

std::optional<Ignored> ReplicaCore::Impl::unwanted_prepare_ok(const Message& message) const {
  const auto wanted = options_.durability == Durability::kWal ? PAXOS_ACK_DURABLE : PAXOS_ACK_MEMORY;
  if (message.view < view_) return Ignored::old_view;
  if (status_ != Status::kNormal) return Ignored::not_normal;
  if (!is_leader()) return Ignored::not_leader;
  if (message.ack_level < wanted) return Ignored::low_ack_level;
  if (message.op > log_.end()) return Ignored::impossible_op;
  if (!is_agreed(message)) return Ignored::chain_mismatch;
  if (message.op <= peers_[message.sender].acked) return Ignored::duplicate;
  return std::nullopt;
}

std::optional<Ignored> ReplicaCore::Impl::unwanted_view_change(const Message& message) const {
  if (message.type == MessageType::kStartViewChange) {
    if (bodies_.wish.wished_view() <= view_) return Ignored::old_view;
    return status_ == Status::kNormal && own_wish_ == 0 ? std::optional(Ignored::leader_is_heard)
                                                        : std::nullopt;
  }
  if (message.view < view_) return Ignored::old_view;
  if (message.type == MessageType::kDoViewChange) {
    if (leader_of(view_) != options_.index) return Ignored::not_leader_of_view;
    return led_before() ? std::optional(Ignored::led_before) : std::nullopt;
  }
  if (message.sender != leader_of(view_)) return Ignored::not_from_leader;
  if (status_ == Status::kNormal && !mutants_.has(Mutant::start_view_installed_again))
    return Ignored::duplicate;
  return std::nullopt;
}

std::optional<Ignored> ReplicaCore::Impl::unwanted_transfer(const Message& message) {
  if (message.type == MessageType::kGetCheckpoint) {
    return checkpoint_.bytes ? std::nullopt : std::optional(Ignored::no_checkpoint);
  }
  if (message.type == MessageType::kGetState) {
    if (message.view < view_) return Ignored::old_view;
    return message.op >= log_.end() ? std::optional(Ignored::nothing_newer) : std::nullopt;
  }
  const bool is_answer =
      transfer_.is_active() && message.sender == transfer_.source && message.echo == transfer_.echo;
  if (!is_answer) return Ignored::stale_answer;
  if (message.view < view_) return Ignored::old_view;
  if (message.type == MessageType::kCheckpoint) {
    const bool goes_on = message.op == transfer_.download.op &&
                         bodies_.chunk.total() == transfer_.download.total &&
                         bodies_.chunk.hash() == transfer_.download.hash &&
                         bodies_.chunk.offset() == transfer_.download.bytes.size();
    return goes_on || bodies_.chunk.offset() == 0 ? std::nullopt : std::optional(Ignored::stale_answer);
  }
  return take_entries(message) ? std::nullopt : std::optional(Ignored::chain_mismatch);
}

// RECOVERY and the answers to questions of other kinds.
std::optional<Ignored> ReplicaCore::Impl::unwanted_answer(const Message& message) const {
  if (message.type == MessageType::kRecoveryResponse) {
    if (status_ != Status::kRecovering) return Ignored::not_recovering;
    const std::optional<Vote>& known = votes_[message.sender];
    const bool is_overtaken = known && known->view > message.view;
    const bool is_stale = message.echo != incarnation_ && !mutants_.has(Mutant::stale_recovery_answer);
    return is_stale || is_overtaken ? std::optional(Ignored::stale_answer) : std::nullopt;
  }
  if (message.type == MessageType::kRecovery) {
    return status_ != Status::kNormal ? std::optional(Ignored::not_normal) : std::nullopt;
  }
  if (message.view < view_) return Ignored::old_view;
  if (status_ != Status::kNormal) return Ignored::not_normal;
  if (message.type == MessageType::kReadIndexReply) {
    if (message.sender != leader_of(view_)) return Ignored::not_from_leader;
    const bool is_answer = reads_.is_asking && message.echo == reads_.echo && message.chain == incarnation_;
    return is_answer ? std::nullopt : std::optional(Ignored::stale_answer);
  }
  if (!is_leader()) return Ignored::not_leader;
  if (message.type == MessageType::kPong) {
    return reads_.is_asking && message.echo == reads_.echo ? std::nullopt
                                                           : std::optional(Ignored::stale_answer);
  }
  if (!is_serving()) return Ignored::not_leader;
  const bool is_asked = reads_.remote_asked.has(message.sender, message.incarnation, message.echo);
  return is_asked ? std::optional(Ignored::duplicate) : std::nullopt;
}

}  // namespace bmc::paxos
