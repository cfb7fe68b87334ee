#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs and runs the peers, runs our own benchmarks in the same minutes, and prints all in one table: for each
operation ours, the peers', what each measures, and how each compares with an atomic addition (FA) and a clock read (CLK)
that seawall_bench measured in the same run.

Writes build/bench/peers.md (the table) and adds a row for each peer to build/bench/results.json, with the id
"operation@peer". What cannot be installed is listed as such. README.md beside this file says how to read it.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import run as ours  # noqa: E402
from kits import KITS, Kit  # noqa: E402
from quoted import MACHINE, QUOTED  # noqa: E402
from targets import TARGETS  # noqa: E402

OURS = "Seawall"
# Ours that have no target: a call that the peers make too, and the same script through hiredis alone.
UNTARGETED = ("redis.call", "redis.evalsha_call")
# From Python, with one thread, the best of ours may cost at most this part of the peer's.
SHARES = [
    ("python.breaker", "pybreaker", 3),
    ("python.breaker_with", "pybreaker", 3),
    ("python.breaker_decorated", "pybreaker", 3),
    ("python.keyed", "limits", 4),
]


def execute(command: tuple[str, ...], environment: dict[str, str], seconds: float) -> tuple[str, str]:
    """(what it printed, why it failed or "")."""
    try:
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    if done.returncode == 0:
        return done.stdout, ""
    last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return done.stdout, last[0]


def install(kit: Kit) -> str:
    """Why it could not be installed, or ""."""
    if missing := kit.missing():
        return f"{', '.join(missing)} not found"
    for command in kit.install:
        if why := execute(command, kit.environment, 1800)[1]:
            return f"{' '.join(command[:3])} ...: {why}"
    return ""


class Redis:
    """A redis-server of our own on a free port of loopback, in which the peers and ours keep their limits."""

    def __enter__(self) -> dict[str, str]:
        """The environment that names it; empty where there is none."""
        self.process = None
        if shutil.which("redis-server") is None:
            return {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return {"PEER_REDIS_PORT": str(port)}
            time.sleep(0.01)
        raise SystemExit("redis-server does not start")

    def __exit__(self, *_) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.folder.cleanup()


def parse(text: str) -> list[dict]:
    """The rows of one peer's output: {"peer", "id", "what", "threads", "ns": [each repetition], "bytes"?}."""
    rows = []
    for line in text.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            samples = row.pop("ns")
            row["ns"] = statistics.median(samples)
            row["spread"] = (max(samples) - min(samples)) / row["ns"]
            rows.append({key: value for key, value in row.items() if value is not None})
    return rows


def install_all(kits: list[Kit]) -> dict[str, str]:
    """{peer: why it is not installed}"""
    failed: dict[str, str] = {}
    for kit in kits:
        print(f"{kit.name}: installing ...", flush=True)
        if why := install(kit):
            failed |= {peer: f"not installed: {why}" for peer in kit.peers}
    return failed


def measure_peers(kits: list[Kit], pace: dict[str, str]) -> tuple[list[dict], dict[str, str]]:
    """The rows, and {peer: why it is not among them}. `pace`: what the environment of each says."""
    rows: list[dict] = []
    failed = install_all(kits)
    for kit in kits:
        if failed.keys() >= kit.peers.keys():
            continue
        for peer, command in kit.peers.items():
            print(f"{kit.name}: {peer} ...", flush=True)
            text, why = execute(command, kit.environment | pace, 1800)
            found = parse(text)
            rows += found
            if why or not found:
                failed[peer] = f"failed: {why or 'measured nothing'}"
        if kit.name == "python":
            command = ("/usr/bin/python3", "-B", str(HERE.parent / "python.py"))
            text, why = execute(command, pace, 1800)
            rows += parse(text)
            if why:
                failed["Seawall from Python"] = f"failed: {why}"
    return rows, failed


def measure_ours(options: argparse.Namespace) -> list[dict]:
    beside = [target.other() for target in TARGETS.values() if target.other()]
    wanted = "|".join(name.replace(".", r"\.") for name in [*TARGETS, *beside, *UNTARGETED, "series.bytes"])
    settings = argparse.Namespace(
        filter=f"^baseline|^({wanted})(/|$)", repetitions=options.repetitions, min_time=options.ms / 1000
    )
    found, weights, _ = ours.samples(ours.measure(ours.BUILD / "bin" / "seawall_bench", settings))
    return ours.rows(found, weights)


def compare(rows: list[dict], base: dict[str, float]) -> list[dict]:
    """The peers' rows with their ratios to our baselines."""
    return [row | {f"{name}_ratio": row["ns"] / unit for name, unit in base.items()} for row in rows]


def quoted() -> list[dict]:
    rows = []
    for identifier, peer, what, additions, clocks in QUOTED:
        for threads in (1, 2):
            if additions[threads - 1] is None and clocks[threads - 1] is None:
                continue
            row = {"id": identifier, "peer": f"{peer} (quoted)", "what": what, "threads": threads}
            rows.append(row | {"fetch_add_ratio": additions[threads - 1], "clock_ratio": clocks[threads - 1]})
    return rows


def cell(row: dict, key: str, form: str) -> str:
    value = row.get(key)
    return "" if value is None else format(value, form)


def ratio(row: dict, key: str) -> str:
    return cell(row, key, ".2f" if (row.get(key) or 0) < 100 else ",.0f")


def render(rows: list[dict]) -> str:
    """One Markdown table, an operation after the other, ours first."""
    lines = [
        "| operation | who | what is measured | threads | ns | x FA | x CLK | bytes | spread |",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    order = {name: place for place, name in enumerate(TARGETS)}
    ranked = sorted(rows, key=lambda r: (order.get(r["id"], len(order)), r["id"], not is_ours(r), r["peer"], r["threads"]))
    for row in ranked:
        target = TARGETS.get(row["id"])
        what = row["what"]
        if is_ours(row) and target and (must := target.text(row["threads"])):
            what += f"; must reach {must}: {'yes' if target.met(row) else '**no**'}"
        cells = [row["id"], row["peer"], what, str(row["threads"]), cell(row, "ns", ",.1f"),
                 ratio(row, "fetch_add_ratio"), ratio(row, "clock_ratio"), cell(row, "bytes", ".0f"),
                 cell(row, "spread", ".0%")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def is_ours(row: dict) -> bool:
    return row["peer"].startswith(OURS)


def losses(rows: list[dict]) -> list[str]:
    """A line for each operation in which a peer beats the best of ours: in time, or in bytes."""
    lines = []
    for key in sorted({(row["id"], row["threads"]) for row in rows}):
        here = [row for row in rows if (row["id"], row["threads"]) == key]
        for field, unit in (("fetch_add_ratio", "FA"), ("bytes", "bytes")):
            mine = [row[field] for row in here if is_ours(row) and row.get(field) is not None]
            theirs = [row for row in here if not is_ours(row) and row.get(field) is not None]
            best = min(theirs, key=lambda row: row[field], default=None)
            if mine and best and best[field] < min(mine):
                lines.append(f"{key[0]}, {key[1]} threads: {best['peer']} {best[field]:.2f} {unit}, ours {min(mine):.2f}")
    return lines


def shares(rows: list[dict]) -> list[str]:
    """A line for each of SHARES that was measured: the part, and whether it is small enough."""
    lines = []
    for identifier, peer, part in SHARES:
        here = [row for row in rows if row["id"] == identifier and row["threads"] == 1]
        mine = min((row["ns"] for row in here if is_ours(row)), default=None)
        theirs = min((row["ns"] for row in here if row["peer"].startswith(peer)), default=None)
        if mine is not None and theirs is not None:
            verdict = "yes" if mine * part <= theirs else "**no**"
            lines.append(f"{identifier}: {mine:,.0f} ns, 1/{theirs / mine:.1f} of {peer}; at most 1/{part}: {verdict}")
    return lines


def report(rows: list[dict], failed: dict[str, str], base: dict[str, float]) -> str:
    parts = [f"FA {base['fetch_add']:.2f} ns, CLK {base['clock']:.1f} ns on this machine. Rows marked (quoted) are {MACHINE}."]
    parts.append(render(rows))
    if lines := shares(rows):
        parts.append("What was asked of the calls from Python:\n\n" + "\n".join(f"- {line}" for line in lines))
    if lines := losses(rows):
        parts.append("Where a peer beats ours:\n\n" + "\n".join(f"- {line}" for line in lines))
    if failed:
        parts.append("Not in the table:\n\n" + "\n".join(f"- {peer}: {why}" for peer, why in sorted(failed.items())))
    return "\n\n".join(parts) + "\n"


def merge(path: pathlib.Path, mine: list[dict], theirs: list[dict]) -> None:
    """Our rows of this run and the peers' take the place of older ones; other rows stay."""
    there = json.loads(path.read_text()) if path.exists() else []
    named = [row | {"id": f"{row['id']}@{row['peer']}"} for row in theirs]
    fresh = ours.results(mine) + ours.results(named)
    keys = {(row["id"], row["threads"]) for row in fresh}
    kept = [row for row in there if "@" not in row["id"] and (row["id"], row["threads"]) not in keys]
    path.write_text(json.dumps(kept + fresh, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", action="append", choices=[kit.name for kit in KITS], help="these kits; may be repeated")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="download and build, measure nothing")
    parser.add_argument("--ms", type=int, default=100, help="length of each repetition")
    options = parser.parse_args()
    kits = [kit for kit in KITS if not options.only or kit.name in options.only]

    if options.install:
        failed = install_all(kits)
        raise SystemExit("\n".join(f"{peer}: {why}" for peer, why in failed.items()) or 0)

    mine = measure_ours(options)
    base = {row["id"].removeprefix("baseline."): row["ns"] for row in mine
            if row["id"].startswith("baseline.") and row["threads"] == 1}
    base = {name: base[name] for name in ("fetch_add", "clock")}
    with Redis() as redis:
        pace = {"PEER_REPETITIONS": str(options.repetitions), "PEER_MS": str(options.ms)}
        theirs, failed = measure_peers(kits, pace | redis)
    theirs = compare(theirs, base)

    shown = [row | {"peer": OURS, "what": "as bench/README.md says"} for row in mine if row["id"] in {*TARGETS, *UNTARGETED}]
    text = report(shown + theirs + quoted(), failed, base)
    (ours.BUILD / "peers.md").write_text(text)
    merge(ours.BUILD / "results.json", mine, theirs)
    print("\n" + text)
    print(f"written: {ours.BUILD / 'peers.md'}, {ours.BUILD / 'results.json'}")


if __name__ == "__main__":
    main()
