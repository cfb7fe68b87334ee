// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"seawall.example/peers/measure"
)

const peer = "OpenTelemetry Go 1.47.0"

func main() {
	ctx := context.Background()
	measureMetrics(ctx)
	header := propagation.MapCarrier{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	propagator := propagation.TraceContext{}
	measure.Operation(peer, "trace.parse", "TraceContext.Extract from a map", 0, func(_, calls int) {
		for range calls {
			propagator.Extract(ctx, header)
		}
	})
	received := propagator.Extract(ctx, header)
	measure.Operation(peer, "trace.format", "TraceContext.Inject into a map", 0, func(_, calls int) {
		out := propagation.MapCarrier{}
		for range calls {
			propagator.Inject(received, out)
		}
	})
	members := make([]string, 32)
	for i := range members {
		members[i] = fmt.Sprintf("vendor%02d=value%02d", i, i)
	}
	state := strings.Join(members, ",")
	measure.Operation(peer, "tracestate.parse32", "ParseTraceState, 32 members", 0, func(_, calls int) {
		for range calls {
			if _, err := trace.ParseTraceState(state); err != nil {
				panic(err)
			}
		}
	})
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("peers")
	measure.Operation(peer, "trace.root_ids", "Start and End of a root span that is not sampled", 0, func(_, calls int) {
		for range calls {
			_, span := tracer.Start(ctx, "root")
			span.End()
		}
	})
}
