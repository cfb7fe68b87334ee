#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for the gateway: serves the dashboard page and made-up answers, `python3 stand_in.py PORT` to look at it."""

import contextlib
import http.server
import json
import math
import pathlib
import random
import sys
import threading
import urllib.parse

PAGE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "dashboard" / "index.html"
NAMES = ("trading", "gamification", "social", "user")
END = 1770000000


def wave(at, middle, swing, length, dice):
    return max(0.0, middle + swing * math.sin(at / length) + dice.uniform(-0.35, 0.35) * swing)


def breaker_at(name, at):
    """The social service failed between the 170th and the 235th second, and again from the 285th on."""
    if name != "social" or at < 170 or 235 <= at < 285:
        return "closed"
    return "half_open" if at in (200, 231, 232, 233, 234) else "open"


def history(seconds=300):
    """A lively five minutes."""
    dice = random.Random(7)
    span = range(seconds)
    services = {}
    for index, name in enumerate(NAMES):
        breaker = [breaker_at(name, at) for at in span]
        rate = [wave(at, 26 - 5 * index, 6, 23 + index, dice) if breaker[at] == "closed" else 0.0 for at in span]
        latency = [
            None if breaker[at] != "closed" else wave(at, 2.4 + 1.3 * index, 0.8, 31, dice) + (at in range(158, 170)) * 9 * (index == 2)
            for at in span
        ]
        services[name] = {
            "requests_per_second": [round(value, 2) for value in rate],
            "latency_ms": [value and round(value, 3) for value in latency],
            "circuit_breaker": breaker,
            "healthy_instances": [2 if state == "closed" else 0 for state in breaker],
            "instances": [2] * seconds,
        }
    opened = [breaker_at("social", at) != "closed" for at in span]
    data = {
        "interval_seconds": 1,
        "time": [END - seconds + 1 + at for at in span],
        "requests_per_second": [round(wave(at, 96, 18, 40, dice)) for at in span],
        "trades_per_second": [round(wave(at, 9, 3, 17, dice)) for at in span],
        "errors_per_second": [round(dice.uniform(2, 6)) if at in range(158, 170) else 0 for at in span],
        "rate_limited_per_second": [round(wave(at, 3, 4, 11, dice)) if at > 90 else 0 for at in span],
        "unavailable_per_second": [round(wave(at, 15, 2, 9, dice)) if opened[at] else 0 for at in span],
        "services": services,
    }
    return {"success": True, "message": "", "data": data}


def traces():
    """A failed request with the spans of gateway and service, and one that a breaker refused."""
    failed, refused = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"

    def span(service, kind, number, parent, offset, duration, status="unset", message="", events=()):
        return {
            "service": service, "name": "/api/v1/social/feed", "kind": kind, "span_id": f"{number:016x}",
            "parent_span_id": parent and f"{parent:016x}", "offset_ms": offset, "duration_ms": duration, "status": status,
            "message": message, "attributes": {}, "events": list(events),
        }  # fmt: skip

    def verdict(what, **attributes):
        return {"name": f"seawall.{what}", "offset_ms": 0.1, "attributes": {f"seawall.{k}": v for k, v in attributes.items()}}

    def summary(trace_id, second, duration, message, spans):
        return {
            "trace_id": trace_id, "service": "gateway", "name": "/api/v1/social/feed", "started": f"2026-02-02T02:39:{second}.000Z",
            "duration_ms": duration, "status": "error", "message": message, "spans": spans,
        }  # fmt: skip

    open_breaker = verdict("circuit_breaker", breaker="social", allowed=False, state="open", retry_after_ms=28000)
    return {
        "/traces": {
            "success": True,
            "traces": [summary(failed, 58, 61.5, "Internal Server Error", 4), summary(refused, 51, 0.08, "Service Unavailable", 1)],
        },
        f"/traces/{failed}": {
            "success": True,
            "spans": [
                span("gateway", "server", 1, None, 0.0, 61.5, "error", "Internal Server Error", [verdict("rate_limit", limiter="user", allowed=True)]),
                span("gateway", "client", 2, 1, 0.2, 1.4, "error", "connection refused"),
                span("gateway", "client", 3, 1, 2.0, 59.0, "error", "", [verdict("retry", attempt=2, delay_ms=0)]),
                span("social", "server", 4, 3, 3.1, 57.0, "error", "Internal Server Error"),
            ],
        },
        f"/traces/{refused}": {"success": True, "spans": [span("gateway", "server", 5, None, 0.0, 0.08, "error", "", [open_breaker])]},
    }


def scene(social="open"):
    """What a gateway with some trouble answers: path -> body."""
    breakers = {name: social if name == "social" else "closed" for name in NAMES}
    health = {
        name: {"circuit_breaker": state, "failure_count": 3 if state != "closed" else 0, "healthy_instances": 2 if state == "closed" else 0}
        for name, state in breakers.items()
    }
    services = {}
    for port, name in enumerate(NAMES, 8001):
        instances = [
            {
                "id": f"{name}-{number}",
                "host": "127.0.0.1",
                "port": port + 10 * number,
                "healthy": breakers[name] == "closed",
                "state": "unhealthy" if breakers[name] != "closed" else "suspect" if (name, number) == ("user", 2) else "healthy",
                "weight": 1,
                "circuit_breaker": breakers[name] if number == 1 else "closed",
                "in_flight": number - 1,
            }
            for number in (1, 2)
        ]
        services[name] = {"host": "127.0.0.1", "port": port, "healthy": breakers[name] == "closed", "instances": instances}
    metrics = {
        "requests_total": 1284301, "trades_executed": 31337, "users_active": 412, "users_registered": 1870,
        "revenue_generated": 7815.5, "errors_total": 45, "rate_limited_total": 627, "unavailable_total": 981,
    }  # fmt: skip
    kpis = {
        "requests_per_second": 97.4, "trades_per_minute": 541.2, "revenue_per_trade": 0.2494, "revenue_per_minute": 135.1,
        "error_rate": 0.0123, "refusal_rate": 0.0871, "latency_mean_ms": 3.4, "latency_p50_ms": 2.75, "latency_p99_ms": 18.6,
    }  # fmt: skip
    data = {"timestamp": "", "uptime_seconds": 93784.2, "metrics": metrics, "kpis": kpis, "status": "degraded"}
    return {
        **traces(),
        "/dashboard": {"success": True, "message": "", "data": data},
        "/dashboard/history": history(),
        "/services": {"success": True, "services": services, "message": ""},
        "/health": {
            "success": True,
            "status": "degraded",
            "infrastructure": {"redis": "disabled", "service_registry": "connected"},
            "services": health,
        },
    }


def handler(answers, prelude):
    page = PAGE.read_bytes().replace(b"<script>", f"<script>{prelude}</script><script>".encode(), 1)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = urllib.parse.urlsplit(self.path).path
            if path == "/dashboard" and "text/html" in self.headers.get("Accept", ""):
                return self.send(200, page, "text/html; charset=utf-8")
            answer = answers.get(path)
            answer = answer() if callable(answer) else answer
            if answer is None:
                return self.send(404, b'{"success": false, "message": "no such route"}', "application/json")
            self.send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), "application/json")

        def send(self, status, body, kind):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def running(answers, port=0, prelude=""):
    """The URL of a server with these answers (path -> body or what makes it; None and what is missing are 404).

    `prelude` is a script that runs before the page's own.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(answers, prelude))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with running(scene(), int(sys.argv[1]) if len(sys.argv) > 1 else 0) as url:
        print(f"listening on {url}/dashboard", flush=True)
        threading.Event().wait()
