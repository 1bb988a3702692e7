/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether UDP will drop a datagram for its checksum. The socket looks only when the application reads, so
 * the programs see damaged ones too. Called by the UDP step, before it holds something for good.
 */
#ifndef BMC_UDP_CHECKSUM_BPF_H
#define BMC_UDP_CHECKSUM_BPF_H

#include "apps/memcached-cache/coherence/observe_maps.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"
#include "xdp/lib/checksum.bpf.h"

#define CHECKSUM_STEPS_MAX 1025u /* of 64 bytes: any datagram */

struct datagram_sum {
	struct __sk_buff *skb;
	__u32 offset;
	__u32 left;
	__u64 sum;
};

static long datagram_sum_step(__u32 step, struct datagram_sum *datagram)
{
	__u32 size = datagram->left < 64 ? datagram->left : 64;
	__u64 chunk[8] = {};

	if (!size || bpf_skb_load_bytes(datagram->skb, datagram->offset, chunk, (__u32)size_1_to_64(size)))
		return loop_end();
	for (__u32 i = 0; i < 8; i++)
		datagram->sum = checksum_add(datagram->sum, chunk[i]);
	datagram->offset += size;
	datagram->left -= size;
	return loop_on();
}

/* Addresses, protocol and length (RFC 768, RFC 8200 section 8.1), not folded. */
static __always_inline __u64 pseudo_header_sum(struct __sk_buff *skb, __u32 udp_bytes)
{
	struct datagram_sum addresses = {.skb = skb};

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		addresses.offset = offsetof(struct iphdr, saddr);
		addresses.left = 8;
	} else {
		addresses.offset = offsetof(struct ipv6hdr, saddr);
		addresses.left = 32;
	}
	datagram_sum_step(0, &addresses);
	return addresses.sum + bpf_htons(IPPROTO_UDP) + bpf_htons((__u16)udp_bytes);
}

/* 1: nobody will read it. A checksum that the sender on this host left to its hardware is none. */
COHERENCE_FUNCTION int udp_is_damaged(struct __sk_buff *skb, const struct packet_view *view)
{
	struct datagram_sum datagram = {.skb = skb};
	__u64 pseudo;
	__u16 check;

	if (!view || bpf_skb_load_bytes(skb, view->payload - 2, &check, sizeof(check)) || !check)
		return 0;
	datagram.offset = view->payload - (__u32)sizeof(struct udphdr);
	datagram.left = view->length + (__u32)sizeof(struct udphdr);
	pseudo = pseudo_header_sum(skb, datagram.left);
	bpf_loop(CHECKSUM_STEPS_MAX, datagram_sum_step, &datagram, 0);
	if (datagram.left || checksum_fold(pseudo) == check)
		return 0;
	return checksum_fold(datagram.sum + pseudo) != CHECKSUM_VALID;
}

#endif
