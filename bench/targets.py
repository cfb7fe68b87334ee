# SPDX-License-Identifier: MIT
"""What an operation must reach, in the terms in which it was asked: multiples of an uncontended atomic addition (FA), of a
clock read (CLK) or of another row, all measured in the same run, or plain nanoseconds; the bytes of one key or series;
and the share of decisions that wait for nobody."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    most: float
    unit: str  # "FA", "CLK", "ns", or the id of another row with as many threads
    most_at_two: "float | None" = None  # with two threads on one object, where that was asked too
    most_bytes: "float | None" = None
    least_local: "float | None" = None  # percent of the decisions

    def limit(self, threads: int) -> "float | None":
        return self.most if threads == 1 else self.most_at_two

    def other(self) -> "str | None":
        """The row that this one is compared with."""
        return self.unit if "." in self.unit else None

    def reached(self, row: dict) -> "float | None":
        """The row's time in our unit; None where the other row was not measured."""
        return row.get({"FA": "fetch_add_ratio", "CLK": "clock_ratio", "ns": "ns"}.get(self.unit, "ratio"))

    def met(self, row: dict) -> "bool | None":
        """None where nothing was asked of this number of threads, or cannot be told."""
        limit, reached = self.limit(row["threads"]), self.reached(row)
        if limit is None or reached is None:
            return None
        fits = self.most_bytes is None or row.get("bytes") is None or row["bytes"] <= self.most_bytes
        local = self.least_local is None or row.get("local_percent", 0) >= self.least_local
        return reached <= limit and fits and local

    def text(self, threads: int) -> str:
        limit = self.limit(threads)
        if limit is None:
            return ""
        text = f"{limit:g} {self.unit}"
        if self.most_bytes is not None:
            text += f", {self.most_bytes:g} bytes"
        return text + (f", {self.least_local:g} % local" if self.least_local is not None else "")


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
    "pick.handle_rr": Target(1, "FA", 1),
    "pick.handle_p2c": Target(3, "FA", 8),
    "pick.name": Target(1.2, "CLK", 1.2),
    "pick.ewma_10k": Target(2, "CLK"),
    "pipeline.cpp": Target(8, "CLK"),
    "pipeline.ctypes": Target(2000, "ns"),
    "trace.parse": Target(0.8, "CLK"),
    "trace.format": Target(0.3, "CLK"),
    "tracestate.parse32": Target(1000, "ns"),
    "trace.span_id": Target(1, "FA"),
    "trace.root_ids": Target(5, "FA"),
    "redis.leased": Target(1.2, "redis.local", 1.2, least_local=99),
    "redis.exact": Target(1.3, "redis.evalsha"),
}
# Rows of bytes alone: what one more series costs beyond its label text, on a machine with two CPUs.
MOST_BYTES = {"series.bytes": 100}
