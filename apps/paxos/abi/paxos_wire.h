/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The header in front of every Paxos datagram and of every entry of the log: one layout for the BPF programs and
 * for C++. Little-endian on the wire; the kernel programs and the daemon run on little-endian hosts only, so a
 * field is read as it lies. Behind it: `body_len` bytes of protobuf (core/bodies.proto).
 */
#ifndef BMC_PAXOS_ABI_PAXOS_WIRE_H
#define BMC_PAXOS_ABI_PAXOS_WIRE_H

#ifdef __cplusplus
#include <cstdint>
typedef std::uint8_t __paxos_u8;
typedef std::uint32_t __paxos_u32;
typedef std::uint64_t __paxos_u64;
#else
typedef unsigned char __paxos_u8;
typedef unsigned int __paxos_u32;
typedef unsigned long long __paxos_u64;
#endif

#define PAXOS_MAGIC 0x31585045u /* the bytes "EPX1" */
#define PAXOS_WIRE_VERSION 1u
#define PAXOS_HEADER_BYTES 80u
#define PAXOS_HEADER_WORDS (PAXOS_HEADER_BYTES / 8u)
#define PAXOS_REPLICAS_MAX 9u
#define PAXOS_SENDER_CLIENT 255u

enum paxos_message_type {
	PAXOS_PREPARE = 1,
	PAXOS_PREPARE_OK = 2,
	PAXOS_COMMIT = 3,
	PAXOS_START_VIEW_CHANGE = 4,
	PAXOS_DO_VIEW_CHANGE = 5,
	PAXOS_START_VIEW = 6,
	PAXOS_GET_STATE = 7,
	PAXOS_NEW_STATE = 8,
	PAXOS_RECOVERY = 9,
	PAXOS_RECOVERY_RESPONSE = 10,
	PAXOS_REQUEST = 11,
	PAXOS_REPLY = 12,
	PAXOS_PING = 13,
	PAXOS_PONG = 14,
	PAXOS_READ_INDEX = 15,
	PAXOS_READ_INDEX_REPLY = 16,
	PAXOS_GET_CHECKPOINT = 17,
	PAXOS_CHECKPOINT = 18,
};

/* Bits of `flags`. All others are 0; a datagram with an unknown one is user space's business. */
#define PAXOS_FLAG_KERNEL_ACK_OK 0x01u /* PREPARE: a kernel program may acknowledge it; PREPARE_OK: one has */
#define PAXOS_FLAG_RETRANSMIT 0x02u
#define PAXOS_FLAG_BODY_CRC 0x04u
#define PAXOS_FLAG_NO_UDP_CSUM 0x08u
#define PAXOS_FLAGS_KNOWN 0x0fu

/* What an acknowledgement promises (PREPARE: what is asked for). */
#define PAXOS_ACK_NONE 0u
#define PAXOS_ACK_MEMORY 1u
#define PAXOS_ACK_DURABLE 2u

struct paxos_header {
	__paxos_u32 magic;
	__paxos_u8 version;
	__paxos_u8 type;
	__paxos_u8 flags;
	__paxos_u8 hdr_words; /* length of this header in 8-byte words; more than 10: extensions follow */
	__paxos_u64 cluster_id; /* drawn when the cluster was formatted */
	__paxos_u32 epoch; /* number of the configuration */
	__paxos_u8 sender; /* index of the replica; PAXOS_SENDER_CLIENT */
	__paxos_u8 ack_level;
	__paxos_u8 frag_idx;
	__paxos_u8 frag_cnt; /* 1: the datagram is the whole message */
	__paxos_u64 view; /* the sender's */
	__paxos_u64 op; /* PREPARE: this entry's; PREPARE_OK: all up to it are accepted; others: core/message.h */
	__paxos_u64 commit; /* the sender's */
	__paxos_u64 chain; /* PREPARE: of the entry before; DO_VIEW_CHANGE, START_VIEW: of entry `op`; with
			    * KERNEL_ACK_OK, PREPARE_OK: of the entry before `op`, or 0 */
	__paxos_u32 incarnation; /* counts the starts of the sender's process; durable */
	__paxos_u32 body_len; /* bytes behind the header */
	__paxos_u32 body_crc32c;
	__paxos_u32 echo; /* the asker's number for this question, given back in the answer */
	__paxos_u64 hdr_hash; /* paxos_header_hash() of the 72 bytes before */
};

#ifdef __cplusplus
static_assert(sizeof(struct paxos_header) == PAXOS_HEADER_BYTES);
#else
_Static_assert(sizeof(struct paxos_header) == PAXOS_HEADER_BYTES, "the wire header has no padding");
#endif

/* A multiply-mix of the nine words before `hdr_hash`: finds damage, not malice. */
static inline __paxos_u64 paxos_header_hash(const struct paxos_header *header)
{
	const __paxos_u64 *words = (const __paxos_u64 *)header;
	__paxos_u64 hash = 0;

	for (unsigned int i = 0; i < PAXOS_HEADER_WORDS - 1; i++) {
		hash = (hash ^ words[i]) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return hash;
}

#endif
