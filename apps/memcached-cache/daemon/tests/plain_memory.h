// SPDX-License-Identifier: Apache-2.0
// A CacheMemory over real BPF arrays without any program, for tests of what bmcd reads and writes there.
#ifndef BMC_CACHE_DAEMON_TESTS_PLAIN_MEMORY_H
#define BMC_CACHE_DAEMON_TESTS_PLAIN_MEMORY_H

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "control-plane/fd.h"

namespace bmc::cache::test {

// Maps a fresh array of `count` elements; the mapping keeps it alive.
template <typename T>
MappedArray<T> new_array(std::uint32_t count) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "plain", sizeof(__u32), sizeof(T), count, &options));
  EXPECT_TRUE(map) << "root is needed";
  auto mapped = MappedArray<T>::map(map.get());
  EXPECT_TRUE(mapped);
  return mapped ? *std::move(mapped) : MappedArray<T>();
}

// Two segments, 64 buckets, 16 guards.
inline CacheMemory plain_memory() {
  CacheMemory memory;
  memory.control_array = new_array<cache_control>(1);
  memory.servers = new_array<server_state>(CACHE_SERVERS_MAX);
  memory.guards = new_array<guard>(16);
  memory.buckets = new_array<bucket>(64);
  memory.segments = new_array<segment>(2);
  memory.log = new_array<LogSegment>(2);
  memory.control().bucket_count = 64;
  memory.control().segment_count = 2;
  memory.control().guard_mask = 15;
  return memory;
}

}  // namespace bmc::cache::test

#endif
