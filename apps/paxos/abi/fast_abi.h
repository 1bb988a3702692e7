/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Memory shared between the Paxos BPF programs and a replica's process: the fast acknowledgement of a backup
 * and the counting of acknowledgements for a leader. Included by xdp/paxos, by fastpath/ and by tests.
 *
 * One replica (a group's member on this host) is one map: an array of one struct paxos_group, which its process
 * maps. The programs find it by the address and port a datagram was sent to, so several replicas share one
 * program and see nothing of each other. Zeroed memory means: disabled, everything passes.
 *
 * Integers are host-endian unless the name ends in _be. Times are CLOCK_MONOTONIC.
 */
#ifndef BMC_PAXOS_ABI_FAST_ABI_H
#define BMC_PAXOS_ABI_FAST_ABI_H

#include <linux/types.h>

#include "apps/paxos/abi/paxos_wire.h"

#ifdef __cplusplus
#define PAXOS_ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#define PAXOS_ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Raised with every change of a layout below. */
#define PAXOS_FAST_ABI_VERSION 1u

/* ---- Limits: each once, with its sum ---------------------------------------------------- */

#define PAXOS_SLOTS 256u        /* entries accepted and not taken yet; a power of two, 512 KiB a replica */
#define PAXOS_SLOT_BYTES 2048u
#define PAXOS_MESSAGE_MAX 2016u /* header and body: a slot without its 24 bytes in front and 8 behind */
#define PAXOS_ADDRESSES_MAX 128u /* 64 replicas on one host, each with IPv4 and IPv6 */
#define PAXOS_DOORBELL_BYTES 4096u /* of one replica's ring: one page, the least there is */

/* ---- Positions --------------------------------------------------------------------------
 * generation << 22 | rel. A generation is one term of office of the programs, from arming to freezing; rel
 * counts ops from the base with which it was armed. Positions only grow, and compare as numbers.
 * 2^40 generations: three years at 10,000 a second; then it stays frozen. 2^22 ops: then it is armed anew.
 */
#define PAXOS_REL_BITS 22u
#define PAXOS_REL_MAX ((1ull << PAXOS_REL_BITS) - 1)
#define PAXOS_GENERATION_BITS 40u
#define PAXOS_GENERATION_MAX ((1ull << PAXOS_GENERATION_BITS) - 1)
#define PAXOS_POSITION(generation, rel) ((generation) << PAXOS_REL_BITS | (rel))
#define PAXOS_POSITION_MASK ((1ull << (PAXOS_GENERATION_BITS + PAXOS_REL_BITS)) - 1)
#define PAXOS_GENERATION(position) (((position) & PAXOS_POSITION_MASK) >> PAXOS_REL_BITS)
#define PAXOS_REL(position) ((position) & PAXOS_REL_MAX)

/*
 * A gate: armed (bit 63) | position. While it is armed the programs decide, and nobody else; while it is not, the
 * replica's process does. Arming writes a new generation; freezing takes the bit away and leaves the position.
 */
#define PAXOS_ARMED (1ull << 63)

/* A slot's tag: state (bits 62, 63) | position. Zero: free. */
#define PAXOS_SLOT_WRITING (1ull << 62) /* one CPU owns the slot's bytes */
#define PAXOS_SLOT_READY (2ull << 62)   /* the bytes are the PREPARE of that position */
#define PAXOS_SLOT_STATE (3ull << 62)

/* ---- Addresses -------------------------------------------------------------------------- */

/* Key of the maps `paxos_groups` and `paxos_doorbells`: where a replica's datagrams are sent to. Writer: bmcd. */
struct paxos_address {
	__u32 addr_be[4]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 port_be;
	__u16 reserved; /* 0 */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_address) == 20, "paxos_address");

/* ---- Configurations ----------------------------------------------------------------------
 * Two of each, for odd and even generations: written by the process while its gate is frozen, into the one that the
 * last generation did not use. A program believes what it read there only if the gate is still the same afterwards.
 */
struct paxos_backup_config {
	__u64 generation; /* written last */
	__u64 view;
	__u64 base; /* the log's end when armed: rel counts from here */
	__u64 cluster_id;
	__u64 lease_ns; /* acknowledges no longer than this after the last alive_ns */
	__u32 epoch;
	__u32 leader_incarnation;
	__u32 own_incarnation;
	__u8 self;
	__u8 leader;
	__u8 ack_level; /* PAXOS_ACK_MEMORY: the program acknowledges; PAXOS_ACK_DURABLE: it only absorbs */
	__u8 reserved;
	struct paxos_address leader_address;
	__u32 reserved1;
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_backup_config) == 80, "paxos_backup_config");

struct paxos_fast_peer {
	struct paxos_address address;
	__u32 incarnation; /* acknowledgements of other lives of it do not count */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_fast_peer) == 24, "paxos_fast_peer");

struct paxos_leader_config {
	__u64 generation; /* written last */
	__u64 view;
	__u64 base; /* the commit number when armed */
	__u64 cluster_id;
	__u32 epoch;
	__u8 self;
	__u8 replica_count;
	__u8 quorum;
	__u8 ack_level; /* acknowledgements that promise less do not count */
	struct paxos_fast_peer peer[PAXOS_REPLICAS_MAX];
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_leader_config) == 256, "paxos_leader_config");

/* ---- One replica -------------------------------------------------------------------------- */

#define PAXOS_CELL_BYTES 64u /* cells that different CPUs write have a cache line each */

/* How far one replica has acknowledged. Writers: the program (compare-and-swap, grows); `self`'s: the process. */
struct paxos_acked {
	__u64 position;
	__u8 reserved[PAXOS_CELL_BYTES - 8];
};

struct paxos_cells {
	/* backup: what is accepted */
	__u64 gate; /* program: compare-and-swap from rel to rel + 1; process: freezes and arms */
	__u8 reserved0[PAXOS_CELL_BYTES - 8];
	/* process -> program */
	__u64 tail;     /* position; everything up to it is out of the slots; writer: process */
	__u64 alive_ns; /* when the process last looked; 0: never; writer: process */
	__u8 reserved1[PAXOS_CELL_BYTES - 16];
	/* program -> process: hints. What is true stands in gate and commit */
	__u64 commit_hint;   /* position; the leader's commit number; atomic max; writer: program */
	__u64 last_heard_ns; /* of the leader; atomic max; writer: program */
	__u64 asked_again;   /* PREPAREs that came again where only absorbed; atomic add; writer: program */
	__u64 need_wakeup;   /* PAXOS_WAKE_...; 0: nobody sleeps; process sets, program takes by swap */
	__u8 reserved2[PAXOS_CELL_BYTES - 32];
	/* leader: what is committed */
	__u64 leader_gate; /* rel always 0; writer: process */
	__u64 proposed;    /* position of the last PREPARE, written before that leaves; writer: process */
	__u8 reserved3[PAXOS_CELL_BYTES - 16];
	__u64 commit; /* position; atomic max; writers: program, process */
	__u8 reserved4[PAXOS_CELL_BYTES - 8];
	struct paxos_acked acked[PAXOS_REPLICAS_MAX];
	struct paxos_backup_config backup_config[2]; /* by generation & 1; writer: process */
	struct paxos_leader_config leader_config[2]; /* by generation & 1; writer: process */
	__u8 reserved5[32];
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_cells) == (5 + PAXOS_REPLICAS_MAX) * 64 + 2 * 80 + 2 * 256 + 32, "paxos_cells");

/* A PREPARE of which it is not decided yet, or that was accepted and waits to be taken. Writer: the program that
 * changed the tag to WRITING, until it changes it to READY. The process only reads. */
struct paxos_slot {
	__u64 tag;
	__u32 message_bytes;
	__u32 reserved;
	__u64 received_ns;
	__u8 message[PAXOS_MESSAGE_MAX]; /* the UDP payload: header and body */
	__u64 zeros; /* what the checksum reads behind a message of full length */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_slot) == PAXOS_SLOT_BYTES, "paxos_slot");

struct paxos_group {
	struct paxos_cells cells;
	__u8 reserved[4096 - sizeof(struct paxos_cells)];
	struct paxos_slot slot[PAXOS_SLOTS]; /* by rel & (PAXOS_SLOTS - 1) */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_group) == 4096 + PAXOS_SLOTS * PAXOS_SLOT_BYTES, "paxos_group");

/* ---- Control: bmcd -> programs -------------------------------------------------------------- */

#define PAXOS_OFFLOAD_ACK 1u    /* of `offloads`: fast acknowledgement */
#define PAXOS_OFFLOAD_QUORUM 2u /* counting of acknowledgements */

/* Map `paxos_control`, one element, mmapable. Writer: bmcd. What it takes away no replica can arm. */
struct paxos_control {
	__u32 abi_version;
	__u32 offloads;
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_control) == 8, "paxos_control");

/* ---- Doorbell: program -> process (one ring buffer a replica) -------------------------------- */

enum paxos_doorbell_kind {
	PAXOS_DOORBELL_ACCEPTED = 1,
	PAXOS_DOORBELL_ASKED_AGAIN = 2,
	PAXOS_DOORBELL_COMMITTED = 3,
};

#define PAXOS_WAKE_AT_NEWS 1ull
#define PAXOS_WAKE_WHEN_CROWDED 2ull /* at news, but for entries: not before they take half of the slots */

/* Wakes who sleeps; says nothing that the cells do not say. */
struct paxos_doorbell {
	__u32 kind;
	__u32 reserved;
	__u64 position; /* of gate or commit when it was rung */
};
PAXOS_ABI_ASSERT(sizeof(struct paxos_doorbell) == 16, "paxos_doorbell");

/* ---- Counters ------------------------------------------------------------------------------
 * Every way out of the program, by name. Map `paxos_counters` is per CPU, one __u64 each; 0 is not used.
 */
#define PAXOS_FAST_COUNTERS(X) \
	/* a PREPARE that was decided here */ \
	X(TX_ACKED, "accept", "tx", "acked", "accepted and acknowledged") \
	X(TX_ACKED_AGAIN, "accept", "tx", "acked_again", "accepted before: acknowledged again") \
	X(DROP_ABSORBED, "accept", "drop", "absorbed", "accepted; the process acknowledges when it is durable") \
	X(DROP_ASKED_AGAIN, "accept", "drop", "asked_again", "accepted before; the process acknowledges again") \
	X(DROP_OLD_VIEW, "accept", "drop", "old_view", "PREPARE of an older view") \
	X(DROP_UNSENT, "accept", "drop", "unsent", "accepted, but the reply could not be made") \
	/* a PREPARE for the process */ \
	X(PASS_FROZEN, "accept", "pass", "frozen", "the process decides") \
	X(PASS_STALE, "accept", "pass", "stale", "frozen or armed anew while the program ran") \
	X(PASS_LEASE, "accept", "pass", "lease", "the process does not show that it lives") \
	X(PASS_CLUSTER, "accept", "pass", "cluster", "another cluster or epoch") \
	X(PASS_NEWER_VIEW, "accept", "pass", "newer_view", "PREPARE of a newer view") \
	X(PASS_SENDER, "accept", "pass", "sender", "not the leader, in this life of it, at its address") \
	X(PASS_NOT_ASKED, "accept", "pass", "not_asked", "the leader does not ask for this kind of acknowledgement") \
	X(PASS_GAP, "accept", "pass", "gap", "an entry before it is missing") \
	X(PASS_EXHAUSTED, "accept", "pass", "exhausted", "more ops than one generation has") \
	X(PASS_TOO_LARGE, "accept", "pass", "too_large", "does not fit into a slot, or has no body") \
	X(PASS_NO_CHECKSUM, "accept", "pass", "no_checksum", "no UDP checksum to trust the body by") \
	X(PASS_CHECKSUM, "accept", "pass", "checksum", "wrong, or left to a NIC that is none") \
	X(PASS_FULL, "accept", "pass", "full", "the process has not taken enough out of the slots") \
	X(PASS_BUSY, "accept", "pass", "busy", "another CPU writes into the slot") \
	X(PASS_OVERTAKEN, "accept", "pass", "overtaken", "another CPU was first, or the process froze it") \
	/* an acknowledgement */ \
	X(DROP_COUNTED, "quorum", "drop", "counted", "raised what its sender has acknowledged") \
	X(DROP_KNOWN, "quorum", "drop", "known", "says nothing new") \
	X(DROP_OLD_VIEW_ACK, "quorum", "drop", "old_view", "acknowledgement of an older view") \
	X(PASS_NOT_LEADING, "quorum", "pass", "frozen", "the process counts") \
	X(PASS_STALE_ACK, "quorum", "pass", "stale", "frozen or armed anew while the program ran") \
	X(PASS_CLUSTER_ACK, "quorum", "pass", "cluster", "another cluster or epoch") \
	X(PASS_NEWER_VIEW_ACK, "quorum", "pass", "newer_view", "acknowledgement of a newer view") \
	X(PASS_PEER, "quorum", "pass", "peer", "no replica of the group, in this life of it, at its address") \
	X(PASS_LOW_LEVEL, "quorum", "pass", "low_level", "promises less than the cluster commits by") \
	X(PASS_IMPOSSIBLE, "quorum", "pass", "impossible", "of an op that was never proposed") \
	X(PASS_CONTENDED, "quorum", "pass", "contended", "other CPUs raise the same cell") \
	/* what every datagram passes first */ \
	X(PASS_NOT_PAXOS, "parse", "pass", "not_paxos", "no UDP datagram of ours in one piece") \
	X(PASS_NO_GROUP, "parse", "pass", "no_group", "no replica at this address") \
	X(PASS_VERSION, "parse", "pass", "version", "another version, or a header with extensions") \
	X(PASS_FRAGMENT, "parse", "pass", "fragment", "part of a message") \
	X(PASS_TYPE, "parse", "pass", "type", "a message that only the process reads") \
	X(PASS_FLAGS, "parse", "pass", "flags", "flags that are not known here") \
	X(PASS_LENGTH, "parse", "pass", "length", "header and datagram disagree about the length") \
	X(PASS_OFF, "parse", "pass", "off", "this offload is switched off") \
	X(DROP_DAMAGED, "parse", "drop", "damaged", "the header's hash is wrong")

enum paxos_fast_counter {
	PAXOS_GO_ON = 0, /* of a step: the way out is not found yet */
#define PAXOS_FAST_COUNTER_ENUM(name, where, verdict, reason, text) PAXOS_##name,
	PAXOS_FAST_COUNTERS(PAXOS_FAST_COUNTER_ENUM)
#undef PAXOS_FAST_COUNTER_ENUM
	PAXOS_FAST_COUNTER_COUNT
};

#endif
