# SPDX-License-Identifier: MIT
"""Pages in parts, OTLP, windows, and the publisher of what other parts know."""

import gc
import json
import math
import threading
import unittest
from unittest import mock

import seawall
from seawall import SeawallError, _ffi
from seawall.metrics import Format, MetricsRegistry, validate_text
from seawall.metrics_publisher import MetricsPublisher
from seawall.metrics_windows import MetricsWindows, Window

SECOND = 1_000_000_000


class Pages(unittest.TestCase):
    def setUp(self):
        self.registry = MetricsRegistry()
        family = self.registry.counter("a_total", "A.", ["x"])
        for i in range(200):
            family.labels(str(i)).add(i)
        self.registry.histogram("h_seconds", "H.", exponential=(3, -20, 7)).labels().observe(0.2)

    def test_the_parts_are_the_whole(self):
        for format in (Format.PROMETHEUS, Format.OPENMETRICS, Format.JSON):
            whole = self.registry.render(format)
            for size in (1, 500, 5000, 10**6):  # the first grows to the largest unit
                self.assertEqual(b"".join(self.registry.pages(format, size)).decode(), whole)

    def test_parts_are_whole_lines(self):
        parts = list(self.registry.pages(size=500))
        self.assertGreater(len(parts), 10)
        self.assertTrue(all(part.endswith(b"\n") for part in parts[:-1]))

    def test_series_may_come_and_go_between_two_parts(self):
        family = self.registry.counter("a_total", "A.", ["x"])
        text = b""
        for i, part in enumerate(self.registry.pages(size=500)):
            text += part
            family.labels(f"new{i}").add()
            if i < 100:
                family.remove(str(199 - i))
        validate_text(text)
        self.assertNotIn(b"new", text)  # made meanwhile: on the next page
        self.assertIn(b'a_total{x="3"} 3\n', text)

    def test_an_empty_registry_has_a_page(self):
        self.assertEqual(b"".join(MetricsRegistry().pages(Format.OPENMETRICS)), b"# EOF\n")

    def test_otlp_has_the_instants_and_the_service(self):
        body = json.loads(self.registry.otlp("shop", start_unix_ns=5, now_unix_ns=2**62))
        (resource,) = body["resourceMetrics"]
        self.assertEqual(resource["resource"]["attributes"],
                         [{"key": "service.name", "value": {"stringValue": "shop"}}])
        points = next(m for m in resource["scopeMetrics"][0]["metrics"] if m["name"] == "a")["sum"]["dataPoints"]
        self.assertEqual({(p["startTimeUnixNano"], p["timeUnixNano"]) for p in points}, {("5", str(2**62))})
        self.assertEqual(sum(int(p["asInt"]) for p in points), sum(range(200)))

    def test_otlp_is_not_rendered_without_instants(self):
        with self.assertRaises(SeawallError):
            self.registry.render(Format.OTLP_JSON)
        with self.assertRaisesRegex(SeawallError, "format"):
            next(self.registry.pages(7))


class Windows(unittest.TestCase):
    def test_rates_shares_and_quantiles_of_the_time_that_is_covered(self):
        metrics = MetricsRegistry()
        answers = metrics.counter("answers_total", "A.", ["x"])
        times = metrics.histogram("time_seconds", "T.", ["x"])
        windows = MetricsWindows(metrics)
        now = 1000 * SECOND
        self.assertTrue(math.isnan(windows.counter("answers_total", now_ns=now).per_second))
        self.assertTrue(windows.tick(now_ns=now))
        self.assertFalse(windows.tick(now_ns=now))
        answers.labels("good").add(30)
        answers.labels("bad").add(10)
        for _ in range(99):
            times.labels("a").observe(0.004)
        times.labels("b").observe(9)
        now += 10 * SECOND
        self.assertTrue(windows.tick(now_ns=now))
        self.assertEqual(windows.counter("answers_total", now_ns=now), (10, 2, 40, 4))
        self.assertEqual(windows.counter(("answers_total", {"x": "bad"}), Window.HOUR, now_ns=now)[1:], (1, 10, 1))
        self.assertEqual(windows.share(("answers_total", {"x": "bad"}), "answers_total", now_ns=now), (10, 10, 40, 0.25))
        found = windows.histogram("time_seconds", now_ns=now)
        self.assertEqual((found.covered, found.series, found.count, found.per_second), (10, 2, 100, 10))
        self.assertLessEqual(found.p99, 0.005)
        self.assertGreater(windows.histogram(("time_seconds", {"x": "b"}), now_ns=now).p50, 5)
        self.assertEqual(windows.counter("none", now_ns=now)[1:3], (0, 0))
        self.assertEqual(windows.stats[:2], (6, 0))

        document = windows.as_dict(now_ns=now + SECOND // 2)
        self.assertEqual(document["age_seconds"], 0.5)
        families = {family["name"]: family for family in document["families"]}
        series = {s["labels"]["x"]: s["minute"] for s in families["answers_total"]["series"]}
        self.assertEqual(series["good"], {"covered_seconds": 10, "increase": 30, "rate": 3})

    def test_only_the_families_asked_for_within_their_memory(self):
        metrics = MetricsRegistry()
        for name in ("a_total", "b_total"):
            family = metrics.counter(name, "H.", ["x"])
            for i in range(10):
                family.labels(str(i))
        windows = MetricsWindows(metrics, families=["b_total"], memory_bytes=4096)
        windows.tick()
        self.assertEqual((windows.stats.series, windows.stats.skipped_series), (3, 7))
        with self.assertRaisesRegex(SeawallError, "memory_bytes"):
            MetricsWindows(metrics, memory_bytes=1)

    def test_they_keep_their_registry_alive(self):
        windows = MetricsWindows(MetricsRegistry())
        gc.collect()
        self.assertTrue(windows.tick())


class Publisher(unittest.TestCase):
    def test_all_parts_are_published(self):
        metrics = MetricsRegistry()
        publisher = MetricsPublisher(metrics)
        breaker = seawall.CircuitBreaker()
        bucket = seawall.TokenBucket(5, 60.0)
        users = seawall.KeyedRateLimiter(seawall.SlidingWindow, 5, 60.0)
        registry = seawall.ServiceRegistry()
        for name, part in (("trading", breaker), ("bucket", bucket), ("users", users), ("services", registry),
                           ("hosts", seawall.KeyedCircuitBreaker()), ("window", seawall.SlidingWindow(5, 60.0)),
                           ("fixed", seawall.FixedWindow(5, 60.0)), ("leased", seawall.LeasedTokenBucket(600, 60.0))):
            publisher.watch(name, part)
        bucket.try_acquire(2)
        users.try_acquire("a")
        breaker.force_open()
        publisher.publish()
        text = metrics.render()
        validate_text(text)
        for line in (
            'seawall_circuit_breaker_state{breaker="trading",seawall_circuit_breaker_state="forced_open"} 1',
            'seawall_circuit_breaker_transitions_total{breaker="trading",to="forced_open",reason="forced_open"} 1',
            'seawall_rate_limiter_remaining{limiter="bucket"} 3',
            'seawall_rate_limiter_remaining{limiter="window"} 5',
            'seawall_keyed_limiter_keys{limiter="users"} 1',
            'seawall_keyed_circuit_breaker_breakers{breaker="hosts",state="open"} 0',
            'seawall_service_registry_instances{registry="services"} 0',
        ):
            self.assertIn(f"\n{line}\n", text)

    def test_probers_and_followers_are_published_and_kept(self):
        metrics = MetricsRegistry()
        publisher = MetricsPublisher(metrics)
        registry = seawall.ServiceRegistry()
        prober = seawall.Prober(registry, seawall.ProberOptions(fall=1))
        follower = seawall.SourceFollower(registry)
        source = follower.add("list")
        publisher.watch("p", prober)
        publisher.watch("f", follower)
        source.load({"trading": [{"host": "h", "port": 1}]})
        follower.tick(now_ns=0)
        self.assertEqual(list(prober.due(now_ns=0)), [])  # the first probe is within a second
        (probe,) = prober.due(now_ns=10**9)
        prober.finish(probe, 500, now_ns=10**9)
        with self.assertRaises(SeawallError):
            source.load({"trading": "nobody"})
        follower.tick(now_ns=2 * 10**9)
        del registry, prober, follower, source
        gc.collect()
        publisher.publish(now_ns=2 * 10**9)
        text = metrics.render()
        validate_text(text)
        for line in (
            'seawall_prober_probes_total{prober="p",result="failed"} 1',
            'seawall_prober_transitions_total{prober="p",to="failing"} 1',
            'seawall_source_follower_instances{follower="f"} 1',
            'seawall_source_age_seconds{follower="f",source="list",service="trading"} 2',
            'seawall_source_stale{follower="f",source="list",service="trading"} 1',
            'seawall_source_failures_total{follower="f",source="list",service="trading"} 1',
        ):
            self.assertIn(f"\n{line}\n", text)
        self.assertTrue(publisher.unwatch("f"))
        self.assertNotIn('follower="f"', metrics.render())

    def test_a_follower_is_ticked_and_published_by_two_threads(self):
        registry = seawall.ServiceRegistry()
        follower = seawall.SourceFollower(registry)
        source = follower.add("list")
        metrics = MetricsRegistry()
        publisher = MetricsPublisher(metrics)
        publisher.watch("f", follower)

        def publish():
            for now in range(200):
                publisher.publish(now_ns=now)

        other = threading.Thread(target=publish)
        other.start()
        for now in range(200):
            source.load({f"s{now % 5}": [{"host": "h", "port": 1 + now}]})
            follower.tick(now_ns=now)
        other.join()
        publisher.publish(now_ns=200)
        self.assertIn('seawall_source_answers_total{follower="f",source="list",service="s0"}', metrics.render())

    def test_a_name_once_for_each_kind_and_no_series_after_unwatch(self):
        metrics = MetricsRegistry()
        publisher = MetricsPublisher(metrics)
        publisher.watch("x", seawall.TokenBucket(5, 60.0))
        publisher.watch("x", seawall.CircuitBreaker())
        with self.assertRaisesRegex(SeawallError, 'limiter "x" is watched already') as refused:
            publisher.watch("x", seawall.FixedWindow(5, 60.0))
        self.assertEqual(refused.exception.code, _ffi.SEAWALL_E_ALREADY_EXISTS)
        gc.collect()
        publisher.publish()  # it keeps alive what it watches
        self.assertIn('{limiter="x"}', metrics.render())
        self.assertTrue(publisher.unwatch("x"))
        self.assertFalse(publisher.unwatch("x"))
        self.assertNotIn('"x"', metrics.render())

    def test_what_is_watched_during_an_unwatch_stays_kept(self):
        """Another thread watches under the same name just before or after the library unwatches."""
        library = seawall.metrics_publisher.lib_waiting
        for before in (False, True):
            with self.subTest(before=before), mock.patch.object(seawall.metrics_publisher, "lib_waiting") as watched:
                publisher = MetricsPublisher(MetricsRegistry())
                watched.seawall_metrics_publisher_watch = library.seawall_metrics_publisher_watch
                buckets = [seawall.TokenBucket(5, 60.0) for _ in range(2)]
                publisher.watch("x", buckets[0])

                def interrupted(*args):
                    watched.seawall_metrics_publisher_unwatch = library.seawall_metrics_publisher_unwatch
                    if before:
                        publisher.unwatch("x")
                        publisher.watch("x", buckets[0])
                    code = library.seawall_metrics_publisher_unwatch(*args)
                    publisher.watch("x", buckets[1])
                    return code

                watched.seawall_metrics_publisher_unwatch = interrupted
                self.assertTrue(publisher.unwatch("x"))
                handle = buckets[1]._handle
                self.assertTrue(any(handle in gc.get_referents(entry) for entry in publisher._handle.parts))
                watched.seawall_metrics_publisher_publish = library.seawall_metrics_publisher_publish
                publisher.publish()

    def test_a_limit_set_is_refused(self):
        bucket = seawall.TokenBucket(5, 60.0)
        with self.assertRaisesRegex(SeawallError, "no breaker, limiter, service registry, prober"):
            MetricsPublisher(MetricsRegistry()).watch("set", seawall.LimitSet(bucket))

    def test_its_series_go_with_it_also_in_a_cycle(self):
        metrics = MetricsRegistry()
        publisher = MetricsPublisher(metrics)
        publisher.watch("b", seawall.TokenBucket(5, 60.0))
        publisher.me = publisher
        del publisher
        gc.collect()
        self.assertEqual(metrics.series_count, 0)
        for _ in range(20):  # registry and publisher in one cycle: the publisher must be freed first
            publisher = MetricsPublisher(MetricsRegistry())
            publisher.watch("b", seawall.TokenBucket(5, 60.0))
            publisher.me = publisher
            del publisher
            gc.collect()


if __name__ == "__main__":
    unittest.main()
