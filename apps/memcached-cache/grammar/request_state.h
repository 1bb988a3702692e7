/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What request_parser.h keeps between two calls and what it reports. Included by it and its two
 * halves; shared memory of the cgroup programs (connection_abi.h holds one for each connection).
 */
#ifndef BMC_REQUEST_STATE_H
#define BMC_REQUEST_STATE_H

#include "apps/memcached-cache/grammar/grammar_table.h"

/* What request_feed() found. */
#define REQUEST_MORE 0    /* every byte given is consumed */
#define REQUEST_COMMAND 1 /* a command is known whole but for its value; `out` tells */
#define REQUEST_KEY 2     /* a key of a gat; the command follows as REQUEST_COMMAND with its last key */
#define REQUEST_LOST 3    /* the position in the stream is not known any more */

/* request_command.flags */
#define REQUEST_NOREPLY 1u       /* no reply will come */
#define REQUEST_QUIET 2u         /* a reply may come or not */
#define REQUEST_HAS_TTL 4u       /* exptime is known: the key's if the write succeeds, or flush_all's delay */
#define REQUEST_BINARY 8u        /* verb is an opcode, opaque is valid */
#define REQUEST_LAST 16u         /* bears the reply: set but on REQUEST_KEY */
#define REQUEST_CHANGES_VALUE 32u /* not only the expiry */
#define REQUEST_TTL_ODD 64u      /* an exptime is there that only memcached can read (flush_all "+5") */

struct request_command {
	__u64 key_hash; /* cache_hash of the key; only for EFFECT_WRITE_KEY and _KEYS, else 0 */
	__s64 exptime;  /* seconds, as memcached's realtime() takes it; only with REQUEST_HAS_TTL, else 0 */
	__u32 next;     /* index in the chunk where to go on; set whatever was returned */
	__u32 opaque;   /* as it stands on the wire; only with REQUEST_BINARY, else 0 */
	__u32 length;   /* bytes of value that follow the line or the binary key */
	__u8 effect;    /* enum grammar_effect */
	__u8 shape;     /* enum grammar_shape */
	__u8 flags;
	__u8 verb;      /* enum grammar_verb, or the opcode */
};
GRAMMAR_ASSERT(sizeof(struct request_command) == 32, "request_command");

/*
 * request_parser.protocol: decided by a connection's (or datagram's) first byte. If memcached runs with
 * -B ascii or -B binary its user sets it after request_parser_init().
 */
#define REQUEST_UNDECIDED 0
#define REQUEST_ASCII 1
#define REQUEST_IS_BINARY 2

/* request_parser.state */
#define REQUEST_BOUNDARY 0
#define REQUEST_GAP 1       /* between tokens */
#define REQUEST_VERB 2
#define REQUEST_TOKEN_KEY 3
#define REQUEST_TOKEN_NUMBER 4
#define REQUEST_TOKEN_FLAG 5
#define REQUEST_TOKEN_OTHER 6
#define REQUEST_KEYS_READ 7 /* rest of a get */
#define REQUEST_DATA_CR 8   /* after the value: its \r\n */
#define REQUEST_DATA_LF 9
#define REQUEST_HEADER 10   /* binary */
#define REQUEST_EXTRAS 11
#define REQUEST_BINARY_KEY 12
#define REQUEST_STOPPED 13  /* after quit or watch: no more is expected */
#define REQUEST_IS_LOST 14

/* request_parser.marks: about the line, and the lower ones about the token */
#define REQUEST_MARK_NEGATIVE 1u /* token: has a minus sign */
#define REQUEST_MARK_ODD 2u      /* token: not a plain number */
#define REQUEST_MARK_TOKEN 3u
#define REQUEST_MARK_CR 4u       /* a \r was the last byte of the previous chunk */
#define REQUEST_MARK_BAD 8u      /* the line's extent is memcached's to judge */
#define REQUEST_MARK_HELD 16u    /* gat: key_hash is a key not yet reported */
#define REQUEST_MARK_TTL 32u
#define REQUEST_MARK_TTL_ODD 64u

/* Everything known between two calls. All zero but the seed: at the start of a connection. */
struct request_parser {
	__u64 skip;        /* bytes of value ahead: the caller may pass over them and subtract */
	__u8 protocol;
	__u8 state;
	__u8 role;         /* enum grammar_role of the token */
	__u8 form;         /* enum grammar_form of the line */
	__u8 verb;         /* enum grammar_verb, or the opcode */
	__u8 marks;
	__u8 extras;       /* binary */
	__u8 reserved;
	__u32 line_bytes;  /* of the unfinished line, or of the unfinished binary header, extras and key */
	__u16 token_bytes; /* of this token, key or run of a get */
	__u16 tokens;      /* begun on this line */
	__u64 word[3];     /* ASCII: a token's first 16 bytes, its number. Binary: header; extras, key */
	__u64 seed;        /* of cache_hash */
	__u64 hash;        /* of the key so far */
	__u64 key_hash;
	__u64 letters;     /* meta flags seen, one bit each */
	__s64 exptime;
	__u32 length;
	__u32 opaque;
	__u16 leading;     /* spaces before the verb */
	__u16 key_bytes;   /* binary */
	__u32 reserved1;
};
GRAMMAR_ASSERT(sizeof(struct request_parser) == 104, "request_parser");

/* At a command boundary, before the first byte of a connection or of a datagram. */
GRAMMAR_INLINE void request_parser_init(struct request_parser *p, __u64 seed)
{
	*p = (struct request_parser){};
	p->seed = seed;
}

/* True if the next byte fed is the first one of a command. */
GRAMMAR_INLINE int request_at_boundary(const struct request_parser *p)
{
	return p->state == REQUEST_BOUNDARY && p->skip == 0;
}

/* Bytes already consumed of a line or binary header that is not complete; 0 between, and within values. */
GRAMMAR_INLINE __u32 request_pending_bytes(const struct request_parser *p)
{
	return p->state == REQUEST_BOUNDARY || p->state >= REQUEST_STOPPED ? 0 : p->line_bytes;
}

/* `watch` was refused: the connection speaks the protocol as before. */
GRAMMAR_INLINE void request_parser_resume(struct request_parser *p)
{
	if (p->state == REQUEST_STOPPED)
		p->state = REQUEST_BOUNDARY;
}

GRAMMAR_INLINE int request_lose(struct request_parser *p)
{
	p->state = REQUEST_IS_LOST;
	p->skip = 0;
	return REQUEST_LOST;
}

#endif
