/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The value of a write, in the log before memcached reads it: written as an entry when the write arrives, published
 * when STORED leaves, so that the write of a cached key costs no miss. docs/coherence.md has the argument,
 * model/staged.pml checks it. Called by tcp_request.bpf.h and tcp_reply.bpf.h.
 *
 * Any doubt and nothing is staged, or what is staged is forgotten: then the write is one as any other.
 */
#ifndef BMC_STAGE_BPF_H
#define BMC_STAGE_BPF_H

#include "apps/memcached-cache/coherence/connection.bpf.h"
#include "apps/memcached-cache/coherence/feed.bpf.h"
#include "apps/memcached-cache/store/append.h"
#include "apps/memcached-cache/store/set_text.h"

/* bmcd sets it before it loads the programs. */
const volatile __u8 stage_writes = 1;

/* Where a `set` and its value stand in the packet. */
struct staged_set {
	__u32 begin;
	__u32 line;  /* bytes */
	__u32 value; /* bytes, without \r\n */
	__u32 server;
	__u64 key_hash;
};

/* What the steps at ingress hand each other. Not on the stack, which is short. */
struct stage_scratch {
	struct reply_buffer text;
	struct staged_set set;
	struct set_line line;
	struct reply_value reply; /* valid once the text was read as one */
};

/* Per CPU: cgroup ingress runs with bottom halves off and is not nested. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stage_scratch);
} stage_scratch __weak SEC(".maps");

static __always_inline struct stage_scratch *stage_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stage_scratch, &zero);
}

/* ---- Ingress: into the log ------------------------------------------------------------------ */

/*
 * Loads it into the scratch buffer as the reply to a get of its key, and reads that as a fill does. Returns 0 if it
 * is not all there, or not as memcached would write it.
 */
static __always_inline int stage_load(struct __sk_buff *skb, struct stage_scratch *scratch, __u64 seed)
{
	__u8 *payload = (__u8 *)&scratch->text;
	__u32 line = scratch->set.line, rest, at;

	if (line > SET_LINE_MAX)
		return 0;
	asm volatile("" : "+r"(line)); /* two comparisons, as in tc/fill_reply.bpf.h */
	if (line < SET_LINE_MIN || bpf_skb_load_bytes(skb, scratch->set.begin, payload + SET_AT, line))
		return 0;
	if (!set_line_read(&scratch->text, SET_AT + line, &scratch->line))
		return 0;
	at = scratch->line.exptime_at & (REPLY_BUFFER_MASK >> 2);
	rest = SET_AT + scratch->set.line - scratch->line.bytes_at + scratch->set.value + 2;
	if (at + rest + CACHE_END_BYTES > CACHE_REPLY_MAX || rest > CACHE_TEXT_MAX)
		return 0;
	asm volatile("" : "+r"(rest));
	if (rest < SET_REST_MIN)
		return 0;
	if (bpf_skb_load_bytes(skb, scratch->set.begin + scratch->line.bytes_at - SET_AT, payload + at, rest))
		return 0;
	at += rest;
	set_text_end(&scratch->text, at);
	if (reply_read(&scratch->text, at + CACHE_END_BYTES, seed, &scratch->reply) != TEXT_VALUE)
		return 0;
	set_text_pad(&scratch->text, at);
	return scratch->reply.key_hash == scratch->set.key_hash;
}

/*
 * Writes what is in the scratch buffer to its place. Everything that must not be older than the write's arrival is
 * read here, behind the full barriers that reserved the place: epoch, hold, delayed flush_all.
 */
static __always_inline enum cache_counter stage_write(const struct server_state *server, __u32 deadline,
						      const struct stage_scratch *scratch,
						      const struct log_place *place)
{
	__u64 epoch = guard_epoch(shared_load(&server->global)), now = bpf_ktime_get_ns();
	__u32 text_len = scratch->reply.text_len;
	struct entry_words *entry = place->entry;
	const struct text_words *text = (const struct text_words *)(scratch->text.word + CACHE_UDP_HEADER / 8);
	__u32 sum;

	deadline = deadline_cut(deadline, server, now);
	if (shared_load_u32(&server->hold))
		return CACHE_STAGE_HELD;
	if (deadline <= now >> CACHE_DEADLINE_SHIFT) /* UNKNOWN too */
		return CACHE_STAGE_EXPIRY;
	sum = entry_text_write(entry, text, (text_len + 7) / 8);
	entry->header[0] = entry_epoch_key(epoch, scratch->reply.key_len, scratch->set.server);
	entry->header[1] = deadline | (__u64)text_len << 32 | (__u64)sum << 48;
	return CACHE_STAGE_OK;
}

/* Its place in the log, told to the pending write. */
COHERENCE_FUNCTION int stage_append(const struct server_state *server, struct pending *entry)
{
	struct stage_scratch *scratch = stage_scratch_get();
	struct cache_control *config = cache_control_get();
	enum cache_counter result;
	struct store_view view = {};
	struct log_place place;
	__u32 zero = 0;

	if (!server || !entry || !config || !scratch)
		return CACHE_STAGE_NO_SPACE;
	view.segment_count = config->segment_count;
	view.head = bpf_map_lookup_elem(&log_head, &zero);
	if (!view.head ||
	    !log_reserve(&view, (sizeof(struct entry) + scratch->reply.text_len + 7) & ~7u, &place))
		return CACHE_STAGE_NO_SPACE;
	result = stage_write(server, entry->deadline, scratch, &place);
	log_release(&place);
	if (result == CACHE_STAGE_OK)
		shared_store(&entry->staged, place.way | cache_tag(entry->key_hash) << WAY_TAG_SHIFT);
	return result;
}

/*
 * A `set` was just pushed as the newest of the ring: stages its value. Its reply cannot leave meanwhile, for the
 * packet is still here. CACHE_STAGE_OK: into the log it may go.
 */
COHERENCE_FUNCTION int stage_read(struct __sk_buff *skb, const struct connection *connection,
				  const struct server_state *server, const struct pending *entry)
{
	struct stage_scratch *scratch = stage_scratch_get();
	struct cache_control *config = cache_control_get();

	if (!connection || !server || !entry || !config || !scratch)
		return CACHE_STAGE_SHAPE;
	if (!entry->stamp || connection->suspect)
		return CACHE_STAGE_BESIDE;
	if (entry->deadline == CACHE_DEADLINE_UNKNOWN)
		return CACHE_STAGE_EXPIRY;
	if (is_cold(entry->key_hash, config))
		return CACHE_STAGE_COLD;
	return stage_load(skb, scratch, server->hash_seed) ? CACHE_STAGE_OK : CACHE_STAGE_SHAPE;
}

/* What stage_read() has to read, and where the command after it begins. Returns 0 if there is nothing to stage. */
static __always_inline int stage_take(struct feed *feed, const struct pending *newest)
{
	struct connection *connection = feed->connection;
	const struct request_command *command = &connection->command;
	struct stage_scratch *scratch;
	__u32 begin = feed->command_at;

	feed->command_at = feed_next_command(feed, &connection->rx);
	if (!begin || command->verb != VERB_SET || command->flags & (REQUEST_BINARY | REQUEST_NOREPLY) ||
	    !(newest->flags & PENDING_KNOWN))
		return 0;
	scratch = stage_scratch_get();
	if (!scratch)
		return 0;
	scratch->set.begin = begin;
	scratch->set.line = feed->offset - begin;
	scratch->set.value = command->length;
	scratch->set.server = connection->server;
	scratch->set.key_hash = command->key_hash;
	return 1;
}

/* A command of the packet is in the ring: if it is a `set` of a key that the store has an entry of, stages its value. */
static __always_inline void stage_command(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct pending *newest = &connection->ring[(shared_load_u32(&connection->tail) - 1) & (CONNECTION_RING - 1)];
	int result;

	if (!stage_take(feed, newest))
		return;
	result = stage_read(feed->skb, connection, feed->server, newest);
	count(result == CACHE_STAGE_OK ? stage_append(feed->server, newest) : result);
}

/* ---- Egress: into its bucket ---------------------------------------------------------------- */

/*
 * Is this the only write about, and the last one that has arrived, of its guard and of all keys? Its own stands in
 * the guard until it is ended.
 */
static __always_inline int write_is_alone(const struct pending *entry, const struct server_state *server,
					  const struct guard *guard)
{
	__u64 word = shared_load(&guard->word);

	return guard_stamp(word, shared_load(&server->global)) == entry->stamp && GUARD_IN_FLIGHT(word) == 1;
}

static __always_inline int stage_is_current(const struct pending *entry, const struct server_state *server,
					    const struct guard *guard)
{
	return !shared_load_u32(&server->hold) && write_is_alone(entry, server, guard);
}

/* Pending first, then the look at the guard, then valid: as a fill does, see store/way_kill.h. */
static __always_inline enum cache_counter stage_settle(const struct pending *entry, const struct server_state *server,
						       const struct guard *guard, __u64 *at)
{
	__u64 way = entry->staged, seen = shared_load(at);

	if (shared_swap_if(at, seen, way | WAY_PENDING) != seen)
		return CACHE_PUBLISH_CONTENDED;
	if (!stage_is_current(entry, server, guard)) {
		shared_swap_if(at, way | WAY_PENDING, 0);
		return CACHE_PUBLISH_MOVED;
	}
	way |= WAY_PENDING;
	return shared_swap_if(at, way, (way ^ WAY_PENDING) | WAY_VALID) == way ? CACHE_PUBLISH_OK : CACHE_PUBLISH_MOVED;
}

/*
 * STORED leaves, and it is this write's. Its way bears the generation under which the entry was written: if the
 * segment was recycled since, it leads nowhere. The write has emptied the ways of the key, so any is good.
 */
COHERENCE_FUNCTION int stage_publish(const struct pending *entry, const struct server_state *server)
{
	struct cache_control *config = cache_control_get();
	struct lookup_world world = {};
	const struct log_state *head;
	struct bucket *bucket;
	struct guard *guard;
	__u32 index = 0;
	__u64 at;
	__u8 passed;

	head = bpf_map_lookup_elem(&log_head, &index);
	if (!entry || !server || !config || !head)
		return CACHE_PUBLISH_MOVED;
	index = cache_bucket_index(entry->key_hash, config->bucket_count);
	bucket = bpf_map_lookup_elem(&buckets, &index);
	guard = guard_get(entry->guard);
	if (!guard || !bucket || !stage_is_current(entry, server, guard))
		return CACHE_PUBLISH_MOVED;
	if (!way_alive(&world, entry->staged))
		return CACHE_PUBLISH_RECYCLED;
	passed = cache_keepalive_start(bpf_ktime_get_ns(), entry->key_hash, config->keepalive_shift,
				       config->keepalive_ticks);
	at = bucket_room(&world, bucket, shared_load_u32(&head->current), config->segment_count);
	asm volatile("" : "+r"(at)); /* a copy is compared: the verifier is to see the bound of all 64 bits */
	if (at >= CACHE_BUCKET_WAYS)
		return CACHE_PUBLISH_CONTENDED;
	bucket->passed[at] = passed;
	return stage_settle(entry, server, guard, &bucket->way[at]);
}

/* The reply to a write with a staged value leaves. */
static __always_inline void stage_answered(const struct pending *entry, const struct server_state *server,
					   const struct reply *reply)
{
	if (!stage_writes || !entry->staged)
		return;
	count(reply->kind == REPLY_STORED ? stage_publish(entry, server) : CACHE_PUBLISH_NOT_STORED);
}

#endif
