/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UDP datagrams in front of memcached's socket: writes raise guards, a get of one key takes a lease, and
 * every datagram is recorded so that no reply is taken for another request's. Called by cache_ingress.
 */
#ifndef BMC_UDP_REQUEST_BPF_H
#define BMC_UDP_REQUEST_BPF_H

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/feed.bpf.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/coherence/segment.bpf.h"
#include "apps/memcached-cache/coherence/udp_checksum.bpf.h"

#define GET_PREFIX 4u /* "get " */
#define GET_LINE_MAX (CACHE_UDP_HEADER + GET_PREFIX + CACHE_KEY_MAX + 2u)

/* Per CPU: ingress runs in softirq only and is not nested. */
struct udp_scratch {
	__u8 bytes[GET_LINE_MAX + 16];
	struct request_parser parser;
	struct request_command command;
	struct udp_write record; /* of the write that is being recorded; here because the stack is short */
	/* what the datagram's commands came to */
	__u32 commands; /* that are answered */
	__u32 writes;
	__u32 last_writes; /* does the last command write? */
	__u32 lists;       /* get and gets */
	__u64 arrival_ns;  /* one time for its lease slot and its writes: a reply is matched by it */
	struct pending write; /* the last write, not yet recorded */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct udp_scratch);
} udp_scratch __weak SEC(".maps");

static __always_inline struct udp_scratch *udp_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&udp_scratch, &zero);
}

/* Any byte of the word below `limit` (1..128)? */
static __always_inline __u64 has_byte_below(__u64 word, __u64 limit)
{
	return (word - 0x0101010101010101ull * limit) & ~word & 0x8080808080808080ull;
}

/* Hash of the key of "get <key>\r\n" behind the frame header; 0 if the datagram is not exactly that. */
static __always_inline __u64 single_get_hash(const struct udp_scratch *scratch, __u32 length, __u64 seed)
{
	const __u8 *line = scratch->bytes + CACHE_UDP_HEADER;
	__u32 key_length = length - CACHE_UDP_HEADER - GET_PREFIX - 2;
	__u64 hash = seed;

	if (length < CACHE_UDP_HEADER + GET_PREFIX + 3 || length > GET_LINE_MAX)
		return 0;
	if (line[0] != 'g' || line[1] != 'e' || line[2] != 't' || line[3] != ' ')
		return 0;
	for (__u32 done = 0; done < CACHE_KEY_MAX; done += 8) {
		__u32 left = key_length - done;
		__u64 word, padding;

		if (done >= key_length)
			break;
		word = *(const __u64 *)(line + GET_PREFIX + done);
		padding = left >= 8 ? 0 : ~0ull << (8 * left);
		if (has_byte_below(word | (padding & 0x6161616161616161ull), 0x21) ||
		    has_byte_below((word & ~padding) ^ 0x7f7f7f7f7f7f7f7full, 1))
			return 0;
		hash = cache_hash_word(hash, word & ~padding);
	}
	length &= 511;
	if (length < 2 || length > GET_LINE_MAX || scratch->bytes[length - 2] != '\r' ||
	    scratch->bytes[length - 1] != '\n')
		return 0;
	return cache_hash_finish(hash, key_length);
}

/* One command that one datagram answers for certain. */
static __always_inline int answered_once(const struct udp_scratch *scratch)
{
	const struct pending *write = &scratch->write;

	return scratch->commands == 1 && scratch->writes == 1 && !(write->flags & (PENDING_NOREPLY | PENDING_QUIET)) &&
	       (write->shape == SHAPE_LINE || write->shape == SHAPE_META || write->shape == SHAPE_BINARY);
}

/* How a datagram that may not fill is answered. */
static __always_inline enum lease_wish udp_answer(const struct udp_scratch *scratch)
{
	if (answered_once(scratch))
		return LEASE_WISH_ONE_REPLY;
	return scratch->commands == 1 && scratch->lists == 1 && !scratch->writes ? LEASE_WISH_LIST : LEASE_WISH_NONE;
}

/* No place to remember who ends the write: the global guard stands for it. */
static __always_inline void udp_write_untracked(struct server_state *server, const struct udp_write *write)
{
	guard_arrive(&server->global);
	__sync_fetch_and_add(&server->untracked, 1);
	write_ends(server, write->guard);
	if (write->flush_from) /* when it will be executed is not known: within a day */
		flush_scheduled(server, write->flush_from, write->flush_delay + 24 * 60 * 60);
	count(CACHE_LOST_UNTRACKED);
}

/* Under a key that no other write has. The identity of the client plays no part in how it ends. */
static __always_inline void udp_write_key_own(struct udp_write_key *key, const struct udp_scratch *scratch)
{
	key->remote_be[0] = (__u32)(scratch->arrival_ns >> 32);
	key->remote_be[1] = (__u32)scratch->arrival_ns;
	key->remote_be[2] = bpf_get_smp_processor_id();
	key->remote_be[3] = scratch->writes;
	key->remote_port_be = 0;
	key->request_id_be = 0;
}

/*
 * An unfinished value stays with the worker that read it, and datagrams it reads later are taken for the
 * rest: the write may be executed at any time. One record stands for all of its guard.
 */
static __always_inline void udp_write_key_unfinished(struct udp_write_key *key, __u32 guard)
{
	__builtin_memset(key->remote_be, 0, sizeof(key->remote_be));
	key->remote_be[0] = guard;
	key->remote_port_be = 0;
	key->request_id_be = 0;
}

/* Records scratch->write, whose guard is raised: what ends it is scratch->record.key.ended_by. */
COHERENCE_FUNCTION int udp_write_record(struct server_state *server)
{
	struct udp_scratch *scratch = udp_scratch_get();
	struct udp_write *write;

	if (!server || !scratch)
		return 0;
	write = &scratch->record;
	write->arrival_ns = scratch->arrival_ns;
	write->opaque = scratch->write.opaque;
	write->shape = scratch->write.shape;
	write->verb = scratch->write.verb;
	write->binary = !!(scratch->write.flags & PENDING_BINARY);
	write->guard = scratch->write.guard;
	write->flush_from = scratch->write.flush_from;
	write->flush_delay = scratch->write.flush_delay;
	__sync_fetch_and_add(&server->udp_writes, 1);
	if (write->key.ended_by == UDP_WRITE_REPLY) {
		if (!bpf_map_update_elem(&udp_writes, &write->key, write, BPF_NOEXIST))
			return 1;
		write->key.ended_by = UDP_WRITE_BARRIER; /* another one of this identity is in flight */
	}
	if (write->key.ended_by == UDP_WRITE_BARRIER)
		udp_write_key_own(&write->key, scratch);
	else
		udp_write_key_unfinished(&write->key, write->guard);
	if (!bpf_map_update_elem(&udp_writes, &write->key, write, BPF_NOEXIST))
		return 1;
	__sync_fetch_and_sub(&server->udp_writes, 1);
	if (write->key.ended_by == UDP_WRITE_RESTART) {
		struct udp_write *other = bpf_map_lookup_elem(&udp_writes, &write->key);

		/* One is enough, if it is of the same process: else the audit is about to end it. */
		if (other && other->arrival_ns >= shared_load(&server->closed_ns))
			write_ends(server, write->guard);
		return 1;
	}
	udp_write_untracked(server, write);
	return 0;
}

/* One command of the datagram; the write before it is known not to be the only command. */
static __always_inline void udp_command(struct udp_scratch *scratch, struct server_state *server,
					const struct request_command *command)
{
	if ((command->flags & (REQUEST_LAST | REQUEST_NOREPLY)) == REQUEST_LAST)
		scratch->commands++;
	if (command->flags & REQUEST_LAST && command->shape == SHAPE_VALUES)
		scratch->lists++;
	scratch->last_writes = request_writes(command);
	if (!scratch->last_writes)
		return;
	if (scratch->writes) {
		scratch->record.key.ended_by = UDP_WRITE_BARRIER;
		udp_write_record(server);
	}
	scratch->writes++;
	pending_fill(&scratch->write, server, command);
}

/* Does what stands at the end of the datagram, and whose extent is memcached's to judge, perhaps bring a value? */
static __always_inline int may_bring_value(const struct request_parser *parser)
{
	__u32 verb = parser->verb, form;

	if (parser->protocol != REQUEST_ASCII)
		return 1;
	if (verb >= VERB_COUNT)
		return 0;
	form = grammar_verbs[verb].form;
	return form == FORM_STORE || form == FORM_EXTEND || form == FORM_CAS || form == FORM_META_SET;
}

/* memcached may read a write of any key in the datagram. */
static __always_inline void udp_write_anything(struct udp_scratch *scratch, struct server_state *server, __u16 ended_by)
{
	if (scratch->writes) {
		scratch->record.key.ended_by = UDP_WRITE_BARRIER;
		udp_write_record(server);
	}
	scratch->writes++;
	pending_clear(&scratch->write);
	guard_arrive(&server->global);
	scratch->write.guard = PENDING_GLOBAL;
	scratch->record.key.ended_by = ended_by;
	udp_write_record(server);
	count(CACHE_WRITE_GLOBAL);
}

/*
 * The datagram ended within a value, or where memcached's reading of it is its own affair. (Of a line or a
 * header that is not whole it keeps nothing, and of a damaged datagram it sees nothing.) `lost` is the
 * parser's word, `left` what it did not read.
 */
static __always_inline void udp_unfinished(struct __sk_buff *skb, const struct packet_view *view,
					   struct udp_scratch *scratch, struct server_state *server,
					   const struct feed *feed)
{
	__u32 unread = feed->lost || feed->left;
	__u16 ended_by = UDP_WRITE_RESTART;

	if (!unread && !scratch->parser.skip)
		return;
	if ((feed->lost && !feed->left && !may_bring_value(&scratch->parser)) || udp_is_damaged(skb, view))
		ended_by = UDP_WRITE_BARRIER;
	else
		count(CACHE_WRITE_UNFINISHED);
	if (unread || !scratch->last_writes) {
		udp_write_anything(scratch, server, ended_by);
	} else {
		scratch->record.key.ended_by = ended_by;
		udp_write_record(server);
	}
	scratch->commands = 2; /* no reply is certain to be this datagram's */
	scratch->writes = 0;   /* none left to record */
}

static long udp_feed_step(__u32 step, struct feed *feed)
{
	struct udp_scratch *scratch = feed->udp;
	int event;

	if (!feed->left)
		return loop_end();
	event = feed_next(feed, &scratch->parser, &scratch->command);
	if (event == REQUEST_COMMAND || event == REQUEST_KEY)
		udp_command(scratch, feed->server, &scratch->command);
	if (event != REQUEST_LOST)
		return loop_on();
	feed->lost = 1;
	return loop_end();
}

/* All commands of the datagram: guards raised, writes recorded. */
COHERENCE_FUNCTION int udp_parse(struct __sk_buff *skb, const struct packet_view *view,
				 struct server_state *server)
{
	struct udp_scratch *scratch = udp_scratch_get();
	struct feed feed = {
		.skb = skb,
		.udp = scratch,
		.server = server,
	};

	if (!view || !server || !scratch)
		return 0;
	feed.offset = view->payload + CACHE_UDP_HEADER;
	feed.left = view->length - CACHE_UDP_HEADER;
	request_parser_init(&scratch->parser, server->hash_seed);
	bpf_loop(FEED_STEPS_MAX, udp_feed_step, &feed, 0);
	udp_unfinished(skb, view, scratch, server, &feed);
	return 1;
}

/* Records the last write of the datagram: if it is alone, its own reply ends it. */
COHERENCE_FUNCTION int udp_last_write(const struct packet_view *view, struct server_state *server)
{
	struct udp_scratch *scratch = udp_scratch_get();
	struct udp_write_key *key;

	if (!view || !server || !scratch || !scratch->writes)
		return 0;
	key = &scratch->record.key;
	key->ended_by = answered_once(scratch) ? UDP_WRITE_REPLY : UDP_WRITE_BARRIER;
	__builtin_memcpy(key->remote_be, view->remote_be, sizeof(key->remote_be));
	key->remote_port_be = view->remote_port_be;
	__builtin_memcpy(&key->request_id_be, scratch->bytes, sizeof(key->request_id_be));
	return udp_write_record(server);
}

static __always_inline void count_lease(enum lease_result result, const struct lease_request *request)
{
	if (result == LEASE_RECORD_GRANTED)
		count(CACHE_LEASE_GRANTED);
	else if (result == LEASE_RECORD_AMBIGUOUS)
		count(CACHE_LEASE_AMBIGUOUS);
	else if (result == LEASE_RECORD_BUSY)
		count(CACHE_LEASE_BUSY_SLOT);
	else if (!request->key_hash)
		count(CACHE_LEASE_NOT_GET);
}

/* May a get of this key fill? The words are read before the release times, those before the barrier. */
static __always_inline enum lease_wish lease_wish(struct lease_request *request, struct server_state *server,
						  const struct cache_control *config)
{
	struct guard *guard = guard_get(cache_guard_index(request->key_hash, config->guard_mask));
	__u64 word, global, key_release, global_release;

	if (!guard)
		return LEASE_WISH_ONE_REPLY;
	if (is_cold(request->key_hash, config)) {
		count(CACHE_LEASE_COLD);
		return LEASE_WISH_ONE_REPLY;
	}
	word = shared_add(&guard->word, 0);
	global = shared_add(&server->global, 0);
	if (shared_load_u32(&server->hold) || GUARD_IN_FLIGHT(global)) {
		count(CACHE_LEASE_HELD);
		return LEASE_WISH_ONE_REPLY;
	}
	if (GUARD_IN_FLIGHT(word)) {
		count(CACHE_LEASE_IN_FLIGHT);
		return LEASE_WISH_ONE_REPLY;
	}
	key_release = shared_load(&guard->last_release_ns);
	global_release = shared_load(&server->global_release_ns);
	request->stamp = guard_stamp(word, global);
	request->epoch = guard_epoch(global);
	request->last_release_ns = key_release > global_release ? key_release : global_release;
	request->barrier_done_ns = shared_load(&server->barrier_done_ns);
	return LEASE_WISH_FILL;
}

/* Records the datagram in its lease slot; key_hash is that of a get of one key, else 0. */
COHERENCE_FUNCTION int udp_lease(const struct packet_view *view, __u32 server_index, struct server_state *server,
				 const struct cache_control *config, __u64 key_hash)
{
	struct udp_scratch *scratch = udp_scratch_get();
	struct lease_request request = {.key_hash = key_hash};
	struct lease_identity identity;
	struct lease *lease;
	__u16 request_id;

	if (!view || !server || !config || !scratch)
		return 0;
	request.arrival_ns = scratch->arrival_ns;
	request.barrier_done_ns = shared_load(&server->barrier_done_ns);
	__builtin_memcpy(&request_id, scratch->bytes, sizeof(request_id));
	if (key_hash)
		request.wish = lease_wish(&request, server, config);
	else
		request.wish = udp_answer(scratch);
	identity = lease_identify(server_index, view->remote_be, view->remote_port_be, request_id,
				  server->hash_seed, config->lease_mask);
	request.tag = identity.tag;
	lease = bpf_map_lookup_elem(&leases, &identity.slot);
	if (!lease)
		return 0;
	count_lease(lease_record(lease, &request), &request);
	return 1;
}

COHERENCE_FUNCTION int udp_request(struct __sk_buff *skb, const struct packet_view *view, __u32 server_index,
				   struct server_state *server, struct cache_control *config)
{
	struct udp_scratch *scratch = udp_scratch_get();
	__u32 load = view ? view->length : 0;
	__u64 key_hash;

	if (!server || !config || !scratch || !view || load <= CACHE_UDP_HEADER)
		return 0; /* memcached drops a datagram without a body */
	if (load > GET_LINE_MAX)
		load = GET_LINE_MAX;
	if (bpf_skb_load_bytes(skb, view->payload, scratch->bytes, load))
		return 0;
	scratch->arrival_ns = bpf_ktime_get_ns();
	key_hash = single_get_hash(scratch, view->length, server->hash_seed);
	scratch->commands = scratch->writes = scratch->last_writes = scratch->lists = 0;
	if (!key_hash) {
		__builtin_memset(&scratch->record, 0, sizeof(scratch->record));
		scratch->record.key.server = (__u16)server_index;
		udp_parse(skb, view, server);
		udp_last_write(view, server);
	}
	return udp_lease(view, server_index, server, config, key_hash);
}

#endif
