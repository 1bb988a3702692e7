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

/* The stamp of two generations that were read one after the other. */
#ifdef STAMP_IS_KEY_GENERATION_ONLY
#define STAMP(key_generation, global_generation) (key_generation)
#else
#define STAMP(key_generation, global_generation) ((key_generation) + (global_generation))
#endif

/* ---- the store: one entry a key, published as a whole (store/ does that) --------------------------- */

byte entry_stamp[KEYS] = NONE;
byte entry_version[KEYS];

/* A key is written by memcached. */
#define EXECUTE_WRITE(k) store[k]++; present[k] = true

inline execute_flush()
{
	byte flushed;
	for (flushed : 0 .. KEYS - 1) {
		store[flushed]++;
		present[flushed] = false;
	}
	flushed = 0;
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

#define IS_CURRENT(k) (entry_stamp[k] == STAMP(generation[GUARD(k)], epoch))

/* The same property without the steps of a GET: to be asserted wherever an entry or memcached changes. */
#define NEVER_STALE(k) assert(!IS_CURRENT(k) || entry_version[k] >= store[k])

/* XDP, xdp/: serves the entry if the guards still show its stamp. Generations only grow, so an entry that
 * is dead when the GET arrives is no hit later. */
proctype Look_up()
{
	byte key, floor, stamp, version, seen;

end:	do
	::
		atomic {
			if
			:: IS_CURRENT(0)
#if KEYS > 1
			:: IS_CURRENT(1) -> key = 1
#endif
			fi;
			floor = store[key]; /* what memcached would have answered when the GET arrived */
			stamp = entry_stamp[key];
			version = entry_version[key]
		}
		seen = generation[GUARD(key)];
		d_step {
			/* THE PROPERTY: a hit is never older than that. */
			assert(stamp != STAMP(seen, epoch) || version >= floor);
			key = 0; floor = 0; stamp = 0; version = 0; seen = 0
		}
	od
}

/* From cgroup ingress (udp_request.bpf.h, lease_wish) to TC egress (tc/). identity.pml has the slots. */
proctype Fill()
{
	byte key, stamp, version, seen;

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
		:: d_step { NOTHING_IN_FLIGHT(global_flight) -> stamp = STAMP(seen, epoch); seen = 0 }
			/* memcached answers with a value, which leaves; or not */
			if
			:: d_step { present[key] -> version = store[key] }
				seen = generation[GUARD(key)];
				/* check, then publish, with the stamp of the lease */
#if defined(NO_LEASE) || defined(IGNORE_GENERATION)
				stamp = STAMP(seen, epoch);
#endif
				if
				:: d_step { stamp == STAMP(seen, epoch) -> seen = 0 }
					d_step {
#ifdef TAG_READ_LATE
						stamp = STAMP(generation[GUARD(key)], epoch);
#endif
						entry_stamp[key] = stamp;
						entry_version[key] = version
					}
				:: else
				fi
			:: true
			fi
		:: else
		fi;
		d_step { key = 0; stamp = 0; version = 0; seen = 0 }
	od
}

/* A write with a reply on a connection of its own. */
proctype Writer(byte k)
{
#ifdef GUARD_RAISED_LATE
	d_step { EXECUTE_WRITE(k); }
	raise_guard(GUARD(k));
#else
	raise_guard(GUARD(k));
	d_step { EXECUTE_WRITE(k); }
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
#elif defined(SCENARIO_SUSPECT)
#include "suspect.pml"
#elif defined(SCENARIO_QUARANTINE)
#include "quarantine.pml"
#elif defined(SCENARIO_EXPIRY)
#include "expiry.pml"
#else
#error "choose a scenario"
#endif
