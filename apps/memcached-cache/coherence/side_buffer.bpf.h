/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments that arrive before their turn (a loss before them) are copied aside and parsed when the
 * hole is filled, which is before TCP gives either to memcached. Called by tcp_request under rx_busy.
 */
#ifndef BMC_SIDE_BUFFER_BPF_H
#define BMC_SIDE_BUFFER_BPF_H

#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"

#define SIDE_PIECE 64u

static __always_inline __s32 sequence_distance(__u32 from, __u32 to) { return (__s32)(to - from); }

static __always_inline struct side_buffer *side_of(const struct connection *connection)
{
	__u32 index = connection->side - 1;

	return connection->side ? bpf_map_lookup_elem(&side, &index) : NULL;
}

struct side_search {
	struct connection *connection;
	struct side_buffer *found;
};

static long side_claim_step(__u32 step, struct side_search *search)
{
	__u32 index = (__u32)(search->connection->cookie + step) & (SIDE_BUFFERS - 1);
	struct side_buffer *buffer = bpf_map_lookup_elem(&side, &index);

	if (!buffer || shared_load(&buffer->owner) ||
	    shared_swap_if(&buffer->owner, 0, search->connection->cookie))
		return loop_on();
	buffer->extents = 0;
	search->connection->side = index + 1;
	return loop_end();
}

static __always_inline struct side_buffer *side_claim(struct connection *connection)
{
	struct side_search search = {connection, NULL};

	if (!connection->side)
		bpf_loop(SIDE_BUFFERS, side_claim_step, &search, 0);
	return side_of(connection);
}

static __always_inline void side_free(struct connection *connection)
{
	struct side_buffer *buffer = side_of(connection);

	connection->side = 0;
	if (buffer)
		shared_swap_if(&buffer->owner, connection->cookie, 0);
}

struct side_copy {
	struct __sk_buff *skb;
	struct side_buffer *buffer;
	__u32 offset;
	__u32 sequence;
	__u32 left;
};

static long side_copy_step(__u32 step, struct side_copy *copy)
{
	__u32 at = copy->sequence & (SIDE_BYTES - 1);
	__u32 piece = SIDE_PIECE - (at & (SIDE_PIECE - 1)); /* never across the end */

	if (piece > copy->left)
		piece = copy->left;
	if (!piece || bpf_skb_load_bytes(copy->skb, copy->offset, copy->buffer->data + at, (__u32)size_1_to_64(piece)))
		return loop_end();
	copy->offset += piece;
	copy->sequence += piece;
	copy->left -= piece;
	return loop_on();
}

COHERENCE_FUNCTION int side_copy_in(struct __sk_buff *skb, struct side_buffer *buffer, __u32 offset,
				    __u32 sequence, __u32 length)
{
	struct side_copy copy = {skb, buffer, offset, sequence, length};

	if (!buffer)
		return 0;
	bpf_loop(SIDE_BYTES / SIDE_PIECE + 2, side_copy_step, &copy, 0);
	return !copy.left;
}

enum side_place { SIDE_PLACE_NEW, SIDE_PLACE_KEPT, SIDE_PLACE_NONE };

/* Is there room for [begin, end), is it kept already, or does it overlap so that TCP's choice is open? */
COHERENCE_FUNCTION int side_place(const struct side_buffer *buffer, __u32 begin, __u32 end)
{
	if (!buffer)
		return SIDE_PLACE_NONE;
	for (__u32 i = 0; i < SIDE_EXTENTS; i++) {
		const struct side_extent *kept = &buffer->extent[i];

		if (i >= buffer->extents)
			return SIDE_PLACE_NEW;
		if (sequence_distance(kept->begin, begin) >= 0 && sequence_distance(end, kept->end) >= 0)
			return SIDE_PLACE_KEPT; /* a retransmission of it: TCP keeps the first as well */
		if (sequence_distance(begin, kept->end) > 0 && sequence_distance(kept->begin, end) > 0)
			return SIDE_PLACE_NONE;
	}
	return SIDE_PLACE_NONE;
}

/* Keeps a segment that is ahead of rx_next. 0: it cannot be, and the caller must give the position up. */
static __always_inline int side_store(struct __sk_buff *skb, struct connection *connection,
				      const struct packet_view *view)
{
	struct side_buffer *buffer = side_claim(connection);
	__u32 begin = view->sequence, end = view->sequence + view->length;
	__u32 extents;
	int place;

	if (!buffer || sequence_distance(connection->rx_next, end) > (__s32)SIDE_BYTES)
		return 0;
	place = side_place(buffer, begin, end);
	if (place != SIDE_PLACE_NEW)
		return place == SIDE_PLACE_KEPT;
	extents = buffer->extents;
	if (extents >= SIDE_EXTENTS || !side_copy_in(skb, buffer, view->payload, begin, view->length))
		return 0;
	buffer->extents = extents + 1;
	asm volatile("" : "+r"(extents)); /* keeps the mask, which the verifier wants to see */
	buffer->extent[extents & (SIDE_EXTENTS - 1)].begin = begin;
	buffer->extent[extents & (SIDE_EXTENTS - 1)].end = end;
	return 1;
}

/* Takes out the kept extent that begins at or before rx_next; 0 if there is none. */
COHERENCE_FUNCTION int side_next(const struct connection *connection, struct side_buffer *buffer,
				 struct side_extent *extent)
{
	__u32 extents = buffer ? buffer->extents : 0;

	if (!connection || !buffer || !extent || extents > SIDE_EXTENTS)
		return 0;
	for (__u32 i = 0; i < SIDE_EXTENTS; i++) {
		if (i >= extents)
			break;
		if (sequence_distance(buffer->extent[i].begin, connection->rx_next) < 0)
			continue;
		*extent = buffer->extent[i];
		buffer->extent[i] = buffer->extent[(extents - 1) & (SIDE_EXTENTS - 1)];
		buffer->extents = extents - 1;
		return 1;
	}
	return 0;
}

#endif
