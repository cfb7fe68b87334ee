# SPDX-License-Identifier: MIT
import unittest

import seawall
from seawall import ServiceRegistry
from seawall.prober import NOTHING_LEARNT, ProbeKind, Prober, ProberOptions

SECOND = 1_000_000_000


class Probing(unittest.TestCase):
    def setUp(self):
        self.registry = ServiceRegistry(lease=3600, now_ns=0)
        self.registry.register("prod/s", "a", "10.0.0.1", 80, now_ns=0)
        self.now = 0

    def state(self):
        return self.registry.find("prod/s/a", now_ns=self.now)["state"]

    def answer(self, prober, seconds, *answer):
        for _ in range(seconds * 10):
            for probe in prober.due(now_ns=self.now):
                prober.finish(probe, *answer, now_ns=self.now)
            self.now += SECOND // 10

    def test_failures_in_a_row_take_out_and_successes_bring_back(self):
        prober = Prober(self.registry, ProberOptions(path="/live", rise=2, fall=3))
        self.answer(prober, 6, 200)
        self.assertEqual(self.state(), "healthy")
        self.answer(prober, 8, 503)
        self.assertEqual(self.state(), "unhealthy")
        self.answer(prober, 8, 200)
        self.assertEqual(self.state(), "healthy")
        self.answer(prober, 8, NOTHING_LEARNT)
        self.assertEqual(self.state(), "healthy")
        self.answer(prober, 12, 200, "t")
        self.assertEqual(self.state(), "unhealthy")
        stats = prober.stats()
        self.assertEqual((stats["falls"], stats["rises"], stats["targets"]), (2, 1, 1))
        self.assertGreaterEqual(stats["wrong_identity"], 3)

    def test_a_probe_says_where_and_times_out_by_itself(self):
        prober = Prober(self.registry, ProberOptions(kind=ProbeKind.TCP, timeout=0.5, fall=1))
        self.assertEqual(list(prober.due(now_ns=0)), [])
        [probe] = prober.due(now_ns=SECOND)
        self.assertEqual((probe.kind, probe.service, probe.instance), (ProbeKind.TCP, "prod/s", "a"))
        self.assertEqual((probe.host, probe.port, probe.path, probe.timeout), ("10.0.0.1", 80, "/health", 0.5))
        self.now = 2 * SECOND
        list(prober.due(now_ns=self.now))
        self.assertEqual(self.state(), "unhealthy")
        prober.finish(probe, 1, now_ns=self.now)
        self.assertEqual((prober.stats()["timeouts"], prober.stats()["late"]), (1, 1))

    def test_another_pace_holds_from_now_on(self):
        prober = Prober(self.registry, ProberOptions(fall=100))
        self.answer(prober, 6, 503)
        self.assertEqual(self.state(), "healthy")
        prober.configure(ProberOptions(fall=1, path="/other", interval=2), now_ns=self.now)
        self.now += 2 * SECOND
        [probe] = prober.due(now_ns=self.now)
        self.assertEqual(probe.path, "/other")
        prober.finish(probe, 503, now_ns=self.now)
        self.assertEqual(self.state(), "unhealthy")
        with self.assertRaisesRegex(seawall.SeawallError, "/rise: must be from 1 to 1000, not 0"):
            prober.configure(ProberOptions(rise=0), now_ns=self.now)
        prober.configure(ProberOptions(interval=0), now_ns=self.now)
        self.assertEqual(self.state(), "healthy")
        self.now += 100 * SECOND
        self.assertEqual(list(prober.due(now_ns=self.now)), [])

    def test_errors_name_the_option(self):
        for wrong in ({"rise": 0}, {"interval": -1}, {"edge_interval": -1}, {"timeout": -1}, {"path": "x"}, {"kind": 7}):
            with self.assertRaisesRegex(seawall.SeawallError, next(iter(wrong))):
                Prober(self.registry, ProberOptions(**wrong))
        with self.assertRaises(TypeError):
            ProberOptions(fal=1)


if __name__ == "__main__":
    unittest.main()
