// SPDX-License-Identifier: GPL-2.0-only
// XDP: paxos_fast, and for what that passes cache_get, on one interface. Loaded by bmcd where both are on, with the
// maps of both. The only program that knows both.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/cache/get.bpf.h"
#include "xdp/paxos/fast.bpf.h"

/* Not static: each is verified by itself, as it is alone, and not once more for every way through the other. */
__noinline int paxos_fast_step(struct xdp_md *ctx)
{
	return paxos_fast_packet(ctx);
}

__noinline int cache_get_step(struct xdp_md *ctx)
{
	return cache_get_packet(ctx);
}

SEC("xdp.frags")
int cache_and_paxos(struct xdp_md *ctx)
{
	int verdict = paxos_fast_step(ctx);

	return verdict == XDP_PASS ? cache_get_step(ctx) : verdict;
}

char license_text[] SEC("license") = "GPL";
