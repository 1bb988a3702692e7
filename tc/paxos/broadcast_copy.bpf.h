/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copies: one run, one after another, each addressed in place and cloned; the last one is the packet itself. Called by
 * paxos_broadcast, with a datagram that may be changed.
 *
 * The helpers know whether a checksum is complete or the interface's to complete, and keep either right.
 */
#ifndef BMC_TC_PAXOS_BROADCAST_COPY_BPF_H
#define BMC_TC_PAXOS_BROADCAST_COPY_BPF_H

#include <linux/pkt_cls.h>
#include <stddef.h>

#include "tc/paxos/broadcast_route.bpf.h"

#define BROADCAST_HOP_LIMIT 64 /* the group address had one hop, its recipients may be further away */
#define BROADCAST_CONGESTED 2 /* NET_XMIT_CN: the queue took this packet, and dropped one */
#define IPV4_FIELD(field) ((__u32)(sizeof(struct ethhdr) + offsetof(struct iphdr, field)))
#define IPV6_FIELD(field) ((__u32)(sizeof(struct ethhdr) + offsetof(struct ipv6hdr, field)))

static __always_inline __u32 udp_field(const struct broadcast *cast, __u32 offset)
{
	return (cast->is_ipv6 ? (__u32)sizeof(struct ipv6hdr) : (__u32)sizeof(struct iphdr)) +
	       (__u32)sizeof(struct ethhdr) + offset;
}

/* Nobody gets it from here: the sender is told that all are left to it. */
static __always_inline int refuse(struct broadcast *cast)
{
	broadcast_tell(cast->slot, cast->token, cast->recipients);
	return TC_ACT_SHOT;
}

static __always_inline int raise_hop_limit(struct __sk_buff *skb, struct broadcast *cast)
{
	__u8 limit = BROADCAST_HOP_LIMIT;
	__u16 word_be = bpf_htons(BROADCAST_HOP_LIMIT << 8 | IPPROTO_UDP);
	long failed;

	if (cast->is_ipv6)
		failed = bpf_skb_store_bytes(skb, IPV6_FIELD(hop_limit), &limit, sizeof(limit), 0);
	else
		failed = bpf_l3_csum_replace(skb, IPV4_FIELD(check), cast->hop_word_be, word_be, sizeof(word_be)) ||
			 bpf_skb_store_bytes(skb, IPV4_FIELD(ttl), &limit, sizeof(limit), 0);
	if (failed)
		broadcast_count(BROADCAST_REFUSED_HEADER);
	return !failed;
}

static __always_inline int address_ipv4(struct __sk_buff *skb, const struct broadcast *cast)
{
	const struct broadcast_target *to = &cast->next;
	__u32 check = udp_field(cast, offsetof(struct udphdr, check));

	return !bpf_l3_csum_replace(skb, IPV4_FIELD(check), cast->to_be[3], to->addr_be[3], 4) &&
	       !bpf_l4_csum_replace(skb, check, cast->to_be[3], to->addr_be[3],
				    BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4) &&
	       !bpf_skb_store_bytes(skb, IPV4_FIELD(daddr), &to->addr_be[3], 4, 0);
}

static __always_inline int address_ipv6(struct __sk_buff *skb, struct broadcast *cast)
{
	struct broadcast_target *to = &cast->next;
	__u32 check = udp_field(cast, offsetof(struct udphdr, check));
	__s64 difference = bpf_csum_diff(cast->to_be, sizeof(cast->to_be), to->addr_be, sizeof(to->addr_be), 0);

	return difference >= 0 &&
	       !bpf_l4_csum_replace(skb, check, 0, (__u64)difference, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) &&
	       !bpf_skb_store_bytes(skb, IPV6_FIELD(daddr), to->addr_be, sizeof(to->addr_be), 0);
}

/* Turns the packet from one recipient's into the next one's. After a failure it is nobody's: 0. */
__noinline int address_to_next(struct __sk_buff *skb, struct broadcast *cast)
{
	struct broadcast_target *to;
	__u32 check, port;
	int done;

	if (!cast)
		return 0;
	to = &cast->next;
	check = udp_field(cast, offsetof(struct udphdr, check));
	port = udp_field(cast, offsetof(struct udphdr, dest));
	done = cast->is_ipv6 ? address_ipv6(skb, cast) : address_ipv4(skb, cast);
	done = done && !bpf_skb_store_bytes(skb, 0, to->mac, sizeof(to->mac), 0) &&
	       !bpf_l4_csum_replace(skb, check, cast->to_port_be, to->port_be, BPF_F_MARK_MANGLED_0 | 2) &&
	       !bpf_skb_store_bytes(skb, port, &to->port_be, sizeof(to->port_be), 0);
	__builtin_memcpy(cast->to_be, to->addr_be, sizeof(cast->to_be));
	cast->to_port_be = to->port_be;
	return done;
}

/* The copy that stands next leaves. Returns 0 if the packet is spoilt and no more copies can be made of it. */
static __always_inline int send_next(struct __sk_buff *skb, struct broadcast *cast)
{
	long result;

	if (!address_to_next(skb, cast)) {
		broadcast_count(BROADCAST_REFUSED_HEADER);
		return 0;
	}
	result = bpf_clone_redirect(skb, cast->next.ifindex, 0);
	if (result == 0 || result == BROADCAST_CONGESTED) {
		cast->undelivered &= ~cast->next.bit;
		broadcast_count(BROADCAST_COPY_SENT);
	} else {
		broadcast_count(BROADCAST_COPY_NOT_TAKEN);
	}
	return 1;
}

/* All copies but the last, which stands next afterwards if there is one. */
static __always_inline void send_copies(struct __sk_buff *skb, struct broadcast *cast)
{
	cast->undelivered = cast->recipients;
#pragma GCC unroll 1
	for (__u32 i = 0; i < BROADCAST_PEERS_MAX; i++) {
		int result;

		if (!(cast->recipients >> i & 1))
			continue;
		result = resolve(skb, cast, i);
		if (result != BROADCAST_COPY_SENT) {
			broadcast_count((enum broadcast_counter)result);
			continue;
		}
		if (cast->next.bit && !send_next(skb, cast)) {
			cast->next.bit = 0;
			return;
		}
		cast->next = cast->found;
	}
}

/* The packet itself is the last copy; if there is none, it is nobody's. */
static __always_inline int send_last(struct __sk_buff *skb, struct broadcast *cast)
{
	int verdict = TC_ACT_SHOT;

	if (cast->next.bit) {
		if (address_to_next(skb, cast)) {
			cast->undelivered &= ~cast->next.bit;
			broadcast_count(BROADCAST_COPY_SENT);
			verdict = cast->next.ifindex == skb->ifindex ? TC_ACT_UNSPEC :
								       (int)bpf_redirect(cast->next.ifindex, 0);
		} else {
			broadcast_count(BROADCAST_REFUSED_HEADER);
		}
	}
	broadcast_count(BROADCAST_DONE);
	broadcast_tell(cast->slot, cast->token, cast->undelivered);
	return verdict;
}

#endif
