// SPDX-License-Identifier: Apache-2.0
// The accesses to a replica's cells that only its process makes. Used by BackupGate and LeaderGate.
#ifndef BMC_PAXOS_FASTPATH_PROCESS_WORLD_H
#define BMC_PAXOS_FASTPATH_PROCESS_WORLD_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "apps/paxos/fastpath/world.h"

namespace bmc::paxos {

// What this process alone writes it may read without being overtaken by anybody.
inline std::uint64_t own_word(const std::uint64_t& word) { return word; }

// Takes ARMED away; returns the gate as it was, which is how it stays.
inline __u64 world_freeze(const fast_world& world, __u64& gate) {
  __u64 before = 0;
  if (world_turn(&world, &before, sizeof(before))) return before;
  before = __atomic_fetch_and(&gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
  world_done(&world, &before, sizeof(before));
  return before;
}

// Everything before it is seen by who sees it.
inline void world_store(const fast_world& world, __u64& word, __u64 value) {
  if (world_turn(&world, &value, sizeof(value))) return;
  shared_store(&word, value);
  world_done(&world, &value, sizeof(value));
}

// Of a process that is awake, whatever woke it: it looks by itself before it sleeps, and is not rung for
// until then (world_wake).
inline void world_stay_awake(const fast_world& world) { world_store(world, world.cells->need_wakeup, 0); }

// Into the configuration that no armed generation uses. Its generation, the first field, is 0 meanwhile.
template <typename Config>
void world_write_config(const fast_world& world, Config& to, const Config& config) {
  __u64 written = 0;
  if (!world_turn(&world, &written, sizeof(written))) {
    shared_store(&to.generation, 0);
    shared_add(&to.generation, 0);  // before the others
    std::memcpy(reinterpret_cast<char*>(&to) + sizeof(to.generation),
                reinterpret_cast<const char*>(&config) + sizeof(config.generation),
                sizeof(config) - sizeof(config.generation));
    world_done(&world, &written, sizeof(written));
  }
  world_store(world, to.generation, config.generation);
}

struct SlotCopy {
  __u32 bytes;
  char message[PAXOS_MESSAGE_MAX];
};

// The bytes of a slot that is READY; 0 bytes if it says more than there are. Valid as long as `copy` is.
inline std::string_view world_read_message(const fast_world& world, const paxos_slot& slot, SlotCopy& copy) {
  if (!world_turn(&world, &copy, sizeof(copy))) {
    copy.bytes = slot.message_bytes <= PAXOS_MESSAGE_MAX ? slot.message_bytes : 0;
    std::memcpy(copy.message, slot.message, copy.bytes);
    world_done(&world, &copy, static_cast<__u32>(offsetof(SlotCopy, message)) + copy.bytes);
  }
  return {copy.message, copy.bytes};
}

}  // namespace bmc::paxos

#endif
