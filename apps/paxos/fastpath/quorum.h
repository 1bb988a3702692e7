/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Counting of acknowledgements: what a leader does with a PREPARE_OK while its gate is armed. Called by the XDP
 * program, and natively by the leader's process for its own acknowledgement, by tests and the simulator.
 *
 * Q1 a cell holds (generation, rel) only if its replica, in the life that the configuration names, said so
 * Q2 commit holds (generation, rel) only if a quorum of cells hold at least that: they only grow, so a scan
 *    one by one sees no more than there is
 * Q3 whoever raises a cell (a full barrier) scans afterwards: of two that raise at once, one sees both
 * Q4 only ops that were proposed in this view are counted
 */
#ifndef BMC_PAXOS_FASTPATH_QUORUM_H
#define BMC_PAXOS_FASTPATH_QUORUM_H

#include "apps/paxos/fastpath/header_check.h"
#include "apps/paxos/fastpath/world.h"
#include "xdp/lib/packet.bpf.h"

#define ACKED_TRIES 4 /* of a compare-and-swap; a cell's other writers are other CPUs with the same replica's words */

/* What of the configuration matters for one sender. */
struct count_config {
	__u64 generation;
	__u64 view;
	__u64 base;
	__u64 cluster_id;
	__u32 epoch;
	__u8 self;
	__u8 replica_count;
	__u8 quorum;
	__u8 ack_level;
	struct paxos_fast_peer peer; /* valid when sender < replica_count */
};

static __always_inline void world_count_config(const struct fast_world *world, __u64 generation, __u8 sender,
					       struct count_config *mine)
{
	const struct paxos_leader_config *config = &world_cells(world)->leader_config[generation & 1];

	if (world_turn(world, mine, sizeof(*mine)))
		return;
	mine->generation = config->generation;
	mine->view = config->view;
	mine->base = config->base;
	mine->cluster_id = config->cluster_id;
	mine->epoch = config->epoch;
	mine->self = config->self;
	mine->replica_count = config->replica_count;
	mine->quorum = config->quorum;
	mine->ack_level = config->ack_level;
	mine->peer = config->peer[sender < PAXOS_REPLICAS_MAX ? sender : 0];
	world_done(world, mine, sizeof(*mine));
}

static __always_inline enum paxos_fast_counter check_acknowledgement(const struct fast_world *world,
								     const struct packet *packet,
								     const struct paxos_header *ack,
								     const struct count_config *config)
{
	if (ack->cluster_id != config->cluster_id || ack->epoch != config->epoch)
		return PAXOS_PASS_CLUSTER_ACK;
	if (ack->view > config->view)
		return PAXOS_PASS_NEWER_VIEW_ACK;
	if (ack->view < config->view && !world_has(world, FAST_MUTANT_view_unchecked))
		return PAXOS_DROP_OLD_VIEW_ACK;
	if (ack->sender >= config->replica_count || ack->sender >= PAXOS_REPLICAS_MAX || ack->sender == config->self ||
	    !is_from_address(packet, &config->peer.address))
		return PAXOS_PASS_PEER;
	if (ack->incarnation != config->peer.incarnation && !world_has(world, FAST_MUTANT_incarnation_unchecked))
		return PAXOS_PASS_PEER;
	return ack->ack_level < config->ack_level ? PAXOS_PASS_LOW_LEVEL : PAXOS_GO_ON;
}

/* Raises what a replica has acknowledged, never lowers it. */
static __always_inline enum paxos_fast_counter raise_acked(const struct fast_world *world, __u8 replica, __u64 position)
{
	__u64 *cell = &world_cells(world)->acked[replica < PAXOS_REPLICAS_MAX ? replica : 0].position;
	__u64 seen = world_load(world, cell), before;

	if (world_has(world, FAST_MUTANT_acked_plain_store) && seen < position) {
		world_swap(world, cell, position);
		return PAXOS_GO_ON;
	}
	for (int i = 0; i < ACKED_TRIES; i++) {
		if (seen >= position)
			return PAXOS_DROP_KNOWN;
		before = world_swap_if(world, cell, seen, position);
		if (before == seen)
			return PAXOS_GO_ON;
		seen = before;
	}
	return PAXOS_PASS_CONTENDED;
}

/*
 * Without jumps, so that the verifier does not follow 2^81 ways through a scan. Positions have 62 bits, so that the
 * difference of two has a sign.
 */
static __always_inline __u64 is_less(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	asm volatile("" : "+r"(difference));
	return difference >> 63;
}

/* The position, if it is of the generation that `floor` begins; else 0. */
static __always_inline __u64 if_of_generation(__u64 position, __u64 floor)
{
	__u64 other = (position ^ floor) >> PAXOS_REL_BITS;

	return position & (0 - is_less(other, 1));
}

/* What the cells said when they were read, one by one; of another generation: 0, as behind the last replica. */
struct acknowledged {
	__u64 position[PAXOS_REPLICAS_MAX];
};

static __always_inline void read_acknowledged(const struct fast_world *world, __u64 generation,
					      struct acknowledged *cells)
{
	__u64 floor = PAXOS_POSITION(generation, 0), position;

	__builtin_memset(cells, 0, sizeof(*cells));
	for (__u32 i = 0; i < world_replicas(world); i++) {
		position = world_load(world, &world_cells(world)->acked[i].position);
		if (!world_has(world, FAST_MUTANT_scan_any_generation))
			position = if_of_generation(position, floor);
		cells->position[i] = position;
	}
}

/* How many are beyond a position, and the lowest of these (if there are any). */
static __always_inline __u32 count_beyond(const struct acknowledged *cells, __u64 position, __u64 *lowest)
{
	__u64 least = PAXOS_POSITION_MASK, mine, is_beyond, is_lower;
	__u32 count = 0;

	for (__u32 i = 0; i < PAXOS_REPLICAS_MAX; i++) {
		mine = cells->position[i];
		is_beyond = is_less(position, mine);
		is_lower = is_beyond & is_less(mine, least);
		least ^= (least ^ mine) & (0 - is_lower);
		count += (__u32)is_beyond;
	}
	*lowest = least;
	return count;
}

/*
 * The highest position that `quorum` cells have reached: not whether a certain one has been reached, for an
 * acknowledgement may complete an older op than it names. `known` if none beyond that has: then, and when exactly a
 * quorum are beyond it, which is nearly always, each cell is looked at once instead of once for each other.
 */
static __always_inline __u64 reached_by_quorum(const struct acknowledged *cells, __u32 quorum, __u64 known)
{
	__u64 best = known, below, lowest;
	__u32 beyond = count_beyond(cells, known, &lowest);

	if (beyond < quorum)
		return known;
	if (beyond == quorum)
		return lowest;
	for (__u32 i = 0; i < PAXOS_REPLICAS_MAX; i++) {
		below = 0;
		for (__u32 j = 0; j < PAXOS_REPLICAS_MAX; j++)
			below += is_less(cells->position[j], cells->position[i]);
		if (cells->position[i] > best && below + quorum <= PAXOS_REPLICAS_MAX)
			best = cells->position[i];
	}
	return best;
}

/*
 * A scan of the cells of a generation. `known`: what is committed already. A scan sees every cell that was raised
 * before it began, whatever `known` says: it only spares looking for what would raise nothing.
 */
WORLD_FUNCTION __u64 quorum_position(const struct fast_world *world, __u64 generation, __u32 quorum, __u64 known)
{
	struct acknowledged cells;

	read_acknowledged(world, generation, &cells);
	return reached_by_quorum(&cells, quorum, known);
}

/* Raises commit, which was `seen`, to what the cells say. Returns whether it was raised. */
static __always_inline int raise_commit(const struct fast_world *world, __u64 seen, __u64 position)
{
	__u64 *commit = &world_cells(world)->commit, before;

	for (int i = 0; i < ACKED_TRIES; i++) {
		if (seen >= position)
			return 0;
		before = world_swap_if(world, commit, seen, position);
		if (before == seen)
			return 1;
		seen = before;
	}
	return 0; /* others raise it, and scan after us; the process recounts */
}

/* Steps 4 and 5, of whoever has raised a cell. `raised`: the position it was raised to. */
static __always_inline void count_acknowledgements(const struct fast_world *world, const struct count_config *config,
						   __u64 raised)
{
	__u32 quorum = config->quorum - (world_has(world, FAST_MUTANT_quorum_off_by_one) ? 1u : 0u);
	__u64 committed = world_load(world, &world_cells(world)->commit), floor = PAXOS_POSITION(config->generation, 0);
	__u64 known = committed > floor ? committed : floor, position;

	position = quorum_position(world, config->generation, quorum, known); /* 4 */
	if (world_has(world, FAST_MUTANT_exact_count) && position < raised)
		return;
	if (position > known && raise_commit(world, committed, position)) /* 5 */
		world_wake(world, PAXOS_DOORBELL_COMMITTED, position); /* 6 */
}

/* The whole decision about a PREPARE_OK whose header is one (check_header). */
static __always_inline enum paxos_fast_counter count_prepare_ok(const struct fast_world *world,
								const struct packet *packet,
								const struct paxos_header *ack)
{
	struct paxos_cells *cells = world_cells(world);
	__u64 gate = world_load_ordered(world, &cells->leader_gate), proposed, position; /* 1 */
	struct count_config config;
	enum paxos_fast_counter out;

	if (!(gate & PAXOS_ARMED))
		return PAXOS_PASS_NOT_LEADING;
	world_count_config(world, PAXOS_GENERATION(gate), ack->sender, &config); /* 1a */
	if (config.generation != PAXOS_GENERATION(gate))
		return PAXOS_PASS_STALE_ACK;
	out = check_acknowledgement(world, packet, ack, &config);
	if (out)
		return out;
	if (ack->op <= config.base)
		return PAXOS_DROP_KNOWN;
	proposed = world_load(world, &cells->proposed); /* 2 */
	if (PAXOS_GENERATION(proposed) != config.generation)
		return PAXOS_PASS_STALE_ACK;
	if (ack->op - config.base > PAXOS_REL(proposed) && !world_has(world, FAST_MUTANT_proposed_unchecked))
		return PAXOS_PASS_IMPOSSIBLE;
	position = PAXOS_POSITION(config.generation, ack->op - config.base);
	if (world_has(world, FAST_MUTANT_scan_before_raise))
		count_acknowledgements(world, &config, position);
	out = raise_acked(world, ack->sender, position); /* 3 */
	if (out)
		return out;
	if (!world_has(world, FAST_MUTANT_scan_before_raise))
		count_acknowledgements(world, &config, position);
	return PAXOS_DROP_COUNTED;
}

#endif
