# SPDX-License-Identifier: MIT
"""metrics_exposition_test.py PROGRAM: what the program prints, judged by promtool and by the parsers of Prometheus' own
Python client, and by checks for what these let pass."""

import json
import math
import re
import shutil
import subprocess
import sys
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

PROGRAM = ""
ROUTES = [
    "/plain", 'quote " here', "back\\slash", "\\n", "line\nfeed", "cr\rlf\r\n", "tab\t", '{a="b",} 1', "# HELP x", "# EOF",
    "Z\xfcrich \u20ac \U0001d11e", "\x01\x7f", "ends in \\", "", "\x85 \u2028", "NaN", " ",
]


def exposition(*arguments: str) -> str:
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True).stdout.decode("utf-8")


def samples(families) -> dict:
    """{(sample name, its labels): value}; fails on a series that is there twice."""
    found: dict = {}
    for family in families:
        for sample in family.samples:
            # Prometheus takes an empty label for an absent one, and so must we when we look for duplicates.
            key = sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if v))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


class Exposition(unittest.TestCase):
    def check_values(self, found: dict):
        for n, route in enumerate(ROUTES, 1):
            labels = tuple(sorted((k, v) for k, v in (("route", route), ("code", "200")) if v))
            self.assertEqual(found["http_requests_total", labels], n, route)
        self.assertEqual(found["http_requests_total", (("seawall_overflow", "true"),)], 1000)
        dropped = "seawall_metrics_dropped_label_sets_total"
        self.assertEqual(found[dropped, (("family", "http_requests_total"),)], 1)
        self.assertEqual(found[dropped, (("family", "number"),)], 0)
        self.assertEqual(found["cpu_seconds_total", ()], 1.23456789)
        numbers = {labels[0][1]: value for (name, labels), value in found.items() if name == "number"}
        self.assertTrue(math.isnan(numbers.pop("nan")))
        self.assertEqual(numbers, {
            "inf": math.inf, "minus_inf": -math.inf, "denormal": 5e-324, "largest": 1.7976931348623157e308,
            "third": 1 / 3, "million": 1234567.5,
        })
        self.assertEqual(found["latency_seconds_count", (("route", "/a"),)], 3)
        self.assertEqual(found["latency_seconds_sum", (("route", "/a"),)], 99.035)
        self.assertEqual(found["latency_seconds_count", (("route", '/b"'),)], 0)
        buckets = [labels[0][1] for name, labels in found if name == "size_bytes_bucket"]
        self.assertEqual(
            buckets, ["100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "1e+08", "1e+09", "+Inf"])
        self.assertEqual(found["latency_seconds_bucket", (("le", "0.005"), ("route", "/a"))], 1)
        self.assertEqual(found["latency_seconds_bucket", (("le", "10.0"), ("route", "/a"))], 2)
        self.assertEqual(found["latency_seconds_bucket", (("le", "+Inf"), ("route", "/a"))], 3)

    def check_by_promtool(self, text: str):
        promtool = shutil.which("promtool")
        self.assertIsNotNone(promtool, "promtool is in the package prometheus")
        done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

    def test_promtool_finds_nothing_to_say_about_the_prometheus_text(self):
        self.check_by_promtool(exposition("prometheus"))

    def test_names_of_all_parts_follow_the_practice_of_prometheus(self):
        text = exposition("prometheus", "parts")
        self.check_by_promtool(text)
        found = samples(parse_openmetrics(exposition("openmetrics", "parts")))
        self.assertEqual(found.keys(), samples(parse_prometheus(text)).keys())
        parts = {re.match("seawall_[a-z]+", name).group() for name, _ in found if name != "mine_total"}
        self.assertEqual(parts, {f"seawall_{part}" for part in (
            "circuit", "keyed", "metrics", "pipeline", "prober", "rate", "service", "source")})

    def test_the_prometheus_text_reads_back(self):
        self.check_values(samples(parse_prometheus(exposition("prometheus"))))

    def test_the_openmetrics_text_reads_back_and_is_strictly_right(self):
        text = exposition("openmetrics")
        families = list(parse_openmetrics(text))
        self.check_values(samples(families))
        documentation = {family.name: family.documentation for family in families}
        self.assertEqual(documentation["http_requests"], 'Requests by "route" \\ code,\nall of them.')
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertNotIn("\n\n", text)

    def test_families_are_whole_sorted_and_have_one_head(self):
        text = exposition("prometheus")
        heads = [line.split(" ")[2] for line in text.split("\n") if line.startswith("# TYPE ")]
        self.assertEqual(heads, sorted(set(heads)))
        current = ""
        for line in text.split("\n")[:-1]:
            if line.startswith("# "):
                current = line.split(" ")[2]
            else:
                self.assertTrue(line.startswith(current), line)

    def test_the_json_reads_back(self):
        document = json.loads(exposition("json"))
        self.assertEqual(document["schema"], 1)
        families = {family["name"]: family for family in document["families"]}
        self.assertEqual(list(families), sorted(families))
        self.assertEqual(families["http_requests_total"]["help"], 'Requests by "route" \\ code,\nall of them.')
        series = families["http_requests_total"]["series"]
        self.assertEqual([s["labels"].get("route", "") for s in series[:-1]], ROUTES)
        self.assertEqual(series[-1], {"labels": {"seawall_overflow": "true"}, "value": 1000})
        self.assertEqual(families["large_total"]["series"], [{"labels": {}, "value": str(2**53 + 1)}])
        numbers = {s["labels"]["kind"]: s["value"] for s in families["number"]["series"]}
        self.assertEqual((numbers["nan"], numbers["inf"], numbers["minus_inf"]), ("NaN", "+Inf", "-Inf"))
        latency = families["latency_seconds"]["series"][0]
        self.assertEqual((latency["count"], latency["sum"]), (3, 99.035))
        self.assertEqual(latency["buckets"][0], {"le": 0.005, "count": 1})
        self.assertEqual(latency["buckets"][-1], {"le": "+Inf", "count": 3})

    def test_no_locale_changes_a_byte(self):
        for format in ("prometheus", "openmetrics", "json"):
            self.assertEqual(exposition(format, "de_DE.UTF-8"), exposition(format))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
