// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"seawall.example/peers/measure"
)

// Without its bound of 2000 series for each instrument.
func meterOf(reader sdk.Reader, views ...sdk.View) metric.Meter {
	return sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithView(views...), sdk.WithCardinalityLimit(0)).Meter("peers")
}

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

func measureMetrics(ctx context.Context) {
	exponential := sdk.NewView(sdk.Instrument{Name: "native_seconds"},
		sdk.Stream{Aggregation: sdk.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 3}})
	meter := meterOf(sdk.NewManualReader(), exponential)
	counter := must(meter.Int64Counter("calls"))
	measure.Operation(peer, "counter.add", "Int64Counter.Add without attributes", 0, func(_, calls int) {
		for range calls {
			counter.Add(ctx, 1)
		}
	})
	bounds := metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
	fixed := must(meter.Float64Histogram("seconds", bounds))
	measure.Operation(peer, "histogram.fixed", "Float64Histogram.Record, 10 bounds", 0, func(_, calls int) {
		for range calls {
			fixed.Record(ctx, 0.042)
		}
	})
	native := must(meter.Float64Histogram("native_seconds"))
	measure.Operation(peer, "histogram.exponential", "Float64Histogram.Record, exponential, scale 3", 0, func(_, calls int) {
		for range calls {
			native.Record(ctx, 0.042)
		}
	})
	requests := must(meter.Int64Counter("requests"))
	measure.Operation(peer, "counter.by_labels", "Add with 2 attributes", 0, func(_, calls int) {
		for range calls {
			requests.Add(ctx, 1, metric.WithAttributes(attribute.String("service", "trading"), attribute.String("code", "200")))
		}
	})
	// Threads take turns at a reader of their own registry: one reader serves one collection at a time.
	reader := sdk.NewManualReader()
	users := must(meterOf(reader).Int64Counter("users"))
	bytes := measure.BytesEach(10_000, func() {
		for user := range 10_000 {
			users.Add(ctx, 1, metric.WithAttributes(attribute.String("user", fmt.Sprintf("user-%06d", user))))
		}
	})
	measure.Operation(peer, "scrape.10k_counters", "ManualReader.Collect, no text; bytes a series", bytes, func(_, calls int) {
		var collected metricdata.ResourceMetrics
		for range calls {
			if err := reader.Collect(ctx, &collected); err != nil {
				panic(err)
			}
		}
	})
}
