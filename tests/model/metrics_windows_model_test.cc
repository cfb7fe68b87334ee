// SPDX-License-Identifier: MIT
//
// Random ticks (early, late, backward, after pauses), recordings, removals and re-creations against an oracle that
// remembers every tick that ever counted.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Duration;
using seawall::TimePoint;
using seawall::Window;

namespace {

constexpr std::array<std::string_view, 4> kNames = {"a", "b", "c", "d"};

struct Life {
  int number = 0;  // which series of this name it is
  std::uint64_t total = 0;
  std::vector<double> observed;
};
using World = std::map<std::string_view, Life>;

struct Tick {
  TimePoint at;
  bool first_of_minute = false;
  World world;
};

class Oracle {
 public:
  bool tick(TimePoint now, const World& world) {
    const auto floor = [](TimePoint t, Duration step) { return seawall::to_ns(t) / step.count(); };
    if (!ticks_.empty() && floor(now, 1s) <= floor(ticks_.back().at, 1s)) return false;
    const bool first = ticks_.empty() || floor(now, 1min) > floor(minute_, 1min);
    if (first) minute_ = now;
    ticks_.push_back({now, first, world});
    return true;
  }

  // The oldest tick in the window that is remembered: by the second for 61 of them, by the minute for the hour.
  const Tick* from(TimePoint now, Window window) const {
    const Duration length = window == Window::kMinute ? Duration(1min) : Duration(1h);
    for (std::size_t i = 0; i < ticks_.size(); ++i) {
      if (std::max(now, ticks_.back().at) - ticks_[i].at > length) continue;
      if (i + 61 >= ticks_.size() || (window == Window::kHour && ticks_[i].first_of_minute)) return &ticks_[i];
    }
    return nullptr;
  }
  const Tick& latest() const { return ticks_.back(); }

  // How much a name's series grew; one that was not there yet was 0.
  template <class Read>
  std::size_t grown(const Tick* from, std::string_view name, Read read) const {
    const auto now = latest().world.find(name);
    if (from == nullptr || now == latest().world.end()) return 0;
    const auto then = from->world.find(name);
    const bool same = then != from->world.end() && then->second.number == now->second.number;
    return read(now->second) - (same ? read(then->second) : 0);
  }

 private:
  std::vector<Tick> ticks_;
  TimePoint minute_;
};

Duration random_step(std::mt19937_64& random) {
  switch (random() % 40) {
    case 0:
      return Duration(std::chrono::seconds(61 + random() % 7200));
    case 1:
      return Duration(std::chrono::seconds(5 + random() % 50));
    case 2:
      return -Duration(std::chrono::milliseconds(random() % 5000));
    default:
      return Duration(std::chrono::milliseconds(random() % 2000));
  }
}

}  // namespace

TEST_CASE("windows agree with an oracle that keeps every tick, whatever the ticks and the series do") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 2026u}) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    seawall::MetricsRegistry r;
    auto counters = r.counter("c_total", "C.", {"x"}).value();
    auto histograms =
        r.histogram("h", "H.", {"x"}, {.bounds = seawall::Bounds::make(std::array{1.0, 2.0, 3.0}).value()}).value();
    seawall::MetricsWindows windows(r);
    Oracle oracle;
    World world;
    int lives = 0;
    TimePoint now = seawall::time_from_ns(86'400'000'000'000);
    std::size_t compared = 0;
    for (int step = 0; step < 6'000; ++step) {
      const std::string_view name = kNames[random() % kNames.size()];
      const auto known = world.find(name);
      if (known != world.end() && random() % 30 == 0) {
        REQUIRE(counters.remove({name}));
        REQUIRE(histograms.remove({name}));
        world.erase(known);
      } else {
        Life& life = world[name];
        if (life.number == 0) life.number = ++lives;
        const std::uint64_t n = random() % 100;
        counters.with({name}).add(static_cast<std::int64_t>(n));
        life.total += n;
        const double value = static_cast<double>(random() % 40) / 10;
        histograms.with({name}).observe(value);
        life.observed.push_back(value);
      }
      now += random_step(random);
      REQUIRE(windows.tick_at(now) == oracle.tick(now, world));
      now = std::max(now, oracle.latest().at);
      const TimePoint asked = now + std::chrono::milliseconds(random() % 3 == 0 ? random() % 90'000 : 0);
      for (const Window window : {Window::kMinute, Window::kHour}) {
        const Tick* const from = oracle.from(asked, window);
        const Duration covered = from == nullptr ? Duration(0) : oracle.latest().at - from->at;
        std::size_t all = 0;
        for (const std::string_view x : kNames) {
          const auto total = oracle.grown(from, x, [](const Life& life) { return life.total; });
          all += total;
          const auto counted = windows.counter_at(asked, window, {"c_total", {{"x", x}}});
          REQUIRE(counted.covered == covered);
          REQUIRE(counted.increase == static_cast<double>(total));
          const auto measured = windows.histogram_at(asked, window, {"h", {{"x", x}}});
          REQUIRE(measured.covered == covered);
          REQUIRE(measured.increase.count ==
                  oracle.grown(from, x, [](const Life& life) { return life.observed.size(); }));
          const auto in_second = [](const Life& life) {
            return static_cast<std::size_t>(
                std::count_if(life.observed.begin(), life.observed.end(), [](double v) { return v > 1 && v <= 2; }));
          };
          REQUIRE(measured.increase.buckets[1] == oracle.grown(from, x, in_second));
          ++compared;
        }
        const auto share = windows.share_at(asked, window, {"c_total", {{"x", "a"}}}, "c_total");
        REQUIRE(share.whole == static_cast<double>(all));
        REQUIRE(share.covered == covered);
      }
    }
    CHECK(compared == 48'000);
    CHECK(windows.stats().backward_ticks > 0);
  }
}
