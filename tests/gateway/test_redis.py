# SPDX-License-Identifier: MIT
"""Two gateways and one Redis: limits and registry are of both together, and each gateway's own while Redis is away."""

import http.client
import itertools
import json
import os
import pathlib
import signal
import tempfile
import threading
import unittest

from gateway.raw import FakeUpstream
from support.redis_server import RedisServer
from support.stack import Stack, wait_until


class SharedLimits(unittest.TestCase):
    def redis_of(self, stack: Stack) -> str:
        return stack.get("/health").json()["infrastructure"]["redis"]

    def feed(self, stack: Stack, user: str):
        return stack.get("/api/v1/social/feed", X_User_ID=user)

    def test_two_gateways(self):
        with RedisServer() as redis:
            options = ("--redis", redis.endpoint, "--user-limit", "6/3600s", "--threads", "1")
            with Stack(*options) as one, Stack(*options) as two:
                for stack in (one, two):
                    stack.start("social")
                    stack.wait_until_healthy("social")
                    wait_until("the store", lambda: self.redis_of(stack) == "connected")
                # A busy machine misses some of the 10 ms in which Redis must answer, and then a gateway decides alone.
                users = itertools.count()

                def together():
                    name = f"ann{next(users)}"
                    statuses = [self.feed(stack, name).status for _ in range(5) for stack in (one, two)]
                    return name if statuses == [200] * 6 + [429] * 4 else None

                refused = self.feed(one, wait_until("six for both together", together))
                self.assertGreater(int(refused.headers["Retry-After"]), 50)
                self.assertIn("limit", refused.json()["error"] if "error" in refused.json() else str(refused.json()))
                told = self.feed(two, "bob")
                self.assertIn('"user";r=5', told.headers["RateLimit"])

                redis.kill()
                wait_until("away", lambda: self.redis_of(one) == "unavailable" and self.redis_of(two) == "unavailable")
                self.assertEqual([self.feed(one, "carl").status for _ in range(8)], [200] * 6 + [429] * 2)
                self.assertEqual(self.feed(two, "carl").status, 200)

                redis.start()
                wait_until("back", lambda: self.redis_of(one) == "connected" and self.redis_of(two) == "connected")
                # An open breaker lets a request through after half a second.
                user = iter(range(100_000))

                def shared():
                    name = f"user{next(user)}"
                    return self.feed(one, name).status == 200 and '"user";r=4' in self.feed(two, name).headers["RateLimit"]

                wait_until("shared again", shared)

    def test_a_reload_changes_the_limit_of_all(self):
        with RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "gateway.json")
            path.write_text('{"limits": {"user": {"permits": 4, "period": "1h"}}}')
            options = ("--redis", redis.endpoint, "--config", str(path), "--threads", "1")
            with Stack(*options) as one, Stack(*options) as two:
                for stack in (one, two):
                    stack.start("social")
                    stack.wait_until_healthy("social")
                    wait_until("the store", lambda: self.redis_of(stack) == "connected")
                # As above: of many users, as a busy machine misses some answers.
                users = [f"ann{i}" for i in range(20)]
                asked = lambda name, *stacks: [self.feed(stack, name).status for stack in stacks]
                users = [name for name in users if asked(name, one, two, one, two, one) == [200] * 4 + [429]]
                self.assertTrue(users)
                path.write_text('{"limits": {"user": {"permits": 6, "period": "1h"}}}')
                for stack in (one, two):
                    stack.gateway.process.send_signal(signal.SIGHUP)
                    wait_until("reloaded", lambda: "configuration reloaded" in stack.gateway.errors())
                self.assertIn([200] * 2 + [429] * 2, [asked(name, two, one, two, one) for name in users])
                self.assertIn('"user";q=6;w=3600', self.feed(one, users[0]).headers["RateLimit-Policy"])

    def test_a_user_with_the_name_of_a_service(self):
        """A shared limit by user and a route's own, of one name: whoever is called like the route is another one."""
        config = {
            "limits": {"service": {"key": "user", "permits": 3, "period": "1h"}},
            "routes": {"trading": {"limits": ["service"]}},  # the others have their own one
        }
        with RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "gateway.json")
            path.write_text(json.dumps(config))
            with Stack("--redis", redis.endpoint, "--config", str(path), "--threads", "1") as stack:
                for service in ("social", "trading"):
                    stack.start(service)
                    stack.wait_until_healthy(service)
                wait_until("the store", lambda: self.redis_of(stack) == "connected")
                self.assertEqual([self.feed(stack, f"user{i}").status for i in range(5)], [200] * 5)
                self.assertIn('"service";r=2', stack.trade("social").headers["RateLimit"])

    def test_a_503_refunds_what_redis_charged(self):
        with RedisServer() as redis, Stack("--redis", redis.endpoint, "--user-limit", "3/3600s", "--threads", "1") as stack:
            wait_until("the store", lambda: self.redis_of(stack) == "connected")
            # Of several users, as a busy machine misses some of the 10 ms in which Redis must answer.
            users = [f"ann{i}" for i in range(8)]
            without = [[self.feed(stack, user).status for _ in range(5)] for user in users]
            stack.start("social")
            stack.wait_until_healthy("social")
            there = [[self.feed(stack, user).status for _ in range(4)] for user in users]
            self.assertIn(([503] * 5, [200] * 3 + [429]), list(zip(without, there)))

    def test_an_address_that_is_no_redis(self):
        """Nothing listens there: every request is served, by the gateway's own limits."""
        with Stack("--redis", "127.0.0.1:1", "--user-limit", "3/3600s") as stack:
            stack.start("social")
            stack.wait_until_healthy("social")
            self.assertEqual(self.redis_of(stack), "unavailable")
            self.assertEqual([self.feed(stack, "ann").status for _ in range(4)], [200] * 3 + [429])

    def test_a_password(self):
        """From a file or the environment; a wrong one is told as such, and requests are served meanwhile."""
        with RedisServer("--requirepass", "sesame") as redis, tempfile.TemporaryDirectory() as folder:
            files = {}
            for word in ("sesame", "wrong"):
                files[word] = f"{folder}/{word}.txt"
                with open(files[word], "w") as file:
                    file.write(word + "\n")
            options = ("--redis", redis.endpoint, "--user-limit", "3/3600s", "--threads", "1")
            with Stack(*options, "--redis-password-file", files["sesame"]) as right:
                wait_until("the store", lambda: self.redis_of(right) == "connected")
            with Stack(*options, env={"SEAWALL_REDIS_PASSWORD": "sesame"}) as right:
                wait_until("the store", lambda: self.redis_of(right) == "connected")
            for more in ((), ("--redis-password-file", files["wrong"])):
                with Stack(*options, *more) as wrong:
                    wrong.start("social")
                    wrong.wait_until_healthy("social")
                    wait_until("its words", lambda: "--redis: refused:" in wrong.gateway.errors())
                    health = lambda: wrong.get("/health").json()["infrastructure"]
                    wait_until("the refusal", lambda: health().get("redis_error") == "unauthorized")
                    self.assertEqual(health()["redis"], "unavailable")
                    self.assertEqual([self.feed(wrong, "ann").status for _ in range(4)], [200] * 3 + [429])


class SharedRegistry(unittest.TestCase):
    def feed(self, stack: Stack) -> int:
        return stack.get("/api/v1/social/feed", X_User_ID="ann").status

    def redis_of(self, stack: Stack) -> str:
        return stack.get("/health").json()["infrastructure"]["redis"]

    def test_what_registers_at_one_serves_at_both(self):
        with RedisServer() as redis:
            options = ("--redis", redis.endpoint, "--threads", "1")
            with Stack(*options) as one, Stack(*options) as two:
                first = one.start("social")
                two.wait_until_healthy("social")
                self.assertEqual(self.feed(two), 200)

                redis.kill()
                wait_until("away", lambda: self.redis_of(two) == "unavailable")
                self.assertEqual([self.feed(two) for _ in range(20)], [200] * 20)
                redis.start()
                one.start("social")
                two.wait_until_healthy("social", 2)

                self.assertEqual(first.stop(), 0)
                wait_until("the end of the first", lambda: two.health("social")["healthy_instances"] == 1)
                self.assertEqual([self.feed(two) for _ in range(20)], [200] * 20)

    def test_an_instance_belongs_to_where_it_registered_last(self):
        with RedisServer() as redis:
            options = ("--redis", redis.endpoint, "--threads", "1", "--probe-interval", "0s")
            with Stack(*options) as one, Stack(*options) as two:
                record = {"service": "social", "id": "s-1", "host": "127.0.0.1", "port": 9}

                def register(stack: Stack) -> int:
                    answer = stack.call("POST", "/registry/instances", record)
                    self.assertEqual(answer.status, 201)
                    return answer.json()["generation"]

                def beat(stack: Stack, generation: int) -> int:
                    return stack.call("PUT", "/registry/instances/s-1/heartbeat", {"generation": generation}).status

                def listed(stack: Stack) -> int:
                    return len(stack.instances("social"))

                old = register(one)
                wait_until("seen", lambda: beat(one, old) == 200 and listed(two) == 1)
                self.assertEqual(beat(two, old), 404)  # not here: it may register
                new = register(two)
                wait_until("fenced", lambda: beat(two, new) == 200 and beat(one, old) == 409)
                wait_until("followed", lambda: beat(two, new) == 200 and listed(one) == 1 and beat(one, new) == 404)
                self.assertEqual(beat(one, old), 409)  # still: it must stop


def well(upstream: FakeUpstream, sock) -> None:
    while upstream.read_request(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def metric(stack: Stack, series: str) -> float:
    for line in stack.get("/metrics", Accept="text/plain").body.decode().splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


class Trips(unittest.TestCase):
    HURRIED = 'seawall_prober_hurried_total{prober="gateway"}'

    def test_a_trip_of_one_makes_the_other_probe_and_opens_nothing_there(self):
        with RedisServer() as redis, FakeUpstream(well) as upstream, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "services.json")
            path.write_text(json.dumps({"social": [{"host": "127.0.0.1", "port": upstream.port}]}))
            options = ("--services", str(path), "--probe-interval", "3600s", "--threads", "1", "--test-endpoints")
            with_redis = ("--redis", redis.endpoint, *options)
            with Stack(*with_redis) as one, Stack(*with_redis) as two, Stack(*options) as alone:
                for stack in (one, two, alone):
                    probed = 'seawall_prober_probes_total{prober="gateway",result="passed"}'
                    wait_until("its first probe", lambda: metric(stack, probed) >= 1)
                # One that is told before the other listens is lost, as all that are told while Redis is away.
                wait_until("both listen", lambda: ":2\r\n" in redis.ask("PUBSUB NUMSUB seawall-trips:gateway"))

                def trip(stack: Stack) -> None:
                    self.assertEqual(stack.call("POST", "/test/circuit-breaker/social").status, 200)
                    self.assertEqual(stack.health("social")["circuit_breaker"], "open")

                trip(alone)
                trip(one)
                wait_until("the other probes", lambda: metric(two, self.HURRIED) >= 1)
                self.assertEqual(two.health("social")["circuit_breaker"], "closed")  # its breaker is its own
                self.assertEqual([metric(stack, self.HURRIED) for stack in (one, alone)], [0, 0])
                redis.kill()
                wait_until("away", lambda: two.get("/health").json()["infrastructure"]["redis"] == "unavailable")
                trip(two)  # with nobody to tell
                self.assertEqual(one.health("social")["circuit_breaker"], "open")


class Stopping(unittest.TestCase):
    def test_a_stop_while_redis_says_nothing(self):
        """Calls to Redis are out when the drain is over and the loops go: the program ends as always."""
        with RedisServer() as redis:
            options = ("--redis", redis.endpoint, "--threads", "2", "--drain-timeout", "0s", "--probe-interval", "0s")
            for _ in range(4):
                with Stack(*options) as stack:
                    wait_until("the store", lambda: stack.get("/health").json()["infrastructure"]["redis"] == "connected")
                    os.kill(redis.process.pid, signal.SIGSTOP)
                    try:
                        load = [threading.Thread(target=self.load, args=(stack,), daemon=True) for _ in range(8)]
                        for thread in load:
                            thread.start()
                        self.assertEqual(stack.gateway.stop(), 0, stack.gateway.errors())
                        for thread in load:
                            thread.join()
                    finally:
                        os.kill(redis.process.pid, signal.SIGCONT)

    def load(self, stack: Stack) -> None:
        try:
            while True:
                stack.get("/api/v1/social/feed", X_User_ID="ann")
        except (OSError, http.client.HTTPException):
            pass  # it has stopped


if __name__ == "__main__":
    unittest.main()
