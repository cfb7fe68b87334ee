# SPDX-License-Identifier: MIT
"""A small gateway that keeps the HTTP contract, or breaks it in one chosen way, to test what judges gateways."""

import contextlib
import http.server
import json
import re
import threading
import time
import uuid

NAMES = ("trading", "gamification", "social", "user")


class FakeGateway:
    """State and answers. `fault` names the one thing that is wrong; None is a gateway that behaves."""

    def __init__(self, fault=None, admin_token=None, recovers_after=None):
        self.fault, self.admin_token, self.recovers_after = fault, admin_token, recovers_after
        self.lock = threading.Lock()
        self.requests, self.trades, self.opened_at = 0, 0, None
        self.limited = set()
        self.resets = 0

    def broken(self, fault):
        return self.fault == fault

    def breaker(self, name):
        if name != "trading" or self.opened_at is None or self.broken("breaker_stays_closed"):
            return "closed"
        if self.recovers_after is not None and time.monotonic() - self.opened_at > self.recovers_after:
            return "half_open"
        return "open"

    # Each route: (status, body, headers). A body that is bytes is sent as it is.

    def route(self, method, path, headers, body):
        self.requests += not self.broken("requests_do_not_rise")
        user = headers.get("X-User-ID", "")
        if path == "/":
            return self.root()
        if path == "/health":
            return self.health()
        if path == "/services":
            return self.services()
        if path == "/dashboard":
            return self.dashboard()
        if path == "/metrics":
            text = b"hello\n" if self.broken("metrics_are_no_metrics") else b"# TYPE x counter\nx 1\n"
            return 200, text, {"Content-Type": "text/plain; version=0.0.4"}
        if path.startswith("/test/") and self.broken("no_test_endpoints"):
            return 404, {"success": False, "message": "no such route"}, {}
        if path == "/test/rate-limit":
            return self.rate_limit(user)
        if path == "/test/circuit-breaker/trading":
            self.opened_at = time.monotonic()
            state = "half_open" if self.broken("breaker_says_half_open") else "open"
            return 200, {"success": True, "message": "", "state": state, "failure_count": 4}, {}
        if path == "/admin/circuit-breaker/reset/trading":
            return self.reset(headers)
        if path == "/api/v1/trading/execute" and method == "POST":
            return self.trade(json.loads(body))
        if path.startswith(("/api/v1/social/feed", "/api/v1/gamification/user/")):
            if self.broken("breaker_takes_all") and self.breaker("trading") == "open":
                return 503, {"success": False, "message": "temporarily unavailable"}, {"Retry-After": "1"}
            return 200, {"success": True, "data": {"entries": []}}, {}
        return 404, {"success": False, "message": "no such route"}, {}

    def root(self):
        if self.broken("root_is_500"):
            return 500, {"success": False, "message": "broken"}, {}
        if self.broken("root_is_text"):
            return 200, b"hello", {}
        body = {"success": True, "message": "", "version": "0", "features": [], "endpoints": {}, "timestamp": ""}
        if self.broken("root_lacks_version"):
            del body["version"]
        return 200, body, {}

    def health(self):
        services = {
            name: {
                "circuit_breaker": self.breaker(name),
                "failure_count": (4 if self.breaker(name) != "closed" else 0) * (not self.broken("count_is_lost")),
                "healthy_instances": 0 if self.broken("no_healthy_instance") and name == "user" else 1,
            }
            for name in NAMES
        }
        sick = any(e["circuit_breaker"] != "closed" or not e["healthy_instances"] for e in services.values())
        status = "degraded" if sick else "healthy"
        if self.broken("always_degraded"):
            status = "degraded"
        if self.broken("always_healthy"):
            status = "healthy"
        redis = "perhaps" if self.broken("redis_unknown") else "disabled"
        infrastructure = {"redis": redis, "service_registry": "connected"}
        return 200, {"success": True, "status": status, "infrastructure": infrastructure, "services": services}, {}

    def services(self):
        listed = {}
        for port, name in enumerate(NAMES, 8001):
            instances = [{"id": f"{name}-1", "host": "127.0.0.1", "port": port, "healthy": True}]
            listed[name] = {"host": "127.0.0.1", "port": port, "healthy": True, "instances": instances}
        if self.broken("three_services"):
            del listed["social"]
        if self.broken("another_fourth_service"):
            listed["other"] = listed.pop("social")
        if self.broken("service_unhealthy"):
            listed["user"]["healthy"] = False
        if self.broken("service_without_port"):
            listed["user"]["port"] = None
        if self.broken("instances_unhealthy"):
            listed["user"]["instances"][0]["healthy"] = False
        return 200, {"success": True, "services": listed}, {}

    def dashboard(self):
        metrics = {
            "requests_total": self.requests,
            "trades_executed": self.trades,
            "users_active": 0 if self.broken("nobody_is_active") else 1,
            "revenue_generated": 0 if self.broken("revenue_does_not_rise") else self.trades * 0.1,
        }
        kpis = {"requests_per_second": 1.0, "revenue_per_trade": None if self.broken("kpi_is_null") else 0.1}
        if self.broken("metric_is_missing"):
            del metrics["users_active"]
        return 200, {"success": True, "data": {"metrics": metrics, "kpis": kpis}}, {}

    def rate_limit(self, user):
        if self.broken("limit_is_shared"):
            user = "everybody"
        if user in self.limited and not self.broken("limit_forgets"):
            headers = {} if self.broken("no_retry_after_on_429") else {"Retry-After": "60"}
            return 429, {"success": False, "message": "over the limit"}, headers
        self.limited.add(user)
        allowed = 10 if self.broken("one_too_many") else 60 if self.broken("never_refuses") else 9
        answers = [True] * allowed + [False] * (allowed < 60)
        results = [{"request": index + 1, "allowed": answer} for index, answer in enumerate(answers)]
        return 200, {"success": True, "user_id": user, "test_results": results}, {}

    def reset(self, headers):
        if self.admin_token and headers.get("Authorization") != f"Bearer {self.admin_token}":
            return 401, {"success": False, "message": "token needed"}, {}
        self.resets += 1
        if not self.broken("reset_does_nothing"):
            self.opened_at = None
        return 200, {"success": True, "new_state": "closed"}, {}

    def trade(self, order):
        if self.breaker("trading") == "open" and not self.broken("breaker_lets_through"):
            message = "go away" if self.broken("wrong_503_text") else "trading is temporarily unavailable"
            body = {"success": False, "message": message, "circuit_breaker_state": "open"}
            if self.broken("503_without_state"):
                del body["circuit_breaker_state"]
            return 503, body, {} if self.broken("no_retry_after_on_503") else {"Retry-After": "1"}
        self.opened_at = None
        self.trades += not self.broken("trades_do_not_rise")
        fee = order["amount"] * (0.01 if self.broken("wrong_fee") else 0.001)
        data = {"trade_id": uuid.uuid4().hex, "status": "executed", "amount": order["amount"], "fee": fee}
        if self.broken("trade_is_pending"):
            data["status"] = "pending"
        if self.broken("trade_without_id"):
            del data["trade_id"]
        return 200, {"success": True, "data": data}, {}


def handler(gateway):
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if gateway.broken("slow") and self.path.startswith("/api/v1/social/feed"):
                time.sleep(0.15)
            with gateway.lock:
                status, answer, headers = gateway.route(self.command, self.path, self.headers, body)
            correlation = self.correlation()
            if status >= 400 and not gateway.broken("error_without_id"):
                answer["correlation_id"] = correlation
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            time_spent = "fast" if gateway.broken("processing_time_is_no_time") else "0.001s"
            sent = {"Content-Type": "application/json", "X-Correlation-ID": correlation, "X-Processing-Time": time_spent}
            for name, value in {**sent, "X-Trace-ID": self.trace(), "Content-Length": len(text), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(text)

        def correlation(self):
            given = self.headers.get("X-Correlation-ID", "")
            if gateway.broken("id_is_always_fresh"):
                return uuid.uuid4().hex
            if gateway.broken("any_id_is_kept") and given:
                return given
            if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", given):
                return given
            return "same" if gateway.broken("fresh_ids_repeat") else uuid.uuid4().hex

        def trace(self):
            parent = re.fullmatch(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", self.headers.get("traceparent", ""))
            return parent[1] if parent and not gateway.broken("trace_is_cut") else uuid.uuid4().hex

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def running(gateway, port=0):
    """The URL of `gateway`, served on `port` or a free one."""

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", port), handler(gateway))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
