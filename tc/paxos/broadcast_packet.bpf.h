/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From an outgoing packet to a datagram that asks for a broadcast: its mark, its group, its addresses, and that it is one
 * plain UDP datagram. Called by paxos_broadcast; nothing here changes the packet.
 */
#ifndef BMC_TC_PAXOS_BROADCAST_PACKET_BPF_H
#define BMC_TC_PAXOS_BROADCAST_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tc/paxos/broadcast_maps.bpf.h"

#define BROADCAST_IPV4_PLAIN 0x45 /* version 4, no options */
#define BROADCAST_IPV4_PARTS 0x3fff /* more fragments, and the offset */

/* One address of one recipient, and the way there. */
struct broadcast_target {
	__u32 addr_be[4];
	__u32 bit; /* of the recipient; 0: nobody */
	__u32 ifindex;
	__u16 port_be;
	__u8 mac[2 * ETH_ALEN];
	__u8 reserved[2];
};

/* A datagram to many on its way into copies: what the steps hand each other. Numbers only, and no padding: some
 * steps are functions that the verifier looks at by themselves, as 6.1 would else give up on the loop over the recipients. */
struct broadcast {
	__u32 slot; /* of the group */
	__u32 recipients;
	__u32 undelivered; /* of them, nobody has a copy */
	__u32 is_ipv6;
	/* Valid after is_of_group. */
	__u32 source_be[4];
	__u32 to_be[4]; /* where the packet is addressed at the moment */
	__u16 to_port_be;
	__u16 token;
	__u16 hop_word_be; /* IPv4: time to live and protocol */
	__u16 bytes;       /* of the IP packet */
	__u16 source_port_be;
	__u16 reserved;
	struct broadcast_target found; /* valid after resolve */
	struct broadcast_target next;  /* whose copy leaves next */
};

static __always_inline int is_marked(const struct __sk_buff *skb)
{
	__u32 mark = skb->mark;

	return mark >> BROADCAST_MARK_MAGIC_SHIFT == BROADCAST_MARK_MAGIC &&
	       !(mark & ((1u << BROADCAST_MARK_GROUP_SHIFT) - 1));
}

static __always_inline int find_group(const struct __sk_buff *skb, struct broadcast *cast)
{
	const struct broadcast_group *group;

	cast->slot = skb->mark >> BROADCAST_MARK_GROUP_SHIFT & BROADCAST_MARK_GROUP_MASK;
	group = bpf_map_lookup_elem(&broadcast_groups, &cast->slot);
	if (!group || *(volatile const __u32 *)&group->version != BROADCAST_ABI_VERSION) {
		broadcast_count(BROADCAST_PASS_DISABLED);
		return 0;
	}
	cast->source_port_be = group->source_port_be;
	return 1;
}

/* Finds the recipients in a group address; 0: it is another address. */
static __always_inline int read_recipients(struct broadcast *cast)
{
	__u32 last = bpf_ntohl(cast->to_be[3]);

	cast->recipients = last & BROADCAST_RECIPIENTS;
	last &= ~BROADCAST_RECIPIENTS;
	if (cast->is_ipv6)
		return cast->to_be[0] == bpf_htonl(BROADCAST_ADDRESS_V6_FIRST) && !cast->to_be[1] &&
		       !cast->to_be[2] && last == BROADCAST_ADDRESS_V6_LAST;
	return last == BROADCAST_ADDRESS_V4;
}

/* The UDP header if the frame is UDP to a group address; else 0. What is not in the linear part is nobody's: the IP
 * layer has just written the headers there. */
static __always_inline const struct udphdr *udp_to_group(struct __sk_buff *skb, struct broadcast *cast)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct ethhdr *ethernet = data;
	const struct ipv6hdr *ipv6 = data + sizeof(*ethernet);
	const struct iphdr *ipv4 = data + sizeof(*ethernet);
	const struct udphdr *udp;

	if ((const void *)(ipv4 + 1) + sizeof(*udp) > end)
		return 0;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		cast->source_be[3] = ipv4->saddr;
		cast->to_be[2] = bpf_htonl(0xffff);
		cast->to_be[3] = ipv4->daddr;
		udp = (const void *)(ipv4 + 1);
		return read_recipients(cast) && ipv4->protocol == IPPROTO_UDP ? udp : 0;
	}
	if (ethernet->h_proto != bpf_htons(ETH_P_IPV6) || (const void *)(ipv6 + 1) + sizeof(*udp) > end)
		return 0;
	cast->is_ipv6 = 1;
	__builtin_memcpy(cast->source_be, &ipv6->saddr, sizeof(cast->source_be));
	__builtin_memcpy(cast->to_be, &ipv6->daddr, sizeof(cast->to_be));
	udp = (const void *)(ipv6 + 1);
	return read_recipients(cast) && ipv6->nexthdr == IPPROTO_UDP ? udp : 0;
}

/* Is this a datagram of the group's replica to a group address? */
static __always_inline int is_of_group(struct __sk_buff *skb, struct broadcast *cast)
{
	const struct udphdr *udp = udp_to_group(skb, cast);

	if (!udp) {
		broadcast_count(BROADCAST_PASS_NOT_GROUP);
		return 0;
	}
	if (udp->source != cast->source_port_be) {
		broadcast_count(BROADCAST_PASS_FOREIGN);
		return 0;
	}
	cast->to_port_be = udp->dest;
	cast->token = bpf_ntohs(udp->dest);
	return 1;
}

static __always_inline int is_plain_ipv4(const struct iphdr *ip, struct broadcast *cast)
{
	cast->bytes = bpf_ntohs(ip->tot_len);
	__builtin_memcpy(&cast->hop_word_be, &ip->ttl, sizeof(cast->hop_word_be));
	return *(const __u8 *)ip == BROADCAST_IPV4_PLAIN && !(ip->frag_off & bpf_htons(BROADCAST_IPV4_PARTS));
}

static __always_inline int is_plain_ipv6(const struct ipv6hdr *ip, struct broadcast *cast)
{
	cast->bytes = bpf_ntohs(ip->payload_len) + (__u16)sizeof(*ip);
	return 1;
}

/* Does the packet hold one UDP datagram behind plain headers, all of it and nothing else? */
static __always_inline int is_whole(struct __sk_buff *skb, struct broadcast *cast)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const void *ip = data + sizeof(struct ethhdr);
	__u32 header = cast->is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const struct udphdr *udp = ip + header;
	int plain;

	if (ip + sizeof(struct iphdr) > end || (const void *)(udp + 1) > end)
		return 0;
	if (!cast->is_ipv6)
		plain = is_plain_ipv4(ip, cast);
	else
		plain = ip + sizeof(struct ipv6hdr) <= end && is_plain_ipv6(ip, cast);
	return plain && !skb->vlan_present && cast->bytes == header + bpf_ntohs(udp->len) &&
	       skb->len == cast->bytes + sizeof(struct ethhdr);
}

static __always_inline int is_one_datagram(struct __sk_buff *skb, struct broadcast *cast)
{
	if (skb->gso_size) {
		broadcast_count(BROADCAST_REFUSED_GSO);
		return 0;
	}
	if (!is_whole(skb, cast)) {
		broadcast_count(BROADCAST_REFUSED_SHAPE);
		return 0;
	}
	return 1;
}

#endif
