// SPDX-License-Identifier: GPL-2.0-only
/*
 * What bmcd's audit asks for: ends what sockets left behind once that is proven to be executed or
 * gone, and kills on request. A syscall program, so that there is one code and one owner for it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/coherence/socket_release.bpf.h"
#include "apps/memcached-cache/coherence/udp_reply.bpf.h"

static __always_inline void sweep_gone(struct sweep_call *call, struct server_state *server)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &call->cookie);

	if (!connection)
		return;
	call->found = 1;
	call->released = connection->tail - connection->head;
	connection_end(connection, server, CONNECTION_CLOSED);
	connection_forget(connection, server, call->cookie);
}

/* All that came before `before_ns` is executed: ends the writes nobody answers, and the hold. */
static __always_inline void sweep_drained(struct sweep_call *call, struct server_state *server)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &call->cookie);
	__u32 state;

	if (!connection || !try_lock(&connection->rx_busy))
		return;
	if (!try_lock(&connection->tx_busy)) {
		unlock(&connection->rx_busy);
		return;
	}
	if (connection->last_ns < call->before_ns) {
		state = state_of(connection);
		call->found = 1;
		call->released = ring_drain(connection, server, !(state & CONNECTION_LOST));
		if (connection->head == connection->tail && !(state & CONNECTION_LOST))
			connection->suspect = 0;
		if (state & CONNECTION_HOLD && connection_clear(connection, server, state, CONNECTION_HOLD)) {
			call->released++;
			connection->trial = 0;
		}
	}
	unlock(&connection->tx_busy);
	unlock(&connection->rx_busy);
	connection_settle(connection, server);
}

static __always_inline void sweep_flush_acted(struct sweep_call *call, struct server_state *server)
{
	__u64 *word = (__u64 *)&server->flush_to;
	__u64 flush = shared_load(word);

	/* `before_ns` carries the flush word bmcd judged: a later flush keeps it. */
	if (!flush || flush != call->before_ns)
		return;
	guard_kill(&server->global, &server->global_release_ns, bpf_ktime_get_ns());
	call->found = shared_swap_if(word, flush, 0) == flush;
}

struct untracked_sweep {
	struct server_state *server;
	__u32 index;
	__u32 released;
	__u32 most;
};

static long untracked_step(__u32 step, struct untracked_sweep *sweep)
{
	__u32 left = shared_load_u32(&sweep->server->untracked);

	if (!left || sweep->released >= sweep->most)
		return loop_end();
	if (shared_swap_if_u32(&sweep->server->untracked, left, left - 1) != left)
		return loop_on();
	unread_hold_ends(sweep->server, sweep->index);
	sweep->released++;
	return loop_on();
}

/* What is not released in one call is released in the next. */
static __always_inline void sweep_untracked(struct sweep_call *call, struct server_state *server)
{
	struct untracked_sweep sweep = {server, call->server, 0, (__u32)call->cookie};

	bpf_loop(1 << 16, untracked_step, &sweep, 0);
	call->released = sweep.released;
}

static __always_inline void sweep_key_bump(struct sweep_call *call)
{
	struct cache_control *config = cache_control_get();
	struct guard *guard = config ? guard_get(cache_guard_index(call->cookie, config->guard_mask)) : NULL;

	if (!guard)
		return;
	guard_kill(&guard->word, &guard->last_release_ns, bpf_ktime_get_ns());
	key_kill(call->cookie);
	call->found = 1;
}

SEC("syscall")
int cache_sweep(struct sweep_call *context)
{
	struct sweep_call call = *context;
	struct server_state *server = server_get(call.server);

	if (!server)
		return -1;
	call.released = call.found = 0;
	if (call.operation == SWEEP_CONNECTION_GONE)
		sweep_gone(&call, server);
	else if (call.operation == SWEEP_CONNECTION_DRAINED)
		sweep_drained(&call, server);
	else if (call.operation == SWEEP_UDP_WRITE)
		call.found = call.released = (__u32)udp_write_ends(server, &call.udp);
	else if (call.operation == SWEEP_GLOBAL_BUMP)
		guard_kill(&server->global, &server->global_release_ns, bpf_ktime_get_ns());
	else if (call.operation == SWEEP_KEY_BUMP)
		sweep_key_bump(&call);
	else if (call.operation == SWEEP_FLUSH_ACTED)
		sweep_flush_acted(&call, server);
	else if (call.operation == SWEEP_FLUSH_SCHEDULED)
		call.found = (__u32)flush_scheduled(server, (__u32)(call.before_ns >> 32), (__u32)call.before_ns);
	else if (call.operation == SWEEP_UNTRACKED)
		sweep_untracked(&call, server);
	else
		return -1;
	if (call.released)
		count(CACHE_RELEASE_SWEEP);
	context->released = call.released;
	context->found = call.found;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
