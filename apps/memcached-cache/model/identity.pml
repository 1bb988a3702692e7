/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: leases by request identity. Datagrams that share one slot, by one identity (a client uses a
 * request id again) or by two (their hashes fall together): gets of one key, and multi-gets, whose
 * datagrams look like replies to a get. One key, writers, barriers. Included by coherence.pml.
 */

#define OWNER(me) 0
#include "slot.pml"

proctype TimedWriter()
{
	raise_guard(0);
	d_step { EXECUTE_WRITE(0); NEVER_STALE(0) }
#ifdef RELEASE_TIME_LATE
	lower_guard(0);
	d_step { NOW(last_release) }
#else
	d_step { NOW(last_release) }
	lower_guard(0)
#endif
}

/* TC egress: one reply datagram, numbered 0 of 1, with `version`. */
inline reply(identity)
{
	consume(identity);
	if
	:: d_step { filling && stamp == generation[0] -> filling = false }
		d_step { entry_stamp[0] = stamp; entry_version[0] = version; NEVER_STALE(0); stamp = 0 }
	:: d_step { else -> filling = false; stamp = 0 }
	fi
}

/* One datagram that missed, from cgroup ingress to TC egress; AGAIN: one after the other. */
proctype Datagram(byte me)
{
	byte identity, wish, before, stamp, version, replies;
	bool busy, filling;

end:	atomic {
#ifndef AGAIN
		started == me; /* which is which does not matter */
		started++;
#endif
		under_way[me] = true;
		NOW(arrival[me]);
		if
		:: identity = 1
#if IDENTITIES > 1
		:: identity = 2
#endif
		fi;
		if
		:: wish = KEY_FILL; replies = 1
#ifndef GETS_OF_ONE_KEY_ONLY
		:: wish = KEY_KEEP; replies = 2
#endif
		fi
	}
	/* lease_wish(): the word, then the time of the last release */
	if
	:: atomic { wish == KEY_FILL ->
			if
			:: in_flight[0] == 0 -> stamp = generation[0]
			:: else -> wish = KEY_NONE
			fi }
		if
		:: d_step { wish == KEY_FILL -> COPY(release_seen[me], last_release) }
		:: else
		fi
	:: else
	fi;
	record(me, identity, wish);
	/* delivered; memcached may answer, or the datagram or a reply is dropped */
	do
	:: atomic { replies > 0 -> replies--; version = store[0]; in_queue[me] = false
#ifdef REPLY_PARKED
			/* it has left memcached, but waits for its neighbour's address in front of TC egress */
			; under_way[me] = replies > 0
#endif
		}
		reply(identity)
	:: break
	od;
	atomic {
		version = 0; replies = 0; wish = 0; identity = 0;
		COPY(arrival[me], none);
		in_queue[me] = false;
		under_way[me] = false
#ifdef AGAIN
		;
		goto end
#endif
	}
}

init
{
	byte each;
	atomic {
		for (each : 1 .. WRITERS) { run TimedWriter() }
		run Barrier();
		for (each : 0 .. DATAGRAMS - 1) { run Datagram(each) }
		each = 0
	}
}
