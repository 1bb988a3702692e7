// SPDX-License-Identifier: GPL-2.0-only
/*
 * The load generator in the kernel: writes requests on the client's interface, counts and checks the replies
 * that arrive there. Loaded by kernel_transport.cc; the tests run both programs over BPF_PROG_TEST_RUN.
 */
#include "loadgen/check.bpf.h"
#include "loadgen/generate.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int generate_request(struct xdp_md *ctx)
{
	__u64 sequence;
	int verdict;

	pace.runs++;
	if (!take_due() || !next_sequence(pace.clock_ns, &sequence))
		return XDP_DROP;
	verdict = write_request(ctx, sequence);
	pace.remaining--;
	pace.sent++;
	return verdict;
}

SEC("xdp")
int check_reply(struct xdp_md *ctx)
{
	struct reply reply = {};
	__u32 zero = 0, fault;
	struct loadgen_stats *mine = bpf_map_lookup_elem(&stats, &zero);
	__u64 now = bpf_ktime_get_ns();
	bool done = false;

	if (!mine || !is_ours(ctx, &reply))
		return XDP_PASS;
	fault = check_envelope(ctx, &reply);
	if (fault == REPLY_OK)
		fault = find_request(ctx, &reply, now);
	if (fault == REPLY_OK && reply.slot)
		fault = config.expect == LOADGEN_EXPECT_ECHO ? check_echo(ctx, &reply, &done)
							    : check_values(ctx, &reply, &done);
	if (fault != LOADGEN_LATE)
		mine->counter[LOADGEN_CHECKED]++;
	count(mine, fault);
	if (done && reply.slot)
		finish(&reply, mine, now);
	return XDP_DROP;
}
