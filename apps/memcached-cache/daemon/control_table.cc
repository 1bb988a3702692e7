// SPDX-License-Identifier: Apache-2.0
// Order of the stores into map `control`. The programs read it without a lock.
#include "apps/memcached-cache/daemon/control_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "apps/memcached-cache/abi/cache_hash.h"

namespace bmc::cache {
namespace {

// One store for the programs: an entry is never half written.
void store(watched_port& entry, const watched_port& value) {
  static_assert(sizeof(watched_port) == sizeof(std::uint32_t));
  std::uint32_t word = 0;
  std::memcpy(&word, &value, sizeof word);
  publish(reinterpret_cast<std::uint32_t&>(entry), word);
}

// Takes no port's place, and does not end the list.
constexpr watched_port kTombstone = {0, 0, 1};

WatchedPort to_value(const watched_port& entry) { return {entry.port, entry.server}; }

}  // namespace

std::set<WatchedPort> ControlTable::ports() const {
  std::set<WatchedPort> found;
  for (const watched_port& entry : memory_.control().port) {
    if (!entry.used) break;
    if (entry.port != 0) found.insert(to_value(entry));
  }
  return found;
}

Result<void> ControlTable::set_ports(const std::set<WatchedPort>& wanted) {
  if (wanted.size() > CACHE_PORTS_MAX)
    return Error{ENOSPC, "the servers have more than " + std::to_string(CACHE_PORTS_MAX) + " ports together"};
  auto& table = memory_.control().port;
  std::set<WatchedPort> missing = wanted;
  for (watched_port& entry : table) {
    if (!entry.used) break;
    const WatchedPort value = to_value(entry);
    // A second entry of the same port, should there ever be one, goes too.
    if (entry.port != 0 && missing.erase(value) == 0) store(entry, kTombstone);
  }
  for (const WatchedPort& port : missing) {
    auto* entry =
        std::ranges::find_if(table, [](const watched_port& each) { return !each.used || each.port == 0; });
    store(*entry, {port.port, static_cast<std::uint8_t>(port.server), 1});
  }
  return {};
}

void ControlTable::set_addresses(std::vector<PlacedAddress> wanted) {
  if (wanted.size() > kServedAddressesMax) wanted.resize(kServedAddressesMax);
  cache_control& control = memory_.control();
  const std::size_t used = static_cast<std::size_t>(
      std::ranges::count_if(control.address, [](const served_address& slot) { return slot.used != 0; }));
  const bool unchanged = used == wanted.size() &&
                         std::ranges::all_of(wanted, [&](const PlacedAddress& each) { return holds(each); });
  if (unchanged) return;
  const AddressTable table = place_addresses(wanted);
  const std::uint32_t mode = observe(control.mode);
  publish(control.mode, CACHE_MODE_BYPASS);
  wait_for_programs();
  control.address_seed = table.seed;
  std::memcpy(control.address, table.slot, sizeof table.slot);
  publish(control.mode, mode);
}

bool ControlTable::holds(const PlacedAddress& wanted) const {
  served_address served = {};
  to_words(wanted.endpoint.address, served.addr_be);
  served.port_be = htons(wanted.endpoint.port);
  served.server = wanted.server;
  served.used = 1;
  const cache_control& control = memory_.control();
  const served_address& slot = control.address[cache_address_slot(served.addr_be, served.port_be,
                                                                  control.address_seed, CACHE_ADDRESSES_MAX)];
  return std::memcmp(&slot, &served, sizeof slot) == 0;
}

void ControlTable::set_interfaces(const std::vector<int>& wanted) {
  auto& table = memory_.control().interface;
  for (std::size_t i = 0; i < CACHE_INTERFACES_MAX; i++)
    publish(table[i], i < wanted.size() ? static_cast<std::uint32_t>(wanted[i]) : 0u);
}

}  // namespace bmc::cache
