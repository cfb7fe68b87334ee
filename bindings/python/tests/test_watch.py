# SPDX-License-Identifier: MIT
import unittest

from seawall import ServiceRegistry

SECOND = 1_000_000_000


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.registry = ServiceRegistry(now_ns=0)

    def add(self, id, port=1):
        self.registry.register("s", id, "h", port, zone="z", now_ns=0)

    def test_news_are_told_once(self):
        watch = self.registry.watch("s")
        first = watch.poll(now_ns=0)
        self.assertEqual((first.version, first.instances, first.reset), (0, (), False))
        self.assertIsNone(watch.poll(now_ns=0))
        before = self.registry.version
        self.add("a")
        self.assertGreater(self.registry.version, before)
        news = watch.poll(now_ns=2 * SECOND)
        self.assertEqual([i.id for i in news.added], ["a"])
        self.assertEqual((news.added[0].host, news.added[0].port, news.added[0].zone), ("h", 1, "z"))
        self.assertEqual(news.age, 2.0)
        self.assertEqual(news.epoch, first.epoch)
        self.assertIsNone(watch.poll(now_ns=0))

    def test_what_was_added_removed_and_changed(self):
        for id in "cab":
            self.add(id)
        watch = self.registry.watch("s")
        self.assertEqual([i.id for i in watch.poll(now_ns=0).instances], ["a", "b", "c"])
        self.registry.drain("a", now_ns=0)
        self.add("b", port=2)
        self.add("d")
        news = watch.poll(now_ns=0)
        self.assertEqual([[i.id for i in part] for part in (news.added, news.removed, news.changed)], [["d"], ["a"], ["b"]])
        self.assertEqual(news.changed[0].port, 2)

    def test_two_registries_have_two_epochs(self):
        other = ServiceRegistry(now_ns=0)
        self.assertNotEqual(self.registry.watch("s").poll(now_ns=0).epoch, other.watch("s").poll(now_ns=0).epoch)

    def test_a_watch_keeps_its_registry(self):
        watch = ServiceRegistry(now_ns=0).watch("s")
        self.assertEqual(watch.poll(now_ns=0).version, 0)


if __name__ == "__main__":
    unittest.main()
