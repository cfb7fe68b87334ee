#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Layers: who includes whom is as layers.txt says, without cycles, at most six deep; public headers use std alone."""

import fnmatch
import itertools
import pathlib
import re

import tree
from tree import Finding

MAX_DEPTH = 6
STANDARD = set(
    """algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes
    climits clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef
    cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format forward_list
    fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map
    memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex scoped_allocator
    semaphore set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view
    strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility
    valarray variant vector version""".split()
)


class Table:
    """layers.txt."""

    def __init__(self, text: str):
        self.layers: list[tuple[str, list[str]]] = []
        self.may_use: dict[str, set[str]] = {}
        self.forbidden: dict[str, set[str]] = {}
        self.system: list[tuple[list[str], set[str]]] = []
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "layer":
                arrow = words.index("->")
                self.layers.append((words[1], alternatives(words[2:arrow])))
                self.may_use[words[1]] = {words[1], *words[arrow + 1 :]}
            elif words[0] == "forbid":
                self.forbidden.setdefault(words[1], set()).update(words[2:])
            elif words[0] == "system":
                arrow = words.index("->")
                self.system.append((alternatives(words[1:arrow]), set(words[arrow + 1 :])))
            else:
                raise SystemExit(f"layers.txt: not understood: {line}")
        for name, used in self.may_use.items():
            if unknown := used - self.may_use.keys():
                raise SystemExit(f"layers.txt: layer {name} uses unknown {sorted(unknown)}")

    def layer(self, path: str) -> "str | None":
        return next((name for name, patterns in self.layers if matches(path, patterns)), None)

    def system_allowed(self, path: str) -> set[str]:
        return set().union(*(headers for patterns, headers in self.system if matches(path, patterns)))


def alternatives(patterns: list[str]) -> list[str]:
    """a/{b,c}.h -> a/b.h a/c.h"""
    found = []
    for pattern in patterns:
        parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
        found += ["".join(choice) for choice in itertools.product(*parts)]
    return found


def matches(path: str, patterns: list[str]) -> bool:
    # A star stays within one folder in include/ and src/, where folders are layers; elsewhere it crosses them.
    crosses = not path.startswith(("include/", "src/"))
    return any(fnmatch.fnmatchcase(path, p) and (crosses or path.count("/") == p.count("/")) for p in patterns)


def resolve(root: pathlib.Path, path: str, text: str) -> "str | None":
    """The file of this tree that an include means, or None."""
    name = text[1:-1]
    folder = pathlib.PurePosixPath(path).parent
    places = ["include", "capi", "src", "tests"]
    if text.startswith('"'):
        places.insert(0, str(folder))
    for place in places:
        if (root / place / name).is_file():
            return str(pathlib.PurePosixPath(place) / name)
    return None


def check(root: pathlib.Path) -> list[Finding]:
    table = Table((root / "tests/lint/layers.txt").read_text())
    findings: list[Finding] = []
    graph: dict[str, list[str]] = {}
    for path in map(str, tree.files(root, ".h", ".cc", ".c")):
        layer = table.layer(path)
        if layer is None:
            findings.append(Finding(path, "layer", "is in no layer of tests/lint/layers.txt"))
            continue
        graph[path] = []
        for text in tree.includes((root / path).read_text()):
            target = resolve(root, path, text)
            if target is not None:
                graph[path].append(target)
                findings += own_include(table, path, layer, target)
            else:
                findings += system_include(table, path, layer, text)
    return findings + cycles(graph) + depths(table, graph)


def own_include(table: Table, path: str, layer: str, target: str) -> list[Finding]:
    used = table.layer(target)
    if used is None or used in table.may_use[layer]:
        return []
    return [Finding(path, "layer", f"{layer} must not include {target}, which is {used}")]


def system_include(table: Table, path: str, layer: str, text: str) -> list[Finding]:
    if text in table.forbidden.get(layer, ()):
        return [Finding(path, "forbidden", f"{layer} must not include {text}")]
    public = path.startswith("include/")
    if public and (text[0] == '"' or text[1:-1] not in STANDARD) and text not in table.system_allowed(path):
        return [Finding(path, "std-only", f"a public header includes {text}")]
    return []


def cycles(graph: dict[str, list[str]]) -> list[Finding]:
    findings, done = [], set()

    def visit(path: str, trail: list[str]) -> None:
        if path in trail:
            loop = trail[trail.index(path) :] + [path]
            findings.append(Finding(path, "cycle", " -> ".join(loop)))
        elif path not in done:
            for target in graph.get(path, []):
                visit(target, trail + [path])
            done.add(path)

    for path in graph:
        visit(path, [])
    return findings


def depths(table: Table, graph: dict[str, list[str]]) -> list[Finding]:
    """The longest chain of includes below each public header; the umbrellas only list."""

    def depth(path: str, trail: tuple = ()) -> int:
        if path in trail:
            return 0
        return max((1 + depth(target, trail + (path,)) for target in graph.get(path, [])), default=0)

    deep = {path: depth(path) for path in graph if path.startswith("include/") and table.layer(path) != "umbrella"}
    return [Finding(path, "depth", f"{d} includes deep, at most {MAX_DEPTH}") for path, d in deep.items() if d > MAX_DEPTH]


if __name__ == "__main__":
    tree.run(check, __doc__)
