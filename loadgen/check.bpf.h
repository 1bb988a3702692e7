/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of the checker: is it a reply to this run, to which request, is every byte right. Used by loadgen.bpf.c.
 * Each returns enum loadgen_counter where something is wrong, or REPLY_OK.
 */
#ifndef BMC_LOADGEN_CHECK_BPF_H
#define BMC_LOADGEN_CHECK_BPF_H

#include "loadgen/state.bpf.h"

#define REPLY_OK LOADGEN_COUNTER_COUNT
#define END_TEXT 0x0a0d444e45ull /* "END\r\n" */
#define END_SIZE 5u

static __always_inline void count(struct loadgen_stats *mine, __u32 counter)
{
	/* One register for test and index: 6.1's verifier does not carry bounds from one copy to another. */
	asm volatile("" : "+r"(counter));
	if (counter < LOADGEN_COUNTER_COUNT)
		mine->counter[counter]++;
}

/* Sum of the 16-bit words of the UDP datagram, the last byte padded. The kernel has no helper for it in XDP that
 * takes more than 512 bytes on our floor. */
static __always_inline __u64 datagram_sum(struct xdp_md *ctx, struct reply *reply)
{
	__u8 *at = (__u8 *)(long)ctx->data + reply->udp;
	void *end = (void *)(long)ctx->data_end;
	__u32 left = reply->udp_size;
	__u64 sum = 0;

	for (__u32 word = 0; word < LOADGEN_FRAME_MAX / 8 && left >= 8; word++, at += 8, left -= 8) {
		if ((void *)(at + 8) > end)
			return sum;
		sum += *(__u32 *)at;
		sum += *(__u32 *)(at + 4);
	}
	for (__u32 byte = 0; byte < 7 && byte < left; byte++, at++) {
		if ((void *)(at + 1) > end)
			return sum;
		sum += byte & 1 ? (__u32)*at << 8 : *at;
	}
	return sum;
}

/* Lengths agree with each other and the frame, checksum right, frame header "0 of 1". */
static __always_inline __u32 check_envelope(struct xdp_md *ctx, struct reply *reply)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u64 sum = bpf_htons((__u16)reply->udp_size) + bpf_htons(IPPROTO_UDP);
	__u8 *header = data + reply->udp;

	if (reply->end != reply->udp + reply->udp_size || reply->udp_size < sizeof(struct udphdr) + LOADGEN_FRAME_HEADER ||
	    reply->end > LOADGEN_FRAME_MAX || reply->end > (__u32)(ctx->data_end - ctx->data))
		return LOADGEN_WRONG_LENGTH;
	if ((void *)(header + sizeof(struct udphdr) + LOADGEN_FRAME_HEADER) > end)
		return LOADGEN_WRONG_LENGTH;
	if (config.verify_checksum) {
		/* The pseudo header's addresses are those of the request. */
		for (__u32 word = 0; word < 4; word++)
			sum += (__u64)config.server_be[word] + config.client_be[word];
		sum += datagram_sum(ctx, reply);
		if (!*(__u16 *)(header + 6) || workload_fold(sum) != 0xffff)
			return LOADGEN_WRONG_CHECKSUM;
	}
	/* sequence 0, total 1, reserved 0 */
	if (config.expect == LOADGEN_EXPECT_VALUES &&
	    (*(__u32 *)(header + 10) != bpf_htonl(1) || *(__u16 *)(header + 14)))
		return LOADGEN_WRONG_FRAME;
	return REPLY_OK;
}

/* The request this reply belongs to, by port and id. */
static __always_inline __u32 find_request(struct xdp_md *ctx, struct reply *reply, __u64 now)
{
	__u8 *header = (__u8 *)(long)ctx->data + reply->udp;
	__u32 ports = 1u << config.port_bits;
	__u32 port = reply->port - pace.port_base;
	__u32 low, index;

	if (port >= ports)
		return LOADGEN_LATE;
	if ((void *)(header + 10) > (void *)(long)ctx->data_end)
		return LOADGEN_WRONG_LENGTH;
	low = ((__u32)bpf_ntohs(*(__u16 *)(header + 8)) << config.port_bits) | port;
	index = low & config.slot_mask;
	reply->slot = bpf_map_lookup_elem(&slots, &index);
	if (!reply->slot || !reply->slot->sent_ns)
		return LOADGEN_WRONG_UNASKED;
	reply->sequence = reply->slot->sequence;
	/* The slot is another request's by now: this one was given up before. */
	if (((__u32)reply->sequence & ((ports << 16) - 1)) != low)
		return LOADGEN_LATE;
	if (!reply->slot->outstanding)
		return LOADGEN_WRONG_UNASKED;
	if (now - reply->slot->sent_ns >= config.lost_after_ns)
		return LOADGEN_LATE;
	return REPLY_OK;
}

/* Position of key `index` in request `sequence`, looking from position `from`; KEYS_MAX when it is not there.
 * memcached answers in the order asked, so that what was skipped is a miss. */
__noinline __u32 find_position(__u64 sequence, __u32 from, __u32 index)
{
	for (__u32 position = 0; position < LOADGEN_KEYS_MAX; position++) {
		if (position < from)
			continue;
		if (position >= config.keys_per_request)
			break;
		if (asked_key(sequence, position) == index)
			return position;
	}
	return LOADGEN_KEYS_MAX;
}

/* Compares `size` bytes of the packet with the record's head as it must be, from byte `from` of both. */
static __always_inline bool head_equals(__u8 *record, void *end, __u32 from, __u32 to)
{
	__u8 *at = record + from;

	for (; from + 8 <= to && from + 8 <= LOADGEN_HEAD_MAX; from += 8, at += 8) {
		__u64 want;

		if ((void *)(at + 8) > end)
			return false;
		/* The head stands at any alignment; so may its parts. */
		want = *(const volatile __u64 *)(config.head + from);
		if (*(__u64 *)at != want)
			return false;
	}
	for (; from < to && from < LOADGEN_HEAD_MAX; from++, at++) {
		if ((void *)(at + 1) > end || *at != config.head[from])
			return false;
	}
	return true;
}

/* The value of key `index` and its \r\n, at `at`. */
static __always_inline bool value_equals(__u8 *at, void *end, __u32 index)
{
	__u64 root = workload_value_root(config.value_seed, index);
	__u32 left = config.data_size;
	__u32 word = 0;

	for (; word < LOADGEN_FRAME_MAX / 8 && left >= 8; word++, at += 8, left -= 8) {
		if ((void *)(at + 8) > end || *(__u64 *)at != workload_value_word(root, word, config.value_base))
			return false;
	}
	root = workload_value_word(root, word, config.value_base);
	for (__u32 byte = 0; byte < 7 && byte < left; byte++, at++, root >>= 8) {
		if ((void *)(at + 1) > end || *at != (__u8)root)
			return false;
	}
	return (void *)(at + 2) <= end && *(__u16 *)at == 0x0a0d;
}

/* One "VALUE <key> <flags> <bytes>\r\n<data>\r\n" at offset `at`, for the request and position given.
 * Returns the position after it, or KEYS_MAX + 1 + what is wrong. */
__noinline __u32 check_record(struct xdp_md *ctx, __u32 at, __u64 sequence, __u32 from)
{
	void *end = (void *)(long)ctx->data_end;
	__u8 *record = (__u8 *)(long)ctx->data;
	__u32 digits = 6 /* "VALUE " */ + config.key_size - LOADGEN_KEY_DIGITS;
	__u32 index, position;

	if (at > LOADGEN_FRAME_MAX)
		return LOADGEN_KEYS_MAX + 1 + LOADGEN_WRONG_LENGTH;
	record += at;
	if ((void *)(record + config.record_size) > end)
		return LOADGEN_KEYS_MAX + 1 + LOADGEN_WRONG_LENGTH;
	if (!head_equals(record, end, 0, digits) || !head_equals(record, end, digits + 8, config.head_size))
		return LOADGEN_KEYS_MAX + 1 + LOADGEN_WRONG_HEAD;
	index = workload_index(*(__u64 *)(record + digits));
	position = find_position(sequence, from, index);
	if (position >= LOADGEN_KEYS_MAX)
		return LOADGEN_KEYS_MAX + 1 + LOADGEN_WRONG_KEY;
	if (!value_equals(record + config.head_size, end, index))
		return LOADGEN_KEYS_MAX + 1 + LOADGEN_WRONG_VALUE;
	return position + 1;
}

/* Is what is left the END? */
static __always_inline bool is_end(struct xdp_md *ctx, __u32 at)
{
	__u8 *text = (__u8 *)(long)ctx->data;

	if (at > LOADGEN_FRAME_MAX)
		return false;
	text += at;
	if ((void *)(text + END_SIZE) > (void *)(long)ctx->data_end)
		return false;
	return *(__u32 *)text == (__u32)END_TEXT && text[4] == (__u8)(END_TEXT >> 32);
}

/* Records, then END or, in the many datagrams of memcached's multi-get, nothing. `done` when END was there. */
static __always_inline __u32 check_values(struct xdp_md *ctx, struct reply *reply, bool *done)
{
	__u32 at = reply->udp + sizeof(struct udphdr) + LOADGEN_FRAME_HEADER;
	__u32 position = reply->slot->position;
	__u32 seen = 0;

	for (; seen < LOADGEN_KEYS_MAX && seen < config.keys_per_request; seen++) {
		if (reply->end < at + config.record_size)
			break;
		position = check_record(ctx, at, reply->sequence, position);
		if (position > LOADGEN_KEYS_MAX)
			return position - LOADGEN_KEYS_MAX - 1;
		at += config.record_size;
	}
	reply->slot->position = (__u16)position;
	reply->slot->found += (__u16)seen;
	if (reply->end == at)
		return seen && config.keys_per_request > 1 ? REPLY_OK : LOADGEN_WRONG_END;
	if (reply->end != at + END_SIZE || !is_end(ctx, at))
		return LOADGEN_WRONG_END;
	*done = true;
	return REPLY_OK;
}

/* The request itself, its first key at least: a program that swaps addresses has nothing else to get wrong. */
static __always_inline __u32 check_echo(struct xdp_md *ctx, struct reply *reply, bool *done)
{
	__u32 digits = config.udp_offset + sizeof(struct udphdr) + LOADGEN_FRAME_HEADER + 4 + config.key_size -
		       LOADGEN_KEY_DIGITS;
	__u8 *frame = (__u8 *)(long)ctx->data;

	if (reply->end != config.frame_size + config.echo_growth || (void *)(frame + digits + 8) > (void *)(long)ctx->data_end)
		return LOADGEN_WRONG_LENGTH;
	if (workload_index(*(__u64 *)(frame + digits)) != asked_key(reply->sequence, 0))
		return LOADGEN_WRONG_KEY;
	reply->slot->found = (__u16)config.keys_per_request;
	*done = true;
	return REPLY_OK;
}

/* The whole request was answered: what was not among the answers is a miss. */
static __always_inline void finish(struct reply *reply, struct loadgen_stats *mine, __u64 now)
{
	__u32 bucket = workload_bucket(now - reply->slot->sent_ns);

	if (bucket < LOADGEN_BUCKETS)
		mine->latency[bucket]++;
	mine->counter[LOADGEN_ANSWERED]++;
	mine->counter[LOADGEN_HIT] += reply->slot->found;
	mine->counter[LOADGEN_MISS] += config.keys_per_request - reply->slot->found;
	reply->slot->outstanding = 0;
}

#endif
