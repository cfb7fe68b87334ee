# SPDX-License-Identifier: MIT
import ctypes
import json
import math
import threading
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall import SeawallError, _ffi
from seawall.metrics import Exemplar, Format, MetricsRegistry, validate_text

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

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(st.just(1), st.integers(-3, 3), st.integers(-(2**65), 2**65)), max_size=20))
    def test_a_counter_adds_up_whatever_it_is_given(self, numbers):
        counter, total = MetricsRegistry().counter("a_total", "A.").labels(), 0
        for n in numbers:
            if 0 <= n < 2**63:
                counter.add(n)
                total += n
            else:
                with self.assertRaises(SeawallError):
                    counter.add(n)
        self.assertEqual(counter.value, total % 2**64)

    def test_what_is_no_number_is_refused(self):
        registry = MetricsRegistry()
        counter, gauge = registry.counter("a_total", "A.").labels(), registry.gauge("g", "G.").labels()
        histogram = registry.histogram("h", "H.").labels()
        for record in (counter.add, gauge.set, gauge.add, gauge.max, histogram.observe):
            for wrong in ("1", None, b"1", [1]):
                with self.assertRaises((TypeError, ctypes.ArgumentError)):
                    record(wrong)
        gauge.set(2**60)
        gauge.add(-1)
        histogram.observe(True)
        self.assertEqual((counter.value, gauge.value, histogram.sum), (0, 2.0**60 - 1, 1.0))

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
        with self.assertRaisesRegex(seawall.SeawallError, "/max_serie: unknown key"):
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

    def test_a_state_set_is_in_exactly_one_state(self):
        registry = MetricsRegistry()
        family = registry.state_set("door", "D.", ["open", "shut"], ["room"])
        door = family.labels("hall")
        self.assertEqual(door.value, "open")
        door.set("shut")
        self.assertEqual(door.value, "shut")
        self.assertIn('\ndoor{room="hall",door="open"} 0\ndoor{room="hall",door="shut"} 1\n', registry.render())
        with self.assertRaises(ValueError):
            door.set("ajar")
        with self.assertRaisesRegex(SeawallError, "shut"):
            registry.state_set("other", "O.", ["shut", "shut"])

    def test_an_info_says_something_by_its_labels(self):
        registry = MetricsRegistry()
        registry.info("build_info", "B.", version="1.2", commit="abc")
        self.assertIn('\nbuild_info{version="1.2",commit="abc"} 1\n', registry.render())
        text = registry.render(Format.OPENMETRICS)
        self.assertIn("# TYPE build info\n", text)
        validate_text(text, Format.OPENMETRICS)
        with self.assertRaisesRegex(SeawallError, '"build" must end in _info'):
            registry.info("build", "B.", version="1")

    def test_a_callback_answers_for_its_gauge(self):
        registry = MetricsRegistry()
        family = registry.gauge("depth", "D.", ["queue"])
        queue = [1, 2, 3]
        family.callback(lambda: len(queue), "in")
        self.assertIn('depth{queue="in"} 3\n', registry.render())
        queue.append(4)
        self.assertIn('depth{queue="in"} 4\n', registry.render())
        with self.assertRaises(SeawallError) as twice:
            family.callback(lambda: 0, "in")
        self.assertEqual(twice.exception.code, _ffi.SEAWALL_E_ALREADY_EXISTS)
        self.assertTrue(family.remove("in"))
        self.assertNotIn("depth{", registry.render())
        with self.assertRaises(SeawallError):
            registry.counter("a_total", "A.").callback(lambda: 0)

    def test_a_callback_may_record_look_up_and_remove_itself(self):
        registry = MetricsRegistry()
        gauges = registry.gauge("depth", "D.", ["queue"])
        asked = registry.counter("asked_total", "A.", ["queue"])

        def answer():
            asked.labels("in").add()
            gauges.remove("in")
            return 7

        gauges.callback(answer, "in")
        registry.render()
        self.assertEqual(asked.labels("in").value, 1)
        self.assertNotIn("depth{", registry.render())

    def test_an_exemplar_leads_to_its_trace(self):
        registry = MetricsRegistry()
        latency = registry.histogram("h_seconds", "H.", bounds=[0.1, 1], exemplars=True).labels()
        latency.observe(0.5, Exemplar("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1700000000.25))
        text = registry.render(Format.OPENMETRICS)
        self.assertIn('h_seconds_bucket{le="1.0"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c",'
                      'span_id="b7ad6b7169203331"} 0.5 1700000000.25', text)
        validate_text(text, Format.OPENMETRICS)
        self.assertNotIn("trace_id", registry.render())
        counter = registry.counter("a_total", "A.", exemplars=True).labels()
        counter.add(2, Exemplar("00" * 15 + "01", "00" * 7 + "02", 5))
        self.assertIn('a_total 2 # {trace_id="00000000000000000000000000000001"', registry.render(Format.OPENMETRICS))
        with self.assertRaises(ValueError):
            latency.observe(0.5, Exemplar("xyz", "b7ad6b7169203331", 0))
        plain = registry.histogram("plain_seconds", "P.").labels()
        plain.observe(0.5, Exemplar("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1))  # kept by nobody
        self.assertEqual(plain.count, 1)

    def test_a_removed_series_records_nothing_and_comes_back_at_zero(self):
        registry = MetricsRegistry()
        family = registry.counter("a_total", "A.", ["x"])
        old = family.labels("1")
        old.add(5)
        self.assertTrue(family.remove(x="1"))
        self.assertFalse(family.remove("1"))
        self.assertNotIn("a_total{", registry.render())
        old.add(7)
        self.assertEqual((old.value, registry.stale_recordings, registry.series_count), (0, 1, 0))
        new = family.labels("1")
        self.assertEqual(new.value, 0)
        new.add(2)
        old.add(7)
        self.assertEqual((new.value, registry.stale_recordings), (2, 2))
        self.assertIn('a_total{x="1"} 2\n', registry.render())
        self.assertIn("seawall_metrics_stale_recordings_total 2\n", registry.render())
        self.assertFalse(registry.counter("b_total", "B.").remove())  # the one series of a family without labels stays

    def test_labels_that_were_looked_up_before_are_the_series_they_are_now(self):
        registry = MetricsRegistry()
        family, again = (registry.counter("a_total", "A.", ["x", "y"]) for _ in range(2))
        old = family.labels("1", "2")
        self.assertIs(family.labels(y="2", x="1"), old)
        family.labels("2", "1").add(3)
        for remove in (family.remove, again.remove):  # by whoever has the family
            before = family.labels("1", "2")
            before.add()
            self.assertTrue(remove("1", "2"))
            made = family.labels("1", "2")
            before.add()
            self.assertEqual((made.value, before.value, family.labels("2", "1").value), (0, 0, 3))
        self.assertEqual(registry.stale_recordings, 2)

    def test_labels_after_a_removal_by_another_thread_are_a_new_series(self):
        registry = MetricsRegistry()
        family = registry.counter("a_total", "A.", ["x"])
        turns = [threading.Event() for _ in range(40)]

        def removals():
            for recorded, removed in zip(turns[::2], turns[1::2]):
                recorded.wait(60)
                family.remove("1")
                removed.set()

        remover = threading.Thread(target=removals)
        remover.start()
        for recorded, removed in zip(turns[::2], turns[1::2]):
            family.labels("1").add()
            recorded.set()
            self.assertTrue(removed.wait(60))
            self.assertEqual(family.labels("1").value, 0)
        remover.join()
        self.assertEqual(registry.stale_recordings, 0)

    def test_threads_that_look_up_while_others_remove_end_with_one_series(self):
        registry = MetricsRegistry()
        family = registry.counter("a_total", "A.", ["x"])

        def use(number):
            for i in range(300):
                family.labels(str(i % 3)).add()
                if i % 10 == number:
                    family.remove(str(i % 3))

        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for value in "012":
            series = family.labels(value)
            before = series.value
            series.add()
            self.assertEqual(family.labels(value).value, before + 1)
            self.assertIn(f'a_total{{x="{value}"}} {before + 1}\n', registry.render())

    def test_labels_that_overflowed_get_a_series_when_there_is_room(self):
        registry = MetricsRegistry(max_series=2)
        family, other = registry.counter("a_total", "A.", ["x"]), registry.gauge("g", "G.", ["x"])
        family.labels("1")
        other.labels("1")
        for _ in range(2):
            self.assertTrue(family.labels("2").overflow)
        other.remove("1")  # of another family: the bound is the registry's
        self.assertFalse(family.labels("2").overflow)
        self.assertTrue(family.labels("3").overflow)

    def test_labels_of_another_str_are_told_apart_as_they_are_spelled(self):
        class Odd(str):
            def __hash__(self):
                return hash(self.lower())

            def __eq__(self, other):
                return self.lower() == other.lower()

        family = MetricsRegistry().counter("a_total", "A.", ["x"])
        family.labels("get").add()
        family.labels(Odd("GET")).add(2)
        self.assertEqual(family.labels("get").value, 1)
        self.assertEqual(family.labels("GET").value, 2)
        self.assertEqual(family.labels(Odd("get")).value, 1)

    def test_what_is_kept_of_labels_is_bounded_as_the_series_are(self):
        registry = MetricsRegistry(max_series_per_family=5)
        family = registry.counter("a_total", "A.", ["x"])

        class Odd(str):
            def __hash__(self):
                return id(self)

        for i in range(50):
            family.labels(str(i)).add()
            family.labels(Odd("1")).add()
            self.assertLessEqual(len(family._known[1]), 5)
        for i in range(50):
            family.remove(str(i))
            family.labels(str(i)).add()
            self.assertLessEqual(len(family._known[1]), 5)
        with self.assertRaises((TypeError, AttributeError)):
            family.labels(["1"])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["add", "remove", "stale"]), st.sampled_from("abc"), st.booleans()), max_size=40))
    def test_any_game_of_labels_and_removals_agrees_with_a_dict(self, moves):
        registry = MetricsRegistry(max_series_per_family=2)
        families = [registry.counter("a_total", "A.", ["x"]) for _ in range(2)]
        model: dict = {}
        kept: dict = {}
        overflow = stale = 0
        for move, value, which in moves:
            family = families[which]
            if move == "remove":
                self.assertEqual(family.remove(value), value in model)
                model.pop(value, None)
            elif move == "stale" and value in kept:
                alive = kept[value][1] is model.get(value)
                kept[value][0].add()
                if alive:
                    model[value][0] += 1
                else:
                    stale += 1
            else:
                series = family.labels(value)
                series.add()
                if value not in model and len(model) == 2:
                    self.assertTrue(series.overflow)
                    overflow += 1
                else:
                    self.assertFalse(series.overflow)
                    model.setdefault(value, [0])[0] += 1
                    kept[value] = series, model[value]
                    self.assertEqual(series.value, model[value][0])
        self.assertEqual(registry.stale_recordings, stale)
        found = {value: families[0].labels(value).value for value in model}
        self.assertEqual(found, {value: total for value, (total,) in model.items()})
        self.assertEqual(families[0].labels("\0").value, overflow)

    def test_an_exponential_histogram_knows_its_quantiles(self):
        registry = MetricsRegistry()
        family = registry.histogram("h_seconds", "H.", exponential=(3, -20, 7))
        histogram = family.labels()
        for i in range(1, 1001):
            histogram.observe(i / 1000)
        self.assertEqual(sum(count for _, count in histogram.buckets()), 1000)
        self.assertEqual(len(histogram.buckets()), 27 * 8 + 2)
        self.assertEqual([histogram.buckets()[0][0], histogram.buckets()[-1][0]], [2.0**-20, math.inf])
        routes = registry.histogram("by_route_seconds", "H.", ["route"], bounds=[0.1, 1])
        route = routes.labels("/")
        for value in (0.05, 0.1, 2):
            route.observe(value)
        self.assertEqual(route.buckets(), [(0.1, 2), (1, 0), (math.inf, 1)])
        routes.remove("/")
        self.assertEqual(route.buckets(), [])
        for q in (0.5, 0.9, 0.99):
            self.assertAlmostEqual(histogram.quantile(q), q, delta=0.05)
        self.assertEqual(histogram.count, 1000)
        self.assertAlmostEqual(histogram.sum, 500.5, places=6)
        text = registry.render(Format.OPENMETRICS)
        validate_text(text, Format.OPENMETRICS)
        self.assertIn('h_seconds_bucket{le="0.5"} 500\n', text)
        with self.assertRaisesRegex(SeawallError, "schema must be from 0 to 5, not 9"):
            registry.histogram("g", "G.", exponential=(9, 0, 1))

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
