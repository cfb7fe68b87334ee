# SPDX-License-Identifier: MIT
"""The rules by which a server takes traces out of headers and puts them into those of its own calls.

    propagator = Propagator(trust="ids", accept_b3=True)
    sampler = Sampler(ratio=0.01, permits=10, period=1.0)

    incoming = sampler.sample(propagator.extract(request.headers))
    baggage = propagator.extract_baggage(request.headers)
    outgoing = propagator.inject(incoming.context.child(), {}, incoming.state)
    outgoing["baggage"] = str(baggage.set("plan", "gold"))

A Propagator counts what it refused, by reason (`faults()`). Both may be used from any thread.
"""

import ctypes
import json
from collections.abc import Iterator, Mapping
from typing import Optional, Union

from . import _ffi
from ._library import NOW, Handle, SeawallError, check, instant, lib, made, nanoseconds, new_error, read_text
from .trace import Headers, Incoming, TraceContext, TraceState, _bytes, _checked

__all__ = ["Baggage", "FAULTS", "Propagator", "Sampler"]

STRICTNESS = {"harness": 0, "strict": 1, "pass_through": 2}
TRUST = {"full": 0, "ids": 1, "ignore": 2}
INJECT_B3 = {None: 0, "single": 1, "multi": 2}

# The reasons for which something is refused, in the order of their numbers.
FAULTS = tuple(lib.seawall_trace_fault_name(fault).decode() for fault in range(_ffi.SEAWALL_FAULT_COUNT))

_SET = next(kind for kind in lib.seawall_propagator_inject.argtypes if hasattr(kind, "_restype_"))


class _PropagatorHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_propagator_free


class _SamplerHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_sampler_free


def _choice(name: str, given, choices: dict) -> int:
    if given not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {given!r}")
    return choices[given]


def _carrier(headers: Mapping) -> "_ffi.seawall_carrier":
    """All fields of a mapping of names to text, bytes, or lists of them. Keeps the bytes alive."""
    fields = []
    for name, value in headers.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            fields.append((_bytes(name), _bytes(one)))
    array = (_ffi.seawall_header * len(fields))()
    for place, (name, value) in zip(array, fields):
        place.name, place.name_size, place.value, place.value_size = name, len(name), value, len(value)
    carrier = _ffi.seawall_carrier(struct_size=ctypes.sizeof(_ffi.seawall_carrier))
    carrier.headers = ctypes.cast(array, ctypes.POINTER(_ffi.seawall_header))
    carrier.header_count = len(fields)
    carrier.kept = fields, array
    return carrier


class Baggage:
    """What a request carries for everybody on its way. Edits return a new one; values are plain text.

    >>> str(Baggage.parse("plan=free, test=1").set("plan", "gold & more"))
    'test=1,plan=gold%20&%20more'
    """

    __slots__ = ("_text",)

    def __init__(self, text: Union[str, bytes] = "") -> None:
        self._text = str(self.parse(text))

    @classmethod
    def parse(cls, *fields: Union[str, bytes]) -> "Baggage":
        """One list from one or more header fields; members that break the grammar or the limits are left out."""
        return _DEFAULT.extract_baggage({"baggage": list(fields)})

    @classmethod
    def _of(cls, text: str) -> "Baggage":
        self = object.__new__(cls)  # the library has checked it
        self._text = text
        return self

    def get(self, key: str, default: Optional[str] = None) -> Optional[str]:
        text, k = self._text.encode(), _bytes(key)
        try:
            return read_text(lambda *out: lib.seawall_baggage_get(text, len(text), k, len(k), *out))
        except SeawallError as error:
            if error.code == _ffi.SEAWALL_E_NOT_FOUND:
                return default
            raise

    def set(self, key: str, value: str, properties: str = "") -> "Baggage":
        """With that member in place of all of its key, at the end. `properties` ("p1;p2=v") are percent-coded."""
        text, k, v, p, error = self._text.encode(), _bytes(key), _bytes(value), _bytes(properties), new_error()
        return self._of(
            read_text(
                lambda *out: _checked(
                    lib.seawall_baggage_set(text, len(text), k, len(k), v, len(v), p, len(p), *out, error), error
                )
            )
        )

    def remove(self, key: str) -> "Baggage":
        text, k = self._text.encode(), _bytes(key)
        return self._of(read_text(lambda *out: lib.seawall_baggage_remove(text, len(text), k, len(k), *out)))

    def members(self) -> Iterator[tuple[str, str, str]]:
        """(key, plain value, coded properties), in order; keys may repeat."""
        text = self._text.encode()
        buffer = ctypes.create_string_buffer(text, len(text) + 1)
        base = ctypes.cast(buffer, ctypes.c_char_p)
        member, at = _ffi.seawall_baggage_member(), 0
        while lib.seawall_baggage_at(base, len(text), at, member) == _ffi.SEAWALL_OK:
            # Views end with their length and the text with a zero byte, so c_char_p reads at least as far.
            coded = (member.value or b"")[: member.value_size]
            plain = read_text(lambda *out: lib.seawall_baggage_decode(coded, len(coded), *out))
            properties = member.properties[: member.properties_size] if member.properties_size else b""
            yield member.key[: member.key_size].decode(), plain, properties.decode()
            at += 1

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for key, value, _ in self.members():
            yield key, value

    def __len__(self) -> int:
        return self._text.count(",") + 1 if self._text else 0

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Baggage({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baggage) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Propagator:
    """strictness: "harness" (as the W3C test suite), "strict" (to the letter) or "pass_through" (for proxies).

    trust: "full", "ids" (the sampling decision is ours) or "ignore" (each request starts a trace).
    accept_b3: read B3 headers where there is no valid traceparent. inject_b3: None, "single" or "multi".
    root_flags: of new traces, SAMPLED | RANDOM of seawall.trace. max_tracestate_bytes: from 512, or 0 for no limit.
    """

    def __init__(
        self,
        *,
        strictness: str = "harness",
        trust: str = "full",
        accept_b3: bool = False,
        inject_b3: Optional[str] = None,
        root_flags: int = _ffi.SEAWALL_TRACE_ROOT_FLAGS,
        max_tracestate_bytes: int = 0,
        baggage_members: int = 64,
        baggage_bytes: int = 8192,
    ) -> None:
        options = json.dumps(
            {
                "strictness": _choice("strictness", strictness, STRICTNESS),
                "trust": _choice("trust", trust, TRUST),
                "accept_b3": int(accept_b3),
                "inject_b3": _choice("inject_b3", inject_b3, INJECT_B3),
                "root_flags": root_flags or -1,
                "max_tracestate_bytes": max_tracestate_bytes,
                "baggage_members": baggage_members,
                "baggage_bytes": baggage_bytes,
            }
        ).encode()
        self._handle = _PropagatorHandle(made(lib.seawall_propagator_new_from_json, options, len(options)))

    def extract(self, headers: Mapping) -> Incoming:
        """Continues the trace of a request's headers. Never raises for what a caller sent."""
        carrier, out = _carrier(headers), _ffi.seawall_extracted()
        check(lib.seawall_extracted_init(out))
        capacity = sum(len(value) + 1 for _, value in carrier.kept[0]) + 1
        buffer, needed = ctypes.create_string_buffer(capacity), ctypes.c_size_t(0)
        check(lib.seawall_propagator_extract(self._handle, carrier, out, buffer, capacity, ctypes.byref(needed)))
        return Incoming(
            TraceContext._of(out.context),
            TraceState._of(buffer.raw[: needed.value].decode("ascii")),
            bool(out.continued),
            bool(out.decided),
            FAULTS[out.fault],
            FAULTS[out.state_fault],
        )

    def extract_baggage(self, headers: Mapping) -> Baggage:
        """The baggage of a request; what breaks the grammar or the limits is left out, and counted."""
        return self.extract_baggage_and_fault(headers)[0]

    def extract_baggage_and_fault(self, headers: Mapping) -> tuple[Baggage, str]:
        carrier, faults = _carrier(headers), [0]

        def call(*out):
            faults[0] = lib.seawall_propagator_extract_baggage(self._handle, carrier, *out)
            return faults[0]

        buffer, needed = ctypes.create_string_buffer(_MAX_BAGGAGE), ctypes.c_size_t(0)
        check(call(buffer, _MAX_BAGGAGE, ctypes.byref(needed)))
        return Baggage._of(buffer.raw[: needed.value].decode("ascii")), FAULTS[faults[0]]

    def inject(self, context: TraceContext, headers: Headers, state: Optional[TraceState] = None) -> Headers:
        """Sets (never appends) the headers of `context`, removes those that must not go on, and returns `headers`."""
        text = str(state).encode() if state else b""

        def set_header(_user, name, name_size, value, value_size):
            field = ctypes.string_at(name, name_size).decode()
            for key in [key for key in headers if isinstance(key, str) and key.lower() == field]:
                del headers[key]
            if value_size:
                headers[field] = ctypes.string_at(value, value_size).decode()

        fields = context._struct()
        check(lib.seawall_propagator_inject(self._handle, fields, text, len(text), _SET(set_header), None))
        return headers

    def faults(self) -> dict[str, int]:
        """{reason: how often}, of those that happened."""
        counts, found = ctypes.c_uint64(), {}
        for fault in range(1, len(FAULTS)):
            check(lib.seawall_propagator_fault_count(self._handle, fault, counts))
            if counts.value:
                found[FAULTS[fault]] = counts.value
        return found


class Sampler:
    """Decides which traces are recorded: what the caller decided; else `ratio` of all; of those `permits` a `period`.

    ignore_parent: decide even where the caller has decided. Durations as in seawall.rate_limiter.
    """

    def __init__(
        self,
        ratio: float = 1.0,
        *,
        permits: Optional[int] = None,
        period: Optional[float] = None,
        period_ns: Optional[int] = None,
        burst: Optional[int] = None,
        ignore_parent: bool = False,
        now_ns: int = NOW,
    ) -> None:
        options: dict = {"ratio": float(ratio) if ratio else -1.0, "ignore_parent": int(ignore_parent)}
        if period is not None:
            period_ns = nanoseconds("period", period)
        for name, value in (("permits", permits), ("period_ns", period_ns), ("burst", burst)):
            if value is not None:
                options[name] = value
        text = json.dumps(options).encode()
        self._handle = _SamplerHandle(made(lib.seawall_sampler_new_from_json, text, len(text), instant(now_ns)))

    def sample(self, incoming: Incoming, *, now_ns: int = NOW) -> Incoming:
        """`incoming` with the decision in its context's `sampled`, and the threshold in its state."""
        fields, text = incoming.context._struct(), str(incoming.state).encode()
        capacity = len(text) + 260
        buffer, needed = ctypes.create_string_buffer(capacity), ctypes.c_size_t(0)
        check(
            lib.seawall_sampler_sample(
                self._handle, instant(now_ns), fields, incoming.decided, text, len(text), buffer, capacity, ctypes.byref(needed)
            )
        )
        return incoming._replace(
            TraceContext._of(fields), TraceState._of(buffer.raw[: needed.value].decode("ascii"))
        )


_MAX_BAGGAGE = 8192
_DEFAULT = Propagator()
