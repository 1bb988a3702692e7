/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Memory shared between the load generator's BPF programs and bmc-loadgen: the one definition of each type.
 * Included by loadgen.bpf.c, the C++ side and the tests. Includes nothing of ours.
 *
 * Integers are host-endian unless the name ends in _be. Times are CLOCK_MONOTONIC.
 */
#ifndef BMC_LOADGEN_ABI_H
#define BMC_LOADGEN_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define LOADGEN_ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#define LOADGEN_ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* ---- Limits: each once, with its sum ---------------------------------------------------- */

#define LOADGEN_FRAME_MAX 1520u       /* one Ethernet frame of MTU 1500 (1514), rounded up to words */
#define LOADGEN_KEYS_MAX 32u          /* keys of one get */
#define LOADGEN_KEY_MAX 250u          /* memcached's KEY_MAX_LENGTH */
#define LOADGEN_KEY_MIN 12u           /* "key-" and eight digits */
#define LOADGEN_KEY_DIGITS 8u         /* the last bytes of a key: its index, one word */
#define LOADGEN_KEY_COUNT_MAX 100000000u /* what eight digits number */
#define LOADGEN_FRAME_HEADER 8u       /* memcached's UDP frame header: id, sequence, total, reserved */
#define LOADGEN_REPLY_MAX 1400u       /* payload memcached sends in one datagram, frame header included */
#define LOADGEN_HEAD_MAX 288u         /* "VALUE " 6 + key 250 + " <flags> <bytes>\r\n" 18, in words */
#define LOADGEN_TAIL_SPARE 8u         /* the program cuts this off each frame: see generate.bpf.h */
#define LOADGEN_SLOTS_MAX (1u << 20)  /* 16 source ports * 65536 request ids */

/* Frames are sent from this range, one block of ports per window, so that an answer to an earlier window
 * is known by its port. Below the range that Linux gives to sockets (32768...). */
#define LOADGEN_PORT_LOW 20000u
#define LOADGEN_PORT_HIGH 32768u

/* ---- Configuration: read-only data of the programs, set before they are loaded ------------ */

enum loadgen_pattern {
	LOADGEN_UNIFORM = 0,
	LOADGEN_ALIAS = 1,      /* by the alias table: Zipf */
	LOADGEN_SEQUENTIAL = 2, /* every key in turn */
};

enum loadgen_expect {
	LOADGEN_EXPECT_VALUES = 0, /* memcached's answer, every byte checked */
	LOADGEN_EXPECT_ECHO = 1,   /* the request itself, from a program that only swaps addresses */
};

/* What is asked and what the answers must be. Offsets are from the frame's first byte. */
struct loadgen_config {
	__u8 family;           /* 4 or 6 */
	__u8 expect;           /* enum loadgen_expect */
	__u8 pattern;          /* enum loadgen_pattern */
	__u8 verify_checksum;  /* 1: replies with a wrong or absent UDP checksum are wrong */
	__u8 value_base;       /* value bytes are value_base + 0..15 */
	__u8 reserved[3];
	__u32 key_count;
	__u32 key_minimum;     /* number of the first key */
	__u32 keys_per_request;
	__u32 key_size;
	__u32 data_size;
	__u32 head_size;       /* "VALUE <key> <flags> <bytes>\r\n" */
	__u32 record_size;     /* head, data and its \r\n */
	__u32 slot_mask;       /* slots - 1 */
	__u32 port_bits;       /* log2 of the source ports of a window */
	__u32 frame_size;
	__u32 udp_offset;
	__u32 udp_sum;         /* folded one's complement sum of pseudo header and UDP datagram with all
				  variable fields (source port, checksum, id, digits) as zero */
	__u16 server_port_be;
	__u16 echo_growth;     /* LOADGEN_EXPECT_ECHO: bytes by which a reply is longer than its request */
	__u32 reserved1;
	__u32 client_be[4];    /* IPv4 in [0] */
	__u32 server_be[4];
	__u64 draw_seed;       /* which keys are asked */
	__u64 value_seed;      /* which values they have */
	__u64 lost_after_ns;   /* a slot unanswered for so long may be taken again */
	__u8 frame[LOADGEN_FRAME_MAX]; /* the request with all variable fields zero */
	__u8 head[LOADGEN_HEAD_MAX];   /* the head of a record with the key's digits zero */
};
LOADGEN_ABI_ASSERT(sizeof(struct loadgen_config) == 8 + 12 * 4 + 8 + 32 + 24 + 1520 + 288, "loadgen_config");

/* ---- Pacing: variable data of the generator program, one run window after another ---------- */

/* Writer: user space while `active` is 0, then the program. Times in units of 2^-10 ns since start_ns. */
struct loadgen_pace {
	__u32 active;       /* writer: user space; 0: nothing is sent */
	__u32 port_base;    /* first source port of this window */
	__u64 start_ns;
	__u64 end_ns;
	__u64 interval_q10; /* between two requests */
	__u64 depth_q10;    /* how late a request may be and still be sent: bounds the burst after a pause */
	__u64 next_q10;     /* when the next request is due */
	__u64 sequence;     /* of the next request: gives slot, id, port and keys; never reset */
	__u64 remaining;    /* requests to send at most */
	__u64 sent;
	__u64 stalled;      /* due, but the slot's last request may still be answered */
	__u64 overwritten;  /* lost requests whose slot was taken again */
	__u64 runs;         /* of the program: grows as long as the generator is alive */
	__u64 clock_ns;     /* last look at the clock */
	__u64 due;          /* requests found due then and not sent yet */
};
LOADGEN_ABI_ASSERT(sizeof(struct loadgen_pace) == 112, "loadgen_pace");

/* ---- Outstanding requests: map `slots` ---------------------------------------------------- */

/* Index: sequence & slot_mask. Generator fills it and sets `outstanding` last; the checker clears it. */
struct loadgen_slot {
	__u64 sequence;
	__u64 sent_ns;
	__u32 outstanding; /* 1 until the END of the reply was seen */
	__u16 position;    /* keys of the request gone by: answered or skipped; writer: checker */
	__u16 found;       /* of them answered; writer: checker */
};
LOADGEN_ABI_ASSERT(sizeof(struct loadgen_slot) == 24, "loadgen_slot");

/* Map `alias`, one per key (Walker's alias method): a draw takes column c, then c or column[c].alias. */
struct loadgen_alias {
	__u32 threshold; /* c itself when the coin (32 bits) is below */
	__u32 alias;
};
LOADGEN_ABI_ASSERT(sizeof(struct loadgen_alias) == 8, "loadgen_alias");

/* ---- What the checker counts: map `stats`, one element per CPU ------------------------------ */

#define LOADGEN_COUNTERS(X) \
	X(CHECKED, "checked", "replies to this window's ports, each looked at in every byte") \
	X(ANSWERED, "answered", "requests answered to the end, nothing wrong") \
	X(HIT, "hit", "keys answered with the right value") \
	X(MISS, "miss", "keys that the server said it does not have") \
	X(LATE, "late", "replies after the time limit or after their window") \
	X(WRONG_CHECKSUM, "wrong_checksum", "UDP checksum absent or not matching") \
	X(WRONG_LENGTH, "wrong_length", "length fields and content disagree") \
	X(WRONG_FRAME, "wrong_frame", "memcached's frame header is not 0 of 1") \
	X(WRONG_UNASKED, "wrong_unasked", "no request of this id is outstanding") \
	X(WRONG_KEY, "wrong_key", "a key that was not asked, or out of order") \
	X(WRONG_HEAD, "wrong_head", "VALUE line differs: key, flags or length") \
	X(WRONG_VALUE, "wrong_value", "value bytes differ") \
	X(WRONG_END, "wrong_end", "no END where it must stand") \
	X(WRONG_STALE, "wrong_stale", "a version older than a write acknowledged before; user space only") \
	X(WRONG_REFUSED, "wrong_refused", "an error, or a write not stored; user space only")

enum loadgen_counter {
#define LOADGEN_COUNTER_ENUM(name, label, text) LOADGEN_##name,
	LOADGEN_COUNTERS(LOADGEN_COUNTER_ENUM)
#undef LOADGEN_COUNTER_ENUM
	LOADGEN_COUNTER_COUNT
};
#define LOADGEN_FIRST_WRONG LOADGEN_WRONG_CHECKSUM

/* Latency histogram: exact below 32 ns, then 32 steps to each power of two (3 %), up to 2^36 ns (68 s). */
#define LOADGEN_STEP_BITS 5u
#define LOADGEN_STEPS (1u << LOADGEN_STEP_BITS)
#define LOADGEN_LATENCY_BITS 36u
#define LOADGEN_BUCKETS 1024u
LOADGEN_ABI_ASSERT(LOADGEN_BUCKETS == (LOADGEN_LATENCY_BITS - LOADGEN_STEP_BITS + 1) * LOADGEN_STEPS, "all latencies");

struct loadgen_stats {
	__u64 counter[LOADGEN_COUNTER_COUNT + 1];
	__u64 latency[LOADGEN_BUCKETS]; /* nanoseconds from request written to END seen */
};
LOADGEN_ABI_ASSERT(sizeof(struct loadgen_stats) == 8ul * (16 + 1024), "loadgen_stats fits a per-CPU value (32 KiB)");

#endif
