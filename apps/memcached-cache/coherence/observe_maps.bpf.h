/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps of the cgroup programs and the sweep, and how they find a server and its guards.
 */
#ifndef BMC_OBSERVE_MAPS_BPF_H
#define BMC_OBSERVE_MAPS_BPF_H

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/store/cache_maps.bpf.h"
#include "apps/memcached-cache/store/sketch.h"
#include "apps/memcached-cache/store/way_kill.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CONNECTIONS_MAX);
	__type(key, __u64);
	__type(value, struct connection);
} connections __weak SEC(".maps");

/* What a new element starts as: both locks taken, by its creator. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct connection);
} new_connection __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UDP_WRITES_MAX);
	__type(key, struct udp_write_key);
	__type(value, struct udp_write);
} udp_writes __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SERVER_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} server_sockets __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIDE_BUFFERS);
	__type(key, __u32);
	__type(value, struct side_buffer);
} side __weak SEC(".maps");

/*
 * What a bpf_loop step returns. A plain 0 or 1 may be compiled into a register that only happens to
 * hold it, and the verifier wants to see the constant.
 */
static __always_inline long loop_on(void)
{
	long answer = 0;

	asm volatile("" : "+r"(answer));
	return answer;
}

static __always_inline long loop_end(void)
{
	long answer = 1;

	asm volatile("" : "+r"(answer));
	return answer;
}

static __always_inline struct server_state *server_get(__u32 server)
{
	return bpf_map_lookup_elem(&servers, &server);
}

/* Everything of the server is held, and what it does now will be executed before it is not: see docs/coherence.md. */
static __always_inline int is_resting(const struct server_state *server)
{
	return (shared_load_u32(&server->hold) & SERVER_RESTING) != 0;
}

static __always_inline struct guard *guard_get(__u32 index) { return bpf_map_lookup_elem(&guards, &index); }

/* Index of the server that listens on `port` (host order); CACHE_SERVERS_MAX if none does. */
static __always_inline __u32 server_of_port(const struct cache_control *config, __u32 port)
{
	for (__u32 i = 0; i < CACHE_PORTS_MAX; i++) {
		if (!config->port[i].used)
			break;
		if (config->port[i].port == port)
			return config->port[i].server;
	}
	return CACHE_SERVERS_MAX;
}

/* Nothing filled before the key's guard was raised is a hit from here on. */
static __always_inline int key_kill(__u64 key_hash)
{
	struct cache_control *config = cache_control_get();
	__u32 index = config ? cache_bucket_index(key_hash, config->bucket_count) : 0;
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &index);

	return bucket ? bucket_kill(bucket, key_hash) : 0;
}

/* Is the key asked for too seldom to take another one's place? Only ever a reason against storing it. */
static __always_inline int is_cold(__u64 key_hash, const struct cache_control *config)
{
	__u32 index = sketch_block_index(key_hash, config->sketch_blocks);
	const struct sketch_block *block;

	if (!config->admit_from)
		return 0;
	block = bpf_map_lookup_elem(&sketch, &index);
	return block && sketch_estimate(block, key_hash) < config->admit_from;
}

struct write_arrival {
	__u64 stamp;  /* of the moment if no other write was about, else 0: their order is not known */
	__u32 killed; /* ways of the key that it emptied */
	__u32 reserved;
};

/*
 * Raises the guard of a write: its index, or the global one if too much is in flight there; then ends what
 * is stored of the key. A function of its own, for the stack of its callers is short.
 */
COHERENCE_FUNCTION __u32 write_arrives(struct server_state *server, __u64 key_hash, int global,
				       struct write_arrival *arrival)
{
	struct cache_control *config = cache_control_get();
	__u32 index = config ? cache_guard_index(key_hash, config->guard_mask) : 0;
	struct guard *guard = global || !config ? NULL : guard_get(index);
	__u64 word, others;

	if (!server || !arrival)
		return PENDING_NO_GUARD;
	arrival->stamp = 0;
	arrival->killed = 0;
	if (guard) {
		word = guard_arrive(&guard->word);
		arrival->killed = (__u32)key_kill(key_hash);
		others = shared_load(&server->global);
		if (GUARD_IN_FLIGHT(word) == 1 && !GUARD_IN_FLIGHT(others))
			arrival->stamp = guard_stamp(word, others);
		if (GUARD_IN_FLIGHT(word) < GUARD_FLIGHT_LIMIT) {
			count(CACHE_WRITE_KEY);
			return index;
		}
	}
	guard_arrive(&server->global);
	if (guard)
		guard_release(&guard->word, &guard->last_release_ns, bpf_ktime_get_ns());
	count(CACHE_WRITE_GLOBAL);
	return PENDING_GLOBAL;
}

/* The write behind write_arrives() is executed or never will be. */
COHERENCE_FUNCTION int write_ends(struct server_state *server, __u32 index)
{
	__u64 now = bpf_ktime_get_ns();
	struct guard *guard;

	if (!server || index == PENDING_NO_GUARD)
		return 0;
	if (index == PENDING_GLOBAL)
		return guard_release(&server->global, &server->global_release_ns, now);
	guard = guard_get(index);
	return guard ? guard_release(&guard->word, &guard->last_release_ns, now) : 0;
}

/* A delayed flush_all was executed: it acts in [from, now + delay]. Both ends change together. */
COHERENCE_FUNCTION int flush_scheduled(struct server_state *server, __u32 from, __u32 delay_s)
{
	__u64 *word = server ? (__u64 *)&server->flush_to : NULL;
	__u32 to = deadline_from_second((__s64)(bpf_ktime_get_ns() / 1000000000ull) + delay_s + 2);

	for (__u32 i = 0; i < GUARD_TRIES && word; i++) {
		__u64 old = shared_load(word);
		__u32 old_from = (__u32)(old >> 32), old_to = (__u32)old;
		__u32 new_from = old_from && old_from < from ? old_from : from;
		__u32 new_to = old_to > to ? old_to : to;

		if (shared_swap_if(word, old, (__u64)new_from << 32 | new_to) == old)
			return 1;
	}
	/* Never reached by honest use: fail closed until bmcd looks at the server again. */
	if (server)
		__sync_fetch_and_or(&server->hold, SERVER_DOWN);
	return 0;
}

/*
 * A hold of the global guard for bytes that nobody read ends: they are executed. But a flush_all may have been
 * among them that acts only later: nothing is served until bmcd has asked memcached. Marked before the hold
 * is released, so who sees the global guard free sees the mark, or memcached's answer.
 */
COHERENCE_FUNCTION int unread_hold_ends(struct server_state *server, __u32 index)
{
	struct cache_event *event;

	if (!server)
		return 0;
	if (!(__sync_fetch_and_or(&server->hold, SERVER_FLUSH_UNSEEN) & SERVER_FLUSH_UNSEEN)) {
		event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
		if (event) { /* else bmcd finds the mark when it next reads the server's clock */
			__builtin_memset(event, 0, sizeof(*event));
			event->kind = CACHE_EVENT_FLUSH_UNSEEN;
			event->server = (__u8)index;
			bpf_ringbuf_submit(event, 0);
		}
	}
	return guard_release(&server->global, &server->global_release_ns, bpf_ktime_get_ns());
}

#endif
