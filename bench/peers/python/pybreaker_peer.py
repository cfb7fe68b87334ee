# SPDX-License-Identifier: MIT
import contextlib

import measure
import pybreaker

PEER = "pybreaker 1.4.1"


def nothing() -> None:
    pass


def fail() -> None:
    raise ValueError


healthy = pybreaker.CircuitBreaker(fail_max=3)
measure.operation(PEER, "python.breaker", "call of a function that does nothing", lambda: healthy.call(nothing))


def guarded() -> None:
    with healthy.calling():
        nothing()


measure.operation(PEER, "python.breaker_with", "with breaker.calling(): a function that does nothing", guarded)

decorated = healthy(nothing)
measure.operation(PEER, "python.breaker_decorated", "a decorated function that does nothing", decorated)

opened = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=86_400)
with contextlib.suppress(pybreaker.CircuitBreakerError, ValueError):
    opened.call(fail)


def refused() -> None:
    with contextlib.suppress(pybreaker.CircuitBreakerError):
        opened.call(nothing)


measure.operation(PEER, "python.breaker_open", "call refused by an exception", refused)
