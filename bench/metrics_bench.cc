// SPDX-License-Identifier: MIT
//
// Recording through a handle, looking a label set up, and rendering 10,000 series.
#include <benchmark/benchmark.h>

#include <string>

#include "seawall/runtime/metrics_registry.h"

namespace {

seawall::Counter counter;
seawall::Gauge gauge;
seawall::Histogram histogram;

void counter_add(benchmark::State& state) {
  for (auto _ : state) counter.add();
}

void counter_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(counter.value());
}

void gauge_set(benchmark::State& state) {
  for (auto _ : state) gauge.set(1);
}

void gauge_add(benchmark::State& state) {
  for (auto _ : state) gauge.add(1);
}

// The value falls into the middle bucket of the default eleven.
void histogram_observe(benchmark::State& state) {
  for (auto _ : state) histogram.observe(0.2);
}

// What a request pays that does not keep its handle: three labels, a family with 1000 series.
void lookup(benchmark::State& state) {
  static seawall::MetricsRegistry registry;
  static const auto family = registry.counter("requests_total", "Requests.", {"method", "route", "code"}).value();
  static const bool filled = [] {
    for (int i = 0; i < 1000; ++i) family.with({"GET", "/route/" + std::to_string(i), "200"});
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  for (auto _ : state) family.with({"GET", "/route/500", "200"}).add();
}

void scrape_10k(benchmark::State& state) {
  seawall::MetricsRegistry registry;
  for (int f = 0; f < 10; ++f) {
    const auto family = registry.counter("requests_" + std::to_string(f) + "_total", "Requests.", {"route", "code"});
    for (int i = 0; i < 1000; ++i) family.value().with({"/route/" + std::to_string(i), "200"}).add(i * 1000);
  }
  std::size_t bytes = 0;
  for (auto _ : state) bytes += registry.to_prometheus().size();
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

BENCHMARK(counter_add)->Name("counter.add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(counter_read)->Name("counter.value")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(gauge_set)->Name("gauge.set")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(gauge_add)->Name("gauge.add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(histogram_observe)->Name("histogram.observe")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(lookup)->Name("metrics.lookup")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(scrape_10k)->Name("metrics.scrape_10k")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
