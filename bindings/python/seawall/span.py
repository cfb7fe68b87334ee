# SPDX-License-Identifier: MIT
"""Spans: what a process did for a request, when, and how it went.

    tracer = Tracer("gateway")

    with tracer.start("GET /feed", Kind.SERVER, trace.extract(request.headers)) as span:
        with span.child("call social", Kind.CLIENT) as call:      # an exception makes a span an error
            headers["traceparent"] = call.context.traceparent
            call.set("server.port", 8003)
        span.set("http.response.status_code", 200)

    for line in tracer.trace(span.context.trace_id): ...           # dicts, in order of start
    tracer.export(post)                                             # every second or so

A tracer keeps the latest spans and, apart from them, those of failed, slow and marked traces; the sampled and the kept
ones are exported. A Tracer may be used from any thread, a Span from one at a time. Instants are nanoseconds of
time.monotonic_ns() and only needed by tests.
"""

import ctypes
import enum
import json
import math
import time
from collections.abc import Mapping
from typing import Callable, NamedTuple, Optional, Union

from . import _ffi, trace
from .circuit_breaker import State
from .rate_limiter import Decision
from ._library import NOW, Handle, check, fitted, instant, lib, lib_waiting, made, nanoseconds, read_text

Value = Union[bool, int, float, str]


class Kind(enum.IntEnum):
    INTERNAL = _ffi.SEAWALL_SPAN_INTERNAL
    SERVER = _ffi.SEAWALL_SPAN_SERVER
    CLIENT = _ffi.SEAWALL_SPAN_CLIENT
    PRODUCER = _ffi.SEAWALL_SPAN_PRODUCER
    CONSUMER = _ffi.SEAWALL_SPAN_CONSUMER


class Status(enum.IntEnum):
    UNSET = _ffi.SEAWALL_SPAN_UNSET
    OK = _ffi.SEAWALL_SPAN_OK
    ERROR = _ffi.SEAWALL_SPAN_ERROR


class Format(enum.IntEnum):
    OTLP_JSON = _ffi.SEAWALL_SPANS_OTLP_JSON
    JSON_LINES = _ffi.SEAWALL_SPANS_JSON_LINES


class Stats(NamedTuple):
    recorded: int
    dropped: int
    kept_traces: int
    keeps_refused: int
    exported: int
    export_dropped: int
    export_lost: int
    export_retries: int


# What sends a body: (content, content type) -> HTTP status, or (status, seconds of Retry-After); 0 for no answer.
Transport = Callable[[bytes, str], Union[int, tuple[int, float]]]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _text(content: bytes) -> "_ffi.seawall_text":
    return _ffi.seawall_text(content, len(content))


def _attribute(key: str, value: Value) -> "_ffi.seawall_attribute":
    name = _text(_encoded(key))
    if isinstance(value, bool):
        return _ffi.seawall_attribute(key=name, type=_ffi.SEAWALL_ATTRIBUTE_BOOL, number=value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{key}: {value} has more than 64 bits")
        return _ffi.seawall_attribute(key=name, type=_ffi.SEAWALL_ATTRIBUTE_INT, number=value)
    if isinstance(value, float):
        return _ffi.seawall_attribute(key=name, type=_ffi.SEAWALL_ATTRIBUTE_DOUBLE, real=value)
    if isinstance(value, str):
        return _ffi.seawall_attribute(key=name, type=_ffi.SEAWALL_ATTRIBUTE_TEXT, text=_text(_encoded(value)))
    raise TypeError(f"{key}: a value is a bool, int, float or str, not {type(value).__name__}")


def _wait(name: str, seconds: float) -> int:
    """Infinite: never."""
    if seconds == math.inf:
        return _ffi.SEAWALL_NEVER
    return fitted(name, min(nanoseconds(name, seconds), _ffi.SEAWALL_NEVER), ctypes.c_int64)


class Span:
    """Made by Tracer.start and Span.child. As a context manager it ends itself; an exception makes it an error."""

    __slots__ = ("_tracer", "_raw")

    def __init__(self, tracer: "Tracer", raw: "_ffi.seawall_span"):
        self._tracer, self._raw = tracer, raw

    def child(self, name: str, kind: Kind = Kind.INTERNAL, *, now_ns: int = NOW) -> "Span":
        raw, content = _ffi.seawall_span(), _encoded(name)
        check(lib.seawall_span_start_child(self._raw, content, len(content), kind, instant(now_ns), raw))
        return Span(self._tracer, raw)

    @property
    def context(self) -> trace.TraceContext:
        """What calls made under this span carry."""
        fields = trace._struct()
        check(lib.seawall_span_context(self._raw, fields))
        return trace.TraceContext._of(fields)

    def set(self, key: str, value: Value) -> None:
        """Sets an attribute. What does not fit into the span any more is left out and counted in it."""
        check(lib.seawall_span_set(self._raw, _attribute(key, value)))

    def set_status(self, status: Status, text: str = "") -> None:
        content = _encoded(text)
        check(lib.seawall_span_set_status(self._raw, status, content, len(content)))

    def add_event(self, name: str, attributes: Optional[Mapping[str, Value]] = None, *, now_ns: int = NOW) -> None:
        given = [_attribute(key, value) for key, value in (attributes or {}).items()]
        array, content = (_ffi.seawall_attribute * len(given))(*given), _encoded(name)
        check(lib.seawall_span_add_event(self._raw, content, len(content), instant(now_ns), array, len(given)))

    def add_limiter_event(self, limiter: str, decision: Decision, *, now_ns: int = NOW) -> None:
        """What a limiter decided, by the names that the event has in every program; so the two below."""
        content = _encoded(limiter)
        check(lib.seawall_span_add_limiter_event(self._raw, content, len(content), decision, instant(now_ns)))

    def add_breaker_event(
        self, breaker: str, allowed: bool, state: State, retry_after: float = 0.0, *, now_ns: int = NOW
    ) -> None:
        """A refusal makes the trace worth keeping. retry_after: seconds; infinite while the breaker is forced open."""
        content, wait = _encoded(breaker), _wait("retry_after", retry_after)
        check(lib.seawall_span_add_breaker_event(
            self._raw, content, len(content), bool(allowed), state, wait, instant(now_ns)))

    def add_retry_event(self, attempt: int, delay: float = 0.0, *, now_ns: int = NOW) -> None:
        """A further attempt after so many seconds: makes the trace worth keeping."""
        number = fitted("attempt", attempt, ctypes.c_int64)
        check(lib.seawall_span_add_retry_event(self._raw, number, _wait("delay", delay), instant(now_ns)))

    def keep(self) -> None:
        """This trace is worth keeping."""
        check(lib.seawall_span_keep(self._raw))

    def end(self, *, now_ns: int = NOW) -> None:
        """Records the span. A second end changes nothing."""
        check(lib.seawall_span_end(self._raw, instant(now_ns)))

    def __enter__(self) -> "Span":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if error is not None:
            self.set_status(Status.ERROR, f"{type(error).__name__}: {error}")
        self.end()


class _Tracer(Handle):
    __slots__ = ()
    _free = lib.seawall_tracer_free


class Tracer:
    def __init__(
        self,
        service: str,
        *,
        recent_spans: int = 0,
        kept_spans: int = 0,
        keeps_per_second: int = 0,
        slow: float = 1.0,
        format: Format = Format.OTLP_JSON,
        max_batch: int = 0,
        now_ns: int = NOW,
    ):
        """Sizes of 0 are the defaults: 2048 and 1024 spans of 1 KiB, 20 traces a second, 256 spans a body. An entry span
        of `slow` seconds is worth keeping. Raises SeawallError that names what is out of range."""
        slow_ns = nanoseconds("slow", slow, math.ceil)
        options = {
            "service": service,
            "recent_spans": recent_spans,
            "kept_spans": kept_spans,
            "keeps_per_second": keeps_per_second,
            "slow_ns": max(1, slow_ns) if slow_ns > 0 else -1,
            "format": format,
            "max_batch": max_batch,
        }
        text = json.dumps(options).encode()
        self._handle = _Tracer(made(lib.seawall_tracer_new_from_json, text, len(text), instant(now_ns)))
        self._content_type = "application/json" if format == Format.OTLP_JSON else "application/x-ndjson"

    def start(
        self, name: str, kind: Kind = Kind.INTERNAL, incoming: Optional[trace.Incoming] = None, *, now_ns: int = NOW
    ) -> Span:
        """The entry span of a request: continues the caller's trace, or is the root of a new one."""
        fields, continued = trace._struct(), False
        if incoming is None:
            check(lib.seawall_trace_context_new_root(_ffi.SEAWALL_TRACE_ROOT_FLAGS, fields))
        else:
            fields.trace_id[:] = bytes.fromhex(incoming.context.trace_id)
            fields.span_id[:] = bytes.fromhex(incoming.context.span_id)
            fields.flags, continued = incoming.context.flags, incoming.continued
        raw, content = _ffi.seawall_span(), _encoded(name)
        check(lib.seawall_tracer_start(self._handle, content, len(content), kind, fields, continued, instant(now_ns), raw))
        return Span(self, raw)

    def trace(self, trace_id: str) -> list[dict]:
        """The spans of a trace that are still there, in order of start; none when it is not known."""
        wanted = bytes.fromhex(trace_id)
        if len(wanted) != 16:
            raise ValueError(f"a trace id has 32 hex digits, not {len(trace_id)}")
        id_bytes = (ctypes.c_uint8 * 16)(*wanted)

        def read(*out):
            code = lib_waiting.seawall_tracer_trace(self._handle, id_bytes, _unix_offset(), *out, None)
            return _ffi.SEAWALL_OK if code == _ffi.SEAWALL_E_NOT_FOUND else code

        return _objects(read_text(read))

    def kept(self, limit: int = 20) -> list[dict]:
        """The first span of each kept trace, the latest trace first."""
        return _objects(
            read_text(lambda *out: lib_waiting.seawall_tracer_kept(self._handle, limit, _unix_offset(), *out, None))
        )

    def export(self, transport: Transport, *, now_ns: int = NOW, unix_now_ns: Optional[int] = None) -> int:
        """Sends what there is to send, body by body; the number of bodies that arrived. One thread at a time.

        A body that failed for the moment (no answer, 429, 502, 503, 504) is sent again by a later call.
        """
        sent, body = 0, _ffi.seawall_text()
        while check(lib_waiting.seawall_tracer_take(self._handle, instant(now_ns), unix_now_ns or time.time_ns(), body)):
            status, retry_after = 0, 0.0
            try:
                answer = transport(body.data, self._content_type)
                status, retry_after = answer if isinstance(answer, tuple) else (answer, 0.0)
            finally:
                check(lib.seawall_tracer_finish(self._handle, status, nanoseconds("retry_after", retry_after, math.ceil), instant(now_ns)))
            sent += 200 <= status < 300
        return sent

    def stats(self) -> Stats:
        raw = _ffi.seawall_tracer_stats(struct_size=ctypes.sizeof(_ffi.seawall_tracer_stats))
        check(lib.seawall_tracer_get_stats(self._handle, raw))
        return Stats(*(getattr(raw, field) for field in Stats._fields))


def _unix_offset() -> int:
    return time.time_ns() - lib.seawall_now_ns()


def _objects(lines: str) -> list[dict]:
    return [json.loads(line) for line in lines.split("\n") if line]  # splitlines() also splits at U+0085
