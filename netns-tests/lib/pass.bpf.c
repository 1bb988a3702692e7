// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets everything pass. Attached to the client's end of a veth: what the other end sends back with XDP_TX is only
 * handed over at once to a device that has an XDP program too (veth_xdp_flush()); NAPI alone (gro on) is not enough.
 * Loaded by xdp_pass.cc.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}
