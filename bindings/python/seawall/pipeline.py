# SPDX-License-Identifier: MIT
"""Limits, breaker, choice of an instance, trace and metrics of one route as one question and one report.

    pipeline = Pipeline(limits=[Limit("user", users, 200, 60.0), Limit("service", service, 1000, 60.0)],
                        breaker=breaker, service=registry.service("trading"), trace=True)
    with pipeline.admit("ann") as call:        # raises Refused; its end is reported, once
        send(call.port, headers={"traceparent": call.traceparent})

All gates are looked at before one takes anything, so a refusal charges nobody. Durations are seconds. May be used from any
thread.
"""

import ctypes
import enum
import functools
import inspect
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional, TypeVar, Union

from . import _ffi
from ._library import (
    CLOCK,
    NOW,
    SIZES,
    SeawallError,
    address,
    bare,
    check,
    field,
    fill,
    instant,
    key_bytes,
    lib,
    lib_waiting,
    made,
    moment,
    nanoseconds,
    new_error,
    prepared,
    read_text,
)
from .circuit_breaker import CircuitBreaker, Exceptions, Guard, Outcome
from .keyed_rate_limiter import Key, _keys
from .metrics import MetricsRegistry
from .rate_limiter import _handle_type, _Limiter, _permits
from .registry import Service, ServiceRegistry

__all__ = ["Admission", "Gate", "Limit", "Pipeline", "Pipelines", "PipelineStats", "Refused", "ReloadReport"]

_Handle = _handle_type("pipeline")
_SIZE = ctypes.sizeof(_ffi.seawall_admission)
_ALLOWED = _ffi.SEAWALL_ALLOWED
_RECORDED = _ffi.SEAWALL_REPORT_RECORDED
_SUCCESS = int(Outcome.SUCCESS)
_admit = lib.seawall_admit
_admit_key, _complete = bare(lib.seawall_pipeline_admit_key), bare(lib.seawall_complete)
_byref, _TICKET = ctypes.byref, _ffi.seawall_admission.ticket.offset
_wait_ns, _limit_name, _traceparent = (
    field(_ffi.seawall_admission, name) for name in ("retry_after_ns", "limit_name", "traceparent")
)
_NO_SIZE, _NO_ID = SIZES[0], prepared(ctypes.c_uint64, 0)

Function = TypeVar("Function", bound=Callable[..., Any])


def _slots(exclude: Sequence[int]) -> ctypes.Array:
    slots = (ctypes.c_uint32 * len(exclude))(*exclude)
    if exclude and list(slots) != list(exclude):  # ctypes cut one silently
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"exclude does not fit: {exclude}")
    return slots


class Gate(enum.IntEnum):
    """Which gate a request did not pass."""

    NONE = _ffi.SEAWALL_GATE_NONE
    IN_FLIGHT = _ffi.SEAWALL_GATE_IN_FLIGHT
    LIMITS = _ffi.SEAWALL_GATE_LIMITS
    BREAKER = _ffi.SEAWALL_GATE_BREAKER
    INSTANCE = _ffi.SEAWALL_GATE_INSTANCE
    REQUEST = _ffi.SEAWALL_GATE_REQUEST

    def __str__(self) -> str:
        return lib.seawall_gate_name(self).decode()


class Limit(NamedTuple):
    """A limiter as a gate. Quota and period are told to clients; the limiter decides."""

    name: str  # 1 to 31 printable ASCII characters
    limiter: _Limiter
    quota: int
    period: float
    key: int = 0  # which of the keys of admit() a keyed limiter is asked for


class PipelineStats(NamedTuple):
    compositions: int  # that calls may still use: 1, and more after replace()
    max_in_flight: int
    in_flight: int
    repeated: int  # reports of calls that were given back before
    turned_away: int  # refused because max_in_flight calls were out
    lost: int  # calls never given back whose place went to another after their lease


class Refused(Exception):
    """The pipeline did not admit the call. `retry_after` is the time to wait in seconds, math.inf when no wait helps."""

    def __init__(self, gate: Gate, retry_after: float, limit: str = ""):
        super().__init__(gate, retry_after, limit)
        self.gate, self.retry_after, self.limit = gate, retry_after, limit

    def __str__(self) -> str:
        return f"refused by {self.limit or self.gate.name.lower()}, retry after {self.retry_after:.3f} s"


class Admission(_ffi.seawall_admission):
    """The answer: true when admitted, and then to be given back once by complete() or cancel(). One that is dropped
    frees its place when its lease ends. It is the struct that the library fills.

    As context manager it raises Refused, and reports how the block ended."""

    __slots__ = ("_keys", "_pipeline", "_permits")

    answer: int  # SEAWALL_ALLOWED or not
    limit: int  # of the limit that refused for longest, else that is nearest to refusing; 0 without limits
    remaining: int
    port: int  # of the instance, as slot and generation; 0 without one
    slot: int
    generation: int

    def __bool__(self) -> bool:
        return self.answer == _ALLOWED

    @property
    def refused_by(self) -> Gate:
        return Gate(self.gate)

    @property
    def retry_after(self) -> float:
        """Seconds; infinite when no wait helps."""
        ns = _wait_ns(self)
        return float("inf") if ns == _ffi.SEAWALL_NEVER else ns / 1e9

    @property
    def limit_name(self) -> str:
        """Of the limit that `limit` and `remaining` are of."""
        return _limit_name(self).decode()

    @property
    def traceparent(self) -> str:
        """For the call that goes out; empty when refused or without trace."""
        return _traceparent(self).decode()

    @property
    def traced(self) -> bool:
        """The caller's trace goes on: pass his tracestate on, too."""
        return bool(self.trace_continued)

    @property
    def instance(self) -> Optional[tuple[str, str, int]]:
        """Id, host and port; None when there is none, or the call has ended."""
        if not self.has_instance:
            return None
        id_, host, size = ctypes.create_string_buffer(64), ctypes.create_string_buffer(256), ctypes.c_size_t()
        found = lib.seawall_pipeline_instance(self._pipeline._handle, self.ticket, id_, 64, size, host, 256, size)
        return (id_.value.decode(), host.value.decode(), self.port) if found == _ffi.SEAWALL_OK else None

    def complete(self, outcome: Outcome = Outcome.SUCCESS, status: int = 0, *, now_ns: int = NOW) -> bool:
        """The end of the request, once; `status` is of HTTP and only counted. False: it was given back before."""
        if type(outcome) is not Outcome:
            outcome = Outcome(outcome)
        if not -(2**31) <= status < 2**31:  # ctypes would cut it silently
            raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"status does not fit: {status}")
        now = CLOCK if now_ns is NOW else moment(now_ns)
        return _complete(self._pipeline._at, _byref(self, _TICKET), outcome, status, now) == _RECORDED

    def cancel(self, *, now_ns: int = NOW) -> bool:
        """Instead: the call was never made. The limits get their permits back, nothing counts."""
        request = self._pipeline._request(self._keys, self._permits, None, ())
        return lib.seawall_pipeline_cancel(self._pipeline._handle, self.ticket, request, instant(now_ns)) == _RECORDED

    def another(self, outcome: Outcome, exclude: Sequence[int] = (), *, now_ns: int = NOW) -> bool:
        """The call went to its instance and ended so, and the request goes on: another instance, the one before and
        `exclude` left out. False: there is none; the request is still to be completed, unless it was refused."""
        if self.answer != _ALLOWED:
            return False
        slots = _slots(exclude)
        verb = lib.seawall_pipeline_another
        found = verb(self._pipeline._handle, self, Outcome(outcome), slots, len(exclude), instant(now_ns))
        self.answer = _ALLOWED  # the admission stands
        return check(found) == _ALLOWED

    def raise_if_refused(self) -> "Admission":
        if self.answer != _ALLOWED:
            raise Refused(self.refused_by, self.retry_after, self.limit_name if self.gate == Gate.LIMITS else "")
        return self

    __enter__ = raise_if_refused

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        """A call that was completed or cancelled in the block stays so."""
        outcome = _SUCCESS if error is None else self._pipeline.outcome_of(error)
        _complete(self._pipeline._at, _byref(self, _TICKET), outcome, 0, CLOCK)

    async def __aenter__(self) -> "Admission":
        """`async with` is as `with`: nothing here waits."""
        return self.__enter__()

    async def __aexit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        self.__exit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"<Admission {'admitted' if self else 'refused by ' + self.refused_by.name}>"


class Pipeline(Guard):
    """See the module. `failures` are the exceptions that count against the service, unless they are `ignored`."""

    _routes: "Pipelines"  # of one of theirs, which must not outlive them

    def __init__(
        self,
        *,
        limits: Sequence[Limit] = (),
        breaker: Optional[CircuitBreaker] = None,
        service: Optional[Service] = None,
        trace: bool = False,
        metrics: Optional[MetricsRegistry] = None,
        name: str = "",
        max_in_flight: int = 4096,
        lease: float = 600.0,
        failures: Exceptions = Exception,
        ignored: Exceptions = (),
        now_ns: int = NOW,
    ):
        """`metrics` and `name`: the pipeline counts in seawall_pipeline_*{pipeline=name}. At most 4 limits, the narrowest
        first. Which instances of the service are ejected for their failures is up to ServiceRegistry.configure."""
        self._failures, self._ignored = failures, ignored
        parts = _Parts(limits, breaker, service, trace)
        fill(parts.options, {"max_in_flight": max_in_flight, "lease_ns": nanoseconds("lease", lease)})
        if metrics is not None:
            parts.options.metrics = metrics._handle
            parts.options.name = text = name.encode()
            parts.options.name_size = len(text)
        self._own(made(lib.seawall_pipeline_new, parts.options, instant(now_ns)))
        self._kept: list[Any] = [parts, metrics]  # what the library borrows
        self._replacing = threading.Lock()

    def _own(self, address: int) -> None:
        self._handle = _Handle(address)
        self._at = prepared(ctypes.c_void_p, address)

    def replace(
        self,
        *,
        limits: Sequence[Limit] = (),
        breaker: Optional[CircuitBreaker] = None,
        service: Optional[Service] = None,
        trace: bool = False,
        now_ns: int = NOW,
    ) -> None:
        """From here on another composition; calls that are out end on theirs."""
        parts, error = _Parts(limits, breaker, service, trace), new_error()
        with self._replacing:  # the last that is kept is the one in use
            self._kept.append(parts)
            check(lib.seawall_pipeline_replace(self._handle, parts.options, instant(now_ns), error), error)
            if self.stats(now_ns=now_ns).compositions == 1:
                del self._kept[2:-1]

    @staticmethod
    def _request(
        keys: Sequence[Key], permits: int, traceparent: Optional[str], exclude: Sequence[int]
    ) -> _ffi.seawall_request:
        request = _ffi.seawall_request(ctypes.sizeof(_ffi.seawall_request), len(keys))
        request.keys = _keys(keys)
        request.permits = _permits(permits)
        request.exclude = _slots(exclude)
        request.exclude_count = len(exclude)
        if traceparent is not None:
            request.traceparent = text = key_bytes(traceparent)
            request.traceparent_size = len(text)
        return request

    def admit(
        self,
        *keys: Key,
        permits: int = 1,
        traceparent: Optional[str] = None,
        exclude: Sequence[int] = (),
        now_ns: int = NOW,
    ) -> Admission:
        """May this request go out, and where to? `keys` for the keyed limits, see Limit.key."""
        call = Admission(_SIZE)
        call._pipeline, call._keys, call._permits = self, keys, permits
        if len(keys) == 1 and permits == 1 and not exclude:
            key = keys[0]
            trace = None if traceparent is None else traceparent.encode("utf-8", "surrogatepass")
            size, now = _NO_SIZE if trace is None else SIZES[len(trace)], CLOCK if now_ns is NOW else moment(now_ns)
            if type(key) is str:
                text = key.encode("utf-8", "surrogatepass")
                code = _admit_key(self._at, text, SIZES[len(text)], _NO_ID, trace, size, now, _byref(call))
            elif type(key) is int and 0 <= key < 1 << 64:
                code = _admit_key(self._at, None, _NO_SIZE, ctypes.c_uint64(key), trace, size, now, _byref(call))
            else:
                code = _admit(self._handle, self._request(keys, 1, traceparent, ()), instant(now_ns), call)
            if code < 0:
                check(code)
            return call
        if permits < 1:
            raise ValueError(f"permits must be 1 or more, not {permits}")
        check(_admit(self._handle, self._request(keys, permits, traceparent, exclude), instant(now_ns), call))
        return call

    def charge(self, *keys: Key, permits: int = 1, now_ns: int = NOW) -> Admission:
        """Only the limits, for a request that is answered without a call: there is nothing to complete."""
        call = Admission(_SIZE)
        call._pipeline, call._keys, call._permits = self, keys, permits
        check(lib.seawall_pipeline_charge(self._handle, self._request(keys, permits, None, ()), instant(now_ns), call))
        return call

    def guard(self, key: Union[Callable[..., Key], None] = None) -> Callable[[Function], Function]:
        """A decorator: every call of the function is one request, admitted for key(*args, **kwargs). Raises Refused."""

        def decorate(function: Function) -> Function:
            if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
                raise TypeError("a call of a generator function runs nothing yet: use `with pipeline.admit()` inside it")

            def admitted(args: Any, kwargs: Any) -> Admission:
                return self.admit() if key is None else self.admit(key(*args, **kwargs))

            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def guarded_coroutine(*args: Any, **kwargs: Any) -> Any:
                    with admitted(args, kwargs):
                        return await function(*args, **kwargs)

                return guarded_coroutine  # type: ignore[return-value]

            @functools.wraps(function)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                with admitted(args, kwargs):
                    return function(*args, **kwargs)

            return guarded  # type: ignore[return-value]

        return decorate

    @property
    def limit_names(self) -> list[str]:
        """Of the present composition, in its order."""
        names = read_text(lambda *out: lib.seawall_pipeline_limit_names(self._handle, *out))
        return names.split(",") if names else []

    def stats(self, *, now_ns: int = NOW) -> PipelineStats:
        seen = _ffi.seawall_pipeline_stats(struct_size=ctypes.sizeof(_ffi.seawall_pipeline_stats))
        check(lib.seawall_pipeline_get_stats(self._handle, instant(now_ns), seen))
        return PipelineStats(*(getattr(seen, name) for name in PipelineStats._fields))


class ReloadReport(NamedTuple):
    """What became of the state of each limit and breaker, by its path."""

    kept: list[str]  # goes on as it was
    changed: list[str]  # goes on under other numbers
    reset: list[str]  # was there, and begins anew
    added: list[str]
    removed: list[str]


_RoutesHandle = _handle_type("pipelines")


class Pipelines:
    """Routes with their limits and breakers from a configuration, reloaded under load.

    pipelines = Pipelines({"routes": {"trading": {"service": "trading", "breaker": {}, "limits": [
        {"name": "user", "key": "user", "permits": 200, "period": "60s"}]}}}, registry)
    with pipelines["trading"].admit(user): ...
    pipelines.reload(other)
    """

    def __init__(
        self,
        config: Union[dict, str],
        registry: Optional[ServiceRegistry] = None,
        metrics: Optional[MetricsRegistry] = None,
        *,
        keys: Sequence[str] = ("user",),
        now_ns: int = NOW,
    ):
        """`keys`: what requests are told apart by, in the order of the arguments of admit(). Raises SeawallError that
        names path and value of what is wrong."""
        if isinstance(keys, str):
            raise TypeError(f"keys must be a sequence of names, not the text {keys!r}")
        text, names = self._text(config), ",".join(keys).encode()
        loaded = made(
            lib.seawall_pipelines_load,
            text,
            len(text),
            registry._handle if registry is not None else None,
            metrics._handle if metrics is not None else None,
            names,
            len(names),
            instant(now_ns),
        )
        self._handle = _RoutesHandle(loaded)
        self._borrowed = (registry, metrics)
        self._replacing = threading.Lock()
        self._kept: dict[str, list] = {}  # by route: what the library borrows since Pipeline.replace()

    @staticmethod
    def _text(config: Union[dict, str]) -> bytes:
        return (config if isinstance(config, str) else json.dumps(config)).encode("utf-8", "surrogatepass")

    def __getitem__(self, route: str) -> Pipeline:
        """The pipeline of a route, which follows reloads. KeyError: there never was such a route."""
        out, name = ctypes.c_void_p(), key_bytes(route)
        code = lib.seawall_pipelines_find(self._handle, name, len(name), ctypes.byref(out))
        if code == _ffi.SEAWALL_E_NOT_FOUND:
            raise KeyError(route)
        check(code)
        pipeline = Pipeline.__new__(Pipeline)
        pipeline._own(address(out))
        pipeline._routes = self
        pipeline._replacing = self._replacing
        pipeline._kept = self._kept.setdefault(route, [None, None])  # outlives this object, as the route does
        return pipeline

    def reload(self, config: Union[dict, str], *, now_ns: int = NOW) -> ReloadReport:
        """Another configuration, state kept where it can be. After an error all is as it was. One thread at a time."""
        text, error = self._text(config), new_error()
        check(lib_waiting.seawall_pipelines_reload(self._handle, text, len(text), instant(now_ns), error), error)
        return ReloadReport(**json.loads(read_text(lambda *out: lib.seawall_pipelines_report(self._handle, *out))))


class _Parts:
    """The options struct, with all that it points to."""

    def __init__(
        self,
        limits: Sequence[Limit],
        breaker: Optional[CircuitBreaker],
        service: Optional[Service],
        trace: bool,
    ):
        self.borrowed = (tuple(limits), breaker, service)
        self.options = options = _ffi.seawall_pipeline_options()
        check(lib.seawall_pipeline_options_init(options))
        self.limits = (_ffi.seawall_pipeline_limit * len(limits))()
        self.names = [limit.name.encode() for limit in limits]
        for i, (place, limit, name) in enumerate(zip(self.limits, limits, self.names)):
            place.name, place.name_size, place.limiter = name, len(name), limit.limiter._handle
            numbers = {"quota": limit.quota, "window_ns": nanoseconds(f"limits/{i}/period", limit.period), "key": limit.key}
            fill(place, numbers, f"limits/{i}/")
        options.limits, options.limit_count = self.limits, len(limits)
        options.breaker = breaker._handle if breaker is not None else None
        options.service = service._handle if service is not None else None
        options.trace = int(trace)
