#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks paxos.pml and fence.pml with spin: every scenario exhaustively, and every variant that is broken on purpose,
which must commit two different entries at one op, or break the property named. Called by the ctest `paxos_model`.

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
FENCE = promela.Model(FOLDER, "fence.pml", depth_max=100_000, flags=("-DNOREDUCE",))

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

# The same for fence.pml: bounds -> rule left out -> what is found.
TWO_CPUS = "GENERATIONS=2 CRASHES=0"
ONE_CPU = "ONE_CPU GENERATIONS=3 CRASHES=1"
SCAN = "ONE_CPU GENERATIONS=1 CRASHES=0 SCAN"
FENCE_SCENARIOS = {
    "fence.memory": "GENERATIONS=3 CRASHES=0",
    "fence.memory_crash": ONE_CPU,
    "fence.old_runs_on": f"{ONE_CPU} OLD_RUNS_ON",
    "fence.wal": f"WAL {ONE_CPU}",
    "fence.scan": SCAN,
}
FENCE_LARGE = {
    "fence.two_cpus_crash": "GENERATIONS=3 CRASHES=1",
    "fence.two_cpus_crash_wal": "WAL GENERATIONS=3 CRASHES=1",
    "fence.two_cpus_scan": "GENERATIONS=2 CRASHES=0 SCAN",
}
FENCE_BROKEN = {
    (TWO_CPUS, "Agreement"): "NO_FREEZE READ_THEN_FREEZE NO_DRAIN NO_GENERATION_IN_SWAP QUORUM_OFF_BY_ONE",
    (TWO_CPUS, "StoredBeforeAccepted"): "ADVANCE_BEFORE_STORE NO_SPACE_CHECK NO_CLAIM STALE_CLAIMS_NEWER",
    (ONE_CPU, "Agreement"): "VIEW_NOT_STORED VOTE_BEFORE_STORE NEW_MAP_OLD_RUNS_ON",
    (f"{ONE_CPU} OLD_RUNS_ON", "Agreement"): "OLD_LIFE_COUNTS",
    (f"WAL {ONE_CPU}", "Agreement"): "VIEW_NOT_STORED VOTE_BEFORE_STORE ACK_BEFORE_STORE",
    (SCAN, "MissedQuorum"): "SCAN_BEFORE_RAISE EXACT_COUNT",
}


def broken_fences():
    """Name, definitions, what is found."""
    for (bounds, wanted), names in FENCE_BROKEN.items():
        kind = "fence wal" if "WAL" in bounds else "fence"
        only = " AGREEMENT_ONLY" if wanted == "Agreement" else ""
        for each in names.split():
            yield f"{kind} {each}", f"{bounds} {each}{only}", wanted


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


def fence_tasks(large):
    for name, definitions in (FENCE_LARGE if large else FENCE_SCENARIOS).items():
        yield promela.Task(name, definitions, promela.HOLDS, ("-DCOLLAPSE", "-O1", "-DMEMLIM=4096"), 600)
    for name, definitions, wanted in [] if large else broken_fences():
        yield promela.Task(name, definitions, wanted, ("-DCOLLAPSE", "-O0", "-DMEMLIM=4096"), 600)


def trace(wanted):
    """Prints the shortest counterexample: one line a step; of the fence, which steps by accesses, its lines of code."""
    variants = {name: (MODEL, definitions, "-T") for name, definitions in broken_variants()}
    variants |= {name: (FENCE, definitions, "-p") for name, definitions, _ in broken_fences()}
    if wanted not in variants:
        print(f"no such name: {wanted}")
        return 1
    model, definitions, view = variants[wanted]
    for line in model.counterexample(definitions, view, ["-DCOLLAPSE"]):
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
    batches = [(MODEL, list(tasks(options.large))), (FENCE, list(fence_tasks(options.large)))]
    chosen = [(model, batch) for model, batch in batches if any(options.only in task.name for task in batch)]
    results = [promela.check_all(model, batch, options) for model, batch in chosen]
    return 0 if results and not any(results) else 1


if __name__ == "__main__":
    sys.exit(main())
