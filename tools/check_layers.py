#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the shape of the source tree: who may include whom, licences, length of files and functions.

Called by the ctest `layers` (cmake/LayerCheck.cmake). Prints one line per violation,
`path:line: what is wrong`, and exits with 1 if there is any. The rules are data, below; each
has a violating tree and an allowed twin in check_layers_test.py.

Usage: check_layers.py [ROOT]
"""
import os
import re
import sys
from pathlib import PurePosixPath

LINES_MAX = 500
FUNCTION_LINES_MAX = 60
BPF_FUNCTION_LINES_MAX = 50
SKIPPED_FOLDERS = {".git", "build", ".cache", "LICENSES"}
GENERATED = re.compile(r"\.(skel\.h|pb\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
INCLUDING = (".c", ".cc", ".h")

GPL = "GPL-2.0-only"
APACHE = "Apache-2.0"
DUAL = "GPL-2.0-only OR Apache-2.0"
# First match counts: how the file's name ends -> licences it may have.
LICENCES = [
    (".bpf.c", {GPL}),
    (".bpf.h", {GPL, DUAL}),  # dual where the native simulator compiles the same step
    ("_abi.h", {DUAL}),
    ("_wire.h", {DUAL}),
    (".h", {APACHE, DUAL}),  # dual: shared by both worlds, such as the grammar
    (".cc", {APACHE}),
    (".c", {GPL, DUAL}),
    (".py", {APACHE}),
    (".sh", {APACHE}),
    (".cmake", {APACHE}),
    ("CMakeLists.txt", {APACHE}),
    (".proto", {APACHE}),
    (".pml", {APACHE}),
    ("bmc", {APACHE}),
    (".ci/run", {APACHE}),
]

KERNEL_FOLDERS = ("xdp", "tc", "cgroup")
APPS = ("memcached-cache", "paxos")
# The one program that runs both apps on one interface, and what it may include: each app's way as a whole.
COMPOSED = "xdp/cache_and_paxos.bpf.c"
COMPOSED_OF = ("xdp/cache/get.bpf.h", "xdp/paxos/fast.bpf.h")


def is_test(path):
    """Tests, fuzz targets and their helpers: whatever only exists to check the rest."""
    parts = PurePosixPath(path).parts
    return (
        bool({"test", "tests", "fuzz", "netns-tests"} & set(parts[:-1]))
        or re.search(r"_(test|fuzz)\.(c|cc|h|bpf\.c|bpf\.h)$", path) is not None
    )


def app_of(path):
    for app in APPS:
        if path.startswith(f"apps/{app}/"):
            return app
    return None


def is_abi(path):
    return re.match(r"apps/[^/]+/abi/", path) is not None


def is_generic_control_plane(path):
    return path.startswith("control-plane/") and not path.startswith(("control-plane/bmcd/", "control-plane/bmcctl/"))


def is_paxos_core(path):
    return path.startswith("apps/paxos/core/")


def direct_violation(source, target):
    """Why `source` may not include our file `target`; None if it may. Paths relative to the root."""
    top, target_top = source.split("/")[0], target.split("/")[0]
    if is_test(source):
        return None  # tests may see everything
    if is_test(target):
        return "nobody includes a test"
    if is_abi(source):
        same = is_abi(target) and app_of(source) == app_of(target)
        return None if same else "abi/ includes nothing of ours but its own abi/"
    if app_of(source) and app_of(target) and app_of(source) != app_of(target):
        return "the apps do not include each other"
    if target_top == "loadgen" and top != "loadgen":
        return "only loadgen/ includes loadgen/"
    if target.startswith(("control-plane/bmcd/", "control-plane/bmcctl/")) and not source.startswith("control-plane/"):
        return "nobody includes the daemon or its command line"
    if is_generic_control_plane(source) and target_top in ("apps", "control-plane") and not (
        is_generic_control_plane(target)
    ):
        return "generic control-plane code knows neither the apps nor the daemon"
    if is_paxos_core(source) and not target.startswith(
        ("apps/paxos/core/", "apps/paxos/abi/", "apps/paxos/include/bmc/paxos/state_machine.h")
    ):
        return "the Paxos core includes only itself, its abi/ and the state machine's interface"
    return kernel_violation(source, target)


def kernel_violation(source, target):
    """The rules of xdp/, tc/ and cgroup/: their lib/, their steps, and the kernel code of the apps."""
    top, target_top = source.split("/")[0], target.split("/")[0]
    if source == COMPOSED and target not in COMPOSED_OF:
        return "the composed program includes each app's whole way and nothing else: no step, no logic of its own"
    if re.match(r"(xdp|tc|cgroup)/lib/", source):
        allowed = target.startswith("xdp/lib/") or target.startswith(f"{top}/lib/")
        return None if allowed else "shared kernel code (lib/) includes no app, no step, only xdp/lib/ and its own"
    if target_top in KERNEL_FOLDERS and not re.match(r"(xdp|tc|cgroup)/lib/", target):
        if top != target_top:
            return f"only {target_top}/ includes its steps; what is shared belongs in lib/ or in the app"
    if top in KERNEL_FOLDERS and target_top not in (*KERNEL_FOLDERS, "apps"):
        return "kernel code includes kernel code, lib/ and its app only"
    return None


# Headers of the system that a layer may not use: (predicate, pattern, reason).
SYSTEM_RULES = [
    (
        is_paxos_core,
        re.compile(r"^(bpf/|xdp/|sys/socket\.h|netinet/|arpa/|ctime$|time\.h$|sys/time\.h|chrono$|boost/asio)"),
        "the Paxos core includes no libbpf, no socket and no clock",
    ),
    (is_abi, re.compile(r"^(bpf/|vmlinux\.h|string$|vector$)"), "abi/ must compile in both worlds"),
]


class Tree:
    """The source files under a root and their include graph."""

    def __init__(self, root):
        self.root = root
        self.files = {}  # path -> list of lines
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(
                f for f in folders if f not in SKIPPED_FOLDERS and not (folder == root and f.startswith("build"))
            )
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if any(path.endswith(end) for end, _ in LICENCES if "." in end or end == path):
                    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                        self.files[path] = file.read().splitlines()
        self.graph = {}  # path -> set of our files it includes

    def resolve(self, source, quoted, name):
        """Our file that `name` means; None if it is not ours."""
        beside = os.path.normpath(os.path.join(os.path.dirname(source), name))
        if quoted and beside in self.files:
            return beside
        return name if name in self.files else None

    def violations(self):
        for path, lines in self.files.items():
            yield from self.file_violations(path, lines)
            if path.endswith(INCLUDING):
                yield from self.function_violations(path, lines)
                yield from self.include_violations(path, lines)
        yield from self.mixed_steps()

    def file_violations(self, path, lines):
        if len(lines) > LINES_MAX:
            yield path, LINES_MAX, f"{len(lines)} lines; a file has at most {LINES_MAX}"
        first = lines[1] if len(lines) > 1 and lines[0].startswith("#!") else (lines[0] if lines else "")
        found = re.search(r"SPDX-License-Identifier: (.*?)\s*(\*/|-->)?$", first)
        wanted = next(licences for end, licences in LICENCES if path.endswith(end))
        if not found:
            yield path, 1, "the first line is not an SPDX licence line"
        elif found.group(1) not in wanted:
            yield path, 1, f"licence {found.group(1)}; this kind of file has {' or '.join(sorted(wanted))}"

    def function_violations(self, path, lines):
        """Bodies of functions at file or namespace level, by the layout all our code has: the first line
        of the body's block starts in the first column, the block ends with a `}` there (`};` is data)."""
        limit = BPF_FUNCTION_LINES_MAX if ".bpf." in path else FUNCTION_LINES_MAX
        start = None
        for number, line in enumerate(lines, 1):
            if re.match(r"\{|[^\s#/*}].*\)[^;]*\{$", line):
                start = number
            elif line.startswith("}"):
                if start and re.match(r"\}\s*(//.*|/\*.*)?$", line) and number - start - 1 > limit:
                    yield path, start, f"a function of {number - start - 1} lines; at most {limit}"
                start = None

    def include_violations(self, path, lines):
        ours = self.graph.setdefault(path, set())
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            quoted, name = found.group(1) == '"', found.group(2)
            target = self.resolve(path, quoted, name)
            if target:
                ours.add(target)
                reason = direct_violation(path, target)
                if not quoted:
                    reason = reason or "files of ours are included in quotes"
                elif name != target:
                    reason = reason or f'write the path from the root: "{target}"'
                if reason:
                    yield path, number, f"includes {target}: {reason}"
                continue
            if quoted and not GENERATED.search(name):
                yield path, number, f'includes "{name}": no such file of ours (from the root)'
            for applies, pattern, reason in SYSTEM_RULES:
                if applies(path) and pattern.search(name):
                    yield path, number, f"includes <{name}>: {reason}"

    def mixed_steps(self):
        """A kernel file that reaches both apps, over whatever path, mixes their steps; but for the composed program."""
        for path in self.graph:
            if path.split("/")[0] not in KERNEL_FOLDERS or is_test(path) or path == COMPOSED:
                continue
            apps = {app_of(each) for each in self.reachable(path)} - {None}
            if len(apps) > 1:
                yield path, 1, "reaches both apps: a cache step never includes a paxos step"

    def reachable(self, start):
        seen, todo = set(), [start]
        while todo:
            each = todo.pop()
            if each not in seen:
                seen.add(each)
                todo.extend(self.graph.get(each, ()))
        return seen


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    tree = Tree(root)
    if not tree.files:
        print(f"no source files under {root}")
        return 1
    bad = sorted(set(tree.violations()))
    for path, line, text in bad:
        print(f"{path}:{line}: {text}")
    print(f"{len(tree.files)} files, {sum(map(len, tree.graph.values()))} includes of ours, {len(bad)} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
