/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Incremental parser of what memcached sends: finds the end of each reply and what it is.
 * Called by the cgroup programs, by tests and by the fuzzer; the stream may be cut at any byte.
 *
 * A reply shows by itself where it ends, so no request need be known to parse it; whether it can
 * be the reply of the oldest unanswered request is for reply_fits() to say.
 */
#ifndef BMC_REPLY_PARSER_H
#define BMC_REPLY_PARSER_H

#include "apps/memcached-cache/grammar/reply_line.h"
#include "apps/memcached-cache/grammar/reply_state.h"

/*
 * Consumes chunk bytes [begin, end) up to the end of the next reply (end <= GRAMMAR_CHUNK). Returns
 * REPLY_*; out->next is where to go on, the rest of *out is set for REPLY_COMPLETE only.
 * Bytes of a value or body, p->skip of them, may be passed over without feeding.
 */
GRAMMAR_FUNCTION int reply_feed(struct reply_parser *p, const struct grammar_chunk *chunk, __u32 begin,
				__u32 end, struct reply *out)
{
	__u64 skip;

	if (!p || !chunk || !out)
		return REPLY_LOST;
	if (end > GRAMMAR_CHUNK)
		end = GRAMMAR_CHUNK;
	GRAMMAR_OPAQUE(end);
	out->next = end;
	if (begin >= end)
		return REPLY_MORE;
	if (p->skip) {
		skip = p->skip < end - begin ? p->skip : end - begin;
		p->skip -= skip;
		begin += (__u32)skip;
		if (begin >= end)
			return REPLY_MORE;
	}
	if (p->state == REPLY_IS_LOST)
		return REPLY_LOST;
	return reply_feed_bytes(p, chunk, begin, end, out);
}

#endif
