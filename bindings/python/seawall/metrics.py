# SPDX-License-Identifier: MIT
"""Counters, gauges and histograms with labels, and their text for Prometheus.

    metrics = MetricsRegistry()
    requests = metrics.counter("http_requests_total", "Requests answered.", ["route", "code"])
    ok = requests.labels("/trades", "200")      # once
    ok.add()                                    # at each request
    body, content_type = metrics.negotiate(request.headers.get("Accept", ""))

Everything may be used from any thread. Series and families keep their registry alive.
"""

import ctypes
import enum
import json
import time
from contextlib import contextmanager
from typing import Any, Callable, Generic, Iterator, NamedTuple, Optional, Sequence, TypeVar

from . import _ffi
from ._library import ONE, Handle, SeawallError, bare, check, lib, lib_waiting, made, new_error, prepared, read_text

__all__ = ["Counter", "Exemplar", "Family", "Format", "Gauge", "Histogram", "Info", "MetricsRegistry", "StateSet", "validate_text"]


class Format(enum.IntEnum):
    """How a registry is rendered."""

    PROMETHEUS = _ffi.SEAWALL_FORMAT_PROMETHEUS
    OPENMETRICS = _ffi.SEAWALL_FORMAT_OPENMETRICS
    JSON = _ffi.SEAWALL_FORMAT_JSON
    OTLP_JSON = _ffi.SEAWALL_FORMAT_OTLP_JSON  # only by MetricsRegistry.pages and .otlp

    @property
    def content_type(self) -> str:
        return lib.seawall_metrics_content_type(self).decode()


def validate_text(text: "str | bytes", format: Format = Format.PROMETHEUS, previous: "str | bytes" = b"") -> None:
    """Raises SeawallError, with the line and the culprit, unless `text` is right by the rules of its format; also when
    a total fell since `previous`, an earlier text of the same process. For tests of what a host exposes."""
    new, old = (t.encode("utf-8", "surrogatepass") if isinstance(t, str) else t for t in (text, previous))
    error = new_error()
    check(lib.seawall_metrics_validate(format, new, len(new), old, len(old), ctypes.byref(error)), error)


def _text(value: str) -> _ffi.seawall_text:
    data = value.encode("utf-8", "surrogatepass")  # a lone surrogate is for the library to refuse
    return _ffi.seawall_text(data, len(data))


def _texts(values: Sequence[str]) -> ctypes.Array:
    return (_ffi.seawall_text * len(values))(*map(_text, values))


def _fits(name: str, value: int) -> None:
    if not -(2**63) <= value < 2**63:  # ctypes would cut it silently
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} does not fit 64 bits: {value}")


class Exemplar(NamedTuple):
    """The trace that an observation belongs to: ids in hex, and when it was made, by time.time()."""

    trace_id: str
    span_id: str
    unix_seconds: float

    def _c(self) -> _ffi.seawall_exemplar:
        made = _ffi.seawall_exemplar(unix_ms=int(self.unix_seconds * 1000))
        made.trace_id[:] = bytes.fromhex(self.trace_id)
        made.span_id[:] = bytes.fromhex(self.span_id)
        return made


_counter_add, _observe = bare(lib.seawall_counter_add), bare(lib.seawall_histogram_observe)
_gauge_set, _gauge_add = bare(lib.seawall_gauge_set), bare(lib.seawall_gauge_add)
_SINGLE = 1  # what add() adds by default
_SMALL = tuple(prepared(ctypes.c_int64, n) for n in range(256))
_double = ctypes.c_double


class _Series:
    """One series; `overflow` tells that it is the shared one for what is beyond the bounds. Once the series is removed
    this records nothing, and reads 0."""

    def __init__(self, family: "Family", number: int, overflow: bool):
        self._registry = family._registry  # keeps the handle alive
        self._metrics = family._registry._handle
        self._number = number
        self._registry_at, self._at = family._registry._at, prepared(ctypes.c_uint64, number)  # for what bare() gave
        self._one = (self._registry_at, self._at, ONE)
        self.overflow = overflow

    def _read(self, read, kind):
        out = kind()
        check(read(self._metrics, self._number, ctypes.byref(out)))
        return out.value


class Counter(_Series):
    """A total that only rises."""

    def add(self, n: int = 1, exemplar: Optional[Exemplar] = None) -> None:
        """Adds n, which must not be negative."""
        if n is _SINGLE and exemplar is None:
            code = _counter_add(*self._one)
        elif exemplar is None:
            if 0 <= n < 256:
                number = _SMALL[n]
            else:
                _fits("n", n)
                number = ctypes.c_int64(n)
            code = _counter_add(self._registry_at, self._at, number)
        else:
            _fits("n", n)
            code = lib.seawall_counter_add_exemplar(self._metrics, self._number, n, ctypes.byref(exemplar._c()))
        if code:
            check(code)

    @property
    def value(self) -> int:
        return self._read(lib.seawall_counter_value, ctypes.c_uint64)


class Gauge(_Series):
    """A value that goes up and down."""

    def set(self, value: float) -> None:
        code = _gauge_set(self._registry_at, self._at, _double(value))
        if code:
            check(code)

    def add(self, difference: float = 1.0) -> None:
        code = _gauge_add(self._registry_at, self._at, _double(difference))
        if code:
            check(code)

    def max(self, value: float) -> None:
        """Sets the gauge to the larger of its value and this one."""
        check(lib.seawall_gauge_max(self._metrics, self._number, value))

    @property
    def value(self) -> float:
        return self._read(lib.seawall_gauge_value, ctypes.c_double)

    @contextmanager
    def held(self, amount: float = 1.0) -> Iterator[None]:
        """Adds `amount` inside the `with` block: for requests in flight."""
        self.add(amount)
        try:
            yield
        finally:
            self.add(-amount)


class Histogram(_Series):
    """How observations are distributed, with their count and sum."""

    def observe(self, value: float, exemplar: Optional[Exemplar] = None) -> None:
        if exemplar is None:
            code = _observe(self._registry_at, self._at, _double(value))
        else:
            given = ctypes.byref(exemplar._c())
            code = lib.seawall_histogram_observe_exemplar(self._metrics, self._number, value, given)
        if code:
            check(code)

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observes how long the `with` block takes, in seconds, also when it raises."""
        start = time.monotonic_ns()
        try:
            yield
        finally:
            check(lib.seawall_histogram_observe_ns(self._metrics, self._number, time.monotonic_ns() - start))

    def _totals(self) -> tuple[int, float]:
        count, total = ctypes.c_uint64(), ctypes.c_double()
        check(lib.seawall_histogram_totals(self._metrics, self._number, ctypes.byref(count), ctypes.byref(total)))
        return count.value, total.value

    @property
    def count(self) -> int:
        return self._totals()[0]

    @property
    def sum(self) -> float:
        return self._totals()[1]

    def buckets(self) -> list[tuple[float, int]]:
        """Each bucket's upper bound, inclusive and infinite in the last, and how many observations are in it: those of
        the buckets below are not in it. All of one reading; empty once the series is removed."""
        size = ctypes.c_size_t()
        lib.seawall_histogram_buckets(self._metrics, self._number, None, None, 0, ctypes.byref(size), None, None)
        bounds, counts = (ctypes.c_double * size.value)(), (ctypes.c_uint64 * size.value)()
        check(
            lib.seawall_histogram_buckets(
                self._metrics, self._number, bounds, counts, size.value, ctypes.byref(size), None, None
            )
        )
        return list(zip(bounds, counts))[: size.value]

    def quantile(self, q: float) -> float:
        """The value below which the share q of the observations lies, interpolated; NaN when there are none."""
        out = ctypes.c_double()
        check(lib.seawall_histogram_quantile(self._metrics, self._number, q, ctypes.byref(out)))
        return out.value


class StateSet(_Series):
    """Which one of the family's states something is in; it begins in the first."""

    def __init__(self, family: "Family", number: int, overflow: bool):
        super().__init__(family, number, overflow)
        self._states = family.states

    def set(self, state: str) -> None:
        check(lib.seawall_state_set_set(self._metrics, self._number, self._states.index(state)))

    @property
    def value(self) -> str:
        return self._states[self._read(lib.seawall_state_set_value, ctypes.c_int32)]


class Info(_Series):
    """A series that is always 1 and says something by its labels."""


class _Spelling(str):
    """Equal to what is spelled the same, also where a str of another type has an equality of its own: a dict asks its key,
    on the left, and the right one is asked first only where its type is derived from the left one's."""

    __slots__ = ()


_M = TypeVar("_M", Counter, Gauge, Histogram, StateSet, Info)


class Family(Generic[_M]):
    """All series of one name. labels() is a lookup: keep the series that you record into at each request."""

    def __init__(self, registry: "MetricsRegistry", handle: int, name: str, label_names: Sequence[str],
                 series: type[_M], states: Sequence[str]):
        self._registry = registry
        self._handle = handle
        self._series: type[_M] = series
        # The series by their values since the latest removal, at which all are looked up again: at most one for each
        # that the family has. A new dict each time, so that who is about to add to an older one adds to that.
        self._removals = lib.seawall_family_removals(handle).contents
        self._known: "tuple[int, dict[tuple[str, ...], _M]]" = (0, {})
        self.name = name
        self.label_names = tuple(label_names)
        self._label_set = frozenset(label_names)
        self.states = tuple(states)

    def _in_order(self, values: tuple[str, ...], named: dict[str, str]) -> tuple[str, ...]:
        if values or named.keys() != self._label_set:
            raise ValueError(f"{self.name} has the labels {self.label_names}")
        return tuple(map(named.__getitem__, self.label_names))

    def _values(self, values: tuple[str, ...], named: dict[str, str]) -> tuple[ctypes.Array, int]:
        if named:
            values = self._in_order(values, named)
        return _texts(values), len(values)

    def labels(self, *values: str, **named: str) -> _M:
        """The series with these label values, in order or by name. Beyond the bounds: the overflow series."""
        if named:
            values = self._in_order(values, named)
        removals = self._removals.value  # before anything is looked up
        seen, known = self._known
        if removals != seen:
            known = {}
            self._known = (removals, known)
        try:
            return known[values]
        except KeyError:
            pass
        return self._find(values, known)

    def _find(self, values: tuple[str, ...], known: "dict[tuple[str, ...], _M]") -> _M:
        out, error = ctypes.c_uint64(), new_error()
        given = (_texts(values), len(values))
        code = lib.seawall_family_series(self._handle, *given, ctypes.byref(out), ctypes.byref(error))
        series = self._series(self, out.value, check(code, error) == _ffi.SEAWALL_SERIES_OVERFLOW)
        # The overflow series is kept for nobody: after a removal of any family there may be room. A str of another type
        # may have a hash of its own, and fill `known` with more than there are series.
        if not series.overflow and all(type(value) is str for value in values):
            known[tuple(map(_Spelling, values))] = series
        return series

    def remove(self, *values: str, **named: str) -> bool:
        """No longer exposes the series; what still holds it records nothing. False when there is none."""
        error = new_error()
        # Through lib_waiting: it waits for a callback of the series that runs on another thread.
        code = lib_waiting.seawall_family_remove(self._handle, *self._values(values, named), ctypes.byref(error))
        if code == _ffi.SEAWALL_E_NOT_FOUND:
            return False
        check(code, error)
        return True

    def callback(self, read: Callable[[], float], *values: str, **named: str) -> None:
        """Each rendering calls `read` for the value of this series of a gauge family. It must not render, and must return
        soon: another rendering that comes to it waits, as remove() of the series does."""
        given, error = _GAUGE_CALLBACK(lambda _: float(read())), new_error()
        code = lib.seawall_family_gauge_callback(
            self._handle, *self._values(values, named), given, None, ctypes.byref(error)
        )
        check(code, error)
        self._registry._callbacks.append(given)  # ctypes must not free it while the library may call it


_GAUGE_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)


class _Handle(Handle):
    __slots__ = ()
    _free = lib.seawall_metrics_free


class MetricsRegistry:
    """Families of metrics and their exposition. Options are those of the C API: max_families, max_series,
    max_series_per_family, max_label_value_bytes, and, 0 or 1, no_rseq and share_with_children."""

    def __init__(self, **options: int):
        text = json.dumps(options).encode()
        address = made(lib.seawall_metrics_new_from_json, text, len(text))
        self._handle = _Handle(address)
        self._at = prepared(ctypes.c_void_p, address)
        self._callbacks: list[Any] = []
        self._start_unix_ns = time.time_ns()

    def _family(self, kind: int, name: str, help: str, labels: Sequence[str], series, states=(), **more: Any) -> Family:
        options = _ffi.seawall_family_options()
        lib.seawall_family_options_init(ctypes.byref(options))
        options.type, options.name, options.help = kind, _text(name), _text(help)
        options.labels, options.label_count = _texts(labels), len(labels)
        options.states, options.state_count = _texts(states), len(states)
        for field, value in more.items():
            setattr(options, field, value)
        family = made(lib.seawall_metrics_family, self._handle, ctypes.byref(options))
        return Family(self, family, name, labels, series, states)

    def counter(self, name: str, help: str, labels: Sequence[str] = (), *, units_per_one: int = 1,
                exemplars: bool = False) -> Family[Counter]:
        """A family of counters. The name ends in _total; the exposed value is the total divided by units_per_one."""
        _fits("units_per_one", units_per_one)
        return self._family(_ffi.SEAWALL_METRIC_COUNTER, name, help, labels, Counter, units_per_one=units_per_one,
                            exemplars=exemplars)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Family[Gauge]:
        """A family of gauges."""
        return self._family(_ffi.SEAWALL_METRIC_GAUGE, name, help, labels, Gauge)

    def histogram(self, name: str, help: str, labels: Sequence[str] = (), *, bounds: Sequence[float] = (),
                  exponential: Optional[tuple[int, int, int]] = None, steps_per_unit: int = 0,
                  exemplars: bool = False) -> Family[Histogram]:
        """A family of histograms. Without bounds: 0.005 to 10, for seconds. Exponential ones are given by schema, and
        the exponents of two between which the buckets lie: (3, -20, 7) for seconds, which (0, 0, 0) stands for, too."""
        _fits("steps_per_unit", steps_per_unit)
        if exponential is not None:
            for exponent in exponential:
                _fits("exponential", exponent << 32)
        schema, low, high = exponential or (0, 0, 0)
        return self._family(_ffi.SEAWALL_METRIC_HISTOGRAM, name, help, labels, Histogram,
                            bounds=(ctypes.c_double * len(bounds))(*bounds), bound_count=len(bounds),
                            exponential=exponential is not None, schema=schema, min_exponent=low, max_exponent=high,
                            steps_per_unit=steps_per_unit, exemplars=exemplars)

    def state_set(self, name: str, help: str, states: Sequence[str], labels: Sequence[str] = ()) -> Family[StateSet]:
        """A family of state sets, each of which is in exactly one of 1 to 16 states."""
        return self._family(_ffi.SEAWALL_METRIC_STATE_SET, name, help, labels, StateSet, states)

    def info(self, name: str, help: str, **labels: str) -> None:
        """A series that is always 1 and says something by its labels. The name ends in _info."""
        self._family(_ffi.SEAWALL_METRIC_INFO, name, help, list(labels), Info).labels(*labels.values())

    @property
    def stale_recordings(self) -> int:
        """How often something was recorded into a series that was removed."""
        out = ctypes.c_uint64()
        check(lib.seawall_metrics_stale_recordings(self._handle, ctypes.byref(out)))
        return out.value

    def render(self, format: Format = Format.PROMETHEUS) -> str:
        """All families as text; serve it with format.content_type."""
        return read_text(lambda *out: lib_waiting.seawall_metrics_render(self._handle, format, *out, None))

    def pages(self, format: Format = Format.PROMETHEUS, size: int = 65_536, *, service: str = "",
              start_unix_ns: Optional[int] = None, now_unix_ns: Optional[int] = None) -> Iterator[bytes]:
        """The same in parts of whole lines, each of `size` bytes at most, or of one unit (all lines of a histogram) that
        is larger. Series may come and go meanwhile; one that is there all the time is in one part. The other arguments
        are OTLP's: the value of service.name, and since when totals count and when they are read, by time.time_ns()."""
        options, data = _ffi.seawall_metrics_page_options(), service.encode("utf-8", "replace")
        lib.seawall_metrics_page_options_init(ctypes.byref(options))
        options.format, options.service = format, _ffi.seawall_text(data, len(data))
        options.start_unix_ns = self._start_unix_ns if start_unix_ns is None else start_unix_ns
        options.now_unix_ns = time.time_ns() if now_unix_ns is None else now_unix_ns
        page, error = _ffi.seawall_metrics_page(), new_error()
        check(lib.seawall_metrics_page_begin(self._handle, options, page, ctypes.byref(error)), error)
        written, needed, more = ctypes.c_size_t(), ctypes.c_size_t(), True
        buffer = ctypes.create_string_buffer(max(size, 1))
        while more:
            code = lib_waiting.seawall_metrics_page_next(page, buffer, len(buffer), ctypes.byref(written), ctypes.byref(needed))
            if code == _ffi.SEAWALL_E_BUFFER_TOO_SMALL:
                buffer = ctypes.create_string_buffer(needed.value)
                continue
            more = check(code) == _ffi.SEAWALL_PAGE_MORE
            yield ctypes.string_at(buffer, written.value)

    def otlp(self, service: str, *, start_unix_ns: Optional[int] = None, now_unix_ns: Optional[int] = None) -> bytes:
        """The body of a POST to /v1/metrics of an OpenTelemetry receiver, with Content-Type application/json. Totals
        count since the registry was made, unless start_unix_ns says otherwise."""
        return b"".join(self.pages(Format.OTLP_JSON, service=service, start_unix_ns=start_unix_ns, now_unix_ns=now_unix_ns))

    def negotiate(self, accept: str) -> tuple[str, str]:
        """The body and the Content-Type for a scraper that sent this Accept header."""
        text = accept.encode("utf-8", "replace")
        format = Format(lib.seawall_metrics_negotiate(text, len(text)))
        return self.render(format), format.content_type

    @property
    def series_count(self) -> int:
        """Series now, overflow series not counted."""
        out = ctypes.c_int64()
        check(lib.seawall_metrics_series_count(self._handle, ctypes.byref(out)))
        return out.value
