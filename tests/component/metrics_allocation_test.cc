// SPDX-License-Identifier: MIT
//
// Recording allocates nothing, and running out of memory while a label set is looked up fails no request. Not under the
// sanitizers, which keep their own operator new.
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"
#include "support/catch.h"

TEST_CASE("recording, reading and looking up allocate nothing") {
  seawall::MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x", "y"}).value();
  auto counter = family.with({"1", "2"});
  auto gauge = r.gauge("g", "G.").value().get();
  auto histogram = r.histogram("h", "H.", {}, {}, true).value().get();
  auto states = r.state_set("s", "S.", {"a", "b"}).value().get();
  auto stale = family.with({"3", "4"});
  family.remove({"3", "4"});
  const std::size_t before = allocation::made;
  counter.add(3);
  family.with({"1", "2"}).add();
  gauge.set(1);
  gauge.add(2);
  gauge.max(1);
  states.set(1);
  stale.add();
  histogram.observe(0.2, seawall::Exemplar{.trace_id_low = 1, .unix_ms = 1});
  histogram.observe(std::chrono::milliseconds(3));
  const double p50 = histogram.snapshot().quantile(0.5);
  const std::uint64_t total = counter.value();
  const std::size_t after = allocation::made;
  CHECK(after == before);
  CHECK((total == 4 && p50 > 0 && gauge.value() == 3));
  const std::string text = r.to_prometheus();
  CHECK(allocation::made > after);  // the hook does count
}

TEST_CASE("every way to record, to ask and to negotiate allocates nothing") {
  seawall::MetricsRegistry r;
  const seawall::Exemplar exemplar{.trace_id_low = 1, .unix_ms = 1};
  const auto counter = r.counter("a_total", "A.", {}, {.exemplars = true}).value().get();
  const auto fine = r.histogram("h", "H.", {}, {.exponential = seawall::ExponentialOptions{}}, true).value().get();
  const auto depth = r.gauge("depth", "D.", {"queue"}).value();
  REQUIRE(depth.set_callback({"in"}, [] { return 3.0; }));
  const auto labelled = r.counter("b_total", "B.", {"x"}).value();
  const auto info = r.info("build_info", "B.", {"version"}).value().with({"1"});
  labelled.with({"known"}).add();
  labelled.overflow().add();
  seawall::MetricsWindows windows(r);
  const auto at = [](int s) { return seawall::time_from_ns(s * 1'000'000'000LL); };
  windows.tick_at(at(1));
  std::array<char, 4096> buffer;
  const std::size_t before = allocation::made;
  counter.add(1, exemplar);
  fine.observe(0.3);
  fine.observe(1e9, exemplar);
  fine.observe(std::numeric_limits<double>::quiet_NaN());
  labelled.with({"known"}).add();
  labelled.with({"not utf-8 \xFF"}).add();
  CHECK(info.is_alive());
  CHECK(r.counter_of(r.id(counter)).value() == 1);
  CHECK(windows.tick_at(at(2)));
  CHECK(windows.counter_at(at(2), seawall::Window::kMinute, "a_total").increase == 1);
  CHECK(windows.share_at(at(2), seawall::Window::kMinute, "a_total", "b_total").whole > 0);
  CHECK(windows.histogram_at(at(2), seawall::Window::kHour, {"h", {{"x", ""}}}).increase.count == 3);
  CHECK(seawall::negotiate("application/openmetrics-text;version=1.0.0,*/*;q=0.1") ==
        seawall::Exposition::kOpenMetrics);
  for (seawall::ExpositionCursor page; !page.done();) CHECK(r.render_part(page, buffer).written != 0);
  const std::size_t after = allocation::made;
  CHECK(after == before);
}

TEST_CASE("100,000 series are rendered into the caller's buffer without an allocation, in every format") {
  constexpr int kSeries = 100'000;
  constexpr int kPart = 1'000;
  seawall::MetricsRegistry r(
      seawall::MetricsConfig::make({.max_series = kSeries, .max_series_per_family = kSeries}).value());
  const auto counters = r.counter("requests_total", "Requests.", {"route", "code"}).value();
  const auto gauges = r.gauge("depth", "Depth.", {"queue"}).value();
  const auto times = r.histogram("time_seconds", "Time.", {"route"}).value();
  for (int i = 0; i < kSeries - 2 * kPart; ++i) counters.with({"/route/" + std::to_string(i), "200"}).add(i);
  for (int i = 0; i < kPart; ++i) gauges.with({"queue " + std::to_string(i)}).set(i + 0.5);
  for (int i = 0; i < kPart; ++i) times.with({"/route/" + std::to_string(i)}).observe(i * 0.001);
  REQUIRE(r.series_count() == kSeries);
  std::array<char, 16'384> buffer;
  for (const auto format : {seawall::Exposition::kPrometheus, seawall::Exposition::kOpenMetrics,
                            seawall::Exposition::kJson, seawall::Exposition::kOtlpJson}) {
    const std::size_t before = allocation::made;
    std::size_t written = 0, lines = 0;
    for (seawall::ExpositionCursor page({.format = format}); !page.done();) {
      const std::size_t part = r.render_part(page, buffer).written;
      lines += static_cast<std::size_t>(
          std::count(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(part), '\n'));
      written += part;
    }
    const std::size_t after = allocation::made;
    CHECK(after == before);
    CHECK(written > kSeries * std::size_t{20});
    if (format == seawall::Exposition::kPrometheus) CHECK(lines > kSeries + 13 * kPart);
  }
}

TEST_CASE("without memory new label sets overflow, nothing is lost, and with memory all is well again") {
  seawall::MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  std::uint64_t overflowed = 0;
  // The more allocations succeed before one fails, the further making a series gets.
  for (int i = 0; i < 1500; ++i) {
    const std::string value = "a value too long for the small string buffer " + std::to_string(i);
    const std::int64_t before = r.series_count();
    allocation::allowed = static_cast<std::size_t>(i % 5);
    const auto series = family.with({value});
    allocation::allowed = allocation::kAll;
    const bool refused = family.is_overflow(series);
    CHECK(r.series_count() == before + (refused ? 0 : 1));
    series.add();
    overflowed += refused ? 1 : 0;
  }
  CHECK(overflowed > 0);
  CHECK(overflowed < 1500);
  CHECK(family.overflow().value() == overflowed);
  const auto after = family.with({"after"});
  after.add();
  CHECK((after.value() == 1 && !family.is_overflow(after)));
  CHECK(r.series_count() + static_cast<std::int64_t>(overflowed) == 1501);
}

#endif
