/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Fast acknowledgement: what a backup does with a PREPARE while its gate is armed. Called by the XDP program, and
 * natively by tests and the simulator. Numbers are the accesses to shared memory, in the order of their effect.
 *
 * F1 store before accept: what the gate covers is READY in its slot, or out of it (tail)
 * F2 accept before acknowledge: an acknowledgement names what the gate held while armed
 * F3 in a generation rel only grows; generations only grow; what is frozen does not move
 * F5 freezing is one atomic step that tells exactly what was accepted; what is not, never will be
 * F6 ops are accepted one after another, of one view, from the log's end on
 */
#ifndef BMC_PAXOS_FASTPATH_ACCEPT_H
#define BMC_PAXOS_FASTPATH_ACCEPT_H

#include "apps/paxos/fastpath/header_check.h"
#include "apps/paxos/fastpath/world.h"
#include "xdp/lib/packet.bpf.h"

/* What the steps find out, one after another. */
struct accept {
	__u64 gate; /* as it was read in 1 */
	__u64 rel;  /* of the PREPARE; valid when it is the next */
	__u64 tail; /* valid when there is room */
	struct paxos_backup_config config;
};

#define GATE_TERM (PAXOS_ARMED | (PAXOS_POSITION_MASK & ~PAXOS_REL_MAX)) /* of a gate: armed, and in which generation */

static __always_inline int is_within_lease(const struct fast_world *world, __u64 lease_ns)
{
	__u64 alive_ns = shared_load(&world_cells(world)->alive_ns);

	/* As signed: the coarse clock may still be behind. */
	return alive_ns && (__s64)(world->now_ns - alive_ns) <= (__s64)lease_ns;
}

static __always_inline enum paxos_fast_counter read_gate(const struct fast_world *world, struct accept *accept)
{
	accept->gate = world_load_ordered(world, &world_cells(world)->gate); /* 1 */
	if (!(accept->gate & PAXOS_ARMED) && !world_has(world, FAST_MUTANT_no_freeze))
		return PAXOS_PASS_FROZEN;
	world_backup_config(world, PAXOS_GENERATION(accept->gate), &accept->config); /* 2 */
	if (accept->config.generation != PAXOS_GENERATION(accept->gate))
		return PAXOS_PASS_STALE;
	return is_within_lease(world, accept->config.lease_ns) ? PAXOS_GO_ON : PAXOS_PASS_LEASE;
}

/* Is it a PREPARE of this view's leader, which asks for what the program can promise? */
static __always_inline enum paxos_fast_counter check_prepare(const struct fast_world *world, const struct packet *packet,
							     const struct paxos_header *prepare,
							     const struct paxos_backup_config *config)
{
	if (prepare->cluster_id != config->cluster_id || prepare->epoch != config->epoch)
		return PAXOS_PASS_CLUSTER;
	if (prepare->view > config->view)
		return PAXOS_PASS_NEWER_VIEW;
	if (prepare->view < config->view)
		return PAXOS_DROP_OLD_VIEW;
	if (prepare->sender != config->leader || prepare->incarnation != config->leader_incarnation ||
	    !is_from_address(packet, &config->leader_address))
		return PAXOS_PASS_SENDER;
	if (!(prepare->flags & PAXOS_FLAG_KERNEL_ACK_OK) || prepare->ack_level != config->ack_level)
		return PAXOS_PASS_NOT_ASKED;
	if (prepare->body_len == 0 || world->message_bytes > PAXOS_MESSAGE_MAX)
		return PAXOS_PASS_TOO_LARGE;
	return packet->udp_checksum ? PAXOS_GO_ON : PAXOS_PASS_NO_CHECKSUM;
}

/* Accepted before: the acknowledgement was lost, or is on its way. */
static __always_inline enum paxos_fast_counter accepted_before(const struct fast_world *world,
							       const struct accept *accept,
							       const struct paxos_header *prepare,
							       struct paxos_header *ack)
{
	struct paxos_cells *cells = world_cells(world);
	__u64 gate = world_load_ordered(world, &cells->gate); /* 3a: the configuration was this generation's */

	if ((gate ^ accept->gate) & GATE_TERM) {
		if (!world_has(world, FAST_MUTANT_again_from_stale_gate))
			return PAXOS_PASS_STALE;
	}
	shared_max(&cells->last_heard_ns, world->now_ns);
	if (accept->config.ack_level != PAXOS_ACK_MEMORY) {
		world_add(world, &cells->asked_again, 1); /* 3b */
		world_wake(world, PAXOS_DOORBELL_ASKED_AGAIN, gate & PAXOS_POSITION_MASK); /* 3c */
		return PAXOS_DROP_ASKED_AGAIN;
	}
	make_acknowledgement(&accept->config, prepare, accept->config.base + PAXOS_REL(gate), 0, ack);
	return PAXOS_TX_ACKED_AGAIN;
}

/* Is it the next, and is there a slot that the process has emptied? */
static __always_inline enum paxos_fast_counter find_room(const struct fast_world *world, struct accept *accept,
							 const struct paxos_header *prepare)
{
	__u64 distance = prepare->op - accept->config.base, next = PAXOS_REL(accept->gate) + 1;

	if (distance > next && !world_has(world, FAST_MUTANT_append_over_gap))
		return PAXOS_PASS_GAP;
	if (next > PAXOS_REL_MAX)
		return PAXOS_PASS_EXHAUSTED;
	accept->rel = next;
	accept->tail = world_load(world, &world_cells(world)->tail); /* 4 */
	if (PAXOS_GENERATION(accept->tail) != PAXOS_GENERATION(accept->gate))
		return PAXOS_PASS_STALE;
	if (accept->rel - PAXOS_REL(accept->tail) > world_slot_count(world) &&
	    !world_has(world, FAST_MUTANT_no_space_check))
		return PAXOS_PASS_FULL;
	return PAXOS_GO_ON;
}

/* Whether the slot, tagged so, may be overwritten by this CPU. */
static __always_inline enum paxos_fast_counter check_tag(const struct fast_world *world, const struct accept *accept,
							 __u64 tag)
{
	__u64 generation = PAXOS_GENERATION(accept->gate);

	if ((tag & PAXOS_SLOT_STATE) == PAXOS_SLOT_WRITING && !world_has(world, FAST_MUTANT_no_claim))
		return PAXOS_PASS_BUSY;
	if (PAXOS_GENERATION(tag) > generation && !world_has(world, FAST_MUTANT_stale_claims_newer))
		return PAXOS_PASS_STALE;
	if (PAXOS_GENERATION(tag) == generation && PAXOS_REL(tag) > PAXOS_REL(accept->tail) &&
	    !world_has(world, FAST_MUTANT_no_space_check))
		return PAXOS_PASS_FULL;
	return PAXOS_GO_ON;
}

/* Stores the message, unless another CPU has. */
static __always_inline enum paxos_fast_counter store(const struct fast_world *world, const struct packet *packet,
						     const struct accept *accept)
{
	struct paxos_slot *slot = world_slot(world, accept->rel);
	__u64 position = (accept->gate & PAXOS_POSITION_MASK) + 1, tag, sum;
	enum paxos_fast_counter out;
	__u32 bytes = world->message_bytes;

	if (!is_size(&bytes, PAXOS_MESSAGE_MAX))
		return PAXOS_PASS_TOO_LARGE;
	tag = world_load(world, &slot->tag); /* 5 */
	if (tag == (PAXOS_SLOT_READY | position))
		return PAXOS_GO_ON;
	out = check_tag(world, accept, tag);
	if (out)
		return out;
	if (world_swap_if(world, &slot->tag, tag, PAXOS_SLOT_WRITING | position) != tag) /* 5a: claimed */
		return PAXOS_PASS_OVERTAKEN;
	if (!world_store_message(world, slot, bytes)) { /* 6 */
		sum = udp_header_sum(packet) + world_message_sum(world, slot, bytes); /* 6a */
		if (checksum_fold(sum) == CHECKSUM_VALID || world_has(world, FAST_MUTANT_checksum_ignored)) {
			world_swap(world, &slot->tag, PAXOS_SLOT_READY | position); /* 7 */
			return PAXOS_GO_ON;
		}
	}
	world_swap(world, &slot->tag, 0); /* 7a: free */
	return PAXOS_PASS_CHECKSUM;
}

/* The one step by which an op becomes accepted. */
static __always_inline enum paxos_fast_counter raise_gate(const struct fast_world *world, const struct accept *accept)
{
	__u64 *gate = &world_cells(world)->gate, expected = accept->gate;

	if (world_has(world, FAST_MUTANT_no_generation_in_swap)) {
		expected = world_load(world, gate);
		if (!(expected & PAXOS_ARMED) || PAXOS_REL(expected) != PAXOS_REL(accept->gate))
			return PAXOS_PASS_OVERTAKEN;
	}
	if (world_swap_if(world, gate, expected, expected + 1) != expected && /* 8 */
	    !world_has(world, FAST_MUTANT_ack_without_accept))
		return PAXOS_PASS_OVERTAKEN;
	return PAXOS_GO_ON;
}

/* What the process learns without being asked. */
static __always_inline void leave_hints(const struct fast_world *world, const struct accept *accept,
					const struct paxos_header *prepare)
{
	struct paxos_cells *cells = world_cells(world);
	__u64 commit = prepare->commit - accept->config.base;

	shared_max(&cells->last_heard_ns, world->now_ns); /* 9 */
	if (prepare->commit > accept->config.base)
		shared_max(&cells->commit_hint, PAXOS_POSITION(PAXOS_GENERATION(accept->gate),
							       commit < PAXOS_REL_MAX ? commit : PAXOS_REL_MAX));
}

/* Entries may wait in their slots, if the process says so, as long as there is room for as many again. */
static __always_inline void wake_for_accepted(const struct fast_world *world, const struct accept *accept)
{
	int is_crowded = accept->rel - PAXOS_REL(accept->tail) >= world_slot_count(world) / 2;

	if (!is_crowded && world_load(world, &world_cells(world)->need_wakeup) == PAXOS_WAKE_WHEN_CROWDED) /* 10 */
		return;
	world_wake(world, PAXOS_DOORBELL_ACCEPTED, (accept->gate & PAXOS_POSITION_MASK) + 1); /* 10a */
}

/*
 * The whole decision about a PREPARE whose header is one (check_header). On PAXOS_TX_... `ack` is the answer; on
 * PAXOS_DROP_... there is none; on PAXOS_PASS_... nothing was promised, and the datagram is the process's.
 */
static __always_inline enum paxos_fast_counter accept_prepare(const struct fast_world *world,
							      const struct packet *packet,
							      const struct paxos_header *prepare,
							      struct paxos_header *ack)
{
	struct accept accept;
	enum paxos_fast_counter out;

	out = read_gate(world, &accept);
	out = out ?: check_prepare(world, packet, prepare, &accept.config);
	if (out)
		return out;
	if (prepare->op <= accept.config.base + PAXOS_REL(accept.gate))
		return accepted_before(world, &accept, prepare, ack);
	out = find_room(world, &accept, prepare);
	if (world_has(world, FAST_MUTANT_advance_before_store))
		out = out ?: raise_gate(world, &accept);
	if (world_has(world, FAST_MUTANT_wakeup_before_accept))
		world_wake(world, PAXOS_DOORBELL_ACCEPTED, 0);
	out = out ?: store(world, packet, &accept);
	if (!world_has(world, FAST_MUTANT_advance_before_store))
		out = out ?: raise_gate(world, &accept);
	if (out)
		return out;
	leave_hints(world, &accept, prepare);
	if (!world_has(world, FAST_MUTANT_wakeup_before_accept))
		wake_for_accepted(world, &accept);
	if (accept.config.ack_level != PAXOS_ACK_MEMORY)
		return PAXOS_DROP_ABSORBED;
	make_acknowledgement(&accept.config, prepare, prepare->op, prepare->chain, ack);
	return PAXOS_TX_ACKED;
}

#endif
