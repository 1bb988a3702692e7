/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A get of several keys: answered whole or passed whole. Takes over from request.bpf.h when the bytes after
 * `get ` are not one key. Works on a copy of the payload, which is also what a torn reply is undone with.
 * The functions that are not static are verified one by one, so that their loops do not multiply.
 */
#ifndef BMC_XDP_MULTIGET_BPF_H
#define BMC_XDP_MULTIGET_BPF_H

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/lookup.h"
#include "xdp/cache/answer.bpf.h"
#include "xdp/cache/request.bpf.h"
#include "xdp/cache/sample.bpf.h"
#include "xdp/cache/scratch.bpf.h"
#include "xdp/lib/checksum.bpf.h"

#define STEP_LAST_KEY (STEP_MANY_KEYS + 1)
#define REQUEST_WORDS (CACHE_REQUEST_MAX / 8 + 1)

/* Copies the payload; its last bytes and its checksum are looked at here, the keys in find_part(). */
static __always_inline enum cache_counter load_request(struct xdp_md *ctx, struct scratch *scratch)
{
	__u32 bytes = scratch->many.payload_bytes, i;
	__u64 sum = scratch->many.udp_sum;

	if (!is_size(&bytes, CACHE_REQUEST_MAX) || bytes <= KEY_OFFSET)
		return CACHE_PASS_MALFORMED;
	if (bpf_xdp_load_bytes(ctx, scratch->many.payload_offset, scratch->request, bytes))
		return CACHE_PASS_SHORT;
	*(__u64 *)(scratch->request + bytes) = 0; /* ends the last key, and the last word's sum */
	if (*(__u16 *)(scratch->request + bytes - CRLF_BYTES) != CRLF_HALF)
		return CACHE_PASS_MALFORMED;
	if (!sum)
		return STEP_ON;
	for (i = 0; i < REQUEST_WORDS && i * 8 < bytes; i++)
		sum = checksum_add(sum, load_text_word(scratch->request + i * 8));
	return checksum_fold(sum) == CHECKSUM_VALID ? STEP_ON : CACHE_PASS_CHECKSUM;
}

/* The key at `at` into scratch->many.next: STEP_ON if its length is one that a key can have. */
static __always_inline enum cache_counter read_part_key(struct scratch *scratch, const __u8 *at, __u64 seed)
{
	struct cache_key *key = &scratch->many.next;
	__u64 hash = seed, word, marks = 0;
	__u32 length, i;

	for (i = 0; i < CACHE_KEY_WORDS; i++) {
		word = load_text_word(at + i * 8);
		marks = no_key_bytes(word);
		if (marks)
			break;
		hash = cache_hash_word(hash, word);
		key->word[i] = word;
	}
	if (!marks)
		return CACHE_PASS_MALFORMED; /* 256 bytes and no end */
	marks = ((marks & -marks) >> 7) - 1; /* all bits of the bytes before the lowest mark */
	length = i * 8 + (__u32)((marks & EVERY_BYTE) * EVERY_BYTE >> 56);
	if (length < 1 || length > CACHE_KEY_MAX)
		return CACHE_PASS_MALFORMED;
	if (marks) {
		hash = cache_hash_word(hash, word & marks);
		key->word[i & (CACHE_KEY_WORDS - 1)] = word & marks;
	}
	key->length = length;
	key->server = scratch->many.server;
	key->hash = cache_hash_finish(hash, length);
	return STEP_ON;
}

/*
 * Reads the key at `position` and has its bucket's line fetched, so that it is there when the key's turn comes: one
 * line from memory costs as much as all else that is done for a key.
 */
static __always_inline __u32 read_next_key(struct scratch *scratch, const struct cache_control *config,
					   const struct server_state *server)
{
	__u32 position = masked(scratch->many.position, REQUEST_MASK), end;
	struct lookup_world world = {};
	const struct bucket *bucket;
	enum cache_counter out;

	out = read_part_key(scratch, scratch->request + position, server->hash_seed);
	if (out)
		return out;
	bucket = world_bucket(&world, cache_bucket_index(scratch->many.next.hash, config->bucket_count));
	if (bucket)
		asm volatile("" : : "r"(shared_load(&bucket->way[0])));
	end = position + scratch->many.next.length;
	scratch->many.position = end + 1;
	if (end + CRLF_BYTES == scratch->many.payload_bytes)
		return STEP_LAST_KEY;
	return scratch->request[masked(end, REQUEST_MASK)] == ' ' ? STEP_ON : CACHE_PASS_MALFORMED;
}

/* The key whose turn it is. */
static __always_inline void take_next_key(struct scratch *scratch)
{
	const struct cache_key *next = &scratch->many.next;
	__u32 length = next->length, i;

	for (i = 0; i < CACHE_KEY_WORDS && i * 8 < length; i++)
		scratch->key.word[i] = next->word[i];
	scratch->key.length = length;
	scratch->key.server = next->server;
	scratch->key.hash = next->hash;
}

/* Looks the key of scratch->key up and appends what was found to the parts. */
static __always_inline enum cache_counter add_part(struct scratch *scratch, const struct cache_control *config,
						   const struct server_state *server, __u32 index)
{
	struct lookup_world world = {.coarse_ns = scratch->many.coarse_ns};
	struct part *part = &scratch->many.part[index & (CACHE_MULTIGET_MAX - 1)];
	struct cache_hit hit;
	enum cache_counter out = cache_lookup(&world, config, server, &scratch->key, &hit);

	if (out)
		return out;
	part->way = hit.way;
	part->generation = hit.generation;
	part->text_bytes = hit.text_bytes;
	part->text_sum = hit.text_sum;
	part->bucket = cache_bucket_index(scratch->key.hash, config->bucket_count);
	scratch->many.parts = index + 1;
	scratch->many.keepalive_due |= (__u32)is_keepalive_due(config, world.coarse_ns, hit.passed);
	scratch->many.reply.payload_bytes += hit.text_bytes;
	return scratch->many.reply.payload_bytes > CACHE_REPLY_MAX ? CACHE_PASS_TOO_LARGE : STEP_ON;
}

/* The server that is asked; null: none. */
static __always_inline const struct server_state *many_server(const struct scratch *scratch)
{
	return bpf_map_lookup_elem(&servers, &scratch->many.server);
}

/* Before the first cache_find_part(). */
__noinline int cache_first_part(void)
{
	const struct cache_control *config = cache_control_get();
	struct scratch *scratch = scratch_get();
	const struct server_state *server = scratch ? many_server(scratch) : 0;

	if (!scratch || !config || !server)
		return CACHE_PASS_HELD;
	scratch->many.next_step = read_next_key(scratch, config, server);
	return STEP_ON;
}

/* The next key of the request: STEP_ON if others follow, STEP_LAST_KEY if not, or the reason to pass. */
__noinline int cache_find_part(__u32 index)
{
	const struct cache_control *config = cache_control_get();
	struct scratch *scratch = scratch_get();
	const struct server_state *server = scratch ? many_server(scratch) : 0;
	enum cache_counter out;
	__u32 step;

	if (!scratch || !config)
		return CACHE_PASS_MISS;
	if (!server)
		return CACHE_PASS_HELD;
	step = scratch->many.next_step;
	if (step != STEP_ON && step != STEP_LAST_KEY)
		return (int)step;
	take_next_key(scratch);
	if (step == STEP_ON)
		scratch->many.next_step = read_next_key(scratch, config, server);
	out = add_part(scratch, config, server, index);
	return out ?: (int)step;
}

/*
 * All keys, one after another; stops at the first that is no hit. Samples each here, not where it is found: what
 * calls each other shares 512 bytes of stack.
 */
static __always_inline enum cache_counter find_parts(struct scratch *scratch, const struct cache_control *config)
{
	__u32 i;
	int out;

	scratch->many.position = KEY_OFFSET;
	scratch->many.keepalive_due = 0;
	scratch->many.reply.payload_bytes = CACHE_UDP_HEADER + CACHE_END_BYTES;
	out = cache_first_part();
	if (out)
		return (enum cache_counter)out;
	for (i = 0; i < CACHE_MULTIGET_MAX; i++) {
		out = cache_find_part(i);
		sample_key(config, out == STEP_LAST_KEY ? STEP_ON : (enum cache_counter)out);
		if (out == STEP_LAST_KEY)
			return STEP_ON;
		if (out)
			return (enum cache_counter)out;
	}
	return CACHE_PASS_TOO_LARGE; /* more keys than are answered from here */
}

/*
 * Copies one part to its place in the grown frame and adds it to the reply's sum. 0: it was whole.
 * "END\r\n" goes behind each and is overwritten by the next.
 */
__noinline int cache_copy_part(struct xdp_md *ctx, __u32 index)
{
	struct scratch *scratch = scratch_get();
	struct lookup_world world = {};
	struct cache_hit hit;
	const struct part *part;
	__u32 segment_index, offset, position;
	const __u8 *log;

	if (!scratch)
		return 1;
	part = &scratch->many.part[index & (CACHE_MULTIGET_MAX - 1)];
	segment_index = (__u32)(part->way >> WAY_SEGMENT_SHIFT) & WAY_SEGMENT_MASK;
	offset = (__u32)((part->way & WAY_OFFSET_MASK) << CACHE_ENTRY_ALIGN_SHIFT);
	log = world_log(&world, segment_index);
	hit.segment = world_segment(&world, segment_index);
	if (!log || !hit.segment || offset > CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX)
		return 1;
	hit.text = log + offset + CACHE_TEXT_OFFSET;
	hit.text_bytes = part->text_bytes;
	hit.generation = part->generation;
	position = scratch->many.position;
	if (!copy_text(ctx, masked(scratch->many.payload_offset + position, REPLY_OFFSET_MASK), &hit))
		return 1;
	scratch->many.position = position + hit.text_bytes;
	scratch->many.reply.sum += checksum_at(part->text_sum, position);
	read_barrier(scratch);
	return !hit_is_whole(&hit);
}

/* The payload as it came, from the copy; then the trailer and the length. */
static __always_inline void restore_many(struct xdp_md *ctx, struct scratch *scratch, __u32 grown)
{
	struct many *many = &scratch->many;
	__u32 bytes = many->payload_bytes;

	if (is_size(&bytes, CACHE_REQUEST_MAX))
		bpf_xdp_store_bytes(ctx, many->payload_offset, scratch->request, bytes);
	if (many->trailer_bytes)
		move_trailer(ctx, many->payload_offset + bytes, many->trailer_bytes, 1);
	bpf_xdp_adjust_tail(ctx, -(int)grown);
}

static __always_inline enum cache_counter send_parts(struct xdp_md *ctx, struct scratch *scratch)
{
	struct many *many = &scratch->many;
	__u32 grown = many->reply.payload_bytes - many->payload_bytes - many->trailer_bytes, i;
	__u32 payload_offset = masked(many->payload_offset, OFFSET_MASK);
	enum cache_counter out;

	if (many->trailer_bytes && move_trailer(ctx, payload_offset + many->payload_bytes, many->trailer_bytes, 0))
		return CACHE_PASS_NO_ROOM;
	out = grow_frame(ctx, payload_offset, masked(many->reply.payload_bytes, REPLY_OFFSET_MASK), grown);
	if (out)
		return out;
	many->position = CACHE_UDP_HEADER;
	for (i = 0; i < CACHE_MULTIGET_MAX && i < many->parts; i++) {
		if (cache_copy_part(ctx, i)) {
			restore_many(ctx, scratch, grown);
			return CACHE_PASS_TORN;
		}
	}
	many->reply.sum += checksum_at(end_sum(), many->position);
	if (many->reserved)
		clear_reserved(frame_of(ctx), payload_offset);
	return rewrite_headers(frame_of(ctx), &many->reply) ? STEP_ON : CACHE_PASS_NO_ROOM;
}

/* memcached is about to be shown the key of one part, due or not. */
__noinline int cache_pass_part(__u32 index)
{
	const struct cache_control *config = cache_control_get();
	struct scratch *scratch = scratch_get();
	struct lookup_world world = {};
	const struct part *part;
	struct bucket *bucket;
	__u32 i;

	if (!scratch || !config)
		return 0;
	part = &scratch->many.part[index & (CACHE_MULTIGET_MAX - 1)];
	bucket = world_bucket(&world, part->bucket);
	if (!bucket)
		return 0;
	for (i = 0; i < CACHE_BUCKET_WAYS; i++)
		if (shared_load(&bucket->way[i]) == part->way)
			bucket->passed[i] = cache_keepalive_tick(scratch->many.coarse_ns, config->keepalive_shift);
	return 0;
}

/* Else ten keys would be ten reasons a period to pass a get of ten. */
static __always_inline void pass_parts(const struct scratch *scratch)
{
	__u32 i;

	for (i = 0; i < CACHE_MULTIGET_MAX && i < scratch->many.parts; i++)
		cache_pass_part(i);
}

/* All of it. The facts are in scratch->many. */
__noinline int cache_answer_many(struct xdp_md *ctx)
{
	const struct cache_control *config = cache_control_get();
	struct scratch *scratch = scratch_get();
	enum cache_counter out;

	if (!scratch || !config)
		return CACHE_PASS_MISS;
	out = load_request(ctx, scratch);
	out = out ?: find_parts(scratch, config);
	out = out ?: may_answer(config, scratch->many.keepalive_due != 0, scratch->many.source.addr_be,
				scratch->many.coarse_ns);
	if (out == CACHE_PASS_KEEPALIVE)
		pass_parts(scratch);
	return out ?: send_parts(ctx, scratch);
}

#endif
