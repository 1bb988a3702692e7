/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: the quarantine (daemon/quarantine.h). A worker of memcached has taken a datagram and not executed it
 * yet; another worker answers barriers; the process is stopped (SIGSTOP) and goes on. Time is in quarters of the
 * quarantine. Checked is what `Barrier` in slot.pml takes for granted: what was taken before a barrier that is
 * settled is executed. Included by coherence.pml.
 */

#define LENGTH 4
#define HORIZON 13
/* A worker executes what it took before the process has run for half the quarantine. */
#define WORKER_TAKES 1

/* Two stops in a row, each too short to be noticed, would leave the worker no time: known limit. */
#ifdef STOPPED_TWICE
#define STOPS 2
#else
#define STOPS 1
#endif

#ifdef GAP_NOT_SEEN
#define BEGINS_AGAIN(gap) false
#else
#ifdef GAP_OF_THE_WHOLE_LENGTH
#define BEGINS_AGAIN(gap) (gap > LENGTH)
#else
#define BEGINS_AGAIN(gap) (gap > LENGTH / 2)
#endif
#endif

byte now;
bool stopped;
byte stops;
bool holding = true; /* the worker has a datagram, taken just now */
byte ran;            /* how long the process has run since */

/* bmcd: barriers that are sent and not answered; the one that waits; when the last answer came, 0: none yet */
byte sent[2] = NONE;
byte waiting_received = NONE;
byte last;
bool settled;

proctype Time_passes()
{
end:	do
	:: d_step { now < HORIZON && (stopped || !holding || ran < WORKER_TAKES) ->
			now++;
			ran = (stopped || !holding -> ran : ran + 1) }
	:: d_step { holding && !stopped -> holding = false }
	:: d_step { !stopped && stops < STOPS -> stopped = true; stops++ }
	:: d_step { stopped -> stopped = false }
	od
}

/* Quarantine::answered(): sent[i] is answered now. Any one barrier of those that wait stands for all. */
inline answered(i)
{
	if
	:: last != 0 && waiting_received != NONE && BEGINS_AGAIN(now - last) -> waiting_received = now
	:: else
	fi;
	last = now;
	settled = settled || (waiting_received != NONE && waiting_received + LENGTH <= sent[i]);
	/* THE PROPERTY */
	assert(!settled || !holding);
	sent[i] = NONE
}

proctype Bmcd()
{
end:	do
	:: d_step { sent[0] == NONE -> sent[0] = now }
	:: d_step { sent[1] == NONE && sent[0] != NONE -> sent[1] = now }
	/* in the order in which they were sent */
	:: atomic { sent[0] != NONE && !stopped ->
			if
			:: d_step { waiting_received == NONE -> last = now; waiting_received = now; sent[0] = NONE }
			:: true -> d_step { answered(0) }
			fi;
			sent[0] = sent[1];
			sent[1] = NONE }
	od
}

init
{
	atomic {
		now = 1;
		run Time_passes();
		run Bmcd()
	}
}
