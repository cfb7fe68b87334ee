# SPDX-License-Identifier: MIT
"""The dashboard as the real gateway serves it, with the four services behind it and one breaker open."""

import pathlib
import sys
import unittest

import browser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.stack import SERVICES, TRADE, Stack, wait_until  # noqa: E402 (needs the path)


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack("--test-endpoints"))
        cls.stack.start_all()
        for _ in range(3):
            cls.stack.call("POST", "/api/v1/trading/execute", {**TRADE, "amount": 5000})
        cls.stack.call("POST", "/test/circuit-breaker/social")
        # Until the history has a second after the trades: then no figure on the page changes any more.
        wait_until("a second without trades", lambda: any(trades := cls.trades()) and trades[-1] == 0)

    @classmethod
    def trades(cls):
        return cls.stack.get("/dashboard/history").json()["data"]["trades_per_second"]

    def test_what_the_gateway_says_is_what_the_page_shows(self):
        metrics = self.stack.get("/dashboard").json()["data"]["metrics"]
        states = {name: one["circuit_breaker"] for name, one in self.stack.get("/health").json()["services"].items()}
        self.assertEqual((metrics["trades_executed"], states["social"]), (3, "open"))
        for width in (1280, 375):
            with self.subTest(width=width):
                page = browser.load(self.stack.url + "/dashboard", width=width, milliseconds=2500)
                root = page.one(lang="en")[1]
                self.assertNotIn("data-error", root)
                shown = {one[1]["data-service"]: one[1]["data-breaker"] for one in page.elements if "data-service" in one[1]}
                self.assertEqual(shown, states)
                self.assertEqual(page.one(id="status")[2], "Degraded")
                self.assertIn("hidden", page.one(id="stale")[1])
                tiles = {}
                for one in page.where(**{"class": "card tile"}):
                    for title in ("Trades", "Revenue", "Active users", "Refused"):
                        if one[2].startswith(title):
                            tiles[title] = one[2]
                self.assertIn(f"{metrics['trades_executed']} executed", tiles["Trades"])
                self.assertIn(f"{metrics['revenue_generated']:.2f}", tiles["Revenue"])
                self.assertIn(str(metrics["users_active"]), tiles["Active users"])
                self.assertIn(f"{metrics['rate_limited_total']} over a limit", tiles["Refused"])
                for name in SERVICES:
                    self.assertIn("1 of 1", page.one(data_service=name)[2])
                for word in ("undefined", "NaN", "null", "[object"):
                    self.assertNotIn(word, page.text)
                self.assertTrue(page.where(**{"class": "curve"}))


if __name__ == "__main__":
    unittest.main()
