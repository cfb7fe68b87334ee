# SPDX-License-Identifier: MIT
"""A strict reader of OTLP/HTTP JSON metrics, as a receiver would read them.

The fields and their types are those of opentelemetry-proto 1.x (metrics.proto, common.proto, resource.proto), the
encoding that of its specification: lowerCamelCase keys, 64-bit integers as decimal strings, enums as integers, ids as
hex, NaN and infinities as strings. Beyond the types it checks what the data model says: one kind of data for each
metric, counts that agree with their buckets, attributes once, times in order. Debian has no package of the protocol.

    metrics = read_metrics(json.loads(body))     # {name: Metric}; raises ValueError with the path of the culprit
"""

import dataclasses
import math
import re

ATTRIBUTE = {"key": "string!", "value": "AnyValue!"}
POINT = {"attributes": ["KeyValue"], "startTimeUnixNano": "fixed64", "timeUnixNano": "fixed64!", "exemplars": ["Exemplar"],
         "flags": "uint32"}
MESSAGES = {
    "Request": {"resourceMetrics": ["ResourceMetrics"]},
    "ResourceMetrics": {"resource": "Resource", "scopeMetrics": ["ScopeMetrics"], "schemaUrl": "string"},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "ScopeMetrics": {"scope": "Scope", "metrics": ["Metric"], "schemaUrl": "string"},
    "Scope": {"name": "string", "version": "string", "attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "Metric": {"name": "string!", "description": "string", "unit": "string", "gauge": "Gauge", "sum": "Sum",
               "histogram": "Histogram", "exponentialHistogram": "ExponentialHistogram", "metadata": ["KeyValue"]},
    "Gauge": {"dataPoints": ["NumberDataPoint"]},
    "Sum": {"dataPoints": ["NumberDataPoint"], "aggregationTemporality": "temporality!", "isMonotonic": "bool"},
    "Histogram": {"dataPoints": ["HistogramDataPoint"], "aggregationTemporality": "temporality!"},
    "ExponentialHistogram": {"dataPoints": ["ExponentialHistogramDataPoint"], "aggregationTemporality": "temporality!"},
    "NumberDataPoint": {**POINT, "asDouble": "double", "asInt": "sfixed64"},
    "HistogramDataPoint": {**POINT, "count": "fixed64!", "sum": "double", "bucketCounts": ["fixed64"],
                           "explicitBounds": ["double"], "min": "double", "max": "double"},
    "ExponentialHistogramDataPoint": {**POINT, "count": "fixed64!", "sum": "double", "scale": "sint32",
                                      "zeroCount": "fixed64", "positive": "Buckets", "negative": "Buckets",
                                      "min": "double", "max": "double", "zeroThreshold": "double"},
    "Buckets": {"offset": "sint32", "bucketCounts": ["fixed64"]},
    "Exemplar": {"filteredAttributes": ["KeyValue"], "timeUnixNano": "fixed64!", "asDouble": "double",
                 "asInt": "sfixed64", "spanId": "hex16", "traceId": "hex32"},
    "KeyValue": ATTRIBUTE,
    "AnyValue": {"stringValue": "string", "boolValue": "bool", "intValue": "sfixed64", "doubleValue": "double"},
}
DATA = ("gauge", "sum", "histogram", "exponentialHistogram")


def _fail(path: str, why: str):
    raise ValueError(f"{path}: {why}")


def _integer(path: str, value, low: int, high: int) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
        _fail(path, f"a 64-bit integer is a decimal string, not {value!r}")
    if not low <= int(value) <= high:
        _fail(path, f"{value} does not fit")
    return int(value)


def _scalar(path: str, kind: str, value):
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "fixed64":
        return _integer(path, value, 0, 2**64 - 1)
    if kind == "sfixed64":
        return _integer(path, value, -(2**63), 2**63 - 1)
    if kind == "double":
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value.replace("Infinity", "inf"))
    if kind in ("sint32", "uint32", "temporality") and isinstance(value, int) and not isinstance(value, bool):
        low, high = {"sint32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "temporality": (1, 2)}[kind]
        if low <= value <= high:
            return value
    if kind in ("hex16", "hex32") and isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{kind[3:]}}}", value):
        if set(value) != {"0"}:
            return value
    _fail(path, f"{value!r} is no {kind}")


def _read(path: str, kind, value):
    """`value` with its scalars read, checked against the schema."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            _fail(path, "is no array")
        return [_read(f"{path}[{i}]", kind[0], item) for i, item in enumerate(value)]
    if kind not in MESSAGES:
        return _scalar(path, kind, value)
    if not isinstance(value, dict):
        _fail(path, "is no object")
    fields = {name: of.rstrip("!") if isinstance(of, str) else of for name, of in MESSAGES[kind].items()}
    for name in value:
        if name not in fields:
            _fail(f"{path}.{name}", f"is no field of {kind}")
    for name, of in MESSAGES[kind].items():
        if isinstance(of, str) and of.endswith("!") and name not in value:
            _fail(f"{path}.{name}", "is missing")
    return {name: _read(f"{path}.{name}", fields[name], item) for name, item in value.items()}


def _attributes(path: str, attributes: list) -> dict:
    found: dict = {}
    for attribute in attributes:
        if len(attribute["value"]) != 1:
            _fail(path, f"{attribute['key']} needs exactly one value")
        if attribute["key"] in found or not attribute["key"]:
            _fail(path, f"{attribute['key']!r} is empty or there twice")
        (found[attribute["key"]],) = attribute["value"].values()
    return found


def _check_point(path: str, kind: str, point: dict) -> None:
    if kind != "gauge" and not 0 < point.get("startTimeUnixNano", 0) <= point["timeUnixNano"]:
        _fail(path, "a total needs a start, not behind its time")
    if kind in ("gauge", "sum") and ("asInt" in point) == ("asDouble" in point):
        _fail(path, "a number is either asInt or asDouble")
    for exemplar in point.get("exemplars", []):
        if ("asInt" in exemplar) == ("asDouble" in exemplar):
            _fail(path, "an exemplar is either asInt or asDouble")
    if kind == "histogram":
        bounds, counts = point.get("explicitBounds", []), point.get("bucketCounts", [])
        if len(counts) != len(bounds) + 1 or sum(counts) != point["count"]:
            _fail(path, "bucketCounts must be one more than explicitBounds and add up to count")
        if bounds != sorted(set(bounds)) or not all(map(math.isfinite, bounds)):
            _fail(path, "explicitBounds must rise and be finite")
    if kind == "exponentialHistogram":
        buckets = sum(sum(point.get(side, {}).get("bucketCounts", [])) for side in ("positive", "negative"))
        if buckets + point.get("zeroCount", 0) != point["count"]:
            _fail(path, "the buckets and zeroCount must add up to count")


@dataclasses.dataclass
class Metric:
    kind: str  # "gauge", "sum", "histogram", "exponentialHistogram"
    unit: str
    description: str
    data: dict
    points: list  # (attributes, point)

    def point(self, **attributes) -> dict:
        (found,) = [point for given, point in self.points if given == attributes]
        return found


def read_metrics(document) -> dict[str, Metric]:
    request = _read("$", "Request", document)
    found: dict[str, Metric] = {}
    for resource in request["resourceMetrics"]:
        _attributes("resource", resource.get("resource", {}).get("attributes", []))
        for metric in (metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]):
            name = metric["name"]
            kinds = [kind for kind in DATA if kind in metric]
            if len(kinds) != 1 or name in found or not name:
                _fail(name, "needs exactly one kind of data, and may be there once")
            data = metric[kinds[0]]
            points = [(_attributes(name, point.get("attributes", [])), point) for point in data["dataPoints"]]
            for i, (attributes, point) in enumerate(points):
                _check_point(f"{name} {attributes}", kinds[0], point)
                if attributes in [given for given, _ in points[:i]]:
                    _fail(name, f"has the attributes {attributes} twice")
            found[name] = Metric(kinds[0], metric.get("unit", ""), metric.get("description", ""), data, points)
    return found
