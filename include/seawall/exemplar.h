// SPDX-License-Identifier: MIT
//
// Exemplar: one observation with the trace that it belongs to, so that a spike in a histogram leads to a trace that
// shows it. A family keeps exemplars when it is registered so; then each bucket, or each counter, holds the latest one.
//
// Keeping one is a few stores to a slot of the bucket, under a version that readers check; it never waits: a writer
// that meets another one leaves its exemplar out, as does one that comes less than a second after the last.
//
//   latency.observe(0.3, seawall::Exemplar::of(context, unix_ms));  // if context.sampled()
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "seawall/detail/recording.h"
#include "seawall/trace_context.h"

namespace seawall {

struct Exemplar {
  std::uint64_t trace_id_high = 0;  // the ids as they are written in hex, first digit highest
  std::uint64_t trace_id_low = 0;
  std::uint64_t span_id = 0;
  double value = 0;          // filled in by the recording
  std::int64_t unix_ms = 0;  // when, on the host's wall clock, until 2262; another instant leaves the exemplar out

  static Exemplar of(const TraceContext& context, std::int64_t unix_ms) noexcept {
    const auto word = [](const std::uint8_t* bytes) {
      std::uint64_t made = 0;
      for (int i = 0; i < 8; ++i) made = made << 8 | bytes[i];
      return made;
    };
    return {word(context.trace_id().data()), word(context.trace_id().data() + 8), word(context.span_id().data()), 0,
            unix_ms};
  }

  friend bool operator==(const Exemplar&, const Exemplar&) = default;
};

namespace detail {

struct alignas(64) ExemplarSlot {
  static constexpr std::int64_t kMinIntervalMs = 1000;
  static constexpr std::int64_t kLatestMs = INT64_MAX / 1'000'000;  // OTLP counts nanoseconds

  std::atomic<std::uint64_t> version{0};  // odd while it is written
  std::array<std::atomic<std::uint64_t>, 5> words{};

  void put(const Exemplar& e) noexcept {
    if (e.unix_ms < 0 || e.unix_ms > kLatestMs) return;
    std::uint64_t seen = version.load(std::memory_order_relaxed);  // relaxed: the exchange decides
    const auto last = static_cast<std::int64_t>(words[4].load(std::memory_order_relaxed));  // relaxed: a hint
    if (seen % 2 != 0 || (seen != 0 && e.unix_ms >= last && e.unix_ms - last < kMinIntervalMs)) return;
    // Acquire: the stores below stay behind it.
    if (!version.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) return;
    const std::uint64_t values[] = {e.trace_id_high, e.trace_id_low, e.span_id, std::bit_cast<std::uint64_t>(e.value),
                                    static_cast<std::uint64_t>(e.unix_ms)};
    // Release: a reader that sees one of them sees the odd version too.
    for (std::size_t i = 0; i < words.size(); ++i) words[i].store(values[i], std::memory_order_release);
    version.store(seen + 2, std::memory_order_release);  // pairs with read()
  }

  // False: none yet, or one is being written.
  bool read(Exemplar& out) const noexcept {
    const std::uint64_t before = version.load(std::memory_order_acquire);  // pairs with put()
    if (before == 0 || before % 2 != 0) return false;
    std::array<std::uint64_t, 5> w;
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = words[i].load(std::memory_order_acquire);  // pairs with put()
    out = {w[0], w[1], w[2], std::bit_cast<double>(w[3]), static_cast<std::int64_t>(w[4])};
    return version.load(std::memory_order_relaxed) == before;  // relaxed: the loads above are acquire
  }

  // For another series; only when nobody writes.
  void clear() noexcept { version.store(0, std::memory_order_relaxed); }  // relaxed: published with the series
};

inline void keep_exemplar(const SeriesRef& series, std::size_t bucket, const Exemplar& exemplar) noexcept {
  const Entered entered(*series.recording);  // so the slots stay this series' own while they are written
  // Sequentially consistent: see Entered.
  if (series.head->generation.load(std::memory_order_seq_cst) != series.own()) return;
  // Acquire: the slots are made before they are found.
  if (ExemplarSlot* slots = series.head->exemplars.load(std::memory_order_acquire)) slots[bucket].put(exemplar);
}

}  // namespace detail
}  // namespace seawall
