# SPDX-License-Identifier: MIT
import threading
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import Decision, KeyedRateLimiter, SlidingWindow, TokenBucket

from . import vectors


class _OneKey:
    """A keyed limiter seen as the limiter of one key."""

    def __init__(self, kind, *, now_ns, **options):
        self.limiter = KeyedRateLimiter(kind, memory_bytes=4096, now_ns=now_ns, **options)

    def try_acquire(self, permits, *, now_ns):
        return self.limiter.try_acquire("user", permits, now_ns=now_ns)

    def peek(self, permits, *, now_ns):
        return self.limiter.peek("user", permits, now_ns=now_ns)

    def refund(self, decision, *, now_ns):
        return self.limiter.refund("user", decision, now_ns=now_ns)


def _shown(decision: Decision) -> dict:
    return {
        "allowed": int(decision.allowed),
        "never": int(decision.never),
        "limit": decision.limit,
        "remaining": decision.remaining,
        "retry_after_ns": decision.retry_after_ns,
        "reset_after_ns": decision.reset_after_ns,
    }


class Vectors(unittest.TestCase):
    def run_file(self, name, make):
        for case in vectors.load(name):
            with self.subTest(case.name):
                limiter = make(now_ns=0, **{key: int(value) for key, value in case.options.items()})
                named = {}
                for step in case.steps:
                    if step.verb == "refund":
                        back = limiter.refund(named[step.arguments["step"]], now_ns=step.now_ns)
                        self.assertEqual(step.mismatches({"refunded": back}), [])
                        continue
                    verb = {"try_acquire": limiter.try_acquire, "peek": limiter.peek}[step.verb]
                    decision = verb(int(step.arguments.get("n", 1)), now_ns=step.now_ns)
                    self.assertEqual(step.mismatches(_shown(decision)), [])
                    if "name" in step.arguments:
                        named[step.arguments["name"]] = decision

    def test_token_bucket(self):
        self.run_file("token_bucket.txt", TokenBucket)
        self.run_file("token_bucket.txt", lambda **options: _OneKey(TokenBucket, **options))

    def test_sliding_window(self):
        self.run_file("sliding_window.txt", SlidingWindow)
        self.run_file("sliding_window.txt", lambda **options: _OneKey(SlidingWindow, **options))


class Promise(unittest.TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 6)), max_size=80), st.integers(1, 20))
    def test_no_trailing_window_holds_more_than_the_limit(self, steps, limit):
        window = SlidingWindow(limit, period_ns=10_000, now_ns=0)
        now, log = 0, []
        for wait, permits in steps:
            now += wait
            if window.try_acquire(permits, now_ns=now):
                log.append((now, permits))
            self.assertLessEqual(sum(n for at, n in log if at > now - 10_000), limit)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 6)), max_size=80), st.integers(1, 20))
    def test_a_bucket_admits_its_burst_and_its_rate(self, steps, burst):
        bucket = TokenBucket(3, period_ns=1_000, burst=burst, now_ns=0)
        now, taken = 0, 0
        for wait, permits in steps:
            now += wait
            decision = bucket.try_acquire(permits, now_ns=now)
            if decision:
                taken += permits
            elif not decision.never:
                self.assertFalse(bucket.peek(permits, now_ns=now + decision.retry_after_ns - 1))
                self.assertTrue(bucket.peek(permits, now_ns=now + decision.retry_after_ns))
            self.assertLessEqual(taken, burst + now * 3 // 1_000)


class Wrapper(unittest.TestCase):
    def test_a_decision_is_true_when_allowed(self):
        bucket = TokenBucket(1, 1.0, now_ns=0)
        self.assertTrue(bucket.try_acquire(now_ns=0))
        refused = bucket.try_acquire(now_ns=0)
        self.assertFalse(refused)
        self.assertEqual(refused.retry_after, 1.0)
        never = bucket.try_acquire(2, now_ns=0)
        self.assertTrue(never.never)
        self.assertIsNone(never.retry_after_ns)
        self.assertEqual(never.retry_after, float("inf"))
        self.assertIn("never allowed", repr(never))

    def test_a_refund_counts_once(self):
        window = SlidingWindow(2, 60.0)
        decision = window.try_acquire(2)
        self.assertEqual(decision.charged, 2)
        self.assertEqual(window.refund(decision), 2)
        self.assertEqual(window.refund(decision), 0)
        self.assertEqual(window.peek().remaining, 2)

    def test_bad_options_name_their_culprit(self):
        with self.assertRaisesRegex(seawall.SeawallError, "permits must be"):
            TokenBucket(-1, 1.0)
        with self.assertRaisesRegex(seawall.SeawallError, "permits must not be 0"):
            TokenBucket(0, 1.0)
        with self.assertRaisesRegex(seawall.SeawallError, "sub_windows must be"):
            SlidingWindow(1, 1.0, sub_windows=13)
        with self.assertRaisesRegex(seawall.SeawallError, "burst must not be 0"):
            TokenBucket(1, 1.0, burst=0)
        with self.assertRaisesRegex(TypeError, "period"):
            SlidingWindow(1)
        with self.assertRaisesRegex(seawall.SeawallError, "INVALID_ARGUMENT"):
            TokenBucket(1, 1.0).try_acquire(-1)
        with self.assertRaises(ValueError):
            KeyedRateLimiter(TokenBucket, 1, 1.0).try_acquire(-1)

    def test_keys_of_any_kind_have_limits_of_their_own(self):
        users = KeyedRateLimiter(SlidingWindow, 1, 60.0, now_ns=0)
        for key in ("7", 7, "ann", "a\u00f1il", b"\x00", "", 2**64 - 1):
            self.assertTrue(users.try_acquire(key, now_ns=0), key)
            self.assertFalse(users.try_acquire(key, now_ns=0), key)
            self.assertFalse(users.peek(key, now_ns=0), key)
        self.assertEqual(users.stats(now_ns=0).keys_active, 7)

    def test_a_hundred_thousand_keys_do_not_grow_the_table(self):
        users = KeyedRateLimiter(SlidingWindow, 5, 60.0, memory_bytes=1 << 20, when_full="allow", now_ns=0)
        for i in range(100_000):
            users.try_acquire(i, now_ns=i)
        stats = users.stats(now_ns=0)
        self.assertLessEqual(stats.memory_bytes, 1 << 20)
        self.assertLessEqual(stats.keys_active, stats.capacity)
        self.assertEqual(stats.keys_active + stats.full_admissions, 100_000)

    def test_threads_share_a_limit(self):
        window = SlidingWindow(1000, 3600.0)
        admitted = []

        def work():
            admitted.append(sum(bool(window.try_acquire()) for _ in range(500)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(admitted), 1000)


if __name__ == "__main__":
    unittest.main()
