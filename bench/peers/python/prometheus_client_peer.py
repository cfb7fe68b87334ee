# SPDX-License-Identifier: MIT
import measure
import prometheus_client

PEER = "prometheus_client 0.26.0"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

registry = prometheus_client.CollectorRegistry()
calls = prometheus_client.Counter("calls", "Calls.", registry=registry)
measure.operation(PEER, "python.counter", "Counter.inc", calls.inc)

requests = prometheus_client.Counter("requests", "Requests.", ("service", "code"), registry=registry)
measure.operation(PEER, "python.counter_by_labels", "labels of 2, inc", lambda: requests.labels("trading", "200").inc())

seconds = prometheus_client.Histogram("seconds", "Time.", buckets=BOUNDS, registry=registry)
measure.operation(PEER, "python.histogram", "Histogram.observe, 10 bounds", lambda: seconds.observe(0.042))

many = prometheus_client.CollectorRegistry()
users = prometheus_client.Counter("users", "Users.", ("user",), registry=many)
for user in range(10_000):
    users.labels(f"user-{user:06}").inc()
measure.operation(PEER, "python.scrape_10k", "generate_latest", lambda: prometheus_client.generate_latest(many))
