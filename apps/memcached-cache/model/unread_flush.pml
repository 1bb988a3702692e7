/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario: bytes that nobody read hold a delayed flush_all; the hold ends when they are executed, the flush acts
 * later. A value is filled and served meanwhile; bmcd asks memcached what is still to act (delayed_flush.h). A second
 * hold of the same kind may come in between. Time is not modelled: a flush that is scheduled stops the serving, one
 * that acts does so at any moment after it was executed. Included by coherence.pml.
 */

byte holds = HOLDS;           /* in flight on the global guard, raised before the model begins */
bool unseen, asked;           /* server_state.hold */
bool scheduled;               /* flush_from */
byte executed;                /* delayed flushes that memcached knows of; it tells the last one */
bool acted;                   /* what was stored before is gone */
bool filled;                  /* a value from before the flush acts */

#define IS_FREE (holds == 0 && !unseen && !asked)

/* unread_hold_ends(): what the hold stands for is executed, the mark, then the release. */
proctype UnreadBytes()
{
	if
	:: d_step { true -> executed++ } /* a delayed flush was among them */
	:: true
	fi;
#ifdef MARK_AFTER_RELEASE
	holds--;
	unseen = true
#else
	unseen = true;
	holds--
#endif
}

/* DelayedFlush::look() and answered(); it may be asked at any time that a bit stands. */
proctype AskForFlush()
{
	bool told;

end:	do
	:: unseen || asked ->
#ifdef UNSEEN_CLEARED_BEFORE_ASKED
		unseen = false;
		asked = true;
#else
		asked = true;
#ifndef UNSEEN_CLEARED_WITH_THE_ANSWER
		unseen = false;
#endif
#endif
		told = executed > 0 && !acted; /* `oldest` of `stats settings` */
#ifdef ASKED_CLEARED_BEFORE_SCHEDULED
		asked = false;
		if
		:: told -> scheduled = true
		:: else
		fi
#else
		if
		:: told -> scheduled = true
		:: else
		fi;
		asked = false
#endif
#ifdef UNSEEN_CLEARED_WITH_THE_ANSWER
		;
		unseen = false
#endif
	od
}

/* A get that fills: leased while nothing speaks against it, filled if that is still so. */
proctype FillBetween()
{
end:	IS_FREE && !acted;
	filled = true
}

proctype FlushActs()
{
end:	executed > 0;
	acted = true
}

/* One look of the XDP program: `hold` first, then the delayed flush. */
proctype LookUpBetween()
{
end:	filled && IS_FREE;
	assert(!(acted && !scheduled))
}

init
{
	byte each;
	atomic {
		for (each : 0 .. HOLDS - 1) { run UnreadBytes() }
		run AskForFlush();
		run FillBetween();
		run FlushActs();
		run LookUpBetween();
		each = 0
	}
}
