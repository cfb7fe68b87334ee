// SPDX-License-Identifier: MIT
//
// A clock drawn as a line through knots: the arithmetic of FastClock.
//
// A counter's ticks are cut into stretches of 2^shift, each of 1 to 2 ms. Where two stretches meet is a knot, which
// says what the clock reads there; between two knots it goes straight. A knot is one word, decided once, and never
// changed after: so all readers see one function of the counter, and it never steps, whoever decides the next knot and
// however late. Nominally a stretch lasts `knot_ns`; a knot holds its distance from that, its correction:
//
//   time(knot i) = i * knot_ns + correction(i)          since the clock's origin
//   bits of a knot: number modulo 2^20 | correction in ns, 44 bits, two's complement (+- 2.4 hours)
//   bits of the head word: stopped 1 | number of the last knot 40 (34 years of 1 ms) | stretches skipped before it 23
#pragma once

#include <algorithm>
#include <cstdint>

namespace seawall::algorithm {

// How fast the counter runs.
struct CounterScale {
  std::int32_t shift = 0;    // log2 of the ticks between two knots; 0: this counter is of no use
  std::int32_t knot_ns = 0;  // their nominal time, 1 to 2 ms

  friend constexpr bool operator==(const CounterScale&, const CounterScale&) = default;
};

inline constexpr std::uint64_t kLongestKnotNs = 2'000'000;
inline constexpr std::uint64_t kSlowestCounter = 5'000'000;       // ticks a second: coarser than 200 ns is no clock
inline constexpr std::uint64_t kFastestCounter = 16'000'000'000;  // and above this the measurement is a mistake

// From `ticks` counted in `ns` nanoseconds, both at most 2^34.
constexpr CounterScale counter_scale(std::uint64_t ticks, std::int64_t ns) noexcept {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 34;
  if (ns <= 0 || static_cast<std::uint64_t>(ns) > kLimit || ticks == 0 || ticks > kLimit) return {};
  const auto elapsed = static_cast<std::uint64_t>(ns);
  const std::uint64_t hertz = ticks * 1'000'000'000 / elapsed;
  if (hertz < kSlowestCounter || hertz > kFastestCounter) return {};
  CounterScale scale;
  while (std::uint64_t{2} << scale.shift <= hertz * kLongestKnotNs / 1'000'000'000) ++scale.shift;
  scale.knot_ns = static_cast<std::int32_t>(((elapsed << scale.shift) + ticks / 2) / ticks);
  return scale;
}

struct Knot {
  static constexpr int kCorrectionBits = 44;
  static constexpr std::int64_t kLargest = std::int64_t{1} << (kCorrectionBits - 2);  // beyond, the clock gives up

  static constexpr std::uint64_t pack(std::uint64_t number, std::int64_t correction) noexcept {
    return number << kCorrectionBits | (static_cast<std::uint64_t>(correction) & ~std::uint64_t{0} >> 20);
  }
  static constexpr bool is(std::uint64_t word, std::uint64_t number) noexcept {
    return word >> kCorrectionBits == (number & 0xfffff);
  }
  static constexpr std::int64_t correction(std::uint64_t word) noexcept {
    return static_cast<std::int64_t>(word << 20) >> 20;
  }
};

// Which knots there are: `last` and the one before it. A clock that nobody read for a while leaves knots out; `skipped`
// is how many, kept modulo `ring` when it is too large, so that the knot before the gap can be found in its ring.
struct KnotHead {
  static constexpr std::uint64_t kLastLimit = std::uint64_t{1} << 40;
  static constexpr std::uint64_t kSkippedLimit = std::uint64_t{1} << 23;
  static constexpr std::uint64_t kStopped = std::uint64_t{1} << 63;

  static constexpr std::uint64_t pack(std::uint64_t last, std::uint64_t skipped, std::uint64_t ring) noexcept {
    if (skipped >= kSkippedLimit) skipped = kSkippedLimit - ring + skipped % ring;
    return last << 23 | skipped;
  }
  static constexpr bool stopped(std::uint64_t word) noexcept { return (word & kStopped) != 0; }
  // With the stopped bit on top: no reading is near the last knot of a stopped clock.
  static constexpr std::uint64_t reach(std::uint64_t word) noexcept { return word >> 23; }
  static constexpr std::uint64_t last(std::uint64_t word) noexcept { return reach(word) & (kLastLimit - 1); }
  static constexpr std::uint64_t skipped(std::uint64_t word) noexcept { return word & (kSkippedLimit - 1); }
};

// Nanoseconds from the origin to `ticks`, between knots that were corrected by `from` and `to`. The product is of 2^22
// ns and 2^25 ticks. Unsigned, so that a counter gone wild gives a wild number and nothing worse.
constexpr std::int64_t knot_time(CounterScale scale, std::uint64_t ticks, std::int64_t from, std::int64_t to) noexcept {
  const std::uint64_t behind = ticks & ((std::uint64_t{1} << scale.shift) - 1);
  const auto stretch = static_cast<std::uint64_t>(scale.knot_ns);
  const auto length = static_cast<std::uint64_t>(scale.knot_ns + to - from);
  return static_cast<std::int64_t>((ticks >> scale.shift) * stretch + static_cast<std::uint64_t>(from) +
                                   (length * behind >> scale.shift));
}

// What one look at the kernel's clock proves: the correction that is right now lies in [least, most]. The clock was
// read between two readings of the counter; a thread that was interrupted there proves little, and nothing false.
struct Evidence {
  std::int64_t least = 0;
  std::int64_t most = 0;

  constexpr std::int64_t nearest(std::int64_t correction) const noexcept { return std::clamp(correction, least, most); }
};

constexpr Evidence evidence(CounterScale scale, std::uint64_t before, std::int64_t ns, std::uint64_t after) noexcept {
  constexpr std::int64_t kAbsurd = std::int64_t{1} << 60;  // leaves room to subtract in
  const auto off = [=](std::uint64_t ticks) {
    const auto nominal = static_cast<std::uint64_t>(knot_time(scale, ticks, 0, 0));
    return std::clamp(static_cast<std::int64_t>(static_cast<std::uint64_t>(ns) - nominal), -kAbsurd, kAbsurd);
  };
  return {std::min(off(before), off(after)), std::max(off(before), off(after))};
}

// What a clock may correct over so many stretches, running at 7/8 to 9/8 of its nominal speed.
constexpr std::int64_t most_slew(CounterScale scale, std::uint64_t stretches) noexcept {
  return static_cast<std::int64_t>(stretches) * (scale.knot_ns / 8);
}

// The next knot's correction: as near to the evidence as that allows. `stretches` lie between it and the knot before,
// whose correction was `before`.
constexpr std::int64_t next_correction(CounterScale scale, std::int64_t before, Evidence seen,
                                       std::uint64_t stretches) noexcept {
  const std::int64_t most = most_slew(scale, stretches);
  return before + std::clamp(seen.nearest(before) - before, -most, most);
}

// Is the counter still the clock it was, so many stretches after a knot with this correction? Not when it and the
// kernel's clock have parted by more than the slew of that time and one stretch: a machine that slept, moved or changed
// its time namespace. Nor when a correction would no longer fit.
constexpr bool counter_agrees(CounterScale scale, std::int64_t correction, Evidence seen,
                              std::uint64_t stretches) noexcept {
  const std::int64_t target = seen.nearest(correction);
  const std::int64_t tolerance = scale.knot_ns + most_slew(scale, stretches + 1);
  const std::int64_t off = target - correction;
  return off <= tolerance && -off <= tolerance && target < Knot::kLargest && -target < Knot::kLargest;
}

}  // namespace seawall::algorithm
