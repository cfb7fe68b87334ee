// SPDX-License-Identifier: MIT
//
// The windows of a circuit breaker: beside its word, never part of it. A good call writes the line of its CPU alone; a
// bad one (failed, or slow where that counts) also marks itself where all bad calls do, then adds up and judges.
//
// Rates are judged by bad calls only, so a success never opens a breaker and never reads another CPU's line. Of several
// bad calls at once the last sees all of them: their words are written and read in one order (seq_cst). A call whose
// generation has passed takes no word over: it looks at the generation after the word, so that its exchange fails where
// a call of the new one was meanwhile. What it still writes is of the old generation, and the next call takes that
// over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/breaker_window.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

template <class Cell>
class BreakerWindows {
 public:
  static constexpr std::size_t kStripes = 8;

  struct Call {
    std::uint64_t generation;  // that admitted it
    std::int64_t elapsed;      // when it ended; not used without a time window
    bool failed;
    bool slow;

    bool bad() const noexcept { return failed || slow; }
  };

  // Counts a call on `stripe` and answers why the breaker should open, or kNone. current() tells whether the call's
  // generation still lasts.
  template <class Current>
  BreakerReason record(const CircuitBreakerConfig& config, std::size_t stripe, const Call& call,
                       const Current& current) noexcept {
    const BreakerReason by_count =
        config.options().count_window != 0 ? record_in_count(config, stripe, call, current) : BreakerReason::kNone;
    const BreakerReason by_time =
        config.has_time_window() ? record_in_time(config, stripe, call, current) : BreakerReason::kNone;
    return by_count != BreakerReason::kNone ? by_count : by_time;
  }

  // The last count_window calls of `generation`.
  BreakerWindow count_window(const CircuitBreakerConfig& config, std::uint64_t generation) const noexcept {
    const std::int64_t calls = calls_of(generation);
    const std::int64_t size = std::min<std::int64_t>(calls, config.options().count_window);
    return {.calls = size,
            .failures = marked(failed_calls_, generation, calls - size, calls),
            .slow = marked(slow_calls_, generation, calls - size, calls)};
  }
  // The calls of `generation` in the slices that are in the window at `elapsed`, or at the latest instant seen.
  BreakerWindow time_window(const CircuitBreakerConfig& config, std::uint64_t generation,
                            std::int64_t elapsed) const noexcept {
    const std::int64_t newest =
        algorithm::breaker::enter_slice(seen(newest_), generation, algorithm::breaker::slice_of(config, elapsed))
            .answer;
    BreakerWindow window;
    for (std::int64_t slice = std::max<std::int64_t>(0, newest - kSlices + 1); slice <= newest; ++slice) {
      const std::uint64_t stamp = algorithm::breaker::slice_stamp(slice, generation);
      for (const Stripe& stripe : stripes_) window.calls += in_slice(stripe.slices, slice, stamp);
      window.failures += in_slice(failed_slices_, slice, stamp);
      window.slow += in_slice(slow_slices_, slice, stamp);
    }
    return window;
  }

 private:
  static constexpr std::int64_t kSlices = CircuitBreakerConfig::kSlices;
  static constexpr std::int64_t kBlocks = algorithm::breaker::kBlocks;

  struct alignas(kCacheLine) Stripe {
    Cell calls{0};
    Cell slices[kSlices]{};
  };

  // Seq_cst, as above.
  static std::uint64_t seen(const Cell& cell) noexcept { return cell.load(std::memory_order_seq_cst); }

  template <class Current>
  BreakerReason record_in_count(const CircuitBreakerConfig& config, std::size_t stripe, const Call& call,
                                const Current& current) noexcept {
    const bool counted = agree(stripes_[stripe].calls, [&](std::uint64_t calls) {
      const bool mine = algorithm::breaker::is_of(calls, call.generation) || current();
      return Step<bool>{mine ? algorithm::breaker::one_more_call(calls, call.generation) : calls, mine};
    });
    if (!counted || !call.bad()) return BreakerReason::kNone;
    const std::int64_t last = calls_of(call.generation) - 1;
    if (call.failed) mark(failed_calls_, call.generation, last, current);
    if (call.slow) mark(slow_calls_, call.generation, last, current);
    return algorithm::breaker::judge_count(config, count_window(config, call.generation));
  }

  template <class Current>
  static void mark(Cell (&blocks)[kBlocks], std::uint64_t generation, std::int64_t index,
                   const Current& current) noexcept {
    using algorithm::breaker::Marked;
    const std::int64_t oldest = std::max<std::int64_t>(0, index - CircuitBreakerConfig::kMaxCountWindow + 1);
    for (std::int64_t at = index; at >= oldest; at -= at % algorithm::breaker::kBlockCalls + 1) {
      const Marked marked = agree(block_of(blocks, at), [&](std::uint64_t block) {
        if (!algorithm::breaker::is_of(block, generation) && !current()) return Step<Marked>{block, Marked::kGone};
        return algorithm::breaker::mark(block, generation, at);
      });
      if (marked != Marked::kFull) return;
    }
  }

  template <class Current>
  BreakerReason record_in_time(const CircuitBreakerConfig& config, std::size_t stripe, const Call& call,
                               const Current& current) noexcept {
    const std::int64_t slice = agree(newest_, [&](std::uint64_t newest) {
      if (!algorithm::breaker::is_of(newest, call.generation) && !current()) return Step<std::int64_t>{newest, -1};
      return algorithm::breaker::enter_slice(newest, call.generation,
                                             algorithm::breaker::slice_of(config, call.elapsed));
    });
    if (slice < 0) return BreakerReason::kNone;
    const std::uint64_t stamp = algorithm::breaker::slice_stamp(slice, call.generation);
    const auto count = [&](Cell(&slices)[kSlices]) {
      return agree(slices[slice % kSlices], [&](std::uint64_t word) {
        if (!algorithm::breaker::in_slice(word, stamp) && !current()) return Step<bool>{word, false};
        return algorithm::breaker::count_in_slice(word, stamp);
      });
    };
    if (!count(stripes_[stripe].slices) || !call.bad()) return BreakerReason::kNone;
    if (call.failed) count(failed_slices_);
    if (call.slow) count(slow_slices_);
    return algorithm::breaker::judge_time(config, time_window(config, call.generation, call.elapsed));
  }

  std::int64_t calls_of(std::uint64_t generation) const noexcept {
    std::int64_t calls = 0;
    for (const Stripe& stripe : stripes_) calls += algorithm::breaker::calls_in(seen(stripe.calls), generation);
    return calls;
  }

  // Of the calls from index `first` on, before `end`.
  static std::int64_t marked(const Cell (&blocks)[kBlocks], std::uint64_t generation, std::int64_t first,
                             std::int64_t end) noexcept {
    std::int64_t found = 0;
    while (first < end) {
      const std::int64_t past =
          std::min(end, first - first % algorithm::breaker::kBlockCalls + algorithm::breaker::kBlockCalls);
      found += algorithm::breaker::marked_in(seen(block_of(blocks, first)), generation, first, past - 1);
      first = past;
    }
    return found;
  }

  template <class Blocks>
  static auto& block_of(Blocks& blocks, std::int64_t index) noexcept {
    return blocks[index / algorithm::breaker::kBlockCalls % kBlocks];
  }
  static std::int64_t in_slice(const Cell (&slices)[kSlices], std::int64_t slice, std::uint64_t stamp) noexcept {
    const std::uint64_t word = seen(slices[slice % kSlices]);
    return algorithm::breaker::in_slice(word, stamp)
               ? static_cast<std::int64_t>(algorithm::breaker::SliceCount::get(word))
               : 0;
  }

  // Written by calls on CPUs of this stripe.
  Stripe stripes_[kStripes];
  // Written once in a slice, by the first call.
  alignas(kCacheLine) Cell newest_{0};
  // Written by bad calls.
  alignas(kCacheLine) Cell failed_slices_[kSlices]{};
  Cell slow_slices_[kSlices]{};
  Cell failed_calls_[kBlocks]{};
  Cell slow_calls_[kBlocks]{};
};

}  // namespace seawall::detail
