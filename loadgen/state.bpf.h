/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps and global data of the load generator's programs, and what both of them compute from it. */
#ifndef BMC_LOADGEN_STATE_BPF_H
#define BMC_LOADGEN_STATE_BPF_H

#include "loadgen/config.bpf.h"
#include "loadgen/workload_abi.h"

struct loadgen_pace pace = {};

/* Sizes are set at load: slots to slot_mask + 1, alias to key_count where the pattern needs it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loadgen_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loadgen_alias);
} alias SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loadgen_stats);
} stats SEC(".maps");

/* The index of the key that stands at `position` in request `sequence`. */
static __always_inline __u32 asked_key(__u64 sequence, __u32 position)
{
	__u64 random;
	__u32 column;
	struct loadgen_alias *drawn;

	if (config.pattern == LOADGEN_SEQUENTIAL)
		return config.key_minimum +
		       (__u32)((sequence * config.keys_per_request + position) % config.key_count);
	random = workload_random(config.draw_seed, sequence, position);
	column = workload_column(random, config.key_count);
	if (config.pattern == LOADGEN_UNIFORM)
		return config.key_minimum + column;
	drawn = bpf_map_lookup_elem(&alias, &column);
	if (drawn && (__u32)random >= drawn->threshold)
		column = drawn->alias;
	return config.key_minimum + column;
}

#endif
