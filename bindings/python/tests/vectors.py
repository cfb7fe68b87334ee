# SPDX-License-Identifier: MIT
"""Reads tests/vectors/*.txt; tests/support/vectors.h describes the format."""

import dataclasses
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "tests" / "vectors"
_ESCAPE = re.compile(r'\\(n|t|"|\\|x[0-9a-fA-F]{2})')


@dataclasses.dataclass
class Step:
    line: int
    now_ns: int
    verb: str
    arguments: dict
    expected: dict

    def mismatches(self, actual: dict) -> list[str]:
        """One text for each expected value that `actual` lacks or has otherwise."""
        return [
            f"line {self.line}: {name} is {actual.get(name, 'nothing')}, not {want}"
            for name, want in self.expected.items()
            if str(actual.get(name, "nothing")) != want
        ]


@dataclasses.dataclass
class Case:
    name: str
    options: dict
    steps: list


def _unescape(match) -> str:
    text = match[1]
    return chr(int(text[1:], 16)) if text[0] == "x" else {"n": "\n", "t": "\t"}.get(text, text)


def _words(text: str) -> list[str]:
    found = []
    for word in re.finditer(r'(?:"(?:[^"\\]|\\.)*"|[^\s"#]|(?<=\S)#)+|#.*', text):
        if word[0].startswith("#"):
            break
        found.append(re.sub(r'"((?:[^"\\]|\\.)*)"', lambda m: _ESCAPE.sub(_unescape, m[1]), word[0]))
    return found


def _fields(words) -> dict:
    return dict(word.split("=", 1) for word in words)


def load(name: str) -> list[Case]:
    cases: list[Case] = []
    for number, text in enumerate((FOLDER / name).read_text().splitlines(), 1):
        words = _words(text)
        if not words:
            continue
        if words[0] == "case":
            cases.append(Case(words[1], _fields(words[2:]), []))
            continue
        arrow = words.index("->") if "->" in words else len(words)
        step = Step(number, int(words[0]), words[1], _fields(words[2:arrow]), _fields(words[arrow + 1 :]))
        cases[-1].steps.append(step)
    if not cases:
        raise ValueError(f"{name} holds no case")
    return cases
