// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/wire_checker.h"

#include <algorithm>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/chain.h"
#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {

// A replica that is normal in a newer view has that view's log: what it acknowledged before and is not in
// there was committed nowhere, and never will be. One that was recovering has got back all that it
// acknowledged.
void WireChecker::observe(const Observation& seen) {
  Words& said = said_[seen.replica];
  const CoreView& after = seen.after;
  note_views(seen);
  if (after.status != Status::kNormal) return;
  const bool has_recovered = !seen.first && seen.before.status == Status::kRecovering;
  if (has_recovered &&
      (after.view < said.acked_view || (after.view == said.acked_view && after.op < said.acked_op))) {
    verdict_.fail("recovery brings back all that was acknowledged",
                  say(replica_name(seen.replica), " acknowledged op ", said.acked_op, " in view ",
                      said.acked_view, "; it has recovered in view ", after.view, " with op ", after.op));
  }
  if (after.view <= said.acked_view) return;
  said.acked_view = 0;
  said.acked_op = 0;
  said.acked_chain = 0;
}

// What the kernel accepted before a view was left is in the log with which it was left, and so in every vote.
void WireChecker::note_views(const Observation& seen) {
  Words& said = said_[seen.replica];
  const CoreView& after = seen.after;
  const bool leaves = !seen.first && seen.before.status == Status::kNormal && after.view > seen.before.view;
  if (leaves) said.left[seen.before.view] = after.status == Status::kViewChange ? after.op : ~Op{0};
  said.incarnation = after.incarnation;
  said.own_view = after.view;
}

bool WireChecker::on_acknowledged_by_kernel(ReplicaIndex replica, const Message& message) {
  Words& said = said_[replica];
  if (message.sender != replica) {
    verdict_.fail("sender", say(replica_name(replica), "'s kernel sends as ", unsigned{message.sender}));
  }
  if (message.incarnation != said.incarnation) return false;
  if (message.view >= said.own_view) {
    const auto proposed = proposals_.find(mix(message.view, message.op));
    note_acknowledgement(said, message, proposed == proposals_.end() ? 0 : proposed->second.chain);
    return true;
  }
  const auto left = said.left.find(message.view);
  if (left == said.left.end() || message.op > left->second) {
    verdict_.fail("no acknowledgement after the promise",
                  say(replica_name(replica), "'s kernel acknowledges op ", message.op, " of view ",
                      message.view, ", which it left with op ", left == said.left.end() ? 0 : left->second));
  }
  return true;
}

void WireChecker::note_acknowledgement(Words& said, const Message& message, Chain chain) {
  if (message.view <= said.acked_view && message.op <= said.acked_op) return;
  said.acked_view = message.view;
  said.acked_op = message.op;
  said.acked_chain = chain;
}

void WireChecker::on_sent(const Observation& seen, const Message& message) {
  Words& said = said_[seen.replica];
  if (message.sender != seen.replica) {
    verdict_.fail("sender", say(replica_name(seen.replica), " sends as ", unsigned{message.sender}));
    return;
  }
  if (is_question(message.type)) return;
  if (message.view < said.view) {
    verdict_.fail("the view on the wire never goes back",
                  say(replica_name(seen.replica), " sent view ", said.view, ", now ", message.view, " (type ",
                      static_cast<unsigned>(message.type), ")"));
  }
  said.view = std::max(said.view, message.view);
  switch (message.type) {
    case MessageType::kPrepare:
      check_leader(message);
      check_one_log(message, message.op - 1);
      return check_proposal(message);
    case MessageType::kStartView:
      check_leader(message);
      return check_one_log(message, message.op);
    case MessageType::kCommit:
      check_leader(message);
      return check_one_log(message, message.commit);
    case MessageType::kPrepareOk:
      check_one_log(message, message.op);
      return check_acknowledgement(seen, message);
    case MessageType::kDoViewChange:
      return check_promise(seen, message);
    case MessageType::kCheckpoint:
      return check_checkpoint(message);
    default:
      return;
  }
}

void WireChecker::check_leader(const Message& message) {
  if (message.view % replica_count_ == message.sender) return;
  verdict_.fail("only the leader of a view leads it",
                say(replica_name(message.sender), " sends type ", static_cast<unsigned>(message.type),
                    " in view ", message.view));
}

// `message.chain` is that of entry `op` in the log of the view.
void WireChecker::check_one_log(const Message& message, Op op) {
  if (logs_.try_emplace(mix(message.view, op), message.chain).first->second == message.chain) return;
  verdict_.fail("one log per view",
                say(replica_name(message.sender), " has another entry at op ", op, " of view ", message.view,
                    " than was told before (type ", static_cast<unsigned>(message.type), ")"));
}

void WireChecker::check_proposal(const Message& message) {
  const Proposal proposal{message.chain, hash_bytes(message.body->data(), message.body->size()),
                          chain_of(message.chain, message.op, message.view, *message.body)};
  const auto [at, is_new] = proposals_.try_emplace(mix(message.view, message.op), proposal);
  if (is_new ||
      (at->second.chain_before == proposal.chain_before && at->second.body_hash == proposal.body_hash)) {
    return;
  }
  verdict_.fail("one proposal per view and op",
                say(replica_name(message.sender), " proposes another entry for op ", message.op, " in view ",
                    message.view));
}

void WireChecker::check_acknowledgement(const Observation& seen, const Message& message) {
  Words& said = said_[seen.replica];
  if (message.view < said.promised) {
    verdict_.fail("no acknowledgement after the promise",
                  say(replica_name(seen.replica), " acknowledges op ", message.op, " of view ", message.view,
                      " after DO_VIEW_CHANGE for view ", said.promised));
  }
  const LogEntry* entry = seen.log.entry(message.op);
  if (message.op > seen.after.op || (entry != nullptr && entry->chain != message.chain)) {
    verdict_.fail(
        "what is acknowledged is in the log",
        say(replica_name(seen.replica), " acknowledges op ", message.op, " of view ", message.view,
            ", its log ends at ", seen.after.op, entry == nullptr ? "" : " and has another entry there"));
  }
  note_acknowledgement(said, message, message.chain);
}

void WireChecker::check_promise(const Observation& seen, const Message& message) {
  body::DoViewChange body;
  if (!body.ParseFromString(*message.body)) {
    verdict_.fail("bodies parse", say(replica_name(seen.replica), " sends a DO_VIEW_CHANGE that is none"));
    return;
  }
  Words& said = said_[seen.replica];
  said.promised = std::max(said.promised, message.view);
  const LogEntry* entry = seen.log.entry(said.acked_op);
  const bool same_view = body.log_view() == said.acked_view;
  if (body.log_view() < said.acked_view || (same_view && message.op < said.acked_op) ||
      (same_view && entry != nullptr && said.acked_chain != 0 && entry->chain != said.acked_chain)) {
    verdict_.fail("DO_VIEW_CHANGE holds all that was acknowledged",
                  say(replica_name(seen.replica), " acknowledged op ", said.acked_op, " in view ",
                      said.acked_view, "; its DO_VIEW_CHANGE for view ", message.view, " says op ",
                      message.op, " of log_view ", body.log_view()));
  }
}

void WireChecker::check_checkpoint(const Message& message) {
  body::CheckpointChunk body;
  if (!body.ParseFromString(*message.body)) {
    verdict_.fail("bodies parse", say(replica_name(message.sender), " sends a CHECKPOINT that is none"));
    return;
  }
  if (body.total() == 0) return;  // none here
  const std::uint64_t whole = mix(body.hash(), body.total());
  if (checkpoints_.try_emplace(message.op, whole).first->second == whole) return;
  verdict_.fail("identical checkpoints", say(replica_name(message.sender), " sends another checkpoint of op ",
                                             message.op, " than others"));
}

}  // namespace bmc::paxos::sim
