// SPDX-License-Identifier: Apache-2.0
// Mapping of the cache's maps, and waiting for the programs that read them.
#include "apps/memcached-cache/daemon/cache_memory.h"

#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

Result<int> map_fd(const bpf_object& object, const char* name) {
  const int fd = bpf_object__find_map_fd_by_name(&object, name);
  if (fd < 0) return Error{ENOENT, std::string("the programs have no map `") + name + "`"};
  return fd;
}

template <typename T>
Result<void> map_array(const bpf_object& object, const char* name, MappedArray<T>& into) {
  const Result<int> fd = map_fd(object, name);
  if (!fd) return fd.error();
  auto mapped = MappedArray<T>::map(*fd);
  if (!mapped) return mapped.error();
  into = *std::move(mapped);
  return {};
}

Result<void> find_map(const bpf_object& object, const char* name, int& into) {
  const Result<int> fd = map_fd(object, name);
  if (!fd) return fd.error();
  into = *fd;
  return {};
}

std::uint64_t coarse_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

Result<CacheMemory> CacheMemory::map(const bpf_object& object) {
  CacheMemory memory;
  Result<void> done = map_array(object, "control", memory.control_array);
  if (done) done = map_array(object, "servers", memory.servers);
  if (done) done = map_array(object, "guards", memory.guards);
  if (done) done = map_array(object, "buckets", memory.buckets);
  if (done) done = map_array(object, "segments", memory.segments);
  if (done) done = map_array(object, "log_bytes", memory.log);
  if (done) done = map_array(object, "log_head", memory.log_head);
  if (done) done = map_array(object, "sketch", memory.sketch);
  if (done) done = find_map(object, "counters", memory.counters_fd);
  if (done) done = find_map(object, "miss_path_ns", memory.miss_path_fd);
  if (done) done = find_map(object, "events", memory.events_fd);
  if (done) done = find_map(object, "samples", memory.samples_fd);
  if (done) done = find_map(object, "connections", memory.connections_fd);
  if (done) done = find_map(object, "udp_writes", memory.udp_writes_fd);
  if (done) done = find_map(object, "server_sockets", memory.server_sockets_fd);
  if (!done) return done.error();
  return memory;
}

lookup_world CacheMemory::world() {
  return {coarse_ns(), monotonic_ns(), &buckets[0],    &segments[0],
          log[0].byte, buckets.size(), segments.size()};
}

std::uint64_t CacheMemory::current_stamp(std::uint32_t server, std::uint64_t key_hash) {
  const guard& guard = guards[cache_guard_index(key_hash, control().guard_mask)];
  return guard_stamp(observe(guard.word), observe(servers[server].global));
}

void CacheMemory::begin_keepalive(std::uint64_t key_hash, std::uint64_t way) {
  const cache_control& config = control();
  bucket& place = buckets[cache_bucket_index(key_hash, config.bucket_count)];
  for (std::size_t i = 0; i < CACHE_BUCKET_WAYS; i++)
    if (observe(place.way[i]) == way)
      __atomic_store_n(
          &place.passed[i],
          cache_keepalive_start(monotonic_ns(), key_hash, config.keepalive_shift, config.keepalive_ticks),
          __ATOMIC_RELAXED);
}

std::uint32_t raise_hold(server_state& server, std::uint32_t bits) {
  return __atomic_fetch_or(&server.hold, bits, __ATOMIC_SEQ_CST);
}

std::uint32_t clear_hold(server_state& server, std::uint32_t bits) {
  return __atomic_fetch_and(&server.hold, ~bits, __ATOMIC_SEQ_CST);
}

std::uint32_t load_hold(server_state& server) { return observe(server.hold); }

void wait_for_programs() {
  // The kernel's own synchronize_rcu(). Not there with nohz_full: then longer than any program may run.
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  const timespec while_they_end = {0, 50'000'000};
  ::nanosleep(&while_they_end, nullptr);
}

}  // namespace bmc::cache
