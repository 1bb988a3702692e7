/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Ethernet, at most one VLAN tag, IPv4 or IPv6, UDP: parsed with a cursor, judged by length fields.
 * Used by the XDP programs' first step and, natively, by tests. Knows no application.
 */
#ifndef BMC_PACKET_BPF_H
#define BMC_PACKET_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#endif

#include "xdp/lib/checksum.bpf.h"

#define VLAN_TAG_BYTES 4u
#define IPV4_FRAGMENT_MASK 0x3fffu /* more fragments, or an offset */
#define IPV4_NO_OPTIONS 0x45u      /* version 4, five words */
#define OFFSET_MASK 127u           /* no offset of a header is larger than 14 + 4 + 40 + 8 */
#define ETHERTYPE_NONE 0x10000u    /* no EtherType: the frame ended before it */

enum packet_verdict {
	PACKET_OK = 0,
	PACKET_NOT_IP,     /* or two VLAN tags */
	PACKET_IP_OPTIONS, /* IPv4 options, IPv6 extension headers */
	PACKET_FRAGMENT,
	PACKET_NOT_UDP,
	PACKET_SHORT,      /* a length field and the frame disagree */
	PACKET_CHECKSUM,   /* of the IPv4 header wrong, or none over IPv6 */
};

/* Takes bytes off the front of a packet. Both pointers are into the packet. */
struct cursor {
	const __u8 *at;
	const __u8 *end;
};

/*
 * A UDP packet. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. "local" is where it was sent to.
 * Offsets, not pointers: they hold when the frame is grown, and the verifier, to which an offset is just a
 * number, goes through what follows once and not once for each kind of header.
 */
struct packet {
	__u32 network_offset;  /* of the IP header from the start of the frame */
	__u32 payload_offset;
	__u32 payload_bytes;   /* by the UDP header; within the frame */
	__u32 trailer_bytes;   /* of the frame after the IP packet: padding */
	__u32 local_be[4];
	__u32 remote_be[4];
	__u16 local_port_be;
	__u16 remote_port_be;
	__u16 udp_checksum;    /* the field; 0: none, which IPv6 does not allow */
	__u8 is_ipv6;
	__u8 to_group;         /* Ethernet destination is multicast or broadcast */
	__u8 from_group;       /* Ethernet source claims to be */
	__u64 fixed_sum;       /* of what an answer repeats: addresses, protocol and ports; checksum.bpf.h */
};

/* The value, of which the compiler knows nothing: checks that only the verifier needs stay in. */
static __always_inline __u32 opaque(__u32 value)
{
	asm volatile("" : "+r"(value));
	return value;
}

/*
 * Whether 1 <= *size <= max, so that the verifier of 6.1 believes it too: it learns a lower bound only from a
 * comparison in order, which opaque() and the sign keep the compiler from making a test for zero.
 */
static __always_inline int is_size(__u32 *size, __u32 max)
{
	*size = opaque(*size);
	if (*size > max)
		return 0;
	*size = opaque(*size);
	return (int)*size > 0;
}

/* The value, for the verifier within the mask and nothing else. */
static __always_inline __u32 masked(__u32 value, __u32 mask)
{
	return opaque(value) & mask;
}

#ifdef __bpf__

static __always_inline struct cursor frame_of(const struct xdp_md *ctx)
{
	return (struct cursor){(const __u8 *)(long)ctx->data, (const __u8 *)(long)ctx->data_end};
}

#endif

/* The next `bytes` of the packet; 0, and nothing taken, if it ends before. */
static __always_inline const void *cursor_take(struct cursor *cursor, __u32 bytes)
{
	const __u8 *taken = cursor->at;

	if (taken + bytes > cursor->end)
		return 0;
	cursor->at = taken + bytes;
	return taken;
}

/* EtherType in network order behind at most one tag, or ETHERTYPE_NONE. */
static __always_inline __u32 parse_ethernet(struct cursor *cursor, struct packet *packet)
{
	const struct ethhdr *ethernet = (const struct ethhdr *)cursor_take(cursor, sizeof(*ethernet));
	const __be16 *tag;
	__u16 type;

	if (!ethernet)
		return ETHERTYPE_NONE;
	packet->to_group = ethernet->h_dest[0] & 1;
	packet->from_group = ethernet->h_source[0] & 1;
	type = ethernet->h_proto;
	if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
		return type;
	tag = (const __be16 *)cursor_take(cursor, VLAN_TAG_BYTES);
	if (!tag)
		return ETHERTYPE_NONE;
	return tag[1];
}

static __always_inline __u32 load_u32(const void *at)
{
	return *(const __u32 *)at;
}

/* Leaves the cursor behind the header; the IP payload's length goes to `transport_bytes`. */
static __always_inline enum packet_verdict parse_ipv4(struct cursor *cursor, struct packet *packet,
						      __u32 *transport_bytes)
{
	const struct iphdr *ip = (const struct iphdr *)cursor_take(cursor, sizeof(*ip));
	const __u8 *bytes = (const __u8 *)ip;
	__u64 sum;

	if (!ip)
		return PACKET_SHORT;
	if (bytes[0] != IPV4_NO_OPTIONS)
		return bytes[0] >> 4 == 4 ? PACKET_IP_OPTIONS : PACKET_NOT_IP;
	if (ip->protocol != IPPROTO_UDP)
		return PACKET_NOT_UDP;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return PACKET_FRAGMENT;
	*transport_bytes = (__u32)bpf_ntohs(ip->tot_len) - (__u32)sizeof(*ip);
	packet->fixed_sum = (__u64)ip->saddr + ip->daddr;
	sum = packet->fixed_sum + load_u32(bytes) + load_u32(bytes + 4) + load_u32(bytes + 8);
	if (checksum_fold(sum) != CHECKSUM_VALID)
		return PACKET_CHECKSUM;
	packet->local_be[0] = packet->remote_be[0] = 0;
	packet->local_be[1] = packet->remote_be[1] = 0;
	packet->local_be[2] = packet->remote_be[2] = bpf_htonl(0xffff);
	packet->local_be[3] = ip->daddr;
	packet->remote_be[3] = ip->saddr;
	packet->is_ipv6 = 0;
	return PACKET_OK;
}

/* What an IPv6 next header that is not UDP means for us. */
static __always_inline enum packet_verdict ipv6_not_udp(__u8 next_header)
{
	switch (next_header) {
	case IPPROTO_FRAGMENT:
		return PACKET_FRAGMENT;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
		return PACKET_IP_OPTIONS;
	default:
		return PACKET_NOT_UDP;
	}
}

static __always_inline enum packet_verdict parse_ipv6(struct cursor *cursor, struct packet *packet,
						      __u32 *transport_bytes)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)cursor_take(cursor, sizeof(*ip));
	__u64 sum = 0;
	__u32 i;

	if (!ip)
		return PACKET_SHORT;
	if (*(const __u8 *)ip >> 4 != 6)
		return PACKET_NOT_IP;
	if (ip->nexthdr != IPPROTO_UDP)
		return ipv6_not_udp(ip->nexthdr);
	*transport_bytes = bpf_ntohs(ip->payload_len);
	for (i = 0; i < 4; i++) {
		packet->local_be[i] = ip->daddr.s6_addr32[i];
		packet->remote_be[i] = ip->saddr.s6_addr32[i];
		sum += (__u64)packet->local_be[i] + packet->remote_be[i];
	}
	packet->fixed_sum = sum;
	packet->is_ipv6 = 1;
	return PACKET_OK;
}

/* The UDP header's length must be exactly what IP carries, and all of it must be in the frame. */
static __always_inline enum packet_verdict parse_udp(struct cursor *cursor, struct packet *packet,
						     __u32 transport_bytes)
{
	const struct udphdr *udp = (const struct udphdr *)cursor_take(cursor, sizeof(*udp));
	__u64 left = (__u64)(cursor->end - cursor->at);

	if (!udp || bpf_ntohs(udp->len) != transport_bytes || transport_bytes < sizeof(*udp))
		return PACKET_SHORT;
	packet->payload_bytes = transport_bytes - (__u32)sizeof(*udp);
	if (packet->payload_bytes > left)
		return PACKET_SHORT;
	packet->trailer_bytes = (__u32)(left - packet->payload_bytes);
	packet->local_port_be = udp->dest;
	packet->remote_port_be = udp->source;
	packet->udp_checksum = udp->check;
	packet->fixed_sum += (__u64)bpf_htons(IPPROTO_UDP) + udp->source + udp->dest;
	return packet->udp_checksum || !packet->is_ipv6 ? PACKET_OK : PACKET_CHECKSUM;
}

/* The whole way from the first byte of the frame to the UDP payload. */
static __always_inline enum packet_verdict parse_packet(struct cursor cursor, struct packet *packet)
{
	const __u8 *frame = cursor.at, *network;
	enum packet_verdict verdict;
	__u32 transport_bytes = 0;
	__u32 type = parse_ethernet(&cursor, packet);

	network = cursor.at;
	if (type == bpf_htons(ETH_P_IP))
		verdict = parse_ipv4(&cursor, packet, &transport_bytes);
	else if (type == bpf_htons(ETH_P_IPV6))
		verdict = parse_ipv6(&cursor, packet, &transport_bytes);
	else
		return type == ETHERTYPE_NONE ? PACKET_SHORT : PACKET_NOT_IP;
	if (verdict == PACKET_OK)
		verdict = parse_udp(&cursor, packet, transport_bytes);
	packet->network_offset = (__u32)((__u64)(network - frame) & OFFSET_MASK);
	packet->payload_offset = (__u32)((__u64)(cursor.at - frame) & OFFSET_MASK);
	return verdict;
}

/* Pseudo-header and UDP header of the packet as it came, its checksum included. */
static __always_inline __u64 udp_header_sum(const struct packet *packet)
{
	__u16 length_be = bpf_htons((__u16)(packet->payload_bytes + (__u32)sizeof(struct udphdr)));

	return packet->fixed_sum + 2u * (__u64)length_be + packet->udp_checksum;
}

/* Pointer to the payload, of which the frame is known to hold `bytes`; else 0. */
static __always_inline const __u8 *payload_of(struct cursor frame, const struct packet *packet, __u32 bytes)
{
	const __u8 *payload = frame.at + masked(packet->payload_offset, OFFSET_MASK);

	return payload + bytes > frame.end ? 0 : payload;
}

#endif
