// SPDX-License-Identifier: Apache-2.0
// GroupMaps: the memory of every replica address of this host, and its doorbell: made, pinned, found again,
// and put where the programs look. Owned by PaxosApp.
#ifndef BMC_PAXOS_HOST_GROUP_MAPS_H
#define BMC_PAXOS_HOST_GROUP_MAPS_H

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apps/paxos/abi/fast_abi.h"
#include "apps/paxos/host/address.h"
#include "control-plane/fd.h"
#include "control-plane/mapped_array.h"
#include "control-plane/pins.h"
#include "control-plane/port_grant.h"
#include "control-plane/result.h"

namespace bmc::paxos::host {

// One replica's, the same through the lives of its processes and of bmcd, but never of two users': who has
// had it may have it mapped for ever.
struct GroupMap {
  uid_t uid = 0;  // whose processes have it
  Fd group;
  Fd doorbell;
  MappedArray<paxos_group> memory;
  std::uint64_t last_used = 0;  // by the count of find_or_make(); 0: not in this life of bmcd

  paxos_cells& cells() { return memory[0].cells; }
  const paxos_cells& cells() const { return memory[0].cells; }
  // Takes ARMED away from both gates: from now on the programs decide nothing of this replica.
  void freeze();
};

class GroupMaps {
 public:
  // Descriptors of the maps `paxos_groups` and `paxos_doorbells`, lent for its life. `pins` outlives it.
  GroupMaps(const Pins& pins, int groups, int doorbells)
      : pins_(pins), groups_fd_(groups), doorbells_fd_(doorbells) {}

  // Takes over what an earlier bmcd pinned, all of it frozen, and still allowed to its user; or, if the maps
  // above are new, forgets it.
  Result<void> start(bool adopted, const std::vector<PortGrant>& allow);

  // The one of this address and user, or a new one in place of another user's. With no room left, one that
  // nobody uses (`is_used`) and that was used longest ago goes; ENOSPC if there is none. Lent until the next
  // call.
  Result<GroupMap*> find_or_make(const paxos_address& address, uid_t uid,
                                 const std::function<bool(const paxos_address&)>& is_used);

  void freeze(const paxos_address& address);
  void freeze_all();

  const std::map<paxos_address, GroupMap, AddressOrder>& all() const { return all_; }

 private:
  Result<void> adopt(const std::string& name, const std::vector<PortGrant>& allow);
  Result<void> make(const paxos_address& address, uid_t uid);
  Result<void> insert(const paxos_address& address, GroupMap map);
  Result<void> remove(const paxos_address& address);
  void unpin(const std::string& name) const;
  std::string pin(const char* folder, const std::string& name) const;

  const Pins& pins_;
  int groups_fd_;
  int doorbells_fd_;
  std::map<paxos_address, GroupMap, AddressOrder> all_;
  std::uint64_t uses_ = 0;
};

}  // namespace bmc::paxos::host

#endif
