# SPDX-License-Identifier: MIT
"""Sources of instances from Python: what the C++ tests cannot see, that is the wrapper and the file."""

import json
import os
import pathlib
import tempfile
import unittest

from seawall import SeawallError, ServiceRegistry, SourceFollower
from seawall.follower import SourcePriority, to_source

SECOND = 1_000_000_000


def ids(registry, now):
    return {i["id"] for service in registry.services(now_ns=now).values() for i in service["instances"] if i["healthy"]}


class Followers(unittest.TestCase):
    def setUp(self):
        self.registry = ServiceRegistry(now_ns=0)
        self.follower = SourceFollower(self.registry, removal_grace=5.0)
        self.now = 0

    def after(self, seconds):
        while self.now < seconds * SECOND:
            self.now += SECOND
            self.follower.tick(now_ns=self.now)
            self.registry.tick(now_ns=self.now)
        return ids(self.registry, self.now)

    def test_a_list_is_registered_and_removed_after_the_grace(self):
        source = self.follower.add("list")
        source.load({"s": [{"id": "a", "host": "h", "port": 1}, {"id": "b", "host": "h", "port": 2}]})
        self.assertEqual(self.follower.tick(now_ns=0), 2)
        source.load({"s": [{"id": "a", "host": "h", "port": 1}]})
        self.assertEqual(self.after(5), {"a", "b"})
        self.assertEqual(self.after(6), {"a"})
        self.assertEqual(self.follower.state(now_ns=self.now)["stats"]["removals"], 1)

    def test_a_mistake_is_named_and_takes_nothing(self):
        source = self.follower.add("list")
        source.load({"s": [{"id": "a", "host": "h", "port": 1}]})
        self.follower.tick(now_ns=0)
        with self.assertRaisesRegex(SeawallError, r's\[0\]\.port: expected an integer, not "x"'):
            source.load({"s": [{"id": "a", "host": "h", "port": "x"}]})
        self.assertEqual(self.after(3600), {"a"})
        (state,) = self.follower.state(now_ns=self.now)["sources"]
        self.assertTrue(state["stale"])
        self.assertEqual(state["reason"], 's[0].port: expected an integer, not "x"')

    def test_priorities_and_fallback(self):
        disk = self.follower.add("disk", SourcePriority.DISK, fallback=True)
        dns = self.follower.add("dns", SourcePriority.DNS)
        disk.load({"s": [{"id": "old", "host": "h", "port": 1}]}, age=30.0)
        self.follower.tick(now_ns=0)
        self.assertEqual(ids(self.registry, 0), {"old"})
        self.assertEqual(self.follower.state(now_ns=0)["sources"][0]["age_ms"], 30_000)
        dns.load({"s": [{"id": "new", "host": "h", "port": 1}]})
        self.assertEqual(self.after(1), {"new"})

    def test_what_a_registry_holds_comes_back(self):
        self.registry.register("s", "a", "h", 1, weight=3, zone="z", metadata={"k": "v"}, now_ns=0)
        text = to_source(self.registry, now_ns=0)
        self.assertEqual(
            json.loads(text),
            {"s": [{"id": "a", "host": "h", "port": 1, "weight": 3, "state": "serving", "zone": "z", "metadata": {"k": "v"}}]},
        )
        other = ServiceRegistry(now_ns=0)
        follower = SourceFollower(other)
        follower.add("disk", SourcePriority.DISK).load(text)
        follower.tick(now_ns=0)
        self.assertEqual(to_source(other, now_ns=0), text)

    def test_a_file_is_read_when_it_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "services.json")
            file = self.follower.add_file(path)
            self.assertTrue(file.poll())
            self.assertIn("No such file", file.error)
            self.assertFalse(file.poll())

            def write(text):
                beside = path.with_suffix(".new")
                beside.write_text(text)
                os.replace(beside, path)

            write('{"s": [{"id": "a", "host": "h", "port": 1}]}')
            self.assertTrue(file.poll())
            self.assertEqual(file.error, "")
            self.assertFalse(file.poll())
            self.assertEqual(self.after(1), {"a"})
            write("{")
            self.assertTrue(file.poll())
            self.assertIn("no valid JSON at byte", file.error)
            self.assertEqual(self.after(2), {"a"})
            path.unlink()
            self.assertTrue(file.poll())
            self.assertEqual(self.after(3), {"a"})
            self.assertIn("No such file", self.follower.state(now_ns=self.now)["sources"][0]["reason"])
            write('{"s": [{"id": "a", "host": "h", "port": 2}]}')
            self.assertTrue(file.poll())
            self.after(4)
            self.assertEqual(self.registry.find("a", now_ns=self.now)["port"], 2)

    def test_options_are_checked(self):
        with self.assertRaisesRegex(SeawallError, "max_shrink_percent must be from 0 to 100, not 101"):
            SourceFollower(self.registry, max_shrink_percent=101)
        with self.assertRaisesRegex(SeawallError, "max_instances is out of range: -1"):
            SourceFollower(self.registry, max_instances=-1)
        with self.assertRaises(ValueError):
            self.follower.add("x", 9)


if __name__ == "__main__":
    unittest.main()
