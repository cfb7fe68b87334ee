#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Headers: each public one compiles alone without exceptions and RTTI, the umbrellas are complete, the C one is C99."""

import concurrent.futures
import itertools
import os
import pathlib
import shutil
import subprocess

import check_layers
import tree
from tree import Finding

STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
CXX = [os.environ.get("CXX", "g++"), "-std=c++20", *STRICT]
C = [os.environ.get("CC", "gcc"), "-pedantic", "-Wstrict-prototypes", *STRICT]

# Object files, as ccache keeps no others: it spares a second run the headers that did not change, nor what they include.
CCACHE = [path] if (path := shutil.which("ccache")) else []
SCRATCH = pathlib.Path("build", "lint")
ENVIRONMENT = {**os.environ, "CCACHE_DEPEND": "1"}  # by the list of included files, without the preprocessor


def compiles(command: list[str], include: pathlib.Path, source: pathlib.Path, text: str) -> str:
    """The compiler's first complaint about `text`, which is written to `source`, or nothing."""
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    to_object = ["-I", str(include), "-MD", "-MF", f"{source}.d", "-o", f"{source}.o", "-c", str(source)]
    result = subprocess.run([*CCACHE, *command, *to_object], env=ENVIRONMENT, capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    lines = [line for line in result.stderr.splitlines() if "error" in line]
    return (lines or result.stderr.splitlines() or ["no message"])[0]


def closures(root: pathlib.Path, headers: list[str], flags: list[str]) -> dict[str, set[str]]:
    """Each header with all files that it brings, itself among them; nothing where the preprocessor stops."""
    command = [*flags, "-I", "include", "-x", "c++", "-M", *headers]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    rules = result.stdout.replace("\\\n", " ").splitlines() if result.returncode == 0 else []
    files = [rule.split(": ", 1)[1].split() for rule in rules if rule]
    return {brought[0]: set(brought) for brought in files}


def chains(brought: dict[str, set[str]]) -> list[list[str]]:
    """The headers in rows, each of which brings all that the one before it does, and so sees there what it sees alone."""
    rows: list[list[str]] = []
    for header in sorted(brought, key=lambda name: (len(brought[name]), name)):
        fitting = [row for row in rows if brought[row[-1]] <= brought[header]]
        if fitting:
            max(fitting, key=lambda row: len(brought[row[-1]])).append(header)
        else:
            rows.append([header])
    return rows


def alone(root: pathlib.Path) -> list[Finding]:
    """With -fno-exceptions -fno-rtti: what compiles so compiles with them too. Twice, so that the guard is tested. Those
    of a row in one unit, which is less than half of the work; those of one that fails again, each alone."""
    headers = [str(path) for path in tree.files(root, ".h", folders=("include",))]
    flags = [*CXX, "-fno-exceptions", "-fno-rtti"]

    def complaint(row: list[str]) -> str:
        lines = [f'#include "{path.removeprefix("include/")}"\n' * 2 for path in row]
        source = root / SCRATCH / row[-1].replace("/", "-").replace(".h", ".cc")
        return compiles(flags, root / "include", source, "".join(lines))

    def findings(row: list[str]) -> list[Finding]:
        if not (together := complaint(row)):
            return []
        found = [Finding(path, "alone", why) for path in row if (why := complaint([path]))]
        return found or [Finding(row[-1], "alone", together)]

    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        brought: dict[str, set[str]] = {}
        for part in pool.map(lambda first: closures(root, headers[first::workers], flags), range(workers)):
            brought.update(part)
        rows = chains({header: brought.get(header, {header}) for header in headers})
        return sorted(itertools.chain.from_iterable(pool.map(findings, reversed(rows))))


def reachable(root: pathlib.Path, start: str) -> set[str]:
    seen, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path in seen or not (root / path).is_file():
            continue
        seen.add(path)
        found = (check_layers.resolve(root, path, text) for text in tree.includes((root / path).read_text()))
        todo += [target for target in found if target]
    return seen


def umbrellas(root: pathlib.Path) -> list[Finding]:
    """core.h reaches every header-only component, seawall.h all but testing/, redis/, dns/ and what detail/ keeps to itself."""
    findings = []
    public = [str(p) for p in tree.files(root, ".h", folders=("include",))]
    wanted = [p for p in public if p.split("/")[2] not in ("detail", "testing", "redis", "dns", "seawall.h")]
    header_only = [p for p in wanted if p.split("/")[2] not in ("runtime", "algorithm")]
    for umbrella, parts in (("include/seawall/core.h", header_only), ("include/seawall/seawall.h", wanted)):
        reached = reachable(root, umbrella)
        findings += [Finding(umbrella, "umbrella", f"does not include {p}") for p in parts if p not in reached]
    core = reachable(root, "include/seawall/core.h")
    return findings + [
        Finding("include/seawall/core.h", "umbrella", f"includes {p}, which needs the library")
        for p in sorted(core)
        if "/runtime/" in p
    ]


def c_header(root: pathlib.Path) -> list[Finding]:
    findings = []
    for what, suffix, command in (
        ("C99", "c", [*C, "-std=c99"]),
        ("C11", "c", [*C, "-std=c11"]),
        ("C++20", "cc", [*CXX, "-pedantic", "-fno-exceptions"]),
    ):
        for path in sorted((root / "capi").glob("seawall*_c.h")):
            line = f'#include "{path.name}"\n'
            source = root / SCRATCH / f"{path.stem}-{what}.{suffix}"
            if why := compiles(command, root / "capi", source, line + line + "int the_unit_is_not_empty;\n"):
                findings.append(Finding(f"capi/{path.name}", "c-header", f"as {what}: {why}"))
    return findings


def check(root: pathlib.Path) -> list[Finding]:
    return alone(root) + umbrellas(root) + c_header(root)


if __name__ == "__main__":
    tree.run(check, __doc__)
