#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Seawall costs from Python: its typed wrappers, and the bare calls through ctypes below them.

Prints lines of JSON, of all parts or of those named as arguments; `bench/peers/peers.py --only python` puts them in one table with pybreaker, limits, prometheus_client
and OpenTelemetry. Needs libseawall.so: `make bench` builds one. The last rows are the yardsticks: a function that does
nothing, called as all others are, and a ctypes call that does nothing.
"""

import ctypes
import itertools
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
for variable, name in (("SEAWALL_LIBRARY", "libseawall.so"), ("SEAWALL_REDIS_LIBRARY", "libseawall_redis.so")):
    os.environ.setdefault(variable, str(ROOT / "build" / "bench" / "lib" / name))
sys.path[:0] = [str(ROOT / "bindings" / "python"), str(ROOT / "bench" / "peers" / "python")]

import measure  # noqa: E402
import seawall  # noqa: E402
from seawall import _ffi  # noqa: E402
from seawall._library import lib  # noqa: E402

PEER = "Seawall"
BARE = "Seawall, bare ctypes"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def nothing() -> None:
    pass


def handle(make, text: bytes) -> ctypes.c_void_p:
    """An object of the library that lives as long as this process."""
    made = ctypes.c_void_p()
    code = make(text, len(text), _ffi.SEAWALL_NOW, ctypes.byref(made), None)
    assert code == _ffi.SEAWALL_OK, code
    return made


def breakers() -> None:
    breaker = seawall.CircuitBreaker()

    def guarded() -> None:
        with breaker:
            nothing()

    def ticket() -> None:
        breaker.try_acquire().report(seawall.circuit_breaker.Outcome.SUCCESS)

    measure.operation(PEER, "python.breaker", "call of a function that does nothing", lambda: breaker.call(nothing))
    measure.operation(PEER, "python.breaker_with", "with breaker: a function that does nothing", guarded)
    measure.operation(PEER, "python.breaker_with", "try_acquire and report", ticket)
    measure.operation(PEER, "python.breaker_decorated", "a decorated function that does nothing", breaker(nothing))

    bare = handle(lib.seawall_circuit_breaker_new_from_json, b"{}")
    acquire, report = lib.seawall_circuit_breaker_try_acquire, lib.seawall_circuit_breaker_report
    token = ctypes.c_uint64()
    where = ctypes.byref(token)

    def calls() -> None:
        acquire(bare, 0, where, None)
        report(bare, token, 0, 0)

    measure.operation(BARE, "python.breaker", "try_acquire and report, time given", calls)

    hosts = seawall.KeyedCircuitBreaker()

    def guarded_host() -> None:
        with hosts.try_acquire("10.0.0.7:8001"):
            nothing()

    measure.operation(PEER, "python.breaker_keyed", "with the breaker of a host: a function that does nothing", guarded_host)

    opened = seawall.CircuitBreaker()
    opened.force_open()

    def refused() -> None:
        try:
            with opened:
                nothing()
        except seawall.CircuitOpenError:
            pass

    measure.operation(PEER, "python.breaker_open", "with breaker: refused by an exception", refused)
    measure.operation(PEER, "python.breaker_open", "try_acquire refused, no exception", opened.try_acquire)


def limiters() -> None:
    users = itertools.cycle([f"user-{i:06}" for i in range(10_000)])
    keyed = seawall.KeyedRateLimiter(seawall.TokenBucket, 1_000_000_000, 1.0)
    measure.operation(PEER, "python.keyed", "allow, granted, 10,000 users", lambda: keyed.allow(next(users)))
    measure.operation(PEER, "python.keyed", "try_acquire, granted, 10,000 users", lambda: keyed.try_acquire(next(users)))
    ids = itertools.cycle(range(10_000))
    measure.operation(PEER, "python.keyed", "try_acquire by number, 10,000 users", lambda: keyed.try_acquire(next(ids)))
    window = seawall.SlidingWindow(1_000_000_000, 1.0)
    measure.operation(PEER, "python.window", "sliding window, granted", window.try_acquire)
    bucket = seawall.TokenBucket(1_000_000_000, 1.0)
    measure.operation(PEER, "python.bucket", "token bucket, granted", bucket.try_acquire)
    late = seawall.SlidingWindow(1, 86_400.0)
    late.try_acquire()
    measure.operation(PEER, "python.deny", "sliding window, denied", late.try_acquire)

    bare = handle(lib.seawall_token_bucket_new_from_json, b'{"permits": 1000000000, "period_ns": 1000000000}')
    decision = _ffi.seawall_decision(struct_size=ctypes.sizeof(_ffi.seawall_decision))
    acquire, where = lib.seawall_token_bucket_try_acquire, ctypes.byref(decision)
    measure.operation(BARE, "python.bucket", "try_acquire, time read by the library",
                      lambda: acquire(bare, _ffi.SEAWALL_NOW, 1, where))


def pipelines() -> None:
    """Two limits by user, the breaker of the service, a pick of 16, the caller's trace, metrics; admitted and completed."""
    registry = seawall.ServiceRegistry(heartbeat_interval=3600.0, lease=86_400.0)
    for i in range(16):
        registry.register("trading", f"trading-{i}", "10.0.0.1", 8001)
    keyed = [seawall.KeyedRateLimiter(seawall.TokenBucket, 100_000_000, 60.0) for _ in range(2)]
    pipeline = seawall.Pipeline(
        limits=[seawall.Limit(name, limiter, 100_000_000, 60.0) for name, limiter in zip(("user", "orders"), keyed)],
        breaker=seawall.CircuitBreaker(),
        service=registry.service("trading"),
        trace=True,
        metrics=seawall.MetricsRegistry(),
        name="trading",
    )
    users = itertools.cycle([f"user-{i:06}" for i in range(10_000)])
    names = itertools.cycle([f"user-{i:06}".encode() for i in range(10_000)])
    success = seawall.circuit_breaker.Outcome.SUCCESS

    def whole() -> None:
        pipeline.admit(next(users), traceparent=HEADER).complete(success, 200)

    def block() -> None:
        with pipeline.admit(next(users), traceparent=HEADER):
            nothing()

    measure.operation(PEER, "pipeline.ctypes", "admit and complete, 10,000 users", whole)
    measure.operation(PEER, "python.pipeline_with", "with admit: a function that does nothing", block)

    admission = _ffi.seawall_admission(struct_size=ctypes.sizeof(_ffi.seawall_admission))
    admit, complete, header = lib.seawall_pipeline_admit_key, lib.seawall_complete, HEADER.encode()
    where, ticket, now = ctypes.byref(admission), ctypes.byref(admission.ticket), _ffi.SEAWALL_NOW
    handle_ = pipeline._handle

    def calls() -> None:
        name = next(names)
        admit(handle_, name, len(name), 0, header, len(header), now, where)
        complete(handle_, ticket, 0, 200, now)

    measure.operation(BARE, "pipeline.ctypes", "admit and complete, struct used again", calls)


def metrics() -> None:
    registry = seawall.MetricsRegistry()
    calls = registry.counter("calls_total", "Calls.").labels()
    measure.operation(PEER, "python.counter", "Counter.add of a handle", calls.add)
    requests = registry.counter("requests_total", "Requests.", ("service", "code"))
    measure.operation(PEER, "python.counter_by_labels", "labels of 2, add", lambda: requests.labels("trading", "200").add())
    seconds = registry.histogram("seconds", "Time.", bounds=BOUNDS).labels()
    measure.operation(PEER, "python.histogram", "Histogram.observe, 10 bounds", lambda: seconds.observe(0.042))
    many = seawall.MetricsRegistry(max_series=20_000, max_series_per_family=20_000)
    users = many.counter("users_total", "Users.", ("user",))
    for user in range(10_000):
        users.labels(f"user-{user:06}").add()
    measure.operation(PEER, "python.scrape_10k", "render to str", many.render)


def traces() -> None:
    received = seawall.TraceContext.parse(HEADER)
    measure.operation(PEER, "python.trace_parse", "TraceContext.parse", lambda: seawall.TraceContext.parse(HEADER))
    measure.operation(PEER, "python.trace_format", "str of a context", lambda: str(received))
    measure.operation(PEER, "python.trace_root", "TraceContext.root", seawall.TraceContext.root)


def shared() -> None:
    """With the redis-server that peers.py has started."""
    if (port := os.environ.get("PEER_REDIS_PORT")) is None:
        return
    from seawall import redis

    store = redis.Store(f"127.0.0.1:{port}", deadline=5.0, silence=5.0)
    exact = redis.RateLimiter(store, "exact", permits=1_000_000_000, period=1.0)
    leased = redis.RateLimiter(
        store, "leased", permits=1_000_000_000, period=1.0, mode=redis.Mode.LEASED, batch=1_000_000
    )
    for limiter, wanted in ((exact, redis.DecidedBy.STORE), (leased, redis.DecidedBy.LEASE)):
        while limiter.try_acquire("user-42").decided_by is not wanted:
            pass
    measure.operation(PEER, "python.redis", "exact, try_acquire, granted", lambda: exact.try_acquire("user-42"))
    measure.operation(PEER, "python.redis", "leased, try_acquire, granted", lambda: leased.try_acquire("user-42"))


def yardsticks() -> None:
    measure.operation("yardstick", "python.call", "a Python function that does nothing", nothing)
    measure.operation("yardstick", "python.call", "a ctypes call that does nothing", lib.seawall_abi_version)


PARTS = (breakers, limiters, pipelines, metrics, traces, shared, yardsticks)

if __name__ == "__main__":
    for part in PARTS:
        if len(sys.argv) == 1 or part.__name__ in sys.argv[1:]:
            part()
