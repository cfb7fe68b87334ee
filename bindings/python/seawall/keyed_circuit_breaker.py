# SPDX-License-Identifier: MIT
"""A circuit breaker for each host or instance, in memory chosen once.

    hosts = KeyedCircuitBreaker(capacity=500, idle_after=600)
    with hosts.try_acquire("10.0.0.7:8001"):   # raises CircuitOpenError while that host's breaker is open
        ...
"""

import ctypes
import dataclasses
import enum
from typing import Any, Optional, Union

from . import _ffi
from ._library import CLOCK, NOW, SIZES, Handle, bare, check, instant, key_bytes, lib, moment, nanoseconds, prepared
from .circuit_breaker import Exceptions, Guard, HeldTicket, Snapshot, Ticket, breaker_options, new_handle, snapshot_of


class WhenFull(enum.IntEnum):
    """What a new key meets when all breakers are taken: its calls are admitted and count nowhere; all such keys share
    one breaker; they are refused until a breaker may be idle."""

    ADMIT = _ffi.SEAWALL_BREAKERS_FULL_ADMIT
    SHARE = _ffi.SEAWALL_BREAKERS_FULL_SHARE
    REFUSE = _ffi.SEAWALL_BREAKERS_FULL_REFUSE


@dataclasses.dataclass(frozen=True)
class KeyedBreakerStats:
    memory_bytes: int
    capacity: int
    in_use: int
    evictions: int
    full: int


_Call, _Wait = _ffi.seawall_breaker_ticket, ctypes.c_int64
_NO_CALL = _Call()
_byref, _ADMITTED = ctypes.byref, _ffi.SEAWALL_BREAKER_ADMITTED
_try_acquire = bare(lib.seawall_keyed_circuit_breaker_try_acquire)
_report = bare(lib.seawall_keyed_circuit_breaker_report)


class _KeyedHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_keyed_circuit_breaker_free


Key = Union[str, bytes]


class KeyedCircuitBreaker(Guard):
    """When all are taken, a new key gets the place of one that is closed, without failures and not asked for during
    idle_after; else it meets when_full. The other options are those of CircuitBreaker."""

    def __init__(
        self,
        *,
        capacity: int = 1024,
        idle_after: float = 600.0,
        when_full: WhenFull = WhenFull.ADMIT,
        failures: Exceptions = Exception,
        ignored: Exceptions = (),
        now_ns: int = NOW,
        **options: Any,
    ):
        values = breaker_options(**options) | {
            "capacity": capacity,
            "idle_after_ns": nanoseconds("idle_after", idle_after),
            "when_full": int(when_full),
        }
        if not capacity or not values["idle_after_ns"]:
            raise ValueError("capacity and idle_after must not be 0")
        address = new_handle(lib.seawall_keyed_circuit_breaker_new_from_json, values, now_ns)
        self._handle = _KeyedHandle(address)
        self._at = prepared(ctypes.c_void_p, address)
        self._failures = failures
        self._ignored = ignored

    def _report(self, call: Any, outcome: int, now: Any) -> int:
        return _report(self._at, _byref(call or _NO_CALL), outcome, now)

    def _cancel(self, call: Any, cancel: Any = lib.seawall_keyed_circuit_breaker_cancel) -> None:
        cancel(self._handle, call)

    def _unchanged(self, call: Any) -> bool:
        return False

    def try_acquire(self, key: Key, *, now_ns: int = NOW) -> Ticket:
        """As CircuitBreaker.try_acquire, for the breaker of `key`."""
        name, call, wait = key_bytes(key), _Call(), _Wait()
        now = CLOCK if now_ns is NOW else moment(now_ns)
        code = _try_acquire(self._at, name, SIZES[len(name)], now, _byref(call), _byref(wait))
        if code == _ADMITTED:
            return HeldTicket(self, call)
        check(code)
        return Ticket(self, 0, wait.value)

    def snapshot(self, key: Key, *, now_ns: int = NOW) -> Optional[Snapshot]:
        """Of the breaker of `key`; None when it has none."""
        name = key_bytes(key)
        seen = _ffi.seawall_circuit_breaker_snapshot(struct_size=ctypes.sizeof(_ffi.seawall_circuit_breaker_snapshot))
        code = lib.seawall_keyed_circuit_breaker_get_snapshot(self._handle, name, len(name), instant(now_ns), seen)
        if code == _ffi.SEAWALL_E_NOT_FOUND:
            return None
        check(code)
        return snapshot_of(seen)

    def keys(self) -> list[bytes]:
        """Of all breakers there are, each at most 120 bytes; while other threads add some, these may be missing."""
        buffer, size, found = ctypes.create_string_buffer(128), ctypes.c_size_t(), []
        for place in range(self.stats().capacity):
            code = lib.seawall_keyed_circuit_breaker_key_at(self._handle, place, buffer, 128, size)
            if code != _ffi.SEAWALL_E_NOT_FOUND:
                check(code)
                found.append(buffer.raw[: size.value])
        return found

    def stats(self) -> KeyedBreakerStats:
        kind = _ffi.seawall_keyed_circuit_breaker_stats
        seen = kind(struct_size=ctypes.sizeof(kind))
        check(lib.seawall_keyed_circuit_breaker_get_stats(self._handle, seen))
        return KeyedBreakerStats(**{f.name: getattr(seen, f.name) for f in dataclasses.fields(KeyedBreakerStats)})

    def _administer(self, verb: Any, key: Key, now_ns: int) -> bool:
        name = key_bytes(key)
        code = verb(self._handle, name, len(name), instant(now_ns))
        return code not in (_ffi.SEAWALL_E_NOT_FOUND, _ffi.SEAWALL_E_FULL) and check(code) == 0

    def force_open(self, key: Key, *, now_ns: int = NOW) -> bool:
        """False: there is no breaker for the key, and no room for one."""
        return self._administer(lib.seawall_keyed_circuit_breaker_force_open, key, now_ns)

    def disable(self, key: Key, *, now_ns: int = NOW) -> bool:
        """As force_open."""
        return self._administer(lib.seawall_keyed_circuit_breaker_disable, key, now_ns)

    def reset(self, key: Key, *, now_ns: int = NOW) -> bool:
        """False: there is no breaker for the key."""
        return self._administer(lib.seawall_keyed_circuit_breaker_reset, key, now_ns)

    def forget(self, key: Key, *, now_ns: int = NOW) -> bool:
        """The dependency is gone: frees its breaker, whatever its state."""
        return self._administer(lib.seawall_keyed_circuit_breaker_forget, key, now_ns)
