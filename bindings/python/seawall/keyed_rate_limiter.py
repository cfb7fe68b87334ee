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

    decisions = users.try_acquire_batch(user_ids)  # many keys, a fraction of the time for each

Processes share one in memory that all of them map (an mmap, a multiprocessing.shared_memory buffer):

    users = KeyedRateLimiter(SlidingWindow, permits=200, period=60.0, memory=shared.buf)  # one makes it
    users = KeyedRateLimiter.attach(SlidingWindow, shared.buf)                            # then the others attach
"""

import array
import ctypes
from collections.abc import Iterable, Sequence
from typing import Any, Optional, Union, cast

from . import _ffi
from ._library import (
    CLOCK,
    NOW,
    SIZES,
    ONE,
    bare,
    check,
    fill,
    fitted,
    instant,
    key_bytes,
    lib,
    lib_waiting,
    made,
    nanoseconds,
    new_error,
    place,
)
from .rate_limiter import (
    _ALLOWED,
    _SINGLE,
    _SIZE,
    Decision,
    LimitChange,
    SlidingWindow,
    TokenBucket,
    _clamped,
    _byref,
    _Limiter,
    _period_ns,
    _permits,
    _positive,
)

__all__ = ["KeyedRateLimiter", "KeyedStats"]

_allow = bare(lib.seawall_keyed_limiter_allow)
_try_acquire = lib.seawall_keyed_limiter_try_acquire
_try_acquire_id = lib.seawall_keyed_limiter_try_acquire_id
_take_one, _take_one_id = bare(_try_acquire), bare(_try_acquire_id)
_number = ctypes.c_uint64


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
Kind = type[Union[TokenBucket, SlidingWindow]]


def _id(key: int) -> int:
    if not 0 <= key < 2**64:
        raise ValueError("an integer key is from 0 to 2**64 - 1")  # ctypes would cut it silently
    return key


def _keys(keys: Sequence[Key]) -> ctypes.Array:
    found = (_ffi.seawall_limit_key * len(keys))()
    for place, key in zip(found, keys):
        if isinstance(key, int):
            place.id = _id(key)
        else:
            place.text = data = key_bytes(key)
            place.text_size = len(data)
    return found


class KeyedRateLimiter(_Limiter):
    """A limit of its own for each key (str, bytes, or int from 0 to 2**64 - 1), in memory that never grows.

    `kind` is TokenBucket or SlidingWindow. The table is in memory of this process, `memory_bytes` of it, or in all of
    `memory`: a buffer that can be written, aligned to 64 bytes (mapped memory is), which is to be closed after this
    object is gone. when_full says what becomes of a new key when all places of its line are taken
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
        kind: Kind,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        memory_bytes: int = 16 * 1024 * 1024,  # for buckets 24 a key, for windows 192
        seed: int = 0,
        when_full: str = "overflow",
        memory: Any = None,
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
        if memory is None:
            super().__init__(options, now_ns)
        else:
            raw = _ffi.seawall_keyed_limiter_options(struct_size=ctypes.sizeof(_ffi.seawall_keyed_limiter_options))
            fill(raw, options)
            self._use(memory, lambda place, size, *out: lib.seawall_keyed_limiter_new_in(raw, place, size, instant(now_ns), *out))

    @classmethod
    def attach(cls, kind: Kind, memory: Any) -> "KeyedRateLimiter":
        """The limiter of this kind that was made in `memory`, perhaps by another process, at another address."""
        self = cls.__new__(cls)
        self._use(memory, lambda *place: lib.seawall_keyed_limiter_attach(kind._kind, *place))
        return self

    @staticmethod
    def memory_for(kind: Kind, keys: int) -> int:
        """The bytes that leave 1 of `keys` keys in use in 300 no place."""
        size = ctypes.c_size_t(0)
        keys = fitted("keys", keys, ctypes.c_size_t)
        check(lib.seawall_keyed_limiter_memory_for(kind._kind, keys, ctypes.byref(size)))
        return size.value

    def _use(self, memory: Any, make) -> None:
        bytes_there = place(memory)
        self._own(made(make, ctypes.addressof(bytes_there), len(bytes_there)))
        self._memory = bytes_there

    def allow(self, key: Key) -> bool:
        """May one more pass, now? try_acquire(key).allowed for half the price: no details, nothing to refund."""
        if isinstance(key, int):
            code = _take_one_id(self._at, _number(_id(key)), CLOCK, ONE, None)
        else:
            data = key_bytes(key)
            code = _allow(self._at, data, SIZES[len(data)])
        return code == _ALLOWED or check(code) == _ALLOWED

    def try_acquire(self, key: Key, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """Takes `permits` of the key's or nothing."""
        decision = Decision(_SIZE)
        common = permits is _SINGLE and now_ns is NOW  # all but the key and the decision is prepared
        if isinstance(key, int):
            if common:
                code = _take_one_id(self._at, _number(_id(key)), CLOCK, ONE, _byref(decision))
            else:
                code = _try_acquire_id(self._handle, _id(key), instant(now_ns), _permits(permits), decision)
        else:
            data = key_bytes(key)
            if common:
                code = _take_one(self._at, data, SIZES[len(data)], CLOCK, ONE, _byref(decision))
            else:
                code = _try_acquire(self._handle, data, len(data), instant(now_ns), _permits(permits), decision)
        if code < 0:
            check(code)
        return decision

    def try_acquire_batch(self, keys: Iterable[Key], permits: int = 1, *, now_ns: int = NOW) -> list[Decision]:
        """try_acquire of `permits` for each key in turn; the clock is read once. Cheapest when all keys are int."""
        keys = list(keys)
        count = len(keys)
        # One block of memory with the size set in each; the list's decisions are views of it.
        decisions = (Decision * count).from_buffer_copy(bytes(Decision(_SIZE)) * count)
        try:
            ids = array.array("Q", cast("list[int]", keys))
            address, acquire = ids.buffer_info()[0], lib.seawall_keyed_limiter_try_acquire_batch_id
            given: object = ctypes.cast(address, ctypes.POINTER(ctypes.c_uint64))
        except OverflowError:
            raise ValueError("an integer key is from 0 to 2**64 - 1") from None
        except TypeError:  # texts among them
            given = _keys(keys)
            acquire = lib.seawall_keyed_limiter_try_acquire_batch
        check(acquire(self._handle, given, count, instant(now_ns), _permits(permits), decisions))
        return list(decisions)

    def peek(self, key: Key, permits: int = 1, *, now_ns: int = NOW) -> Decision:
        """What try_acquire would answer, without taking anything."""
        decision = Decision(_SIZE)
        if isinstance(key, int):
            check(lib.seawall_keyed_limiter_peek_id(self._handle, _id(key), instant(now_ns), _permits(permits), decision))
        else:
            data = key_bytes(key)
            check(lib.seawall_keyed_limiter_peek(self._handle, data, len(data), instant(now_ns), _permits(permits), decision))
        return decision

    def refund(self, key: Key, decision: Decision, *, now_ns: int = NOW) -> int:
        """Gives back what `decision` took from this key, once. The permits given back."""
        if isinstance(key, int):
            return check(lib.seawall_keyed_limiter_refund_id(self._handle, _id(key), instant(now_ns), decision))
        data = key_bytes(key)
        return check(lib.seawall_keyed_limiter_refund(self._handle, data, len(data), instant(now_ns), decision))

    def stats(self, *, now_ns: int = NOW) -> KeyedStats:
        """Walks the whole table: for a scrape, not for a request."""
        raw = _ffi.seawall_keyed_stats(struct_size=ctypes.sizeof(_ffi.seawall_keyed_stats))
        check(lib_waiting.seawall_keyed_limiter_stats(self._handle, instant(now_ns), raw))
        return KeyedStats(raw)

    def save(self, *, now_ns: int = NOW) -> bytes:
        """What is left of all keys in use. It contains the seed of the hash: keep it secret."""
        needed = ctypes.c_size_t(0)
        lib_waiting.seawall_keyed_limiter_save(self._handle, instant(now_ns), None, 0, ctypes.byref(needed))
        while True:
            capacity = needed.value + needed.value // 8  # others may come in meanwhile
            buffer = ctypes.create_string_buffer(capacity)
            code = lib_waiting.seawall_keyed_limiter_save(self._handle, instant(now_ns), buffer, capacity, ctypes.byref(needed))
            if code != _ffi.SEAWALL_E_BUFFER_TOO_SMALL:
                check(code)
                return buffer.raw[: needed.value]

    def restore(self, saved: bytes, *, passed: float = 0.0, now_ns: int = NOW) -> None:
        """Fills this limiter, which must be new and have the kind, limit and memory of the saved one.

        `passed`: the seconds since, as far as you are sure of them; 0 is always safe.
        """
        error, passed_ns = new_error(), _clamped(nanoseconds("passed", passed, int))
        check(
            lib_waiting.seawall_keyed_limiter_restore(
                self._handle, saved, len(saved), instant(now_ns), passed_ns, ctypes.byref(error)
            ),
            error,
        )

    def take_over(self, old: "KeyedRateLimiter", how: LimitChange = LimitChange.KEEP, *, now_ns: int = NOW) -> None:
        """Another limit for all keys: this limiter, which is new, takes over what the keys of `old` have used.

        Both have the same kind and memory. Use this one in place of the old one from then on: what the old one grants
        later is not known here. Decisions can be refunded only where they were made.
        """
        error, change = new_error(), fitted("how", how, ctypes.c_int32)
        check(
            lib_waiting.seawall_keyed_limiter_take_over(self._handle, old._handle, change, instant(now_ns), ctypes.byref(error)),
            error,
        )
