# SPDX-License-Identifier: MIT
import measure
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PEER = "OpenTelemetry Python 1.45.2"
HEADERS = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

propagator = TraceContextTextMapPropagator()
measure.operation(PEER, "python.trace_parse", "extract from a dict", lambda: propagator.extract(HEADERS))

received = propagator.extract(HEADERS)
sent: dict[str, str] = {}
measure.operation(PEER, "python.trace_format", "inject into a dict", lambda: propagator.inject(sent, received))

tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("peers")
measure.operation(PEER, "python.trace_root", "start and end a root span, not sampled", lambda: tracer.start_span("root").end())

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
reader = InMemoryMetricReader()
meter = MeterProvider([reader]).get_meter("peers")

calls = meter.create_counter("calls")
measure.operation(PEER, "python.counter", "Counter.add without attributes", lambda: calls.add(1))

requests = meter.create_counter("requests")
pair = {"service": "trading", "code": "200"}
measure.operation(PEER, "python.counter_by_labels", "Counter.add with 2 attributes", lambda: requests.add(1, pair))

seconds = meter.create_histogram("seconds", explicit_bucket_boundaries_advisory=BOUNDS)
measure.operation(PEER, "python.histogram", "Histogram.record, 10 bounds", lambda: seconds.record(0.042))

many_reader = InMemoryMetricReader()
unbounded = View(instrument_name="users", aggregation_cardinality_limit=20_000)  # else 2,000 series
users = MeterProvider([many_reader], views=[unbounded]).get_meter("peers").create_counter("users")
for user in range(10_000):
    users.add(1, {"user": f"user-{user:06}"})
measure.operation(PEER, "python.scrape_10k", "InMemoryMetricReader, no text", many_reader.get_metrics_data)
