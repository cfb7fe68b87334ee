# SPDX-License-Identifier: MIT
"""What the counters and histograms of a registry did in the last 60 seconds and the last 60 minutes.

    windows = MetricsWindows(metrics)
    every_second(windows.tick)
    windows.share("errors_total", "requests_total").share                       # of the last minute
    windows.histogram(("latency_seconds", {"route": "/trades"}), Window.HOUR).p99

For a host's own status page; whoever has a Prometheus server asks that one. An answer is the difference of two ticks
over the time truly between them, `covered`. What is not known is NaN. Everything may be used from any thread.
"""

import ctypes
import enum
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Union

from . import _ffi
from ._library import NOW, Handle, check, instant, lib, lib_waiting, made, read_text
from .metrics import MetricsRegistry, _fits, _text, _texts

__all__ = ["MetricsWindows", "Window", "WindowCounter", "WindowHistogram", "WindowShare", "WindowsStats"]

# A family, or one with the labels that its series must have; the value "" is an absent label.
Match = Union[str, tuple[str, Mapping[str, str]]]


class Window(enum.IntEnum):
    MINUTE = _ffi.SEAWALL_WINDOW_MINUTE
    HOUR = _ffi.SEAWALL_WINDOW_HOUR


class WindowCounter(NamedTuple):
    """Of all series that match, added up; `covered` is in seconds."""

    covered: float
    series: int
    increase: float
    per_second: float


class WindowShare(NamedTuple):
    """How much of the growth of the whole was the part's, both by the same two ticks."""

    covered: float
    part: float
    whole: float
    share: float


class WindowHistogram(NamedTuple):
    covered: float
    series: int
    count: int  # type: ignore[assignment]  # in place of tuple's method
    sum: float
    per_second: float
    mean: float
    p50: float
    p90: float
    p99: float


class WindowsStats(NamedTuple):
    series: int
    skipped_series: int
    bytes: int
    samples: int
    backward_ticks: int


def _match(match: Match) -> "_ffi.seawall_series_match":
    family, labels = (match, {}) if isinstance(match, str) else match
    given = [_ffi.seawall_label_match(_text(name), _text(value)) for name, value in labels.items()]
    return _ffi.seawall_series_match(_text(family), (_ffi.seawall_label_match * len(given))(*given), len(given))


class _Windows(Handle):
    _free = lib.seawall_metrics_windows_free
    _borrows = True
    metrics: Handle  # freed after this


class MetricsWindows:
    def __init__(self, metrics: MetricsRegistry, *, memory_bytes: int = 0, families: Sequence[str] = ()):
        """memory_bytes bounds what the samples take (0: 16 MiB; a counter series takes 976 bytes, a histogram series as
        much for each bucket); with `families` only these are kept."""
        _fits("memory_bytes", memory_bytes)
        options = _ffi.seawall_metrics_windows_options()
        lib.seawall_metrics_windows_options_init(ctypes.byref(options))
        options.memory_bytes = memory_bytes
        options.families, options.family_count = _texts(families), len(families)
        self._handle = _Windows(made(lib.seawall_metrics_windows_new, metrics._handle, options))
        self._handle.metrics = metrics._handle

    def tick(self, *, now_ns: int = NOW) -> bool:
        """To be called about once a second. True when it took a sample: the first tick of its second."""
        return check(lib_waiting.seawall_metrics_windows_tick(self._handle, instant(now_ns))) == 1

    def counter(self, match: Match, window: Window = Window.MINUTE, *, now_ns: int = NOW) -> WindowCounter:
        return self._ask(WindowCounter, lib_waiting.seawall_metrics_windows_counter, window, [match], now_ns)

    def share(self, part: Match, whole: Match, window: Window = Window.MINUTE, *, now_ns: int = NOW) -> WindowShare:
        return self._ask(WindowShare, lib_waiting.seawall_metrics_windows_share, window, [part, whole], now_ns)

    def histogram(self, match: Match, window: Window = Window.MINUTE, *, now_ns: int = NOW) -> WindowHistogram:
        return self._ask(WindowHistogram, lib_waiting.seawall_metrics_windows_histogram, window, [match], now_ns)

    def _ask(self, kind, function, window: Window, matches: list[Match], now_ns: int):
        fields = _ANSWERS[kind]
        out = fields(struct_size=ctypes.sizeof(fields))
        check(function(self._handle, window, *map(_match, matches), instant(now_ns), ctypes.byref(out)))
        return kind(out.covered_ns / 1e9, *(getattr(out, name) for name in kind._fields[1:]))

    def as_dict(self, *, now_ns: int = NOW) -> dict:
        """Every series by itself, both windows: {"families": [{"name", "type", "series": [{"labels", "minute",
        "hour"}]}], "age_seconds", "skipped_series", "schema"}. What is not known is None."""
        return json.loads(
            read_text(lambda *out: lib_waiting.seawall_metrics_windows_json(self._handle, instant(now_ns), *out, None))
        )

    @property
    def stats(self) -> WindowsStats:
        kind = _ffi.seawall_metrics_windows_stats
        out = kind(struct_size=ctypes.sizeof(kind))
        check(lib_waiting.seawall_metrics_windows_get_stats(self._handle, ctypes.byref(out)))
        return WindowsStats(*(getattr(out, name) for name in WindowsStats._fields))


_ANSWERS = {
    WindowCounter: _ffi.seawall_window_counter,
    WindowShare: _ffi.seawall_window_share,
    WindowHistogram: _ffi.seawall_window_histogram,
}
