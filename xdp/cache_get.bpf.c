// SPDX-License-Identifier: GPL-2.0-only
// XDP: answers memcached's UDP gets from the cache, passes everything else untouched. Loaded by bmcd.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/cache/admission.bpf.h"
#include "xdp/cache/answer.bpf.h"
#include "xdp/cache/multiget.bpf.h"
#include "xdp/cache/request.bpf.h"
#include "xdp/cache/sample.bpf.h"

SEC("xdp.frags")
int cache_get(struct xdp_md *ctx)
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

char license_text[] SEC("license") = "GPL";
