// SPDX-License-Identifier: MIT
//
// Recording through a handle, looking a label set up, and rendering 10,000 series.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <array>
#include <string>

#include "seawall/runtime/metrics_registry.h"

namespace {

using seawall::MetricsRegistry;

// Kept until the program ends: other threads' iterations may still run when one thread's are over.
MetricsRegistry& registry() {
  static MetricsRegistry made;
  return made;
}

void counter_add(benchmark::State& state) {
  static const seawall::Counter counter = registry().counter("requests_total", "Requests.").value().get();
  for (auto _ : state) {
    counter.add();
    benchmark::ClobberMemory();
  }
}

void counter_read(benchmark::State& state) {
  static const seawall::Counter counter = registry().counter("requests_total", "Requests.").value().get();
  for (auto _ : state) benchmark::DoNotOptimize(counter.value());
}

void gauge_set(benchmark::State& state) {
  static const seawall::Gauge gauge = registry().gauge("depth", "Depth.").value().get();
  double value = 0;
  for (auto _ : state) gauge.set(value += 1);
}

void gauge_add(benchmark::State& state) {
  static const seawall::Gauge gauge = registry().gauge("depth", "Depth.").value().get();
  for (auto _ : state) gauge.add(1);
}

// Ten bounds; values all over them, so that no branch is always the same.
constexpr std::array<double, 8> kValues = {0.004, 0.2, 0.03, 1.5, 0.07, 0.3, 0.011, 7};

void observe(benchmark::State& state, const seawall::Histogram& histogram) {
  std::size_t i = 0;
  for (auto _ : state) histogram.observe(kValues[i++ % kValues.size()]);
}

void histogram_fixed(benchmark::State& state) {
  static const seawall::Histogram histogram =
      registry()
          .histogram("fixed_seconds", "Time.", {}, {.bounds = seawall::Bounds::exponential(0.005, 2, 10).value()})
          .value()
          .get();
  observe(state, histogram);
}

void histogram_exponential(benchmark::State& state) {
  static const seawall::Histogram histogram =
      registry()
          .histogram("exponential_seconds", "Time.", {}, {.exponential = seawall::ExponentialOptions{}})
          .value()
          .get();
  observe(state, histogram);
}

// What a request pays that does not keep its handle: three labels, a family with 1000 series.
void by_labels(benchmark::State& state) {
  static const auto family = registry().counter("labelled_total", "Requests.", {"method", "route", "code"}).value();
  static const bool filled = [] {
    for (int i = 0; i < 1000; ++i) family.with({"GET", "/route/" + std::to_string(i), "200"});
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  for (auto _ : state) family.with({"GET", "/route/500", "200"}).add();
}

std::size_t in_use() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

// Memory of 10,000 counter series, cells for each CPU included, beside the label text: the field `bytes`.
void series_bytes(benchmark::State& state) {
  constexpr int kSeries = 10'000;
  double bytes = 0;
  for (auto _ : state) {
    MetricsRegistry made(seawall::MetricsConfig::make({.max_series_per_family = kSeries}).value());
    const std::size_t before = in_use();
    const auto family = made.counter("requests_total", "Requests.", {"route", "code"}).value();
    std::size_t text = 0;
    for (int i = 0; i < kSeries; ++i) {
      const std::string route = "/route/" + std::to_string(i);
      family.with({route, "200"}).add();
      text += sizeof("route=\"\",code=\"200\"") - 1 + route.size();
    }
    bytes = static_cast<double>(in_use() - before + made.cell_bytes() - text) / kSeries;
  }
  state.counters["bytes"] = bytes;
}

// Into a buffer of the caller's, as a server sends a page: allocates nothing.
void scrape_10k(benchmark::State& state) {
  seawall::MetricsRegistry made;
  for (int f = 0; f < 10; ++f) {
    const auto family = made.counter("requests_" + std::to_string(f) + "_total", "Requests.", {"route", "code"});
    for (int i = 0; i < 1000; ++i) family.value().with({"/route/" + std::to_string(i), "200"}).add(i * 1000);
  }
  std::array<char, 65'536> buffer;
  std::size_t written = 0;
  for (auto _ : state) {
    for (seawall::ExpositionCursor page; !page.done();) written += made.render_part(page, buffer).written;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(written));
}

// The same for a hundred thousand; the field `bytes` is the memory of one series, cells and label text included.
void scrape_100k(benchmark::State& state) {
  constexpr int kSeries = 100'000;
  const std::size_t before = in_use();
  MetricsRegistry made(seawall::MetricsConfig::make({.max_series = kSeries, .max_series_per_family = kSeries}).value());
  const auto family = made.counter("requests_total", "Requests.", {"route", "code"}).value();
  for (int i = 0; i < kSeries; ++i) family.with({"/route/" + std::to_string(i), "200"}).add(i);
  state.counters["bytes"] = static_cast<double>(in_use() - before + made.cell_bytes()) / kSeries;
  std::array<char, 65'536> buffer;
  std::size_t written = 0;
  for (auto _ : state) {
    for (seawall::ExpositionCursor page; !page.done();) written += made.render_part(page, buffer).written;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(written));
}

BENCHMARK(counter_add)->Name("counter.add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(counter_read)->Name("counter.value")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(gauge_set)->Name("gauge.set")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(gauge_add)->Name("gauge.add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(histogram_fixed)->Name("histogram.fixed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(histogram_exponential)->Name("histogram.exponential")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(by_labels)->Name("counter.by_labels")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(series_bytes)->Name("series.bytes")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(scrape_10k)->Name("scrape.10k_counters")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(scrape_100k)->Name("metrics.scrape_100k")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
