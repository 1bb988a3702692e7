/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From an outgoing packet to a memcached reply: Ethernet, VLAN tag in the frame or beside it, IPv4 or
 * IPv6, UDP, memcached's frame header, and whose reply it is. Called by the fill program.
 */
#ifndef BMC_TC_REPLY_PACKET_BPF_H
#define BMC_TC_REPLY_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/cache_maps.bpf.h"

#define IPV4_OFFSET_MASK 0x1fff

struct vlan_tag {
	__be16 tci;
	__be16 protocol;
};

/* memcached's UDP frame header. */
struct frame_header {
	__be16 request_id;
	__be16 sequence;
	__be16 total;
	__be16 reserved;
};

/* A UDP datagram on its way out. */
struct reply_packet {
	__u32 source_be[4]; /* the server; IPv4 as ::ffff:a.b.c.d */
	__u32 target_be[4]; /* the client */
	__u16 source_port_be;
	__u16 target_port_be;
	__u32 payload;      /* offset of the UDP payload in the packet */
	__u32 length;       /* of the UDP payload by the UDP header */
	__u32 ip_length;    /* of the UDP payload by the IP header */
};

static __always_inline void map_ipv4(__u32 addr_be[4], __u32 ipv4_be)
{
	addr_be[0] = 0;
	addr_be[1] = 0;
	addr_be[2] = bpf_htonl(0xffff);
	addr_be[3] = ipv4_be;
}

/* Returns the offset of the UDP header behind an IPv4 header at `offset`; 0 if there is none. */
static __always_inline __u32 parse_ipv4(void *data, void *end, __u32 offset, struct reply_packet *packet)
{
	struct iphdr *ip = data + offset;
	__u32 header;

	if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
		return 0;
	header = (__u32)ip->ihl * 4;
	if (header < sizeof(*ip) || (ip->frag_off & bpf_htons(IPV4_OFFSET_MASK)))
		return 0;
	map_ipv4(packet->source_be, ip->saddr);
	map_ipv4(packet->target_be, ip->daddr);
	packet->ip_length = bpf_ntohs(ip->tot_len) - header - (__u32)sizeof(struct udphdr);
	return offset + header;
}

/* As parse_ipv4; memcached's replies bear no extension headers. */
static __always_inline __u32 parse_ipv6(void *data, void *end, __u32 offset, struct reply_packet *packet)
{
	struct ipv6hdr *ip = data + offset;

	if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_UDP)
		return 0;
	__builtin_memcpy(packet->source_be, &ip->saddr, sizeof(packet->source_be));
	__builtin_memcpy(packet->target_be, &ip->daddr, sizeof(packet->target_be));
	packet->ip_length = bpf_ntohs(ip->payload_len) - (__u32)sizeof(struct udphdr);
	return offset + (__u32)sizeof(*ip);
}

/*
 * Returns 1 and fills `packet` if this is a UDP datagram or the first fragment of one. Headers that are
 * not in the linear part are nobody's we know: the IP layer has just written them.
 */
static __always_inline int parse_reply(struct __sk_buff *skb, struct reply_packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	__u32 offset = sizeof(*ethernet);
	struct udphdr *udp;
	__be16 protocol;

	if ((void *)(ethernet + 1) > end)
		return 0;
	protocol = ethernet->h_proto;
	if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD)) {
		struct vlan_tag *tag = data + offset;

		if ((void *)(tag + 1) > end)
			return 0;
		protocol = tag->protocol;
		offset += sizeof(*tag);
	}
	if (protocol == bpf_htons(ETH_P_IP))
		offset = parse_ipv4(data, end, offset, packet);
	else if (protocol == bpf_htons(ETH_P_IPV6))
		offset = parse_ipv6(data, end, offset, packet);
	else
		return 0;
	udp = data + offset;
	if (!offset || (void *)(udp + 1) > end)
		return 0;
	packet->source_port_be = udp->source;
	packet->target_port_be = udp->dest;
	packet->payload = offset + (__u32)sizeof(*udp);
	packet->length = bpf_ntohs(udp->len) - (__u32)sizeof(*udp);
	return 1;
}

static __always_inline int is_watched_port(const struct cache_control *config, __u32 port)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < CACHE_PORTS_MAX; i++) {
		if (!config->port[i].used)
			break;
		if (config->port[i].port == port)
			return 1;
	}
	return 0;
}

/* Index of the server whose reply this is by its source; CACHE_SERVERS_MAX if it is none's. */
static __always_inline __u32 server_of_reply(const struct cache_control *config,
					     const struct reply_packet *packet)
{
	const struct served_address *served;
	__u32 slot;

	if (!is_watched_port(config, bpf_ntohs(packet->source_port_be)))
		return CACHE_SERVERS_MAX;
	slot = cache_address_slot(packet->source_be, packet->source_port_be, config->address_seed,
				  CACHE_ADDRESSES_MAX);
	served = &config->address[slot & (CACHE_ADDRESSES_MAX - 1)];
	if (!served->used || served->port_be != packet->source_port_be ||
	    served->addr_be[0] != packet->source_be[0] || served->addr_be[1] != packet->source_be[1] ||
	    served->addr_be[2] != packet->source_be[2] || served->addr_be[3] != packet->source_be[3])
		return CACHE_SERVERS_MAX;
	return served->server;
}

/* Is the whole reply in this datagram? Only then *request_id_be is set. */
static __always_inline int is_whole_reply(struct __sk_buff *skb, const struct reply_packet *packet,
					  __u16 *request_id_be)
{
	struct frame_header frame;

	if (packet->length != packet->ip_length || packet->length <= sizeof(frame) ||
	    packet->length > CACHE_REPLY_MAX || skb->gso_size)
		return 0;
	if (bpf_skb_load_bytes(skb, packet->payload, &frame, sizeof(frame)))
		return 0;
	*request_id_be = frame.request_id;
	return frame.sequence == 0 && frame.total == bpf_htons(1);
}

#endif
