# SPDX-License-Identifier: MIT
import gc
import unittest

import seawall
from seawall import FixedWindow, KeyedRateLimiter, LeasedTokenBucket, LimitSet, LimitStatus, SlidingWindow, TokenBucket
from seawall.limit_set import rate_limit_header, rate_limit_policy_header, retry_after_header

SECOND = 1_000_000_000


class LimitSets(unittest.TestCase):
    def setUp(self):
        self.users = KeyedRateLimiter(TokenBucket, 2, 10.0, memory_bytes=4096, now_ns=0)
        self.service = SlidingWindow(3, 12.0, sub_windows=1, now_ns=0)
        self.all = TokenBucket(100, 1.0, now_ns=0)
        self.limits = LimitSet(self.users, self.service, self.all)

    def left(self) -> int:
        return self.all.peek(0, now_ns=0).remaining

    def test_all_are_charged_or_none(self):
        answer = self.limits.try_acquire("ann", permits=2, now_ns=0)
        self.assertTrue(answer and answer.allowed and not answer.never)
        self.assertIsNone(answer.refused_by)
        self.assertEqual([d.remaining for d in answer.decisions], [0, 1, 98])
        refused = self.limits.try_acquire("ann", now_ns=0)
        self.assertFalse(refused)
        self.assertEqual((refused.refused_by, refused.retry_after_ns, refused.retry_after), (0, 5 * SECOND, 5.0))
        self.assertEqual([bool(d) for d in refused.decisions], [False, True, True])
        self.assertEqual(self.limits.try_acquire("bob", permits=2, now_ns=0).refused_by, 1)
        self.assertEqual(self.left(), 98)
        never = self.limits.try_acquire("bob", permits=4, now_ns=0)
        self.assertTrue(never.never and never.retry_after_ns is None and never.retry_after == float("inf"))
        self.assertIn("refused by limit", repr(never))

    def test_a_refund_gives_the_whole_decision_back_once(self):
        for key in ("ann", b"ann", 7, 2**64 - 1):
            answer = self.limits.try_acquire(key, permits=2, now_ns=0)
            self.assertTrue(answer)
            self.limits.refund(answer, now_ns=0)
            self.assertEqual([d.remaining for d in answer.decisions], [2, 3, 100])
            self.limits.refund(answer, now_ns=0)
            self.assertEqual((self.left(), self.service.peek(now_ns=0).remaining), (100, 3))
            self.assertEqual(self.users.peek(key, now_ns=0).remaining, 2)

    def test_peek_takes_nothing(self):
        self.assertTrue(self.limits.peek("ann", permits=2, now_ns=0))
        self.assertEqual(self.limits.peek("ann", permits=2, now_ns=0).decisions[0].charged, 0)
        self.assertEqual(self.left(), 100)

    def test_a_set_keeps_its_limiters(self):
        limits = LimitSet(FixedWindow(1, 1.0, now_ns=0), LeasedTokenBucket(100, 1.0, now_ns=0))
        gc.collect()
        self.assertTrue(limits.try_acquire(now_ns=0))
        self.assertEqual(limits.try_acquire(now_ns=0).refused_by, 0)

    def test_wrong_arguments(self):
        with self.assertRaises(seawall.SeawallError):
            LimitSet()
        with self.assertRaises(seawall.SeawallError):
            LimitSet(*[self.all] * 9)
        for keys in ((), ("a", "b")):
            with self.assertRaises(TypeError):
                self.limits.try_acquire(*keys)
        with self.assertRaises(ValueError):
            self.limits.try_acquire(-1)
        with self.assertRaises(seawall.SeawallError):
            self.limits.try_acquire("ann", permits=-1)
        with self.assertRaisesRegex(TypeError, "the answer of a set of 3 needed, not of 1"):
            self.limits.refund(LimitSet(self.all).try_acquire())


class Headers(unittest.TestCase):
    def test_values(self):
        user = TokenBucket(200, 60.0, now_ns=0).try_acquire(50, now_ns=0)
        service = TokenBucket(1000, 60.0, now_ns=0).try_acquire(now_ns=0)
        limits = [LimitStatus("user", 200, 60 * SECOND, user), LimitStatus("service", 1000, 60 * SECOND, service)]
        self.assertEqual(rate_limit_policy_header(limits), '"user";q=200;w=60, "service";q=1000;w=60')
        self.assertEqual(rate_limit_header(limits), '"user";r=150;t=15')
        self.assertEqual(rate_limit_header([]), "")
        self.assertEqual(retry_after_header(2 * SECOND + 1), "3")
        self.assertEqual(retry_after_header(0), "1")
        self.assertEqual(retry_after_header(None), "")

    def test_values_longer_than_the_first_buffer(self):
        limits = [LimitStatus("x" * 100, 1, 0)] * 8
        self.assertEqual(rate_limit_policy_header(limits), ", ".join([f'"{"x" * 100}";q=1'] * 8))

    def test_what_cannot_be_told_is_refused(self):
        for limits in ([LimitStatus("a\n", 1, 1)], [LimitStatus("a", 1, 1)] * 9):
            with self.assertRaises(seawall.SeawallError):
                rate_limit_policy_header(limits)
        with self.assertRaises(seawall.SeawallError):
            rate_limit_header([LimitStatus("a", 1, 1)])


if __name__ == "__main__":
    unittest.main()
