# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from . import circuit_breaker
from . import metrics
from . import trace
from ._library import SeawallError, version
from .circuit_breaker import CircuitBreaker, CircuitOpenError
from .metrics import MetricsRegistry
from .trace import TraceContext, TraceState

__all__ = [
    "CircuitBreaker",
    "CircuitOpenError",
    "MetricsRegistry",
    "SeawallError",
    "TraceContext",
    "TraceState",
    "circuit_breaker",
    "metrics",
    "trace",
    "version",
]
