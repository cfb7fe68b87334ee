# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from . import metrics
from . import trace
from ._library import SeawallError, version
from .metrics import MetricsRegistry
from .trace import TraceContext, TraceState

__all__ = [
    "MetricsRegistry",
    "SeawallError",
    "TraceContext",
    "TraceState",
    "metrics",
    "trace",
    "version",
]
