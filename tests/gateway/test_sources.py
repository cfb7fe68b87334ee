# SPDX-License-Identifier: MIT
"""Instances that do not register themselves, from DNS and from a file, and how they are probed."""

import json
import pathlib
import signal
import socket
import tempfile
import threading
import unittest

from dnslib import QTYPE, RCODE, RR, SRV, A, DNSRecord

from gateway.raw import FakeUpstream
from support.stack import Stack, wait_until


class NameServer:
    """Answers A and SRV by `records`: {(name, type): [dnslib data]}; while `ill`, each question fails."""

    def __init__(self, records):
        self.records = records
        self.ill = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            data, client = self._socket.recvfrom(4096)
            request = DNSRecord.parse(data)
            reply = request.reply()
            name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
            if self.ill:
                reply.header.rcode = RCODE.SERVFAIL
            for record in [] if self.ill else self.records.get((name, kind), []):
                reply.add_answer(RR(name, request.q.qtype, ttl=1, rdata=record))
            self._socket.sendto(reply.pack(), client)


def metric(stack: Stack, series: str):
    for line in stack.get("/metrics", Accept="text/plain").body.decode().splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def register(stack: Stack, port: int, service: str = "social") -> None:
    record = {"service": service, "id": "fake", "host": "127.0.0.1", "port": port}
    answer = stack.call("POST", "/registry/instances", record)
    assert answer.status == 201, answer.body


class Dns(unittest.TestCase):
    def test_addresses_and_srv(self):
        with Stack() as elsewhere:
            social, user = elsewhere.start("social").port, elsewhere.start("gamification").port
            names = NameServer({
                ("social.test", "A"): [A("127.0.0.1")],
                ("_http._tcp.game.test", "SRV"): [SRV(0, 1, user, "host.game.test")],
                ("host.game.test", "A"): [A("127.0.0.1")],
            })  # fmt: skip
            options = ("--dns", f"social=social.test:{social}", "--dns", "gamification=_http._tcp.game.test")
            with Stack(*options, "--dns-servers", names.address) as stack:
                for service, port in (("social", social), ("gamification", user)):
                    stack.wait_until_healthy(service)
                    self.assertEqual([i["id"] for i in stack.instances(service)], [f"{service}@127.0.0.1:{port}"])
                self.assertEqual(stack.get("/api/v1/social/feed").status, 200)
                self.assertEqual(stack.get("/api/v1/gamification/user/7/profile").status, 200)
                series = '{follower="gateway",source="dns",service="social"}'
                self.assertEqual(metric(stack, "seawall_source_listed_instances" + series), 1)
                self.assertEqual(metric(stack, "seawall_source_stale" + series), 0)
                self.assertLess(metric(stack, "seawall_source_age_seconds" + series), 30)

    def test_a_name_server_that_fails_from_the_start(self):
        names = NameServer({})
        names.ill = True
        with Stack("--dns", "social=social.test:80", "--dns-servers", names.address) as stack:
            series = '{follower="gateway",source="dns",service="social"}'
            wait_until("a failure", lambda: metric(stack, "seawall_source_failures_total" + series))
            self.assertEqual(metric(stack, "seawall_source_stale" + series), 1)
            self.assertEqual(stack.get("/api/v1/social/feed").status, 503)


    def test_names_and_servers_of_the_configuration(self):
        """They join those of the command line, and SIGHUP takes others; nobody doubts that a name went on purpose."""
        with tempfile.TemporaryDirectory() as folder, Stack() as elsewhere:
            social, game = elsewhere.start("social").port, elsewhere.start("gamification").port
            first = NameServer({("social.test", "A"): [A("127.0.0.1")]})
            second = NameServer({("game.test", "A"): [A("127.0.0.1")]})
            path = pathlib.Path(folder, "gateway.json")

            def write(servers, **names):
                path.with_suffix(".new").write_text(json.dumps({"dns": {"servers": servers, "names": names}}))
                path.with_suffix(".new").rename(path)

            write(first.address)
            with Stack("--dns", f"social=social.test:{social}", "--config", str(path)) as stack:
                stack.wait_until_healthy("social")
                write(second.address, social=None, gamification=f"game.test:{game}")
                stack.gateway.process.send_signal(signal.SIGHUP)
                stack.wait_until_healthy("gamification")
                self.assertEqual([i["id"] for i in stack.instances("gamification")], [f"gamification@127.0.0.1:{game}"])
                wait_until("it is told", lambda: "/dns changed" in stack.gateway.errors())
                series = '{follower="gateway",source="dns",service="social"}'  # gone, once the instance is
                wait_until("nobody", lambda: metric(stack, "seawall_source_listed_instances" + series) in (0, None))
                self.assertIn(metric(stack, "seawall_source_doubted" + series), (0, None))

                before = stack.gateway.errors()
                write("nowhere", gamification=f"game.test:{game}")
                stack.gateway.process.send_signal(signal.SIGHUP)
                wait_until("a refusal", lambda: "/dns/servers: " in stack.gateway.errors()[len(before):])
                self.assertEqual(stack.get("/api/v1/gamification/user/7/profile").status, 200)


class Probes(unittest.TestCase):
    def test_tcp(self):
        """One that accepts and never speaks is well for TCP; one that nobody listens for is not."""

        def silent(upstream, sock):
            sock.recv(1)
            upstream.requests.append(b"")

        with FakeUpstream(silent) as mute, Stack("--probe", "tcp", "--probe-interval", "100ms") as stack:
            register(stack, mute.port)
            passed = 'seawall_prober_probes_total{prober="gateway",result="passed"}'
            wait_until("two connections", lambda: (metric(stack, passed) or 0) >= 2)
            self.assertEqual(stack.instances("social")[0]["state"], "healthy")
            mute._listener.shutdown(socket.SHUT_RDWR)  # wakes its accept(), which would keep it open
            mute._listener.close()
            wait_until("it fails", lambda: stack.instances("social")[0]["state"] == "unhealthy")
            self.assertEqual(metric(stack, 'seawall_prober_transitions_total{prober="gateway",to="failing"}'), 1)
            states = "seawall_service_registry_service_instance_states"
            self.assertEqual(metric(stack, states + '{registry="services",service="social",state="unhealthy"}'), 1)


    def test_of_the_configuration(self):
        """Nobody is asked at first; then over TCP, as the file says after SIGHUP."""

        def silent(upstream, sock):
            sock.recv(1)
            upstream.requests.append(b"")

        with tempfile.TemporaryDirectory() as folder, FakeUpstream(silent) as mute:
            path = pathlib.Path(folder, "gateway.json")
            path.write_text('{"probe": {"interval": "0s"}}')
            with Stack("--probe-interval", "100ms", "--config", str(path)) as stack:
                register(stack, mute.port)
                path.with_suffix(".new").write_text('{"probe": {"kind": "tcp"}}')
                path.with_suffix(".new").rename(path)
                stack.gateway.process.send_signal(signal.SIGHUP)
                passed = 'seawall_prober_probes_total{prober="gateway",result="passed"}'
                wait_until("two connections", lambda: (metric(stack, passed) or 0) >= 2)
                self.assertEqual(metric(stack, passed.replace("passed", "failed")), 0)
                wait_until("it is told", lambda: "/probe changed" in stack.gateway.errors())
                self.assertNotIn("/dns changed", stack.gateway.errors())


class Files(unittest.TestCase):
    def test_a_host_that_is_no_address(self):
        """Nothing here resolves names in a file: the instance cannot be reached, and nothing is lost by trying."""
        with tempfile.TemporaryDirectory() as folder, Stack() as elsewhere:
            path = pathlib.Path(folder, "services.json")
            good = elsewhere.start("social").port
            hosts = [{"host": "nowhere.invalid", "port": 80}, {"host": "127.0.0.1", "port": good}]
            path.write_text(json.dumps({"social": hosts, "gamification": hosts[:1]}))
            with Stack("--services", str(path), "--probe-interval", "0s") as stack:
                self.assertEqual([stack.get("/api/v1/social/feed").status for _ in range(10)], [200] * 10)
                self.assertEqual(stack.get("/api/v1/gamification/user/7/profile").status, 502)
                self.assertEqual([i["in_flight"] for s in ("social", "gamification") for i in stack.instances(s)], [0] * 3)
                self.assertEqual(stack.gateway.errors(), "")


if __name__ == "__main__":
    unittest.main()
