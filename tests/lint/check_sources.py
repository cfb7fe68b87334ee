#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text rules: licence line, ASCII, sizes, no unfinished marks, and no call the core must not make."""

import pathlib
import re

import tree
from tree import Finding

MAX_HEADER = 300
MAX_SOURCE = 500
# Generated, or one file by decision (each library of the C API has exactly one header).
UNBOUNDED = {"capi/seawall_c.h", "capi/seawall_redis_c.h", "bindings/python/seawall/_ffi.py"}

# In include/ and src/: time is an argument, the host owns threads and output. The clock is read in time.h alone. A store
# of src/redis owns its thread, and one that looks a name up.
BANNED = {
    "wall-clock": r"\bsystem_clock\b|\bCLOCK_REALTIME\w*|\bgettimeofday\b|\bstd::time\b|\btime\s*\(\s*(?:NULL|nullptr|0)\s*\)",
    "own-clock": r"\bsteady_clock\b|\bhigh_resolution_clock\b|\bclock_gettime\b",
    "sleep": r"\bsleep_for\b|\bsleep_until\b|\bu?sleep\s*\(|\bnanosleep\b",
    "thread": r"\bstd::j?thread\b|\bpthread_create\b|\bstd::async\b",
    "random": r"\bs?rand\s*\(",
    "output": r"\bf?printf\s*\(|\bputs\s*\(|\bstd::(?:cout|cerr|clog)\b",
    "fence": r"\batomic_thread_fence\b",
}
ALLOWED = {
    ("include/seawall/time.h", "own-clock"),
    ("src/redis/store_core.h", "thread"),
    ("src/redis/store.cc", "thread"),
    ("src/redis/node.cc", "thread"),
}

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def check(root: pathlib.Path) -> list[Finding]:
    findings: list[Finding] = []
    for path in tree.files(root, ".h", ".cc", ".c", ".py", ".cmake", "CMakeLists.txt"):
        name = str(path)
        raw = (root / path).read_bytes()
        text = raw.decode("utf-8", "replace")
        findings += ascii_only(name, raw)
        findings += unfinished(name, text)
        if path.suffix in {".h", ".cc", ".c", ".py"}:
            findings += licence(name, text) + size(name, text)
        if name.startswith(("include/", "src/")) and path.suffix in {".h", ".cc"}:
            findings += banned(name, text)
    return findings


def ascii_only(name: str, raw: bytes) -> list[Finding]:
    bad = [number for number, line in enumerate(raw.splitlines(), 1) if not line.isascii()]
    return [Finding(f"{name}:{bad[0]}", "ascii", f"{len(bad)} lines are not ASCII")] if bad else []


def unfinished(name: str, text: str) -> list[Finding]:
    if name.startswith("tests/lint/"):
        return []
    return [Finding(f"{name}:{tree.line_of(text, m.start())}", "unfinished", m[0]) for m in UNFINISHED.finditer(text)]


def licence(name: str, text: str) -> list[Finding]:
    first = text.splitlines()[:2]
    if not text or any("SPDX-License-Identifier: MIT" in line for line in first):
        return []
    return [Finding(name, "spdx", "no SPDX-License-Identifier: MIT in the first two lines")]


def size(name: str, text: str) -> list[Finding]:
    lines = text.count("\n")
    limit = MAX_HEADER if name.endswith(".h") else MAX_SOURCE
    if lines <= limit or name in UNBOUNDED:
        return []
    return [Finding(name, "size", f"{lines} lines, at most {limit}")]


def banned(name: str, text: str) -> list[Finding]:
    code = tree.code_only(text)
    return [
        Finding(f"{name}:{tree.line_of(code, m.start())}", rule, f"{m[0]} must not be used here")
        for rule, pattern in BANNED.items()
        if (name, rule) not in ALLOWED
        for m in re.finditer(pattern, code)
    ]


if __name__ == "__main__":
    tree.run(check, __doc__)
