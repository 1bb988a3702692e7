// SPDX-License-Identifier: Apache-2.0
// Joining, leaving and switching; see members.h.
#include "apps/paxos/host/members.h"

#include <span>
#include <utility>

#include "apps/paxos/host/join_message.h"

namespace bmc::paxos::host {
namespace {

// Marked for ever: what asks for a broadcast is the address that a datagram is sent to.
bool mark(int socket, std::uint32_t group) {
  const std::uint32_t value = broadcast_mark(group);
  return ::setsockopt(socket, SOL_SOCKET, SO_MARK, &value, sizeof value) == 0;
}

}  // namespace

Result<Grant> Members::join(const Applicant& applicant) {
  const paxos_address& address = applicant.address();
  if (const auto found = all_.find(address); found != all_.end())
    return Error{EBUSY, "pid " + std::to_string(found->second.peer.pid) + " is replica " +
                            to_string(to_endpoint(address)) + " already: end it first"};
  auto map = maps_.find_or_make(address, applicant.peer.uid,
                                [this](const paxos_address& each) { return all_.contains(each); });
  if (!map) return std::move(map).error();
  (*map)->freeze();
  Member member{applicant.peer, applicant.request.wanted, std::nullopt};
  Grant grant{blank_reply(), {(*map)->group.get(), (*map)->doorbell.get()}};
  std::string text = shortcoming_(address);
  if ((member.wanted & PAXOS_OFFLOAD_BROADCAST) != 0 && !make_broadcast_group(applicant, member))
    text = "all " + std::to_string(BROADCAST_GROUPS_MAX) +
           " broadcast groups of this host are taken: this replica sends each message by itself";
  if (member.broadcast_group) {
    grant.reply.broadcast_group = *member.broadcast_group;
    grant.descriptors.push_back(reports_);
  }
  grant.reply.offloads = offloads_of(member);
  set_text(grant.reply, text);
  all_.emplace(address, member);
  enable_broadcasts(member);
  return grant;
}

bool Members::make_broadcast_group(const Applicant& applicant, Member& member) {
  const auto group = broadcasts_.allot();
  if (!group) return false;
  if (!mark(applicant.socket, *group)) {
    broadcasts_.release(*group);
    return false;
  }
  broadcasts_.write(*group, std::span(applicant.request.replica, applicant.request.replica_count),
                    applicant.address().port_be);
  member.broadcast_group = group;
  return true;
}

void Members::enable_broadcasts(const Member& member) {
  if (member.broadcast_group)
    broadcasts_.enable(*member.broadcast_group, (offloads_of(member) & PAXOS_OFFLOAD_BROADCAST) != 0);
}

void Members::leave(const paxos_address& address) {
  const auto found = all_.find(address);
  if (found == all_.end()) return;
  if (found->second.broadcast_group) broadcasts_.release(*found->second.broadcast_group);
  all_.erase(found);
  maps_.freeze(address);
}

std::uint32_t Members::offloads_of(const Member& member) const {
  const std::uint32_t possible =
      member.broadcast_group ? PAXOS_OFFLOADS_ALL : PAXOS_OFFLOADS_ALL & ~PAXOS_OFFLOAD_BROADCAST;
  return member.wanted & switches_ & possible;
}

void Members::set_switches(std::uint32_t offloads,
                           const std::function<void(const paxos_address&, std::uint32_t)>& tell) {
  const std::uint32_t before = std::exchange(switches_, offloads);
  std::vector<std::pair<paxos_address, std::uint32_t>> changed;
  for (const auto& [address, member] : all_) {
    enable_broadcasts(member);
    if ((member.wanted & (before ^ offloads)) != 0) changed.emplace_back(address, offloads_of(member));
  }
  for (const auto& [address, now] : changed) tell(address, now);  // which may end a membership
}

}  // namespace bmc::paxos::host
