# SPDX-License-Identifier: MIT
"""Clients, upstreams and operators that mean harm, or do it by mistake: found by attacking the gateway."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from gateway.raw import FakeUpstream, connected, read_answer
from support.stack import BIN, Stack, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FEED = b"GET /api/v1/social/feed HTTP/1.1\r\nHost: g\r\n"
WIDE = ("--user-limit", "1000000/60s", "--service-limit", "1000000/60s", "--probe-interval", "0s", "--open-duration", "600s")


class Hostile(unittest.TestCase):
    """A gateway whose social service is this test."""

    reply = OK

    def setUp(self):
        self.upstream = self.enterContext(FakeUpstream(self.behave))
        listed = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "services.json")  # it has no lease to end
        listed.write_text(json.dumps({"social": [{"host": "127.0.0.1", "port": self.upstream.port}]}))
        self.stack = self.enterContext(Stack(*WIDE, "--upstream-timeout", "60s", "--services", str(listed)))

    def behave(self, upstream, sock):
        while upstream.read_request(sock):
            sock.sendall(self.reply)

    def send(self, data: bytes) -> tuple:
        with connected(self.stack.port, 60) as sock:
            sock.sendall(data)
            return read_answer(sock.makefile("rb"))

    def ask(self, reply: bytes) -> tuple:
        """The gateway's answer when the upstream says `reply`."""
        self.reply = reply
        self.stack.call("POST", "/admin/circuit-breaker/reset/social")
        return self.send(FEED + b"\r\n")


class Requests(Hostile):
    def test_host_and_absolute_form(self):
        """RFC 9112, 3.2: what is no host is refused; RFC 9110, 4.2: a URI has a host, and nobody's password."""
        for host, status in (
            (b"", 200), (b"g", 200), (b"g:", 200), (b"g:80", 200), (b"[::1]:8000", 200), (b"a-b.c_d", 200), (b"%41", 200),
            (b"a b", 400), (b"evil.example/x", 400), (b"<script>", 400), (b"[::1", 400), (b"[]", 400), (b"[::1]x", 400),
            (b"user@g", 400), (b"g:x", 400), (b"g:999999", 400), (b"g:80:80", 400), (b"\x80", 400), (b"a?b", 400), (b"a#b", 400),
        ):  # fmt: skip
            with self.subTest(host=host):
                self.assertEqual(self.send(b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")[0], status)
        for target, status in (
            (b"http://g/health", 200), (b"http://g:80/health", 200), (b"http://[::1]/health", 200),
            (b"http://", 400), (b"http:///health", 400), (b"http://:80/health", 400), (b"http://a:b@g/health", 400), (b"http://<g>/", 400),
        ):  # fmt: skip
            with self.subTest(target=target):
                self.assertEqual(self.send(b"GET " + target + b" HTTP/1.1\r\nHost: g\r\n\r\n")[0], status)

    def test_each_connection_field_is_heeded(self):
        for fields in (b"Connection: keep-alive\r\nConnection: close\r\n", b"Connection: x\r\nConnection: y, CLOSE\r\n"):
            with self.subTest(fields=fields), connected(self.stack.port) as sock:
                sock.sendall(b"GET /health HTTP/1.1\r\nHost: g\r\n" + fields + b"\r\n")
                stream = sock.makefile("rb")
                self.assertEqual(read_answer(stream)[1]["connection"], "close")
                self.assertEqual(stream.read(), b"")
        hops = b"Connection: keep-alive\r\nX-One: 1\r\nConnection: , x-one ,\r\nconnection: X-Two\r\nX-Two: 2\r\nX-Three: 3\r\n"
        self.assertEqual(self.send(FEED + hops + b"\r\n")[0], 200)
        sent = self.upstream.requests[-1]
        self.assertNotIn(b"X-One", sent)
        self.assertNotIn(b"X-Two", sent)
        self.assertIn(b"\r\nX-Three: 3\r\n", sent)

    def test_connection_cannot_take_away_what_the_gateway_adds(self):
        named = b"Connection: close, X-Forwarded-For, X-Correlation-ID, traceparent, Via, Host, Content-Length\r\n"
        self.assertEqual(self.send(FEED + named + b"X-Forwarded-For: 10.9.9.9\r\nX-Correlation-ID: c.1\r\n\r\n")[0], 200)
        sent = self.upstream.requests[-1]
        for field in (b"X-Forwarded-For: 127.0.0.1\r\n", b"X-Correlation-ID: c.1\r\n", b"traceparent: 00-", b"Via: 1.1 seawall-gateway\r\n", b"Host: 127.0.0.1:"):
            self.assertEqual(sent.count(b"\r\n" + field), 1, sent)

    def test_via_says_how_the_request_came(self):
        """RFC 9110, 7.6.3: what a gateway must add to each request that it passes on."""
        self.assertEqual(self.send(b"GET /api/v1/social/feed HTTP/1.0\r\n\r\n")[0], 200)
        self.assertIn(b"\r\nVia: 1.0 seawall-gateway\r\n", self.upstream.requests[-1])

    def test_a_header_section_of_connection_tokens_and_fields_costs_little(self):
        """Each field looked up among the tokens one by one would be eight million comparisons: seconds for these."""

        def spent(shape: bytes) -> float:
            before = self.cpu_seconds()
            for _ in range(100):
                self.assertEqual(self.send(FEED + shape + b"\r\n\r\n")[0], 200)
            return self.cpu_seconds() - before

        plain = spent(b"X: " + b"a" * 15_900)
        self.assertLess(spent(b"Connection: " + b"a," * 4000 + b"\r\n" + b"b:\r\n" * 1900 + b"c:"), 20 * plain + 1)
        self.assertLess(spent(b"c:\r\n" * 3900 + b"c:"), 20 * plain + 1)

    def cpu_seconds(self) -> float:
        cells = pathlib.Path(f"/proc/{self.stack.gateway.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")

    def test_every_expectation_must_be_understood(self):
        head = b"POST /none HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n"
        self.assertEqual(self.send(head + b"Expect: 100-continue\r\nExpect: miracle\r\n\r\n")[0], 417)
        self.assertEqual(self.send(head + b"Expect: 100-continue\r\n\r\n")[0], 404)

    def test_json_without_bottom(self):
        """Copying or writing a deep value would use up the stack."""
        deep = "[" * 400_000 + "]" * 400_000
        span = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"'
        times = '"startTimeUnixNano":"1","endTimeUnixNano":"2"'
        for path, body in (
            ("/registry/instances", '{"service":"social","id":"x","host":"127.0.0.1","port":1,"metadata":{"a":%s}}' % deep),
            ("/v1/traces", '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s,"kind":%s}]}]}]}' % (span, deep)),
            ("/v1/traces", '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s,%s,"status":{"code":%s}}]}]}]}' % (span, times, deep)),
            ("/api/v1/trading/execute", deep),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.stack.call("POST", path, body).status, 400)
        self.assertEqual(self.stack.get("/health").status, 200)

    def test_json_of_some_depth_is_json(self):
        """Attributes of spans may be lists of lists."""
        value = '{"arrayValue":{"values":[' * 8 + '{"intValue":"1"}' + "]}}" * 8
        span = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"deep"'
        times = '"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"a","value":%s}]' % value
        body = '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s,%s}]}]}]}' % (span, times)
        self.assertEqual(self.stack.call("POST", "/v1/traces", body).status, 200)

    def test_brackets_in_texts_are_no_depth(self):
        path, trade = "/api/v1/trading/execute", '{"user_id":7,"asset_symbol":"BTC","direction":"LONG","amount":1,"note":%s}'
        for note, status in (
            ('"' + "[" * 100 + r"\"" + "{" * 100 + '"', 503),  # good input, and nobody there
            (r'"\\",' + '"more":' + "[" * 63 + "]" * 63, 503),
            (r'"\\",' + '"more":' + "[" * 64 + "]" * 64, 400),
        ):
            with self.subTest(note=note[:20]):
                self.assertEqual(self.stack.call("POST", path, trade % note).status, status)

    def test_a_name_that_leads_here_is_not_this_site(self):
        """DNS rebinding: a page of a name whose address is 127.0.0.1 for a moment says its own name as host and origin."""
        path = "/admin/circuit-breaker/reset/social"
        for host, status in ((f"127.0.0.1:{self.stack.port}", 200), (f"localhost:{self.stack.port}", 200), ("[::1]:80", 200),
                             ("127.0.0.1", 200), ("localhost", 200), ("[::1]", 200), ("evil.example.org", 403),
                             (f"evil.example.org:{self.stack.port}", 403), (f"127.0.0.1.evil.example.org:{self.stack.port}", 403)):  # fmt: skip
            with self.subTest(host=host):
                answer = self.stack.call("POST", path, headers={"Host": host, "Origin": "http://" + host})
                self.assertEqual(answer.status, status)
        self.assertEqual(self.stack.call("POST", path, headers={"Host": "gateway.example.org"}).status, 200, "no browser")

    def test_labels_are_bounded_whatever_is_asked(self):
        series = lambda: sum(line.startswith(b"gateway_") for line in self.stack.get("/metrics").body.splitlines())
        self.stack.call("BREW", "/none")
        self.stack.get("/traces/" + "b" * 32)
        before = series()
        for number in range(200):
            self.stack.call(f"BREW{number}", f"/none/{number}")
            self.stack.get(f"/traces/{number:032x}" if number else "/traces/0")
        self.assertLessEqual(series(), before + 2, "200 methods, paths and ids")

    def test_odd_trace_ids(self):
        for name, status in (("%3Cscript%3E", 400), ("B" * 32, 400), ("0" * 32, 400), ("b" * 31, 400), ("b" * 33, 400), ("..%2f", 400), ("b" * 32, 404)):
            with self.subTest(name=name):
                self.assertEqual(self.stack.get("/traces/" + name).status, status)


class Answers(Hostile):
    def test_trailers_are_no_headers(self):
        """RFC 9110, 6.5.1. A page of scripts would otherwise be what an upstream called JSON at first."""
        chunks = b"2\r\n{}\r\n0\r\nX-Late: 1\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\nContent-Type: application/json\r\n\r\n"
        status, headers, body = self.ask(head + chunks)
        self.assertEqual((status, body, headers["content-type"]), (200, b"{}", "application/json"))
        for name in ("x-late", "set-cookie", "trailer", "transfer-encoding"):
            self.assertNotIn(name, headers)

    def test_each_connection_field_is_heeded(self):
        fields = b"Connection: keep-alive\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Own: 2\r\n"
        status, headers, _ = self.ask(OK.replace(b"Content-Type", fields + b"Content-Type"))
        self.assertEqual((status, headers["x-own"]), (200, "2"))
        self.assertNotIn("x-hop", headers)

    def test_what_no_client_may_be_given(self):
        for head in (
            b"HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 099 None\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",  # and the connection stays open
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        ):
            with self.subTest(head=head[:60]):
                self.assertEqual(self.ask(head)[0], 502)

    def test_answers_without_a_body_and_with_one_too_many(self):
        """What comes behind an answer belongs to nobody: the next request has a connection of its own."""
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
        for head, status, phrase in (
            (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 204, b"No Content"),
            (b"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", 304, b"Not Modified"),
            (OK, 200, b"OK"),
        ):
            with self.subTest(status=status), connected(self.stack.port, 60) as sock:
                self.reply = head + stray
                stream = sock.makefile("rb")
                for _ in range(2):
                    sock.sendall(FEED + b"\r\n")
                    self.assertEqual(stream.peek(100).split(b"\r\n", 1)[0], b"HTTP/1.1 %d %s" % (status, phrase))
                    self.assertEqual(read_answer(stream)[::2], (status, b"{}" if status == 200 else b""))

    def test_a_flood_of_interim_answers(self):
        before = self.stack.gateway.memory_kib()
        self.assertEqual(self.ask(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2000 + OK)[0], 200)
        self.assertLess(self.stack.gateway.memory_kib() - before, 8 * 1024)


class Reloads(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = pathlib.Path(folder, "gateway.json")

    def replace(self, text: str) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self.path)

    def test_asked_for_while_it_starts(self):
        """The file is a pipe here, for which the start waits, if only two seconds: hence several attempts."""
        for _ in range(20):
            if self.starts_while_asked():
                return
        self.fail("the pipe was never written in time")

    def starts_while_asked(self) -> bool:
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)
        writer = os.open(self.path, os.O_RDWR)
        command = [BIN / "seawall-gateway", "--port", "0", "--config", str(self.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            files = pathlib.Path(f"/proc/{process.pid}/fd")
            reads = lambda: process.poll() is not None or str(self.path) in [os.path.realpath(file) for file in files.iterdir()]
            wait_until("it reads the pipe", reads)
            for _ in range(3):
                process.send_signal(signal.SIGHUP)
            self.replace("{}")
            os.write(writer, b"{}")
            os.close(writer)
            line = process.stdout.readline()
            if not line and "timed out" in process.stderr.read():
                return False
            self.assertIn("listening on", line, process.poll())
            self.assertIn("configuration reloaded", process.stderr.readline())
            process.terminate()
            self.assertEqual(process.wait(60), 0)
        return True

    def test_many_at_once_are_few(self):
        """Each would be two seconds of waiting here: those that come meanwhile are one."""
        self.replace("{}")
        stack = self.enterContext(Stack("--config", str(self.path)))
        self.path.unlink()
        os.mkfifo(self.path)
        writer = os.open(self.path, os.O_RDWR)  # and never writes
        self.addCleanup(os.close, writer)
        for _ in range(200):
            stack.gateway.process.send_signal(signal.SIGHUP)
            self.assertEqual(stack.get("/health").status, 200)
        self.replace("{}")
        wait_until("the last of these", lambda: "configuration reloaded" in stack.gateway.errors())
        self.replace('{"limits": {"user": {"permits": 7}}}')
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until("the one behind", lambda: "/limits/user changed" in stack.gateway.errors())
        self.assertLessEqual(stack.gateway.errors().count("configuration reloaded"), 20)

    def test_a_half_written_file(self):
        self.replace("{}")
        stack = self.enterContext(Stack("--config", str(self.path)))
        whole = json.dumps({"limits": {"user": {"permits": 7}}, "services": {"social": {"balancer": "peak_ewma"}}})
        for size in (0, 1, len(whole) // 2, len(whole) - 1):
            told = stack.gateway.errors().count("no valid JSON at byte")
            self.path.write_text(whole[:size])
            stack.gateway.process.send_signal(signal.SIGHUP)
            wait_until("it is told", lambda: stack.gateway.errors().count("no valid JSON at byte") == told + 1)
        self.path.write_text(whole)
        stack.gateway.process.send_signal(signal.SIGHUP)
        wait_until("the whole one is taken", lambda: "/limits/user changed" in stack.gateway.errors())
        self.assertEqual(stack.gateway.stop(), 0)


if __name__ == "__main__":
    unittest.main()
