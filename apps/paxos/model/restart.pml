/* SPDX-License-Identifier: Apache-2.0 */
/* Crash, restart and recovery. Steps of replica `me`; included by paxos.pml. */

/* What is not on the disk is gone; the view and log_view are there in both durabilities. */
inline lose_memory()
{
	lose_queue();
	view[me] = stored_view[me];
	commit[me] = 0; /* no checkpoint yet */
	stop_fetching()
}

#ifdef WAL
/* ---- with its log: all may crash at once ----------------------------------------------------------------- */

inline restart_with_log()
{
	printf("%d crashes and starts again: view %d, log_view %d, op %d\n", me, stored_view[me],
		stored_log_view[me], OP(stored_log[me]));
	lose_memory();
	log_view[me] = stored_log_view[me];
	log[me] = stored_log[me];
	if
	:: log_view[me] == view[me] && !IS_LEADER(me) -> status[me] = NORMAL
	:: log_view[me] == view[me] && IS_LEADER(me) ->
		status[me] = CHANGING; /* and does not lead this view again: COLLECTS */
#ifdef LEADS_AGAIN
		led_before[me] = true;
		send_vote()
#endif
	:: log_view[me] < view[me] ->
		status[me] = CHANGING;
		send_vote()
	fi;
	forget()
}
#endif

#if !defined(WAL) || defined(DAMAGE)
/* ---- without its log: at most f = 1 replicas at a time ----------------------------------------------------- */

#ifdef STALE_ANSWER
byte asker = NONE; /* whose question the answers are for */
#endif

inline restart_without_log()
{
	printf("%d crashes and recovers: view %d\n", me, stored_view[me]);
	lose_memory();
	status[me] = RECOVERING;
	log_view[me] = 0;
	log[me] = 0;
#ifdef WAL
	stored_log[me] = 0;
#endif
#ifdef RESTART_IS_NORMAL
	status[me] = NORMAL;
	log_view[me] = view[me];
#endif
#ifdef STALE_ANSWER
	if
	:: asker != me -> forget_answers()
	:: else
	fi;
	asker = me;
#else
	forget_answers();
#endif
	forget()
}

inline forget_answers()
{
	for (i : 0 .. N - 1) {
		answer[i] = 0;
		answer_log[i] = 0
	}
	i = 0
}

/* RECOVERY_RESPONSE of r to this life's question; a later one replaces it. It waits for r's stores, too. */
#ifdef ANSWERED_WHILE_CHANGING
#define CAN_ANSWER(r) (status[me] == RECOVERING && (r) != me && stored_view[r] == view[r])
#else
#define CAN_ANSWER(r) \
	(status[me] == RECOVERING && status[r] == NORMAL && stored_view[r] == view[r] && stored_log_view[r] == view[r])
#endif

inline take_answer(r)
{
	printf("%d answers %d: view %d, leads %d, op %d\n", r, me, view[r], IS_LEADER(r), OP(log[r]));
	answer[r] = view[r] + 1;
#ifdef RECOVERY_WITHOUT_LEADER
	answer_log[r] = log[r]
#else
	answer_log[r] = (IS_LEADER(r) -> log[r] : 0)
#endif
}

#define NEXT ((me + 1) % N)
#define PREVIOUS ((me + 2) % N)
#define HIGHEST_VIEW (MAX(answer[NEXT], answer[PREVIOUS]) - 1)
/* N = 3: f + 1 others are both others. */
#ifdef RECOVERY_FROM_LEADER_ALONE
#define HAVE_ANSWERS (answer[NEXT] > 0 || answer[PREVIOUS] > 0)
#else
#define HAVE_ANSWERS (answer[NEXT] > 0 && answer[PREVIOUS] > 0)
#endif
#ifdef RECOVERY_BELOW_DURABLE_VIEW
#define HIGH_ENOUGH true
#else
#define HIGH_ENOUGH (HIGHEST_VIEW >= view[me])
#endif
#ifdef RECOVERY_WITHOUT_LEADER
#define SOURCE (answer[NEXT] == HIGHEST_VIEW + 1 -> NEXT : PREVIOUS)
#define HAVE_SOURCE true
#else
#define SOURCE LEADER(HIGHEST_VIEW)
#define HAVE_SOURCE (LEADER(HIGHEST_VIEW) != me && answer[LEADER(HIGHEST_VIEW)] == HIGHEST_VIEW + 1)
#endif
#define CAN_RECOVER (status[me] == RECOVERING && HAVE_ANSWERS && HAVE_SOURCE && HIGH_ENOUGH)

/* The leader's log as it was when it answered: what comes after is accepted like any entry. */
inline recover()
{
	printf("%d has recovered: view %d, op %d\n", me, HIGHEST_VIEW, OP(answer_log[SOURCE]));
	whole = answer_log[SOURCE];
	view[me] = HIGHEST_VIEW;
	install();
	send(SEND_PREPARE_OK, view[me], OP(log[me]), 0, 0);
#ifndef STALE_ANSWER
	forget_answers();
#endif
	forget()
}
#endif

/* ---- the steps --------------------------------------------------------------------------------------------- */

#ifndef WAL
#define CAN_CRASH (status[0] != RECOVERING && status[1] != RECOVERING && status[2] != RECOVERING)
#define crash() restart_without_log()
#elif !defined(DAMAGE)
#define CAN_CRASH true
#define crash() restart_with_log()
#else
/* The log of one replica may be found damaged; until it has recovered it begins without it at every start. */
#define CAN_CRASH true
#define CAN_LOSE_LOG (!log_is_lost[0] && !log_is_lost[1] && !log_is_lost[2])

inline crash()
{
	if
	:: log_is_lost[me] -> restart_without_log()
	:: else -> restart_with_log()
	fi
}

inline lose_log()
{
	restart_without_log();
#ifndef WHOLE_BEFORE_RECOVERED
	log_is_lost[me] = true
#endif
}
#endif
