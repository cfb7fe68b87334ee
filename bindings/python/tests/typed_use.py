# SPDX-License-Identifier: MIT
"""What users write, as mypy --strict sees it: each variable says the type that it must have. Never run."""

import asyncio
from typing import Optional

import seawall
from seawall import redis, trace
from seawall.circuit_breaker import Outcome, ReportResult, Snapshot, State
from seawall.metrics import Counter
from seawall.service import Pick, Service


def breakers() -> float:
    breaker = seawall.CircuitBreaker(failure_threshold=3, failures=(OSError, ValueError))
    ticket = breaker.try_acquire()
    if not ticket:
        return ticket.retry_after
    reported: ReportResult = ticket.report(Outcome.SUCCESS)
    snapshot: Snapshot = breaker.snapshot()
    state: State = snapshot.state
    length: int = breaker.call(len, "x")
    print(reported, state, length)
    return snapshot.retry_after


def limiters() -> float:
    bucket = seawall.TokenBucket(10, 1.0)
    decision: seawall.Decision = bucket.try_acquire()
    turn: seawall.Reservation = bucket.reserve(2, max_wait=1.0)
    given_back: int = bucket.cancel(turn)
    users = seawall.KeyedRateLimiter(seawall.SlidingWindow, 200, 60.0, memory_bytes=1 << 20)
    ann: seawall.Decision = users.try_acquire("ann")
    return decision.retry_after + turn.delay + given_back + ann.retry_after


async def shared_limits(store: redis.Store) -> int:
    users = redis.RateLimiter(store, "user", permits=200, period=60.0)
    ann: redis.Decision = await users.peek_async("ann")
    given_back: int = await users.refund_async("ann", ann)
    limits = redis.LimitSet(users)
    answer: redis.SetDecision = await limits.try_acquire_async("ann")
    seen: redis.SetDecision = limits.peek("ann")
    limits.refund(seen)
    await limits.refund_async(answer)
    return given_back + answer.decisions[0].remaining


def metrics() -> str:
    registry = seawall.MetricsRegistry()
    calls: Counter = registry.counter("calls_total", "Calls.", ["result"]).labels("ok")
    calls.add()
    text: str = registry.render()
    return text


def services() -> Optional[str]:
    registry = seawall.ServiceRegistry()
    prober = seawall.Prober(registry, seawall.ProberOptions(kind=seawall.prober.ProbeKind.TCP, interval=5))
    timeouts: list[float] = [probe.timeout for probe in prober.due()]
    prober.configure(seawall.ProberOptions(fall=1, timeout=timeouts[0]))
    trading: Service = registry.service("trading")
    picked: Optional[Pick] = trading.pick()
    if picked is None:
        return None
    trading.done(picked, Outcome.SUCCESS)
    return picked.host


def traces(headers: dict[str, str]) -> dict[str, str]:
    incoming: trace.Incoming = trace.extract(headers)
    outgoing: dict[str, str] = trace.inject(incoming.context.child(), {}, incoming.state)
    return outgoing


@seawall.CircuitBreaker()
async def fetch(number: int) -> str:
    async with seawall.CircuitBreaker():
        await asyncio.sleep(0)
    return str(number)


async def fetches() -> str:
    return await fetch(3)
