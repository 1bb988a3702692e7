#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header by itself, so that including one never depends on what was included before.

Called by the ctest `headers` (cmake/LayerCheck.cmake). The name and the licence tell the world a header
belongs to: *.bpf.h is for BPF; a dual-licensed one is for both; the rest is C++. A C++ header that the build has
compiled alone already, as the first thing its own source includes, is not compiled again: half of them.

Usage: check_headers.py --root DIR --build DIR --cxx COMPILER --bpf-clang CLANG --system-include DIR
       [--jobs N] [HEADER...]     (default: all below --root; --build has the generated headers)
Exit status 1 and the compiler's words if a header does not compile, or if there is none.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

# Headers that are installed include each other as their users do, from there.
PUBLIC_FOLDERS = ("apps/paxos/include",)
SKIPPED_FOLDERS = {".git", "build", "LICENSES"}
COMPLAINT_LINES = 12
DUAL = "GPL-2.0-only OR Apache-2.0"
# The same flags as cmake/CompilerOptions.cmake and cmake/BpfObject.cmake give.
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
CXX_FLAGS = ["-std=c++20", "-fno-strict-aliasing", *WARNINGS]
BPF_FLAGS = ["-target", "bpf", "-mcpu=v3", "-O2", "-std=gnu2x", "-D__x86_64__", *WARNINGS]
BPF_FLAGS += ["-Wno-unused-parameter", "-Wno-address-of-packed-member"]
BPF_FLAGS += ["-Wno-unused-function"]  # who includes the header uses it


def headers_below(root):
    for folder, folders, names in os.walk(root):
        at_root = folder == root
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not (at_root and f.startswith("build")))
        yield from (os.path.relpath(os.path.join(folder, n), root) for n in sorted(names) if n.endswith(".h"))


def generated_folders(build):
    """Folders of generated headers (skeletons and protobuf messages), and those above, which they are named from."""
    found = set()
    for folder, _, names in os.walk(build):
        if any(name.endswith((".skel.h", ".pb.h")) for name in names):
            while folder not in found and folder.startswith(build):
                found.add(folder)
                folder = os.path.dirname(folder)
    return sorted(found)


def worlds(root, header):
    if header.endswith(".bpf.h"):
        return ["bpf"]
    with open(os.path.join(root, header), encoding="utf-8") as file:
        return ["c++", "bpf"] if DUAL in file.readline() else ["c++"]


def compiled_sources(build):
    """What the build compiles; nothing if it has not said."""
    path = os.path.join(build, "compile_commands.json")
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as file:
        return {os.path.realpath(os.path.join(each["directory"], each["file"])) for each in json.load(file)}


def built_alone(root, header, sources):
    """Whether the build compiles a source of the header's name that includes it before all else, and the header is
    guarded against being included twice."""
    source = os.path.join(root, header[: -len(".h")] + ".cc")
    if os.path.realpath(source) not in sources:
        return False
    with open(source, encoding="utf-8") as file:
        first = re.search(r'^#include\s+[<"](.+)[>"]', file.read(), re.MULTILINE)
    with open(os.path.join(root, header), encoding="utf-8") as file:
        guarded = re.search(r"\A(?://.*\n|/\*.*\n| \*.*\n|\n)*(?:#pragma once|#ifndef (\w+)\n#define \1\n)", file.read())
    return bool(first and first[1] == header and guarded)


def command(options, world, generated):
    if world == "bpf":
        return [options.bpf_clang, *BPF_FLAGS, "-I", options.system_include, "-I", options.root, "-x", "c"]
    folders = [flag for folder in [options.build, *generated] for flag in ("-isystem", folder)]
    ours = [flag for folder in ("", *PUBLIC_FOLDERS) for flag in ("-I", os.path.join(options.root, folder))]
    return [options.cxx, *CXX_FLAGS, *ours, *folders, "-x", "c++"]


def compile_alone(options, header, world, generated):
    """The compiler's complaint; empty if the header compiles twice included and alone."""
    text = f'#include "{header}"\n' * 2
    done = subprocess.run([*command(options, world, generated), "-fsyntax-only", "-"],
                          input=text, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return f"{header} does not compile alone ({world}):\n" + "\n".join(done.stderr.splitlines()[:COMPLAINT_LINES])


def main():
    parser = argparse.ArgumentParser()
    for name in ("--root", "--build", "--cxx", "--bpf-clang", "--system-include"):
        parser.add_argument(name, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("headers", nargs="*")
    options = parser.parse_args()
    headers = options.headers or list(headers_below(options.root))
    generated = list(generated_folders(options.build))
    sources = compiled_sources(options.build)
    tasks = [(header, world) for header in headers for world in worlds(options.root, header)
             if world == "bpf" or not built_alone(options.root, header, sources)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda task: compile_alone(options, *task, generated), tasks)
        complaints = [text for text in results if text]
    for text in complaints:
        print(text)
    print(f"{len(headers)} headers, {len(tasks)} compilations, {len(complaints)} failures")
    return 1 if complaints or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
