# SPDX-License-Identifier: MIT
import asyncio
import contextvars
import gc
import math
import threading
import unittest

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from seawall import CircuitBreaker, CircuitOpenError, SeawallError
from seawall.circuit_breaker import Outcome, Reason, ReportResult, State
from seawall.keyed_circuit_breaker import KeyedCircuitBreaker, WhenFull

from . import vectors

SECOND = 1_000_000_000


def fail(breaker, times, now_ns=0):
    for _ in range(times):
        breaker.try_acquire(now_ns=now_ns).report(Outcome.FAILURE, now_ns=now_ns)


class Vectors(unittest.TestCase):
    OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome}

    def play(self, breaker, tickets, step):
        actual, now_ns, name = {}, step.now_ns, step.arguments.get("name", "call")
        if step.verb in ("try_acquire", "call"):
            tickets[name] = breaker.try_acquire(now_ns=now_ns - int(step.arguments.get("took_ns", 0)))
            actual["admitted"] = int(bool(tickets[name]))
        if step.verb in ("report", "call"):
            result = tickets[name].report(self.OUTCOMES[step.arguments["outcome"]], now_ns=now_ns)
            actual["result"] = result.name.lower()
        if step.verb == "cancel":
            tickets[name].cancel()
        if step.verb == "set_shadow":
            breaker.set_shadow(step.arguments["on"] == "1")
        if step.verb in ("force_open", "disable", "reset"):
            getattr(breaker, step.verb)(now_ns=now_ns)
        seen = breaker.snapshot(now_ns=now_ns)
        return {**vars(seen), "state": str(seen.state), "reason": str(seen.reason), **actual}

    def test_the_shared_vectors_hold(self):
        for case in vectors.load("circuit_breaker.txt"):
            options = {
                name.removesuffix("_ns"): int(value) / 1e9 if name.endswith("_ns") else int(value)
                for name, value in case.options.items()
            }
            for switch in ("shadow", "count_totals"):
                options[switch] = bool(options.get(switch))
            breaker, tickets = CircuitBreaker(**options, now_ns=0), {}
            for step in case.steps:
                with self.subTest(case.name, line=step.line):
                    self.assertEqual(step.mismatches(self.play(breaker, tickets, step)), [])


class WithBlocks(unittest.TestCase):
    def test_three_exceptions_open_it(self):
        breaker = CircuitBreaker()
        for _ in range(3):
            with self.assertRaises(OSError), breaker:
                raise OSError("down")
        self.assertEqual(breaker.state, State.OPEN)
        with self.assertRaises(CircuitOpenError) as caught, breaker:
            self.fail("the block must not run")
        self.assertTrue(0 < caught.exception.retry_after <= 31)
        self.assertIn("retry after", str(caught.exception))

    def test_exceptions_that_do_not_count(self):
        breaker = CircuitBreaker(failure_threshold=1, failures=OSError, ignored=FileNotFoundError)
        for error in (ValueError, FileNotFoundError, KeyboardInterrupt):
            with self.assertRaises(error), breaker:
                raise error()
        self.assertEqual(breaker.state, State.CLOSED)
        with self.assertRaises(ConnectionError), breaker:
            raise ConnectionError()
        self.assertEqual(breaker.state, State.OPEN)

    def test_the_ticket_may_be_reported_inside(self):
        breaker = CircuitBreaker()
        with breaker as ticket:
            ticket.report(Outcome.FAILURE)
        self.assertEqual(breaker.snapshot().failure_count, 1)

    def test_blocks_nest(self):
        outer, inner = CircuitBreaker(), CircuitBreaker()
        with self.assertRaises(OSError), outer, inner, outer:
            raise OSError()
        self.assertEqual(outer.snapshot().failure_count, 2)
        self.assertEqual(inner.snapshot().failure_count, 1)

    def test_blocks_left_out_of_order(self):
        first, second, third = CircuitBreaker(), CircuitBreaker(), CircuitBreaker()
        for breaker in (first, second, third):
            breaker.__enter__()
        for breaker, error in ((second, OSError()), (first, OSError()), (third, None)):
            breaker.__exit__(type(error), error, None)
        self.assertEqual([b.snapshot().failure_count for b in (first, second, third)], [1, 1, 0])
        with self.assertRaises(RuntimeError):
            second.__exit__(None, None, None)

    def test_a_block_left_elsewhere_says_so(self):
        breaker = CircuitBreaker(failure_threshold=1)
        contextvars.copy_context().run(breaker.__enter__)
        with self.assertRaisesRegex(RuntimeError, "another thread or task"):
            breaker.__exit__(None, None, None)
        ticket = contextvars.copy_context().run(breaker.try_acquire().__enter__)
        ticket.__exit__(OSError, OSError(), None)
        self.assertEqual(breaker.state, State.OPEN)
        with self.assertRaises(CircuitOpenError), breaker.try_acquire():
            self.fail("the block must not run")

    def test_forced_open_never_says_when(self):
        breaker = CircuitBreaker()
        breaker.force_open()
        with self.assertRaises(CircuitOpenError) as caught, breaker:
            self.fail("the block must not run")
        self.assertEqual(caught.exception.retry_after, math.inf)


class Call(unittest.TestCase):
    def test_its_arguments_and_result_and_exceptions_pass_through(self):
        breaker = CircuitBreaker(failure_threshold=2, ignored=KeyError)
        self.assertEqual(breaker.call(int, "11", base=2), 3)
        with self.assertRaises(ValueError):
            breaker.call(int, "x")
        with self.assertRaises(KeyError):
            breaker.call({}.__getitem__, "x")
        self.assertEqual(breaker.snapshot().failure_count, 1)
        self.assertEqual(breaker.call(abs, -1), 1)
        self.assertEqual(breaker.snapshot().failure_count, 0)
        for _ in range(2):
            with self.assertRaises(ValueError):
                breaker.call(int, "x")
        with self.assertRaises(CircuitOpenError):
            breaker.call(self.fail, "must not run")

    def test_a_success_that_overlaps_a_reset_is_late(self):
        breaker = CircuitBreaker()
        breaker.call(breaker.reset)
        self.assertEqual(breaker.snapshot().late_results, 1)


class Decorator(unittest.TestCase):
    def test_a_function(self):
        breaker = CircuitBreaker(failure_threshold=1)

        @breaker
        def divide(a, b):
            """Divides."""
            return a / b

        self.assertEqual(divide(6, b=3), 2)
        self.assertEqual(divide.__doc__, "Divides.")
        self.assertRaises(ZeroDivisionError, divide, 1, 0)
        self.assertRaises(CircuitOpenError, divide, 6, 3)

    def test_a_coroutine_function(self):
        breaker = CircuitBreaker(failure_threshold=2)

        @breaker
        async def call(works):
            await asyncio.sleep(0)
            if not works:
                raise OSError()
            return "value"

        async def scenario():
            # Interleaved tasks of one thread keep their own tickets.
            found = await asyncio.gather(call(True), call(False), call(False), return_exceptions=True)
            self.assertEqual(found[0], "value")
            self.assertEqual([type(e) for e in found[1:]], [OSError, OSError])
            with self.assertRaises(CircuitOpenError):
                await call(True)

        asyncio.run(scenario())

    def test_a_generator_function_is_refused(self):
        """Its call succeeds before its first line has run, so no failure would ever be counted."""
        breaker = CircuitBreaker()

        def lines():
            yield 1

        async def chunks():
            yield 1

        for function in (lines, chunks):
            with self.assertRaisesRegex(TypeError, "generator"):
                breaker(function)

    def test_a_cancelled_task_counts_for_nothing(self):
        breaker = CircuitBreaker(failure_threshold=1)

        @breaker
        async def hang():
            await asyncio.Event().wait()

        async def scenario():
            task = asyncio.create_task(hang())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(scenario())
        self.assertEqual(breaker.snapshot().failure_count, 0)


class Tickets(unittest.TestCase):
    def test_a_dropped_ticket_gives_its_probe_back(self):
        breaker = CircuitBreaker(failure_threshold=1, now_ns=0)
        fail(breaker, 1)
        probe = breaker.try_acquire(now_ns=30 * SECOND)
        self.assertEqual(breaker.snapshot(now_ns=30 * SECOND).probes_in_flight, 1)
        del probe
        gc.collect()
        self.assertEqual(breaker.snapshot(now_ns=30 * SECOND).probes_in_flight, 0)

    def test_a_cycle_of_breaker_and_ticket_is_collected(self):
        breaker = CircuitBreaker(failure_threshold=1, now_ns=0)
        fail(breaker, 1)
        breaker.probe = breaker.try_acquire(now_ns=30 * SECOND)
        self.assertTrue(breaker.probe)
        del breaker
        self.assertGreater(gc.collect(), 0)

    def test_reported_once(self):
        breaker = CircuitBreaker(now_ns=0)
        ticket = breaker.try_acquire(now_ns=0)
        self.assertEqual(ticket.report(Outcome.FAILURE, now_ns=0), ReportResult.RECORDED)
        self.assertEqual(ticket.report(Outcome.FAILURE, now_ns=0), ReportResult.INVALID_TOKEN)
        self.assertEqual(breaker.snapshot(now_ns=0).failure_count, 1)

    def test_threads_share_a_breaker(self):
        breaker = CircuitBreaker()

        def work():
            for _ in range(500):
                with breaker:
                    pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(breaker.snapshot().generation, 0)


class Async(unittest.TestCase):
    def test_async_with(self):
        breaker = CircuitBreaker(failure_threshold=2)

        async def call(works):
            async with breaker as ticket:
                self.assertTrue(ticket)
                await asyncio.sleep(0)
                if not works:
                    raise OSError()

        async def scenario():
            found = await asyncio.gather(call(True), call(False), call(False), return_exceptions=True)
            self.assertEqual([type(e) for e in found], [type(None), OSError, OSError])
            with self.assertRaises(CircuitOpenError):
                await call(True)

        asyncio.run(scenario())


class WithoutTheLibrary(unittest.TestCase):
    """Healthy calls read the breaker's word and call no function; these must decide as the library does."""

    def decorated(self, breaker):
        @breaker
        def call(outcome):
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return call

    def test_a_success_after_a_failure_starts_the_count_again(self):
        breaker = CircuitBreaker()
        call = self.decorated(breaker)
        for _ in range(2):
            for _ in range(2):
                self.assertRaises(OSError, call, OSError())
            self.assertEqual(breaker.snapshot().failure_count, 2)
            self.assertEqual(call(5), 5)
            self.assertEqual(breaker.snapshot().failure_count, 0)

    def test_a_success_that_overlaps_a_failure_starts_the_count_again(self):
        for guard in (lambda b: self.decorated(b)(None), lambda b: b.__enter__().__exit__(None, None, None)):
            breaker = CircuitBreaker()

            @breaker
            def outer():
                fail(breaker, 2)

            outer()
            self.assertEqual(breaker.snapshot().failure_count, 0)
            with breaker.try_acquire():
                fail(breaker, 2)
            self.assertEqual(breaker.snapshot().failure_count, 0)
            guard(breaker)

    def test_late_results_are_counted(self):
        breaker = CircuitBreaker()

        @breaker
        def slow():
            breaker.reset()

        slow()
        with breaker.try_acquire():
            breaker.reset()
        self.assertEqual(breaker.snapshot().late_results, 2)

    def test_a_breaker_that_counts_each_call_is_told_of_each(self):
        for options in ({"count_totals": True}, {"failure_rate_threshold": 50, "count_window": 10}):
            breaker = CircuitBreaker(**options)
            call = self.decorated(breaker)
            call(1)
            with breaker:
                pass
            seen = breaker.snapshot()
            self.assertEqual(max(seen.successes, seen.count_window_calls), 2)

    def test_ignored_exceptions_change_nothing(self):
        breaker = CircuitBreaker(failures=OSError)
        call = self.decorated(breaker)
        self.assertRaises(OSError, call, OSError())
        self.assertRaises(ValueError, call, ValueError())
        self.assertEqual(breaker.snapshot().failure_count, 1)


class Keyed(unittest.TestCase):
    def test_each_host_has_its_own(self):
        hosts = KeyedCircuitBreaker(failure_threshold=1, now_ns=0)
        with self.assertRaises(OSError), hosts.try_acquire("a", now_ns=0):
            raise OSError()
        self.assertFalse(hosts.try_acquire("a", now_ns=0))
        with self.assertRaises(CircuitOpenError), hosts.try_acquire(b"a", now_ns=0):
            self.fail("the block must not run")
        self.assertEqual(hosts.try_acquire("b", now_ns=0).report(Outcome.SUCCESS, now_ns=0), ReportResult.RECORDED)
        self.assertEqual(sorted(hosts.keys()), [b"a", b"b"])
        self.assertEqual(hosts.snapshot("a", now_ns=0).state, State.OPEN)
        self.assertIsNone(hosts.snapshot("c", now_ns=0))

    def test_bounded(self):
        hosts = KeyedCircuitBreaker(capacity=2, idle_after=1, when_full=WhenFull.REFUSE, failure_threshold=1, now_ns=0)
        hosts.try_acquire("a", now_ns=0).report(Outcome.FAILURE, now_ns=0)
        hosts.try_acquire("b", now_ns=0).cancel()
        refused = hosts.try_acquire("c", now_ns=0)
        self.assertFalse(refused)
        self.assertEqual(refused.retry_after_ns, SECOND)
        self.assertEqual(refused.report(Outcome.SUCCESS), ReportResult.INVALID_TOKEN)
        self.assertTrue(hosts.try_acquire("c", now_ns=SECOND))
        stats = hosts.stats()
        self.assertEqual((stats.capacity, stats.in_use, stats.evictions, stats.full), (2, 2, 1, 1))
        self.assertTrue(hosts.forget("a", now_ns=SECOND))
        self.assertFalse(hosts.forget("a", now_ns=SECOND))
        self.assertTrue(hosts.force_open("d", now_ns=SECOND))
        self.assertFalse(hosts.disable("e", now_ns=SECOND))
        self.assertFalse(hosts.reset("e", now_ns=SECOND))
        self.assertTrue(hosts.reset("d", now_ns=SECOND))

    def test_the_next_host_begins_with_totals_of_its_own(self):
        hosts = KeyedCircuitBreaker(capacity=1, failure_threshold=1, count_totals=True, shadow=True)
        late = hosts.try_acquire("a")
        hosts.try_acquire("a").report(Outcome.SUCCESS)
        hosts.try_acquire("a").report(Outcome.FAILURE)
        hosts.try_acquire("a").report(Outcome.SUCCESS)
        late.report(Outcome.SUCCESS)
        seen = hosts.snapshot("a")
        self.assertEqual((seen.successes, seen.failures, seen.shadow_refusals, seen.late_results), (1, 1, 1, 1))
        hosts.forget("a")
        hosts.try_acquire("b")
        seen = hosts.snapshot("b")
        self.assertEqual((seen.successes, seen.failures, seen.shadow_refusals, seen.late_results), (0, 0, 0, 0))

    def test_shadow_refuses_no_host_for_want_of_a_place(self):
        hosts = KeyedCircuitBreaker(capacity=1, when_full=WhenFull.REFUSE, shadow=True)
        hosts.try_acquire("a").report(Outcome.SUCCESS)
        ticket = hosts.try_acquire("b")
        self.assertTrue(ticket)
        self.assertEqual(ticket.report(Outcome.FAILURE), ReportResult.NOT_COUNTED)
        self.assertEqual(hosts.stats().full, 1)

    def test_a_ticket_of_a_forgotten_host_is_late(self):
        hosts = KeyedCircuitBreaker(capacity=1, now_ns=0)
        ticket = hosts.try_acquire("a", now_ns=0)
        hosts.forget("a", now_ns=0)
        other = hosts.try_acquire("b", now_ns=0)
        self.assertEqual(ticket.report(Outcome.FAILURE, now_ns=0), ReportResult.LATE)
        self.assertEqual(other.report(Outcome.FAILURE, now_ns=0), ReportResult.RECORDED)

    def test_options_are_checked(self):
        for options in ({"capacity": -1}, {"failure_threshold": 5000}, {"when_full": 7}):
            with self.assertRaisesRegex(SeawallError, next(iter(options))):
                KeyedCircuitBreaker(**options)
        self.assertRaises(ValueError, KeyedCircuitBreaker, capacity=0)
        self.assertRaises(TypeError, KeyedCircuitBreaker, threshold=3)


class Misc(unittest.TestCase):
    def test_rules_and_totals(self):
        breaker = CircuitBreaker(
            failure_threshold=None, failure_rate_threshold=50, time_window=10, minimum_calls=4, count_totals=True, now_ns=0
        )
        for outcome in (Outcome.SUCCESS, Outcome.SUCCESS, Outcome.FAILURE):
            breaker.try_acquire(now_ns=0).report(outcome, now_ns=0)
        seen = breaker.snapshot(now_ns=0)
        self.assertEqual((seen.time_window_calls, seen.time_window_failures, seen.successes), (3, 1, 2))
        fail(breaker, 1)
        self.assertEqual(breaker.snapshot(now_ns=0).reason, Reason.TIME_FAILURE_RATE)
        with self.assertRaisesRegex(SeawallError, "nothing opens"):
            CircuitBreaker(failure_threshold=None)

    def test_events(self):
        breaker = CircuitBreaker(now_ns=0)
        fail(breaker, 3, now_ns=5 * SECOND)
        breaker.reset(now_ns=6 * SECOND)
        opened, reset = breaker.events()
        self.assertEqual((opened.source, opened.target, opened.reason), (State.CLOSED, State.OPEN, Reason.FAILURE_THRESHOLD))
        self.assertEqual((opened.generation, opened.at_ns), (1, 5 * SECOND))
        self.assertEqual(str(reset.reason), "reset")
        self.assertEqual(breaker.events(), [])

    def test_options_are_checked(self):
        with self.assertRaisesRegex(SeawallError, "failure_threshold must be from 1 to 1023, not 5000"):
            CircuitBreaker(failure_threshold=5000)
        with self.assertRaisesRegex(ValueError, "open_duration_ns must not be 0"):
            CircuitBreaker(open_duration=0)


class Model(RuleBasedStateMachine):
    """Three in a row, 30 s, one probe: the rules in plain fields, with a clock that also steps back."""

    def __init__(self):
        super().__init__()
        self.breaker = CircuitBreaker(now_ns=0, probe_lease=3600)
        self.now = 0
        self.failures = 0
        self.open_until = None
        self.probe = None

    @rule(step=st.integers(-40_000, 40_000))
    def wander(self, step):
        self.now = max(0, self.now + step * 1_000_000)

    @precondition(lambda self: self.open_until is None)
    @rule(outcome=st.sampled_from(Outcome))
    def call(self, outcome):
        ticket = self.breaker.try_acquire(now_ns=self.now)
        assert ticket
        assert ticket.report(outcome, now_ns=self.now) == ReportResult.RECORDED
        if outcome == Outcome.SUCCESS:
            self.failures = 0
        elif outcome == Outcome.FAILURE:
            self.failures += 1
            if self.failures == 3:
                self.open_until = self.now + 30 * SECOND

    @precondition(lambda self: self.open_until is not None)
    @rule()
    def ask(self):
        ticket = self.breaker.try_acquire(now_ns=self.now)
        if self.probe is not None:
            assert not ticket
        elif self.now < self.open_until:
            assert ticket.retry_after_ns == self.open_until - self.now
        else:
            assert ticket
            self.probe = ticket
            self.open_until = 0  # half-open: whatever the clock says

    @precondition(lambda self: self.probe is not None)
    @rule(outcome=st.sampled_from([Outcome.SUCCESS, Outcome.IGNORED]))
    def report_probe(self, outcome):
        assert self.probe.report(outcome, now_ns=self.now) == ReportResult.RECORDED
        self.probe = None
        if outcome == Outcome.SUCCESS:
            self.open_until, self.failures = None, 0

    @invariant()
    def count(self):
        assert self.breaker.snapshot(now_ns=self.now).failure_count == self.failures


Model.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
ModelTest = Model.TestCase

if __name__ == "__main__":
    unittest.main()
