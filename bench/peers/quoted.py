# SPDX-License-Identifier: MIT
"""Peers that no registry offers: quoted from our earlier measurements on another machine. Ratios to that machine's own
FA (6.4 ns) and CLK (26.5 ns); its nanoseconds say nothing about this one and are left out."""

MACHINE = "quoted from our earlier measurements on another machine: 2026-11-22, 2-vCPU 2.5 GHz Cascade Lake virtual " \
    "machine, Debian 12, g++ 12"

# id, peer, what, (FA with 1 thread, with 2), (CLK with 1 thread, with 2); None where it was not noted.
QUOTED = [
    ("breaker.healthy", "brpc", "CircuitBreaker::OnCallEnd", (5.6, 39), (1.3, None)),
    ("bucket.allow_clock", "folly", "TokenBucket::consume, granted, with its clock", (8, 35), (2.0, None)),
    ("bucket.deny", "folly", "TokenBucket::consume, denied, with its clock", (6, 6), (1.5, None)),
    ("bucket.lease", "folly", "TokenBucket::consume, 2 threads, with its clock", (None, 35), (None, 9.5)),
    ("counter.add", "brpc", "bvar::Adder", (2.1, 2.1), (0.5, None)),
    ("counter.add", "folly", "ThreadCachedInt", (0.8, 0.8), (0.2, None)),
    ("counter.add", "OpenTelemetry C++", "counter without attributes", (12, 104), (2.6, None)),
    ("counter.by_labels", "OpenTelemetry C++", "counter with 2 attributes", (None, None), (20, None)),
    ("histogram.exponential", "brpc", "bvar::LatencyRecorder", (18, 46), (None, None)),
    ("trace.parse", "OpenTelemetry C++", "extract", (140, None), (34, None)),
    ("trace.format", "OpenTelemetry C++", "inject", (21, None), (5, None)),
]
