# SPDX-License-Identifier: MIT
"""A token bucket or a strict sliding window for each of very many keys.

    users = KeyedRateLimiter(SlidingWindow, permits=200, period=60.0)
    if not users.allow(user_id):
        return too_many_requests()

    decision = users.try_acquire(user_id)      # with remaining, retry_after, and to be refunded
    if not decision:
        return too_many_requests(decision.retry_after)
    if not send():
        users.refund(user_id, decision)
"""

import ctypes
from typing import Optional, Union

from . import _ffi
from ._library import NOW, check, lib, lib_waiting
from .rate_limiter import _ALLOWED, _SIZE, Decision, _Limiter, _period_ns, _permits, _positive

__all__ = ["KeyedRateLimiter", "KeyedStats"]

_allow = lib.seawall_keyed_limiter_allow
_try_acquire = lib.seawall_keyed_limiter_try_acquire
_try_acquire_id = lib.seawall_keyed_limiter_try_acquire_id


class KeyedStats:
    """Of a keyed limiter: memory_bytes, capacity, keys_active, evictions, full_refusals, full_admissions,
    overflow_admissions."""

    def __init__(self, raw: _ffi.seawall_keyed_stats):
        self.memory_bytes: int = raw.memory_bytes
        self.capacity: int = raw.capacity
        self.keys_active: int = raw.keys_active
        self.evictions: int = raw.evictions
        self.full_refusals: int = raw.full_refusals
        self.full_admissions: int = raw.full_admissions
        self.overflow_admissions: int = raw.overflow_admissions


Key = Union[str, bytes, int]


def _bytes(key: Union[str, bytes]) -> bytes:
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key


def _id(key: int) -> int:
    if not 0 <= key < 2**64:
        raise ValueError("an integer key is from 0 to 2**64 - 1")  # ctypes would cut it silently
    return key


class KeyedRateLimiter(_Limiter):
    """A limit of its own for each key (str, bytes, or int from 0 to 2**64 - 1), in memory that never grows.

    `kind` is TokenBucket or SlidingWindow. when_full says what becomes of a new key when all places of its line are taken
    by keys in use: "overflow" (it shares one limit with other such keys), "deny" (it waits for a place) or "allow" (it is
    admitted and not counted).
    """

    _name = "keyed_limiter"
    _WHEN_FULL = {
        "overflow": _ffi.SEAWALL_WHEN_FULL_OVERFLOW,
        "deny": _ffi.SEAWALL_WHEN_FULL_DENY,
        "allow": _ffi.SEAWALL_WHEN_FULL_ALLOW,
    }

    def __init__(
        self,
        kind: type,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        memory_bytes: int = 16 * 1024 * 1024,  # for buckets 24 a key, for windows 192
        seed: int = 0,
        when_full: str = "overflow",
        now_ns: int = NOW,
    ):
        if when_full not in self._WHEN_FULL:
            raise ValueError(f"when_full must be one of {sorted(self._WHEN_FULL)}, not {when_full!r}")
        options = {
            "kind": kind._kind,
            "permits": _positive("permits", permits),
            "period_ns": _period_ns(period, period_ns),
            "memory_bytes": _positive("memory_bytes", memory_bytes),
            "seed": seed,
            "when_full": self._WHEN_FULL[when_full],
        }
        if burst is not None:
            options["burst"] = _positive("burst", burst)
        super().__init__(options, now_ns)

    def allow(self, key: Key) -> bool:
        """May one more pass, now? try_acquire(key).allowed for half the price: no details, nothing to refund."""
        if isinstance(key, int):
            code = _try_acquire_id(self._handle, _id(key), NOW, 1, None)
        else:
            data = _bytes(key)
            code = _allow(self._handle, data, len(data))
        return code == _ALLOWED or check(code) == _ALLOWED

    def try_acquire(self, key: Key, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """Takes `permits` of the key's or nothing."""
        decision = Decision(_SIZE)
        if isinstance(key, int):
            code = _try_acquire_id(self._handle, _id(key), now_ns, _permits(permits), decision)
        else:
            data = _bytes(key)
            n = permits if permits == 1 else _permits(permits)
            code = _try_acquire(self._handle, data, len(data), now_ns, n, decision)
        if code < 0:
            check(code)
        return decision

    def peek(self, key: Key, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """What try_acquire would answer, without taking anything."""
        decision = Decision(_SIZE)
        if isinstance(key, int):
            check(lib.seawall_keyed_limiter_peek_id(self._handle, _id(key), now_ns, _permits(permits), decision))
        else:
            data = _bytes(key)
            check(lib.seawall_keyed_limiter_peek(self._handle, data, len(data), now_ns, _permits(permits), decision))
        return decision

    def refund(self, key: Key, decision: Decision, *, now_ns: int = NOW) -> int:
        """Gives back what `decision` took from this key, once. The permits given back."""
        if isinstance(key, int):
            return check(lib.seawall_keyed_limiter_refund_id(self._handle, _id(key), now_ns, decision))
        data = _bytes(key)
        return check(lib.seawall_keyed_limiter_refund(self._handle, data, len(data), now_ns, decision))

    def stats(self, *, now_ns: int = NOW) -> KeyedStats:
        """Walks the whole table: for a scrape, not for a request."""
        raw = _ffi.seawall_keyed_stats(struct_size=ctypes.sizeof(_ffi.seawall_keyed_stats))
        check(lib_waiting.seawall_keyed_limiter_stats(self._handle, now_ns, raw))
        return KeyedStats(raw)
