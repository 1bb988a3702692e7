/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Tokens of an ASCII request, up to eight bytes at a time: verbs, keys, numbers, meta flags.
 * Included by request_line.h. Functions named in comments are memcached 1.6.18's.
 */
#ifndef BMC_REQUEST_TOKEN_H
#define BMC_REQUEST_TOKEN_H

#include "apps/memcached-cache/grammar/request_state.h"

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/grammar/grammar_word.h"

/* One bit for each meta flag letter 'A'..'z'; bit 63 for any other byte. */
#define GRAMMAR_LETTER(c) (1ull << ((__u8)((c) - 'A') <= 'z' - 'A' ? (__u8)((c) - 'A') : 63))
/* mg flags that change nothing but the LRU and the win token of a stale item. */
#define GRAMMAR_MG_READ \
	(GRAMMAR_LETTER('b') | GRAMMAR_LETTER('k') | GRAMMAR_LETTER('s') | GRAMMAR_LETTER('t') | \
	 GRAMMAR_LETTER('c') | GRAMMAR_LETTER('f') | GRAMMAR_LETTER('v') | GRAMMAR_LETTER('l') | \
	 GRAMMAR_LETTER('h') | GRAMMAR_LETTER('u') | GRAMMAR_LETTER('q') | GRAMMAR_LETTER('O') | \
	 GRAMMAR_LETTER('P') | GRAMMAR_LETTER('L'))
/* ms flags that leave no doubt that a stored item has the exptime of T (0 without it). */
#define GRAMMAR_MS_TTL \
	(GRAMMAR_LETTER('T') | GRAMMAR_LETTER('F') | GRAMMAR_LETTER('C') | GRAMMAR_LETTER('q') | \
	 GRAMMAR_LETTER('k') | GRAMMAR_LETTER('O') | GRAMMAR_LETTER('c') | GRAMMAR_LETTER('b') | \
	 GRAMMAR_LETTER('s'))

/* The verb in a token's first 16 bytes. */
GRAMMAR_INLINE int request_find_verb(__u64 low, __u64 high)
{
#define GRAMMAR_VERB_MATCH(id, text, ...) \
	GRAMMAR_ASSERT(sizeof(text) <= 17, "a verb has at most 16 bytes"); \
	if (low == GRAMMAR_WORD(text, 0) && high == GRAMMAR_WORD(text, 8)) \
		return VERB_##id;
	GRAMMAR_VERBS(GRAMMAR_VERB_MATCH)
#undef GRAMMAR_VERB_MATCH
	return VERB_UNKNOWN;
}

/* process_command_ascii(): exact, case counts. */
GRAMMAR_INLINE void request_verb_end(struct request_parser *p)
{
	__u32 verb = VERB_UNKNOWN;

	if (p->token_bytes <= 16)
		verb = (__u32)request_find_verb(p->word[0], p->word[1]);
	p->verb = (__u8)verb;
	p->form = FORM_PLAIN;
	if (verb < VERB_COUNT)
		p->form = grammar_verbs[verb].form;
}

/* safe_strtoul() and its like take more forms than plain digits; those are not ours to judge. */
GRAMMAR_INLINE void request_number_end(struct request_parser *p, __u32 role)
{
	__u32 negative = p->marks & REQUEST_MARK_NEGATIVE;
	__u32 digits = p->token_bytes - negative;
	__u64 number = p->word[2];
	int plain = !(p->marks & REQUEST_MARK_ODD) && digits >= 1;
	int good;

	if (role == ROLE_UNIQUE)
		good = plain && !negative && digits <= 19;
	else if (role == ROLE_NUMBER)
		good = plain && !negative && digits <= 10 && number <= 0xffffffffull;
	else if (role == ROLE_LENGTH)
		good = plain && !negative && digits <= 10 && number <= GRAMMAR_VALUE_MAX;
	else
		good = plain && digits <= 10 && number <= 0x7fffffffull;
	if (role == ROLE_LENGTH)
		p->length = (__u32)number;
	if (role == ROLE_EXPTIME || role == ROLE_TTL)
		p->exptime = negative ? -(__s64)number : (__s64)number;
	if (role == ROLE_TTL)
		p->marks = (__u8)(p->marks | (good ? REQUEST_MARK_TTL : REQUEST_MARK_TTL_ODD));
	else if (!good)
		p->marks |= REQUEST_MARK_BAD;
}

/* The first byte of a token. */
GRAMMAR_INLINE void request_token_begin(struct request_parser *p)
{
	__u32 form = p->form;
	__u32 role = ROLE_OTHER;

	p->word[0] = 0;
	p->word[1] = 0;
	p->word[2] = 0;
	p->token_bytes = 0;
	p->marks = (__u8)(p->marks & ~REQUEST_MARK_TOKEN);
	if (p->tokens == 0) {
		p->state = REQUEST_VERB;
	} else {
		if (form < FORM_COUNT)
			role = GRAMMAR_ROLE_AT(grammar_form_roles[form], (__u32)p->tokens);
		if (role == ROLE_KEY)
			p->hash = p->seed;
		p->state = role == ROLE_OTHER  ? REQUEST_TOKEN_OTHER
			   : role == ROLE_KEY  ? REQUEST_TOKEN_KEY
			   : role == ROLE_FLAG ? REQUEST_TOKEN_FLAG
					       : REQUEST_TOKEN_NUMBER;
	}
	p->role = (__u8)role;
	p->tokens++;
}

/* 1..8 more bytes of a number whose first `at` are known. */
GRAMMAR_INLINE void request_number_text(struct request_parser *p, __u64 text, __u32 at, __u32 bytes)
{
	__u64 scale = bytes & 8 ? 100000000 : 1;
	__u64 digits;

	if (at == 0 && (text & 0xff) == '-') {
		p->marks |= REQUEST_MARK_NEGATIVE;
		text >>= 8;
		bytes--;
		scale = 1;
		if (!bytes)
			return;
	}
	digits = grammar_number(text, bytes);
	if (digits == GRAMMAR_NO_NUMBER) {
		p->marks |= REQUEST_MARK_ODD;
		return;
	}
	scale *= bytes & 1 ? 10 : 1;
	scale *= bytes & 2 ? 100 : 1;
	scale *= bytes & 4 ? 10000 : 1;
	p->word[2] = p->word[2] * scale + digits;
}

/* 1..8 more bytes of a key of which `at` are known. */
GRAMMAR_INLINE void request_key_text(struct request_parser *p, __u64 text, __u32 at, __u32 bytes)
{
	__u32 shift = (at & 7) * 8;
	__u64 word = p->word[0] | text << shift;

	if ((at & 7) + bytes >= 8) {
		p->hash = cache_hash_word(p->hash, word);
		word = shift ? text >> (64 - shift) : 0;
	}
	p->word[0] = word;
}

/* _meta_flag_preparse(): a token's first byte is the flag, what follows its argument. */
GRAMMAR_INLINE void request_flag_byte(struct request_parser *p, __u8 c)
{
	p->letters |= GRAMMAR_LETTER(c);
	p->state = REQUEST_TOKEN_OTHER;
	if (c == 'T') {
		p->state = REQUEST_TOKEN_NUMBER;
		p->role = ROLE_TTL;
	}
}

/* The first `bytes` (1..8) of `text` stand on a line and neither separate nor end anything. Returns 0. */
GRAMMAR_INLINE int request_text(struct request_parser *p, __u64 text, __u32 bytes)
{
	__u32 at;

	if (!p || bytes - 1 > 7)
		return 0;
	text &= grammar_low_bytes(bytes);
	if (p->state <= REQUEST_GAP)
		request_token_begin(p);
	if (p->state == REQUEST_TOKEN_FLAG) {
		request_flag_byte(p, (__u8)text);
		text >>= 8;
		bytes--;
		if (!bytes)
			return 0;
	}
	at = p->token_bytes;
	p->token_bytes = (__u16)(at + bytes);
	if (p->state == REQUEST_TOKEN_KEY) {
		request_key_text(p, text, at, bytes);
		return 0;
	}
	if (p->state == REQUEST_KEYS_READ) {
		if (at + bytes > GRAMMAR_KEY_MAX)
			p->marks |= REQUEST_MARK_BAD;
		return 0;
	}
	if (p->state == REQUEST_TOKEN_NUMBER)
		request_number_text(p, text, at, bytes);
	if (at < 8) {
		p->word[0] |= text << (at * 8);
		if (at)
			p->word[1] |= text >> (64 - at * 8);
	} else if (at < 16) {
		p->word[1] |= text << ((at - 8) * 8);
	}
	return 0;
}

/* *out for `verb`, with no key, TTL or flag yet. Leaves out->next alone. */
GRAMMAR_INLINE void request_describe(struct request_command *out, __u32 verb)
{
	out->key_hash = 0;
	out->exptime = 0;
	out->opaque = 0;
	out->length = 0;
	out->effect = verb == VERB_BLANK ? EFFECT_NONE : EFFECT_WRITE_GLOBAL;
	out->shape = SHAPE_LINE;
	out->flags = 0;
	out->verb = (__u8)verb;
	if (verb < VERB_COUNT) {
		out->effect = grammar_verbs[verb].effect;
		out->shape = grammar_verbs[verb].shape;
	}
}

/* A space or the line's end after a token. Returns REQUEST_KEY if *out now is a gat's key but its last. */
GRAMMAR_INLINE int request_token_end(struct request_parser *p, struct request_command *out)
{
	__u32 state = p->state;
	__u64 hash = p->hash;
	__u64 held = p->key_hash;

	p->state = REQUEST_GAP;
	if (state == REQUEST_VERB) {
		request_verb_end(p);
		if (p->form == FORM_GET) {
			p->state = REQUEST_KEYS_READ;
			p->token_bytes = 0;
		}
	} else if (state == REQUEST_TOKEN_NUMBER) {
		request_number_end(p, p->role);
	} else if (state == REQUEST_TOKEN_KEY) {
		if (p->token_bytes > GRAMMAR_KEY_MAX)
			p->marks |= REQUEST_MARK_BAD;
		if (p->token_bytes & 7)
			hash = cache_hash_word(hash, p->word[0]);
		p->key_hash = cache_hash_finish(hash, p->token_bytes);
		if (p->form != FORM_GAT)
			return REQUEST_MORE;
		if (p->marks & REQUEST_MARK_HELD) {
			request_describe(out, p->verb);
			out->key_hash = held;
			if (p->marks & REQUEST_MARK_TTL) {
				out->exptime = p->exptime;
				out->flags = REQUEST_HAS_TTL;
			}
			return REQUEST_KEY;
		}
		p->marks |= REQUEST_MARK_HELD;
	}
	return REQUEST_MORE;
}

#endif
