/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: a boot, and UDP datagrams that no program saw, some of which end within a value. memcached's worker then
 * waits for the rest (conn_nread) and takes for it whatever it reads next, also a datagram that the programs read as
 * a get: it raises no guard, and completes a write that nobody saw. So after the barrier bmcd asks memcached in what
 * state each worker is (`stats conns`), and the boot ends when none waits for a value. All guards of the one key
 * are free: seen writes are of others, and matter only by the state of a worker. Included by coherence.pml.
 */

#define NO_VALUE 0
#define UNSEEN 1 /* a datagram, and the value that it begins */
#define SEEN 2

bool hold = true;          /* SERVER_BOOT_HOLD */
byte unread = DATAGRAMS;   /* unseen ones in the socket's queue, which all workers read; what is seen is behind them */
bool has_unseen[WORKERS];  /* has read one and is not done with it: what a quarantine is for */
byte value[WORKERS];       /* what its worker waits for the rest of */
bool in_nread[WORKERS];    /* its state, which `stats conns` tells */

/* A worker waits for a value also while it executes a write that came whole. */
inline begin_value(me)
{
	d_step { value[me] = datagram; in_nread[me] = true }
}

inline execute_value(me)
{
	d_step {
		if
		:: value[me] == UNSEEN -> EXECUTE_WRITE(0)
		:: else
		fi;
		value[me] = NO_VALUE
	}
}

inline complete_value(me)
{
#ifdef STATE_LEFT_BEFORE_EXECUTED
	in_nread[me] = false;
	execute_value(me)
#else
	execute_value(me);
	in_nread[me] = false
#endif
}

proctype Worker(byte me)
{
	byte datagram;

end:	do
	::
		if
		:: d_step { unread > 0 -> unread--; datagram = UNSEEN; has_unseen[me] = true }
		:: d_step { unread == 0 -> datagram = SEEN }
		fi;
		if
		:: value[me] != NO_VALUE -> /* takes it for the rest, whatever it is; what is too much is dropped */
			if
			:: complete_value(me)
			:: true /* not enough */
			fi
		:: else -> /* whole writes or gets, or nothing; then it may end within a value */
			if
			:: begin_value(me); complete_value(me)
			:: true
			fi;
			if
			:: begin_value(me)
			:: true
			fi
		fi;
		d_step { datagram = 0; has_unseen[me] = false }
	od
}

#if WORKERS == 2
#define IS_ANY(what) (what[0] || what[1])
#elif WORKERS == 3
#define IS_ANY(what) (what[0] || what[1] || what[2])
#endif

/* Of what was there when the boot began: out of the queue, and executed as far as it came. */
#ifdef BARRIER_WITHOUT_QUARANTINE
#define BARRIER_DONE (unread == 0)
#else
#define BARRIER_DONE (unread == 0 && !IS_ANY(has_unseen))
#endif

#ifdef ONE_WORKER_ASKED
#define ASKED 1
#else
#define ASKED WORKERS
#endif

/* The thread that answers looks at one worker after the other, and they go on. */
inline ask_until_none_waits()
{
	do
	::
		do
		:: d_step { asked < ASKED -> waits = waits || in_nread[asked]; asked++ }
		:: else -> break
		od;
		asked = 0;
		if
#ifndef ASKED_ONCE
		:: d_step { waits -> waits = false }
#endif
		:: else -> break
		fi
	od
}

proctype Boot()
{
	byte asked;
	bool waits;

	epoch++; /* nothing from before lives when the hold ends */
#ifdef ASKED_BEFORE_BARRIER
	ask_until_none_waits();
#endif
	BARRIER_DONE;
#if !defined(NOT_ASKED) && !defined(ASKED_BEFORE_BARRIER)
	ask_until_none_waits();
#endif
	hold = false
}

/* Gets that fill. No guard changes, so a second look would find nothing: left out. */
proctype FillAfter()
{
	byte lease_epoch, version;

end:	do
	:: !hold ->
		lease_epoch = epoch;
		version = store[0];
		d_step { put_way(0, VALID(1), 0, lease_epoch, version); lease_epoch = 0; version = 0 }
	od
}

/* One look of the XDP program. Nothing that is seen writes the key, so a hit is memcached's own value. */
proctype LookUpAfter()
{
end:	do
	:: d_step { !hold -> NEVER_STALE(0, 0) }
	od
}

init
{
	byte each;
	atomic {
		put_way(0, VALID(1), 0, epoch, store[0]); /* from before the rest */
		for (each : 0 .. WORKERS - 1) { run Worker(each) }
		run Boot();
		run FillAfter();
		run LookUpAfter();
		each = 0
	}
}
