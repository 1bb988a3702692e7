/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a cgroup_skb program sees of one packet: addresses and where the payload stands.
 * In front of the socket queue after GRO, or behind the socket before segmentation: payloads of 64 KiB
 * and more, in fragments; so payload is read by bpf_skb_load_bytes, never directly.
 */
#ifndef BMC_SEGMENT_BPF_H
#define BMC_SEGMENT_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/*
 * A size that is known to be 1..64, in a form in which the verifier of 6.1 sees it too. `size` must
 * not be 0 nor above 64: such a one is changed.
 */
static __always_inline __u64 size_1_to_64(__u64 size)
{
	size -= 1;
	asm volatile("" : "+r"(size));
	size &= 63;
	asm volatile("" : "+r"(size));
	return size + 1;
}

struct packet_view {
	__u32 remote_be[4]; /* the client; IPv4 as ::ffff:a.b.c.d */
	__u16 remote_port_be;
	__u16 local_port_be;
	__u32 payload;      /* offset in the skb */
	__u32 length;       /* of the payload */
	__u32 sequence;     /* TCP */
	__u32 acknowledged; /* TCP */
	__u8 urgent;        /* TCP: a byte will be taken out of the stream */
};

enum direction { INGRESS, EGRESS };

static __always_inline int view_ip(struct __sk_buff *skb, __u32 protocol, enum direction direction,
				   struct packet_view *view, __u32 *transport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > end || ip->protocol != protocol)
			return 0;
		view->remote_be[0] = view->remote_be[1] = 0;
		view->remote_be[2] = bpf_htonl(0xffff);
		view->remote_be[3] = direction == INGRESS ? ip->saddr : ip->daddr;
		*transport = ip->ihl * 4u;
		return 1;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data;

		if ((void *)(ip6 + 1) > end)
			return 0;
		/* A big-TCP jumbogram carries a hop-by-hop header of 8 bytes in front of TCP. */
		if (ip6->nexthdr == IPPROTO_HOPOPTS) {
			__u8 *options = (__u8 *)(ip6 + 1);

			if ((void *)(options + 8) > end || options[0] != protocol || options[1] != 0)
				return 0;
			*transport = sizeof(*ip6) + 8;
		} else if (ip6->nexthdr == protocol) {
			*transport = sizeof(*ip6);
		} else {
			return 0;
		}
		__builtin_memcpy(view->remote_be, direction == INGRESS ? &ip6->saddr : &ip6->daddr, 16);
		return 1;
	}
	return 0;
}

static __always_inline int view_tcp_header(struct __sk_buff *skb, const struct tcphdr *tcp, __u32 transport,
					   enum direction direction, struct packet_view *view)
{
	view->payload = transport + tcp->doff * 4u;
	if (view->payload > skb->len)
		return 0;
	view->length = skb->len - view->payload;
	view->remote_port_be = direction == INGRESS ? tcp->source : tcp->dest;
	view->local_port_be = direction == INGRESS ? tcp->dest : tcp->source;
	view->sequence = bpf_ntohl(tcp->seq);
	view->acknowledged = bpf_ntohl(tcp->ack_seq);
	view->urgent = tcp->urg;
	return 1;
}

/* 0: no header where one is expected (extension headers); the caller must assume anything. */
static __always_inline int view_tcp(struct __sk_buff *skb, enum direction direction,
				    struct packet_view *view)
{
	struct tcphdr copy, *tcp;
	__u32 transport;

	if (!view_ip(skb, IPPROTO_TCP, direction, view, &transport))
		return 0;
	tcp = (void *)(long)skb->data + transport;
	if ((void *)(tcp + 1) <= (void *)(long)skb->data_end) /* as good as always */
		return view_tcp_header(skb, tcp, transport, direction, view);
	if (bpf_skb_load_bytes(skb, transport, &copy, sizeof(copy)))
		return 0;
	return view_tcp_header(skb, &copy, transport, direction, view);
}

static __always_inline int view_udp(struct __sk_buff *skb, enum direction direction,
				    struct packet_view *view)
{
	struct udphdr udp;
	__u32 transport;

	if (!view_ip(skb, IPPROTO_UDP, direction, view, &transport) ||
	    bpf_skb_load_bytes(skb, transport, &udp, sizeof(udp)))
		return 0;
	view->payload = transport + sizeof(udp);
	view->length = skb->len - view->payload;
	view->remote_port_be = direction == INGRESS ? udp.source : udp.dest;
	view->local_port_be = direction == INGRESS ? udp.dest : udp.source;
	return 1;
}

#endif
