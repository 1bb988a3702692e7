/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The automaton of reply_parser.h, which includes it: lines, values and binary headers as
 * memcached 1.6.18 writes them (proto_text.c, proto_bin.c, crawler.c, memcached.c).
 */
#ifndef BMC_REPLY_LINE_H
#define BMC_REPLY_LINE_H

#include "apps/memcached-cache/grammar/grammar_word.h"
#include "apps/memcached-cache/grammar/reply_state.h"

/* Whole lines. */
#define REPLY_LINES(X) \
	X(STORED, "STORED\r") X(NOT_STORED, "NOT_STORED\r") X(EXISTS, "EXISTS\r") \
	X(NOT_FOUND, "NOT_FOUND\r") X(DELETED, "DELETED\r") X(TOUCHED, "TOUCHED\r") X(OK, "OK\r") \
	X(RESET, "RESET\r") X(END, "END\r") \
	X(HD, "HD\r") X(EN, "EN\r") X(NF, "NF\r") X(NS, "NS\r") X(EX, "EX\r") X(MN, "MN\r") \
	X(ERROR, "ERROR\r")

/* Beginnings of lines. */
#define REPLY_PREFIXES(X) \
	X(HD, "HD ") X(EN, "EN ") X(NF, "NF ") X(NS, "NS ") X(EX, "EX ") X(ME, "ME ") X(VA, "VA ") \
	X(VALUES, "VALUE ") X(STATS, "STAT ") X(STATS, "ITEM ") X(STATS, "PREFIX ") X(DUMP, "key=") \
	X(VERSION, "VERSION ") X(CLIENT_ERROR, "CLIENT_ERROR ") X(SERVER_ERROR, "SERVER_ERROR ") \
	X(ERROR_TEXT, "ERROR ") X(ERROR_TEXT, "ERROR:")

/* What a line of `bytes` is, from its first 16 (its \r included, zeros after it). */
GRAMMAR_FUNCTION int reply_classify(__u64 low, __u64 high, __u32 bytes)
{
#define REPLY_LINE_MATCH(kind, text) \
	if (low == GRAMMAR_WORD(text, 0) && high == GRAMMAR_WORD(text, 8) && bytes == sizeof(text) - 1) \
		return REPLY_##kind;
#define REPLY_PREFIX_MATCH(kind, text) \
	if ((low & GRAMMAR_MASK(text, 0)) == GRAMMAR_WORD(text, 0) && \
	    (high & GRAMMAR_MASK(text, 8)) == GRAMMAR_WORD(text, 8)) \
		return REPLY_##kind;
	REPLY_LINES(REPLY_LINE_MATCH)
	REPLY_PREFIXES(REPLY_PREFIX_MATCH)
#undef REPLY_LINE_MATCH
#undef REPLY_PREFIX_MATCH
	return (low & 0xff) >= '0' && (low & 0xff) <= '9' ? REPLY_NUMBER : REPLY_OTHER;
}

GRAMMAR_INLINE void reply_line_begin(struct reply_parser *p)
{
	p->word[0] = 0;
	p->word[1] = 0;
	p->word[2] = 0;
	p->number = 0;
	p->line_bytes = 0;
	p->spaces = 0;
	p->length_token = 0;
	p->digits = 0;
	p->bad = 0;
	p->last = 0;
	p->byte27 = 0;
}

/* A list goes on with a line of `kind`. Returns REPLY_MORE, or REPLY_LOST if it is another list's. */
GRAMMAR_INLINE int reply_list_line(struct reply_parser *p, __u32 kind)
{
	if (p->list && p->list != kind)
		return REPLY_LOST;
	p->list = (__u8)kind;
	return REPLY_MORE;
}

/* The newline of a line. Returns REPLY_*. */
GRAMMAR_FUNCTION int reply_line_end(struct reply_parser *p, struct reply *out)
{
	__u32 kind = REPLY_OTHER;

	if (!p || !out)
		return REPLY_LOST;
	kind = (__u32)reply_classify(p->word[0], p->word[1], p->line_bytes);
	p->state = REPLY_AT_START;
	/* Lines of the crawler's dump end in \n alone. */
	if (kind == REPLY_DUMP)
		return reply_list_line(p, kind);
	if (p->last != '\r')
		return REPLY_LOST;
	if (kind == REPLY_STATS)
		return reply_list_line(p, kind);
	if (kind == REPLY_VALUES || kind == REPLY_VA) {
		if (p->bad || p->digits == 0 || p->digits > 10 || p->number > GRAMMAR_VALUE_MAX)
			return REPLY_LOST;
		if (kind == REPLY_VALUES ? p->spaces < 3 || p->spaces > 4 : p->list != 0)
			return REPLY_LOST;
		p->skip = p->number;
		p->state = REPLY_DATA_CR;
		return reply_list_line(p, kind);
	}
	if (kind == REPLY_SERVER_ERROR && p->byte27 == 'w')
		kind = REPLY_DROPPED; /* conn_release_items(): replies before it may be gone too */
	if (p->list) {
		if (kind != REPLY_END || p->list == REPLY_BINARY)
			return REPLY_LOST;
		kind = p->list;
	}
	p->list = 0;
	out->kind = (__u8)kind;
	return REPLY_COMPLETE;
}

/* A byte of a line but its newline. */
GRAMMAR_INLINE void reply_text_byte(struct reply_parser *p, __u8 c)
{
	__u32 at = p->line_bytes;
	__u8 digit = (__u8)(c - '0');

	if (at < 8)
		p->word[0] |= (__u64)c << ((at & 7) * 8);
	else if (at < 16)
		p->word[1] |= (__u64)c << ((at & 7) * 8);
	else if (at == 27)
		p->byte27 = c;
	if (p->last == '\r' && p->length_token && p->spaces == p->length_token)
		p->bad = 1;
	if (c == ' ') {
		if (p->spaces == 0)
			p->length_token = p->word[0] == GRAMMAR_WORD("VALUE ", 0) ? 3 :
					  p->word[0] == GRAMMAR_WORD("VA ", 0)    ? 1 : 0;
		if (p->spaces < 8)
			p->spaces++;
	} else if (p->length_token && p->spaces == p->length_token && c != '\r') {
		p->number = p->number * 10 + digit;
		if (digit > 9 || p->digits >= 10)
			p->bad = 1;
		else
			p->digits++;
	}
	p->last = c;
	p->line_bytes = at + 1;
}

/* 24 bytes of header are in p->word. */
GRAMMAR_FUNCTION int reply_header_end(struct reply_parser *p, struct reply *out)
{
	__u32 body = 0;
	__u32 key = 0;

	if (!p || !out)
		return REPLY_LOST;
	p->state = REPLY_AT_START;
	out->kind = REPLY_BINARY;
	out->opcode = (__u8)(p->word[0] >> 8);
	key = __builtin_bswap16((__u16)(p->word[0] >> 16));
	out->status = __builtin_bswap16((__u16)(p->word[0] >> 48));
	body = __builtin_bswap32((__u32)p->word[1]);
	out->opaque = (__u32)(p->word[1] >> 32);
	if (p->list && (p->list != REPLY_BINARY || out->opcode != GRAMMAR_BINARY_STAT))
		return REPLY_LOST;
	p->skip = body;
	p->list = 0;
	if (out->opcode == GRAMMAR_BINARY_STAT && out->status == 0 && (key || body)) {
		p->list = REPLY_BINARY;
		return REPLY_MORE;
	}
	return REPLY_COMPLETE;
}

/* The byte `c` in whatever state. Returns REPLY_*. */
GRAMMAR_INLINE int reply_byte(struct reply_parser *p, __u8 c, struct reply *out)
{
	__u32 at;

	if (p->state == REPLY_AT_START) {
		reply_line_begin(p);
		p->state = c == GRAMMAR_BINARY_REPLY ? REPLY_HEADER : REPLY_IN_LINE;
	}
	if (p->state == REPLY_IN_LINE) {
		if (c == '\n')
			return reply_line_end(p, out);
		reply_text_byte(p, c);
		return REPLY_MORE;
	}
	if (p->state == REPLY_HEADER) {
		at = p->line_bytes;
		p->line_bytes = at + 1;
		if (at < 16)
			p->word[(at >> 3) & 1] |= (__u64)c << ((at & 7) * 8);
		return at == GRAMMAR_BINARY_HEADER - 1 ? reply_header_end(p, out) : REPLY_MORE;
	}
	if (p->state == REPLY_DATA_CR && c == '\r') {
		p->state = REPLY_DATA_LF;
		return REPLY_MORE;
	}
	if (p->state != REPLY_DATA_LF || c != '\n')
		return REPLY_LOST;
	p->state = REPLY_AT_START;
	if (p->list != REPLY_VA)
		return REPLY_MORE;
	p->list = 0;
	out->kind = REPLY_VA;
	return REPLY_COMPLETE;
}

/* The two commonest lines are known at a glance. Returns false if it is another one, or not all there. */
GRAMMAR_INLINE int reply_at_a_glance(struct reply_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				     __u32 left, struct reply *out)
{
	__u64 word = grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1));

	if (p->state != REPLY_AT_START)
		return 0;
	if (left >= 8 && p->list == 0 && word == GRAMMAR_WORD("STORED\r\n", 0)) {
		out->kind = REPLY_STORED;
		out->next = begin + 8;
		return 1;
	}
	if (left < 5 || p->list == REPLY_BINARY)
		return 0;
	if ((word & GRAMMAR_MASK("END\r\n", 0)) != GRAMMAR_WORD("END\r\n", 0))
		return 0;
	out->kind = p->list;
	if (!p->list)
		out->kind = REPLY_END;
	p->list = 0;
	out->next = begin + 5;
	return 1;
}

/*
 * "VALUE <key> <flags> <bytes>\r\n" of a value that is not empty, word by word; out->next is behind it. Returns
 * false, with nothing changed, if it is any other line or not all there: the automaton judges it.
 */
GRAMMAR_INLINE int reply_value_line(struct reply_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				    __u32 end, struct reply *out)
{
	__u32 at = begin + 6, i, bytes;
	__u64 word = grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1)), number;

	if (p->state != REPLY_AT_START || (p->list && p->list != REPLY_VALUES) ||
	    (word & GRAMMAR_MASK("VALUE ", 0)) != GRAMMAR_WORD("VALUE ", 0))
		return 0;
	for (i = 0; i < 2; i++) { /* key, flags */
		at = grammar_text_end(chunk, at, end);
		if (at >= end || chunk->bytes[at & (GRAMMAR_CHUNK - 1)] != ' ')
			return 0;
		at++;
	}
	if (at >= end)
		return 0;
	word = grammar_load(chunk, at & (GRAMMAR_CHUNK - 1));
	bytes = grammar_text_bytes(word);
	if (bytes - 1 > 5 || at + bytes + 2 > end || (word >> bytes * 8 & 0xffff) != GRAMMAR_WORD("\r\n", 0))
		return 0;
	number = grammar_number(word, bytes);
	if (number == 0 || number > GRAMMAR_VALUE_MAX)
		return 0;
	p->skip = number;
	p->state = REPLY_DATA_CR;
	p->list = REPLY_VALUES;
	out->next = at + bytes + 2;
	return 1;
}

/* The \r\n of a value at a glance: the bytes consumed, 2 or 0. */
GRAMMAR_INLINE __u32 reply_value_end(struct reply_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				     __u32 left)
{
	__u64 word = grammar_load(chunk, begin & (GRAMMAR_CHUNK - 1));

	if (p->state != REPLY_DATA_CR || p->list != REPLY_VALUES || left < 2 ||
	    (word & 0xffff) != GRAMMAR_WORD("\r\n", 0))
		return 0;
	p->state = REPLY_AT_START;
	return 2;
}

/* reply_feed() past the skip; begin < end. */
GRAMMAR_INLINE int reply_feed_bytes(struct reply_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				    __u32 end, struct reply *out)
{
	__u32 i;
	int event;

	out->opaque = 0;
	out->status = 0;
	out->opcode = 0;
	begin += reply_value_end(p, chunk, begin, end - begin);
	if (begin >= end)
		return REPLY_MORE;
	if (reply_at_a_glance(p, chunk, begin, end - begin, out))
		return REPLY_COMPLETE;
	if (reply_value_line(p, chunk, begin, end, out))
		return REPLY_VALUE;
	for (i = begin; i < end; i++) {
		GRAMMAR_OPAQUE(i);
		if (i >= GRAMMAR_CHUNK)
			break;
		event = reply_byte(p, chunk->bytes[i], out);
		if (event != REPLY_MORE) {
			out->next = i + 1;
			return event == REPLY_LOST ? reply_lose(p) : event;
		}
		if (p->skip) {
			out->next = i + 1;
			return REPLY_VALUE;
		}
	}
	return REPLY_MORE;
}

#endif
