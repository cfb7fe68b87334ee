#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over src/ and capi/. Most of its time goes into the headers that all files include, so it reads several files
as one text. Where it has anything to say of such a text, be it that two of the files have the same name for different
things, it judges each of them alone, and that is what counts.

    tests/lint/tidy.py build/release
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

import tree

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = ["clang-tidy-14", "--quiet", "--warnings-as-errors=*"]
TOGETHER = 8  # files
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(\S+).*$", re.M)
_PRIVATE = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.M | re.S)
_NAME = re.compile(r"^(?!namespace )(?:using |(?:\[\[.*?\]\] )?\w[\w:<>,&* ]*[ *&])(\w+)(?= = |\(|\{| \{|;|\[)|^#define (\w+)", re.M)


class Unit(NamedTuple):
    path: pathlib.Path
    flags: tuple[str, ...]
    text: str

    def names(self) -> set[str]:
        """What it calls its own, roughly: two files that share none of these can be read as one."""
        parts = [*(found[1] for found in _PRIVATE.finditer(self.text)), *re.findall(r"^(?:static|using|#define) .*", self.text, re.M)]
        return {name for part in parts for pair in _NAME.findall(tree.code_only(part)) for name in pair if name}


def units(build: pathlib.Path) -> list[Unit]:
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"]).resolve()
        if path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "capi"):
            words = shlex.split(entry["command"])
            first = next(at for at, word in enumerate(words) if word.startswith("-"))
            flags = words[first : words.index("-o")]
            found.setdefault(path, Unit(path, tuple(flags), path.read_text()))
    return sorted(found.values())


def unread(read: list[Unit]) -> list[str]:
    """The sources that the build has no command for: a build without Redis, say."""
    listed = subprocess.run(["git", "ls-files", "src/*.cc", "capi/*.cc"], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(set(listed.stdout.split()) - {str(unit.path.relative_to(ROOT)) for unit in read})


def batches(all_units: list[Unit]) -> list[list[Unit]]:
    """Units of one folder with the same flags, none of which has a name of another one."""
    made: list[tuple[tuple, set[str], list[Unit]]] = []
    for unit in all_units:
        kind, names = (unit.path.parent, unit.flags), unit.names()
        for other, taken, batch in made:
            if other == kind and len(batch) < TOGETHER and not taken & names:
                taken |= names
                batch.append(unit)
                break
        else:
            made.append((kind, set(names), [unit]))
    return [batch for _, _, batch in made]


def together(batch: list[Unit]) -> str:
    """Their texts, each include once: a second one is a finding, within one file."""
    seen: set[str] = set()
    text = []
    for unit in batch:
        mine = {match[1] for match in _INCLUDE.finditer(unit.text)}
        text.append(_INCLUDE.sub(lambda match: "" if match[1] in seen else match[0], unit.text))
        seen |= mine
    return "\n".join(text)


def tidy(path: pathlib.Path, unit: Unit) -> tuple[int, str]:
    beside = ["-iquote", str(unit.path.parent)]
    ran = subprocess.run([*TIDY, str(path), "--", *unit.flags, *beside], capture_output=True, text=True, cwd=ROOT)
    return ran.returncode, ran.stdout if ran.stdout.strip() else ran.stderr


def judge(numbered: tuple[int, list[Unit]]) -> list[str]:
    number, batch = numbered
    if len(batch) > 1:
        scratch = ROOT / "build" / "lint" / f"tidy-{number}.cc"
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(together(batch))
        if tidy(scratch, batch[0])[0] == 0:
            return []
    return [said for unit in batch for code, said in [tidy(unit.path, unit)] if code != 0]


def main() -> int:
    build = ROOT / sys.argv[1]
    read = units(build)
    if missing := unread(read):
        sys.exit(f"not in {build}/compile_commands.json, so not read: {', '.join(missing)}")
    work = sorted(batches(read), key=len, reverse=True)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        findings = [said for some in pool.map(judge, enumerate(work)) for said in some]
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
