/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last steps of a fill: compare with what is stored, or store it. Called by cache_fill, with a reply
 * that may be stored (fill_reply.bpf.h).
 */
#ifndef BMC_TC_FILL_STORE_BPF_H
#define BMC_TC_FILL_STORE_BPF_H

#include "apps/memcached-cache/store/append.h"
#include "tc/fill_reply.bpf.h"

/* Tick of bucket.passed while an entry's deadline is unknown: bmcd is asked at most once in a tick. */
#define TTL_ASK_SHIFT 26u /* 67 ms */

static __always_inline int view_store(const struct fill *fill, struct store_view *view)
{
	__u32 zero = 0;

	view->segment_count = fill->control->segment_count;
	view->head = bpf_map_lookup_elem(&log_head, &zero);
	return view->head != NULL;
}

/* The reply's text behind its frame header. */
static __always_inline const struct text_words *fill_text(const struct fill *fill)
{
	return (const struct text_words *)(fill->scratch->word + CACHE_UDP_HEADER / 8);
}

/* Tells bmcd about the key. The event's key bytes behind key_len are not defined. */
static __always_inline void send_event(const struct fill *fill, enum cache_event_kind kind, __u64 way)
{
	struct cache_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	const __u8 *payload = (const __u8 *)fill->scratch->word;

	if (!event) {
		count(CACHE_EVENT_LOST);
		return;
	}
	event->kind = (__u8)kind;
	event->server = (__u8)fill->server_index;
	event->key_len = (__u8)fill->value.key_len;
	event->reserved = 0;
	event->reason = 0;
	event->way = way;
	event->stamp = fill->lease.stamp;
	event->key_hash = fill->value.key_hash;
	event->connection = 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < sizeof(event->key) / 8; i++)
		((__u64 *)event->key)[i] = reply_word(payload + REPLY_KEY_AT + 8 * i);
	bpf_ringbuf_submit(event, 0);
}

/* What of bucket.passed says that the entry was just shown to memcached, or that bmcd was just asked. */
static __always_inline __u8 passed_tick(const struct fill *fill, __u32 deadline)
{
	if (deadline == CACHE_DEADLINE_UNKNOWN)
		return (__u8)(fill->now_ns >> TTL_ASK_SHIFT);
	return cache_keepalive_tick(fill->now_ns, fill->control->keepalive_shift);
}

/* The same for an entry that is new. Once bmcd knows the deadline it makes it the second kind (apply_deadline()). */
static __always_inline __u8 first_passed(const struct fill *fill)
{
	const struct cache_control *config = fill->control;

	if (fill->deadline == CACHE_DEADLINE_UNKNOWN)
		return passed_tick(fill, fill->deadline);
	return cache_keepalive_start(fill->now_ns, fill->value.key_hash, config->keepalive_shift,
				     config->keepalive_ticks);
}

/* Writes the entry to its place. Returns 0 if the packet cannot be read. */
static __always_inline int write_entry(struct __sk_buff *skb, const struct fill *fill,
				       const struct log_place *place)
{
	__u32 text_len = fill->value.text_len;
	struct entry_words *entry = place->entry;

	if (text_len > CACHE_TEXT_MAX)
		return 0;
	asm volatile("" : "+r"(text_len)); /* as in read_reply */
	if (text_len <= TEXT_KEY_AT)
		return 0;
	if (text_len % 8)
		entry->word[text_len / 8] = 0; /* the padding counts into the sum */
	if (bpf_skb_load_bytes(skb, fill->packet.payload + CACHE_UDP_HEADER, entry->word, text_len))
		return 0;
	entry->header[0] = entry_epoch_key(fill->lease.epoch, fill->value.key_len, fill->server_index);
	entry->header[1] = fill->deadline | (__u64)text_len << 32 |
			   (__u64)entry_text_sum(entry, (text_len + 7) / 8) << 48;
	return 1;
}

/*
 * Makes the entry at `way` (without WAY_VALID) a hit, unless a write of its key has arrived since the lease:
 * pending first, then the look at the guard, then valid. See store/way_kill.h for why in this order.
 */
static __always_inline enum cache_counter publish(struct fill *fill, struct bucket *bucket,
						  const struct bucket_slot *slot, __u64 way)
{
	bucket->passed[slot_way(slot)] = first_passed(fill);
	if (!way_publish(bucket, slot, way | WAY_PENDING))
		return CACHE_FILL_CONTENDED;
	if (!is_current(fill)) {
		way_settle(bucket, slot, way | WAY_PENDING, 0);
		return CACHE_FILL_MOVED;
	}
	return way_settle(bucket, slot, way | WAY_PENDING, way | WAY_VALID) ? CACHE_FILL_OK : CACHE_FILL_MOVED;
}

/* Puts the reply into the log and the bucket's way. */
static __always_inline enum cache_counter append_reply(struct __sk_buff *skb, struct fill *fill,
						       const struct store_view *view, struct bucket *bucket,
						       const struct bucket_slot *slot)
{
	__u32 bytes = (sizeof(struct entry) + fill->value.text_len + 7) & ~7u;
	enum cache_counter result;
	struct log_place place;

	fill->deadline = entry_deadline(fill);
	if (!log_reserve(view, bytes, &place))
		return CACHE_FILL_NO_SPACE;
	place.way |= cache_tag(fill->value.key_hash) << WAY_TAG_SHIFT;
	if (write_entry(skb, fill, &place))
		result = publish(fill, bucket, slot, place.way);
	else
		result = CACHE_FILL_SHAPE;
	log_release(&place);
	if (result == CACHE_FILL_OK && fill->deadline == CACHE_DEADLINE_UNKNOWN)
		send_event(fill, CACHE_EVENT_TTL, place.way | WAY_VALID);
	return result;
}

/*
 * memcached says the same as the entry. Returns 1 if the entry is to be stored anew: its deadline has
 * become known, or max_staleness has half gone by. If its deadline is still unknown, bmcd is asked
 * again, since its answer may have been lost.
 */
static __always_inline int wants_renewal(struct fill *fill, struct bucket *bucket,
					 const struct bucket_slot *slot, __u32 deadline)
{
	__u32 cap = fill->server->deadline_cap;
	__u32 now = (__u32)(fill->now_ns >> CACHE_DEADLINE_SHIFT);
	__u8 tick = passed_tick(fill, deadline);

	if (deadline != CACHE_DEADLINE_UNKNOWN && cap && deadline < now + cap / 2 + 1)
		return 1;
	if (deadline == CACHE_DEADLINE_UNKNOWN) {
		if (hinted_deadline(fill) != CACHE_DEADLINE_UNKNOWN)
			return 1;
		if (bucket->passed[slot_way(slot)] != tick)
			send_event(fill, CACHE_EVENT_TTL, slot->word);
	}
	bucket->passed[slot_way(slot)] = tick;
	return 0;
}

/*
 * The entry of this key must say what memcached says, if no write has arrived between the reply's lease and
 * the comparison: none arrived since the entry's own lease either, for its way was still there.
 * Returns 1 if the reply is to be stored all the same, 0 if all is done and counted.
 */
static __always_inline int compare_reply(struct fill *fill, const struct store_view *view,
					 struct bucket *bucket, const struct bucket_slot *slot,
					 const struct entry_words *entry)
{
	struct entry_header header = entry_read(entry);
	int equal = header.text_len == fill->value.text_len &&
		    entry_text_equal(entry, fill_text(fill), fill->value.text_len);

	if (!way_alive(&view->world, slot->word)) /* recycled while it was compared */
		return 1;
	if (equal) {
		count(CACHE_COMPARE_EQUAL);
		return wants_renewal(fill, bucket, slot, header.deadline);
	}
	if (!is_current(fill)) { /* the entry may be a later version than the reply */
		count(CACHE_FILL_MOVED);
		return 0;
	}
	count(CACHE_COMPARE_MISMATCH);
	way_publish(bucket, slot, 0);
	send_event(fill, CACHE_EVENT_MISMATCH, slot->word);
	return 0;
}

/* Compares if the store has the key, and of this epoch; else stores it. */
static __always_inline void store_reply(struct __sk_buff *skb, struct fill *fill)
{
	__u32 index = cache_bucket_index(fill->value.key_hash, fill->control->bucket_count);
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &index);
	const struct entry_words *entry = NULL;
	struct entry_wanted wanted = {};
	struct bucket_slot slot = {};
	struct store_view view = {};

	if (!bucket || !view_store(fill, &view)) {
		count(CACHE_FILL_NO_SPACE);
		return;
	}
	wanted.key_hash = fill->value.key_hash;
	wanted.key_len = fill->value.key_len;
	wanted.server = fill->server_index;
	wanted.current = shared_load_u32(&view.head->current);
	wanted.segment_count = view.segment_count;
	if (bucket_scan(&view.world, bucket, &wanted, fill_text(fill), &slot))
		entry = way_entry(&view.world, slot.word);
	if (entry && ((entry_read(entry).epoch_key ^ fill->lease.epoch) & CACHE_EPOCH_MASK) == 0 &&
	    !compare_reply(fill, &view, bucket, &slot, entry))
		return;
	count(append_reply(skb, fill, &view, bucket, &slot));
}

#endif
