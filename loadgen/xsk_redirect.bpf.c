// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hands the replies to this generator to its AF_XDP sockets, one for each queue of the interface; everything else goes
 * on. Loaded by xsk_redirect.cc.
 */
#include "loadgen/config.bpf.h"

#define QUEUES_MAX 64

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

SEC("xdp")
int redirect_reply(struct xdp_md *ctx)
{
	struct reply reply = {};

	return is_ours(ctx, &reply) ? (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}
