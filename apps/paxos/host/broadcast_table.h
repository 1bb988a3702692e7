// SPDX-License-Identifier: Apache-2.0
// BroadcastTable: the groups of the broadcast program, allotted to this host's replicas and written for them.
// Owned by PaxosApp.
#ifndef BMC_PAXOS_HOST_BROADCAST_TABLE_H
#define BMC_PAXOS_HOST_BROADCAST_TABLE_H

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/abi/fast_abi.h"
#include "control-plane/mapped_array.h"

namespace bmc::paxos::host {

class BroadcastTable {
 public:
  BroadcastTable() = default;
  // Disables all that an earlier bmcd left.
  explicit BroadcastTable(MappedArray<broadcast_group> groups);

  // A group of its own, disabled; nothing: all are taken. The one that was free longest, for a process that
  // lost its number may still mark with it.
  std::optional<std::uint32_t> allot();
  void release(std::uint32_t group);

  // Peers are the replicas by their index, `self` sends. Disabled when it returns.
  void write(std::uint32_t group, std::span<const paxos_address> replicas, std::uint16_t source_port_be);
  void enable(std::uint32_t group, bool on);
  void disable_all();

 private:
  MappedArray<broadcast_group> groups_;
  std::array<std::uint64_t, BROADCAST_GROUPS_MAX> freed_at_{};  // by the count of releases
  std::array<bool, BROADCAST_GROUPS_MAX> is_taken_{};
  std::uint64_t releases_ = 0;
};

}  // namespace bmc::paxos::host

#endif
