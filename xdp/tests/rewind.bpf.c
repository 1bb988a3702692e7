// SPDX-License-Identifier: GPL-2.0-only
// Lets a benchmark run one PREPARE again and again as if it were new: takes the backup's gate and the slot back, then
// calls the program under test. Called by the replay program of xdp_bench.bpf.c.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/paxos/abi/fast_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} rewound SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct paxos_group));
} group SEC(".maps");

SEC("xdp.frags")
int rewind(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct paxos_group *replica = bpf_map_lookup_elem(&group, &zero);

	if (replica) {
		replica->cells.gate &= ~PAXOS_REL_MAX;
		replica->slot[1].tag = 0;
	}
	bpf_tail_call(ctx, &rewound, 0);
	return XDP_ABORTED;
}

char license_text[] SEC("license") = "GPL";
