/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: one TCP connection that writes, and GETs by others that fill. Commands with and without a reply,
 * several under way; the client resets it; it gets out of step and back; bmcd starts beside it; the audit
 * finds it idle. One key: every write is a write of it. Included by coherence.pml.
 *
 * What is not modelled: how the parsers know where they are (tests and fuzzers compare them with a
 * reference); here the position is found again only when all that was sent is executed, suspect.pml has the rest.
 * A GET on this connection differs from a write only in having no guard: left out.
 */

bool bears_reply[COMMANDS]; /* else noreply, or a quiet form */
bool holds_guard[COMMANDS]; /* the connection's ring, struct pending: its write is not ended yet */
bool unseen[COMMANDS];      /* passed while the position was unknown, or before bmcd was there */
byte seen;                  /* commands that passed cgroup ingress */
byte delivered;             /* those that stand in, or went through, the socket's receive queue */
byte executed;
byte replied;               /* replies that have left */
byte head;                  /* of the ring */
bool lost, hold;
bool reset;                 /* a RST arrived: nothing more is delivered, what is there may still be read */
bool closed;                /* by memcached: nothing more is executed */

inline end_write(i)
{
	if
	:: holds_guard[i] -> in_flight[0]--; holds_guard[i] = false
	:: else
	fi
}

/* Ends all that is pending from the head on, as far as it need not be answered, or (all) altogether. */
inline drain_ring(all)
{
	do
	:: head < seen && (all || unseen[head] || !bears_reply[head]) ->
		end_write(head);
		head++
	:: else -> break
	od
}

inline end_hold()
{
	if
	:: hold -> hold = false; global_flight--
	:: else
	fi
}

/*
 * The client, and cgroup ingress (tcp_request.bpf.h), under the connection's lock; then the socket's queue,
 * which the lock does not cover.
 */
proctype Client()
{
	byte saw;

end:	do
	:: atomic { seen < COMMANDS && !reset && !closed ->
			if
			:: bears_reply[seen] = true
			:: true
			fi;
			if
			:: lost = true /* a loss, an overflow, a line whose extent is memcached's to judge */
			:: true
			fi;
#ifdef HELD_TOO_LATE
			delivered++ }
		atomic {
#endif
			unseen[seen] = lost;
			if
#ifndef OUT_OF_STEP_NOT_HELD
			:: lost && !hold -> epoch++; global_flight++; hold = true
#endif
			:: !lost ->
				generation[0]++;
				in_flight[0]++;
				holds_guard[seen] = true
			:: else
			fi;
#ifdef NOREPLY_RELEASED_AT_ONCE
			if
			:: !bears_reply[seen] -> end_write(seen)
			:: else
			fi;
#endif
			seen++
		}
		if
		:: !unseen[seen - 1] -> kill_ways(0)
		:: else
		fi;
#ifndef HELD_TOO_LATE
		delivered++
#endif
	:: d_step { !reset -> reset = true
#ifdef RESET_RELEASED_BEFORE_CLOSE
			; drain_ring(true); end_hold()
#endif
		}
	od
}

/* memcached executes in the order of the stream; closes when it reads the reset, or for reasons of its own. */
proctype Memcached()
{
end:	do
	:: d_step { executed < delivered ->
			EXECUTE_WRITE(0);
			NEVER_STALE_NOW(0);
			executed++ }
	:: atomic { true -> closed = true; break }
	od;
	/* cgroup/sock_release (socket_release.bpf.h) */
	atomic { drain_ring(true); end_hold() }
}

/* cgroup egress (tcp_reply.bpf.h): the replies in order; each ends its request and what stood before it. */
proctype Replies()
{
end:	do
	:: d_step { replied < executed && !closed ->
			do
			:: replied < executed && !bears_reply[replied] -> replied++
			:: else -> break
			od;
			if
			:: replied == executed
			:: replied < executed && !lost && !unseen[replied] ->
				do
				:: head <= replied -> end_write(head); head++
				:: else -> break
				od;
#ifdef NOREPLY_RELEASED_BY_EARLIER_REPLY
				drain_ring(false);
#endif
				replied++
			:: else -> replied++
			fi }
	/* exchanges in step: the position is known */
	:: d_step { lost && seen > 0 && replied == seen && bears_reply[seen - 1] && !closed ->
			drain_ring(true);
			end_hold();
			lost = false }
	od
}

#ifdef SWEEP_IGNORES_NEW_PAYLOAD
#define SWEEP_ALLOWED (!closed)
#else
#define SWEEP_ALLOWED (!closed && seen == before)
#endif

/* bmcd's audit, SWEEP_CONNECTION_DRAINED: the queue was seen empty, a quarantine passed. */
proctype Audit()
{
	byte before;

end:	do
	:: d_step { executed == seen && !closed -> before = seen } /* the quarantine covers the way to the queue */
		d_step {
			if
			:: SWEEP_ALLOWED -> drain_ring(false); end_hold()
			:: else
			fi;
			before = 0
		}
	od
}

#if OLDER_THAN_BMCD
/* SERVER_BOOT_HOLD, here as a hold of the global guard: until each queue was seen empty, and a quarantine. */
proctype Boot()
{
	d_step { executed > 0 || closed -> global_flight-- }
}
#endif

init
{
	atomic {
#if OLDER_THAN_BMCD
		/* a write in memcached's queue from before the attach; the next payload finds it older */
		bears_reply[0] = true;
		unseen[0] = true;
		seen = 1;
		delivered = 1;
		lost = true;
#ifndef BOOT_NOT_HELD
		global_flight = 1;
		run Boot();
#endif
#endif
		run Client();
		run Memcached();
		run Replies();
		run Audit();
		run Fill(1)
	}
}
