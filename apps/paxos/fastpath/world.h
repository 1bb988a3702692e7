/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the decisions of the fast path can see and do: one replica's cells and slots, the datagram, the doorbell.
 * In BPF these are maps and the packet; natively plain memory, where a scheduler may be asked before every access
 * to what several CPUs share. Included by accept.h and quorum.h, and by the process's side.
 */
#ifndef BMC_PAXOS_FASTPATH_WORLD_H
#define BMC_PAXOS_FASTPATH_WORLD_H

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#endif

#include "apps/paxos/abi/fast_abi.h"
#include "apps/paxos/fastpath/mutant.h"
#include "xdp/lib/checksum.bpf.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/lib/shared_atomic.h"

#ifdef __bpf__

struct fast_world {
	struct xdp_md *ctx;
	struct paxos_group *group;
	void *doorbells;      /* map: address -> the replica's ring, if it has one */
	const struct paxos_address *local; /* the replica's address */
	__u64 now_ns;         /* coarse */
	__u32 message_offset; /* of the UDP payload in the frame */
	__u32 message_bytes;
};

static __always_inline struct paxos_cells *world_cells(const struct fast_world *world)
{
	return &world->group->cells;
}

static __always_inline __u64 world_slot_count(const struct fast_world *world) { return PAXOS_SLOTS; }
static __always_inline __u32 world_replicas(const struct fast_world *world) { return PAXOS_REPLICAS_MAX; }

static __always_inline struct paxos_slot *world_slot(const struct fast_world *world, __u64 rel)
{
	return &world->group->slot[rel & (PAXOS_SLOTS - 1)];
}

static __always_inline int world_has(const struct fast_world *world, enum fast_mutant mutant) { return 0; }

/* Copies the datagram's payload. 0, or an error and the slot's bytes are anything. */
static __always_inline long world_copy_message(const struct fast_world *world, struct paxos_slot *slot, __u32 bytes)
{
	if (!is_size(&bytes, PAXOS_MESSAGE_MAX)) /* here again: older verifiers forget it on the way */
		return -1;
	return bpf_xdp_load_bytes(world->ctx, world->message_offset, slot->message, bytes);
}

static __always_inline void world_ring(const struct fast_world *world, __u32 kind, __u64 position)
{
	struct paxos_doorbell news = {.kind = kind, .position = position};
	void *ring = bpf_map_lookup_elem(world->doorbells, world->local);

	if (ring)
		bpf_ringbuf_output(ring, &news, sizeof(news), BPF_RB_FORCE_WAKEUP);
}

/* Nobody decides here who is next. */
static __always_inline int world_turn(const struct fast_world *world, void *result, __u32 bytes) { return 0; }
static __always_inline void world_done(const struct fast_world *world, const void *result, __u32 bytes) {}

#define WORLD_FUNCTION static __noinline /* verified apart: its loop does not multiply */

#else

#include <string.h>

/*
 * Decides which CPU is next. turn() is called before each access: it may switch to another CPU; or leave by an
 * exception; or return 1 with the result of this access, which then is not made. done() is told every result. What
 * is done without asking it (hints, the doorbell) may be done again by who runs a decision again from its start.
 */
struct fast_scheduler {
	void *context;
	int (*turn)(void *context, void *result, __u32 bytes);
	void (*done)(void *context, const void *result, __u32 bytes);
};

struct fast_world {
	struct paxos_cells *cells;
	struct paxos_slot *slots;
	__u64 slot_count;     /* a power of two */
	__u32 replicas;       /* whose cells are scanned; 0: all there is room for */
	__u64 now_ns;
	const __u8 *message;  /* the UDP payload; read by the program's side only */
	__u32 message_bytes;
	enum fast_mutant mutant;
	void (*ring)(void *context, __u32 kind, __u64 position); /* may be null */
	void *ring_context;
	const struct fast_scheduler *scheduler; /* may be null */
};

static inline struct paxos_cells *world_cells(const struct fast_world *world) { return world->cells; }
static inline __u64 world_slot_count(const struct fast_world *world) { return world->slot_count; }

static inline __u32 world_replicas(const struct fast_world *world)
{
	return world->replicas ? world->replicas : PAXOS_REPLICAS_MAX;
}

static inline struct paxos_slot *world_slot(const struct fast_world *world, __u64 rel)
{
	return &world->slots[rel & (world->slot_count - 1)];
}

static inline int world_has(const struct fast_world *world, enum fast_mutant mutant)
{
	return world->mutant == mutant;
}

static inline long world_copy_message(const struct fast_world *world, struct paxos_slot *slot, __u32 bytes)
{
	memcpy(slot->message, world->message, bytes);
	return 0;
}

static inline void world_ring(const struct fast_world *world, __u32 kind, __u64 position)
{
	if (world->ring)
		world->ring(world->ring_context, kind, position);
}

static inline int world_turn(const struct fast_world *world, void *result, __u32 bytes)
{
	return world->scheduler && world->scheduler->turn(world->scheduler->context, result, bytes);
}

static inline void world_done(const struct fast_world *world, const void *result, __u32 bytes)
{
	if (world->scheduler)
		world->scheduler->done(world->scheduler->context, result, bytes);
}

#define WORLD_FUNCTION static inline

#endif

/* ---- One access each --------------------------------------------------------------------- */

/* Orders nothing. */
static __always_inline __u64 world_load(const struct fast_world *world, const __u64 *word)
{
	__u64 value;

	if (!world_turn(world, &value, sizeof(value))) {
		value = shared_load(word);
		world_done(world, &value, sizeof(value));
	}
	return value;
}

/* Ordered with everything before and after it. */
static __always_inline __u64 world_load_ordered(const struct fast_world *world, __u64 *word)
{
	__u64 value;

	if (!world_turn(world, &value, sizeof(value))) {
		value = shared_add(word, 0);
		world_done(world, &value, sizeof(value));
	}
	return value;
}

static __always_inline __u64 world_swap_if(const struct fast_world *world, __u64 *word, __u64 expected, __u64 desired)
{
	__u64 before;

	if (!world_turn(world, &before, sizeof(before))) {
		before = shared_swap_if(word, expected, desired);
		world_done(world, &before, sizeof(before));
	}
	return before;
}

static __always_inline __u64 world_swap(const struct fast_world *world, __u64 *word, __u64 value)
{
	__u64 before;

	if (!world_turn(world, &before, sizeof(before))) {
		before = shared_swap(word, value);
		world_done(world, &before, sizeof(before));
	}
	return before;
}

static __always_inline __u64 world_add(const struct fast_world *world, __u64 *word, __u64 value)
{
	__u64 before;

	if (!world_turn(world, &before, sizeof(before))) {
		before = shared_add(word, value);
		world_done(world, &before, sizeof(before));
	}
	return before;
}

/* Any generation's: the caller compares. */
static __always_inline void world_backup_config(const struct fast_world *world, __u64 generation,
						struct paxos_backup_config *config)
{
	if (!world_turn(world, config, sizeof(*config))) {
		*config = world_cells(world)->backup_config[generation & 1];
		world_done(world, config, sizeof(*config));
	}
}

/* The datagram into a slot that this CPU has claimed. 0, or an error. */
static __always_inline __u64 world_store_message(const struct fast_world *world, struct paxos_slot *slot, __u32 bytes)
{
	__u64 error;

	if (!world_turn(world, &error, sizeof(error))) {
		error = (__u64)world_copy_message(world, slot, bytes);
		__builtin_memset(slot->message + bytes, 0, sizeof(slot->zeros));
		slot->message_bytes = bytes;
		slot->received_ns = world->now_ns;
		world_done(world, &error, sizeof(error));
	}
	return error;
}

#define PAXOS_MESSAGE_WORDS ((PAXOS_MESSAGE_MAX + 7) / 8)

WORLD_FUNCTION __u64 slot_message_sum(const struct paxos_slot *slot, __u32 bytes)
{
	const __u64 *words = (const __u64 *)slot->message;
	__u64 sum = 0;

	for (__u32 i = 0; i < PAXOS_MESSAGE_WORDS; i++) {
		if (i * 8 >= bytes)
			break;
		sum = checksum_add(sum, words[i]);
	}
	return sum;
}

/* Of what stands in the slot now. */
static __always_inline __u64 world_message_sum(const struct fast_world *world, const struct paxos_slot *slot, __u32 bytes)
{
	__u64 sum;

	if (!world_turn(world, &sum, sizeof(sum))) {
		sum = slot_message_sum(slot, bytes);
		world_done(world, &sum, sizeof(sum));
	}
	return sum;
}

/* ---- Two accesses ------------------------------------------------------------------------- */

/*
 * After news, which was written by a full barrier. Who goes to sleep sets need_wakeup, by a full barrier too, and
 * looks for news once more: one of the two sees the other. Who is awake takes need_wakeup back, and needs no barrier
 * for it: only the process writes anything but 0, so that it is 0 or what was set before the last sleep until it goes
 * to sleep again; and whatever was not rung for in between is seen by the look that ends that. A bell that was rung
 * before it was taken back rings for nothing.
 */
static __always_inline void world_wake(const struct fast_world *world, __u32 kind, __u64 position)
{
	__u64 *need = &world_cells(world)->need_wakeup;

	if (world_load(world, need) && world_swap(world, need, 0))
		world_ring(world, kind, position);
}

#endif
