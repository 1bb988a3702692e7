/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of the generator: is a request due, which, write it. Used by loadgen.bpf.c.
 *
 * The program runs over BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES on one CPU, back to back; a run in
 * which nothing is due costs some 50 ns and returns XDP_DROP. So the kernel's loop is the clock, and a load
 * of any rate leaves evenly spaced. Frames come back from the far end with whatever it wrote and as long as it
 * made them, so every byte is written. The frame is given LOADGEN_TAIL_SPARE bytes longer than a request
 * and cut here each time: a frame whose bounds moved is one whose bounds the kernel restores before its next use.
 */
#ifndef BMC_LOADGEN_GENERATE_BPF_H
#define BMC_LOADGEN_GENERATE_BPF_H

#include "loadgen/state.bpf.h"

#define SLOT_ATTEMPTS 8
#define DUE_AT_ONCE 8

/* Looks at the clock and counts what is due, DUE_AT_ONCE at most. What is later than the depth is forfeited, not sent
 * in a burst. */
static __always_inline void look_at_clock(void)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 elapsed_q10, late_q10;

	pace.clock_ns = now;
	if (!pace.active || now < pace.start_ns || now >= pace.end_ns)
		return;
	elapsed_q10 = (now - pace.start_ns) << 10;
	if (pace.next_q10 > elapsed_q10)
		return;
	late_q10 = elapsed_q10 - pace.next_q10;
	if (late_q10 > pace.depth_q10) {
		pace.next_q10 = elapsed_q10 - pace.depth_q10;
		late_q10 = pace.depth_q10;
	}
	for (pace.due = 1; pace.due < DUE_AT_ONCE && late_q10 >= pace.interval_q10; pace.due++)
		late_q10 -= pace.interval_q10;
	pace.next_q10 += pace.due * pace.interval_q10;
}

/* Takes one request from the schedule. At high rates several are due at each look at the clock, which costs as much as
 * writing a request does; the last of them carries a time some hundred nanoseconds old. */
static __always_inline bool take_due(void)
{
	if (!pace.due)
		look_at_clock();
	if (!pace.due || !pace.remaining)
		return false;
	pace.due--;
	return true;
}

/* Marks the slot of `sequence` as outstanding; false when its last request may still be answered. */
static __always_inline bool take_slot(__u64 sequence, __u64 now)
{
	__u32 index = (__u32)sequence & config.slot_mask;
	struct loadgen_slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot)
		return false;
	if (slot->outstanding) {
		if (now - slot->sent_ns < config.lost_after_ns)
			return false;
		pace.overwritten++;
	}
	slot->sequence = sequence;
	slot->sent_ns = now;
	slot->position = 0;
	slot->found = 0;
	barrier();
	slot->outstanding = 1;
	return true;
}

/* Numbers the next request; a slot that waits for a lost reply is passed over. False when many in a row wait. */
static __always_inline bool next_sequence(__u64 now, __u64 *sequence)
{
	for (int attempt = 0; attempt < SLOT_ATTEMPTS; attempt++) {
		*sequence = pace.sequence++;
		if (take_slot(*sequence, now))
			return true;
	}
	pace.stalled++;
	return false;
}

/* Copies the constant part of the request. The caller has checked that frame_size bytes are there. */
static __always_inline void copy_frame(__u8 *to)
{
	__u32 size = config.frame_size;
	__u32 at = 0;

	for (; at + 8 <= size && at + 8 <= LOADGEN_FRAME_MAX; at += 8)
		*(__u64 *)(to + at) = *(const volatile __u64 *)(config.frame + at);
	for (; at < size && at < LOADGEN_FRAME_MAX; at++)
		to[at] = config.frame[at];
}

/* Writes the digits of all keys of the request; returns the sum they add to the UDP checksum. */
static __always_inline __u64 write_keys(__u8 *frame, __u64 sequence)
{
	__u32 at = config.udp_offset + sizeof(struct udphdr) + LOADGEN_FRAME_HEADER + 4 /* "get " */ +
		   config.key_size - LOADGEN_KEY_DIGITS;
	__u64 even = 0, odd = 0;

	for (__u32 position = 0; position < LOADGEN_KEYS_MAX; position++) {
		__u64 digits;

		if (position >= config.keys_per_request || at + 8 > config.frame_size)
			break;
		digits = workload_digits(asked_key(sequence, position));
		*(__u64 *)(frame + at) = digits;
		if ((at - config.udp_offset) & 1)
			odd += (digits & 0xffffffff) + (digits >> 32);
		else
			even += (digits & 0xffffffff) + (digits >> 32);
		at += config.key_size + 1;
	}
	/* A word at an odd offset adds to the sum with its bytes swapped (RFC 1071). */
	return even + bpf_htons((__u16)workload_fold(odd));
}

static __always_inline int write_request(struct xdp_md *ctx, __u64 sequence)
{
	__u32 id = bpf_htons((__u16)(sequence >> config.port_bits));
	__u32 port = bpf_htons((__u16)(pace.port_base + (sequence & ((1u << config.port_bits) - 1))));
	__u32 udp = config.udp_offset;
	__u8 *frame;
	__u64 sum;

	if (bpf_xdp_adjust_tail(ctx, -(int)LOADGEN_TAIL_SPARE))
		return XDP_ABORTED;
	frame = (__u8 *)(long)ctx->data;
	if ((void *)(frame + config.frame_size) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	copy_frame(frame);
	sum = config.udp_sum + id + port + write_keys(frame, sequence);
	sum = ~workload_fold(sum) & 0xffff;
	*(__u16 *)(frame + udp) = (__u16)port;
	*(__u16 *)(frame + udp + 6) = sum ? (__u16)sum : 0xffff;
	*(__u16 *)(frame + udp + 8) = (__u16)id;
	return XDP_TX;
}

#endif
