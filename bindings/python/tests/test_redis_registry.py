# SPDX-License-Identifier: MIT
"""The registry in Redis and announced trips from Python: with a redis-server of the test's own, and without one."""

import asyncio
import unittest

from seawall import SeawallError
from seawall.follower import SourceFollower
from seawall.redis import Fault, InstanceKeeper, KeptState, Registrar, Says, Store, StoreSource, TripBoard
from seawall.registry import NewInstance, SelfState, ServiceRegistry
from support.redis_server import RedisServer, eventually

LIMIT = 60.0


def setUpModule():
    global server
    server = RedisServer()


def tearDownModule():
    server.close()


def instance(id: str = "t-1", port: int = 8001, **more) -> NewInstance:
    return NewInstance("trading", id, "10.0.0.1", port, **more)


def open_store() -> Store:
    return Store(server.endpoint, deadline=2.0, silence=5.0, reconnect_max=0.02)


class WithRedis(unittest.TestCase):
    def setUp(self):
        self.store = open_store()
        eventually(lambda: self.store.stats().up, LIMIT)
        self.name = self.id().rpartition(".")[2][-60:]

    def registrar(self, **options) -> Registrar:
        return Registrar(self.store, self.name, **({"lease": 60.0} | options))


class Writing(WithRedis):
    def test_register_renew_drain_deregister(self):
        registrar = self.registrar()
        unknown = registrar.renew("trading", "t-1", 5)
        self.assertFalse(unknown)
        self.assertEqual((unknown.says, unknown.fault), (Says.UNKNOWN, Fault.NONE))
        mine = registrar.register(instance())
        self.assertTrue(mine)
        self.assertTrue(registrar.register(instance(weight=2), mine.generation))  # again, as the same
        self.assertTrue(registrar.renew("trading", "t-1", mine.generation, SelfState.SERVING))
        self.assertTrue(registrar.enter("trading"))
        other = registrar.register(instance())
        self.assertGreater(other.generation, mine.generation)
        self.assertIs(registrar.renew("trading", "t-1", mine.generation).says, Says.FENCED)
        self.assertTrue(registrar.drain("trading", "t-1"))
        self.assertTrue(registrar.deregister("trading", "t-1", other.generation))

    def test_what_is_wrong_is_named(self):
        registrar = self.registrar()
        for wrong, field in ((instance(port=0), "port"), (instance(id="a b"), "id")):
            word = registrar.register(wrong)
            self.assertEqual((word.says, word.fault), (Says.NOTHING, Fault.REFUSED))
            self.assertIn(field, word.reason)
        with self.assertRaisesRegex(SeawallError, "lease"):
            self.registrar(lease=0.5)
        with self.assertRaisesRegex(SeawallError, "registry"):
            Registrar(self.store, "no name")
        with self.assertRaisesRegex(SeawallError, "no service is called"):
            StoreSource(self.store, services=("a b",))

    def test_in_an_event_loop(self):
        registrar = self.registrar()

        async def all_of_it():
            mine, entered = await asyncio.gather(registrar.register_async(instance()), registrar.enter_async("trading"))
            renewed = await registrar.renew_async("trading", "t-1", mine.generation)
            drained = await registrar.drain_async("trading", "t-1", mine.generation)
            gone = await registrar.deregister_async("trading", "t-1", mine.generation)
            late = await registrar.renew_async("trading", "t-1", mine.generation)
            return mine, entered, renewed, drained, gone, late

        *done, late = asyncio.run(all_of_it())
        self.assertTrue(all(done))
        self.assertIs(late.says, Says.FENCED)


class KeptAndFollowed(WithRedis):
    def test_from_one_process_into_the_registry_of_another(self):
        keeper = InstanceKeeper(self.registrar(heartbeat_interval=0.02))
        registry = ServiceRegistry()
        follower = SourceFollower(registry, removal_grace=0.0)
        source = StoreSource(self.store, self.name, poll_interval=0.01)
        follower.follow(source, "redis")

        def seen() -> list:
            keeper.tick()
            follower.tick()
            return [found for service in registry.services().values() for found in service["instances"]]

        keeper.hold(instance(metadata={"version": "3"}))
        self.assertIs(keeper.find("trading", "t-1").state, KeptState.JOINING)
        eventually(lambda: len(seen()) == 1, LIMIT)
        self.assertEqual(seen()[0]["metadata"], {"version": "3"})
        eventually(lambda: seen() and keeper.find("trading", "t-1").state is KeptState.HELD, LIMIT)
        self.assertGreater(keeper.find("trading", "t-1").generation, 0)
        self.assertTrue(keeper.update(instance(weight=7)))
        eventually(lambda: seen()[0]["weight"] == 7, LIMIT)
        self.assertIsNone(keeper.find("trading", "t-2"))
        self.assertFalse(keeper.update(instance("t-2")))
        self.assertFalse(keeper.release("trading", "t-2"))
        with self.assertRaisesRegex(SeawallError, "port"):
            keeper.hold(instance(port=-1))

        self.assertTrue(keeper.release("trading", "t-1"))
        eventually(lambda: seen() is not None and keeper.stats().instances == 0, LIMIT)
        self.assertEqual(keeper.stats().removals, 1)
        stats = source.stats()
        self.assertEqual((stats.services, stats.foreign, stats.left_out), (1, 0, 0))
        self.assertGreaterEqual(stats.lists, 2)

    def test_who_is_taken_over_is_told(self):
        keeper = InstanceKeeper(self.registrar(heartbeat_interval=0.02))
        keeper.hold(instance())

        def state() -> KeptState:
            keeper.tick()
            return keeper.find("trading", "t-1").state

        eventually(lambda: state() is KeptState.HELD, LIMIT)
        self.assertTrue(self.registrar().register(instance()))
        eventually(lambda: state() is KeptState.FENCED, LIMIT)

    def test_an_outage_takes_nobody(self):
        server = RedisServer()
        try:
            store = Store(server.endpoint, deadline=0.1, reconnect_max=0.02)
            keeper = InstanceKeeper(Registrar(store, heartbeat_interval=0.02, lease=60.0))
            keeper.hold(instance())
            registry = ServiceRegistry(lease=60.0)
            follower = SourceFollower(registry, removal_grace=0.0, removal_ceiling=600.0)
            source = StoreSource(store, poll_interval=0.01)
            follower.follow(source, "redis")

            def seen() -> int:
                keeper.tick()
                follower.tick()
                return sum(len(service["instances"]) for service in registry.services().values())

            eventually(lambda: seen() == 1, LIMIT)
            server.kill()
            faults = source.stats().faults
            eventually(lambda: seen() == 1 and source.stats().faults > faults + 2, LIMIT)
            self.assertNotEqual(source.last_fault(), "")
            [state] = follower.state()["sources"]
            self.assertTrue(state["stale"])
            server.start()  # empty
            eventually(lambda: seen() == 1 and keeper.stats().reregistrations == 1, LIMIT)
            eventually(lambda: seen() == 1 and not follower.state()["sources"][0]["stale"], LIMIT)
        finally:
            server.close()


class Trips(WithRedis):
    def test_others_hear_of_it_and_who_says_it_does_not(self):
        here, there = TripBoard(self.store, self.name), TripBoard(open_store(), self.name)
        heard = []

        def hears() -> bool:
            here.announce("trading/t-1")  # again, since one before the other listens is lost
            heard.extend(there.poll())
            return bool(heard)

        eventually(hears, LIMIT)
        self.assertEqual({trip.name for trip in heard}, {"trading/t-1"})
        self.assertEqual(here.poll(), [])
        self.assertGreaterEqual(there.stats().heard, 1)
        for wrong in ("", "x" * 201):
            with self.assertRaises(SeawallError):
                here.announce(wrong)


class Away(unittest.TestCase):
    def test_verbs_say_nothing_and_why(self):
        store = Store("127.0.0.1:1")
        word = Registrar(store).register(instance())
        self.assertEqual(word.says, Says.NOTHING)
        self.assertIn(word.fault, (Fault.TIMEOUT, Fault.AWAY))
        later = asyncio.run(Registrar(store).enter_async("trading"))
        self.assertIn(later.fault, (Fault.TIMEOUT, Fault.AWAY))
        board = TripBoard(store)
        board.announce("x")
        eventually(lambda: board.stats().faults == 1, LIMIT)


if __name__ == "__main__":
    unittest.main()
