# SPDX-License-Identifier: MIT
import measure
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
