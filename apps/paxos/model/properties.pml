/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, and what may be forgotten because nobody will read it. Included by paxos.pml. */

short committed;        /* the entries for which any leader ever counted a quorum */
byte committed_in[OPS]; /* the lowest view in which that was so + 1; by op - 1 */

/* An assertion that fails says the name of the property; always true in between. A broken variant must show the
 * damage itself, two different entries committed at one op, not what leads to it. */
#ifdef AGREEMENT_ONLY
#define CHECK(property) skip
#else
#define CHECK(property) assert(property)
#endif

bool Agreement = true, AckedInDVC = true, CommitHasQuorum = true, OneLeaderPerView = true,
	CommitWithinLog = true, NeverBehindCommit = true, ChainFits = true;

/* Replica r holds the ops up to commit[r] for committed: they are, with the same entries everywhere. */
inline check_commit(r)
{
	CommitWithinLog = commit[r] <= OP(log[r]);
	CHECK(CommitWithinLog);
	Agreement = commit[r] <= OP(committed) && UP_TO(log[r], commit[r]) == UP_TO(committed, commit[r]);
	assert(Agreement)
}

/* What was committed in views before v is in the log of v's leader: somebody had told it in DO_VIEW_CHANGE. */
inline check_leader(v, leaders_log)
{
	for (op : 1 .. OPS) {
		AckedInDVC = committed_in[op - 1] == 0 || committed_in[op - 1] > v || SAME(leaders_log, committed, op);
		CHECK(AckedInDVC)
	}
	op = 0
}

/* Of those that acknowledged op c in my view and are still in it, each keeps my entries. */
#define KEEPS_ITS_WORD(r, c) \
	(view[r] != view[me] || status[r] != NORMAL || IS_WITHOUT_LOG(r) || acked[AT(view[me], r)] < (c) || \
	 SAME(KEPT(r), log[me], c))

/* I have counted a quorum for the ops up to c. */
inline check_quorum(c)
{
	CommitHasQuorum = KEEPS_ITS_WORD(0, c) && KEEPS_ITS_WORD(1, c) && KEEPS_ITS_WORD(2, c) && \
		SAME(KEPT(me), log[me], c) + \
		((me != 0 && acked[AT(view[me], 0)] >= c) + (me != 1 && acked[AT(view[me], 1)] >= c) + \
		(me != 2 && acked[AT(view[me], 2)] >= c)) > N / 2;
	CHECK(CommitHasQuorum)
}

inline note_committed(c)
{
	Agreement = SAME(log[me], committed, MIN(c, OP(committed)));
	assert(Agreement);
	committed = (c > OP(committed) -> UP_TO(log[me], c) : committed);
	for (op : 1 .. c) {
		if
		:: committed_in[op - 1] == 0 || committed_in[op - 1] > view[me] + 1 -> committed_in[op - 1] = view[me] + 1
		:: else
		fi
	}
	for (v : 0 .. VIEWS - 1) {
		if
		:: led_from[v] != NONE -> check_leader(v, led[v])
		:: else
		fi
	}
	v = 0
}

/* ---- what nobody will read again ----------------------------------------------------------------------- */

/* All have entered a later view for good. */
#define IS_OVER(v) (stored_view[0] > (v) && stored_view[1] > (v) && stored_view[2] > (v))
#define STILL_LEADS(v) (view[LEADER(v)] == (v) && status[LEADER(v)] == NORMAL)
/* Its leader may still choose a log for it: also after a crash that takes it back. */
#ifdef WAL
#define MAY_COLLECT(v) (stored_view[LEADER(v)] < (v) || \
	(stored_view[LEADER(v)] == (v) && stored_log_view[LEADER(v)] < (v)))
#else
#define MAY_COLLECT(v) (stored_view[LEADER(v)] < (v) || \
	(view[LEADER(v)] == (v) && status[LEADER(v)] == CHANGING))
#endif

#if defined(ACK_OF_OLDER_VIEW) || defined(VOTE_OF_OLDER_VIEW) || defined(STATE_OF_OLDER_VIEW) || \
	defined(PREPARE_OF_OLDER_VIEW) || defined(LEADS_AGAIN)
#define FORGETFUL false
#else
#define FORGETFUL true
#endif

inline forget()
{
	for (v : 0 .. VIEWS - 1) {
		if
		:: FORGETFUL && !MAY_COLLECT(v) ->
			for (i : 0 .. N - 1) {
				acked[AT(v, i)] = (STILL_LEADS(v) -> acked[AT(v, i)] : 0);
				vote[AT(v, i)] = 0;
				vote_log[AT(v, i)] = 0;
				vote_commit[AT(v, i)] = 0
			}
		:: else
		fi;
		if
		:: view[LEADER(v)] != v || status[LEADER(v)] != CHANGING ->
			vote[AT(v, LEADER(v))] = 0; /* its own, which it counted */
			vote_log[AT(v, LEADER(v))] = 0;
			vote_commit[AT(v, LEADER(v))] = 0
		:: else
		fi;
		if
		:: FORGETFUL && IS_OVER(v) ->
			led[v] = 0;
			led_from[v] = NONE;
			led_commit[v] = 0
		:: else
		fi
	}
	v = 0;
	i = 0
}
