/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lease slot (coherence/lease.bpf.h) and bmcd's barrier, for the scenarios about request identities.
 * Included by identity.pml and udp_write.pml.
 *
 * Nothing here depends on a time but by comparing it with barrier_done_ns, which only grows. So a time is
 * two bits: `new` = later than the start of the barrier under way, `open` = later than barrier_done_ns.
 */

typedef Time { bit new; bit open };

#define NOW(t) t.new = 1; t.open = 1
#define LATER_OF(t, other) t.new = t.new | other.new; t.open = t.open | other.open
#define COPY(t, other) t.new = other.new; t.open = other.open

#define BUSY 255
#define KEY_NONE 0 /* may not fill; its reply consumes the tag */
#define KEY_FILL 1
#define KEY_KEEP 2 /* may not fill, and several replies may follow: the tag stays */

byte tag; /* 0 empty, BUSY, else an identity: 1, 2 */
byte lease_key;
byte lease_stamp;
byte lease_owner; /* stands for arrival_ns as a name: whose datagram this is */
Time lease_arrival;
Time unanswered;
Time last_release;       /* of the guard; identity.pml */
Time record_arrival;     /* udp_write.pml */
Time untracked_arrival;  /* udp_write.pml: of the latest */
Time none;

/* The datagrams under way; their times are global so that a barrier can move what they compare with. */
byte started;
bool under_way[DATAGRAMS];
bool in_queue[DATAGRAMS];
Time arrival[DATAGRAMS];
Time release_seen[DATAGRAMS];

#ifdef QUARANTINE_PASSED_WHILE_STOPPED
#define STILL_THERE(d) (in_queue[d] && !arrival[d].new) /* a worker that took one is not waited for */
#else
#define STILL_THERE(d) (under_way[d] && !arrival[d].new)
#endif
#if DATAGRAMS == 2
#define ANSWERED_OR_GONE (!STILL_THERE(0) && !STILL_THERE(1))
#elif DATAGRAMS == 3
#define ANSWERED_OR_GONE (!STILL_THERE(0) && !STILL_THERE(1) && !STILL_THERE(2))
#else
#define ANSWERED_OR_GONE (!STILL_THERE(0) && !STILL_THERE(1) && !STILL_THERE(2) && !STILL_THERE(3))
#endif

#define BARRIER_STARTS \
	lease_arrival.new = 0; unanswered.new = 0; last_release.new = 0; \
	record_arrival.new = 0; untracked_arrival.new = 0; \
	for (each : 0 .. DATAGRAMS - 1) { arrival[each].new = 0; release_seen[each].new = 0 } \
	each = 0

/* bmcd: a request of its own through the same socket is answered, a quarantine passes: whatever arrived
 * before it is answered or gone. There is always one under way; it may be given up for a new one. */
proctype Barrier()
{
	byte each;

end:	do
	:: d_step { ANSWERED_OR_GONE ->
			lease_arrival.open = lease_arrival.new;
			unanswered.open = unanswered.new;
			last_release.open = last_release.new;
			record_arrival.open = record_arrival.new;
			untracked_arrival.open = untracked_arrival.new;
			for (each : 0 .. DATAGRAMS - 1) {
				arrival[each].open = arrival[each].new;
				release_seen[each].open = release_seen[each].new
			}
			BARRIER_STARTS }
	:: d_step { true -> BARRIER_STARTS }
	od
}

#ifdef SAME_ID_NOT_REFUSED
#define REFUSE(me) false
#else
#define REFUSE(me) (release_seen[me].open && unanswered.open)
#endif

/* Between the claim of the slot and its release other CPUs find it BUSY. Without WINDOWS both are one step. */
#ifdef WINDOWS
#define STEP_BEGIN atomic {
#define STEP_NEXT }; d_step {
#define STEP_END }
#else
#define STEP_BEGIN d_step {
#define STEP_NEXT
#define STEP_END }
#endif

/* lease_record(): the slot is claimed, its older tag remembered, the lease granted or not. */
inline record(me, identity, wish)
{
	STEP_BEGIN
		busy = tag == BUSY;
		before = tag;
		tag = BUSY;
	STEP_NEXT
		if
		:: busy ->
#ifndef BUSY_NOT_REMEMBERED
			LATER_OF(unanswered, arrival[me]);
#endif
			busy = false
		:: else ->
#ifndef OVERWRITTEN_NOT_REMEMBERED
			if
			:: before != 0 -> LATER_OF(unanswered, lease_arrival)
			:: else
			fi;
#endif
			if
			:: wish == KEY_FILL && REFUSE(me) -> lease_key = KEY_NONE
			:: else -> lease_key = wish
			fi;
			lease_stamp = stamp;
			lease_owner = OWNER(me);
			COPY(lease_arrival, arrival[me]);
			tag = identity
		fi;
		before = 0;
		stamp = 0;
		COPY(release_seen[me], none);
		in_queue[me] = true; /* delivered */
	STEP_END
}

/* lease_take() and lease_forget(), with do_lease_consume(); nothing if the tag is another's. */
inline consume(identity)
{
	if
	:: STEP_BEGIN
			tag == identity ->
			tag = BUSY;
			filling = lease_key == KEY_FILL;
			stamp = lease_stamp;
		STEP_NEXT
			if
#ifndef MULTI_GET_CONSUMES
			:: lease_key == KEY_KEEP -> tag = identity
#endif
			:: else ->
#ifndef CONSUMED_NOT_REMEMBERED
				if
				:: unanswered.open -> LATER_OF(unanswered, lease_arrival)
				:: else
				fi;
#endif
				/* nobody looks at these before the slot is claimed anew */
				lease_key = KEY_NONE;
				lease_stamp = 0;
				lease_owner = 0;
				COPY(lease_arrival, none);
				tag = 0
			fi;
		STEP_END
	:: else
	fi
}
