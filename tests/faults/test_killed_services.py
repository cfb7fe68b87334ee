# SPDX-License-Identifier: MIT
"""Services that die under load: who notices, how soon, and who does not."""

import statistics
import time
import unittest

from faults.load import Call, Load
from support.stack import TRADE, Stack, wait_until

OPEN_SECONDS = 2.0
UPSTREAM_SECONDS = 20.0
MARGIN_SECONDS = 10.0  # of a busy machine; what hangs, hangs for UPSTREAM_SECONDS
OPTIONS = (
    "--open-duration", f"{OPEN_SECONDS:g}s", "--upstream-timeout", f"{UPSTREAM_SECONDS:g}s",
    "--user-limit", "1000000/60s", "--service-limit", "1000000/60s",
)  # fmt: skip
TRADING = Call("POST", "/api/v1/trading/execute", TRADE)
OTHERS = [Call("GET", "/api/v1/social/feed"), Call("GET", "/api/v1/gamification/user/7/profile")]
CONNECTIONS = 4
NO_BREAKER_REFUSAL = (502, 504)


class KilledService(unittest.TestCase):
    def test_the_only_instance_dies_and_comes_back(self):
        with Stack(*OPTIONS) as stack:
            started = stack.start_all()
            with Load(stack.port, [TRADING], CONNECTIONS) as trades, Load(stack.port, OTHERS, CONNECTIONS) as others:
                trades.wait_for(50)
                others.wait_for(50)
                killed = time.monotonic()
                started["trading"].kill()
                opened = wait_until("the breaker of trading is open", lambda: self.opened(stack))
                detected = wait_until("a trade is refused", lambda: self.first_refusal(trades, killed))
                restarted = time.monotonic()
                stack.start("trading", port=started["trading"].port)
                back = wait_until("trades succeed again", lambda: self.first_success(trades, restarted))
            failures = [s for s in trades.failures() if s.status in NO_BREAKER_REFUSAL]
            refused = [s for s in trades.failures() if s.status == 503]
            print(
                f"\nkilled: breaker open after {opened - killed:.3f} s, first refusal {detected - killed:.3f} s after the"
                f" kill, {len(failures)} failed and {len(refused)} refused trades, back {back - restarted:.3f} s after"
                f" the restart; others: {others.summary()}"
            )
            self.assertLess(detected - killed, MARGIN_SECONDS, "failure detection")
            # Three failures open it; each other connection may have had one call in flight then. Every probe before the
            # restart may fail as well.
            probes = int((back - opened) / OPEN_SECONDS) + 1
            self.assertLessEqual(len(failures), 3 + (CONNECTIONS - 1) + probes)
            self.assertEqual(others.failures(), [], "the other services are untouched")
            self.assertLess(back - restarted, OPEN_SECONDS + MARGIN_SECONDS, "one probe after open_duration decides")
            self.assertEqual(set(trades.summary()), {200, 502, 503} & set(trades.summary()))
            for sample in refused:
                self.assertIn("temporarily unavailable", sample.message)
            self.assertLess(max(trades.slowest(), others.slowest()), MARGIN_SECONDS, "nothing hangs")

    @staticmethod
    def opened(stack: Stack):
        health = stack.health("trading")
        if health["circuit_breaker"] != "open":
            return None
        assert health["failure_count"] == 3, health
        return time.monotonic()

    @staticmethod
    def first_refusal(load: Load, since: float):
        return next((s.end for s in list(load.samples) if s.status == 503 and s.start > since), None)

    @staticmethod
    def first_success(load: Load, since: float):
        return next((s.end for s in list(load.samples) if s.ok and s.start > since), None)


class OneOfTwo(unittest.TestCase):
    def test_the_other_instance_takes_over(self):
        with Stack(*OPTIONS) as stack:
            stack.start_all()
            second = stack.start("trading")
            stack.wait_until_healthy("trading", 2)
            with Load(stack.port, [TRADING], CONNECTIONS) as load:
                load.wait_for(100)
                killed = time.monotonic()
                second.kill()
                wait_until("the breaker of the dead instance is open", lambda: self.breaker(stack, second) == "open")
                by_breaker = time.monotonic() - killed
                wait_until("the lease takes it out", lambda: not self.alive(stack, second))
                by_lease = time.monotonic() - killed
                load.wait_for(sum(s.ok for s in list(load.samples)) + 50)
            failed = load.failures()
            print(
                f"\none of two: {len(failed)} failed of {len(load.samples)}, out by breaker after {by_breaker:.3f} s, by"
                f" lease after {by_lease:.3f} s, median {statistics.median(s.seconds for s in load.samples) * 1e3:.1f} ms"
            )
            self.assertLessEqual(len(failed), CONNECTIONS, "only calls in flight may fail")
            self.assertEqual(stack.health("trading")["circuit_breaker"], "closed", "the service as a whole is up")
            self.assertLess(load.slowest(), MARGIN_SECONDS, "nothing hangs")

    @staticmethod
    def breaker(stack: Stack, program) -> str:
        return next((i["circuit_breaker"] for i in stack.instances("trading") if i["port"] == program.port), "gone")

    @staticmethod
    def alive(stack: Stack, program) -> bool:
        return any(i["state"] == "healthy" for i in stack.instances("trading") if i["port"] == program.port)


class Terminated(unittest.TestCase):
    def test_every_accepted_request_is_answered(self):
        """SIGTERM under load: connections that were accepted get their answers; later ones are refused."""
        with Stack(*OPTIONS) as stack:
            stack.start_all()
            stack.start("social", "--delay", "200ms")
            stack.wait_until_healthy("social", 2)
            with Load(stack.port, OTHERS, 16, pause=0) as load:
                load.wait_for(200)
                signalled = time.monotonic()
                code = stack.gateway.stop()
                took = time.monotonic() - signalled
            accepted = [s for s in load.samples if s.sent < signalled]
            unanswered = [s for s in accepted if s.status == 0 and s.error != "ConnectionRefusedError"]
            print(f"\nSIGTERM: exit {code} after {took:.2f} s, {len(accepted)} accepted, {len(unanswered)} unanswered")
            self.assertEqual(code, 0)
            self.assertEqual(unanswered, [])
            self.assertEqual([s for s in accepted if s.status and not s.ok], [])


if __name__ == "__main__":
    unittest.main()
