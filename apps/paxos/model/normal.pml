/* SPDX-License-Identifier: Apache-2.0 */
/* The normal case: propose, accept and acknowledge, commit. Steps of replica `me`; included by paxos.pml. */

inline append(entry)
{
	log[me] = APPENDED(log[me], entry);
#ifdef WAL
	store(STORE_ENTRY, 0, 0, log[me])
#endif
}

/* ---- the leader ---------------------------------------------------------------------------------------- */

#ifdef LEADS_AGAIN
#define OWN_ENTRY (view[me] + 1 + 3 * led_before[me]) /* another value than in its first life */
#else
#define OWN_ENTRY (view[me] + 1)
#endif
#define CAN_PROPOSE (LEADS && OP(log[me]) < OPS)

/* The PREPARE waits for START_VIEW only, not for the own store of the entry. */
inline propose()
{
	printf("%d proposes op %d\n", me, OP(log[me]) + 1);
	append(OWN_ENTRY);
	if
	:: led_from[view[me]] != NONE -> led[view[me]] = log[me]
	:: else
	fi
}

#ifdef LEADER_COUNTS_BEFORE_STORE
#define OWN_ACK(c) true
#else
#define OWN_ACK(c) SAME(KEPT(me), log[me], c)
#endif
#ifdef ACK_OF_OLDER_VIEW
#define ACK(r, c) (acked[AT(view[me], r)] >= (c) || acked[AT(view[me] - (view[me] > 0), r)] >= (c))
#else
#define ACK(r, c) (acked[AT(view[me], r)] >= (c))
#endif
#ifdef COMMIT_QUORUM_OFF_BY_ONE
#define COMMIT_QUORUM (Q - 1)
#else
#define COMMIT_QUORUM Q
#endif

#define HAS_ACKED(r, c) ((r) == me -> OWN_ACK(c) : ACK(r, c))
#define ACKS(c) (HAS_ACKED(0, c) + HAS_ACKED(1, c) + HAS_ACKED(2, c))
#define CAN_COMMIT(c) (LEADS && commit[me] < (c) && (c) <= OP(log[me]) && ACKS(c) >= COMMIT_QUORUM)

inline commit_up_to(c)
{
	printf("%d commits up to op %d in view %d\n", me, c, view[me]);
	check_quorum(c);
	commit[me] = c;
	led_commit[view[me]] = MAX(led_commit[view[me]], c);
	note_committed(c);
	check_commit(me)
}

/* ---- a backup ------------------------------------------------------------------------------------------ */

#if defined(ACCEPTS_AFTER_PROMISE)
#define HEARD log_view[me] /* the view whose leader it listens to */
#define CAN_ACCEPT (status[me] != RECOVERING && LEADER(HEARD) != me && OP(log[me]) < OP(led[HEARD]))
#elif defined(PREPARE_OF_OLDER_VIEW)
#define HEARD (view[me] - (view[me] > 0))
#define CAN_ACCEPT (FOLLOWS && OP(log[me]) < OP(led[HEARD]))
#else
#define HEARD view[me]
#define CAN_ACCEPT (FOLLOWS && OP(log[me]) < OP(led[HEARD]))
#endif

/* The next entry, by PREPARE or by NEW_STATE. */
inline accept()
{
	printf("%d accepts op %d of view %d in view %d\n", me, OP(log[me]) + 1, HEARD, view[me]);
	ChainFits = SAME(log[me], led[HEARD], OP(log[me]));
	CHECK(ChainFits);
#ifdef ACK_BEFORE_STORE
	release(SEND_PREPARE_OK, view[me], OP(log[me]) + 1, 0, 0);
#endif
#ifdef ACK_BEFORE_APPEND
	release(SEND_PREPARE_OK, view[me], OP(log[me]) + 1, 0, 0)
#else
	append(ENTRY(led[HEARD], OP(log[me]) + 1));
#ifdef ACCEPTS_AFTER_PROMISE
	send(SEND_PREPARE_OK, HEARD, OP(log[me]), 0, 0)
#else
	send(SEND_PREPARE_OK, view[me], OP(log[me]), 0, 0)
#endif
#endif
}

#ifdef COMMIT_BEYOND_LOG
#define TOLD_COMMIT led_commit[view[me]]
#else
#define TOLD_COMMIT MIN(led_commit[view[me]], OP(log[me]))
#endif
#define CAN_LEARN_COMMIT (FOLLOWS && commit[me] < TOLD_COMMIT)

inline learn_commit()
{
	printf("%d learns that op %d is committed\n", me, TOLD_COMMIT);
	commit[me] = TOLD_COMMIT;
	check_commit(me)
}
