# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from . import trace
from ._library import SeawallError, version
from .trace import TraceContext, TraceState

__all__ = [
    "SeawallError",
    "TraceContext",
    "TraceState",
    "trace",
    "version",
]
