# SPDX-License-Identifier: MIT
"""Circuit breaker: stops calling a dependency that keeps failing.

    breaker = CircuitBreaker(failure_threshold=3, open_duration=30)

    with breaker:                      # raises CircuitOpenError while open; in coroutines `async with` too
        reply = requests.get(url)      # an exception is a failure

    @breaker                           # functions and coroutine functions
    def fetch(url): ...

    reply = breaker.call(requests.get, url)

    with breaker.try_acquire():        # as `with breaker`, but may be left in another thread or task
        ...

    ticket = breaker.try_acquire()     # never raises
    if not ticket:
        return unavailable(ticket.retry_after)
    ticket.report(Outcome.FAILURE if reply.status >= 500 else Outcome.SUCCESS)

Every method may be called from any thread and any asyncio task. Durations are seconds, instants are nanoseconds of
time.monotonic_ns() and only needed by tests.
"""

import contextvars
import ctypes
import dataclasses
import enum
import functools
import inspect
import json
import math
from typing import Any, Callable, Optional, TypeVar, Union

from . import _ffi
from ._library import CLOCK, NOW, Handle, bare, check, instant, lib, made, moment, nanoseconds, prepared

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")
Exceptions = Union[type[BaseException], tuple[type[BaseException], ...]]


class State(enum.IntEnum):
    """str() gives the name that metrics and JSON use: "closed", "half_open", ..."""

    CLOSED = _ffi.SEAWALL_BREAKER_CLOSED
    OPEN = _ffi.SEAWALL_BREAKER_OPEN
    HALF_OPEN = _ffi.SEAWALL_BREAKER_HALF_OPEN
    FORCED_OPEN = _ffi.SEAWALL_BREAKER_FORCED_OPEN
    DISABLED = _ffi.SEAWALL_BREAKER_DISABLED

    def __str__(self) -> str:
        return lib.seawall_breaker_state_name(self).decode()


class Reason(enum.IntEnum):
    """Why a breaker changed. NONE: of a snapshot of a breaker that has not changed yet."""

    NONE = _ffi.SEAWALL_BREAKER_REASON_NONE
    FAILURE_THRESHOLD = _ffi.SEAWALL_BREAKER_REASON_FAILURE_THRESHOLD
    OPEN_ELAPSED = _ffi.SEAWALL_BREAKER_REASON_OPEN_ELAPSED
    PROBES_SUCCEEDED = _ffi.SEAWALL_BREAKER_REASON_PROBES_SUCCEEDED
    PROBE_FAILED = _ffi.SEAWALL_BREAKER_REASON_PROBE_FAILED
    PROBES_LOST = _ffi.SEAWALL_BREAKER_REASON_PROBES_LOST
    FORCED_OPEN = _ffi.SEAWALL_BREAKER_REASON_FORCED_OPEN
    DISABLED = _ffi.SEAWALL_BREAKER_REASON_DISABLED
    RESET = _ffi.SEAWALL_BREAKER_REASON_RESET
    COUNT_FAILURE_RATE = _ffi.SEAWALL_BREAKER_REASON_COUNT_FAILURE_RATE
    TIME_FAILURE_RATE = _ffi.SEAWALL_BREAKER_REASON_TIME_FAILURE_RATE
    COUNT_SLOW_RATE = _ffi.SEAWALL_BREAKER_REASON_COUNT_SLOW_RATE
    TIME_SLOW_RATE = _ffi.SEAWALL_BREAKER_REASON_TIME_SLOW_RATE
    PROBE_SLOW = _ffi.SEAWALL_BREAKER_REASON_PROBE_SLOW

    def __str__(self) -> str:
        return lib.seawall_breaker_reason_name(self).decode()


class Outcome(enum.IntEnum):
    """IGNORED says nothing about the dependency: cancelled by the caller, refused by a limit of our own."""

    SUCCESS = _ffi.SEAWALL_OUTCOME_SUCCESS
    FAILURE = _ffi.SEAWALL_OUTCOME_FAILURE
    IGNORED = _ffi.SEAWALL_OUTCOME_IGNORED


_SUCCESS = _ffi.SEAWALL_OUTCOME_SUCCESS


class ReportResult(enum.IntEnum):
    """What became of a report; only RECORDED can change anything."""

    RECORDED = _ffi.SEAWALL_REPORT_RECORDED
    LATE = _ffi.SEAWALL_REPORT_LATE
    NOT_COUNTED = _ffi.SEAWALL_REPORT_NOT_COUNTED
    INVALID_TOKEN = _ffi.SEAWALL_REPORT_INVALID_TOKEN


_RESULTS = tuple(ReportResult)  # by number
_GOOD, _RECORDED = Outcome.SUCCESS, ReportResult.RECORDED  # an enum is slow to look things up in


def _seconds(ns: int) -> float:
    return math.inf if ns == _ffi.SEAWALL_NEVER else ns / 1e9


class CircuitOpenError(Exception):
    """The breaker refused the call. `retry_after` is the time to wait in seconds, math.inf while forced open."""

    def __init__(self, retry_after: float):
        super().__init__(retry_after)
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"circuit breaker is open, retry after {self.retry_after:.3f} s"


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One consistent look; totals from late_results on, and what the windows hold. The totals from `successes` to
    `refusals` need count_totals=True."""

    state: State
    reason: Reason
    failure_count: int
    generation: int
    trips: int
    probes_in_flight: int
    probe_successes: int
    retry_after_ns: int
    late_results: int
    probes_lost: int
    lost_events: int
    shadow_refusals: int
    successes: int
    failures: int
    ignored: int
    slow_calls: int
    refusals: int
    count_window_calls: int
    count_window_failures: int
    count_window_slow: int
    time_window_calls: int
    time_window_failures: int
    time_window_slow: int

    @property
    def retry_after(self) -> float:
        """Seconds; 0 when a call now would be admitted."""
        return _seconds(self.retry_after_ns)


@dataclasses.dataclass(frozen=True)
class Event:
    """One transition."""

    source: State
    target: State
    reason: Reason
    generation: int
    at_ns: int


class _Handle(Handle):
    __slots__ = ()
    _free = lib.seawall_circuit_breaker_free


# What a breaker's word says by itself; see seawall_circuit_breaker_word in seawall_c.h.
_UNHEALTHY = _ffi.SEAWALL_BREAKER_UNHEALTHY
_IDENTITY = _ffi.SEAWALL_BREAKER_IDENTITY
_MARK = _ffi.SEAWALL_BREAKER_TOKEN_MARK
_WHOLE = _IDENTITY | _UNHEALTHY


class Ticket:
    """The right to make one call; false when refused. Report it once. One that is dropped unreported is cancelled.

    As context manager it raises CircuitOpenError when refused, and reports how the block ended."""

    __slots__ = ("_breaker", "_token", "retry_after_ns", "_outer")

    # The ticket of the `with breaker` block around this one's; see _entered.
    _outer: Optional["Ticket"]

    def __init__(self, breaker: Any, token: Any, retry_after_ns: int = 0):
        self._breaker = breaker
        self._token = token
        self.retry_after_ns = retry_after_ns

    def __bool__(self) -> bool:
        return self._token != 0

    @property
    def retry_after(self) -> float:
        """Seconds until it is worth asking again; math.inf while forced open."""
        return _seconds(self.retry_after_ns)

    def report(self, outcome: Outcome, *, now_ns: int = NOW) -> ReportResult:
        """How the call ended. INVALID_TOKEN when refused or reported before."""
        if type(outcome) is not Outcome:
            outcome = Outcome(outcome)
        token, self._token = self._token, 0
        if outcome is _GOOD and self._breaker._unchanged(token):
            return _RECORDED
        try:
            now = CLOCK if now_ns is NOW else moment(now_ns)
        except Exception:
            self._token = token  # it can still be reported
            raise
        code = self._breaker._report(token, outcome, now)
        return _RESULTS[code if code >= 0 else check(code)]

    def cancel(self) -> None:
        """The call was not made: it counts for nothing."""
        token, self._token = self._token, 0
        if token:
            self._breaker._cancel(token)

    def __enter__(self) -> "Ticket":
        if not self._token:
            raise CircuitOpenError(self.retry_after)
        return self

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        if self._token:
            breaker = self._breaker
            outcome = _SUCCESS if error is None else breaker.outcome_of(error)
            token, self._token = self._token, 0
            if error is not None or not breaker._unchanged(token):
                check(breaker._report(token, outcome, CLOCK))


class HeldTicket(Ticket):
    """One that occupies something: to drop it must give that back."""

    __slots__ = ()

    def __del__(self) -> None:
        if self._token:
            self.cancel()


# The ticket of the innermost `with breaker` around this point of this thread or task; its _outer is the next one.
_entered: contextvars.ContextVar[Optional[Ticket]] = contextvars.ContextVar("seawall_entered", default=None)
_innermost, _set_innermost = _entered.get, _entered.set


def _leave(breaker: Any) -> Ticket:
    """Takes the ticket of a block that is left while blocks of other breakers inside it are not."""
    inner = _innermost()
    ticket = inner and inner._outer
    while ticket is not None and ticket._breaker is not breaker:
        inner, ticket = ticket, ticket._outer
    if inner is None or ticket is None:
        raise RuntimeError("`with breaker` was entered in another thread or task: use `with breaker.try_acquire()`")
    inner._outer = ticket._outer
    return ticket


class Guard:
    """What breakers of one dependency and of many share: which exceptions count."""

    _failures: Exceptions = Exception
    _ignored: Exceptions = ()

    def outcome_of(self, error: Optional[BaseException]) -> Outcome:
        """What the end of a `with` block or of a decorated function is reported as."""
        if error is None:
            return _GOOD
        if isinstance(error, self._ignored) or not isinstance(error, self._failures):
            return Outcome.IGNORED
        return Outcome.FAILURE


def breaker_options(
    *,
    failure_threshold: Optional[int] = 3,
    failure_rate_threshold: int = 0,
    slow_call_rate_threshold: int = 0,
    slow_call_duration: float = 0.0,
    count_window: int = 0,
    time_window: float = 0.0,
    minimum_calls: int = 20,
    open_duration: float = 30.0,
    open_growth_percent: int = 0,
    max_open_duration: float = 300.0,
    open_decay: float = 0.0,
    open_jitter_percent: int = 0,
    seed: int = 0,
    half_open_max_probes: int = 1,
    success_threshold: int = 1,
    probe_lease: float = 30.0,
    shadow: bool = False,
    count_totals: bool = False,
) -> dict:
    options: dict = {
        "failure_threshold": failure_threshold,
        "minimum_calls": minimum_calls,
        "open_duration_ns": nanoseconds("open_duration", open_duration),
        "max_open_duration_ns": nanoseconds("max_open_duration", max_open_duration),
        "half_open_max_probes": half_open_max_probes,
        "success_threshold": success_threshold,
        "probe_lease_ns": nanoseconds("probe_lease", probe_lease),
    }
    if zeros := [name for name, value in options.items() if value == 0]:
        raise ValueError(f"{zeros[0]} must not be 0")  # to the C API 0 is "default"
    return options | {
        "failure_threshold": _ffi.SEAWALL_BREAKER_OFF if failure_threshold is None else failure_threshold,
        "failure_rate_threshold": failure_rate_threshold,
        "slow_call_rate_threshold": slow_call_rate_threshold,
        "slow_call_duration_ns": nanoseconds("slow_call_duration", slow_call_duration),
        "count_window": count_window,
        "time_window_ns": nanoseconds("time_window", time_window),
        "open_growth_percent": open_growth_percent,
        "open_decay_ns": nanoseconds("open_decay", open_decay),
        "open_jitter_percent": open_jitter_percent,
        "seed": seed,
        "shadow": int(shadow),
        "count_totals": int(count_totals),
    }


def new_handle(create: Any, options: dict, now_ns: int) -> int:
    text = json.dumps(options).encode()
    return made(create, text, len(text), instant(now_ns))


def snapshot_of(seen: Any) -> Snapshot:
    values: dict[str, Any] = {field.name: getattr(seen, field.name) for field in dataclasses.fields(Snapshot)}
    values.update(state=State(seen.state), reason=Reason(seen.reason))
    return Snapshot(**values)


_ask, _report = bare(lib.seawall_circuit_breaker_try_acquire), bare(lib.seawall_circuit_breaker_report)
_byref, _Token, _Wait = ctypes.byref, ctypes.c_uint64, ctypes.c_int64


class CircuitBreaker(Guard):
    """See the module. `failures` are the exceptions that count against the dependency, unless they are `ignored`; any
    other exception, such as KeyboardInterrupt or asyncio.CancelledError, counts for nothing."""

    def __init__(
        self, *, failures: Exceptions = Exception, ignored: Exceptions = (), now_ns: int = NOW, **options: Any
    ):
        """Options and their defaults:

        failure_threshold=3: failures in a row that open it, None for no such rule; failure_rate_threshold=0 and
        slow_call_rate_threshold=0: percent of the last count_window=0 calls, of the calls of the last time_window=0.0
        seconds, or of each of both, once there were minimum_calls=20; slow_call_duration=0.0: slow from here on;
        open_duration=30.0, open_growth_percent=0 (100 doubles each opening in a row), max_open_duration=300.0,
        open_decay=0.0 (so long closed makes up for one opening), open_jitter_percent=0, seed=0;
        half_open_max_probes=1, success_threshold=1, probe_lease=30.0; shadow=False: refuse nothing and count what
        would have been refused; count_totals=False: count all calls.

        Raises SeawallError that names the option out of range."""
        values = breaker_options(**options)
        address = new_handle(lib.seawall_circuit_breaker_new_from_json, values, now_ns)
        self._handle = _Handle(address)
        self._at = prepared(ctypes.c_void_p, address)
        self._failures = failures
        self._ignored = ignored
        word = lib.seawall_circuit_breaker_word(self._handle)
        # A breaker without a word of its own to read is never taken for healthy.
        self._word = word.contents if word else ctypes.c_uint64(_UNHEALTHY)

    def _report(self, token: int, outcome: int, now: Any) -> int:
        return _report(self._at, _Token(token), outcome, now)

    def _cancel(self, token: int, cancel: Any = lib.seawall_circuit_breaker_cancel) -> None:
        cancel(self._handle, token)

    def _unchanged(self, token: int) -> bool:
        """Nothing to report of a success: the breaker is closed without failures, as when it admitted the call."""
        word = self._word.value
        return not word & _UNHEALTHY and word & _IDENTITY | _MARK == token

    def try_acquire(self, *, now_ns: int = NOW) -> Ticket:
        """May a call go out? A true ticket must be reported."""
        word = self._word.value
        if not word & _UNHEALTHY:
            return Ticket(self, word & _IDENTITY | _MARK)  # occupies nothing
        token, wait = _Token(), _Wait()
        now = CLOCK if now_ns is NOW else moment(now_ns)
        if check(_ask(self._at, now, _byref(token), _byref(wait))):
            return HeldTicket(self, token.value)
        return Ticket(self, 0, wait.value)

    def __enter__(self) -> Ticket:
        """Raises CircuitOpenError. The ticket may be reported inside the block; else its end is."""
        word = self._word.value
        ticket = self.try_acquire().__enter__() if word & _UNHEALTHY else Ticket(self, word & _IDENTITY | _MARK)
        ticket._outer = _innermost()
        _set_innermost(ticket)
        return ticket

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        ticket = _innermost()
        if ticket is not None and ticket._breaker is self:
            _set_innermost(ticket._outer)
        else:
            ticket = _leave(self)
        # As _unchanged, or of a disabled breaker, which counts nothing.
        if error is None and (self._word.value & _WHOLE) | _MARK == ticket._token:
            ticket._token = 0
        else:
            ticket.__exit__(kind, error, trace)

    async def __aenter__(self) -> Ticket:
        """`async with` is as `with`: nothing here waits."""
        return self.__enter__()

    async def __aexit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        self.__exit__(kind, error, trace)

    def call(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """function(*args, **kwargs) as one call of the dependency; raises CircuitOpenError. For a coroutine function
        use `async with` or the decorator: its call only makes the coroutine."""
        seen = self._word.value & _WHOLE
        if seen & _UNHEALTHY:
            with self.try_acquire():
                return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            self._report(seen | _MARK, self.outcome_of(error), CLOCK)
            raise
        if self._word.value & _WHOLE != seen:
            self._report(seen | _MARK, _SUCCESS, CLOCK)
        return result

    def __call__(self, function: Function) -> Function:
        """As decorator: every call of the function is one call of the dependency. Raises TypeError for a generator
        function, whose call only makes the generator: use `with breaker` inside it."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a call of a generator function runs nothing yet: use `with breaker` inside it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self.try_acquire():
                    return await function(*args, **kwargs)

            return guarded_coroutine  # type: ignore[return-value]

        call = self.call

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            return call(function, *args, **kwargs)

        return guarded  # type: ignore[return-value]

    def snapshot(self, *, now_ns: int = NOW) -> Snapshot:
        """An observation: only a call moves an open breaker on, so do not wait here for CLOSED."""
        seen = _ffi.seawall_circuit_breaker_snapshot(struct_size=ctypes.sizeof(_ffi.seawall_circuit_breaker_snapshot))
        check(lib.seawall_circuit_breaker_get_snapshot(self._handle, instant(now_ns), seen))
        return snapshot_of(seen)

    @property
    def state(self) -> State:
        return self.snapshot().state

    def events(self) -> list[Event]:
        """The transitions since the last call, oldest first; at most 32 are kept, the rest is in lost_events."""
        buffer = (_ffi.seawall_circuit_breaker_event * 32)()
        count = check(lib.seawall_circuit_breaker_poll_events(self._handle, buffer, len(buffer)))
        return [
            Event(State(getattr(e, "from")), State(e.to), Reason(e.reason), e.generation, e.at_ns)
            for e in buffer[:count]
        ]

    def set_shadow(self, on: bool) -> None:
        """While on, nothing is refused; what would have been is counted in Snapshot.shadow_refusals."""
        check(lib.seawall_circuit_breaker_set_shadow(self._handle, int(on)))

    def force_open(self, *, now_ns: int = NOW) -> None:
        """Refuses every call until reset()."""
        check(lib.seawall_circuit_breaker_force_open(self._handle, instant(now_ns)))

    def disable(self, *, now_ns: int = NOW) -> None:
        """Admits every call and counts nothing until reset()."""
        check(lib.seawall_circuit_breaker_disable(self._handle, instant(now_ns)))

    def reset(self, *, now_ns: int = NOW) -> None:
        """Closed with a count of 0; calls in flight are late."""
        check(lib.seawall_circuit_breaker_reset(self._handle, instant(now_ns)))
