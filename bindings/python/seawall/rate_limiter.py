# SPDX-License-Identifier: MIT
"""Token bucket, strict sliding window and fixed window. For a limit for each of many keys see keyed_rate_limiter.

    limiter = SlidingWindow(permits=200, period=60.0)
    decision = limiter.try_acquire()
    if not decision:
        return too_many_requests(decision.retry_after)
    if not send():
        limiter.refund(decision)

Durations are seconds as float, or exact integers of nanoseconds where a name ends in `_ns`. Every verb takes `now_ns`, an
instant of CLOCK_MONOTONIC (`time.monotonic_ns()`); without it the library reads the clock. All may be used from any thread.
"""

import ctypes
import enum
import json
from collections.abc import Callable
from typing import NamedTuple, Optional

from . import _ffi
from ._library import (
    CLOCK,
    NOW,
    ONE,
    Handle,
    SeawallError,
    bare,
    check,
    field,
    instant,
    lib,
    made,
    nanoseconds,
    new_error,
    prepared,
)

__all__ = [
    "Decision",
    "FixedWindow",
    "LeasedTokenBucket",
    "LimitChange",
    "Reservation",
    "Settlement",
    "SlidingWindow",
    "TokenBucket",
]

_byref = ctypes.byref
_SIZE = ctypes.sizeof(_ffi.seawall_decision)
_SINGLE = 1  # the default number of permits
_ALLOWED = _ffi.SEAWALL_ALLOWED


class _Answer:
    """What a struct that says how a limiter answered can tell."""

    __slots__ = ()

    _wait_ns: Callable[["_Answer"], int]  # the struct's own retry_after_ns
    answer: int  # SEAWALL_ALLOWED and so on
    charge_permits: int
    limit: int  # the most permits that can be available at one instant
    remaining: int  # permits available after this decision
    reset_after_ns: int  # until the whole limit is available again, if nobody asks meanwhile

    def __bool__(self) -> bool:
        return self.answer == _ALLOWED

    @property
    def allowed(self) -> bool:
        return self.answer == _ALLOWED

    @property
    def never(self) -> bool:
        """It asked for more than the limit: no wait helps."""
        return self.answer == _ffi.SEAWALL_NEVER_ALLOWED

    @property
    def retry_after_ns(self) -> Optional[int]:
        """0 when allowed; else the same request is refused at every earlier instant. None when never."""
        return None if self.never else type(self)._wait_ns(self)

    @property
    def retry_after(self) -> float:
        """retry_after_ns in seconds; infinite when never."""
        return float("inf") if self.never else type(self)._wait_ns(self) / 1e9

    @property
    def charged(self) -> int:
        """The permits that refund() would give back at once."""
        return self.charge_permits

    def __repr__(self) -> str:
        word = "allowed" if self else "never allowed" if self.never else f"denied for {self.retry_after:.9f} s"
        return f"<Decision {word}, {self.remaining} of {self.limit} remaining>"


class Decision(_Answer, _ffi.seawall_decision):
    """A limiter's answer: true when allowed. It is the struct that the library fills: one object for each call."""

    __slots__ = ()

    _wait_ns = field(_ffi.seawall_decision, "retry_after_ns")


class Reservation:
    """A turn: true when granted. Act `delay` seconds after the call, or cancel."""

    __slots__ = ("_raw",)

    def __init__(self) -> None:
        self._raw = _ffi.seawall_reservation(struct_size=ctypes.sizeof(_ffi.seawall_reservation))

    def __bool__(self) -> bool:
        return self._raw.answer == _ALLOWED

    @property
    def granted(self) -> bool:
        return self._raw.answer == _ALLOWED

    @property
    def never(self) -> bool:
        """It asked for more than the limit: no wait helps."""
        return self._raw.answer == _ffi.SEAWALL_NEVER_ALLOWED

    @property
    def limit(self) -> int:
        """As of a Decision."""
        return self._raw.limit

    @property
    def delay_ns(self) -> Optional[int]:
        """Granted: until the permits may be used; else the wait that was too long, or None when never."""
        return None if self.never else self._raw.delay_ns

    @property
    def delay(self) -> float:
        """delay_ns in seconds; infinite when never."""
        return float("inf") if self.never else self._raw.delay_ns / 1e9

    def __repr__(self) -> str:
        word = "granted" if self else "never granted" if self.never else "refused"
        return f"<Reservation {word}, delay {self.delay:.9f} s>"


class Settlement(NamedTuple):
    """What settle() did: permits given back, taken on top, and beyond the debt cap."""

    refunded: int
    charged: int
    unpaid: int


class LimitChange(enum.IntEnum):
    """What becomes of the permits that are left when a limit changes."""

    KEEP = _ffi.SEAWALL_CHANGE_KEEP
    PROPORTIONAL = _ffi.SEAWALL_CHANGE_PROPORTIONAL
    RESET = _ffi.SEAWALL_CHANGE_RESET


def _period_ns(period: Optional[float], period_ns: Optional[int]) -> int:
    if period is not None and period_ns is None:
        period_ns = nanoseconds("period", period)
    elif period is not None or period_ns is None:
        raise TypeError("give period (seconds) or period_ns, one of the two")
    return _positive("period", period_ns)


def _handle_type(name: str) -> type[Handle]:
    return type(f"_{name}", (Handle,), {"__slots__": (), "_free": getattr(lib, f"seawall_{name}_free")})


_NAMES = ("token_bucket", "leased_token_bucket", "fixed_window", "sliding_window", "keyed_limiter")
_HANDLES = {name: _handle_type(name) for name in _NAMES}
_MOST = 2**63 - 1


def _permits(n: int) -> int:
    """`n` as far as an int64 goes: more than that is never allowed, less is refused. ctypes would cut it silently."""
    return n if 0 <= n <= _MOST else _MOST if n > 0 else -1


def _clamped(ns: int) -> int:
    """As near as an int64 comes."""
    return max(-_MOST, min(ns, _MOST))


class _Limiter:
    """What all share: a handle, made from options and freed with the object."""

    _name = ""

    def __init__(self, options: dict, now_ns: int):
        text = json.dumps(options).encode()
        new = getattr(lib, f"seawall_{self._name}_new_from_json")
        self._own(made(new, text, len(text), instant(now_ns)))

    def _own(self, address: int) -> None:
        self._handle = _HANDLES[self._name](address)
        self._at = prepared(ctypes.c_void_p, address)


class _Single(_Limiter):
    """A limiter without keys."""

    def __init__(self, options: dict, now_ns: int):
        super().__init__(options, now_ns)
        self._try_acquire = getattr(lib, f"seawall_{self._name}_try_acquire")
        self._take_one = bare(self._try_acquire)
        self._peek = getattr(lib, f"seawall_{self._name}_peek")
        self._refund = getattr(lib, f"seawall_{self._name}_refund")

    def try_acquire(self, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """Takes `permits` or nothing."""
        decision = Decision(_SIZE)
        if permits is _SINGLE and now_ns is NOW:  # the common call, all but the decision prepared
            code = self._take_one(self._at, CLOCK, ONE, _byref(decision))
        else:
            code = self._try_acquire(self._handle, instant(now_ns), _permits(permits), decision)
        if code < 0:
            check(code)
        return decision

    def peek(self, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """What try_acquire would answer, without taking anything."""
        decision = Decision(_SIZE)
        check(self._peek(self._handle, instant(now_ns), _permits(permits), decision))
        return decision

    def refund(self, decision: Decision, *, now_ns: int = NOW) -> int:
        """Gives back what `decision` took, once. The permits given back: 0 when they are too old to matter."""
        return check(self._refund(self._handle, instant(now_ns), decision))


class _Ruled(_Single):
    """A limiter that reserves, settles and whose limit can be changed while others ask."""

    def __init__(self, options: dict, now_ns: int):
        super().__init__(options, now_ns)
        self._reserve = getattr(lib, f"seawall_{self._name}_reserve")
        self._acquire_until = getattr(lib, f"seawall_{self._name}_acquire_until")
        self._cancel = getattr(lib, f"seawall_{self._name}_cancel")
        self._settle = getattr(lib, f"seawall_{self._name}_settle")
        self._change_limit_from_json = getattr(lib, f"seawall_{self._name}_change_limit_from_json")

    def reserve(
        self, permits: int = 1, *, max_wait: Optional[float] = None, max_wait_ns: Optional[int] = None, now_ns: int = NOW
    ) -> Reservation:
        """Takes `permits` for later, or nothing when that is longer than max_wait (any wait when None)."""
        if max_wait is not None:
            max_wait_ns = nanoseconds("max_wait", max_wait)
        wait = _ffi.SEAWALL_NEVER if max_wait_ns is None else _clamped(max_wait_ns)
        reservation = Reservation()
        check(self._reserve(self._handle, instant(now_ns), _permits(permits), wait, reservation._raw))
        return reservation

    def acquire_until(self, deadline_ns: int, permits: int = 1, *, now_ns: int = NOW) -> Reservation:
        """The same when the permits may be used at the deadline, an instant of time.monotonic_ns(), or before."""
        reservation = Reservation()
        check(self._acquire_until(self._handle, instant(now_ns), _clamped(deadline_ns), _permits(permits), reservation._raw))
        return reservation

    def cancel(self, reservation: Reservation, *, now_ns: int = NOW) -> int:
        """Gives a reservation back, once. The permits given back: all until the turn has come."""
        return check(self._cancel(self._handle, instant(now_ns), reservation._raw))

    def settle(self, decision: Decision, actual: int, *, debt_cap: int = 0, now_ns: int = NOW) -> Settlement:
        """`decision` was charged an estimate, `actual` is the real cost; what is missing may go `debt_cap` below zero."""
        raw = _ffi.seawall_settlement(struct_size=ctypes.sizeof(_ffi.seawall_settlement))
        check(self._settle(self._handle, instant(now_ns), decision, _permits(actual), _permits(debt_cap), raw))
        return Settlement(raw.refunded, raw.charged, raw.unpaid)

    def _change(self, options: dict, how: LimitChange, now_ns: int) -> bool:
        text, error = json.dumps(options).encode(), new_error()
        code = self._change_limit_from_json(self._handle, text, len(text), how, instant(now_ns), ctypes.byref(error))
        return check(code, error) == _ffi.SEAWALL_LIMIT_CHANGED


def _bucket_options(permits: int, period: Optional[float], period_ns: Optional[int], **others: Optional[int]) -> dict:
    options = {"permits": _positive("permits", permits), "period_ns": _period_ns(period, period_ns)}
    options.update({name: _positive(name, value) for name, value in others.items() if value is not None})
    return options


class TokenBucket(_Ruled):
    """At most `permits` in each period on average, and at most `burst` (default: permits) at one instant."""

    _name = "token_bucket"
    _kind = _ffi.SEAWALL_KIND_TOKEN_BUCKET

    def __init__(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        now_ns: int = NOW,
    ):
        super().__init__(_bucket_options(permits, period, period_ns, burst=burst), now_ns)

    @classmethod
    def at_most(
        cls,
        limit: int,
        window: Optional[float] = None,
        *,
        window_ns: Optional[int] = None,
        burst: int,
        now_ns: int = NOW,
    ) -> "TokenBucket":
        """Never more than `limit` in any window: `burst` (1 to limit - 1) at one instant, the others refill evenly."""
        raw, error = _ffi.seawall_token_bucket_options(), new_error()
        length = _period_ns(window, window_ns)
        numbers = (_clamped(limit), _clamped(length), _clamped(burst))
        check(lib.seawall_token_bucket_options_at_most(raw, *numbers, ctypes.byref(error)), error)
        return cls(raw.permits, period_ns=raw.period_ns, burst=raw.burst, now_ns=now_ns)

    def change_limit(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        how: LimitChange = LimitChange.KEEP,
        now_ns: int = NOW,
    ) -> bool:
        """From now on another limit. False: a change that began later overtook this one, and that one holds."""
        return self._change(_bucket_options(permits, period, period_ns, burst=burst), how, now_ns)


class LeasedTokenBucket(_Ruled):
    """A TokenBucket for many threads: each CPU takes `batch` permits at a time (default: a thirty-second of the burst).

    The burst must be at least 17 batches. An admission may say as `remaining` only what the CPU has left, and 0 as
    reset_after. From Python, where a call costs more than it saves, it is there to share a limit with C++ and C.
    """

    _name = "leased_token_bucket"

    def __init__(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        batch: Optional[int] = None,
        now_ns: int = NOW,
    ):
        super().__init__(_bucket_options(permits, period, period_ns, burst=burst, batch=batch), now_ns)

    def change_limit(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        batch: Optional[int] = None,
        how: LimitChange = LimitChange.KEEP,
        now_ns: int = NOW,
    ) -> bool:
        """As of a TokenBucket; the CPUs keep what they have. The batch must not become smaller."""
        return self._change(_bucket_options(permits, period, period_ns, burst=burst, batch=batch), how, now_ns)


class FixedWindow(_Ruled):
    """At most `permits` in each period, the periods following each other from now_ns on.

    Up to twice as many pass across a boundary: SlidingWindow promises a limit for any period.
    """

    _name = "fixed_window"

    def __init__(
        self, permits: int, period: Optional[float] = None, *, period_ns: Optional[int] = None, now_ns: int = NOW
    ):
        super().__init__(_bucket_options(permits, period, period_ns), now_ns)

    def change_limit(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        how: LimitChange = LimitChange.KEEP,
        now_ns: int = NOW,
    ) -> bool:
        """From now on another limit. False: a change that began later overtook this one, and that one holds."""
        return self._change(_bucket_options(permits, period, period_ns), how, now_ns)


class SlidingWindow(_Ruled):
    """Never more than `permits` in any trailing period, each back up to period / sub_windows late; with estimate=True
    they come back gradually, and an adversary gets up to 2 * permits - 1 into one period."""
    _name = "sliding_window"
    _kind = _ffi.SEAWALL_KIND_SLIDING_WINDOW

    def __init__(
        self,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        sub_windows: Optional[int] = None,
        estimate: bool = False,
        now_ns: int = NOW,
    ):
        self._shape = _bucket_options(permits, period, period_ns, sub_windows=sub_windows)
        self._shape["mode"] = _ffi.SEAWALL_WINDOW_ESTIMATE if estimate else _ffi.SEAWALL_WINDOW_STRICT
        super().__init__(self._shape, now_ns)

    def change_limit(
        self, permits: int, *, period_ns: Optional[int] = None, how: LimitChange = LimitChange.KEEP, now_ns: int = NOW
    ) -> bool:
        """From now on another limit, of the same period. KEEP leaves what was taken; the others void older charges."""
        options = _bucket_options(permits, None, period_ns or self._shape["period_ns"])
        return self._change({**self._shape, **options}, how, now_ns)


def _positive(name: str, value: int) -> int:
    """0 means "the default" at the C border; here the default is None, and 0 a mistake."""
    if value == 0:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} must not be 0")
    return value
