# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from . import circuit_breaker
from . import metrics
from . import propagation
from . import rate_limiter
from . import registry
from . import span
from . import trace
from ._library import SeawallError, version
from .circuit_breaker import CircuitBreaker, CircuitOpenError
from .keyed_circuit_breaker import KeyedCircuitBreaker
from .keyed_rate_limiter import KeyedRateLimiter, KeyedStats
from .metrics import MetricsRegistry
from .propagation import Baggage, Propagator, Sampler
from .rate_limiter import (
    Decision,
    FixedWindow,
    LeasedTokenBucket,
    LimitChange,
    Reservation,
    Settlement,
    SlidingWindow,
    TokenBucket,
)
from .registry import ServiceRegistry
from .span import Span, Tracer
from .trace import TraceContext, TraceState

__all__ = [
    "Baggage",
    "CircuitBreaker",
    "CircuitOpenError",
    "Decision",
    "FixedWindow",
    "KeyedCircuitBreaker",
    "KeyedRateLimiter",
    "KeyedStats",
    "LeasedTokenBucket",
    "LimitChange",
    "MetricsRegistry",
    "Propagator",
    "Reservation",
    "Sampler",
    "SeawallError",
    "ServiceRegistry",
    "Settlement",
    "SlidingWindow",
    "Span",
    "TokenBucket",
    "TraceContext",
    "TraceState",
    "Tracer",
    "circuit_breaker",
    "metrics",
    "propagation",
    "rate_limiter",
    "registry",
    "span",
    "trace",
    "version",
]
