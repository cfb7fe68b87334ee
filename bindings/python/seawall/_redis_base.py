# SPDX-License-Identifier: MIT
"""What the parts of seawall.redis share: the library, the store, and the inbox of an event loop."""

import asyncio
import ctypes
import enum
import json
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Optional, TypeVar, Union

from . import _ffi, _redis_ffi
from ._library import Handle, check, field, load, made, nanoseconds, read_text
from .limit_set import SetAnswer
from .rate_limiter import _Answer, _positive

lib, lib_waiting = load("seawall_redis", "SEAWALL_REDIS_LIBRARY", _redis_ffi)

_SIZE = ctypes.sizeof(_redis_ffi.seawall_redis_decision)
_MOST = _ffi.SEAWALL_LIMIT_SET_MOST
Key = Union[str, bytes]
_Stats = TypeVar("_Stats", bound=NamedTuple)


class DecidedBy(enum.IntEnum):
    """str() gives "store", "lease", ..."""

    STORE = _redis_ffi.SEAWALL_REDIS_BY_STORE  # Redis, for this very request
    LEASE = _redis_ffi.SEAWALL_REDIS_BY_LEASE  # permits that it gave this process ahead
    DENIAL_CACHE = _redis_ffi.SEAWALL_REDIS_BY_DENIAL_CACHE  # it refused a moment ago and said until when
    POLICY = _redis_ffi.SEAWALL_REDIS_BY_POLICY  # WhenAway, and `fault` says why

    def __str__(self) -> str:
        return lib.seawall_redis_by_name(self).decode()


class Fault(enum.IntEnum):
    """str() gives "none", "timeout", ..."""

    NONE = _redis_ffi.SEAWALL_REDIS_FAULT_NONE
    TIMEOUT = _redis_ffi.SEAWALL_REDIS_FAULT_TIMEOUT  # no answer by the deadline
    AWAY = _redis_ffi.SEAWALL_REDIS_FAULT_AWAY  # no connection, or not asked after requests without an answer
    FOREIGN = _redis_ffi.SEAWALL_REDIS_FAULT_FOREIGN  # the key holds what no limiter wrote
    REFUSED = _redis_ffi.SEAWALL_REDIS_FAULT_REFUSED  # Redis answered with an error of its own
    UNAUTHORIZED = _redis_ffi.SEAWALL_REDIS_FAULT_UNAUTHORIZED  # it refuses our user or password, or wants one

    def __str__(self) -> str:
        return lib.seawall_redis_fault_name(self).decode()


class Decision(_Answer, _redis_ffi.seawall_redis_decision):
    """A limiter's answer, as seawall.Decision, and who gave it."""

    __slots__ = ()

    _wait_ns = field(_redis_ffi.seawall_redis_decision, "retry_after_ns")

    @property
    def decided_by(self) -> DecidedBy:
        return DecidedBy(_decided_by(self))

    @property
    def fault(self) -> Fault:
        return Fault(_fault(self))


_decided_by, _fault = (field(_redis_ffi.seawall_redis_decision, name) for name in ("decided_by", "fault"))


class SetDecision(SetAnswer[Decision]):
    """A set's answer: true when allowed."""

    __slots__ = ()

    def __init__(self, size: int, keys: Any = None):
        self._keys = keys
        decisions = (Decision * size)(*[Decision(_SIZE)] * size)  # copies
        self.decisions = decisions  # type: ignore[assignment]  # ctypes' stubs do not say that an Array is a Sequence
        pointer = ctypes.cast(decisions, ctypes.POINTER(_redis_ffi.seawall_redis_decision))
        self._raw = _redis_ffi.seawall_redis_set_decision(decision_count=size, decisions=pointer)
        self._raw.struct_size = ctypes.sizeof(self._raw)


def new_word() -> _redis_ffi.seawall_redis_word:
    return _redis_ffi.seawall_redis_word(struct_size=ctypes.sizeof(_redis_ffi.seawall_redis_word))


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
    messages: int
    channels_denied: int  # subscriptions that the server refused our user: then no hints come


def _handle_type(name: str) -> type[Handle]:
    # Freeing the last user of a store waits for its thread.
    free = getattr(lib_waiting, f"seawall_redis_{name}_free")
    return type(f"_{name}", (Handle,), {"__slots__": (), "_free": free})


_Store, _Box = _handle_type("store"), _handle_type("inbox")


def _from_json(options: dict) -> tuple[bytes, int]:
    text = json.dumps({name: value for name, value in options.items() if value is not None}).encode()
    return text, len(text)


def _ns(name: str, seconds: Optional[float]) -> Optional[int]:
    return None if seconds is None else _positive(name, nanoseconds(name, seconds))


def _read_stats(function: Callable[..., int], handle: int, struct: type[ctypes.Structure], kind: type[_Stats]) -> _Stats:
    raw = struct(struct_size=ctypes.sizeof(struct))
    check(function(handle, raw))
    return kind._make(kind.__annotations__[name](getattr(raw, name)) for name in kind._fields)


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
        self._handle = _Store(made(lib.seawall_redis_store_new_from_json, *_from_json(options)))

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
        self._handle = _Box(made(lib.seawall_redis_inbox_new))
        self._waiting: dict[int, tuple[asyncio.Future, Callable]] = {}
        self._tag = 0
        loop.add_reader(lib.seawall_redis_inbox_fd(self._handle), self._receive)

    def call(self, loop: asyncio.AbstractEventLoop, begin: Callable[..., int], result: Callable) -> asyncio.Future:
        """begin(inbox, tag); the future of result(SetDecision), or result(seawall_redis_word)."""
        self._tag = tag = self._tag + 1
        future = loop.create_future()
        check(begin(self._handle, tag))
        self._waiting[tag] = (future, result)
        # Also when it is cancelled: what waits here keeps its loop alive.
        future.add_done_callback(lambda _: self._waiting.pop(tag, None))
        return future

    def _receive(self) -> None:
        self._receive_all(lib.seawall_redis_inbox_receive, lambda: SetDecision(_MOST), lambda answer: answer._raw)
        self._receive_all(lib.seawall_redis_inbox_receive_word, new_word, lambda answer: answer)

    def _receive_all(self, verb: Callable[..., int], new: Callable[[], Any], raw: Callable[[Any], Any]) -> None:
        tag = ctypes.c_uint64()
        while True:
            answer = new()
            if check(verb(self._handle, ctypes.byref(tag), raw(answer))) == 0:
                return
            waiting = self._waiting.pop(tag.value, None)
            if waiting is not None and not waiting[0].done():
                future, result = waiting
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
