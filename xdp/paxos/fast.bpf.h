/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet's whole way through the fast path of the replicated log, from its first byte to XDP's verdict. Called by the
 * entry programs paxos_fast and cache_and_paxos.
 */
#ifndef BMC_XDP_PAXOS_FAST_BPF_H
#define BMC_XDP_PAXOS_FAST_BPF_H

#include "xdp/paxos/datagram.bpf.h"
#include "xdp/paxos/decide.bpf.h"

static __always_inline int paxos_fast_packet(struct xdp_md *ctx)
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

#endif
