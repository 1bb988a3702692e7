/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Eight bytes at once: of a chunk, and of string literals that tokens are compared with.
 * Included by the two stream parsers.
 */
#ifndef BMC_GRAMMAR_WORD_H
#define BMC_GRAMMAR_WORD_H

#include "apps/memcached-cache/grammar/grammar_table.h"

/* Eight bytes of a chunk from `at` < GRAMMAR_CHUNK, the first in the lowest byte. */
GRAMMAR_INLINE __u64 grammar_load(const struct grammar_chunk *chunk, __u32 at)
{
#ifdef __bpf__
	return *(const __u64 *)(chunk->bytes + at); /* kernels that run us load unaligned words */
#else
	__u64 word = 0;

	__builtin_memcpy(&word, chunk->bytes + at, sizeof(word));
	return word;
#endif
}

/* All bits of a word's first `bytes` bytes, 1..8. */
GRAMMAR_INLINE __u64 grammar_low_bytes(__u32 bytes)
{
	return ~0ull >> (64 - bytes * 8);
}

/* How many of the eight bytes come before the first space or control character below it, 0..8. */
GRAMMAR_INLINE __u32 grammar_text_bytes(__u64 word)
{
	__u64 found = (word - 0x2121212121212121ull) & ~word & 0x8080808080808080ull;

	if (!found)
		return 8;
	/* The lowest bit found, as 1 << 8 * n, moves n into the highest byte. */
	return (__u32)((((found & -found) >> 7) * 0x0001020304050607ull) >> 56);
}

/* The byte behind the text that begins at `at`; at least `end` if nothing of the chunk ends it. */
GRAMMAR_INLINE __u32 grammar_text_end(const struct grammar_chunk *chunk, __u32 at, __u32 end)
{
	__u32 i, bytes;

	for (i = 0; i < GRAMMAR_CHUNK / 8 && at < end; i++) {
		bytes = grammar_text_bytes(grammar_load(chunk, at & (GRAMMAR_CHUNK - 1)));
		at += bytes;
		if (bytes < 8)
			break;
	}
	return at;
}

/* The number that 1..8 digits make; GRAMMAR_NO_NUMBER if another byte is among the first `bytes` of `text`. */
#define GRAMMAR_NO_NUMBER (~0ull)

GRAMMAR_INLINE __u64 grammar_number(__u64 text, __u32 bytes)
{
	__u64 mask = grammar_low_bytes(bytes);
	__u64 digits = (text & mask) - (0x3030303030303030ull & mask);

	if ((digits | (digits + 0x7676767676767676ull)) & 0x8080808080808080ull)
		return GRAMMAR_NO_NUMBER;
	digits <<= 64 - bytes * 8; /* zeros in front: eight digits, the first in the lowest byte */
	digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ffull;
	digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffffull;
	return (digits * 10000 + (digits >> 32)) & 0xffffffffull;
}

/* Byte `i` of a string literal as part of a little-endian word, zero past its end. */
#define GRAMMAR_BYTE(text, i) \
	((i) < sizeof(text) - 1 ? (__u64)(__u8)(text)[(i) % sizeof(text)] << (((i) % 8) * 8) : 0ull)
#define GRAMMAR_EIGHT(byte, text, at) \
	(byte(text, at) | byte(text, (at) + 1) | byte(text, (at) + 2) | byte(text, (at) + 3) | \
	 byte(text, (at) + 4) | byte(text, (at) + 5) | byte(text, (at) + 6) | byte(text, (at) + 7))
#define GRAMMAR_WORD(text, at) GRAMMAR_EIGHT(GRAMMAR_BYTE, text, at)

/* 0xff for each byte the literal has there. */
#define GRAMMAR_MASK_BYTE(text, i) ((i) < sizeof(text) - 1 ? 0xffull << (((i) % 8) * 8) : 0ull)
#define GRAMMAR_MASK(text, at) GRAMMAR_EIGHT(GRAMMAR_MASK_BYTE, text, at)

#endif
