/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: datagrams that end within a value, all of one key. memcached's worker keeps such a value and
 * takes what it reads later for the rest: the write may be executed at any time, until the process is gone.
 * memcached ends and starts again; the audit looks at the one record that the guard has (UDP_WRITE_RESTART).
 * Included by coherence.pml.
 */

byte process;                   /* which memcached runs: server_state.closed_ns tells them apart */
bool may_be_executed[DATAGRAMS];
bool recorded;                  /* the record, and which process its arrival_ns is of */
byte recorded_process;
bool barrier_done;              /* for what the record stands for */

#define ALL_HELD assert(!(may_be_executed[0] || may_be_executed[1] || may_be_executed[2]) || in_flight[0] > 0)

/* cgroup ingress, then the socket's queue. */
proctype Unfinished(byte me)
{
	byte arrived;

	d_step { in_flight[0]++; arrived = process }
	/* udp_write_record(): no record yet (NOEXIST), else a look at the one that stands there */
	if
	:: d_step { !recorded -> recorded = true; recorded_process = arrived; barrier_done = false }
	:: recorded ->
		if
#ifdef ANY_RECORD_IS_ENOUGH
		:: d_step { recorded -> in_flight[0]--; ALL_HELD }
#else
		:: d_step { recorded && recorded_process == process -> in_flight[0]--; ALL_HELD }
#endif
		:: else
		fi
	:: true /* the map is full: the guard stays raised until the maps go */
	fi;
	d_step { may_be_executed[me] = arrived == process; ALL_HELD }
}

/* Its sockets are closed (cgroup/sock_release), then nothing of it is executed; another one starts. */
proctype Restart()
{
	d_step { process++; may_be_executed[0] = false; may_be_executed[1] = false; may_be_executed[2] = false }
}

proctype Barrier()
{
end:	do
	:: d_step { recorded -> barrier_done = true }
	od
}

#ifdef UNFINISHED_ENDED_BY_BARRIER
#define IS_OLD (recorded_process < process || barrier_done)
#else
#define IS_OLD (recorded_process < process)
#endif

/* Reads the map, then calls the sweep by the key. */
proctype Audit()
{
end:	do
	:: recorded && IS_OLD ->
		d_step { recorded = false; in_flight[0]--; ALL_HELD }
	od
}

init
{
	byte each;
	atomic {
		for (each : 0 .. DATAGRAMS - 1) { run Unfinished(each) }
		run Restart();
		run Barrier();
		run Audit();
		each = 0
	}
}
