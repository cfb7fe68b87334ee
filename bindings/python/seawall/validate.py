# SPDX-License-Identifier: MIT
"""Validates a deployment: ten checks of a running gateway over HTTP, then the same ideas on libseawall itself.

    python -m seawall.validate --url http://127.0.0.1:8000

prints one line a check, writes a JSON report and exits 0 when all passed, 1 when one failed, 2 when asked wrongly. The
gateway must run with --test-endpoints. The trading breaker that two checks open is closed again before the end.

As a module it needs libseawall.so, like the whole package. Run as a file (`python3 .../seawall/validate.py`) it also
works where the library is missing: the HTTP checks run, and the checks of the library fail and say why.
"""

import argparse
import datetime
import json
import os
import sys
import types
from typing import Any, Dict, List, Optional, Tuple

if "seawall" not in sys.modules:  # run as a file: a bare package then, since the real one needs the library to load
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[0] = os.path.dirname(here)  # the folder itself would hide the standard library's modules of the same names
    sys.modules["seawall"] = types.ModuleType("seawall")
    sys.modules["seawall"].__path__ = [here]

from seawall._validate_check import Check, Result, run_check
from seawall._validate_gateway import Client, GatewayChecks


def library_checks() -> List[Check]:
    """The checks of libseawall; where it cannot be loaded, one check that says why."""
    try:
        from seawall import _validate_library
    except ImportError as error:
        why = str(error)

        def missing() -> str:
            raise AssertionError(why)

        return [Check("library", "library loads", missing)]
    return [Check("library", name, run) for name, run in _validate_library.CHECKS]


def line(result: Result, colour: bool) -> str:
    verdict = "ok    " if result.passed else "FAILED"
    if colour:
        verdict = f"\033[{32 if result.passed else 31}m{verdict}\033[0m"
    return f"  {result.name:<24}  {verdict}  {result.milliseconds:>8.1f} ms  {result.measured}"


def report(results: List[Result]) -> Dict[str, Any]:
    passed = sum(result.passed for result in results)
    return {
        "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds"),
        "total_tests": len(results),
        "passed": passed,
        "failed": len(results) - passed,
        "success_rate": round(100.0 * passed / len(results), 1) if results else 0.0,  # percent
        "details": [{**result._asdict(), "milliseconds": round(result.milliseconds, 3)} for result in results],
    }


def run(checks: List[Tuple[str, List[Check]]], colour: bool = False) -> List[Result]:
    """Runs and prints each group."""
    results = []
    for title, group in checks:
        print(f"\n{title}")
        for check in group:
            results.append(run_check(check))
            print(line(results[-1], colour), flush=True)
    return results


def arguments(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m seawall.validate", description="Validate a Seawall gateway and the library under it."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the gateway (default %(default)s)")
    parser.add_argument("--only", choices=("http", "library"), help="run one half of the checks")
    parser.add_argument("--report", metavar="FILE", default="deployment_validation_report.json", help="default %(default)s")
    parser.add_argument(
        "--admin-token",
        default=os.environ.get("SEAWALL_ADMIN_TOKEN"),
        help="to reset the breaker that the checks open (default: $SEAWALL_ADMIN_TOKEN)",
    )
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds for each request (default %(default)g)")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait so long at most until the gateway is healthy"
    )
    parser.add_argument(
        "--recovery-timeout",
        type=float,
        default=45.0,
        help="seconds to wait for the breaker where resetting it is not allowed (default %(default)g)",
    )
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    options = arguments(argv)
    try:
        gateway = GatewayChecks(Client(options.url, options.timeout, options.admin_token), options.recovery_timeout)
        open(options.report, "a").close()  # what is wrong with it is said now, not after the checks
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    checks = []
    if options.only != "library":
        checks.append((f"Gateway at {options.url}", gateway.checks()))
    if options.only != "http":
        checks.append(("Library, through ctypes", library_checks()))
    try:
        if options.only != "library":
            gateway.await_health(options.wait)
        results = run(checks, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    finally:
        if left := gateway.close():
            print(f"\n{left}", file=sys.stderr)
    summary = report(results)
    with open(options.report, "w", encoding="utf-8") as file:
        json.dump(summary, file, indent=2)
        file.write("\n")
    print(f"\n{summary['passed']} of {summary['total_tests']} passed ({summary['success_rate']:g} %), report in {options.report}")
    return 0 if summary["failed"] == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
