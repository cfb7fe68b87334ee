# SPDX-License-Identifier: MIT
import gc
import json
import math
import time
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import SeawallError, span, trace
from seawall.circuit_breaker import State
from seawall.rate_limiter import TokenBucket
from seawall.span import Kind, Status, Tracer

VALUES = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
                   st.text(st.characters(blacklist_categories=["Cs"]), max_size=60))


class Spans(unittest.TestCase):
    def test_a_trace_in_order_of_start(self):
        tracer = Tracer("gateway")
        incoming = trace.extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        entry = tracer.start("GET /feed", Kind.SERVER, incoming, now_ns=1000)
        call = entry.child("call", Kind.CLIENT, now_ns=2000)
        call.set("server.port", 8003)
        call.add_event("retry", {"attempt": 2, "local": True}, now_ns=2500)
        call.end(now_ns=3000)
        entry.end(now_ns=5000)
        first, second = tracer.trace(incoming.context.trace_id)
        self.assertEqual((first["name"], first["service"], first["kind"]), ("GET /feed", "gateway", "server"))
        self.assertEqual(first["parent_id"], incoming.context.span_id)
        self.assertEqual(second["parent_id"], first["span_id"])
        self.assertEqual(second["attributes"], {"server.port": 8003})
        self.assertEqual(second["duration_ns"], 1000)
        self.assertEqual(second["events"][0]["attributes"], {"attempt": 2, "local": True})
        self.assertEqual(second["start_unix_ns"] - first["start_unix_ns"], 1000)

    def test_instants_are_told_in_wall_time(self):
        tracer, before = Tracer("gateway"), time.time_ns()
        with tracer.start("a") as entry:
            pass
        told = tracer.trace(entry.context.trace_id)[0]["start_unix_ns"]
        self.assertLessEqual(abs(told - before), 60_000_000_000)

    def test_an_exception_makes_the_span_an_error_and_keeps_the_trace(self):
        tracer = Tracer("gateway")
        with self.assertRaises(KeyError):
            with tracer.start("a") as entry:
                raise KeyError("x")
        (kept,) = tracer.kept()
        self.assertEqual((kept["status"], kept["message"]), ("error", "KeyError: 'x'"))
        self.assertEqual(kept["span_id"], entry.context.span_id)

    def test_a_marked_trace_is_kept_and_an_unknown_one_is_empty(self):
        tracer = Tracer("gateway")
        with tracer.start("a") as entry:
            entry.set_status(Status.OK)
            entry.keep()
        with tracer.start("b"):
            pass
        self.assertEqual([line["name"] for line in tracer.kept()], ["a"])
        self.assertEqual(tracer.trace("0" * 31 + "1"), [])
        with self.assertRaises(ValueError):
            tracer.trace("ab")

    def test_verdicts_of_the_other_parts_are_events(self):
        tracer = Tracer("gateway")
        limiter = TokenBucket(1, 60.0, now_ns=0)
        with tracer.start("entry", now_ns=0) as span:
            for _ in range(2):
                span.add_limiter_event("user", limiter.try_acquire(now_ns=0), now_ns=1)
            self.assertEqual(tracer.kept(), [])
            span.add_breaker_event("trading", False, State.FORCED_OPEN, math.inf, now_ns=2)
            span.add_retry_event(2, 0.005, now_ns=3)
            with self.assertRaises(SeawallError):
                span.add_breaker_event("trading", True, 9)
            with self.assertRaisesRegex(SeawallError, "delay"):
                span.add_retry_event(2, math.nan)
            for attempt in (2**63, 2**64 + 2, -(2**64) + 2):
                with self.assertRaisesRegex(SeawallError, "attempt"):
                    span.add_retry_event(attempt)
            for wait in (-1e30, -(2.0**64 - 2.0**20) / 1e9):  # the second would be cut to more than 0
                with self.assertRaisesRegex(SeawallError, "delay"):
                    span.add_retry_event(2, wait)
                with self.assertRaisesRegex(SeawallError, "retry_after"):
                    span.add_breaker_event("trading", True, State.CLOSED, wait)
        ((_, admitted), (_, refused), breaker, retry) = (
            (event["name"], event["attributes"]) for event in tracer.trace(span.context.trace_id)[0]["events"])
        self.assertEqual((admitted["seawall.allowed"], refused["seawall.allowed"]), (True, False))
        self.assertGreater(refused["seawall.retry_after_ms"], 0)
        self.assertEqual(breaker, ("seawall.circuit_breaker", {
            "seawall.breaker": "trading", "seawall.allowed": False, "seawall.state": "forced_open",
            "seawall.retry_after_ms": -1}))
        self.assertEqual(retry, ("seawall.retry", {"seawall.attempt": 2, "seawall.delay_ms": 5}))
        self.assertEqual(len(tracer.kept()), 1)

    def test_export_sends_until_there_is_no_more_and_again_after_a_pause(self):
        tracer, bodies, answers = Tracer("gateway", max_batch=1), [], [200, (503, 7.0)]

        def transport(body, content_type):
            self.assertEqual(content_type, "application/json")
            bodies.append(json.loads(body))
            return answers.pop(0)

        for name in ("a", "b"):
            tracer.start(name, now_ns=0).end(now_ns=10)
        self.assertEqual(tracer.export(transport, now_ns=100, unix_now_ns=10**18), 1)
        self.assertEqual(tracer.export(transport, now_ns=7 * 10**9 + 99), 0)
        answers.append(200)
        self.assertEqual(tracer.export(transport, now_ns=7 * 10**9 + 100), 1)
        self.assertEqual(len(bodies), 3)
        self.assertEqual(bodies[1], bodies[2])
        sent = bodies[0]["resourceSpans"][0]
        self.assertEqual(sent["resource"]["attributes"], [{"key": "service.name", "value": {"stringValue": "gateway"}}])
        self.assertEqual(sent["scopeSpans"][0]["spans"][0]["startTimeUnixNano"], str(10**18 - 100))
        self.assertEqual(tracer.stats().exported, 2)
        self.assertEqual(tracer.stats().export_retries, 1)

    def test_a_transport_that_raises_counts_as_no_answer(self):
        tracer = Tracer("gateway")
        tracer.start("a").end()

        def broken(body, content_type):
            raise OSError("refused")

        with self.assertRaises(OSError):
            tracer.export(broken, now_ns=0)
        self.assertEqual(tracer.export(lambda *_: 200, now_ns=10**9), 1)

    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=10), VALUES, max_size=6))
    def test_attributes_come_back_as_they_were_given(self, attributes):
        tracer = Tracer("gateway", recent_spans=2, kept_spans=2)
        with tracer.start("a") as entry:
            for key, value in attributes.items():
                entry.set(key, value)
        (told,) = tracer.trace(entry.context.trace_id)
        if told["dropped"] == 0:
            self.assertEqual(told["attributes"], attributes)

    def test_what_is_wrong_is_named(self):
        for options, name in (({"kept_spans": -1}, "kept_spans"), ({"slow": -1.0}, "slow"), ({"max_batch": -1}, "max_batch")):
            with self.assertRaisesRegex(seawall.SeawallError, name):
                Tracer("gateway", **options)
        with self.assertRaisesRegex(seawall.SeawallError, "service"):
            Tracer("")
        entry = Tracer("gateway").start("a")
        with self.assertRaisesRegex(ValueError, "k"):
            entry.set("k", 2**63)
        with self.assertRaisesRegex(TypeError, "k"):
            entry.set("k", None)

    def test_a_span_keeps_its_tracer(self):
        entry = Tracer("gateway").start("a")
        gc.collect()
        entry.end()


if __name__ == "__main__":
    unittest.main()
