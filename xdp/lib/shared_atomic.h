/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The few atomic operations on memory that several CPUs share, the same by name in BPF programs and
 * in native code (bmcd, stress tests, the simulators). Included by the headers of both apps.
 *
 * Every operation that returns a value is a full barrier in both worlds; the loads order nothing
 * after them on weakly ordered machines unless said. Natively all are the compiler's __atomic
 * builtins, so ThreadSanitizer knows them.
 */
#ifndef BMC_SHARED_ATOMIC_H
#define BMC_SHARED_ATOMIC_H

#include <linux/types.h>

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifdef __bpf__

static __always_inline __u64 shared_load(const __u64 *word) { return *(const volatile __u64 *)word; }
static __always_inline __u32 shared_load_u32(const __u32 *word) { return *(const volatile __u32 *)word; }
static __always_inline void shared_store(__u64 *word, __u64 value) { *(volatile __u64 *)word = value; }
static __always_inline void shared_store_u32(__u32 *word, __u32 value) { *(volatile __u32 *)word = value; }

/* Puts `desired` if the word is `expected`; returns what was there. */
static __always_inline __u64 shared_swap_if(__u64 *word, __u64 expected, __u64 desired)
{
	return __sync_val_compare_and_swap(word, expected, desired);
}

static __always_inline __u32 shared_swap_if_u32(__u32 *word, __u32 expected, __u32 desired)
{
	return __sync_val_compare_and_swap(word, expected, desired);
}

static __always_inline __u64 shared_swap(__u64 *word, __u64 value)
{
	return __sync_lock_test_and_set(word, value);
}

/* The asm keeps the fetching form of the instruction: only that one is a full barrier. */
static __always_inline __u64 shared_add(__u64 *word, __u64 value)
{
	__u64 before = __sync_fetch_and_add(word, value);

	asm volatile("" : "+r"(before));
	return before;
}

static __always_inline __u32 shared_add_u32(__u32 *word, __u32 value)
{
	__u32 before = __sync_fetch_and_add(word, value);

	asm volatile("" : "+r"(before));
	return before;
}

static __always_inline __u64 shared_or(__u64 *word, __u64 bits)
{
	__u64 before = __sync_fetch_and_or(word, bits);

	asm volatile("" : "+r"(before));
	return before;
}

#else

static inline __u64 shared_load(const __u64 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline __u32 shared_load_u32(const __u32 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void shared_store(__u64 *word, __u64 value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

static inline void shared_store_u32(__u32 *word, __u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline __u64 shared_swap_if(__u64 *word, __u64 expected, __u64 desired)
{
	__atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return expected;
}

static inline __u32 shared_swap_if_u32(__u32 *word, __u32 expected, __u32 desired)
{
	__atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return expected;
}

static inline __u64 shared_swap(__u64 *word, __u64 value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline __u64 shared_add(__u64 *word, __u64 value)
{
	return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}

static inline __u32 shared_add_u32(__u32 *word, __u32 value)
{
	return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}

static inline __u64 shared_or(__u64 *word, __u64 bits)
{
	return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

#endif

#define SHARED_MAX_TRIES 8

/*
 * Raises the word to at least `value`. Each failed try means that another CPU raised it meanwhile;
 * should that ever happen too often, an OR gives a number that is not below either, which is on the
 * safe side for every user (they compare "later than").
 */
static __always_inline void shared_max(__u64 *word, __u64 value)
{
	__u64 seen = shared_load(word);

#pragma GCC unroll 1
	for (int i = 0; i < SHARED_MAX_TRIES; i++) {
		__u64 before;

		if (seen >= value)
			return;
		before = shared_swap_if(word, seen, value);
		if (before == seen)
			return;
		seen = before;
	}
	shared_or(word, value);
}

#endif
