/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which keys are asked and which values they have, as functions of numbers: both sides compute the same.
 * Included by the BPF programs (write requests, check replies) and by the C++ side (populate, check).
 * Words are little-endian, as are all machines this runs on.
 */
#ifndef BMC_LOADGEN_WORKLOAD_ABI_H
#define BMC_LOADGEN_WORKLOAD_ABI_H

#include "loadgen/loadgen_abi.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "key digits and value words are written as little-endian words"
#endif

#define WORKLOAD_INLINE static inline __attribute__((always_inline, unused))

/* The finalizer of splitmix64: every bit of the result depends on every bit of x. */
WORKLOAD_INLINE __u64 workload_mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* 64 random bits for key `position` of request `sequence`. */
WORKLOAD_INLINE __u64 workload_random(__u64 draw_seed, __u64 sequence, __u32 position)
{
	return workload_mix(draw_seed + (sequence * LOADGEN_KEYS_MAX + position) * 0x9e3779b97f4a7c15ull);
}

/* 0 <= result < count, uniform to within count / 2^32. */
WORKLOAD_INLINE __u32 workload_column(__u64 random, __u32 count)
{
	return (__u32)(((random >> 32) * count) >> 32);
}

/* The eight decimal digits of index (< 10^8) as the word that stands last in its key. */
WORKLOAD_INLINE __u64 workload_digits(__u32 index)
{
	/* Two halves of four digits, then pairs, then single digits, each step in all lanes at once;
	 * divisions by 10000, 100 and 10 as multiplications that are exact in these ranges. */
	__u64 high = ((__u64)index * 3518437209ull) >> 45;
	__u64 word = high | ((__u64)index - high * 10000) << 32;
	__u64 part = ((word * 10486) >> 20) & 0x0000007f0000007full;

	word = part | (word - part * 100) << 16;
	part = ((word * 103) >> 10) & 0x000f000f000f000full;
	word = part | (word - part * 10) << 8;
	return word + 0x3030303030303030ull;
}

#define WORKLOAD_NO_INDEX 0xffffffffu

/* The inverse of workload_digits; WORKLOAD_NO_INDEX where a byte is no digit. */
WORKLOAD_INLINE __u32 workload_index(__u64 digits)
{
	__u64 word = digits - 0x3030303030303030ull;

	if (((word + 0x7676767676767676ull) | word) & 0x8080808080808080ull)
		return WORKLOAD_NO_INDEX;
	word = word * 10 + (word >> 8);
	word = ((word & 0x000000ff000000ffull) * 0x000f424000000064ull +
		((word >> 16) & 0x000000ff000000ffull) * 0x0000271000000001ull) >> 32;
	return (__u32)word;
}

/* What all words of a key's value are made from. */
WORKLOAD_INLINE __u64 workload_value_root(__u64 value_seed, __u32 index)
{
	return workload_mix(value_seed + ((__u64)index + 1) * 0x9e3779b97f4a7c15ull);
}

/* Word `number` of the value: eight bytes of base + 0..15. A value ends inside its last word. */
WORKLOAD_INLINE __u64 workload_value_word(__u64 root, __u32 number, __u8 base)
{
	__u64 word = (root + number) * 0xd6e8feb86659fd93ull;

	word ^= word >> 32;
	return (word & 0x0f0f0f0f0f0f0f0full) + base * 0x0101010101010101ull;
}

/* Bucket of the latency histogram. */
WORKLOAD_INLINE __u32 workload_bucket(__u64 ns)
{
	__u32 exponent = 0;
	__u64 rest = ns;

	if (ns < LOADGEN_STEPS)
		return (__u32)ns;
	if (ns >> LOADGEN_LATENCY_BITS)
		return LOADGEN_BUCKETS - 1;
	/* log2 of a number below 2^36 by halving: BPF has no instruction for it. */
	if (rest >> 32) { exponent += 32; rest >>= 32; }
	if (rest >> 16) { exponent += 16; rest >>= 16; }
	if (rest >> 8) { exponent += 8; rest >>= 8; }
	if (rest >> 4) { exponent += 4; rest >>= 4; }
	if (rest >> 2) { exponent += 2; rest >>= 2; }
	if (rest >> 1) { exponent += 1; }
	return (exponent - LOADGEN_STEP_BITS + 1) * LOADGEN_STEPS +
	       (__u32)((ns >> (exponent - LOADGEN_STEP_BITS)) & (LOADGEN_STEPS - 1));
}

/* Least latency that falls into the bucket. */
WORKLOAD_INLINE __u64 workload_bucket_floor(__u32 bucket)
{
	if (bucket < LOADGEN_STEPS)
		return bucket;
	return (__u64)(LOADGEN_STEPS + bucket % LOADGEN_STEPS) << (bucket / LOADGEN_STEPS - 1);
}

/* One's complement sum folded to 16 bits. */
WORKLOAD_INLINE __u32 workload_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)sum;
}

#endif
