#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A little traffic for a gateway that someone watches: about ten requests a second from a few users, for ever.

One of them is impatient and runs into the limit of 200 a minute, so that refusals are seen too.
"""

import argparse
import http.client
import itertools
import json
import random
import time
import urllib.parse

PATIENT = [f"demo-{number}" for number in range(1, 9)]
IMPATIENT = "demo-impatient"


def trade(user):
    order = {"user_id": user, "asset_symbol": random.choice(("BTC", "ETH", "SOL", "STRK"))}
    order.update(direction=random.choice(("LONG", "SHORT")), amount=round(random.uniform(10, 500), 2))
    return "POST", "/api/v1/trading/execute", json.dumps(order)


def register():
    name = f"demo-{random.getrandbits(48):012x}"
    body = {"username": name, "email": name + "@example.com", "password": "a-password-of-the-demo"}
    return "POST", "/api/v1/users/register", json.dumps(body)


def request(user):
    """Method, path and body of what a user does next: mostly looks, often trades, rarely brings a friend."""
    dice = random.random()
    if dice < 0.01:
        return register()
    if dice < 0.3:
        return trade(user)
    if dice < 0.6:
        return "GET", f"/api/v1/gamification/user/{user}/profile", None
    return "GET", "/api/v1/social/feed?limit=10", None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rate", type=float, default=10.0, help="requests a second")
    options = parser.parse_args()
    parts = urllib.parse.urlsplit(options.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    for turn in itertools.count():
        index = turn // 2 % len(PATIENT)
        name = IMPATIENT if turn % 2 else PATIENT[index]
        method, path, body = request(index + 1)
        try:
            connection.request(method, path, body, {"X-User-ID": name, "Content-Type": "application/json"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the gateway may be restarting: the next request connects again
        time.sleep(random.expovariate(options.rate))


if __name__ == "__main__":
    main()
