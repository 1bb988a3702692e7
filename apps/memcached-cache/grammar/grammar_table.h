/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * memcached's grammar as tables: the one place that knows a verb, an opcode or a reply. The stream
 * parsers (BPF and native), the reference parser and docs/grammar.md are all made from it.
 * Facts: memcached 1.6.18 (proto_text.c, proto_bin.c, memcached.c). Includes nothing of ours.
 */
#ifndef BMC_GRAMMAR_TABLE_H
#define BMC_GRAMMAR_TABLE_H

#include <linux/types.h>

/*
 * GRAMMAR_FUNCTION is in BPF a global function: verified once by itself, whatever its callers know.
 * GRAMMAR_OPAQUE keeps the compiler from deriving an index in a way the verifier cannot follow.
 */
#ifdef __bpf__
#define GRAMMAR_FUNCTION __attribute__((noinline, weak))
#define GRAMMAR_INLINE static inline __attribute__((always_inline))
#define GRAMMAR_OPAQUE(variable) __asm__ volatile("" : "+r"(variable))
#else
#define GRAMMAR_FUNCTION static inline
#define GRAMMAR_INLINE static inline
#define GRAMMAR_OPAQUE(variable) (void)(variable)
#endif

#ifdef __cplusplus
#define GRAMMAR_ASSERT(condition, text) static_assert(condition, text)
#else
#define GRAMMAR_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* ---- Limits of memcached 1.6.18 ----------------------------------------------------------- */

#define GRAMMAR_KEY_MAX 250u           /* KEY_MAX_LENGTH */
#define GRAMMAR_LINE_MAX 2048u         /* a longer line without its newline is judged by timing */
#define GRAMMAR_LEADING_MAX 100u       /* spaces before the `get ` that may be longer than that */
#define GRAMMAR_VALUE_MAX 2147483645u  /* INT_MAX - 2 */
#define GRAMMAR_TOKENS_MAX 22u         /* of MAX_TOKENS 24: beyond, the last token is not seen as such */
#define GRAMMAR_META_TOKENS_MAX 19u    /* MFLAG_MAX_OPT_LENGTH 20, its terminator included */
#define GRAMMAR_BINARY_BODY_MAX 0x7ffffff0u /* lengths are C ints there */
#define GRAMMAR_BINARY_REQUEST 0x80u
#define GRAMMAR_BINARY_REPLY 0x81u
#define GRAMMAR_BINARY_HEADER 24u

/*
 * Bytes handed to a parser at once. A struct, so that the verifier knows how many may be read; the
 * last eight are never looked at, but a word that begins before them may reach into them.
 */
#define GRAMMAR_CHUNK 64u
#define REQUEST_CHUNK GRAMMAR_CHUNK
#define REPLY_CHUNK GRAMMAR_CHUNK

struct grammar_chunk {
	__u8 bytes[GRAMMAR_CHUNK + 8];
};

/* ---- Vocabulary --------------------------------------------------------------------------- */

/* What a command may do to items. */
#define GRAMMAR_EFFECTS(X) \
	X(NONE, "nothing") \
	X(READ, "reads") \
	X(WRITE_KEY, "writes its key") \
	X(WRITE_KEYS, "writes each of its keys") \
	X(WRITE_GLOBAL, "may write any key")

enum grammar_effect {
#define GRAMMAR_EFFECT_ENUM(name, text) EFFECT_##name,
	GRAMMAR_EFFECTS(GRAMMAR_EFFECT_ENUM)
#undef GRAMMAR_EFFECT_ENUM
	EFFECT_COUNT
};

/* What its reply looks like. */
#define GRAMMAR_SHAPES(X) \
	X(LINE, "one line") \
	X(VALUES, "VALUE blocks, then END; or one line") \
	X(META, "VA block, or one line") \
	X(STATS, "STAT lines, then END; or one line") \
	X(DUMP, "key= lines, then END; or one line") \
	X(STREAM, "one line; after OK the connection leaves the protocol") \
	X(CLOSE, "the connection is closed") \
	X(BINARY, "one packet with the request's opcode and opaque") \
	X(BINARY_STATS, "packets, the last without key and body or with an error")

enum grammar_shape {
#define GRAMMAR_SHAPE_ENUM(name, text) SHAPE_##name,
	GRAMMAR_SHAPES(GRAMMAR_SHAPE_ENUM)
#undef GRAMMAR_SHAPE_ENUM
	SHAPE_COUNT
};

/* What a reply is. The text is the whole line, or its beginning if it ends in a space or '='. */
#define GRAMMAR_REPLIES(X) \
	X(OTHER, "(any other line)") \
	X(STORED, "STORED") \
	X(NOT_STORED, "NOT_STORED") \
	X(EXISTS, "EXISTS") \
	X(NOT_FOUND, "NOT_FOUND") \
	X(DELETED, "DELETED") \
	X(TOUCHED, "TOUCHED") \
	X(OK, "OK") \
	X(NUMBER, "(digits)") \
	X(VERSION, "VERSION ") \
	X(RESET, "RESET") \
	X(END, "END") \
	X(VALUES, "VALUE ... END") \
	X(STATS, "STAT|ITEM|PREFIX ... END") \
	X(DUMP, "key= ... END") \
	X(HD, "HD") \
	X(VA, "VA ") \
	X(EN, "EN") \
	X(NF, "NF") \
	X(NS, "NS") \
	X(EX, "EX") \
	X(ME, "ME ") \
	X(MN, "MN") \
	X(ERROR, "ERROR") \
	X(ERROR_TEXT, "ERROR (with a text)") \
	X(CLIENT_ERROR, "CLIENT_ERROR ") \
	X(SERVER_ERROR, "SERVER_ERROR ") \
	X(DROPPED, "SERVER_ERROR out of memory writing") \
	X(BINARY, "(packet)")

enum grammar_reply {
#define GRAMMAR_REPLY_ENUM(name, text) REPLY_##name,
	GRAMMAR_REPLIES(GRAMMAR_REPLY_ENUM)
#undef GRAMMAR_REPLY_ENUM
	REPLY_COUNT
};
GRAMMAR_ASSERT(REPLY_COUNT <= 32, "a set of replies is a 32-bit mask");

#define REPLY_BIT(name) (1u << REPLY_##name)
/* Errors of a command that was understood. */
#define REPLIES_ERROR (REPLY_BIT(CLIENT_ERROR) | REPLY_BIT(SERVER_ERROR))
#define REPLIES_ANY_ERROR (REPLIES_ERROR | REPLY_BIT(ERROR) | REPLY_BIT(ERROR_TEXT))
#define REPLIES_STORE \
	(REPLIES_ERROR | REPLY_BIT(STORED) | REPLY_BIT(NOT_STORED) | REPLY_BIT(EXISTS) | REPLY_BIT(NOT_FOUND))
#define REPLIES_NUMBER (REPLIES_ERROR | REPLY_BIT(NUMBER) | REPLY_BIT(NOT_FOUND))
#define REPLIES_GET \
	(REPLIES_ERROR | REPLY_BIT(ERROR) | REPLY_BIT(END) | REPLY_BIT(VALUES) | REPLY_BIT(DROPPED))
#define REPLIES_STATS \
	(REPLIES_ERROR | REPLY_BIT(ERROR) | REPLY_BIT(END) | REPLY_BIT(STATS) | REPLY_BIT(RESET) | \
	 REPLY_BIT(DROPPED))
#define REPLIES_META_MISS (REPLIES_ERROR | REPLY_BIT(NF) | REPLY_BIT(NS) | REPLY_BIT(EX))
#define REPLIES_META_WRITE (REPLIES_META_MISS | REPLY_BIT(HD))
#define REPLIES_ADMIN (REPLIES_ANY_ERROR | REPLY_BIT(OK) | REPLY_BIT(OTHER))

/* ---- Forms: the part each token plays ------------------------------------------------------ */

enum grammar_role {
	ROLE_OTHER,
	ROLE_KEY,
	ROLE_NUMBER,   /* client flags: plain digits <= 2^32-1, else lost */
	ROLE_EXPTIME,  /* of a storage line: plain, within 31 bits and a sign, else lost */
	ROLE_LENGTH,   /* plain digits <= GRAMMAR_VALUE_MAX, else lost */
	ROLE_UNIQUE,   /* plain digits, at most 19 of them, else lost */
	ROLE_TTL,      /* exptime of a command without data: any text; known only if plain */
	ROLE_FLAG,     /* meta flag: its letter counts */
};

/* Roles of tokens 1..7, four bits each; the last one is also that of every later token. */
#define GRAMMAR_ROLES(a, b, c, d, e, rest) \
	((ROLE_##a << 4) | (ROLE_##b << 8) | (ROLE_##c << 12) | (ROLE_##d << 16) | (ROLE_##e << 20) | \
	 (ROLE_##rest << 24) | ((__u32)ROLE_##rest << 28))
#define GRAMMAR_ROLE_AT(roles, token) (((roles) >> (((token) < 7 ? (token) : 7) * 4)) & 15)

#define GRAMMAR_FORMS(X) \
	X(PLAIN, "<anything>", GRAMMAR_ROLES(OTHER, OTHER, OTHER, OTHER, OTHER, OTHER)) \
	X(GET, "<key>*", GRAMMAR_ROLES(OTHER, OTHER, OTHER, OTHER, OTHER, OTHER)) \
	X(GAT, "<exptime> <key>*", GRAMMAR_ROLES(TTL, KEY, KEY, KEY, KEY, KEY)) \
	X(STORE, "<key> <flags> <exptime> <length> [noreply]", \
	  GRAMMAR_ROLES(KEY, NUMBER, EXPTIME, LENGTH, OTHER, OTHER)) \
	X(EXTEND, "<key> <flags> <exptime, ignored> <length> [noreply]", \
	  GRAMMAR_ROLES(KEY, NUMBER, EXPTIME, LENGTH, OTHER, OTHER)) \
	X(CAS, "<key> <flags> <exptime> <length> <unique> [noreply]", \
	  GRAMMAR_ROLES(KEY, NUMBER, EXPTIME, LENGTH, UNIQUE, OTHER)) \
	X(KEY, "<key> ...", GRAMMAR_ROLES(KEY, OTHER, OTHER, OTHER, OTHER, OTHER)) \
	X(TOUCH, "<key> <exptime> [noreply]", GRAMMAR_ROLES(KEY, TTL, OTHER, OTHER, OTHER, OTHER)) \
	X(FLUSH, "[<delay>] [noreply]", GRAMMAR_ROLES(TTL, OTHER, OTHER, OTHER, OTHER, OTHER)) \
	X(META, "<key> <flag>*", GRAMMAR_ROLES(KEY, FLAG, FLAG, FLAG, FLAG, FLAG)) \
	X(META_SET, "<key> <length> <flag>*", GRAMMAR_ROLES(KEY, LENGTH, FLAG, FLAG, FLAG, FLAG))

enum grammar_form {
#define GRAMMAR_FORM_ENUM(name, text, roles) FORM_##name,
	GRAMMAR_FORMS(GRAMMAR_FORM_ENUM)
#undef GRAMMAR_FORM_ENUM
	FORM_COUNT
};

/* What a last token `noreply` does. */
#define GRAMMAR_NOREPLY(X) \
	X(IGNORED, "no") \
	X(OBEYED, "yes") \
	X(JUDGED, "lost") /* depends on the subcommand: position lost */

enum grammar_noreply {
#define GRAMMAR_NOREPLY_ENUM(name, text) NOREPLY_##name,
	GRAMMAR_NOREPLY(GRAMMAR_NOREPLY_ENUM)
#undef GRAMMAR_NOREPLY_ENUM
};

/* ---- ASCII verbs ---------------------------------------------------------------------------
 * X(id, text, effect, shape, form, fewest tokens, most tokens (the verb counts), noreply,
 *   replies that fit, replies that can come though the `q` flag asks for silence)
 * Another number of tokens: position lost. The commonest verbs first: they are found by comparing.
 */
#define GRAMMAR_VERBS(X) \
	X(GET, "get", READ, VALUES, GET, 1, 65535, IGNORED, REPLIES_GET, 0) \
	X(SET, "set", WRITE_KEY, LINE, STORE, 5, 6, OBEYED, REPLIES_STORE, 0) \
	X(GETS, "gets", READ, VALUES, GET, 1, 65535, IGNORED, REPLIES_GET, 0) \
	X(MG, "mg", READ, META, META, 2, GRAMMAR_META_TOKENS_MAX, IGNORED, \
	  REPLIES_ERROR | REPLY_BIT(HD) | REPLY_BIT(VA) | REPLY_BIT(EN), \
	  REPLIES_ERROR | REPLY_BIT(HD) | REPLY_BIT(VA)) \
	X(MS, "ms", WRITE_KEY, META, META_SET, 3, GRAMMAR_META_TOKENS_MAX, IGNORED, \
	  REPLIES_META_WRITE, REPLIES_META_MISS) \
	X(DELETE, "delete", WRITE_KEY, LINE, KEY, 2, 4, OBEYED, \
	  REPLIES_ERROR | REPLY_BIT(DELETED) | REPLY_BIT(NOT_FOUND), 0) \
	X(INCR, "incr", WRITE_KEY, LINE, KEY, 3, 4, OBEYED, REPLIES_NUMBER, 0) \
	X(DECR, "decr", WRITE_KEY, LINE, KEY, 3, 4, OBEYED, REPLIES_NUMBER, 0) \
	X(TOUCH, "touch", WRITE_KEY, LINE, TOUCH, 3, 4, OBEYED, \
	  REPLIES_ERROR | REPLY_BIT(TOUCHED) | REPLY_BIT(NOT_FOUND), 0) \
	X(ADD, "add", WRITE_KEY, LINE, STORE, 5, 6, OBEYED, REPLIES_STORE, 0) \
	X(REPLACE, "replace", WRITE_KEY, LINE, STORE, 5, 6, OBEYED, REPLIES_STORE, 0) \
	X(CAS, "cas", WRITE_KEY, LINE, CAS, 6, 7, OBEYED, REPLIES_STORE, 0) \
	X(APPEND, "append", WRITE_KEY, LINE, EXTEND, 5, 6, OBEYED, REPLIES_STORE, 0) \
	X(PREPEND, "prepend", WRITE_KEY, LINE, EXTEND, 5, 6, OBEYED, REPLIES_STORE, 0) \
	X(GAT, "gat", WRITE_KEYS, VALUES, GAT, 2, 65535, IGNORED, REPLIES_GET, 0) \
	X(GATS, "gats", WRITE_KEYS, VALUES, GAT, 2, 65535, IGNORED, REPLIES_GET, 0) \
	X(MD, "md", WRITE_KEY, META, META, 2, GRAMMAR_META_TOKENS_MAX, IGNORED, \
	  REPLIES_META_WRITE, REPLIES_META_MISS) \
	X(MA, "ma", WRITE_KEY, META, META, 2, GRAMMAR_META_TOKENS_MAX, IGNORED, \
	  REPLIES_META_WRITE | REPLY_BIT(VA), REPLIES_META_WRITE | REPLY_BIT(VA)) \
	X(MN, "mn", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, REPLY_BIT(MN), 0) \
	X(ME, "me", READ, LINE, META, 2, GRAMMAR_META_TOKENS_MAX, IGNORED, \
	  REPLIES_ERROR | REPLY_BIT(ME) | REPLY_BIT(EN), 0) \
	X(FLUSH_ALL, "flush_all", WRITE_GLOBAL, LINE, FLUSH, 1, 3, OBEYED, REPLIES_ERROR | REPLY_BIT(OK), 0) \
	X(STATS, "stats", NONE, STATS, PLAIN, 1, 2, IGNORED, REPLIES_STATS, 0) \
	X(VERSION, "version", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, REPLY_BIT(VERSION), 0) \
	X(VERBOSITY, "verbosity", NONE, LINE, PLAIN, 2, 3, OBEYED, REPLIES_ADMIN, 0) \
	X(QUIT, "quit", NONE, CLOSE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, 0, 0) \
	X(SHUTDOWN, "shutdown", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, REPLIES_ANY_ERROR, 0) \
	X(BGET, "bget", READ, VALUES, GET, 1, 65535, IGNORED, REPLIES_GET, 0) \
	X(WATCH, "watch", NONE, STREAM, PLAIN, 1, GRAMMAR_TOKENS_MAX, JUDGED, REPLIES_ADMIN, 0) \
	X(LRU_CRAWLER, "lru_crawler", NONE, DUMP, PLAIN, 1, GRAMMAR_TOKENS_MAX, JUDGED, \
	  REPLIES_ADMIN | REPLY_BIT(END) | REPLY_BIT(DUMP), 0) \
	X(LRU, "lru", NONE, LINE, PLAIN, 2, GRAMMAR_TOKENS_MAX, JUDGED, REPLIES_ADMIN, 0) \
	X(SLABS, "slabs", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, JUDGED, REPLIES_ADMIN, 0) \
	X(CACHE_MEMLIMIT, "cache_memlimit", NONE, LINE, PLAIN, 2, 3, OBEYED, REPLIES_ADMIN, 0) \
	X(EXTSTORE, "extstore", NONE, LINE, PLAIN, 2, GRAMMAR_TOKENS_MAX, JUDGED, REPLIES_ADMIN, 0) \
	X(REFRESH_CERTS, "refresh_certs", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, JUDGED, REPLIES_ADMIN, \
	  0) \
	X(MISBEHAVE, "misbehave", NONE, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, REPLIES_ADMIN, 0) \
	X(DEBUGTIME, "debugtime", WRITE_GLOBAL, LINE, PLAIN, 1, GRAMMAR_TOKENS_MAX, IGNORED, REPLIES_ADMIN, 0)

enum grammar_verb {
#define GRAMMAR_VERB_ENUM(id, ...) VERB_##id,
	GRAMMAR_VERBS(GRAMMAR_VERB_ENUM)
#undef GRAMMAR_VERB_ENUM
	VERB_COUNT,
	VERB_UNKNOWN = VERB_COUNT, /* effect WRITE_GLOBAL, shape LINE, the only fitting reply is ERROR */
	VERB_BLANK,                /* an empty line: effect NONE, shape LINE, answered ERROR */
};

struct grammar_verb_info {
	__u32 replies;
	__u32 quiet_replies;
	__u16 tokens_min;
	__u16 tokens_max;
	__u8 effect;
	__u8 shape;
	__u8 form;
	__u8 noreply;
};
GRAMMAR_ASSERT(sizeof(struct grammar_verb_info) == 16, "grammar_verb_info");

static const __u32 grammar_form_roles[FORM_COUNT] = {
#define GRAMMAR_FORM_ROLES(name, text, roles) roles,
	GRAMMAR_FORMS(GRAMMAR_FORM_ROLES)
#undef GRAMMAR_FORM_ROLES
};

static const struct grammar_verb_info grammar_verbs[VERB_COUNT] = {
#define GRAMMAR_VERB_INFO(id, text, effect, shape, form, min, max, noreply, replies, quiet) \
	{replies, quiet, min, max, EFFECT_##effect, SHAPE_##shape, FORM_##form, NOREPLY_##noreply},
	GRAMMAR_VERBS(GRAMMAR_VERB_INFO)
#undef GRAMMAR_VERB_INFO
};

/* ---- Binary opcodes ------------------------------------------------------------------------
 * Another form than this makes memcached close the connection or read on at a place of its own:
 * position lost. `body` is what the value's length is counted from.
 */
#define GRAMMAR_BINARY_FORMS(X) \
	X(UNKNOWN, "header alone, else lost") \
	X(HEADER, "header alone") \
	X(KEY, "key") \
	X(STORE, "8 bytes of extras (flags, exptime), key, value") \
	X(EXTEND, "key, value") \
	X(ARITHMETIC, "20 bytes of extras (delta, initial, exptime), key") \
	X(TOUCH, "4 bytes of extras (exptime), key") \
	X(FLUSH, "0 or 4 bytes of extras (delay)") \
	X(STAT, "key or none") \
	X(SASL, "key (mechanism), value")

enum grammar_binary_form {
#define GRAMMAR_BINARY_FORM_ENUM(name, text) BINARY_FORM_##name,
	GRAMMAR_BINARY_FORMS(GRAMMAR_BINARY_FORM_ENUM)
#undef GRAMMAR_BINARY_FORM_ENUM
	BINARY_FORM_COUNT
};

/* X(opcode, text, effect, shape, form, quiet: may not be answered). In order, without a gap. */
#define GRAMMAR_OPCODES(X) \
	X(0x00, "get", READ, BINARY, KEY, 0) \
	X(0x01, "set", WRITE_KEY, BINARY, STORE, 0) \
	X(0x02, "add", WRITE_KEY, BINARY, STORE, 0) \
	X(0x03, "replace", WRITE_KEY, BINARY, STORE, 0) \
	X(0x04, "delete", WRITE_KEY, BINARY, KEY, 0) \
	X(0x05, "increment", WRITE_KEY, BINARY, ARITHMETIC, 0) \
	X(0x06, "decrement", WRITE_KEY, BINARY, ARITHMETIC, 0) \
	X(0x07, "quit", NONE, CLOSE, HEADER, 0) \
	X(0x08, "flush", WRITE_GLOBAL, BINARY, FLUSH, 0) \
	X(0x09, "getq", READ, BINARY, KEY, 1) \
	X(0x0a, "noop", NONE, BINARY, HEADER, 0) \
	X(0x0b, "version", NONE, BINARY, HEADER, 0) \
	X(0x0c, "getk", READ, BINARY, KEY, 0) \
	X(0x0d, "getkq", READ, BINARY, KEY, 1) \
	X(0x0e, "append", WRITE_KEY, BINARY, EXTEND, 0) \
	X(0x0f, "prepend", WRITE_KEY, BINARY, EXTEND, 0) \
	X(0x10, "stat", NONE, BINARY_STATS, STAT, 0) \
	X(0x11, "setq", WRITE_KEY, BINARY, STORE, 1) \
	X(0x12, "addq", WRITE_KEY, BINARY, STORE, 1) \
	X(0x13, "replaceq", WRITE_KEY, BINARY, STORE, 1) \
	X(0x14, "deleteq", WRITE_KEY, BINARY, KEY, 1) \
	X(0x15, "incrementq", WRITE_KEY, BINARY, ARITHMETIC, 1) \
	X(0x16, "decrementq", WRITE_KEY, BINARY, ARITHMETIC, 1) \
	X(0x17, "quitq", NONE, CLOSE, HEADER, 1) \
	X(0x18, "flushq", WRITE_GLOBAL, BINARY, FLUSH, 1) \
	X(0x19, "appendq", WRITE_KEY, BINARY, EXTEND, 1) \
	X(0x1a, "prependq", WRITE_KEY, BINARY, EXTEND, 1) \
	X(0x1b, "", WRITE_GLOBAL, BINARY, UNKNOWN, 0) \
	X(0x1c, "touch", WRITE_KEY, BINARY, TOUCH, 0) \
	X(0x1d, "gat", WRITE_KEY, BINARY, TOUCH, 0) \
	X(0x1e, "gatq", WRITE_KEY, BINARY, TOUCH, 1) \
	X(0x1f, "", WRITE_GLOBAL, BINARY, UNKNOWN, 0) \
	X(0x20, "sasl list", NONE, BINARY, HEADER, 0) \
	X(0x21, "sasl auth", NONE, BINARY, SASL, 0) \
	X(0x22, "sasl step", NONE, BINARY, SASL, 0) \
	X(0x23, "gatk", WRITE_KEY, BINARY, TOUCH, 0) \
	X(0x24, "gatkq", WRITE_KEY, BINARY, TOUCH, 1) \
	X(0x25, "(any other)", WRITE_GLOBAL, BINARY, UNKNOWN, 0)

struct grammar_opcode_info {
	__u8 effect;
	__u8 shape;
	__u8 form;
	__u8 quiet;
};

#define GRAMMAR_OPCODE_OTHER 0x25u /* stands for every opcode from here on */
static const struct grammar_opcode_info grammar_opcodes[GRAMMAR_OPCODE_OTHER + 1] = {
#define GRAMMAR_OPCODE_INFO(opcode, text, effect, shape, form, quiet) \
	{EFFECT_##effect, SHAPE_##shape, BINARY_FORM_##form, quiet},
	GRAMMAR_OPCODES(GRAMMAR_OPCODE_INFO)
#undef GRAMMAR_OPCODE_INFO
};

#define GRAMMAR_BINARY_STAT 0x10u

#endif
