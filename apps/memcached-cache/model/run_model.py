#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks coherence.pml with spin: every scenario exhaustively, and every variant that is broken on purpose,
which must give a counterexample. Called by the ctest `model`.

Usage: run_model.py [--jobs N] [--only TEXT]     run what has TEXT in its name
       run_model.py --trace NAME                 show the counterexample of a broken variant, the shortest
Needs spin and gcc. Exit status 1 if anything is not as it should be.
"""
import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "../../../tools"))
import promela  # noqa: E402

RUN_SECONDS_MAX = 300
# Of the compressed state space; the largest scenario takes about a third.
MEMORY_MIB_MAX = 4096
MODEL = promela.Model(FOLDER, "coherence.pml", depth_max=1_000_000)

KEYS = "SCENARIO_KEYS KEYS=2 GUARDS=1 WAYS=2"
STREAM = "SCENARIO_STREAM KEYS=1 GUARDS=1 COMMANDS=3"
SUSPECT = "SCENARIO_SUSPECT KEYS=1 GUARDS=1"
IDENTITY = "SCENARIO_IDENTITY KEYS=1 GUARDS=1"
UDP_WRITE = "SCENARIO_UDP_WRITE KEYS=1"
UNFINISHED = "SCENARIO_UNFINISHED KEYS=1 GUARDS=1"
UNREAD_FLUSH = "SCENARIO_UNREAD_FLUSH KEYS=1 GUARDS=1"
UNREAD_VALUE = "SCENARIO_UNREAD_VALUE KEYS=1 GUARDS=1"
QUARANTINE = "SCENARIO_QUARANTINE KEYS=1 GUARDS=1"
EXPIRY = "SCENARIO_EXPIRY KEYS=1 GUARDS=1"

# Name -> definitions. Without violation, exhaustively.
SCENARIOS = {
    "keys.two_writers": f"{KEYS} WRITERS=2 FILLS=1 GLOBALS=1 LOOK_UPS=1",
    "keys.two_fills": f"{KEYS} WRITERS=2 FILLS=2",
    "keys.two_fills_and_a_global_write": f"{KEYS} WRITERS=1 FILLS=2 GLOBALS=1",
    "keys.one_tag": f"{KEYS} WRITERS=2 FILLS=2 ONE_TAG",
    "keys.invalidate": f"{KEYS} WRITERS=1 FILLS=1 LOOK_UPS=1 UNSEEN",
    "keys.staged": f"{KEYS} STAGED=1 WRITERS=1 FILLS=1 GLOBALS=1",
    "keys.two_staged": f"{KEYS} STAGED=2 WRITERS=1 FILLS=0 LOOK_UPS=1",
    "keys.staged_and_a_global_write": f"{KEYS} STAGED=2 WRITERS=0 FILLS=0 GLOBALS=1 LOOK_UPS=1",
    "stream.seen_from_its_start": STREAM,
    "stream.older_than_bmcd": f"{STREAM} OLDER_THAN_BMCD=1",
    "suspect.old_requests": f"{SUSPECT} COMMANDS=8",
    "suspect.values": f"{SUSPECT} COMMANDS=6 VALUES=1",
    "suspect.lost_again": f"{SUSPECT} COMMANDS=5 LOSSES=1 WATCHES=1 AUDITED=1",
    "identity.two_for_ever": f"{IDENTITY} WRITERS=1 DATAGRAMS=2 AGAIN IDENTITIES=1",
    "identity.slot_is_busy": f"{IDENTITY} WRITERS=1 DATAGRAMS=2 AGAIN WINDOWS IDENTITIES=1 GETS_ONLY",
    "identity.two_identities_in_one_slot":
        f"{IDENTITY} WRITERS=1 DATAGRAMS=2 AGAIN IDENTITIES=2 GETS_OF_ONE_KEY_ONLY",
    "identity.three_at_a_time": f"{IDENTITY} WRITERS=1 DATAGRAMS=3 IDENTITIES=1 GETS_OF_ONE_KEY_ONLY",
    "identity.bump": f"{IDENTITY} BUMPS=1 DATAGRAMS=2 AGAIN IDENTITIES=1 GETS_ONLY",
    "udp_write.three_writes": f"{UDP_WRITE} GUARDS=3 WRITES=3 OTHERS=0",
    "udp_write.two_writes_and_another": f"{UDP_WRITE} GUARDS=2 WRITES=2 OTHERS=1 WINDOWS",
    "unfinished.restart": f"{UNFINISHED} DATAGRAMS=3",
    "unread_flush.two_holds": f"{UNREAD_FLUSH} HOLDS=2",
    "unread_value.boot": f"{UNREAD_VALUE} WORKERS=2 DATAGRAMS=3",
    "quarantine.stop": QUARANTINE,
    "expiry.hints": f"{EXPIRY} SECONDS=2 HINTS=1",
    "expiry.suspect": f"{EXPIRY} SECONDS=2 SUSPECTS=1",
    "expiry.probe": f"{EXPIRY} SECONDS=2 PROBES=1",
    "expiry.delayed_flush": f"{EXPIRY} SECONDS=4 FLUSHES=1",
    "expiry.staged": f"{EXPIRY} SECONDS=2 STAGED=2",
    "expiry.staged_and_a_delayed_flush": f"{EXPIRY} SECONDS=4 STAGED=1 FLUSHES=1",
}

# Scenario -> the rules it can do without none of: each left out must be found.
BROKEN = {
    "keys.two_writers": """NO_IN_FLIGHT LEASE_IN_FLIGHT NO_LEASE NO_GLOBAL_GUARD GUARD_RAISED_LATE
        PUBLISHED_WITHOUT_PENDING NOT_RECHECKED VALIDATED_WITHOUT_COMPARE PENDING_SERVED WAYS_KILLED_BEFORE_GUARD
        WAYS_NOT_KILLED ONE_WAY_NOT_KILLED PENDING_NOT_KILLED KILLED_BY_COMPARE EPOCH_NOT_COMPARED
        STAMP_IS_KEY_GENERATION_ONLY MISMATCH_NOT_RECHECKED COMPARED_WITH_ANOTHER_EPOCH""",
    "keys.two_fills": "COMPARED_WITH_PENDING",
    "keys.invalidate": "BUMP_AFTER_WAYS BUMP_WITHOUT_WAYS",
    "keys.two_staged": """STAGED_BESIDE_A_WRITE STAGED_WHATEVER_THE_REPLY STAGED_WHILE_SUSPECT
        STAGED_GENERATION_OF_THE_ANSWER STAGED_STAMP_OF_THE_ANSWER CHECKED_BEFORE_PENDING NOT_RECHECKED
        PUBLISHED_WITHOUT_PENDING VALIDATED_WITHOUT_COMPARE PENDING_SERVED PENDING_NOT_KILLED KILLED_BY_COMPARE
        WAYS_KILLED_BEFORE_GUARD WAYS_NOT_KILLED""",
    "keys.staged_and_a_global_write": """STAGED_BESIDE_A_GLOBAL_WRITE STAMP_IS_KEY_GENERATION_ONLY
        EPOCH_NOT_COMPARED""",
    "stream.seen_from_its_start": """NOREPLY_RELEASED_AT_ONCE NOREPLY_RELEASED_BY_EARLIER_REPLY
        RESET_RELEASED_BEFORE_CLOSE OUT_OF_STEP_NOT_HELD HELD_TOO_LATE SWEEP_IGNORES_NEW_PAYLOAD""",
    "stream.older_than_bmcd": "BOOT_NOT_HELD",
    "suspect.old_requests": """QUIET_UNREAD QUIET_UNACKNOWLEDGED IN_STEP_AFTER_ONE IN_STEP_AFTER_TWO NOT_DEFERRED
        DEFERRED_BY_REQUESTS DEFERRED_TOO_LITTLE ENDED_WHILE_LOST""",
    "suspect.lost_again": "WATCH_BELIEVED_WHILE_SUSPECT",
    "identity.two_for_ever": """SAME_ID_NOT_REFUSED OVERWRITTEN_NOT_REMEMBERED CONSUMED_NOT_REMEMBERED
        LIST_ENDED_BY_ANY LIST_CONSUMED_TWICE RELEASE_TIME_LATE REPLY_PARKED
        FORGOTTEN_BEFORE_TC""",
    "identity.slot_is_busy": "BUSY_NOT_REMEMBERED LIST_ENDED_BY_AN_OLDER_END",
    "identity.two_identities_in_one_slot": "OTHERS_FORGOTTEN",
    "identity.bump": "BUMP_WITHOUT_TIME BUMP_TIME_LATE",
    "udp_write.two_writes_and_another": """UDP_WRITE_RELEASED_BY_TIMEOUT QUARANTINE_PASSED_WHILE_STOPPED
        UDP_REPLY_TOLD_BY_ITS_SHAPE ARRIVAL_NOT_COMPARED OLDER_NOT_ASKED SEVERAL_ENDED_BY_ONE_REPLY
        SECOND_WRITE_TAKES_THE_RECORD""",
    "udp_write.three_writes": "UDP_REPLY_TOLD_BY_ITS_SHAPE",
    "unfinished.restart": "UNFINISHED_ENDED_BY_BARRIER ANY_RECORD_IS_ENOUGH",
    "unread_flush.two_holds": """MARK_AFTER_RELEASE UNSEEN_CLEARED_BEFORE_ASKED UNSEEN_CLEARED_WITH_THE_ANSWER
        ASKED_CLEARED_BEFORE_SCHEDULED""",
    "unread_value.boot": """NOT_ASKED ASKED_BEFORE_BARRIER ASKED_ONCE ONE_WORKER_ASKED BARRIER_WITHOUT_QUARANTINE
        STATE_LEFT_BEFORE_EXECUTED EPOCH_NOT_COMPARED""",
    "quarantine.stop": "GAP_NOT_SEEN GAP_OF_THE_WHOLE_LENGTH STOPPED_TWICE",
    "expiry.hints": """UNKNOWN_SERVED SERVED_AT_DEADLINE HINT_FROM_TRUE_TIME HINT_ALONE_WHEN_ANSWERED
        HINT_OF_KEY_GENERATION_ONLY HINT_BESIDE_GLOBAL_WRITE""",
    "expiry.suspect": "HINT_WHILE_SUSPECT",
    "expiry.probe": "PROBE_IGNORES_STAMP PROBE_STAMP_OF_THE_QUESTION",
    "expiry.staged": "STAGED_DEADLINE_OF_THE_ANSWER STAGED_BESIDE_A_GLOBAL_WRITE SERVED_AT_DEADLINE",
    "expiry.staged_and_a_delayed_flush": "STAGED_NOT_CUT_BY_FLUSH FLUSH_WITHOUT_THE_SECOND FLUSH_BY_TRUE_TIME",
    "expiry.delayed_flush": "FLUSH_WITHOUT_THE_SECOND FLUSH_BY_TRUE_TIME NOT_CUT_BY_FLUSH",
}


def tasks():
    """COLLAPSE saves memory, not time."""
    memory = f"-DMEMLIM={MEMORY_MIB_MAX}"
    for name, definitions in SCENARIOS.items():
        yield promela.Task(name, definitions, promela.HOLDS, ("-O2", "-DCOLLAPSE", memory), RUN_SECONDS_MAX)
    for scenario, broken in BROKEN.items():
        for each in broken.split():
            yield promela.Task(f"{scenario} {each}", f"{SCENARIOS[scenario]} {each}", promela.VIOLATED,
                               ("-O0", memory), RUN_SECONDS_MAX)


def trace(wanted):
    """Prints the shortest counterexample: one line a step, the process, the place, what it did."""
    definitions = next((task.definitions for task in tasks() if task.name == wanted), None)
    if definitions is None:
        print(f"no such name: {wanted}")
        return 1
    for line in MODEL.counterexample(definitions, "-p"):
        if not re.search(r":init:|Starting|\(goto\)|\[(DO|IF)\]", line):
            print(re.sub(r"^\s*\d+:\s*proc\s+|\(state \d+\)\s*", "", line))
    return 0


def main():
    options = promela.arguments(jobs=os.cpu_count()).parse_args()
    if options.trace:
        return trace(options.trace)
    return promela.check_all(MODEL, tasks(), options)


if __name__ == "__main__":
    sys.exit(main())
