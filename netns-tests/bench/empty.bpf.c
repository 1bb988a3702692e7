// SPDX-License-Identifier: GPL-2.0-only
/* What a program costs that does nothing: the floor of ns per run. Loaded by program_cases.cc. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags")
int empty(struct xdp_md *ctx)
{
	return XDP_DROP;
}
