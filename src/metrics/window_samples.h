// SPDX-License-Identifier: MIT
//
// What MetricsWindows keeps: when samples were taken, in two rings, and for each series its values then. The rings of
// all series share their instants, so a series is values only. A sample has a number, which goes on for ever; its slot
// is that number modulo the ring's size.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/detail/saturating.h"
#include "seawall/runtime/metrics_windows.h"
#include "seawall/time.h"

namespace seawall::detail {

inline constexpr std::size_t kRings = 2;
inline constexpr std::array<Duration, kRings> kSteps = {std::chrono::seconds(1), std::chrono::minutes(1)};
inline constexpr std::array<Duration, kRings> kWindows = {std::chrono::minutes(1), std::chrono::hours(1)};

// The numbers of the first samples that a series has, by ring. All 0: of all, since before it was made it was 0.
using FirstSamples = std::array<std::uint64_t, kRings>;

class SampleTimes {
 public:
  explicit SampleTimes(Duration step) noexcept : step_(step) {}

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t oldest() const noexcept { return count_ - std::min<std::uint64_t>(count_, at_.size()); }
  TimePoint at(std::uint64_t number) const noexcept { return at_[number % at_.size()]; }
  TimePoint latest() const noexcept { return at(count_ - 1); }

  // One sample in each step of the clock, so that the ring reaches over the window however often the host ticks.
  bool due(TimePoint now) const noexcept { return count_ == 0 || step_of(now) > step_of(latest()); }
  void push(TimePoint now) noexcept { at_[count_++ % at_.size()] = now; }

 private:
  std::int64_t step_of(TimePoint at) const noexcept {
    const std::int64_t ns = to_ns(at);
    return ns / step_.count() - (ns % step_.count() < 0 ? 1 : 0);
  }

  Duration step_;
  std::uint64_t count_ = 0;
  std::array<TimePoint, MetricsWindows::kSamples> at_{};
};

// Two samples: the older one, and the latest of the first ring.
struct SampleSpan {
  std::size_t ring = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  Duration covered{0};
};

class SampleClock {
 public:
  SampleTimes& ring(std::size_t i) noexcept { return rings_[i]; }
  const SampleTimes& ring(std::size_t i) const noexcept { return rings_[i]; }
  bool empty() const noexcept { return rings_[0].count() == 0; }
  TimePoint latest() const noexcept { return rings_[0].latest(); }

  // From the oldest sample in the window that ends at `now`, or at the latest tick where that is later.
  SampleSpan span(TimePoint now, Window window, const FirstSamples& first) const noexcept {
    SampleSpan found;
    if (empty()) return found;
    const auto last = static_cast<std::size_t>(window);
    now = std::max(now, latest());
    found.from = found.to = rings_[0].count() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      const SampleTimes& ring = rings_[i];
      std::uint64_t number = std::max(ring.oldest(), first[i]);
      while (number < ring.count() && before(now, ring.at(number), kWindows[last])) ++number;
      if (number >= ring.count()) continue;
      const Duration covered(saturating_sub(to_ns(latest()), to_ns(ring.at(number))));
      if (covered > found.covered) found.ring = i, found.from = number, found.covered = covered;
    }
    return found;
  }

 private:
  static bool before(TimePoint now, TimePoint at, Duration window) noexcept {
    return saturating_sub(to_ns(now), to_ns(at)) > window.count();
  }

  std::array<SampleTimes, kRings> rings_{SampleTimes(kSteps[0]), SampleTimes(kSteps[1])};
};

// One series. A counter has one word; a histogram its buckets and the sum (a double's bits).
class SampledSeries {
 public:
  SampledSeries(std::uint32_t generation, std::string_view labels, std::size_t words, const FirstSamples& first)
      : generation_(generation), words_(words), first_(first), labels_(labels) {
    values_.resize(kRings * MetricsWindows::kSamples * words);
  }

  static std::size_t bytes(std::string_view labels, std::size_t words) noexcept {
    constexpr std::size_t kNode = 64;  // of the map, and of the allocator
    return kRings * MetricsWindows::kSamples * words * sizeof(std::uint64_t) + sizeof(SampledSeries) + labels.size() +
           kNode;
  }
  std::size_t bytes() const noexcept { return bytes(labels_, words_); }

  std::uint64_t& value(std::size_t ring, std::uint64_t number, std::size_t word) noexcept {
    return values_[place(ring, number, word)];
  }
  std::uint64_t value(std::size_t ring, std::uint64_t number, std::size_t word) const noexcept {
    return values_[place(ring, number, word)];
  }
  // Exact also when the total wrapped in between.
  std::uint64_t increase(const SampleSpan& span, std::size_t word) const noexcept {
    return value(0, span.to, word) - value(span.ring, span.from, word);
  }

  std::uint32_t generation() const noexcept { return generation_; }
  const FirstSamples& first() const noexcept { return first_; }
  const std::string& labels() const noexcept { return labels_; }
  std::uint64_t seen = 0;  // the latest sample it was in

 private:
  std::size_t place(std::size_t ring, std::uint64_t number, std::size_t word) const noexcept {
    return (ring * MetricsWindows::kSamples + number % MetricsWindows::kSamples) * words_ + word;
  }

  std::uint32_t generation_;
  std::size_t words_;
  FirstSamples first_;
  std::string labels_;
  std::vector<std::uint64_t> values_;
};

}  // namespace seawall::detail
