/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How a write ends what the store holds of its key. Called where the write arrives, after its guard is
 * raised and before memcached can see it (coherence/observe_maps.bpf.h), and by the sweep; compiles natively for
 * tests.
 *
 * Why no older entry of the key is served afterwards: the guard was raised by a full barrier, then each way
 * is looked at. A fill publishes its way pending, and after a full barrier reads the guard. One of the two
 * sees the other: either the fill sees the guard raised and takes its way back, or the way stood there,
 * pending or valid, when it was looked at, and is emptied. A fill whose pending way is emptied cannot make it valid.
 */
#ifndef BMC_STORE_WAY_KILL_H
#define BMC_STORE_WAY_KILL_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/abi/cache_hash.h"
#include "xdp/lib/shared_atomic.h"

/* Empties every way of the key's bucket that may lead to an entry of it, and perhaps one of a key with the
 * same tag. Returns how many. */
static __always_inline int bucket_kill(struct bucket *bucket, __u64 key_hash)
{
	int killed = 0;

#pragma GCC unroll 1
	for (__u32 i = 0; i < CACHE_BUCKET_WAYS; i++) {
		__u64 way = shared_load(&bucket->way[i]);

		if (!way || ((way >> WAY_TAG_SHIFT) & WAY_TAG_MASK) != cache_tag(key_hash))
			continue;
		shared_swap(&bucket->way[i], 0);
		killed++;
	}
	return killed;
}

#endif
