# SPDX-License-Identifier: MIT
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall import Baggage, Propagator, Sampler, SeawallError, TraceContext, TraceState, propagation, trace

from . import vectors

EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OPTIONS = ("strictness", "trust", "accept_b3", "inject_b3", "max_tracestate_bytes")


def raw(text: str) -> bytes:
    return text.encode("latin-1")  # the \xHH of the vectors are bytes


def propagator_of(fields: dict) -> Propagator:
    options = {name: fields.pop(name) for name in OPTIONS if name in fields}
    for name in ("accept_b3", "max_tracestate_bytes"):
        if name in options:
            options[name] = int(options[name])
    return Propagator(**options)


def headers_of(fields: dict) -> dict:
    headers: dict = {}
    for name, value in fields.items():
        headers.setdefault(name.removesuffix("2"), []).append(raw(value))
    return headers


def b3_headers(context: TraceContext) -> dict:
    return Propagator(inject_b3="multi").inject(context, {})


class Propagation:
    """One method for each verb of trace_propagation.txt."""

    def extract(self, **fields):
        propagator = propagator_of(fields)
        found = propagator.extract(headers_of(fields))
        context, b3 = found.context, b3_headers(found.context)
        return {
            "continued": int(found.continued), "decided": int(found.decided), "fault": found.fault,
            "state_fault": found.state_fault, "trace_id": context.trace_id, "span_id": context.span_id,
            "sampled": int(context.sampled), "random": int(context.random), "deferred": int(context.deferred),
            "debug": int(context.debug), "state": str(found.state), "out_b3": context.b3,
            "out_trace_id": b3.get("x-b3-traceid", ""), "out_span_id": b3.get("x-b3-spanid", ""),
            "out_sampled": b3.get("x-b3-sampled", ""), "out_flags": b3.get("x-b3-flags", ""),
            "counted": ",".join(propagator.faults()),
        }

    def inject(self, traceparent, tracestate="", **fields):
        names = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags", "x-b3-parentspanid"]
        headers = {name: "old" for name in ["TraceParent", "tracestate", *names]}
        propagator = propagator_of(fields)
        propagator.inject(TraceContext.parse(traceparent), headers, TraceState(tracestate))
        return {name: headers.get(name, "") for name in ["traceparent", "tracestate", *names]}

    def spelled(self, text):
        found = TraceContext.of_correlation_id(text)
        if found is None:
            return {"found": 0}
        return {"found": 1, "trace_id": found.trace_id, "random": int(found.random)}


class Bags:
    """One method for each verb of trace_baggage.txt."""

    def baggage(self, text, text2=None, strictness="harness", limit_members=64, limit_bytes=8192):
        propagator = Propagator(
            strictness=strictness, baggage_members=int(limit_members), baggage_bytes=int(limit_bytes)
        )
        fields = [raw(text)] if text2 is None else [raw(text), raw(text2)]
        found, fault = propagator.extract_baggage_and_fault({"Baggage": fields})
        return {"members": len(found), "text": str(found), "fault": fault, "bytes": len(str(found))}

    def sized(self, members, value, fields=1, strictness="harness"):
        text = ",".join(f"k{10 + i}=" + "v" * int(value) for i in range(int(members)))
        return self.baggage(text, text if int(fields) == 2 else None, strictness)

    def member(self, text, at):
        key, value, properties = list(Baggage.parse(raw(text)).members())[int(at)]
        return {"key": key, "value": value, "properties": properties}

    def get(self, text, key):
        value = Baggage.parse(raw(text)).get(raw(key))
        return {"found": int(value is not None), "value": (value or "").encode().decode("latin-1")}

    def set(self, text, key, value, properties=""):
        try:
            return {"ok": 1, "text": str(Baggage(text).set(raw(key), raw(value), raw(properties)))}
        except SeawallError:
            return {"ok": 0}

    def remove(self, text, key):
        return {"text": str(Baggage(text).remove(key))}


class Conformance(unittest.TestCase):
    def run_table(self, file, verbs):
        for case in vectors.load(file):
            for step in case.steps:
                with self.subTest(case=case.name, line=step.line):
                    self.assertEqual(step.mismatches(getattr(verbs, step.verb)(**step.arguments)), [])

    def test_propagation(self):
        self.run_table("trace_propagation.txt", Propagation())

    def test_baggage(self):
        self.run_table("trace_baggage.txt", Bags())

    def test_sampling(self):
        for case in vectors.load("trace_sampling.txt"):
            limit = {name: int(value) for name, value in case.options.items()}
            shared = Sampler(**limit, now_ns=0) if limit else None
            for step in case.steps:
                given = dict(step.arguments)
                own = Sampler(float(given.get("ratio", 1)), ignore_parent="ignore_parent" in given, now_ns=0)
                incoming = trace.Incoming(
                    TraceContext.parse(given["traceparent"]), TraceState(given.get("tracestate", "")), True,
                    "decided" in given,
                )
                kept = (shared or own).sample(incoming, now_ns=step.now_ns)
                actual = {"sampled": int(kept.context.sampled), "state": str(kept.state)}
                with self.subTest(case=case.name, line=step.line):
                    self.assertEqual(step.mismatches(actual), [])


class Use(unittest.TestCase):
    def test_a_request_goes_through(self):
        propagator = Propagator(inject_b3="single")
        incoming = propagator.extract({"traceparent": EXAMPLE, "tracestate": ["a=1", "b=2"]})
        child = incoming.context.child()
        outgoing = propagator.inject(child, {"Tracestate": "old", "X": "y"}, incoming.state)
        self.assertEqual(
            outgoing, {"X": "y", "traceparent": str(child), "tracestate": "a=1,b=2", "b3": child.b3}
        )
        self.assertEqual(propagator.faults(), {})

    def test_hints_survive_in_children(self):
        incoming = Propagator(accept_b3=True).extract({"b3": "8448eb211c80319c-b7ad6b7169203331-d"})
        child = incoming.context.child()
        self.assertTrue(child.debug and child.sampled)
        self.assertEqual(child.b3, f"8448eb211c80319c-{child.span_id}-d")
        self.assertEqual(TraceContext(child.trace_id, child.span_id, child.flags, child.hints), child)

    def test_wrong_options_are_named(self):
        for options in ({"strictness": "lax"}, {"trust": "none"}, {"inject_b3": "both"}):
            with self.subTest(options), self.assertRaisesRegex(ValueError, next(iter(options))):
                Propagator(**options)
        with self.assertRaisesRegex(SeawallError, "max_tracestate_bytes"):
            Propagator(max_tracestate_bytes=100)
        with self.assertRaisesRegex(SeawallError, "ratio"):
            Sampler(1.5)
        with self.assertRaises(SeawallError):
            Sampler(permits=1)

    def test_a_sampler_of_nothing(self):
        incoming = Propagator(trust="ids").extract({"traceparent": EXAMPLE})
        self.assertFalse(Sampler(0).sample(incoming).context.sampled)
        self.assertTrue(Sampler(1).sample(incoming).context.sampled)

    def test_roots_ask_for_no_flags(self):
        self.assertEqual(Propagator(root_flags=0).extract({}).context.flags, 0)

    def test_ids_go_on_after_reseeding(self):
        before = TraceContext.root()
        trace.reseed()
        self.assertNotEqual(before.trace_id, TraceContext.root().trace_id)


KEYS = st.text("abAB09!#$%&'*+-.^_`|~", min_size=1, max_size=4)


class BaggageModel(unittest.TestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), KEYS, st.text(max_size=8)), max_size=40))
    def test_edits_match_a_list_of_pairs(self, edits):
        baggage, model = Baggage(), []
        for adds, key, value in edits:
            model = [member for member in model if member[0] != key]
            if adds:
                value = value.encode("utf-8", "replace").decode()
                model = [*model, (key, value)]
            baggage = baggage.set(key, value) if adds else baggage.remove(key)
            self.assertEqual(list(baggage), model)
            self.assertEqual(baggage.get(key), value if adds else None)
        self.assertEqual(Baggage.parse(str(baggage)), baggage)

    @settings(max_examples=500, deadline=None)
    @given(st.lists(st.binary(max_size=60), max_size=3), st.sampled_from(list(propagation.STRICTNESS)))
    def test_anything_may_come_and_what_goes_on_is_valid(self, fields, strictness):
        propagator = Propagator(strictness=strictness, accept_b3=True)
        found = propagator.extract_baggage({"baggage": fields})
        self.assertTrue(str(found).isprintable() or "\t" in str(found))
        again = propagator.extract_baggage({"baggage": str(found)})
        self.assertEqual(again, found)
        propagator.extract({"traceparent": fields, "tracestate": fields, "b3": fields, "X-B3-TraceId": fields})


if __name__ == "__main__":
    unittest.main()
