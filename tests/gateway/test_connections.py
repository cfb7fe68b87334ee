# SPDX-License-Identifier: MIT
"""More clients than --max-connections: who gets a place, who is told that there is none, and what an operator sees."""

import contextlib
import json
import re
import signal
import threading
import unittest

from gateway.raw import FakeUpstream, connected, read_answer, read_to_end
from support.stack import Stack, wait_until

HEALTH = b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n"
FEED = b"GET /api/v1/social/feed HTTP/1.1\r\nHost: g\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def metric(stack: Stack, series: str) -> float:
    return float(re.search(rf"^{re.escape(series)} (\S+)$", stack.get("/metrics").body.decode(), re.M)[1])


class Connections(unittest.TestCase):
    def gateway(self, most: int, *options: str) -> Stack:
        return self.enterContext(Stack("--threads", "1", "--max-connections", str(most), *options))

    def connect(self, stack: Stack):
        return self.enterContext(connected(stack.port))

    def ask(self, sock, request: bytes = HEALTH) -> tuple:
        sock.sendall(request)
        return read_answer(sock.makefile("rb"))

    def hold(self, stack: Stack, count: int) -> tuple:
        """So many connections with a request that is answered when the event is set."""
        answer, asked = threading.Event(), threading.Semaphore(0)

        def behave(upstream, sock):
            upstream.read_request(sock)
            asked.release()
            answer.wait(60)
            sock.sendall(OK)

        upstream = self.enterContext(FakeUpstream(behave))
        self.addCleanup(answer.set)
        registration = {"service": "social", "id": "held", "host": "127.0.0.1", "port": upstream.port}
        self.assertEqual(stack.call("POST", "/registry/instances", registration).status, 201)
        held = [self.connect(stack) for _ in range(count)]
        for sock in held:
            sock.sendall(FEED)
            self.assertTrue(asked.acquire(timeout=60))
        return held, answer

    def test_one_more_gets_the_place_of_who_is_idle_longest(self):
        stack = self.gateway(2)
        first, second = self.connect(stack), self.connect(stack)
        for sock in (first, second):
            self.assertEqual(self.ask(sock)[0], 200)
        third = self.connect(stack)
        self.assertEqual(self.ask(third)[0], 200)
        self.assertEqual(first.recv(1), b"", "closed without a word, as after the idle timeout")
        self.assertEqual(self.ask(second)[0], 200)
        wait_until("it is counted", lambda: metric(stack, "gateway_connections_evicted_total") >= 1)
        self.assertLessEqual(metric(stack, "gateway_connections"), 2)

    def test_all_busy_one_more_is_told_so(self):
        stack = self.gateway(2, "--upstream-timeout", "60s", "--probe-interval", "0s")
        held, answer = self.hold(stack, 2)
        with connected(stack.port) as sock:  # it need not even ask
            status, headers, body = read_answer(sock.makefile("rb"))
            self.assertEqual((status, headers["connection"], headers["retry-after"]), (503, "close", "1"))
            self.assertEqual(json.loads(body)["message"], "too many connections")
            self.assertEqual(json.loads(body)["correlation_id"], headers["x-correlation-id"])
            self.assertFalse(json.loads(body)["success"])
        answer.set()
        for sock in held:
            self.assertEqual(read_answer(sock.makefile("rb"))[0], 200, "who was here is served")
        wait_until("room again", lambda: stack.get("/health").status == 200)
        self.assertGreaterEqual(metric(stack, 'gateway_unavailable_total{reason="max_connections"}'), 1)
        self.assertEqual(stack.health("social")["circuit_breaker"], "closed")

    def test_a_crowd_that_says_nothing_keeps_nobody_out(self):
        stack = self.gateway(20)
        with contextlib.ExitStack() as crowd:
            for _ in range(200):
                crowd.enter_context(connected(stack.port))
            self.assertEqual(stack.get("/health").status, 200)

    @contextlib.contextmanager
    def all_at_once(self, stack: Stack):
        """What is done meanwhile reaches the gateway as one: it stands still."""
        stack.gateway.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            stack.gateway.process.send_signal(signal.SIGCONT)

    def test_who_sends_empty_lines_gives_its_place_away_once(self):
        """Lengths around the 8 KiB of one read: the last empty line may be read, but not looked at, when others come."""
        stack = self.gateway(1)
        for reads in range(5):
            with contextlib.ExitStack() as crowd:
                idle = crowd.enter_context(connected(stack.port))
                self.assertEqual(self.ask(idle)[0], 200)
                with self.all_at_once(stack):
                    idle.sendall(b"\r\n" * (4096 * reads + 1))
                    for _ in range(4):
                        crowd.enter_context(connected(stack.port)).sendall(b"GET / HT")
                others = crowd.enter_context(connected(stack.port))
                with contextlib.suppress(ConnectionError):
                    others.sendall(b"GET / HT")
            wait_until("the place is there again", lambda: stack.get("/health").status == 200)
            self.assertLessEqual(metric(stack, "gateway_connections"), 1)

    def test_who_comes_as_another_one_goes_gets_its_place(self):
        stack = self.gateway(1)
        for _ in range(5):
            first = self.connect(stack)
            self.assertEqual(self.ask(first)[0], 200)
            with self.all_at_once(stack):
                second = self.connect(stack)
                first.close()
            self.assertEqual(self.ask(second)[0], 200)
            second.close()

    def test_many_are_turned_away_and_all_are_told(self):
        """More at once than are answered at once: the others wait in the kernel's queue until some have gone."""
        stack = self.gateway(1, "--upstream-timeout", "60s", "--probe-interval", "0s")
        self.hold(stack, 1)
        crowd = [self.connect(stack) for _ in range(400)]
        for sock in crowd:
            self.assertTrue(read_to_end(sock).startswith(b"HTTP/1.1 503 "))
            sock.close()


if __name__ == "__main__":
    unittest.main()
