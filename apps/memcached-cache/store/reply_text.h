/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The form of memcached's reply to a get of one key, and its parts. Called by the fill program on a copy
 * of the datagram, and for the value of a write on what memcached will answer; compiles natively for its test.
 */
#ifndef BMC_STORE_REPLY_TEXT_H
#define BMC_STORE_REPLY_TEXT_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/append_view.h"
#include "xdp/lib/shared_atomic.h"

/* The copy's buffer: every masked position is inside, and a word read there too. */
#define REPLY_BUFFER_MASK 2047u
#define REPLY_BUFFER_WORDS ((REPLY_BUFFER_MASK + 1) / 8 + 1)

#define REPLY_KEY_AT (CACHE_UDP_HEADER + 6u) /* behind the frame header and "VALUE " */
#define REPLY_FLAGS_DIGITS 20u               /* 64 bits, should memcached be built so */
#define REPLY_BYTES_DIGITS 4u                /* at most CACHE_TEXT_MAX */
#define REPLY_TAIL_BYTES 7u                  /* "\r\nEND\r\n" */

/* A copy of the UDP payload: the frame header is one word, so the text stands at an aligned place. */
struct reply_buffer {
	__u64 word[REPLY_BUFFER_WORDS];
};

enum text_shape {
	TEXT_OTHER = 0, /* anything else: an error, a second VALUE, a cas field, another command's reply */
	TEXT_MISS = 1,  /* "END\r\n" */
	TEXT_VALUE = 2, /* "VALUE <key> <flags> <bytes>\r\n<data>\r\nEND\r\n" and not a byte more */
};

/* Valid for TEXT_VALUE only. */
struct reply_value {
	__u64 key_hash;
	__u32 key_len;  /* 1 .. CACHE_KEY_MAX */
	__u32 text_len; /* without "END\r\n"; at most CACHE_TEXT_MAX */
};

static __always_inline __u64 reply_word(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u64 *)at; /* a memcpy would become eight loads */
#else
	__u64 word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
#endif
}

/* High bit of each zero byte; exact for the lowest one. */
static __always_inline __u64 zero_bytes(__u64 word)
{
	return (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
}

/* Finds the space that ends the key and hashes the key. Returns 0 if there is none in time. */
static __always_inline int reply_read_key(const __u8 *payload, __u64 seed, struct reply_value *value)
{
	__u64 hash = seed;

#pragma GCC unroll 1
	for (__u32 i = 0; i < CACHE_KEY_MAX / 8 + 1; i++) {
		__u64 word = reply_word(payload + REPLY_KEY_AT + 8 * i);
		__u64 spaces = zero_bytes(word ^ 0x2020202020202020ull);
		__u64 before; /* all bits of the bytes before the first space */

		if (!spaces) {
			hash = cache_hash_word(hash, word);
			continue;
		}
		before = ((spaces & -spaces) >> 7) - 1;
		if (before)
			hash = cache_hash_word(hash, word & before);
		/* Read back from memory, where the verifier forgets by which turn of the loop it came. */
		value->key_len =
			8 * i + (__u32)(((before & 0x0101010101010101ull) * 0x0101010101010101ull) >> 56);
		value->key_hash = cache_hash_finish(hash, shared_load_u32(&value->key_len));
		return 1;
	}
	return 0;
}

/* Reads 1..digits digits at *at and the byte `end` behind them; moves *at past both. */
static __always_inline int reply_read_number(const __u8 *payload, __u32 *at, __u32 digits, char end,
					     __u64 *number)
{
	__u32 begin = *at;

	*number = 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < digits; i++) {
		__u32 digit = (__u32)payload[*at & REPLY_BUFFER_MASK] - '0';

		if (digit > 9)
			break;
		*number = *number * 10 + digit;
		*at += 1;
	}
	if (*at == begin || payload[*at & REPLY_BUFFER_MASK] != end)
		return 0;
	*at += 1;
	return 1;
}

/* Seven characters as a word, the first in the lowest byte. */
static __always_inline __u64 reply_text_word(const char *text)
{
	__u64 word = 0;

	for (int i = 6; i >= 0; i--)
		word = word << 8 | (__u8)text[i];
	return word;
}

/*
 * buffer: UDP payload, frame header included, of which `length` bytes are the datagram's; what stands
 * behind them may be anything. seed: the server's hash_seed.
 * The frame header is not looked at.
 */
VERIFIED_APART enum text_shape reply_read(const struct reply_buffer *buffer, __u32 length, __u64 seed,
					   struct reply_value *value)
{
	const __u8 *payload = (const __u8 *)buffer;
	__u64 first, number;
	__u32 at;

	if (!buffer || !value)
		return TEXT_OTHER;
	first = reply_word(payload + CACHE_UDP_HEADER);

	if (length == CACHE_UDP_HEADER + CACHE_END_BYTES)
		return (first & 0xffffffffffull) == reply_text_word("END\r\n\0\0") ? TEXT_MISS : TEXT_OTHER;
	if (length > CACHE_REPLY_MAX || length < REPLY_KEY_AT + REPLY_TAIL_BYTES)
		return TEXT_OTHER;
	if ((first & 0xffffffffffffull) != reply_text_word("VALUE \0"))
		return TEXT_OTHER;
	if (!reply_read_key(payload, seed, value))
		return TEXT_OTHER;
	at = shared_load_u32(&value->key_len);
	if (!at || at > CACHE_KEY_MAX)
		return TEXT_OTHER;
	at += REPLY_KEY_AT + 1;
	if (!reply_read_number(payload, &at, REPLY_FLAGS_DIGITS, ' ', &number) ||
	    !reply_read_number(payload, &at, REPLY_BYTES_DIGITS, '\r', &number))
		return TEXT_OTHER;
	if (payload[at & REPLY_BUFFER_MASK] != '\n' || at + 1 + number + REPLY_TAIL_BYTES != length)
		return TEXT_OTHER;
	if (reply_word(payload + ((length - 8) & REPLY_BUFFER_MASK)) >> 8 != reply_text_word("\r\nEND\r\n"))
		return TEXT_OTHER;
	value->text_len = length - CACHE_UDP_HEADER - CACHE_END_BYTES;
	return TEXT_VALUE;
}

#endif
