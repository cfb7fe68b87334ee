# SPDX-License-Identifier: MIT
"""Several limits (of a user, a service, of all) as one decision, and the HTTP fields that tell them.

    limits = LimitSet(users, service, everything)          # the narrowest first; users is a KeyedRateLimiter
    answer = limits.try_acquire(user_id)                   # all of them are charged, or none
    if not answer:
        return too_many_requests(NAMES[answer.refused_by], retry_after_header(answer.retry_after_ns))
    if not send():
        limits.refund(answer)
    headers["RateLimit"] = rate_limit_header([LimitStatus("user", 200, 60_000_000_000, answer.decisions[0])])
"""

import ctypes
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Optional, TypeVar

from . import _ffi
from ._library import NOW, check, instant, lib, made, read_text
from .keyed_rate_limiter import Key, KeyedRateLimiter, _keys
from .rate_limiter import _ALLOWED, _SIZE, Decision, _Answer, _handle_type, _Limiter, _permits

__all__ = [
    "LimitSet",
    "LimitStatus",
    "SetDecision",
    "rate_limit_header",
    "rate_limit_policy_header",
    "retry_after_header",
]

_Handle = _handle_type("limit_set")
_D = TypeVar("_D", bound=_Answer)


class SetAnswer(Generic[_D]):
    """What a set's answer can tell, whichever its structs are."""

    __slots__ = ("_keys", "_raw", "decisions")

    decisions: Sequence[_D]  # in the order of the set
    _raw: ctypes.Structure

    def __bool__(self) -> bool:
        return self._raw.answer == _ALLOWED

    @property
    def allowed(self) -> bool:
        return self._raw.answer == _ALLOWED

    @property
    def never(self) -> bool:
        """It asked one of them for more than its limit: no wait helps."""
        return self._raw.answer == _ffi.SEAWALL_NEVER_ALLOWED

    @property
    def refused_by(self) -> Optional[int]:
        """The place in the set of the refusing limit with the longest wait; None when allowed."""
        return None if self._raw.refused_by < 0 else self._raw.refused_by

    @property
    def retry_after_ns(self) -> Optional[int]:
        """0 when allowed, else the longest wait of those who refuse; None when never."""
        return None if self.never else self._raw.retry_after_ns

    @property
    def retry_after(self) -> float:
        """retry_after_ns in seconds; infinite when never."""
        return float("inf") if self.never else self._raw.retry_after_ns / 1e9

    def _check_size(self, size: int) -> None:
        """TypeError unless this is what a set of so many limits answers."""
        if len(self.decisions) != size:
            raise TypeError(f"the answer of a set of {size} needed, not of {len(self.decisions)}")

    def __repr__(self) -> str:
        word = "allowed" if self else f"refused by limit {self.refused_by}"
        return f"<SetDecision {word}, {list(self.decisions)}>"


class SetDecision(SetAnswer[Decision]):
    """A set's answer: true when allowed."""

    __slots__ = ()

    def __init__(self, size: int, keys: ctypes.Array):
        self._keys = keys
        decisions = (Decision * size)(*[Decision(_SIZE)] * size)  # copies
        self.decisions = decisions  # type: ignore[assignment]  # ctypes' stubs do not say that an Array is a Sequence
        pointer = ctypes.cast(decisions, ctypes.POINTER(_ffi.seawall_decision))
        self._raw = _ffi.seawall_set_decision(ctypes.sizeof(_ffi.seawall_set_decision), 0, 0, size, pointer)


class LimitSet:
    """1 to 8 limiters, the narrowest first, each still to be used beside the set. May be used from any thread."""

    def __init__(self, *limiters: _Limiter):
        self._limiters = limiters  # the library borrows them
        self._keyed = sum(isinstance(limiter, KeyedRateLimiter) for limiter in limiters)
        handles = (ctypes.c_void_p * len(limiters))(*[limiter._handle for limiter in limiters])
        self._handle = _Handle(made(lib.seawall_limit_set_new, handles, len(limiters)))

    def _ask(self, verb, keys: Sequence[Key], permits: int, now_ns: int) -> SetDecision:
        if len(keys) != self._keyed:
            raise TypeError(f"{self._keyed} keys needed, one for each keyed limiter, not {len(keys)}")
        answer = SetDecision(len(self._limiters), _keys(keys))
        check(verb(self._handle, answer._keys, len(keys), instant(now_ns), _permits(permits), answer._raw))
        return answer

    def try_acquire(self, *keys: Key, permits: int = 1, now_ns: int = NOW) -> SetDecision:
        """Takes `permits` of each limit, or of none. `keys`: one for each keyed limiter, in the order of the set."""
        return self._ask(lib.seawall_limit_set_try_acquire, keys, permits, now_ns)

    def peek(self, *keys: Key, permits: int = 1, now_ns: int = NOW) -> SetDecision:
        """What try_acquire would answer, without taking anything."""
        return self._ask(lib.seawall_limit_set_peek, keys, permits, now_ns)

    def refund(self, answer: SetDecision, *, now_ns: int = NOW) -> None:
        """Gives back what all limits were charged in `answer`, once."""
        answer._check_size(len(self._limiters))
        keys = answer._keys
        check(lib.seawall_limit_set_refund(self._handle, keys, len(keys), instant(now_ns), answer._raw))


class LimitStatus(NamedTuple):
    """A limit as the HTTP fields tell it; RateLimit-Policy needs no decision."""

    name: str  # printable ASCII
    quota: int  # permits in each window
    window_ns: int
    decision: Optional[Decision] = None


def _header(function, limits: Iterable[LimitStatus]) -> str:
    given = list(limits)
    raw = (_ffi.seawall_limit_status * len(given))()
    for place, limit in zip(raw, given):
        place.name = name = limit.name.encode()
        place.name_size = len(name)
        place.quota, place.window_ns = _permits(limit.quota), _permits(limit.window_ns)
        if limit.decision is not None:
            place.decision = ctypes.cast(ctypes.byref(limit.decision), ctypes.POINTER(_ffi.seawall_decision))
    return read_text(lambda *out: function(raw, len(given), *out))


def rate_limit_policy_header(limits: Iterable[LimitStatus]) -> str:
    """The value of RateLimit-Policy, such as '"user";q=200;w=60': all limits, at most 8."""
    return _header(lib.seawall_rate_limit_policy_header, limits)


def rate_limit_header(limits: Iterable[LimitStatus]) -> str:
    """The value of RateLimit, such as '"user";r=150;t=12': the limit nearest to refusing."""
    return _header(lib.seawall_rate_limit_header, limits)


def retry_after_header(retry_after_ns: Optional[int]) -> str:
    """The value of Retry-After of a refusal: whole seconds, rounded up. Empty when no wait helps (None)."""
    wait = _ffi.SEAWALL_NEVER if retry_after_ns is None else _permits(retry_after_ns)
    return read_text(lambda *out: lib.seawall_retry_after_header(wait, *out))
