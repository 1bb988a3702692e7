#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks paxos.pml with spin: every scenario exhaustively, and every variant that is broken on purpose, which
must commit two different entries at one op. Called by the ctest `paxos_model`.

Usage: run_model.py [--jobs N] [--only TEXT]     run what has TEXT in its name
       run_model.py --large                      the scenarios with larger bounds: hours, 16 GB
       run_model.py --trace NAME                 show the counterexample of a broken variant, the shortest
Needs spin and gcc. Exit status 1 if anything is not as it should be.
"""
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "../../../tools"))
import promela  # noqa: E402

# No reduction: every step touches what all see.
MODEL = promela.Model(FOLDER, "paxos.pml", depth_max=100_000, flags=("-DNOREDUCE",))

# Memory runs ahead of the disk by no more than QUEUE stores and sends: spin says so if that is too few.
MEMORY = "QUEUE=16"
WAL = "WAL QUEUE=26"
DAMAGE = f"{WAL} DAMAGE"

# Name -> definitions. Without violation, exhaustively.
SCENARIOS = {
    "memory.two_ops": f"{MEMORY} VIEWS=3 OPS=2",
    "memory.leader_alone": f"{MEMORY} VIEWS=3 OPS=1 RECOVERY_FROM_LEADER_ALONE",
    "wal.two_ops": f"{WAL} VIEWS=3 OPS=2",
    "wal.damage": f"{DAMAGE} VIEWS=3 OPS=1",
    "memory.state_of_any_view": f"{MEMORY} VIEWS=3 OPS=1 STATE_OF_ANY_VIEW",
}
LARGE = {
    "memory.four_views": f"{MEMORY} VIEWS=4 OPS=1",
    "wal.four_views": f"{WAL} VIEWS=4 OPS=1",
    "wal.damage_two_ops": f"{DAMAGE} VIEWS=3 OPS=2",
    "memory.leader_alone_two_ops": f"{MEMORY} VIEWS=3 OPS=2 RECOVERY_FROM_LEADER_ALONE",
    "memory.three_ops": f"{MEMORY} VIEWS=3 OPS=3",
    "wal.three_ops": f"{WAL} VIEWS=3 OPS=3",
    "memory.four_views_two_ops": f"{MEMORY} VIEWS=4 OPS=2",
}

# Bounds -> the rules the protocol can do without none of: each left out must be found.
BROKEN = {
    f"{MEMORY} VIEWS=3 OPS=1": """ACCEPTS_AFTER_PROMISE ACK_BEFORE_APPEND PREPARE_OF_OLDER_VIEW COMMIT_BEYOND_LOG
        COMMIT_QUORUM_OFF_BY_ONE VOTE_BEFORE_STORE VIEW_NOT_STORED OWN_LOG_IS_BEST LONGEST_LOG_IS_BEST
        VOTE_QUORUM_OFF_BY_ONE VOTE_COUNTED_TWICE VOTE_OF_OLDER_VIEW STATE_OF_OLDER_VIEW TRUNCATED_BEFORE_FETCH
        START_VIEW_INSTALLED_AGAIN RESTART_IS_NORMAL RECOVERY_WITHOUT_LEADER STALE_ANSWER
        RECOVERY_BELOW_DURABLE_VIEW ANSWERED_WHILE_CHANGING""",
    f"{MEMORY} VIEWS=4 OPS=1": "ENTRY_VIEW_AS_LOG_VIEW",
    f"{WAL} VIEWS=3 OPS=1": """ACCEPTS_AFTER_PROMISE ACK_BEFORE_STORE LEADER_COUNTS_BEFORE_STORE ACK_OF_OLDER_VIEW
        VOTE_BEFORE_STORE VIEW_NOT_STORED LOG_VIEW_NOT_STORED LOG_VIEW_BEFORE_ENTRIES WHOLE_SUFFIX_TRUNCATED
        TRUNCATED_BEFORE_FETCH START_VIEW_BEFORE_STORE START_VIEW_INSTALLED_AGAIN LEADS_AGAIN""",
    f"{DAMAGE} VIEWS=3 OPS=1": "WHOLE_BEFORE_RECOVERED",
}


def broken_variants():
    for bounds, names in BROKEN.items():
        kind = "damage" if "DAMAGE" in bounds else "wal" if "WAL" in bounds else "memory"
        for each in names.split():
            yield f"{kind} {each}", f"{bounds} {each} AGREEMENT_ONLY"


def tasks(large):
    if large:
        for name, definitions in LARGE.items():
            yield promela.Task(name, definitions, promela.HOLDS, ("-DCOLLAPSE", "-O2", "-DMEMLIM=16384"))
        return
    for name, definitions in SCENARIOS.items():
        yield promela.Task(name, definitions, promela.HOLDS, ("-DCOLLAPSE", "-O1", "-DMEMLIM=4096"), 1500)
    for name, definitions in broken_variants():
        yield promela.Task(name, definitions, "Agreement", ("-DCOLLAPSE", "-O0", "-DMEMLIM=4096"), 600)


def trace(wanted):
    """Prints the shortest counterexample: one line a step."""
    definitions = dict(broken_variants()).get(wanted)
    if definitions is None:
        print(f"no such name: {wanted}")
        return 1
    for line in MODEL.counterexample(definitions, "-T", ["-DCOLLAPSE"]):
        if line.startswith("spin:"):
            break
        if line.strip():
            print(line)
    return 0


def main():
    parser = promela.arguments(jobs=1)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    if options.trace:
        return trace(options.trace)
    return promela.check_all(MODEL, tasks(options.large), options)


if __name__ == "__main__":
    sys.exit(main())
