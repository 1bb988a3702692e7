// SPDX-License-Identifier: GPL-2.0-only
// XDP: accepts and acknowledges PREPAREs of a backup, counts a leader's acknowledgements, passes everything else
// untouched. Loaded by bmcd.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/paxos/fast.bpf.h"

SEC("xdp.frags")
int paxos_fast(struct xdp_md *ctx)
{
	return paxos_fast_packet(ctx);
}

char license_text[] SEC("license") = "GPL";
