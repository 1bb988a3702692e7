/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The ASCII half of request_parser.h, which includes it: lines, their tokens, and the \r\n
 * after a value. Section names below are functions of memcached 1.6.18.
 */
#ifndef BMC_REQUEST_LINE_H
#define BMC_REQUEST_LINE_H

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
GRAMMAR_FUNCTION int request_find_verb(__u64 low, __u64 high)
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

/* The first byte of a token. Returns 0. */
GRAMMAR_FUNCTION int request_token_begin(struct request_parser *p)
{
	__u32 form;
	__u32 role = ROLE_OTHER;

	if (!p)
		return 0;
	form = p->form;
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
	return 0;
}

GRAMMAR_INLINE void request_number_byte(struct request_parser *p, __u8 c)
{
	__u8 digit = (__u8)(c - '0');

	if (digit <= 9)
		p->word[2] = p->word[2] * 10 + digit;
	else if (c == '-' && p->token_bytes == 0)
		p->marks |= REQUEST_MARK_NEGATIVE;
	else
		p->marks |= REQUEST_MARK_ODD;
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

/* A byte of a line that is neither a separator nor its end. */
GRAMMAR_INLINE void request_text_byte(struct request_parser *p, __u8 c)
{
	__u32 at;

	if (p->state <= REQUEST_GAP)
		request_token_begin(p);
	at = p->token_bytes;
	switch (p->state) {
	case REQUEST_TOKEN_KEY:
		p->word[0] |= (__u64)c << ((at & 7) * 8);
		if ((at & 7) == 7) {
			p->hash = cache_hash_word(p->hash, p->word[0]);
			p->word[0] = 0;
		}
		break;
	case REQUEST_TOKEN_FLAG:
		request_flag_byte(p, c);
		return;
	case REQUEST_KEYS_READ:
		if (at >= GRAMMAR_KEY_MAX) {
			p->marks |= REQUEST_MARK_BAD;
			return;
		}
		break;
	case REQUEST_TOKEN_NUMBER:
		request_number_byte(p, c);
		__attribute__((fallthrough));
	default:
		if (at < 8)
			p->word[0] |= (__u64)c << ((at & 7) * 8);
		else if (at < 16)
			p->word[1] |= (__u64)c << ((at & 7) * 8);
	}
	p->token_bytes = (__u16)(at + 1);
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

/* set_noreply_maybe(): the line's last token, if the verb looks there. */
GRAMMAR_INLINE int request_last_is_noreply(const struct request_parser *p, __u32 first)
{
	return p->tokens > first && p->token_bytes == 7 && p->word[0] == GRAMMAR_WORD("noreply", 0) &&
	       p->role != ROLE_KEY;
}

/* Effect, flags and TTL of a meta command. Returns false if its reply's extent is not sure. */
GRAMMAR_INLINE int request_meta_end(const struct request_parser *p, struct request_command *out)
{
	int base64 = (p->letters & GRAMMAR_LETTER('b')) != 0;

	if (p->verb == VERB_MG && (p->letters & ~GRAMMAR_MG_READ))
		out->effect = EFFECT_WRITE_KEY;
	if (out->effect == EFFECT_READ) {
		/* The key is echoed as it is stored, and one stored through the binary protocol may hold \n. */
		if (base64 && (p->verb == VERB_ME || (p->letters & GRAMMAR_LETTER('k'))))
			return 0;
	} else {
		if (base64 && p->verb == VERB_MG && (p->letters & GRAMMAR_LETTER('k')))
			return 0;
		if (base64)
			out->effect = EFFECT_WRITE_GLOBAL; /* the hash is that of the encoded key */
	}
	if (p->verb != VERB_ME && (p->letters & GRAMMAR_LETTER('q')))
		out->flags |= REQUEST_QUIET;
	if (p->verb == VERB_MS && !(p->letters & ~GRAMMAR_MS_TTL) && !(p->marks & REQUEST_MARK_TTL_ODD)) {
		out->flags |= REQUEST_HAS_TTL;
		out->exptime = p->marks & REQUEST_MARK_TTL ? p->exptime : 0;
	}
	return 1;
}

/* TTL of the classic commands. */
GRAMMAR_INLINE void request_ttl_end(const struct request_parser *p, struct request_command *out)
{
	int has = (p->form == FORM_STORE || p->form == FORM_CAS || (p->marks & REQUEST_MARK_TTL));

	if (has) {
		out->flags |= REQUEST_HAS_TTL;
		out->exptime = p->exptime;
	} else if (p->marks & REQUEST_MARK_TTL_ODD) {
		/* `flush_all noreply` has no delay at all. */
		if (!(p->form == FORM_FLUSH && p->tokens == 2 && (out->flags & REQUEST_NOREPLY)))
			out->flags |= REQUEST_TTL_ODD;
	}
}

/* Of a known verb, all tokens ended. Returns false if the extent or the reply is not sure. */
GRAMMAR_INLINE int request_command_end(struct request_parser *p, struct request_command *out)
{
	__u32 verb = p->verb;
	__u32 form = p->form;
	__u32 noreply;

	if (verb >= VERB_COUNT)
		return 0;
	noreply = grammar_verbs[verb].noreply;
	if (p->tokens < grammar_verbs[verb].tokens_min || p->tokens > grammar_verbs[verb].tokens_max)
		return 0;
	if (noreply != NOREPLY_IGNORED && request_last_is_noreply(p, 1)) {
		if (noreply == NOREPLY_JUDGED)
			return 0;
		out->flags |= REQUEST_NOREPLY;
	}
	if (form == FORM_META || form == FORM_META_SET) {
		if (!request_meta_end(p, out))
			return 0;
	} else {
		request_ttl_end(p, out);
	}
	if (form == FORM_GAT && !(p->marks & REQUEST_MARK_HELD))
		out->effect = EFFECT_NONE;
	if (out->effect == EFFECT_WRITE_KEY || out->effect == EFFECT_WRITE_KEYS)
		out->key_hash = p->key_hash;
	if (out->effect >= EFFECT_WRITE_KEY && form != FORM_GAT && form != FORM_TOUCH)
		out->flags |= REQUEST_CHANGES_VALUE;
	if (form == FORM_STORE || form == FORM_EXTEND || form == FORM_CAS || form == FORM_META_SET) {
		out->length = p->length;
		p->skip = p->length;
		p->state = REQUEST_DATA_CR;
	}
	if (out->shape == SHAPE_CLOSE || out->shape == SHAPE_STREAM)
		p->state = REQUEST_STOPPED;
	return 1;
}

/* try_read_command_ascii(): without a newline so far, only a get may be longer. */
GRAMMAR_INLINE int request_line_too_long(const struct request_parser *p)
{
	if (p->line_bytes <= GRAMMAR_LINE_MAX)
		return 0;
	return !(p->state == REQUEST_KEYS_READ && p->verb != VERB_BGET && p->leading <= GRAMMAR_LEADING_MAX);
}

/* The newline. Returns REQUEST_COMMAND, REQUEST_LOST, or REQUEST_KEY: then the newline is to be fed again. */
GRAMMAR_FUNCTION int request_line_end(struct request_parser *p, struct request_command *out)
{
	__u32 verb;

	if (!p || !out || request_line_too_long(p))
		return REQUEST_LOST;
	if (p->state > REQUEST_GAP && request_token_end(p, out) == REQUEST_KEY)
		return REQUEST_KEY;
	if (p->marks & REQUEST_MARK_BAD)
		return REQUEST_LOST;
	verb = p->verb;
	if (p->tokens == 0)
		verb = VERB_BLANK;
	request_describe(out, verb);
	p->state = REQUEST_BOUNDARY;
	if (verb == VERB_UNKNOWN)
		out->flags = REQUEST_CHANGES_VALUE;
	else if (verb < VERB_COUNT && !request_command_end(p, out))
		return REQUEST_LOST;
	out->flags |= REQUEST_LAST;
	p->line_bytes = 0;
	p->letters = 0;
	p->tokens = 0;
	p->leading = 0;
	p->token_bytes = 0;
	p->form = FORM_PLAIN;
	p->marks = 0;
	return REQUEST_COMMAND;
}

/* A \r that no newline follows is part of a token: legal, but nobody means it. */
GRAMMAR_INLINE void request_stray_return(struct request_parser *p)
{
	if (p->state == REQUEST_KEYS_READ)
		request_text_byte(p, '\r');
	else
		p->marks |= REQUEST_MARK_BAD;
}

/* complete_nread_ascii() answers a value without its \r\n with an error; here the position is lost. */
GRAMMAR_INLINE int request_value_end(struct request_parser *p, __u8 c)
{
	if (p->state == REQUEST_DATA_CR && c == '\r') {
		p->state = REQUEST_DATA_LF;
		return 1;
	}
	if (p->state == REQUEST_DATA_LF && c == '\n') {
		p->state = REQUEST_BOUNDARY;
		return 1;
	}
	return 0;
}

/* Space, \r or another control character but the newline. Returns REQUEST_KEY or REQUEST_MORE. */
GRAMMAR_FUNCTION int request_separator(struct request_parser *p, __u32 c, struct request_command *out)
{
	if (!p || !out)
		return REQUEST_MORE;
	if (c == ' ') {
		if (p->state == REQUEST_KEYS_READ) {
			p->token_bytes = 0;
			return REQUEST_MORE;
		}
		if (p->state > REQUEST_GAP)
			return request_token_end(p, out);
		if (p->tokens == 0)
			p->leading++;
		p->state = REQUEST_GAP;
		return REQUEST_MORE;
	}
	if (c == 0 && p->state != REQUEST_KEYS_READ)
		p->marks |= REQUEST_MARK_BAD; /* memcached takes the line up to here */
	request_text_byte(p, (__u8)c);
	return REQUEST_MORE;
}

/* What a former chunk left open: the \r\n of a value, a \r. Returns false if the position is lost. */
GRAMMAR_INLINE int request_line_resume(struct request_parser *p, const struct grammar_chunk *chunk, __u32 *begin,
				       __u32 end)
{
	__u32 i = *begin;

	if (p->state >= REQUEST_DATA_CR) {
		if (!request_value_end(p, chunk->bytes[i & (GRAMMAR_CHUNK - 1)]))
			return 0;
		i++;
		if (p->state >= REQUEST_DATA_CR && i < end) {
			if (!request_value_end(p, chunk->bytes[i & (GRAMMAR_CHUNK - 1)]))
				return 0;
			i++;
		}
		*begin = i;
	} else if (p->marks & REQUEST_MARK_CR) {
		p->marks = (__u8)(p->marks & ~REQUEST_MARK_CR);
		if (chunk->bytes[i & (GRAMMAR_CHUNK - 1)] != '\n')
			request_stray_return(p);
	}
	return 1;
}

/* A \r, `left` bytes before the end of what was given, itself included. */
GRAMMAR_INLINE void request_return(struct request_parser *p, const struct grammar_chunk *chunk, __u32 at, __u32 left)
{
	if (left == 1)
		p->marks |= REQUEST_MARK_CR;
	else if (chunk->bytes[(at + 1) & (GRAMMAR_CHUNK - 1)] != '\n')
		request_stray_return(p);
	if (p->state == REQUEST_BOUNDARY)
		p->state = REQUEST_GAP;
}

/* `get ` at a boundary is so common that it is not read byte by byte. Returns the bytes consumed. */
GRAMMAR_INLINE __u32 request_get_begin(struct request_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				       __u32 left)
{
	if (p->state != REQUEST_BOUNDARY || left < 4)
		return 0;
	if ((__u32)grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1)) != (__u32)GRAMMAR_WORD("get ", 0))
		return 0;
	p->tokens = 1;
	p->token_bytes = 0;
	p->verb = VERB_GET;
	p->form = FORM_GET;
	p->state = REQUEST_KEYS_READ;
	p->line_bytes = 4;
	return 4;
}

/* Eight bytes of a key at once. Returns false if they are to be taken one by one. */
GRAMMAR_INLINE int request_key_word(struct request_parser *p, const struct grammar_chunk *chunk, __u32 at)
{
	__u32 state = p->state;
	__u64 word;

	if (state != REQUEST_KEYS_READ && (state != REQUEST_TOKEN_KEY || (p->token_bytes & 7)))
		return 0;
	word = grammar_load(chunk, at);
	if (grammar_has_separator(word))
		return 0;
	if (state == REQUEST_TOKEN_KEY)
		p->hash = cache_hash_word(p->hash, word);
	else if (p->token_bytes > GRAMMAR_KEY_MAX - 8)
		p->marks |= REQUEST_MARK_BAD;
	p->token_bytes = (__u16)(p->token_bytes + 8);
	return 1;
}

/* Separator, \r or newline at `at`. Returns an event, out->next set, or REQUEST_MORE. */
GRAMMAR_INLINE int request_control_byte(struct request_parser *p, const struct grammar_chunk *chunk, __u32 at,
					__u32 left, struct request_command *out)
{
	__u8 c = chunk->bytes[at & (GRAMMAR_CHUNK - 1)];
	int event;

	if (c == '\r') {
		request_return(p, chunk, at, left);
		return REQUEST_MORE;
	}
	if (c == '\n') {
		p->line_bytes += at;
		event = request_line_end(p, out);
		out->next = event == REQUEST_KEY ? at : at + 1;
		return event;
	}
	event = request_separator(p, c, out);
	if (event == REQUEST_KEY) {
		p->line_bytes += at + 1;
		out->next = at + 1;
	}
	return event;
}

/* request_feed() of an ASCII connection; begin < end. */
GRAMMAR_FUNCTION int request_feed_lines(struct request_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				      __u32 end, struct request_command *out)
{
	int event;
	__u32 i, at, left;

	if (!p || !chunk || !out)
		return REQUEST_LOST;
	if (!request_line_resume(p, chunk, &begin, end))
		return request_lose(p);
	begin += request_get_begin(p, chunk, begin, end - begin);
	p->line_bytes -= begin; /* so that adding an index gives the bytes before it */
	for (i = begin;; i++) {
		/* Copies are compared and used, so that the verifier need not tell states by what they showed. */
		left = end - i;
		at = i & (GRAMMAR_CHUNK - 1);
		GRAMMAR_OPAQUE(left);
		GRAMMAR_OPAQUE(at);
		GRAMMAR_OPAQUE(i);
		if (left == 0 || i >= GRAMMAR_CHUNK)
			break;
		if (left >= 8 && request_key_word(p, chunk, at)) {
			i += 7;
			continue;
		}
		if (chunk->bytes[at] > ' ') {
			request_text_byte(p, chunk->bytes[at]);
			continue;
		}
		event = request_control_byte(p, chunk, at, left, out);
		if (event == REQUEST_LOST)
			return request_lose(p);
		if (event != REQUEST_MORE)
			return event;
	}
	p->line_bytes += i;
	return request_line_too_long(p) ? request_lose(p) : REQUEST_MORE;
}

#endif
