// SPDX-License-Identifier: GPL-2.0-only
// Lets one test run repeat a program that turns its packet into the answer: writes the request anew each
// time, then calls the program under test. Used by xdp_bench.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define REQUEST_MAX 1514u

__u8 request[REQUEST_MAX];
__u32 request_bytes;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

SEC("xdp.frags")
int replay(struct xdp_md *ctx)
{
	__u32 bytes = request_bytes;

	if (bytes < 14 || bytes > REQUEST_MAX)
		return XDP_ABORTED;
	bpf_xdp_adjust_tail(ctx, (int)bytes - (int)bpf_xdp_get_buff_len(ctx));
	if (bpf_xdp_store_bytes(ctx, 0, request, bytes))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

/* What XDP costs when it does nothing. */
SEC("xdp.frags")
int nothing(struct xdp_md *ctx)
{
	return XDP_TX;
}

char license_text[] SEC("license") = "GPL";
