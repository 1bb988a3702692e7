/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of paxos_fast. A replica is a map of its own, which its process gets the descriptor of and maps: so it
 * sees no other replica's memory, and bmcd adds and removes replicas while the program runs. Included by its steps.
 */
#ifndef BMC_XDP_PAXOS_MAPS_BPF_H
#define BMC_XDP_PAXOS_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/paxos/abi/fast_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct paxos_control);
} paxos_control SEC(".maps");

/* Address and port of a replica -> its group map. A replica with two addresses is here twice. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, PAXOS_ADDRESSES_MAX);
	__type(key, struct paxos_address);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_MMAPABLE);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(__u32)); /* by size: of a type that is named here only, clang leaves the BTF out */
		__uint(value_size, sizeof(struct paxos_group));
	});
} paxos_groups SEC(".maps");

/* The same key -> the replica's doorbell. May be missing: then nobody is woken, and timers do. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, PAXOS_ADDRESSES_MAX);
	__type(key, struct paxos_address);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, PAXOS_DOORBELL_BYTES);
	});
} paxos_doorbells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PAXOS_FAST_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} paxos_counters SEC(".maps");

/* What is too large for the stack. XDP programs do not nest on a CPU. */
struct paxos_scratch {
	struct paxos_header header; /* of the datagram */
	struct paxos_header ack;    /* that answers it */
	struct paxos_address local; /* where it was sent to */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct paxos_scratch);
} paxos_scratches SEC(".maps");

/* Counts the way out; returns it as XDP's. */
static __always_inline int leave(enum paxos_fast_counter out)
{
	__u32 index = out;
	__u64 *value = bpf_map_lookup_elem(&paxos_counters, &index);

	if (value)
		*value += 1;
	switch (out) {
#define PAXOS_VERDICT(name, where, verdict, reason, text) \
	case PAXOS_##name: \
		return verdict[0] == 't' ? XDP_TX : verdict[0] == 'd' ? XDP_DROP : XDP_PASS;
		PAXOS_FAST_COUNTERS(PAXOS_VERDICT)
#undef PAXOS_VERDICT
	default:
		return XDP_PASS;
	}
}

#endif
