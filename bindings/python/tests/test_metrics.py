# SPDX-License-Identifier: MIT
import json
import math
import threading
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import SeawallError, _ffi
from seawall.metrics import Format, MetricsRegistry, validate_text

from . import vectors


def line(text: str, head: str) -> str:
    return next(found for found in text.split("\n") if found.startswith(head))


class Validate(unittest.TestCase):
    """The corpus of texts is run through it in tests/conformance."""

    def test_what_a_registry_renders_is_right(self):
        r = MetricsRegistry()
        r.counter("a_total", "A.", ["l"]).labels('quote " \\ \n \u20ac').add()
        r.histogram("h_seconds", "H.").labels().observe(0.2)
        for format in (Format.PROMETHEUS, Format.OPENMETRICS):
            validate_text(r.render(format), format)

    def test_a_fault_is_raised_with_line_and_culprit(self):
        with self.assertRaisesRegex(SeawallError, '^line 2: "a" is there twice with the same labels$'):
            validate_text('a{x="1"} 1\na{x="1"} 2\n')
        with self.assertRaisesRegex(SeawallError, "^line 1: is no UTF-8"):
            validate_text(b'a{x="\xff"} 1\n')
        with self.assertRaisesRegex(SeawallError, "only the two texts"):
            validate_text("{}", Format.JSON)

    def test_totals_are_compared_with_an_earlier_text(self):
        head = "# TYPE a_total counter\n"
        validate_text(head + "a_total 2\n", previous=head + "a_total 1\n")
        with self.assertRaisesRegex(SeawallError, '^line 2: "a_total" fell from 3 to 2$'):
            validate_text(head + "a_total 2\n", previous=head + "a_total 3\n")


class Vectors(unittest.TestCase):
    """tests/vectors/metrics.txt, which C++ runs too."""

    def label(self, value):
        r = MetricsRegistry()
        r.counter("m_total", "M.", ["l"]).labels(value).add()
        text = r.render(Format.JSON)
        labels = json.loads(text)["families"][0]["series"][0]["labels"]
        self.assertEqual(labels, {"l": value} if value else {})
        return {
            "text": line(r.render(), "m_total"),
            "json": text.split('"labels":{"l":')[1].split("},")[0] if value else "",
        }

    def help(self, value):
        r = MetricsRegistry()
        r.gauge("g", value)
        return {
            "prometheus": line(r.render(), "# HELP"),
            "openmetrics": line(r.render(Format.OPENMETRICS), "# HELP"),
        }

    def gauge(self, value):
        r = MetricsRegistry()
        r.gauge("g", "G.").labels().set(float(value))
        return {"text": line(r.render(), "g")}

    def bound(self, value):
        r = MetricsRegistry()
        r.histogram("h", "H.", bounds=[float(value)]).labels()
        return {"text": line(r.render(), "h_bucket")}

    def observe(self, value):
        r = MetricsRegistry()
        h = r.histogram("h", "H.", bounds=[0.1, 1]).labels()
        h.observe(float(value))
        buckets = [line(r.render(), f'h_bucket{{le="{le}"').rsplit(" ", 1)[1] for le in ("0.1", "1.0", "+Inf")]
        self.assertEqual(h.count, 1)
        return {"buckets": ",".join(buckets), "sum": repr(h.sum)}

    def name(self, type, name, label="l"):
        r = MetricsRegistry()
        try:
            getattr(r, type)(name, "H.", [label])
        except seawall.SeawallError as refused:
            self.assertEqual(refused.code, _ffi.SEAWALL_E_INVALID_ARGUMENT)
            return {"accepted": 0}
        return {"accepted": 1}

    def negotiate(self, accept):
        content_type = MetricsRegistry().negotiate(accept)[1]
        return {"format": next(f.name.lower() for f in Format if f.content_type == content_type)}

    def test_all(self):
        for case in vectors.load("metrics.txt"):
            for step in case.steps:
                with self.subTest(case=case.name, line=step.line):
                    self.assertEqual(step.mismatches(getattr(self, step.verb)(**step.arguments)), [])


class Metrics(unittest.TestCase):
    def test_a_counter_only_rises(self):
        counter = MetricsRegistry().counter("a_total", "A.").labels()
        counter.add()
        counter.add(41)
        with self.assertRaises(seawall.SeawallError):
            counter.add(-1)
        self.assertEqual(counter.value, 42)

    def test_a_gauge_is_held_for_a_block(self):
        gauge = MetricsRegistry().gauge("in_flight", "G.").labels()
        with self.assertRaises(KeyError), gauge.held():
            self.assertEqual(gauge.value, 1)
            raise KeyError
        self.assertEqual(gauge.value, 0)

    def test_a_histogram_times_a_block(self):
        histogram = MetricsRegistry().histogram("h_seconds", "H.").labels()
        self.assertTrue(math.isnan(histogram.quantile(0.5)))
        with histogram.time():
            pass
        self.assertEqual(histogram.count, 1)
        self.assertGreater(histogram.sum, 0)

    def test_labels_by_position_and_by_name_are_one_series(self):
        family = MetricsRegistry().counter("a_total", "A.", ["x", "y"])
        family.labels("1", "2").add()
        family.labels(y="2", x="1").add()
        self.assertEqual(family.labels("1", "2").value, 2)
        for wrong in ({"x": "1"}, {"x": "1", "z": "2"}):
            with self.assertRaises(ValueError):
                family.labels(**wrong)
        with self.assertRaises(seawall.SeawallError):
            family.labels("1")

    def test_series_are_bounded_and_nothing_is_lost(self):
        registry = MetricsRegistry(max_series_per_family=2)
        family = registry.counter("a_total", "A.", ["x"])
        for i in range(10):
            family.labels(str(i)).add()
        self.assertTrue(family.labels("9").overflow)
        self.assertFalse(family.labels("0").overflow)
        self.assertEqual(family.labels("9").value, 8)
        self.assertEqual(registry.series_count, 2)
        self.assertIn('a_total{seawall_overflow="true"} 8\n', registry.render())

    def test_a_text_that_is_no_utf8_goes_to_the_overflow_series(self):
        self.assertTrue(MetricsRegistry().counter("a_total", "A.", ["x"]).labels("\udcff").overflow)

    def test_an_error_quotes_the_culprit(self):
        with self.assertRaisesRegex(seawall.SeawallError, '"hits" must end in _total'):
            MetricsRegistry().counter("hits", "H.")
        with self.assertRaisesRegex(seawall.SeawallError, "unknown option max_serie"):
            MetricsRegistry(max_serie=1)
        with self.assertRaisesRegex(seawall.SeawallError, "bound 1 must be above the one before it"):
            MetricsRegistry().histogram("h", "H.", bounds=[2, 1])

    def test_a_series_keeps_its_registry_alive(self):
        counter = MetricsRegistry().counter("a_total", "A.").labels()
        counter.add()
        self.assertEqual(counter.value, 1)

    def test_threads_lose_nothing(self):
        counter = MetricsRegistry().counter("a_total", "A.").labels()
        threads = [threading.Thread(target=lambda: [counter.add() for _ in range(1000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(counter.value, 4000)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(1, 9)), max_size=20))
    def test_any_labels_come_back_from_json(self, adds):
        registry = MetricsRegistry()
        family = registry.counter("a_total", "A.", ["x", "y"])
        model: dict = {}
        for x, y, n in adds:
            refused = any("\0" in v or any("\ud800" <= c <= "\udfff" for c in v) for v in (x, y))
            series = family.labels(x, y)
            series.add(n)
            self.assertEqual(series.overflow, refused)
            labels = {"seawall_overflow": "true"} if refused else {k: v for k, v in (("x", x), ("y", y)) if v}
            key = tuple(sorted(labels.items()))
            model[key] = model.get(key, 0) + n
        families = json.loads(registry.render(Format.JSON))["families"]
        found = next((f["series"] for f in families if f["name"] == "a_total"), [])
        self.assertEqual({tuple(sorted(s["labels"].items())): s["value"] for s in found}, model)


if __name__ == "__main__":
    unittest.main()
