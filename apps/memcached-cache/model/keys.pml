/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: two keys that share a guard and a bucket of two ways, writers, one command on the global guard
 * (flush_all, or an unknown verb that writes any key), fills, GETs; as UNSEEN, a write that no program saw and
 * then `bmcctl invalidate`; with STAGED, writes whose value is stored with them (staged.pml). Included by
 * coherence.pml.
 */

proctype GlobalWriter()
{
	raise_global();
	if
	:: d_step { execute_flush(); NEVER_STALE_NOW(0); NEVER_STALE_NOW(1) }
	:: d_step { EXECUTE_WRITE(0); NEVER_STALE_NOW(0) }
	:: d_step { EXECUTE_WRITE(1); NEVER_STALE_NOW(1) }
	fi;
	lower_global();
}

#ifdef UNSEEN
/* SWEEP_KEY_BUMP: guard_kill(), key_kill(). Its time is in identity.pml. */
proctype Invalidate(byte k)
{
	byte saw;

	d_step { EXECUTE_WRITE(k); unseen[k] = true }
#ifdef BUMP_AFTER_WAYS
	kill_ways(k);
	generation[GUARD(k)]++;
#else
	generation[GUARD(k)]++;
#ifndef BUMP_WITHOUT_WAYS
	kill_ways(k);
#endif
#endif
	d_step { ALL_SEEN(k); NEVER_STALE_NOW(k) }
}
#endif

#if STAGED
#include "staged.pml"
#endif

init
{
	byte each;
	atomic {
#if WRITERS
#if STAGED
		if
		:: run Writer(0)
		:: run Writer(1)
		fi;
#else
		run Writer(0);
#endif
#if WRITERS > 1
		if
		:: run Writer(0)
		:: run Writer(1)
		fi;
#endif
#endif
#ifdef UNSEEN
		run Invalidate(0);
#endif
#if STAGED
		run StagedWriter(0, FILLS + 1);
#if STAGED > 1
		if
		:: run StagedWriter(0, FILLS + 2)
		:: run StagedWriter(1, FILLS + 2)
		fi;
#endif
#endif
#if GLOBALS
		run GlobalWriter();
#endif
#if FILLS
		for (each : 1 .. FILLS) {
			run Fill(each)
		}
#endif
#if LOOK_UPS
		run Look_up();
#endif
		each = 0
	}
}
