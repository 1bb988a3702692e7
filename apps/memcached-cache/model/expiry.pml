/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: expiry. One key. Writers that give it a time to live; a `touch` on a connection out of step,
 * seen only by the global guard; flush_all with a delay; TTL hints, bmcd's `me` probe, staged values. Time is in
 * seconds of CLOCK_MONOTONIC; memcached's own clock lags behind it as it likes (SIGSTOP), and clock_floor_s behind
 * that. Included by coherence.pml.
 */

#define NEVER 254
#define UNKNOWN 0

byte second = 1; /* CLOCK_MONOTONIC */
byte clock = 1;  /* memcached's current_time */
byte floor_s = 1; /* server_state.clock_floor_s: a second that memcached's clock was seen to have reached */

/* memcached's item */
byte expires = NEVER;      /* gone once its clock reaches this */
byte truly_expires = NEVER; /* the same by the true time of the command */
byte item_time = 1;        /* its clock when the item was written */
byte flush_at = NEVER;     /* delayed flush_all: items not newer than this are gone once its clock reaches it */

#define GONE (expires <= clock || (flush_at <= clock && item_time <= flush_at))

/* The entries' deadlines, by their places in the log: a reader and the probe each hold theirs when no way leads
 * to it any more. 0: none. */
#if STAGED
#define PLACES 5 /* the last two are of staged values */
#else
#define PLACES 3
#endif
#define PLACE_OF_WAY (way[0] / 2)
byte entry_deadline[PLACES + 1];
byte reader_at;
byte probe_at;
byte probe_stamp; /* CACHE_EVENT_TTL: of the fill's lease */

/* the hint's and the server's deadlines */
byte hint_stamp = NONE;
byte hint_deadline = UNKNOWN;
byte flush_from = NEVER;
byte flush_to;

/* ---- The rules, each with its broken variant --------------------------------------------------- */

/* A hint counts for entries of its stamp. */
#ifdef HINT_OF_KEY_GENERATION_ONLY
#define HINT_STAMP(own_generation, stamp) (own_generation)
#define HINT_COUNTS (hint_stamp == own_generation)
#else
#define HINT_STAMP(own_generation, stamp) (stamp)
#define HINT_COUNTS (hint_stamp == stamp)
#endif

#if defined(HINT_OF_KEY_GENERATION_ONLY) || defined(HINT_ALONE_WHEN_ANSWERED)
#define STILL_OF_THE_STAMP true
#else
#define STILL_OF_THE_STAMP (now + epoch == stamp)
#endif

#ifdef FLUSH_WITHOUT_THE_SECOND
#define FLUSH_EARLY 0
#else
#define FLUSH_EARLY 1
#endif

#ifdef NOT_CUT_BY_FLUSH
#define CUT_BY_FLUSH false
#else
#define CUT_BY_FLUSH true
#endif

/* No write since the lease of the fill that asks: it found the entry, so the answer is about what the entry holds. */
#ifdef PROBE_IGNORES_STAMP
#define STAMP_DID_NOT_MOVE true
#else
#define STAMP_DID_NOT_MOVE (now + epoch == probe_stamp)
#endif

#ifdef UNKNOWN_SERVED
#define KNOWN(deadline) true
#define BEFORE(deadline) (deadline == UNKNOWN || second < deadline)
#else
#define KNOWN(deadline) (deadline != UNKNOWN)
#ifdef SERVED_AT_DEADLINE
#define BEFORE(deadline) (second <= deadline)
#else
#define BEFORE(deadline) (second < deadline)
#endif
#endif

#ifdef FLUSH_BY_TRUE_TIME
#define FLUSH_CLOCK second
#else
#define FLUSH_CLOCK floor_s
#endif

/* What nobody holds is as if it had never been. */
#define HOLDS_PLACE(p) (PLACE_OF_WAY == p || reader_at == p || probe_at == p)

inline forget_places()
{
	entry_deadline[1] = (HOLDS_PLACE(1) -> entry_deadline[1] : UNKNOWN);
	entry_deadline[2] = (HOLDS_PLACE(2) -> entry_deadline[2] : UNKNOWN);
	entry_deadline[3] = (HOLDS_PLACE(3) -> entry_deadline[3] : UNKNOWN)
#if STAGED
	;
	entry_deadline[4] = (HOLDS_PLACE(4) -> entry_deadline[4] : UNKNOWN);
	entry_deadline[5] = (HOLDS_PLACE(5) -> entry_deadline[5] : UNKNOWN)
#endif
}

#define FREE_PLACE (reader_at != 1 && probe_at != 1 -> 1 : (reader_at != 2 && probe_at != 2 -> 2 : 3))

/* key_kill() */
inline kill_entry()
{
	d_step { EMPTY_WAY(0); forget_places() }
}

/* ---- The processes ------------------------------------------------------------------------------- */

proctype Clocks()
{
end:	do
	:: second < SECONDS -> second++
	:: d_step { clock < second -> clock = second }
	:: d_step { floor_s < clock -> floor_s = clock }
	od
}

/* A write seen whole: `set` with this time to live; 0: none. */
proctype WriterForSeconds(byte ttl)
{
	byte stamp, deadline, own_generation, now;
	bool alone;

	d_step {
		generation[0]++;
		in_flight[0]++;
		own_generation = generation[0];
		alone = in_flight[0] == 1
	}
	kill_entry();
	/* pending_fill(): the global word, then the deadline that success would mean */
	d_step {
		stamp = own_generation + epoch;
#ifndef HINT_BESIDE_GLOBAL_WRITE
		alone = alone && global_flight == 0;
#endif
#ifdef HINT_FROM_TRUE_TIME
		deadline = (ttl -> second + ttl : NEVER)
#else
		deadline = (ttl -> floor_s + ttl : NEVER)
#endif
	}
	d_step {
		EXECUTE_WRITE(0);
		item_time = clock;
		expires = (ttl -> clock + ttl : NEVER);
		truly_expires = (ttl -> second + ttl : NEVER)
	}
#if !PROBES
	/* publish_hint(), before the write ends: the words, one after the other */
#ifdef HINT_ALONE_WHEN_ANSWERED
	d_step { alone = in_flight[0] == 1 && generation[0] == own_generation }
#else
	d_step { alone = alone && in_flight[0] == 1; now = generation[0] }
#endif
	if
	:: d_step { alone && STILL_OF_THE_STAMP ->
			hint_stamp = HINT_STAMP(own_generation, stamp);
			hint_deadline = deadline }
	:: else
	fi;
#endif
	lower_guard(0)
}

#if STAGED
#ifdef STAGED_DEADLINE_OF_THE_ANSWER
#define STAGED_DEADLINE (ttl -> floor_s + ttl : NEVER)
#else
#define STAGED_DEADLINE deadline
#endif
#ifdef STAGED_NOT_CUT_BY_FLUSH
#define STAGED_CUT false
#else
#define STAGED_CUT (deadline > flush_from)
#endif

/* The same, and its value is in the log (staged.pml); the hint is left out. Each word at a time of its own. */
proctype StagedForSeconds(byte ttl; byte place)
{
	byte stamp, deadline, lease_epoch, version, now;
	bool alone;

	d_step {
		generation[0]++;
		in_flight[0]++;
		stamp = generation[0];
		alone = in_flight[0] == 1
	}
	kill_entry();
	d_step {
		stamp = stamp + epoch;
#ifndef STAGED_BESIDE_A_GLOBAL_WRITE
		alone = alone && global_flight == 0;
#endif
		deadline = (ttl -> floor_s + ttl : NEVER)
	}
	/* stage_value() */
	d_step { lease_epoch = epoch; deadline = (STAGED_CUT -> flush_from : deadline) }
	d_step {
		EXECUTE_WRITE(0);
		version = store[0];
		item_time = clock;
		expires = (ttl -> clock + ttl : NEVER);
		truly_expires = (ttl -> second + ttl : NEVER)
	}
	/* publish_staged(), before the write ends */
	if
	:: d_step { alone ->
			put_way(0, PENDING(place), 0, lease_epoch, version);
			entry_deadline[place] = STAGED_DEADLINE;
			forget_places() }
		now = generation[0];
		if
		:: d_step { stamp == now + epoch && way[0] == PENDING(place) -> way[0] = VALID(place) }
		:: d_step { stamp != now + epoch && way[0] == PENDING(place) -> EMPTY_WAY(0); forget_places() }
		:: d_step { way[0] != PENDING(place) -> skip }
		fi
	:: !alone
	fi;
	lower_guard(0)
}
#endif

/*
 * An `add` that lives for ever, on a connection that was lost once: the reply that seems to be its own may be an
 * older request's, so it says neither that it is executed nor that it succeeds. The write itself ends
 * after its true reply (suspect.pml).
 */
proctype SuspectAdd()
{
	byte stamp;
	bool alone;

	d_step { generation[0]++; in_flight[0]++; stamp = generation[0]; alone = in_flight[0] == 1 }
	kill_entry();
	d_step { stamp = stamp + epoch; alone = alone && global_flight == 0 }
#ifdef HINT_WHILE_SUSPECT
	if
	:: d_step { alone && in_flight[0] == 1 && stamp == generation[0] + epoch ->
			hint_stamp = stamp;
			hint_deadline = NEVER }
	:: else
	fi;
#endif
	d_step {
		if
		:: GONE ->
			EXECUTE_WRITE(0);
			item_time = clock;
			expires = NEVER;
			truly_expires = NEVER
		:: else
		fi
	}
	lower_guard(0)
}

/* A connection out of step: `touch` with one second to live. */
proctype Touch()
{
	raise_global();
	d_step {
		expires = clock + 1;
		truly_expires = second + 1
	}
	lower_global()
}

/* flush_all DELAY; memcached acts one second early (oldest_live = realtime(DELAY) - 1). */
proctype FlushLater(byte delay)
{
	byte from;

	raise_global();
	from = floor_s + delay - FLUSH_EARLY;
	flush_at = clock + delay - 1;
	/* its reply leaves */
	d_step {
		flush_to = second + delay + 1;
		flush_from = from
	}
	lower_global()
}

/* bmcd: a delayed flush has acted, SWEEP_FLUSH_ACTED. */
proctype FlushAudit()
{
end:	do
	:: flush_from != NEVER && FLUSH_CLOCK >= flush_to ->
		epoch++;
		flush_from = NEVER
	od
}

/* bmcd is told of an entry without a deadline, or not. */
#if PROBES
inline send_event()
{
	if
	:: probe_at == 0 && entry_deadline[PLACE_OF_WAY] == UNKNOWN ->
		probe_at = PLACE_OF_WAY;
		probe_stamp = stamp
	:: true
	fi
}
#endif

/* TC egress: hinted_deadline(), entry_deadline(), publish(). */
proctype FillWithDeadline()
{
	byte stamp, lease_epoch, version, own_generation, seen, deadline, place;

end:	do
	:: d_step { in_flight[0] == 0 -> own_generation = generation[0] }
		if
		:: d_step { global_flight == 0 -> stamp = own_generation + epoch; lease_epoch = epoch }
			if
			:: d_step { present[0] && !GONE -> version = store[0] }
				if
				:: d_step { deadline = (HINT_COUNTS -> hint_deadline : UNKNOWN) }
					d_step {
						deadline = (deadline > flush_from && CUT_BY_FLUSH -> flush_from : deadline);
						place = FREE_PLACE;
						put_way(0, PENDING(place), 0, lease_epoch, version);
						entry_deadline[place] = deadline;
						forget_places();
						lease_epoch = 0; version = 0; own_generation = 0; deadline = 0
					}
					seen = generation[0];
					if
					:: d_step { stamp == seen + epoch -> seen = 0 }
						if
						:: atomic { way[0] == PENDING(place) ->
								way[0] = VALID(place)
#if PROBES
								;
								send_event()
#endif
							}
						:: else
						fi
					:: else ->
						if
						:: way[0] == PENDING(place) -> kill_entry()
						:: else
						fi
					fi
#if PROBES
				/* compare_reply(): it is there already. Equal texts may be of two versions. */
				:: atomic { IS_VALID(0) && entry_epoch[0] == lease_epoch -> send_event() }
#endif
				fi
			:: true
			fi
		:: else
		fi;
		d_step { stamp = 0; lease_epoch = 0; version = 0; own_generation = 0; seen = 0; deadline = 0; place = 0 }
	od
}

/* bmcd: asks `me` for an entry whose deadline is not known, and tells the entry. */
proctype Probe()
{
	byte deadline, now;

end:	do
	:: d_step { probe_at != 0 ->
#ifdef PROBE_STAMP_OF_THE_QUESTION
			probe_stamp = generation[0] + epoch;
#endif
			deadline = floor_s } /* known before the question is sent */
		if
		:: d_step { !GONE -> deadline = (expires == NEVER -> NEVER : deadline + expires - clock) }
#if FLUSHES
			d_step { deadline = (deadline > flush_from && CUT_BY_FLUSH -> flush_from : deadline) }
#endif
			now = generation[0];
			if
			:: d_step { STAMP_DID_NOT_MOVE -> now = 0 }
				d_step {
					entry_deadline[probe_at] = (entry_deadline[probe_at] == UNKNOWN -> deadline
												  : entry_deadline[probe_at])
				}
			:: else
			fi
		:: else
		fi;
		d_step { deadline = 0; now = 0; probe_at = 0; probe_stamp = 0; forget_places() }
	od
}

/* The probe may tell the deadline while the entry is read. */
#define MAY_BE_SERVED (KNOWN(entry_deadline[PLACE_OF_WAY]) || probe_at == PLACE_OF_WAY)

/* XDP: the way, then the deadline. That the epoch may be read earlier is in keys.pml. */
proctype LookUpWithDeadline()
{
	byte until; /* 0: memcached had nothing like that when the GET arrived */

end:	do
	:: d_step { IS_HIT(0, 0, epoch) && MAY_BE_SERVED ->
			reader_at = PLACE_OF_WAY;
			until = (entry_version[0] < store[0] || GONE -> 0 : truly_expires) }
		d_step {
			if
			:: KNOWN(entry_deadline[reader_at]) && BEFORE(entry_deadline[reader_at]) ->
				/* THE PROPERTY: not older, not gone when the GET arrived, and not expired since. */
				assert(second < until)
			:: else
			fi;
			reader_at = 0; until = 0;
			forget_places()
		}
	od
}

init
{
	atomic {
		run Clocks();
		run FillWithDeadline();
		run LookUpWithDeadline();
#if STAGED
		run StagedForSeconds(0, 4);
#if STAGED > 1
		run StagedForSeconds(1, 5);
		run Touch();
#endif
#else
		run WriterForSeconds(0);
#endif
#if HINTS
		run WriterForSeconds(1);
		run Touch();
#endif
#if SUSPECTS
		run WriterForSeconds(1);
		run SuspectAdd();
#endif
#if PROBES
		run Touch();
		run Probe();
#endif
#if FLUSHES
		run FlushLater(2);
		run FlushAudit();
#endif
		skip
	}
}
