/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps every cache program shares. Weak, so that the programs of tc/ and cgroup/ can be linked
 * into one object; the XDP object gets the same maps by descriptor. Sizes of 1 are set by bmcd.
 */
#ifndef BMC_CACHE_MAPS_BPF_H
#define BMC_CACHE_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/abi/cache_abi.h"

#define CACHE_ARRAY(map_name, value_type, entries)                                                  \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                    \
		__uint(map_flags, BPF_F_MMAPABLE);                                                   \
		__uint(max_entries, entries);                                                        \
		__type(key, __u32);                                                                  \
		__type(value, value_type);                                                           \
	} map_name __weak SEC(".maps")

struct log_segment {
	__u8 byte[CACHE_SEGMENT_BYTES];
};

CACHE_ARRAY(control, struct cache_control, 1);
CACHE_ARRAY(servers, struct server_state, CACHE_SERVERS_MAX);
CACHE_ARRAY(guards, struct guard, 1);
CACHE_ARRAY(hints, struct ttl_hint, 1);
CACHE_ARRAY(buckets, struct bucket, 1);
CACHE_ARRAY(segments, struct segment, 1);
CACHE_ARRAY(log_bytes, struct log_segment, 1);
CACHE_ARRAY(log_head, struct log_state, 1);
CACHE_ARRAY(leases, struct lease, 1);
CACHE_ARRAY(sketch, struct sketch_block, 1);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CACHE_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CACHE_HISTOGRAM_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} miss_path_ns __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} samples __weak SEC(".maps");

static __always_inline void count(enum cache_counter counter)
{
	__u32 index = counter;
	__u64 *value = bpf_map_lookup_elem(&counters, &index);

	if (value)
		*value += 1;
}

static __always_inline struct cache_control *cache_control_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

#endif
