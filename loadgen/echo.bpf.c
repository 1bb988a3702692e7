// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit: a server that only swaps addresses and ports of UDP datagrams to one port and sends them back, with
 * `growth` zero bytes behind them where replies are to be larger than requests. Nothing that answers from XDP can be
 * faster. Loaded by echo_server.cc.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

const volatile __u16 port_be = 0;
const volatile __u16 growth = 0; /* bytes */

static __always_inline void swap_words(__u32 *left, __u32 *right)
{
	__u32 kept = *left;

	*left = *right;
	*right = kept;
}

/* A length field grew by `growth`, and with it what its one's complement checksum covers `times` times. */
static __always_inline void grow_length(__u16 *length, __u16 *checksum, __u32 times)
{
	__u32 sum = (__u16)~*checksum + times * bpf_htons(growth);

	if (!growth)
		return;
	*length = bpf_htons(bpf_ntohs(*length) + growth);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* Zero would mean that there is none. */
	*checksum = (__u16)~sum ?: 0xffff;
}

/* Sums do not change when words change places: only lengths are to be corrected. The kernel has zeroed what it added. */
static __always_inline int send_back(struct xdp_md *ctx, struct ethhdr *eth, struct udphdr *udp)
{
	__u16 kept = udp->source;

	udp->source = udp->dest;
	udp->dest = kept;
	for (int word = 0; word < ETH_ALEN / 2; word++) {
		kept = ((__u16 *)eth->h_dest)[word];
		((__u16 *)eth->h_dest)[word] = ((__u16 *)eth->h_source)[word];
		((__u16 *)eth->h_source)[word] = kept;
	}
	if (!growth)
		return XDP_TX;
	/* In the UDP header and in the pseudo header. */
	grow_length(&udp->len, &udp->check, 2);
	return bpf_xdp_adjust_tail(ctx, growth) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp")
int echo(struct xdp_md *ctx)
{
	struct ethhdr *eth = (struct ethhdr *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ipv4 = (struct iphdr *)(eth + 1);
	struct ipv6hdr *ipv6 = (struct ipv6hdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ipv4 + 1);

	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if (*(__u8 *)ipv4 != 0x45 || ipv4->protocol != IPPROTO_UDP || udp->dest != port_be)
			return XDP_PASS;
		swap_words(&ipv4->saddr, &ipv4->daddr);
		grow_length(&ipv4->tot_len, &ipv4->check, 1);
		return send_back(ctx, eth, udp);
	}
	udp = (struct udphdr *)(ipv6 + 1);
	if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(udp + 1) > end || ipv6->nexthdr != IPPROTO_UDP ||
	    udp->dest != port_be)
		return XDP_PASS;
	for (int word = 0; word < 4; word++)
		swap_words(&ipv6->saddr.in6_u.u6_addr32[word], &ipv6->daddr.in6_u.u6_addr32[word]);
	ipv6->payload_len = bpf_htons(bpf_ntohs(ipv6->payload_len) + growth);
	return send_back(ctx, eth, udp);
}
