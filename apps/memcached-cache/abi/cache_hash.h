/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The one hash of a key: 64 bits, seeded, a word at a time. Streaming parsers feed words as they
 * fill up; the XDP program hashes a zero-padded buffer. Both give the same number.
 */
#ifndef BMC_CACHE_HASH_H
#define BMC_CACHE_HASH_H

#include <linux/types.h>

/* Takes in eight key bytes, the first in the lowest byte (the last word is padded with zeros). */
static inline __u64 cache_hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdull;
	return hash ^ (hash >> 32);
}

/* After the last word: the length tells keys apart that differ only in padding. */
static inline __u64 cache_hash_finish(__u64 hash, __u32 length)
{
	hash = (hash ^ length) * 0xc4ceb9fe1a85ec53ull;
	hash ^= hash >> 29;
	hash *= 0xff51afd7ed558ccdull;
	return hash ^ (hash >> 32);
}

/* Disjoint parts of the hash choose the guard (bits 0-20), the bucket (21-52) and the tag (54-63). */
static inline __u32 cache_guard_index(__u64 hash, __u32 guard_mask) { return (__u32)hash & guard_mask; }

static inline __u32 cache_bucket_index(__u64 hash, __u32 bucket_count)
{
	return (__u32)(((hash >> 21) & 0xffffffffull) * bucket_count >> 32);
}

static inline __u64 cache_tag(__u64 hash) { return hash >> 54; }

/*
 * Keep-alive: memcached is shown one get of a hot entry each `ticks` (keepalive_ticks, 0: none). What it was last shown
 * is kept in 8 bits of ticks: after 256 of them without a get one keep-alive may be missed. A clock that lags
 * a tick behind (XDP reads the coarse one) makes nothing due.
 */
static inline __u8 cache_keepalive_tick(__u64 now_ns, __u32 shift) { return (__u8)(now_ns >> (shift & 63)); }

static inline int cache_keepalive_due(__u8 tick, __u8 passed, __u32 ticks)
{
	return ticks != 0 && (__u8)(tick - passed + 1) > ticks;
}

/*
 * For an entry that is new: an age of the key's own, as if memcached had been shown it one tick ago or more. Else
 * what was stored in one moment would be due in one, and memcached would get all its requests.
 */
static inline __u8 cache_keepalive_start(__u64 now_ns, __u64 key_hash, __u32 shift, __u32 ticks)
{
	__u32 age = (__u32)((key_hash & 0xffff) * ticks >> 16);

	return (__u8)(cache_keepalive_tick(now_ns, shift) - age);
}

/* Slot of an address in cache_control.address (a power of two of slots). */
static inline __u32 cache_address_slot(const __u32 addr_be[4], __u32 port_be, __u32 seed, __u32 slots)
{
	__u64 hash = cache_hash_word(seed, ((__u64)addr_be[0] << 32) | addr_be[1]);

	hash = cache_hash_word(hash, ((__u64)addr_be[2] << 32) | addr_be[3]);
	return (__u32)(cache_hash_word(hash, port_be) >> 7) & (slots - 1);
}

#endif
