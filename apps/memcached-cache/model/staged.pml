/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write whose value is in the log before memcached reads it (coherence/stage.bpf.h), and which is published when
 * STORED leaves, before the write ends. Included by keys.pml, where it meets other writes, fills and GETs.
 *
 * The entry is written when the write arrives and does not change; its place may be recycled at any time. What
 * memcached makes of it is open: another version of the key, or no change, or the key is gone (SERVER_ERROR).
 */

#define NOT_EXECUTED 254 /* the version of a value that memcached does not have */

#ifdef STAGED_BESIDE_A_WRITE
#define NO_OTHER_IN_FLIGHT true
#else
#define NO_OTHER_IN_FLIGHT (in_flight[GUARD(k)] == 1)
#endif

#ifdef STAGED_BESIDE_A_GLOBAL_WRITE
#define NO_GLOBAL_IN_FLIGHT true
#else
#define NO_GLOBAL_IN_FLIGHT (global_flight == 0)
#endif

/* The reply is STORED, and it is the write's own: its connection is in step for certain. */
#if defined(STAGED_WHATEVER_THE_REPLY) || defined(STAGED_WHILE_SUSPECT)
#define IS_STORED true
#else
#define IS_STORED (version != NOT_EXECUTED)
#endif

inline memcached_executes()
{
	if
	:: d_step { EXECUTE_WRITE(k); version = store[k]; NEVER_STALE_NOW(k) }
	:: true /* NOT_STORED: nothing has changed */
	:: d_step { EXECUTE_WRITE(k); present[k] = false; NEVER_STALE_NOW(k) } /* SERVER_ERROR: the old one is gone, too */
	fi
}

/* publish_staged(): `version` is what the entry says. */
inline publish_staged(me)
{
	/* The way bears the generation that the segment had when the value was written: of another one it leads nowhere. */
	if
	:: true
#ifdef STAGED_GENERATION_OF_THE_ANSWER
	:: d_step { true -> version = 0 } /* an older entry stands there now */
#endif
	fi;
#ifdef STAGED_STAMP_OF_THE_ANSWER
	seen = generation[GUARD(k)];
	d_step { stamp = STAMP(seen, epoch); lease_epoch = epoch; seen = 0 }
#endif
	if
	:: i = 0
#if WAYS > 1
	:: i = 1
#endif
	fi;
#ifdef CHECKED_BEFORE_PENDING
	seen = generation[GUARD(k)];
	if
	:: stamp == STAMP(seen, epoch) -> publish(me)
	:: else
	fi
#else
	publish(me)
#endif
}

proctype StagedWriter(byte k; byte me)
{
	byte key, stamp, lease_epoch, version, seen, i, saw;
	bool alone;

	/* write_arrives() */
	d_step {
		key = k;
		version = NOT_EXECUTED;
		generation[GUARD(k)]++;
		in_flight[GUARD(k)]++;
		stamp = generation[GUARD(k)];
		alone = NO_OTHER_IN_FLIGHT
	}
	kill_ways(k);
	d_step {
		alone = alone && NO_GLOBAL_IN_FLIGHT;
		stamp = STAMP(stamp, epoch)
	}
	/* stage_value(): the epoch is read again */
	lease_epoch = epoch;
	if
	:: memcached_executes()
#ifdef STAGED_WHILE_SUSPECT
	:: true /* an older request's STORED seems to be this one's */
#endif
	fi;
	if
	:: alone && IS_STORED -> publish_staged(me)
	:: true /* no place, recycled */
	fi;
	lower_guard(GUARD(k))
}
