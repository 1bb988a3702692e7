/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: leases by request identity. Datagrams that share one slot, by one identity (a client uses a
 * request id again) or by two (their hashes fall together): gets of one key, gets of several, and others,
 * whose reply datagrams all look like replies to a get. One key, writers, barriers; or, as BUMPS, a delayed
 * flush_all that acts. Included by coherence.pml.
 */

#define OWNER(me) 0
#include "slot.pml"

/* flush_from stands: entries are not served. */
bool flush_acts;

#define STALE_IS_SERVED(k) assert(flush_acts || !IS_HIT(0, k, epoch) || entry_version[0] >= store[k])

proctype TimedWriter()
{
	byte saw;

	raise_guard(0);
	kill_ways(0);
	d_step { EXECUTE_WRITE(0); STALE_IS_SERVED(0) }
#ifdef RELEASE_TIME_LATE
	lower_guard(0);
	d_step { NOW(last_release) }
#else
	d_step { NOW(last_release) }
	lower_guard(0)
#endif
}

/* Values change without a write: memcached acts, then bmcd's sweep kills (guard_kill, SWEEP_FLUSH_ACTED). That of
 * a key is in keys.pml, but for its time. */
proctype Bump()
{
	d_step { flush_acts = true }
	d_step { EXECUTE_WRITE(0) }
#ifdef BUMP_TIME_LATE
	epoch++;
	d_step { NOW(last_release) }
#else
#ifndef BUMP_WITHOUT_TIME
	d_step { NOW(last_release) }
#endif
	epoch++;
#endif
	d_step { flush_acts = false; STALE_IS_SERVED(0) }
}

/* TC egress: one reply datagram, numbered 0 of 1, with `version`; `ends`: not one of several to come. Look and
 * publication are one step here; stream.pml and keys.pml have all of them. */
inline reply(identity)
{
	consume(identity);
	if
	:: d_step { filling && ends && stamp == generation[0] + epoch ->
			put_way(0, VALID(1), 0, epoch, version);
			STALE_IS_SERVED(0);
			filling = false;
			ends = false;
			stamp = 0 }
	:: d_step { else -> filling = false; ends = false; stamp = 0 }
	fi
}

/* One datagram that missed, from cgroup ingress to TC egress; AGAIN: one after the other. */
proctype Datagram(byte me)
{
	byte identity, wish, before, stamp, version, replies;
	bool busy, filling, list, ends;

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
		:: wish = WISH_FILL; replies = 1
#ifndef GETS_OF_ONE_KEY_ONLY
#ifndef GETS_ONLY
		:: wish = WISH_NONE; replies = 2
#endif
		:: wish = WISH_LIST; replies = 2; list = true
#endif
		fi
	}
	/* lease_wish(): the word, then the time of the last release */
	if
	:: atomic { wish == WISH_FILL ->
			if
			:: in_flight[0] == 0 -> stamp = generation[0] + epoch
			:: else -> wish = WISH_ONE_REPLY
			fi }
		if
		:: d_step { wish == WISH_FILL -> COPY(release_seen[me], last_release) }
		:: else
		fi
	:: else
	fi;
	record(me, identity, wish);
	/* delivered; memcached may answer, or the datagram or a reply is dropped */
	do
	:: atomic { replies > 0 -> replies--; version = store[0]; in_queue[me] = false; ends = !list || replies == 0
#ifdef REPLY_PARKED
			/* it has left memcached, but waits for its neighbour's address in front of TC egress */
			; under_way[me] = replies > 0
#endif
		}
		if
		:: ends -> list_ends(identity) /* cgroup egress */
		:: else
		fi;
#ifdef FORGOTTEN_BEFORE_TC
		/* lease_forget(): it leaves by an interface that is not served, and passes a served one below that */
		consume(identity);
		d_step { filling = false; stamp = 0 }
#endif
		reply(identity)
	:: break
	od;
	atomic {
		version = 0; replies = 0; wish = 0; identity = 0; list = false;
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
#if WRITERS
		for (each : 1 .. WRITERS) { run TimedWriter() }
#endif
#if BUMPS
		run Bump();
#endif
		run Barrier();
		for (each : 0 .. DATAGRAMS - 1) { run Datagram(each) }
		each = 0
	}
}
