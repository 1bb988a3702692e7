/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the steps of cache_get hand to each other: the request in registers and, per CPU, what is too
 * large for the stack. XDP programs do not nest on a CPU. Included by every step.
 */
#ifndef BMC_XDP_SCRATCH_BPF_H
#define BMC_XDP_SCRATCH_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/store/cache_maps.bpf.h"
#include "apps/memcached-cache/store/lookup.h"
#include "apps/memcached-cache/store/lookup_source.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/lib/reply.bpf.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "cache_hash.h, the way words and the frame header are read as little-endian words"
#endif

/*
 * A step returns the way out it found, or STEP_ON: nothing speaks against a hit so far.
 * STEP_MANY_KEYS: the request may be a get of several keys, which another function reads.
 */
#define STEP_ON CACHE_TX_HIT
#define STEP_MANY_KEYS CACHE_COUNTER_COUNT
_Static_assert(CACHE_TX_HIT == 0, "a step's verdict is true exactly if the packet passes");

#define FRAME_WORD_REPLY 0xffffffffffffull /* what of a request's frame word its reply carries, too */
#define TRAILER_MAX 12u /* padding behind a request; more is not of Ethernet's making. A reply is longer by 13 */
#define GET_BYTES 4u
#define GET_WORD 0x20746567u   /* "get " */
#define CRLF_BYTES 2u
#define CRLF_HALF 0x0a0du      /* "\r\n" */
#define END_WORD 0x0d444e45u   /* "END\r" */
#define END_LAST '\n'
#define KEY_OFFSET (CACHE_UDP_HEADER + GET_BYTES) /* of the first key in the payload */

/* A payload, a word of zeros; the mask is for positions in it, a key is read in whole words from there. */
#define REQUEST_MASK 2047u
#define REQUEST_BYTES (REQUEST_MASK + 1 + CACHE_KEY_WORDS * 8)
_Static_assert(REQUEST_MASK >= CACHE_REQUEST_MAX + 8, "room for a request");

/* One key's part of a reply to many. */
struct part {
	__u64 way;        /* tells where the text is */
	__u64 generation; /* of its segment */
	__u32 text_bytes;
	__u32 bucket;     /* where the way is */
	__u16 text_sum;
	__u16 reserved[3];
};

/* Facts of a get of several keys; filled by request.bpf.h, used by multiget.bpf.h. */
struct many {
	struct reply reply;
	struct source_address source;
	__u64 coarse_ns;
	__u64 udp_sum;        /* of pseudo-header and UDP header; 0: no checksum */
	__u64 reserved;       /* the part of the frame word that the reply does not carry */
	__u32 payload_offset; /* from the start of the frame */
	__u32 payload_bytes;  /* of the request */
	__u32 trailer_bytes;
	__u32 server;
	__u32 position;       /* in the request, behind the next key; then in the reply, of the next part */
	__u32 parts;
	__u32 keepalive_due;
	__u32 next_step;      /* what reading the next key came to, as cache_find_part() returns it */
	struct cache_key next;
	struct part part[CACHE_MULTIGET_MAX];
};

struct scratch {
	struct cache_key key;
	__u64 barrier;
	__u64 random; /* state of the sample's generator; anything */
	__u8 trailer[16];
	struct many many;
	__u8 request[REQUEST_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* The request as the steps know it. */
struct request {
	struct packet packet;
	struct lookup_world world;
	const struct cache_control *config;
	const struct server_state *server;
	struct scratch *scratch;
	__u64 frame_word; /* memcached's UDP header */
	__u32 server_index;
};

/* Set at load on machines whose loads may be reordered (not x86). */
const volatile _Bool weakly_ordered = 0;

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* Loads before it are done before loads after it. */
static __always_inline void read_barrier(struct scratch *scratch)
{
	asm volatile("" ::: "memory");
	if (weakly_ordered)
		shared_add(&scratch->barrier, 1);
}

#endif
