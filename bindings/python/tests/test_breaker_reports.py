# SPDX-License-Identifier: MIT
"""Healthy successes are not told to the library: nobody can see a difference."""

import ctypes
import dataclasses
import unittest

from hypothesis import example, given, settings
from hypothesis import strategies as st

from seawall import CircuitBreaker
from seawall._library import check, lib
from seawall.circuit_breaker import Outcome, ReportResult

SECOND = 1_000_000_000
RULES = (
    {},
    {"failure_threshold": 2, "open_duration": 2.0, "success_threshold": 2, "half_open_max_probes": 2},
    {"count_totals": True},
    {"count_window": 4, "failure_rate_threshold": 50, "minimum_calls": 2},
    {"shadow": True},
)
MOVES = st.one_of(
    st.tuples(st.just("acquire"), st.just(None)),
    st.tuples(st.just("report"), st.tuples(st.integers(0, 5), st.sampled_from(Outcome))),
    st.tuples(st.just("again"), st.sampled_from(Outcome)),
    st.tuples(st.just("pass"), st.integers(0, 4)),
    st.tuples(st.sampled_from(["reset", "force_open", "disable"]), st.just(None)),
)


class Reports(unittest.TestCase):
    @settings(max_examples=200, deadline=None)
    @example({}, [("disable", None), ("acquire", None), ("report", (0, Outcome.SUCCESS))])
    @example({}, [("acquire", None), ("force_open", None), ("report", (0, Outcome.SUCCESS))])
    @example(RULES[1], [("acquire", None), ("report", (0, Outcome.FAILURE))] * 2 + [("pass", 4)] + [("acquire", None)] * 2
             + [("report", (0, Outcome.SUCCESS))] * 2 + [("acquire", None), ("report", (0, Outcome.SUCCESS))])
    @given(st.sampled_from(RULES), st.lists(MOVES, max_size=60))
    def test_tickets_answer_as_the_library_does(self, rules, moves):
        ours, told = (CircuitBreaker(**rules, seed=1, now_ns=0) for _ in range(2))
        calls, now, last = [], 0, None
        for move, what in moves:
            if move == "acquire":
                token = ctypes.c_uint64()
                check(lib.seawall_circuit_breaker_try_acquire(told._handle, now, token, None))
                calls.append((ours.try_acquire(now_ns=now), token.value))
                self.assertEqual(bool(calls[-1][0]), bool(token.value))
            elif move == "report" and calls:
                ticket, token = last = calls.pop(what[0] % len(calls))
                answer = lib.seawall_circuit_breaker_report(told._handle, token, what[1], now)
                self.assertEqual(ticket.report(what[1], now_ns=now), answer)
            elif move == "again" and last:
                self.assertIs(last[0].report(what, now_ns=now), ReportResult.INVALID_TOKEN)
            elif move == "pass":
                now += what * SECOND
            elif move in ("reset", "force_open", "disable"):
                for breaker in (ours, told):
                    getattr(breaker, move)(now_ns=now)
            seen = [dataclasses.asdict(breaker.snapshot(now_ns=now)) for breaker in (ours, told)]
            self.assertEqual(*seen)
        for ticket, _ in calls:
            ticket.cancel()


if __name__ == "__main__":
    unittest.main()
