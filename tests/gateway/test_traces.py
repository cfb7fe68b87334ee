# SPDX-License-Identifier: MIT
"""Traces as the gateway tells them: its own spans, those of the services, what is kept, and the collector's input."""

import unittest

from support.stack import TRADE, Stack, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
REGISTRATION = {"username": "somebody", "email": "somebody@example.org", "password": "correct horse"}
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def events(span: dict) -> list[str]:
    return [event["name"] for event in span["events"]]


class Traces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack("--slow-trace", "100ms", "--open-duration", "60s"))
        cls.stack.start("trading")
        cls.stack.start("social", "--delay", "120ms")
        cls.stack.start("gamification", "--fail-rate", "1.0")
        cls.stack.start("user", "--fail-rate", "1.0")
        for name in ("trading", "social", "gamification", "user"):
            cls.stack.wait_until_healthy(name)

    def spans(self, trace_id: str, count: int) -> list[dict]:
        """The spans of a trace, when so many have come together."""

        def arrived():
            answer = self.stack.get(f"/traces/{trace_id}")
            return answer.status == 200 and len(answer.json()["spans"]) >= count and answer.json()["spans"]

        return wait_until(f"{count} spans of {trace_id}", arrived)

    def kept(self) -> dict[str, dict]:
        return {each["trace_id"]: each for each in self.stack.get("/traces?limit=100").json()["traces"]}

    def test_one_trace_holds_the_spans_of_gateway_and_service(self):
        answer = self.stack.call("POST", "/api/v1/trading/execute", TRADE, {"traceparent": PARENT, "X-Correlation-ID": "c-1"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["X-Trace-ID"], TRACE)
        entry, call, service = self.spans(TRACE, 3)
        self.assertEqual((entry["service"], entry["kind"], entry["name"]), ("gateway", "server", "/api/v1/trading/execute"))
        self.assertEqual(entry["parent_span_id"], "b7ad6b7169203331")
        self.assertEqual(entry["attributes"]["seawall.correlation_id"], "c-1")
        self.assertEqual(entry["attributes"]["http.response.status_code"], 200)
        self.assertEqual(events(entry), ["seawall.rate_limit", "seawall.rate_limit", "seawall.circuit_breaker"])
        self.assertEqual((call["service"], call["kind"], call["parent_span_id"]), ("gateway", "client", entry["span_id"]))
        self.assertEqual((service["service"], service["kind"]), ("trading", "server"))
        self.assertEqual(service["parent_span_id"], call["span_id"])
        self.assertLessEqual(entry["offset_ms"], call["offset_ms"])
        self.assertLessEqual(call["duration_ms"], entry["duration_ms"])
        self.assertNotIn(TRACE, self.kept())  # it was neither slow nor did it fail

    def test_slow_and_failed_requests_are_kept_with_the_spans_of_the_services(self):
        slow = self.stack.get("/api/v1/social/feed").headers["X-Trace-ID"]
        failed = self.stack.call("POST", "/api/v1/users/register", REGISTRATION)
        self.assertEqual(failed.status, 500)
        self.assertEqual(len(self.spans(slow, 3)), 3)
        told = self.spans(failed.headers["X-Trace-ID"], 3)
        self.assertEqual([span["status"] for span in told], ["error", "error", "error"])
        kept = self.kept()
        self.assertEqual(kept[slow]["status"], "unset")
        self.assertGreaterEqual(kept[slow]["duration_ms"], 100)
        self.assertEqual(kept[failed.headers["X-Trace-ID"]]["spans"], 3)
        listed = self.stack.get("/traces?limit=1").json()["traces"]
        self.assertEqual(len(listed), 1)

    def test_a_refusal_of_the_breaker_is_told(self):
        while self.stack.health("gamification")["circuit_breaker"] == "closed":
            self.stack.get("/api/v1/gamification/user/7/profile")
        refused = self.stack.get("/api/v1/gamification/user/7/profile")
        self.assertEqual(refused.status, 503)
        (entry,) = self.spans(refused.headers["X-Trace-ID"], 1)
        verdict = entry["events"][-1]
        self.assertEqual(verdict["name"], "seawall.circuit_breaker")
        self.assertIs(verdict["attributes"]["seawall.allowed"], False)
        self.assertEqual(verdict["attributes"]["seawall.state"], "open")
        self.assertIn(refused.headers["X-Trace-ID"], self.kept())

    def test_what_is_no_trace(self):
        self.assertEqual(self.stack.get("/traces/0af7651916cd43dd8448eb211c80319d").status, 404)
        for bad in ("abc", "0" * 32, TRACE.upper(), TRACE + "0"):
            answer = self.stack.get(f"/traces/{bad}")
            self.assertEqual((answer.status, answer.json()["field"]), (400, "id"))
        for bad in ("0", "101", "x"):
            answer = self.stack.get(f"/traces?limit={bad}")
            self.assertEqual((answer.status, answer.json()["field"]), (400, "limit"))

    def test_spans_of_any_sender_are_taken_or_refused_by_name(self):
        trace_id = "11111111111111111111111111111111"
        span = {
            "traceId": trace_id, "spanId": "2222222222222222", "name": "theirs", "kind": 2,
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": 1700000000005000000,
            "attributes": [
                {"key": "text", "value": {"stringValue": "x"}},
                {"key": "number", "value": {"intValue": "-5"}},
                {"key": "list", "value": {"arrayValue": {"values": []}}},
            ],
            "events": [{"timeUnixNano": "1700000000001000000", "name": "e", "attributes": [{"key": "k", "value": {"boolValue": True}}]}],
            "status": {"code": 2, "message": "broken"},
        }

        def post(given) -> tuple[int, dict]:
            body = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "other"}}]},
                                       "scopeSpans": [{"spans": [given]}]}]}
            answer = self.stack.call("POST", "/v1/traces", body)
            return answer.status, answer.json()

        self.assertEqual(post(span), (200, {"partialSuccess": {}}))
        (told,) = self.spans(trace_id, 1)
        self.assertEqual((told["service"], told["status"], told["message"]), ("other", "error", "broken"))
        self.assertEqual(told["attributes"], {"text": "x", "number": -5})
        self.assertEqual(told["duration_ms"], 5)
        self.assertEqual(told["events"], [{"name": "e", "offset_ms": 1.0, "attributes": {"k": True}}])
        for field, value in (
            ("attributes", [{"key": "n", "value": {"intValue": 2**64 - 1}}]), ("traceId", "xyz"), ("traceId", 5), ("spanId", "0" * 16), ("parentSpanId", "12"), ("kind", 9), ("kind", []),
            ("startTimeUnixNano", "-1"), ("endTimeUnixNano", "soon"), ("endTimeUnixNano", 2**63), ("attributes", {}), ("events", 1), ("status", {"code": 7}),
        ):
            status, body = post({**span, field: value})
            self.assertEqual(status, 400, (field, value))
            self.assertIn("OTLP", body["message"])
        for text in ("", "[]", "{}", '{"resourceSpans": 1}', '{"resourceSpans": [{"scopeSpans": [{"spans": [3]}]}]}'):
            self.assertEqual(self.stack.call("POST", "/v1/traces", text).status, 400, text)


if __name__ == "__main__":
    unittest.main()
