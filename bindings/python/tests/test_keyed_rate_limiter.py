# SPDX-License-Identifier: MIT
import array
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import re
import signal
import time
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import KeyedRateLimiter, LimitChange, SlidingWindow, TokenBucket

KINDS = (TokenBucket, SlidingWindow)
SECOND = 1_000_000_000
KEYS = st.one_of(st.integers(0, 3), st.sampled_from(["0", "ann", b"ann", "", b"\x00"]))


def ask(name: str, kind: type, admitted) -> None:
    shared = multiprocessing.shared_memory.SharedMemory(name)
    users = KeyedRateLimiter.attach(kind, shared.buf)
    while True:
        for user in range(5):
            if users.try_acquire(user, now_ns=0):
                with admitted.get_lock():
                    admitted.value += 1


class Batches(unittest.TestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(KINDS), st.lists(KEYS, max_size=60), st.integers(0, 4))
    def test_a_batch_answers_as_its_keys_one_by_one(self, kind, keys, permits):
        batched = KeyedRateLimiter(kind, 3, 60.0, memory_bytes=8192, now_ns=0)
        single = KeyedRateLimiter(kind, 3, 60.0, memory_bytes=8192, now_ns=0)
        decisions = batched.try_acquire_batch(keys, permits, now_ns=5)
        self.assertEqual(len(decisions), len(keys))
        for key, decision in zip(keys, decisions):
            alone = single.try_acquire(key, permits, now_ns=5)
            self.assertEqual((decision.allowed, decision.never), (alone.allowed, alone.never))
            self.assertEqual((decision.remaining, decision.retry_after_ns), (alone.remaining, alone.retry_after_ns))
        for key, decision in zip(keys, decisions):
            self.assertEqual(batched.refund(key, decision, now_ns=5), permits if decision else 0)

    def test_integers_in_any_container(self):
        users = KeyedRateLimiter(TokenBucket, 1, 60.0)
        self.assertEqual([bool(d) for d in users.try_acquire_batch(iter([1, 2, 1]))], [True, True, False])
        self.assertEqual([bool(d) for d in users.try_acquire_batch(array.array("Q", [1, 3]))], [False, True])
        self.assertEqual(users.try_acquire_batch([]), [])
        for keys in ([-1], [1, 2**64], ["a", -1]):
            with self.assertRaises(ValueError):
                users.try_acquire_batch(keys)
        with self.assertRaises(seawall.SeawallError):
            users.try_acquire_batch([9], -1)
        self.assertTrue(users.try_acquire(9))


class Askers(unittest.TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(KINDS),
        st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 255, 256, 257, 5000]).map("k".__mul__)),
        st.lists(st.sampled_from(["allow", "now", "given", "many"]), max_size=12),
    )
    def test_all_ways_to_ask_take_from_one_limit(self, kind, key, ways):
        users, left = KeyedRateLimiter(kind, 5, 86_400.0, memory_bytes=8192), 5
        for way in ways:
            wanted = 2 if way == "many" else 1
            if way == "allow":
                admitted = users.allow(key)
            elif way == "given":
                admitted = bool(users.try_acquire(key, now_ns=time.monotonic_ns()))
            else:
                admitted = bool(users.try_acquire(key, wanted) if way == "many" else users.try_acquire(key))
            self.assertEqual(admitted, left >= wanted)
            left -= wanted * admitted
            self.assertEqual(users.peek(key).remaining, left)
        self.assertTrue(users.allow("another" if isinstance(key, int) else key + "."))

    def test_a_key_of_another_kind_is_refused(self):
        users = KeyedRateLimiter(TokenBucket, 1, 60.0)
        for key in (None, 1.5, ["a"], bytearray(b"a")):
            for ask in (users.allow, users.try_acquire, users.peek, lambda key: users.try_acquire_batch([1, key])):
                with self.subTest(key=key), self.assertRaisesRegex(TypeError, re.escape(f"str or bytes needed, not {key!r}")):
                    ask(key)
        self.assertEqual(users.stats().keys_active, 0)


class Saved(unittest.TestCase):
    def table(self, kind, permits=5):
        return KeyedRateLimiter(kind, permits, 60.0, memory_bytes=65536, now_ns=0)

    def test_what_was_saved_is_restored(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                users = self.table(kind)
                for user in range(100):
                    users.try_acquire(user, user % 6, now_ns=SECOND)
                saved = users.save(now_ns=SECOND)
                back, later = self.table(kind), self.table(kind)
                back.restore(saved, now_ns=3600 * SECOND)
                later.restore(saved, passed=120.0, now_ns=3600 * SECOND)
                for user in range(100):
                    left = users.peek(user, now_ns=SECOND).remaining
                    self.assertEqual(back.peek(user, now_ns=3600 * SECOND).remaining, left)
                    self.assertEqual(later.peek(user, now_ns=3600 * SECOND).remaining, 5)
                with self.assertRaisesRegex(seawall.SeawallError, "saved bytes"):
                    self.table(kind).restore(saved[:-1])
                with self.assertRaisesRegex(seawall.SeawallError, "saved bytes"):
                    self.table(kind, 6).restore(saved)

    def test_another_limit_takes_over_what_was_used(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                old, fresh, full = self.table(kind, 20), self.table(kind, 100), self.table(kind, 100)
                old.try_acquire("ann", 15, now_ns=0)
                fresh.take_over(old, LimitChange.PROPORTIONAL, now_ns=0)
                full.take_over(old, LimitChange.RESET, now_ns=0)
                self.assertEqual(fresh.peek("ann", now_ns=0).remaining, 25)
                self.assertEqual(fresh.peek("bob", now_ns=0).remaining, 100)
                self.assertEqual(full.peek("ann", now_ns=0).remaining, 100)
                with self.assertRaisesRegex(seawall.SeawallError, "one kind"):
                    fresh.take_over(self.table(KINDS[1 - KINDS.index(kind)]))
                with self.assertRaisesRegex(seawall.SeawallError, "bytes"):
                    fresh.take_over(KeyedRateLimiter(kind, 5, 60.0, memory_bytes=8192))

    def test_no_number_is_cut(self):
        old, fresh = self.table(TokenBucket, 20), self.table(TokenBucket, 100)
        with self.assertRaisesRegex(seawall.SeawallError, "how does not fit"):
            fresh.take_over(old, 2**32)
        with self.assertRaisesRegex(seawall.SeawallError, "keys does not fit"):
            KeyedRateLimiter.memory_for(TokenBucket, 2**64 + 1)
        for name, value in (("permits", 2**64 + 5), ("period_ns", 2**64 + 1), ("burst", 2**64 + 1), ("seed", 2**64)):
            options = {"permits": 5, "period_ns": SECOND} | {name: value}
            with self.subTest(name), self.assertRaisesRegex(seawall.SeawallError, name):
                KeyedRateLimiter(TokenBucket, memory=mmap.mmap(-1, 8192), **options)


class Shared(unittest.TestCase):
    def test_two_on_one_memory_are_one(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__), mmap.mmap(-1, KeyedRateLimiter.memory_for(kind, 50)) as memory:
                with self.assertRaisesRegex(seawall.SeawallError, "no keyed limiter"):
                    KeyedRateLimiter.attach(kind, memory)
                one = KeyedRateLimiter(kind, 2, 60.0, memory=memory, now_ns=0)
                two = KeyedRateLimiter.attach(kind, memory)
                self.assertTrue(one.try_acquire("ann", 2, now_ns=0))
                self.assertFalse(two.try_acquire("ann", now_ns=0))
                with self.assertRaises(BufferError):
                    memory.close()  # not below a limiter
                del one, two

    def test_memory_that_does_not_fit_is_refused(self):
        with self.assertRaisesRegex(seawall.SeawallError, "memory_bytes"):
            KeyedRateLimiter(TokenBucket, 2, 60.0, memory=mmap.mmap(-1, 64))
        with self.assertRaises(TypeError):
            KeyedRateLimiter(TokenBucket, 2, 60.0, memory=b"read only" * 1000)
        with self.assertRaises(seawall.SeawallError):
            KeyedRateLimiter.memory_for(TokenBucket, 2**60)

    def test_processes_share_a_limit_and_may_be_killed(self):
        context = multiprocessing.get_context("spawn")  # nothing is inherited but the name
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                shared = multiprocessing.shared_memory.SharedMemory(
                    create=True, size=KeyedRateLimiter.memory_for(kind, 50)
                )
                try:
                    users = KeyedRateLimiter(kind, 50, 86_400.0, memory=shared.buf, now_ns=0)
                    admitted = context.Value("q", 0)
                    children = [context.Process(target=ask, args=(shared.name, kind, admitted)) for _ in range(2)]
                    for child in children:
                        child.start()
                    while users.peek(0, now_ns=0):
                        os.sched_yield()
                    for child in children:
                        os.kill(child.pid, signal.SIGKILL)
                        child.join()
                    left = sum(users.peek(user, now_ns=0).remaining for user in range(5))
                    # A kill hides the permit that was not counted yet; the lock of the count may be left taken.
                    self.assertGreaterEqual(250 - left, admitted.get_obj().value)
                    self.assertLessEqual(250 - left, admitted.get_obj().value + len(children))
                    for user in range(5):
                        while users.try_acquire(user, now_ns=0):
                            left -= 1
                    self.assertEqual(left, 0)
                    del users
                finally:
                    shared.close()
                    shared.unlink()


if __name__ == "__main__":
    unittest.main()
