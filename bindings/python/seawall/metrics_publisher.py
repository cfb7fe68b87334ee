# SPDX-License-Identifier: MIT
"""What breakers, limiters, service registries, probers and followers know, as metrics of the same names everywhere.

    publisher = MetricsPublisher(metrics)
    publisher.watch("trading", breaker)         # seawall_circuit_breaker_state{breaker="trading"}, ...
    publisher.watch("users", keyed_limiter)     # seawall_keyed_limiter_keys{limiter="users"}, ...
    publisher.watch("files", follower)          # seawall_source_age_seconds{follower="files",source,service}, ...
    publisher.publish()                         # before each scrape
    body = metrics.render()

All names are in seawall/runtime/metrics_publisher.h. For what a host counts itself take the MetricsRegistry. The events
of a watched breaker are polled here and nowhere else. Everything may be used from any thread.
"""

import ctypes
from typing import Union

from . import _ffi
from ._library import NOW, Handle, check, instant, lib, lib_waiting, made, new_error
from .circuit_breaker import CircuitBreaker
from .follower import SourceFollower
from .keyed_circuit_breaker import KeyedCircuitBreaker
from .keyed_rate_limiter import KeyedRateLimiter
from .metrics import MetricsRegistry
from .prober import Prober
from .rate_limiter import FixedWindow, LeasedTokenBucket, SlidingWindow, TokenBucket
from .registry import ServiceRegistry

__all__ = ["MetricsPublisher"]

Part = Union[CircuitBreaker, KeyedCircuitBreaker, TokenBucket, SlidingWindow, FixedWindow, LeasedTokenBucket,
             KeyedRateLimiter, ServiceRegistry, Prober, SourceFollower]


class _Watched:
    """A part under a name, equal only to itself: the same part may be watched again while it is unwatched."""

    __slots__ = ("handle", "name")

    def __init__(self, name: str, handle: Handle):
        self.name, self.handle = name, handle


class _Publisher(Handle):
    _free = lib.seawall_metrics_publisher_free
    _borrows = True
    metrics: Handle  # freed after this
    parts: set[_Watched]


class MetricsPublisher:
    """Its series go with it; it keeps what it watches alive."""

    def __init__(self, metrics: MetricsRegistry):
        self._handle = _Publisher(made(lib.seawall_metrics_publisher_new, metrics._handle))
        self._handle.metrics = metrics._handle
        self._handle.parts = set()

    def watch(self, name: str, part: Part) -> None:
        """`name` is the value of the label, once for each kind. Of a LimitSet watch the limiters."""
        text, error = name.encode("utf-8", "surrogatepass"), new_error()
        handle = part._handle
        check(lib_waiting.seawall_metrics_publisher_watch(self._handle, text, len(text), handle, ctypes.byref(error)), error)
        self._handle.parts.add(_Watched(name, handle))

    def unwatch(self, name: str) -> bool:
        """Whatever is watched under this name; its series go. False when nothing is."""
        text = name.encode("utf-8", "surrogatepass")
        before = [part for part in self._handle.parts.copy() if part.name == name]  # others may watch more meanwhile
        code = lib_waiting.seawall_metrics_publisher_unwatch(self._handle, text, len(text))
        if code == _ffi.SEAWALL_E_NOT_FOUND:
            return False
        check(code)
        self._handle.parts.difference_update(before)
        return True

    def publish(self, *, now_ns: int = NOW) -> None:
        """To be called before each scrape: reads all that is watched, and walks what is keyed."""
        check(lib_waiting.seawall_metrics_publisher_publish(self._handle, instant(now_ns)))
