/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What reply_parser.h keeps between two calls and what it reports; and which reply fits which
 * request. Included by it; shared memory of the cgroup programs (one for each connection).
 */
#ifndef BMC_REPLY_STATE_H
#define BMC_REPLY_STATE_H

#include "apps/memcached-cache/grammar/grammar_table.h"

/* What reply_feed() found. */
#define REPLY_MORE 0     /* every byte given is consumed */
#define REPLY_COMPLETE 1 /* a reply is complete (binary: but for its body) */
#define REPLY_VALUE 2    /* no reply yet: p->skip bytes of a value or body begin at out->next */
#define REPLY_LOST 3     /* not memcached's grammar: the position is not known any more */

struct reply {
	__u32 next;   /* index in the chunk where to go on; set whatever was returned */
	__u32 opaque; /* as it stands on the wire; only for REPLY_BINARY, else 0 */
	__u16 status; /* only for REPLY_BINARY, else 0 */
	__u8 kind;    /* enum grammar_reply */
	__u8 opcode;  /* only for REPLY_BINARY, else 0 */
};
GRAMMAR_ASSERT(sizeof(struct reply) == 12, "reply");

/* reply_parser.state */
#define REPLY_AT_START 0 /* of a line or packet */
#define REPLY_IN_LINE 1
#define REPLY_DATA_CR 2  /* after a value: its \r\n */
#define REPLY_DATA_LF 3
#define REPLY_HEADER 4   /* binary */
#define REPLY_IS_LOST 5

/* Everything known between two calls. All zero: before the first byte of a connection. */
struct reply_parser {
	__u64 skip;        /* bytes of value or body ahead: the caller may pass over them and subtract */
	__u64 word[3];     /* a line's first 24 bytes, or the binary header */
	__u64 number;      /* length in a VALUE or VA line */
	__u32 line_bytes;  /* of this line or header so far */
	__u8 state;
	__u8 list;         /* kind of the unfinished list: REPLY_VALUES, _STATS, _DUMP, _BINARY; 0 none */
	__u8 spaces;       /* in this line; stops counting at 8 */
	__u8 length_token; /* spaces before the length: 3 VALUE, 1 VA, 0 none */
	__u8 digits;
	__u8 bad;          /* the length is not plain digits */
	__u8 last;         /* the byte before */
	__u8 byte27;       /* 28th byte of the line: tells SERVER_ERRORs apart */
	__u32 reserved;
};
GRAMMAR_ASSERT(sizeof(struct reply_parser) == 56, "reply_parser");

GRAMMAR_INLINE void reply_parser_init(struct reply_parser *p)
{
	*p = (struct reply_parser){};
}

/* True if the next byte fed is the first one of a reply. */
GRAMMAR_INLINE int reply_at_boundary(const struct reply_parser *p)
{
	return p->state == REPLY_AT_START && p->list == 0 && p->skip == 0;
}

/*
 * Whether `r` may be the reply of a request of this shape and verb (or opcode). If it may not, the
 * two streams are out of step. The opaques of a binary pair are for the caller to compare.
 */
GRAMMAR_INLINE int reply_fits(__u32 shape, __u32 verb, const struct reply *r)
{
	if (shape >= SHAPE_BINARY || r->kind == REPLY_BINARY)
		return r->kind == REPLY_BINARY && r->opcode == verb &&
		       (shape >= SHAPE_BINARY || shape == SHAPE_CLOSE);
	if (verb >= VERB_COUNT)
		return r->kind == REPLY_ERROR;
	return (int)(grammar_verbs[verb].replies >> (r->kind & 31) & 1);
}

/*
 * Whether `r` may come for such a request although it was REQUEST_QUIET. If it may, and it also fits
 * the next request, then it is not known which of the two it answers. Binary opcodes tell.
 */
GRAMMAR_INLINE int reply_fits_quiet(__u32 shape, __u32 verb, const struct reply *r)
{
	if (shape >= SHAPE_BINARY || r->kind == REPLY_BINARY)
		return reply_fits(shape, verb, r);
	if (verb >= VERB_COUNT)
		return 0;
	return (int)(grammar_verbs[verb].quiet_replies >> (r->kind & 31) & 1);
}

/* The write succeeded: with REQUEST_HAS_TTL its exptime is the key's now. */
GRAMMAR_INLINE int reply_is_success(const struct reply *r)
{
	return r->kind == REPLY_STORED || r->kind == REPLY_TOUCHED || r->kind == REPLY_HD ||
	       (r->kind == REPLY_BINARY && r->status == 0);
}

/* memcached understood or did the command not at all, or only in part. */
GRAMMAR_INLINE int reply_is_error(const struct reply *r)
{
	return (r->kind >= REPLY_ERROR && r->kind <= REPLY_DROPPED) ||
	       (r->kind == REPLY_BINARY && r->status != 0);
}

GRAMMAR_INLINE int reply_lose(struct reply_parser *p)
{
	p->state = REPLY_IS_LOST;
	p->skip = 0;
	return REPLY_LOST;
}

#endif
