# SPDX-License-Identifier: MIT
"""The dashboard as the real gateway serves it, with the four services behind it and one breaker open."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest
import urllib.parse

import browser

BIN = pathlib.Path(os.environ["SEAWALL_BIN"])
NAMES = ("trading", "gamification", "social", "user")


def start(*command):
    """A program that is ready, and its URL."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        process.kill()
        raise RuntimeError(f"{command[0]} said {line!r}")
    return process, line.split()[-1]


def ask(url, method, path, body=None):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
    headers = {"Accept": "application/json", "Content-Type": "application/json", "X-User-ID": "somebody"}
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body) if body else None, headers)
        return json.loads(connection.getresponse().read())


def until(condition):
    while not condition():
        time.sleep(0.05)


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.processes = []
        cls.addClassCleanup(cls.stop)
        gateway, cls.url = start(BIN / "seawall-gateway", "--port", 0, "--test-endpoints")
        cls.processes.append(gateway)
        for name in NAMES:
            service = BIN / "seawall-service"
            cls.processes.append(start(service, "--service", name, "--port", 0, "--gateway", cls.url)[0])
        # A service says that it listens before it is registered.
        until(lambda: ask(cls.url, "GET", "/health")["status"] == "healthy")
        order = {"user_id": 7, "asset_symbol": "BTC", "direction": "LONG", "amount": 5000}
        for _ in range(3):
            ask(cls.url, "POST", "/api/v1/trading/execute", order)
        ask(cls.url, "POST", "/test/circuit-breaker/social")
        # Until the history has a second after the trades: then no figure on the page changes any more.
        until(lambda: any(cls.history()["trades_per_second"]) and cls.history()["trades_per_second"][-1] == 0)

    @classmethod
    def history(cls):
        return ask(cls.url, "GET", "/dashboard/history")["data"]

    @classmethod
    def stop(cls):
        for process in reversed(cls.processes):
            process.send_signal(signal.SIGTERM)
        for process in cls.processes:
            process.wait()
            process.stdout.close()

    def test_what_the_gateway_says_is_what_the_page_shows(self):
        metrics = ask(self.url, "GET", "/dashboard")["data"]["metrics"]
        states = {name: one["circuit_breaker"] for name, one in ask(self.url, "GET", "/health")["services"].items()}
        self.assertEqual((metrics["trades_executed"], states["social"]), (3, "open"))
        for width in (1280, 375):
            with self.subTest(width=width):
                page = browser.load(self.url + "/dashboard", width=width, milliseconds=2500)
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
                for name in NAMES:
                    self.assertIn("1 of 1", page.one(data_service=name)[2])
                for word in ("undefined", "NaN", "null", "[object"):
                    self.assertNotIn(word, page.text)
                self.assertTrue(page.where(**{"class": "curve"}))


if __name__ == "__main__":
    unittest.main()
