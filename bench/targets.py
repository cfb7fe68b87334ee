# SPDX-License-Identifier: MIT
"""What an operation must reach, in the terms in which it was asked: multiples of an uncontended atomic addition (FA) or
of a clock read (CLK), both measured in the same run, or plain nanoseconds; and the bytes of one key or series."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    most: float
    unit: str  # "FA", "CLK" or "ns"
    most_at_two: "float | None" = None  # with two threads on one object, where that was asked too
    most_bytes: "float | None" = None

    def limit(self, threads: int) -> "float | None":
        return self.most if threads == 1 else self.most_at_two

    def reached(self, row: dict) -> "float | None":
        """The row's time in our unit."""
        return row[{"FA": "fetch_add_ratio", "CLK": "clock_ratio", "ns": "ns"}[self.unit]]

    def met(self, row: dict) -> "bool | None":
        """None where nothing was asked of this number of threads."""
        limit = self.limit(row["threads"])
        if limit is None:
            return None
        fits = self.most_bytes is None or row.get("bytes") is None or row["bytes"] <= self.most_bytes
        return self.reached(row) <= limit and fits

    def text(self, threads: int) -> str:
        limit = self.limit(threads)
        if limit is None:
            return ""
        return f"{limit:g} {self.unit}" + (f", {self.most_bytes:g} bytes" if self.most_bytes is not None else "")


TARGETS = {
    "breaker.healthy": Target(0.5, "FA", 0.5),
    "breaker.open": Target(0.5, "FA"),
    "bucket.allow": Target(2, "FA"),
    "bucket.allow_clock": Target(1, "CLK"),
    "bucket.deny": Target(0.6, "FA"),
    "bucket.lease": Target(0.3, "CLK", 0.3),
    "window.allow": Target(4, "FA"),
    "keyed.u64": Target(3.2, "CLK", most_bytes=24),
    "keyed.string": Target(5, "CLK", most_bytes=24),
    "keyed.batch16": Target(1.2, "CLK"),
    "counter.add": Target(0.4, "FA", 0.4),
    "histogram.exponential": Target(1, "FA", 1),
    "histogram.fixed": Target(2.5, "FA", 2.5),
    "counter.by_labels": Target(2, "CLK", 2),
    "scrape.10k_counters": Target(2_000_000, "ns"),
    "pipeline.cpp": Target(8, "CLK"),
    "pipeline.ctypes": Target(2000, "ns"),
    "trace.parse": Target(0.8, "CLK"),
    "trace.format": Target(0.3, "CLK"),
    "tracestate.parse32": Target(1000, "ns"),
    "trace.span_id": Target(1, "FA"),
    "trace.root_ids": Target(5, "FA"),
}
# Rows of bytes alone: what one more series costs beyond its label text, on a machine with two CPUs.
MOST_BYTES = {"series.bytes": 100}
