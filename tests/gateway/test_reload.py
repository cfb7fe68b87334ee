# SPDX-License-Identifier: MIT
"""The gateway's --config: what is wrong in the file is named, and SIGHUP takes a new one under load without losing
what can be kept."""

import errno
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from faults.load import Call, Load
from gateway.raw import FakeUpstream
from support.stack import BIN, Stack, wait_until

OPTIONS = ("--user-limit", "1000000/60s", "--service-limit", "1000000/60s", "--test-endpoints", "--open-duration", "600s")
FEED = Call("GET", "/api/v1/social/feed")
PROFILE = Call("GET", "/api/v1/gamification/user/7/profile")


def refuses(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


class Configuration(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = pathlib.Path(folder, "gateway.json")

    def write(self, config) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(config if isinstance(config, str) else json.dumps(config))
        beside.rename(self.path)

    def start(self, config, *options: str) -> Stack:
        self.write(config)
        return self.enterContext(Stack("--config", str(self.path), *options))

    def reload(self, stack: Stack, config, said: str = "configuration reloaded: ") -> str:
        """What the gateway says of it."""
        before = len(stack.gateway.errors())
        self.write(config)
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until(said, lambda: said in stack.gateway.errors()[before:] and stack.gateway.errors().endswith("\n"))
        return stack.gateway.errors()[before:]

    def feed(self, stack: Stack, user: str):
        return stack.get("/api/v1/social/feed", X_User_ID=user)

    def value(self, stack: Stack, series: str) -> float:
        for line in stack.get("/metrics", Accept="text/plain").body.decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(series)


class AtStart(Configuration):
    def refused(self, *options: str) -> subprocess.CompletedProcess:
        command = [BIN / "seawall-gateway", "--port", "0", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_what_is_wrong_is_named_by_file_path_and_value(self):
        route = {"routes": {"trading": {"limits": [{"name": "a", "permits": 0, "period": "1s"}]}}}
        for config, culprit in (
            ("{", "no valid JSON at byte"),
            ("[1]", "expected an object, not [1]"),
            ('{"limits": {"user": {"permits": 1, "permits": 2}}}', "/limits/user/permits: is there twice"),
            ('{"limits": {"user": {"permits": 1e999}}}', "a number is too large for any use"),
            ("[" * 100_000, "is nested too deeply"),
            ("x" * 1_100_000, "is larger than 1 MiB"),
            ({"limts": {}}, "/limts: unknown key"),
            ({"limits": {"user": {"permits": "many"}}}, "/limits/user/permits: expected an integer, not many"),
            (route, "/routes/trading/limits/0/permits: must be from 1 to"),
            ({"routes": {"trading": {"breaker": {"open_duration": "30"}}}}, "/routes/trading/breaker/open_duration"),
            ({"routes": {"trading": {"breaker": None}}}, "/routes/trading/breaker: must not be removed"),
            ({"routes": {"trading": {"service": "social"}}}, '/routes/trading/service: must be "trading", not "social"'),
            ({"routes": {"mining": {}}}, "/routes/mining: this gateway has no such route"),
            ({"routes": {"trading": None}}, "/routes/trading: must not be removed"),
            ({"routes": None}, "/routes: must not be removed"),
            ({"routes": []}, "/routes: expected an object"),
            *(
                ({"limits": {name: {"permits": 1, "period": "1s"}}}, f"/limits/{name}: this gateway needs that name")
                for name in ("gateway", "services", "trading", "social/burst", "social.burst")
            ),
            ({"limits": {"user": {"key": None}}}, "/limits/user/key: must not be removed"),
            ({"services": {"trading": {"balancer": "best"}}}, "/services/trading/balancer"),
            ({"probe": []}, "/probe: expected an object, not []"),
            ({"probe": {"kind": "udp"}}, '/probe/kind: "udp" is neither http nor tcp'),
            ({"probe": {"interval": 5}}, '/probe/interval: expected a duration such as "5s", not 5'),
            ({"probe": {"interval": "5"}}, '/probe/interval: expected a duration such as "5s", not "5"'),
            ({"probe": {"rise": 0}}, "/probe/rise must be from 1 to 1000, not 0"),
            ({"probe": {"fall": 1.5}}, "/probe/fall: expected an integer, not 1.5"),
            ({"probe": {"path": "health"}}, "/probe/path must begin with /"),
            ({"probe": {"often": True}}, "/probe/often: unknown key"),
            ({"probe": None}, "/probe/kind: must not be removed"),
            ({"probe": {"kind": None}}, "/probe/kind: must not be removed"),
            ({"probe": {"interval": None}}, "/probe/interval: must not be removed"),
            ({"dns": {"names": ["social.test:80"]}}, '/dns/names: expected an object, not ["social.test:80"]'),
            ({"dns": {"names": {"social": 80}}}, "/dns/names/social: expected a text, not 80"),
            ({"dns": {"names": {"social": "x.test:99999"}}}, '/dns/names/social: "x.test:99999" has no port'),
            ({"dns": {"servers": "nowhere", "names": {"social": "x.test:1"}}}, "/dns/"),
            ({"dns": {"domain": "test"}}, "/dns/domain: unknown key"),
            ({"dns": {"names": {"mining": "x.test:1"}}}, "/dns/names/mining: this gateway has no such service"),
            ({"limits": None}, "/routes/gamification/limits/0: expected the name of one of /limits, not user"),
        ):
            with self.subTest(culprit=culprit):
                self.write(config)
                done = self.refused("--config", str(self.path))
                self.assertEqual(done.returncode, 78, done.stderr)  # EX_CONFIG
                self.assertIn(f"--config {self.path}: ", done.stderr)
                self.assertIn(culprit, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_from_a_pipe(self):
        """It is waited for who writes it, but not for ever."""
        for writer, culprit in (("sleep 0.3; echo [1]", "not [1]"), ("exec sleep 6 2>/dev/null", "timed out")):
            with self.subTest(writer=writer):
                command = ["bash", "-c", f'"$0" --port 0 --config <({writer})', BIN / "seawall-gateway"]
                with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
                    self.assertIn(culprit, process.stderr.read())
                self.assertEqual(process.returncode, 78)

    def test_no_file(self):
        done = self.refused("--config", "/no/such/file")
        self.assertEqual(done.returncode, 78)
        self.assertIn("--config /no/such/file: No such file", done.stderr)

    def test_only_with_seawall(self):
        done = self.refused("--no-seawall", "--config", str(self.path))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--config", done.stderr)

    def test_the_file_is_merged_into_the_command_line(self):
        config = {
            "limits": {"user": {"permits": 7}},
            "routes": {"social": {"limits": ["user", {"name": "burst", "permits": 3, "period": "1h"}]}, "user": {"limits": []}},
        }
        stack = self.start(config, "--user-limit", "5/3600s", "--service-limit", "9/3600s")
        for service in ("social", "gamification", "user"):
            stack.start(service)
            stack.wait_until_healthy(service)
        self.assertEqual(self.feed(stack, "ann").headers["RateLimit-Policy"], '"user";q=7;w=3600, "burst";q=3;w=3600')
        profile = stack.get("/api/v1/gamification/user/7/profile", X_User_ID="ann")
        self.assertEqual(profile.headers["RateLimit-Policy"], '"user";q=7;w=3600, "service";q=9;w=3600')
        self.assertEqual([self.feed(stack, user).status for user in "bcd"], [200, 200, 429])
        self.assertIn("burst", self.feed(stack, "e").json()["message"])
        self.assertEqual(self.value(stack, 'seawall_rate_limiter_remaining{limiter="social/burst"}'), 0)
        self.assertEqual(self.value(stack, 'seawall_rate_limiter_limit{limiter="gamification"}'), 9)
        unlimited = stack.call("POST", "/api/v1/users/register", {})
        self.assertEqual(unlimited.status, 400)
        self.assertNotIn("RateLimit", unlimited.headers)


    def test_the_longest_names_fit_into_the_headers(self):
        limits = [{"name": str(i) + '"' * 30, "permits": 1_000_000_000, "period": "8784h"} for i in range(4)]
        stack = self.start({"routes": {"social": {"limits": limits}}})
        stack.start("social")
        stack.wait_until_healthy("social")
        feed = self.feed(stack, "ann")
        self.assertEqual(feed.status, 200)
        told = ['"' + str(i) + '\\"' * 30 + '";q=1000000000;w=31622400' for i in range(4)]
        self.assertEqual(feed.headers["RateLimit-Policy"], ", ".join(told))
        self.assertIn(";r=999999999", feed.headers["RateLimit"])


class Reload(Configuration):
    def test_under_load_nothing_fails_and_what_can_be_kept_is(self):
        stack = self.start({}, *OPTIONS)
        stack.start_all()
        self.assertEqual(stack.call("POST", "/test/circuit-breaker/user").json()["state"], "open")
        self.assertEqual([self.feed(stack, "ann").status for _ in range(5)], [200] * 5)
        generations = [(i["id"], i["state"]) for service in ("social", "user") for i in stack.instances(service)]
        with Load(stack.port, [FEED, PROFILE], 4, pause=0.001) as load:
            load.wait_for(100)
            for turn in range(21):
                config = {
                    "limits": {"user": {"permits": 1_000_000 if turn % 2 else 8}},
                    "services": {"social": {"balancer": ("least_loaded", "peak_ewma")[turn % 2]}},
                }
                told = self.reload(stack, config)
                self.assertIn("/limits/user changed", told)
            load.wait_for(len(load.samples) + 100)
        self.assertEqual(load.failures(), [], load.summary())
        self.assertEqual([self.feed(stack, "ann").status for _ in range(4)], [200] * 3 + [429], "5 of now 8 were spent")
        health = stack.health("user")
        self.assertEqual((health["circuit_breaker"], health["failure_count"]), ("open", 3))
        self.assertEqual([(i["id"], i["state"]) for s in ("social", "user") for i in stack.instances(s)], generations)
        self.assertEqual(self.value(stack, 'gateway_config_reloads_total{result="success"}'), 22)
        opened = 'seawall_circuit_breaker_transitions_total{breaker="user",to="open",reason="failure_threshold"}'
        self.assertEqual(self.value(stack, opened), 1, "a breaker that goes on keeps its series")
        self.assertEqual(self.value(stack, "seawall_service_registry_expirations_total{registry=\"services\"}"), 0)
        self.assertEqual(stack.gateway.stop(), 0)

    def test_a_bad_file_changes_nothing_and_is_told(self):
        stack = self.start({"limits": {"user": {"permits": 3}}}, "--user-limit", "9/3600s")
        stack.start("social")
        stack.wait_until_healthy("social")
        self.assertEqual(self.feed(stack, "ann").status, 200)
        self.assertEqual(self.value(stack, "gateway_config_last_reload_successful"), 1)
        taken = self.value(stack, "gateway_config_last_reload_success_timestamp_seconds")
        said = self.reload(stack, {"limits": {"user": {"permits": -1}}}, "configuration refused, the old one stays: ")
        self.assertIn(f"--config {self.path}: /limits/user/permits: must be from 1 to", said)
        self.assertEqual(self.value(stack, "gateway_config_last_reload_successful"), 0)
        self.assertEqual(self.value(stack, 'gateway_config_reloads_total{result="failure"}'), 1)
        self.assertIn("/routes: must not", self.reload(stack, {"routes": None}, "configuration refused, the old one stays: "))
        self.path.unlink()
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until("the file is missed", lambda: "No such file" in stack.gateway.errors())
        self.assertEqual(self.value(stack, "gateway_config_last_reload_success_timestamp_seconds"), taken)
        self.assertEqual([self.feed(stack, "ann").status for _ in range(3)], [200, 200, 429])
        told = self.reload(stack, {"limits": {"user": {"permits": 5}}, "probe": {"fall": 4}})
        self.assertIn("/limits/user changed, /probe changed, ", told)
        self.assertNotIn("/dns changed", told)
        self.assertEqual(self.value(stack, "gateway_config_last_reload_successful"), 1)
        self.assertEqual([self.feed(stack, "ann").status for _ in range(3)], [200, 200, 429])

    def test_a_named_pipe_in_its_place_holds_nobody_up(self):
        stack = self.start({}, *OPTIONS)
        self.path.unlink()
        os.mkfifo(self.path)
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until("nobody writes", lambda: "no valid JSON at byte 1" in stack.gateway.errors())
        writer = os.open(self.path, os.O_RDWR)  # and never writes
        self.addCleanup(os.close, writer)
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until("somebody might write", lambda: "timed out" in stack.gateway.errors())
        for _ in range(3):
            stack.gateway.process.send_signal(signal.SIGHUP)
        self.assertEqual(stack.get("/health").status, 200)
        self.assertEqual(stack.gateway.stop(), 0)

    def test_a_breaker_with_other_options_begins_anew(self):
        stack = self.start({}, *OPTIONS)
        stack.call("POST", "/test/circuit-breaker/social")
        self.assertEqual(stack.health("social")["circuit_breaker"], "open")
        said = self.reload(stack, {"routes": {"social": {"breaker": {"failure_threshold": 2}}}})
        self.assertIn("/routes/social/breaker begun anew", said)
        self.assertEqual(stack.health("social")["circuit_breaker"], "closed")
        self.assertEqual(stack.call("POST", "/test/circuit-breaker/social").json()["failure_count"], 2)
        transitions = 'seawall_circuit_breaker_transitions_total{breaker="social",to="open",reason="failure_threshold"}'
        self.assertEqual(self.value(stack, transitions), 1, "its series begin anew")

    def test_while_the_gateway_drains(self):
        """A reload between SIGTERM and the end disturbs neither."""
        release = threading.Event()
        self.addCleanup(release.set)

        def behave(upstream, sock):
            upstream.read_request(sock)
            release.wait()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

        upstream = self.enterContext(FakeUpstream(behave))
        listed = self.path.with_name("services.json")
        listed.write_text(json.dumps({"social": [{"host": "127.0.0.1", "port": upstream.port}]}))
        patient = ("--probe-interval", "0s", "--upstream-timeout", "300s", "--drain-timeout", "300s")
        stack = self.start({}, *OPTIONS, *patient, "--services", str(listed))
        with Load(stack.port, [FEED], 2, deadline=300) as load:
            # Both, for one that still sends its request may be taken for idle, and hung up on.
            wait_until("the calls are out", lambda: len(upstream.requests) == 2)
            stack.gateway.process.send_signal(signal.SIGTERM)
            wait_until("it accepts nobody", lambda: refuses(stack.port))
            self.assertIn("/limits/user changed", self.reload(stack, {"limits": {"user": {"permits": 9}}}))
            load._stopping.set()
            release.set()
            self.assertEqual(stack.gateway.stop(), 0)
        self.assertEqual([sample.status for sample in load.samples], [200, 200], load.summary())


if __name__ == "__main__":
    unittest.main()
