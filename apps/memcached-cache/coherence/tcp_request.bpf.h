/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client's side of a TCP connection, parsed in stream order in front of memcached's socket: every
 * write raises its guard before memcached can read it. Observation only; TCP is never disturbed.
 * Called by cache_ingress.
 *
 * What is parsed must be what TCP will deliver. The socket's own rcv_nxt says what it has accepted:
 * bytes it accepted and we have not seen, or bytes it may still take from a second copy after we
 * parsed the first, mean that the position is not known.
 */
#ifndef BMC_TCP_REQUEST_BPF_H
#define BMC_TCP_REQUEST_BPF_H

#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/feed.bpf.h"
#include "apps/memcached-cache/coherence/netns.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"
#include "apps/memcached-cache/coherence/side_buffer.bpf.h"
#include "apps/memcached-cache/coherence/stage.bpf.h"

/* The socket's own view, read before the segment changes it. */
struct socket_view {
	__u32 state;
	__u32 received;     /* rcv_nxt */
	__u32 sent;         /* snd_nxt */
	__u64 bytes_received;
};

/* Merges a read into the newest request if that is one of the same kind. */
static __always_inline int ring_merge(struct connection *connection, const struct pending *request)
{
	__u32 tail = shared_load_u32(&connection->tail);
	struct pending *newest = &connection->ring[(tail - 1) & (CONNECTION_RING - 1)];
	__u32 count_now = shared_load_u32(&newest->count);

	if (request->guard != PENDING_NO_GUARD || tail == shared_load_u32(&connection->head))
		return 0;
	if (request->flags != newest->flags || request->flags == PENDING_BINARY)
		return 0; /* binary ones that are answered are told apart by their opaques */
	if (newest->guard != PENDING_NO_GUARD || newest->verb != request->verb ||
	    newest->shape != request->shape)
		return 0;
	return count_now && shared_swap_if_u32(&newest->count, count_now, count_now + 1) == count_now;
}

/* 0: no room. */
static __always_inline int ring_push(struct connection *connection, const struct pending *request)
{
	__u32 tail = shared_load_u32(&connection->tail);

	if (ring_merge(connection, request))
		return 1;
	if (tail - shared_load_u32(&connection->head) >= CONNECTION_RING)
		return 0;
	connection->ring[tail & (CONNECTION_RING - 1)] = *request;
	shared_swap_if_u32(&connection->tail, tail, tail + 1);
	return 1;
}

/* A request's line is complete. 0: the position was given up. */
COHERENCE_FUNCTION int request_seen(struct connection *connection, struct server_state *server,
				    const struct request_command *command)
{
	struct pending request = {};

	if (!connection || !server || !command)
		return 0;
	if (command->shape == SHAPE_CLOSE)
		return 1; /* nothing after it is executed, and the close will say so */
	pending_fill(&request, server, command);
	if (ring_push(connection, &request))
		return 1;
	connection_lose(connection, server, CACHE_LOST_RING);
	write_ends(server, request.guard);
	return 0;
}

static long request_feed_step(__u32 step, struct feed *feed)
{
	struct connection *connection = feed->connection;
	int event;

	if (!feed->left)
		return loop_end();
	event = feed_next(feed, &connection->rx, &connection->command);
	if (event == REQUEST_MORE)
		return loop_on();
	if (event == REQUEST_LOST) {
		connection_lose(connection, feed->server, CACHE_LOST_GRAMMAR);
		feed->lost = 1;
		return loop_end();
	}
	if (request_seen(connection, feed->server, &connection->command)) {
		if (stage_writes && !feed->kept)
			stage_command(feed);
		return loop_on();
	}
	feed->lost = 1;
	return loop_end();
}

/* Parses the next `length` bytes of the stream, which `feed` says where to find. */
static __always_inline int parse_stream(struct feed *feed, __u32 length)
{
	bpf_loop(FEED_STEPS_MAX, request_feed_step, feed, 0);
	if (!feed->lost && feed->left) { /* more commands in one segment than we are willing to follow */
		connection_lose(feed->connection, feed->server, CACHE_LOST_RING);
		return 0;
	}
	if (feed->lost)
		return 0;
	feed->connection->rx_next += length;
	return 1;
}

/* Parses the packet's next bytes of the stream. 0: the position was given up. */
COHERENCE_FUNCTION int parse_payload(struct __sk_buff *skb, struct connection *connection,
				     struct server_state *server, __u32 offset, __u32 length)
{
	struct feed feed = {
		.skb = skb,
		.connection = connection,
		.server = server,
		.offset = offset,
		.left = length,
	};

	if (!connection || !server)
		return 0;
	feed.command_at = feed_next_command(&feed, &connection->rx);
	return parse_stream(&feed, length);
}

/* The hole may be filled: parses what was kept and follows now. */
COHERENCE_FUNCTION int parse_kept(struct connection *connection, struct server_state *server)
{
	struct feed feed = {.connection = connection, .server = server};
	struct side_extent extent = {};

	if (!connection || !server)
		return 0;
	feed.kept = side_of(connection);
	for (__u32 i = 0; i < SIDE_EXTENTS && feed.kept; i++) {
		__s32 fresh;

		if (!side_next(connection, feed.kept, &extent))
			break;
		fresh = sequence_distance(connection->rx_next, extent.end);
		if (fresh <= 0)
			continue;
		feed.offset = connection->rx_next;
		feed.left = (__u32)fresh;
		if (!parse_stream(&feed, (__u32)fresh))
			return 0;
	}
	if (feed.kept && !feed.kept->extents)
		side_free(connection);
	return 1;
}

/* What of the kernel's struct tcp_sock tells how far the application is; no UAPI does. */
struct tcp_sock___application {
	__u32 copied_seq; /* next byte it will read */
	__u32 write_seq;  /* next byte it will write */
} __attribute__((preserve_access_index));

/*
 * A quiet moment: memcached has read all that the client sent before this segment, and all that it wrote is
 * acknowledged. It reads again only when it has executed what it read before and handed over all replies to
 * that. A quiet moment may fall into a read, so in the next but one nothing from before this one is left:
 * everything older than the requests in between is executed, and its replies have been seen.
 */
COHERENCE_FUNCTION int is_quiet(struct __sk_buff *skb, const struct packet_view *view,
				const struct socket_view *socket)
{
	struct tcp_sock___application *tcp;
	struct bpf_sock *sk;

	if (!view || !socket)
		return 0;
	sk = skb->sk;
	if (view->sequence != socket->received || view->acknowledged != socket->sent || !sk)
		return 0;
	tcp = (struct tcp_sock___application *)bpf_skc_to_tcp_sock(sk);
	return tcp && tcp->copied_seq == socket->received && tcp->write_seq == socket->sent;
}

/* A segment of a lost connection. In a quiet moment a trial begins: both parsers start afresh. 0: it is not parsed. */
static __always_inline int trial_begin(struct __sk_buff *skb, struct connection *connection,
				       struct server_state *server, const struct packet_view *view,
				       const struct socket_view *socket)
{
	__u32 state = state_of(connection);
	int quiet = is_quiet(skb, view, socket);

	if (connection->trial == state && view->sequence == connection->rx_next) {
		/* An exchange counts if it began in a quiet moment: a value's next part may follow later. */
		if (!quiet && request_at_boundary(&connection->rx))
			connection->dirty = 1;
		return 1;
	}
	connection->trial = 0;
	if (!quiet)
		return 0;
	if (!try_lock(&connection->tx_busy))
		return 0;
	ring_drain(connection, server, 0);
	side_free(connection);
	request_parser_init(&connection->rx, server->hash_seed);
	reply_parser_init(&connection->tx);
	connection->rx_next = view->sequence;
	connection->tx_next = socket->sent;
	connection->dirty = 0;
	connection->streak = 0;
	connection->exchange = connection->replies;
	connection->defer = 0;
	connection->suspect = 1;
	connection->trial = state;
	unlock(&connection->tx_busy);
	return 1;
}

/* Under rx_busy: parses what of the segment is new. 1: the stream went on, and what was kept may follow now. */
static __always_inline int request_segment(struct __sk_buff *skb, const struct packet_view *view,
				       const struct socket_view *socket, struct connection *connection,
				       struct server_state *server)
{
	__u32 end;
	__s32 seen;

	if (!view || !socket || !connection || !server)
		return 0;
	end = view->sequence + view->length;
	connection_hold(connection, server);
	if (state_of(connection) & CONNECTION_LOST && !trial_begin(skb, connection, server, view, socket))
		return 0;
	seen = sequence_distance(view->sequence, connection->rx_next);
	if (sequence_distance(connection->rx_next, socket->received) > 0 || view->urgent) {
		connection_lose(connection, server, CACHE_LOST_MISSED);
	} else if (seen > 0 && sequence_distance(socket->received, connection->rx_next) > 0 &&
		   sequence_distance(socket->received, end) > 0) {
		/* A second copy of bytes we parsed and TCP has not taken yet: which it takes is open. */
		connection_lose(connection, server, CACHE_LOST_MISSED);
	} else if (seen >= (__s32)view->length) {
		count(CACHE_TCP_RETRANSMITTED);
	} else if (seen < 0) {
		count(CACHE_TCP_OUT_OF_ORDER);
		if (!side_store(skb, connection, view))
			connection_lose(connection, server, CACHE_LOST_OVERFLOW);
	} else if (parse_payload(skb, connection, server, view->payload + (__u32)seen,
				 view->length - (__u32)seen)) {
		return 1;
	}
	return 0;
}

/* The element of a connection that is seen for the first time; both its locks are still taken. */
static __always_inline struct connection *connection_new(__u64 cookie, __u32 server_index,
							 struct server_state *server,
							 const struct packet_view *view,
							 const struct socket_view *socket)
{
	struct connection *connection;
	__u32 zero = 0;
	struct connection *blank = bpf_map_lookup_elem(&new_connection, &zero);

	if (!blank || bpf_map_update_elem(&connections, &cookie, blank, BPF_NOEXIST))
		return NULL;
	connection = bpf_map_lookup_elem(&connections, &cookie);
	if (!connection)
		return NULL;
	connection->cookie = cookie;
	connection->server = server_index;
	connection->remote_port = bpf_ntohs(view->remote_port_be);
	connection->local_port = bpf_ntohs(view->local_port_be);
	__builtin_memcpy(connection->remote_be, view->remote_be, sizeof(connection->remote_be));
	connection->rx_next = socket->received;
	connection->tx_next = socket->sent;
	request_parser_init(&connection->rx, server->hash_seed);
	reply_parser_init(&connection->tx);
	if (socket->bytes_received)
		connection_lose(connection, server, CACHE_LOST_OLD);
	unlock(&connection->tx_busy);
	return connection;
}

/* Bytes that no element accounts for: held until the audit has seen every queue empty. */
static __always_inline void hold_untracked(struct server_state *server)
{
	guard_arrive(&server->global);
	__sync_fetch_and_add(&server->untracked, 1);
	count(CACHE_LOST_UNTRACKED);
}

/* The connection's element with rx_busy taken; NULL if that is not to be had (all is held then). */
static __always_inline struct connection *connection_take(struct __sk_buff *skb, __u64 cookie,
							  __u32 server_index, struct server_state *server,
							  const struct packet_view *view,
							  const struct socket_view *socket)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &cookie);

	if (!connection) {
		if (is_foreign(skb))
			return NULL;
		if (socket->state != BPF_TCP_ESTABLISHED && socket->state != BPF_TCP_SYN_RECV)
			return NULL; /* closed by memcached: nobody reads it */
		connection = connection_new(cookie, server_index, server, view, socket);
		if (!connection)
			hold_untracked(server);
		return connection;
	}
	if (try_lock(&connection->rx_busy)) {
		if (connection->cookie == cookie)
			return connection;
		unlock(&connection->rx_busy); /* freed and used again: this socket is closed */
		return NULL;
	}
	if (connection->cookie == cookie)
		connection_lose(connection, server, CACHE_LOST_CONTENDED);
	return NULL;
}

COHERENCE_FUNCTION int tcp_request(struct __sk_buff *skb, const struct packet_view *view,
				   const struct socket_view *socket, __u32 server_index,
				   struct server_state *server)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct connection *connection;

	if (!view || !socket || !server)
		return 0;
	if (socket->state == BPF_TCP_LISTEN) {
		if (!is_foreign(skb))
			hold_untracked(server); /* data on the handshake's last packet: its socket comes only now */
		return 0;
	}
	connection = connection_take(skb, cookie, server_index, server, view, socket);
	if (!connection)
		return 0;
	connection->last_ns = bpf_ktime_get_ns();
	if (!(state_of(connection) & (CONNECTION_CLOSED | CONNECTION_STREAM)) &&
	    request_segment(skb, view, socket, connection, server) && connection->side)
		parse_kept(connection, server);
	unlock(&connection->rx_busy);
	return connection_is_over(connection) ? connection_settle(connection, server) : 0;
}

#endif
