// SPDX-License-Identifier: GPL-2.0-only
// TC egress of each served interface: memcached's replies to UDP gets fill the cache, or are compared
// with it. Observes only: the packet goes on unchanged to whatever filter stands behind.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "tc/cache_fill.bpf.h"

SEC("tc")
int cache_fill(struct __sk_buff *skb)
{
	cache_fill_packet(skb);
	return TC_ACT_UNSPEC;
}

char cache_fill_license[] SEC("license") = "GPL";
