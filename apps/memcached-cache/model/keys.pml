/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: two keys that share a guard, two writers, one command on the global guard (flush_all, or an
 * unknown verb that writes any key), three GETs. Included by coherence.pml.
 */

proctype GlobalWriter()
{
	raise_global();
	if
	:: d_step { execute_flush(); }
	:: d_step { EXECUTE_WRITE(0); }
	:: d_step { EXECUTE_WRITE(1); }
	fi;
	lower_global();
}

init
{
	byte each;
	atomic {
		for (each : 1 .. WRITERS) {
			if
			:: run Writer(0)
			:: run Writer(1)
			fi
		}
		run GlobalWriter();
		for (each : 1 .. FILLS) {
			run Fill()
		}
		run Look_up();
		each = 0
	}
}
