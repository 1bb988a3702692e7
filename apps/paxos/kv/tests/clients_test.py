#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients against a cluster: pymemcache, and the tools of libmemcached. Run by clients_test.cc.

Usage: clients_test.py PORT PORT PORT
"""
import subprocess
import sys
import tempfile
import unittest

from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

PORTS = []


def tool(name, *arguments, port=None, check=True):
    """Runs a tool of libmemcached against one replica and returns what it says."""
    command = [name, f"--servers=127.0.0.1:{port or PORTS[0]}", *arguments]
    return subprocess.run(command, check=check, timeout=60, capture_output=True, text=True)


class PymemcacheTest(unittest.TestCase):
    def setUp(self):
        self.clients = [Client(("127.0.0.1", port), timeout=20, default_noreply=False) for port in PORTS]
        self.clients[0].flush_all()

    def tearDown(self):
        for client in self.clients:
            client.close()

    def test_storage_commands(self):
        one, two, three = self.clients
        self.assertTrue(one.set("k", b"1"))
        self.assertEqual(two.get("k"), b"1")
        self.assertFalse(three.add("k", b"2"))
        self.assertTrue(three.replace("k", b"3"))
        self.assertTrue(one.append("k", b"z"))
        self.assertTrue(two.prepend("k", b"a"))
        self.assertEqual(three.get("k"), b"a3z")
        self.assertTrue(one.delete("k"))
        self.assertFalse(two.delete("k"))
        self.assertIsNone(three.get("k"))

    def test_many_keys(self):
        values = {f"key{i}": b"v" * i for i in range(200)}
        self.assertEqual(self.clients[0].set_many(values), [])
        self.assertEqual(self.clients[1].get_many(list(values)), values)
        self.assertTrue(self.clients[2].delete_many(list(values)))
        self.assertEqual(self.clients[0].get_many(list(values)), {})

    def test_cas(self):
        one, two, _ = self.clients
        one.set("k", b"1")
        value, unique = two.gets("k")
        self.assertEqual(value, b"1")
        self.assertTrue(one.cas("k", b"2", unique))
        self.assertFalse(two.cas("k", b"3", unique))
        self.assertIsNone(one.cas("none", b"3", unique))

    def test_counting(self):
        one, two, _ = self.clients
        one.set("n", b"10")
        self.assertEqual(two.incr("n", 5), 15)
        self.assertEqual(one.decr("n", 20), 0)
        self.assertIsNone(one.incr("none", 1))
        one.set("text", b"x")
        with self.assertRaises(MemcacheClientError):
            one.incr("text", 1)

    def test_noreply_then_read(self):
        for i in range(100):
            self.clients[0].set("k", str(i).encode(), noreply=True)
        self.assertEqual(self.clients[0].get("k"), b"99")

    def test_expiry_and_flush(self):
        one, two, _ = self.clients
        one.set("k", b"1", expire=-1)
        self.assertIsNone(two.get("k"))
        one.set("k", b"1")
        self.assertTrue(two.touch("k", 100))
        self.assertFalse(two.touch("none", 100))
        self.assertTrue(one.flush_all())
        self.assertIsNone(two.get("k"))

    def test_large_values(self):
        value = bytes(range(256)) * 4096
        self.assertTrue(self.clients[0].set("large", value))
        self.assertEqual(self.clients[1].get("large"), value)
        with self.assertRaises(MemcacheServerError):
            self.clients[2].set("larger", value + b"x")
        self.assertIsNone(self.clients[2].get("larger"))

    def test_statistics(self):
        stats = self.clients[0].stats()
        self.assertEqual(int(stats[b"paxos_replicas"]), 3)
        self.assertGreaterEqual(int(stats[b"curr_connections"]), 1)
        self.assertTrue(self.clients[0].version().endswith(b"paxos-kv-" + stats[b"version"]))

    def test_hashing_client(self):
        """A client that thinks the replicas are independent caches."""
        client = HashClient([("127.0.0.1", port) for port in PORTS], timeout=20, default_noreply=False)
        values = {f"key{i}": str(i).encode() for i in range(50)}
        for key, value in values.items():
            self.assertTrue(client.set(key, value))
        self.assertEqual(client.get_many(list(values)), values)
        self.assertEqual(self.clients[0].get_many(list(values)), values)
        client.close()


class LibmemcachedToolsTest(unittest.TestCase):
    def setUp(self):
        tool("memcflush")

    def test_ping(self):
        for port in PORTS:
            tool("memcping", port=port)

    def test_copy_cat_exist_touch_remove(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"hello\n")
            file.flush()
            tool("memccp", file.name)
            key = file.name.rsplit("/", 1)[1]
        self.assertEqual(tool("memccat", key, port=PORTS[1]).stdout, "hello\n\n")
        tool("memcexist", key, port=PORTS[2])
        tool("memctouch", "--expire=100", key, port=PORTS[1])
        tool("memcrm", key, port=PORTS[2])
        self.assertNotEqual(tool("memcexist", key, check=False).returncode, 0)

    def test_stat(self):
        self.assertIn("paxos_role", tool("memcstat").stdout)

    def test_load(self):
        for test in ("set", "get"):
            tool("memcslap", "--concurrency=4", "--execute-number=50", "--initial-load=50", f"--test={test}")

    def test_conformance(self):
        """memccapable's ASCII tests: the same ones pass as with memcached itself."""
        command = ["memccapable", "-h", "127.0.0.1", "-p", str(PORTS[0]), "-a"]
        result = subprocess.run(command, timeout=60, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    PORTS = [int(port) for port in sys.argv[1:4]]
    unittest.main(argv=sys.argv[:1])
