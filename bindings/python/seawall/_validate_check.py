# SPDX-License-Identifier: MIT
"""What a check of the validator is, and what those of a gateway and of the library have in common. Needs no library."""

import time
from typing import Any, Callable, NamedTuple

SERVICES = ("trading", "gamification", "social", "user")
CONCURRENT_SECONDS = 0.1  # each of ten concurrent requests takes less
DETECTION_SECONDS = 1.0  # from the first failure to the open breaker


def expect(condition: Any, text: str) -> None:
    """A check fails with this text."""
    if not condition:
        raise AssertionError(text)


class Check(NamedTuple):
    group: str
    name: str
    run: Callable[[], str]  # returns the measured figure; raises when the check fails


class Result(NamedTuple):
    group: str
    name: str
    passed: bool
    measured: str
    milliseconds: float


def run_check(check: Check) -> Result:
    begin = time.perf_counter()
    try:
        passed, measured = True, check.run()
    except AssertionError as error:
        passed, measured = False, str(error)
    except Exception as error:  # whatever a broken gateway makes of a check, it is a failed check and not a traceback
        passed, measured = False, f"{type(error).__name__}: {error}"
    return Result(check.group, check.name, passed, " ".join(measured.split()), (time.perf_counter() - begin) * 1000)
