/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * One's complement sums (RFC 1071) in memory order: 16-bit units as the CPU loads them, never swapped,
 * so that a sum can be stored into the packet as it is. Used by the XDP and TC programs and by tests.
 *
 * A running sum is a __u64 that takes 32 bits at a time: it cannot overflow in one packet.
 */
#ifndef BMC_CHECKSUM_BPF_H
#define BMC_CHECKSUM_BPF_H

#include <linux/types.h>

#define CHECKSUM_VALID 0xffffu /* folded sum of bytes that include their own correct checksum */

static inline __u64 checksum_add(__u64 sum, __u64 word)
{
	return sum + (word & 0xffffffffull) + (word >> 32);
}

/* 16 bits; 0 only if every byte summed was 0. */
static inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffffull) + (sum >> 32);
	sum = (sum & 0xffffull) + (sum >> 16); /* at most 0x1ffff + 0xffff */
	sum = (sum & 0xffffull) + (sum >> 16);
	sum = (sum & 0xffffull) + (sum >> 16);
	return (__u16)sum;
}

/* The same bytes, one byte further on (or back) in the packet. */
static inline __u16 checksum_swap(__u16 folded)
{
	return (__u16)(folded << 8 | folded >> 8);
}

/* Folded sum of a block that starts `offset` bytes after an even place. */
static inline __u16 checksum_at(__u16 folded, __u32 offset)
{
	return offset & 1 ? checksum_swap(folded) : folded;
}

/* What goes into a UDP header: 0 would mean "no checksum". */
static inline __u16 checksum_udp(__u64 sum)
{
	__u16 field = (__u16)~checksum_fold(sum);

	return field ? field : 0xffff;
}

#endif
