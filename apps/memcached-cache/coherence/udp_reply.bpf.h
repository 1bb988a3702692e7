/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UDP replies behind memcached's socket: the reply to a write ends it; the lease of a reply that leaves
 * where nothing is filled is forgotten. Called by cache_egress.
 */
#ifndef BMC_UDP_REPLY_BPF_H
#define BMC_UDP_REPLY_BPF_H

#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/feed.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"

#define LOOPBACK_INTERFACE 1u /* in every network namespace */

struct udp_frame {
	__u16 request_id_be;
	__u16 sequence_be;
	__u16 total_be;
	__u16 reserved;
};

static __always_inline int same_udp_write(const struct udp_write_key *a, const struct udp_write_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* Ends the write of the key, if nobody else does: who claims the element. */
static __always_inline int udp_write_ends(struct server_state *server, const struct udp_write_key *key)
{
	struct udp_write *found = bpf_map_lookup_elem(&udp_writes, key);
	struct udp_write write;

	if (!found || !try_lock(&found->claimed))
		return 0;
	if (!same_udp_write(&found->key, key)) {
		unlock(&found->claimed); /* deleted and used again for another */
		return 0;
	}
	write = *found;
	bpf_map_delete_elem(&udp_writes, key);
	__sync_fetch_and_sub(&server->udp_writes, 1);
	if (write.flush_from)
		flush_scheduled(server, write.flush_from, write.flush_delay);
	if (write.guard == PENDING_GLOBAL && !write.flush_from) /* perhaps for what nobody could read */
		unread_hold_ends(server, key->server);
	else
		write_ends(server, write.guard);
	return 1;
}

/*
 * Is the datagram the answer to this write, and not to another request under the same id? Its first
 * bytes tell: the answer to one write is one line or header.
 */
COHERENCE_FUNCTION int udp_answers(struct __sk_buff *skb, const struct packet_view *view,
				   const struct udp_write *write)
{
	struct reply_parser parser = {};
	struct feed feed = {.skb = skb};
	struct reply reply = {};
	int event;

	if (!view || !write)
		return 0;
	feed.offset = view->payload + sizeof(struct udp_frame);
	feed.left = view->length - sizeof(struct udp_frame);
	event = feed_reply_next(&feed, &parser, &reply);
	if (event == REPLY_VALUE) /* "VA <size>": only a meta command answers so */
		return write->shape == SHAPE_META;
	if (event != REPLY_COMPLETE || !reply_fits(write->shape, write->verb, &reply))
		return 0;
	return !write->binary || reply.opaque == write->opaque;
}

#define LIST_STEPS_MAX 10 /* of a chunk each: the longest VALUE line, the value as one, what follows it */

/* Does the datagram end the answer to a get of several keys: END, alone or behind the last value? */
COHERENCE_FUNCTION int udp_ends_list(struct __sk_buff *skb, const struct packet_view *view)
{
	struct reply_parser parser = {};
	struct feed feed = {.skb = skb};
	struct reply reply = {};
	int event;

	if (!view)
		return 0;
	feed.offset = view->payload + sizeof(struct udp_frame);
	feed.left = view->length - sizeof(struct udp_frame);
	for (int i = 0; i < LIST_STEPS_MAX; i++) {
		event = feed_reply_next(&feed, &parser, &reply);
		if (event == REPLY_COMPLETE)
			return (reply.kind == REPLY_VALUES || reply.kind == REPLY_END) && !feed.left;
		if (event == REPLY_LOST || !feed.left)
			return 0;
	}
	return 0;
}

/*
 * Is the write the only datagram of its identity that this reply can answer? Then its record stands in
 * the lease slot, and nothing that was forgotten there is unanswered. (Another set under the same id,
 * executed first, gives the same STORED.) Read before the tag is consumed at TC egress.
 */
static __always_inline int udp_alone(const struct lease *lease, __u64 tag, const struct udp_write *write,
				     const struct server_state *server)
{
	return shared_load(&lease->tag) == tag && shared_load(&lease->arrival_ns) == write->arrival_ns &&
	       !lease_older_lingers(lease, tag, shared_load(&server->barrier_done_ns)) &&
	       shared_add((__u64 *)&lease->tag, 0) == tag;
}

/* Ends the write that this datagram answers, if one is pending under its identity; else the audit will. */
static __always_inline void udp_end_answered(struct __sk_buff *skb, const struct packet_view *view,
					     struct server_state *server, const struct udp_write_key *key,
					     const struct lease *lease, __u64 tag)
{
	struct udp_write *write = bpf_map_lookup_elem(&udp_writes, key);

	if (write && udp_alone(lease, tag, write, server) && udp_answers(skb, view, write) &&
	    udp_write_ends(server, key))
		count(CACHE_RELEASE_REPLY);
}

static __always_inline int is_served_interface(const struct cache_control *config, __u32 interface)
{
	for (__u32 i = 0; i < CACHE_INTERFACES_MAX; i++) {
		if (!config->interface[i])
			break;
		if (config->interface[i] == interface)
			return 1;
	}
	return 0;
}

static __always_inline void udp_reply(struct __sk_buff *skb, const struct packet_view *view, __u32 server_index,
				      struct server_state *server, const struct cache_control *config)
{
	struct udp_write_key key = {
		.remote_port_be = view->remote_port_be,
		.server = (__u16)server_index,
	};
	struct lease_identity identity;
	struct udp_frame frame;
	struct lease *lease;
	__u64 barrier_done_ns;

	if (view->length <= sizeof(frame) || bpf_skb_load_bytes(skb, view->payload, &frame, sizeof(frame)))
		return;
	identity = lease_identify(server_index, view->remote_be, view->remote_port_be,
				  frame.request_id_be, server->hash_seed, config->lease_mask);
	lease = bpf_map_lookup_elem(&leases, &identity.slot);
	if (!lease || frame.sequence_be || frame.total_be != bpf_htons(1))
		return;
	barrier_done_ns = shared_load(&server->barrier_done_ns);
	if (lease_awaits_list(lease, identity.tag) && udp_ends_list(skb, view))
		lease_list_ends(lease, identity.tag, barrier_done_ns);
	if (shared_load_u32(&server->udp_writes)) {
		__builtin_memcpy(key.remote_be, view->remote_be, sizeof(key.remote_be));
		key.request_id_be = frame.request_id_be;
		udp_end_answered(skb, view, server, &key, lease, identity.tag);
	}
	/* Loopback is no other interface's way out. Any other may be a served one's (VLAN, bond, bridge), and only
	 * one may consume: the fill program, if it sees the datagram. */
	if (skb->ifindex == LOOPBACK_INTERFACE && !is_served_interface(config, LOOPBACK_INTERFACE))
		lease_forget(lease, identity.tag, barrier_done_ns);
}

#endif
