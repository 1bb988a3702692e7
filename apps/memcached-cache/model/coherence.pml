/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coherence protocol of the memcached cache (coherence/, design 3.3-3.6): no answer from the kernel is
 * ever older than memcached's own value was when the GET arrived. This file: the state all scenarios
 * share, and the path of a GET. run_model.py chooses the scenario (-DSCENARIO_x) and, for a variant
 * broken on purpose, one more -D; README.md lists them and maps the model to the code.
 *
 * One step here is one access to shared memory there; everything between two steps may interleave. A process
 * may also stop for ever: then its datagram, reply or CPU is lost.
 */

#define NONE 255

/* ---- memcached: a version for each key, raised by each write; a miss is a version too ------------ */

byte store[KEYS];
bool present[KEYS] = true;

/* ---- coherence/guard.h: guard words. Both keys share one guard where GUARDS is 1 ------------------ */

#if GUARDS == 1
#define GUARD(k) 0
#else
#define GUARD(k) k
#endif

byte generation[GUARDS];
byte in_flight[GUARDS];
byte epoch;         /* generation of the global guard */
byte global_flight;

inline raise_guard(g)
{
	d_step {
		generation[g]++;
#ifndef NO_IN_FLIGHT
		in_flight[g]++;
#endif
	}
}

inline lower_guard(g)
{
	d_step {
#ifndef NO_IN_FLIGHT
		assert(in_flight[g] > 0); /* a release too many would end somebody else's write */
		in_flight[g]--;
#endif
		skip;
	}
}

inline raise_global()
{
	d_step {
#ifndef NO_GLOBAL_GUARD
		epoch++;
		global_flight++;
#endif
		skip;
	}
}

inline lower_global()
{
	d_step {
#ifndef NO_GLOBAL_GUARD
		assert(global_flight > 0);
		global_flight--;
#endif
		skip;
	}
}

/* The stamp of two generations that were read one after the other. Both only grow. */
#ifdef STAMP_IS_KEY_GENERATION_ONLY
#define STAMP(key_generation, global_generation) (key_generation)
#else
#define STAMP(key_generation, global_generation) ((key_generation) + (global_generation))
#endif

/* ---- store/: the ways of one bucket, in which all keys are ----------------------------------------
 * A way word is 0 or names the fill that published it, by the place of its entry in the log; its lowest bit says
 * that it is valid. An entry does not change and is read with its way: a reader finds it whole or not at all.
 */

#ifndef WAYS
#define WAYS 1
#endif

#define EMPTY 0
#define PENDING(fill) (2 * (fill))
#define VALID(fill) (2 * (fill) + 1)

byte way[WAYS];
byte entry_key[WAYS];
byte entry_epoch[WAYS]; /* of its lease */
byte entry_version[WAYS];

#ifdef ONE_TAG
#define HAS_TAG_OF(i, k) (way[i] != EMPTY)
#else
#define HAS_TAG_OF(i, k) (way[i] != EMPTY && entry_key[i] == k)
#endif

#ifdef PENDING_SERVED
#define IS_VALID(i) (way[i] != EMPTY)
#else
#define IS_VALID(i) ((way[i] & 1) == 1)
#endif

#ifdef EPOCH_NOT_COMPARED
#define IS_OF_EPOCH(i, e) true
#else
#define IS_OF_EPOCH(i, e) (entry_epoch[i] == e)
#endif

inline put_way(i, word, k, e, v)
{
	way[i] = word;
	entry_key[i] = k;
	entry_epoch[i] = e;
	entry_version[i] = v
}

#define EMPTY_WAY(i) put_way(i, EMPTY, 0, 0, 0)

#ifdef PENDING_NOT_KILLED
#define IS_KILLED(i, k) (IS_VALID(i) && HAS_TAG_OF(i, k))
#else
#define IS_KILLED(i, k) HAS_TAG_OF(i, k)
#endif

/* A look at the way, then the exchange, whatever stands there by then. */
inline kill_way(i, k)
{
	if
#ifdef KILLED_BY_COMPARE
	:: atomic { IS_KILLED(i, k) -> saw = way[i] }
		if
		:: d_step { way[i] == saw -> EMPTY_WAY(i) }
		:: else
		fi;
		saw = 0
#else
	:: IS_KILLED(i, k) -> d_step { EMPTY_WAY(i) }
#endif
	:: else
	fi
}

/* key_kill(): what is stored of a key, after its guard was raised. */
inline kill_ways(k)
{
	kill_way(0, k);
#if WAYS > 1 && !defined(ONE_WAY_NOT_KILLED)
	kill_way(1, k)
#endif
}

/* What an answer may not be older than: memcached's own value, but for a write that no program saw, until that is
 * made known (keys.pml). */
#ifdef UNSEEN
bool unseen[KEYS];
#define DUE(k) (store[k] - unseen[k])
#define ALL_SEEN(k) unseen[k] = false
#else
#define DUE(k) store[k]
#define ALL_SEEN(k)
#endif

/* A key is written by memcached. */
#define EXECUTE_WRITE(k) store[k]++; present[k] = true; ALL_SEEN(k)

inline execute_flush()
{
	byte flushed;
	for (flushed : 0 .. KEYS - 1) {
		EXECUTE_WRITE(flushed);
		present[flushed] = false
	}
	flushed = 0
}

/* ---- UDP GETs of one key: those that look for a hit, and those that fill --------------------------
 * A GET that misses in XDP carries nothing from there to the socket, so the two halves of its path are
 * processes of their own, each for any number of GETs one after the other. A GET that is passed, not leased
 * or not answered changes nothing: it is not modelled.
 */

#if defined(LEASE_IN_FLIGHT) || defined(NO_LEASE)
#define NOTHING_IN_FLIGHT(word) true
#else
#define NOTHING_IN_FLIGHT(word) (word == 0)
#endif

#define IS_HIT(i, k, e) (IS_VALID(i) && entry_key[i] == k && IS_OF_EPOCH(i, e))

/* Not older than what was due, and not what memcached has not executed yet. */
#define IS_VALUE(i, k, due) (entry_version[i] >= due && entry_version[i] <= store[k])

/* The same property without the steps of a GET: to be asserted wherever a way or memcached changes. */
#define NEVER_STALE(i, k) assert(!IS_HIT(i, k, epoch) || IS_VALUE(i, k, DUE(k)))

#if WAYS > 1
#define NEVER_STALE_NOW(k) NEVER_STALE(0, k); NEVER_STALE(1, k)
#else
#define NEVER_STALE_NOW(k) NEVER_STALE(0, k)
#endif

/* XDP, xdp/: the epoch, then a way. Any order would do: who reads the epoch later has fewer hits. */
proctype Look_up()
{
	byte key, floor, seen;

end:	do
	::
		atomic {
			if
			:: key = 0
#if KEYS > 1
			:: key = 1
#endif
			fi;
			floor = DUE(key); /* what memcached would have answered when the GET arrived */
			seen = epoch
		}
		/* THE PROPERTY: a hit is never older than that, nor of a write that is not executed. */
		if
		:: d_step { IS_HIT(0, key, seen) -> assert(IS_VALUE(0, key, floor)) }
#if WAYS > 1
		:: d_step { IS_HIT(1, key, seen) -> assert(IS_VALUE(1, key, floor)) }
#endif
		:: true
		fi;
		d_step { key = 0; floor = 0; seen = 0 }
	od
}

/* The entry of the wanted key, to be compared with memcached's reply. */
#ifdef COMPARED_WITH_ANOTHER_EPOCH
#define IS_COMPARED(i) (IS_VALID(i) && entry_key[i] == key)
#elif defined(COMPARED_WITH_PENDING)
#define IS_COMPARED(i) (way[i] != EMPTY && entry_key[i] == key && entry_epoch[i] == lease_epoch)
#else
#define IS_COMPARED(i) (IS_VALID(i) && entry_key[i] == key && entry_epoch[i] == lease_epoch)
#endif

#define DIFFERS(i) (IS_COMPARED(i) && entry_version[i] != version)

#ifdef PUBLISHED_WITHOUT_PENDING
#define PUBLISHED(fill) VALID(fill)
#else
#define PUBLISHED(fill) PENDING(fill)
#endif

#if defined(NOT_RECHECKED) || defined(CHECKED_BEFORE_PENDING)
#define CONFIRMED true
#else
#define CONFIRMED (stamp == STAMP(seen, epoch))
#endif

#ifdef MISMATCH_NOT_RECHECKED
#define MISMATCH_CONFIRMED true
#else
#define MISMATCH_CONFIRMED (stamp == STAMP(seen, epoch))
#endif

#ifdef VALIDATED_WITHOUT_COMPARE
#define STANDS(me) true
#define VALIDATE(me) put_way(i, VALID(me), key, lease_epoch, version)
#else
#define STANDS(me) (way[i] == PUBLISHED(me))
#define VALIDATE(me) way[i] = VALID(me)
#endif

/* The way that the scan chose, or none if another CPU changed it since. Then the second look, and its verdict. */
inline publish(me)
{
	d_step {
		put_way(i, PUBLISHED(me), key, lease_epoch, version);
		NEVER_STALE(i, key);
#ifndef VALIDATED_WITHOUT_COMPARE
		lease_epoch = 0;
		version = 0
#endif
	}
	seen = generation[GUARD(key)];
	if
	:: d_step { CONFIRMED -> seen = 0; stamp = 0 }
		if
		:: d_step { STANDS(me) -> VALIDATE(me); NEVER_STALE(i, key) }
		:: else
		fi
	:: d_step { else -> seen = 0; stamp = 0; key = 0 }
		if
		:: d_step { way[i] == PUBLISHED(me) -> EMPTY_WAY(i) }
		:: else
		fi
	fi
}

/* They differ: both are of one version only if no write has arrived by now since the reply's lease. */
inline look_again()
{
	seen = generation[GUARD(key)];
	d_step {
		if
		:: MISMATCH_CONFIRMED -> assert(false) /* is counted, and there is none: all writes are seen */
		:: else
		fi
	}
}

/*
 * From cgroup ingress (udp_request.bpf.h, lease_wish) to TC egress (tc/). identity.pml has the slots. A look at
 * the stamp before anything is stored saves work and decides nothing: left out.
 */
proctype Fill(byte me)
{
	byte key, stamp, lease_epoch, version, seen, i;

end:	do
	::
		/* the lease: two words, one after the other, nothing in flight on either */
		atomic {
			if
			:: NOTHING_IN_FLIGHT(in_flight[GUARD(0)])
#if KEYS > 1
			:: NOTHING_IN_FLIGHT(in_flight[GUARD(1)]) -> key = 1
#endif
			fi;
			seen = generation[GUARD(key)]
		}
		if
		:: d_step { NOTHING_IN_FLIGHT(global_flight) ->
				stamp = STAMP(seen, epoch);
				lease_epoch = epoch;
				seen = 0 }
			/* memcached answers with a value, which leaves; or not */
			if
			:: atomic { present[key] ->
					version = store[key];
					if
					:: i = 0
#if WAYS > 1
					:: i = 1
#endif
					fi }
#ifdef NO_LEASE
				d_step { stamp = STAMP(generation[GUARD(key)], epoch); lease_epoch = epoch }
#endif
				if
				:: publish(me)
#ifndef UNSEEN
				:: DIFFERS(i) -> look_again()
#endif
				fi
			:: true
			fi
		:: else
		fi;
		d_step { key = 0; stamp = 0; lease_epoch = 0; version = 0; seen = 0; i = 0 }
	od
}

/* A write with a reply on a connection of its own. */
proctype Writer(byte k)
{
	byte saw;

#ifdef GUARD_RAISED_LATE
	d_step { EXECUTE_WRITE(k); NEVER_STALE_NOW(k) }
#endif
#ifdef WAYS_KILLED_BEFORE_GUARD
	kill_ways(k);
	raise_guard(GUARD(k));
#else
	raise_guard(GUARD(k));
#ifndef WAYS_NOT_KILLED
	kill_ways(k);
#endif
#endif
#ifndef GUARD_RAISED_LATE
	d_step { EXECUTE_WRITE(k); NEVER_STALE_NOW(k) }
#endif
	lower_guard(GUARD(k));
}

#if defined(SCENARIO_KEYS)
#include "keys.pml"
#elif defined(SCENARIO_STREAM)
#include "stream.pml"
#elif defined(SCENARIO_IDENTITY)
#include "identity.pml"
#elif defined(SCENARIO_UDP_WRITE)
#include "udp_write.pml"
#elif defined(SCENARIO_UNFINISHED)
#include "unfinished.pml"
#elif defined(SCENARIO_UNREAD_FLUSH)
#include "unread_flush.pml"
#elif defined(SCENARIO_UNREAD_VALUE)
#include "unread_value.pml"
#elif defined(SCENARIO_SUSPECT)
#include "suspect.pml"
#elif defined(SCENARIO_QUARANTINE)
#include "quarantine.pml"
#elif defined(SCENARIO_EXPIRY)
#include "expiry.pml"
#else
#error "choose a scenario"
#endif
