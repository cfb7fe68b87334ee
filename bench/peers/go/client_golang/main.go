// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"seawall.example/peers/measure"
)

const peer = "client_golang 1.25.0"

func main() {
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "calls_total", Help: "Calls."})
	measure.Operation(peer, "counter.add", "Counter.Inc", 0, func(_, calls int) {
		for range calls {
			counter.Inc()
		}
	})
	bounds := []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
	fixed := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seconds", Help: "Time.", Buckets: bounds})
	measure.Operation(peer, "histogram.fixed", "Histogram.Observe, 10 bounds", 0, func(_, calls int) {
		for range calls {
			fixed.Observe(0.042)
		}
	})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "native_seconds", Help: "Time.", NativeHistogramBucketFactor: 1.1})
	measure.Operation(peer, "histogram.exponential", "Histogram.Observe, native, factor 1.1", 0, func(_, calls int) {
		for range calls {
			native.Observe(0.042)
		}
	})
	family := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"service", "code"})
	measure.Operation(peer, "counter.by_labels", "WithLabelValues of 2, Inc", 0, func(_, calls int) {
		for range calls {
			family.WithLabelValues("trading", "200").Inc()
		}
	})

	registry := prometheus.NewRegistry()
	many := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "users_total", Help: "Users."}, []string{"user"})
	registry.MustRegister(many)
	bytes := measure.BytesEach(10_000, func() {
		for user := range 10_000 {
			many.WithLabelValues(fmt.Sprintf("user-%06d", user)).Inc()
		}
	})
	measure.Operation(peer, "scrape.10k_counters", "Gather and expfmt text; bytes a series", bytes, func(_, calls int) {
		for range calls {
			families, err := registry.Gather()
			if err != nil {
				panic(err)
			}
			for _, one := range families {
				if _, err := expfmt.MetricFamilyToText(io.Discard, one); err != nil {
					panic(err)
				}
			}
		}
	})
}
