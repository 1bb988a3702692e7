/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The store as the code that fills it sees it: what a lookup sees (lookup_world.h: maps in BPF, plain
 * arrays natively) and the head of the log. Only append.h and append_entry.h use it.
 */
#ifndef BMC_STORE_APPEND_VIEW_H
#define BMC_STORE_APPEND_VIEW_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/store/lookup_world.h"
#include "xdp/lib/shared_atomic.h"

/*
 * A function that the verifier judges once, by itself, for any arguments: its loops do not multiply
 * with what its callers know. Pointers it takes may be NULL for all it knows.
 */
#ifdef __bpf__
#define VERIFIED_APART __attribute__((weak, noinline))
#else
#define VERIFIED_APART static inline
#endif

#define TEXT_WORDS ((CACHE_TEXT_MAX + 7) / 8) /* 174 */

/* A text as words, and an entry with all that may follow it: what the comparison may read. */
struct text_words {
	__u64 word[TEXT_WORDS];
};

struct entry_words {
	__u64 header[sizeof(struct entry) / 8];
	__u64 word[TEXT_WORDS];
};
CACHE_ABI_ASSERT(sizeof(struct entry_words) <= CACHE_ENTRY_MAX, "an entry fits where entries may begin");

struct store_view {
	struct lookup_world world;
	struct log_state *head;
	__u32 segment_count;
};

/* The last offset at which an entry may begin: any entry fits behind it. */
#define STORE_OFFSET_MAX (CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX)

static __always_inline __u32 way_segment(__u64 way)
{
	return (__u32)(way >> WAY_SEGMENT_SHIFT) & WAY_SEGMENT_MASK;
}

static __always_inline __u64 way_offset(__u64 way)
{
	return (way & WAY_OFFSET_MASK) << CACHE_ENTRY_ALIGN_SHIFT;
}

static __always_inline __u64 way_tag(__u64 way) { return (way >> WAY_TAG_SHIFT) & WAY_TAG_MASK; }

/* Does the way's segment still hold what it held when the way was written? */
static __always_inline int way_alive(const struct lookup_world *world, __u64 way)
{
	const struct segment *segment = world_segment(world, way_segment(way));

	return segment && ((shared_load(&segment->generation) ^ (way >> WAY_GENERATION_SHIFT)) &
			   WAY_GENERATION_MASK) == 0;
}

/* The entry. Its content is only worth something if the way is alive afterwards. */
static __always_inline const struct entry_words *way_entry(const struct lookup_world *world, __u64 way)
{
	const __u8 *log = world_log(world, way_segment(way));
	__u64 offset = way_offset(way);

	if (!log || offset > STORE_OFFSET_MAX)
		return 0;
	/* Keeps the compiler from adding before it has compared, which the verifier would not follow. */
	asm volatile("" : "+r"(offset));
	return (const struct entry_words *)(log + offset);
}

#endif
