/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Last steps of cache_get: does memcached have to see this request, and the reply itself: grow the
 * frame, copy the entry, make sure it was whole, then rewrite the headers. Until then all can be undone.
 */
#ifndef BMC_XDP_ANSWER_BPF_H
#define BMC_XDP_ANSWER_BPF_H

#include "xdp/cache/admission.bpf.h"
#include "xdp/cache/scratch.bpf.h"
#include "xdp/lib/reply.bpf.h"

/* "END\r\n" as a sum, at an even place. */
static __always_inline __u16 end_sum(void)
{
	return checksum_fold(checksum_add(0, (__u64)END_LAST << 32 | END_WORD));
}

/* The one request per revalidate_after that memcached sees of a hot entry. */
static __always_inline int is_keepalive_due(const struct cache_control *config, __u64 coarse_ns, __u8 *passed)
{
	__u8 tick = cache_keepalive_tick(coarse_ns, config->keepalive_shift);

	if (!cache_keepalive_due(tick, *passed, config->keepalive_ticks))
		return 0;
	*passed = tick;
	return 1;
}

/* Hits that are not answered: shadow mode, keep-alive, a source over its budget. */
static __always_inline enum cache_counter may_answer(const struct cache_control *config, int keepalive_due,
						     const __u32 remote_be[4], __u64 coarse_ns)
{
	struct source_address source;
	__u32 i;

	if (config->mode != CACHE_MODE_SERVE)
		return CACHE_PASS_SHADOW;
	if (keepalive_due)
		return CACHE_PASS_KEEPALIVE;
	if (!config->rate_limit_pps)
		return STEP_ON;
	for (i = 0; i < 4; i++)
		source.addr_be[i] = remote_be[i];
	return take_budget(&source, config->rate_limit_pps, coarse_ns);
}

static __always_inline enum cache_counter look_up(const struct request *request, struct cache_hit *hit)
{
	const struct cache_control *config = request->config;
	__u64 now = request->world.coarse_ns;
	enum cache_counter out;

	out = cache_lookup(&request->world, config, request->server, &request->scratch->key, hit);
	if (out)
		return out;
	return may_answer(config, is_keepalive_due(config, now, hit->passed), request->packet.remote_be, now);
}

#define REPLY_OFFSET_MASK 2047u /* OFFSET_MASK + CACHE_REPLY_MAX, rounded up */
#define FRAME_MASK 65535u
#define HEADERS_MAX 80u /* Ethernet with VLAN, IPv6, UDP and the frame header, in words */

/* Keeps the padding behind a request, or puts it back. 0, or a negative errno. */
static __noinline int move_trailer(struct xdp_md *ctx, __u32 offset, __u32 bytes, int back)
{
	struct scratch *scratch = scratch_get();

	if (!scratch || !is_size(&bytes, TRAILER_MAX))
		return -1;
	if (back)
		return (int)bpf_xdp_store_bytes(ctx, offset, scratch->trailer, bytes);
	return (int)bpf_xdp_load_bytes(ctx, offset, scratch->trailer, bytes);
}

/*
 * Undoes what was done to a frame whose headers still stand: payload from `offset` on as it was, then the
 * trailer, then the length. Called when the copy turns out to be of a recycled entry.
 */
static __noinline int restore_single(struct xdp_md *ctx, __u32 offset, __u32 trailer_bytes, __u32 grown)
{
	struct scratch *scratch = scratch_get();
	__u32 get = GET_WORD, length;
	__u16 crlf = CRLF_HALF;

	if (!scratch)
		return 0;
	length = scratch->key.length;
	if (!is_size(&length, CACHE_KEY_MAX))
		return 0;
	bpf_xdp_store_bytes(ctx, offset, &get, sizeof(get));
	bpf_xdp_store_bytes(ctx, offset + GET_BYTES, scratch->key.word, length);
	bpf_xdp_store_bytes(ctx, offset + GET_BYTES + length, &crlf, sizeof(crlf));
	if (trailer_bytes)
		move_trailer(ctx, offset + GET_BYTES + length + CRLF_BYTES, trailer_bytes, 1);
	return (int)bpf_xdp_adjust_tail(ctx, -(int)grown);
}

/* A text up to this long is copied a word at a time; for longer ones the helper's call is worth it. */
#define TEXT_BY_WORDS_MAX 384u
#define TEXT_BY_WORDS_MASK 511u

/* Copies words. The last one overlaps the one before it: no text is shorter than a word. */
static __always_inline int copy_words(__u8 *at, const __u8 *end, const struct cache_hit *hit)
{
	__u32 words = (hit->text_bytes - 1) / 8, last, i;
	__u8 *to = at;

	for (i = 0; i < TEXT_BY_WORDS_MAX / 8; i++) {
		if (i >= words)
			break;
		if (to + 8 > end)
			return 0;
		*(__u64 *)to = load_text_word(hit->text + i * 8);
		to += 8;
	}
	last = masked(hit->text_bytes - 8, TEXT_BY_WORDS_MASK);
	to = at + last;
	if (to + 8 > end)
		return 0;
	*(__u64 *)to = load_text_word(hit->text + last);
	return 1;
}

/* The entry's text and "END\r\n" at `offset` of the frame. 0: it did not fit, which the caller made sure it does. */
static __always_inline int copy_text(struct xdp_md *ctx, __u32 offset, const struct cache_hit *hit)
{
	struct cursor frame = frame_of(ctx);
	__u32 bytes = opaque(hit->text_bytes);
	__u8 *at = (__u8 *)frame.at + offset, *after;

	if (bytes < 8 || bytes > CACHE_TEXT_MAX)
		return 0;
	if (bytes <= TEXT_BY_WORDS_MAX && !copy_words(at, frame.end, hit))
		return 0;
	after = at + bytes;
	asm volatile("" : "+r"(after));
	if (after + CACHE_END_BYTES > frame.end)
		return 0;
	*(__u32 *)after = END_WORD;
	after[4] = END_LAST;
	return bytes <= TEXT_BY_WORDS_MAX || !bpf_xdp_store_bytes(ctx, offset, (void *)hit->text, bytes);
}

/*
 * Makes room in front instead: the headers and the frame header move there. 0, or a negative errno and the
 * frame is as it was. A frame between namespaces of one host may have no room behind it, but always has some
 * in front.
 */
static __noinline int grow_at_head(struct xdp_md *ctx, __u32 headers, __u32 grown)
{
	struct cursor frame = frame_of(ctx);
	__u8 *from, *to;
	__u32 i;

	if (!grown || grown > CACHE_REPLY_MAX ||
	    frame.at + masked((__u32)bpf_xdp_get_buff_len(ctx), FRAME_MASK) != frame.end)
		return -1;
	if (bpf_xdp_adjust_head(ctx, -(int)grown))
		return -1;
	frame = frame_of(ctx);
	to = (__u8 *)frame.at;
	from = to + masked(grown, REPLY_OFFSET_MASK);
	for (i = 0; i < HEADERS_MAX && i < headers; i += 8) {
		if (from + i + 8 > (__u8 *)frame.end || to + i + 8 > (__u8 *)frame.end)
			break;
		*(__u64 *)(to + i) = *(__u64 *)(from + i);
	}
	if (i >= headers)
		return 0;
	bpf_xdp_adjust_head(ctx, (int)grown); /* not reached: no request is shorter than its headers */
	return -1;
}

/*
 * Makes the frame `grown` bytes longer, so that a payload of `bytes` ends where it ends; or leaves it alone.
 * A frame in several buffers cannot be grown in place: its first buffer does not end there. What undoes it
 * is cutting off the end, on whichever side it grew: by then what came stands at the beginning.
 */
static __always_inline enum cache_counter grow_frame(struct xdp_md *ctx, __u32 payload_offset, __u32 bytes, __u32 grown)
{
	struct cursor frame;

	if (bpf_xdp_adjust_tail(ctx, (int)grown) && grow_at_head(ctx, payload_offset + CACHE_UDP_HEADER, grown))
		return CACHE_PASS_NO_ROOM;
	frame = frame_of(ctx);
	if (frame.at + payload_offset + bytes == frame.end)
		return STEP_ON;
	bpf_xdp_adjust_tail(ctx, -(int)grown);
	return CACHE_PASS_NO_ROOM;
}

/* Grows the frame to the reply and writes the payload, but no header: STEP_ON, or the frame is as it was. */
static __always_inline enum cache_counter write_payload(struct xdp_md *ctx, const struct request *request,
							const struct cache_hit *hit, const struct reply *reply,
							__u32 payload_offset)
{
	__u32 trailer = request->packet.trailer_bytes;
	__u32 grown = reply->payload_bytes - request->packet.payload_bytes - trailer;
	enum cache_counter out;

	if (trailer && move_trailer(ctx, payload_offset + request->packet.payload_bytes, trailer, 0))
		return CACHE_PASS_NO_ROOM;
	out = grow_frame(ctx, payload_offset, reply->payload_bytes, grown);
	if (out)
		return out;
	copy_text(ctx, payload_offset + CACHE_UDP_HEADER, hit);
	read_barrier(request->scratch);
	if (hit_is_whole(hit))
		return STEP_ON;
	restore_single(ctx, payload_offset + CACHE_UDP_HEADER, trailer, grown);
	return CACHE_PASS_TORN;
}

/* The reserved half of the frame header as memcached sends it, where the client had something there. */
static __always_inline void clear_reserved(struct cursor frame, __u32 payload_offset)
{
	__u8 *header = (__u8 *)frame.at + payload_offset;

	if (header + CACHE_UDP_HEADER <= (__u8 *)frame.end)
		*(__u16 *)(header + CACHE_UDP_HEADER - sizeof(__u16)) = 0;
}

static __always_inline enum cache_counter send_reply(struct xdp_md *ctx, const struct request *request,
						     const struct cache_hit *hit)
{
	const struct packet *packet = &request->packet;
	__u32 payload_offset = masked(packet->payload_offset, OFFSET_MASK);
	struct reply reply = {
		.network_offset = packet->network_offset,
		.payload_bytes = CACHE_UDP_HEADER + hit->text_bytes + CACHE_END_BYTES,
		.ipv4_id_be = (__u16)request->frame_word,
	};
	enum cache_counter out = write_payload(ctx, request, hit, &reply, payload_offset);

	if (out)
		return out;
	if (request->frame_word & ~FRAME_WORD_REPLY)
		clear_reserved(frame_of(ctx), payload_offset);
	reply.sum = packet->fixed_sum + checksum_add(hit->text_sum, request->frame_word & FRAME_WORD_REPLY) +
		    checksum_at(end_sum(), hit->text_bytes);
	return rewrite_headers(frame_of(ctx), &reply) ? STEP_ON : CACHE_PASS_NO_ROOM;
}

#endif
