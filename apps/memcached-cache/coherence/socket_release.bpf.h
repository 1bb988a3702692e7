/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The application closed a socket. A connection: what it has not executed it never will, so its writes
 * end. A server's own socket: the process is gone or going, and its items with it. Called by cache_release
 * in the closing task, before the port can be bound again.
 */
#ifndef BMC_SOCKET_RELEASE_BPF_H
#define BMC_SOCKET_RELEASE_BPF_H

#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/side_buffer.bpf.h"

/*
 * Takes both locks and removes the element. If ingress or egress is at work on it, they settle what
 * they leave behind, and the audit removes it.
 */
static __always_inline void connection_forget(struct connection *connection, struct server_state *server,
					      __u64 cookie)
{
	if (!try_lock(&connection->rx_busy))
		return;
	side_free(connection);
	if (!try_lock(&connection->tx_busy)) {
		unlock(&connection->rx_busy);
		return;
	}
	ring_drain(connection, server, 0);
	bpf_map_delete_elem(&connections, &cookie); /* the locks stay taken */
}

static __always_inline void connection_released(__u64 cookie)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &cookie);
	struct server_state *server = connection ? server_get(connection->server) : NULL;

	if (!connection || !server)
		return;
	connection_end(connection, server, CONNECTION_CLOSED);
	if (connection->head != connection->tail)
		count(CACHE_RELEASE_CLOSE);
	connection_settle(connection, server);
	connection_forget(connection, server, cookie);
}

static __always_inline void server_released(__u64 cookie)
{
	__u32 *index = bpf_map_lookup_elem(&server_sockets, &cookie);
	struct server_state *server = index ? server_get(*index) : NULL;
	struct cache_event *event;

	if (!server)
		return;
	__sync_fetch_and_or(&server->hold, SERVER_DOWN);
	shared_max(&server->closed_ns, bpf_ktime_get_ns());
	guard_kill(&server->global, &server->global_release_ns, bpf_ktime_get_ns());
	count(CACHE_SERVER_CLOSED);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		__builtin_memset(event, 0, sizeof(*event));
		event->kind = CACHE_EVENT_CLOSED;
		event->server = (__u8)*index;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&server_sockets, &cookie);
}

static __always_inline void socket_release(__u64 cookie)
{
	connection_released(cookie);
	server_released(cookie);
}

#endif
