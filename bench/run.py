#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs seawall_bench, and of python.py what has a target. Prints for each operation and number of threads its time, how
it compares with an atomic addition, a clock read and an uncontended mutex that were measured in the same run, and what it
must reach (targets.py).

Writes build/bench/results.json: [{"id", "threads", "ns", "fetch_add_ratio", "clock_ratio"}], one row for each
(id, threads), with "bytes" where a key or series was weighed, "ratio" and "ratio_to" where the target is another row,
and "local_percent" of decisions that could be made without asking Redis. README.md beside this file says how to read the numbers.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys

from targets import MOST_BYTES, TARGETS

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build" / "bench"
BASELINES = {"fetch_add": "baseline.fetch_add", "clock": "baseline.clock", "mutex": "baseline.mutex"}
_DECORATION = re.compile(r"/(?:real_time|process_time|manual_time|threads:\d+|min_time:[\d.]+s?|repeats:\d+)")
_ID = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
EXTRA = ("bytes", "local_percent")  # counters of Google Benchmark that are kept
MISSING = "needs "  # how the error of a benchmark begins that could not run here
_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def measure(program: pathlib.Path, options: argparse.Namespace) -> dict:
    """One run of the program with its repetitions in random order, so that a slow minute hits all alike."""
    if not program.exists():
        raise SystemExit(f"{program} is missing: run `make bench`")
    out = program.parent.parent / "benchmark.json"
    command = [
        str(program),
        f"--benchmark_filter={options.filter}",
        f"--benchmark_repetitions={options.repetitions}",
        f"--benchmark_min_time={options.min_time}",
        "--benchmark_enable_random_interleaving=true",
        "--benchmark_out_format=json",
        f"--benchmark_out={out}",
    ]
    print(f"{program.name}: {options.repetitions} repetitions of each operation, interleaved ...", flush=True)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(out.read_text())


def samples(report: dict) -> tuple[dict, dict, list[str]]:
    """{(id, threads): [ns of each repetition]}, {(id, threads): what else was counted}, and the names that are no part.what.

    Google Benchmark's real_time is wall time over the operations of all threads together; what one thread waits for
    one operation is that times the number of threads.
    """
    found: dict[tuple[str, int], list[float]] = {}
    weights: dict[tuple[str, int], dict[str, float]] = {}
    other: list[str] = []
    for run in report["benchmarks"]:
        if run.get("run_type", "iteration") != "iteration":
            continue
        name = _DECORATION.sub("", run.get("run_name", run["name"]))
        if str(run.get("error_message")).startswith(MISSING):
            continue
        if run.get("error_occurred"):
            raise SystemExit(f"{run['name']}: {run.get('error_message', 'failed')}")
        if not _ID.fullmatch(name):
            other.append(name)
            continue
        threads = run.get("threads", 1)
        ns = run["real_time"] * _NS[run["time_unit"]] * threads
        found.setdefault((name, threads), []).append(ns)
        for key in EXTRA:
            if key in run:
                weights.setdefault((name, threads), {})[key] = run[key]
    return found, weights, sorted(set(other))


def missing(report: dict) -> list[str]:
    """Which operations were left out, for want of what."""
    left_out = [run for run in report["benchmarks"] if str(run.get("error_message")).startswith(MISSING)]
    return sorted({f"{_DECORATION.sub('', run['name'])}: {run['error_message']}" for run in left_out})


def samples_from_python() -> dict:
    """{(id, threads): [ns of each repetition]} of what has a target and is called from Python."""
    here = pathlib.Path(__file__).resolve().parent
    command = ["/usr/bin/python3", "-B", str(here / "python.py"), "pipelines"]
    print("python.py ...", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(row["id"], row["threads"]): row["ns"] for row in lines if row["id"] in TARGETS and row["peer"] == "Seawall"}


def rows(found: dict, weights: dict) -> list[dict]:
    """The median of each operation, its ratios to the uncontended baselines, and its bytes."""
    base = {}
    for name, identifier in BASELINES.items():
        if (identifier, 1) not in found:
            raise SystemExit(f"{identifier} with one thread was not measured: nothing to compare with")
        base[name] = statistics.median(found[identifier, 1])
    table = []
    for (identifier, threads), values in sorted(found.items()):
        ns = statistics.median(values)
        row = {"id": identifier, "threads": threads, "ns": ns, "spread": (max(values) - min(values)) / ns}
        row.update({f"{name}_ratio": ns / unit for name, unit in base.items()})
        row.update(weights.get((identifier, threads), {}))
        target = TARGETS.get(identifier)
        if target and (other := target.other()) and (other, threads) in found:
            row.update(ratio=ns / statistics.median(found[other, threads]), ratio_to=other)
        table.append(row)
    return table


def verdict(row: dict) -> tuple[str, str]:
    """What the row must reach, and whether it does; both empty where nothing was asked."""
    if row["id"] in MOST_BYTES:
        most = MOST_BYTES[row["id"]]
        return f"{most:g} bytes", "yes" if row.get("bytes", most + 1) <= most else "NO"
    target = TARGETS.get(row["id"])
    met = target.met(row) if target else None
    return ("", "") if met is None else (target.text(row["threads"]), "yes" if met else "NO")


def render(table: list[dict]) -> str:
    """As a Markdown table. Spread is (slowest - fastest repetition) / median."""
    lines = [
        "| operation | threads | ns | x fetch_add | x clock | x mutex | spread | bytes | must reach | reached |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --- | --- |",
    ]
    for row in table:
        ratios = " | ".join(f"{row[f'{name}_ratio']:.2f}" for name in BASELINES)
        weight = f"{row['bytes']:.1f}" if "bytes" in row else ""
        must, reached = verdict(row)
        if reached and "ratio" in row:
            local = f", {row['local_percent']:.3f} % local" if "local_percent" in row else ""
            reached = f"{reached} ({row['ratio']:.2f}{local})"
        lines.append(
            f"| {row['id']} | {row['threads']} | {row['ns']:.1f} | {ratios} | {row['spread']:.0%} | {weight} | "
            f"{must} | {reached} |"
        )
    return "\n".join(lines)


def missed(table: list[dict]) -> list[str]:
    """A line for each operation that does not reach its target."""
    lines = []
    for row in table:
        must, reached = verdict(row)
        if reached == "NO":
            got = f"{row['ns']:.1f} ns, {row['fetch_add_ratio']:.2f} FA, {row['clock_ratio']:.2f} CLK"
            got += f", {row['bytes']:.1f} bytes" if "bytes" in row else ""
            got += f", {row['ratio']:.2f} {row['ratio_to']}" if "ratio" in row else ""
            got += f", {row['local_percent']:.3f} % local" if "local_percent" in row else ""
            lines.append(f"{row['id']}, {row['threads']} threads: {got}; must reach {must}")
    return lines


def unmeasured(table: list[dict]) -> list[str]:
    measured = {row["id"] for row in table}
    return [name for name in [*TARGETS, *MOST_BYTES] if name not in measured]


def results(table: list[dict]) -> list[dict]:
    kept = ("id", "threads", "ns", "fetch_add_ratio", "clock_ratio", "bytes", "ratio", "ratio_to", "local_percent", "peer")
    return [
        {key: round(row[key], 3) if isinstance(row[key], float) else row[key] for key in kept if key in row}
        for row in table
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", type=pathlib.Path, default=BUILD / "bin" / "seawall_bench")
    parser.add_argument("--filter", default=".", help="regular expression; the baselines are always measured")
    parser.add_argument("--repetitions", type=int, default=5, help="at least 5")
    parser.add_argument("--min-time", type=float, default=0.1, help="seconds of each repetition")
    options = parser.parse_args()
    if options.repetitions < 5:
        parser.error("a median of fewer than 5 repetitions says little")
    everything = options.filter == parser.get_default("filter")
    options.filter = f"^baseline|{options.filter}"

    report = measure(options.program, options)
    found, weights, other = samples(report)
    if re.search(options.filter, "pipeline.ctypes"):
        found |= samples_from_python()
    table = rows(found, weights)
    context = report["context"]
    print(f"{context['num_cpus']} CPUs at {context['mhz_per_cpu']} MHz, load {context.get('load_avg')}\n")
    print(render(table))
    if lines := missed(table):
        print("\nNot reached:\n" + "\n".join(f"- {line}" for line in lines))
    if (names := unmeasured(table)) and everything:
        print(f"\nWith a target, but not measured: {', '.join(names)}")
    if lines := missing(report):
        print("\nNot measured:\n" + "\n".join(f"- {line}" for line in lines))
    if other:
        print(f"\nnot in the table, because not named part.what: {', '.join(other)}", file=sys.stderr)
    path = BUILD / "results.json"
    path.write_text(json.dumps(results(table), indent=1) + "\n")
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
