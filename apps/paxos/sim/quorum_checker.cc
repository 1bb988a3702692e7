// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/quorum_checker.h"

#include <algorithm>

#include "apps/paxos/core/bodies.pb.h"

namespace bmc::paxos::sim {
namespace {

View wish_of(const Message& message) {
  if (message.type != MessageType::kStartViewChange) return message.view;
  body::StartViewChange body;
  return body.ParseFromString(*message.body) ? std::max(message.view, body.wished_view()) : message.view;
}

}  // namespace

void QuorumChecker::on_start(ReplicaIndex replica, Micros now) {
  sides_[replica] = Side{};
  sides_[replica].leads_since = now;
}

void QuorumChecker::on_sent(ReplicaIndex from, const Message& message) {
  sides_[from].own_wish = std::max(sides_[from].own_wish, wish_of(message));
}

void QuorumChecker::on_delivered(ReplicaIndex to, Micros now, const Message& message) {
  if (message.sender >= options_.replica_count || message.sender == to) return;
  Side& side = sides_[to];
  Peer& peer = side.peers[message.sender];
  peer.incarnation = std::max(peer.incarnation, message.incarnation);
  if (message.type != MessageType::kRecovery) peer.wish = std::max(peer.wish, wish_of(message));
  side.highest_view = std::max(side.highest_view, message.view);
  if (message.view >= peer.heard_view) {
    peer.heard_view = message.view;
    peer.heard_at = now;
  }
  const bool from_leader = message.view == side.view &&
                           message.view % options_.replica_count == message.sender &&
                           message.incarnation == peer.incarnation;
  if (from_leader && (message.type == MessageType::kCommit || message.type == MessageType::kPrepare)) {
    side.leader_heard = true;
    side.leader_heard_at = now;
  }
  if (message.type != MessageType::kPrepareOk) return;
  if (options_.durability == Durability::kWal && message.ack_level != PAXOS_ACK_DURABLE) return;
  const bool is_newer = message.incarnation != peer.ack_incarnation
                            ? message.incarnation > peer.ack_incarnation
                            : message.view > peer.ack_view;
  if (is_newer) {
    peer.ack_incarnation = message.incarnation;
    peer.ack_view = message.view;
    peer.ack_op = message.op;
  } else if (message.incarnation == peer.ack_incarnation && message.view == peer.ack_view) {
    peer.ack_op = std::max(peer.ack_op, message.op);
  }
}

void QuorumChecker::observe(const Observation& seen, Op committed, Op durable) {
  Side& side = sides_[seen.replica];
  side.view = seen.after.view;
  if (!seen.after.is_leader || seen.first || !seen.before.is_leader || seen.before.view != seen.after.view) {
    side.leads_since = seen.now;
  }
  check_commit(seen, committed, durable);
  if (!seen.first && seen.after.view > seen.before.view) {
    check_view(seen);
    side.leader_heard = true;
    side.leader_heard_at = seen.now;
  }
}

void QuorumChecker::check_commit(const Observation& seen, Op committed, Op durable) {
  const Op commit = seen.after.commit;
  if (commit <= committed) return;
  if (!seen.after.is_leader) {
    verdict_.fail("a commit has a quorum",
                  say(replica_name(seen.replica), " takes op ", commit, " for committed in view ",
                      seen.after.view, ", which no leader has done"));
    return;
  }
  const Op own = options_.durability == Durability::kWal ? durable : seen.after.op;
  unsigned votes = own >= commit ? 1 : 0;
  for (const Peer& peer : sides_[seen.replica].peers) {
    votes += peer.ack_view == seen.after.view && peer.ack_op >= commit && peer.ack_incarnation != 0 &&
             peer.ack_incarnation == peer.incarnation;
  }
  if (votes >= options_.quorum()) return;
  verdict_.fail("a commit has a quorum",
                say(replica_name(seen.replica), " commits op ", commit, " in view ", seen.after.view,
                    " with ", votes, " of ", unsigned{options_.quorum()}, " acknowledgements"));
}

void QuorumChecker::check_view(const Observation& seen) {
  const Side& side = sides_[seen.replica];
  const View view = seen.after.view;
  // A replica that is in the view, or whose disk names it, has had a quorum's wishes. One that leads a view
  // goes on to the next one that it leads where a recovering replica asks for it.
  if (view <= side.highest_view + options_.replica_count && side.highest_view > seen.before.view) return;
  unsigned wishes = 0;
  for (const Peer& peer : side.peers) wishes += peer.wish >= view;
  const bool own = side.own_wish >= view || !side.leader_heard || seen.before.is_leader ||
                   seen.now - side.leader_heard_at >= options_.leader_timeout_us;
  wishes += own;
  if (wishes >= options_.quorum()) return;
  verdict_.fail("a view is entered with a quorum",
                say(replica_name(seen.replica), " went from view ", seen.before.view, " to ", view, " with ",
                    wishes, " of ", unsigned{options_.quorum()}, " wishes"));
}

void QuorumChecker::observe_tick(const Observation& seen) {
  if (!seen.after.is_serving) return;
  const Side& side = sides_[seen.replica];
  const Micros window = options_.quorum_timeout_us + options_.heartbeat_us;
  if (seen.now - side.leads_since <= window) return;
  unsigned heard = 1;
  for (const Peer& peer : side.peers) {
    heard += peer.heard_at != 0 && peer.heard_view == seen.after.view && seen.now - peer.heard_at <= window;
  }
  if (heard >= options_.quorum()) return;
  verdict_.fail("a leader that serves hears a quorum",
                say(replica_name(seen.replica), " serves in view ", seen.after.view, " and has heard ", heard,
                    " of ", unsigned{options_.quorum()}, " replicas, itself included"));
}

}  // namespace bmc::paxos::sim
