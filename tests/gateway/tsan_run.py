#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The gateway and its services under ThreadSanitizer, driven over every route from many connections at once, with
services that fail, die and return, clients that leave, and a shutdown under load. Fails when a program reports a race
or does not exit with 0.

    cmake --preset tsan-gateway && cmake --build --preset tsan-gateway
    tests/gateway/tsan_run.py [build/tsan-gateway/bin] [SECONDS]
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["SEAWALL_BIN"] = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build" / "tsan-gateway" / "bin")
os.environ.setdefault("TSAN_OPTIONS", "exitcode=66 second_deadlock_stack=1")
sys.path.insert(0, str(ROOT / "tests"))

from support.stack import SERVICES, TRADE, Stack, wait_until  # noqa: E402 (needs SEAWALL_BIN)

SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 12.0
CONNECTIONS = 16
REQUESTS = [
    ("POST", "/api/v1/trading/execute", TRADE),
    ("POST", "/api/v1/trading/execute", {}),
    ("GET", "/api/v1/gamification/user/7/profile", None),
    ("GET", "/api/v1/social/feed?limit=5", None),
    ("HEAD", "/api/v1/social/feed", None),
    ("GET", "/", None),
    ("GET", "/health", None),
    ("GET", "/services", None),
    ("GET", "/dashboard", None),
    ("GET", "/dashboard/history", None),
    ("GET", "/metrics", None),
    ("OPTIONS", "/health", None),
    ("GET", "/nowhere", None),
    ("GET", "/test/rate-limit", None),
    ("POST", "/test/circuit-breaker/user", None),
    ("POST", "/admin/circuit-breaker/reset/user", None),
    ("POST", "/registry/instances", {}),
]


def drive(port: int, number: int, stopping: threading.Event, counts: dict) -> None:
    """Requests in random order; now and then the connection is dropped in the middle of one."""
    dice = random.Random(number)
    connection = None
    while not stopping.is_set():
        method, path, body = dice.choice(REQUESTS)
        if dice.random() < 0.002:
            body = {"username": f"user{number}x{dice.random()}", "email": f"u{dice.random()}@x.org", "password": "p" * 9}
            method, path = "POST", "/api/v1/users/register"
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"X-User-ID": f"u{dice.randrange(50)}"})
            if dice.random() < 0.05:
                raise ConnectionError("this client leaves")
            answer = connection.getresponse()
            answer.read()
            counts[answer.status] = counts.get(answer.status, 0) + 1
        except (OSError, http.client.HTTPException):
            if connection:
                connection.close()
            connection = None


def trouble(stack: Stack, stopping: threading.Event) -> None:
    """Kills and restarts services, and sends bytes that are no HTTP."""
    while not stopping.wait(1.0):
        victim = stack.start("trading", "--fail-rate", "0.5")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", stack.port), timeout=5) as sock:
            sock.sendall(b"NONSENSE\r\n\r\n")
            sock.recv(4096)
        stopping.wait(1.0)
        victim.kill()


def main() -> int:
    options = ("--threads", "4", "--test-endpoints", "--open-duration", "300ms", "--upstream-timeout", "5s",
               "--user-limit", "2000/5s", "--service-limit", "50000/5s")  # fmt: skip
    counts: dict = {}
    with Stack(*options) as stack:
        stable = stack.start_all()
        stopping = threading.Event()
        threads = [threading.Thread(target=drive, args=(stack.port, n, stopping, counts)) for n in range(CONNECTIONS)]
        threads.append(threading.Thread(target=trouble, args=(stack, stopping)))
        for thread in threads:
            thread.start()
        time.sleep(SECONDS)
        wait_until("good and refused answers were seen", lambda: counts.get(200, 0) > 100 and counts.get(404, 0) > 0)
        leaving = stable["social"].stop(30)
        gateway = stack.gateway.stop(30)  # under load
        stopping.set()
        for thread in threads:
            thread.join()
        exits = {"gateway": gateway, "social": leaving, **{n: stable[n].stop(30) for n in SERVICES if n != "social"}}
        reports = [p.errors() for p in [stack.gateway, *stack.services] if "ThreadSanitizer" in p.errors()]
    print("answers:", dict(sorted(counts.items())), "exit codes:", exits)
    for report in reports:
        print(report[:6000])
    return 1 if reports or any(exits.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
