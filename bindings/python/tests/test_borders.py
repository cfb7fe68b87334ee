# SPDX-License-Identifier: MIT
"""What ctypes would let pass in silence: numbers it cuts to 64 bits, handles that a finaliser meets freed."""

import functools
import gc
import json
import os
import pickle
import subprocess
import sys
import unittest

import seawall
from seawall import (
    CircuitBreaker,
    KeyedCircuitBreaker,
    KeyedRateLimiter,
    Limit,
    MetricsRegistry,
    Pipeline,
    Pipelines,
    SeawallError,
    ServiceRegistry,
    TokenBucket,
    trace,
)
from seawall.circuit_breaker import Outcome, ReportResult, State
from seawall.registry import Answer

SECOND = 1_000_000_000


class Numbers(unittest.TestCase):
    def test_permits_beyond_64_bits_are_never_allowed(self):
        bucket = TokenBucket(10, 1.0, now_ns=0)
        users = KeyedRateLimiter(TokenBucket, 10, 1.0, now_ns=0)
        for permits in (2**63, 2**64, 2**64 + 1, 2**200):
            self.assertTrue(bucket.try_acquire(permits, now_ns=0).never, permits)
            self.assertTrue(bucket.peek(permits, now_ns=0).never, permits)
            self.assertTrue(users.try_acquire("ann", permits, now_ns=0).never, permits)
            self.assertTrue(users.peek(7, permits, now_ns=0).never, permits)
            with self.assertRaises(SeawallError):
                bucket.try_acquire(-permits, now_ns=0)
        self.assertEqual(bucket.peek(now_ns=0).remaining, 10)

    def test_counts_beyond_64_bits_are_refused(self):
        counter = MetricsRegistry().counter("a_total", "A.").labels()
        with self.assertRaises(SeawallError):
            counter.add(2**64 + 5)
        self.assertEqual(counter.value, 0)
        with self.assertRaises(SeawallError):
            MetricsRegistry().counter("a_total", "A.", units_per_one=2**64 + 1)
        with self.assertRaises(SeawallError):
            MetricsRegistry().histogram("a", "A.", steps_per_unit=2**64 + 1)

    def test_a_generation_beyond_64_bits_was_never_given(self):
        registry = ServiceRegistry()
        mine = registry.register("trading", "t-1", "127.0.0.1", 8001)
        for generation in (mine.generation + 2**64, -1):
            self.assertIs(registry.heartbeat(mine.id, generation), Answer.UNKNOWN)
            self.assertIs(registry.deregister(mine.id, generation), Answer.UNKNOWN)

    def test_states_that_are_none(self):
        registry = ServiceRegistry()
        with self.assertRaises(ValueError):
            registry.register("trading", "t-1", "127.0.0.1", 8001, state=2**32)
        registry.register("trading", "t-1", "127.0.0.1", 8001)
        with self.assertRaises(ValueError):
            registry.set_admin("t-1", 2**32)

    def test_a_wrong_outcome_does_not_cost_the_ticket(self):
        breaker = CircuitBreaker(failure_threshold=1, open_duration=1, now_ns=0)
        ticket = breaker.try_acquire(now_ns=0)
        for wrong in (77, -1, 2**32, "failure"):
            with self.assertRaises(ValueError):
                ticket.report(wrong, now_ns=0)
        self.assertTrue(ticket)
        ticket.report(Outcome.FAILURE, now_ns=0)
        self.assertEqual(breaker.state, State.OPEN)

    def test_a_report_that_raises_does_not_cost_the_probe(self):
        one = CircuitBreaker(failure_threshold=1, open_duration=1, now_ns=0)
        hosts = KeyedCircuitBreaker(failure_threshold=1, open_duration=1, now_ns=0)
        for ask, state in (
            (one.try_acquire, lambda: one.snapshot(now_ns=0).state),
            (functools.partial(hosts.try_acquire, "a"), lambda: hosts.snapshot("a", now_ns=0).state),
        ):
            ask(now_ns=0).report(1.0, now_ns=0)  # equal to a failure
            self.assertIs(state(), State.OPEN)
            probe = ask(now_ns=2 * SECOND)
            for wrong in ({"outcome": 1.5}, {"outcome": []}, {"now_ns": 2**63}, {"now_ns": 0.5}, {"now_ns": "0"}):
                with self.assertRaises((ValueError, TypeError, SeawallError)):
                    probe.report(**{"outcome": Outcome.SUCCESS, "now_ns": 2 * SECOND} | wrong)
            self.assertIs(probe.report(0.0, now_ns=2 * SECOND), ReportResult.RECORDED)
            self.assertIs(state(), State.CLOSED)
        call = Pipeline().admit()
        self.assertTrue(call.complete(1.0))

    def test_when_full_is_one_of_two(self):
        with self.assertRaisesRegex(ValueError, "when_full"):
            KeyedRateLimiter(TokenBucket, 1, 1.0, when_full="drop")


class Texts(unittest.TestCase):
    def test_a_header_that_cannot_be_encoded_is_an_invalid_one(self):
        self.assertFalse(trace.extract({"traceparent": "\ud800"}).continued)
        parent = trace.TraceContext.root().traceparent
        found = trace.extract({"traceparent": parent, "tracestate": "a=\ud800"})
        self.assertTrue(found.continued)
        self.assertEqual(str(found.state), "")
        self.assertEqual(len(trace.correlation_id("\ud800")), 32)

    def test_a_key_that_json_made_of_half_a_pair_is_a_key(self):
        key = json.loads('"\\ud800"')
        users = KeyedRateLimiter(TokenBucket, 2, 60.0, now_ns=0)
        pipeline = Pipeline(limits=[Limit("user", users, 2, 60.0)], now_ns=0)
        with pipeline.admit(key, now_ns=0):
            self.assertEqual(users.peek(key, now_ns=0).remaining, 1)
        self.assertTrue(pipeline.admit(key, traceparent="\ud800", now_ns=0))
        self.assertFalse(pipeline.admit(key, permits=2, traceparent="\ud800", now_ns=0))
        hosts = KeyedCircuitBreaker()
        with hosts.try_acquire(key):
            pass
        self.assertEqual(hosts.keys(), [key.encode("utf-8", "surrogatepass")])
        with self.assertRaises(KeyError):
            Pipelines({"routes": {}})[key]

    def test_errors_travel_between_processes(self):
        error = pickle.loads(pickle.dumps(SeawallError(-8, "full")))
        self.assertEqual((error.code, str(error)), (-8, "full"))
        self.assertEqual(pickle.loads(pickle.dumps(seawall.CircuitOpenError(1.5))).retry_after, 1.5)


class Cycles(unittest.TestCase):
    """A block that is left by the garbage collector, in a cycle with the object it works on."""

    def collect(self, make):
        raised = []
        hook, sys.unraisablehook = sys.unraisablehook, lambda report: raised.append(report.exc_value)
        try:
            make()
            gc.collect()
        finally:
            sys.unraisablehook = hook
        self.assertEqual(raised, [])

    def test_metrics(self):
        def make():
            registry = MetricsRegistry()
            block = registry.gauge("busy", "B.").labels().held()
            block.__enter__()
            registry.cycle = block

        self.collect(make)

    def test_registry(self):
        def make():
            registry = ServiceRegistry()
            registry.register("trading", "t-1", "127.0.0.1", 8001)
            block = registry.service("trading").call()
            block.__enter__()
            registry.cycle = block

        self.collect(make)

    def test_circuit_breaker(self):
        def make():
            breaker = CircuitBreaker()

            def guarded():
                with breaker.try_acquire():
                    yield

            breaker.cycle = guarded()
            next(breaker.cycle)

        self.collect(make)

    def test_limiter(self):
        def make():
            bucket = TokenBucket(1, 1.0)

            def borrowed():
                decision = bucket.try_acquire()
                try:
                    yield
                finally:
                    bucket.refund(decision)

            bucket.cycle = borrowed()
            next(bucket.cycle)

        self.collect(make)


class Exit(unittest.TestCase):
    def test_blocks_that_are_open_at_exit_meet_no_freed_handle(self):
        program = (
            "import seawall\n"
            "metrics, registry = seawall.MetricsRegistry(), seawall.ServiceRegistry()\n"
            "registry.register('trading', 't-1', '127.0.0.1', 8001)\n"
            "metrics.cycle = metrics.gauge('busy', 'B.').labels().held()\n"
            "registry.cycle = registry.service('trading').call()\n"
            "metrics.cycle.__enter__(), registry.cycle.__enter__()\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
