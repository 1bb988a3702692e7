#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks paxos.pml with spin: every scenario exhaustively, and every variant that is broken on purpose, which
must commit two different entries at one op. Called by the ctest `paxos_model`.

Usage: run_model.py [--jobs N] [--only TEXT]     run what has TEXT in its name
       run_model.py --large                      the scenarios with larger bounds: hours, 16 GB
       run_model.py --trace NAME                 show the counterexample of a broken variant, the shortest
Needs spin and gcc. Exit status 1 if anything is not as it should be.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))

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


def build(folder, definitions, flags):
    """Makes folder/pan, the checker of this scenario."""
    for name in os.listdir(FOLDER):
        if name.endswith(".pml"):
            shutil.copy(os.path.join(FOLDER, name), folder)
    options = [f"-D{each}" for each in definitions.split()]
    # Spin prints its complaints to stdout. No reduction: every step touches what all see.
    for command in (["spin", "-a", *options, "paxos.pml"], ["gcc", "-w", "-DNOREDUCE", *flags, "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return options


def run(definitions, flags, seconds_max):
    """Checks one scenario. Returns (verdict, states, seconds, report of the checker)."""
    with tempfile.TemporaryDirectory(prefix="bmc-model-") as folder:
        begun = time.monotonic()
        build(folder, definitions, [*flags, "-DSAFETY", "-DCOLLAPSE"])
        done = subprocess.run(["./pan", "-m100000", "-w22"], cwd=folder, capture_output=True, text=True,
                              timeout=seconds_max, check=False)
        return verdict_of(done.stdout), states_of(done.stdout), time.monotonic() - begun, done.stdout


def verdict_of(report):
    """`holds` only for a search that was complete."""
    violated = re.search(r"assertion violated (\w+) \(", report)
    if violated:
        return violated.group(1)
    errors = re.search(r"errors: (\d+)", report)
    if not errors or errors.group(1) != "0" or "max search depth too small" in report:
        return "failed"
    return "failed" if "Search not completed" in report else "holds"


def states_of(report):
    found = re.search(r"([\d.e+]+) states, stored", report)
    return int(float(found.group(1))) if found else 0


def tasks(large):
    """(name, definitions, verdict wanted, compiler flags, most seconds)."""
    if large:
        for name, definitions in LARGE.items():
            yield name, definitions, "holds", ["-O2", "-DMEMLIM=16384"], None
        return
    for name, definitions in SCENARIOS.items():
        yield name, definitions, "holds", ["-O1", "-DMEMLIM=4096"], 1500
    for name, definitions in broken_variants():
        yield name, definitions, "Agreement", ["-O0", "-DMEMLIM=4096"], 600


def check(task):
    name, definitions, wanted, flags, seconds_max = task
    try:
        verdict, states, seconds, report = run(definitions, flags, seconds_max)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        verdict, states, seconds, report = "failed", 0, 0.0, str(error)
    good = verdict == wanted
    print(f"{'ok  ' if good else 'BAD '} {verdict:9} {states:9} states {seconds:6.1f} s  {name}", flush=True)
    if not good:
        print(report, flush=True)
    return good


def trace(wanted):
    """Prints the shortest counterexample: one line a step."""
    definitions = dict(broken_variants()).get(wanted)
    if definitions is None:
        print(f"no such name: {wanted}")
        return 1
    with tempfile.TemporaryDirectory(prefix="bmc-model-") as folder:
        options = build(folder, definitions, ["-O1", "-DSAFETY", "-DBFS", "-DCOLLAPSE"])
        subprocess.run(["./pan", "-w22"], cwd=folder, capture_output=True, check=False)
        shown = subprocess.run(["spin", "-t", "-T", *options, "paxos.pml"], cwd=folder, capture_output=True,
                               text=True, check=False).stdout
    for line in shown.splitlines():
        if line.startswith("spin:"):
            break
        if line.strip():
            print(line)
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--trace")
    options = parser.parse_args()
    if options.trace:
        return trace(options.trace)
    chosen = [task for task in tasks(options.large) if options.only in task[0]]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(check, chosen))
    print(f"{len(results)} checked, {results.count(False)} not as they should be")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
