/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * String literals as 64-bit words, for comparing tokens gathered a byte at a time.
 * Included by the two stream parsers.
 */
#ifndef BMC_GRAMMAR_WORD_H
#define BMC_GRAMMAR_WORD_H

#include <linux/types.h>

/* Byte `i` of a string literal as part of a little-endian word, zero past its end. */
#define GRAMMAR_BYTE(text, i) \
	((__u64)(__u8)(text)[(i) < sizeof(text) ? (i) : sizeof(text) - 1] << (((i) % 8) * 8))
#define GRAMMAR_EIGHT(byte, text, at) \
	(byte(text, at) | byte(text, (at) + 1) | byte(text, (at) + 2) | byte(text, (at) + 3) | \
	 byte(text, (at) + 4) | byte(text, (at) + 5) | byte(text, (at) + 6) | byte(text, (at) + 7))
#define GRAMMAR_WORD(text, at) GRAMMAR_EIGHT(GRAMMAR_BYTE, text, at)

/* 0xff for each byte the literal has there. */
#define GRAMMAR_MASK_BYTE(text, i) ((i) < sizeof(text) - 1 ? 0xffull << (((i) % 8) * 8) : 0ull)
#define GRAMMAR_MASK(text, at) GRAMMAR_EIGHT(GRAMMAR_MASK_BYTE, text, at)

#endif
