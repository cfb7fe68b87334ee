# SPDX-License-Identifier: MIT
"""What machines share through Redis, over libseawall_redis.so, which needs hiredis: limits, a registry, announced trips.

    store = Store("127.0.0.1:6379", password=password)
    users = RateLimiter(store, "user", permits=200, period=60.0, mode=Mode.LEASED, gateways=4)
    decision = users.try_acquire(user_id)              # or: await users.try_acquire_async(user_id)
    if not decision:
        return too_many_requests(decision.retry_after)
    log(decision.decided_by, decision.fault)           # every decision says who decided

    limits = LimitSet(users, services)                 # several limits in one call: all are charged, or none
    answer = await limits.try_acquire_async(user_id, "trading")
    if answer and not send():
        await limits.refund_async(answer)

    registrar = Registrar(store)                       # a registry: see each class
    keeper = InstanceKeeper(registrar)
    follower.follow(StoreSource(store), "redis")
    board = TripBoard(store)

No call waits beyond the store's deadline, the others of a thread pool or of the event loop run meanwhile, and what can be
decided here (by a lease, or a refusal of a moment ago) waits for nothing. While Redis is away each limiter's `when_away`
decides. All may be used from any thread. Make the store after a fork.
"""

import ctypes
import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from . import _ffi, _redis_ffi
from ._library import SeawallError, check, key_bytes, made, nanoseconds
from ._redis_base import (
    _SIZE,
    DecidedBy,
    Decision,
    Fault,
    Key,
    SetDecision,
    Store,
    StoreStats,
    _ask,
    _from_json,
    _handle_type,
    _ns,
    _read_stats,
    lib,
    lib_waiting,
)
from ._redis_registry import (
    InstanceKeeper,
    KeeperStats,
    Kept,
    KeptState,
    Registrar,
    Says,
    StoreSource,
    StoreSourceStats,
    Trip,
    TripBoard,
    TripBoardStats,
    Word,
)
from .rate_limiter import _period_ns, _permits, _positive

__all__ = [
    "Algorithm",
    "DecidedBy",
    "Decision",
    "Fault",
    "InstanceKeeper",
    "KeeperStats",
    "Kept",
    "KeptState",
    "LimitSet",
    "LimiterStats",
    "Mode",
    "RateLimiter",
    "Registrar",
    "Says",
    "SetDecision",
    "Store",
    "StoreSource",
    "StoreSourceStats",
    "StoreStats",
    "Trip",
    "TripBoard",
    "TripBoardStats",
    "WhenAway",
    "Word",
]

_Limiter, _Set = _handle_type("limiter"), _handle_type("limit_set")
_try_acquire_here = lib.seawall_redis_limiter_try_acquire_here


class Algorithm(enum.IntEnum):
    TOKEN_BUCKET = _redis_ffi.SEAWALL_REDIS_TOKEN_BUCKET
    SLIDING_WINDOW = _redis_ffi.SEAWALL_REDIS_SLIDING_WINDOW


class Mode(enum.IntEnum):
    EXACT = _redis_ffi.SEAWALL_REDIS_EXACT  # Redis is asked for each request
    LEASED = _redis_ffi.SEAWALL_REDIS_LEASED  # batches of permits are taken ahead and spent here


class WhenAway(enum.IntEnum):
    """Who decides when Redis cannot."""

    LOCAL_SHARE = _redis_ffi.SEAWALL_REDIS_AWAY_LOCAL_SHARE  # a limiter here, with the quota divided by `gateways`
    ALLOW = _redis_ffi.SEAWALL_REDIS_AWAY_ALLOW
    DENY = _redis_ffi.SEAWALL_REDIS_AWAY_DENY


class LimiterStats(NamedTuple):
    by_store: int  # decisions, by who made them; those by leases are not counted, for their speed
    by_denial_cache: int
    by_policy: int
    foreign: int
    leases: int
    leased_permits: int


def _cache_ns(seconds: float) -> int:
    """Not negative: the library's -1 means none."""
    ns = _positive("denial_cache", nanoseconds("denial_cache", seconds))
    if ns < 0:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"denial_cache must not be negative, not {seconds}")
    return ns


class RateLimiter:
    """One limit for each key (str or bytes), shared by all processes that use the same name with this Redis.

    Exact: no more than the limit in any interval of the server's clock. Leased: the same; the batches of `gateways`
    processes are taken out of it, and each process beyond that number adds one. `denial_cache`: refusals are repeated
    here for so long at most, 0 for not at all.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        permits: int,
        period: Optional[float] = None,
        *,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        algorithm: Algorithm = Algorithm.TOKEN_BUCKET,
        mode: Mode = Mode.EXACT,
        when_away: WhenAway = WhenAway.LOCAL_SHARE,
        gateways: int = 1,
        batch: Optional[int] = None,  # a quarter of the burst, divided by `gateways`
        lease_time: float = 10.0,  # what a lease has left then is dropped
        denial_cache: float = 60.0,
        memory_bytes: Optional[int] = None,  # 1 MiB, 16 bytes a key
        tag: str = "",  # limits with the same tag can be of one set in a cluster
    ):
        options = {
            "name": name,
            "tag": tag,
            "permits": _positive("permits", permits),
            "period_ns": _period_ns(period, period_ns),
            "burst": burst,
            "algorithm": int(algorithm),
            "mode": int(mode),
            "when_away": int(when_away),
            "gateways": _positive("gateways", gateways),
            "batch": batch,
            "lease_time_ns": _ns("lease_time", lease_time),
            "denial_cache_ns": _redis_ffi.SEAWALL_REDIS_OFF if denial_cache == 0 else _cache_ns(denial_cache),
            "memory_bytes": memory_bytes,
        }
        new = lib.seawall_redis_store_new_limiter_from_json
        self.name = name
        self._place = (name, tag)  # in Redis
        self._handle = _Limiter(made(new, store._handle, *_from_json(options)))

    def _here(self, data: bytes, permits: int) -> Optional[Decision]:
        decision = Decision(_SIZE)
        code = _try_acquire_here(self._handle, data, len(data), _permits(permits), decision)
        if code == _redis_ffi.SEAWALL_REDIS_UNDECIDED:
            return None
        check(code)
        return decision

    def try_acquire(self, key: Key, permits: int = 1) -> Decision:
        """Takes `permits` of the key's or nothing. Waits for Redis until the deadline at most."""
        data = key_bytes(key)
        decision = self._here(data, permits)
        return self._wait(lib_waiting.seawall_redis_limiter_try_acquire, data, permits) if decision is None else decision

    async def try_acquire_async(self, key: Key, permits: int = 1) -> Decision:
        """The same in an event loop, which runs on meanwhile. Cancelled, it may have taken the permits."""
        data = key_bytes(key)
        if (decision := self._here(data, permits)) is not None:
            return decision

        return await self._begin(lib.seawall_redis_limiter_try_acquire_async, data, permits)

    def allow(self, key: Key) -> bool:
        """try_acquire(key).allowed"""
        return self.try_acquire(key).allowed

    def peek(self, key: Key, permits: int = 1) -> Decision:
        """What Redis would answer now, or while it is away `when_away`, without taking anything. Waits as try_acquire."""
        return self._wait(lib_waiting.seawall_redis_limiter_peek, key_bytes(key), permits)

    async def peek_async(self, key: Key, permits: int = 1) -> Decision:
        """The same in an event loop."""
        return await self._begin(lib.seawall_redis_limiter_peek_async, key_bytes(key), permits)

    async def _begin(self, verb: Callable[..., int], data: bytes, permits: int) -> Decision:
        given = (self._handle, data, len(data), _permits(permits))
        return await _ask(lambda *inbox: verb(*given, *inbox), _only)

    def _wait(self, verb: Callable[..., int], data: bytes, permits: int) -> Decision:
        decision = Decision(_SIZE)
        check(verb(self._handle, data, len(data), _permits(permits), decision))
        return decision

    def refund(self, key: Key, decision: Decision) -> int:
        """Gives back what `decision` took from this key, once. The whole permits that came back, 0 when Redis could not
        be asked. Waits as try_acquire."""
        data = key_bytes(key)
        return check(lib_waiting.seawall_redis_limiter_refund(self._handle, data, len(data), decision))

    async def refund_async(self, key: Key, decision: Decision) -> int:
        """The same in an event loop. Cancelled once it runs, it gives back all the same."""
        data, before = key_bytes(key), decision.remaining
        given = (self._handle, data, len(data), decision)
        after = await _ask(lambda *inbox: lib.seawall_redis_limiter_refund_async(*given, *inbox), _only)
        return after.remaining - before

    def refund_later(self, key: Key, decision: Decision) -> None:
        """The same without waiting for how many."""
        data = key_bytes(key)
        check(lib.seawall_redis_limiter_refund_async(self._handle, data, len(data), decision, None, 0))

    def stats(self) -> LimiterStats:
        return _read_stats(
            lib.seawall_redis_limiter_get_stats, self._handle, _redis_ffi.seawall_redis_limiter_stats, LimiterStats
        )


def _only(answer: SetDecision) -> Decision:
    return Decision.from_buffer_copy(answer.decisions[0])


def _texts(keys: list[bytes]) -> tuple[ctypes.Array, int]:
    return (_ffi.seawall_text * len(keys))(*[_ffi.seawall_text(key, len(key)) for key in keys]), len(keys)


class LimitSet:
    """1 to 8 limiters of one store as one decision in one call: all are charged, or none. Always exact. When a refusal of
    a moment ago is repeated here, the others are not asked, and tell a `remaining` of -1."""

    def __init__(self, *limiters: RateLimiter):
        handles = (ctypes.c_void_p * len(limiters))(*[limiter._handle for limiter in limiters])
        self._limiters = limiters
        self._handle = _Set(made(lib.seawall_redis_limit_set_new, handles, len(limiters)))

    def _checked(self, keys: Sequence[Key]) -> list[bytes]:
        if len(keys) != len(self._limiters):
            raise TypeError(f"{len(self._limiters)} keys needed, one for each limiter, not {len(keys)}")
        data = [key_bytes(key) for key in keys]
        places = [(limiter._place, text) for limiter, text in zip(self._limiters, data)]
        for at, place in enumerate(places):
            if place in places[:at]:
                raise ValueError(f"{place[0][0]}: the key {keys[at]!r} twice, which Redis would charge once for both")
        return data

    def try_acquire(self, *keys: Key, permits: int = 1) -> SetDecision:
        """Takes `permits` of each limit, or of none. Waits for Redis until the deadline at most."""
        return self._wait(lib_waiting.seawall_redis_limit_set_try_acquire, keys, permits)

    async def try_acquire_async(self, *keys: Key, permits: int = 1) -> SetDecision:
        """The same in an event loop, which runs on meanwhile. Cancelled, it may have taken the permits."""
        return await self._begin(lib.seawall_redis_limit_set_try_acquire_async, keys, permits)

    def peek(self, *keys: Key, permits: int = 1) -> SetDecision:
        """What Redis would answer now, or while it is away each limiter's `when_away`, without taking anything. Waits as
        try_acquire."""
        return self._wait(lib_waiting.seawall_redis_limit_set_peek, keys, permits)

    async def peek_async(self, *keys: Key, permits: int = 1) -> SetDecision:
        """The same in an event loop."""
        return await self._begin(lib.seawall_redis_limit_set_peek_async, keys, permits)

    def _wait(self, verb: Callable[..., int], keys: Sequence[Key], permits: int) -> SetDecision:
        data = self._checked(keys)
        answer = SetDecision(len(data), data)
        check(verb(self._handle, *_texts(data), _permits(permits), answer._raw))
        return answer

    async def _begin(self, verb: Callable[..., int], keys: Sequence[Key], permits: int) -> SetDecision:
        data = self._checked(keys)
        given = (self._handle, *_texts(data), _permits(permits))
        answer = await _ask(lambda *inbox: verb(*given, *inbox), lambda arrived: arrived)
        answer._keys = data
        answer.decisions = answer.decisions[: answer._raw.answered]
        return answer

    def _given(self, answer: SetDecision) -> tuple[int, ctypes.Array, int, ctypes.Structure]:
        answer._check_size(len(self._limiters))
        return self._handle, *_texts(answer._keys), answer._raw

    def refund(self, answer: SetDecision) -> None:
        """Gives back what all limits were charged in `answer`, once and in one call: all of it, or nothing when Redis
        cannot be asked. Each `remaining` grows by the whole permits that came back. Waits as try_acquire."""
        check(lib_waiting.seawall_redis_limit_set_refund(*self._given(answer)))

    async def refund_async(self, answer: SetDecision) -> None:
        """The same in an event loop. Cancelled once it runs, it gives back all the same."""
        given = self._given(answer)
        after = await _ask(lambda *inbox: lib.seawall_redis_limit_set_refund_async(*given, *inbox), lambda arrived: arrived)
        for decision, told in zip(answer.decisions, after.decisions):
            decision.remaining = told.remaining

    def refund_later(self, answer: SetDecision) -> None:
        """The same without waiting for how many."""
        check(lib.seawall_redis_limit_set_refund_async(*self._given(answer), None, 0))
