// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream parsers in the kernel, for tests only: `grammar_stream` parses the stream in map `run`,
 * `grammar_line` a packet's payload (to be timed; `grammar_nothing` is what that costs without it).
 * Run over BPF_PROG_TEST_RUN by grammar_bpf_fuzz; only loaded by the verifier test on old kernels.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/grammar/reply_parser.h"
#include "apps/memcached-cache/grammar/request_parser.h"
#include "apps/memcached-cache/grammar/tests/grammar_run.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct grammar_run);
} run SEC(".maps");

struct line_state {
	struct request_parser parser;
	struct request_command command;
	struct grammar_chunk chunk;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct line_state);
} line SEC(".maps");

static struct grammar_run *the_run(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&run, &zero);
}

/* Passes over the value ahead as callers do. Returns true if there was one. */
static __always_inline int pass_value(struct grammar_run *r, __u64 *skip)
{
	__u64 left = r->length - r->offset;

	if (!*skip)
		return 0;
	if (left > *skip)
		left = *skip;
	*skip -= left;
	r->offset += (__u32)left;
	return 1;
}

/* The next piece of the stream. Returns its size. */
static __always_inline __u32 next_piece(struct grammar_run *r, __u32 step, struct grammar_chunk *chunk)
{
	__u32 left = r->length - r->offset;
	__u32 size = r->pieces[step & (GRAMMAR_RUN_PIECES - 1)];

	for (__u32 i = 0; i < sizeof(chunk->bytes); i++)
		chunk->bytes[i] = r->bytes[(r->offset + i) & (GRAMMAR_RUN_BYTES - 1)];
	return size < left ? size : left;
}

static long stream_step(__u32 step, void *unused)
{
	struct grammar_run *r = the_run();
	struct grammar_chunk chunk = {};
	struct grammar_run_event *event;
	__u32 size, at;

	if (!r || r->lost || r->offset >= r->length)
		return 1;
	if (pass_value(r, r->replies ? &r->reply.skip : &r->request.skip))
		return 0;
	size = next_piece(r, step, &chunk);
	at = r->events;
	if (at >= GRAMMAR_RUN_EVENTS)
		return 1;
	event = &r->event[at];
	if (r->replies) {
		event->what = (__u32)reply_feed(&r->reply, &chunk, 0, size, &event->reply);
		r->offset += event->reply.next;
		r->events += event->what == REPLY_COMPLETE;
	} else {
		event->what = (__u32)request_feed(&r->request, &chunk, 0, size, &event->command);
		r->offset += event->command.next;
		r->events += event->what == REQUEST_COMMAND || event->what == REQUEST_KEY;
	}
	event->end = r->offset;
	r->lost = event->what == REQUEST_LOST;
	return 0;
}

SEC("tc")
int grammar_stream(struct __sk_buff *skb)
{
	struct grammar_run *r = the_run();

	if (!r)
		return 1;
	request_parser_init(&r->request, r->seed);
	reply_parser_init(&r->reply);
	r->offset = 0;
	r->events = 0;
	r->lost = 0;
	bpf_loop(4 * GRAMMAR_RUN_BYTES, stream_step, 0, 0);
	r->skip = r->replies ? r->reply.skip : r->request.skip;
	r->pending = request_pending_bytes(&r->request);
	r->boundary = (__u32)(r->replies ? reply_at_boundary(&r->reply) : request_at_boundary(&r->request));
	return 0;
}

static __always_inline int line_run(struct __sk_buff *skb, int feed)
{
	__u32 zero = 0;
	struct line_state *state = bpf_map_lookup_elem(&line, &zero);
	__u64 length;

	if (!state || skb->len <= 14 || skb->len > 14 + GRAMMAR_CHUNK)
		return -1;
	length = ((skb->len - 15) & (GRAMMAR_CHUNK - 1)) + 1; /* in a form that Linux 6.1 believes */
	request_parser_init(&state->parser, 1);
	if (bpf_skb_load_bytes(skb, 14, state->chunk.bytes, (__u32)length))
		return -1;
	if (!feed)
		return 0;
	return request_feed(&state->parser, &state->chunk, 0, (__u32)length, &state->command);
}

SEC("tc")
int grammar_line(struct __sk_buff *skb)
{
	return line_run(skb, 1);
}

SEC("tc")
int grammar_nothing(struct __sk_buff *skb)
{
	return line_run(skb, 0);
}
