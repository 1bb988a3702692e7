/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whether a datagram's header is one that the programs understand; what it says is for accept.h and quorum.h.
 * And the header of an acknowledgement. Used by the XDP program and natively by tests and the simulator.
 */
#ifndef BMC_PAXOS_FASTPATH_HEADER_CHECK_H
#define BMC_PAXOS_FASTPATH_HEADER_CHECK_H

#include "apps/paxos/abi/fast_abi.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/lib/shared_atomic.h"

/*
 * The hash comes as soon as it is known where it stands, so that what follows is what the sender meant. A header
 * whose hash is wrong is dropped: user space would refuse it too, whatever it says.
 */
static __always_inline enum paxos_fast_counter check_header(const struct paxos_header *header, __u32 message_bytes)
{
	if (header->version != PAXOS_WIRE_VERSION)
		return PAXOS_PASS_VERSION;
	if (header->frag_idx != 0 || header->frag_cnt != 1)
		return PAXOS_PASS_FRAGMENT;
	if (header->hdr_words != PAXOS_HEADER_WORDS)
		return PAXOS_PASS_VERSION;
	if (header->type != PAXOS_PREPARE && header->type != PAXOS_PREPARE_OK)
		return PAXOS_PASS_TYPE;
	if (header->hdr_hash != paxos_header_hash(header))
		return PAXOS_DROP_DAMAGED;
	if (header->flags & ~PAXOS_FLAGS_KNOWN)
		return PAXOS_PASS_FLAGS;
	if (header->body_len != message_bytes - PAXOS_HEADER_BYTES)
		return PAXOS_PASS_LENGTH;
	return PAXOS_GO_ON;
}

static __always_inline int is_from_address(const struct packet *packet, const struct paxos_address *address)
{
	return packet->remote_port_be == address->port_be && packet->remote_be[3] == address->addr_be[3] &&
	       packet->remote_be[2] == address->addr_be[2] && packet->remote_be[1] == address->addr_be[1] &&
	       packet->remote_be[0] == address->addr_be[0];
}

/*
 * PREPARE_OK of a program. It cannot compute the chain of `op`: the flag says that `chain` is instead what the
 * PREPARE of `op` said, the chain of op - 1; or 0, nothing. One proposer in a view is what makes that enough.
 */
static __always_inline void make_acknowledgement(const struct paxos_backup_config *config,
						 const struct paxos_header *prepare, __u64 op, __u64 chain,
						 struct paxos_header *ack)
{
	ack->magic = PAXOS_MAGIC;
	ack->version = PAXOS_WIRE_VERSION;
	ack->type = PAXOS_PREPARE_OK;
	ack->flags = PAXOS_FLAG_KERNEL_ACK_OK;
	ack->hdr_words = PAXOS_HEADER_WORDS;
	ack->cluster_id = config->cluster_id;
	ack->epoch = config->epoch;
	ack->sender = config->self;
	ack->ack_level = config->ack_level;
	ack->frag_idx = 0;
	ack->frag_cnt = 1;
	ack->view = config->view;
	ack->op = op;
	ack->commit = 0;
	ack->chain = chain;
	ack->incarnation = config->own_incarnation;
	ack->body_len = 0;
	ack->body_crc32c = 0;
	ack->echo = prepare->echo;
	ack->hdr_hash = paxos_header_hash(ack);
}

#endif
