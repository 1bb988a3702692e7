// SPDX-License-Identifier: GPL-2.0-only
// XDP: accepts and acknowledges PREPAREs of a backup, counts a leader's acknowledgements, passes everything else
// untouched. Loaded by bmcd.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/paxos/datagram.bpf.h"
#include "xdp/paxos/decide.bpf.h"

SEC("xdp.frags")
int paxos_fast(struct xdp_md *ctx)
{
	struct datagram datagram;
	enum paxos_fast_counter out;

	out = parse_datagram(ctx, &datagram);
	out = out ?: find_group(ctx, &datagram);
	out = out ?: read_header(&datagram);
	out = out ?: decide(&datagram);
	if (is_acknowledgement(out))
		out = send_acknowledgement(ctx, &datagram, out);
	return leave(out);
}

char license_text[] SEC("license") = "GPL";
