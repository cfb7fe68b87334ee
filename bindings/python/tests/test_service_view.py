# SPDX-License-Identifier: MIT
"""Views, listings by selector, many registrations at once, and registries in memory that processes share."""
import gc
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import signal
import subprocess
import sys
import unittest

from seawall import (
    CircuitBreaker,
    KeyedCircuitBreaker,
    KeyedRateLimiter,
    LimitSet,
    MetricsRegistry,
    MetricsWindows,
    Pipeline,
    Pipelines,
    Prober,
    Sampler,
    SeawallError,
    ServiceRegistry,
    SourceFollower,
    TokenBucket,
    Tracer,
)
from seawall import registry as registry_module
from seawall.circuit_breaker import Outcome
from seawall.follower import to_source
from seawall.registry import AdminState, Answer, Health, NewInstance, ServiceReader, ViewState

SECOND = 1_000_000_000


def fleet(service="s", count=3):
    return [
        NewInstance(service, f"i{n}", "h", n + 1, zone="west" if n % 2 == 0 else "east", metadata={"version": str(n % 3)})
        for n in range(count)
    ]


def picked(service, now_ns=0):
    ids = set()
    for _ in range(64):
        if (pick := service.pick(now_ns=now_ns)) is not None:
            service.done(pick, now_ns=now_ns)
            ids.add(pick.id)
    return ids


class Views(unittest.TestCase):
    def setUp(self):
        self.registry = ServiceRegistry(now_ns=0)
        self.registry.register_all(fleet(), now_ns=0)

    def test_a_view_is_picked_from_watched_and_explained(self):
        west = self.registry.view("west", "s", "zone=west")
        self.assertEqual(picked(west), {"i0", "i2"})
        self.assertEqual(west.view_state, ViewState.MATCHED)
        watch = self.registry.watch("west")
        self.assertEqual({i.id for i in watch.poll(now_ns=0).instances}, {"i0", "i2"})
        self.registry.deregister("s/i0", now_ns=0)
        news = watch.poll(now_ns=0)
        self.assertEqual([i.id for i in news.removed], ["i0"])
        self.assertEqual(news.view, ViewState.MATCHED)
        self.assertEqual(self.registry.explain("west", now_ns=0)["unmatched"], 1)
        self.assertEqual(set(self.registry.services(now_ns=0)), {"s"})
        self.assertEqual(len(picked(self.registry.view("one", "s", subset=1, subset_seed=2**64 - 1))), 1)

    def test_a_selector_that_matches_nobody_says_so(self):
        nobody = self.registry.view("nobody", "s", "version=9")
        self.assertIsNone(nobody.pick(now_ns=0))
        self.assertEqual(nobody.view_state, ViewState.NOBODY)
        everybody = self.registry.view("all", "s", "version=9", fallback_to_all=True)
        self.assertTrue(everybody.pick(now_ns=0).unfiltered)
        self.assertEqual(everybody.view_state, ViewState.UNFILTERED)
        self.assertFalse(self.registry.service("s").pick(now_ns=0).unfiltered)
        listing = self.registry.services("version=9", now_ns=0)["s"]
        self.assertEqual((listing["instances"], listing["hidden"]), ([], 3))
        self.assertEqual(self.registry.services("zone=east", now_ns=0)["s"]["hidden"], 2)

    def test_what_cannot_be_is_refused_by_name(self):
        for culprit, make in {
            "a b": lambda: self.registry.view("v", "s", "a b"),
            "c d": lambda: self.registry.services("c d"),
            "subset": lambda: self.registry.view("v", "s", subset=-1),
            "subset_seed": lambda: self.registry.view("v", "s", subset_seed=2**64),
            "s is a service": lambda: self.registry.view("s", "s"),
        }.items():
            with self.subTest(culprit), self.assertRaisesRegex(SeawallError, culprit):
                make()

    def test_many_are_registered_or_refused_each_for_itself(self):
        done = self.registry.register_all([*fleet("t"), NewInstance("t", "x", "h", 0), NewInstance("no name", "x", "h", 1)], now_ns=0)
        self.assertEqual([r.name for r in done[:3]], ["t/i0", "t/i1", "t/i2"])
        self.assertRegex(str(done[3]), r"instances\[3\]: port")
        self.assertIsInstance(done[4], SeawallError)
        self.assertEqual(self.registry.register_all([], now_ns=0), [])
        self.assertEqual(picked(self.registry.service("t")), {"i0", "i1", "i2"})
        self.assertEqual(self.registry.heartbeat("t/i2", done[2].generation, now_ns=0), Answer.OK)


class Instants(unittest.TestCase):
    def test_an_instant_that_does_not_fit_is_refused_and_not_cut(self):
        registry = ServiceRegistry(now_ns=0)
        mine = registry.register("s", "a", "h", 1, now_ns=0)
        service, watch = registry.service("s"), registry.watch("s")
        pick = service.pick(now_ns=0)
        bucket, users, limits = TokenBucket(1, 60.0), KeyedRateLimiter(TokenBucket, 1, 60.0), LimitSet(TokenBucket(1, 60.0))
        breaker, hosts, pipeline = CircuitBreaker(now_ns=0), KeyedCircuitBreaker(now_ns=0), Pipeline(now_ns=0)
        breaker.force_open(now_ns=0)  # one that is well looks at no instant
        admission, ticket = pipeline.admit(now_ns=0), hosts.try_acquire("a", now_ns=0)
        for call in (
            lambda at: ServiceRegistry(now_ns=at),
            lambda at: registry.register("s", "b", "h", 1, now_ns=at),
            lambda at: registry.register_all([], now_ns=at),
            lambda at: registry.heartbeat("a", mine.generation, now_ns=at),
            lambda at: registry.drain("a", within=1.0, now_ns=at),
            lambda at: registry.tick(now_ns=at),
            lambda at: registry.services(now_ns=at),
            lambda at: registry.explain("s", now_ns=at),
            lambda at: service.pick(now_ns=at),
            lambda at: service.pick(key="k", now_ns=at),
            lambda at: service.done(pick, now_ns=at),
            lambda at: watch.poll(now_ns=at),
            lambda at: TokenBucket(1, 60.0, now_ns=at),
            lambda at: bucket.try_acquire(now_ns=at),
            lambda at: bucket.reserve(now_ns=at),
            lambda at: users.try_acquire("ann", now_ns=at),
            lambda at: users.try_acquire(1, now_ns=at),
            lambda at: users.peek("ann", now_ns=at),
            lambda at: limits.try_acquire(now_ns=at),
            lambda at: CircuitBreaker(now_ns=at),
            lambda at: breaker.try_acquire(now_ns=at),
            lambda at: breaker.snapshot(now_ns=at),
            lambda at: breaker.force_open(now_ns=at),
            lambda at: breaker.disable(now_ns=at),
            lambda at: breaker.reset(now_ns=at),
            lambda at: KeyedCircuitBreaker(now_ns=at),
            lambda at: hosts.try_acquire("a", now_ns=at),
            lambda at: ticket.report(Outcome.FAILURE, now_ns=at),
            lambda at: hosts.snapshot("a", now_ns=at),
            lambda at: hosts.force_open("a", now_ns=at),
            lambda at: Pipeline(now_ns=at),
            lambda at: pipeline.admit("ann", now_ns=at),
            lambda at: pipeline.admit(1, now_ns=at),
            lambda at: pipeline.admit(b"ann", now_ns=at),
            lambda at: pipeline.admit("ann", permits=2, now_ns=at),
            lambda at: pipeline.charge("ann", now_ns=at),
            lambda at: pipeline.replace(now_ns=at),
            lambda at: pipeline.stats(now_ns=at),
            lambda at: admission.another(Outcome.FAILURE, now_ns=at),
            lambda at: admission.cancel(now_ns=at),
            lambda at: admission.complete(now_ns=at),
            lambda at: Pipelines({"routes": {}}, now_ns=at),
            lambda at: Pipelines({"routes": {}}).reload({"routes": {}}, now_ns=at),
            lambda at: Prober(registry).hurry("s", now_ns=at),
            lambda at: next(Prober(registry).due(now_ns=at)),
            lambda at: SourceFollower(registry).tick(now_ns=at),
            lambda at: SourceFollower(registry).state(now_ns=at),
            lambda at: to_source(registry, now_ns=at),
            lambda at: Tracer("s", now_ns=at),
            lambda at: Tracer("s").start("a", now_ns=at),
            lambda at: Tracer("s").start("a").child("b", now_ns=at),
            lambda at: Tracer("s").start("a").add_event("b", now_ns=at),
            lambda at: Tracer("s").start("a").end(now_ns=at),
            lambda at: Sampler(now_ns=at),
            lambda at: MetricsWindows(MetricsRegistry()).tick(now_ns=at),
            lambda at: MetricsWindows(MetricsRegistry()).as_dict(now_ns=at),
        ):
            for at in (2**63, -(2**63) - 1, 2**64):
                with self.assertRaisesRegex(SeawallError, f"now_ns is out of range: {at}"):
                    call(at)


def write_until_killed(name: str, rounds) -> None:
    shared = multiprocessing.shared_memory.SharedMemory(name)
    registry = ServiceRegistry.take_over(shared.buf, at_once=True, now_ns=0, max_instances=16)
    for round in range(1, 1 << 30):
        registry.register("s", "a", "host-" + str(round) * 20, round % 60_000 + 1, now_ns=0)
        rounds.value += 1


class Shared(unittest.TestCase):
    def test_a_writer_is_killed_in_the_middle_and_the_next_one_goes_on(self):
        shared = multiprocessing.shared_memory.SharedMemory(create=True, size=ServiceRegistry.memory_for(max_instances=16))
        self.addCleanup(lambda: (gc.collect(), shared.close(), shared.unlink()))
        registry = ServiceRegistry(memory=shared.buf, max_instances=16, now_ns=0)
        registry.register("s", "b", "other", 7, zone="west", metadata={"k": "v"}, now_ns=0)
        registry.set_admin("s/b", AdminState.DISABLED, now_ns=0)
        registry.view("mine", "s", "zone!=west")
        service = ServiceReader(shared.buf).service("mine")
        spawn = multiprocessing.get_context("spawn")
        rounds = spawn.RawValue("q", 0)  # a lock would stay locked by who is killed
        generation = 0
        for _ in range(2):
            begun = rounds.value
            child = spawn.Process(target=write_until_killed, args=(shared.name, rounds))
            child.start()
            while rounds.value < begun + 200:
                if (pick := service.pick(now_ns=0)) is not None:  # whole, whatever the writer does
                    self.assertEqual((pick.id, pick.host, (int(pick.host.removeprefix("host-")[:1]) > 0)), ("a", pick.host, True))
                    self.assertEqual(pick.host, "host-" + str(pick.port - 1) * 20)
                    self.assertGreaterEqual(pick.generation, generation)
                    generation = pick.generation
                    service.done(pick, now_ns=0)
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            self.assertFalse(registry.writes)  # another one took over, and died
            self.assertEqual(registry.heartbeat("s/b", 1, now_ns=0), Answer.UNKNOWN)
            self.assertEqual(picked(service), {"a"})
        late = ServiceRegistry.take_over(shared.buf, now_ns=60 * SECOND, max_instances=16)  # its lease has ended
        self.assertTrue(late.writes)
        listing = {i["id"]: i for i in late.services(now_ns=60 * SECOND)["s"]["instances"]}
        self.assertEqual(listing["b"]["state"], "disabled")
        self.assertEqual(listing["b"]["metadata"], {"k": "v"})
        mine = late.register("s", "a", "fresh", 1, now_ns=60 * SECOND)
        self.assertGreater(mine.generation, generation)
        self.assertEqual(service.pick(now_ns=60 * SECOND).host, "fresh")
        with self.assertRaisesRegex(SeawallError, "lease"):
            ServiceRegistry.take_over(shared.buf, now_ns=60 * SECOND, max_instances=16)
        del registry, late, service

    def test_a_reader_sees_what_is_written_and_follows_it(self):
        with mmap.mmap(-1, ServiceRegistry.memory_for()) as memory:
            with self.assertRaisesRegex(SeawallError, "magic"):
                ServiceReader(memory)
            registry = ServiceRegistry(memory=memory, now_ns=0)
            reader = ServiceReader(memory)
            with self.assertRaises(SeawallError):
                reader.service("s")
            watch, before = reader.watch("s"), reader.version
            registry.register_all(fleet(), now_ns=0)
            self.assertGreater(reader.version, before)
            self.assertEqual(len(watch.poll(now_ns=0).added), 3)
            self.assertEqual(picked(reader.service("s")), {"i0", "i1", "i2"})
            registry.set_health("s/i0", Health.FAILING, now_ns=0)
            self.assertEqual(picked(reader.service("s")), {"i1", "i2"})
            with self.assertRaises(BufferError):
                memory.close()  # not below a registry
            del registry, reader, watch
            gc.collect()

    def test_what_the_module_says_about_shared_memory_is_so(self):
        said = registry_module.__doc__.split("Processes share a registry")[1]
        lines = [line.strip() for line in said.splitlines() if line.startswith("    ")]
        end = next(n for n, line in enumerate(lines) if line.startswith("del "))
        taking_over = next(n for n, line in enumerate(lines) if ".take_over(" in line)
        lines[taking_over] = lines[taking_over].replace("shared.buf", "shared.buf, at_once=True")  # nobody is dead here
        lines.insert(2, 'registry.register("trading", "a", "h", 1)')
        lines.insert(end + 1, "assert trading.pick().id == 'a' and registry.writes")
        script = "import multiprocessing.shared_memory\nfrom seawall.registry import *\n" + "\n".join([*lines, "shared.unlink()"])
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        self.assertEqual((done.returncode, done.stderr), (0, ""), script)

    def test_memory_and_options_that_do_not_fit_are_refused_by_name(self):
        with mmap.mmap(-1, ServiceRegistry.memory_for()) as memory:
            with self.assertRaisesRegex(SeawallError, "at least"):
                ServiceRegistry(memory=memoryview(memory)[:4096])
            with self.assertRaisesRegex(SeawallError, "64 bytes"):
                ServiceRegistry(memory=memoryview(memory)[8:])
            with self.assertRaisesRegex(SeawallError, "writer_lease"):
                ServiceRegistry(memory=memory, writer_lease=1e9)
            for lease in (0, -5, 1e-12, 1e11, float("inf"), float("nan")):
                with self.assertRaisesRegex(SeawallError, "writer_lease"):
                    ServiceRegistry(memory=memory, writer_lease=lease)
                with self.assertRaisesRegex(SeawallError, "writer_lease"):
                    ServiceRegistry.take_over(memory, at_once=True, writer_lease=lease)
            with self.assertRaisesRegex(SeawallError, "max_services"):
                ServiceRegistry.memory_for(max_services=0)
            with self.assertRaisesRegex(SeawallError, "nothing"):
                ServiceRegistry.memory_for(nothing=1)
            with self.assertRaises(ValueError):
                ServiceRegistry(writer_lease=1.0)
            registry = ServiceRegistry(memory=memory, now_ns=0)
            with self.assertRaisesRegex(SeawallError, "bounds"):
                ServiceRegistry.take_over(memory, at_once=True, max_services=3)
            with self.assertRaises(TypeError):
                ServiceRegistry(memory=b"read only")
            del registry


if __name__ == "__main__":
    unittest.main()
