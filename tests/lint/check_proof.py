#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each test that a page of tests/proof names is in the tree, and each row of a page names one."""

import pathlib
import re

import tree
from tree import Finding

FOLDER = "tests/proof"
REFERENCE = re.compile(r'`([\w./-]+): "([^"`]+)"`')

# How a file of this kind begins a test of that name.
DEFINITION = {
    ".cc": r'\b(?:TEST_CASE|TEMPLATE_TEST_CASE|SECTION|rc::prop)\(\s*"{0}"',
    ".c": r"^(?:static )?\w+ {0}\(",
    ".py": r"^ *(?:async )?def {0}\(",
    ".txt": r"^ *(?:case|add_test\(NAME) \"?{0}\"?(?:\s|$)",
}


def check(root: pathlib.Path) -> list[Finding]:
    findings: list[Finding] = []
    for page in sorted((root / FOLDER).glob("*.md")):
        if page.name != "README.md":
            findings += check_page(root, page)
    return findings


def check_page(root: pathlib.Path, page: pathlib.Path) -> list[Finding]:
    findings: list[Finding] = []
    proven = 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        where = f"{page.relative_to(root).as_posix()}:{number}"
        for file, name in REFERENCE.findall(line):
            proven += 1
            why = missing(root, file, name)
            if why:
                findings.append(Finding(where, "no-test", why))
        if line.startswith("|") and not is_heading(line):
            findings += check_row(where, line)
    if not proven:
        findings.append(Finding(page.relative_to(root).as_posix(), "no-proof", "a page that names no test"))
    return findings


def is_heading(line: str) -> bool:
    return line == "| claim | test | broken to see it fail |" or re.fullmatch(r"\|( --- \|){3}", line) is not None


def check_row(where: str, line: str) -> list[Finding]:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) != 3 or not all(cells):
        return [Finding(where, "row", "a row is | claim | test | broken to see it fail |")]
    if not REFERENCE.search(cells[1]):
        return [Finding(where, "no-proof", 'a test is named as `file: "test name"`')]
    return []


def missing(root: pathlib.Path, file: str, name: str) -> str:
    """Why the test cannot be found, or nothing."""
    path = root / file
    if not path.is_file():
        return f"there is no file {file}"
    definition = DEFINITION.get(path.suffix)
    if definition is None:
        return f"{file} is no file of tests"
    if not re.search(definition.format(re.escape(name)), path.read_text(), re.M):
        return f'{file} has no test "{name}"'
    return ""


if __name__ == "__main__":
    tree.run(check, __doc__)
