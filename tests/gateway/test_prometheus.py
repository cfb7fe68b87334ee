# SPDX-License-Identifier: MIT
"""A real Prometheus server scrapes the gateway in both formats, and its answers to PromQL are what this test did to the
gateway, and what the validator sent to another one. The expressions of the Grafana dashboard are asked the same server,
the alert rules run in it."""

import collections
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

from support.prometheus import PROMETHEUS, Pages, Prometheus, job
from support.stack import ROOT, SERVICES, Stack, wait_until

EXAMPLES = ROOT / "examples" / "dashboard"
TRADES, PROFILES, LIMITED, REGISTERED = 7, 5, 3, 2
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dashboard() -> dict:
    return json.loads((EXAMPLES / "grafana.json").read_text())


def expressions(value) -> list[str]:
    """Every "expr" in the dashboard, with Grafana's variables replaced as it would."""
    if isinstance(value, list):
        return [found for item in value for found in expressions(item)]
    if not isinstance(value, dict):
        return []
    own = [value["expr"].replace("$__rate_interval", "5s").replace("$service", ".*")] if "expr" in value else []
    return own + [found for item in value.values() for found in expressions(item)]


class Recorder:
    """A proxy before a stack that knows what came through: {(method, path without query, status): how often}."""

    def __init__(self, stack: Stack):
        self.seen: "collections.Counter[tuple[str, str, int]]" = collections.Counter()
        lock, seen = threading.Lock(), self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = stack.call(self.command, self.path, body, dict(self.headers))
                with lock:
                    seen[self.command, self.path.split("?")[0], answer.status] += 1
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        services = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()), "services.json")
        services.write_text('{"user": []}')
        cls.stack = cls.enterClassContext(
            Stack("--test-endpoints", "--user-limit", "20/60s", "--service-limit", "100000/60s",
                  "--services", str(services)))
        cls.stack.start_all()
        # A server always says that it prefers OpenMetrics: what it gets as 0.0.4 goes through a page of ours.
        validated = cls.enterClassContext(Stack("--test-endpoints"))
        validated.start_all()
        pages = cls.enterClassContext(Pages({
            f"/{name}": (PROMETHEUS, lambda stack=stack: stack.get("/metrics", Accept="text/plain").body)
            for name, stack in (("text", cls.stack), ("validated_text", validated))}))
        cls.jobs = [job("gateway", cls.stack.port), job("text", pages.port, "/text"),
                    job("validated", validated.port), job("validated_text", pages.port, "/validated_text")]
        cls.server = cls.enterClassContext(Prometheus(cls.jobs, rules=EXAMPLES / "alerts.yml"))
        cls.recorder = Recorder(validated)
        cls.addClassCleanup(cls.recorder.close)
        validator = cls.start_validator()
        cls.use_the_gateway()
        cls.said_by_the_validator = validator.communicate()[0]
        cls.wait_for_scrapes()

    @classmethod
    def start_validator(cls) -> subprocess.Popen:
        """As a file: its checks over HTTP need no library. What it thinks of the times of this machine is its own."""
        report = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()), "report.json")
        program = [sys.executable, "-B", ROOT / "bindings/python/seawall/validate.py", "--only", "http"]
        validator = subprocess.Popen([*program, "--url", cls.recorder.url, "--report", report], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        cls.addClassCleanup(validator.wait)
        cls.addClassCleanup(lambda: validator.poll() is None and validator.kill())
        return validator

    @classmethod
    def use_the_gateway(cls):
        cls.wait_for_scrapes(1)  # so that what follows is an increase
        for n in range(TRADES):
            answer = cls.stack.call("POST", "/api/v1/trading/execute", {
                "user_id": n, "asset_symbol": "BTC", "direction": "LONG", "amount": 1000.0, "is_mock": n < 2,
            }, {"X-User-ID": f"trader{n}", "traceparent": PARENT})
            assert answer.status == 200, answer.body
        for n in range(PROFILES):
            assert cls.stack.get("/api/v1/gamification/user/1/profile", X_User_ID=f"reader{n}").status == 200
        for n in range(REGISTERED):
            registration = {"username": f"user{n}", "email": f"user{n}@example.org", "password": "correct horse"}
            assert cls.stack.call("POST", "/api/v1/users/register", registration).status == 201
        for n in range(20 + LIMITED):
            status = cls.stack.get("/api/v1/social/feed", X_User_ID="greedy").status
            assert status == (200 if n < 20 else 429), status
        assert cls.stack.call("POST", "/test/circuit-breaker/social").status == 200  # four failures, three would do
        assert cls.stack.get("/api/v1/social/feed", X_User_ID="late").status == 503

    @classmethod
    def wait_for_scrapes(cls, more: int = 3):
        """Until each job was scraped `more` times from now on, all of them after what was done before."""
        def count() -> dict:
            found = {row["metric"]["job"]: float(row["value"][1]) for row in cls.server.query("count_over_time(up[1h])")}
            return found if len(found) == len(cls.jobs) else {}

        before = wait_until("all jobs were scraped", count)
        wait_until("further scrapes", lambda: all(n >= before[name] + more for name, n in count().items()))

    def assert_value(self, expected: float, expression: str, jobs: "tuple[str, ...]" = ("gateway", "text")):
        for name in jobs:
            asked = expression.replace("{", f'{{job="{name}",', 1)
            self.assertEqual(self.server.value(asked), expected, asked)

    def test_both_scrapes_succeed(self):
        for name, target in self.server.targets().items():
            self.assertEqual((target["health"], target["lastError"]), ("up", ""), name)

    def test_counters_are_what_was_sent(self):
        route = 'gateway_http_requests_total{method="%s",route="%s",code="%s"}'
        self.assert_value(TRADES, route % ("POST", "/api/v1/trading/execute", 200))
        self.assert_value(PROFILES, route % ("GET", "/api/v1/gamification/user/{}/profile", 200))
        self.assert_value(LIMITED, route % ("GET", "/api/v1/social/feed", 429))
        self.assert_value(1, route % ("GET", "/api/v1/social/feed", 503))
        self.assert_value(2, 'gateway_trades_total{kind="mock"}')
        self.assert_value(TRADES - 2, 'gateway_trades_total{kind="live"}')
        self.assert_value(REGISTERED, "gateway_users_registered_total{}")
        self.assert_value(TRADES * 1000.0 / 1000, "gateway_revenue_total{}")
        self.assert_value(LIMITED, 'gateway_rate_limited_total{scope="user"}')
        self.assert_value(1, 'gateway_unavailable_total{reason="circuit_breaker"}')

    def test_what_the_validator_sent_is_what_promql_answers(self):
        sent: "collections.Counter[tuple[str, str, int]]" = collections.Counter()
        for (method, path, status), times in self.recorder.seen.items():
            route = re.sub(r"/(user|circuit-breaker|reset)/\w+", r"/\1/{}", path).replace("/{}/trading", "/reset/{}")
            sent[method, "unmatched" if status == 404 else route, status] += times
        trades = sent["POST", "/api/v1/trading/execute", 200]
        refused = sent["POST", "/api/v1/trading/execute", 503]
        self.assertGreaterEqual((trades, refused), (2, 1), self.said_by_the_validator)
        self.assertGreater(len(sent), 10, self.said_by_the_validator)
        both = ("validated", "validated_text")
        for (method, route, status), times in sent.items():
            if route in ("/health", "/services", "/metrics"):  # others ask these, too
                continue
            series = f'gateway_http_requests_total{{method="{method}",route="{route}",code="{status}"}}'
            self.assert_value(times, series, both)
        self.assert_value(trades, "sum(gateway_trades_total{})", both)
        self.assert_value(trades, "round(gateway_revenue_total{} / 0.1)", both)
        self.assert_value(refused, 'gateway_unavailable_total{reason="circuit_breaker"}', both)
        self.assert_value(trades, 'gateway_upstream_duration_seconds_count{service="trading"}', both)
        answered = self.server.query('sum by (job) (gateway_http_requests_total{job=~"validated.*"})')
        self.assertTrue(all(float(row["value"][1]) >= sum(sent.values()) for row in answered) and len(answered) == 2)

    def test_histograms_count_every_call(self):
        self.assert_value(TRADES, 'gateway_upstream_duration_seconds_count{service="trading"}')
        self.assert_value(TRADES, 'gateway_upstream_duration_seconds_bucket{service="trading",le="+Inf"}')
        for name in ("gateway", "text"):
            p99 = self.server.value(
                'histogram_quantile(0.99, gateway_upstream_duration_seconds_bucket{service="trading",job="%s"})' % name)
            self.assertGreater(p99, 0)
            self.assertLess(p99, 10)

    def test_both_formats_make_the_same_series(self):
        # Under a label of ours, since matching ignores the name.
        named = 'label_replace({job="%s",__name__=~"(gateway|seawall)_.+"}, "name", "$1", "__name__", "(.+)")'
        for one, other in (("gateway", "text"), ("text", "gateway")):
            only = f"{named % one} unless ignoring(job, instance) {named % other}"
            self.assertEqual(self.server.query(only), [])
            self.assertGreater(self.server.value(f"count({named % one})"), 100)

    def test_names_follow_the_practice_of_prometheus(self):
        page = self.stack.get("/metrics", Accept="text/plain").body
        checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_a_breaker_is_in_exactly_one_state(self):
        for service in SERVICES:
            state = 'seawall_circuit_breaker_state{breaker="%s",seawall_circuit_breaker_state="%s"}'
            expected = "open" if service == "social" else "closed"
            self.assert_value(1, state % (service, expected))
            self.assert_value(1, 'sum(seawall_circuit_breaker_state{breaker="%s"})' % service)
        opened = 'seawall_circuit_breaker_transitions_total{breaker="social",to="open",reason="failure_threshold"}'
        self.assert_value(1, opened)
        self.assert_value(3, 'seawall_circuit_breaker_consecutive_failures{breaker="social"}')

    def test_limiters_and_registry_are_there(self):
        self.assert_value(1, 'seawall_service_registry_service_instances{service="user",healthy="true"}')
        self.assert_value(len(SERVICES), "seawall_service_registry_instances{}")
        self.assertGreater(self.server.value('seawall_keyed_limiter_keys{job="gateway",limiter="user"}'), 0)
        self.assert_value(100_000, 'seawall_rate_limiter_limit{limiter="trading"}')

    def test_exemplars_lead_to_the_trace_of_a_call(self):
        found = self.server.get("query_exemplars", query='gateway_upstream_duration_seconds_bucket{service="trading",job!~"validated.*"}',
                                start="0", end="9999999999")
        traces = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
        self.assertEqual(traces, {"0af7651916cd43dd8448eb211c80319c"})
        self.assertEqual({series["seriesLabels"]["job"] for series in found}, {"gateway"})  # 0.0.4 has none

    def test_every_expression_of_the_dashboard_has_an_answer(self):
        asked = expressions(dashboard())
        self.assertGreater(len(asked), 30)
        for expression in asked:
            self.assertTrue(self.server.query(expression), expression)

    def test_the_dashboard_is_whole(self):
        panels = dashboard()["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        for panel in panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            self.assertTrue(panel["type"] == "row" or panel["targets"], panel["title"])

    def test_the_alert_rules_run(self):
        wait_until("the rules were evaluated", lambda: all(
            rule["health"] == "ok" for group in self.server.get("rules")["groups"] for rule in group["rules"]))
        firing = {alert["labels"]["alertname"]: alert["labels"] for alert in self.server.get("alerts")["alerts"]
                  if not alert["labels"].get("job", "").startswith("validated")}
        self.assertEqual(firing["CircuitBreakerOpen"]["breaker"], "social")
        self.assertEqual(set(firing), {"CircuitBreakerOpen"})

    def test_names_of_the_dashboard_and_the_rules_are_exposed(self):
        exposed = set(re.findall(r"^# TYPE (\S+)", self.stack.get("/metrics", Accept="text/plain").body.decode(), re.M))
        asked = " ".join(expressions(dashboard())) + (EXAMPLES / "alerts.yml").read_text()
        exposed.add("seawall_metrics_stale_recordings_total")  # from the first one on
        for name in re.findall(r"\b(?:gateway|seawall)_[a-z0-9_]+", asked):
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertTrue({name, family} & exposed or ":" + name in asked, name)


class Rules(unittest.TestCase):
    def promtool(self, *arguments: str):
        done = subprocess.run(["promtool", *arguments], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool_checks_the_rules(self):
        self.promtool("check", "rules", "examples/dashboard/alerts.yml")
        self.promtool("check", "config", "examples/dashboard/prometheus.yml")

    def test_each_alert_fires_when_it_should_and_not_before(self):
        self.promtool("test", "rules", "tests/conformance/alerts_test.yml")
        tested = set(re.findall(r"alertname: (\w+)", (ROOT / "tests/conformance/alerts_test.yml").read_text()))
        self.assertEqual(tested, set(re.findall(r"alert: (\w+)", (EXAMPLES / "alerts.yml").read_text())))


if __name__ == "__main__":
    unittest.main()
