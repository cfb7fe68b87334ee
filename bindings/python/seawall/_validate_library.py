# SPDX-License-Identifier: MIT
"""The validator's checks of libseawall itself: the ideas that it checks of a gateway, and the bounds that are stated."""

import statistics
import threading
import time
from typing import Callable, List

from . import _ffi, trace
from ._library import lib, version
from ._validate_check import CONCURRENT_SECONDS, DETECTION_SECONDS, SERVICES, expect
from .circuit_breaker import CircuitBreaker, CircuitOpenError, Outcome, State
from .metrics import Format, MetricsRegistry
from .keyed_rate_limiter import KeyedRateLimiter
from .rate_limiter import SlidingWindow, TokenBucket
from .registry import Health, ServiceRegistry

SECOND = 1_000_000_000
LOOKUP_SECONDS = 0.005
LOOKUPS = 2000


def loads() -> str:
    expect(version() == _ffi.SEAWALL_VERSION, f"version {version()}, the package was made for {_ffi.SEAWALL_VERSION}")
    first, second = lib.seawall_now_ns(), lib.seawall_now_ns()
    expect(0 <= second - first < SECOND, "the library's clock does not tell the time")
    return f"version {version()}, {len(_ffi.FUNCTIONS)} functions"


def four_services(now: int) -> ServiceRegistry:
    registry = ServiceRegistry(now_ns=now)
    registry.configure(panic_threshold=0)  # with one instance each, a sick one would be better than none
    for port, name in enumerate(SERVICES, 8001):
        registry.register(name, f"{name}-1", "127.0.0.1", port, now_ns=now)
    return registry


def health() -> str:
    registry = four_services(0)
    trading = registry.service("trading")
    expect(trading.pick(now_ns=0), "a healthy instance is not picked")
    registry.set_health("trading-1", Health.FAILING, now_ns=1)
    expect(trading.pick(now_ns=1) is None, "an instance that fails its probe is picked")
    registry.set_health("trading-1", Health.PASSING, now_ns=2)
    expect(trading.pick(now_ns=2), "an instance that passes again is not picked")
    ended = sum(registry.tick(now_ns=at * SECOND) for at in range(1, 8))  # and nobody sends a heartbeat
    expect(ended == len(SERVICES), f"{ended} of {len(SERVICES)} leases without heartbeats ended in 7 s")
    expect(trading.pick(now_ns=7 * SECOND) is None, "an instance is picked though its lease ended")
    return f"probe and lease heeded, {ended} leases ended"


def service_discovery() -> str:
    registry = four_services(0)
    listed = registry.services(now_ns=0)
    expect(set(SERVICES) <= set(listed), f"listed are {', '.join(listed)}")
    for port, name in enumerate(SERVICES, 8001):
        pick = registry.service(name).pick(now_ns=0)
        expect(pick and (pick.host, pick.port) == ("127.0.0.1", port), f"{name} resolves to {pick}")
    return f"{len(listed)} services listed and resolved"


def business_metrics() -> str:
    metrics = MetricsRegistry()
    trades = metrics.counter("trades_executed_total", "Trades.", ["asset"]).labels("BTC")
    users = metrics.gauge("users_active", "Users.").labels()
    seconds = metrics.histogram("trade_duration_seconds", "Time.").labels()
    for _ in range(3):
        trades.add()
        seconds.observe(0.004)
    users.set(2)
    expect(trades.value == 3, f"a counter shows {trades.value} after three additions")
    expect(users.value == 2, f"a gauge set to 2 shows {users.value}")
    text = metrics.render(Format.PROMETHEUS)
    for sample in ('trades_executed_total{asset="BTC"} 3', "users_active 2", "trade_duration_seconds_count 3"):
        expect(sample in text.splitlines(), f"the exposition lacks {sample}")
    return f"{metrics.series_count} series, {len(text)} bytes of Prometheus text"


def correlation() -> str:
    expect(trace.correlation_id("order-17.a_B") == "order-17.a_B", "a valid correlation ID was changed")
    fresh = {trace.correlation_id(bad) for bad in (None, "two words", "x" * 129)}
    expect(len(fresh) == 3 and "two words" not in fresh, "an invalid correlation ID was not replaced by a fresh one")
    parent = trace.TraceContext.parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    child = parent.child()
    expect(child.trace_id == parent.trace_id, "a child is of another trace")
    expect(child.span_id != parent.span_id, "a child has its parent's span id")
    return "kept, replaced; trace continued"


def ten_concurrent_requests() -> str:
    limiter, counter = SlidingWindow(100, 60.0), MetricsRegistry().counter("requests_total", "Requests.").labels()
    start, slowest, allowed = threading.Barrier(10), [0.0] * 10, [0] * 10

    def ask(index: int) -> None:
        start.wait()
        for _ in range(20):
            begin = time.perf_counter()
            allowed[index] += bool(limiter.try_acquire())
            counter.add()
            slowest[index] = max(slowest[index], time.perf_counter() - begin)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(sum(allowed) == 100, f"a limit of 100 let {sum(allowed)} of 200 through")
    expect(counter.value == 200, f"a counter shows {counter.value} after 200 additions")
    expect(max(slowest) < CONCURRENT_SECONDS, f"a decision took {max(slowest) * 1000:.1f} ms")
    return f"100 of 200 allowed, slowest {max(slowest) * 1e6:.0f} us"


def rate_limiting() -> str:
    users = KeyedRateLimiter(SlidingWindow, 10, 60.0, now_ns=0)
    answers = [bool(users.try_acquire("alice", now_ns=at)) for at in range(11)]
    expect(answers == [True] * 10 + [False], f"10 in 60 s let {sum(answers)} of a user through")
    expect(users.try_acquire("bob", now_ns=11), "one user's limit refused another user")
    wait = users.peek("alice", now_ns=20).retry_after_ns or 0
    expect(wait and not users.peek("alice", now_ns=20 + wait - 1), "allowed before the time of retry")
    expect(users.try_acquire("alice", now_ns=20 + wait), "refused at the time of retry")
    bucket = TokenBucket(10, 1.0, burst=2, now_ns=0)
    burst = [bool(bucket.try_acquire(now_ns=0)) for _ in range(3)]
    expect(burst == [True, True, False], f"a burst of 2 let {sum(burst)} through")
    expect(bucket.try_acquire(now_ns=SECOND // 10), "a bucket of 10 a second gives none after 100 ms")
    return "10 allowed, the 11th refused until it may come again"


def opened(now: int) -> CircuitBreaker:
    """A breaker of three failures, 30 s, that has seen them."""
    breaker = CircuitBreaker(failure_threshold=3, open_duration=30.0, now_ns=now)
    for _ in range(3):
        breaker.try_acquire(now_ns=now).report(Outcome.FAILURE, now_ns=now)
    return breaker


def breaker_opens() -> str:
    breaker = CircuitBreaker(now_ns=0)
    for failures in (1, 2):
        breaker.try_acquire(now_ns=0).report(Outcome.FAILURE, now_ns=0)
        seen = breaker.snapshot(now_ns=0)
        expect(seen.state == State.CLOSED, f"{failures} failures opened it")
    breaker.try_acquire(now_ns=0).report(Outcome.FAILURE, now_ns=0)
    seen = breaker.snapshot(now_ns=0)
    expect(seen.state == State.OPEN, f"after three failures it is {seen.state}")
    expect(seen.failure_count == 3, f"open it shows {seen.failure_count} failures, not the three that tripped it")
    return "open after exactly 3 failures"


def breaker_protects() -> str:
    breaker = opened(0)
    ticket = breaker.try_acquire(now_ns=SECOND)
    expect(not ticket, "an open breaker let a call through")
    expect(abs(ticket.retry_after - 29.0) < 0.01, f"1 s after opening for 30 s it says retry after {ticket.retry_after} s")
    half = 31 * SECOND
    probe = breaker.try_acquire(now_ns=half)
    expect(probe, "no probe after the time open")
    expect(not breaker.try_acquire(now_ns=half), "a second probe beside the first")
    probe.report(Outcome.SUCCESS, now_ns=half)
    state = breaker.snapshot(now_ns=half).state
    expect(state == State.CLOSED, f"after a probe that succeeded it is {state}")
    return "refused for 30 s, one probe closed it"


def trade_execution() -> str:
    """One request through all five parts, in the gateway's order."""
    registry, metrics, now = four_services(0), MetricsRegistry(), SECOND
    users, breaker = KeyedRateLimiter(SlidingWindow, 200, 60.0, now_ns=0), CircuitBreaker(now_ns=0)
    executed = metrics.counter("trades_executed_total", "Trades.").labels()
    trading = registry.service("trading")
    begin = time.perf_counter()
    context = trace.extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}).context.child()
    expect(users.try_acquire("alice", now_ns=now), "the limiter refused the first trade")
    ticket = breaker.try_acquire(now_ns=now)
    expect(ticket, "a healthy breaker refused the trade")
    pick = trading.pick(now_ns=now)
    if pick is None or pick.port != 8001:
        raise AssertionError("no instance for the trade")
    headers: dict[str, str] = trace.inject(context, {})
    expect("0af7651916cd43dd8448eb211c80319c" in headers["traceparent"], "the trace does not go to the upstream")
    trading.done(pick, now_ns=now)
    ticket.report(Outcome.SUCCESS, now_ns=now)
    executed.add()
    spent = time.perf_counter() - begin
    expect(executed.value == 1, "the trade was not counted")
    expect(breaker.snapshot(now_ns=now).state == State.CLOSED, "a trade that succeeded opened the breaker")
    return f"admitted, sent, reported and counted in {spent * 1e6:.0f} us"


def registry_lookup() -> str:
    """By name, among 1,000 instances of 50 services; the worst 1 % is left to the machine's other work."""
    registry = ServiceRegistry()
    for number in range(1000):
        registry.register(f"service-{number % 50}", f"instance-{number}", "127.0.0.1", 1024 + number)
    seconds = []
    for number in range(LOOKUPS):
        begin = time.perf_counter()
        pick = registry.service(f"service-{number % 50}").pick()
        seconds.append(time.perf_counter() - begin)
        expect(pick, f"service-{number % 50} has 20 instances and none was picked")
    late = statistics.quantiles(seconds, n=100)[98]
    expect(late < LOOKUP_SECONDS, f"99 % took up to {late * 1000:.2f} ms, not under {LOOKUP_SECONDS * 1000:g} ms")
    return f"99 % under {late * 1e6:.0f} us, median {statistics.median(seconds) * 1e6:.0f} us"


def failure_detection() -> str:
    """From the first failed call to the first that is refused, on the real clock."""
    breaker, begin, calls = CircuitBreaker(), time.perf_counter(), 0
    while time.perf_counter() - begin < DETECTION_SECONDS:
        try:
            with breaker:
                calls += 1
                raise ConnectionError
        except ConnectionError:
            continue
        except CircuitOpenError:
            break
    seconds = time.perf_counter() - begin
    expect(seconds < DETECTION_SECONDS, f"calls still went out after {calls} failures and {seconds:.1f} s")
    expect(calls == 3, f"{calls} calls went out before one was refused, not 3")
    return f"{seconds * 1e6:.0f} us, 3 calls"


CHECKS: List["tuple[str, Callable[[], str]]"] = [
    ("library loads", loads),
    ("health", health),
    ("service discovery", service_discovery),
    ("business metrics", business_metrics),
    ("correlation", correlation),
    ("ten concurrent requests", ten_concurrent_requests),
    ("rate limiting", rate_limiting),
    ("breaker opens", breaker_opens),
    ("breaker protects", breaker_protects),
    ("trade execution", trade_execution),
    ("registry lookup < 5 ms", registry_lookup),
    ("failure detection < 1 s", failure_detection),
]
