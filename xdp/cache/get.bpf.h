/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet's whole way through the cache, from its first byte to XDP's verdict. Called by the entry programs
 * cache_get and cache_and_paxos.
 */
#ifndef BMC_XDP_GET_BPF_H
#define BMC_XDP_GET_BPF_H

#include "xdp/cache/admission.bpf.h"
#include "xdp/cache/answer.bpf.h"
#include "xdp/cache/multiget.bpf.h"
#include "xdp/cache/request.bpf.h"
#include "xdp/cache/sample.bpf.h"

static __always_inline int cache_get_packet(struct xdp_md *ctx)
{
	struct request request;
	struct cache_hit hit;
	enum cache_counter out;

	out = parse_request(ctx, &request);
	out = out ?: find_server(ctx, &request);
	out = out ?: admit_source(ctx, &request);
	out = out ?: read_request(ctx, &request);
	out = out ?: look_up(&request, &hit);
	out = out ?: send_reply(ctx, &request, &hit);
	sample_key(request.config, out);
	out = out == STEP_MANY_KEYS ? (enum cache_counter)cache_answer_many(ctx) : out;
	count(out);
	return out == CACHE_TX_HIT ? XDP_TX : XDP_PASS;
}

#endif
