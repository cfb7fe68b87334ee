# SPDX-License-Identifier: MIT
"""W3C trace context and correlation ids: continue a caller's trace and pass it on.

For B3, baggage, callers that are not trusted and samplers see seawall.propagation.

    incoming = trace.extract(request.headers)
    outgoing = trace.inject(incoming.context.child(), {}, incoming.state)
    correlation = trace.correlation_id(request.headers.get("X-Correlation-ID"))

All values are immutable and safe to share between threads. Ids are unique, also after os.fork(); they are not secrets.
"""

import ctypes
import dataclasses
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Optional, TypeVar, Union

from . import _ffi
from ._library import SIZES, bare, check, lib, new_error, read_text

SAMPLED = _ffi.SEAWALL_TRACE_SAMPLED
RANDOM = _ffi.SEAWALL_TRACE_RANDOM
DEFERRED = _ffi.SEAWALL_TRACE_DEFERRED
DEBUG = _ffi.SEAWALL_TRACE_DEBUG
SHORT_ID = _ffi.SEAWALL_TRACE_SHORT_ID

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

Headers = TypeVar("Headers", bound=MutableMapping)


def _bytes(text: Union[str, bytes]) -> bytes:
    # Header values are bytes; what is not ASCII is invalid in all of these, so any coding that never fails will do.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _checked(code: int, error: "_ffi.seawall_error") -> int:
    """`code` for read_text, which deals with a short buffer itself; other errors are raised with their text."""
    return code if code == _ffi.SEAWALL_E_BUFFER_TOO_SMALL else check(code, error)


_Fields = _ffi.seawall_trace_context
_SIZE = ctypes.sizeof(_Fields)
_TRACE_ID, _SPAN_ID, _FLAGS, _HINTS = (getattr(_Fields, name).offset for name in ("trace_id", "span_id", "flags", "hints"))
_new, _byref = object.__new__, ctypes.byref
_parse, _child = bare(lib.seawall_trace_context_parse), bare(lib.seawall_trace_context_child)
_new_root = bare(lib.seawall_trace_context_new_root)


def _struct() -> "_ffi.seawall_trace_context":
    return _Fields(_SIZE)


_BEFORE, _BEHIND = bytes(_struct())[:_TRACE_ID], bytes(_struct())[_HINTS + 1 :]


@dataclasses.dataclass(frozen=True)
class TraceContext:
    """Which trace a request belongs to: ids as lower-case hex, flags as SAMPLED | RANDOM. Always valid."""

    trace_id: str
    span_id: str
    flags: int = SAMPLED
    hints: int = 0  # DEFERRED | DEBUG | SHORT_ID: what B3 says and traceparent has no bit for

    def __post_init__(self) -> None:
        fields = _struct()
        text = f"00-{self.trace_id}-{self.span_id}-{self.flags & 0xFF:02x}".encode()
        error = new_error()
        check(lib.seawall_trace_context_parse(text, len(text), fields, error), error)
        object.__setattr__(self, "flags", fields.flags)
        object.__setattr__(self, "hints", self.hints & (DEFERRED | DEBUG | SHORT_ID))

    @classmethod
    def parse(cls, traceparent: Union[str, bytes]) -> "TraceContext":
        """Reads a traceparent header. Raises SeawallError that names the broken rule."""
        fields, text = _struct(), _bytes(traceparent)
        if _parse(text, SIZES[len(text)], _byref(fields), None) < 0:  # once more, for its words
            error = new_error()
            check(lib.seawall_trace_context_parse(text, len(text), fields, error), error)
        return cls._of(fields)

    @classmethod
    def root(cls, *, sampled: bool = True, random: bool = True) -> "TraceContext":
        """A new trace. random=False for peers that refuse a traceparent with flags they do not know."""
        fields = _struct()
        check(_new_root(SAMPLED * bool(sampled) | RANDOM * bool(random), _byref(fields)))
        return cls._of(fields)

    @classmethod
    def _of(cls, fields: "_ffi.seawall_trace_context") -> "TraceContext":
        self, raw = _new(cls), bytes(fields)
        values = self.__dict__  # the library has checked them
        values["trace_id"] = raw[_TRACE_ID:_SPAN_ID].hex()
        values["span_id"] = raw[_SPAN_ID:_FLAGS].hex()
        values["flags"] = raw[_FLAGS]
        values["hints"] = raw[_HINTS]
        return self

    def _struct(self) -> "_ffi.seawall_trace_context":
        ids = bytes.fromhex(self.trace_id + self.span_id)
        return _Fields.from_buffer_copy(b"%b%b%c%c%b" % (_BEFORE, ids, self.flags, self.hints, _BEHIND))

    @classmethod
    def of_correlation_id(cls, text: Union[str, bytes], flags: int = SAMPLED | RANDOM) -> Optional["TraceContext"]:
        """A new context of the trace that a correlation id spells (32 hex digits or a UUID), or None.

        RANDOM stays only if the UUID's version vouches for it. For callers that are trusted to choose trace ids.
        """
        fields, data = _struct(), _bytes(text)
        code = lib.seawall_correlation_id_root(data, len(data), flags, fields)
        if code == _ffi.SEAWALL_E_NOT_FOUND:
            return None
        check(code)
        return cls._of(fields)

    def child(self) -> "TraceContext":
        """The same trace and flags with a new span id: one for each call that goes out."""
        fields = self._struct()
        place = _byref(fields)
        check(_child(place, place))
        return self._of(fields)

    @property
    def sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    @property
    def random(self) -> bool:
        return bool(self.flags & RANDOM)

    @property
    def deferred(self) -> bool:
        """The caller left the sampling decision to us."""
        return bool(self.hints & DEFERRED)

    @property
    def debug(self) -> bool:
        return bool(self.hints & DEBUG)

    @property
    def b3(self) -> str:
        """The single header of Zipkin's B3."""
        fields = self._struct()
        return read_text(lambda *out: lib.seawall_trace_context_format_b3(fields, *out))

    @property
    def traceparent(self) -> str:
        """The header value."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def __str__(self) -> str:
        return self.traceparent


@dataclasses.dataclass(frozen=True)
class TraceState:
    """The tracestate header: up to 32 members, newest first. Edits return a new one.

    >>> str(TraceState.parse("vendor=old, other=1").set("vendor", "new"))
    'vendor=new,other=1'
    """

    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self._normalize(self.text, 0))

    @classmethod
    def parse(cls, *fields: Union[str, bytes]) -> "TraceState":
        """One list from one or more header fields. Raises SeawallError when a member breaks the grammar."""
        return cls._of(cls._normalize(b",".join(map(_bytes, fields)), 0))

    @classmethod
    def _of(cls, text: str) -> "TraceState":
        self = object.__new__(cls)  # the library has checked it
        object.__setattr__(self, "text", text)
        return self

    @staticmethod
    def _normalize(text: Union[str, bytes], max_bytes: int) -> str:
        data, error = _bytes(text), new_error()
        return read_text(
            lambda *out: _checked(lib.seawall_trace_state_normalize(data, len(data), max_bytes, *out, error), error)
        )

    def set(self, key: str, value: str) -> "TraceState":
        """With that member added or changed, and in front. A 33rd drops the last."""
        text, k, v, error = _bytes(self.text), _bytes(key), _bytes(value), new_error()
        return self._of(
            read_text(
                lambda *out: _checked(
                    lib.seawall_trace_state_set(text, len(text), k, len(k), v, len(v), *out, error), error
                )
            )
        )

    def remove(self, key: str) -> "TraceState":
        """Without that member; the same list when there is none."""
        text, k = _bytes(self.text), _bytes(key)
        if key not in self:
            return self
        return self._of(read_text(lambda *out: lib.seawall_trace_state_remove(text, len(text), k, len(k), *out, None)))

    def get(self, key: str, default: Optional[str] = None) -> Optional[str]:
        return next((value for name, value in self if name == key), default)

    def shrink(self, max_bytes: int = 512) -> "TraceState":
        """Whole members dropped until `max_bytes` hold: first those over 128 bytes, then from the right."""
        return self._of(self._normalize(self.text, max_bytes)) if max_bytes > 0 else TraceState()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for member in filter(None, self.text.split(",")):
            key, _, value = member.partition("=")
            yield key, value

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self)

    def __len__(self) -> int:
        return self.text.count(",") + 1 if self.text else 0

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class Incoming:
    """What a request came with. Not `continued`: no valid traceparent, so `context` is a new root, `state` empty."""

    context: TraceContext
    state: TraceState
    continued: bool
    decided: bool = False  # the caller said whether the trace is sampled
    fault: str = "none"  # why it is not continued, and
    state_fault: str = "none"  # the first rule that the tracestate broke: one of propagation.FAULTS

    def _replace(self, context: TraceContext, state: TraceState) -> "Incoming":
        return dataclasses.replace(self, context=context, state=state)


def _joined(headers: Mapping, name: str) -> bytes:
    """All fields of that name, in order, as one; header names are case-insensitive, values text, bytes or a list."""
    found: list[bytes] = []
    for key, value in headers.items():
        if (key.decode("latin-1") if isinstance(key, bytes) else key).lower() == name:
            found.extend(map(_bytes, value if isinstance(value, (list, tuple)) else [value]))
    return b",".join(found)


def extract(headers: Mapping) -> Incoming:
    """Continues the trace of a request's headers (a mapping of names to text, bytes or lists of them).

    A traceparent that is absent, invalid or sent twice starts a new trace and drops the tracestate; an invalid
    tracestate alone is dropped. Never raises for what a caller sent.
    """
    parent, state = _joined(headers, TRACEPARENT), _joined(headers, TRACESTATE)
    fields, needed = _struct(), ctypes.c_size_t(0)
    buffer = ctypes.create_string_buffer(len(state) + 1)
    code = lib.seawall_trace_context_extract(
        parent, len(parent), state, len(state), fields, buffer, len(buffer), ctypes.byref(needed)
    )
    continued = check(code) == _ffi.SEAWALL_TRACE_CONTINUED
    return Incoming(TraceContext._of(fields), TraceState._of(buffer.raw[: needed.value].decode("ascii")), continued, continued)


def inject(context: TraceContext, headers: Headers, state: Optional[TraceState] = None) -> Headers:
    """Sets (never appends) traceparent and tracestate in `headers`, whatever their case there, and returns it."""
    for key in [key for key in headers if isinstance(key, str) and key.lower() in (TRACEPARENT, TRACESTATE)]:
        del headers[key]
    headers[TRACEPARENT] = context.traceparent
    if state:
        headers[TRACESTATE] = str(state)
    return headers


def reseed() -> None:
    """All id generators seed themselves anew: after a virtual machine was restored. fork needs no such call."""
    lib.seawall_ids_reseed()


def correlation_id(given: Union[str, bytes, None] = None) -> str:
    """The caller's id unchanged when it is 1 to 128 of A-Z a-z 0-9 . _ -; else 32 random hex digits."""
    text = b"" if given is None else _bytes(given)
    buffer, needed = ctypes.create_string_buffer(_ffi.SEAWALL_CORRELATION_ID_MAX_SIZE), ctypes.c_size_t(0)
    check(lib.seawall_correlation_id_accept(text, len(text), buffer, len(buffer), ctypes.byref(needed)))
    return buffer.raw[: needed.value].decode("ascii")
