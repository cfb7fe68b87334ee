// SPDX-License-Identifier: MIT
//
// KeyedRateLimiter<TokenBucket> and KeyedRateLimiter<SlidingWindow>: the same limit for each of very many keys (users,
// addresses, API tokens) in memory that is chosen once and never grows.
//
// Use it when keys come from outside; use a TokenBucket or SlidingWindow by itself for one limit with a name. Each key
// gets exactly what the single limiter would give it. Only a key whose state says no more than a fresh one (a full
// bucket, an empty window) is forgotten to make room, so forgetting never lets anything pass. A key has 14 places; when
// all are taken by keys that are still in use, `when_full` decides and a counter counts. A table twice as big as the
// number of keys active in one period practically never fills.
//
// Keys are told apart by a 64-bit SipHash with a secret seed. Two of n keys in use share a limit with probability below
// n * n / 2^65 (1 in 3.7 billion for 100,000); they are then refused early, never admitted beyond the limit.
//
// Any thread may call anything. A call holds a lock bit of its key's set for tens of nanoseconds; nothing allocates.
// The table is for one process; 18 bytes a key for TokenBucket, 73 for SlidingWindow.
//
//   auto users = seawall::KeyedRateLimiter<seawall::SlidingWindow>::make({.quota = quota}).value();
//   const seawall::Decision d = users.try_acquire(user_id);
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) users.refund(user_id, d.charge);
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>

#include "seawall/decision.h"
#include "seawall/detail/keyed_set.h"
#include "seawall/detail/siphash.h"
#include "seawall/limiter_key.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/sliding_window.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"

namespace seawall {

enum class WhenFull : std::int32_t {
  kDeny = 0,   // a new key is refused until a place may be free: no key ever gets more than its limit
  kAllow = 1,  // a new key is admitted and not counted: a flood of keys does not lock out others
};

struct KeyedOptions {
  Quota quota;                                       // the limit of each key
  std::size_t memory_bytes = std::size_t{16} << 20;  // of the table; rounded down to whole sets of seven keys
  WhenFull when_full = WhenFull::kDeny;
  std::uint64_t seed = 0;  // of the hash; 0 takes 128 random bits. Give one only to make a test repeatable
};

struct KeyedStats {
  std::size_t memory_bytes = 0;
  std::size_t capacity = 0;           // keys
  std::size_t keys_active = 0;        // keys whose state says more than a fresh one
  std::uint64_t evictions = 0;        // idle keys forgotten to make room
  std::uint64_t full_refusals = 0;    // WhenFull::kDeny at work
  std::uint64_t full_admissions = 0;  // WhenFull::kAllow at work
};

template <class Limiter>
class KeyedRateLimiter {
 public:
  // Errors: kInvalidArgument, as the limiter's own config or for memory_bytes below one set; kNoMemory.
  static Result<KeyedRateLimiter> make(const KeyedOptions& options, TimePoint epoch = Clock::now()) {
    const auto config = Limiter::Config::make(options.quota);
    if (!config) return config.error();
    if (options.memory_bytes < sizeof(Set) || options.memory_bytes > kMaxMemory) {
      return out_of_range("memory_bytes", static_cast<std::int64_t>(std::min(options.memory_bytes, kMaxMemory + 1)),
                          sizeof(Set), kMaxMemory);
    }
    KeyedRateLimiter made(config.value().rule(), options, epoch);
    if (made.sets_ == nullptr || made.tallies_ == nullptr) return Error{Code::kNoMemory, "no memory for the table"};
    return made;
  }

  // Takes n permits of the key's or nothing.
  Decision try_acquire_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    return decide(key, now, n, /*take=*/true);
  }
  Decision try_acquire(LimiterKey key, std::int64_t n = 1) noexcept { return try_acquire_at(key, Clock::now(), n); }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    return decide(key, now, n, /*take=*/false);
  }
  Decision peek(LimiterKey key, std::int64_t n = 1) noexcept { return peek_at(key, Clock::now(), n); }

  // As the limiter's own refund; counts at once. Answers the permits given back.
  std::int64_t refund_at(LimiterKey key, Charge charge, TimePoint now) noexcept {
    const std::uint64_t tag = tag_of(key);
    for (Set* set : {&first(tag), &second(tag)}) {
      const detail::SetLock lock(*set);
      const std::size_t way = set->find(tag);
      if (way != detail::kNoWay) return rule_.refund(set->states[way], algorithm::since(epoch_, now), charge);
    }
    return 0;
  }
  std::int64_t refund(LimiterKey key, Charge charge) noexcept { return refund_at(key, charge, Clock::now()); }

  // Walks the whole table, one set locked at a time: for a scrape, not for a request.
  KeyedStats stats_at(TimePoint now) const noexcept {
    KeyedStats stats{.memory_bytes = set_count_ * sizeof(Set), .capacity = set_count_ * detail::kWays};
    const Duration elapsed = algorithm::since(epoch_, now);
    for (std::size_t i = 0; i < set_count_; ++i) stats.keys_active += active_in(sets_[i], elapsed);
    for (std::size_t i = 0; i < kTallies; ++i) {
      // Relaxed: counts order nothing.
      stats.evictions += tallies_[i].evictions.load(std::memory_order_relaxed);
      stats.full_refusals += tallies_[i].full_refusals.load(std::memory_order_relaxed);
      stats.full_admissions += tallies_[i].full_admissions.load(std::memory_order_relaxed);
    }
    return stats;
  }
  KeyedStats stats() const noexcept { return stats_at(Clock::now()); }

 private:
  using Rule = std::remove_cvref_t<decltype(std::declval<typename Limiter::Config>().rule())>;
  using State = typename Rule::State;
  using Set = detail::KeyedSet<State>;

  static constexpr std::size_t kMaxMemory = std::size_t{1} << 42;
  static constexpr std::size_t kTallies = 16;

  struct alignas(detail::kCacheLine) Tally {
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> full_refusals{0};
    std::atomic<std::uint64_t> full_admissions{0};
  };

  struct Place {
    Set* set = nullptr;
    detail::SetLock<State>* lock = nullptr;
    std::size_t way = detail::kNoWay;
  };

  KeyedRateLimiter(const Rule& rule, const KeyedOptions& options, TimePoint epoch)
      : rule_(rule),
        epoch_(epoch),
        when_full_(options.when_full),
        seed_(seed(options.seed)),
        set_count_(options.memory_bytes / sizeof(Set)),
        sets_(new (std::nothrow) Set[set_count_]()),
        tallies_(new (std::nothrow) Tally[kTallies]()) {}

  static detail::SipKey seed(std::uint64_t given) {
    if (given != 0) return {given, ~given};
    std::random_device random;
    const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
    return {word(), word()};
  }

  Decision decide(LimiterKey key, TimePoint now, std::int64_t n, bool take) noexcept {
    const std::uint64_t tag = tag_of(key);
    const Duration elapsed = algorithm::since(epoch_, now);
    if (const auto known = decide_known(first(tag), tag, elapsed, n, take)) {
      return algorithm::seen_from(now, epoch_, *known);
    }
    return decide_in_both(tag, now, n, take);
  }

  std::optional<Decision> decide_known(Set& set, std::uint64_t tag, Duration elapsed, std::int64_t n,
                                       bool take) noexcept {
    const detail::SetLock lock(set);
    const std::size_t way = set.find(tag);
    if (way == detail::kNoWay) return std::nullopt;
    return take ? rule_.acquire(set.states[way], elapsed, n) : rule_.peek(set.states[way], elapsed, n);
  }

  // A key that is in its second set or nowhere: with both sets locked (the lower one first), so that no key comes in
  // twice.
  Decision decide_in_both(std::uint64_t tag, TimePoint now, std::int64_t n, bool take) noexcept {
    Set& one = first(tag);
    Set& two = second(tag);
    if (&one == &two) {
      detail::SetLock lock(one);
      return decide_locked(tag, now, n, take, {{{&one, &lock}, {&one, &lock}}});
    }
    detail::SetLock low(std::min(&one, &two) == &one ? one : two);
    detail::SetLock high(std::min(&one, &two) == &one ? two : one);
    const bool ordered = &one < &two;
    return decide_locked(tag, now, n, take, {{{&one, ordered ? &low : &high}, {&two, ordered ? &high : &low}}});
  }

  Decision decide_locked(std::uint64_t tag, TimePoint now, std::int64_t n, bool take,
                         std::array<Place, 2> places) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    for (const Place& place : places) {
      const std::size_t way = place.set->find(tag);
      if (way == detail::kNoWay) continue;
      State& state = place.set->states[way];
      return algorithm::seen_from(now, epoch_, take ? rule_.acquire(state, elapsed, n) : rule_.peek(state, elapsed, n));
    }
    const Duration start = std::max({elapsed, places[0].lock->latest(), places[1].lock->latest()});
    return algorithm::seen_from(now, epoch_ + start, start_key(tag, start, n, take, places));
  }

  Decision start_key(std::uint64_t tag, Duration elapsed, std::int64_t n, bool take,
                     const std::array<Place, 2>& places) noexcept {
    State fresh{};
    Decision decision = rule_.acquire(fresh, elapsed, n);
    if (!decision.allowed || n <= 0) return decision;
    const Place place = vacancy(places, elapsed);
    if (place.set == nullptr) return decide_full(tag, elapsed, take, decision, places);
    if (!take) return rule_.peek(State{}, elapsed, n);
    if (place.set->tags[place.way] != 0) {
      place.lock->forgot_at(elapsed);
      count(&Tally::evictions, tag);
    }
    place.set->tags[place.way] = tag;
    place.set->states[place.way] = fresh;
    return decision;
  }

  // Where a new key goes: its first set while that is less than half full, so that most look-ups find it there; then
  // the emptier of the two, which is what keeps both from filling (two choices, Azar et al. 1994).
  Place vacancy(std::array<Place, 2> places, Duration elapsed) const noexcept {
    const std::size_t in_first = active_ways(*places[0].set, elapsed);
    const bool crowded = in_first > detail::kWays / 2 && active_ways(*places[1].set, elapsed) < in_first;
    Place& chosen = places[crowded ? 1 : 0];
    chosen.way = chosen.set->find(0);
    for (std::size_t way = 0; way < detail::kWays && chosen.way == detail::kNoWay; ++way) {
      if (rule_.idle_at(chosen.set->states[way]) <= elapsed) chosen.way = way;
    }
    return chosen.way == detail::kNoWay ? Place{} : chosen;
  }

  Decision decide_full(std::uint64_t tag, Duration elapsed, bool take, Decision fresh,
                       const std::array<Place, 2>& places) noexcept {
    if (take) count(when_full_ == WhenFull::kAllow ? &Tally::full_admissions : &Tally::full_refusals, tag);
    fresh.charge = {};
    if (when_full_ == WhenFull::kAllow) return fresh;
    Duration free_at = Duration::max();
    for (const Place& place : places) {
      for (const State& state : place.set->states) free_at = std::min(free_at, rule_.idle_at(state));
    }
    const Duration wait = free_at - elapsed;
    return {.limit = fresh.limit, .remaining = 0, .retry_after = wait, .reset_after = wait};
  }

  std::size_t active_in(Set& set, Duration elapsed) const noexcept {
    const detail::SetLock lock(set);
    return active_ways(set, elapsed);
  }
  // The set is locked.
  std::size_t active_ways(const Set& set, Duration elapsed) const noexcept {
    std::size_t active = 0;
    for (std::size_t way = 0; way < detail::kWays; ++way) {
      if (set.tags[way] != 0 && rule_.idle_at(set.states[way]) > elapsed) ++active;
    }
    return active;
  }

  void count(std::atomic<std::uint64_t> Tally::*what, std::uint64_t tag) noexcept {
    (tallies_[tag % kTallies].*what).fetch_add(1, std::memory_order_relaxed);  // relaxed: a count orders nothing
  }

  std::uint64_t tag_of(LimiterKey key) const noexcept {
    const std::uint64_t hash = key.hash(seed_);
    return hash != 0 ? hash : 1;
  }
  Set& first(std::uint64_t tag) const noexcept { return sets_[scale(tag)]; }
  Set& second(std::uint64_t tag) const noexcept { return sets_[scale(tag * 0x9e3779b97f4a7c15)]; }
  std::size_t scale(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((algorithm::Wide{hash} * set_count_) >> 64);
  }

  Rule rule_;
  TimePoint epoch_;
  WhenFull when_full_;
  detail::SipKey seed_;
  std::size_t set_count_;
  std::unique_ptr<Set[]> sets_;
  std::unique_ptr<Tally[]> tallies_;
};

}  // namespace seawall
