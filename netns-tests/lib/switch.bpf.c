// SPDX-License-Identifier: GPL-2.0-only
/*
 * An Ethernet switch's forwarding: a frame to a known address goes out at that address's port, all others on to the
 * bridge. Loaded by xdp_switch.cc.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Written by the loader alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u8[ETH_ALEN]);
	__type(value, __u32); /* the port's ifindex */
} ports SEC(".maps");

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	const struct ethhdr *frame = (const void *)(long)ctx->data;
	const __u32 *port;

	if ((const void *)(frame + 1) > (const void *)(long)ctx->data_end)
		return XDP_DROP;
	port = bpf_map_lookup_elem(&ports, frame->h_dest);
	return port ? (int)bpf_redirect(*port, 0) : XDP_PASS;
}
