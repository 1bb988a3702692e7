/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The broadcast offload: memory shared between tc/paxos_broadcast.bpf.c and who asks for broadcasts (fastpath/broadcast.h,
 * in the end bmcd), and how a datagram asks for one. Zeroed memory means: disabled.
 *
 * A datagram to all is one sendto() to a group address that nobody listens at. The mark of its socket says which replica of
 * this host sends, the low bits of the address to whom; its destination port is a number of the sender's choice, which the
 * program gives back in the report, so that the sender knows of what the report speaks. The program makes of it
 * one copy for each recipient that it can reach; whoever is left is the sender's to reach.
 *
 * Marking takes a privilege (CAP_NET_RAW) that a replica need not have: bmcd may mark its socket once and for all. So whom
 * a datagram is for is not in the mark, and ordinary datagrams of the socket, which bear it too, pass.
 *
 * All integers are host-endian unless the name ends in _be.
 */
#ifndef BMC_PAXOS_ABI_BROADCAST_ABI_H
#define BMC_PAXOS_ABI_BROADCAST_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define BROADCAST_ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#define BROADCAST_ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Raised with every change of a layout or of the mark; a program and a sender of different versions do nothing together. */
#define BROADCAST_ABI_VERSION 1u

#define BROADCAST_GROUPS_MAX 16u /* replicas on one host, of one cluster or of several */
#define BROADCAST_PEERS_MAX 16u  /* of a group: bits of a set of recipients; PAXOS_REPLICAS_MAX is 9 */

/* Handle and priority of its filter at TC egress: behind the cache's, which only looks. */
#define BROADCAST_TC_PLACE 0xb3du

/* ---- How a datagram asks --------------------------------------------------------------------
 * SO_MARK of the socket: magic (8 bits) << 24 | group (8 bits) << 16 | 0.
 */
#define BROADCAST_MARK_MAGIC 0xb5u
#define BROADCAST_MARK_MAGIC_SHIFT 24u
#define BROADCAST_MARK_GROUP_SHIFT 16u
#define BROADCAST_MARK_GROUP_MASK 0xffu

static inline __u32 broadcast_mark(__u32 group)
{
	return BROADCAST_MARK_MAGIC << BROADCAST_MARK_MAGIC_SHIFT |
	       (group & BROADCAST_MARK_GROUP_MASK) << BROADCAST_MARK_GROUP_SHIFT;
}

/*
 * Where it goes to: 239.112.R.R and ff05::7078:RRRR, of which R are the recipients, a bit for each. Where the program is
 * missing, it ends there: a multicast of one hop that has no listeners, never a datagram to somebody whom it
 * is not for.
 */
#define BROADCAST_ADDRESS_V4 0xef700000u
#define BROADCAST_ADDRESS_V6_FIRST 0xff050000u
#define BROADCAST_ADDRESS_V6_LAST 0x70780000u
#define BROADCAST_RECIPIENTS 0xffffu

/* ---- Map `broadcast_groups` -----------------------------------------------------------------
 * One element for each group: who its recipients are. Writer of all fields: who asks for broadcasts.
 */

/* Recipient i of the group is bit i of an address's recipients. */
struct broadcast_peer {
	__u32 seq;        /* odd: being written; 0: nobody. Every change makes it larger: routes learned are forgotten */
	__u32 addr_be[4]; /* IPv4 as ::ffff:a.b.c.d; of the group's family, the rest stays unreached */
	__u16 port_be;
	__u16 reserved0;
	__u32 reserved1[2];
};
BROADCAST_ABI_ASSERT(sizeof(struct broadcast_peer) == 32, "two to a cache line");

struct broadcast_group {
	__u32 version;         /* BROADCAST_ABI_VERSION: enabled, written last; anything else: disabled */
	__u16 source_port_be;  /* the replica's own: datagrams from another one are not its */
	__u16 reserved0;
	__u32 reserved1[6];
	struct broadcast_peer peer[BROADCAST_PEERS_MAX];
};
BROADCAST_ABI_ASSERT(sizeof(struct broadcast_group) == 32 + BROADCAST_PEERS_MAX * 32, "broadcast_group");

/* ---- Map `broadcast_reports` ----------------------------------------------------------------
 * One element for each group: what became of the latest broadcast. Writer: the program, before the
 * sendto() returns, so one sender of a group at a time reads of its own.
 *
 * broadcasts so far (32 bits) << 32 | destination port (16 bits, host order) << 16 | a bit for each recipient that no
 * copy was sent to
 */
struct broadcast_report {
	__u64 word;
	__u64 reserved[7];
};
BROADCAST_ABI_ASSERT(sizeof(struct broadcast_report) == 64, "a cache line each");

static inline __u64 broadcast_report_word(__u32 count, __u16 token, __u32 undelivered)
{
	return (__u64)count << 32 | (__u64)token << 16 | (undelivered & BROADCAST_RECIPIENTS);
}

static inline __u32 broadcast_report_count(__u64 word)
{
	return (__u32)(word >> 32);
}

static inline __u16 broadcast_report_token(__u64 word)
{
	return (__u16)(word >> 16);
}

static inline __u16 broadcast_report_undelivered(__u64 word)
{
	return (__u16)word;
}

/* ---- Counters -------------------------------------------------------------------------------
 * Map `broadcast_counters`, per CPU, one __u64 each: name, verdict, reason, what it means.
 */
#define BROADCAST_COUNTERS(X) \
	/* of marked packets */ \
	X(DONE, "broadcast", "done", "a datagram to all was taken apart into copies") \
	X(PASS_DISABLED, "pass", "disabled", "marked, but its group is not enabled") \
	X(PASS_NOT_GROUP, "pass", "not_group", "marked, but not to a group address: an ordinary datagram") \
	X(PASS_FOREIGN, "pass", "foreign", "marked, but not from the group's port") \
	X(REFUSED_SHAPE, "refuse", "shape", "IP options, extension headers, fragments, VLAN tags, or lengths that disagree") \
	X(REFUSED_GSO, "refuse", "gso", "several datagrams in one packet") \
	X(REFUSED_HEADER, "refuse", "header", "its header could not be changed") \
	/* of recipients */ \
	X(COPY_SENT, "copy", "sent", "a copy left for one recipient") \
	X(COPY_NO_PEER, "undelivered", "no_peer", "the table has no such recipient, or it was being written") \
	X(COPY_FAMILY, "undelivered", "family", "IPv4 to an IPv6 address or the other way round") \
	X(COPY_NO_ROUTE, "undelivered", "no_route", "no route, or one that is none of a neighbour's: local, unreachable, a tunnel") \
	X(COPY_NO_FORWARDING, "undelivered", "no_forwarding", "forwarding is off on lo, so routes cannot be looked up") \
	X(COPY_NO_NEIGHBOUR, "undelivered", "no_neighbour", "its hardware address is not known") \
	X(COPY_TOO_LARGE, "undelivered", "too_large", "larger than the MTU of its path") \
	X(COPY_NOT_TAKEN, "undelivered", "not_taken", "the interface did not take the copy")

enum broadcast_counter {
#define BROADCAST_COUNTER_ENUM(name, verdict, reason, text) BROADCAST_##name,
	BROADCAST_COUNTERS(BROADCAST_COUNTER_ENUM)
#undef BROADCAST_COUNTER_ENUM
	BROADCAST_COUNTER_COUNT
};

#endif
