/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration of the load generator's programs, and whether a frame is a reply to it. Used by the checker and by
 * the program that hands replies to AF_XDP sockets. */
#ifndef BMC_LOADGEN_CONFIG_BPF_H
#define BMC_LOADGEN_CONFIG_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "loadgen/loadgen_abi.h"

const volatile struct loadgen_config config = {};

/* A reply on its way through the steps; offsets are from the frame's first byte. */
struct reply {
	__u32 port;        /* our port, host order */
	__u32 udp;         /* offset of the UDP header */
	__u32 udp_size;    /* header included */
	__u32 end;         /* first byte after the datagram */
	struct loadgen_slot *slot;
	__u64 sequence;
};

/* UDP from our server to a port of our range? Everything else is none of our business. */
static __always_inline bool is_ours(struct xdp_md *ctx, struct reply *reply)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (struct ethhdr *)data;
	struct udphdr *udp;

	reply->udp = config.family == 4 ? sizeof(*eth) + sizeof(struct iphdr) : sizeof(*eth) + sizeof(struct ipv6hdr);
	if ((void *)(data + reply->udp + sizeof(*udp) + LOADGEN_FRAME_HEADER) > end)
		return false;
	if (config.family == 4) {
		struct iphdr *ip = (struct iphdr *)(eth + 1);

		if (eth->h_proto != bpf_htons(ETH_P_IP) || *(__u8 *)ip != 0x45 || ip->protocol != IPPROTO_UDP ||
		    ip->saddr != config.server_be[0] || ip->daddr != config.client_be[0])
			return false;
		reply->end = (__u32)sizeof(*eth) + bpf_ntohs(ip->tot_len);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)(eth + 1);

		if (eth->h_proto != bpf_htons(ETH_P_IPV6) || ip->nexthdr != IPPROTO_UDP ||
		    ip->saddr.in6_u.u6_addr32[0] != config.server_be[0] ||
		    ip->saddr.in6_u.u6_addr32[1] != config.server_be[1] ||
		    ip->saddr.in6_u.u6_addr32[2] != config.server_be[2] ||
		    ip->saddr.in6_u.u6_addr32[3] != config.server_be[3])
			return false;
		reply->end = (__u32)(sizeof(*eth) + sizeof(*ip)) + bpf_ntohs(ip->payload_len);
	}
	udp = (struct udphdr *)(data + reply->udp);
	reply->port = bpf_ntohs(udp->dest);
	reply->udp_size = bpf_ntohs(udp->len);
	return udp->source == config.server_port_be && reply->port >= LOADGEN_PORT_LOW &&
	       reply->port < LOADGEN_PORT_HIGH;
}

#endif
