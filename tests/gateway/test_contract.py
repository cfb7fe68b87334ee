# SPDX-License-Identifier: MIT
"""The gateway's HTTP contract, point by point, with the real processes."""

import concurrent.futures
import contextlib
import json
import re
import signal
import subprocess
import unittest

from gateway.raw import connected, read_answer
from support.stack import TRADE, Stack, wait_until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REGISTRATION = {"username": "somebody", "email": "somebody@example.org", "password": "correct horse"}


def tracked(test: unittest.TestCase, answer) -> None:
    test.assertRegex(answer.headers["X-Correlation-ID"], r"^[A-Za-z0-9._-]{1,128}$")
    test.assertRegex(answer.headers["X-Trace-ID"], r"^[0-9a-f]{32}$")
    test.assertRegex(answer.headers["X-Processing-Time"], r"^\d+\.\d{3}s$")


def assert_error(test: unittest.TestCase, answer, status: int) -> dict:
    test.assertEqual(answer.status, status, answer.body[:300])
    tracked(test, answer)
    body = answer.json()
    test.assertIs(body["success"], False)
    test.assertTrue(body["message"])
    test.assertEqual(body["correlation_id"], answer.headers["X-Correlation-ID"])
    return body


class WholeGateway(unittest.TestCase):
    """One gateway with its four services, generous limits."""

    @classmethod
    def setUpClass(cls):
        options = ("--test-endpoints", "--cors-origin", "https://app.example.org")
        cls.stack = cls.enterClassContext(Stack(*options, "--service-limit", "100000/60s"))
        cls.stack.start_all()

    def test_root(self):
        answer = self.stack.get("/")
        self.assertEqual(answer.status, 200)
        tracked(self, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        body = answer.json()
        self.assertIs(body["success"], True)
        self.assertLessEqual({"message", "version", "features", "endpoints", "timestamp"}, set(body))
        self.assertIsInstance(body["features"], list)
        self.assertIsInstance(body["endpoints"], dict)

    def test_health(self):
        body = self.stack.get("/health").json()
        self.assertEqual(body["infrastructure"]["redis"], "disabled")
        self.assertEqual(set(body["services"]), {"trading", "gamification", "social", "user"})
        for service in body["services"].values():
            self.assertEqual(set(service), {"circuit_breaker", "failure_count", "healthy_instances"})

    def test_services(self):
        body = self.stack.get("/services").json()
        for name in ("trading", "gamification", "social", "user"):
            service = body["services"][name]
            self.assertIs(service["healthy"], True)
            first = service["instances"][0]
            self.assertEqual((service["host"], service["port"]), (first["host"], first["port"]))
            expected = {"id", "host", "port", "healthy", "state", "weight", "circuit_breaker", "in_flight"}
            self.assertLessEqual(expected, set(first))

    def test_dashboard_for_programs_and_for_people(self):
        answer = self.stack.get("/dashboard")
        data = answer.json()["data"]
        self.assertLessEqual({"timestamp", "uptime_seconds", "metrics", "kpis", "status"}, set(data))
        wanted = {"requests_total", "trades_executed", "users_active", "revenue_generated"}
        self.assertLessEqual(wanted, set(data["metrics"]))
        self.assertLessEqual({"requests_per_second", "revenue_per_trade"}, set(data["kpis"]))
        services = {f"{name}_calls_per_second" for name in ("trading", "gamification", "social", "user")}
        self.assertLessEqual(services | {"covered_seconds", "latency_p90_ms", "registrations_per_minute"}, set(data["kpis"]))
        self.assertEqual(set(data["kpis"]), set(data["kpis_hour"]))
        browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        page = self.stack.get("/dashboard", Accept=browser)
        self.assertTrue(page.headers["Content-Type"].startswith("text/html"))
        self.assertIn(b"<html", page.body.lower())
        for accept in ("text/*", "TEXT/HTML", "application/json;q=0.5, text/html;q=0.5", "application/json;q=0.1, */*"):
            self.assertTrue(self.stack.get("/dashboard", Accept=accept).headers["Content-Type"].startswith("text/html"), accept)
        for accept in ("*/*", "application/json, text/html;q=0.5", "text/html;q=0", "text/html;q=0.5, */*", "text/html;q=0, */*"):
            self.assertEqual(self.stack.get("/dashboard", Accept=accept).headers["Content-Type"], "application/json", accept)

    def test_key_figures_are_of_the_last_minute(self):
        self.stack.get("/api/v1/social/feed")
        kpis = wait_until("a tick", lambda: (k := self.stack.get("/dashboard").json()["data"]["kpis"])["social_calls_per_second"] and k)
        self.assertGreater(kpis["requests_per_second"], 0)
        self.assertTrue(0 < kpis["covered_seconds"] <= 60, kpis)
        self.assertGreater(kpis["social_latency_p99_ms"], 0)

    def test_history_knows_of_a_breaker_that_was_open_for_a_moment(self):
        """Tripped and reset between two samples, or round one: it is shown either way."""

        def history(after: int) -> dict:
            return self.stack.get(f"/dashboard/history?after={after}").json()["data"]

        last = wait_until("a sample", lambda: history(0)["time"])[-1]
        self.assertEqual(self.stack.call("POST", "/test/circuit-breaker/gamification").status, 200)
        self.assertEqual(self.stack.call("POST", "/admin/circuit-breaker/reset/gamification").status, 200)
        wait_until("it is in a sample", lambda: "open" in history(last)["services"]["gamification"]["circuit_breaker"])

    def test_history_has_one_length(self):
        data = wait_until("a sample", lambda: (d := self.stack.get("/dashboard/history").json()["data"])["time"] and d)
        for name, series in data.items():
            if name.endswith("_per_second"):
                self.assertEqual(len(series), len(data["time"]), name)
        for service in data["services"].values():
            self.assertEqual({len(series) for series in service.values()}, {len(data["time"])})
        later = self.stack.get(f"/dashboard/history?after={data['time'][-1]}").json()["data"]
        self.assertTrue(all(at > data["time"][-1] for at in later["time"]))
        self.assertIn("after", assert_error(self, self.stack.get("/dashboard/history?after=x"), 400)["message"])

    def test_metrics_in_three_forms(self):
        text = self.stack.get("/metrics")
        # promtool is in the package prometheus.
        checked = subprocess.run(["promtool", "check", "metrics"], input=text.body, capture_output=True, timeout=60)
        self.assertEqual((checked.returncode, checked.stderr), (0, b""))
        self.assertIn("version=0.0.4", text.headers["Content-Type"])
        self.assertIn(b"# TYPE gateway_http_requests_total counter", text.body)
        scraper = self.stack.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertTrue(scraper.headers["Content-Type"].startswith("application/openmetrics-text"))
        self.assertTrue(scraper.body.endswith(b"# EOF\n"))
        body = self.stack.get("/metrics", Accept="application/json").json()
        self.assertEqual(set(body["circuit_breakers"]), {"trading", "gamification", "social", "user"})
        self.assertEqual(set(body["rate_limiting"]), {"active_users", "total_tracked_requests"})
        self.assertIsInstance(body["metrics"], dict)

    def test_trade_profile_feed(self):
        trade = {**TRADE, "user_id": 4711, "amount": 250.0, "risk_percentage": 2, "is_mock": False}
        before = self.stack.get("/dashboard").json()["data"]["metrics"]
        answer = self.stack.call("POST", "/api/v1/trading/execute", trade, {"X-User-ID": "t1", "X-Correlation-ID": "c.1"})
        self.assertEqual(answer.status, 200, answer.body)
        body = answer.json()
        self.assertEqual(body["correlation_id"], "c.1")
        self.assertEqual(body["data"]["status"], "executed")
        self.assertEqual(body["data"]["amount"], 250.0)
        self.assertAlmostEqual(body["data"]["fee"], 0.25)
        self.assertLessEqual({"trade_id", "executed_at", "service_type"}, set(body["data"]))
        after = self.stack.get("/dashboard").json()["data"]["metrics"]
        self.assertEqual(after["trades_executed"], before["trades_executed"] + 1)
        self.assertAlmostEqual(after["revenue_generated"], before["revenue_generated"] + 0.25, places=4)
        self.assertGreater(after["users_active"], 0)

        profile = lambda: self.stack.get("/api/v1/gamification/user/4711/profile", X_User_ID="t1").json()["data"]
        earned = wait_until("the trade earned experience", lambda: (p := profile())["xp"] > 0 and p)
        self.assertEqual(earned["user_id"], 4711)
        self.assertGreaterEqual(earned["level"], 1)
        self.assertIn("first_trade", earned["achievements"])
        feed = lambda: self.stack.get("/api/v1/social/feed?limit=1", X_User_ID="t1").json()["data"]["entries"]
        entries = wait_until("the trade is in the feed", feed)
        self.assertEqual(len(entries), 1)

    def test_feed_is_newest_first(self):
        for amount in (1001, 1002, 1003):
            self.stack.call("POST", "/api/v1/trading/execute", {**TRADE, "amount": amount}, {"X-User-ID": "t2"})

        def newest():
            entries = self.stack.get("/api/v1/social/feed?limit=3", X_User_ID="t2").json()["data"]["entries"]
            return [entry["amount"] for entry in entries] == [1003, 1002, 1001]

        wait_until("three trades, newest first", newest)

    def test_register(self):
        answer = self.stack.call("POST", "/api/v1/users/register", REGISTRATION, {"X-User-ID": "r1"})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(answer.json()["data"]["username"], "somebody")
        self.assertIn("user_id", answer.json()["data"])
        self.assertNotIn(b"correct horse", answer.body)
        again = self.stack.call("POST", "/api/v1/users/register", REGISTRATION, {"X-User-ID": "r1"})
        assert_error(self, again, 409)
        self.assertNotIn(b"correct horse", again.body)
        for program in [self.stack.gateway, *self.stack.services]:
            self.assertNotIn("correct horse", program.errors())

    def test_wrong_fields_are_named(self):
        trade, user = "/api/v1/trading/execute", "/api/v1/users/register"
        cases = [(trade, {k: v for k, v in TRADE.items() if k != missing}, missing) for missing in TRADE]
        cases += [
            (trade, {**TRADE, "user_id": 1.5}, "user_id"),
            (trade, {**TRADE, "user_id": "1"}, "user_id"),
            (trade, {**TRADE, "user_id": 2**64}, "user_id"),
            (trade, {**TRADE, "user_id": True}, "user_id"),
            (trade, {**TRADE, "asset_symbol": ""}, "asset_symbol"),
            (trade, {**TRADE, "asset_symbol": "x" * 33}, "asset_symbol"),
            (trade, {**TRADE, "direction": "long"}, "direction"),
            (trade, {**TRADE, "amount": 0}, "amount"),
            (trade, {**TRADE, "amount": -5}, "amount"),
            (trade, {**TRADE, "amount": "5"}, "amount"),
            (trade, {**TRADE, "risk_percentage": 0.05}, "risk_percentage"),
            (trade, {**TRADE, "risk_percentage": 10.5}, "risk_percentage"),
            (trade, {**TRADE, "is_mock": 1}, "is_mock"),
            (user, {**REGISTRATION, "username": "ab"}, "username"),
            (user, {**REGISTRATION, "username": "x" * 51}, "username"),
            (user, {**REGISTRATION, "email": "nobody"}, "email"),
            (user, {**REGISTRATION, "password": "1234567"}, "password"),
            (user, {**REGISTRATION, "password": "12345678\0tail"}, "password"),
        ]
        for path, body, field in cases:
            with self.subTest(field=field, body=body):
                error = assert_error(self, self.stack.call("POST", path, body, {"X-User-ID": "w1"}), 400)
                self.assertIn(field, error["message"])
        for path, field in (
            ("/api/v1/social/feed?limit=0", "limit"),
            ("/api/v1/social/feed?limit=101", "limit"),
            ("/api/v1/social/feed?limit=x", "limit"),
            ("/api/v1/gamification/user/bob/profile", "user_id"),
        ):
            with self.subTest(path=path):
                error = assert_error(self, self.stack.get(path, X_User_ID="w2"), 400)
                self.assertIn(field, error["message"])
        self.assertEqual(self.stack.health("trading")["failure_count"], 0, "bad input is no failure of the upstream")

    def test_boundaries_of_valid_input(self):
        for body in (
            {**TRADE, "asset_symbol": "\u00fc" * 32},
            {**TRADE, "direction": "SHORT", "risk_percentage": 0.1},
            {**TRADE, "risk_percentage": 10, "is_mock": True},
            {**TRADE, "risk_percentage": None, "amount": 1e-9},
            {**TRADE, "user_id": -(2**63)},
        ):
            with self.subTest(body=body):
                answer = self.stack.call("POST", "/api/v1/trading/execute", body, {"X-User-ID": "b1"})
                self.assertEqual(answer.status, 200, answer.body)

    def test_bad_json(self):
        for body in (b"", b"{", b"[]", b"null", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'{"amount":1e999}', b"{}{}"):
            with self.subTest(body=body[:20]):
                answer = self.stack.call("POST", "/api/v1/trading/execute", body, {"X-User-ID": "j1"})
                assert_error(self, answer, 400)

    def test_correlation_id(self):
        for good in ("a", "A-z_0.9", "x" * 128):
            self.assertEqual(self.stack.get("/", X_Correlation_ID=good).headers["X-Correlation-ID"], good)
        for bad in ("", "x" * 129, "a b", "a/b", "\u00fc".encode().decode("latin-1")):
            self.assertNotEqual(self.stack.get("/", X_Correlation_ID=bad).headers["X-Correlation-ID"], bad)
        self.assertEqual(assert_error(self, self.stack.get("/none", X_Correlation_ID="e.1"), 404)["correlation_id"], "e.1")

    def test_trace(self):
        self.assertEqual(self.stack.get("/", traceparent=PARENT).headers["X-Trace-ID"], PARENT[3:35])
        for bad in ("00-" + "0" * 32 + PARENT[35:], PARENT.upper(), "nonsense"):
            self.assertNotEqual(self.stack.get("/", traceparent=bad).headers["X-Trace-ID"], bad[3:35])

    def test_user_header(self):
        for good in ("u", "x" * 128, "!~"):
            self.assertEqual(self.stack.get("/api/v1/social/feed", X_User_ID=good).status, 200)
        for bad in ("", "x" * 129, "a b", "\xe4"):
            with self.subTest(user=bad):
                error = assert_error(self, self.stack.get("/api/v1/social/feed", X_User_ID=bad), 400)
                self.assertIn("X-User-ID", error["message"])

    def test_unknown_path_and_wrong_method(self):
        assert_error(self, self.stack.get("/api/v1/nothing"), 404)
        assert_error(self, self.stack.get("/api/v1/gamification/user//profile"), 404)
        for method, path, allow in (
            ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
            ("GET", "/api/v1/trading/execute", {"POST", "OPTIONS"}),
            ("PATCH", "/registry/instances/x", {"DELETE", "OPTIONS"}),
            ("BREW", "/", {"GET", "HEAD", "OPTIONS"}),
        ):
            answer = self.stack.call(method, path)
            assert_error(self, answer, 405)
            self.assertEqual(set(re.split(r",\s*", answer.headers["Allow"])), allow)

    def test_head_and_options(self):
        for path in ("/", "/health", "/api/v1/social/feed"):
            head = self.stack.call("HEAD", path, headers={"X-User-ID": "h1"})
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertGreater(int(head.headers["Content-Length"]), 0)
            tracked(self, head)
        options = self.stack.call("OPTIONS", "/api/v1/trading/execute")
        self.assertEqual(options.status, 204)
        self.assertEqual(options.headers["Allow"], "POST, OPTIONS")
        tracked(self, options)

    def test_cors(self):
        ours = {"Origin": "https://app.example.org"}
        allowed = self.stack.call("GET", "/health", headers=ours)
        self.assertEqual(allowed.headers["Access-Control-Allow-Origin"], ours["Origin"])
        self.assertIn("Origin", allowed.headers["Vary"])
        preflight = self.stack.call(
            "OPTIONS", "/api/v1/trading/execute", headers={**ours, "Access-Control-Request-Method": "POST"}
        )
        self.assertIn("POST", preflight.headers["Access-Control-Allow-Methods"])
        self.assertIn("X-User-ID", preflight.headers["Access-Control-Allow-Headers"])
        foreign = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "POST"}
        refused = self.stack.call("OPTIONS", "/api/v1/trading/execute", headers=foreign)
        self.assertFalse([name for name in refused.headers if name.lower().startswith("access-control")])

    def test_rate_limit_route(self):
        body = self.stack.get("/test/rate-limit", X_User_ID="fresh").json()
        self.assertEqual(body["user_id"], "fresh")
        self.assertEqual([result["allowed"] for result in body["test_results"]], [True] * 9 + [False])
        again = self.stack.get("/test/rate-limit", X_User_ID="fresh")
        self.assertEqual([result["allowed"] for result in again.json()["test_results"]], [False])
        self.assertEqual(again.headers["RateLimit-Policy"], '"test";q=10;w=60')
        self.assertRegex(again.headers["RateLimit"], r'^"test";r=0;t=\d+$')

    def test_ten_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            statuses = list(pool.map(lambda _: self.stack.get("/health").status, range(10)))
        self.assertEqual(statuses, [200] * 10)

    def test_pipelining_and_keep_alive(self):
        with connected(self.stack.port) as sock:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\nGET /none HTTP/1.1\r\nHost: g\r\n\r\n" * 5)
            stream = sock.makefile("rb")
            self.assertEqual([read_answer(stream)[0] for _ in range(10)], [200, 404] * 5)

    def test_http_1_0_closes(self):
        with connected(self.stack.port) as sock:
            sock.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            stream = sock.makefile("rb")
            status, headers, _ = read_answer(stream)
            self.assertEqual((status, headers["connection"]), (200, "close"))
            self.assertEqual(stream.read(), b"")

    def test_absolute_form_and_chunks(self):
        body = json.dumps(TRADE).encode()
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        with connected(self.stack.port) as sock:
            sock.sendall(
                b"POST http://gateway/api/v1/trading/execute HTTP/1.1\r\nHost: gateway\r\nX-User-ID: c1\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n" + chunked
            )
            self.assertEqual(read_answer(sock.makefile("rb"))[0], 200)

    def test_expect_continue(self):
        body = json.dumps(TRADE).encode()
        with connected(self.stack.port) as sock:
            stream = sock.makefile("rb")
            sock.sendall(
                b"POST /api/v1/trading/execute HTTP/1.1\r\nHost: g\r\nX-User-ID: e1\r\nExpect: 100-continue\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            self.assertEqual(read_answer(stream)[0], 100)
            sock.sendall(body)
            self.assertEqual(read_answer(stream)[0], 200)


class Breaker(unittest.TestCase):
    def test_test_route_reset_and_protection(self):
        with Stack("--test-endpoints") as stack:
            stack.start("trading")
            stack.wait_until_healthy("trading")
            tripped = stack.call("POST", "/test/circuit-breaker/trading").json()
            self.assertEqual((tripped["state"], tripped["failure_count"]), ("open", 3))
            self.assertEqual(tripped["reason"], "failure_threshold")
            self.assertEqual(stack.health("trading")["circuit_breaker"], "open")
            self.assertEqual(stack.get("/health").json()["status"], "degraded")
            refused = stack.trade()
            body = assert_error(self, refused, 503)
            self.assertIn("temporarily unavailable", body["message"])
            self.assertEqual(body["circuit_breaker_state"], "open")
            self.assertLessEqual(1, int(refused.headers["Retry-After"]))
            self.assertLessEqual(int(refused.headers["Retry-After"]), 30)
            reset = stack.call("POST", "/admin/circuit-breaker/reset/trading")
            self.assertEqual(reset.status, 200)
            self.assertEqual((reset.json()["service"], reset.json()["new_state"]), ("trading", "closed"))
            self.assertEqual(reset.json()["failure_count"], 0)
            self.assertEqual(reset.json()["reason"], "reset")
            self.assertEqual(stack.trade().status, 200)
            assert_error(self, stack.call("POST", "/test/circuit-breaker/nobody"), 404)
            assert_error(self, stack.call("POST", "/admin/circuit-breaker/reset/nobody"), 404)

    def test_failing_service_opens_and_one_probe_decides(self):
        with Stack("--open-duration", "500ms") as stack:
            failing = stack.start("trading", "--fail-rate", "1.0")
            stack.wait_until_healthy("trading")
            self.assertEqual([stack.trade().status for _ in range(4)], [500, 500, 500, 503])
            self.assertEqual(stack.health("trading")["failure_count"], 3)
            failing.stop()
            good = stack.start("trading")
            wait_until("the probe went to the good instance", lambda: stack.trade().status == 200)
            self.assertEqual(stack.health("trading")["circuit_breaker"], "closed")
            self.assertEqual([i["port"] for i in stack.instances("trading")], [good.port])

    def test_no_test_routes_without_the_option(self):
        with Stack() as stack:
            assert_error(self, stack.get("/test/rate-limit"), 404)
            assert_error(self, stack.call("POST", "/test/circuit-breaker/trading"), 404)


class Limits(unittest.TestCase):
    def test_user_limit(self):
        with Stack("--user-limit", "5/60s") as stack:
            stack.start("social")
            stack.wait_until_healthy("social")
            answers = [stack.get("/api/v1/social/feed", X_User_ID="greedy") for _ in range(6)]
            self.assertEqual([answer.status for answer in answers], [200] * 5 + [429])
            self.assertEqual(answers[0].headers["RateLimit-Policy"], '"user";q=5;w=60, "service";q=1000;w=60')
            self.assertRegex(answers[0].headers["RateLimit"], r'^"user";r=4;t=\d+$')
            self.assertIn("user", assert_error(self, answers[5], 429)["message"])
            self.assertGreaterEqual(int(answers[5].headers["Retry-After"]), 1)
            self.assertEqual(stack.get("/api/v1/social/feed", X_User_ID="other").status, 200)
            self.assertEqual(stack.get("/health").status, 200, "own routes are not charged")

    def test_service_limit_charges_both_or_neither(self):
        with Stack("--user-limit", "4/60s", "--service-limit", "2/60s") as stack:
            stack.start_all()
            feed = lambda: stack.get("/api/v1/social/feed", X_User_ID="u")
            self.assertEqual([feed().status for _ in range(5)], [200, 200, 429, 429, 429])
            self.assertIn("service", feed().json()["message"])
            # The refusals did not cost the user anything: two are left for another service.
            profile = lambda: stack.get("/api/v1/gamification/user/1/profile", X_User_ID="u").status
            self.assertEqual([profile() for _ in range(2)], [200, 200])
            self.assertEqual(stack.trade("u").status, 429)

    def test_the_limit_is_exact_under_concurrency(self):
        with Stack("--user-limit", "20/60s", "--threads", "4") as stack:
            stack.start("social")
            stack.wait_until_healthy("social")
            feed = lambda _: stack.get("/api/v1/social/feed", X_User_ID="u").status
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                statuses = list(pool.map(feed, range(60)))
            self.assertEqual((statuses.count(200), statuses.count(429)), (20, 40))

    def test_a_503_refunds_both(self):
        with Stack("--user-limit", "3/60s", "--service-limit", "3/60s") as stack:
            for _ in range(10):
                answer = stack.get("/api/v1/social/feed", X_User_ID="u")
                self.assertIn("temporarily unavailable", assert_error(self, answer, 503)["message"])
                self.assertIn("Retry-After", answer.headers)
            stack.start("social")
            stack.wait_until_healthy("social")
            feed = lambda: stack.get("/api/v1/social/feed", X_User_ID="u").status
            self.assertEqual([feed() for _ in range(4)], [200, 200, 200, 429])

    def test_a_400_stays_charged(self):
        with Stack("--user-limit", "2/60s") as stack:
            stack.start("trading")
            stack.wait_until_healthy("trading")
            bad = lambda: stack.call("POST", "/api/v1/trading/execute", {}, {"X-User-ID": "u"}).status
            self.assertEqual([bad(), bad(), stack.trade("u").status], [400, 400, 429])


class StartAndStop(unittest.TestCase):
    def test_sigterm_finishes_what_is_in_flight(self):
        with Stack() as stack:
            stack.start("social", "--delay", "1s")
            stack.wait_until_healthy("social")
            with concurrent.futures.ThreadPoolExecutor(1) as pool, connected(stack.port) as idle:
                slow = pool.submit(stack.get, "/api/v1/social/feed")
                wait_until("the call is in flight", lambda: stack.instances("social")[0]["in_flight"] == 1)
                self.assertEqual(stack.gateway.stop(), 0)
                self.assertEqual(slow.result().status, 200)
                self.assertEqual(idle.recv(1), b"", "idle connections are closed")

    def test_sigterm_answers_connections_that_wait_to_be_accepted(self):
        with Stack() as stack, contextlib.ExitStack() as held:
            stack.gateway.process.send_signal(signal.SIGSTOP)
            waiting = [held.enter_context(connected(stack.port)) for _ in range(50)]
            for sock in waiting:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            for sent in (signal.SIGTERM, signal.SIGCONT, signal.SIGTERM, signal.SIGINT):
                stack.gateway.process.send_signal(sent)
            for sock in waiting:
                self.assertEqual(read_answer(sock.makefile("rb"))[0], 200)
            self.assertEqual(stack.gateway.process.wait(15), 0)

    def test_service_leaves_on_sigterm(self):
        with Stack() as stack:
            first, second = stack.start("social"), stack.start("social")
            stack.wait_until_healthy("social", 2)
            self.assertEqual(first.stop(), 0)
            self.assertEqual([i["port"] for i in stack.instances("social")], [second.port])

    def test_services_return_to_a_restarted_gateway(self):
        with Stack() as stack:
            stack.start("social")
            stack.wait_until_healthy("social")
            port = stack.port
            stack.gateway.kill()
            with Stack(port=port) as again:
                again.wait_until_healthy("social")
                self.assertEqual(again.get("/api/v1/social/feed").status, 200)


if __name__ == "__main__":
    unittest.main()
