/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step of paxos_fast: the decision, which is in fastpath/, and the acknowledgement in the place of the PREPARE.
 */
#ifndef BMC_XDP_PAXOS_DECIDE_BPF_H
#define BMC_XDP_PAXOS_DECIDE_BPF_H

#include "apps/paxos/fastpath/accept.h"
#include "apps/paxos/fastpath/quorum.h"
#include "xdp/lib/reply.bpf.h"
#include "xdp/paxos/datagram.bpf.h"

static __always_inline enum paxos_fast_counter decide(const struct datagram *datagram)
{
	struct paxos_scratch *scratch = datagram->scratch;

	if (scratch->header.type == PAXOS_PREPARE)
		return accept_prepare(&datagram->world, &datagram->packet, &scratch->header, &scratch->ack);
	return count_prepare_ok(&datagram->world, &datagram->packet, &scratch->header);
}

static __always_inline int is_acknowledgement(enum paxos_fast_counter out)
{
	return out == PAXOS_TX_ACKED || out == PAXOS_TX_ACKED_AGAIN;
}

/* One's complement sum of a header, unrolled. */
static __always_inline __u64 header_sum(const struct paxos_header *header)
{
	const __u64 *words = (const __u64 *)header;
	__u64 sum = 0;

	for (__u32 i = 0; i < PAXOS_HEADER_WORDS; i++)
		sum = checksum_add(sum, words[i]);
	return sum;
}

/*
 * Cuts the body and what is behind it off, then puts the acknowledgement into the place of the PREPARE's header. The
 * op is accepted by now: should the reply fail, the leader asks again. Once cut, the frame is nobody's to read.
 */
static __always_inline enum paxos_fast_counter send_acknowledgement(struct xdp_md *ctx, const struct datagram *datagram,
								    enum paxos_fast_counter out)
{
	const struct packet *packet = &datagram->packet;
	const struct paxos_header *ack = &datagram->scratch->ack;
	struct reply reply = {
		.network_offset = packet->network_offset,
		.payload_bytes = PAXOS_HEADER_BYTES,
		.sum = packet->fixed_sum + header_sum(ack),
		.ipv4_id_be = (__u16)ack->op,
	};
	__u32 cut = packet->payload_bytes - PAXOS_HEADER_BYTES + packet->trailer_bytes;
	struct paxos_header *to;

	if (cut && bpf_xdp_adjust_tail(ctx, -(int)cut))
		return PAXOS_DROP_UNSENT;
	to = (struct paxos_header *)payload_of(frame_of(ctx), packet, PAXOS_HEADER_BYTES);
	if (!to)
		return PAXOS_DROP_UNSENT;
	*to = *ack;
	return rewrite_headers(frame_of(ctx), &reply) ? out : PAXOS_DROP_UNSENT;
}

#endif
