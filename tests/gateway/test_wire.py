# SPDX-License-Identifier: MIT
"""Bad HTTP from clients, bad behaviour of upstreams, and the registry's rules: below what HTTP libraries can do."""

import contextlib
import json
import resource
import socket
import threading
import time
import unittest

from gateway.raw import FakeUpstream, connected, exchange, read_answer, read_to_end
from support.stack import Stack, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def register(stack: Stack, port: int, name: str = "fake", service: str = "social", **more) -> dict:
    record = {"service": service, "id": name, "host": "127.0.0.1", "port": port, **more}
    answer = stack.call("POST", "/registry/instances", record)
    assert answer.status == 201, answer.body
    return answer.json()


class Clients:
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack(*cls.OPTIONS))

    def assert_refused(self, data: bytes, status: int) -> dict:
        answer = exchange(self.stack.port, data)
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 %d " % status), (data[:80], answer[:200]))
        for name in (b"X-Correlation-ID: ", b"X-Trace-ID: ", b"X-Processing-Time: ", b"Connection: close"):
            self.assertIn(name, head)
        error = json.loads(body)
        self.assertIs(error["success"], False)
        self.assertTrue(error["message"] and error["correlation_id"])
        return error


class BadClients(Clients, unittest.TestCase):
    def test_malformed(self):
        for data in (
            b"NONSENSE\r\n\r\n",
            b"GET / HTTP/2.0\r\nHost: g\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: g\r\nNo Colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: g\r\nSpace : x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: g\r\nNul: a\x00b\r\n\r\n",
            b"GET nowhere HTTP/1.1\r\nHost: g\r\n\r\n",
            b"CONNECT g:1 HTTP/1.1\r\nHost: g\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2, 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: +2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        ):
            with self.subTest(data=data[:60]):
                self.assert_refused(data, 400)

    def test_header_section_limit(self):
        head = b"GET /health HTTP/1.1\r\nHost: g\r\nX-Fill: "
        fits = head + b"a" * (16 * 1024 - len(head) - 4) + b"\r\n\r\n"
        with connected(self.stack.port) as sock:
            sock.sendall(fits)
            self.assertEqual(read_answer(sock.makefile("rb"))[0], 200)
        self.assert_refused(head + b"a" * 16 * 1024 + b"\r\n\r\n", 431)
        self.assert_refused(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n", 431)

    def test_body_limit(self):
        mib = 1024 * 1024
        head = b"POST /nowhere HTTP/1.1\r\nHost: g\r\nX-Correlation-ID: big\r\n"
        with connected(self.stack.port) as sock:
            sock.sendall(head + b"Content-Length: %d\r\n\r\n" % mib + b" " * mib)
            self.assertEqual(read_answer(sock.makefile("rb"))[0], 404)
        announced = self.assert_refused(head + b"Content-Length: %d\r\n\r\n" % (mib + 1) + b" " * (mib + 1), 413)
        self.assertEqual(announced["correlation_id"], "big")
        chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
        self.assert_refused(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 5 + b"0\r\n\r\n", 413)
        self.assert_refused(head + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413)

    def test_absolute_form(self):
        """RFC 9112, 3.2.2: must be accepted; the scheme in any case, and a path only before the query."""
        for target, status in (
            (b"http://g/health", 200),
            (b"HTTP://g/health", 200),
            (b"http://g", 200),
            (b"http://g?x=/none", 200),  # the root, with a query
            (b"http://g/none?x=/health", 404),
            (b"httpx://g/health", 400),
        ):
            with self.subTest(target=target), connected(self.stack.port) as sock:
                sock.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: g\r\n\r\n")
                self.assertEqual(read_answer(sock.makefile("rb"))[0], status)

    def test_empty_lines_before_a_request_are_ignored(self):
        """RFC 9112, 2.2: some clients send one behind a body."""
        post = b"POST /none HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}"
        get = b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n"
        with connected(self.stack.port) as sock:
            stream = sock.makefile("rb")
            sock.sendall(post + b"\r\n" + get + b"\r\n\r\n" + post)
            self.assertEqual([read_answer(stream)[0] for _ in range(3)], [404, 200, 404])
            sock.sendall(b"\r")
            time.sleep(0.05)  # so that the line comes in two parts
            sock.sendall(b"\n" + get)
            self.assertEqual(read_answer(stream)[0], 200)
        self.assert_refused(b"\r\n\rGET /health HTTP/1.1\r\nHost: g\r\n\r\n", 400)

    def test_unknown_expectation(self):
        self.assert_refused(b"POST / HTTP/1.1\r\nHost: g\r\nExpect: miracle\r\nContent-Length: 1\r\n\r\n", 417)


class SlowClients(Clients, unittest.TestCase):
    """With limits that a busy machine might miss, so that nothing else is asked here than what they end."""

    OPTIONS = ("--read-timeout", "500ms", "--idle-timeout", "700ms")

    def test_slow_header_and_slow_body(self):
        self.assert_refused(b"GET / HTTP/1.1\r\nHos", 408)
        self.assert_refused(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nabc", 408)

    def test_a_trickle_does_not_extend_the_limit(self):
        with connected(self.stack.port) as sock:
            stop = threading.Event()

            def trickle():
                try:
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: g\r\nX: ")
                    while not stop.wait(0.05):
                        sock.sendall(b"a")
                except OSError:
                    pass

            sender = threading.Thread(target=trickle)
            sender.start()
            answer = read_to_end(sock)
            stop.set()
            sender.join()
        self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer[:100])

    def test_idle_connections_close_without_a_word(self):
        self.assertEqual(exchange(self.stack.port, b""), b"")
        with connected(self.stack.port) as sock:
            stream = sock.makefile("rb")
            sock.sendall(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            self.assertEqual(read_answer(stream)[0], 200)
            self.assertEqual(stream.read(), b"")

    def test_empty_lines_without_end(self):
        """They are no request: the connection is idle, and ends as such."""
        with connected(self.stack.port) as sock:
            stop = threading.Event()

            def lines():
                try:
                    while not stop.wait(0.05):
                        sock.sendall(b"\r\n" * 100)
                except OSError:
                    pass

            sender = threading.Thread(target=lines)
            sender.start()
            read_to_end(sock)
            stop.set()
            sender.join()


class BadUpstreams(unittest.TestCase):
    OPTIONS = ("--upstream-timeout", "60s", "--open-duration", "60s")
    HASTY = ("--upstream-timeout", "500ms", "--open-duration", "60s")

    def answer_with(self, reply: bytes):
        """The gateway's answer when the upstream says `reply` and closes."""

        def behave(upstream, sock):
            upstream.read_request(sock)
            sock.sendall(reply)

        with FakeUpstream(behave) as upstream, Stack(*self.OPTIONS) as stack:
            register(stack, upstream.port)
            answer = stack.get("/api/v1/social/feed")
            return answer, stack.health("social")["failure_count"]

    def test_nonsense_reset_and_cut_answers(self):
        for reply in (
            b"",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            with self.subTest(reply=reply[:40]):
                answer, failures = self.answer_with(reply)
                self.assertEqual((answer.status, failures), (502, 1), answer.body)
                self.assertIs(answer.json()["success"], False)

    def test_5xx_passes_and_counts_4xx_passes_and_does_not(self):
        answer, failures = self.answer_with(b"HTTP/1.1 503 No\r\nX-Own: 1\r\nContent-Length: 4\r\n\r\nbody")
        self.assertEqual((answer.status, answer.body, failures), (503, b"body", 1))
        self.assertEqual(answer.headers["X-Own"], "1")
        self.assertEqual(answer.headers["Retry-After"], "1", "every 503 has one")
        answer, failures = self.answer_with(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nbody")
        self.assertEqual((answer.status, failures), (404, 0))

    def test_interim_answers_are_skipped(self):
        self.assertEqual(self.answer_with(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)[0].status, 200)

    def test_body_without_a_length(self):
        answer, _ = self.answer_with(b"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\nuntil the end")
        self.assertEqual((answer.status, answer.body), (200, b"until the end"))
        self.assertNotIn("X-Hop", answer.headers)

    def test_refused_once_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, Stack(*self.OPTIONS) as stack:
            port = listener.getsockname()[1]
            listener.close()
            register(stack, port)
            self.assertEqual(stack.get("/api/v1/social/feed").status, 502)
            self.assertEqual(stack.health("social")["failure_count"], 1)

    def test_refused_tries_the_other_instance_before_anything_counts(self):
        def behave(upstream, sock):
            while upstream.read_request(sock):
                sock.sendall(OK)

        with socket.create_server(("127.0.0.1", 0)) as listener, FakeUpstream(behave) as good:
            dead = listener.getsockname()[1]
            listener.close()
            with Stack(*self.OPTIONS) as stack:
                register(stack, dead, "dead")
                register(stack, good.port, "good")
                statuses = [stack.get("/api/v1/social/feed").status for _ in range(10)]
                self.assertEqual(statuses, [200] * 10)
                self.assertEqual(stack.health("social")["failure_count"], 0)
                breakers = {i["id"]: i["circuit_breaker"] for i in stack.instances("social")}
                self.assertEqual(breakers, {"dead": "open", "good": "closed"})
                self.assertEqual(stack.health("social")["healthy_instances"], 1)

    def test_pooled_connection_found_closed(self):
        def behave(upstream, sock):
            upstream.read_request(sock)
            sock.sendall(OK)  # says keep-alive, then closes

        with FakeUpstream(behave) as upstream, Stack(*self.OPTIONS, "--threads", "1") as stack:
            register(stack, upstream.port)
            for closed in range(1, 6):
                self.assertEqual(stack.get("/api/v1/social/feed").status, 200)
                wait_until("the upstream closed", lambda: upstream.hung_up == closed)
            self.assertEqual(stack.health("social")["failure_count"], 0)

    def test_too_slow(self):
        with FakeUpstream(lambda upstream, sock: upstream.closed_by_peer.wait(60)) as upstream, Stack(*self.HASTY) as stack:
            register(stack, upstream.port)
            self.assertEqual(stack.get("/api/v1/social/feed").status, 504)
            self.assertEqual(stack.health("social")["failure_count"], 1)

    def test_a_trickling_answer_does_not_extend_the_deadline(self):
        def behave(upstream, sock):
            upstream.read_request(sock)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                time.sleep(0.05)
                sock.sendall(b"a")

        with FakeUpstream(behave) as upstream, Stack(*self.HASTY) as stack:
            register(stack, upstream.port)
            self.assertEqual(stack.get("/api/v1/social/feed").status, 504)

    def test_client_gone_cancels_and_is_ignored(self):
        def behave(upstream, sock):
            upstream.read_request(sock)
            if sock.recv(1) == b"":
                upstream.closed_by_peer.set()

        with FakeUpstream(behave) as upstream, Stack("--upstream-timeout", "30s") as stack:
            register(stack, upstream.port)
            for _ in range(4):
                upstream.closed_by_peer.clear()
                seen = len(upstream.requests)
                with connected(stack.port) as sock:
                    sock.sendall(b"GET /api/v1/social/feed HTTP/1.1\r\nHost: g\r\n\r\n")
                    wait_until("the upstream has the request", lambda: len(upstream.requests) > seen)
                self.assertTrue(upstream.closed_by_peer.wait(60), "the upstream call is cancelled")
            wait_until("nothing is in flight", lambda: stack.instances("social")[0]["in_flight"] == 0)
            health = stack.health("social")
            self.assertEqual((health["circuit_breaker"], health["failure_count"]), ("closed", 0))
            self.assertIn(b'outcome="ignored"} 4', stack.get("/metrics").body)

    def test_what_the_upstream_receives(self):
        def behave(upstream, sock):
            upstream.read_request(sock)
            sock.sendall(OK)

        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        with FakeUpstream(behave) as upstream, Stack(*self.OPTIONS) as stack:
            register(stack, upstream.port)
            headers = {
                "traceparent": parent, "tracestate": "a=1,b=2", "X-Correlation-ID": "cid", "X-Custom": "yes",
                "baggage": "plan=gold;x, bad key=1 ,test=a%20b",
                "Connection": "keep-alive, X-Hop", "X-Hop": "1", "TE": "trailers", "X-Forwarded-For": "10.0.0.1", "Via": "1.0 fred",
            }  # fmt: skip
            stack.call("GET", "/api/v1/social/feed?limit=3", headers=headers)
            stack.call("GET", "/api/v1/social/feed", headers={"tracestate": "a=1"})
            first, second = (request.decode() for request in upstream.requests)
            metrics = stack.get("/metrics").body.decode()
        self.assertTrue(first.startswith("GET /api/v1/social/feed?limit=3 HTTP/1.1\r\n"))
        self.assertIn(f"Host: 127.0.0.1:{upstream.port}\r\n", first)
        self.assertRegex(first, r"\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01\r\n")
        for line in ("tracestate: a=1,b=2", "X-Correlation-ID: cid", "X-Custom: yes",
                     "X-Forwarded-For: 10.0.0.1, 127.0.0.1", "baggage: plan=gold;x,test=a%20b",
                     "Via: 1.0 fred"):
            self.assertIn(f"\r\n{line}\r\n", first)
        self.assertLess(first.index("Via: 1.0 fred"), first.index("\r\nVia: 1.1 seawall-gateway\r\n"), "in the order of the hops")
        for name in ("X-Hop", "TE:", "keep-alive"):
            self.assertNotIn(name, first)
        self.assertNotIn("tracestate", second, "a tracestate without a valid traceparent is dropped")
        self.assertIn("\r\ntraceparent: 00-", second)
        for reason in ("baggage_key", "tracestate_without_traceparent"):
            self.assertIn(f'gateway_trace_headers_refused_total{{reason="{reason}"}} 1\n', metrics)
        self.assertIn('gateway_trace_headers_refused_total{reason="traceparent_upper_case"} 0\n', metrics)


    def test_cors_of_an_upstream_is_not_the_gateways(self):
        reply = OK.replace(b"Content-Length", b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nContent-Length")
        answer, _ = self.answer_with(reply)
        self.assertEqual([name for name in answer.headers if name.lower().startswith("access-control")], [])

    def test_a_gateway_short_of_files_blames_no_upstream(self):
        def few_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        with Stack("--threads", "2", "--max-connections", "1000", prepare=few_files) as stack, contextlib.ExitStack() as held:
            stack.start("social")
            stack.wait_until_healthy("social")
            crowd = [held.enter_context(connected(stack.port)) for _ in range(100)]
            statuses = []
            for sock in crowd[:8]:
                sock.sendall(b"GET /api/v1/social/feed HTTP/1.1\r\nHost: g\r\n\r\n")
                status, headers, body = read_answer(sock.makefile("rb"))
                statuses.append(status)
                if status == 503:
                    self.assertIn(b"temporarily unavailable", body)
                    self.assertIn("retry-after", headers)
            self.assertIn(503, statuses)
            self.assertLessEqual(set(statuses), {200, 503})
            held.close()
            wait_until("room again", lambda: stack.get("/api/v1/social/feed").status == 200)
            self.assertEqual(stack.health("social")["failure_count"], 0)
            self.assertEqual({i["circuit_breaker"] for i in stack.instances("social")}, {"closed"})


class Registry(unittest.TestCase):
    def test_register_heartbeat_fence_deregister(self):
        with Stack() as stack:
            first = register(stack, 9, "one", metadata={"zone": "a"}, weight=2)
            self.assertEqual((first["heartbeat_interval_ms"], first["lease_ms"]), (1000, 3000))
            beat = lambda generation, name="one", **more: stack.call(
                "PUT", f"/registry/instances/{name}/heartbeat", {"generation": generation, **more}
            ).status
            self.assertEqual(beat(first["generation"]), 200)
            second = register(stack, 10, "one")
            self.assertGreater(second["generation"], first["generation"])
            self.assertEqual(beat(first["generation"]), 409)
            self.assertEqual(beat(second["generation"]), 200)
            self.assertEqual(beat(1, "nobody"), 404)
            self.assertEqual(beat(second["generation"], state="draining"), 200)
            self.assertIs(stack.instances("social")[0]["healthy"], False)
            self.assertEqual(beat(second["generation"], state="serving"), 200)
            self.assertIs(stack.instances("social")[0]["healthy"], False, "a heartbeat never makes healthy")
            old = f"/registry/instances/one?generation={first['generation']}"
            self.assertEqual(stack.call("DELETE", old).status, 409)
            self.assertEqual(stack.call("DELETE", "/registry/instances/one").status, 200)
            self.assertEqual(stack.call("DELETE", "/registry/instances/one").status, 404)
            self.assertEqual(beat(second["generation"]), 404)

    def test_wrong_fields_are_named(self):
        good = {"service": "social", "id": "x", "host": "127.0.0.1", "port": 1}
        bad = [({k: v for k, v in good.items() if k != name}, name) for name in good]
        bad += [
            ({**good, "service": "a b"}, "service"),
            ({**good, "service": "x" * 64}, "service"),
            ({**good, "id": "a/b"}, "id"),
            ({**good, "host": "example.org"}, "host"),
            ({**good, "port": 0}, "port"),
            ({**good, "port": 65536}, "port"),
            ({**good, "port": "80"}, "port"),
            ({**good, "weight": -1}, "weight"),
            ({**good, "weight": 1001}, "weight"),
            ({**good, "metadata": []}, "metadata"),
            ({**good, "metadata": {"a": 1}}, "metadata"),
            ({**good, "metadata": {"a": "x" * 5000}}, "metadata"),
        ]
        with Stack() as stack:
            for record, field in bad:
                with self.subTest(record=record):
                    answer = stack.call("POST", "/registry/instances", record)
                    self.assertEqual(answer.status, 400, answer.body)
                    self.assertIn(field, answer.json()["message"])
            for body, field in (({}, "generation"), ({"generation": "1"}, "generation"), ({"generation": 1, "state": 1}, "state")):
                answer = stack.call("PUT", "/registry/instances/x/heartbeat", body)
                self.assertEqual(answer.status, 400)
                self.assertIn(field, answer.json()["message"])

    def test_lease_ends(self):
        with Stack("--probe-interval", "0s") as stack:  # a probe would be faster
            register(stack, 9, "silent")
            self.assertEqual(stack.health("social")["healthy_instances"], 1)
            wait_until("the lease ended", lambda: stack.health("social")["healthy_instances"] == 0)
            self.assertEqual(stack.instances("social")[0]["state"], "expired")

    def test_probes_find_who_is_ill_though_it_beats(self):
        with Stack("--probe-interval", "100ms") as stack:
            service = stack.start("social")
            stack.wait_until_healthy("social")
            dead = register(stack, 9, "dead", service="social")
            stranger = register(stack, service.port, "stranger", service="social")  # the address answers as another

            def states():
                for one in (dead, stranger):
                    path = f"/registry/instances/{one['id']}/heartbeat"
                    self.assertEqual(stack.call("PUT", path, {"generation": one["generation"]}).status, 200)
                return {i["id"]: i["state"] for i in stack.instances("social")}

            wait_until("both are out", lambda: list(states().values()).count("unhealthy") == 2)
            found = states()
            self.assertEqual((found.pop("dead"), found.pop("stranger")), ("unhealthy", "unhealthy"))
            self.assertEqual(set(found.values()), {"healthy"})
            for _ in range(4):
                self.assertEqual(stack.get("/api/v1/social/feed").status, 200)

    def test_fenced_service_stops(self):
        with Stack() as stack:
            old = stack.start("social", "--id", "same")
            stack.wait_until_healthy("social")
            stack.start("social", "--id", "same")
            self.assertEqual(old.process.wait(60), 3)
            self.assertIn("same", old.errors())

    def test_pages_of_other_sites_do_not_administer(self):
        """A browser on the same machine sends such requests for any page, without asking: CORS only hides the answer."""
        with Stack("--cors-origin", "https://app.example.org") as stack:
            path = "/admin/circuit-breaker/reset/social"
            own = f"http://127.0.0.1:{stack.port}"
            for origin, status in ((own, 200), ("https://app.example.org", 200), ("https://evil.example.org", 403), ("null", 403)):
                self.assertEqual(stack.call("POST", path, headers={"Origin": origin}).status, status, origin)
            evil = {"Origin": "https://evil.example.org", "Content-Type": "text/plain"}
            self.assertEqual(stack.call("POST", "/registry/instances", {}, evil).status, 403)

    def test_token(self):
        with Stack(env={"SEAWALL_ADMIN_TOKEN": "s3cret"}) as stack:
            stack.start("social")
            stack.wait_until_healthy("social")  # the service sends the token
            path = "/admin/circuit-breaker/reset/social"
            for authorization in (None, "Bearer wrong!", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer "):
                answer = stack.call("POST", path, headers={"Authorization": authorization} if authorization else {})
                self.assertEqual(answer.status, 401, authorization)
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
            self.assertEqual(stack.call("POST", "/registry/instances", {}).status, 401)
            self.assertEqual(stack.call("POST", "/v1/traces", {}).status, 401)
            self.assertEqual(stack.call("DELETE", "/registry/instances/x").status, 401)
            self.assertEqual(stack.call("POST", path, headers={"Authorization": "Bearer s3cret"}).status, 200)


if __name__ == "__main__":
    unittest.main()
