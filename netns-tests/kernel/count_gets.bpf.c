// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody else's XDP program on the served interface: counts the UDP datagrams over IPv4 for memcached's port and
 * lets everything pass. Loaded by xdp-loader, as a user would; read by second_program.cc through the pinned map.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MEMCACHED_PORT 11211

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} gets_seen SEC(".maps");

SEC("xdp")
int count_gets(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 only = 0;
	__u64 *count;

	if ((void *)(udp + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(MEMCACHED_PORT))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&gets_seen, &only);
	if (count)
		__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
