/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: UDP writes of one identity, each of a key (and guard) of its own, and other requests of that
 * identity whose reply looks like a write's ("ERROR", "OK"). Datagrams are dropped, stay in the queue, or are
 * executed in any order (memcached has several threads). Checked is what the other scenarios rely on:
 * a write that may still be executed is held, by its guard or by the global one. Included by coherence.pml.
 */

#define DATAGRAMS (WRITES + OTHERS)
#define OWNER(me) (me + 1)

/* Map udp_writes: the record of the identity, or of none. server_state.untracked: holds without one. */
byte record_owner;
byte untracked;
bool may_be_executed[WRITES];

#include "slot.pml"

#define HELD(w) (!may_be_executed[w] || in_flight[w] > 0 || global_flight > 0)
#if WRITES == 3
#define ALL_HELD assert(HELD(0) && HELD(1) && HELD(2))
#else
#define ALL_HELD assert(HELD(0) && HELD(1))
#endif

inline end_record()
{
	in_flight[record_owner - 1]--;
	record_owner = 0;
	COPY(record_arrival, none);
	ALL_HELD
}

/* bmcd's audit: what arrived before a barrier that is done is answered or gone. */
#ifdef UDP_WRITE_RELEASED_BY_TIMEOUT
#define IS_OLD(t) true
#else
#define IS_OLD(t) (!t.open)
#endif

/* The audit reads the map, then calls the sweep by the identity. The record is still the same one: who is
 * older than a barrier that is done has no reply under way to end it, and nobody takes a taken place. */
proctype Audit()
{
end:	do
	:: record_owner != 0 && IS_OLD(record_arrival) ->
		if
		:: d_step { record_owner != 0 -> end_record() }
		:: else
		fi
	:: d_step { untracked > 0 && IS_OLD(untracked_arrival) ->
			global_flight = global_flight - untracked;
			untracked = 0;
			COPY(untracked_arrival, none);
			ALL_HELD }
	od
}

/* Whose reply is it? Only if no other datagram of the identity can be answered by it, its write's. */
#ifdef UDP_REPLY_TOLD_BY_ITS_SHAPE
#define ENDS_RECORD (record_owner != 0)
#else
#define ENDS_RECORD (record_owner != 0 && tag == 1 && lease_owner == record_owner && !unanswered.open)
#endif

inline reply()
{
	if
	:: d_step { ENDS_RECORD -> end_record() } /* cgroup egress */
	:: else
	fi;
	consume(1);                               /* TC egress, or lease_forget() */
	d_step { stamp = 0; filling = false }
}

proctype Write(byte me)
{
	byte before, stamp;
	bool busy, filling;

	d_step {
#ifndef DIFFERENT
		started == me -> /* which is which does not matter */
		started++;
#endif
		under_way[me] = true;
		NOW(arrival[me])
	}
	d_step { in_flight[me]++; may_be_executed[me] = true }
	if
	:: d_step { record_owner == 0 ->
			record_owner = OWNER(me);
			COPY(record_arrival, arrival[me]) }
	:: d_step { else ->
			global_flight++;
			untracked++;
			LATER_OF(untracked_arrival, arrival[me]) }
		d_step { in_flight[me]--; ALL_HELD }
	fi;
	record(me, 1, KEY_NONE);
	if
	:: d_step { true -> in_queue[me] = false } /* a worker takes it */
		d_step { may_be_executed[me] = false } /* executed */
		if
		:: reply()
		:: true /* noreply, or the reply is lost */
		fi
	:: d_step { true -> in_queue[me] = false; may_be_executed[me] = false } /* dropped */
	fi;
	d_step { COPY(arrival[me], none); under_way[me] = false }
}

proctype Other(byte me)
{
	byte before, stamp;
	bool busy, filling;

	d_step {
		under_way[me] = true;
		NOW(arrival[me])
	}
	if
	:: record(me, 1, KEY_NONE)
	:: record(me, 1, KEY_KEEP)
	fi;
	d_step { in_queue[me] = false }
	if
	:: reply()
	:: true
	fi;
	d_step { COPY(arrival[me], none); under_way[me] = false }
}

init
{
	byte each;
	atomic {
		run Barrier();
		run Audit();
		for (each : 0 .. WRITES - 1) { run Write(each) }
		for (each : WRITES .. DATAGRAMS - 1) { run Other(each) }
		each = 0
	}
}
