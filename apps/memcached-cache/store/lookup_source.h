/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Who may be answered, and how often: the allow-list and the budget of one source. Called by the XDP
 * program; bmcd fills map `allowed` with these keys, tests run the budget natively.
 */
#ifndef BMC_LOOKUP_SOURCE_H
#define BMC_LOOKUP_SOURCE_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "xdp/lib/shared_atomic.h"

#define ALLOWED_PREFIXES_MAX 4096u
#define ALLOWED_BITS_MAX 128u       /* IPv4 a.b.c.d/n is ::ffff:a.b.c.d/(96 + n) */
#define SOURCES_MAX 16384u          /* sources with a budget; the least recently used is forgotten */
#define SOURCE_TRIES 4              /* of a compare-and-swap; then another CPU's reply counts */
#define SOURCE_BURST_NS 100000000ull /* replies of this time may come at once */

/* Key of map `allowed` (LPM trie, value __u32 ignored). Writer: bmcd. */
struct allowed_prefix {
	__u32 bits;
	__u32 addr_be[4];
};
CACHE_ABI_ASSERT(sizeof(struct allowed_prefix) == 20, "allowed_prefix");

/* Key of map `sources`. */
struct source_address {
	__u32 addr_be[4];
};

/* Value of map `sources`: when the replies already given are paid for. Writer: XDP, compare-and-swap. */
struct source_budget {
	__u64 paid_until_ns;
};

/*
 * Takes one reply from a source's budget of `per_second` > 0 (GCRA: one number instead of a bucket and
 * a time). 0 if it is used up, or if other CPUs took from it at the same moment.
 */
static __always_inline int source_budget_take(struct source_budget *budget, __u32 per_second, __u64 now_ns)
{
	__u64 interval = 1000000000ull / per_second;
	__u64 burst = interval > SOURCE_BURST_NS ? interval : SOURCE_BURST_NS;
	__u64 earliest = now_ns > burst ? now_ns - burst : 0;
	__u64 paid = shared_load(&budget->paid_until_ns);

	for (int i = 0; i < SOURCE_TRIES; i++) {
		__u64 next = (paid > earliest ? paid : earliest) + interval, found;

		if (next > now_ns)
			return 0;
		found = shared_swap_if(&budget->paid_until_ns, paid, next);
		if (found == paid)
			return 1;
		paid = found;
	}
	return 0;
}

#endif
