/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Turns a UDP packet into its answer, in place: addresses and ports swapped, lengths and checksums new,
 * a VLAN tag kept. The last step before XDP_TX: the payload already stands in the frame.
 */
#ifndef BMC_REPLY_BPF_H
#define BMC_REPLY_BPF_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "xdp/lib/checksum.bpf.h"
#include "xdp/lib/packet.bpf.h"

#define REPLY_TTL 64
#define IPV6_FLOW_LABEL 0xfffffu
#define REPLY_BYTES_MIN (sizeof(struct ipv6hdr) + sizeof(struct udphdr)) /* IPv4: 20 of them are payload */

struct reply {
	__u32 network_offset; /* of the IP header, as in struct packet */
	__u32 payload_bytes;
	__u64 sum;            /* packet.fixed_sum and payload */
	__u16 ipv4_id_be;     /* the packet may be fragmented on its way: differs between neighbours */
};

static __always_inline void swap_ethernet(__u16 *half)
{
	__u16 swapped;
	__u32 i;

	for (i = 0; i < ETH_ALEN / 2; i++) {
		swapped = half[i];
		half[i] = half[i + ETH_ALEN / 2];
		half[i + ETH_ALEN / 2] = swapped;
	}
}

/*
 * Don't-fragment is off: nobody here would hear of a smaller MTU on the path and repeat the answer.
 * No options, so the length is the only other thing in the header that is not constant.
 */
static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct reply *reply)
{
	__u32 *word = (__u32 *)ip;
	__u32 source = word[3], destination = word[4];
	__u64 sum = (__u64)source + destination;
	__u32 bytes = (__u32)(sizeof(*ip) + sizeof(struct udphdr)) + reply->payload_bytes;

	word[0] = bpf_htonl(IPV4_NO_OPTIONS << 24 | bytes);
	ip->id = reply->ipv4_id_be;
	ip->frag_off = 0;
	word[2] = bpf_htonl(REPLY_TTL << 24 | IPPROTO_UDP << 16);
	sum += (__u64)word[0] + word[1] + word[2];
	ip->check = (__u16)~checksum_fold(sum);
	word[3] = destination;
	word[4] = source;
}

/* The flow label is the client's own: the answer of a flow always carries the same. */
static __always_inline void rewrite_ipv6(struct ipv6hdr *ip, const struct reply *reply)
{
	struct in6_addr source = ip->saddr;

	*(__be32 *)ip = (*(__be32 *)ip & bpf_htonl(IPV6_FLOW_LABEL)) | bpf_htonl(6u << 28);
	ip->payload_len = bpf_htons((__u16)((__u32)sizeof(struct udphdr) + reply->payload_bytes));
	ip->hop_limit = REPLY_TTL;
	ip->saddr = ip->daddr;
	ip->daddr = source;
}

static __always_inline void rewrite_udp(struct udphdr *udp, const struct reply *reply)
{
	__u16 length_be = bpf_htons((__u16)((__u32)sizeof(*udp) + reply->payload_bytes));
	__u16 source = udp->source;

	udp->source = udp->dest;
	udp->dest = source;
	udp->len = length_be;
	udp->check = checksum_udp(reply->sum + 2u * length_be); /* in the pseudo-header and in the header */
}

/* 0 if the frame is too short for any reply, which it is not. */
static __always_inline int rewrite_headers(struct cursor frame, const struct reply *reply)
{
	__u8 *ethernet = (__u8 *)frame.at, *network = ethernet + masked(reply->network_offset, OFFSET_MASK);

	if (ethernet + sizeof(struct ethhdr) > frame.end || network + REPLY_BYTES_MIN > frame.end)
		return 0;
	swap_ethernet((__u16 *)ethernet);
	if (*network >> 4 == 6) {
		rewrite_ipv6((struct ipv6hdr *)network, reply);
		rewrite_udp((struct udphdr *)(network + sizeof(struct ipv6hdr)), reply);
	} else {
		rewrite_ipv4((struct iphdr *)network, reply);
		rewrite_udp((struct udphdr *)(network + sizeof(struct iphdr)), reply);
	}
	return 1;
}

#endif
