/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a lookup can see: the store's arrays and the clock. In BPF these are the maps, natively plain
 * memory, so that tests and the simulator run the very lookup of the XDP program. Included by lookup.h.
 */
#ifndef BMC_LOOKUP_WORLD_H
#define BMC_LOOKUP_WORLD_H

#include "apps/memcached-cache/abi/cache_abi.h"

#ifdef __bpf__

#include "apps/memcached-cache/store/cache_maps.bpf.h"

struct lookup_world {
	__u64 coarse_ns; /* CLOCK_MONOTONIC_COARSE at the packet's arrival */
};

#define LOOKUP_WORLD_ARRAY(function, value_type, map)                                              \
	static __always_inline value_type *function(const struct lookup_world *world, __u32 index) \
	{                                                                                          \
		return (value_type *)bpf_map_lookup_elem(&(map), &index);                          \
	}

LOOKUP_WORLD_ARRAY(world_bucket, struct bucket, buckets)
LOOKUP_WORLD_ARRAY(world_segment, struct segment, segments)
LOOKUP_WORLD_ARRAY(world_log, __u8, log_bytes)

static __always_inline __u64 world_precise_ns(const struct lookup_world *world)
{
	return bpf_ktime_get_ns();
}

#else

/* The arrays are the caller's, as many elements as their counts say; an index beyond finds nothing. */
struct lookup_world {
	__u64 coarse_ns;
	__u64 precise_ns; /* CLOCK_MONOTONIC */
	struct bucket *buckets;
	struct segment *segments;
	__u8 *log;        /* segment_count * CACHE_SEGMENT_BYTES */
	__u32 bucket_count;
	__u32 segment_count;
};

static inline struct bucket *world_bucket(const struct lookup_world *world, __u32 index)
{
	return index < world->bucket_count ? &world->buckets[index] : 0;
}

static inline struct segment *world_segment(const struct lookup_world *world, __u32 index)
{
	return index < world->segment_count ? &world->segments[index] : 0;
}

static inline __u8 *world_log(const struct lookup_world *world, __u32 index)
{
	return index < world->segment_count ? world->log + ((__u64)index << CACHE_SEGMENT_SHIFT) : 0;
}

static inline __u64 world_precise_ns(const struct lookup_world *world)
{
	return world->precise_ns;
}

#endif

#endif
