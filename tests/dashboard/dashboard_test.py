# SPDX-License-Identifier: MIT
"""The dashboard page in headless Chromium: what it shows, what it bears, what it says when the gateway falls silent."""

import itertools
import re
import unittest

import browser
import stand_in

DASH = "\u2013"
STOPPED = "The gateway has stopped answering"
# Again and again, as nobody knows when the page will be complete: how far it is wider than its window.
MEASURE = "setInterval(() => { const d = document.documentElement; d.dataset.overflow = d.scrollWidth - innerWidth; }, 100);"


def loaded(answers, prelude="", **arguments):
    with stand_in.running(answers, prelude=prelude) as url:
        return browser.load(url + "/dashboard", **arguments)


def cards(page):
    """Service -> breaker state, of the cards shown."""
    return {one[1]["data-service"]: one[1]["data-breaker"] for one in page.elements if "data-service" in one[1]}


class Shown(unittest.TestCase):
    def assert_sound(self, page):
        root = page.where(lang="en")[0][1]
        self.assertNotIn("data-error", root)
        self.assertGreaterEqual(int(root.get("data-rounds", 0)), 1)
        for word in ("undefined", "NaN", "Infinity", "null", "[object"):
            self.assertNotIn(word, page.text)

    def test_services_states_and_figures_at_both_widths(self):
        for width in (1280, 375):
            with self.subTest(width=width):
                page = loaded(stand_in.scene(), MEASURE, width=width)
                self.assert_sound(page)
                self.assertEqual(page.one(lang="en")[1]["data-overflow"], "0")
                self.assertEqual(
                    cards(page), {"trading": "closed", "gamification": "closed", "social": "open", "user": "closed"}
                )
                self.assertEqual(page.one(data_service="social")[2].count("unhealthy"), 1)
                self.assertEqual(page.one(data_service="social")[2].count("breaker open"), 1)
                self.assertIn("0 of 2", page.one(data_service="social")[2])
                self.assertIn("trading-1", page.one(data_service="trading")[2])
                for figure in ("97.4", "541", "7,815.50", "412", "18.6", "1.23", "627", "8.71", "981", "1.3M", "31.3k", "0.25"):
                    self.assertIn(figure, page.text)
                self.assertEqual(page.one(id="status")[2], "Degraded")
                self.assertIn("hidden", page.one(id="stale")[1])

    def test_charts_have_a_curve_for_each_series_and_say_their_values(self):
        page = loaded(stand_in.scene())
        self.assertGreaterEqual(len(page.where(**{"class": "curve"})), 1 + 1 + 3 + 4)
        labels = [one[1].get("aria-label", "") for one in page.elements if one[0] == "svg"]
        self.assertTrue(any(re.search(r"Service latency, ms, log scale, now: trading 2\.\d+, .*social " + DASH, label) for label in labels), labels)
        self.assertTrue(any("Breaker of social: " in label and "Open from" in label for label in labels), labels)

    def test_an_instance_says_what_keeps_it_from_calls(self):
        kept = [
            ({"healthy": True, "state": "healthy", "circuit_breaker": "closed"}, "healthy", "ok"),
            ({"healthy": False, "state": "healthy", "circuit_breaker": "open"}, "breaker open", "bad"),
            ({"healthy": False, "state": "healthy", "circuit_breaker": "closed"}, "unhealthy", "bad"),
            ({"healthy": False, "state": "draining", "circuit_breaker": "closed"}, "draining", "bad"),
            ({"healthy": False, "state": "expired", "circuit_breaker": "open"}, "expired", "bad"),
            ({"healthy": True, "state": "half_known", "circuit_breaker": "half_open"}, "breaker half open", "warn"),
            ({"healthy": True}, "healthy", "ok"),
        ]
        doubted = [
            *(({"healthy": True, "state": word, "circuit_breaker": "closed"}, word, "warn") for word in ("suspect", "warning", "held", "ejected")),
            ({"healthy": False, "state": "suspect", "circuit_breaker": "closed"}, "suspect", "bad"),
        ]
        answers = stand_in.scene()
        shown = {"trading": kept, "gamification": [], "social": [], "user": doubted}
        for name, cases in shown.items():
            instances = [{"id": f"i{at}", **case[0]} for at, case in enumerate(cases)]
            answers["/services"]["services"][name]["instances"] = instances
        page = loaded(answers)
        cells = [(one[2], one[1]["data-tone"]) for one in page.elements if one[0] == "td" and "data-tone" in one[1]]
        self.assertEqual(cells, [case[1:] for case in kept + doubted])

    def test_those_in_trouble_are_shown_when_not_all_fit(self):
        states = ["healthy"] * 60 + ["suspect", "draining"]
        instances = [{"id": f"i{at}", "healthy": state != "draining", "state": state} for at, state in enumerate(states)]
        answers = stand_in.scene()
        answers["/services"]["services"]["user"]["instances"] = instances
        card = loaded(answers).one(data_service="user")[2]
        self.assertRegex(card, "draining.*suspect.*healthy")
        self.assertRegex(card, r"and \d+ more")

    def test_slow_and_failed_requests_are_listed_and_drawn(self):
        open_all = """setInterval(() => document.querySelectorAll("details").forEach(one => { one.open = true; }), 100);"""
        page = loaded(stand_in.scene(), open_all, milliseconds=4000)
        self.assert_sound(page)
        rows = page.where(**{"class": "row"})
        self.assertEqual(len(rows), 5)
        depths = [row[1]["style"] for row in rows]
        self.assertEqual(depths, ["--depth:0", "--depth:1", "--depth:1", "--depth:2", "--depth:0"])
        self.assertIn("attempt 2", rows[2][2])
        self.assertIn("connection refused", rows[1][2])
        self.assertIn("breaker of social refused, again in 28 s", rows[4][2])
        self.assertIn("61.5 ms", page.one(data_trace="0af7651916cd43dd8448eb211c80319c")[2])

    def test_an_axis_fits_any_size_of_value(self):
        for size in (1e-4, 1.0, 1e9):
            with self.subTest(size=size):
                answers = stand_in.scene()
                data = answers["/dashboard/history"]["data"]
                data["requests_per_second"] = [value and value * size for value in data["requests_per_second"]]
                for service in data["services"].values():
                    service["latency_ms"] = [value and value * size for value in service["latency_ms"]]
                page = loaded(answers)
                points = [
                    tuple(map(float, point))
                    for one in page.elements
                    if one[1].get("class") == "curve"
                    for point in re.findall(r"[ML]([0-9.e-]+) ([0-9.e-]+)", one[1]["d"])
                ]
                self.assertGreater(len(points), 1000)
                self.assertTrue(all(5 <= y <= 133 for _, y in points))

    def test_the_log_lists_transitions_latest_first(self):
        page = loaded(stand_in.scene())
        self.assertRegex(page.one(id="log")[2], r"^\d\d:\d\d:\d\dsocialClosedtoOpen.*ClosedtoOpen$")

    def test_breaker_states_of_every_kind_have_a_word(self):
        words = {
            "closed": "Closed", "open": "Open", "half_open": "Half open", "forced_open": "Forced open", "disabled": "Disabled",
            "odd": "odd",
        }  # fmt: skip
        answers = stand_in.scene()
        answers["/health"]["services"] = {f"s-{state}": {"circuit_breaker": state} for state in words}
        answers["/services"]["services"] = {}
        page = loaded(answers)
        self.assertEqual(cards(page), {f"s-{state}": state for state in words})
        for state, word in words.items():
            self.assertIn(f"s-{state}{word}", page.one(data_service=f"s-{state}")[2])


class Borne(unittest.TestCase):
    assert_sound = Shown.assert_sound

    def test_missing_fields_are_dashes(self):
        answers = {path: {} for path in stand_in.scene()}
        answers["/health"] = {"services": {"trading": {}}}
        page = loaded(answers)
        self.assert_sound(page)
        self.assertIn(DASH, page.one(data_service="trading")[2])
        self.assertIn("Unknown", page.one(data_service="trading")[2])
        self.assertEqual(len([one for one in page.where(**{"class": "value"}) if DASH in one[2]]), 8)

    def test_fields_of_the_wrong_type_break_nothing(self):
        for wrong in (None, "text", 7, [None, "x"], {"trading": None}):
            scene = stand_in.scene()
            answers = {
                "/dashboard": {"data": {"metrics": wrong, "kpis": {"requests_per_second": wrong}, "uptime_seconds": wrong, "status": wrong}},
                "/health": {"services": {"trading": wrong, "social": {"circuit_breaker": wrong, "failure_count": wrong}}, "infrastructure": wrong},
                "/services": {"services": {"trading": {"instances": wrong}, "user": {"instances": [wrong]}}},
                "/dashboard/history": {"data": {**scene["/dashboard/history"]["data"], "trades_per_second": wrong, "services": {"trading": wrong, "social": {"circuit_breaker": wrong}}}},
                "/traces": {"traces": [wrong, {"trace_id": "a", "name": wrong, "started": wrong, "duration_ms": wrong, "spans": wrong}]},
                "/traces/a": {"spans": [wrong, {"offset_ms": wrong, "duration_ms": wrong, "events": wrong, "service": wrong}]},
            }  # fmt: skip
            with self.subTest(repr(wrong)):
                self.assert_sound(loaded(answers))

    def test_an_answer_that_is_not_json_or_not_there_is_named(self):
        answers = stand_in.scene()
        del answers["/dashboard/history"]
        answers["/services"] = b"<html>"
        page = loaded(answers)
        self.assert_sound(page)
        self.assertIn("No answer from /services, /dashboard/history", page.one(id="stale")[2])
        self.assertIn("97.4", page.text)

    def test_text_of_the_gateway_stays_text(self):
        nasty = "<img src=x onerror=\"document.documentElement.dataset.error='run'\">" + "long" * 60
        answers = stand_in.scene()
        for path in ("/health", "/services"):
            answers[path]["services"] = {nasty: one for one in answers[path]["services"].values()}
        answers["/dashboard/history"]["data"]["services"] = {nasty: answers["/dashboard/history"]["data"]["services"]["social"]}
        answers["/services"]["services"][nasty]["instances"][0].update(id=nasty, host=nasty, state=nasty)
        answers["/health"]["infrastructure"]["redis"] = nasty
        answers["/traces"]["traces"][0].update(name=nasty, message=nasty)
        answers["/traces/0af7651916cd43dd8448eb211c80319c"]["spans"][0].update(service=nasty, name=nasty, message=nasty, status=nasty, kind=nasty)
        page = loaded(answers, MEASURE, width=375)
        self.assert_sound(page)
        self.assertFalse([one for one in page.elements if one[0] == "img"])
        self.assertIn(nasty, page.text)
        self.assertEqual(page.one(lang="en")[1]["data-overflow"], "0")

    def test_many_instances_are_cut_and_counted(self):
        answers = stand_in.scene()
        answers["/services"]["services"]["user"]["instances"] *= 50
        page = loaded(answers)
        self.assertEqual(page.one(data_service="user")[2].count("user-"), 8)
        self.assertIn("and 92 more", page.one(data_service="user")[2])


class Silence(unittest.TestCase):
    assert_sound = Shown.assert_sound

    def test_a_gateway_that_never_answered(self):
        page = loaded({})
        self.assert_sound(page)
        self.assertNotIn("hidden", page.one(id="stale")[1])
        self.assertIn("does not answer", page.one(id="stale")[2])
        self.assertEqual(page.one(id="status")[2], "No answer")

    def test_a_gateway_that_stops_is_said_with_the_age(self):
        answers = {}
        for path, body in stand_in.scene().items():  # each answers once
            answers[path] = lambda body=body, count=itertools.count(): body if next(count) == 0 else None
        page = loaded(answers, milliseconds=9000)
        self.assert_sound(page)
        self.assertRegex(page.one(id="stale")[2], STOPPED + r"\. What you see is [4-8] s old\.")
        self.assertEqual((page.one(id="status")[2], page.one(id="stale")[1]["role"]), ("No answer", "alert"))
        self.assertIn("97.4", page.text)

    def test_a_gateway_that_returns_is_taken_up_again(self):
        answers = {}
        for path, body in stand_in.scene().items():  # all but the second round
            answers[path] = lambda body=body, count=itertools.count(): None if next(count) == 1 else body
        page = loaded(answers, milliseconds=5500)
        self.assert_sound(page)
        self.assertIn("hidden", page.one(id="stale")[1])
        self.assertEqual(page.one(id="status")[2], "Degraded")

    def test_a_hidden_tab_does_not_ask(self):
        hide = """let veiled = true; Object.defineProperty(document, "hidden", {get: () => veiled});
            setTimeout(() => { veiled = false; document.dispatchEvent(new Event("visibilitychange")); }, 5000);"""
        page = loaded(stand_in.scene(), hide, milliseconds=6000)
        self.assert_sound(page)
        self.assertEqual(page.one(lang="en")[1]["data-rounds"], "1")


class Palette(unittest.TestCase):
    def test_text_has_the_contrast_that_wcag_aa_asks_for(self):
        def luminance(colour):
            digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
            shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
            linear = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

        schemes = re.findall(r":root \{(.*?)\}", stand_in.PAGE.read_text(), re.DOTALL)
        self.assertEqual(len(schemes), 2)
        pairs = [(ink, paper, 4.5) for ink in ("text", "soft") for paper in ("card", "page", "off-tint")]
        pairs += [(tone, paper, 4.5) for tone in ("ok", "bad", "warn", "off") for paper in (tone + "-tint", "card")]
        pairs += [(f"c{hue}", "card", 3.0) for hue in range(6)]
        for scheme, (ink, paper, least) in itertools.product(schemes, pairs):
            colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+);", scheme))
            light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
            with self.subTest(ink=ink, paper=paper, scheme=colours["page"]):
                self.assertGreaterEqual((light + 0.05) / (dark + 0.05), least)


if __name__ == "__main__":
    unittest.main()
