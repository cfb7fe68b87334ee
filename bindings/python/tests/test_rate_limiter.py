# SPDX-License-Identifier: MIT
import threading
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import (
    Decision,
    FixedWindow,
    KeyedRateLimiter,
    LeasedTokenBucket,
    LimitChange,
    Reservation,
    SlidingWindow,
    TokenBucket,
)

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


class VerbVectors(unittest.TestCase):
    """The tables of all verbs of a limiter without keys."""

    def run_file(self, name, kind):
        for case in vectors.load(name):
            with self.subTest(case.name):
                limiter = kind(now_ns=0, **{key: int(value) for key, value in case.options.items()})
                named = {}
                for step in case.steps:
                    answer = self.run_step(limiter, step, named)
                    if "name" in step.arguments:
                        named[step.arguments["name"]] = answer
                    self.assertEqual(step.mismatches(self.shown(answer)), [], step.verb)

    @staticmethod
    def run_step(limiter, step, named):
        arguments = {key: value for key, value in step.arguments.items() if key != "name"}
        how, taken = arguments.pop("how", None), arguments.pop("step", None)
        numbers = {key: int(value) for key, value in arguments.items()}
        n, now_ns = numbers.pop("n", 1), step.now_ns
        if step.verb == "change":
            return limiter.change_limit(how=LimitChange[how.upper()], now_ns=now_ns, **numbers)
        if step.verb == "settle":
            return limiter.settle(named[taken], numbers["actual"], debt_cap=numbers.get("debt_cap", 0), now_ns=now_ns)
        if taken is not None:
            return getattr(limiter, step.verb)(named[taken], now_ns=now_ns)
        verb = limiter.acquire_until if step.verb == "until" else getattr(limiter, step.verb)
        return verb(permits=n, now_ns=now_ns, **numbers)

    @staticmethod
    def shown(answer):
        if isinstance(answer, Decision):
            return _shown(answer)
        if isinstance(answer, bool):
            return {"changed": int(answer)}
        if isinstance(answer, int):
            return {"refunded": answer}
        if isinstance(answer, Reservation):
            shown = {"granted": int(answer.granted), "never": int(answer.never), "limit": answer.limit}
            return {**shown, "delay_ns": answer.delay_ns}
        return answer._asdict()

    def test_token_bucket(self):
        self.run_file("token_bucket_verbs.txt", TokenBucket)

    def test_fixed_window(self):
        self.run_file("fixed_window.txt", FixedWindow)

    def test_sliding_window(self):
        self.run_file("sliding_window_verbs.txt", SlidingWindow)

    def test_a_window_keeps_its_shape(self):
        window = SlidingWindow(5, 60.0)
        with self.assertRaisesRegex(seawall.SeawallError, "keeps its period"):
            window.change_limit(5, period_ns=61_000_000_000)


class Leased(unittest.TestCase):
    def test_cells_and_shared_bucket_hold_the_burst(self):
        bucket = LeasedTokenBucket(200, 1.0, burst=181, batch=5, now_ns=0)
        taken = 0
        while bucket.try_acquire(now_ns=0):
            taken += 1
        self.assertEqual(taken, 100)
        self.assertEqual(bucket.try_acquire(now_ns=0).retry_after_ns, 5_000_000)
        self.assertTrue(bucket.try_acquire(101, now_ns=0).never)
        self.assertEqual(bucket.reserve(10, now_ns=0).delay_ns, 50_000_000)

    def test_a_batch_that_does_not_fit_names_its_bounds(self):
        with self.assertRaisesRegex(seawall.SeawallError, "17 of which must fit the burst, must be from 1 to 10, not 11"):
            LeasedTokenBucket(200, 1.0, burst=181, batch=11)
        bucket = LeasedTokenBucket(200, 1.0, burst=181, batch=5)
        with self.assertRaisesRegex(seawall.SeawallError, "batch must not become smaller"):
            bucket.change_limit(200, 1.0, burst=181, batch=4)
        self.assertTrue(bucket.change_limit(300, 1.0, burst=181, batch=5))


class Promise(unittest.TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 6)), max_size=80), st.integers(2, 20), st.data())
    def test_a_bucket_made_for_a_window_keeps_to_it(self, steps, limit, data):
        burst = data.draw(st.integers(1, limit - 1))
        bucket = TokenBucket.at_most(limit, window_ns=10_000, burst=burst, now_ns=0)
        now, log = 0, []
        for wait, permits in steps:
            now += wait
            if bucket.try_acquire(permits, now_ns=now):
                log.append((now, permits))
            self.assertLessEqual(sum(n for at, n in log if at >= now - 10_000), limit)

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
    def test_a_reservation_is_true_when_granted(self):
        bucket = TokenBucket(1, 1.0, now_ns=0)
        self.assertEqual(bucket.reserve(now_ns=0).delay, 0.0)
        later = bucket.reserve(max_wait=1.0, now_ns=0)
        self.assertTrue(later)
        self.assertEqual(later.delay, 1.0)
        self.assertFalse(bucket.reserve(max_wait_ns=1, now_ns=0))
        self.assertFalse(bucket.acquire_until(1_999_999_999, now_ns=0))
        self.assertEqual(bucket.cancel(later, now_ns=0), 1)
        self.assertEqual(bucket.cancel(later, now_ns=0), 0)
        never = bucket.reserve(2, now_ns=0)
        self.assertTrue(never.never)
        self.assertIsNone(never.delay_ns)
        self.assertIn("never granted", repr(never))

    def test_settlement_and_refund_of_what_remains_charged(self):
        bucket = TokenBucket(10, 1.0, now_ns=0)
        decision = bucket.try_acquire(2, now_ns=0)
        self.assertEqual(bucket.settle(decision, 5, now_ns=0), (0, 3, 0))
        self.assertEqual(decision.charged, 5)
        self.assertEqual(bucket.refund(decision, now_ns=0), 5)

    def test_numbers_beyond_an_int64_are_not_cut(self):
        bucket = TokenBucket(10, 1.0, now_ns=0)
        self.assertTrue(bucket.reserve(2**64, now_ns=0).never)
        self.assertTrue(bucket.acquire_until(2**70, now_ns=0))
        self.assertFalse(bucket.acquire_until(-(2**70), now_ns=0))
        self.assertTrue(bucket.reserve(max_wait_ns=2**70, now_ns=0))
        with self.assertRaises(seawall.SeawallError):
            TokenBucket.at_most(2**64, 1.0, burst=1)

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

    def test_allow_is_try_acquire_of_one_permit_now(self):
        users = KeyedRateLimiter(SlidingWindow, 2, 86_400.0)
        for key in ("ann", b"\x00", "\ud800", 7):
            self.assertIs(users.allow(key), True)
            self.assertEqual(users.try_acquire(key).remaining, 0)
            self.assertIs(users.allow(key), False)
        self.assertIs(users.allow(b"\x00b"), True)
        for key in (-1, 2**64):
            with self.assertRaises(ValueError):
                users.allow(key)

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
