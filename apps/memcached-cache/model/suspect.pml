/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: one TCP connection whose position is unknown, while any number of older requests is unanswered or
 * not even executed, and that finds it again: then each reply seems to be a later request's than it is. The
 * client sends what it likes when it likes, one command or several in a segment; VALUES: or a part of one.
 * Every command is a write, with or without a reply, or a `watch`; every reply fits every request. Checked is
 * what the other scenarios rely on: a write that may still be executed is held. Included by coherence.pml.
 */

#ifndef LOSSES
#define LOSSES 0 /* it is older than bmcd; else lost whenever it likes */
#endif
#ifndef VALUES
#define VALUES 0
#endif
#ifndef WATCHES
#define WATCHES 0
#endif

bool bears_reply[COMMANDS]; /* else noreply, or a quiet form */
bool watch[COMMANDS];       /* behind it memcached executes nothing */
bool part[COMMANDS];        /* the beginning of the next one, whose rest is a value */
bool holds_guard[COMMANDS];
byte answered_at[COMMANDS]; /* `replies` when its reply left, as it seems */
byte seen;                  /* commands that passed cgroup ingress, and stand in the socket's queue */
byte copied;                /* commands that memcached has read: copied_seq */
byte executed;              /* and whose replies were handed to the socket: write_seq */
byte replied;               /* of these: whose reply has left, or that have none */
byte head, tail;            /* of the ring: commands head .. tail - 1 */
byte answered;              /* of these, from the head on: those whose reply has left, as it seems */
byte replies;               /* seen while that could be followed */
byte exchange;              /* `replies` when this exchange began */
byte defer;
byte streak;
bool lost, hold, trial, dirty, suspect, stream;
bool reading;               /* memcached is within a read, which may take up what arrives meanwhile */
bool watching;              /* memcached executed `watch` */

#define PEEK (head + answered)

#ifdef QUIET_UNREAD
#define ALL_READ true
#else
#define ALL_READ (copied == seen)
#endif
#ifdef QUIET_UNACKNOWLEDGED
#define ALL_ACKNOWLEDGED true
#else
#define ALL_ACKNOWLEDGED (replied == executed)
#endif
#define IS_QUIET (ALL_READ && ALL_ACKNOWLEDGED)

inline all_held()
{
	for (each : executed .. COMMANDS - 1) {
		assert(watching || each >= seen || watch[each] || part[each] || holds_guard[each] || global_flight > 0)
	}
	each = 0
}

inline ring_finish()
{
	holds_guard[head] = false;
	answered_at[head] = 0;
	head++
}

inline ring_drain()
{
	do
	:: head < tail -> ring_finish()
	:: else -> break
	od;
	answered = 0
}

inline lose()
{
	lost = true;
	trial = false;
	if
	:: !hold -> hold = true; global_flight++
	:: else
	fi
}

inline end_hold()
{
	if
	:: hold -> hold = false; global_flight--
	:: else
	fi
}

inline trial_begin()
{
	ring_drain();
	head = seen;
	tail = seen;
	dirty = false;
	streak = 0;
	replies = 0;
	exchange = 0;
	defer = 0;
	trial = true;
	suspect = true
}

/* The client and cgroup ingress (tcp_request.bpf.h), under rx_busy: a segment. */
proctype Client()
{
	byte each;
	bool quiet;

end:	do
	:: atomic { seen < COMMANDS && !stream ->
			if
			:: IS_QUIET -> quiet = true
			:: true /* the acknowledgement is under way */
			fi;
			if
			:: lost && !hold -> lose() /* connection_hold() */
			:: LOSSES && !lost -> lose()
			:: !lost || hold
			fi;
			if
			:: lost && trial && !quiet && !(seen > 0 && part[seen - 1]) -> dirty = true
			:: lost && !trial && quiet -> trial_begin()
			:: else
			fi;
			quiet = false;
			do
			:: seen < COMMANDS ->
				if
				:: bears_reply[seen] = true
				:: true
				:: VALUES && seen < COMMANDS - 1 && !(seen > 0 && part[seen - 1]) -> part[seen] = true
				:: WATCHES -> bears_reply[seen] = true; watch[seen] = true
				fi;
				if
				:: !lost || trial -> holds_guard[seen] = true; tail = seen + 1
				:: else
				fi;
				seen++;
				if
				:: true
				:: break
				fi
			:: else -> break
			od;
			all_held()
		}
	od
}

/* The rest of a value is read at once, when what stands before it is executed but not yet answered. */
#define IS_REST (copied > 0 && part[copied - 1])

/*
 * In the order of the stream: it reads, executes all that it read, hands the replies over one by one (it does
 * so after some requests of a long batch), and reads again only then. A quiet moment may fall into a read: what
 * arrives while tcp_recvmsg() owns the socket waits in the backlog, and the same read() takes it up, after it
 * moved copied_seq. It executes as late as can be, just before it hands the reply over.
 */
proctype Memcached()
{
end:	do
	:: d_step { copied < seen && (reading || executed == copied || IS_REST) && !watching ->
			reading = reading || executed == copied;
			copied++ }
	:: d_step { executed < copied && !watching && !(IS_REST && executed + 1 == copied) ->
			reading = false;
			watching = watch[executed];
			if
			:: replied == executed && !bears_reply[executed] -> replied++
			:: else
			fi;
			executed++ }
	od
}

#ifdef ENDED_WHILE_LOST
#define MAY_END true
#else
#define MAY_END (!lost) /* else the hold stands for it */
#endif
#ifdef DEFERRED_BY_REQUESTS
#define IS_DUE (MAY_END && answered > defer)
#else
#define IS_DUE (MAY_END && answered > 0 && replies - answered_at[head] >= defer)
#endif

/* ring_take(): of a suspect connection, those whose turn was `defer` replies ago. */
inline ring_take()
{
	if
#ifndef NOT_DEFERRED
	:: suspect ->
		answered_at[PEEK] = replies;
		answered++;
		do
		:: IS_DUE -> answered--; ring_finish()
		:: else -> break
		od
#endif
	:: else -> ring_finish()
	fi
}

#if defined(IN_STEP_AFTER_ONE)
#define STREAK_IN_STEP 1
#elif defined(IN_STEP_AFTER_TWO)
#define STREAK_IN_STEP 2
#else
#define STREAK_IN_STEP 3
#endif

#ifdef DEFERRED_TOO_LITTLE
#define DEFER (replies - exchange - 1)
#else
#define DEFER (replies - exchange + 1)
#endif

/* trial_step(), exchange_ends(): exchanges in step, one after the other. */
inline trial_step()
{
	if
	:: lost && trial && PEEK == tail ->
		streak = (dirty -> 0 : streak + 1);
		dirty = false;
		if
		:: defer < DEFER -> defer = DEFER
		:: else
		fi;
		exchange = replies;
		if
		:: streak >= STREAK_IN_STEP -> lost = false; trial = false; streak = 0; end_hold()
		:: else
		fi
	:: else
	fi
}

#ifdef WATCH_BELIEVED_WHILE_SUSPECT
#define IS_WATCH(i) watch[i]
#else
#define IS_WATCH(i) (watch[i] && !suspect)
#endif

/* cgroup egress (tcp_reply.bpf.h): the replies in order, each for the oldest request that waits for one. */
proctype Replies()
{
	byte each, at;

end:	do
	:: d_step { replied < executed ->
			if
			:: stream || lost && !trial
			:: else ->
				replies++;
				at = PEEK;
				do
				:: at < tail && !bears_reply[at] -> at++
				:: else -> break
				od;
				if
				:: at == tail -> lose() /* it fits none */
				:: else ->
					do
					:: PEEK <= at -> ring_take()
					:: else -> break
					od;
					if
					:: IS_WATCH(at) -> stream = true; ring_drain(); end_hold()
					:: else -> trial_step()
					fi
				fi
			fi;
			replied++;
			do
			:: replied < executed && !bears_reply[replied] -> replied++
			:: else -> break
			od;
			at = 0;
			all_held() }
	od
}

/* bmcd's audit, SWEEP_CONNECTION_DRAINED. */
proctype Audit()
{
	byte each, before;

end:	do
	:: d_step { seen > 0 && executed == seen && replied == seen && !stream && (suspect || hold) -> before = seen }
		d_step {
			if
			:: seen == before && !stream ->
				if
				:: lost -> ring_drain(); end_hold(); trial = false
				:: else ->
					do
					:: head < tail && (answered > 0 || !bears_reply[head]) ->
						answered = (answered > 0 -> answered - 1 : 0);
						ring_finish()
					:: else -> break
					od;
					suspect = suspect && head < tail
				fi
			:: else
			fi;
			before = 0;
			all_held()
		}
	od
}

init
{
	atomic {
#if !LOSSES
		lost = true;
		hold = true;
		global_flight = 1;
#endif
		run Client();
		run Memcached();
		run Replies();
#if AUDITED
		run Audit()
#endif
	}
}
