# SPDX-License-Identifier: MIT
import gc
import unittest

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import seawall
from seawall import SeawallError, ServiceRegistry, _ffi
from seawall.registry import AdminState, Answer, Health, Outcome, SelfState, instance_id
from tests import vectors

SECOND = 1_000_000_000
CODES = {
    _ffi.SEAWALL_E_FULL: "full",
    _ffi.SEAWALL_E_INVALID_ARGUMENT: "invalid_argument",
}


def pickable(registry, service, now):
    """The ids of all instances that picks reach."""
    handle, found, slots = registry.service(service), [], []
    while pick := handle.pick(slots, now_ns=now):
        handle.done(pick, now_ns=now)
        if pick.panic:
            break  # nobody is left who may
        found.append(pick.id)
        slots.append(pick.slot)
    return sorted(found)


class Player:
    """Runs the steps of one case of the shared vectors."""

    def __init__(self, options):
        seconds = {name[:-3]: int(value) / 1e9 for name, value in options.items() if name.endswith("_ns")}
        counts = {name: int(value) for name, value in options.items() if not name.endswith("_ns")}
        self.registry = ServiceRegistry(**seconds, **counts, now_ns=0)

    def play(self, step):
        a, now = step.arguments, step.now_ns
        generation = int(a.get("generation", 0))
        r = self.registry
        match step.verb:
            case "register":
                return self.register(a, now)
            case "heartbeat":
                said = SelfState[a["state"].upper()] if "state" in a else None
                answer = r.heartbeat(a["id"], generation, said, now_ns=now)
            case "drain":
                answer = r.drain(a["id"], generation, now_ns=now)
            case "deregister":
                answer = r.deregister(a["id"], generation, now_ns=now)
            case "set_admin":
                answer = r.set_admin(a["id"], AdminState[a["to"].upper()], generation, now_ns=now)
            case "set_health":
                answer = r.set_health(a["id"], Health[a["to"].upper()], generation, now_ns=now)
            case "update":
                weight = int(a["weight"]) if "weight" in a else None
                try:
                    answer = r.update(a["id"], generation, weight=weight, zone=a.get("zone"), now_ns=now)
                except seawall.SeawallError as error:
                    return {"answer": CODES[error.code]}
            case "tick":
                return {"ended": r.tick(now_ns=now)}
            case "pickable":
                return {"ids": ",".join(pickable(r, a["service"], now))}
            case "find":
                found = r.find(a["id"], now_ns=now)
                return {**found, "healthy": int(found["healthy"])} if found else {"state": "unknown"}
        return {"answer": answer.name.lower()}

    def register(self, a, now):
        state = SelfState[a.get("state", "serving").upper()]
        host, port, weight = a.get("host", "127.0.0.1"), int(a.get("port", 8001)), int(a.get("weight", 1))
        try:
            mine = self.registry.register(a["service"], a["id"], host, port, weight=weight, state=state, now_ns=now)
        except seawall.SeawallError as error:
            return {"answer": CODES[error.code]}
        return {"answer": "ok", "generation": mine.generation, "slot": mine.slot}


class Vectors(unittest.TestCase):
    def test_shared_vectors(self):
        for case in vectors.load("service_registry.txt"):
            with self.subTest(case.name):
                player = Player(case.options)
                for step in case.steps:
                    self.assertEqual(step.mismatches(player.play(step)), [])


class Registry(unittest.TestCase):
    def test_a_call_is_in_flight_for_its_block_and_a_raise_is_a_failure(self):
        registry = ServiceRegistry()
        registry.register("s", "a", "::1", 80, metadata={"version": "\u00fc"}, zone="z")
        service = registry.service("s")
        with service.call() as pick:
            self.assertEqual((pick.id, pick.host, pick.port), ("a", "::1", 80))
            self.assertEqual(registry.find("a")["in_flight"], 1)
        with self.assertRaises(ValueError), service.call():
            raise ValueError
        with self.assertRaises(KeyboardInterrupt), service.call():
            raise KeyboardInterrupt
        found = registry.find("a")
        self.assertEqual((found["in_flight"], found["failures"]), (0, 1))
        self.assertEqual((found["metadata"], found["zone"]), ({"version": "\u00fc"}, "z"))
        registry.drain("a")
        with service.call() as nobody:
            self.assertIsNone(nobody)

    def test_the_second_done_of_a_pick_changes_nothing(self):
        registry = ServiceRegistry(now_ns=0)
        registry.register("s", "a", "h", 1, now_ns=0)
        service = registry.service("s")
        first, second = service.pick(now_ns=0), service.pick(now_ns=0)
        self.assertTrue(service.done(first, Outcome.FAILURE, 0.25, now_ns=0))
        self.assertFalse(service.done(first, Outcome.FAILURE, 0.25, now_ns=0))
        found = registry.find("a", now_ns=0)
        self.assertEqual((found["in_flight"], found["failures"]), (1, 1))
        self.assertTrue(service.done(second, now_ns=0))

    def fleet(self, *ids, **options):
        registry = ServiceRegistry(now_ns=0)
        registry.configure("s", **options)
        for id in ids:
            registry.register("s", id, "h", 1, now_ns=0)
        return registry, registry.service("s")

    def test_a_service_chooses_how_its_calls_are_spread(self):
        registry, service = self.fleet("a", "b", "c", balancer="maglev")
        owner = service.pick(key="user-1", now_ns=0).id
        self.assertTrue(all(service.pick(key=b"user-1", now_ns=0).id == owner for _ in range(20)))
        self.assertGreater(len({service.pick(key=f"user-{i}", now_ns=0).id for i in range(50)}), 1)
        for balancer in ("round_robin", "random", "least_loaded", "peak_ewma", "ring_hash"):
            registry.configure("s", balancer=balancer)
            self.assertEqual(registry.explain("s", now_ns=0)["balancer"], balancer)
            self.assertIsNotNone(service.pick(now_ns=0))
        for options, said in (({"balancer": "fastest"}, "/balancer: expected one of round_robin"), ({"panic_threshold": 101}, "/panic_threshold: must be from"), ({"nonsense": 1}, "/nonsense: unknown key")):
            with self.assertRaisesRegex(SeawallError, said):
                registry.configure("s", **options)

    def test_failures_eject_and_explain_says_so(self):
        registry, service = self.fleet("a", "b", ejection_failures=2, ejection_duration=5, ejection_jitter_percent=0)
        slot = {i["id"]: i["slot"] for i in registry.services(now_ns=0)["s"]["instances"]}
        for _ in range(2):
            service.done(service.pick([slot["b"]], now_ns=0), Outcome.FAILURE, now_ns=0)
        self.assertEqual({service.pick(now_ns=0).id for _ in range(10)}, {"b"})
        why = {i["id"]: i for i in registry.explain("s", now_ns=0)["instances"]}
        self.assertEqual((why["a"]["verdict"], why["a"]["reasons"], why["a"]["ejected_for_ns"]), ("nobody", ["ejected"], 5 * SECOND))
        self.assertEqual((why["b"]["verdict"], why["b"]["reasons"], why["b"]["in_flight"]), ("picked", [], 10))
        self.assertIn("a: nobody, ejected for 5.0 s", registry.explain_text("s", now_ns=0))
        self.assertIsNone(registry.explain("t", now_ns=0))
        self.assertTrue(registry.restore("a", now_ns=0))
        self.assertEqual({service.pick(now_ns=0).id for _ in range(10)}, {"a", "b"})
        for _ in range(2):
            service.done(service.pick([slot["b"]], now_ns=0), Outcome.FAILURE, now_ns=0)
        later = 5 * SECOND
        for _ in range(5):
            registry.heartbeat("a", why["a"]["generation"], now_ns=later), registry.heartbeat("b", why["b"]["generation"], now_ns=later)
        self.assertTrue(any(service.pick(now_ns=later).probe for _ in range(4)))

    def test_panic_is_in_the_pick(self):
        registry, service = self.fleet("a", "b")
        for id in ("a", "b"):
            registry.set_health(id, Health.FAILING, now_ns=0)
        self.assertTrue(service.pick(now_ns=0).panic)
        self.assertTrue(registry.explain("s", now_ns=0)["panic"])
        registry.configure(panic_threshold=0)
        self.assertTrue(service.pick(now_ns=0).panic)  # it is configured by name
        registry.configure("s", panic_mode="fail")
        self.assertIsNone(service.pick(now_ns=0))

    def test_defaults_are_those_of_the_contract(self):
        mine = ServiceRegistry().register("s", "a", "h", 1)
        self.assertEqual(mine.lease, 3.0)
        self.assertTrue(0.8 <= mine.heartbeat_interval <= 1.2)
        self.assertTrue(0.4 <= mine.first_heartbeat <= 1.2)
        self.assertEqual(ServiceRegistry(heartbeat_jitter_percent=0).register("s", "a", "h", 1).heartbeat_interval, 1.0)

    def test_an_update_keeps_the_generation_and_what_it_does_not_name(self):
        registry = ServiceRegistry()
        mine = registry.register("prod/s", "a", "h", 1, zone="z", metadata={"k": "v"})
        self.assertEqual(mine.name, "prod/s/a")
        self.assertTrue(registry.update(mine.name, mine.generation, weight=7))
        found = registry.find(mine.name)
        self.assertEqual((found["weight"], found["zone"], found["metadata"]), (7, "z", {"k": "v"}))
        self.assertTrue(registry.update(mine.name, zone="", metadata={}))
        found = registry.find(mine.name)
        self.assertEqual((found["weight"], found["zone"], found["metadata"]), (7, "", {}))
        self.assertEqual(found["generation"], mine.generation)
        self.assertIs(registry.update("nobody", weight=1), Answer.UNKNOWN)
        for wrong in ({"weight": -1}, {"weight": 1001}, {"weight": 2**40}, {"zone": "a b"}, {"metadata": {"": ""}}):
            with self.assertRaises(seawall.SeawallError):
                registry.update(mine.name, **wrong)

    def test_instance_ids_are_unique_at_each_start_and_fit(self):
        ids = {instance_id() for _ in range(100)}
        self.assertEqual(len(ids), 100)
        self.assertRegex(instance_id("a b\n" * 30, 2**40), r"\A[ab-]{30,}-1099511627776-[0-9a-f]{16}\Z")
        registry = ServiceRegistry()
        for id in ids | {instance_id("h" * 300), instance_id("")}:
            self.assertLessEqual(len(id), 63)
            registry.register("s", id, "h", 1)

    def test_a_drain_is_over_when_the_last_call_is(self):
        registry = ServiceRegistry(now_ns=0)
        mine = registry.register("s", "a", "h", 1, now_ns=0)
        service = registry.service("s")
        call = service.pick(now_ns=0)
        self.assertTrue(registry.drain("s/a", within=60, now_ns=0))
        registry.tick(now_ns=SECOND)
        self.assertFalse(registry.drained("a", now_ns=SECOND))
        service.done(call, now_ns=SECOND)
        self.assertTrue(registry.drained("a", now_ns=SECOND))
        registry.tick(now_ns=2 * SECOND)
        self.assertIs(registry.heartbeat("a", mine.generation, now_ns=2 * SECOND), Answer.FENCED)
        self.assertTrue(registry.drained("nobody"))

    def test_it_counts_what_it_has_and_did(self):
        registry = seawall.ServiceRegistry(now_ns=0)
        trading = registry.service("trading")
        self.assertEqual(trading.size, 0)
        for _ in range(2):
            registry.register("trading", "trading-1", "127.0.0.1", 8001, now_ns=0)
        registry.heartbeat("nobody", 1, now_ns=0)
        self.assertEqual(trading.size, 1)
        stats = registry.stats()
        self.assertEqual([stats[name] for name in ("services", "instances", "registrations", "unknown")], [1, 1, 2, 1])

    def test_the_listing_says_who_is_protected(self):
        registry = ServiceRegistry(now_ns=0)
        for id in "abcd":
            registry.register("s", id, "h", 1, now_ns=0)
        for second in range(1, 5):
            self.assertEqual(registry.tick(now_ns=second * SECOND), 0)
        listed = registry.services(now_ns=4 * SECOND)["s"]
        self.assertTrue(listed["protected"])
        self.assertEqual({i["state"] for i in listed["instances"]}, {"held"})

    def test_errors_name_the_culprit(self):
        with self.assertRaisesRegex(seawall.SeawallError, "lease"):
            ServiceRegistry(lease=0)
        registry = ServiceRegistry(max_instances=1)
        for given in (("s", "a", "h", 0), ("s", "a", "h", 2**40)):
            with self.assertRaisesRegex(seawall.SeawallError, "port"):
                registry.register(*given)
        with self.assertRaisesRegex(seawall.SeawallError, "metadata must be UTF-8"):
            registry.register("s", "a", "h", 1, metadata={"k": "\ud800"})
        registry.register("s", "a", "h", 1)
        with self.assertRaisesRegex(seawall.SeawallError, "max_instances is 1"):
            registry.register("s", "b", "h", 1)
        with self.assertRaises(ValueError):
            registry.heartbeat("a", 1, 7)

    def test_an_answer_is_true_only_when_ok(self):
        self.assertTrue(Answer.OK)
        self.assertFalse(Answer.UNKNOWN or Answer.FENCED)

    def test_a_service_keeps_its_registry_alive(self):
        registry = ServiceRegistry()
        registry.register("s", "a", "h", 1)
        service = registry.service("s")
        del registry
        gc.collect()
        self.assertEqual(service.pick().id, "a")

    def test_equal_instances_take_turns(self):
        registry = ServiceRegistry()
        for id in "abc":
            registry.register("s", id, "h", 1)
        service = registry.service("s")
        seen = [service.pick().id for _ in range(30)]
        self.assertEqual({id: seen.count(id) for id in seen}, {"a": 10, "b": 10, "c": 10})


class Leases(RuleBasedStateMachine):
    """Whoever beats in time is picked, whoever is silent for a lease is not; ticks come each second."""

    ids = st.sampled_from("abc")

    def __init__(self):
        super().__init__()
        self.now = 0
        self.registry = ServiceRegistry(now_ns=0, suspect_after=3)
        self.registry.configure("s", panic_threshold=0)  # also one of three alone gets all picks
        self.ends = {}
        self.generations = {}

    @rule(id=ids)
    def register(self, id):
        self.generations[id] = self.registry.register("s", id, "h", 1, now_ns=self.now).generation
        self.ends[id] = self.now + 3 * SECOND

    @rule(id=ids, wrong=st.integers(-1, 1))
    def beat(self, id, wrong):
        generation = self.generations.get(id, 0) + wrong
        answer = self.registry.heartbeat(id, max(generation, 0), now_ns=self.now)
        if id not in self.ends or wrong > 0 or generation <= 0:
            assert answer is Answer.UNKNOWN
        elif wrong < 0:
            assert answer is Answer.FENCED
        else:
            assert answer is Answer.OK
            self.ends[id] = self.now + 3 * SECOND

    @rule(id=ids)
    def deregister(self, id):
        known = self.ends.pop(id, None) is not None
        assert bool(self.registry.deregister(id, now_ns=self.now)) == known

    @rule(ns=st.integers(0, SECOND))
    def time_passes(self, ns):
        self.now += ns
        self.registry.tick(now_ns=self.now)
        self.ends = {id: end for id, end in self.ends.items() if self.now - end < 30 * SECOND}

    @invariant()
    def the_living_are_picked(self):
        assert pickable(self.registry, "s", self.now) == sorted(i for i, end in self.ends.items() if self.now < end)


Leases.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLeases = Leases.TestCase

if __name__ == "__main__":
    unittest.main()
