/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached's side of a TCP connection, in the order it is sent: each reply is matched with the oldest
 * unanswered request, whose write ends with it. Called by cache_egress.
 */
#ifndef BMC_TCP_REPLY_BPF_H
#define BMC_TCP_REPLY_BPF_H

#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/feed.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"
#include "apps/memcached-cache/coherence/side_buffer.bpf.h"
#include "apps/memcached-cache/coherence/stage.bpf.h"

/* Exchanges in step, one after the other, that show where a lost connection is. */
#define STREAK_IN_STEP 3u /* exchanges; see is_quiet() */

/*
 * The write succeeded: its exptime holds from now on, if no other write is about. Written before the
 * write ends, so who sees nothing in flight sees the hint or the older generation in it.
 */
COHERENCE_FUNCTION int publish_hint(const struct pending *entry, const struct server_state *server)
{
	__u32 index = entry ? entry->guard : PENDING_NO_GUARD;
	struct guard *guard = guard_get(index);
	struct ttl_hint *hint = bpf_map_lookup_elem(&hints, &index);
	__u64 sequence;

	if (!entry || !server || !guard || !hint || entry->deadline == CACHE_DEADLINE_UNKNOWN)
		return 0;
	if (!write_is_alone(entry, server, guard))
		return 0;
	sequence = shared_load(&hint->sequence);
	if (sequence & 1 || shared_swap_if(&hint->sequence, sequence, sequence + 1) != sequence)
		return 0;
	hint->key_hash = entry->key_hash;
	hint->stamp = entry->stamp;
	hint->deadline = entry->deadline;
	shared_swap(&hint->sequence, sequence + 2);
	return 1;
}

struct reply_match {
	struct connection *connection;
	struct server_state *server;
	struct reply reply;
	__u32 at;     /* places behind the head of the request that it answers, if `found` */
	__u32 found;
	__u32 others; /* it may be the answer of one that need not be answered: quiet, or noreply and wrong */
	__u32 noreply;
	__u32 ended;
};

/* Opcode and opaque name the request; merged quiet reads are known by the opcode alone. */
static __always_inline int match_binary(struct reply_match *match, const struct pending *entry, __u32 step)
{
	int merged = entry->flags & PENDING_QUIET && entry->guard == PENDING_NO_GUARD;

	if (entry->verb == match->reply.opcode && merged) {
		match->others = 1;
	} else if (entry->verb == match->reply.opcode && entry->opaque == match->reply.opaque) {
		match->found = 1;
		match->at = step;
		return 1;
	}
	/* A later one may be answered: a quiet one before it succeeded in silence. */
	return !(entry->flags & (PENDING_QUIET | PENDING_NOREPLY | PENDING_PART));
}

/* The order names the request; those in front that need not be answered make it doubtful. */
static __always_inline int match_ascii(struct reply_match *match, const struct pending *entry, __u32 step)
{
	if (entry->flags & PENDING_PART)
		return 0;
	if (entry->flags & PENDING_NOREPLY) { /* an error may be its own, noreply or not */
		match->others |= (__u32)reply_is_error(&match->reply);
		match->noreply |= match->others;
		return 0;
	}
	if (entry->flags & PENDING_QUIET) {
		match->others |= (__u32)reply_fits_quiet(entry->shape, entry->verb, &match->reply);
		return 0;
	}
	match->found = (__u32)reply_fits(entry->shape, entry->verb, &match->reply);
	match->at = step;
	return 1;
}

static long match_step(__u32 step, struct reply_match *match)
{
	struct pending *entry = ring_peek(match->connection, step);

	if (!entry)
		return loop_end();
	if (entry->flags & PENDING_BINARY ? match_binary(match, entry, step) : match_ascii(match, entry, step))
		return loop_end();
	return loop_on();
}

static long skip_step(__u32 step, struct reply_match *match)
{
	ring_take(match->connection, match->server, 1);
	return loop_on();
}

/* What the reply says of its request, which is certain to be this one. */
static __always_inline void reply_believed(struct connection *connection, struct server_state *server,
					   struct pending *entry, const struct reply *reply)
{
	stage_answered(entry, server, reply);
	if (entry->key_hash && reply_is_success(reply))
		publish_hint(entry, server);
	if (reply->kind == REPLY_ERROR || reply->kind == REPLY_CLIENT_ERROR)
		entry->flush_from = 0; /* memcached did not take it */
	if (entry->shape == SHAPE_STREAM && reply->kind == REPLY_OK)
		connection_end(connection, server, CONNECTION_STREAM);
}

/* One whole reply went by: ends the request it answers and those before it. 0: it fits none. */
COHERENCE_FUNCTION int reply_seen(struct connection *connection, struct server_state *server,
				  const struct reply *reply)
{
	struct reply_match match = {.connection = connection, .server = server};
	struct pending *entry;

	if (!connection || !server || !reply)
		return 0;
	connection->replies++;
	match.reply = *reply;
	bpf_loop(CONNECTION_RING, match_step, &match, 0);
	if (match.found && match.others && reply->kind != REPLY_BINARY)
		return 0; /* whose it is cannot be told */
	if (!match.found)
		return match.others && !match.noreply;
	bpf_loop(match.at < CONNECTION_RING ? match.at : CONNECTION_RING, skip_step, &match, 0);
	entry = ring_peek(connection, 0);
	if (!entry)
		return 0;
	if (!connection->suspect)
		reply_believed(connection, server, entry, reply);
	count(CACHE_RELEASE_REPLY);
	return ring_take(connection, server, 0);
}

/* Counts if it began in a quiet moment, and if its replies leave room for as many in the ring. */
static __always_inline void exchange_ends(struct connection *connection)
{
	__u32 replies = connection->replies - connection->exchange;

	connection->streak = connection->dirty || replies >= CONNECTION_DEFER_MAX ? 0 : connection->streak + 1;
	connection->dirty = 0;
	connection->exchange = connection->replies;
	if (connection->defer <= replies)
		connection->defer = replies + 1;
}

/*
 * A lost connection's exchange may just have ended: from a quiet moment some requests, then exactly
 * their replies. After some in a row the position is known.
 */
static __always_inline void trial_step(struct connection *connection, struct server_state *server)
{
	__u32 state = state_of(connection);

	if (!(state & CONNECTION_LOST) || connection->trial != (state | CONNECTION_HOLD))
		return;
	if (ring_peek(connection, 0) || !reply_at_boundary(&connection->tx))
		return;
	if (!try_lock(&connection->rx_busy)) {
		connection->streak = 0;
		return;
	}
	if (request_at_boundary(&connection->rx)) {
		exchange_ends(connection);
		if (connection->streak >= STREAK_IN_STEP &&
		    connection_clear(connection, server, state, CONNECTION_LOST | CONNECTION_HOLD)) {
			connection->trial = 0;
			count(CACHE_IN_STEP);
		}
	}
	unlock(&connection->rx_busy);
}

static long reply_feed_step(__u32 step, struct feed *feed)
{
	struct reply reply = {};
	int event;

	if (!feed->left)
		return loop_end();
	event = feed_reply_next(feed, &feed->connection->tx, &reply);
	if (event == REPLY_MORE || event == REPLY_VALUE)
		return loop_on();
	if (event == REPLY_COMPLETE && reply_seen(feed->connection, feed->server, &reply))
		return loop_on();
	feed->lost = 1;
	return loop_end();
}

/* Under tx_busy: the new part of the segment through the parser. */
COHERENCE_FUNCTION int reply_segment(struct __sk_buff *skb, const struct packet_view *view,
				     struct connection *connection, struct server_state *server)
{
	struct feed feed = {.skb = skb, .connection = connection, .server = server};
	__u32 state;
	__s32 seen;

	if (!view || !connection || !server)
		return 0;
	state = state_of(connection);
	seen = sequence_distance(view->sequence, connection->tx_next);
	if (state & (CONNECTION_CLOSED | CONNECTION_STREAM))
		return 0;
	if (seen >= (__s32)view->length)
		return 0; /* retransmitted */
	if (state & CONNECTION_LOST && connection->trial != (state | CONNECTION_HOLD)) {
		connection->tx_next = view->sequence + view->length;
		return 0;
	}
	connection->tx_next = view->sequence + view->length;
	if (seen < 0) {
		connection_lose(connection, server, CACHE_LOST_REPLY);
		return 0;
	}
	feed.offset = view->payload + (__u32)seen;
	feed.left = view->length - (__u32)seen;
	bpf_loop(FEED_STEPS_MAX, reply_feed_step, &feed, 0);
	if (feed.lost || feed.left) {
		connection_lose(connection, server, CACHE_LOST_REPLY);
		return 0;
	}
	trial_step(connection, server);
	return 1;
}

static __always_inline void tcp_reply(struct __sk_buff *skb, const struct packet_view *view,
				      struct server_state *server)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct connection *connection = bpf_map_lookup_elem(&connections, &cookie);

	if (!connection)
		return; /* older than bmcd and silent since */
	if (!try_lock(&connection->tx_busy)) {
		if (connection->cookie == cookie)
			connection_lose(connection, server, CACHE_LOST_CONTENDED);
		return;
	}
	if (connection->cookie == cookie) {
		connection->last_ns = bpf_ktime_get_ns();
		reply_segment(skb, view, connection, server);
	}
	unlock(&connection->tx_busy);
	if (connection_is_over(connection))
		connection_settle(connection, server);
}

#endif
