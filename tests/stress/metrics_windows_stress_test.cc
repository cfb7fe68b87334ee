// SPDX-License-Identifier: MIT
//
// Threads record, make and remove series while one ticks and others ask. Invariants: no increase is negative or above
// what was recorded; when all are done, the window has every recording since the first tick.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"
#include "support/catch.h"

using seawall::Window;

TEST_CASE("windows are exact in the end and sane all the time, whatever runs beside the ticks") {
  constexpr int kThreads = 3;
  constexpr int kRounds = 3'000;
  seawall::MetricsRegistry r;
  const auto counter = r.counter("a_total", "A.").value().get();
  const auto histogram = r.histogram("h", "H.").value().get();
  const auto coming = r.counter("b_total", "B.", {"x"}).value();
  seawall::MetricsWindows windows(r);
  std::atomic<std::int64_t> second{1'000};
  std::atomic<int> wrong{0};
  std::atomic<bool> done{false};
  windows.tick_at(seawall::time_from_ns(second.load() * 1'000'000'000));
  std::vector<std::thread> recorders;
  for (int t = 0; t < kThreads; ++t) {
    recorders.emplace_back([&, t] {
      const std::string mine = std::to_string(t);
      for (int i = 0; i < kRounds; ++i) {
        counter.add();
        histogram.observe(0.01);
        coming.with({mine}).add();
        if (i % 50 == 49) coming.remove({mine});
      }
    });
  }
  std::vector<std::thread> others;
  others.emplace_back([&] {
    for (int i = 0; i < 50 && !done.load(); ++i) {
      windows.tick_at(seawall::time_from_ns((second.load() + 1) * 1'000'000'000));
      second.fetch_add(1);
    }
  });
  others.emplace_back([&] {
    constexpr double kMost = kThreads * kRounds;
    while (!done.load()) {
      const auto now = seawall::time_from_ns(second.load() * 1'000'000'000);
      const double a = windows.counter_at(now, Window::kMinute, "a_total").increase;
      const double b = windows.counter_at(now, Window::kHour, "b_total").increase;
      const auto h = windows.histogram_at(now, Window::kMinute, "h").increase;
      if (a < 0 || a > kMost || b < 0 || b > kMost || static_cast<double>(h.count) > kMost) wrong.fetch_add(1);
      if (windows.to_json_at(now).empty() || windows.stats().series == 0) wrong.fetch_add(1);
    }
  });
  for (std::thread& thread : recorders) thread.join();
  done.store(true);
  for (std::thread& thread : others) thread.join();
  const auto end = seawall::time_from_ns((second.load() + 2) * 1'000'000'000);
  REQUIRE(windows.tick_at(end));
  CHECK(wrong.load() == 0);
  CHECK(windows.counter_at(end, Window::kMinute, "a_total").increase == kThreads * kRounds);
  CHECK(windows.histogram_at(end, Window::kHour, "h").increase.count == kThreads * kRounds);
}
