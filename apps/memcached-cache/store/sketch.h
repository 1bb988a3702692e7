/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Sketch: how often keys were asked for lately, of a sample of the gets. The XDP program counts, cgroup ingress
 * asks whether a key is worth storing, bmcd halves the counts from time to time. Compiles natively for tests.
 *
 * A key's hash chooses one block, a cache line of slots with a tag of 16 bits and a count of 8. A key without a
 * slot takes an empty one, or the least count c of its block with probability 1 / (c + 1), and is then taken for
 * one asked for c + 1 times (RAP, Ben Basat et al., INFOCOM'17): seldom keys pass by, and a key that is asked for
 * more often than the least one soon has a slot.
 *
 * Rather than counters that many keys share (a count-min sketch), because what is asked is whether a key is among
 * the most asked for. There, a seldom key is taken for a frequent one when each of its counters is shared with
 * one: with 20 counters for each frequent key and 3 of them used, 1 seldom key in 500, and all seldom keys
 * together are asked for often. Here its tag must be that of a frequent key in its block: 1 in 20,000. And the
 * number of keys above a count can be read off.
 *
 * Nothing is atomic: two CPUs in one block may lose a count or give a slot a wrong one. That only moves the
 * choice of what is stored.
 */
#ifndef BMC_STORE_SKETCH_H
#define BMC_STORE_SKETCH_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/coherence/guard.h"

/*
 * Guard, bucket and tag of an entry use all bits of the hash already; multiplied again, its upper half
 * depends on all of them in another way.
 */
static __always_inline __u64 sketch_mix(__u64 key_hash) { return key_hash * 0x9fb21c651e98df25ull; }

static __always_inline __u32 sketch_block_index(__u64 key_hash, __u32 block_count)
{
	return (__u32)((sketch_mix(key_hash) >> 32) * block_count >> 32);
}

/* The bits below those that choose the block. */
static __always_inline __u32 sketch_tag(__u64 key_hash) { return sketch_mix(key_hash) >> 16 & 0xffff; }

static __always_inline __u32 sketch_count_at(const struct sketch_block *block, __u32 slot)
{
	return *(const volatile __u8 *)&block->count[slot];
}

/* What sketch_find() answers: the key's slot with its count, or the slot with the least count and 0 for FOUND. */
#define SKETCH_SLOT_BITS 5u
#define SKETCH_COUNT_BITS 8u
#define SKETCH_FOUND (1u << (SKETCH_SLOT_BITS + SKETCH_COUNT_BITS))
CACHE_ABI_ASSERT(SKETCH_SLOTS <= 1u << SKETCH_SLOT_BITS && SKETCH_COUNT_MAX < 1u << SKETCH_COUNT_BITS, "sketch_find");

static __always_inline __u32 sketch_found_slot(__u32 found) { return found & ((1u << SKETCH_SLOT_BITS) - 1); }

static __always_inline __u32 sketch_found_count(__u32 found) { return found >> SKETCH_SLOT_BITS & SKETCH_COUNT_MAX; }

/* One number, so that the verifier need not follow each slot further than to the end of this function. */
COHERENCE_FUNCTION __u32 sketch_find(const struct sketch_block *block, __u32 tag)
{
	__u32 least = SKETCH_FOUND, i;

	if (!block)
		return 0;
#pragma GCC unroll 1
	for (i = 0; i < SKETCH_SLOTS; i++) {
		__u32 here = sketch_count_at(block, i) << SKETCH_SLOT_BITS | i;

		if (*(const volatile __u16 *)&block->tag[i] == tag && sketch_found_count(here))
			return SKETCH_FOUND | here;
		least = here < least ? here : least;
	}
	return least;
}

/* How often the key was counted; 0 if it has no slot. */
static __always_inline __u32 sketch_estimate(const struct sketch_block *block, __u64 key_hash)
{
	__u32 found = sketch_find(block, sketch_tag(key_hash));

	return found & SKETCH_FOUND ? sketch_found_count(found) : 0;
}

/* Counts the key once more. `random`: 32 bits. */
static __always_inline void sketch_add(struct sketch_block *block, __u64 key_hash, __u32 random)
{
	__u32 tag = sketch_tag(key_hash), found = sketch_find(block, tag);
	__u32 count = sketch_found_count(found), slot = sketch_found_slot(found);

	if (slot >= SKETCH_SLOTS || (!(found & SKETCH_FOUND) && (__u64)random * (count + 1) >> 32))
		return;
	if (!(found & SKETCH_FOUND))
		*(volatile __u16 *)&block->tag[slot] = (__u16)tag;
	if (count < SKETCH_COUNT_MAX)
		*(volatile __u8 *)&block->count[slot] = (__u8)(count + 1);
}

/* Ages a block: bmcd, for all of them, while the programs go on counting. */
static inline void sketch_halve(struct sketch_block *block)
{
	__u32 i;

	for (i = 0; i < SKETCH_SLOTS; i++)
		*(volatile __u8 *)&block->count[i] = (__u8)(sketch_count_at(block, i) / 2);
}

/* A multiplicative generator: *state is anything, the answer 32 bits good enough to draw samples by. */
static __always_inline __u32 sketch_random(__u64 *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)(*state >> 32);
}

#endif
