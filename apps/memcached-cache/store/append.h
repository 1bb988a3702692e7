/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The store's write side: room in the log, recycling of segments, the way of a bucket that leads to an
 * entry. Called by the fill program (tc/cache_fill.bpf.c) and natively by the stress test.
 *
 *   struct log_place place;
 *   if (log_reserve(view, bytes, &place)) {
 *           ... write header and text to place.entry ...
 *           if (way_publish(bucket, &slot, pending)) {
 *                   ... has a write arrived since the lease? ...
 *                   way_settle(bucket, &slot, pending, valid or 0);
 *           }
 *           log_release(&place);
 *   }
 *
 * Why a reader never takes torn bytes for an entry: bytes are written only between a pin and its
 * release, in a segment that was the current one while pinned. A recycler first raises the
 * generation, then looks for pins (both sides with full barriers): a pin it does not see belongs to
 * somebody who will find that another segment is current, or one who began after the reset. A way is
 * published after the bytes stand, by the generation read under the pin. So bytes reachable through a
 * way whose generation is still the segment's are whole; a reader compares after its copy.
 * A way that points into a segment recycled exactly 2^21 times since would look alive again; by then
 * some 10^7 fills went to its bucket, and each takes dead ways first.
 */
#ifndef BMC_STORE_APPEND_H
#define BMC_STORE_APPEND_H

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/append_entry.h"

/* Pins in segment.writers: a fill's, and bmcd's, whose leaked ones can be told and taken back. */
#define SEGMENT_PIN_FILL 1u
#define SEGMENT_PIN_DAEMON 0x10000u

/* Segments the recycler may try when the next one is pinned (by a bmcd that is not running just now). */
#define LOG_ADVANCE_TRIES 2

/* A reserved part of the log. Owned until log_release; the segment is pinned so long. */
struct log_place {
	struct segment *segment;
	struct entry_words *entry; /* all is within the segment; only what was reserved may be written */
	__u64 way;   /* generation, segment and offset of a way word */
};

enum log_reserved { LOG_FULL = 0, LOG_RESERVED = 1, LOG_MOVED = 2 };

static __always_inline void log_release(struct log_place *place)
{
	shared_add_u32(&place->segment->writers, -SEGMENT_PIN_FILL);
}

/* `place` is only valid after LOG_RESERVED. `index`: the segment tried. */
static __always_inline enum log_reserved do_log_reserve(const struct store_view *view, __u32 bytes,
							__u32 *index, struct log_place *place)
{
	struct log_state *head = view->head;
	__u32 current = shared_load_u32(&head->current);
	struct segment *segment = world_segment(&view->world, current);
	__u8 *log = world_log(&view->world, current);
	enum log_reserved result = LOG_MOVED;
	__u64 offset;

	*index = current;
	if (!segment || !log)
		return LOG_MOVED;
	shared_add_u32(&segment->writers, SEGMENT_PIN_FILL);
	if (shared_load_u32(&head->current) == current) {
		result = LOG_FULL;
		/* Looked at first, so that failing tries cannot add up to a wrap of `used`. */
		if (shared_load_u32(&segment->used) <= STORE_OFFSET_MAX) {
			offset = shared_add_u32(&segment->used, bytes);
			if (offset <= STORE_OFFSET_MAX) {
				asm volatile("" : "+r"(offset)); /* as in way_entry */
				place->segment = segment;
				place->entry = (struct entry_words *)(log + offset);
				place->way = (shared_load(&segment->generation) & WAY_GENERATION_MASK)
					     << WAY_GENERATION_SHIFT;
				place->way |= ((__u64)current << WAY_SEGMENT_SHIFT) |
					      (offset >> CACHE_ENTRY_ALIGN_SHIFT);
				return LOG_RESERVED;
			}
		}
	}
	shared_add_u32(&segment->writers, -SEGMENT_PIN_FILL);
	return result;
}

/* Empties the segment for the log to go on in. Caller holds `advancing`. Returns 0 if it is pinned. */
static __always_inline int do_segment_recycle(struct segment *segment)
{
	shared_add(&segment->generation, 1);
	if (shared_load_u32(&segment->writers))
		return 0;
	shared_store_u32(&segment->used, 0);
	return 1;
}

/* Goes on to the segment after `full`, the oldest, unless somebody else did or does. */
static __always_inline void log_advance(const struct store_view *view, __u32 full)
{
	struct log_state *head = view->head;
	__u32 next = full;

	if (shared_swap_if_u32(&head->advancing, 0, 1))
		return;
	if (shared_load_u32(&head->current) == full) {
#pragma GCC unroll 1
		for (int i = 0; i < LOG_ADVANCE_TRIES; i++) {
			struct segment *segment;

			next = next + 1 < view->segment_count ? next + 1 : 0;
			segment = world_segment(&view->world, next);
			if (next == full || !segment)
				break;
			if (do_segment_recycle(segment)) {
				shared_swap_if_u32(&head->current, full, next);
				shared_add(&head->recycled, 1);
				break;
			}
		}
	}
	shared_swap_if_u32(&head->advancing, 1, 0);
}

/*
 * Room for an entry of `bytes` (header and text; 8-aligned, at most CACHE_ENTRY_MAX). Returns 1 and
 * fills `place`, to be given back by log_release; 0 if the log could not advance.
 */
static __always_inline int log_reserve(const struct store_view *view, __u32 bytes, struct log_place *place)
{
	__u32 index;

#pragma GCC unroll 1
	for (int i = 0; i < 3; i++) {
		enum log_reserved reserved = do_log_reserve(view, bytes, &index, place);

		if (reserved == LOG_RESERVED)
			return 1;
		if (reserved == LOG_FULL)
			log_advance(view, index);
	}
	return 0;
}

/* Who is looked for in a bucket, and what the log looks like. */
struct entry_wanted {
	__u64 key_hash;
	__u32 key_len;
	__u32 server;
	__u32 current; /* segment */
	__u32 segment_count;
};

/* What a scan of a bucket found. */
struct bucket_slot {
	__u64 word;  /* the way word seen */
	__u64 way;   /* below CACHE_BUCKET_WAYS */
	__u64 found; /* 1: it leads to a living entry of the wanted key; 0: it is the one to use */
};

/* Is the entry of the wanted key, and the way still alive after looking? */
static __always_inline int way_is_wanted(const struct lookup_world *world, __u64 word,
					 const struct entry_wanted *wanted, const struct text_words *text)
{
	const struct entry_words *entry = way_entry(world, word);
	__u64 identity = entry_epoch_key(0, wanted->key_len, wanted->server);

	if (!(word & WAY_VALID) || way_tag(word) != cache_tag(wanted->key_hash) || !entry)
		return 0;
	if ((entry_read(entry).epoch_key & ~CACHE_EPOCH_MASK) != identity)
		return 0;
	return entry_text_equal(entry, text, TEXT_KEY_AT + wanted->key_len + 1) && way_alive(world, word);
}

/*
 * How much a way of another key deserves to be overwritten: empty and dead ones most, else the one whose
 * segment is recycled soonest, and in it the one filled first.
 */
static __always_inline __u64 way_age(const struct lookup_world *world, __u64 word,
				     const struct entry_wanted *wanted)
{
	__u32 segment = way_segment(word);
	__u32 age = wanted->current - segment + (wanted->current < segment ? wanted->segment_count : 0);

	if (!word || !way_alive(world, word))
		return ~0ull;
	return ((__u64)age << WAY_SEGMENT_SHIFT) | (WAY_OFFSET_MASK - (word & WAY_OFFSET_MASK));
}

/*
 * The wanted key's way, else the way to use for it. A second entry of the key, left by two fills at the
 * same time, is removed on the way. text: "VALUE <key> ..." of the wanted key.
 */
VERIFIED_APART int bucket_scan(const struct lookup_world *world, struct bucket *bucket,
			       const struct entry_wanted *wanted, const struct text_words *text,
			       struct bucket_slot *slot)
{
	__u64 oldest = 0;

	if (!world || !bucket || !wanted || !text || !slot)
		return 0;
	slot->found = 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < CACHE_BUCKET_WAYS; i++) {
		__u64 word = shared_load(&bucket->way[i]), age;

		if (way_is_wanted(world, word, wanted, text)) {
			if (slot->found) {
				shared_swap_if(&bucket->way[i], word, 0);
				continue;
			}
			slot->found = 1;
			slot->word = word;
			slot->way = i;
			continue;
		}
		age = slot->found ? 0 : way_age(world, word, wanted);
		if (age > oldest) {
			oldest = age;
			slot->word = word;
			slot->way = i;
		}
	}
	return slot->found != 0;
}

/* The way to use for an entry of a key that has none in the bucket: below CACHE_BUCKET_WAYS. */
VERIFIED_APART __u32 bucket_room(const struct lookup_world *world, const struct bucket *bucket, __u32 current,
				 __u32 segment_count)
{
	struct entry_wanted wanted = {};
	__u64 oldest = 0;
	__u32 room = 0;

	wanted.current = current;
	wanted.segment_count = segment_count;
	if (!world || !bucket)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < CACHE_BUCKET_WAYS; i++) {
		__u64 age = way_age(world, shared_load(&bucket->way[i]), &wanted);

		if (age > oldest) {
			oldest = age;
			room = i;
		}
	}
	return room;
}

/* The slot's way, in a form in which the verifier sees its bound. */
static __always_inline __u64 slot_way(const struct bucket_slot *slot)
{
	__u64 way = slot->way;

	if (way >= CACHE_BUCKET_WAYS)
		way = 0;
	asm volatile("" : "+r"(way));
	return way;
}

/* Puts `word` where the scan pointed. Returns 0 if another CPU changed the way since. A full barrier. */
static __always_inline int way_publish(struct bucket *bucket, const struct bucket_slot *slot, __u64 word)
{
	return shared_swap_if(&bucket->way[slot_way(slot)], slot->word, word) == slot->word;
}

/* What becomes of a way published as `pending`: valid, or empty. Returns 0 if it is no longer there: a write of
 * the key has emptied it, or another fill has taken it. */
static __always_inline int way_settle(struct bucket *bucket, const struct bucket_slot *slot, __u64 pending, __u64 word)
{
	return shared_swap_if(&bucket->way[slot_way(slot)], pending, word) == pending;
}

#endif
