// SPDX-License-Identifier: GPL-2.0-only
// XDP: answers memcached's UDP gets from the cache, passes everything else untouched. Loaded by bmcd.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/cache/get.bpf.h"

SEC("xdp.frags")
int cache_get(struct xdp_md *ctx)
{
	return cache_get_packet(ctx);
}

char license_text[] SEC("license") = "GPL";
