/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Mistakes that the fast path could make, switched on one at a time by the tests to show that they are found. In
 * the BPF programs the set is empty, and the compiler removes every trace of it. Used by the steps in fastpath/.
 */
#ifndef BMC_PAXOS_FASTPATH_MUTANT_H
#define BMC_PAXOS_FASTPATH_MUTANT_H

#include <linux/types.h>

/* name, the mistake in words (C1 ...: points of the audit in PROTOCOL.md) */
#define FAST_MUTANTS(X) \
	X(no_freeze, "C1: the program does not look whether the gate is frozen") \
	X(read_then_freeze, "the process reads how far it was accepted, and freezes afterwards") \
	X(advance_before_store, "C2: an op is accepted before its message is stored") \
	X(ack_without_accept, "C2: acknowledges although the gate did not take the op") \
	X(no_space_check, "a slot is used again before its message is out of it") \
	X(no_claim, "C7: two CPUs write into one slot") \
	X(no_generation_in_swap, "C8: the gate is raised whatever generation it is of by now") \
	X(stale_claims_newer, "a program of an older generation takes a newer one's slot") \
	X(again_from_stale_gate, "acknowledges again without looking whether the gate is still the same") \
	X(append_over_gap, "C10: an op is accepted without the one before it") \
	X(checksum_ignored, "R1: a damaged message is acknowledged") \
	X(tail_before_copy, "the process gives slots back before it has read them") \
	X(no_drain, "C3: the process votes without what it finds in the slots") \
	X(arm_keeps_generation, "C8: armed anew in the same generation") \
	X(wakeup_before_accept, "L2: looks who sleeps before there is news") \
	X(sleeps_unlooked, "L2: the process sleeps without looking once more") \
	X(awake_said_late, "L2: the process says that it is awake when it has looked already whether it may sleep") \
	X(exact_count, "commits only what the new acknowledgement names, not what it completes") \
	X(scan_before_raise, "C7: two CPUs each miss the other's acknowledgement") \
	X(acked_plain_store, "C7: a late acknowledgement takes a newer one back") \
	X(quorum_off_by_one, "C4: a quorum is one replica less") \
	X(scan_any_generation, "counts cells that another generation has left") \
	X(proposed_unchecked, "counts what was never proposed") \
	X(view_unchecked, "counts acknowledgements of other views") \
	X(incarnation_unchecked, "counts acknowledgements of a replica's earlier life") \
	X(stale_commit_cell, "C8: the commit number of another generation is believed")

enum fast_mutant {
	FAST_MUTANT_NONE = 0,
#define FAST_MUTANT_ENUM(name, text) FAST_MUTANT_##name,
	FAST_MUTANTS(FAST_MUTANT_ENUM)
#undef FAST_MUTANT_ENUM
	FAST_MUTANT_COUNT
};

#endif
