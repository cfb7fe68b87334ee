# SPDX-License-Identifier: MIT
"""The programs as commands: what they refuse, where they listen, what must not end them."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

from gateway.raw import FakeUpstream
from support.stack import BIN, Stack, wait_until


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class CommandLine(unittest.TestCase):
    def run_program(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([BIN / name, *arguments], capture_output=True, text=True, timeout=60)

    def test_bad_options_are_named(self):
        for name, arguments, culprit in (
            ("seawall-gateway", ("--port", "70000"), "--port"),
            ("seawall-gateway", ("--port",), "--port"),
            ("seawall-gateway", ("--user-limit", "many"), "--user-limit"),
            ("seawall-gateway", ("--user-limit", "0/60s"), "--user-limit"),
            ("seawall-gateway", ("--user-limit", "5/9999h"), "(5/9999h)"),
            ("seawall-gateway", ("--open-duration", "30"), "--open-duration: '30' is not a duration"),
            ("seawall-gateway", ("--slow-trace", "-1s"), "--slow-trace: '-1s' is not a duration"),
            ("seawall-gateway", ("--read-timeout", "soon"), "--read-timeout: 'soon' is not a duration"),
            ("seawall-gateway", ("--upstream-timeout", "25h"), "--upstream-timeout: must be from 1ms to 24h, not 25h"),
            ("seawall-gateway", ("--idle-timeout", "0s"), "--idle-timeout: must be from 1ms to 24h, not 0s"),
            ("seawall-gateway", ("--cors-origin", "https://a.example/"), "--cors-origin: 'https://a.example/' is not an origin"),
            ("seawall-gateway", ("--cors-origin", "*"), "--cors-origin: '*' is not an origin"),
            ("seawall-gateway", ("--cors-origin", "https://A.example"), "--cors-origin: 'https://A.example' is not"),
            ("seawall-gateway", ("--max-connections", "0"), "--max-connections: must be a number from 1"),
            ("seawall-gateway", ("--test-endpoints=yes",), "--test-endpoints: takes no value"),
            ("seawall-gateway", ("--no-seawall", "--upstream", "mining=127.0.0.1:1"), "--upstream: there is no service 'mining'"),
            ("seawall-gateway", ("--no-seawall", "--redis", "127.0.0.1:1"), "--redis: not with --no-seawall"),
            ("seawall-gateway", ("--host", "nowhere.invalid"), "--host: 'nowhere.invalid' is not an IP address"),
            ("seawall-gateway", ("--redis", "127.0.0.1"), "--redis"),
            ("seawall-gateway", ("--redis-user", "gate"), "--redis-user: only with --redis"),
            ("seawall-gateway", ("--redis", "127.0.0.1:1", "--redis-password-file", "/no/such/file"), "/no/such/file"),
            ("seawall-gateway", ("--probe", "udp"), "--probe: 'udp' is neither"),
            ("seawall-gateway", ("--dns", "social"), "--dns: 'social' is neither"),
            ("seawall-gateway", ("--dns", "social=x.test:99999"), "--dns: 'social=x.test:99999' has no port"),
            ("seawall-gateway", ("--dns", "mining=x.test:1"), "--dns: there is no service 'mining'"),
            ("seawall-gateway", ("--dns", "social=x.test:1", "--dns", "social=y.test:1"), "--dns social=y.test"),
            ("seawall-gateway", ("--dns", "social=x.test:1", "--dns-servers", "nowhere"), "/dns/"),
            ("seawall-gateway", ("--nonsense",), "--nonsense"),
            ("seawall-gateway", ("--services", "/no/such/file"), "--services: /no/such/file: No such file"),
            ("seawall-gateway", ("--upstream", "social=127.0.0.1:1"), "--upstream"),
            ("seawall-service", ("--service", "mining"), "--service"),
            ("seawall-service", ("--service", "user", "--fail-rate", "2"), "--fail-rate"),
            ("seawall-service", ("--service", "user", "--fail-rate", "often"), "--fail-rate: must be a share from 0 to 1, not 'often'"),
            ("seawall-service", ("--service", "user", "--delay", "-1s"), "--delay: '-1s' is not a duration"),
            ("seawall-service", ("--service", "user", "--gateway", "somewhere"), "--gateway: 'somewhere' is not"),
            ("seawall-service", ("--service", "user", "--host", "nowhere"), "--host: 'nowhere' is not an IP address"),
            ("seawall-service", ("--service", "user", "--id", ""), "--id: '' is not"),
            ("seawall-service", ("--service", "user", "--id", "a b"), "--id: 'a b' is not"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_program(name, *arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(culprit, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_a_file_of_services(self):
        """Instances that register nowhere: taken from the file, again when it changes, and kept when it is wrong."""
        with tempfile.TemporaryDirectory() as folder, Stack() as elsewhere:
            path = pathlib.Path(folder, "services.json")

            def write(text: str) -> None:
                beside = path.with_suffix(".new")
                beside.write_text(text)
                beside.rename(path)

            def listed(*ports: int) -> str:
                return json.dumps({"trading": [{"host": "127.0.0.1", "port": port} for port in ports]})

            first, second = (elsewhere.start("trading") for _ in range(2))
            write(listed(first.port))
            with Stack("--services", str(path)) as stack:
                self.assertEqual([i["id"] for i in stack.instances("trading")], [f"trading@127.0.0.1:{first.port}"])
                self.assertEqual(stack.trade().status, 200)
                write(listed(first.port, second.port))
                stack.wait_until_healthy("trading", 2)
                write('{"trading": [{"host": "127.0.0.1", "port": 0}]}')
                wait_until("the complaint", lambda: "trading[0]: port must be from 1 to 65535, not 0" in stack.gateway.errors())
                self.assertEqual(len(stack.instances("trading")), 2)
                self.assertEqual(stack.trade().status, 200)
                self.assertEqual(stack.gateway.errors().count("port must be"), 1)
                path.unlink()
                os.mkfifo(path)
                writer = os.open(path, os.O_RDWR)  # and never writes
                self.addCleanup(os.close, writer)
                wait_until("the complaint", lambda: "timed out" in stack.gateway.errors())
                self.assertEqual(stack.trade().status, 200)
                self.assertEqual(stack.gateway.errors().count("timed out"), 1)

    def test_port_in_use(self):
        with Stack() as stack:
            for name, arguments in (("seawall-gateway", ()), ("seawall-service", ("--service", "user"))):
                done = self.run_program(name, "--port", str(stack.port), *arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("in use", done.stderr)
                self.assertIn(str(stack.port), done.stderr)

    def test_a_reader_of_the_log_that_went_away(self):
        """Writing to a closed pipe must not end a server."""

        def refuse(upstream, sock):
            upstream.read_request(sock)
            sock.sendall(b"HTTP/1.1 400 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

        with FakeUpstream(refuse) as gateway:
            reading, writing = os.pipe()
            command = [BIN / "seawall-service", "--service", "user", "--gateway", f"http://127.0.0.1:{gateway.port}"]
            os.close(reading)
            service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=writing)
            os.close(writing)
            try:  # it complains after the first refusal, and tries again
                wait_until("a second registration", lambda: len(gateway.requests) >= 2 or service.poll() is not None)
            finally:
                service.terminate()
                self.assertEqual(service.wait(15), 0)

    def test_a_gateway_that_answers_nonsense(self):
        """A service goes on registering, whatever is behind the address for a while."""
        answers = [(b"400 No", b'{"message": {}}'), (b"201 Made", b'{"generation": "x", "heartbeat_interval_ms": []}')]

        def behave(upstream, sock):
            while upstream.read_request(sock):
                status, body = answers[(len(upstream.requests) - 1) % 2]
                sock.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

        with FakeUpstream(behave) as gateway, tempfile.TemporaryFile() as errors:
            command = [BIN / "seawall-service", "--service", "trading", "--gateway", f"http://127.0.0.1:{gateway.port}"]
            service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
            try:
                wait_until("it comes again", lambda: len(gateway.requests) > 2 or service.poll() is not None)
            finally:
                service.terminate()
                self.assertEqual(service.wait(60), 0)
            errors.seek(0)
            self.assertNotIn(b"background work ended", errors.read())

    def test_ipv6(self):
        if not has_ipv6():
            done = self.run_program("seawall-gateway", "--host", "::1", "--port", "0")
            self.assertEqual(done.returncode, 2)
            self.assertIn("cannot listen on [::1]:0", done.stderr)
            return
        done = subprocess.Popen([BIN / "seawall-gateway", "--host", "::1", "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            line = done.stdout.readline()
            self.assertRegex(line, r"^listening on http://\[::1\]:\d+\n$")
        finally:
            done.terminate()
            done.stdout.close()
            self.assertEqual(done.wait(15), 0)

    def test_without_seawall(self):
        """The benchmark's opponent: the same proxy, plain round robin."""
        with Stack() as stack:
            ports = [stack.start("social").port, stack.start("social").port]
            upstreams = [part for port in ports for part in ("--upstream", f"social=127.0.0.1:{port}")]
            with Stack("--no-seawall", *upstreams) as plain:
                self.assertEqual([plain.get("/api/v1/social/feed").status for _ in range(4)], [200] * 4)
                self.assertEqual(plain.get("/health").status, 404)
                self.assertEqual(plain.trade().status, 503)


if __name__ == "__main__":
    unittest.main()
