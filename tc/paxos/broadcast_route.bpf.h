/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who recipient i is and how it is reached: the table's entry by value, the route from the kernel's own tables, kept for a
 * moment. Called for each recipient; a neighbour is never configured by hand.
 */
#ifndef BMC_TC_PAXOS_BROADCAST_ROUTE_BPF_H
#define BMC_TC_PAXOS_BROADCAST_ROUTE_BPF_H

#include "tc/paxos/broadcast_packet.bpf.h"

#define BROADCAST_ROUTE_NS 100000000ull /* a neighbour that moves is noticed after this */
#define BROADCAST_LOOPBACK 1u /* ifindex of lo, in every namespace */
#define BROADCAST_AF_INET 2
#define BROADCAST_AF_INET6 10

/* Copies the entry of recipient `index` to cast->found. Returns its seq; 0 if there is none, or it changed meanwhile. */
static __always_inline __u32 read_peer(struct broadcast *cast, __u32 index)
{
	__u32 slot = cast->slot, seq; /* 6.1 takes keys from the stack only */
	const struct broadcast_group *group = bpf_map_lookup_elem(&broadcast_groups, &slot);
	const struct broadcast_peer *peer;

	if (!group)
		return 0;
	peer = &group->peer[index & (BROADCAST_PEERS_MAX - 1)];
	seq = *(volatile const __u32 *)&peer->seq;
	if (seq & 1)
		return 0;
	/* The processor keeps the order of loads, and these are volatile for the compiler. */
	for (__u32 i = 0; i < 4; i++)
		cast->found.addr_be[i] = ((volatile const __u32 *)peer->addr_be)[i];
	cast->found.port_be = *(volatile const __u16 *)&peer->port_be;
	return *(volatile const __u32 *)&peer->seq == seq ? seq : 0;
}

static __always_inline int is_of_family(const struct broadcast *cast)
{
	const struct broadcast_target *target = &cast->found;
	int mapped = !target->addr_be[0] && !target->addr_be[1] && target->addr_be[2] == bpf_htonl(0xffff);

	return cast->is_ipv6 ? !mapped : mapped;
}

static __always_inline enum broadcast_counter reason_of_lookup(long result)
{
	switch (result) {
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return BROADCAST_COPY_NO_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return BROADCAST_COPY_TOO_LARGE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return BROADCAST_COPY_NO_FORWARDING;
	default:
		return BROADCAST_COPY_NO_ROUTE;
	}
}

/*
 * Asks the kernel's routes and neighbours. As if the packet came from lo: that is what a lookup for a packet of this host
 * is, over all interfaces; the helper insists on forwarding there, which lets nothing in from outside.
 */
static __always_inline enum broadcast_counter look_up(struct __sk_buff *skb, const struct broadcast *cast,
						      struct broadcast_route *route)
{
	const struct broadcast_target *target = &cast->found;
	struct bpf_fib_lookup fib = {};
	long result;

	fib.family = cast->is_ipv6 ? BROADCAST_AF_INET6 : BROADCAST_AF_INET;
	fib.l4_protocol = IPPROTO_UDP;
	fib.sport = cast->source_port_be;
	fib.dport = target->port_be;
	fib.tot_len = cast->bytes;
	fib.ifindex = BROADCAST_LOOPBACK;
	if (cast->is_ipv6) {
		__builtin_memcpy(fib.ipv6_src, cast->source_be, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, target->addr_be, sizeof(fib.ipv6_dst));
	} else {
		fib.ipv4_src = cast->source_be[3];
		fib.ipv4_dst = target->addr_be[3];
	}
	result = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	if (result)
		return reason_of_lookup(result);
	/* Kernels before the check of the neighbour's state give zeros for one that is being resolved. */
	if (!(fib.dmac[0] | fib.dmac[1] | fib.dmac[2] | fib.dmac[3] | fib.dmac[4] | fib.dmac[5]))
		return BROADCAST_COPY_NO_NEIGHBOUR;
	route->ifindex = fib.ifindex;
	route->mtu = fib.mtu_result;
	__builtin_memcpy(route->mac, fib.dmac, ETH_ALEN);
	__builtin_memcpy(route->mac + ETH_ALEN, fib.smac, ETH_ALEN);
	return BROADCAST_COPY_SENT;
}

/* Fills cast->found with recipient `index` and the way there. COPY_SENT if a copy can be sent, else why not. */
__noinline int resolve(struct __sk_buff *skb, struct broadcast *cast, __u32 index)
{
	struct broadcast_route *route;
	enum broadcast_counter result;
	__u64 now = bpf_ktime_get_ns();
	__u32 slot, seq;

	if (!cast)
		return BROADCAST_COPY_NO_PEER;
	slot = cast->slot * BROADCAST_PEERS_MAX + index;
	seq = read_peer(cast, index);
	route = bpf_map_lookup_elem(&broadcast_routes, &slot);
	if (!seq || !route)
		return BROADCAST_COPY_NO_PEER;
	if (!is_of_family(cast))
		return BROADCAST_COPY_FAMILY;
	if (route->peer_seq != seq || route->expires_ns <= now) {
		route->peer_seq = 0;
		result = look_up(skb, cast, route);
		if (result != BROADCAST_COPY_SENT)
			return result;
		route->expires_ns = now + BROADCAST_ROUTE_NS;
		route->peer_seq = seq;
	}
	if (cast->bytes > route->mtu)
		return BROADCAST_COPY_TOO_LARGE;
	cast->found.ifindex = route->ifindex;
	__builtin_memcpy(cast->found.mac, route->mac, sizeof(cast->found.mac));
	cast->found.bit = 1u << (index & (BROADCAST_PEERS_MAX - 1));
	return BROADCAST_COPY_SENT;
}

#endif
