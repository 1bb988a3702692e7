#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that check_layers.py can fail: each rule gets a tree that violates it, and an allowed twin.

Called by the ctest `layers_self_test`. Each case is (name, files that violate, files that do not, what
the complaint must say).
"""
import os
import subprocess
import sys
import tempfile
import unittest

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_layers.py")

APACHE = "// SPDX-License-Identifier: Apache-2.0\n"
GPL = "// SPDX-License-Identifier: GPL-2.0-only\n"
DUAL = "// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0\n"


def include(path):
    return f'#include "{path}"\n'


def function(body_lines):
    return "static int f(void)\n{\n" + "\treturn 0;\n" * body_lines + "}\n"


CACHE_ABI = {"apps/memcached-cache/abi/cache_abi.h": DUAL}
PAXOS_ABI = {"apps/paxos/abi/paxos_wire.h": DUAL}
LIB = {"xdp/lib/packet.bpf.h": DUAL}
CACHE_STEP = {"xdp/get.bpf.h": GPL + include("apps/memcached-cache/abi/cache_abi.h"), **CACHE_ABI}
PAXOS_STEP = {"xdp/ack.bpf.h": GPL + include("apps/paxos/abi/paxos_wire.h"), **PAXOS_ABI}
CACHE_WAY = {"xdp/cache/get.bpf.h": GPL + include("apps/memcached-cache/abi/cache_abi.h"), **CACHE_ABI}
PAXOS_WAY = {"xdp/paxos/fast.bpf.h": GPL + include("apps/paxos/abi/paxos_wire.h"), **PAXOS_ABI}
BOTH_WAYS = GPL + include("xdp/cache/get.bpf.h") + include("xdp/paxos/fast.bpf.h")
TEST_HELPER = {"apps/memcached-cache/tests/builder.h": APACHE}


def one(path, licence, target, given):
    """A file that includes `target`, and the files of `given`."""
    return {path: licence + include(target), **given}


ABI, HELPER = next(iter(CACHE_ABI)), next(iter(TEST_HELPER))
CASES = [
    ("abi_includes_app", one("apps/memcached-cache/abi/x_abi.h", DUAL, "apps/memcached-cache/grammar/verb.h",
                             {"apps/memcached-cache/grammar/verb.h": DUAL}),
     one("apps/memcached-cache/abi/x_abi.h", DUAL, ABI, CACHE_ABI), "abi/ includes nothing of ours"),
    ("abi_includes_libbpf", {"apps/paxos/abi/a_abi.h": DUAL + "#include <bpf/bpf_helpers.h>\n"},
     {"apps/paxos/abi/a_abi.h": DUAL + "#include <linux/types.h>\n"}, "both worlds"),
    ("lib_includes_app", one("xdp/lib/a.bpf.h", GPL, ABI, CACHE_ABI),
     one("xdp/lib/a.bpf.h", GPL, "xdp/lib/packet.bpf.h", LIB), "shared kernel code"),
    ("lib_includes_step", one("tc/lib/a.bpf.h", GPL, "tc/fill.bpf.h", {"tc/fill.bpf.h": GPL}),
     one("tc/fill.bpf.h", GPL, "tc/lib/a.bpf.h", {"tc/lib/a.bpf.h": GPL}), "shared kernel code"),
    ("tc_includes_xdp_step", one("tc/fill.bpf.c", GPL, "xdp/get.bpf.h", CACHE_STEP),
     one("tc/fill.bpf.c", GPL, "xdp/lib/packet.bpf.h", LIB), "only xdp/ includes its steps"),
    ("kernel_includes_daemon", one("xdp/a.bpf.h", GPL, "control-plane/result.h", {"control-plane/result.h": APACHE}),
     one("xdp/a.bpf.h", GPL, ABI, CACHE_ABI), "kernel code includes kernel code"),
    ("steps_mixed", {**CACHE_STEP, **PAXOS_STEP, "xdp/main.bpf.c": GPL + include("xdp/get.bpf.h") + include("xdp/ack.bpf.h")},
     {**CACHE_STEP, **PAXOS_STEP, "xdp/main.bpf.c": GPL + include("xdp/get.bpf.h")}, "reaches both apps"),
    ("only_one_program_is_composed", {**CACHE_WAY, **PAXOS_WAY, "xdp/cache_and_more.bpf.c": BOTH_WAYS},
     {**CACHE_WAY, **PAXOS_WAY, "xdp/cache_and_paxos.bpf.c": BOTH_WAYS}, "reaches both apps"),
    ("composed_of_mixed_steps", {**CACHE_WAY, **PAXOS_WAY, "xdp/cache/get.bpf.h": BOTH_WAYS.replace("cache/get", "cache/a"),
                                 "xdp/cache/a.bpf.h": GPL + include(ABI), "xdp/cache_and_paxos.bpf.c": BOTH_WAYS},
     {**CACHE_WAY, **PAXOS_WAY, "xdp/cache_and_paxos.bpf.c": BOTH_WAYS}, "xdp/cache/get.bpf.h:1: reaches both apps"),
    ("composed_has_steps_of_its_own", {**CACHE_STEP, **PAXOS_WAY,
                                       "xdp/cache_and_paxos.bpf.c": BOTH_WAYS.replace("cache/get", "get")},
     {**CACHE_WAY, **PAXOS_WAY, "xdp/cache_and_paxos.bpf.c": BOTH_WAYS}, "each app's whole way"),
    ("generic_knows_cache", one("control-plane/a.h", APACHE, ABI, CACHE_ABI),
     one("control-plane/bmcd/a.h", APACHE, ABI, CACHE_ABI), "neither the apps nor the daemon"),
    ("generic_knows_paxos", one("control-plane/a.cc", APACHE, "apps/paxos/abi/paxos_wire.h", PAXOS_ABI),
     one("control-plane/bmcctl/a.cc", APACHE, "apps/paxos/abi/paxos_wire.h", PAXOS_ABI), "neither the apps nor the daemon"),
    ("generic_knows_daemon", one("control-plane/a.cc", APACHE, "control-plane/bmcd/b.h", {"control-plane/bmcd/b.h": APACHE}),
     one("control-plane/bmcd/a.cc", APACHE, "control-plane/bmcd/b.h", {"control-plane/bmcd/b.h": APACHE}), "nor the daemon"),
    ("app_includes_daemon", one("apps/paxos/a.cc", APACHE, "control-plane/bmcd/b.h", {"control-plane/bmcd/b.h": APACHE}),
     one("apps/paxos/a.cc", APACHE, "control-plane/b.h", {"control-plane/b.h": APACHE}), "nobody includes the daemon"),
    ("cache_includes_paxos", one("apps/memcached-cache/a.cc", APACHE, "apps/paxos/abi/paxos_wire.h", PAXOS_ABI),
     one("apps/memcached-cache/a.cc", APACHE, ABI, CACHE_ABI), "do not include each other"),
    ("paxos_includes_cache", one("apps/paxos/a.cc", APACHE, ABI, CACHE_ABI),
     one("apps/paxos/a.cc", APACHE, "apps/paxos/abi/paxos_wire.h", PAXOS_ABI), "do not include each other"),
    ("core_includes_example", one("apps/paxos/core/a.h", APACHE, "apps/paxos/server/b.h", {"apps/paxos/server/b.h": APACHE}),
     one("apps/paxos/core/a.h", APACHE, "apps/paxos/abi/paxos_wire.h", PAXOS_ABI), "core includes only itself"),
    ("core_reads_clock", {"apps/paxos/core/a.h": APACHE + "#include <chrono>\n"},
     {"apps/paxos/core/a.h": APACHE + "#include <optional>\n"}, "no socket and no clock"),
    ("product_includes_test", one("apps/memcached-cache/a.cc", APACHE, HELPER, TEST_HELPER),
     one("apps/memcached-cache/a_test.cc", APACHE, HELPER, TEST_HELPER), "nobody includes a test"),
    ("product_includes_netns_test", one("control-plane/a.cc", APACHE, "netns-tests/b.h", {"netns-tests/b.h": APACHE}),
     one("netns-tests/a.cc", APACHE, "netns-tests/b.h", {"netns-tests/b.h": APACHE}), "nobody includes a test"),
    ("product_includes_loadgen", one("control-plane/bmcd/a.cc", APACHE, "loadgen/b.h", {"loadgen/b.h": APACHE}),
     one("loadgen/a.cc", APACHE, "loadgen/b.h", {"loadgen/b.h": APACHE}), "only loadgen/"),
    ("path_not_from_root", one("xdp/lib/a.bpf.h", GPL, "packet.bpf.h", LIB),
     one("xdp/lib/a.bpf.h", GPL, "xdp/lib/packet.bpf.h", LIB), "from the root"),
    ("hidden_in_angles", {"xdp/lib/a.bpf.h": GPL + f"#include <{ABI}>\n", **CACHE_ABI},
     {"xdp/lib/a.bpf.h": GPL + "#include <linux/bpf.h>\n"}, "shared kernel code"),
    ("no_such_file", {"tc/a.bpf.c": GPL + include("tc/gone.bpf.h")},
     {"tc/a.bpf.c": GPL + include("made.skel.h")}, "no such file"),
    ("licence_of_program", {"xdp/a.bpf.c": APACHE}, {"xdp/a.bpf.c": GPL}, "licence Apache-2.0"),
    ("licence_of_cpp", {"control-plane/a.cc": GPL}, {"control-plane/a.cc": APACHE}, "licence GPL-2.0-only"),
    ("licence_of_abi", {"apps/paxos/abi/a_abi.h": GPL}, {"apps/paxos/abi/a_abi.h": DUAL}, "licence GPL-2.0-only"),
    ("licence_missing", {"tools/a.py": "import os\n"}, {"tools/a.py": "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n"},
     "not an SPDX"),
    ("file_too_long", {"control-plane/a.cc": APACHE + "\n" * 500}, {"control-plane/a.cc": APACHE + "\n" * 499}, "501 lines"),
    ("function_too_long", {"control-plane/a.cc": APACHE + function(61)}, {"control-plane/a.cc": APACHE + function(60)},
     "a function of 61 lines"),
    ("bpf_function_too_long", {"xdp/a.bpf.h": GPL + function(51)}, {"xdp/a.bpf.h": GPL + function(50)}, "a function of 51 lines"),
]


def check(files):
    """Exit status and output of the checker on a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class LayersTest(unittest.TestCase):
    def test_each_violation_is_found_and_its_twin_is_not(self):
        for name, violating, allowed, complaint in CASES:
            with self.subTest(name):
                status, output = check(violating)
                self.assertEqual(status, 1, output)
                self.assertIn(complaint, output)
                self.assertIn(" 1 violations", output)
                status, output = check(allowed)
                self.assertEqual(status, 0, output)

    def test_an_empty_tree_is_not_a_pass(self):
        self.assertEqual(check({})[0], 1)


if __name__ == "__main__":
    unittest.main()
