#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readme.py PREFIX ROOT CC CXX PYTHON: builds and runs the programs in README.md against the installed library."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

prefix, root, cc, cxx, python = sys.argv[1:]
text = pathlib.Path(root, "README.md").read_text()
environment = {
    **os.environ,
    "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig",
    "LD_LIBRARY_PATH": f"{prefix}/lib",
    "SEAWALL_LIBRARY": f"{prefix}/lib/libseawall.so",
    "PYTHONPATH": f"{root}/bindings/python",
}


def flags(package: str) -> list[str]:
    command = ["pkg-config", "--cflags", "--libs", package]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def run(*command: str) -> None:
    subprocess.run(command, env=environment, check=True)


def example(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    assert len(found) == 1, f"README.md has {len(found)} examples in {language}, not one"
    return found[0]


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder)
    (out / "main.cc").write_text(example("cpp"))
    run(cxx, "-std=c++20", "-Wall", "-Wextra", str(out / "main.cc"), "-o", str(out / "cpp"), *flags("seawall-cpp"))
    run(str(out / "cpp"))
    (out / "main.c").write_text(example("c"))
    run(cc, "-std=c99", "-pedantic", "-Wall", "-Wextra", str(out / "main.c"), "-o", str(out / "c"), *flags("seawall"))
    run(str(out / "c"))
    run(python, "-B", "-c", example("python"))
print("the examples of README.md run")
