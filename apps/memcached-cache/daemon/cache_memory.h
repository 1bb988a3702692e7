// SPDX-License-Identifier: Apache-2.0
// CacheMemory: the cache's maps as memory and descriptors, and the atomic accesses bmcd makes to them.
// Made by the loader, lent to everything else of the daemon side.
#ifndef BMC_CACHE_DAEMON_CACHE_MEMORY_H
#define BMC_CACHE_DAEMON_CACHE_MEMORY_H

#include <cstdint>
#include <type_traits>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/store/entry_deadline.h"
#include "apps/memcached-cache/store/lookup_world.h"
#include "control-plane/bpf_object.h"
#include "control-plane/mapped_array.h"
#include "control-plane/result.h"

namespace bmc::cache {

// One element of map `log_bytes`.
struct LogSegment {
  std::uint8_t byte[CACHE_SEGMENT_BYTES];
};

// The mappings live as long as this; the descriptors belong to the loaded object.
struct CacheMemory {
  MappedArray<cache_control> control_array;
  MappedArray<server_state> servers;
  MappedArray<guard> guards;
  MappedArray<bucket> buckets;
  MappedArray<segment> segments;
  MappedArray<LogSegment> log;
  MappedArray<log_state> log_head;
  MappedArray<sketch_block> sketch;
  int counters_fd = -1;
  int miss_path_fd = -1;
  int events_fd = -1;
  int samples_fd = -1;
  int connections_fd = -1;
  int udp_writes_fd = -1;
  int server_sockets_fd = -1;

  // Maps what `object` (loaded; cache_host) holds. Fails where a map is missing or of another shape.
  static Result<CacheMemory> map(const bpf_object& object);

  cache_control& control() { return control_array[0]; }
  const cache_control& control() const { return control_array[0]; }

  StoreMemory store() { return {&segments[0], log[0].byte, segments.size()}; }
  // For lookups with the programs' own code; the clocks as of now.
  lookup_world world();

  // The stamp of a lease of this key granted now.
  std::uint64_t current_stamp(std::uint32_t server, std::uint64_t key_hash);
  // The entry at `way`, if it is still there, counts as just shown to memcached.
  void begin_keepalive(std::uint64_t key_hash, std::uint64_t way);
};

// SERVER_* bits of server_state.hold; returns what was set before.
std::uint32_t raise_hold(server_state& server, std::uint32_t bits);
std::uint32_t clear_hold(server_state& server, std::uint32_t bits);
std::uint32_t load_hold(server_state& server);

// For words that programs read while bmcd writes, or the other way round.
template <typename T>
void publish(T& word, std::type_identity_t<T> value) {
  __atomic_store_n(&word, value, __ATOMIC_SEQ_CST);
}
template <typename T>
T observe(const T& word) {
  return __atomic_load_n(&word, __ATOMIC_SEQ_CST);
}

// Returns once every program that ran before has ended (they run inside RCU's read sections).
void wait_for_programs();

}  // namespace bmc::cache

#endif
