/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One observed TCP connection: its element, whether its position is known, and the ring of requests
 * whose replies have not left. Called by request_stream, reply_stream, the release and the sweep.
 */
#ifndef BMC_CONNECTION_BPF_H
#define BMC_CONNECTION_BPF_H

#include "apps/memcached-cache/coherence/observe_maps.bpf.h"

static __always_inline int try_lock(__u32 *word) { return shared_swap_if_u32(word, 0, 1) == 0; }
static __always_inline void unlock(__u32 *word) { shared_swap_if_u32(word, 1, 0); }

static __always_inline __u32 state_of(const struct connection *connection)
{
	return shared_load_u32(&connection->state);
}

static __always_inline void global_released(struct server_state *server)
{
	guard_release(&server->global, &server->global_release_ns, bpf_ktime_get_ns());
}

/* ---- The ring --------------------------------------------------------------------------- */

/* The request `ahead` places behind the oldest unanswered one, or NULL. */
static __always_inline struct pending *ring_peek(struct connection *connection, __u32 ahead)
{
	__u32 at = shared_load_u32(&connection->head) + connection->answered + ahead;

	if ((__s32)(shared_load_u32(&connection->tail) - at) <= 0)
		return NULL;
	return &connection->ring[at & (CONNECTION_RING - 1)];
}

/* Ends the write at the head and moves the head on. */
static __always_inline void ring_finish(struct connection *connection, struct server_state *server)
{
	__u32 head = shared_load_u32(&connection->head);
	struct pending *entry = &connection->ring[head & (CONNECTION_RING - 1)];
	__u32 guard = entry->guard;

	if (entry->flush_from)
		flush_scheduled(server, entry->flush_from, entry->flush_delay);
	shared_store_u32(&connection->head, head + 1);
	write_ends(server, guard);
}

/* More entries than one are answered by one reply only where some are not answered at all. */
#define RING_FINISH_AT_ONCE 4

/*
 * Ends what was answered connection.defer replies ago. What is left over is ended at the next reply. While
 * the connection is lost nothing is: how many replies it may be out by is known when it is in step.
 */
static __always_inline void ring_finish_due(struct connection *connection, struct server_state *server)
{
	if (state_of(connection) & CONNECTION_LOST)
		return;
	for (__u32 i = 0; i < RING_FINISH_AT_ONCE && connection->answered; i++) {
		__u32 head = shared_load_u32(&connection->head);
		struct pending *entry = &connection->ring[head & (CONNECTION_RING - 1)];

		if (connection->replies - entry->answered_at < connection->defer)
			break;
		connection->answered--;
		ring_finish(connection, server);
	}
}

/*
 * Takes one request, or all that are merged in its entry, from the front; the last ends the write, or those
 * of connection.defer replies ago. Only by who holds tx_busy, so an entry is not refilled between the look
 * and the swap, which is there against ingress merging one more read.
 */
COHERENCE_FUNCTION int ring_take(struct connection *connection, struct server_state *server, __u32 all)
{
	struct pending *entry = connection && server ? ring_peek(connection, 0) : NULL;
	__u32 left = entry ? shared_load_u32(&entry->count) : 0;

	if (!entry || !left || shared_swap_if_u32(&entry->count, left, all ? 0 : left - 1) != left)
		return 0;
	if (!all && left > 1)
		return 1;
	if (!connection->suspect) {
		ring_finish(connection, server);
		return 1;
	}
	entry->answered_at = connection->replies;
	connection->answered++;
	ring_finish_due(connection, server);
	return 1;
}

struct drain {
	struct connection *connection;
	struct server_state *server;
	__u32 released;
	__u32 only_unanswered; /* stop at the first request that must still be answered */
};

static long drain_step(__u32 step, struct drain *drain)
{
	struct connection *connection = drain->connection;
	__u32 head = shared_load_u32(&connection->head);
	struct pending *entry = &connection->ring[head & (CONNECTION_RING - 1)];
	__u32 left = shared_load_u32(&entry->count);

	if (head == shared_load_u32(&connection->tail))
		return loop_end();
	if (!connection->answered) {
		if (drain->only_unanswered && !(entry->flags & (PENDING_NOREPLY | PENDING_QUIET | PENDING_PART)))
			return loop_end();
		/* Ingress merges a read into it at the same time: once more. */
		if (shared_swap_if_u32(&entry->count, left, 0) != left)
			return loop_on();
	} else {
		connection->answered--;
	}
	ring_finish(connection, drain->server);
	drain->released++;
	return loop_on();
}

/* Under tx_busy. Ends every pending write: none of them can be executed any more, or something wider is held. */
COHERENCE_FUNCTION int ring_drain(struct connection *connection, struct server_state *server, __u32 only_unanswered)
{
	struct drain drain = {connection, server, 0, only_unanswered};

	if (!connection || !server)
		return 0;
	bpf_loop(2 * CONNECTION_RING, drain_step, &drain, 0);
	return (int)drain.released;
}

/* ---- Known or lost ---------------------------------------------------------------------- */

/* Tells bmcd, which names the connection in its log. */
static __always_inline void report_lost(const struct connection *connection, __u32 reason)
{
	struct cache_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = CACHE_EVENT_OUT_OF_STEP;
	event->server = (__u8)connection->server;
	event->reason = reason;
	event->connection = connection->cookie;
	bpf_ringbuf_submit(event, 0);
}

/*
 * The position became, or is, unknown: from here on any byte may be a write on any key, so the
 * global guard is held. The hold stands before the caller lets the packet go on.
 */
COHERENCE_FUNCTION int connection_lose(struct connection *connection, struct server_state *server, __u32 reason)
{
	__u32 before = 0;
	int changed = 0;

	if (!connection || !server)
		return 0;
	guard_arrive(&server->global);
	for (int i = 0; i < GUARD_TRIES && !changed; i++) {
		before = state_of(connection);
		if (before & (CONNECTION_CLOSED | CONNECTION_STREAM))
			break;
		changed = shared_swap_if_u32(&connection->state, before,
					     (before | CONNECTION_LOST | CONNECTION_HOLD) + CONNECTION_LOSS) == before;
	}
	if (!changed || before & CONNECTION_HOLD)
		global_released(server);
	if (!changed)
		return 0;
	count(reason);
	if (!(before & CONNECTION_LOST)) {
		connection->lost_reason = reason;
		report_lost(connection, reason);
	}
	return 1;
}

/* A lost connection that held nothing speaks again. */
static __always_inline void connection_hold(struct connection *connection, struct server_state *server)
{
	__u32 before = state_of(connection);

	if (!(before & CONNECTION_LOST) || before & (CONNECTION_HOLD | CONNECTION_CLOSED | CONNECTION_STREAM))
		return;
	guard_arrive(&server->global);
	if (shared_swap_if_u32(&connection->state, before, before | CONNECTION_HOLD) != before) {
		global_released(server);
		/* Somebody changed it under us: whatever it is now, being lost again covers it. */
		connection_lose(connection, server, CACHE_LOST_CONTENDED);
	}
}

/* Clears `flags` if the state is still `expected`, and ends the hold if that was among them. */
static __always_inline int connection_clear(struct connection *connection, struct server_state *server,
					    __u32 expected, __u32 flags)
{
	if (shared_swap_if_u32(&connection->state, expected, expected & ~flags) != expected)
		return 0;
	if (expected & flags & CONNECTION_HOLD)
		unread_hold_ends(server, connection->server);
	return 1;
}

/* Nothing that comes is executed any more. */
static __always_inline int connection_is_over(const struct connection *connection)
{
	return (state_of(connection) & (CONNECTION_CLOSED | CONNECTION_STREAM)) != 0;
}

/*
 * After CLOSED or STREAM was set, or after a push: if nothing more will be executed, ends what is
 * pending. Called after every unlock and after every push, so of two that meet here the later sees
 * all: who fails to lock has pushed before the holder's unlock, and the holder looks again after it.
 */
COHERENCE_FUNCTION int connection_settle(struct connection *connection, struct server_state *server)
{
	for (int i = 0; i < 4 && connection && server; i++) {
		if (!connection_is_over(connection))
			return 0;
		if (shared_load_u32(&connection->head) == shared_load_u32(&connection->tail) ||
		    !try_lock(&connection->tx_busy))
			return 0;
		ring_drain(connection, server, 0);
		unlock(&connection->tx_busy);
	}
	return 0;
}

/* Sets CLOSED or STREAM: nothing that comes is executed, so nothing is held for it. */
COHERENCE_FUNCTION int connection_end(struct connection *connection, struct server_state *server, __u32 flag)
{
	for (int i = 0; i < GUARD_TRIES && connection && server; i++) {
		__u32 before = state_of(connection);

		if (shared_swap_if_u32(&connection->state, before, (before | flag) & ~CONNECTION_HOLD) != before)
			continue;
		if (before & CONNECTION_HOLD)
			unread_hold_ends(server, connection->server);
		return 1;
	}
	return 0;
}

#endif
