/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The ASCII half of request_parser.h, which includes it: lines, and the \r\n after a value.
 * Functions named in comments are memcached 1.6.18's.
 */
#ifndef BMC_REQUEST_LINE_H
#define BMC_REQUEST_LINE_H

#include "apps/memcached-cache/grammar/request_token.h"

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
		/* The stored key is echoed, and one that came through the binary protocol may hold \n. */
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

/*
 * A \r that no newline follows is part of a token: legal, but nobody means it. In front of or within the verb it
 * makes another one of it, so that the line may not be as long as that of a get.
 */
GRAMMAR_INLINE void request_stray_return(struct request_parser *p)
{
	if (p->state == REQUEST_KEYS_READ) {
		request_text(p, '\r', 1);
		return;
	}
	p->marks |= REQUEST_MARK_BAD;
	p->leading = GRAMMAR_LEADING_MAX + 1;
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
		if (p->state > REQUEST_GAP)
			return request_token_end(p, out);
		if (p->tokens == 0)
			p->leading++;
		p->state = REQUEST_GAP;
		return REQUEST_MORE;
	}
	if (c == 0 && p->state != REQUEST_KEYS_READ)
		p->marks |= REQUEST_MARK_BAD; /* memcached takes the line up to here */
	request_text(p, c, 1);
	return REQUEST_MORE;
}

/* What a former chunk left open: the \r\n of a value, a \r. Returns false if the position is lost. */
GRAMMAR_INLINE int request_line_resume(struct request_parser *p, const struct grammar_chunk *chunk,
				       __u32 *begin, __u32 end)
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
GRAMMAR_INLINE void request_return(struct request_parser *p, const struct grammar_chunk *chunk, __u32 at,
				   __u32 left)
{
	if (left == 1)
		p->marks |= REQUEST_MARK_CR;
	else if (chunk->bytes[(at + 1) & (GRAMMAR_CHUNK - 1)] != '\n')
		request_stray_return(p);
	if (p->state == REQUEST_BOUNDARY)
		p->state = REQUEST_GAP;
}

/* `get ` and `set ` are so common that they are known at a glance. Returns the bytes consumed. */
GRAMMAR_INLINE __u32 request_verb_begin(struct request_parser *p, const struct grammar_chunk *chunk,
					__u32 begin, __u32 left)
{
	__u32 word;

	if (p->state != REQUEST_BOUNDARY || left < 4)
		return 0;
	word = (__u32)grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1));
	if (word == (__u32)GRAMMAR_WORD("get ", 0)) {
		p->verb = VERB_GET;
		p->form = FORM_GET;
		p->state = REQUEST_KEYS_READ;
	} else if (word == (__u32)GRAMMAR_WORD("set ", 0)) {
		p->verb = VERB_SET;
		p->form = FORM_STORE;
		p->state = REQUEST_GAP;
	} else {
		return 0;
	}
	p->tokens = 1;
	p->token_bytes = 0;
	p->line_bytes = 4;
	return 4;
}

/*
 * "get <key>\r\n", the whole line in the chunk: the commonest command is known word by word, and the automaton not
 * moved. Returns false, with nothing changed, if it is any other line or not all there.
 */
GRAMMAR_INLINE int request_whole_get(const struct request_parser *p, const struct grammar_chunk *chunk,
				     __u32 begin, __u32 end, struct request_command *out)
{
	__u32 word = (__u32)grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1)), at;

	if (p->state != REQUEST_BOUNDARY || word != (__u32)GRAMMAR_WORD("get ", 0))
		return 0;
	at = grammar_text_end(chunk, begin + 4, end);
	if (at == begin + 4 || at + 2 > end)
		return 0;
	word = (__u32)grammar_load(chunk, at & (GRAMMAR_CHUNK - 1));
	if ((word & 0xffff) != GRAMMAR_WORD("\r\n", 0))
		return 0;
	request_describe(out, VERB_GET);
	out->flags = REQUEST_LAST;
	out->next = at + 2;
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
	if (c == ' ' && p->state == REQUEST_KEYS_READ) {
		p->token_bytes = 0;
		return REQUEST_MORE;
	}
	event = request_separator(p, c, out);
	if (event == REQUEST_KEY) {
		p->line_bytes += at + 1;
		out->next = at + 1;
	}
	return event;
}

/* request_feed() of an ASCII connection; begin < end. */
GRAMMAR_FUNCTION int request_feed_lines(struct request_parser *p, const struct grammar_chunk *chunk,
					__u32 begin, __u32 end, struct request_command *out)
{
	int event;
	__u32 i, at, left, bytes;
	__u64 word;

	if (!p || !chunk || !out)
		return REQUEST_LOST;
	if (request_whole_get(p, chunk, begin, end, out))
		return REQUEST_COMMAND;
	if (!request_line_resume(p, chunk, &begin, end))
		return request_lose(p);
	begin += request_verb_begin(p, chunk, begin, end - begin);
	p->line_bytes -= begin; /* so that adding an index gives the bytes before it */
	i = begin;
	for (;;) {
		/* Copies are compared, so that the verifier need not tell states by what they showed. */
		left = end - i;
		at = i & (GRAMMAR_CHUNK - 1);
		GRAMMAR_OPAQUE(left);
		GRAMMAR_OPAQUE(at);
		GRAMMAR_OPAQUE(i);
		if (left == 0 || i >= GRAMMAR_CHUNK)
			break;
		word = grammar_load(chunk, at);
		bytes = grammar_text_bytes(word);
		if (bytes) {
			if (bytes > left)
				bytes = left;
			request_text(p, word, bytes);
			bytes = (bytes - 1) & 7;
			GRAMMAR_OPAQUE(bytes);
			i += bytes + 1; /* in a form that shows that it grows */
			continue;
		}
		event = request_control_byte(p, chunk, at, left, out);
		if (event == REQUEST_LOST)
			return request_lose(p);
		if (event != REQUEST_MORE)
			return event;
		i++;
	}
	p->line_bytes += i;
	return request_line_too_long(p) ? request_lose(p) : REQUEST_MORE;
}

#endif
