// SPDX-License-Identifier: Apache-2.0
// What a replica tells of itself.
#include "apps/paxos/runtime/node.h"

namespace bmc::paxos {

std::string_view name_of(ReplicaStatus::Role role) {
  switch (role) {
    case ReplicaStatus::Role::leader:
      return "leader";
    case ReplicaStatus::Role::cut_off:
      return "cut_off";
    case ReplicaStatus::Role::backup:
      return "backup";
    case ReplicaStatus::Role::view_change:
      return "view_change";
    case ReplicaStatus::Role::recovering:
      return "recovering";
  }
  std::abort();
}

namespace runtime {
namespace {

ReplicaStatus::Role role_of(const CoreView& core) {
  if (core.status == Status::kRecovering) return ReplicaStatus::Role::recovering;
  if (core.status == Status::kViewChange) return ReplicaStatus::Role::view_change;
  if (!core.is_leader) return ReplicaStatus::Role::backup;
  return core.is_serving ? ReplicaStatus::Role::leader : ReplicaStatus::Role::cut_off;
}

}  // namespace

ReplicaStatus Node::look() const {
  const CoreView core = core_->look();
  ReplicaStatus status;
  status.role = role_of(core);
  status.view = core.view;
  status.leader = core.leader;
  status.incarnation = core.incarnation;
  status.log_begin = core.log_begin;
  status.op = core.op;
  status.stored = core.stored;
  status.commit = core.commit;
  status.applied = core.applied;
  status.checkpoint = core.checkpoint;
  status.sessions = core.sessions;
  status.requests_waiting = core.requests_waiting;
  status.reads_waiting = core.reads_waiting;
  if (kernel_) status.kernel = kernel_->help();
  if (udp_) status.kernel.broadcast = udp_->broadcasts();
  return status;
}

std::vector<Counter> Node::count() const {
  const UdpCounters udp = udp_ ? udp_->counters() : UdpCounters{};
  const fastpath::BroadcastCounters broadcast =
      udp_ ? udp_->broadcast_counters() : fastpath::BroadcastCounters{};
  const BulkCounters bulk = bulk_ ? bulk_->counters() : BulkCounters{};
  const StorageThread::Counters storage = storage_->counters();
  std::vector<Counter> all = {
      {"datagrams", "received", "UDP datagrams", udp.received},
      {"datagrams", "sent", "UDP datagrams", udp.sent},
      {"broadcasts", "taken", "Messages to many handed to the kernel's broadcast program",
       broadcast.broadcasts},
      {"broadcasts", "unanswered", "Messages to many handed to the kernel's broadcast program",
       broadcast.unanswered},
      {"broadcasts", "refused", "Messages to many handed to the kernel's broadcast program",
       broadcast.refused},
      {"broadcast_copies", "sent", "Recipients of broadcasts", broadcast.copies},
      {"broadcast_copies", "undelivered", "Recipients of broadcasts", broadcast.undelivered},
      {"bulk_messages", "received", "Messages over TCP", bulk.received},
      {"bulk_messages", "sent", "Messages over TCP", bulk.sent},
      {"send_dropped", "datagram", "Not sent: a queue was full or the kernel refused", udp.send_dropped},
      {"send_dropped", "bulk", "Not sent: a queue was full or the kernel refused", bulk.send_dropped},
      {"send_dropped", "no_route", "Not sent: a queue was full or the kernel refused", counters_.unroutable},
      {"bulk_connections", "refused", "TCP connections closed by this replica", bulk.connections_refused},
      {"bulk_connections", "malformed", "TCP connections closed by this replica", bulk.connections_malformed},
      {"storage_writes", "", "Writes to the disk, each with one sync", storage.writes},
      {"storage_stores", "", "What was written, in the core's units", storage.stores},
  };
  if (kernel_) kernel_->count(all);
  constexpr std::string_view kRefused = "Received, but no message for this replica";
  all.push_back({"refused", "not_allowed", kRefused, counters_.not_allowed});
  all.push_back({"refused", "bad_fragment", kRefused, udp.fragments_refused});
  all.push_back({"refused", "missing_fragments", kRefused, udp.reassembly_given_up});
  for (std::size_t i = 0; i < kRefusals; i++) {
    all.push_back({"refused", name_of(static_cast<Refusal>(i)), kRefused, counters_.refused[i]});
  }
  for (std::size_t i = 0; i < kIgnoredReasons; i++) {
    all.push_back({"ignored", name_of(static_cast<Ignored>(i)), "Messages that were not acted upon",
                   core_->ignored()[i]});
  }
  return all;
}

}  // namespace runtime
}  // namespace bmc::paxos
