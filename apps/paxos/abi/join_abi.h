/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How a replica's process asks bmcd for the kernel's help, and what it gets: the messages of the join socket (a unix socket
 * of type SOCK_SEQPACKET, one message each way at a time, by default /run/bmcd/paxos.sock).
 *
 * The process needs no privilege. It shows its own UDP socket, so nobody can ask in the name of an address that he does not
 * hold; bmcd looks up by whom it is asked (SO_PEERCRED) in its allow-list. What comes back are descriptors of this replica's
 * own memory. The connection is the membership: when it ends bmcd freezes the replica's gates. Its map stays: the next
 * process at the address gets the same one, with what the programs still hold, and freezes it first.
 *
 * Integers are host-endian unless the name ends in _be: both ends are on one host.
 */
#ifndef BMC_PAXOS_ABI_JOIN_ABI_H
#define BMC_PAXOS_ABI_JOIN_ABI_H

#include <linux/types.h>

#include "apps/paxos/abi/fast_abi.h"

#define PAXOS_JOIN_MAGIC 0x6e696f6au /* "join" */
#define PAXOS_JOIN_VERSION 1u        /* raised with every change of a layout below */
#define PAXOS_JOIN_TEXT_BYTES 240u

/* Beside PAXOS_OFFLOAD_ACK and _QUORUM; the programs do not know it. */
#define PAXOS_OFFLOAD_BROADCAST 4u
#define PAXOS_OFFLOADS_ALL 7u

/*
 * Replica -> bmcd, once, the first message. Brings one descriptor (SCM_RIGHTS): the bound UDP socket that the replica
 * sends and receives by. bmcd marks it for broadcasts and keeps no copy.
 */
struct paxos_join_request {
	__u32 magic;
	__u16 version;
	__u8 self;          /* index of the replica that asks */
	__u8 replica_count; /* 1 ... PAXOS_REPLICAS_MAX */
	__u32 wanted;       /* PAXOS_OFFLOAD_...; may be 0 */
	__u32 reserved;     /* 0 */
	struct paxos_address replica[PAXOS_REPLICAS_MAX]; /* where each is sent to; zero from replica_count on */
	__u32 reserved1;    /* 0 */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_join_request) == 16 + PAXOS_REPLICAS_MAX * 20 + 4, "paxos_join_request");

/*
 * bmcd -> replica: the answer to the request, and after a granted one again whenever `offloads` changes (`bmcctl paxos`).
 * The answer to a granted request brings the descriptors in this order: the group map and the doorbell, always; the map
 * broadcast_reports, read-only, if broadcast_group is not PAXOS_JOIN_NO_GROUP. Later messages bring none.
 */
struct paxos_join_reply {
	__u32 magic;
	__u16 version;
	__u16 error;                   /* 0: granted; else an errno, and bmcd ends the connection */
	__u32 offloads;                /* of those wanted, the ones that are switched on now */
	__u16 fast_abi_version;        /* PAXOS_FAST_ABI_VERSION, of group map and doorbell */
	__u16 broadcast_abi_version;   /* BROADCAST_ABI_VERSION */
	__u32 broadcast_group;         /* of this replica on its host; bmcd has written its recipients */
	char text[PAXOS_JOIN_TEXT_BYTES]; /* for a person, ends in a zero: what is refused, or missing, and what to do */
	__u32 reserved;                /* 0 */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_join_reply) == 264, "paxos_join_reply");

#define PAXOS_JOIN_NO_GROUP 0xffffffffu

#endif
