/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Guards: the words that say "no write since". Called by the cgroup programs and the sweep; compiles
 * natively for tests. docs/coherence.md has the protocol, model/coherence.pml checks it.
 */
#ifndef BMC_COHERENCE_GUARD_H
#define BMC_COHERENCE_GUARD_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "xdp/lib/shared_atomic.h"

/* In BPF a global function: the verifier looks at its retry loop once, not at every call. */
#ifdef __bpf__
#define COHERENCE_FUNCTION __attribute__((noinline, weak))
#else
#define COHERENCE_FUNCTION static inline
#endif

/* Tries of a compare-and-swap before the conservative way out is taken. */
#define GUARD_TRIES 64

/* More in flight than this on one word is never reached by honest use; the caller holds globally instead. */
#define GUARD_FLIGHT_LIMIT (GUARD_FLIGHT_MASK / 2)

/* A write was seen before its server can see it. Returns the word after it. */
static __always_inline __u64 guard_arrive(__u64 *word)
{
	return shared_add(word, GUARD_ARRIVE) + GUARD_ARRIVE;
}

/*
 * The write's reply leaves, or it can no longer be executed. The release time stands before the
 * word shows the release, so who sees nothing in flight also sees when the last one ended.
 * Never below zero: a release too many would take away somebody else's.
 */
COHERENCE_FUNCTION int guard_release(__u64 *word, __u64 *release_ns, __u64 now_ns)
{
	if (!word || !release_ns)
		return 0;
	shared_max(release_ns, now_ns);
	for (int i = 0; i < GUARD_TRIES; i++) {
		__u64 old = shared_load(word);

		if (!GUARD_IN_FLIGHT(old))
			return 0;
		if (shared_swap_if(word, old, old - 1) == old)
			return 1;
	}
	/* Contended beyond reason. Ours is still counted in, so this does not go below zero. */
	shared_add(word, -1ull);
	return 1;
}

/* Everything filled under the word's generation is dead; nothing is in flight because of it. */
static __always_inline void guard_bump(__u64 *word)
{
	shared_add(word, 1ull << GUARD_FLIGHT_BITS);
}

/* A bump because values changed: an older request's late reply may still carry what was there before. */
static __always_inline void guard_kill(__u64 *word, __u64 *release_ns, __u64 now_ns)
{
	shared_max(release_ns, now_ns);
	guard_bump(word);
}

/* The epoch that an entry filled now would carry. */
static __always_inline __u64 guard_epoch(__u64 global_word)
{
	return GUARD_GENERATION(global_word) & CACHE_EPOCH_MASK;
}

/* The stamp that a lease granted now would carry. */
static __always_inline __u64 guard_stamp(__u64 key_word, __u64 global_word)
{
	return (GUARD_GENERATION(key_word) + GUARD_GENERATION(global_word)) & CACHE_EPOCH_MASK;
}

/* CLOCK_MONOTONIC seconds to CACHE_DEADLINE units, rounded down; never UNKNOWN, never NEVER. */
static __always_inline __u32 deadline_from_second(__s64 second)
{
	__u64 units;

	if (second <= 0)
		return 1;
	if (second > 280000000) /* beyond what 32 bits of units hold: nine years of uptime */
		return CACHE_DEADLINE_UNKNOWN;
	units = ((__u64)second * 1000000000ull) >> CACHE_DEADLINE_SHIFT;
	return units ? (__u32)units : 1;
}

#define EXPTIME_RELATIVE_MAX (60 * 60 * 24 * 30) /* memcached's realtime(): above it, absolute */

/*
 * Second of CLOCK_MONOTONIC that an exptime seen now means at the earliest; memcached's clock has at
 * least reached clock_floor_s and may lag behind the true time, so counting from it is early, never late.
 */
static __always_inline __s64 exptime_second(__s64 exptime, __u64 clock_floor_s, __s64 wall_to_mono_s)
{
	if (exptime > EXPTIME_RELATIVE_MAX)
		return exptime + wall_to_mono_s;
	return (__s64)clock_floor_s + exptime;
}

/* What an exptime seen now means as a deadline. */
static __always_inline __u32 exptime_deadline(__s64 exptime, __u64 clock_floor_s, __s64 wall_to_mono_s)
{
	if (!exptime)
		return CACHE_DEADLINE_NEVER;
	if (exptime < 0)
		return 1;
	if (!clock_floor_s)
		return CACHE_DEADLINE_UNKNOWN;
	return deadline_from_second(exptime_second(exptime, clock_floor_s, wall_to_mono_s));
}

/* The deadline of what was current at `now_ns`, cut to max_staleness and to the earliest delayed flush_all. */
static __always_inline __u32 deadline_cut(__u32 deadline, const struct server_state *server, __u64 now_ns)
{
	__u32 cap = server->deadline_cap, flush_from = shared_load_u32(&server->flush_from);
	__u32 latest = (__u32)(now_ns >> CACHE_DEADLINE_SHIFT) + cap;

	if (deadline == CACHE_DEADLINE_UNKNOWN)
		return deadline;
	if (cap && deadline > latest)
		deadline = latest;
	if (flush_from && deadline > flush_from)
		deadline = flush_from;
	return deadline;
}

#endif
