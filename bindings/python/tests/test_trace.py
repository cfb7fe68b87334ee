# SPDX-License-Identifier: MIT
import dataclasses
import os
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall import SeawallError, trace
from seawall.trace import TraceContext, TraceState

from . import vectors

EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"


def raw(text: str) -> bytes:
    return text.encode("latin-1")  # the \xHH of the vectors are bytes


class Verbs:
    """One method for each verb of trace_context.txt."""

    def parse(self, text=""):
        try:
            found = TraceContext.parse(raw(text))
        except SeawallError:
            return {"ok": 0}
        return {
            "ok": 1, "trace_id": found.trace_id, "span_id": found.span_id, "text": str(found),
            "sampled": int(found.sampled), "random": int(found.random),
        }

    def state(self, **fields):
        try:
            found = TraceState.parse(*(raw(fields[name]) for name in ("text", "text2") if name in fields))
        except SeawallError:
            return {"ok": 0, "members": 0}
        return {"ok": 1, "members": len(found), "text": str(found)}

    def sized_state(self, members, key, value):
        numbers = [str(10 + i) if int(members) > 1 else "" for i in range(int(members))]
        return self.state(text=",".join(n.ljust(int(key), "k") + "=" + "v" * int(value) for n in numbers))

    def set(self, text, key, value):
        try:
            return {"ok": 1, "text": str(TraceState(text).set(key, value))}
        except SeawallError:
            return {"ok": 0}

    def get(self, text, key):
        value = TraceState(text).get(key)
        return {"found": int(value is not None), "value": value}

    def remove(self, text, key):
        before = TraceState(text)
        after = before.remove(key)
        return {"found": int(after != before), "text": str(after)}

    def shrink(self, text, limit):
        return {"text": str(TraceState(text).shrink(int(limit)))}

    def extract(self, **fields):
        headers = {}
        for name, value in fields.items():
            headers.setdefault(name.rstrip("2"), []).append(value)
        found = trace.extract(headers)
        return {"continued": int(found.continued), "trace_id": found.context.trace_id, "state": str(found.state)}

    def correlation(self, text):
        found = trace.correlation_id(raw(text))
        return {"accepted": int(raw(found) == raw(text)), "text": found}

    def sized_correlation(self, size):
        return self.correlation("x" * int(size))


class Conformance(unittest.TestCase):
    def test_every_rule_of_the_table(self):
        verbs = Verbs()
        for case in vectors.load("trace_context.txt"):
            for step in case.steps:
                with self.subTest(case=case.name, line=step.line):
                    self.assertEqual(step.mismatches(getattr(verbs, step.verb)(**step.arguments)), [])


class Contexts(unittest.TestCase):
    def test_a_child_keeps_trace_and_flags(self):
        parent = TraceContext.parse(EXAMPLE)
        child = parent.child()
        self.assertEqual((child.trace_id, child.flags), (parent.trace_id, parent.flags))
        self.assertNotEqual(child.span_id, parent.span_id)
        self.assertEqual(str(parent), EXAMPLE)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 3), st.integers(0, 7))
    def test_any_context_comes_back(self, trace_id, span_id, flags, hints):
        context = TraceContext(f"{trace_id:032x}", f"{span_id:016x}", flags, hints)
        self.assertEqual((context.flags, context.hints), (flags, hints))
        again = TraceContext.parse(str(context))
        self.assertEqual((again.trace_id, again.span_id, again.flags), (context.trace_id, context.span_id, flags))
        child = context.child()
        self.assertEqual((child.trace_id, child.flags, child.hints), (context.trace_id, flags, hints))
        self.assertNotEqual(child.span_id, context.span_id)
        self.assertEqual(child, TraceContext(child.trace_id, child.span_id, flags, hints))
        self.assertEqual(hash(again), hash(TraceContext(again.trace_id, again.span_id, again.flags)))

    def test_roots_carry_the_flags_asked_for(self):
        self.assertEqual(TraceContext.root().flags, trace.SAMPLED | trace.RANDOM)
        self.assertEqual(TraceContext.root(sampled=False).flags, trace.RANDOM)
        self.assertEqual(TraceContext.root(random=False).flags, trace.SAMPLED)

    def test_a_root_has_no_other_flags(self):
        for said in (2, -1, "yes"):
            self.assertEqual(TraceContext.root(sampled=said, random=0).flags, trace.SAMPLED)
            self.assertEqual(TraceContext.root(sampled=0, random=said).flags, trace.RANDOM)

    def test_a_context_that_breaks_the_rules_cannot_be_made(self):
        good = TraceContext.parse(EXAMPLE)
        for changed in ({"trace_id": "0" * 32}, {"span_id": "B7AD6B7169203331"}, {"span_id": ""}):
            with self.subTest(changed), self.assertRaisesRegex(SeawallError, "traceparent"):
                dataclasses.replace(good, **changed)
        self.assertEqual(dataclasses.replace(good, flags=0xFD).flags, trace.SAMPLED)

    def test_ids_of_forked_children_differ(self):
        TraceContext.root()
        reader, writer = os.pipe()
        for _ in range(4):
            if os.fork() == 0:
                os.write(writer, b"".join(TraceContext.root().trace_id.encode() for _ in range(100)))
                os._exit(0)
        os.close(writer)
        for _ in range(4):
            self.assertEqual(os.wait()[1], 0)
        with open(reader, "rb") as pipe:
            text = pipe.read()
        ids = [text[i : i + 32] for i in range(0, len(text), 32)]
        ids += [TraceContext.root().trace_id.encode() for _ in range(100)]
        self.assertEqual(len(set(ids)), 500)


class Headers(unittest.TestCase):
    def test_a_trace_goes_through(self):
        incoming = trace.extract({"TraceParent": EXAMPLE, "Tracestate": "a=1"})
        outgoing = trace.inject(incoming.context.child(), {"X": "y"}, incoming.state)
        self.assertEqual(outgoing["tracestate"], "a=1")
        self.assertEqual(outgoing["X"], "y")
        self.assertEqual(trace.extract(outgoing).context.trace_id, incoming.context.trace_id)

    def test_inject_replaces_what_was_there(self):
        headers = {"TRACEPARENT": "old", "traceparent": "older", "TraceState": "b=2"}
        trace.inject(TraceContext.parse(EXAMPLE), headers)
        self.assertEqual(headers, {"traceparent": EXAMPLE})

    def test_bytes_are_headers_too(self):
        found = trace.extract({b"traceparent": EXAMPLE.encode(), b"tracestate": b"a=\xff"})
        self.assertTrue(found.continued)
        self.assertEqual(len(found.state), 0)


class CorrelationIds(unittest.TestCase):
    def test_fresh_ones_differ(self):
        self.assertEqual(len({trace.correlation_id() for _ in range(1000)}), 1000)
        self.assertRegex(trace.correlation_id("not an id"), "^[0-9a-f]{32}$")


KEYS = st.from_regex(r"[a-z0-9][a-z0-9_*/@-]{0,3}", fullmatch=True)
VALUES = st.from_regex(r"[!-+\--<>-~]{1,5}", fullmatch=True)


class StateModel(unittest.TestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), KEYS, VALUES), max_size=50))
    def test_edits_match_a_list_of_pairs(self, edits):
        state, model = TraceState(), []
        for adds, key, value in edits:
            model = [member for member in model if member[0] != key]
            if adds:
                model = [(key, value), *model][:32]
            state = state.set(key, value) if adds else state.remove(key)
            self.assertEqual(list(state), model)
        self.assertEqual(TraceState.parse(str(state)), state)

    @settings(max_examples=500, deadline=None)
    @given(st.binary(max_size=80), st.binary(max_size=80))
    def test_extract_takes_anything(self, parent, state):
        found = trace.extract({"traceparent": parent, "tracestate": state})
        self.assertEqual(TraceContext.parse(str(found.context)), found.context)
        self.assertEqual(TraceState.parse(str(found.state)), found.state)


if __name__ == "__main__":
    unittest.main()
