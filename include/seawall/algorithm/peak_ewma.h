// SPDX-License-Identifier: MIT
//
// Peak-EWMA: how long an instance takes to answer, as a moving average that follows a rise at once and a fall slowly
// (Finagle's PeakEwma, after Eriksen). What it costs to send one more call there is that latency times the calls it
// already has. An instance that was slow once is tried again, because the average decays also while nobody asks.
//
// State word: latency in us 63..38 | instant of the last sample in ms 37..0, since the owner's epoch (8.7 years; later
// instants count as the last one). The average halves every `half_life`: decay is 2^-x, a shift and a table with linear
// interpolation (error below 0.03 %), so there is no exp() on the path of a request.
//
// A failure must not look fast, or the instance that refuses everything attracts everything: failed() is what to
// observe for one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace seawall::algorithm {

class PeakEwma {
 public:
  static constexpr std::uint64_t kMaxLatencyUs = (1u << 26) - 1;  // 67 s
  static constexpr std::uint64_t kMaxMs = (std::uint64_t{1} << 38) - 1;

  constexpr explicit PeakEwma(std::uint32_t half_life_ms) noexcept  // 1 or more
      : half_life_ms_(half_life_ms), parts_of_ms_((std::uint64_t{256} << kFraction) / half_life_ms + 1) {}

  static constexpr std::uint64_t latency_us(std::uint64_t word) noexcept { return word >> 38; }
  static constexpr std::uint64_t stamp_ms(std::uint64_t word) noexcept { return word & kMaxMs; }
  static constexpr std::uint64_t pack(std::uint64_t latency_us, std::uint64_t stamp_ms) noexcept {
    return std::min(latency_us, kMaxLatencyUs) << 38 | std::min(stamp_ms, kMaxMs);
  }

  // The average at `now_ms`; an instant before the last sample counts as that.
  constexpr std::uint64_t at(std::uint64_t word, std::uint64_t now_ms) const noexcept {
    return decayed(latency_us(word), elapsed(word, now_ms));
  }

  // The word after a sample.
  constexpr std::uint64_t observe(std::uint64_t word, std::uint64_t now_ms, std::uint64_t sample_us) const noexcept {
    sample_us = std::min(sample_us, kMaxLatencyUs);
    const std::uint64_t before = latency_us(word);
    const std::uint64_t stamp = std::max(stamp_ms(word), std::min(now_ms, kMaxMs));
    if (sample_us >= before) return pack(sample_us, stamp);
    return pack(sample_us + decayed(before - sample_us, elapsed(word, now_ms)), stamp);
  }

  // What to observe for a call that failed: not less than its limit in time, nor than twice the average, at most 30 s.
  static constexpr std::uint64_t failed(std::uint64_t word, std::uint64_t took_us, std::uint64_t limit_us) noexcept {
    constexpr std::uint64_t kMost = 30'000'000;
    return std::min(std::max({took_us, limit_us, 2 * latency_us(word)}), kMost);
  }

  // Of two candidates, is the first the cheaper one? Latencies as at() gives them; in_flight below 2^20, weights from 1
  // to 65535: products stay below 2^63.
  struct Candidate {
    std::uint64_t latency_us = 0;
    std::uint32_t in_flight = 0;
    std::uint32_t weight = 1;
  };
  static constexpr bool cheaper(const Candidate& a, const Candidate& b) noexcept {
    return (a.latency_us + 1) * (a.in_flight + 1) * b.weight < (b.latency_us + 1) * (b.in_flight + 1) * a.weight;
  }

 private:
  static constexpr std::uint64_t elapsed(std::uint64_t word, std::uint64_t now_ms) noexcept {
    return now_ms > stamp_ms(word) ? std::min(now_ms, kMaxMs) - stamp_ms(word) : 0;
  }

  // value * 2^-(ms / half life)
  constexpr std::uint64_t decayed(std::uint64_t value, std::uint64_t ms) const noexcept {
    std::uint64_t halvings = 0;
    if (ms >= half_life_ms_) {
      halvings = ms / half_life_ms_;
      if (halvings >= 27) return 0;
      ms %= half_life_ms_;
    }
    const std::uint64_t part =
        std::min<std::uint64_t>(ms * parts_of_ms_ >> kFraction, 255);  // of a half life, in 1/256
    const std::uint64_t left = kPowers[part / 16], right = kPowers[part / 16 + 1];
    const std::uint64_t power = left - (left - right) * (part % 16) / 16;
    return (value * power) >> (16 + halvings);
  }

  // 2^(-i/16) * 65536, rounded
  static constexpr std::array<std::uint32_t, 17> kPowers = {65536, 62757, 60097, 57549, 55109, 52773,
                                                            50535, 48393, 46341, 44376, 42495, 40693,
                                                            38968, 37316, 35734, 34219, 32768};

  // Rounded up, or a whole part would be one less; what is above 255 by that (half lives of days) is cut. Products of
  // instants below the half life stay below 2^57.
  static constexpr int kFraction = 48;

  std::uint64_t half_life_ms_;
  std::uint64_t parts_of_ms_;  // so that to judge two candidates divides once, and not after their words have come
};

}  // namespace seawall::algorithm
