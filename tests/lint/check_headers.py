#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Headers: each public one compiles alone without exceptions and RTTI, the umbrellas are complete, the C one is C99."""

import concurrent.futures
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


def alone(root: pathlib.Path) -> list[Finding]:
    """With -fno-exceptions -fno-rtti: what compiles so compiles with them too. Twice, so that the guard is tested."""
    headers = list(tree.files(root, ".h", folders=("include",)))
    flags = [*CXX, "-fno-exceptions", "-fno-rtti"]

    def one(path) -> str:
        line = f'#include "{path.relative_to("include")}"\n'
        source = root / SCRATCH / str(path).replace("/", "-").replace(".h", ".cc")
        return compiles(flags, root / "include", source, line + line)

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        answers = pool.map(one, headers)
        return [Finding(str(path), "alone", why) for path, why in zip(headers, answers) if why]


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
