/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores and the sends that wait for them, in one queue per replica: a send leaves when all stores before it
 * are durable. Whatever a replica does in memory meanwhile, a crash takes back. Included by paxos.pml.
 */

#define STORE_STATE 1      /* view, log_view */
#define STORE_ENTRY 2      /* -, -, the log with it at its end */
#define STORE_TRUNCATION 3 /* -, -, the log that is left */
#define SEND_PREPARE_OK 4  /* view, op */
#define SEND_VOTE 5        /* view, log_view, log, commit */
#define SEND_START_VIEW 6  /* view, -, log, commit */
#define IS_SEND(kind) ((kind) >= SEND_PREPARE_OK)

/* The furthest that memory runs ahead of the disk; store() asserts that it is enough. */
chan disk[N] = [QUEUE] of { byte, byte, byte, short, byte };

inline store(what, first, second, third)
{
	assert(nfull(disk[me]));
	disk[me]!what, first, second, third, 0
}

inline send(what, first, second, third, fourth)
{
	if
	:: len(disk[me]) == 0 -> release(what, first, second, third, fourth)
	:: len(disk[me]) > 0 ->
		assert(nfull(disk[me]));
		disk[me]!what, first, second, third, fourth
	fi
}

/* To whom it may concern. */
inline release(what, first, second, third, fourth)
{
	if
	:: what == SEND_PREPARE_OK -> acked[AT(first, me)] = MAX(acked[AT(first, me)], second)
	:: what == SEND_VOTE ->
		vote[AT(first, me)] = second + 1;
		vote_log[AT(first, me)] = third;
		vote_commit[AT(first, me)] = fourth
	:: what == SEND_START_VIEW ->
		OneLeaderPerView = led_from[first] == NONE;
		CHECK(OneLeaderPerView);
		check_leader(first, third);
		led_from[first] = OP(third);
		/* and whatever was proposed meanwhile */
		led[first] = (view[me] == first && status[me] == NORMAL -> log[me] : third);
		led_commit[first] = fourth
	fi
}

/* The next store is durable; the sends that waited for nothing else leave. */
inline write()
{
	disk[me]?kind, a, b, whole, told;
	if
	:: kind == STORE_STATE ->
		stored_view[me] = a;
		stored_log_view[me] = b;
#ifdef DAMAGE
		log_is_lost[me] = log_is_lost[me] && a != b
#endif
#ifdef WAL
	:: kind == STORE_ENTRY || kind == STORE_TRUNCATION -> stored_log[me] = whole
#endif
	fi;
	do
	:: nempty(disk[me]) ->
		disk[me]?<kind, a, b, whole, told>;
		if
		:: IS_SEND(kind) ->
			disk[me]?kind, a, b, whole, told;
			release(kind, a, b, whole, told)
		:: else -> break
		fi
	:: empty(disk[me]) -> break
	od;
	forget_queued();
	forget()
}

inline lose_queue()
{
	do
	:: nempty(disk[me]) -> disk[me]?kind, a, b, whole, told
	:: empty(disk[me]) -> break
	od;
	forget_queued()
}

inline forget_queued()
{
	kind = 0;
	a = 0;
	b = 0;
	whole = 0;
	told = 0
}
