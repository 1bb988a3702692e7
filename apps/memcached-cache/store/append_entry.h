/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Comparing a stored entry with a reply's text, a word at a time. Called by append.h (is it this
 * key?) and by the fill program (does memcached still say the same?).
 *
 * A text is given as words: "VALUE <key> <flags> <bytes>\r\n<data>\r\n" in a buffer of TEXT_WORDS words.
 */
#ifndef BMC_STORE_APPEND_ENTRY_H
#define BMC_STORE_APPEND_ENTRY_H

#include "apps/memcached-cache/store/append_view.h"

#define TEXT_KEY_AT 6u                        /* "VALUE " */

#define ENTRY_KEY_SHIFT 48u
#define ENTRY_SERVER_SHIFT 56u

static __always_inline __u64 entry_epoch_key(__u64 epoch, __u32 key_len, __u32 server)
{
	return (epoch & CACHE_EPOCH_MASK) | ((__u64)key_len << ENTRY_KEY_SHIFT) |
	       ((__u64)server << ENTRY_SERVER_SHIFT);
}

/* What of an entry's header does not change; read at once. */
struct entry_header {
	__u64 epoch_key;
	__u32 deadline;
	__u32 text_len;
};

static __always_inline struct entry_header entry_read(const struct entry_words *entry)
{
	__u64 second = shared_load(&entry->header[1]); /* deadline, text_len, text_sum */
	struct entry_header header = {};

	header.epoch_key = shared_load(&entry->header[0]);
	header.deadline = (__u32)second;
	header.text_len = (__u32)(second >> 32) & 0xffff;
	return header;
}

/* Are the first `bytes` bytes, at most CACHE_TEXT_MAX, of the entry's text equal to the text? */
VERIFIED_APART int entry_text_equal(const struct entry_words *entry, const struct text_words *text,
				    __u32 bytes)
{
	__u64 words = bytes / 8;
	__u32 rest = bytes % 8;

	if (!entry || !text || words >= TEXT_WORDS)
		return 0;
	asm volatile("" : "+r"(words)); /* so that the bound just checked is that of what is used below */
#pragma GCC unroll 1
	for (__u64 i = 0; i < TEXT_WORDS; i++) {
		if (i >= words)
			break;
		if (shared_load(&entry->word[i]) != text->word[i])
			return 0;
	}
	if (!rest)
		return 1;
	return (shared_load(&entry->word[words]) ^ text->word[words]) << (64 - 8 * rest) == 0;
}

/* A one's complement sum of 32-bit halves, to 16 bits. */
static __always_inline __u32 text_sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

/* Folded one's complement sum of `words` words of the entry's text, the last one padded with zeros. */
VERIFIED_APART __u32 entry_text_sum(const struct entry_words *entry, __u32 words)
{
	__u64 sum = 0;

	if (!entry)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < TEXT_WORDS; i++) {
		__u64 word;

		if (i >= words)
			break;
		word = shared_load(&entry->word[i]);
		sum += (__u32)word;
		sum += word >> 32;
	}
	return text_sum_fold(sum);
}

/* Writes `words` words of the text, the last one padded with zeros, into the entry. Returns their sum, as above. */
VERIFIED_APART __u32 entry_text_write(struct entry_words *entry, const struct text_words *text, __u32 words)
{
	__u64 sum = 0;

	if (!entry || !text)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < TEXT_WORDS; i++) {
		__u64 word;

		if (i >= words)
			break;
		word = text->word[i];
		shared_store(&entry->word[i], word);
		sum += (__u32)word;
		sum += word >> 32;
	}
	return text_sum_fold(sum);
}

#endif
