// SPDX-License-Identifier: Apache-2.0
// Members: the replicas that have joined, what each was given, and the switches that hold for all of them.
// Owned by PaxosApp; the programs' memory behind them is GroupMaps' and BroadcastTable's.
#ifndef BMC_PAXOS_HOST_MEMBERS_H
#define BMC_PAXOS_HOST_MEMBERS_H

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "apps/paxos/host/address.h"
#include "apps/paxos/host/broadcast_table.h"
#include "apps/paxos/host/group_maps.h"
#include "apps/paxos/host/join_server.h"

namespace bmc::paxos::host {

struct Member {
  ucred peer = {};
  std::uint32_t wanted = 0;  // PAXOS_OFFLOAD_...
  std::optional<std::uint32_t> broadcast_group;
};

class Members : public Membership {
 public:
  // Says what a replica at this address cannot have, and what to do; empty: nothing is missing.
  using Shortcoming = std::function<std::string(const paxos_address&)>;

  // All outlive it. `reports`: descriptor of the map broadcast_reports.
  Members(GroupMaps& maps, BroadcastTable& broadcasts, int reports, Shortcoming shortcoming)
      : maps_(maps), broadcasts_(broadcasts), reports_(reports), shortcoming_(std::move(shortcoming)) {}

  // EBUSY while another process is a member at the address.
  Result<Grant> join(const Applicant& applicant) override;
  // The gates are frozen and the broadcast group is disabled when it returns.
  void leave(const paxos_address& address) override;

  // What is switched on: of every member, what it wants of that is on from now on. Whose it changes for, is
  // told.
  void set_switches(std::uint32_t offloads,
                    const std::function<void(const paxos_address&, std::uint32_t)>& tell);
  std::uint32_t switches() const { return switches_; }

  // Of those it wants.
  std::uint32_t offloads_of(const Member& member) const;
  const std::map<paxos_address, Member, AddressOrder>& all() const { return all_; }

 private:
  bool make_broadcast_group(const Applicant& applicant, Member& member);
  void enable_broadcasts(const Member& member);

  GroupMaps& maps_;
  BroadcastTable& broadcasts_;
  int reports_;
  Shortcoming shortcoming_;
  std::uint32_t switches_ = 0;
  std::map<paxos_address, Member, AddressOrder> all_;
};

}  // namespace bmc::paxos::host

#endif
