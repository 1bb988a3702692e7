/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First steps of paxos_fast: is it a Paxos datagram, for which replica, and may a program read it. What is not
 * Paxos costs the parser and four bytes.
 */
#ifndef BMC_XDP_PAXOS_DATAGRAM_BPF_H
#define BMC_XDP_PAXOS_DATAGRAM_BPF_H

#include "apps/paxos/fastpath/header_check.h"
#include "apps/paxos/fastpath/world.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/paxos/maps.bpf.h"

/* The datagram as the steps know it. */
struct datagram {
	struct packet packet;
	struct fast_world world;
	struct paxos_scratch *scratch;
};

/* Headers of the packet; magic. Copies the Paxos header. */
static __always_inline enum paxos_fast_counter parse_datagram(struct xdp_md *ctx, struct datagram *datagram)
{
	struct packet *packet = &datagram->packet;
	const struct paxos_header *header;
	__u32 zero = 0;

	if (parse_packet(frame_of(ctx), packet) != PACKET_OK || packet->to_group || packet->from_group ||
	    packet->payload_bytes < PAXOS_HEADER_BYTES)
		return PAXOS_PASS_NOT_PAXOS;
	header = (const struct paxos_header *)payload_of(frame_of(ctx), packet, PAXOS_HEADER_BYTES);
	if (!header || header->magic != PAXOS_MAGIC)
		return PAXOS_PASS_NOT_PAXOS;
	datagram->scratch = bpf_map_lookup_elem(&paxos_scratches, &zero);
	if (!datagram->scratch)
		return PAXOS_PASS_OFF;
	datagram->scratch->header = *header;
	return PAXOS_GO_ON;
}

/* By address and port that it was sent to; an IPv4-mapped address inside IPv6 is none of ours. */
static __always_inline enum paxos_fast_counter find_group(struct xdp_md *ctx, struct datagram *datagram)
{
	const struct packet *packet = &datagram->packet;
	struct paxos_address *local = &datagram->scratch->local;
	__u32 zero = 0;
	void *map;

	for (__u32 i = 0; i < 4; i++)
		local->addr_be[i] = packet->local_be[i];
	local->port_be = packet->local_port_be;
	local->reserved = 0;
	if (packet->is_ipv6 && !(local->addr_be[0] | local->addr_be[1]) && local->addr_be[2] == bpf_htonl(0xffff))
		return PAXOS_PASS_NO_GROUP;
	map = bpf_map_lookup_elem(&paxos_groups, local);
	datagram->world.group = map ? bpf_map_lookup_elem(map, &zero) : 0;
	if (!datagram->world.group)
		return PAXOS_PASS_NO_GROUP;
	datagram->world.ctx = ctx;
	datagram->world.doorbells = &paxos_doorbells;
	datagram->world.local = local;
	datagram->world.now_ns = bpf_ktime_get_coarse_ns();
	datagram->world.message_offset = packet->payload_offset;
	datagram->world.message_bytes = packet->payload_bytes;
	return PAXOS_GO_ON;
}

/* A header that a program may read, of a kind that is switched on. With all switched off nothing is looked at. */
static __always_inline enum paxos_fast_counter read_header(const struct datagram *datagram)
{
	const struct paxos_header *header = &datagram->scratch->header;
	const struct paxos_control *switched;
	enum paxos_fast_counter out;
	__u32 zero = 0;

	switched = bpf_map_lookup_elem(&paxos_control, &zero);
	if (!switched || switched->abi_version != PAXOS_FAST_ABI_VERSION || !switched->offloads)
		return PAXOS_PASS_OFF;
	out = check_header(header, datagram->packet.payload_bytes);
	if (out)
		return out;
	if (!(switched->offloads & (header->type == PAXOS_PREPARE ? PAXOS_OFFLOAD_ACK : PAXOS_OFFLOAD_QUORUM)))
		return PAXOS_PASS_OFF;
	return PAXOS_GO_ON;
}

#endif
