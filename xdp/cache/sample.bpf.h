/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts a sample of the keys that were looked up, found or not, in the sketch; hands some of them to bmcd
 * for `bmcctl top`. Called by cache_get once a request's way out is known. Changes nothing of it.
 */
#ifndef BMC_XDP_SAMPLE_BPF_H
#define BMC_XDP_SAMPLE_BPF_H

#include "apps/memcached-cache/store/sketch.h"
#include "xdp/cache/scratch.bpf.h"

/* One of `one_of` calls is told 1. */
static __always_inline int is_drawn(struct scratch *scratch, __u32 one_of)
{
	return one_of && (__u64)sketch_random(&scratch->random) * one_of >> 32 == 0;
}

static __always_inline void hand_over_key(const struct scratch *scratch, int is_hit)
{
	struct cache_sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	__u32 i;

	if (!sample) {
		count(CACHE_SAMPLE_LOST);
		return;
	}
	__builtin_memset(sample, 0, sizeof(*sample) - sizeof(sample->key));
	sample->key_hash = scratch->key.hash;
	sample->server = (__u8)scratch->key.server;
	sample->key_len = (__u8)scratch->key.length;
	sample->hit = (__u8)is_hit;
	for (i = 0; i < CACHE_KEY_WORDS; i++)
		((__u64 *)sample->key)[i] = scratch->key.word[i];
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP); /* bmcd comes by while somebody looks at them */
}

/* The key is in scratch->key. Apart: the way of most packets stays short. */
__noinline int cache_sample(__u32 out)
{
	const struct cache_control *config = cache_control_get();
	struct scratch *scratch = scratch_get();
	struct sketch_block *block;
	__u32 index;

	if (!config || !scratch || !is_drawn(scratch, config->sample_one_of))
		return 0;
	index = sketch_block_index(scratch->key.hash, config->sketch_blocks);
	block = bpf_map_lookup_elem(&sketch, &index);
	if (!block)
		return 0;
	count(CACHE_SAMPLE_TAKEN);
	sketch_add(block, scratch->key.hash, sketch_random(&scratch->random));
	if (is_drawn(scratch, config->sample_keys_one_of))
		hand_over_key(scratch, out == CACHE_TX_HIT);
	return 1;
}

_Static_assert(CACHE_PASS_MISS < CACHE_PASS_DEAD && CACHE_PASS_DEAD < CACHE_PASS_EXPIRED &&
		       CACHE_PASS_EXPIRED < CACHE_PASS_TORN && CACHE_PASS_TORN < CACHE_PASS_TOO_LARGE &&
		       CACHE_PASS_TOO_LARGE < CACHE_PASS_KEEPALIVE && CACHE_PASS_KEEPALIVE < CACHE_PASS_SHADOW,
	       "what a look-up can come to stands together");

/*
 * Of a request or a key that went the way out `out`. Judged by that, and not where the key is looked up: a call
 * there would have the compiler save what it has of the hit, which on the way of a miss is nothing. A delayed
 * flush_all that stops everything counts the key before again.
 */
static __always_inline void sample_key(const struct cache_control *config, enum cache_counter out)
{
	if (out && (out < CACHE_PASS_MISS || out > CACHE_PASS_SHADOW))
		return;
	if (config && config->sample_one_of)
		cache_sample(out);
}

#endif
