# SPDX-License-Identifier: MIT
"""Clients that send too much, too little, nonsense, or as too many people: clear errors, bounded memory, and the gateway
answers everybody else throughout."""

import json
import resource
import socket
import unittest

from faults.load import Call, Load
from gateway.raw import exchange, read_answer, read_to_end
from support.stack import TRADE, Stack

OPTIONS = ("--user-limit", "1000000/60s", "--service-limit", "1000000/60s", "--read-timeout", "5s")
HEALTH = Call("GET", "/health")
FEED = Call("GET", "/api/v1/social/feed")
MIB = 1024 * 1024


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


class HostileClients(unittest.TestCase):
    """Each test has well-behaved clients running beside; none of them may notice."""

    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        cls.stack = cls.enterClassContext(Stack(*OPTIONS))
        cls.stack.start_all()

    def setUp(self):
        self.before = self.stack.gateway.memory_kib()
        self.load = Load(self.stack.port, [HEALTH, FEED], 2, pause=0.005).__enter__()
        self.load.wait_for(10)

    def tearDown(self):
        self.load.stop()
        after = self.stack.gateway.memory_kib()
        print(
            f"\n{self._testMethodName}: memory {self.before / 1024:.1f} -> {after / 1024:.1f} MiB"
            f" (peak {self.stack.gateway.memory_kib('VmHWM') / 1024:.1f}), {len(self.load.samples)} good requests beside,"
            f" slowest {self.load.slowest() * 1e3:.0f} ms"
        )
        self.assertEqual(self.load.failures(), [], "a well-behaved client was hurt")
        self.assertLess(self.load.slowest(), 30.0, "the gateway answers throughout")

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.stack.port), timeout=60)
        self.addCleanup(sock.close)
        return sock

    def exchange(self, data: bytes) -> bytes:
        return exchange(self.stack.port, data)

    def assert_error(self, answer: bytes, status: int) -> dict:
        self.assertEqual(status_of(answer), status, answer[:200])
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertIn(b"X-Correlation-ID", head)
        error = json.loads(body)
        self.assertIs(error["success"], False)
        self.assertTrue(error["message"])
        self.assertTrue(error["correlation_id"])
        return error

    def test_headers_of_a_mebibyte(self):
        for shape in (b"X-Big: " + b"a" * MIB + b"\r\n", b"".join(b"X-%d: y\r\n" % i for i in range(90_000))):
            answer = self.exchange(b"GET /health HTTP/1.1\r\nHost: g\r\n" + shape + b"\r\n")
            self.assert_error(answer, 431)

    def test_a_request_line_of_a_mebibyte(self):
        self.assertIn(status_of(self.exchange(b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: g\r\n\r\n")), (414, 431))

    def test_bodies_without_end(self):
        head = b"POST /api/v1/trading/execute HTTP/1.1\r\nHost: g\r\n"
        announced = self.exchange(head + b"Content-Length: 1000000000000\r\n\r\n" + b" " * (2 * MIB))
        self.assert_error(announced, 413)
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        self.assert_error(self.exchange(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64), 413)

    def test_malformed_http(self):
        for request in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
            b"NONSENSE\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: g\r\nContent-Length: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        ):
            with self.subTest(request=request[:40]):
                self.assert_error(self.exchange(request), 400)

    def test_malformed_json(self):
        bodies = [b"{", b"[]", b"null", b"\xff\xfe", b"{" * 200_000, b'{"user_id": 1e999}', b'{"a":' * 5000 + b"1" + b"}" * 5000]
        for field, value in (("amount", -1), ("direction", "UP"), ("user_id", "7"), ("asset_symbol", "")):
            bodies.append(json.dumps({**TRADE, field: value}).encode())
        for body in bodies:
            with self.subTest(body=body[:60]):
                answer = self.stack.call("POST", "/api/v1/trading/execute", body, {"X-User-ID": "json"})
                self.assertEqual(answer.status, 400, answer.body[:200])
                self.assertTrue(answer.json()["message"])

    def test_slow_requests_are_ended(self):
        slow = [self.connect() for _ in range(50)]
        for sock in slow:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost:")
        for sock in slow:
            self.assert_error(read_to_end(sock), 408)

    def test_two_thousand_idle_connections(self):
        idle = [self.connect() for _ in range(min(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 200))]
        for sock in idle[::100]:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 200"))
        self.assertEqual(self.stack.get("/health").status, 200)
        self.assertLess(self.stack.gateway.memory_kib() - self.before, 100 * 1024, "memory of idle connections")

    def test_a_hundred_thousand_users(self):
        """Each is charged (a request that fails its checks stays charged), none is remembered beyond the fixed table."""
        sock = self.connect()
        stream = sock.makefile("rb")
        half = 0
        for first in range(0, 100_000, 200):
            batch = b"".join(
                b"POST /api/v1/trading/execute HTTP/1.1\r\nHost: g\r\nX-User-ID: visitor-%d\r\nContent-Length: 2\r\n\r\n{}" % i
                for i in range(first, first + 200)
            )
            sock.sendall(batch)
            for _ in range(200):
                self.assertEqual(read_answer(stream)[0], 400)
            if first == 49_800:
                half = self.stack.gateway.memory_kib()
        self.assertLess(self.stack.gateway.memory_kib() - half, 8 * 1024, "the second half must not cost memory")


if __name__ == "__main__":
    unittest.main()
