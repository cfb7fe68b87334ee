# SPDX-License-Identifier: MIT
"""quickstart.cc in Python. It brings its own time; a server leaves `now_ns` out."""

import time

import seawall
from seawall import trace
from seawall.circuit_breaker import Outcome

MS = 1_000_000


def payment_service(headers: dict[str, str], at: int) -> bool:
    """What the real one would do: a request with these headers. It is down from 300 to 900 ms."""
    return "traceparent" in headers and (at < 300 * MS or at >= 900 * MS)


class PaymentClient:
    def __init__(self, metrics: seawall.MetricsRegistry, start: int):
        self.start = start
        self.limit = seawall.TokenBucket(10, 1.0, burst=4, now_ns=start)
        self.breaker = seawall.CircuitBreaker(failure_threshold=3, open_duration=0.5, now_ns=start)
        calls = metrics.counter("payment_calls_total", "Calls to the payment service.", ["result"])
        self.calls = {result: calls.labels(result) for result in ("ok", "failed", "limited", "refused")}

    def pay(self, request: trace.Incoming, now: int) -> str:
        result = self._pay(request, now)
        self.calls[result].add()
        return result

    def _pay(self, request: trace.Incoming, now: int) -> str:
        if not self.limit.try_acquire(now_ns=now):
            return "limited"
        ticket = self.breaker.try_acquire(now_ns=now)
        if not ticket:
            return "refused"
        headers: dict[str, str] = trace.inject(request.context.child(), {}, request.state)
        ok = payment_service(headers, now - self.start)
        ticket.report(Outcome.SUCCESS if ok else Outcome.FAILURE, now_ns=now)
        return "ok" if ok else "failed"


def main() -> None:
    start = time.monotonic_ns()
    metrics = seawall.MetricsRegistry()
    client = PaymentClient(metrics, start)
    # The caller's headers; without them, or with invalid ones, a new trace would start here.
    request = trace.extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    for at in range(0, 2000, 80):
        result = client.pay(request, start + at * MS)
        print(f"{at:5} ms  {result:8} breaker {client.breaker.snapshot(now_ns=start + at * MS).state}")
    print(metrics.render(), end="")


if __name__ == "__main__":
    main()
