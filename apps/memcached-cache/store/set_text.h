/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a `set` to the text that memcached will answer a get with, if only the exptime has to be left out:
 *
 *   set <key> <flags> <exptime> <bytes>\r\n<data>\r\n    ->    VALUE <key> <flags> <bytes>\r\n<data>\r\n
 *
 * Called by coherence/stage.bpf.h, which loads the parts of the packet to their places; compiles natively for tests.
 *
 *   the line to the byte SET_AT of the buffer, so that the key stands where it does in a reply;
 *   set_line_read() says where the exptime and the bytes begin;
 *   all from the bytes on over the exptime; then set_text_end(), and reply_read() judges the whole.
 */
#ifndef BMC_STORE_SET_TEXT_H
#define BMC_STORE_SET_TEXT_H

#include "apps/memcached-cache/store/reply_text.h"

#define SET_AT (REPLY_KEY_AT - 4u) /* "set " is two bytes shorter than "VALUE " */
#define SET_LINE_MIN 13u           /* "set k 0 0 0\r\n" */
#define SET_REST_MIN 5u            /* "0\r\n\r\n" */
#define SET_FLAGS_DIGITS 9u        /* of ten, not all are 32 bits, and memcached writes others back than it read */
#define SET_EXPTIME_DIGITS 10u
#define SET_LINE_MAX (4u + CACHE_KEY_MAX + 1 + SET_FLAGS_DIGITS + 1 + SET_EXPTIME_DIGITS + 1 + REPLY_BYTES_DIGITS + 2)

/* Places in the buffer. */
struct set_line {
	__u32 exptime_at;
	__u32 bytes_at;
};

static __always_inline __u8 set_byte(const __u8 *payload, __u32 at) { return payload[at & REPLY_BUFFER_MASK]; }

/* Where the digits begin that end in front of `end`; `most` of them are looked at. */
static __always_inline __u32 set_digits(const __u8 *payload, __u32 end, __u32 most)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < most; i++) {
		if ((__u32)set_byte(payload, end - 1) - '0' > 9)
			break;
		end--;
	}
	return end;
}

/* Would memcached write this number so? A space in front, a digit, and no zeros that say nothing. */
static __always_inline int set_is_canonical(const __u8 *payload, __u32 begin, __u32 end)
{
	if (begin == end || set_byte(payload, begin - 1) != ' ')
		return 0;
	return end - begin == 1 || set_byte(payload, begin) != '0';
}

/*
 * The line ends in front of `end`. Read from there, since the numbers are short. Only digits: an exptime that is
 * below zero is over. The key is reply_read()'s to judge.
 */
VERIFIED_APART int set_line_read(const struct reply_buffer *buffer, __u32 end, struct set_line *line)
{
	const __u8 *payload = (const __u8 *)buffer;
	__u32 begin;

	if (!buffer || !line || end < SET_AT + SET_LINE_MIN)
		return 0;
	if ((reply_word(payload + SET_AT) & 0xffffffff) != (reply_text_word("set \0\0\0") & 0xffffffff))
		return 0;
	end -= 2;
	if (set_byte(payload, end) != '\r' || set_byte(payload, end + 1) != '\n')
		return 0;
	begin = set_digits(payload, end, REPLY_BYTES_DIGITS);
	if (!set_is_canonical(payload, begin, end))
		return 0;
	line->bytes_at = begin;
	end = begin - 1;
	begin = set_digits(payload, end, SET_EXPTIME_DIGITS);
	if (begin == end || set_byte(payload, begin - 1) != ' ')
		return 0;
	line->exptime_at = begin;
	end = begin - 1;
	return set_is_canonical(payload, set_digits(payload, end, SET_FLAGS_DIGITS), end);
}

/* A word to any address in the buffer. */
static __always_inline void set_word(__u8 *at, __u64 word)
{
#ifdef __bpf__
	*(__u64 *)at = word;
#else
	__builtin_memcpy(at, &word, sizeof(word));
#endif
}

/* Makes it a whole reply: "VALUE " in front, and "END\r\n" at the byte `end` of the buffer. */
static __always_inline void set_text_end(struct reply_buffer *buffer, __u32 end)
{
	__u64 keep = buffer->word[CACHE_UDP_HEADER / 8] & ~0xffffffffffffull;

	buffer->word[CACHE_UDP_HEADER / 8] = keep | reply_text_word("VALUE \0");
	set_word((__u8 *)buffer + (end & REPLY_BUFFER_MASK), reply_text_word("END\r\n\0\0"));
}

/* And back to the text alone, padded with zeros. */
static __always_inline void set_text_pad(struct reply_buffer *buffer, __u32 end)
{
	set_word((__u8 *)buffer + (end & REPLY_BUFFER_MASK), 0);
}

#endif
