# SPDX-License-Identifier: MIT
"""The validator's checks of the library pass on the library, and each fails on one that is broken in its way."""

import contextlib
import io
import unittest
from unittest import mock

from seawall import _validate_library as checks
from seawall import circuit_breaker, metrics, rate_limiter, registry, validate

# (where, what, its replacement): the checks that must fail, with a word of the text. Others may fail as well.
BROKEN = [
    (checks, "version", lambda: "9.9", "library loads", "9.9"),
    (registry.ServiceRegistry, "set_health", lambda *_, **__: None, "health", "fails its probe"),
    (registry.ServiceRegistry, "tick", lambda *_, **__: 0, "health", "0 of 4 leases"),
    (registry.Service, "pick", lambda *_, **__: None, "health", "not picked"),
    (registry.Service, "pick", lambda *_, **__: None, "service discovery", "resolves to None"),
    (registry.ServiceRegistry, "services", lambda *_, **__: {"trading": {}}, "service discovery", "listed are trading"),
    (metrics.Counter, "add", lambda *_: None, "business metrics", "shows 0 after three"),
    (metrics.Gauge, "set", lambda *_: None, "business metrics", "set to 2 shows 0"),
    (metrics.Histogram, "observe", lambda *_: None, "business metrics", "trade_duration_seconds_count 3"),
    (checks.trace, "correlation_id", lambda *_: "same", "correlation", "was changed"),
    (checks.trace, "correlation_id", lambda given: given or "fresh", "correlation", "not replaced"),
    (checks.trace.TraceContext, "child", lambda self: self, "correlation", "parent's span id"),
    (checks.trace.TraceContext, "child", lambda _: checks.trace.TraceContext.root(), "correlation", "another trace"),
    (rate_limiter.SlidingWindow, "try_acquire", lambda *_: True, "ten concurrent requests", "200 of 200"),
    (metrics.Counter, "add", lambda *_: None, "ten concurrent requests", "shows 0 after 200"),
    (checks, "CONCURRENT_SECONDS", 0.0, "ten concurrent requests", "took"),
    (rate_limiter.Decision, "__bool__", lambda _: True, "rate limiting", "let 11"),
    (rate_limiter.Decision, "retry_after_ns", 5, "rate limiting", "refused at the time of retry"),
    (rate_limiter.Decision, "retry_after_ns", 120 * checks.SECOND, "rate limiting", "before the time of retry"),
    (circuit_breaker.Ticket, "report", lambda *_, **__: None, "breaker opens", "is closed"),
    (circuit_breaker.Ticket, "__bool__", lambda _: True, "breaker protects", "let a call through"),
    (circuit_breaker.Ticket, "__bool__", lambda _: False, "breaker protects", "no probe"),
    (circuit_breaker.Ticket, "retry_after", 30.0, "breaker protects", "retry after 30.0 s"),
    (circuit_breaker.Ticket, "__bool__", lambda _: False, "trade execution", "refused the trade"),
    (checks.trace, "inject", lambda *_: {"traceparent": ""}, "trade execution", "does not go to the upstream"),
    (checks, "LOOKUP_SECONDS", 0.0, "registry lookup < 5 ms", "not under 0 ms"),
    (checks, "DETECTION_SECONDS", 0.0, "failure detection < 1 s", "still went out"),
    (circuit_breaker.CircuitBreaker, "outcome_of", lambda *_: 0, "failure detection < 1 s", "still went out"),
]


class Library(unittest.TestCase):
    def setUp(self):
        for name in ("CONCURRENT_SECONDS", "LOOKUP_SECONDS"):  # not the speed of a busy machine is tested here
            patch = mock.patch.object(checks, name, 30.0)
            patch.start()
            self.addCleanup(patch.stop)

    def result(self, name):
        return validate.run_check(validate.Check("library", name, dict(checks.CHECKS)[name]))

    def test_every_check_passes_on_the_library(self):
        for name, _ in checks.CHECKS:
            with self.subTest(name):
                result = self.result(name)
                self.assertTrue(result.passed, result.measured)
                self.assertTrue(result.measured)

    def test_each_check_fails_on_a_library_that_is_broken_in_its_way(self):
        for where, what, replacement, name, text in BROKEN:
            with self.subTest(check=name, broken=what), mock.patch.object(where, what, replacement):
                result = self.result(name)
                self.assertFalse(result.passed, result.measured)
                self.assertIn(text, result.measured)

    def test_no_check_lacks_a_breakage(self):
        self.assertEqual({name for _, _, _, name, _ in BROKEN}, {name for name, _ in checks.CHECKS})

    def test_the_ten_ideas_of_http_are_all_checked_here(self):
        http = [check.name for check in validate.GatewayChecks(validate.Client("http://127.0.0.1", 1)).checks()]
        here = [name for name, _ in checks.CHECKS]
        self.assertEqual(["library loads", *http[1:]], here[: len(http)])

    def test_the_command_runs_them(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed, mock.patch("builtins.open", mock.mock_open()):
            code = validate.main(["--only", "library"])
        self.assertEqual(code, 0, printed.getvalue())
        self.assertIn("12 of 12 passed", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
