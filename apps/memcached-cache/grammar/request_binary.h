/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The binary half of request_parser.h, which includes it: 24 bytes of header, extras, key,
 * value. dispatch_bin_command() of memcached 1.6.18 has the facts.
 */
#ifndef BMC_REQUEST_BINARY_H
#define BMC_REQUEST_BINARY_H

#include "apps/memcached-cache/grammar/request_state.h"

#include "apps/memcached-cache/abi/cache_hash.h"

/* Big-endian 16 and 32 bits inside a word loaded little-endian, from byte `at`. */
GRAMMAR_INLINE __u32 request_be16(__u64 word, __u32 at)
{
	return (__u32)__builtin_bswap16((__u16)(word >> (at * 8)));
}

GRAMMAR_INLINE __u32 request_be32(__u64 word, __u32 at)
{
	return __builtin_bswap32((__u32)(word >> (at * 8)));
}

/* Whether an opcode of this form may have these lengths (of the body: all, extras, key). */
GRAMMAR_INLINE int request_packet_fits(__u32 form, __u32 body, __u32 extras, __u32 key)
{
	__u32 value = body - extras - key;

	if (body > GRAMMAR_BINARY_BODY_MAX || extras + key > body || key > GRAMMAR_KEY_MAX)
		return 0;
	switch (form) {
	case BINARY_FORM_KEY:
		return extras == 0 && key > 0 && value == 0;
	case BINARY_FORM_STORE:
		return extras == 8 && key > 0;
	case BINARY_FORM_EXTEND:
	case BINARY_FORM_SASL:
		return extras == 0 && key > 0;
	case BINARY_FORM_ARITHMETIC:
		return extras == 20 && key > 0 && value == 0;
	case BINARY_FORM_TOUCH:
		return extras == 4 && key > 0 && value == 0;
	case BINARY_FORM_FLUSH:
		return (extras == 0 || extras == 4) && key == 0 && value == 0;
	case BINARY_FORM_STAT:
		return extras == 0 && value == 0;
	default:
		return body == 0;
	}
}

/* Header, extras and key are complete. */
GRAMMAR_FUNCTION int request_packet_end(struct request_parser *p, struct request_command *out)
{
	__u32 opcode, form;
	__u64 hash;

	if (!p || !out)
		return REQUEST_LOST;
	opcode = p->verb;
	hash = p->hash;
	GRAMMAR_OPAQUE(opcode);
	if (opcode > GRAMMAR_OPCODE_OTHER)
		opcode = GRAMMAR_OPCODE_OTHER;
	form = grammar_opcodes[opcode].form;
	if (p->key_bytes & 7)
		hash = cache_hash_word(hash, p->word[1]);
	out->effect = grammar_opcodes[opcode].effect;
	out->shape = grammar_opcodes[opcode].shape;
	out->key_hash = out->effect == EFFECT_WRITE_KEY ? cache_hash_finish(hash, p->key_bytes) : 0;
	out->exptime = 0;
	out->opaque = p->opaque;
	out->length = p->length;
	out->verb = p->verb;
	out->flags = REQUEST_BINARY | REQUEST_LAST;
	if (grammar_opcodes[opcode].quiet)
		out->flags |= out->shape == SHAPE_CLOSE ? REQUEST_NOREPLY : REQUEST_QUIET;
	if (out->effect >= EFFECT_WRITE_KEY && form != BINARY_FORM_TOUCH)
		out->flags |= REQUEST_CHANGES_VALUE;
	if (form == BINARY_FORM_STORE || form == BINARY_FORM_TOUCH ||
	    (form == BINARY_FORM_FLUSH && p->extras)) {
		out->flags |= REQUEST_HAS_TTL;
		out->exptime = request_be32(p->word[0], form == BINARY_FORM_STORE ? 4 : 0);
	}
	p->skip = p->length;
	p->state = out->shape == SHAPE_CLOSE ? REQUEST_STOPPED : REQUEST_BOUNDARY;
	p->line_bytes = 0;
	return REQUEST_COMMAND;
}

/* The 24 bytes of header are in p->word. Returns REQUEST_MORE, REQUEST_LOST or REQUEST_COMMAND. */
GRAMMAR_FUNCTION int request_header_end(struct request_parser *p, struct request_command *out)
{
	__u32 opcode, form, body, extras, key;

	if (!p || !out)
		return REQUEST_LOST;
	opcode = (__u32)(p->word[0] >> 8) & 0xff;
	key = request_be16(p->word[0], 2);
	extras = (__u32)(p->word[0] >> 32) & 0xff;
	body = request_be32(p->word[1], 0);
	p->verb = (__u8)opcode;
	GRAMMAR_OPAQUE(opcode);
	if (opcode > GRAMMAR_OPCODE_OTHER)
		opcode = GRAMMAR_OPCODE_OTHER;
	form = grammar_opcodes[opcode].form;
	if (!request_packet_fits(form, body, extras, key))
		return REQUEST_LOST;
	p->opaque = (__u32)(p->word[1] >> 32);
	p->length = body - extras - key;
	p->extras = (__u8)extras;
	p->key_bytes = (__u16)key;
	p->token_bytes = 0;
	p->hash = p->seed;
	p->word[0] = 0;
	p->word[1] = 0;
	if (extras + key == 0)
		return request_packet_end(p, out);
	p->state = extras ? REQUEST_EXTRAS : REQUEST_BINARY_KEY;
	return REQUEST_MORE;
}

/* One byte of extras or key. Returns true if it is the last one. */
GRAMMAR_INLINE int request_packet_byte(struct request_parser *p, __u8 c)
{
	__u32 at = p->token_bytes;

	p->token_bytes = (__u16)(at + 1);
	if (p->state == REQUEST_EXTRAS) {
		if (at < 8)
			p->word[0] |= (__u64)c << ((at & 7) * 8);
		if (at + 1 < p->extras)
			return 0;
		p->state = REQUEST_BINARY_KEY;
		p->token_bytes = 0;
		return p->key_bytes == 0;
	}
	p->word[1] |= (__u64)c << ((at & 7) * 8);
	if ((at & 7) == 7) {
		p->hash = cache_hash_word(p->hash, p->word[1]);
		p->word[1] = 0;
	}
	return at + 1 == p->key_bytes;
}

/* request_feed() of a binary connection; begin < end. */
GRAMMAR_FUNCTION int request_feed_packets(struct request_parser *p, const struct grammar_chunk *chunk,
					  __u32 begin, __u32 end, struct request_command *out)
{
	__u32 i, at, left;
	__u8 c;
	int event;

	if (!p || !chunk || !out)
		return REQUEST_LOST;
	for (i = begin;; i++) {
		left = end - i; /* compared as in request_feed_lines() */
		GRAMMAR_OPAQUE(left);
		GRAMMAR_OPAQUE(i);
		if (left == 0 || i >= GRAMMAR_CHUNK)
			break;
		c = chunk->bytes[i];
		if (p->state == REQUEST_BOUNDARY) {
			if (c != GRAMMAR_BINARY_REQUEST)
				return request_lose(p);
			p->state = REQUEST_HEADER;
			p->line_bytes = 0;
			p->word[0] = 0;
			p->word[1] = 0;
			p->word[2] = 0;
		}
		at = p->line_bytes;
		p->line_bytes = at + 1;
		event = REQUEST_MORE;
		if (p->state != REQUEST_HEADER)
			event = request_packet_byte(p, c) ? request_packet_end(p, out) : REQUEST_MORE;
		else if (at < 16)
			p->word[(at >> 3) & 1] |= (__u64)c << ((at & 7) * 8);
		else if (at == GRAMMAR_BINARY_HEADER - 1)
			event = request_header_end(p, out);
		if (event != REQUEST_MORE) {
			out->next = i + 1;
			return event == REQUEST_LOST ? request_lose(p) : event;
		}
	}
	return REQUEST_MORE;
}

#endif
