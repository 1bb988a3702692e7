/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: one TCP connection that loses its position and finds it again while old requests, at most OLD with
 * a reply, are unanswered: then each reply seems to be a later request's than it is. Every command is a write,
 * with or without a reply, or a `watch`; every reply fits every request. Checked is what the other scenarios
 * rely on: a write that may still be executed is held. Included by coherence.pml.
 */

bool bears_reply[COMMANDS]; /* else noreply, or a quiet form */
bool watch[COMMANDS];       /* behind it memcached executes nothing */
bool holds_guard[COMMANDS];
byte ended_from[COMMANDS];  /* `matched` when its reply left, as it seems: it ends DEFER replies later */
byte seen;                  /* commands that passed cgroup ingress, and stand in the socket's queue */
byte executed;
byte replied;               /* commands whose reply has left or that have none */
byte head, tail;            /* of the ring: commands head .. tail - 1 */
byte answered;              /* of these, from the head on: those whose reply has left, as it seems */
byte matched;               /* replies that were matched with a request */
byte streak;
bool lost, hold, trial, suspect, stream;
bool watching;              /* memcached executed `watch` */

#define PEEK (head + answered)

inline all_held()
{
	for (each : executed .. COMMANDS - 1) {
		assert(watching || each >= seen || watch[each] || holds_guard[each] || global_flight > 0)
	}
	each = 0
}

inline ring_finish()
{
	holds_guard[head] = false;
	ended_from[head] = 0;
	head++
}

inline ring_drain()
{
	do
	:: head < tail -> ring_finish()
	:: else -> break
	od;
	answered = 0;
	matched = 0
}

/* Under a hold. */
inline lose()
{
	lost = true;
	trial = false;
	streak = 0;
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

/* Old requests with a reply that has not left. */
inline count_unanswered()
{
	for (each : replied .. COMMANDS - 1) {
		unanswered = unanswered + (each < seen && bears_reply[each] -> 1 : 0)
	}
	each = 0
}

/* The client and cgroup ingress (tcp_request.bpf.h), under rx_busy: each payload is one command. */
proctype Client()
{
	byte each, unanswered;
	bool quiet;

end:	do
	:: atomic { seen < COMMANDS && !stream ->
			if
			:: true
			:: bears_reply[seen] = true
			:: WATCHES -> bears_reply[seen] = true; watch[seen] = true
			fi;
			if
			:: lost && !hold -> lose() /* connection_hold() */
			:: !lost -> lose()
			:: !lost || hold
			fi;
			if
			:: lost && !trial -> quiet = true
			:: true
			fi;
			count_unanswered();
			if
			:: quiet && unanswered <= OLD -> /* trial_begin() */
				ring_drain();
				head = seen;
				tail = seen;
				streak = 0;
				trial = true;
				suspect = true
			:: else
			fi;
			if
			:: !lost || trial -> holds_guard[seen] = true; tail = seen + 1
			:: else
			fi;
			unanswered = 0;
			quiet = false;
			seen++;
			all_held()
		}
	od
}

/* In the order of the stream. */
proctype Memcached()
{
end:	do
	:: d_step { executed < seen && !watching ->
			watching = watch[executed];
			executed++ }
	od
}

/* ring_take(): of a suspect connection the write whose turn was DEFER replies ago. */
inline ring_take()
{
	if
#ifndef NOT_DEFERRED
	:: suspect ->
		ended_from[PEEK] = matched;
		answered++;
#ifdef DEFERRED_BY_REQUESTS
		if
		:: answered > DEFER -> answered--; ring_finish()
		:: else
		fi
#endif
#endif
	:: else -> ring_finish()
	fi
}

inline end_deferred()
{
#ifndef DEFERRED_BY_REQUESTS
	do
	:: answered > 0 && ended_from[head] + DEFER <= matched -> answered--; ring_finish()
	:: else -> break
	od
#endif
	skip
}

#ifdef IN_STEP_TOO_SOON
#define STREAK OLD
#else
#define STREAK (OLD + 1) /* the old ones, and what stood behind them without a reply */
#endif

/* trial_step(): exchanges in step, one after the other. */
inline trial_step()
{
	if
	:: lost && trial && PEEK == tail ->
		streak++;
		if
		:: streak >= STREAK -> lost = false; trial = false; streak = 0; end_hold()
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
			do
			:: replied < executed && !bears_reply[replied] -> replied++
			:: else -> break
			od;
			if
			:: replied == executed
			:: replied < executed && (stream || lost && !trial) -> replied++
			:: else ->
				replied++;
				at = PEEK;
				do
				:: at < tail && !bears_reply[at] -> at++
				:: else -> break
				od;
				if
				:: at == tail -> lose() /* it fits none */
				:: else ->
					matched++;
					do
					:: PEEK <= at -> ring_take()
					:: else -> break
					od;
					end_deferred();
					if
					:: IS_WATCH(at) -> stream = true; ring_drain(); end_hold()
					:: else -> trial_step()
					fi
				fi
			fi;
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
		run Client();
		run Memcached();
		run Replies();
		run Audit()
	}
}
