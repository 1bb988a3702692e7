/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of the broadcast program, its counters, and the report to the sender. Used by its steps.
 */
#ifndef BMC_TC_PAXOS_BROADCAST_MAPS_BPF_H
#define BMC_TC_PAXOS_BROADCAST_MAPS_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "apps/paxos/abi/broadcast_abi.h"

/* How to reach a recipient, as the kernel's tables said when it was learned. */
struct broadcast_route {
	__u64 expires_ns;
	__u32 peer_seq; /* of the table's entry that this is for; 0: none */
	__u32 ifindex;
	__u16 mtu;
	__u8 mac[2 * ETH_ALEN]; /* destination and source, as they stand in a frame */
	__u8 reserved[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BROADCAST_GROUPS_MAX);
	__type(key, __u32);
	__type(value, struct broadcast_group);
} broadcast_groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BROADCAST_GROUPS_MAX);
	__type(key, __u32);
	__type(value, struct broadcast_report);
} broadcast_reports SEC(".maps");

/* Per CPU, so nobody reads half a route: TC egress runs with bottom halves off, and a copy that comes by here again
 * has no mark. Not shared: whoever may write a MAC address there could send past the host's routes and filters. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BROADCAST_GROUPS_MAX * BROADCAST_PEERS_MAX);
	__type(key, __u32);
	__type(value, struct broadcast_route);
} broadcast_routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BROADCAST_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} broadcast_counters SEC(".maps");

static __always_inline void broadcast_count(enum broadcast_counter counter)
{
	__u32 index = counter;
	__u64 *value = bpf_map_lookup_elem(&broadcast_counters, &index);

	if (value)
		*value += 1;
}

/* One store, so that the sender never sees half a report. */
static __always_inline void broadcast_tell(__u32 group, __u16 token, __u32 undelivered)
{
	struct broadcast_report *report = bpf_map_lookup_elem(&broadcast_reports, &group);

	if (report) {
		__u32 count = broadcast_report_count(*(volatile __u64 *)&report->word) + 1;

		*(volatile __u64 *)&report->word = broadcast_report_word(count, token, undelivered);
	}
}

#endif
