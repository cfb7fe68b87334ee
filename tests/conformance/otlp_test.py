# SPDX-License-Identifier: MIT
"""The bodies that we send to OpenTelemetry receivers, read by OpenTelemetry's own protocol: its generated messages and
protobuf's JSON reader, which refuses what it does not know; and by the rules that the protocol states in words.

SEAWALL_EXPOSITION is the program that prints metrics; spans come from the Python binding."""

import base64
import json
import math
import os
import re
import subprocess
import unittest

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import seawall
from seawall import span, trace

IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
# 64-bit numbers, which JSON writes as decimal strings, and enums, which OTLP writes as numbers.
LONG = {"intValue", "asInt", "count", "zeroCount", "timeUnixNano", "startTimeUnixNano", "endTimeUnixNano"}
ENUMS = {"kind", "code", "aggregationTemporality"}


def is_decimal(text) -> bool:
    return isinstance(text, str) and re.fullmatch("-?[0-9]+", text) is not None


def with_base64_ids(value):
    """The one place where OTLP departs from protobuf's JSON: ids are hex. Checks it, and the rules of the text that the
    reader is lax about, on the way."""
    if isinstance(value, list):
        return [with_base64_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, inside in value.items():
        assert re.fullmatch("[a-z][a-zA-Z0-9]*", key), key  # lowerCamelCase; the reader takes snake_case, too
        if key in IDS:
            assert re.fullmatch(f"[0-9a-f]{{{IDS[key]}}}", inside), (key, inside)
            inside = base64.b64encode(bytes.fromhex(inside)).decode()
        assert key not in LONG or is_decimal(inside), (key, inside)
        assert key != "bucketCounts" or all(map(is_decimal, inside)), inside
        assert key not in ENUMS or type(inside) is int, (key, inside)
        made[key] = with_base64_ids(inside)
    return made


def read(body: bytes, request):
    def no_constant(name):
        raise ValueError(f"{name} is no JSON")

    document = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    return json_format.ParseDict(with_base64_ids(document), request, ignore_unknown_fields=False)


def attributes(message) -> dict:
    found = {}
    for each in message.attributes:
        assert each.key and each.key not in found, f"{each.key} is there twice, or empty"
        found[each.key] = getattr(each.value, each.value.WhichOneof("value"))
    return found


class Judge(unittest.TestCase):
    def test_what_is_not_of_the_protocol_is_refused(self):
        """The judge itself."""
        for body in (b'{"resourceMetric":[]}', b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"nam":"a"}]}]}]}',
                     b'{"resourceMetrics":{}}', b'{"resourceMetrics":[{"schemaUrl":1}]}'):
            with self.assertRaises(json_format.ParseError):
                read(body, ExportMetricsServiceRequest())
        with self.assertRaises(AssertionError):
            read(b'{"resource_metrics":[]}', ExportMetricsServiceRequest())
        for span_text in ('{"traceId":"AAAAAAAAAAAAAAAAAAAAAA=="}', '{"startTimeUnixNano":5}', '{"kind":"SPAN_KIND_SERVER"}'):
            with self.assertRaises(AssertionError):
                read(b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % span_text.encode(), ExportTraceServiceRequest())


class Metrics(unittest.TestCase):
    def setUp(self):
        body = subprocess.run([os.environ["SEAWALL_EXPOSITION"], "otlp"], check=True, capture_output=True).stdout
        (resource,) = read(body, ExportMetricsServiceRequest()).resource_metrics
        self.assertEqual(attributes(resource.resource), {"service.name": 'shop "1"'})
        (scope,) = resource.scope_metrics
        self.assertEqual(scope.scope.name, "seawall")
        self.metrics = {metric.name: metric for metric in scope.metrics}
        self.assertEqual(len(self.metrics), len(scope.metrics))

    def points(self, name: str) -> list:
        metric = self.metrics[name]
        return list(getattr(metric, metric.WhichOneof("data")).data_points)

    def test_every_metric_keeps_the_rules_of_the_protocol(self):
        for name, metric in self.metrics.items():
            kind = metric.WhichOneof("data")
            self.assertTrue(metric.description, name)
            if kind != "gauge":
                temporality = getattr(metric, kind).aggregation_temporality
                self.assertEqual(temporality, AGGREGATION_TEMPORALITY_CUMULATIVE, name)
            seen = set()
            for point in self.points(name):
                labels = tuple(sorted(attributes(point).items()))
                self.assertNotIn(labels, seen, name)
                seen.add(labels)
                self.assertEqual(point.time_unix_nano, 1_700_000_060_000_000_000)
                self.assertEqual(point.start_time_unix_nano, 0 if kind == "gauge" else 1_700_000_000_000_000_000)
                for exemplar in point.exemplars:
                    self.assertEqual((len(exemplar.trace_id), len(exemplar.span_id)), (16, 8))
                    self.assertLess(exemplar.time_unix_nano, point.time_unix_nano)
                if kind == "histogram":
                    self.assertEqual(len(point.bucket_counts), len(point.explicit_bounds) + 1)
                    self.assertEqual(sum(point.bucket_counts), point.count)
                    self.assertEqual(list(point.explicit_bounds), sorted(set(point.explicit_bounds)))
                if kind == "exponential_histogram":
                    self.assertEqual(point.zero_count + sum(point.positive.bucket_counts), point.count)
                    self.assertFalse(point.negative.bucket_counts)

    def test_counters_are_monotonic_sums_without_total(self):
        counter = self.metrics["http_requests"]
        self.assertTrue(counter.sum.is_monotonic)
        self.assertEqual(counter.description, 'Requests by "route" \\ code,\nall of them.')
        found = {attributes(point).get("route", ""): point.as_int for point in self.points("http_requests")}
        self.assertEqual(found["line\nfeed"], 5)
        self.assertEqual(found["\x01\x7f"], 12)
        self.assertEqual(found["Z\xfcrich \u20ac \U0001d11e"], 11)
        (overflow,) = [p for p in self.points("http_requests") if "otel.metric.overflow" in attributes(p)]
        self.assertEqual((attributes(overflow), overflow.as_int), ({"otel.metric.overflow": True}, 1000))
        self.assertEqual(self.points("large")[0].as_int, 2**53 + 1)
        self.assertEqual((self.points("cpu_seconds")[0].as_double, self.metrics["cpu_seconds"].unit), (1.23456789, "s"))

    def test_gauges_have_all_numbers(self):
        found = {attributes(point)["kind"]: point.as_double for point in self.points("number")}
        self.assertTrue(math.isnan(found.pop("nan")))
        self.assertEqual((found["inf"], found["minus_inf"], found["denormal"]), (math.inf, -math.inf, 5e-324))
        self.assertEqual(found["largest"], 1.7976931348623157e308)

    def test_state_sets_and_infos_are_sums_that_also_fall(self):
        self.assertFalse(self.metrics["door_state"].sum.is_monotonic)
        states = {attributes(point)["door_state"]: point.as_int for point in self.points("door_state")}
        self.assertEqual(states, {"open": 0, 'shut "fast"': 1})
        (build,) = self.points("build_info")
        self.assertEqual((attributes(build), build.as_int), ({"version": '1.0 "beta"'}, 1))

    def test_fixed_buckets_are_told_one_by_one(self):
        (point,) = [p for p in self.points("latency_seconds") if attributes(p) == {"route": "/a"}]
        self.assertEqual((point.count, point.sum), (3, 99.035))
        self.assertEqual(dict(zip([*point.explicit_bounds, math.inf], point.bucket_counts))[0.005], 1)
        self.assertEqual(point.bucket_counts[-1], 1)

    def test_exponential_buckets_hold_what_was_observed(self):
        def bounds(point):
            """(from, to] of the buckets that hold something, by the protocol's formula."""
            base = 2.0 ** (2.0 ** -point.scale)
            filled = [i for i, count in enumerate(point.positive.bucket_counts) if count]
            return [(base ** (point.positive.offset + i), base ** (point.positive.offset + i + 1)) for i in filled]

        (one,) = [p for p in self.points("wait_seconds") if attributes(p) == {"kind": "one"}]
        ((low, high),) = bounds(one)
        self.assertTrue(low < 0.3 <= high and high / low < 1.1, (low, high))
        (all_,) = [p for p in self.points("wait_seconds") if attributes(p) == {"kind": "all"}]
        self.assertEqual((all_.count, all_.zero_count, all_.zero_threshold), (10, 2, 2.0**-20))
        for value in (0.25, 0.3, 1.0, 100.0, 128.0):
            found = [1 for low, high in bounds(all_) if low * (1 + 1e-12) < value <= high * (1 + 1e-12)]
            self.assertEqual(found, [1], value)
        self.assertEqual(all_.positive.bucket_counts[-1], 3)  # 1e6, infinity and NaN: behind the last bound
        (none,) = [p for p in self.points("wait_seconds") if attributes(p) == {"kind": "none"}]
        self.assertEqual((none.count, list(none.positive.bucket_counts)), (0, []))

    def test_exemplars_name_their_trace(self):
        (exemplar,) = self.points("traced")[0].exemplars
        self.assertEqual(exemplar.trace_id.hex(), "0af7651916cd43dd8448eb211c80319c")
        self.assertEqual((exemplar.span_id.hex(), exemplar.as_double), ("b7ad6b7169203331", 3))
        self.assertEqual(exemplar.time_unix_nano, 1_700_000_030_125_000_000)

    def test_what_python_sends_is_read_too(self):
        registry = seawall.MetricsRegistry()
        registry.counter("a_total", "A.", ["x"]).labels("\u20ac").add(2)
        (resource,) = read(registry.otlp("shop"), ExportMetricsServiceRequest()).resource_metrics
        point = next(m for m in resource.scope_metrics[0].metrics if m.name == "a").sum.data_points[0]
        self.assertEqual((attributes(point), point.as_int), ({"x": "\u20ac"}, 2))
        self.assertLess(point.start_time_unix_nano, point.time_unix_nano)
        empty = seawall.MetricsRegistry().otlp("shop")
        self.assertEqual(len(read(empty, ExportMetricsServiceRequest()).resource_metrics), 1)


class Spans(unittest.TestCase):
    def exported(self, tracer: seawall.Tracer) -> ExportTraceServiceRequest:
        bodies = []

        def post(body, content_type):
            self.assertEqual(content_type, "application/json")
            bodies.append(body)
            return 200

        tracer.export(post)
        (body,) = bodies
        return read(body, ExportTraceServiceRequest())

    def test_spans_with_everything_in_them(self):
        tracer = seawall.Tracer('shop "1"')
        incoming = trace.extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        with tracer.start("GET \u20ac \"quoted\"\n", span.Kind.SERVER, incoming) as entry:
            for key, value in (("flag", True), ("large", 2**63 - 1), ("small", -(2**63)), ("real", 0.1),
                               ("nan", math.nan), ("inf", -math.inf), ("text", 'back\\slash "\x01'), ("\u20ac", "")):
                entry.set(key, value)
            for i in range(400):  # more than a span holds
                entry.set(f"filler{i}", i)
            with entry.child("call", span.Kind.CLIENT) as call:
                call.add_event("retry", {"attempt": 2})
                call.set_status(span.Status.ERROR, "refused")
        (resource,) = self.exported(tracer).resource_spans
        self.assertEqual(attributes(resource.resource), {"service.name": 'shop "1"'})
        found = {s.name: s for s in resource.scope_spans[0].spans}
        server, client = found['GET \u20ac "quoted"\n'], found["call"]

        self.assertEqual(server.trace_id.hex(), "0af7651916cd43dd8448eb211c80319c")
        self.assertEqual(server.parent_span_id.hex(), "b7ad6b7169203331")
        self.assertEqual((client.trace_id, client.parent_span_id), (server.trace_id, server.span_id))
        self.assertEqual((server.kind, client.kind), (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT))
        self.assertLessEqual(server.start_time_unix_nano, client.start_time_unix_nano)
        self.assertLessEqual(client.end_time_unix_nano, server.end_time_unix_nano)
        self.assertEqual(server.flags & 0xFF, 1)
        self.assertEqual((client.status.code, client.status.message), (Status.STATUS_CODE_ERROR, "refused"))
        self.assertEqual(server.status.code, Status.STATUS_CODE_UNSET)
        values = attributes(server)
        self.assertTrue(math.isnan(values["nan"]))
        self.assertEqual((values["flag"], values["large"], values["small"]), (True, 2**63 - 1, -(2**63)))
        self.assertEqual((values["real"], values["inf"], values["text"]), (0.1, -math.inf, 'back\\slash "\x01'))
        self.assertEqual(server.dropped_attributes_count, 8 + 400 - len(values))
        (event,) = client.events
        self.assertEqual((event.name, attributes(event)), ("retry", {"attempt": 2}))
        self.assertTrue(client.start_time_unix_nano <= event.time_unix_nano <= client.end_time_unix_nano)

    def test_a_root_has_no_parent(self):
        tracer = seawall.Tracer("shop")
        tracer.start("root").end()
        (root,) = self.exported(tracer).resource_spans[0].scope_spans[0].spans
        self.assertEqual((root.parent_span_id, root.kind), (b"", Span.SPAN_KIND_INTERNAL))
        self.assertNotEqual((root.trace_id, root.span_id), (bytes(16), bytes(8)))


if __name__ == "__main__":
    unittest.main()
