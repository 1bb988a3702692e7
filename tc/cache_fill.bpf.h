/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fill program's body, by steps. Called by cache_fill.bpf.c, and by the benchmark that gives it a
 * lease again and again.
 */
#ifndef BMC_TC_CACHE_FILL_BPF_H
#define BMC_TC_CACHE_FILL_BPF_H

#include "tc/fill_reply.bpf.h"
#include "tc/fill_store.bpf.h"

/* Why the reply may not be stored; CACHE_FILL_OK if it may. */
static __always_inline enum cache_counter judge_reply(struct __sk_buff *skb, struct fill *fill)
{
	__u16 request_id_be = 0;

	if (!is_whole_reply(skb, &fill->packet, &request_id_be))
		return CACHE_FILL_SHAPE;
	if (!take_lease(fill, request_id_be))
		return CACHE_FILL_NO_LEASE;
	fill->now_ns = bpf_ktime_get_ns();
	count_miss_path(fill);
	switch (read_reply(skb, fill)) {
	case TEXT_MISS:
		return CACHE_FILL_MISS;
	case TEXT_OTHER:
		return CACHE_FILL_SHAPE;
	case TEXT_VALUE:
		break;
	}
	if (fill->value.key_hash != fill->lease.key_hash)
		return CACHE_FILL_NO_LEASE;
	return is_current(fill) ? CACHE_FILL_OK : CACHE_FILL_MOVED;
}

static __always_inline void cache_fill_packet(struct __sk_buff *skb)
{
	enum cache_counter verdict;
	struct fill fill = {};

	if (!parse_reply(skb, &fill.packet) || !find_server(&fill))
		return;
	verdict = judge_reply(skb, &fill);
	if (verdict == CACHE_FILL_OK)
		store_reply(skb, &fill);
	else
		count(verdict);
}

#endif
