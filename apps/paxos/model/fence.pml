/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup whose kernel program accepts for it (fastpath/accept.h), in a view change: the gate, a slot, two CPUs and a
 * process with a durable view, which may crash; the old leader, whose program counts (fastpath/quorum.h); the new
 * leader. A model of its own beside paxos.pml, which has no programs: run_model.py chooses -DWAL (the program only
 * absorbs) or else memory, GENERATIONS, CRASHES and, for a variant broken on purpose, one more -D.
 *
 * Three replicas: Old leads view 0, New leads view 1 and has nothing of view 0, Backup is what both need. So what Old
 * commits, Backup has acknowledged, and New knows of it from Backup's vote alone.
 *
 * Acknowledgements and votes that were sent stay: `wire` is the highest that may arrive, now or later.
 *
 * -DOLD_RUNS_ON: the process comes back without its predecessor's map (bmcd does not answer), and the programs go on
 * acknowledging there, in the name of the earlier life; Old counts that until it has heard of the new one.
 */

#define OPS 2
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#ifdef AGREEMENT_ONLY
#define CHECK(property) skip
#else
#define CHECK(property) assert(property)
#endif

bool Agreement = true, AckedInDVC = true, CommitHasQuorum = true, StoredBeforeAccepted = true, MissedQuorum = true;

/* ---- what is proposed ------------------------------------------------------------------------------------ */

byte led[2];             /* the ends of the leaders' logs: OPS from the start, for a PREPARE may come late anyway */
bool has_started;        /* view 1: New has Backup's vote */
byte begun_with;         /* entries of view 0 in the log of view 1 */
byte received;           /* the highest op of view 0 of which a PREPARE has arrived */
byte commit[2];          /* of Old and New */
byte new_view;           /* of New; in 1 it is normal once has_started */
#define ENTRY_IN(v, op) ((v) == 0 || (op) <= begun_with -> 1 : 2) /* of which view the leader of v has it */
#define IS_SENT(v, op) ((op) <= led[v] && ((v) == 0 || has_started))

inline check_agreement()
{
	Agreement = !has_started || commit[0] <= begun_with || commit[1] <= begun_with;
	assert(Agreement);
	AckedInDVC = !has_started || commit[0] <= begun_with;
	CHECK(AckedInDVC)
}

/* ---- Backup, what its programs and its process share ------------------------------------------------------ */

bool armed;
byte gen, rel;           /* the gate's position */
byte config_view[GENERATIONS + 1], config_base[GENERATIONS + 1];
byte tail_gen, tail;
#define FREE 0
#define WRITING 1
#define READY 2
byte tag, tag_gen, tag_rel; /* one slot: each op needs the place of the one before */
byte slot_view, slot_op;    /* its bytes */
byte wire[2];               /* PREPARE_OK of Backup, by view */
byte old_wire;              /* the same in view 0, of programs that work for an earlier life of it */
bool life_is_known;         /* Old has heard of the new life */
#ifdef OLD_LIFE_COUNTS
#define OLD_WIRE old_wire
#else
#define OLD_WIRE (life_is_known -> 0 : old_wire)
#endif

#ifdef NO_FREEZE
#define MAY_ACCEPT true
#else
#define MAY_ACCEPT armed
#endif
#ifdef NO_SPACE_CHECK
#define HAS_ROOM(g, r) (tail_gen == (g))
#define IS_IN_USE(g) false
#else
#define HAS_ROOM(g, r) (tail_gen == (g) && tail >= (r))
#define IS_IN_USE(g) (tag == READY && tag_gen == (g) && tag_rel > tail)
#endif
#ifdef NO_CLAIM
#define IS_BUSY false
#else
#define IS_BUSY (tag == WRITING)
#endif
#ifdef STALE_CLAIMS_NEWER
#define IS_NEWER(g) false
#else
#define IS_NEWER(g) (tag_gen > (g))
#endif
#define IS_STORED(g, r) (tag == READY && tag_gen == (g) && tag_rel == (r))
#define MAY_CLAIM(g) (!IS_BUSY && !IS_NEWER(g) && !IS_IN_USE(g))
#ifdef NO_GENERATION_IN_SWAP
#define IS_STILL(g, r) (MAY_ACCEPT && rel == (r))
#else
#define IS_STILL(g, r) (MAY_ACCEPT && gen == (g) && rel == (r))
#endif
#define ACCEPTED (config_base[gen] + rel)

/* A program on one CPU; one access to shared memory a step. PREPAREs that it would pass at once are not begun. */
proctype Cpu()
{
	byte v, op, g, r;

end:	do
	:: atomic {
			gen > 0 && MAY_ACCEPT && IS_SENT(config_view[gen], ACCEPTED + 1) ->
			v = config_view[gen]; op = ACCEPTED + 1; g = gen; r = rel;
			received = (v == 0 -> MAX(received, op) : received)
		};
#ifdef ADVANCE_BEFORE_STORE
		if
		:: d_step { IS_STILL(g, r) -> rel = r + 1 }
		:: !IS_STILL(g, r) -> goto pass
		fi;
#endif
		/* room */
		if
		:: HAS_ROOM(g, r) -> skip
		:: else -> goto pass
		fi;
		/* claim; to look and to swap is one step here: a tag that changed in between fails the swap */
		if
		:: IS_STORED(g, r + 1) -> goto accept
		:: d_step { !IS_STORED(g, r + 1) && MAY_CLAIM(g) -> tag = WRITING; tag_gen = g; tag_rel = r + 1 }
		:: !IS_STORED(g, r + 1) && !MAY_CLAIM(g) -> goto pass
		fi;
		d_step { slot_view = v + 1; slot_op = op };
		d_step { tag = READY; tag_gen = g; tag_rel = r + 1 };
accept:
#ifndef ADVANCE_BEFORE_STORE
		if
		:: d_step { IS_STILL(g, r) -> rel = r + 1 }
		:: !IS_STILL(g, r) -> goto pass
		fi;
#endif
#ifndef WAL
		wire[v] = MAX(wire[v], op);
#endif
pass:		atomic { v = 0; op = 0; g = 0; r = 0 }
#ifndef WAL
	/* accepted before: acknowledged again, by what the gate says now; sent a step later */
	:: atomic {
			gen > 0 && MAY_ACCEPT && wire[config_view[gen]] < ACCEPTED && ACCEPTED > config_base[gen] ->
			v = config_view[gen]; op = ACCEPTED
		};
		d_step { wire[v] = MAX(wire[v], op); v = 0; op = 0 }
#endif
	od
}

/* ---- Backup's process ------------------------------------------------------------------------------------ */

byte view;               /* in memory */
byte end_of_log;
byte entry[OPS + 1];     /* of which view: 1 or 2 */
byte stored_view;        /* on disk */
#ifdef WAL
byte stored_end;         /* the entries up to it are on disk, too */
#define KEPT stored_end
#else
#define KEPT end_of_log
#endif
bool runs_on;            /* programs go on in a map that nobody has frozen */
bool voted[OPS + 1];     /* the ops of the votes that were sent: a replica that crashed may send another one */
byte crashes;

/* What the gate covered is taken out of the slot, one after another: first the bytes, then the tail. */
inline take()
{
	d_step {
		StoredBeforeAccepted = tag == READY && tag_gen == gen && tag_rel == tail + 1 &&
			slot_view == config_view[gen] + 1 && slot_op == end_of_log + 1;
		CHECK(StoredBeforeAccepted);
		end_of_log++;
		entry[end_of_log] = ENTRY_IN(config_view[gen], end_of_log)
	};
	tail++
}

inline arm()
{
	d_step { config_view[gen + 1] = view; config_base[gen + 1] = end_of_log; tail_gen = gen + 1; tail = 0 };
	d_step { gen++; rel = 0; armed = true }
}

/* The log up to `last`, as the leader of view v has it. */
inline learn_log(v, last)
{
	end_of_log = last;
	for (i : 1 .. OPS) {
		entry[i] = (i <= end_of_log -> ENTRY_IN(v, i) : 0)
	}
	i = 0
}

proctype Backup()
{
	byte upto, i;

normal:
end:	do
	:: tail_gen == gen && tail < rel -> take()
#ifdef WAL
	:: d_step { stored_end < end_of_log -> stored_end = end_of_log }
	:: d_step { wire[view] < stored_end -> wire[view] = stored_end }
#ifdef ACK_BEFORE_STORE
	:: d_step { wire[view] < end_of_log -> wire[view] = end_of_log }
#endif
#endif
	:: gen < GENERATIONS || view == 0 -> break
	:: crashes < CRASHES -> goto crash
	od;

	/* freeze: how far it was accepted, and that it goes no further, in one step */
#ifdef READ_THEN_FREEZE
	upto = rel;
	armed = false;
#else
	atomic { upto = rel; armed = false };
#endif
#ifndef NO_DRAIN
	do
	:: tail < upto -> take()
	:: tail >= upto -> break
	od;
#endif
	if
	:: gen < GENERATIONS -> arm(); goto normal
	/* a PREPARE that came to the process: it accepts, and acknowledges when it may */
	:: d_step { gen < GENERATIONS && view == 0 && end_of_log < led[0] ->
			end_of_log++; entry[end_of_log] = ENTRY_IN(0, end_of_log);
			received = MAX(received, end_of_log)
		};
#ifndef WAL
		wire[0] = MAX(wire[0], end_of_log);
#endif
		arm(); goto normal
	:: view == 0 -> view = 1
	:: crashes < CRASHES -> goto crash
	fi;

	/* the promise: durable, and only then the vote */
#ifdef VOTE_BEFORE_STORE
	voted[end_of_log] = true;
#endif
	if
	:: true ->
#ifndef VIEW_NOT_STORED
		stored_view = 1
#endif
	:: crashes < CRASHES -> goto crash
	fi;
#ifdef WAL
	stored_end = end_of_log;
#endif
#ifndef VOTE_BEFORE_STORE
	voted[end_of_log] = true;
#endif
wait:
end_wait:
	if
	:: atomic { has_started && gen < GENERATIONS -> learn_log(1, begun_with) };
#ifdef WAL
		stored_end = end_of_log;
#else
		wire[1] = MAX(wire[1], end_of_log);
#endif
		arm(); goto normal
	:: crashes < CRASHES -> goto crash
	fi;

	/* The programs run on, whoever dies: the next process gets the same map, and freezes before anything else. */
crash:	atomic {
#ifdef OLD_RUNS_ON
		runs_on = armed && config_view[gen] == 0;
#endif
		crashes++; view = 0; upto = 0
	};
	armed = false;
#ifdef NEW_MAP_OLD_RUNS_ON
	runs_on = true;
#endif
#ifdef WAL
	d_step { view = stored_view; end_of_log = stored_end; tail_gen = gen; tail = rel };
	if
	:: view == 1 -> goto wait /* its vote may have left or not: it is what is on the disk */
	:: view == 0 && gen < GENERATIONS -> arm(); goto normal
	:: else -> goto gone
	fi;
#else
	d_step { end_of_log = 0; tail_gen = gen; tail = rel };
	/* RECOVERING: the leader of the newest view of a quorum, and not below the durable view */
end_recovering:
	if
	/* Old has at least what anybody ever received of it */
	:: atomic { stored_view == 0 && new_view == 0 && gen < GENERATIONS ->
			life_is_known = true;
			if
			:: learn_log(0, received)
			:: learn_log(0, OPS)
			fi
		};
		wire[0] = MAX(wire[0], end_of_log);
		arm(); goto normal
	:: atomic { has_started && gen < GENERATIONS -> view = 1; stored_view = 1; learn_log(1, begun_with) };
		wire[1] = MAX(wire[1], end_of_log);
		arm(); goto normal
	fi;
#endif
gone:	skip
}

/* ---- the leader of view 0, who does not hear of view 1 ------------------------------------------------------ */

byte self_cell, backup_cell; /* how far each has acknowledged */

inline commit_old(c)
{
	d_step {
		CommitHasQuorum = c <= self_cell && c <= MAX(wire[0], old_wire);
		CHECK(CommitHasQuorum);
		commit[0] = MAX(commit[0], c);
		check_agreement()
	}
}

#if defined(QUORUM_OFF_BY_ONE)
#define COUNTED(mine, other) MAX(mine, other)
#elif defined(EXACT_COUNT)
#define COUNTED(mine, other) ((other) >= (mine) -> (mine) : 0) /* not: what it completes */
#else
#define COUNTED(mine, other) MIN(mine, other)
#endif

#ifdef SCAN
/* Whoever raises a cell reads the other one afterwards. */
proctype OldProcess()
{
	byte mine, other;

end:	do
	:: break /* its disk may be slow */
	:: self_cell < OPS ->
		mine = self_cell + 1;
#ifdef SCAN_BEFORE_RAISE
		other = backup_cell;
		self_cell = mine;
#else
		self_cell = mine;
		other = backup_cell;
#endif
		mine = COUNTED(mine, other);
		commit_old(mine);
		d_step { mine = 0; other = 0 }
	od
}
#endif

proctype OldCpu()
{
	byte mine, other;

end:	do
	:: atomic { backup_cell < MAX(wire[0], OLD_WIRE) ->
			if /* any that was sent */
			:: mine = MAX(wire[0], OLD_WIRE)
			:: backup_cell + 1 < MAX(wire[0], OLD_WIRE) -> mine = backup_cell + 1
			fi
		};
#ifdef SCAN_BEFORE_RAISE
		other = self_cell;
		backup_cell = mine;
#else
		backup_cell = mine;
		other = self_cell;
#endif
		mine = COUNTED(mine, other);
		commit_old(mine);
		d_step { mine = 0; other = 0 }
	od
}

/* ---- the leader of view 1 ------------------------------------------------------------------------------------ */

inline start()
{
	led[1] = OPS;
	has_started = true;
	check_agreement()
}

proctype New()
{
end:	do
	:: new_view == 0 -> new_view = 1
	:: d_step { new_view == 1 && !has_started && voted[0] -> begun_with = 0; start() }
	:: d_step { new_view == 1 && !has_started && voted[1] -> begun_with = 1; start() }
	:: d_step { new_view == 1 && !has_started && voted[2] -> begun_with = 2; start() }
	:: d_step { has_started && commit[1] < MIN(wire[1], led[1]) ->
			commit[1] = MIN(wire[1], led[1]); check_agreement()
		}
	od
}

#ifdef OLD_RUNS_ON
/* Any op that Old proposes arrives here. */
proctype OldMap()
{
end:	do
	:: d_step { runs_on && old_wire == 0 -> received = MAX(received, 1); old_wire = received }
	:: d_step { old_wire > 0 && old_wire < OPS -> old_wire++; received = MAX(received, old_wire) }
	od
}
#endif

#ifdef NEW_MAP_OLD_RUNS_ON
/* The old process's map is still armed, and nobody freezes it. */
proctype OldMap()
{
	byte at;

end:	do
	:: runs_on && at == 0 -> at = MAX(received, 1)
	:: at > 0 && at < OPS -> at++; wire[0] = MAX(wire[0], at)
	od
}
#endif

/* When nobody has anything left to do, no quorum is left uncounted. */
proctype Rest()
{
end:	timeout ->
	MissedQuorum = commit[0] == MIN(self_cell, backup_cell);
	CHECK(MissedQuorum)
}

init {
	atomic {
		led[0] = OPS;
#if defined(WAL) || CRASHES == 0
		new_view = 1; /* only who recovers cares */
#endif
		gen = 1;
		tail_gen = 1;
		armed = true;
		run Cpu();
#ifndef ONE_CPU
		run Cpu();
#endif
		run Backup();
#ifdef SCAN
		run OldProcess();
#else
		self_cell = OPS; /* a process that is always ahead: then the order of the scan does not matter */
#endif
		run OldCpu();
		run New();
#if defined(NEW_MAP_OLD_RUNS_ON) || defined(OLD_RUNS_ON)
		run OldMap();
#endif
		run Rest()
	}
}
