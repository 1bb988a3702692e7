/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Incremental parser of what a client sends to memcached: finds each command's end and its effect.
 * Called by the cgroup programs, by tests and by the fuzzer; the stream may be cut at any byte.
 *
 * It never guesses: where the extent of a command is for memcached to judge, it says REQUEST_LOST
 * and stays there until initialised again. docs/grammar.md lists these places.
 */
#ifndef BMC_REQUEST_PARSER_H
#define BMC_REQUEST_PARSER_H

#include "apps/memcached-cache/grammar/request_binary.h"
#include "apps/memcached-cache/grammar/request_line.h"
#include "apps/memcached-cache/grammar/request_state.h"

/*
 * Consumes chunk bytes [begin, end) up to the next event (end <= GRAMMAR_CHUNK). Returns REQUEST_*;
 * out->next is where to go on, the rest of *out is set for REQUEST_COMMAND and REQUEST_KEY only.
 * After REQUEST_COMMAND the value's bytes, p->skip of them, may be passed over without feeding.
 */
GRAMMAR_INLINE int request_feed(struct request_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				  __u32 end, struct request_command *out)
{
	__u64 skip;
	__u8 first;

	if (!p || !chunk || !out)
		return REQUEST_LOST;
	if (end > GRAMMAR_CHUNK)
		end = GRAMMAR_CHUNK;
	GRAMMAR_OPAQUE(end);
	out->next = end;
	if (begin >= end)
		return REQUEST_MORE;
	if (p->skip) {
		skip = p->skip < end - begin ? p->skip : end - begin;
		p->skip -= skip;
		begin += (__u32)skip;
		if (begin >= end)
			return REQUEST_MORE;
	}
	if (p->protocol == REQUEST_UNDECIDED) {
		first = chunk->bytes[begin & (GRAMMAR_CHUNK - 1)];
		p->protocol = first == GRAMMAR_BINARY_REQUEST ? REQUEST_IS_BINARY : REQUEST_ASCII;
	}
	if (p->state >= REQUEST_STOPPED)
		return request_lose(p);
	if (p->protocol == REQUEST_ASCII)
		return request_feed_lines(p, chunk, begin, end, out);
	return request_feed_packets(p, chunk, begin, end, out);
}

#endif
