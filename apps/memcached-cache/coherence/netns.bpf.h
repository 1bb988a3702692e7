/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet's socket is in bmcd's network namespace: the cgroup programs see those of all. Called by the
 * entry programs and by tcp_request.
 */
#ifndef BMC_NETNS_BPF_H
#define BMC_NETNS_BPF_H

#include "apps/memcached-cache/store/cache_maps.bpf.h"

/* The helper exists for cgroup_skb from 6.13 on; bmcd sets this where it is there. */
const volatile __u8 use_netns_cookie = 0;

/* Is this packet's socket in another network namespace than bmcd? Not to be asked of one that has an element in
 * `connections`: those are ours. */
static __always_inline int is_foreign(struct __sk_buff *skb)
{
	struct cache_control *config = cache_control_get();

	return use_netns_cookie && config && config->netns_cookie &&
	       bpf_get_netns_cookie(skb) != config->netns_cookie;
}

#endif
