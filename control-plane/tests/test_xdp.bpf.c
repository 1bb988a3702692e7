// SPDX-License-Identifier: GPL-2.0-only
// Drops and counts every frame of the tests' EtherType, by the version it was built with; attachment tests.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 version;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("xdp")
int drop_and_count(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	__u32 key = version;
	__u64 *count = bpf_map_lookup_elem(&counts, &key);

	if ((void *)(ethernet + 1) > end || ethernet->h_proto != bpf_htons(0x88b5) || !count)
		return XDP_PASS;
	__sync_fetch_and_add(count, 1);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
