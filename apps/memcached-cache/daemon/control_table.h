// SPDX-License-Identifier: Apache-2.0
// ControlTable: changes what the programs look up in map `control` while they run, without ever showing them
// something that was never true. Used by ServerTable and CacheApp.
#ifndef BMC_CACHE_DAEMON_CONTROL_TABLE_H
#define BMC_CACHE_DAEMON_CONTROL_TABLE_H

#include <cstdint>
#include <set>
#include <vector>

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/serving_plan.h"
#include "control-plane/result.h"

namespace bmc::cache {

struct WatchedPort {
  std::uint16_t port = 0;
  std::uint32_t server = 0;

  auto operator<=>(const WatchedPort&) const = default;
};

// The table as it stands in the map, so it survives bmcd.
class ControlTable {
 public:
  explicit ControlTable(CacheMemory& memory) : memory_(memory) {}

  // Ports watched now.
  std::set<WatchedPort> ports() const;
  // Watches exactly these. A port that stays is never missing for a moment: its writes would go by unseen.
  // ENOSPC where there are more than CACHE_PORTS_MAX.
  Result<void> set_ports(const std::set<WatchedPort>& wanted);

  // Answers for exactly these addresses (the first kServedAddressesMax). Passes everything for some
  // milliseconds where it changes.
  void set_addresses(std::vector<PlacedAddress> wanted);

  // Interfaces with the fill program, by index.
  void set_interfaces(const std::vector<int>& wanted);

 private:
  bool holds(const PlacedAddress& wanted) const;

  CacheMemory& memory_;
};

}  // namespace bmc::cache

#endif
