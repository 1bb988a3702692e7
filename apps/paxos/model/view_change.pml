/* SPDX-License-Identifier: Apache-2.0 */
/* From one view to the next. Steps of replica `me`; included by paxos.pml. */

/* Any replica may enter any later view at any time: more than the wishes of a quorum, or the view in a header,
 * ever allow. */
#define CAN_ENTER(to) (status[me] != RECOVERING && view[me] < (to))

inline enter_view(to)
{
	printf("%d enters view %d: log_view %d, op %d, commit %d\n", me, to, log_view[me], OP(log[me]), commit[me]);
	view[me] = to;
	status[me] = CHANGING;
	stop_fetching();
#if defined(VOTE_BEFORE_STORE)
	release(SEND_VOTE, to, log_view[me], log[me], commit[me]);
	store(STORE_STATE, to, log_view[me], 0);
#elif defined(VIEW_NOT_STORED)
	send_vote(); /* the view becomes durable with log_view only */
#else
	store(STORE_STATE, to, log_view[me], 0);
	send_vote();
#endif
	forget()
}

inline stop_fetching()
{
	best[me] = NONE;
	wanted[me] = 0;
	fetched[me] = 0;
	told_commit[me] = 0
}

#ifdef ENTRY_VIEW_AS_LOG_VIEW
#define VOTED_LOG_VIEW (log[me] == 0 -> 0 : ENTRY(log[me], OP(log[me])) - 1)
#else
#define VOTED_LOG_VIEW log_view[me]
#endif

/* DO_VIEW_CHANGE. The leader of the view counts its own at once. */
inline send_vote()
{
	if
	:: IS_LEADER(me) -> release(SEND_VOTE, view[me], VOTED_LOG_VIEW, log[me], commit[me])
	:: else -> send(SEND_VOTE, view[me], VOTED_LOG_VIEW, log[me], commit[me])
	fi
}

/* ---- the new leader ------------------------------------------------------------------------------------ */

#ifdef LEADS_AGAIN
#define COLLECTS (status[me] == CHANGING && IS_LEADER(me) && best[me] == NONE)
#else
#define COLLECTS (status[me] == CHANGING && IS_LEADER(me) && log_view[me] < view[me] && best[me] == NONE)
#endif

#ifdef VOTE_OF_OLDER_VIEW
#define VOTED_AT(r) (vote[AT(view[me], r)] > 0 -> AT(view[me], r) : AT(view[me] - (view[me] > 0), r))
#else
#define VOTED_AT(r) AT(view[me], r)
#endif
#define VOTE(r) vote[VOTED_AT(r)]

/* The votes of this set, a bit for each replica, are here; its own is one of them. */
#define HAVE_VOTE(r, set) (((set) >> (r) & 1) == 0 || VOTE(r) > 0)
#define HAVE_VOTES(set) (HAVE_VOTE(0, set) && HAVE_VOTE(1, set) && HAVE_VOTE(2, set))
#ifdef VOTE_COUNTED_TWICE
#define OWN_IS_IN(set) true
#else
#define OWN_IS_IN(set) (((set) >> me & 1) == 1)
#endif
#define CAN_COUNT(set) (COLLECTS && OWN_IS_IN(set) && HAVE_VOTES(set))

/* Largest (log_view, op). Of equals, any. */
#ifdef LONGEST_LOG_IS_BEST
#define VOTE_KEY(r) OP(vote_log[VOTED_AT(r)])
#else
#define VOTE_KEY(r) (VOTE(r) * 4 + OP(vote_log[VOTED_AT(r)]))
#endif
#define NOT_BETTER(r, b, set) (((set) >> (r) & 1) == 0 || VOTE_KEY(r) <= VOTE_KEY(b))
#ifdef OWN_LOG_IS_BEST
#define IS_BEST(b, set) ((b) == me)
#else
#define IS_BEST(b, set) \
	(((set) >> (b) & 1) == 1 && NOT_BETTER(0, b, set) && NOT_BETTER(1, b, set) && NOT_BETTER(2, b, set))
#endif

/* Its own log, or fetch that of `from` behind the own commit. */
inline choose(set, from)
{
	printf("%d counts the votes of the set %d and chooses the log of %d\n", me, set, from);
	best[me] = from;
	wanted[me] = vote_log[VOTED_AT(from)];
	fetched[me] = (from == me -> wanted[me] : UP_TO(wanted[me], commit[me]));
	for (i : 0 .. N - 1) {
		if
		:: (set >> i & 1) == 1 -> told_commit[me] = MAX(told_commit[me], vote_commit[VOTED_AT(i)])
		:: else
		fi
	}
	i = 0
}

/* The best replica answers GET_STATE with an entry of its present log. Its answer says its view: of another
 * one, it is not taken. */
#define FETCHES (best[me] != NONE && OP(fetched[me]) < OP(wanted[me]))
#if defined(STATE_OF_ANY_VIEW)
#define HIS_LOG log[best[me]]
#define CAN_FETCH (FETCHES && status[best[me]] != RECOVERING && OP(fetched[me]) < OP(HIS_LOG))
#elif defined(STATE_OF_OLDER_VIEW)
/* what he sent when he led the view before this one, or the one before that */
#define OLDER ((best[me] + 1) % N == me -> view[me] - 1 : view[me] - 2)
#define HIS_LOG led[OLDER]
#define CAN_FETCH (FETCHES && view[me] > 1 && OP(fetched[me]) < OP(HIS_LOG))
#else
#define HIS_LOG log[best[me]]
#define CAN_FETCH (FETCHES && status[best[me]] != RECOVERING && \
	 view[best[me]] == view[me] && stored_view[best[me]] == view[me])
#endif

inline fetch()
{
	printf("%d fetches op %d from %d\n", me, OP(fetched[me]) + 1, best[me]);
	ChainFits = SAME(wanted[me], HIS_LOG, OP(fetched[me]) + 1);
	CHECK(ChainFits);
	fetched[me] = APPENDED(fetched[me], ENTRY(HIS_LOG, OP(fetched[me]) + 1))
}

/* `whole`, the new log, is here up to its end. Nothing that is equal is dropped, and log_view comes last. */
inline install()
{
	NeverBehindCommit = SAME(log[me], whole, commit[me]);
	CHECK(NeverBehindCommit);
#ifdef LOG_VIEW_BEFORE_ENTRIES
	store(STORE_STATE, view[me], view[me], 0);
#endif
#ifdef WAL
#ifdef WHOLE_SUFFIX_TRUNCATED
	op = commit[me];
#else
	op = EQUAL_OP(log[me], whole);
#endif
	if
	:: op < OP(log[me]) ->
		log[me] = UP_TO(log[me], op);
		store(STORE_TRUNCATION, 0, 0, log[me])
	:: else
	fi;
	op = 0;
	do
	:: log[me] != whole -> append(ENTRY(whole, OP(log[me]) + 1))
	:: else -> break
	od;
#endif
	log[me] = whole;
	whole = 0;
	status[me] = NORMAL;
	log_view[me] = view[me];
#if defined(LOG_VIEW_NOT_STORED)
	store(STORE_STATE, view[me], 0, 0)
#elif defined(LOG_VIEW_BEFORE_ENTRIES)
	skip
#else
	store(STORE_STATE, view[me], view[me], 0)
#endif
}

#define CAN_LEAD (best[me] != NONE && OP(fetched[me]) == OP(wanted[me]))

inline lead()
{
	printf("%d leads view %d with op %d, commit %d\n", me, view[me], OP(wanted[me]), told_commit[me]);
	whole = fetched[me];
	install();
	commit[me] = told_commit[me];
	check_commit(me);
#ifdef START_VIEW_BEFORE_STORE
	release(SEND_START_VIEW, view[me], 0, log[me], commit[me]);
#else
	send(SEND_START_VIEW, view[me], 0, log[me], commit[me]);
#endif
	stop_fetching();
	forget()
}

/* ---- the others: START_VIEW with op `to`; the leader repeats it, also when its log is longer -------------- */

#ifdef START_VIEW_INSTALLED_AGAIN
#define AWAITS_START_VIEW (status[me] != RECOVERING && len(disk[me]) == 0)
#else
#define AWAITS_START_VIEW (status[me] == CHANGING)
#endif
#define CAN_FOLLOW(to) \
	(AWAITS_START_VIEW && !IS_LEADER(me) && led_from[view[me]] <= (to) && (to) <= OP(led[view[me]]))

inline follow(to)
{
	printf("%d follows in view %d from op %d\n", me, view[me], to);
	whole = UP_TO(led[view[me]], to);
	install();
	send(SEND_PREPARE_OK, view[me], to, 0, 0);
	forget()
}

#ifdef TRUNCATED_BEFORE_FETCH
/* It makes room for the log of the new view before it has that. */
#define CAN_MAKE_ROOM (status[me] == CHANGING && OP(log[me]) > commit[me] && \
	(best[me] != NONE || (!IS_LEADER(me) && led_from[view[me]] != NONE)))

inline make_room()
{
	printf("%d drops what is behind op %d\n", me, commit[me]);
	log[me] = UP_TO(log[me], commit[me]);
#ifdef WAL
	store(STORE_TRUNCATION, 0, 0, log[me]);
#endif
	fetched[me] = (best[me] == me -> fetched[me] : UP_TO(fetched[me], commit[me]))
}
#endif
