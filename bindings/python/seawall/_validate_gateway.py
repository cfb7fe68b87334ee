# SPDX-License-Identifier: MIT
"""The validator's ten checks of a running gateway, over HTTP. Needs no library."""

import http.client
import json
import re
import threading
import time
import urllib.parse
import uuid
from typing import Any, Callable, Dict, List, Optional

from ._validate_check import CONCURRENT_SECONDS, DETECTION_SECONDS, SERVICES, Check, expect

USER = "seawall-validator"
TRADER = 999999
SETTLE_SECONDS = 2.0  # until business metrics show what has happened
NEEDS_TEST_ENDPOINTS = "not there: the gateway must run with --test-endpoints"


class Response:
    def __init__(self, what: str, status: int, headers: "http.client.HTTPMessage", body: bytes, seconds: float):
        self.what, self.status, self.headers, self.body, self.seconds = what, status, headers, body, seconds

    def json(self) -> Dict[str, Any]:
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        expect(isinstance(value, dict), f"{self.what} did not answer a JSON object: {self.body[:60]!r}")
        return value

    def ok(self, status: int = 200) -> Dict[str, Any]:
        """The body, when it is the success that was expected."""
        expect(self.status == status, f"{self.what} answered {self.status}, not {status}{self._message()}")
        body = self.json()
        expect(body.get("success") is True, f"{self.what} did not say success: true")
        return body

    def retry_after(self) -> int:
        value = self.headers.get("Retry-After", "")
        expect(value.isdigit(), f"{self.what} answered {self.status} with Retry-After {value!r}, not whole seconds")
        return int(value)

    def _message(self) -> str:
        try:
            return f" ({json.loads(self.body)['message']})"
        except (ValueError, KeyError, TypeError):
            return ""


class Client:
    """One connection for each request, as a new client would come; no proxy, no redirect, no retry."""

    def __init__(self, url: str, timeout: float, admin_token: Optional[str] = None):
        self.url, self.timeout, self.admin_token = url.rstrip("/"), timeout, admin_token
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"--url {url!r} is not http://HOST:PORT")
        self._connection: type[http.client.HTTPConnection]
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        # Without a port, http.client would take the end of an IPv6 address for one.
        self._address, self._prefix = (parts.hostname, parts.port or self._connection.default_port), parts.path

    def request(self, method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None) -> Response:
        what = f"{method} {path}"
        send = {"Accept": "application/json", "X-User-ID": USER, **(headers or {})}
        data = None
        if body is not None:
            data, send["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = self._connection(*self._address, timeout=self.timeout)
        begin = time.perf_counter()
        try:
            connection.request(method, self._prefix + path, data, send)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AssertionError(f"{what}: {error}" if str(error) else f"{what}: {type(error).__name__}") from error
        finally:
            connection.close()
        return Response(what, answer.status, answer.headers, text, time.perf_counter() - begin)

    def get(self, path: str, headers: Optional[Dict[str, str]] = None) -> Response:
        return self.request("GET", path, headers=headers)

    def trade(self) -> Response:
        order = {"user_id": TRADER, "asset_symbol": "BTC", "direction": "LONG", "amount": 100.0, "is_mock": False}
        return self.request("POST", "/api/v1/trading/execute", order)

    def reset_breaker(self, service: str) -> Response:
        bearer = {"Authorization": f"Bearer {self.admin_token}"} if self.admin_token else None
        return self.request("POST", f"/admin/circuit-breaker/reset/{service}", headers=bearer)


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """The first true answer of `condition`, asked again for at most `seconds`; else its last answer."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class GatewayChecks:
    """The ten checks over HTTP, in their order. Opening the breaker comes late and a trade last, to see it recover."""

    def __init__(self, client: Client, recovery_seconds: float = 45.0):
        self.client, self.recovery_seconds = client, recovery_seconds
        self.breaker_opened = False

    def checks(self) -> List[Check]:
        steps = [
            ("connectivity", self.connectivity),
            ("health", self.health),
            ("service discovery", self.service_discovery),
            ("business metrics", self.business_metrics),
            ("correlation", self.correlation),
            ("ten concurrent requests", self.ten_concurrent_requests),
            ("rate limiting", self.rate_limiting),
            ("breaker opens", self.breaker_opens),
            ("breaker protects", self.breaker_protects),
            ("trade execution", self.trade_execution),
        ]
        return [Check("http", name, run) for name, run in steps]

    def await_health(self, seconds: float) -> None:
        """Returns when the gateway calls itself healthy, or after so many seconds; the checks say what is missing."""

        def healthy() -> bool:
            try:
                return self.client.get("/health").ok().get("status") == "healthy"
            except AssertionError:
                return False

        if seconds > 0:
            until(healthy, seconds)

    def connectivity(self) -> str:
        answer = self.client.get("/")
        body = answer.ok()
        for field in ("message", "version", "features", "endpoints", "timestamp"):
            expect(field in body, f"GET / lacks {field}")
        return f"version {body['version']}, {len(body['features'])} features"

    def health(self) -> str:
        body = self.client.get("/health").ok()
        services = body.get("services", {})
        sick = [
            f"{name} ({entry.get('circuit_breaker')}, {entry.get('healthy_instances')} healthy)"
            for name, entry in sorted(services.items())
            if entry.get("circuit_breaker") != "closed" or not entry.get("healthy_instances")
        ]
        expect(services, "GET /health lists no services")
        expect(not sick, "degraded: " + ", ".join(sick))
        expect(body.get("status") == "healthy", f"status is {body.get('status')!r} though no service is degraded")
        redis = body.get("infrastructure", {}).get("redis")
        expect(redis in ("connected", "unavailable", "disabled"), f"infrastructure.redis is {redis!r}")
        return f"healthy, {len(services)} services, redis {redis}"

    def service_discovery(self) -> str:
        services = self.client.get("/services").ok().get("services", {})
        expect(len(services) >= 4, f"{len(services)} services, not 4 or more")
        for name in SERVICES:
            entry = services.get(name)
            expect(entry, f"no service {name}")
            expect(entry.get("healthy") is True, f"{name} is not healthy")
            expect(entry.get("host") and number(entry.get("port")), f"{name} has no host and port")
            expect(any(i.get("healthy") for i in entry.get("instances", [])), f"{name} has no healthy instance")
        instances = sum(len(entry.get("instances", [])) for entry in services.values())
        return f"{len(services)} services, {instances} instances"

    def business_metrics(self) -> str:
        names = ("requests_total", "trades_executed", "users_active", "revenue_generated")

        def read() -> Dict[str, Any]:
            data = self.client.get("/dashboard").ok().get("data", {})
            metrics = data.get("metrics", {})
            for name in names:
                expect(number(metrics.get(name)), f"metrics.{name} is {metrics.get(name)!r}, not a number")
            for name in ("requests_per_second", "revenue_per_trade"):
                expect(number(data.get("kpis", {}).get(name)), f"kpis.{name} is not a number")
            return metrics

        before = read()
        self.client.trade().ok()
        rising = ("requests_total", "trades_executed", "revenue_generated")
        after: Dict[str, Any] = {}

        def risen() -> bool:
            after.update(read())
            return all(after[name] > before[name] for name in rising)

        until(risen, SETTLE_SECONDS)
        for name in rising:
            expect(after[name] > before[name], f"{name} stayed {before[name]} over a trade")
        expect(after["users_active"] >= 1, f"users_active is {after['users_active']} right after a trade")
        scrape = self.client.get("/metrics", {"Accept": "text/plain"})
        expect(scrape.status == 200 and b"# TYPE " in scrape.body, "GET /metrics is not Prometheus text")
        return f"requests +{after['requests_total'] - before['requests_total']:g}, " + (
            f"trades +{after['trades_executed'] - before['trades_executed']:g}"
        )

    def correlation(self) -> str:
        mine = f"validate.{uuid.uuid4().hex}"
        trace = uuid.uuid4().hex
        path = "/api/v1/social/feed?limit=1"
        parent = f"00-{trace}-00f067aa0ba902b7-01"
        answer = self.client.get(path, {"X-Correlation-ID": mine, "traceparent": parent})
        echoed = answer.headers.get("X-Correlation-ID")
        expect(echoed == mine, f"sent X-Correlation-ID {mine}, got {echoed}")
        expect(answer.headers.get("X-Trace-ID") == trace, f"X-Trace-ID {answer.headers.get('X-Trace-ID')} is not {trace}")
        spent = answer.headers.get("X-Processing-Time", "")
        expect(re.fullmatch(r"\d+\.\d+s", spent), f"X-Processing-Time is {spent!r}, not like 0.001s")
        fresh = set()
        for bad in (None, "two words", "x" * 129):
            got = self.client.get("/health", {"X-Correlation-ID": bad} if bad else None).headers.get("X-Correlation-ID", "")
            expect(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", got) and got != bad, f"for ID {bad!r:.20} came {got!r:.40}")
            fresh.add(got)
        expect(len(fresh) == 3, "two requests were given the same correlation ID")
        refused = self.client.get("/no-such-path", {"X-Correlation-ID": mine})
        expect(refused.status == 404, f"GET /no-such-path answered {refused.status}, not 404")
        expect(refused.json().get("correlation_id") == mine, "an error body does not carry the correlation ID")
        return "kept, replaced, in errors; trace continued"

    def ten_concurrent_requests(self) -> str:
        paths = ["/health", "/api/v1/social/feed?limit=1"] * 5
        start = threading.Barrier(len(paths))
        answers: List[Any] = [None] * len(paths)

        def ask(index: int) -> None:
            start.wait()
            try:
                answers[index] = self.client.get(paths[index])
            except AssertionError as error:
                answers[index] = error

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(paths))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for answer in answers:
            if isinstance(answer, AssertionError):
                raise answer
            answer.ok()
        slowest = max(answers, key=lambda answer: answer.seconds)
        milliseconds, limit = slowest.seconds * 1000, CONCURRENT_SECONDS * 1000
        expect(milliseconds < limit, f"{slowest.what} took {milliseconds:.0f} ms, not under {limit:.0f} ms")
        return f"slowest {milliseconds:.1f} ms"

    def rate_limiting(self) -> str:
        user = {"X-User-ID": f"validate-{uuid.uuid4().hex}"}
        first = self.client.get("/test/rate-limit", user)
        expect(first.status != 404, f"/test/rate-limit is {NEEDS_TEST_ENDPOINTS}")
        body = first.ok()
        expect(body.get("user_id") == user["X-User-ID"], "user_id is not the X-User-ID that was sent")
        answers = [entry.get("allowed") for entry in body.get("test_results", [])]
        expect(False in answers, f"{len(answers)} requests and none was refused")
        expect(answers == [True] * 9 + [False], f"10 in 60 s let {1 + answers.count(True)} of a user through, then refused")
        again = self.client.get("/test/rate-limit", user)
        if again.status == 429:
            again.retry_after()
        else:
            results = again.ok().get("test_results", [])
            expect(not any(entry.get("allowed") for entry in results), "the same user was let through again")
        other = self.client.get("/test/rate-limit", {"X-User-ID": f"validate-{uuid.uuid4().hex}"}).ok()
        expect(other.get("test_results", [{}])[0].get("allowed"), "one user's limit refused another user")
        return "10 allowed, the 11th refused"

    def breaker_opens(self) -> str:
        begin = time.perf_counter()
        answer = self.client.request("POST", "/test/circuit-breaker/trading")
        expect(answer.status != 404, f"/test/circuit-breaker is {NEEDS_TEST_ENDPOINTS}")
        self.breaker_opened = True
        body = answer.ok()
        expect(body.get("state") == "open", f"after four failures the breaker is {body.get('state')!r}")
        health = self.client.get("/health").ok()
        seconds = time.perf_counter() - begin
        seen = health.get("services", {}).get("trading", {})
        expect(seen.get("circuit_breaker") == "open", f"/health shows the breaker {seen.get('circuit_breaker')!r}")
        count = seen.get("failure_count")
        expect(number(count) and count >= 3, f"/health shows failure_count {count}, not 3 or more")
        expect(health.get("status") == "degraded", "/health is not degraded while a breaker is open")
        expect(seconds < DETECTION_SECONDS, f"seen open after {seconds:.2f} s, not within {DETECTION_SECONDS:g} s")
        return f"seen open in {seconds * 1000:.1f} ms"

    def breaker_protects(self) -> str:
        expect(self.breaker_opened, "not checked, the breaker could not be opened")
        answer = self.client.trade()
        expect(answer.status == 503, f"{answer.what} answered {answer.status} behind an open breaker, not 503")
        body = answer.json()
        expect(body.get("success") is False, "the 503 does not say success: false")
        expect("temporarily unavailable" in str(body.get("message")), f"the 503 says {body.get('message')!r}")
        expect(body.get("circuit_breaker_state") == "open", f"circuit_breaker_state {body.get('circuit_breaker_state')!r}")
        wait = answer.retry_after()
        neighbours = ("/api/v1/social/feed?limit=1", f"/api/v1/gamification/user/{TRADER}/profile")
        served = any(self.client.get(path).status == 200 for path in neighbours)
        expect(served, "the open breaker of trading takes its neighbours with it: neither feed nor profile answers 200")
        return f"503 in {answer.seconds * 1000:.1f} ms, retry after {wait} s"

    def trade_execution(self) -> str:
        how = self._recover()
        answer = self.client.trade()
        data = answer.ok().get("data", {})
        expect(data.get("trade_id"), "the trade has no trade_id")
        expect(data.get("status") == "executed", f"the trade is {data.get('status')!r}, not executed")
        amount, fee = data.get("amount"), data.get("fee")
        expect(number(amount) and amount == 100, f"amount is {amount!r}, not 100")
        expect(number(fee) and abs(fee - 0.1) < 1e-9, f"the fee of 100 is {fee!r}, not 0.1")
        state = self.client.get("/health").ok().get("services", {}).get("trading", {}).get("circuit_breaker")
        expect(state == "closed", f"after the trade the breaker is {state!r}, not closed")
        return f"executed in {answer.seconds * 1000:.1f} ms {how}"

    def _recover(self) -> str:
        """Closes the breaker that breaker_opens opened: by reset, or where that is not allowed by waiting for a probe."""
        if not self.breaker_opened:
            return ""
        reset = self.client.reset_breaker("trading")
        if reset.status in (401, 403):
            end = time.monotonic() + self.recovery_seconds
            while (answer := self.client.trade()).status == 503 and time.monotonic() < end:
                time.sleep(min(max(answer.retry_after(), 0.1), self.recovery_seconds))
            expect(answer.status == 200, f"no recovery in {self.recovery_seconds:g} s, and reset answers {reset.status}")
            self.breaker_opened = False
            return "after the breaker recovered (reset not allowed: --admin-token)"
        expect(reset.ok().get("new_state") == "closed", "reset did not close the breaker")
        self.breaker_opened = False
        return "after a reset"

    def close(self) -> Optional[str]:
        """Leaves the breaker as it was found, also when a check in between failed; a text when that was not possible."""
        if not self.breaker_opened:
            return None
        try:
            self.client.reset_breaker("trading").ok()
            self.breaker_opened = False
            return None
        except AssertionError as error:
            return f"the trading breaker may still be open: {error}"
