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

/* enum lease_wish. In the slot: FILL stands for a key_hash, i.e. a lease that was granted. */
#define WISH_NONE 0      /* how it is answered is not known: its tag is never consumed */
#define WISH_ONE_REPLY 1 /* may not fill; one datagram answers it */
#define WISH_LIST 2      /* several get: the last reply datagram ends with END and answers it */
#define WISH_FILL 3

byte tag; /* 0 empty, BUSY, else an identity: 1, 2 */
byte lease_wish;
byte lease_stamp;
byte lease_owner; /* stands for arrival_ns as a name: whose datagram this is */
Time lease_arrival;
bool forgotten[IDENTITIES]; /* `unanswered`, a bit for each identity, and their one time */
Time unanswered;
Time contended;          /* of the latest that found the slot busy */
Time last_release;       /* of the guard; identity.pml */
Time written[DATAGRAMS]; /* udp_write.pml: arrival of the write that is recorded */
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
#endif

#define BARRIER_STARTS \
	lease_arrival.new = 0; unanswered.new = 0; contended.new = 0; last_release.new = 0; \
	untracked_arrival.new = 0; \
	for (each : 0 .. DATAGRAMS - 1) { \
		arrival[each].new = 0; release_seen[each].new = 0; written[each].new = 0 \
	} \
	each = 0

/* bmcd: a request of its own through the same socket is answered, a quarantine passes (quarantine.pml):
 * whatever arrived before it is answered or gone. There is always one under way; it may be given up for a new
 * one. */
proctype Barrier()
{
	byte each;

end:	do
	:: d_step { ANSWERED_OR_GONE ->
			lease_arrival.open = lease_arrival.new;
			unanswered.open = unanswered.new;
			contended.open = contended.new;
			last_release.open = last_release.new;
			untracked_arrival.open = untracked_arrival.new;
			for (each : 0 .. DATAGRAMS - 1) {
				arrival[each].open = arrival[each].new;
				release_seen[each].open = release_seen[each].new;
				written[each].open = written[each].new
			}
			BARRIER_STARTS }
	:: d_step { true -> BARRIER_STARTS }
	od
}

/* lease_older_lingers(): may an older datagram of this identity still be answered? */
#ifdef BUSY_NOT_REMEMBERED
#define CONTENDED false
#else
#define CONTENDED contended.open
#endif
#define OLDER_LINGERS(identity) (CONTENDED || (forgotten[identity - 1] && unanswered.open))

#ifdef SAME_ID_NOT_REFUSED
#define REFUSE(me, identity) false
#else
#define REFUSE(me, identity) (release_seen[me].open && OLDER_LINGERS(identity))
#endif

#ifdef OTHERS_FORGOTTEN
#define KEEP_OTHERS false
#else
#define KEEP_OTHERS unanswered.open
#endif

/* lease_unanswered(): the datagram in the slot is forgotten. The others' bits go when all of them are behind
 * the barrier. */
inline remember(identity)
{
#if IDENTITIES > 1
	forgotten[0] = forgotten[0] && KEEP_OTHERS;
	forgotten[1] = forgotten[1] && KEEP_OTHERS;
#endif
	forgotten[identity - 1] = true;
	LATER_OF(unanswered, lease_arrival)
}

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
			LATER_OF(contended, arrival[me]);
			busy = false
		:: else ->
#ifndef OVERWRITTEN_NOT_REMEMBERED
			if
			:: before != 0 -> remember(before)
			:: else
			fi;
#endif
			if
			:: wish == WISH_FILL && REFUSE(me, identity) -> lease_wish = WISH_ONE_REPLY
			:: else -> lease_wish = wish
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

#ifdef LIST_ENDED_BY_ANY
#define STAYS false
#else
#define STAYS (lease_wish == WISH_NONE || lease_wish == WISH_LIST)
#endif

/* The end of do_lease_consume(). Nobody looks at the fields before the slot is claimed anew. */
inline forget(identity)
{
#ifndef CONSUMED_NOT_REMEMBERED
	if
	:: OLDER_LINGERS(identity) -> remember(identity)
	:: else
	fi;
#endif
	lease_wish = WISH_NONE;
	lease_stamp = 0;
	lease_owner = 0;
	COPY(lease_arrival, none);
	tag = 0
}

/* lease_take() and lease_forget(), with do_lease_consume(); nothing if the tag is another's. */
inline consume(identity)
{
	if
	:: STEP_BEGIN
			tag == identity ->
			tag = BUSY;
			filling = lease_wish == WISH_FILL;
			stamp = lease_stamp;
		STEP_NEXT
			if
			:: STAYS -> tag = identity
			:: else -> forget(identity)
			fi;
		STEP_END
	:: else
	fi
}

#ifdef LIST_ENDED_BY_AN_OLDER_END
#define IS_AN_OLDER_END(identity) false
#else
#define IS_AN_OLDER_END(identity) OLDER_LINGERS(identity)
#endif

/*
 * lease_list_ends(), at cgroup egress: a reply that ends with END. The list is answered if that is not an older
 * one's END, but the reply is still to come by TC egress, and consumes there: were the tag gone by then, it
 * would take the next one's.
 */
inline list_ends(identity)
{
	if
	:: STEP_BEGIN
			tag == identity && lease_wish == WISH_LIST ->
			tag = BUSY;
		STEP_NEXT
#ifdef LIST_CONSUMED_TWICE
			forget(identity);
#else
			lease_wish = (IS_AN_OLDER_END(identity) -> WISH_LIST : WISH_ONE_REPLY);
			tag = identity;
#endif
		STEP_END
	:: else
	fi
}
