/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reply on its way into the store: what the steps of the fill program hand each other, and the steps
 * up to the decision that it may be stored (lease, shape, still current). Called by cache_fill.
 */
#ifndef BMC_TC_FILL_REPLY_BPF_H
#define BMC_TC_FILL_REPLY_BPF_H

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/store/cache_maps.bpf.h"
#include "apps/memcached-cache/store/reply_text.h"
#include "tc/reply_packet.bpf.h"

/* Per CPU: TC egress runs with bottom halves off and is not nested. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reply_buffer);
} fill_scratch __weak SEC(".maps");

struct fill {
	struct reply_packet packet;
	const struct cache_control *control;
	struct server_state *server;
	struct reply_buffer *scratch; /* valid after read_reply */
	struct lease_taken lease;     /* valid after take_lease */
	struct reply_value value;     /* valid after read_reply found a value */
	__u64 now_ns;                 /* when the lease was taken */
	__u32 server_index;
	__u32 deadline;
};

/* Is this a packet of a served memcached's UDP port? (Of a resting one's no get was recorded.) */
static __always_inline int find_server(struct fill *fill)
{
	fill->control = cache_control_get();
	if (!fill->control)
		return 0;
	fill->server_index = server_of_reply(fill->control, &fill->packet);
	if (fill->server_index >= CACHE_SERVERS_MAX)
		return 0;
	fill->server = bpf_map_lookup_elem(&servers, &fill->server_index);
	return fill->server && !(shared_load_u32(&fill->server->hold) & SERVER_RESTING);
}

/* Consumes the lease of the reply's request; 0 if it had none to fill. */
static __always_inline int take_lease(struct fill *fill, __u16 request_id_be)
{
	struct lease_identity identity =
		lease_identify(fill->server_index, fill->packet.target_be, fill->packet.target_port_be,
			       request_id_be, fill->server->hash_seed, fill->control->lease_mask);
	struct lease *lease = bpf_map_lookup_elem(&leases, &identity.slot);

	if (!lease)
		return 0;
	return lease_take(lease, identity.tag, shared_load(&fill->server->barrier_done_ns), &fill->lease);
}

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 bits = 0;

	for (__u32 step = 32; step; step /= 2) {
		if (value >> step) {
			value >>= step;
			bits += step;
		}
	}
	return bits;
}

/* From the lease to here: what a miss costs the client on this host. */
static __always_inline void count_miss_path(const struct fill *fill)
{
	__u64 taken = fill->now_ns > fill->lease.arrival_ns ? fill->now_ns - fill->lease.arrival_ns : 0;
	__u32 bucket = log2_of(taken);
	__u64 *value;

	if (bucket >= CACHE_HISTOGRAM_BUCKETS)
		bucket = CACHE_HISTOGRAM_BUCKETS - 1;
	value = bpf_map_lookup_elem(&miss_path_ns, &bucket);
	if (value)
		*value += 1;
}

/* Copies the datagram and reads its form. */
static __always_inline enum text_shape read_reply(struct __sk_buff *skb, struct fill *fill)
{
	__u32 zero = 0, length = fill->packet.length;
	struct reply_buffer *scratch = bpf_map_lookup_elem(&fill_scratch, &zero);

	if (!scratch || length > CACHE_REPLY_MAX)
		return TEXT_OTHER;
	/* Else both bounds become one comparison, which 6.1's verifier does not follow. */
	asm volatile("" : "+r"(length));
	if (length <= CACHE_UDP_HEADER)
		return TEXT_OTHER;
	fill->scratch = scratch;
	if (bpf_skb_load_bytes(skb, fill->packet.payload, scratch->word, length))
		return TEXT_OTHER;
	return reply_read(scratch, length, fill->server->hash_seed, &fill->value);
}

/* Has no write arrived since the lease, of this key or of any? */
static __always_inline int is_current(const struct fill *fill)
{
	__u32 index = cache_guard_index(fill->value.key_hash, fill->control->guard_mask);
	const struct guard *guard = bpf_map_lookup_elem(&guards, &index);
	__u64 word;

	if (!guard || shared_load_u32(&fill->server->hold))
		return 0;
	word = shared_load(&guard->word);
	return guard_stamp(word, shared_load(&fill->server->global)) == fill->lease.stamp;
}

/* The deadline that the last write of this key told; UNKNOWN if none was seen, or it was not the last. */
static __always_inline __u32 hinted_deadline(const struct fill *fill)
{
	__u32 index = cache_guard_index(fill->value.key_hash, fill->control->guard_mask);
	const struct ttl_hint *hint = bpf_map_lookup_elem(&hints, &index);
	__u64 sequence, key_hash, stamp;
	__u32 deadline;

	if (!hint)
		return CACHE_DEADLINE_UNKNOWN;
	sequence = shared_load(&hint->sequence);
	key_hash = shared_load(&hint->key_hash);
	stamp = shared_load(&hint->stamp);
	deadline = shared_load_u32(&hint->deadline);
	if ((sequence & 1) || shared_load(&hint->sequence) != sequence)
		return CACHE_DEADLINE_UNKNOWN;
	if (key_hash != fill->value.key_hash || stamp != fill->lease.stamp)
		return CACHE_DEADLINE_UNKNOWN;
	return deadline;
}

/* The item's own deadline, cut to max_staleness and to the earliest delayed flush_all. */
static __always_inline __u32 entry_deadline(const struct fill *fill)
{
	return deadline_cut(hinted_deadline(fill), fill->server, fill->now_ns);
}

#endif
