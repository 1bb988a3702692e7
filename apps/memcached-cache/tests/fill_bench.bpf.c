// SPDX-License-Identifier: GPL-2.0-only
// Gives each run of the fill program a lease anew, so that one test run can repeat a fill. Used by
// fill_bench.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/store/way_kill.h"
#include "tc/cache_fill.bpf.h"

struct lease granted; /* what the slot is set to before each run */
__u32 lease_slot;
__u32 guard_slot;
__u32 bucket_slot;
__u32 moves; /* 1: a write has come and gone before each run, so that it stores; 0: it compares */

static __always_inline void grant(void)
{
	struct lease *lease = bpf_map_lookup_elem(&leases, &lease_slot);
	struct guard *guard = bpf_map_lookup_elem(&guards, &guard_slot);
	struct ttl_hint *hint = bpf_map_lookup_elem(&hints, &guard_slot);
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &bucket_slot);

	if (!lease || !guard || !hint || !bucket)
		return;
	if (moves) {
		guard_bump(&guard->word);
		bucket_kill(bucket, granted.key_hash);
		hint->stamp = GUARD_GENERATION(guard->word);
	}
	*lease = granted;
	lease->stamp = GUARD_GENERATION(guard->word);
	lease->arrival_ns = bpf_ktime_get_ns();
}

SEC("tc")
int grant_only(struct __sk_buff *skb)
{
	grant();
	return TC_ACT_UNSPEC;
}

SEC("tc")
int grant_and_fill(struct __sk_buff *skb)
{
	grant();
	cache_fill_packet(skb);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int fill_only(struct __sk_buff *skb)
{
	cache_fill_packet(skb);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int nothing(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

char fill_bench_license[] SEC("license") = "GPL";
