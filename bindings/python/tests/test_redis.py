# SPDX-License-Identifier: MIT
"""Limits in Redis from Python: with a redis-server of the test's own, and without one."""

import asyncio
import ctypes
import gc
import os
import re
import signal
import threading
import unittest
import weakref

from seawall import SeawallError, redis
from seawall.redis import Algorithm, DecidedBy, Fault, LimitSet, Mode, RateLimiter, Store, WhenAway
from support.redis_server import RedisServer, eventually

DAY = 86_400.0


def setUpModule():
    global server
    server = RedisServer()


def tearDownModule():
    server.close()


class WithRedis(unittest.TestCase):
    def setUp(self):
        # Long enough that a busy machine misses no deadline where the test is not about deadlines.
        self.store = Store(server.endpoint, deadline=60.0, silence=120.0, reconnect_max=0.02)
        eventually(lambda: self.store.stats().up)

    def limiter(self, permits: int = 5, **options) -> RateLimiter:
        options = {"name": self.id().rpartition(".")[2][-60:], "period": DAY} | options
        return RateLimiter(self.store, permits=permits, **options)


class Exact(WithRedis):
    def test_redis_decides_each_request_for_all_processes(self):
        other = Store(server.endpoint, deadline=60.0, silence=120.0)
        for algorithm in Algorithm:
            here = self.limiter(name=algorithm.name, algorithm=algorithm)
            there = RateLimiter(other, algorithm.name, permits=5, period=DAY, algorithm=algorithm)
            first = here.try_acquire("ann", 2)
            self.assertTrue(first)
            self.assertEqual((first.decided_by, first.fault), (DecidedBy.STORE, Fault.NONE))
            self.assertEqual((first.limit, first.remaining, first.charged), (5, 3, 2))
            self.assertEqual(there.try_acquire(b"ann", 3).remaining, 0)
            refused = here.try_acquire("ann")
            self.assertFalse(refused)
            self.assertGreater(refused.retry_after, 3600)
            self.assertTrue(here.try_acquire("ann", 6).never)
            self.assertTrue(here.allow("bob"))
            self.assertEqual(here.peek("bob").remaining, 4)

    def test_a_refusal_is_repeated_here_unless_told_not_to(self):
        limiter = self.limiter(1)
        self.assertEqual([bool(limiter.try_acquire("ann")) for _ in range(2)], [True, False])
        asked = self.store.stats().requests
        self.assertEqual({limiter.try_acquire("ann").decided_by for _ in range(20)}, {DecidedBy.DENIAL_CACHE})
        self.assertEqual(self.store.stats().requests, asked)
        asking = self.limiter(1, denial_cache=0.0)
        self.assertEqual({asking.try_acquire("ann").decided_by for _ in range(3)}, {DecidedBy.STORE})
        self.assertEqual(limiter.stats().by_denial_cache, 20)

    def test_refund(self):
        limiter = self.limiter(3, algorithm=Algorithm.SLIDING_WINDOW)
        decision = limiter.try_acquire("ann", 3)
        self.assertEqual(limiter.refund("ann", decision), 3)
        self.assertEqual(limiter.refund("ann", decision), 0)
        decision = limiter.try_acquire("ann", 3)
        decision.charge_permits = 1
        limiter.refund_later("ann", decision)
        eventually(lambda: limiter.peek("ann").remaining == 1)

    def test_keys_of_any_bytes_stay_apart(self):
        limiter = self.limiter(1)
        keys = [b"", b"\x00", b"\x00\x00", b"a\x00b", "\u00fc", "\udcff", "}", "{", "x" * 300, "x" * 301]
        self.assertEqual([bool(limiter.try_acquire(key)) for key in keys], [True] * len(keys))
        self.assertEqual([bool(limiter.try_acquire(key)) for key in keys], [False] * len(keys))

    def test_what_waits_gives_the_gil_away(self):
        self.assertIsInstance(redis.lib, ctypes.PyDLL)
        self.assertNotIsInstance(redis.lib_waiting, ctypes.PyDLL)
        limiter = self.limiter(100, denial_cache=0.0)
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.extend(bool(limiter.try_acquire("all")) for _ in range(40)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(answers), sum(answers)), (160, 100))


class Leased(WithRedis):
    def test_nearly_all_decisions_are_local_and_none_too_many(self):
        limiter = self.limiter(1000, mode=Mode.LEASED, batch=100)
        answers = [limiter.try_acquire("all") for _ in range(1500)]
        by_lease = sum(answer.decided_by is DecidedBy.LEASE for answer in answers)
        self.assertLessEqual(sum(map(bool, answers)), 1000)
        self.assertGreater(by_lease, 500)
        self.assertGreater(limiter.stats().leases, 5)

    def test_permits_go_back_to_the_lease(self):
        limiter = self.limiter(1000, mode=Mode.LEASED, batch=100)  # so much that no other lease comes meanwhile
        eventually(lambda: limiter.try_acquire("x").decided_by is DecidedBy.LEASE)
        eventually(lambda: limiter.try_acquire("x", 2).remaining >= 4)
        decision = limiter.try_acquire("x", 3)
        self.assertEqual(decision.decided_by, DecidedBy.LEASE)
        self.assertEqual(limiter.refund("x", decision), 3)


    def test_a_first_look_here_takes_nothing_from_who_asks(self):
        half = self.limiter(16, name="lease-half", mode=Mode.LEASED, batch=8)
        self.assertEqual(half.try_acquire("x", 8).decided_by, DecidedBy.STORE)
        ones = self.limiter(4, name="lease-ones", mode=Mode.LEASED, batch=1)
        self.assertEqual([bool(ones.try_acquire("x")) for _ in range(5)], [True, True, True, False, False])


class Sets(WithRedis):
    def test_all_are_charged_or_none(self):
        users = self.limiter(3, name="set-user")
        services = self.limiter(4, name="set-service", algorithm=Algorithm.SLIDING_WINDOW)
        limits = LimitSet(users, services)
        for left in (2, 1, 0):
            answer = limits.try_acquire("ann", "trading")
            self.assertTrue(answer)
            self.assertIsNone(answer.refused_by)
            self.assertEqual([each.remaining for each in answer.decisions], [left, left + 1])
        refused = limits.try_acquire("ann", "trading")
        self.assertFalse(refused)
        self.assertEqual(refused.refused_by, 0)
        self.assertGreater(refused.retry_after, 3600)
        self.assertEqual(services.peek("trading").remaining, 1)
        with self.assertRaisesRegex(TypeError, "2 keys needed"):
            limits.try_acquire("ann")

    def test_a_peek_tells_what_a_try_would_and_takes_nothing(self):
        users = self.limiter(2, name="peek-user", denial_cache=0.0)
        services = self.limiter(9, name="peek-service", algorithm=Algorithm.SLIDING_WINDOW, denial_cache=0.0)
        limits = LimitSet(users, services)
        for permits in (0, 1, 3, 2, 1, 1):
            peeked = limits.peek("ann", "trading", permits=permits)
            taken = limits.try_acquire("ann", "trading", permits=permits)
            self.assertEqual((peeked.allowed, peeked.never), (taken.allowed, taken.never))
            self.assertEqual(peeked.refused_by, taken.refused_by)
            self.assertEqual({each.charged for each in peeked.decisions}, {0})
        self.assertEqual(services.peek("trading").remaining, 7)
        with self.assertRaisesRegex(TypeError, "2 keys needed"):
            limits.peek("ann")

    def test_a_refund_gives_all_back_once_and_in_one_call(self):
        users = self.limiter(3, name="back-user", algorithm=Algorithm.SLIDING_WINDOW)
        services = self.limiter(4, name="back-service", algorithm=Algorithm.SLIDING_WINDOW)
        limits = LimitSet(users, services)
        answer = limits.try_acquire("ann", "trading", permits=3)
        self.assertFalse(limits.try_acquire("ann", "trading"))
        asked = self.store.stats().requests
        limits.refund(answer)
        self.assertEqual(self.store.stats().requests, asked + 1)
        self.assertEqual([(each.remaining, each.charged) for each in answer.decisions], [(3, 0), (4, 0)])
        limits.refund(answer)
        self.assertEqual(self.store.stats().requests, asked + 1)
        later = limits.try_acquire("ann", "trading", permits=3)  # the refusal is no longer repeated
        limits.refund_later(later)
        eventually(lambda: services.peek("trading").remaining == 4)
        self.assertEqual({each.charged for each in later.decisions}, {0})

    def test_one_key_twice_is_an_error_that_names_it(self):
        users = self.limiter(3, name="twice")
        limits = LimitSet(users, users)
        with self.assertRaisesRegex(ValueError, "twice: the key 'ann' twice"):
            limits.try_acquire("ann", "ann")
        self.assertTrue(limits.try_acquire("ann", "bob"))

    def test_keys_with_zero_bytes_are_refunded_whole(self):
        one, two = self.limiter(1, name="nul-one"), self.limiter(1, name="nul-two")
        limits = LimitSet(one, two)
        answer = limits.try_acquire(b"a\x00" + b"z" * 100, b"")
        limits.refund(answer)
        eventually(lambda: limits.try_acquire(b"a\x00" + b"z" * 100, b""))

    def test_what_a_set_refuses_to_be(self):
        other = Store(server.endpoint)
        for limiters in ((), (self.limiter(), RateLimiter(other, "x", permits=1, period=DAY))):
            with self.assertRaises(SeawallError):
                LimitSet(*limiters)


class EventLoop(WithRedis):
    def test_the_loop_runs_on_while_redis_is_asked(self):
        limiter = self.limiter(50, denial_cache=0.0)

        async def all_at_once():
            return await asyncio.gather(*(limiter.try_acquire_async("all") for _ in range(80)))

        answers = asyncio.run(all_at_once())
        self.assertEqual(sum(map(bool, answers)), 50)
        self.assertEqual({answer.decided_by for answer in answers}, {DecidedBy.STORE})

    def test_sets(self):
        limits = LimitSet(self.limiter(2, name="loop-user"), self.limiter(9, name="loop-service"))

        async def three():
            return [await limits.try_acquire_async("ann", "trading") for _ in range(3)]

        first, second, third = asyncio.run(three())
        self.assertEqual([bool(first), bool(second), bool(third)], [True, True, False])
        self.assertEqual([each.remaining for each in first.decisions], [1, 8])
        self.assertEqual((len(third.decisions), third.refused_by), (2, 0))
        limits.refund(first)
        self.assertTrue(limits.try_acquire("ann", "trading"))

    def test_sets_peek_and_give_back(self):
        users = self.limiter(2, name="loop-peek-user", algorithm=Algorithm.SLIDING_WINDOW)
        limits = LimitSet(users, self.limiter(9, name="loop-peek-service", algorithm=Algorithm.SLIDING_WINDOW))

        async def there_and_back():
            taken = await limits.try_acquire_async("ann", "trading", permits=2)
            refused = await limits.peek_async("ann", "trading")
            await limits.refund_async(taken)
            again = await limits.peek_async("ann", "trading", permits=2)
            await limits.refund_async(taken)
            return taken, refused, again

        taken, refused, again = asyncio.run(there_and_back())
        self.assertEqual((refused.refused_by, [each.remaining for each in refused.decisions]), (0, [0, 7]))
        self.assertEqual([(each.remaining, each.charged) for each in taken.decisions], [(2, 0), (9, 0)])
        self.assertEqual((bool(again), [each.remaining for each in again.decisions]), (True, [2, 9]))

    def test_a_peek_and_a_refund_are_awaited_while_the_loop_runs_on(self):
        limiter = self.limiter(9, algorithm=Algorithm.SLIDING_WINDOW)

        async def there_and_back():
            taken = [limiter.try_acquire("ann", 3), limiter.try_acquire("ann", 4)]
            before = await limiter.peek_async("ann", 3)
            returned = await asyncio.gather(*(limiter.refund_async("ann", decision) for decision in taken))
            again = await limiter.refund_async("ann", taken[0])
            return before, returned, again, await limiter.peek_async("ann", 9)

        before, returned, again, after = asyncio.run(there_and_back())
        self.assertEqual((before.allowed, before.remaining, before.charged), (False, 2, 0))
        self.assertEqual((returned, again), ([3, 4], 0))
        self.assertEqual((after.allowed, after.remaining), (True, 9))

    def test_peeks_and_refunds_wait_for_nothing_but_redis(self):
        limiter = self.limiter(5)
        decision = limiter.try_acquire("ann")

        async def asked_at_once():
            turns = 0
            calls = [asyncio.ensure_future(limiter.peek_async("ann")), asyncio.ensure_future(limiter.refund_async("ann", decision))]
            while not all(call.done() for call in calls) and turns < 3:
                turns += 1  # the server stands: a call that blocked would not come here
                await asyncio.sleep(0)
            os.kill(server.process.pid, signal.SIGCONT)
            return turns, await asyncio.gather(*calls)

        os.kill(server.process.pid, signal.SIGSTOP)
        os.waitpid(server.process.pid, os.WUNTRACED)
        try:
            turns, (peeked, _) = asyncio.run(asked_at_once())
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        self.assertEqual(turns, 3)
        self.assertEqual(peeked.decided_by, DecidedBy.STORE)

    def test_leases_and_refusals_of_a_moment_ago_need_no_loop_turn(self):
        limiter = self.limiter(1)

        async def refused_here():
            await limiter.try_acquire_async("ann")
            await limiter.try_acquire_async("ann")
            coroutine = limiter.try_acquire_async("ann")
            with self.assertRaises(StopIteration) as ended:
                coroutine.send(None)
            return ended.exception.value

        self.assertEqual(asyncio.run(refused_here()).decided_by, DecidedBy.DENIAL_CACHE)

    def test_cancelled_calls_and_closed_loops_leave_nothing_behind(self):
        limiter = self.limiter(1000, denial_cache=0.0)
        limits = LimitSet(limiter)

        async def give_up():
            taken, whole = limiter.try_acquire("ann"), limits.try_acquire("ann")
            tasks = [asyncio.create_task(limiter.try_acquire_async("ann")) for _ in range(10)]
            tasks += map(asyncio.create_task, (limiter.peek_async("ann"), limiter.refund_async("ann", taken)))
            tasks += map(asyncio.create_task, (limits.peek_async("ann"), limits.refund_async(whole)))
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await limiter.try_acquire_async("bob")
            return weakref.ref(asyncio.get_running_loop())

        loop = asyncio.run(give_up())
        open_files = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            asyncio.run(give_up())
        gc.collect()
        self.assertIsNone(loop())
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), open_files)

    def test_a_loop_that_is_closed_with_a_call_unanswered_goes(self):
        limiter = self.limiter(1000, denial_cache=0.0)

        def abandoned():
            loop = asyncio.new_event_loop()
            task = loop.create_task(limiter.try_acquire_async("ann"))
            task._log_destroy_pending = False
            loop.run_until_complete(asyncio.sleep(0))
            self.assertFalse(task.done())
            loop.close()
            return weakref.ref(loop)

        os.kill(server.process.pid, signal.SIGSTOP)
        os.waitpid(server.process.pid, os.WUNTRACED)  # it may go on for a moment
        try:
            gc.collect()
            before = len(os.listdir("/proc/self/fd"))
            loops = [abandoned() for _ in range(5)]
            gc.collect()
            self.assertEqual([loop() for loop in loops], [None] * 5)
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)

    def test_numbers_are_checked_before_they_are_cut(self):
        limiter = self.limiter()
        awaited = [lambda *given, verb=verb: asyncio.run(verb(*given)) for verb in (limiter.try_acquire_async, limiter.peek_async)]
        for call in (limiter.try_acquire, limiter.peek, *awaited):
            with self.assertRaises(SeawallError):
                call("ann", -1)
            for permits in (2**64, 2**64 + 1):
                self.assertTrue(call("ann", permits).never)


class Away(unittest.TestCase):
    def test_who_decides_and_why(self):
        store = Store("127.0.0.1:1", deadline=0.05)
        for when_away, answers in (
            (WhenAway.LOCAL_SHARE, [True, False]),
            (WhenAway.ALLOW, [True, True]),
            (WhenAway.DENY, [False, False]),
        ):
            limiter = RateLimiter(store, "user", permits=1, period=DAY, when_away=when_away)
            decisions = [limiter.try_acquire("ann") for _ in range(2)]
            self.assertEqual([bool(decision) for decision in decisions], answers)
            for decision in decisions:
                self.assertEqual(decision.decided_by, DecidedBy.POLICY)
                self.assertIn(decision.fault, (Fault.TIMEOUT, Fault.AWAY))
            [asynchronous] = [asyncio.run(limiter.try_acquire_async("carl"))]
            self.assertEqual(asynchronous.decided_by, DecidedBy.POLICY)
            self.assertEqual(bool(asynchronous), answers[0])
            # A peek asks the same policy, and takes nothing; what the policy took goes back to it.
            for peek in (limiter.peek, lambda key: asyncio.run(limiter.peek_async(key))):
                self.assertEqual([bool(peek(key)) for key in ("ann", "dora", "dora")], [answers[1], answers[0], answers[0]])
            returned = asyncio.run(limiter.refund_async("ann", decisions[0]))
            self.assertIn(returned, (0, 1) if when_away is WhenAway.LOCAL_SHARE else (0,))
            self.assertEqual(decisions[0].charged, 0)
        self.assertFalse(store.stats().up)

    def test_kill_and_restart(self):
        server = RedisServer()
        try:
            store = Store(server.endpoint, deadline=0.1, reconnect_max=0.02, breaker_open_duration=0.02)
            limiter = RateLimiter(store, "user", permits=1000, period=DAY)
            eventually(lambda: limiter.try_acquire("ann").decided_by is DecidedBy.STORE)
            server.kill()
            eventually(lambda: limiter.try_acquire("ann").decided_by is DecidedBy.POLICY)
            server.start()
            eventually(lambda: limiter.try_acquire("ann").decided_by is DecidedBy.STORE)
        finally:
            server.close()

    def test_a_wrong_password_is_told_as_such(self):
        server = RedisServer("--requirepass", "sesame")
        try:
            right = Store(server.endpoint, password="sesame", deadline=60.0, silence=120.0)
            limiter = RateLimiter(right, "user", permits=10, period=DAY)
            self.assertEqual(limiter.try_acquire("ann").decided_by, DecidedBy.STORE)
            self.assertEqual(right.refusal(), "")
            for wrong, says in (("open", "WRONGPASS"), ("", "NOAUTH")):
                store = Store(server.endpoint, password=wrong, deadline=0.05)
                eventually(lambda: store.stats().unauthorized)
                self.assertIn(says, store.refusal())
                decision = RateLimiter(store, "user", permits=10, period=DAY).try_acquire("ann")
                self.assertEqual((decision.decided_by, decision.fault), (DecidedBy.POLICY, Fault.UNAUTHORIZED))
        finally:
            server.close()

    def test_who_decided_and_why_are_words(self):
        for kind, name_of in (
            (DecidedBy, redis.lib.seawall_redis_by_name),
            (Fault, redis.lib.seawall_redis_fault_name),
            (redis.KeptState, redis.lib.seawall_redis_kept_name),
        ):
            self.assertEqual([str(each) for each in kind], [each.name.lower() for each in kind])
            self.assertEqual({name_of(number) for number in (-1, len(kind), 2**31 - 1)}, {b"unknown"})

    def test_a_wrong_key_and_another_sets_answer_are_named(self):
        limiter = RateLimiter(Store("127.0.0.1:1"), "user", permits=5, period=DAY)
        one, two = LimitSet(limiter), LimitSet(limiter, limiter)
        for call in (limiter.try_acquire, limiter.peek, one.try_acquire, lambda key: asyncio.run(one.peek_async(key))):
            for key in (5, None, bytearray(b"ann")):
                with self.assertRaisesRegex(TypeError, re.escape(f"str or bytes needed, not {key!r}")):
                    call(key)
        answer = one.try_acquire("ann")
        for refund in (two.refund, two.refund_later, lambda given: asyncio.run(two.refund_async(given))):
            with self.assertRaisesRegex(TypeError, "the answer of a set of 2 needed, not of 1"):
                refund(answer)
        self.assertEqual(answer.decisions[0].charged, 1)

    def test_options_are_named(self):
        store = Store("127.0.0.1:1,[::1]:1")
        for make, culprit in (
            (lambda: Store(), "endpoints"),
            (lambda: Store("nowhere"), "nowhere"),
            (lambda: Store("127.0.0.1:1", deadline=1000.0), "deadline"),
            (lambda: Store("127.0.0.1:1", user="gate"), "password"),
            (lambda: Store("[:6379"), r"\[:6379"),
            (lambda: Store("127.0.0.1:1", breaker_failure_threshold=-1), "breaker_failure_threshold .*not -1"),
            (lambda: RateLimiter(store, "a", permits=1, period=1.0, denial_cache=-1e-9), "denial_cache"),
            (lambda: RateLimiter(store, "a", permits=1, period=1.0, denial_cache=1e-10), "denial_cache"),
            (lambda: RateLimiter(store, "a b", permits=1, period=1.0), "name"),
            (lambda: RateLimiter(store, "a", permits=0, period=1.0), "permits"),
            (lambda: RateLimiter(store, "a", permits=1, period=1.0, gateways=0), "gateways"),
            (lambda: RateLimiter(store, "a", permits=1, period=1.0, mode=7), "mode"),
            (lambda: RateLimiter(store, "a", permits=1, period=1.0, when_away=7), "when_away"),
            (lambda: RateLimiter(store, "a", permits=2, period=1.0, burst=1, algorithm=1), "burst"),
        ):
            with self.subTest(culprit=culprit), self.assertRaisesRegex(SeawallError, culprit):
                make()


if __name__ == "__main__":
    unittest.main()
