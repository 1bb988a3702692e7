# SPDX-License-Identifier: Apache-2.0
"""Checks Promela models with spin: scenarios that hold, and variants broken on purpose that must not. Imported by
run_model.py of each model. Needs spin and gcc.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
import time

HOLDS = "holds"
VIOLATED = "violated"  # an assertion without a name


@dataclasses.dataclass(frozen=True)
class Task:
    """One run of the checker."""

    name: str
    definitions: str  # separated by spaces, "KEYS=2 GUARDS=1"
    wanted: str  # the verdict: HOLDS, VIOLATED, or the name that is asserted alone, assert(Agreement)
    flags: tuple = ()  # of the compiler
    seconds_max: int | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """A folder of .pml files."""

    folder: str
    main: str  # the file that includes the others
    depth_max: int  # steps
    flags: tuple = ()  # of the compiler, for each run

    def build(self, folder, definitions, flags):
        """Makes folder/pan, the checker of this scenario; returns spin's options."""
        for name in os.listdir(self.folder):
            if name.endswith(".pml"):
                shutil.copy(os.path.join(self.folder, name), folder)
        options = [f"-D{each}" for each in definitions.split()]
        # Spin prints its complaints to stdout.
        compiler = ["gcc", "-w", *self.flags, "-DSAFETY", *flags, "-o", "pan", "pan.c"]
        for command in (["spin", "-a", *options, self.main], compiler):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        return options

    def run(self, task):
        """Checks one scenario. Returns (verdict, states, seconds, report of the checker)."""
        with tempfile.TemporaryDirectory(prefix="bmc-model-") as folder:
            begun = time.monotonic()
            self.build(folder, task.definitions, task.flags)
            done = subprocess.run(["./pan", f"-m{self.depth_max}", "-w22"], cwd=folder, capture_output=True, text=True,
                                  timeout=task.seconds_max, check=False)
            return verdict_of(done.stdout), states_of(done.stdout), time.monotonic() - begun, done.stdout

    def check(self, task):
        """Prints one line, and the report if it is not as wanted; returns whether it is."""
        try:
            verdict, states, seconds, report = self.run(task)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            verdict, states, seconds, report = "failed", 0, 0.0, str(error)
        good = verdict == task.wanted
        print(f"{'ok  ' if good else 'BAD '} {verdict:9} {states:9} states {seconds:6.1f} s  {task.name}", flush=True)
        if not good:
            print(report, flush=True)
        return good

    def counterexample(self, definitions, view, flags=()):
        """The lines of the shortest one; `view`: the option of `spin -t` that says what is printed."""
        with tempfile.TemporaryDirectory(prefix="bmc-model-") as folder:
            options = self.build(folder, definitions, ["-O1", "-DBFS", *flags])
            subprocess.run(["./pan", "-w22"], cwd=folder, capture_output=True, check=False)
            return subprocess.run(["spin", "-t", view, *options, self.main], cwd=folder, capture_output=True,
                                  text=True, check=False).stdout.splitlines()


def verdict_of(report):
    """HOLDS only for a search that was complete."""
    violated = re.search(r"assertion violated (?:([A-Z]\w+) \()?", report)
    if violated:
        return violated.group(1) or VIOLATED
    errors = re.search(r"errors: (\d+)", report)
    if not errors or errors.group(1) != "0" or "max search depth too small" in report:
        return "failed"
    return "failed" if "Search not completed" in report else HOLDS


def states_of(report):
    found = re.search(r"([\d.e+]+) states, stored", report)
    return int(float(found.group(1))) if found else 0


def arguments(jobs):
    """The options that each run_model.py has; `jobs`: the default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=jobs)
    parser.add_argument("--only", default="")
    parser.add_argument("--trace")
    return parser


def check_all(model, tasks, options):
    """Runs what has options.only in its name; the exit status."""
    chosen = [task for task in tasks if options.only in task.name]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(model.check, chosen))
    print(f"{len(results)} checked, {results.count(False)} not as they should be")
    return 0 if results and all(results) else 1
