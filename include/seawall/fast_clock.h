// SPDX-License-Identifier: MIT
//
// FastClock: CLOCK_MONOTONIC, read from the processor's counter where the kernel vouches for that counter.
//
// Take it where a request's one clock read shows in a profile, or where the kernel's clock is dear; else Clock::now().
// Make one for the process and hand it to whatever needs the time. Where there is no counter to believe in, now() is
// Clock::now(), and source() says so. The counter is believed when the processor calls it invariant and the kernel uses
// it as its own clock source (x86-64: tsc; aarch64: arch_sys_counter). Under kvm-clock, Hyper-V's clock or hpet, after
// the kernel found it unstable, or where /sys cannot be read, it is not. The caller may decide (CounterTrust).
//
// It calibrates itself: the first reading after each 1 to 2 ms compares the counter with CLOCK_MONOTONIC, once for all
// threads. There is no thread, nothing to call, and after any pause the next reading is right again. Corrections are
// slewed: the clock always runs at 7/8 to 9/8 of its speed, never steps, and never shows two threads, one of which
// knows of the other's reading, times in the wrong order. Distance to CLOCK_MONOTONIC: below 10 us while that is
// steered by at most 500 ppm (the limit of adjtimex), in practice the 0.1 us that comparing them takes; two processes,
// each with its own FastClock, are at most twice that apart. While chrony slews at its fastest (8 %), up to 0.4 ms.
//
// Threads: any. No lock: every word is decided by one exchange, so a thread or process that is stopped or killed in
// between blocks nobody; the object has no pointers and may stand in MAP_SHARED memory. It works on after fork. It does
// not follow into another time namespace, and a machine that slept or moved may have restarted its counter: when
// counter and CLOCK_MONOTONIC part by more than an eighth, the clock stops using the counter for good, source() changes
// to kMonotonic, and time stands still for as long as it was ahead, rather than going back (or is ahead at once, if it
// was behind).
//
// Known flaw: making one takes 1 ms (it measures the counter's rate) and reads one file below /sys. Where the kernel
// reads the same counter, only the conversion is saved: measure (make bench) before you expect much.
//
//   const seawall::FastClock clock;            // one, for the process
//   const seawall::TimePoint now = clock.now();
//   limiter.try_acquire_at(now);
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "seawall/algorithm/counter_knots.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/counter.h"
#include "seawall/time.h"

namespace seawall {

enum class ClockSource : std::uint8_t {
  kMonotonic,  // CLOCK_MONOTONIC, each time
  kCounter,    // the processor's counter
};

enum class CounterTrust : std::uint8_t {
  kKernel,  // as the kernel does
  kNever,   // CLOCK_MONOTONIC only
  kAlways,  // the caller knows better; an invariant, readable counter is still needed
};

// What a FastClock reads; tests put their own in its place.
struct HostCounter {
  std::uint64_t ticks() const noexcept { return detail::read_counter(); }
  std::uint64_t relaxed_ticks() const noexcept { return detail::read_counter_relaxed(); }
  std::int64_t monotonic_ns() const noexcept { return to_ns(Clock::now()); }
  bool usable(CounterTrust trust) const noexcept {
    if (trust == CounterTrust::kKernel) return detail::kernel_vouches_for_counter();
    return trust == CounterTrust::kAlways && detail::counter_is_invariant();
  }
};

template <class Cell, class Source>
class alignas(detail::kCacheLine) BasicFastClock {
 public:
  explicit BasicFastClock(CounterTrust trust = CounterTrust::kKernel, Source source = {}) noexcept : source_(source) {
    if (source_.usable(trust)) calibrate();
  }
  BasicFastClock(const BasicFastClock&) = delete;
  BasicFastClock& operator=(const BasicFastClock&) = delete;

  TimePoint now() const noexcept {
    return reading([this] { return ticks(); });
  }

  // As now(), but may be earlier, by what the processor works ahead (some hundred nanoseconds at most), and so before a
  // reading that the caller knows of. now() waits until all loads and stores before it are done, a cache miss of
  // somebody's included; this does not. Limiters take it when they are given the clock: they judge as of the latest
  // instant that they have seen, and for an early one they refuse rather than admit.
  TimePoint relaxed_now() const noexcept {
    return reading([this] { return source_.relaxed_ticks() - first_tick_; });
  }

  // May change from kCounter to kMonotonic, once.
  ClockSource source() const noexcept {
    // Relaxed: says only which; now() decides for itself.
    const bool counting = scale_.shift != 0 && !algorithm::KnotHead::stopped(head_.load(std::memory_order_relaxed));
    return counting ? ClockSource::kCounter : ClockSource::kMonotonic;
  }

 private:
  using Knot = algorithm::Knot;
  using Head = algorithm::KnotHead;
  static constexpr std::uint64_t kRing = 4;  // the stretch in use, the next, and two for those who read late
  static constexpr std::int64_t kNoAnswer = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kCalibrationNs = 1'000'000;
  static constexpr int kTries = 8;

  // One reading of CLOCK_MONOTONIC between two of the counter.
  struct Sample {
    std::uint64_t before = 0;
    std::int64_t ns = 0;
    std::uint64_t after = 0;
  };

  Cell& knot(std::uint64_t number) const noexcept { return knots_[number % kRing]; }
  std::uint64_t ticks() const noexcept { return source_.ticks() - first_tick_; }

  template <class Ticks>
  TimePoint reading(const Ticks& counter) const noexcept {
    if (scale_.shift == 0) return time_from_ns(source_.monotonic_ns());
    const std::int64_t ns = read(counter());
    return time_from_ns(ns != kNoAnswer ? ns : read_slowly());
  }

  // The common path: the counter, the head and two knots, no write. kNoAnswer when the counter has left the last
  // stretch.
  std::int64_t read(std::uint64_t now) const noexcept {
    const std::uint64_t number = now >> scale_.shift;
    // Acquire: who sees a stopped clock sees its last knot too. Unsigned: also false behind the ring and when stopped.
    if (Head::reach(head_.load(std::memory_order_acquire)) - (number + 1) >= kRing - 1) return kNoAnswer;
    const auto [from, to] = ends(number % kRing);
    if (!Knot::is(from, number) || !Knot::is(to, number + 1)) return kNoAnswer;
    return origin_ + algorithm::knot_time(scale_, now, Knot::correction(from), Knot::correction(to));
  }

  // The knot at a place and the next. A branch for each place: the processor foresees it for a whole stretch and has
  // the knots before it has the counter. An address made of the counter would wait for that.
  struct Ends {
    std::uint64_t from, to;
  };
  Ends ends(std::uint64_t place) const noexcept {
    static_assert(kRing == 4);
    // Relaxed: a knot is one word that says which it is and what it holds, and never changes while it is that knot.
    const auto both = [](const Cell& from, const Cell& to) -> Ends {
      return {from.load(std::memory_order_relaxed), to.load(std::memory_order_relaxed)};
    };
    switch (place) {
      case 0:
        return both(knots_[0], knots_[1]);
      case 1:
        return both(knots_[1], knots_[2]);
      case 2:
        return both(knots_[2], knots_[3]);
      default:
        return both(knots_[3], knots_[0]);
    }
  }

  std::int64_t read_slowly() const noexcept {
    for (;;) {
      // Acquire: the knots up to this head.
      const std::uint64_t head = head_.load(std::memory_order_acquire);
      if (Head::stopped(head)) return after_the_end(head);
      const Sample sample = take_sample((std::uint64_t{1} << scale_.shift) / 2048);  // 0.5 to 1 us
      extend(head, sample);
      std::int64_t ns = read(ticks());
      // Two processors whose counters differ a little may disagree about who is past a knot: here somebody was.
      if (ns == kNoAnswer && stretch(sample) + 2 == Head::last(head)) ns = time_at_knot(Head::last(head) - 1);
      if (ns != kNoAnswer) return ns;
    }
  }

  std::uint64_t stretch(const Sample& sample) const noexcept { return sample.after >> scale_.shift; }

  // kNoAnswer when it is not decided, or left its ring.
  std::int64_t time_at_knot(std::uint64_t number) const noexcept {
    // Relaxed: as in read().
    const std::uint64_t word = knot(number).load(std::memory_order_relaxed);
    if (!Knot::is(word, number)) return kNoAnswer;
    const std::int64_t correction = Knot::correction(word);
    return origin_ + algorithm::knot_time(scale_, number << scale_.shift, correction, correction);
  }

  // The first that took at most so many ticks, or the narrowest of a few: an interruption in between does not matter.
  Sample take_sample(std::uint64_t narrow) const noexcept {
    Sample best;
    for (int i = 0; i < kTries; ++i) {
      Sample s;
      s.before = ticks();
      s.ns = source_.monotonic_ns() - origin_;
      s.after = ticks();
      if (i == 0 || s.after - s.before < best.after - best.before) best = s;
      if (best.after - best.before <= narrow) break;
    }
    return best;
  }

  // Moves the head to the stretch of the sample, if it is not there, and sees that its two knots are decided.
  void extend(std::uint64_t head, const Sample& sample) const noexcept {
    const auto seen = algorithm::evidence(scale_, sample.before, sample.ns, sample.after);
    decide_knots(head, seen);
    const std::uint64_t next = next_head(head, stretch(sample), seen);
    // Release: with the head go the knots seen so far. Acquire is not needed: on failure the caller looks again.
    if (next != head &&
        head_.compare_exchange_strong(head, next, std::memory_order_release, std::memory_order_relaxed)) {
      decide_knots(next, seen);
    }
  }

  // `head` itself while its knots serve the stretch `number`.
  std::uint64_t next_head(std::uint64_t head, std::uint64_t number, algorithm::Evidence seen) const noexcept {
    const std::uint64_t last = Head::last(head);
    if (number + 1 == last || number + 2 == last) return head;
    // The counter was read after this head, which somebody made who had read it past the knot before `last`.
    const bool went_back = number < last;
    const std::uint64_t word = knot(last).load(std::memory_order_acquire);  // acquire: as in decide_knots
    if (!Knot::is(word, last)) return head;                                 // the head has moved on
    if (went_back || number + 2 >= Head::kLastLimit ||
        !algorithm::counter_agrees(scale_, Knot::correction(word), seen, number - last)) {
      return head | Head::kStopped;
    }
    return Head::pack(number + 1, number - last, kRing);
  }

  // The two knots of `head`, in order. All that the second depends on is the first; the first depends on the knot
  // before it, which may be some stretches back.
  void decide_knots(std::uint64_t head, algorithm::Evidence seen) const noexcept {
    if (Head::stopped(head)) return;
    const std::uint64_t last = Head::last(head);
    const std::uint64_t skipped = Head::skipped(head);
    if (skipped > 0) decide(head, last - 1, skipped, seen);
    decide(head, last, 1, seen);
  }

  void decide(std::uint64_t head, std::uint64_t number, std::uint64_t stretches,
              algorithm::Evidence seen) const noexcept {
    // Acquire, both: a knot of a later head shows that head below.
    std::uint64_t old = knot(number).load(std::memory_order_acquire);
    if (Knot::is(old, number)) return;
    const std::uint64_t before = knot(number - stretches).load(std::memory_order_acquire);
    // Acquire: pairs with the release that made the head. While it stands, `before` is what it was when the head was
    // made, or the knot is decided and the exchange below fails.
    if (head_.load(std::memory_order_acquire) != head) return;
    const std::int64_t correction = algorithm::next_correction(scale_, Knot::correction(before), seen, stretches);
    // Release: who sees this knot sees the head it belongs to. A failure means that it is decided.
    knot(number).compare_exchange_strong(old, Knot::pack(number, correction), std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  // CLOCK_MONOTONIC, but not before the last knot, which no reading has passed. That knot is decided and stays.
  std::int64_t after_the_end(std::uint64_t head) const noexcept {
    return std::max(source_.monotonic_ns(), time_at_knot(Head::last(head)));
  }

  // Measures the counter's rate, from an instant that becomes the origin of the clock and of the counter.
  void calibrate() noexcept {
    const Sample first = take_sample(0);
    Sample last;
    do {
      last = take_sample(0);
    } while (last.ns - first.ns < kCalibrationNs);
    scale_ = algorithm::counter_scale(last.after - first.after, last.ns - first.ns);
    first_tick_ = first.after;
    origin_ = first.ns;
    // Knots 0 and 1, which so far need no correction; a word of 0 is knot 0, and no other. Relaxed: nobody else has the
    // object yet.
    knot(1).store(Knot::pack(1, 0), std::memory_order_relaxed);
    head_.store(Head::pack(1, 0, kRing), std::memory_order_relaxed);
  }

  // Written once, before anybody reads.
  [[no_unique_address]] Source source_;
  algorithm::CounterScale scale_;
  std::uint64_t first_tick_ = 0;
  std::int64_t origin_ = 0;
  // Exchanged, once in each stretch.
  mutable Cell head_{0};
  mutable std::array<Cell, kRing> knots_{};
};

using FastClock = BasicFastClock<std::atomic<std::uint64_t>, HostCounter>;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "must work between processes");
static_assert(std::is_standard_layout_v<FastClock> && std::is_trivially_destructible_v<FastClock>);

}  // namespace seawall
