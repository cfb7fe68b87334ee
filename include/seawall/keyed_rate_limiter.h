// SPDX-License-Identifier: MIT
//
// KeyedRateLimiter<TokenBucket> and KeyedRateLimiter<SlidingWindow>: the same limit for each of very many keys (users,
// addresses, API tokens) in memory that is chosen once and never grows.
//
// Use it when keys come from outside; use a TokenBucket or SlidingWindow by itself for one limit with a name. Each key
// gets what the single limiter would give it. Only a key whose state says no more than a fresh one (a full
// bucket, an empty window) is forgotten to make room, so forgetting never lets anything pass. A key has its place in
// one line of seven; when all are taken by keys in use, `when_full` decides and a counter counts: 0.3 % of keys at 24
// bytes a key (all of them in use), 1 in 100,000 at 64; a window takes eight times the bytes.
//
// Keys are told apart by a hash with a secret seed: their line, and a tag of tag_bits() (23 to 28 for a bucket;
// 38 for a window of 200, 16 at least) beside their state. Two of n keys in use share a limit with probability below n
// * n / (lines * 2^(tag_bits + 1)); they are then refused early, never admitted beyond the limit. For a bucket, time is
// read in ticks of 2^-28 of the burst's time (algorithm/keyed_bucket.h).
//
// Lock-free and without pointers, so it works in memory that processes share (make_in, attach); a thread or process
// that dies anywhere in a call stops nobody. Any thread may call anything but restore_at; nothing allocates.
//
//   auto users = seawall::KeyedRateLimiter<seawall::SlidingWindow>::make({.quota = quota}).value();
//   const seawall::Decision d = users.try_acquire(user_id);
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) users.refund(user_id, d.charge);
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "seawall/decision.h"
#include "seawall/detail/keyed_bucket_line.h"
#include "seawall/detail/keyed_table.h"
#include "seawall/detail/keyed_window_line.h"
#include "seawall/keyed_options.h"
#include "seawall/limiter_key.h"
#include "seawall/result.h"
#include "seawall/sliding_window.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"

namespace seawall {

template <class Limiter>
class KeyedRateLimiter {
  static_assert(std::is_same_v<Limiter, TokenBucket> || std::is_same_v<Limiter, SlidingWindow>);
  using Cell = std::atomic<std::uint64_t>;
  using Table = detail::KeyedTable<std::conditional_t<std::is_same_v<Limiter, TokenBucket>,
                                                      detail::KeyedBucketLine<Cell>, detail::KeyedWindowLine<Cell>>>;

 public:
  // The memory at which 1 of `keys` in use in 300 overflows: 24 bytes for each, 192 in a table of windows.
  static constexpr std::size_t memory_for(std::size_t keys) noexcept {
    return Table::Memory::bytes((keys * 3 + 7) / 8);
  }

  // Errors: kInvalidArgument, as the limiter's own config or for memory_bytes below one line; kNoMemory.
  static Result<KeyedRateLimiter> make(const KeyedOptions& options, TimePoint epoch = Clock::now()) {
    return of(Table::make(options, epoch));
  }

  // As make(), in the caller's memory, aligned to 64 bytes, which must outlive all that use it; options.memory_bytes
  // is not read. For processes that share it: one makes, the others attach.
  static Result<KeyedRateLimiter> make_in(std::span<std::byte> memory, const KeyedOptions& options,
                                          TimePoint epoch = Clock::now()) {
    return of(Table::make_in(memory, options, epoch));
  }

  // Uses a table that make_in made in this memory, at whatever address it is now. Errors: kInvalidArgument when it is
  // not one, not finished, or not of this kind or size. Only the header is checked: whoever may write to the memory can
  // make wrong answers (a key whose words make no sense is refused), but every call ends.
  static Result<KeyedRateLimiter> attach(std::span<std::byte> memory) { return of(Table::attach(memory)); }

  // Takes n permits of the key's or nothing.
  Decision try_acquire_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    return acquire(spot(key), now, n);
  }
  Decision try_acquire(LimiterKey key, std::int64_t n = 1) noexcept { return try_acquire(key, Clock(), n); }
  // Asks the memory for the key's line before it reads the clock.
  template <ReadableClock C>
  [[gnu::always_inline]] Decision try_acquire(LimiterKey key, const C& clock, std::int64_t n = 1) noexcept {
    const Spot found = spot(key);
    Table::prefetch(found);
    return acquire(found, relaxed_now(clock), n);
  }

  // Where the key lies, and the memory is asked for it: the verbs that follow find it near.
  KeyPlace place_of(LimiterKey key) const noexcept {
    const KeyPlace place(key.hash(table_.hash()));
    Table::prefetch(table_.spot(place.hash_));
    return place;
  }
  Decision try_acquire_at(KeyPlace place, TimePoint now, std::int64_t n = 1) noexcept {
    return acquire(table_.spot(place.hash_), now, n);
  }

  // try_acquire_at for each key in turn, with 16 lines at a time asked from memory first. decisions.size() at least
  // keys.size(). The second reads the clock once, after the first lines were asked for.
  template <class Key>
  void try_acquire_batch_at(std::span<const Key> keys, TimePoint now, std::span<Decision> decisions,
                            std::int64_t n = 1) noexcept {
    batch(keys, decisions, n, [now] { return now; });
  }
  template <class Key, ReadableClock C>
  void try_acquire_batch(std::span<const Key> keys, const C& clock, std::span<Decision> decisions,
                         std::int64_t n = 1) noexcept {
    batch(keys, decisions, n, [&clock] { return relaxed_now(clock); });
  }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    return peek_at(KeyPlace(key.hash(table_.hash())), now, n);
  }
  Decision peek_at(KeyPlace place, TimePoint now, std::int64_t n = 1) noexcept {
    const Spot spot = table_.spot(place.hash_);
    Decision decision;
    spot.line->peek(table_.shared(spot), spot.tag, table_.moment(now), n, decision);
    return algorithm::seen_from(now, table_.epoch(), decision);
  }
  Decision peek(LimiterKey key, std::int64_t n = 1) noexcept { return peek_at(key, Clock::now(), n); }

  // As the limiter's own refund; counts at once (of a window's earlier sub-windows `remaining` may hear later). Answers
  // the permits given back.
  std::int64_t refund_at(LimiterKey key, Charge charge, TimePoint now) noexcept {
    return refund_at(KeyPlace(key.hash(table_.hash())), charge, now);
  }
  std::int64_t refund_at(KeyPlace place, Charge charge, TimePoint now) noexcept {
    const Spot spot = table_.spot(place.hash_);
    return spot.line->refund(table_.shared(spot), spot.tag, table_.elapsed(now), charge);
  }
  std::int64_t refund(LimiterKey key, Charge charge) noexcept { return refund_at(key, charge, Clock::now()); }

  // Walks the whole table: for a scrape, not for a request.
  KeyedStats stats_at(TimePoint now) const noexcept { return table_.stats_at(now); }
  KeyedStats stats() const noexcept { return stats_at(Clock::now()); }

  int tag_bits() const noexcept { return table_.tag_bits(); }

  // Writes all keys in use to `out` and answers how many bytes that takes: nothing was saved when that is more than
  // out.size(). Others may go on; what they take meanwhile may be missing. The bytes contain the seed: keep them as
  // secret as the keys should be unpredictable.
  std::size_t save_at(std::span<std::byte> out, TimePoint now) const noexcept { return table_.save_at(out, now); }

  // Fills a new table from what save_at wrote, before anybody else uses it; its quota, kind and memory must be those of
  // the saved one, and it takes over the seed. Clocks of two machines or boots cannot be compared: the caller says how
  // much time has `passed` since, as far as it is sure (a wall clock that nobody steps); 0 is always safe, and nobody
  // gets more than if the table had never been away. Error: kInvalidArgument when the bytes are cut, changed or of
  // another table; the table is then empty as before.
  Result<void> restore_at(std::span<const std::byte> saved, TimePoint now, Duration passed = Duration(0)) noexcept {
    return table_.restore_at(saved, now, passed);
  }

  // Another limit for all keys: make a new table with it, of the same memory, let it take over what the old one's keys
  // have used, before anybody else uses it, then use it in place of the old one. A key in use has as many permits left
  // as before or the same share (LimitChange; of a window as many are taken, now), any other the whole new limit. What
  // the old table grants after its keys were taken over is not known to the new one: at most its limit for each key.
  // Charges stay with their table. Error: kInvalidArgument when the tables differ in size.
  Result<void> take_over_at(const KeyedRateLimiter& old, LimitChange how, TimePoint now) noexcept {
    return table_.take_over_at(old.table_, how, now);
  }
  Result<void> take_over(const KeyedRateLimiter& old, LimitChange how) noexcept {
    return take_over_at(old, how, Clock::now());
  }

 private:
  explicit KeyedRateLimiter(Table&& table) noexcept : table_(std::move(table)) {}
  static Result<KeyedRateLimiter> of(Result<Table>&& table) {
    if (!table) return table.error();
    return KeyedRateLimiter(std::move(table).value());
  }

  using Spot = typename Table::Spot;

  Spot spot(LimiterKey key) const noexcept { return table_.spot(key.hash(table_.hash())); }

  [[gnu::always_inline]] void acquire(const Spot& spot, const algorithm::KeyedMoment& at, std::int64_t n,
                                      Decision& decision) noexcept {
    if (!spot.line->acquire_met(table_.rule(), spot.tag, at, n, decision)) [[unlikely]]
      acquire_slowly(spot, at, n, decision);
  }
  // Not inlined, these two: so what is common keeps its registers.
  [[gnu::noinline]] void acquire_slowly(Spot spot, algorithm::KeyedMoment at, std::int64_t n,
                                        Decision& decision) noexcept {
    spot.line->acquire(table_.shared(spot), spot.tag, at, n, decision);
  }
  // Before the epoch, or thirty years after it.
  [[gnu::noinline]] void acquire_outside(Spot spot, TimePoint now, std::int64_t n, Decision& decision) noexcept {
    acquire_slowly(spot, table_.moment(now), n, decision);
    decision = algorithm::seen_from(now, table_.epoch(), decision);
  }
  [[gnu::always_inline]] Decision acquire(const Spot& spot, TimePoint now, std::int64_t n) noexcept {
    Decision decision;
    algorithm::KeyedMoment at;
    if (!table_.moment_within(now, at)) [[unlikely]] {
      acquire_outside(spot, now, n, decision);
    } else {
      acquire(spot, at, n, decision);
    }
    return decision;
  }

  template <class Key, class Now>
  void batch(std::span<const Key> keys, std::span<Decision> decisions, std::int64_t n, const Now& read) noexcept {
    std::array<Spot, 16> spots;
    TimePoint now;
    algorithm::KeyedMoment at{};
    for (std::size_t done = 0; done < keys.size(); done += spots.size()) {
      const auto part = keys.subspan(done, std::min(spots.size(), keys.size() - done));
      for (std::size_t i = 0; i < part.size(); ++i) {
        Table::prefetch(spots[i] = spot(part[i]));
      }
      if (done == 0) at = table_.moment(now = read());
      for (std::size_t i = 0; i < part.size(); ++i) acquire(spots[i], at, n, decisions[done + i]);
    }
    if (keys.empty() || now >= table_.epoch()) return;
    for (Decision& decision : decisions.first(keys.size())) {
      decision = algorithm::seen_from(now, table_.epoch(), decision);
    }
  }

  Table table_;
};

}  // namespace seawall
