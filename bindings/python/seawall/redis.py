# SPDX-License-Identifier: MIT
"""Limits that machines share through Redis, over libseawall_redis.so, which needs hiredis.

    store = Store("127.0.0.1:6379", password=password)
    users = RateLimiter(store, "user", permits=200, period=60.0, mode=Mode.LEASED, gateways=4)
    decision = users.try_acquire(user_id)              # or: await users.try_acquire_async(user_id)
    if not decision:
        return too_many_requests(decision.retry_after)
    log(decision.decided_by, decision.fault)           # every decision says who decided

    limits = LimitSet(users, services)                 # several limits in one call: all are charged, or none
    answer = await limits.try_acquire_async(user_id, "trading")

No call waits beyond the store's deadline, the others of a thread pool or of the event loop run meanwhile, and what can be
decided here (by a lease, or a refusal of a moment ago) waits for nothing. While Redis is away each limiter's `when_away`
decides. All may be used from any thread. Make the store after a fork.
"""

import asyncio
import ctypes
import enum
import json
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional, Union

from . import _ffi, _redis_ffi
from ._library import Handle, SeawallError, check, load, new_error, read_text
from .limit_set import SetDecision as _SetDecision
from .rate_limiter import _Answer, _period_ns, _permits, _positive

__all__ = [
    "Algorithm",
    "DecidedBy",
    "Decision",
    "Fault",
    "LimitSet",
    "LimiterStats",
    "Mode",
    "RateLimiter",
    "SetDecision",
    "Store",
    "StoreStats",
    "WhenAway",
]

lib, lib_waiting = load("seawall_redis", "SEAWALL_REDIS_LIBRARY", _redis_ffi)

_SIZE = ctypes.sizeof(_redis_ffi.seawall_redis_decision)
_MOST = _ffi.SEAWALL_LIMIT_SET_MOST
_try_acquire_here = lib.seawall_redis_limiter_try_acquire_here
Key = Union[str, bytes]


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


class DecidedBy(enum.IntEnum):
    STORE = _redis_ffi.SEAWALL_REDIS_BY_STORE  # Redis, for this very request
    LEASE = _redis_ffi.SEAWALL_REDIS_BY_LEASE  # permits that it gave this process ahead
    DENIAL_CACHE = _redis_ffi.SEAWALL_REDIS_BY_DENIAL_CACHE  # it refused a moment ago and said until when
    POLICY = _redis_ffi.SEAWALL_REDIS_BY_POLICY  # WhenAway, and `fault` says why


class Fault(enum.IntEnum):
    NONE = _redis_ffi.SEAWALL_REDIS_FAULT_NONE
    TIMEOUT = _redis_ffi.SEAWALL_REDIS_FAULT_TIMEOUT  # no answer by the deadline
    AWAY = _redis_ffi.SEAWALL_REDIS_FAULT_AWAY  # no connection, or not asked after requests without an answer
    FOREIGN = _redis_ffi.SEAWALL_REDIS_FAULT_FOREIGN  # the key holds what no limiter wrote
    REFUSED = _redis_ffi.SEAWALL_REDIS_FAULT_REFUSED  # Redis answered with an error of its own
    UNAUTHORIZED = _redis_ffi.SEAWALL_REDIS_FAULT_UNAUTHORIZED  # it refuses our user or password, or wants one


class Decision(_Answer, _redis_ffi.seawall_redis_decision):
    """A limiter's answer, as seawall.Decision, and who gave it."""

    __slots__ = ()

    @property
    def decided_by(self) -> DecidedBy:
        return DecidedBy(super().decided_by)

    @property
    def fault(self) -> Fault:
        return Fault(super().fault)


class SetDecision(_SetDecision):
    """A set's answer: true when allowed."""

    __slots__ = ()

    def __init__(self, size: int, keys: Any = None):
        self._keys = keys
        self.decisions = (Decision * size)(*[(_SIZE,)] * size)
        pointer = ctypes.cast(self.decisions, ctypes.POINTER(_redis_ffi.seawall_redis_decision))
        self._raw = _redis_ffi.seawall_redis_set_decision(decision_count=size, decisions=pointer)
        self._raw.struct_size = ctypes.sizeof(self._raw)


class StoreStats(NamedTuple):
    up: bool  # some node answers
    unauthorized: bool  # the last server that was tried refuses our user or password, or wants one
    requests: int
    answered: int
    timeouts: int
    not_sent: int
    connects: int
    disconnects: int
    silences: int
    reloads: int
    moved: int
    asked: int
    batches: int


class LimiterStats(NamedTuple):
    by_store: int  # decisions, by who made them; those by leases are not counted, for their speed
    by_denial_cache: int
    by_policy: int
    foreign: int
    leases: int
    leased_permits: int


def _handle_type(name: str) -> type[Handle]:
    # Freeing the last user of a store waits for its thread.
    free = getattr(lib_waiting, f"seawall_redis_{name}_free")
    return type(Handle)(f"_{name}", (Handle,), {"__slots__": (), "_free": free})


_Store, _Limiter, _Set, _Box = (_handle_type(name) for name in ("store", "limiter", "limit_set", "inbox"))


def _made(new: Callable[..., int], *arguments: Any) -> int:
    handle, error = ctypes.c_void_p(), new_error()
    check(new(*arguments, ctypes.byref(handle), ctypes.byref(error)), error)
    return handle.value


def _from_json(options: dict) -> tuple[bytes, int]:
    text = json.dumps({name: value for name, value in options.items() if value is not None}).encode()
    return text, len(text)


def _ns(name: str, seconds: Optional[float]) -> Optional[int]:
    return None if seconds is None else _positive(name, round(seconds * 1e9))


def _cache_ns(seconds: float) -> int:
    """Not negative: the library's -1 means none."""
    ns = _ns("denial_cache", seconds)
    if ns < 0:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"denial_cache must not be negative, not {seconds}")
    return ns


def _read_stats(function: Callable[..., int], handle: int, struct: type, kind: type) -> Any:
    raw = struct(struct_size=ctypes.sizeof(struct))
    check(function(handle, raw))
    return kind(**{name: kind.__annotations__[name](getattr(raw, name)) for name in kind._fields})


class Store:
    """A Redis server ("HOST:PORT"), several that fail over to each other, or nodes of a cluster. It connects and
    reconnects by itself, on a thread of its own; it may be away. Durations are seconds; None is the library's default."""

    def __init__(
        self,
        *endpoints: str,
        cluster: bool = False,
        user: str = "",
        password: str = "",
        database: int = 0,
        deadline: Optional[float] = None,  # 0.01: of each request
        silence: Optional[float] = None,  # 0.25: a connection that owes an answer for so long is closed
        reconnect_min: Optional[float] = None,
        reconnect_max: Optional[float] = None,
        most_pending: Optional[int] = None,
        breaker_failure_threshold: Optional[int] = None,
        breaker_open_duration: Optional[float] = None,
    ):
        options = {
            "endpoints": ",".join(endpoints),
            "cluster": int(cluster),
            "user": user,
            "password": password,
            "database": database,
            "deadline_ns": _ns("deadline", deadline),
            "silence_ns": _ns("silence", silence),
            "reconnect_min_ns": _ns("reconnect_min", reconnect_min),
            "reconnect_max_ns": _ns("reconnect_max", reconnect_max),
            "most_pending": most_pending,
            "breaker_failure_threshold": breaker_failure_threshold,
            "breaker_open_duration_ns": _ns("breaker_open_duration", breaker_open_duration),
        }
        self._handle = _Store(_made(lib.seawall_redis_store_new_from_json, *_from_json(options)))

    def stats(self) -> StoreStats:
        return _read_stats(
            lib.seawall_redis_store_get_stats, self._handle, _redis_ffi.seawall_redis_store_stats, StoreStats
        )

    def refusal(self) -> str:
        """Why the last server that was tried turned us away, in its words; empty when it did not."""
        return read_text(lambda *out: lib.seawall_redis_store_refusal(self._handle, *out))


class _Inbox:
    """Where the answers for one event loop arrive."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._handle = _Box(_made(lib.seawall_redis_inbox_new))
        self._waiting: dict[int, tuple[asyncio.Future, Callable]] = {}
        self._tag = 0
        loop.add_reader(lib.seawall_redis_inbox_fd(self._handle), self._receive)

    def call(self, loop: asyncio.AbstractEventLoop, begin: Callable[..., int], result: Callable) -> asyncio.Future:
        """begin(inbox, tag); the future of result(SetDecision)."""
        self._tag = tag = self._tag + 1
        future = loop.create_future()
        check(begin(self._handle, tag))
        self._waiting[tag] = (future, result)
        # Also when it is cancelled: what waits here keeps its loop alive.
        future.add_done_callback(lambda _: self._waiting.pop(tag, None))
        return future

    def _receive(self) -> None:
        tag = ctypes.c_uint64()
        while True:
            answer = SetDecision(_MOST)
            if check(lib.seawall_redis_inbox_receive(self._handle, ctypes.byref(tag), answer._raw)) == 0:
                return
            future, result = self._waiting.pop(tag.value, (None, None))
            if future is not None and not future.done():
                future.set_result(result(answer))


# A loop owns its inbox, as the reader of its descriptor, until it is closed: from here a call that a closed loop left
# unanswered would keep both for ever.
_inboxes: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[_Inbox]]" = weakref.WeakKeyDictionary()


def _ask(begin: Callable[..., int], result: Callable) -> asyncio.Future:
    loop = asyncio.get_running_loop()
    known = _inboxes.get(loop)
    inbox = known() if known is not None else None
    if inbox is None:
        inbox = _Inbox(loop)
        _inboxes[loop] = weakref.ref(inbox)
    return inbox.call(loop, begin, result)


def _bytes(key: Key) -> bytes:
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key


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
        self._handle = _Limiter(_made(new, store._handle, *_from_json(options)))

    def _here(self, data: bytes, permits: int) -> Optional[Decision]:
        decision = Decision(_SIZE)
        code = _try_acquire_here(self._handle, data, len(data), _permits(permits), decision)
        if code == _redis_ffi.SEAWALL_REDIS_UNDECIDED:
            return None
        check(code)
        return decision

    def try_acquire(self, key: Key, permits: int = 1) -> Decision:
        """Takes `permits` of the key's or nothing. Waits for Redis until the deadline at most."""
        data = _bytes(key)
        decision = self._here(data, permits)
        return self._wait(lib_waiting.seawall_redis_limiter_try_acquire, data, permits) if decision is None else decision

    async def try_acquire_async(self, key: Key, permits: int = 1) -> Decision:
        """The same in an event loop, which runs on meanwhile. Cancelled, it may have taken the permits."""
        data = _bytes(key)
        if (decision := self._here(data, permits)) is not None:
            return decision

        def begin(inbox: int, tag: int) -> int:
            given = (self._handle, data, len(data), _permits(permits), inbox, tag)
            return lib.seawall_redis_limiter_try_acquire_async(*given)

        return await _ask(begin, lambda answer: Decision.from_buffer_copy(answer.decisions[0]))

    def allow(self, key: Key) -> bool:
        """try_acquire(key).allowed"""
        return self.try_acquire(key).allowed

    def peek(self, key: Key, permits: int = 1) -> Decision:
        """What Redis would answer now, without taking anything. Waits as try_acquire."""
        return self._wait(lib_waiting.seawall_redis_limiter_peek, _bytes(key), permits)

    def _wait(self, verb: Callable[..., int], data: bytes, permits: int) -> Decision:
        decision = Decision(_SIZE)
        check(verb(self._handle, data, len(data), _permits(permits), decision))
        return decision

    def refund(self, key: Key, decision: Decision) -> int:
        """Gives back what `decision` took from this key, once. The whole permits that came back, 0 when Redis could not
        be asked. Waits as try_acquire."""
        data = _bytes(key)
        return check(lib_waiting.seawall_redis_limiter_refund(self._handle, data, len(data), decision))

    def refund_later(self, key: Key, decision: Decision) -> None:
        """The same without waiting for how many: for event loops."""
        data = _bytes(key)
        check(lib.seawall_redis_limiter_refund_async(self._handle, data, len(data), decision))

    def stats(self) -> LimiterStats:
        return _read_stats(
            lib.seawall_redis_limiter_get_stats, self._handle, _redis_ffi.seawall_redis_limiter_stats, LimiterStats
        )


class LimitSet:
    """1 to 8 limiters of one store as one decision in one call: all are charged, or none. Always exact. When a refusal of
    a moment ago is repeated here, the others are not asked, and tell a `remaining` of -1."""

    def __init__(self, *limiters: RateLimiter):
        handles = (ctypes.c_void_p * len(limiters))(*[limiter._handle for limiter in limiters])
        self._limiters = limiters
        self._handle = _Set(_made(lib.seawall_redis_limit_set_new, handles, len(limiters)))

    def _texts(self, keys: Sequence[Key]) -> tuple[list[bytes], ctypes.Array]:
        if len(keys) != len(self._limiters):
            raise TypeError(f"{len(self._limiters)} keys needed, one for each limiter, not {len(keys)}")
        data = [_bytes(key) for key in keys]
        places = [(limiter._place, text) for limiter, text in zip(self._limiters, data)]
        for at, place in enumerate(places):
            if place in places[:at]:
                raise ValueError(f"{place[0][0]}: the key {keys[at]!r} twice, which Redis would charge once for both")
        return data, (_ffi.seawall_text * len(data))(*[(text, len(text)) for text in data])

    def try_acquire(self, *keys: Key, permits: int = 1) -> SetDecision:
        """Takes `permits` of each limit, or of none. Waits for Redis until the deadline at most."""
        data, texts = self._texts(keys)
        answer = SetDecision(len(data), data)
        verb = lib_waiting.seawall_redis_limit_set_try_acquire
        check(verb(self._handle, texts, len(data), _permits(permits), answer._raw))
        return answer

    async def try_acquire_async(self, *keys: Key, permits: int = 1) -> SetDecision:
        """The same in an event loop, which runs on meanwhile. Cancelled, it may have taken the permits."""
        data, texts = self._texts(keys)

        def begin(inbox: int, tag: int) -> int:
            given = (self._handle, texts, len(data), _permits(permits), inbox, tag)
            return lib.seawall_redis_limit_set_try_acquire_async(*given)

        def result(answer: SetDecision) -> SetDecision:
            answer._keys = data
            answer.decisions = answer.decisions[: answer._raw.answered]
            return answer

        return await _ask(begin, result)

    def refund(self, answer: SetDecision) -> None:
        """Gives back what all limits were charged in `answer`, once, without waiting."""
        for limiter, key, decision in zip(self._limiters, answer._keys, answer.decisions):
            if decision.charge_permits > 0:
                check(lib.seawall_redis_limiter_refund_async(limiter._handle, key, len(key), decision))
