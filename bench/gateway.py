#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Seawall costs a gateway: wrk against the example gateway and against the same gateway without any Seawall call
(--no-seawall), in turns, on this machine. Prints a table of medians and the ratio; the absolute numbers mean little.

    cmake --preset demo && cmake --build --preset demo
    bench/gateway.py [--bin build/release/bin] [--seconds 5] [--rounds 5] [--connections 32]

Both gateways forward to the same service process. The limits are set out of reach, but are asked and charged.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import statistics
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATH = "/api/v1/social/feed"
FAR = "1000000000/60s"


@contextlib.contextmanager
def program(*command):
    """Runs a program that prints where it listens; gives that URL."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if "listening on " not in line:
            raise SystemExit(f"{command[0]} did not start")
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()


def await_ok(url: str) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(url, timeout=5).status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"{url} does not answer with 200")


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def measure(url: str, seconds: int, connections: int) -> tuple:
    """(requests a second, p50 in ms, p99 in ms); any answer but 200 is an error."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"errors at {url}:\n{text}")
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1))
    p50, p99 = (milliseconds(re.search(rf"(?m)^\s+{share}%\s+(\S+)$", text).group(1)) for share in (50, 99))
    return rate, p50, p99


def at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--seconds", type=at_least_one, default=5)
    parser.add_argument("--rounds", type=at_least_one, default=5)
    parser.add_argument("--connections", type=at_least_one, default=32)
    given = parser.parse_args()
    gateway, service = given.bin / "seawall-gateway", given.bin / "seawall-service"
    for path in (gateway, service):
        if not path.is_file():
            parser.error(f"{path} is not built: cmake --preset demo && cmake --build --preset demo")
    if shutil.which("wrk") is None:
        parser.error("wrk is not there: .ci/install-deps bench")
    with contextlib.ExitStack() as stack:
        limits = ("--user-limit", FAR, "--service-limit", FAR)
        seawall = stack.enter_context(program(gateway, "--port", 0, *limits))
        direct = stack.enter_context(program(service, "--service", "social", "--gateway", seawall))
        upstream = f"social={direct.removeprefix('http://')}"
        plain = stack.enter_context(program(gateway, "--port", 0, "--no-seawall", "--upstream", upstream))
        contestants = {
            "service alone": direct + PATH,
            "gateway without Seawall": plain + PATH,
            "gateway with Seawall": seawall + PATH,
            "gateway with Seawall, its own /health": seawall + "/health",
        }
        results: dict = {name: [] for name in contestants}
        for url in contestants.values():
            await_ok(url)
            measure(url, 1, given.connections)  # warm
        for number in range(given.rounds):
            order = list(contestants.items())
            for name, url in order[number % 4 :] + order[: number % 4]:
                results[name].append(measure(url, given.seconds, given.connections))
    print(f"wrk, {given.connections} connections, medians of {given.rounds} rounds of {given.seconds} s")
    print("| | requests/s | p50 ms | p99 ms |\n| --- | --: | --: | --: |")
    for name, rounds in results.items():
        rate, p50, p99 = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |")
    ratios = [a[0] / b[0] for a, b in zip(results["gateway with Seawall"], results["gateway without Seawall"])]
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"\nwith / without Seawall: {statistics.median(ratios):.3f} of the requests/s (rounds: {spread})")


if __name__ == "__main__":
    main()
