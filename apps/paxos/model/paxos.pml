/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replication protocol of core/ (PROTOCOL.md): normal case, view change with durable views, restart. This
 * file: logs, replicas, messages, the process; the steps are in the files it includes. run_model.py chooses
 * the bounds VIEWS and OPS, the durability (-DWAL, or else memory) and, for a variant broken on purpose, one
 * more -D. README.md maps the model to the code and argues why no step hides an interleaving.
 *
 * What was sent stays: it may be received at any time later, again, or never. So loss, duplication, reordering
 * and delay need no steps of their own.
 */

#define N 3 /* replicas */
#define Q (N / 2 + 1)
#define LEADER(v) ((v) % N)
#define NONE 7

/* ---- logs: op 1 in the lowest three bits, and so on ----------------------------------------------------
 * An entry is the view in which it was first proposed, plus 1: a leader proposes one value for an op. So a
 * number is a whole log, and two logs are equal up to op where the code finds an equal chain at op.
 */

#define ENTRY(log, op) (((log) >> (3 * ((op) - 1))) & 7)
#define UP_TO(log, op) ((log) & ((1 << (3 * (op))) - 1))
#define OP(log) (((log) > 0) + ((log) > 7) + ((log) > 63))
#define APPENDED(log, entry) ((log) | ((entry) << (3 * OP(log))))
#define SAME(a, b, op) ((op) <= OP(a) && (op) <= OP(b) && UP_TO(a, op) == UP_TO(b, op))
/* The op up to which two logs are equal. */
#define EQUAL_OP(a, b) (SAME(a, b, 3) -> 3 : (SAME(a, b, 2) -> 2 : (SAME(a, b, 1) -> 1 : 0)))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* ---- replicas: in memory ------------------------------------------------------------------------------- */

#define NORMAL 0
#define CHANGING 1 /* VIEW_CHANGE */
#define RECOVERING 2

byte status[N];
byte view[N];
byte log_view[N];
short log[N];
byte commit[N];

#define IS_LEADER(r) (LEADER(view[r]) == (r))
#define LEADS (status[me] == NORMAL && IS_LEADER(me))
#define FOLLOWS (status[me] == NORMAL && !IS_LEADER(me))

/* A new leader, while it fetches the best log: from whom, which, what it has. */
byte best[N] = NONE;
short wanted[N];
short fetched[N];
byte told_commit[N];

/* ---- replicas: durable --------------------------------------------------------------------------------- */

byte stored_view[N];
byte stored_log_view[N];
#ifdef WAL
short stored_log[N];
#ifdef DAMAGE
bool log_is_lost[N];
#define IS_WITHOUT_LOG(r) log_is_lost[r]
#else
#define IS_WITHOUT_LOG(r) false
#endif
#define KEPT(r) stored_log[r] /* what stands behind an acknowledgement */
#else
#define KEPT(r) log[r]
#define IS_WITHOUT_LOG(r) (status[r] == RECOVERING)
#endif

/* ---- messages that were ever sent, by view ------------------------------------------------------------- */

#define AT(v, r) ((v) * N + (r))

/* The leader's log: PREPARE, START_VIEW and NEW_STATE of this view show it up to some op. */
short led[VIEWS];
byte led_from[VIEWS] = NONE; /* the op of the first START_VIEW; NONE: there was none */
byte led_commit[VIEWS];      /* COMMIT: the largest */
byte acked[VIEWS * N];       /* PREPARE_OK: the largest op */
byte vote[VIEWS * N];        /* DO_VIEW_CHANGE: log_view + 1; 0: not sent */
short vote_log[VIEWS * N];
byte vote_commit[VIEWS * N];

/* RECOVERY_RESPONSE to the one replica that may be recovering, by sender: view + 1, or 0: none; the log, if
 * the sender leads that view. */
byte answer[N];
short answer_log[N];

#ifdef LEADS_AGAIN
bool led_before[N];
#endif

#include "properties.pml"
#include "disk.pml"
#include "normal.pml"
#include "view_change.pml"
#include "restart.pml"

proctype Replica(byte me)
{
	byte v, i, op;                /* of loops */
	byte x, y;                    /* what was chosen */
	byte kind, a, b, told; short whole;

end:	do
	/* disk.pml */
	:: d_step { nempty(disk[me]) -> write() }
	/* normal.pml */
	:: d_step { CAN_PROPOSE -> propose() }
	:: d_step { CAN_ACCEPT -> accept() }
	:: atomic {
			if
			:: CAN_COMMIT(1) -> x = 1
#if OPS > 1
			:: CAN_COMMIT(2) -> x = 2
#endif
#if OPS > 2
			:: CAN_COMMIT(3) -> x = 3
#endif
			fi;
			d_step { commit_up_to(x); x = 0 }
		}
	:: d_step { CAN_LEARN_COMMIT -> learn_commit() }
	/* view_change.pml */
	:: atomic {
			if
			:: CAN_ENTER(1) -> x = 1
			:: CAN_ENTER(2) -> x = 2
#if VIEWS > 3
			:: CAN_ENTER(3) -> x = 3
#endif
#if VIEWS > 4
			:: CAN_ENTER(4) -> x = 4
#endif
			fi;
			d_step { enter_view(x); x = 0 }
		}
	:: atomic {
			if
			:: CAN_COUNT(3) -> x = 3
			:: CAN_COUNT(5) -> x = 5
			:: CAN_COUNT(6) -> x = 6
			:: CAN_COUNT(7) -> x = 7
#if defined(VOTE_QUORUM_OFF_BY_ONE) || defined(VOTE_COUNTED_TWICE)
			:: CAN_COUNT(1) -> x = 1
			:: CAN_COUNT(2) -> x = 2
			:: CAN_COUNT(4) -> x = 4
#endif
			fi;
			if
			:: IS_BEST(0, x) -> y = 0
			:: IS_BEST(1, x) -> y = 1
			:: IS_BEST(2, x) -> y = 2
			fi;
			d_step { choose(x, y); x = 0; y = 0 }
		}
	:: d_step { CAN_FETCH -> fetch() }
	:: d_step { CAN_LEAD -> lead() }
	:: atomic {
			if
			:: CAN_FOLLOW(0) -> x = 0
			:: CAN_FOLLOW(1) -> x = 1
#if OPS > 1
			:: CAN_FOLLOW(2) -> x = 2
#endif
#if OPS > 2
			:: CAN_FOLLOW(3) -> x = 3
#endif
			fi;
			d_step { follow(x); x = 0 }
		}
#ifdef TRUNCATED_BEFORE_FETCH
	:: d_step { CAN_MAKE_ROOM -> make_room() }
#endif
	/* restart.pml */
	:: d_step { CAN_CRASH -> crash() }
#ifdef DAMAGE
	:: d_step { CAN_LOSE_LOG -> lose_log() }
#endif
#if !defined(WAL) || defined(DAMAGE)
	:: atomic {
			if
			:: CAN_ANSWER(0) -> x = 0
			:: CAN_ANSWER(1) -> x = 1
			:: CAN_ANSWER(2) -> x = 2
			fi;
			d_step { take_answer(x); x = 0 }
		}
	:: d_step { CAN_RECOVER -> recover() }
#endif
	od
}

init {
	atomic {
		led_from[0] = 0; /* the cluster was formatted: all are normal in view 0, replica 0 leads */
		run Replica(0);
		run Replica(1);
		run Replica(2)
	}
}
