/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step of cache_get: memcached's UDP header, `get `, and the one key, read a word at a time: checked,
 * hashed, summed for the UDP checksum and kept, all in one pass. What is not a get of one key goes on to
 * multiget.bpf.h.
 */
#ifndef BMC_XDP_REQUEST_BPF_H
#define BMC_XDP_REQUEST_BPF_H

#include "apps/memcached-cache/abi/cache_hash.h"
#include "xdp/cache/scratch.bpf.h"

#define FRAME_SINGLE (0x0100u << 16)     /* header without its id and its reserved half: sequence 0, total 1 */
#define EVERY_BYTE 0x0101010101010101ull
#define EVERY_TOP 0x8080808080808080ull

/*
 * Marks, at their top bits, the bytes of a word that may not stand in a key: 0..0x20 (space, controls) and
 * 0x7f. The lowest mark is exact, and so is that there is none; marks above the lowest may be wrong.
 */
static __always_inline __u64 no_key_bytes(__u64 word)
{
	__u64 del = word ^ EVERY_BYTE * 0x7f;

	return (((word - EVERY_BYTE * 0x21) & ~word) | ((del - EVERY_BYTE) & ~del)) & EVERY_TOP;
}

/* A checksum that does not match is the stack's to judge: it may be one the NIC was to fill in. */
static __always_inline int is_checksum_good(const struct packet *packet, __u64 sum)
{
	return !packet->udp_checksum || checksum_fold(sum) == CHECKSUM_VALID;
}

/*
 * Sequence, total and command. The frame word is kept for the reply, which carries the same but for the
 * reserved half: memcached ignores what stands there (memcaslap's 0x0100, say) and sends 0.
 */
static __always_inline enum cache_counter read_frame(struct cursor frame, struct request *request)
{
	__u32 bytes = request->packet.payload_bytes;
	const __u8 *payload;

	if (bytes <= CACHE_UDP_HEADER || !(payload = payload_of(frame, &request->packet, CACHE_UDP_HEADER)))
		return CACHE_PASS_SHORT;
	request->frame_word = load_text_word(payload);
	if ((__u32)(request->frame_word >> 16) != FRAME_SINGLE)
		return CACHE_PASS_FRAME;
	if (bytes < KEY_OFFSET || !(payload = payload_of(frame, &request->packet, KEY_OFFSET)) ||
	    load_u32(payload + CACHE_UDP_HEADER) != GET_WORD)
		return CACHE_PASS_NOT_GET;
	if (bytes < KEY_OFFSET + 1 + CRLF_BYTES || bytes > CACHE_REQUEST_MAX)
		return CACHE_PASS_MALFORMED;
	return request->packet.trailer_bytes > TRAILER_MAX ? CACHE_PASS_SHORT : STEP_ON;
}

/*
 * The whole words of the key into `key`, its last, padded one too. Adds them to `sum`.
 * STEP_MANY_KEYS if there is a byte that is not of a key.
 */
static __always_inline enum cache_counter read_words(const __u8 *at, const __u8 *key_end, const __u8 *end,
						     struct cache_key *key, __u64 *sum)
{
	__u32 words = key->length / 8, rest = key->length % 8, i;
	__u64 hash = key->hash, word;

	for (i = 0; i < CACHE_KEY_WORDS - 1; i++) {
		if (i >= words)
			break;
		if (at + 8 > end)
			return CACHE_PASS_SHORT;
		word = load_text_word(at);
		at += 8;
		if (no_key_bytes(word))
			return STEP_MANY_KEYS;
		hash = cache_hash_word(hash, word);
		*sum = checksum_add(*sum, word);
		key->word[i] = word;
	}
	if (rest) {
		/* Ends with the key, begins before it: always within the packet, unlike a word that begins there. */
		word = load_text_word(key_end - 8) >> (64 - 8 * rest);
		if (no_key_bytes(word | ~first_bytes_mask(rest)))
			return STEP_MANY_KEYS;
		hash = cache_hash_word(hash, word);
		*sum = checksum_add(*sum, word);
		key->word[words & (CACHE_KEY_WORDS - 1)] = word;
	}
	key->hash = cache_hash_finish(hash, key->length);
	return STEP_ON;
}

/* What a get of several keys needs to know of the packet. */
static __always_inline enum cache_counter hand_on(const struct request *request)
{
	const struct packet *packet = &request->packet;
	struct many *many = &request->scratch->many;
	__u32 i;

	many->reply.network_offset = packet->network_offset;
	many->reply.ipv4_id_be = (__u16)request->frame_word;
	many->reply.sum = packet->fixed_sum + checksum_add(0, request->frame_word & FRAME_WORD_REPLY);
	many->reserved = request->frame_word & ~FRAME_WORD_REPLY;
	many->coarse_ns = request->world.coarse_ns;
	many->udp_sum = packet->udp_checksum ? udp_header_sum(packet) : 0;
	many->payload_offset = packet->payload_offset;
	many->payload_bytes = packet->payload_bytes;
	many->trailer_bytes = packet->trailer_bytes;
	many->server = request->server_index;
	for (i = 0; i < 4; i++)
		many->source.addr_be[i] = packet->remote_be[i];
	return STEP_MANY_KEYS;
}

/* The payload up to its end. On STEP_ON the key is whole, its packet's checksum was right. */
static __always_inline enum cache_counter read_single(struct cursor frame, const struct request *request)
{
	const struct packet *packet = &request->packet;
	__u32 key_bytes = packet->payload_bytes - KEY_OFFSET - CRLF_BYTES;
	struct cache_key *key = &request->scratch->key;
	const __u8 *payload = payload_of(frame, packet, KEY_OFFSET), *key_end;
	enum cache_counter out;
	__u64 sum;

	if (key_bytes > CACHE_KEY_MAX || key_bytes < 1)
		return STEP_MANY_KEYS;
	if (!payload)
		return CACHE_PASS_SHORT;
	key_end = payload + KEY_OFFSET + key_bytes;
	if (key_end + CRLF_BYTES > frame.end)
		return CACHE_PASS_SHORT;
	if (*(const __u16 *)key_end != CRLF_HALF)
		return CACHE_PASS_MALFORMED;
	key->length = key_bytes;
	key->server = request->server_index;
	key->hash = request->server->hash_seed;
	sum = udp_header_sum(packet) + checksum_add(GET_WORD, request->frame_word) + checksum_at(CRLF_HALF, key_bytes);
	out = read_words(payload + KEY_OFFSET, key_end, frame.end, key, &sum);
	if (out)
		return out;
	return is_checksum_good(packet, sum) ? STEP_ON : CACHE_PASS_CHECKSUM;
}

static __always_inline enum cache_counter read_request(const struct xdp_md *ctx, struct request *request)
{
	struct cursor frame = frame_of(ctx);
	enum cache_counter out = read_frame(frame, request);

	if (out)
		return out;
	request->scratch = scratch_get();
	if (!request->scratch)
		return CACHE_PASS_SHORT;
	out = read_single(frame, request);
	return out == STEP_MANY_KEYS ? hand_on(request) : out;
}

#endif
