/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: UDP writes of one identity, each of a key (and guard) of its own, and other requests of that
 * identity whose reply looks like a write's ("ERROR", "OK"). Datagrams are dropped, stay in the queue, or are
 * executed in any order (memcached has several threads). Checked is what the other scenarios rely on:
 * a write that may still be executed is held, by its guard or by the global one. Included by coherence.pml.
 */

#define DATAGRAMS (WRITES + OTHERS)
#define OWNER(me) (me + 1)
#define IDENTITIES 1

/* Map udp_writes: under the client's identity (UDP_WRITE_REPLY) the write that a reply may end, 0 if there is
 * none; under keys of their own (UDP_WRITE_BARRIER) those that only the audit ends. */
byte record_owner;
bool own_record[WRITES];
byte untracked; /* server_state.untracked: there was no room in the map */
bool may_be_executed[WRITES];

#include "slot.pml"

#define HELD(w) (!may_be_executed[w] || in_flight[w] > 0 || global_flight > 0)
#if WRITES == 3
#define ALL_HELD assert(HELD(0) && HELD(1) && HELD(2))
#else
#define ALL_HELD assert(HELD(0) && HELD(1))
#endif

/* udp_write_ends() */
inline end_record()
{
	in_flight[record_owner - 1]--;
	COPY(written[record_owner - 1], none);
	record_owner = 0;
	ALL_HELD
}

/* bmcd's audit: what arrived before a barrier that is done is answered or gone. */
#ifdef UDP_WRITE_RELEASED_BY_TIMEOUT
#define IS_OLD(t) true
#else
#define IS_OLD(t) (!t.open)
#endif

#define SWEEP_OWN(w) own_record[w] = false; in_flight[w]--; COPY(written[w], none); ALL_HELD

/* The audit reads the map, then calls the sweep by the key. The record is still the same one: who is
 * older than a barrier that is done has no reply under way to end it, and nobody takes a taken place. */
proctype Audit()
{
end:	do
	:: record_owner != 0 && IS_OLD(written[record_owner - 1]) ->
		if
		:: d_step { record_owner != 0 -> end_record() }
		:: else
		fi
	:: d_step { own_record[0] && IS_OLD(written[0]) -> SWEEP_OWN(0) }
	:: d_step { own_record[1] && IS_OLD(written[1]) -> SWEEP_OWN(1) }
#if WRITES == 3
	:: d_step { own_record[2] && IS_OLD(written[2]) -> SWEEP_OWN(2) }
#endif
	:: d_step { untracked > 0 && IS_OLD(untracked_arrival) ->
			global_flight = global_flight - untracked;
			untracked = 0;
			COPY(untracked_arrival, none);
			ALL_HELD }
	od
}

/* udp_alone(): can it be the answer to no other datagram of the identity? */
#ifdef UDP_REPLY_TOLD_BY_ITS_SHAPE
#define IN_THE_SLOT true
#define NO_OLDER true
#else
#ifdef ARRIVAL_NOT_COMPARED
#define IN_THE_SLOT (tag == 1)
#else
#define IN_THE_SLOT (tag == 1 && lease_owner == record_owner)
#endif
#ifdef OLDER_NOT_ASKED
#define NO_OLDER true
#else
#define NO_OLDER (!OLDER_LINGERS(1))
#endif
#endif

/* One reply datagram; whatever it answers, it fits the write (udp_answers). Cgroup egress, then TC egress. */
inline reply()
{
	if
	:: d_step { record_owner != 0 && IN_THE_SLOT -> skip }
		if
		:: NO_OLDER ->
			if
#ifdef UDP_REPLY_TOLD_BY_ITS_SHAPE
			:: d_step { record_owner != 0 -> end_record() }
#else
			:: d_step { tag == 1 && record_owner != 0 -> end_record() }
#endif
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	consume(1);
	d_step { stamp = 0; filling = false }
}

#ifdef SEVERAL_ENDED_BY_ONE_REPLY
#define RECORDED_BY_IDENTITY true
#else
#define RECORDED_BY_IDENTITY answered_once
#endif

/* A datagram with one write: the only command, or (not answered_once) without reply or behind another one. */
proctype Write(byte me)
{
	byte before, stamp;
	bool busy, filling, answered_once;

	atomic {
#ifndef DIFFERENT
		started == me -> /* which is which does not matter */
		started++;
#endif
		under_way[me] = true;
		NOW(arrival[me]);
		if
		:: answered_once = true
		:: true
		fi
	}
	d_step { in_flight[me]++; may_be_executed[me] = true; COPY(written[me], arrival[me]) }
	/* udp_write_record() */
	if
	:: d_step { RECORDED_BY_IDENTITY && record_owner == 0 -> record_owner = OWNER(me) }
#ifdef SECOND_WRITE_TAKES_THE_RECORD
	:: d_step { RECORDED_BY_IDENTITY && record_owner != 0 -> end_record(); record_owner = OWNER(me) }
#else
	:: d_step { !RECORDED_BY_IDENTITY || record_owner != 0 -> own_record[me] = true }
#endif
	:: d_step { true -> /* the map is full */
			global_flight++;
			untracked++;
			LATER_OF(untracked_arrival, arrival[me]) }
		d_step { in_flight[me]--; COPY(written[me], none); ALL_HELD }
	fi;
	if
	:: answered_once -> record(me, 1, WISH_ONE_REPLY)
	:: else -> record(me, 1, WISH_NONE)
	fi;
	if
	:: d_step { true -> in_queue[me] = false } /* a worker takes it */
		if
		:: !answered_once -> reply() /* to the command before it */
		:: true
		fi;
		d_step { may_be_executed[me] = false } /* executed */
		if
		:: reply()
		:: true /* noreply, or the reply is lost */
		fi
	:: d_step { true -> in_queue[me] = false; may_be_executed[me] = false } /* dropped */
	fi;
	d_step { COPY(arrival[me], none); under_way[me] = false; answered_once = false }
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
	:: record(me, 1, WISH_ONE_REPLY)
	:: record(me, 1, WISH_LIST)
	:: record(me, 1, WISH_NONE)
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
