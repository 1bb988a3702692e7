/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The read side of the store: key -> entry that may be served now, or the reason why not. Called by the
 * XDP program for each key of a get; compiles natively for tests and the simulator. Takes no lock and
 * changes nothing; who copies the entry asks hit_is_whole() after the copy.
 */
#ifndef BMC_CACHE_LOOKUP_H
#define BMC_CACHE_LOOKUP_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/store/lookup_world.h"
#include "xdp/lib/shared_atomic.h"

#define CACHE_KEY_WORDS 32u      /* 250 bytes in words of 8, rounded up */
#define CACHE_KEY_OFFSET 6u      /* of the key in an entry's text: after "VALUE " */
#define CACHE_TEXT_FRAME 14u     /* text without key and data, at least: "VALUE " " 0 0\r\n" "\r\n" */
#define CACHE_TEXT_OFFSET ((__u32)sizeof(struct entry))
#define WAY_WANTED_SHIFT WAY_TAG_SHIFT /* valid bit, pending bit and tag are all above */

/*
 * The coarse clock is up to one tick old; were the CPU that keeps it held up, it would be older. So only
 * deadlines further away than this (68.7 s, beyond any stall a kernel survives without shouting) are
 * judged by it, and nearer ones by the precise clock.
 */
#define COARSE_MARGIN_UNITS 1024u

/* A key in words of 8 bytes: the last one padded with zeros, later ones undefined. */
struct cache_key {
	__u64 word[CACHE_KEY_WORDS];
	__u64 hash;   /* cache_hash.h, with the server's seed */
	__u32 length; /* 1 .. CACHE_KEY_MAX */
	__u32 server;
	__u32 reason; /* why no way looked at so far could be served; in memory: a number less for the verifier */
	__u32 reserved;
};

/* An entry that may be served. Valid until its segment is recycled: hit_is_whole() tells. */
struct cache_hit {
	const __u8 *text;
	const struct segment *segment;
	__u8 *passed;       /* tick of this way's last keep-alive */
	__u64 generation;   /* of the segment when the entry was read */
	__u64 way;          /* way word */
	__u32 text_bytes;   /* CACHE_TEXT_FRAME + key .. CACHE_TEXT_MAX */
	__u16 text_sum;
};

/* Bits of a word that hold its first `bytes` (1..7) bytes in memory order on a little-endian machine. */
static __always_inline __u64 first_bytes_mask(__u32 bytes)
{
	return ~0ull >> (64 - 8 * bytes);
}

/* Eight bytes from any address; clang makes single bytes of a memcpy() whose alignment it does not know. */
static __always_inline __u64 load_text_word(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u64 *)at;
#else
	__u64 word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
#endif
}

/*
 * Each loop loads the key's length anew: what the verifier has learned of it in one would make it go
 * through all that follows once for each length.
 */
static __always_inline int whole_words_equal(const struct cache_key *key, const __u8 *text)
{
	__u32 words = shared_load_u32(&key->length) / 8, i;

	for (i = 0; i < CACHE_KEY_WORDS - 1; i++) {
		if (i >= words)
			break;
		if (load_text_word(text + i * 8) != key->word[i])
			return 0;
	}
	return 1;
}

/* Reads a whole word, up to 7 bytes further than the key. */
static __always_inline int last_word_equals(const struct cache_key *key, const __u8 *text)
{
	__u32 length = shared_load_u32(&key->length), word = length / 8 & (CACHE_KEY_WORDS - 1), rest = length % 8;

	if (!rest)
		return 1;
	return ((load_text_word(text + word * 8) ^ key->word[word]) & first_bytes_mask(rest)) == 0;
}

/* Whether the `key->length` bytes at `text` are the key. */
static __always_inline int key_equals(const struct cache_key *key, const __u8 *text)
{
	return whole_words_equal(key, text) && last_word_equals(key, text);
}

/* Whether now is before the deadline (known, and not NEVER). */
static __always_inline int is_before(const struct lookup_world *world, __u32 deadline)
{
	__u64 coarse = world->coarse_ns >> CACHE_DEADLINE_SHIFT;

	if (coarse + COARSE_MARGIN_UNITS < deadline)
		return 1;
	return world_precise_ns(world) >> CACHE_DEADLINE_SHIFT < deadline;
}

/* Judges the entry's times and sizes, given that it is of the key and of the present epoch. */
static __always_inline enum cache_counter judge_entry(const struct lookup_world *world, const struct entry *entry,
						      __u32 key_bytes, struct cache_hit *hit)
{
	__u32 deadline = shared_load_u32(&entry->deadline);

	if (deadline == CACHE_DEADLINE_UNKNOWN)
		return CACHE_PASS_DEAD;
	if (deadline != CACHE_DEADLINE_NEVER && !is_before(world, deadline))
		return CACHE_PASS_EXPIRED;
	hit->text = (const __u8 *)entry + CACHE_TEXT_OFFSET;
	hit->text_bytes = *(const volatile __u16 *)&entry->text_len;
	hit->text_sum = *(const volatile __u16 *)&entry->text_sum;
	if (hit->text_bytes > CACHE_TEXT_MAX)
		return CACHE_PASS_TOO_LARGE;
	/* Shorter than any text with this key: the entry was overwritten while it was read. */
	return hit->text_bytes >= key_bytes + CACHE_TEXT_FRAME ? CACHE_TX_HIT : CACHE_PASS_MISS;
}

/*
 * Has the second cache line of a small entry fetched while the first one is waited for. Any entry may be read so
 * far: CACHE_ENTRY_MAX is the room behind the last place where one begins.
 */
static __always_inline void touch_entry(const __u8 *entry)
{
	__u64 word = load_text_word(entry + 72);

	asm volatile("" : : "r"(word));
}

/* One way whose tag fits. `wanted` is the epoch_key a current entry of this key has. */
static __always_inline enum cache_counter examine_way(const struct lookup_world *world, const struct cache_key *key,
						      __u64 wanted, struct cache_hit *hit)
{
	__u32 segment_index = (hit->way >> WAY_SEGMENT_SHIFT) & WAY_SEGMENT_MASK;
	__u32 offset = (__u32)((hit->way & WAY_OFFSET_MASK) << CACHE_ENTRY_ALIGN_SHIFT);
	const __u8 *log = world_log(world, segment_index);
	const struct entry *entry;
	__u64 difference;

	hit->segment = world_segment(world, segment_index);
	if (!log || !hit->segment || offset > CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX)
		return CACHE_PASS_MISS;
	hit->generation = shared_load(&hit->segment->generation);
	if (((hit->generation ^ hit->way >> WAY_GENERATION_SHIFT) & WAY_GENERATION_MASK) != 0)
		return CACHE_PASS_MISS;
	entry = (const struct entry *)(log + offset);
	touch_entry((const __u8 *)entry);
	difference = shared_load(&entry->epoch_key) ^ wanted;
	if (difference >> CACHE_EPOCH_BITS || !key_equals(key, (const __u8 *)entry + CACHE_TEXT_OFFSET + CACHE_KEY_OFFSET))
		return CACHE_PASS_MISS;
	return difference ? CACHE_PASS_DEAD : judge_entry(world, entry, shared_load_u32(&key->length), hit);
}

/*
 * CACHE_TX_HIT with `hit` filled in, or the reason why the key cannot be served from here.
 * The epoch and the way are read after the request arrived: no write of the key had arrived by then since the
 * entry's lease (it would have emptied the way), so the value was current at that moment.
 */
static __always_inline enum cache_counter cache_lookup(const struct lookup_world *world,
						       const struct cache_control *config,
						       const struct server_state *server,
						       struct cache_key *key, struct cache_hit *hit)
{
	struct bucket *bucket = world_bucket(world, cache_bucket_index(key->hash, config->bucket_count));
	__u64 tag = WAY_VALID >> WAY_WANTED_SHIFT | cache_tag(key->hash), wanted;
	enum cache_counter found;
	__u32 i;

	if (!bucket)
		return CACHE_PASS_MISS;
	wanted = guard_epoch(shared_load(&server->global)) |
		 (__u64)shared_load_u32(&key->length) << CACHE_EPOCH_BITS | (__u64)key->server << 56;
	shared_store_u32(&key->reason, CACHE_PASS_MISS);
	for (i = 0; i < CACHE_BUCKET_WAYS; i++) {
		hit->way = shared_load(&bucket->way[i]);
		if (hit->way >> WAY_WANTED_SHIFT != tag)
			continue;
		found = examine_way(world, key, wanted, hit);
		hit->passed = &bucket->passed[i];
		if (found == CACHE_TX_HIT)
			return found;
		if (found != CACHE_PASS_MISS)
			shared_store_u32(&key->reason, found);
	}
	i = shared_load_u32(&key->reason);
	return i == CACHE_TX_HIT ? CACHE_PASS_MISS : (enum cache_counter)i;
}

/* After the copy, and after a read barrier: nothing of what was copied had been overwritten. */
static __always_inline int hit_is_whole(const struct cache_hit *hit)
{
	return shared_load(&hit->segment->generation) == hit->generation;
}

#endif
