# SPDX-License-Identifier: MIT
"""What the checks share: the files of the source tree, their text without comments, and how findings are printed."""

import argparse
import pathlib
import re
import sys
from typing import Callable, Iterator, NamedTuple

FOLDERS = ("include", "src", "capi", "bindings", "examples", "bench", "tests")
_SKIPPED = {"__pycache__", "build", "node_modules", ".hypothesis"}
_COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S
)
_NUMBER_MARK = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>]+>|"[^"]+")', re.M)


class Finding(NamedTuple):
    where: str
    rule: str
    what: str


def files(root: pathlib.Path, *suffixes: str, folders=FOLDERS) -> Iterator[pathlib.PurePosixPath]:
    """The files with one of these suffixes (or names), relative to the root, in order."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            inner = path.relative_to(root)
            if path.is_file() and not _SKIPPED & set(inner.parts) and (path.suffix in suffixes or path.name in suffixes):
                yield pathlib.PurePosixPath(inner)


def code_only(text: str) -> str:
    """C or C++ text whose comments and literals are blanked out, line by line as before."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])
    return _COMMENT_OR_TEXT.sub(blank, _NUMBER_MARK.sub("_", text))


def includes(text: str) -> list[str]:
    """What a file includes, as written: <vector> or "seawall/time.h"."""
    without_comments = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    return _INCLUDE.findall(without_comments)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def run(check: Callable[[pathlib.Path], list[Finding]], description: str) -> None:
    """Runs a check on the tree and exits with 1 when it found something."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    report(check(parser.parse_args().root))


def report(findings: list[Finding]) -> None:
    for finding in findings:
        print(f"{finding.where}: [{finding.rule}] {finding.what}", file=sys.stderr)
    print(f"{pathlib.Path(sys.argv[0]).stem}: {len(findings)} findings")
    sys.exit(1 if findings else 0)
