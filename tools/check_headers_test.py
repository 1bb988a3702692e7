#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that check_headers.py can fail, in each world a header can belong to.

Called by the ctest `headers_self_test`. Usage: check_headers_test.py CXX BPF_CLANG SYSTEM_INCLUDE
"""
import json
import os
import subprocess
import sys
import tempfile

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_headers.py")
GUARDED = "/* SPDX-License-Identifier: {licence} */\n#ifndef GUARD\n#define GUARD\n{body}\n#endif\n"
# name, licence, body, failures expected
CASES = [
    ("whole.h", "Apache-2.0", "#include <string>\nstd::string name();", 0),
    ("needs_string.h", "Apache-2.0", "std::string name();", 1),
    ("whole.bpf.h", "GPL-2.0-only", "#include <linux/types.h>\nstruct a { __u64 word; };", 0),
    ("needs_types.bpf.h", "GPL-2.0-only", "struct a { __u64 word; };", 1),
    ("both_abi.h", "GPL-2.0-only OR Apache-2.0", "#include <linux/types.h>\nstruct a { __u64 word; };", 0),
    ("cpp_only_abi.h", "GPL-2.0-only OR Apache-2.0", "#include <linux/types.h>\nclass A { __u64 word; };", 1),
    ("kernel_only_abi.h", "GPL-2.0-only OR Apache-2.0", "#include <linux/types.h>\nstruct a { __u64 class; };", 1),
    ("narrowing.h", "Apache-2.0", "inline char low(int all) { return all; }", 1),
]


def check(name, text, source="", built=()):
    """The checker's status and words about the header, whose source has this text, in a build of these sources."""
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, name), "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(root, name[:-1] + "cc"), "w", encoding="utf-8") as file:
            file.write(source)
        os.mkdir(os.path.join(root, "build"))
        with open(os.path.join(root, "build", "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump([{"directory": root, "file": each} for each in built], file)
        cxx, clang, system = sys.argv[1:4]
        done = subprocess.run(
            [sys.executable, CHECKER, "--root", root, "--build", os.path.join(root, "build"), "--cxx", cxx, "--bpf-clang", clang,
             "--system-include", system], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def main():
    bad = 0
    for name, licence, body, failures in CASES:
        status, output = check(name, GUARDED.format(licence=licence, body=body))
        if status != min(failures, 1) or f" {failures} failures" not in output:
            print(f"{name}: wanted {failures} failures, got status {status}:\n{output}")
            bad += 1
    # Without an include guard a header cannot be included twice.
    status, output = check("unguarded.h", "// SPDX-License-Identifier: Apache-2.0\nstruct A {};\n")
    if status != 1:
        print(f"unguarded.h was accepted:\n{output}")
        bad += 1
    # The build vouches only for a guarded header that a source it compiles includes first. (This one does not compile.)
    broken = GUARDED.format(licence="Apache-2.0", body="std::string name();")
    first, second = '#include "a.h"\n#include <string>\n', '#include <string>\n#include "a.h"\n'
    for text, source, built, failures in [
        (broken, first, ["a.cc"], 0),
        (broken, second, ["a.cc"], 1),
        (broken, first, ["b.cc"], 1),
        ("// SPDX-License-Identifier: Apache-2.0\nstd::string name();\n", first, ["a.cc"], 1),
    ]:
        status, output = check("a.h", text, source, built)
        if status != failures or f" {failures} failures" not in output:
            print(f"a.h with a source {source!r} in a build of {built}: wanted {failures} failures:\n{output}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
