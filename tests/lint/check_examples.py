#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Examples: the C++ code in the opening comment of each public header compiles, with tests/lint/example_context.h."""

import os
import pathlib
import re
import subprocess

import tree
from tree import Finding

COMMAND = [os.environ.get("CXX", "g++"), "-std=c++20", "-x", "c++", "-fsyntax-only"]
# What the examples of include/seawall/redis call by names that are other limits elsewhere.
REDIS = """extern seawall::redis::RateLimiter users, service; extern seawall::redis::Registrar registrar;
extern seawall::redis::Store store;"""


def examples(text: str) -> list[tuple[int, list[str]]]:
    """(line number, lines) of the indented blocks in front of #pragma once that have a statement."""
    found: list[tuple[int, list[str]]] = []
    open_block = False
    for number, line in enumerate(text.split("#pragma once")[0].splitlines(), 1):
        if line.startswith("//   "):
            if not open_block:
                found.append((number, []))
            found[-1][1].append(line[2:])
        open_block = line.startswith("//   ")
    return [(number, lines) for number, lines in found if any(re.search(r";\s*(//.*)?$", line) for line in lines)]


def program(root: pathlib.Path, headers: list[pathlib.PurePath]) -> str:
    parts = [f'#include "{path.relative_to("include")}"' for path in headers]
    parts.append(f'#include "{root}/tests/lint/example_context.h"')
    for index, path in enumerate(headers):
        for number, lines in examples((root / path).read_text()):
            given = REDIS if path.parts[2] == "redis" else ""
            parts.append(f"namespace of_{index}_{number} {{ {given} int example() {{\n#line {number} \"{path}\"")
            parts += lines + ["return 0; } }"]
    return "\n".join(parts) + "\n"


def check(root: pathlib.Path) -> list[Finding]:
    headers = [path for path in tree.files(root, ".h", folders=("include",)) if path.parts[2] not in ("detail", "algorithm")]
    command = [*COMMAND, "-I", str(root / "include"), "-"]
    result = subprocess.run(command, input=program(root, headers), capture_output=True, text=True)
    errors = re.findall(r"^(\S+?):(\d+):\d+: error: (.*)$", result.stderr, re.M)
    if result.returncode and not errors:
        errors = [("include", "0", result.stderr[-200:])]
    return [Finding(f"{path}:{line}", "example", why) for path, line, why in errors]


if __name__ == "__main__":
    tree.run(check, __doc__)
