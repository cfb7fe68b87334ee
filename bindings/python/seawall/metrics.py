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
from typing import Any, Generic, Iterator, Sequence, TypeVar

from . import _ffi
from ._library import Handle, SeawallError, check, lib, lib_waiting, new_error, read_text

__all__ = ["Counter", "Family", "Format", "Gauge", "Histogram", "MetricsRegistry", "validate_text"]


class Format(enum.IntEnum):
    """How a registry is rendered."""

    PROMETHEUS = _ffi.SEAWALL_FORMAT_PROMETHEUS
    OPENMETRICS = _ffi.SEAWALL_FORMAT_OPENMETRICS
    JSON = _ffi.SEAWALL_FORMAT_JSON

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


class _Series:
    """One series; `overflow` tells that it is the shared one for what is beyond the bounds."""

    def __init__(self, registry: "MetricsRegistry", handle: int, overflow: bool):
        self._registry = registry  # keeps the handle alive
        self._handle = handle
        self.overflow = overflow


class Counter(_Series):
    """A total that only rises."""

    def add(self, n: int = 1) -> None:
        """Adds n, which must not be negative."""
        _fits("n", n)
        check(lib.seawall_counter_add(self._handle, n))

    @property
    def value(self) -> int:
        out = ctypes.c_uint64()
        check(lib.seawall_counter_value(self._handle, ctypes.byref(out)))
        return out.value


class Gauge(_Series):
    """A value that goes up and down."""

    def set(self, value: float) -> None:
        check(lib.seawall_gauge_set(self._handle, value))

    def add(self, difference: float = 1.0) -> None:
        check(lib.seawall_gauge_add(self._handle, difference))

    @property
    def value(self) -> float:
        out = ctypes.c_double()
        check(lib.seawall_gauge_value(self._handle, ctypes.byref(out)))
        return out.value

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

    def observe(self, value: float) -> None:
        check(lib.seawall_histogram_observe(self._handle, value))

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observes how long the `with` block takes, in seconds, also when it raises."""
        start = time.monotonic_ns()
        try:
            yield
        finally:
            check(lib.seawall_histogram_observe_ns(self._handle, time.monotonic_ns() - start))

    def _totals(self) -> tuple[int, float]:
        count, total = ctypes.c_uint64(), ctypes.c_double()
        check(lib.seawall_histogram_totals(self._handle, ctypes.byref(count), ctypes.byref(total)))
        return count.value, total.value

    @property
    def count(self) -> int:
        return self._totals()[0]

    @property
    def sum(self) -> float:
        return self._totals()[1]

    def quantile(self, q: float) -> float:
        """The value below which the share q of the observations lies, interpolated; NaN when there are none."""
        out = ctypes.c_double()
        check(lib.seawall_histogram_quantile(self._handle, q, ctypes.byref(out)))
        return out.value


_M = TypeVar("_M", Counter, Gauge, Histogram)


class Family(Generic[_M]):
    """All series of one name. Resolve a label set once and keep the series: labels() is a lookup, recording is not."""

    def __init__(self, registry: "MetricsRegistry", handle: int, name: str, label_names: Sequence[str], series, resolve):
        self._registry = registry
        self._handle = handle
        self._series = series
        self._resolve = resolve
        self.name = name
        self.label_names = tuple(label_names)

    def labels(self, *values: str, **named: str) -> _M:
        """The series with these label values, in order or by name. Beyond the bounds: the overflow series."""
        if named:
            if values or named.keys() != set(self.label_names):
                raise ValueError(f"{self.name} has the labels {self.label_names}")
            values = tuple(named[name] for name in self.label_names)
        out, error = ctypes.c_void_p(), new_error()
        code = check(
            self._resolve(self._handle, _texts(values), len(values), ctypes.byref(out), ctypes.byref(error)), error
        )
        return self._series(self._registry, out.value, code == _ffi.SEAWALL_SERIES_OVERFLOW)


class _Handle(Handle):
    __slots__ = ()
    _free = lib.seawall_metrics_free


class MetricsRegistry:
    """Families of metrics and their exposition. The bounds are options of the C API: max_families, max_series,
    max_series_per_family, max_label_value_bytes."""

    def __init__(self, **options: int):
        out, error = ctypes.c_void_p(), new_error()
        text = json.dumps(options).encode()
        check(lib.seawall_metrics_new_from_json(text, len(text), ctypes.byref(out), ctypes.byref(error)), error)
        self._handle = _Handle(out.value)

    def _family(self, kind: int, name: str, help: str, labels: Sequence[str], series, resolve, **more: Any) -> Family:
        options = _ffi.seawall_family_options()
        lib.seawall_family_options_init(ctypes.byref(options))
        options.type, options.name, options.help = kind, _text(name), _text(help)
        options.labels, options.label_count = _texts(labels), len(labels)
        for field, value in more.items():
            setattr(options, field, value)
        out, error = ctypes.c_void_p(), new_error()
        code = lib.seawall_metrics_family(self._handle, ctypes.byref(options), ctypes.byref(out), ctypes.byref(error))
        check(code, error)
        return Family(self, out.value, name, labels, series, resolve)

    def counter(self, name: str, help: str, labels: Sequence[str] = (), *, units_per_one: int = 1) -> Family[Counter]:
        """A family of counters. The name ends in _total; the exposed value is the total divided by units_per_one."""
        _fits("units_per_one", units_per_one)
        return self._family(_ffi.SEAWALL_METRIC_COUNTER, name, help, labels, Counter, lib.seawall_family_counter,
                            units_per_one=units_per_one)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Family[Gauge]:
        """A family of gauges."""
        return self._family(_ffi.SEAWALL_METRIC_GAUGE, name, help, labels, Gauge, lib.seawall_family_gauge)

    def histogram(self, name: str, help: str, labels: Sequence[str] = (), *, bounds: Sequence[float] = (),
                  steps_per_unit: int = 0) -> Family[Histogram]:
        """A family of histograms. Without bounds: 0.005 to 10, for seconds."""
        _fits("steps_per_unit", steps_per_unit)
        return self._family(_ffi.SEAWALL_METRIC_HISTOGRAM, name, help, labels, Histogram, lib.seawall_family_histogram,
                            bounds=(ctypes.c_double * len(bounds))(*bounds), bound_count=len(bounds),
                            steps_per_unit=steps_per_unit)

    def render(self, format: Format = Format.PROMETHEUS) -> str:
        """All families as text; serve it with format.content_type."""
        return read_text(lambda *out: lib_waiting.seawall_metrics_render(self._handle, format, *out, None))

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
