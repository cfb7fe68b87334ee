# SPDX-License-Identifier: MIT
"""Seawall: circuit breakers, rate limiters, metrics, trace context and a service registry, over libseawall.so."""

from ._library import SeawallError, version

__all__ = [
    "SeawallError",
    "version",
]
