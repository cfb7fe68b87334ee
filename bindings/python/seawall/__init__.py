# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from . import circuit_breaker
from . import follower
from . import limit_set
from . import metrics
from . import metrics_publisher
from . import metrics_windows
from . import pipeline
from . import prober
from . import propagation
from . import rate_limiter
from . import registry
from . import span
from . import trace
from ._library import SeawallError, version
from .circuit_breaker import CircuitBreaker, CircuitOpenError
from .follower import SourceFollower
from .keyed_circuit_breaker import KeyedCircuitBreaker
from .keyed_rate_limiter import KeyedRateLimiter, KeyedStats
from .limit_set import LimitSet, LimitStatus, SetDecision
from .metrics import MetricsRegistry
from .metrics_publisher import MetricsPublisher
from .metrics_windows import MetricsWindows
from .pipeline import Admission, Limit, Pipeline, Pipelines, Refused
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
from .prober import Prober, ProberOptions
from .registry import ServiceRegistry
from .span import Span, Tracer
from .trace import TraceContext, TraceState

__all__ = [
    "Admission",
    "Baggage",
    "CircuitBreaker",
    "CircuitOpenError",
    "Decision",
    "FixedWindow",
    "KeyedCircuitBreaker",
    "KeyedRateLimiter",
    "KeyedStats",
    "LeasedTokenBucket",
    "Limit",
    "LimitChange",
    "LimitSet",
    "LimitStatus",
    "MetricsPublisher",
    "MetricsRegistry",
    "MetricsWindows",
    "Pipeline",
    "Pipelines",
    "Prober",
    "ProberOptions",
    "Propagator",
    "Refused",
    "Reservation",
    "Sampler",
    "SeawallError",
    "ServiceRegistry",
    "SetDecision",
    "Settlement",
    "SlidingWindow",
    "SourceFollower",
    "Span",
    "TokenBucket",
    "TraceContext",
    "TraceState",
    "Tracer",
    "circuit_breaker",
    "follower",
    "limit_set",
    "metrics",
    "metrics_publisher",
    "metrics_windows",
    "pipeline",
    "prober",
    "propagation",
    "rate_limiter",
    "registry",
    "span",
    "trace",
    "version",
]
