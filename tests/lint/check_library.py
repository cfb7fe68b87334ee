#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A shared library of ours: exports exactly the functions of its header, needs only what is listed, cannot be unloaded.

check_library.py LIBRARY [--header HEADER]
"""

import argparse
import pathlib
import re
import subprocess

import tree
from tree import Finding

HEADER = pathlib.Path(__file__).resolve().parents[2] / "capi" / "seawall_c.h"
# The C and C++ run time. Anything else is a decision, taken here.
NEEDED = re.compile(
    r"libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|libstdc\+\+\.so\.6|ld-linux-[\w-]+\.so\.\d"
)


# And what it is there for.
ALSO_NEEDED = {"libseawall_redis.so": re.compile(r"libhiredis\.so\.[\d.]+")}


def declared(header: str) -> set[str]:
    """The functions of the C header."""
    text = re.sub(r"/\*.*?\*/", " ", header, flags=re.S)
    return set(re.findall(r"^SEAWALL_API\b[^;(]*?\b(\w+)\s*\(", text, re.M))


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library: pathlib.Path) -> set[str]:
    symbols = [line.split()[-1] for line in output("nm", "-D", "--defined-only", str(library)).splitlines()]
    return {name.split("@")[0] for name in symbols} - {"SEAWALL_0"}


def check(library: pathlib.Path, header: str) -> list[Finding]:
    where = library.name
    name_alone = where.split(".so")[0] + ".so"
    also = ALSO_NEEDED.get(name_alone)
    have, want = exported(library), declared(header)
    findings = [Finding(where, "symbols", f"exports {name}, which the header lacks") for name in sorted(have - want)]
    findings += [Finding(where, "symbols", f"does not export {name}") for name in sorted(want - have)]
    dynamic = output("readelf", "-dW", str(library))
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not NEEDED.fullmatch(name) and not (also and also.fullmatch(name)):
            findings.append(Finding(where, "needed", f"links {name}, which is not in the list of {__file__}"))
    if not re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic):
        findings.append(Finding(where, "nodelete", "is not linked with -z nodelete"))
    if re.search(r"\(FLAGS\).*\bSTATIC_TLS\b", dynamic):
        findings.append(Finding(where, "tls", "has initial-exec thread-locals, so dlopen may fail"))
    if not re.search(rf"\(SONAME\).*\[{re.escape(name_alone)}\.\d", dynamic):
        findings.append(Finding(where, "soname", f"has no SONAME {name_alone}.N"))
    if "__cxa_thread_atexit" in output("nm", "-D", "--undefined-only", str(library)):
        findings.append(Finding(where, "tls", "has a thread-local with a destructor"))
    return findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--header", type=pathlib.Path, default=HEADER)
    options = parser.parse_args()
    tree.report(check(options.library, options.header.read_text()))
