# SPDX-License-Identifier: MIT
"""The pipeline through its typed wrapper."""

import asyncio
import gc
import threading
import unittest
import weakref
from unittest import mock

import seawall
from seawall.circuit_breaker import Outcome
from seawall.pipeline import Gate, Limit, Pipeline, Refused

SECOND = 1_000_000_000


class World:
    def __init__(self, of_user: int = 3, of_service: int = 10, instances: int = 2):
        self.registry = seawall.ServiceRegistry(now_ns=0)
        for i in range(instances):
            self.registry.register("trading", f"t-{i}", "127.0.0.1", 8001 + i, now_ns=0)
        self.service = self.registry.service("trading")
        self.users = seawall.KeyedRateLimiter(seawall.SlidingWindow, of_user, 60.0, memory_bytes=65536, now_ns=0)
        self.all = seawall.SlidingWindow(of_service, 60.0, now_ns=0)
        self.breaker = seawall.CircuitBreaker(now_ns=0)
        self.metrics = seawall.MetricsRegistry()
        self.limits = [Limit("user", self.users, of_user, 60.0), Limit("service", self.all, of_service, 60.0)]
        self.pipeline = Pipeline(
            limits=self.limits,
            breaker=self.breaker,
            service=self.service,
            trace=True,
            metrics=self.metrics,
            name="trading",
            failures=OSError,
            now_ns=0,
        )

    def left(self, user: str = "ann") -> int:
        return self.users.peek(user, now_ns=0).remaining


class Requests(unittest.TestCase):
    def test_admitted_and_completed_once(self):
        world = World()
        call = world.pipeline.admit("ann", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", now_ns=0)
        self.assertTrue(call)
        self.assertEqual((call.limit_name, call.limit, call.remaining), ("user", 3, 2))
        self.assertEqual(call.retry_after, 0)
        self.assertIs(call.refused_by, Gate.NONE)
        self.assertIn(call.port, (8001, 8002))
        self.assertEqual(call.instance, (f"t-{call.port - 8001}", "127.0.0.1", call.port))
        self.assertTrue(call.traced)
        self.assertTrue(call.traceparent.startswith("00-0af7651916cd43dd8448eb211c80319c-"))
        self.assertNotIn("b7ad6b7169203331", call.traceparent)
        self.assertTrue(call.complete(Outcome.SUCCESS, 200, now_ns=SECOND))
        self.assertFalse(call.complete(Outcome.FAILURE, now_ns=SECOND))
        self.assertFalse(call.cancel(now_ns=SECOND))
        self.assertIsNone(call.instance)
        stats = world.pipeline.stats(now_ns=SECOND)
        self.assertEqual((stats.in_flight, stats.repeated, stats.compositions), (0, 2, 1))
        page = world.metrics.render()
        self.assertIn('seawall_pipeline_calls_total{pipeline="trading",outcome="success"} 1\n', page)
        self.assertIn('seawall_pipeline_responses_total{pipeline="trading",status="2xx"} 1\n', page)
        with self.assertRaises(ValueError):
            call.complete(7)

    def test_each_gate_refuses_and_charges_nobody(self):
        world = World(instances=0)
        nowhere = world.pipeline.admit("ann", now_ns=0)
        self.assertIs(nowhere.refused_by, Gate.INSTANCE)
        self.assertEqual(nowhere.retry_after, 1.0)
        world = World()
        self.assertIs(world.pipeline.admit(now_ns=0).refused_by, Gate.REQUEST)
        world.breaker.force_open(now_ns=0)
        opened = world.pipeline.admit("ann", now_ns=0)
        self.assertIs(opened.refused_by, Gate.BREAKER)
        self.assertEqual(opened.retry_after, float("inf"))
        self.assertEqual(opened.traceparent, "")
        self.assertEqual(world.left(), 3)
        world.breaker.reset(now_ns=0)
        for _ in range(3):
            self.assertTrue(world.pipeline.charge("ann", now_ns=0))
        self.assertEqual(world.pipeline.stats(now_ns=0).in_flight, 0)
        limited = world.pipeline.admit("ann", now_ns=0)
        self.assertIs(limited.refused_by, Gate.LIMITS)
        self.assertEqual(limited.limit_name, "user")
        self.assertGreater(limited.retry_after, 0)
        self.assertEqual(world.all.peek(now_ns=0).remaining, 7)
        with self.assertRaisesRegex(Refused, "refused by user, retry after"):
            limited.raise_if_refused()
        self.assertIs(world.pipeline.admit("bob", permits=4, now_ns=0).refused_by, Gate.LIMITS)

    def test_cancelled_gives_all_back(self):
        world = World()
        for keys in (("ann",), (7,), (b"ann",)):
            call = world.pipeline.admit(*keys, permits=2, now_ns=0)
            self.assertTrue(call)
            self.assertTrue(call.cancel(now_ns=0))
        self.assertEqual(world.left(), 3)
        self.assertEqual(world.all.peek(now_ns=0).remaining, 10)
        self.assertEqual(world.pipeline.stats(now_ns=0).in_flight, 0)

    def test_another_instance(self):
        world = World()
        call = world.pipeline.admit("ann", now_ns=0)
        first = call.slot
        self.assertTrue(call.another(Outcome.FAILURE, now_ns=0))
        self.assertNotEqual(call.slot, first)
        self.assertFalse(call.another(Outcome.FAILURE, [first], now_ns=0))
        self.assertTrue(call)
        self.assertIsNone(call.instance)
        self.assertTrue(call.complete(Outcome.FAILURE, 502, now_ns=0))
        self.assertEqual(world.breaker.snapshot(now_ns=0).failure_count, 1)

    def test_no_other_instance_for_what_was_refused(self):
        world = World()
        world.breaker.force_open(now_ns=0)
        refused = world.pipeline.admit("ann", now_ns=0)
        self.assertFalse(refused.another(Outcome.FAILURE, now_ns=0))
        self.assertFalse(refused)
        self.assertIs(refused.refused_by, Gate.BREAKER)

    def test_several_keys_and_excluded_instances(self):
        world = World()
        hosts = seawall.KeyedRateLimiter(seawall.TokenBucket, 1, 60.0, memory_bytes=65536, now_ns=0)
        pipeline = Pipeline(
            limits=[world.limits[0], Limit("host", hosts, 1, 60.0, key=1)], service=world.service, now_ns=0
        )
        self.assertEqual(pipeline.limit_names, ["user", "host"])
        call = pipeline.admit("ann", "10.0.0.1", exclude=[0], now_ns=0)
        self.assertEqual(call.port, 8002)
        self.assertEqual(pipeline.admit("bob", "10.0.0.1", now_ns=0).limit_name, "host")
        self.assertIs(pipeline.admit("ann", now_ns=0).refused_by, Gate.REQUEST)
        self.assertTrue(pipeline.admit("ann", "10.0.0.2", now_ns=0))

    def test_a_pipeline_of_nothing(self):
        pipeline = Pipeline()
        self.assertEqual(pipeline.limit_names, [])
        with pipeline.admit() as call:
            self.assertEqual((call.limit, call.port, call.traceparent), (0, 0, ""))

    def test_replaced_while_a_call_is_out(self):
        world = World()
        call = world.pipeline.admit("ann", now_ns=0)
        world.pipeline.replace(limits=world.limits[1:], now_ns=0)
        self.assertEqual(world.pipeline.limit_names, ["service"])
        self.assertEqual(world.pipeline.stats(now_ns=0).compositions, 2)
        self.assertTrue(call.complete(Outcome.FAILURE, now_ns=0))
        self.assertEqual(world.breaker.snapshot(now_ns=0).failure_count, 1)
        world.pipeline.replace(now_ns=0)
        self.assertEqual(world.pipeline.stats(now_ns=0).compositions, 1)
        gc.collect()
        self.assertTrue(world.pipeline.admit(now_ns=0))

    def test_two_threads_replace_at_once(self):
        pipeline = Pipeline(now_ns=0)
        one, two = (seawall.TokenBucket(5, 60.0, now_ns=0) for _ in range(2))
        library, others = seawall.pipeline.lib, []

        def interrupted(*args):
            """Another thread wants to replace, too, just before the library does."""
            other = threading.Thread(target=pipeline.replace, kwargs={"limits": [Limit("two", two, 5, 60.0)]})
            with mock.patch.object(seawall.pipeline, "lib", library):
                other.start()
                other.join(0.1)  # it waits for this one
            others.append(other)
            return library.seawall_pipeline_replace(*args)

        with mock.patch.object(seawall.pipeline, "lib", mock.Mock(wraps=library)) as watched:
            watched.seawall_pipeline_replace = interrupted
            pipeline.replace(limits=[Limit("one", one, 5, 60.0)])
        others[0].join()
        used = pipeline.limit_names[0]
        kept = weakref.ref({"one": one, "two": two}[used])
        del one, two, watched, interrupted
        gc.collect()
        self.assertIsNotNone(kept(), f"the limiter of {used} is in use")
        self.assertTrue(pipeline.admit())

    def test_errors_name_the_part(self):
        world = World()
        for limits, text in (
            ([Limit("", world.all, 1, 1.0)], "limits/0/name"),
            ([Limit("a", world.all, 0, 1.0)], "limits/0/permits"),
            ([Limit("a", world.all, 1, 1.0, key=16)], "limits/0/key"),
            (world.limits * 3, "limit_count"),
        ):
            with self.subTest(text), self.assertRaisesRegex(seawall.SeawallError, text):
                Pipeline(limits=limits)
        with self.assertRaisesRegex(seawall.SeawallError, "max_in_flight"):
            Pipeline(max_in_flight=-1)
        with self.assertRaises(ValueError):
            world.pipeline.admit("ann", permits=0)

    def test_no_number_is_cut(self):
        world = World()
        for options, text in (
            ({"max_in_flight": 2**32 + 5}, "max_in_flight does not fit: 4294967301"),
            ({"lease": 18446744674.0}, "lease_ns does not fit"),
            ({"limits": [Limit("a", world.all, 1, 1.0, key=2**32)]}, "limits/0/key does not fit"),
            ({"limits": [world.limits[0], Limit("a", world.all, 2**64 + 3, 1.0)]}, "limits/1/quota does not fit"),
            ({"limits": [Limit("a", world.all, 1, 18446744074.0)]}, "limits/0/window_ns does not fit"),
        ):
            with self.subTest(text), self.assertRaisesRegex(seawall.SeawallError, text):
                Pipeline(**options)
        with self.assertRaisesRegex(seawall.SeawallError, "exclude does not fit"):
            world.pipeline.admit("ann", exclude=[2**32], now_ns=0)
        self.assertIs(world.pipeline.admit("ann", permits=2**64 + 1, now_ns=0).refused_by, Gate.LIMITS)
        self.assertFalse(world.pipeline.charge("ann", permits=2**64 + 1, now_ns=0))
        call = world.pipeline.admit("ann", now_ns=0)
        with self.assertRaisesRegex(seawall.SeawallError, "exclude does not fit"):
            call.another(Outcome.FAILURE, [-1], now_ns=0)
        with self.assertRaisesRegex(seawall.SeawallError, "status does not fit"):
            call.complete(Outcome.SUCCESS, 2**32 + 200, now_ns=0)
        self.assertTrue(call.complete(now_ns=0))


class Routes(unittest.TestCase):
    LIMIT = {"name": "user", "key": "user", "permits": 3, "period": "60s", "memory_bytes": 65536}

    def config(self, **more) -> dict:
        return {"routes": {"trading": {"service": "trading", "breaker": {}, "limits": [{**self.LIMIT, **more}]}}}

    def test_reloaded(self):
        world = World()
        pipelines = seawall.Pipelines(self.config(), world.registry, world.metrics, now_ns=0)
        trading = pipelines["trading"]
        call = trading.admit("ann", now_ns=0)
        self.assertEqual((call.limit, call.remaining), (3, 2))
        report = pipelines.reload(self.config(permits=9), now_ns=0)
        self.assertEqual(report.changed, ["/routes/trading/limits/user"])
        self.assertEqual(report.kept, ["/routes/trading/breaker"])
        self.assertEqual(trading.admit("ann", now_ns=0).remaining, 7)
        self.assertTrue(call.complete(now_ns=0))
        with trading.admit("bob", now_ns=0):
            pass
        with self.assertRaisesRegex(seawall.SeawallError, "/routes/trading/limits/0/permits: .*not 0"):
            pipelines.reload(self.config(permits=0))
        self.assertEqual(trading.admit("ann", now_ns=0).remaining, 6)
        del pipelines
        gc.collect()
        self.assertTrue(trading.admit("eve", now_ns=0))

    def test_balancers_of_services(self):
        world = World()
        config = {**self.config(), "services": {"trading": {"balancer": "least_loaded", "ejection_failures": 1}}}
        pipelines = seawall.Pipelines(config, world.registry, now_ns=0)
        self.assertEqual(world.registry.explain("trading", now_ns=0)["balancer"], "least_loaded")
        pipelines["trading"].admit("ann", now_ns=0).complete(Outcome.FAILURE, now_ns=0)
        self.assertEqual(world.registry.explain("trading", now_ns=0)["ejected"], 1)
        with self.assertRaisesRegex(seawall.SeawallError, "/services/trading/balancer: expected one of .*, not best"):
            pipelines.reload({"services": {"trading": {"balancer": "best"}}})
        self.assertEqual(pipelines.reload(self.config(), now_ns=0).removed, ["/services/trading"])
        self.assertEqual(world.registry.explain("trading", now_ns=0)["balancer"], "round_robin")
        self.assertEqual(world.registry.explain("trading", now_ns=0)["ejected"], 1)

    def test_replaced_through_a_temporary(self):
        pipelines = seawall.Pipelines({"routes": {"a": {}, "b": {}}})
        first, other, second = (seawall.TokenBucket(3, 60.0) for _ in range(3))
        was, beside, now = weakref.ref(first), weakref.ref(other), weakref.ref(second)
        pipelines["a"].replace(limits=[Limit("first", first, 3, 60.0)])
        pipelines["b"].replace(limits=[Limit("other", other, 3, 60.0)])
        del first, other
        gc.collect()
        self.assertIsNotNone(was(), "the route asks it")
        self.assertEqual(pipelines["a"].admit().remaining, 2)
        pipelines["a"].replace(limits=[Limit("second", second, 3, 60.0)])  # the call above is out
        self.assertIsNotNone(was())
        del second
        pipelines["a"].replace()
        pipelines["a"].replace()
        gc.collect()
        self.assertIsNotNone(beside())
        route = pipelines["b"]
        del pipelines
        gc.collect()
        self.assertEqual(route.admit().remaining, 2)
        del route
        gc.collect()
        self.assertEqual((was(), beside(), now()), (None, None, None))

    def test_what_is_replaced_goes_when_no_call_is_out(self):
        pipelines = seawall.Pipelines({"routes": {"a": {}}})
        limiter = seawall.TokenBucket(3, 60.0)
        gone = weakref.ref(limiter)
        pipelines["a"].replace(limits=[Limit("first", limiter, 3, 60.0)])
        del limiter
        pipelines["a"].replace()
        gc.collect()
        self.assertIsNone(gone())

    def test_errors(self):
        with self.assertRaisesRegex(TypeError, "keys"):
            seawall.Pipelines("{}", keys="user")
        with self.assertRaisesRegex(seawall.SeawallError, "/routes/trading/service: there is no registry"):
            seawall.Pipelines(self.config())
        with self.assertRaisesRegex(seawall.SeawallError, "no valid JSON"):
            seawall.Pipelines("{")
        with self.assertRaises(KeyError):
            seawall.Pipelines("{}")["a"]


class Blocks(unittest.TestCase):
    def test_how_a_block_ended_is_reported(self):
        world = World()
        with world.pipeline.admit("ann", now_ns=0):
            pass
        with self.assertRaises(OSError), world.pipeline.admit("ann", now_ns=0):
            raise OSError
        self.assertEqual(world.breaker.snapshot().failure_count, 1)
        with self.assertRaises(KeyError), world.pipeline.admit("ann", now_ns=0):
            raise KeyError  # no failure of the service
        self.assertEqual(world.breaker.snapshot().failure_count, 1)
        with self.assertRaises(Refused) as refused, world.pipeline.admit("ann", now_ns=0):
            self.fail("was refused")
        self.assertIs(refused.exception.gate, Gate.LIMITS)
        self.assertEqual(world.pipeline.stats(now_ns=0).in_flight, 0)

    def test_completed_in_the_block(self):
        world = World()
        with world.pipeline.admit("ann") as call:
            call.complete(Outcome.FAILURE, 500)
        self.assertEqual(world.breaker.snapshot().failure_count, 1)

    def test_decorated_functions(self):
        world = World(of_user=2)

        @world.pipeline.guard(lambda user: user)
        def trade(user: str) -> str:
            """Trades."""
            return f"traded for {user}"

        self.assertEqual(trade.__doc__, "Trades.")
        self.assertEqual(trade("ann"), "traded for ann")
        self.assertEqual(trade("ann"), "traded for ann")
        with self.assertRaises(Refused):
            trade("ann")
        self.assertEqual(trade("bob"), "traded for bob")
        with self.assertRaises(TypeError):

            @world.pipeline.guard()
            def generated():
                yield 1

    def test_async(self):
        world = World()

        @world.pipeline.guard(lambda user: user)
        async def trade(user: str) -> str:
            await asyncio.sleep(0)
            return user

        async def block() -> bool:
            async with world.pipeline.admit("bob") as call:
                await asyncio.sleep(0)
            return bool(call)

        async def all_of_it():
            return await asyncio.gather(*(trade("ann") for _ in range(4)), block(), return_exceptions=True)

        done = asyncio.run(all_of_it())
        self.assertEqual(done.count("ann"), 3)
        self.assertEqual(sum(isinstance(one, Refused) for one in done), 1)
        self.assertIs(done[-1], True)
        self.assertEqual(world.pipeline.stats().in_flight, 0)

    def test_threads(self):
        world = World(of_user=50, of_service=400)
        admitted = []

        def work():
            mine = 0
            for _ in range(100):
                call = world.pipeline.admit("ann", now_ns=0)
                mine += bool(call)
                if call:
                    call.complete(now_ns=0)
            admitted.append(mine)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(admitted), 50)
        self.assertEqual(world.pipeline.stats(now_ns=0).repeated, 0)


if __name__ == "__main__":
    unittest.main()
