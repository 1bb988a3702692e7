// SPDX-License-Identifier: Apache-2.0
// Groups of the broadcast program; see broadcast_table.h.
#include "apps/paxos/host/broadcast_table.h"

#include <utility>

namespace bmc::paxos::host {
namespace {

// As the program reads it: whole, and in this order.
template <typename T>
void publish(T& field, T value) {
  __atomic_store_n(&field, value, __ATOMIC_SEQ_CST);
}

}  // namespace

BroadcastTable::BroadcastTable(MappedArray<broadcast_group> groups) : groups_(std::move(groups)) {
  disable_all();
}

std::optional<std::uint32_t> BroadcastTable::allot() {
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < BROADCAST_GROUPS_MAX; i++)
    if (!is_taken_[i] && (!found || freed_at_[i] < freed_at_[*found])) found = i;
  if (found) is_taken_[*found] = true;
  return found;
}

void BroadcastTable::release(std::uint32_t group) {
  enable(group, false);
  is_taken_[group] = false;
  freed_at_[group] = ++releases_;
}

void BroadcastTable::write(std::uint32_t group, std::span<const paxos_address> replicas,
                           std::uint16_t source_port_be) {
  broadcast_group& table = groups_[group];
  publish(table.version, 0u);
  for (std::size_t i = 0; i < BROADCAST_PEERS_MAX; i++) {
    broadcast_peer& peer = table.peer[i];
    const std::uint32_t writing = peer.seq | 1;
    publish(peer.seq, writing);
    if (i >= replicas.size()) continue;  // the entry of nobody stays as if being written
    for (std::size_t word = 0; word < 4; word++) publish(peer.addr_be[word], replicas[i].addr_be[word]);
    publish(peer.port_be, replicas[i].port_be);
    publish(peer.seq, writing + 1 == 0 ? 2 : writing + 1);
  }
  publish(table.source_port_be, source_port_be);
}

void BroadcastTable::enable(std::uint32_t group, bool on) {
  publish(groups_[group].version, on ? BROADCAST_ABI_VERSION : 0u);
}

void BroadcastTable::disable_all() {
  for (std::uint32_t i = 0; i < groups_.size(); i++) enable(i, false);
}

}  // namespace bmc::paxos::host
