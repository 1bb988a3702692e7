// SPDX-License-Identifier: Apache-2.0
// How bmcd tells a filled entry when it expires, in the memory it shares with the programs: under a pin
// of the entry's segment (the protocol at struct segment, cache_abi.h). Called by bmcd's TTL probe.
#ifndef BMC_STORE_ENTRY_DEADLINE_H
#define BMC_STORE_ENTRY_DEADLINE_H

#include <cstddef>
#include <cstdint>

#include "apps/memcached-cache/store/append.h"

namespace bmc {

// The mmaps of `segments` and `log_bytes`, owned by the caller; segment_count elements each.
struct StoreMemory {
  struct segment* segments = nullptr;
  std::uint8_t* log = nullptr;
  std::uint32_t segment_count = 0;
};

// Keeps a segment from being recycled. Hold it for a few instructions only: the log goes around it meanwhile.
class SegmentPin {
 public:
  explicit SegmentPin(struct segment& segment) : segment_(segment) {
    shared_add_u32(&segment_.writers, SEGMENT_PIN_DAEMON);
  }
  ~SegmentPin() { shared_add_u32(&segment_.writers, 0u - SEGMENT_PIN_DAEMON); }
  SegmentPin(const SegmentPin&) = delete;
  SegmentPin& operator=(const SegmentPin&) = delete;

 private:
  struct segment& segment_;
};

// Gives the entry that `way` led to its deadline (CACHE_DEADLINE units, already cut to max_staleness and
// flush_from). False, and nothing is changed, if the entry is no more, or has a deadline. `way` is that of
// the CACHE_EVENT_TTL; no other entry has had it since.
inline bool set_entry_deadline(const StoreMemory& store, std::uint64_t way, std::uint32_t deadline) {
  const std::uint32_t index = way_segment(way);
  const std::uint64_t offset = way_offset(way);
  if ((way & WAY_VALID) == 0 || index >= store.segment_count || offset > STORE_OFFSET_MAX) return false;
  struct segment& segment = store.segments[index];
  const SegmentPin pin(segment);
  if (((shared_load(&segment.generation) ^ way >> WAY_GENERATION_SHIFT) & WAY_GENERATION_MASK) != 0)
    return false;
  auto* entry =
      reinterpret_cast<struct entry*>(store.log + (std::size_t{index} << CACHE_SEGMENT_SHIFT) + offset);
  return shared_swap_if_u32(&entry->deadline, CACHE_DEADLINE_UNKNOWN, deadline) == CACHE_DEADLINE_UNKNOWN;
}

// Takes back the pins of a bmcd that was killed while it held one. Only by the one bmcd that now owns the
// maps, before its first set_entry_deadline. Fills' pins stay: a program always runs to its end.
inline void release_leaked_pins(const StoreMemory& store) {
  for (std::uint32_t i = 0; i < store.segment_count; ++i) {
    const std::uint32_t leaked = shared_load_u32(&store.segments[i].writers) & ~(SEGMENT_PIN_DAEMON - 1);
    shared_add_u32(&store.segments[i].writers, 0u - leaked);
  }
}

}  // namespace bmc

#endif
