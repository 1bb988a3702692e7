/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feeds a packet's payload, or what was kept aside of a stream, to the stream parsers in chunks, and
 * turns a parsed command into the pending write it is. Used by the TCP and UDP steps.
 */
#ifndef BMC_FEED_BPF_H
#define BMC_FEED_BPF_H

#include "apps/memcached-cache/coherence/observe_maps.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"

/* More events in one packet than this end the parse: 512 KiB of two-byte lines. */
#define FEED_STEPS_MAX (1u << 18)

struct feed {
	struct __sk_buff *skb;
	struct side_buffer *kept; /* instead of the skb: offset counts in the stream */
	union { /* whose bytes they are */
		struct connection *connection;
		struct udp_scratch *udp;
	};
	struct server_state *server;
	__u32 offset;
	__u32 left;
	__u32 lost;
	__u32 command_at; /* TCP: where the command that is parsed begins in the packet; 0: not in it, or not known */
};

/* The next bytes, at most a chunk of them; 0 at the end or if they cannot be read. */
static __always_inline __u32 feed_chunk(struct feed *feed, struct grammar_chunk *chunk)
{
	__u32 size = feed->left < GRAMMAR_CHUNK ? feed->left : GRAMMAR_CHUNK;

	if (feed->kept) {
		for (__u32 i = 0; i < GRAMMAR_CHUNK; i++)
			chunk->bytes[i] = feed->kept->data[(feed->offset + i) & (SIDE_BYTES - 1)];
		return size;
	}
	if (!size || bpf_skb_load_bytes(feed->skb, feed->offset, chunk->bytes, (__u32)size_1_to_64(size)))
		return 0;
	return size;
}

static __always_inline void feed_advance(struct feed *feed, __u32 bytes)
{
	if (bytes > feed->left)
		bytes = feed->left;
	feed->offset += bytes;
	feed->left -= bytes;
}

/* One event of the request stream; values are passed over without reading them. */
static __always_inline int feed_next(struct feed *feed, struct request_parser *parser,
				     struct request_command *command)
{
	struct grammar_chunk chunk = {};
	__u32 size;
	int event;

	if (parser->skip) {
		size = parser->skip < feed->left ? (__u32)parser->skip : feed->left;
		parser->skip -= size;
		feed_advance(feed, size);
		return REQUEST_MORE;
	}
	size = feed_chunk(feed, &chunk);
	if (!size)
		return REQUEST_LOST;
	event = request_feed(parser, &chunk, 0, size, command);
	feed_advance(feed, command->next);
	return event;
}

/* One event of the reply stream. */
static __always_inline int feed_reply_next(struct feed *feed, struct reply_parser *parser, struct reply *reply)
{
	struct grammar_chunk chunk = {};
	__u32 size;
	int event;

	if (parser->skip) {
		size = parser->skip < feed->left ? (__u32)parser->skip : feed->left;
		parser->skip -= size;
		feed_advance(feed, size);
		return REPLY_MORE;
	}
	size = feed_chunk(feed, &chunk);
	if (!size)
		return REPLY_LOST;
	event = reply_feed(parser, &chunk, 0, size, reply);
	feed_advance(feed, reply->next);
	return event;
}

/* Where the next command begins, behind what is left of a value; 0 within a line. */
static __always_inline __u32 feed_next_command(const struct feed *feed, const struct request_parser *parser)
{
	if (parser->state != REQUEST_BOUNDARY && parser->state != REQUEST_DATA_CR && parser->state != REQUEST_DATA_LF)
		return 0;
	return feed->offset + (__u32)parser->skip +
	       (parser->state == REQUEST_DATA_CR ? 2 : parser->state == REQUEST_DATA_LF ? 1 : 0);
}

/* ---- From a command to a pending write ---------------------------------------------------- */

static __always_inline int request_writes(const struct request_command *command)
{
	return command->effect != EFFECT_NONE && command->effect != EFFECT_READ;
}

static __always_inline int is_flush(const struct request_command *command)
{
	if (command->flags & REQUEST_BINARY)
		return command->verb == 0x08 || command->verb == 0x18;
	return command->verb == VERB_FLUSH_ALL;
}

/* A flush_all that acts later, or at a time that only memcached can read. */
static __always_inline int request_flushes_later(const struct request_command *command)
{
	return is_flush(command) && ((command->flags & REQUEST_HAS_TTL && command->exptime > 0) ||
				     command->flags & REQUEST_TTL_ODD);
}

/* When a delayed flush acts: memcached compares with its clock one second early. */
static __always_inline void pending_flush(struct pending *pending, const struct server_state *server,
					  const struct request_command *command)
{
	__u64 now = bpf_ktime_get_ns() / 1000000000ull;
	__s64 second;

	if (!request_flushes_later(command))
		return;
	if (command->flags & REQUEST_TTL_ODD || !server->clock_floor_s) {
		/* From now on; a span is over when memcached's clock has gone through it, whatever it shows. */
		pending->flush_from = 1;
		pending->flush_delay = EXPTIME_RELATIVE_MAX;
		if (!(command->flags & REQUEST_TTL_ODD) && command->exptime <= EXPTIME_RELATIVE_MAX)
			pending->flush_delay = (__u32)command->exptime + 2;
		return;
	}
	second = exptime_second(command->exptime, server->clock_floor_s, server->wall_to_mono_s) - 1;
	if (second > 280000000) /* beyond nine years of uptime */
		return;
	pending->flush_from = deadline_from_second(second);
	pending->flush_delay = second > (__s64)now ? (__u32)(second - (__s64)now) + 2 : 2;
}

static __always_inline void pending_clear(struct pending *pending)
{
	__builtin_memset(pending, 0, sizeof(*pending));
	pending->guard = PENDING_NO_GUARD;
}

/* What the command leaves pending; raises the guard of what it writes. */
static __always_inline void pending_fill(struct pending *pending, struct server_state *server,
					 const struct request_command *command)
{
	struct write_arrival arrival = {};

	pending_clear(pending);
	pending->count = 1;
	pending->verb = command->verb;
	pending->shape = command->shape;
	pending->opaque = command->opaque;
	if (command->flags & REQUEST_NOREPLY)
		pending->flags |= PENDING_NOREPLY;
	if (command->flags & REQUEST_QUIET)
		pending->flags |= PENDING_QUIET;
	if (command->flags & REQUEST_BINARY)
		pending->flags |= PENDING_BINARY;
	if (!(command->flags & REQUEST_LAST))
		pending->flags |= PENDING_PART;
	if (!request_writes(command))
		return;
	pending->guard = write_arrives(server, command->key_hash, command->effect == EFFECT_WRITE_GLOBAL, &arrival);
	pending->stamp = arrival.stamp;
	if (arrival.killed)
		pending->flags |= PENDING_KNOWN;
	pending_flush(pending, server, command);
	if (!pending->stamp || !(command->flags & REQUEST_HAS_TTL))
		return;
	pending->key_hash = command->key_hash;
	pending->deadline = exptime_deadline(command->exptime, server->clock_floor_s, server->wall_to_mono_s);
}

#endif
