#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readme.py PREFIX ROOT CC CXX PYTHON: builds and runs the programs in README.md and in those of capi and
bindings/python against the installed library; each type of handle must have its place in capi/README.md."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

prefix, root, cc, cxx, python = sys.argv[1:]
text = pathlib.Path(root, "README.md").read_text()
c_text = pathlib.Path(root, "capi", "README.md").read_text()
python_text = pathlib.Path(root, "bindings", "python", "README.md").read_text()
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


def examples(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", text + c_text + python_text, re.M | re.S)
    assert found, f"README.md has no example in {language}"
    return found


for shown in ("quickstart.cc", "quickstart.py"):
    code = pathlib.Path(root, "examples", shown).read_text()
    assert code in examples("cpp") + examples("python"), f"README.md does not show examples/{shown} as it is"

headers = "".join(path.read_text() for path in pathlib.Path(prefix, "include").glob("seawall*_c.h"))
made = set(re.findall(r"\bvoid (seawall_\w+)_free\(", headers)) | {f"seawall_{name}" for name in ("metrics_family", "pipelines_load")}
missing = sorted(name for name in made if f"`{name}`" not in c_text)
named = set(re.findall(r"`(seawall_[a-z0-9_]*[a-z0-9])`", c_text))
unknown = sorted(name for name in named if not re.search(rf"\b{name}\b", headers) and name != "seawall_c")
assert not missing and not unknown, f"capi/README.md lacks {missing} and has {unknown}, which the headers do not know"

with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder)
    source, program = out / "main", str(out / "program")
    for code in examples("cpp"):
        source.write_text(code)
        run(cxx, "-std=c++20", "-Wall", "-Wextra", "-xc++", str(source), "-xnone", "-o", program, *flags("seawall-cpp"))
        run(program)
    for code in examples("c"):
        package = "seawall-redis" if "seawall_redis_c.h" in code else "seawall"
        if not pathlib.Path(prefix, "lib", "pkgconfig", package + ".pc").exists():
            continue
        source.write_text(code.replace("127.0.0.1:6379", "127.0.0.1:1"))  # nobody's, whatever runs on this machine
        run(cc, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-xc", str(source), "-xnone", "-o", program, *flags(package))
        run(program)
    for code in examples("python"):
        run(python, "-B", "-c", code)
print("the examples of README.md run")
