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

#include "seawall/decision.h"
#include "seawall/detail/keyed_bucket_line.h"
#include "seawall/detail/keyed_hash.h"
#include "seawall/detail/keyed_memory.h"
#include "seawall/detail/keyed_snapshot.h"
#include "seawall/detail/keyed_window_line.h"
#include "seawall/keyed_options.h"
#include "seawall/limiter_key.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/sliding_window.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"

namespace seawall {

template <class Limiter>
class KeyedRateLimiter {
  static_assert(std::is_same_v<Limiter, TokenBucket> || std::is_same_v<Limiter, SlidingWindow>);
  using Cell = std::atomic<std::uint64_t>;
  using Line = std::conditional_t<std::is_same_v<Limiter, TokenBucket>, detail::KeyedBucketLine<Cell>,
                                  detail::KeyedWindowLine<Cell>>;
  using Rule = typename Line::Rule;
  using Memory = detail::KeyedMemory<Line>;
  using Moment = algorithm::KeyedMoment;

 public:
  // The memory at which 1 of `keys` in use in 300 overflows: 24 bytes for each, 192 in a table of windows.
  static constexpr std::size_t memory_for(std::size_t keys) noexcept { return Memory::bytes((keys * 3 + 7) / 8); }

  // Errors: kInvalidArgument, as the limiter's own config or for memory_bytes below one line; kNoMemory.
  static Result<KeyedRateLimiter> make(const KeyedOptions& options, TimePoint epoch = Clock::now()) {
    const auto rule = Rule::make(options.quota);
    if (!rule) return rule.error();
    if (const auto fits = Memory::check_size(options.memory_bytes); !fits) return fits.error();
    auto allocation = detail::allocate_keyed(options.memory_bytes);
    if (allocation == nullptr) return Error{Code::kNoMemory, "no memory for the table"};
    KeyedRateLimiter made(rule.value(), options, epoch, Memory(allocation.get()));
    made.allocation_ = std::move(allocation);
    return made;
  }

  // As make(), in the caller's memory, aligned to 64 bytes, which must outlive all that use it; options.memory_bytes
  // is not read. For processes that share it: one makes, the others attach.
  static Result<KeyedRateLimiter> make_in(std::span<std::byte> memory, const KeyedOptions& options,
                                          TimePoint epoch = Clock::now()) {
    const auto rule = Rule::make(options.quota);
    if (!rule) return rule.error();
    if (const auto fits = Memory::check_place(memory); !fits) return fits.error();
    KeyedOptions sized = options;
    sized.memory_bytes = memory.size();
    return KeyedRateLimiter(rule.value(), sized, epoch, Memory(memory.data()));
  }

  // Uses a table that make_in made in this memory, at whatever address it is now. Errors: kInvalidArgument when it is
  // not one, not finished, or not of this kind or size.
  static Result<KeyedRateLimiter> attach(std::span<std::byte> memory) {
    if (const auto fits = Memory::check_place(memory); !fits) return fits.error();
    const Memory found(memory.data());
    const detail::KeyedHeader& header = found.fixed().header;
    // Acquire: with the magic comes the rest of the header.
    const bool made = header.magic.load(std::memory_order_acquire) == detail::KeyedHeader::kMagic;
    if (!made || header.kind != Line::kKind || header.line_count == 0 ||
        header.line_count > Memory::lines(memory.size()) || header.when_full > 2) {
      return Error{Code::kInvalidArgument, "no keyed limiter of this kind was made in this memory"};
    }
    const auto quota = Quota::make(header.permits, Duration(header.period_ns), header.burst);
    if (!quota) return quota.error();
    const auto rule = Rule::make(quota.value());
    if (!rule) return rule.error();
    return KeyedRateLimiter(rule.value(), quota.value(), found);
  }

  // Takes n permits of the key's or nothing.
  Decision try_acquire_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    return acquire(key.hash(hash_), moment(now), now, n);
  }
  Decision try_acquire(LimiterKey key, std::int64_t n = 1) noexcept { return try_acquire(key, Clock(), n); }
  // Asks the memory for the key's line before it reads the clock.
  template <ReadableClock C>
  Decision try_acquire(LimiterKey key, const C& clock, std::int64_t n = 1) noexcept {
    const std::uint64_t hash = key.hash(hash_);
    prefetch(hash);
    const TimePoint now = clock.now();
    return acquire(hash, moment(now), now, n);
  }

  // try_acquire_at for each key in turn, with 16 lines at a time asked from memory first. decisions.size() at least
  // keys.size().
  template <class Key>
  void try_acquire_batch_at(std::span<const Key> keys, TimePoint now, std::span<Decision> decisions,
                            std::int64_t n = 1) noexcept {
    const Moment at = moment(now);
    std::array<std::uint64_t, 16> hashes;
    for (std::size_t done = 0; done < keys.size(); done += hashes.size()) {
      const auto part = keys.subspan(done, std::min(hashes.size(), keys.size() - done));
      for (std::size_t i = 0; i < part.size(); ++i) prefetch(hashes[i] = LimiterKey(part[i]).hash(hash_));
      for (std::size_t i = 0; i < part.size(); ++i) acquire(hashes[i], at, now, n, decisions[done + i]);
    }
  }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(LimiterKey key, TimePoint now, std::int64_t n = 1) noexcept {
    const std::uint64_t hash = key.hash(hash_);
    Decision decision;
    line(hash).peek(shared(hash), tag(hash), moment(now), n, decision);
    return algorithm::seen_from(now, epoch_, decision);
  }
  Decision peek(LimiterKey key, std::int64_t n = 1) noexcept { return peek_at(key, Clock::now(), n); }

  // As the limiter's own refund; counts at once (of a window's earlier sub-windows `remaining` may hear later). Answers
  // the permits given back.
  std::int64_t refund_at(LimiterKey key, Charge charge, TimePoint now) noexcept {
    const std::uint64_t hash = key.hash(hash_);
    return line(hash).refund(shared(hash), tag(hash), algorithm::since(epoch_, now), charge);
  }
  std::int64_t refund(LimiterKey key, Charge charge) noexcept { return refund_at(key, charge, Clock::now()); }

  // Walks the whole table: for a scrape, not for a request.
  KeyedStats stats_at(TimePoint now) const noexcept {
    const detail::KeyedTallies& tallies = memory_.fixed().tallies;
    KeyedStats stats{.memory_bytes = Memory::bytes(line_count_),
                     .capacity = line_count_ * Line::kPlaces,
                     .evictions = tallies.sum(&detail::KeyedTally::evictions),
                     .full_refusals = tallies.sum(&detail::KeyedTally::full_refusals),
                     .full_admissions = tallies.sum(&detail::KeyedTally::full_admissions),
                     .overflow_admissions = tallies.sum(&detail::KeyedTally::overflow_admissions)};
    for_each_active(now, [&](std::size_t, std::uint64_t, std::uint64_t) { ++stats.keys_active; });
    return stats;
  }
  KeyedStats stats() const noexcept { return stats_at(Clock::now()); }

  int tag_bits() const noexcept { return rule_.code().tag_bits(); }

  // Writes all keys in use to `out` and answers how many bytes that takes: nothing was saved when that is more than
  // out.size(). Others may go on; what they take meanwhile may be missing. The bytes contain the seed: keep them as
  // secret as the keys should be unpredictable.
  std::size_t save_at(std::span<std::byte> out, TimePoint now) const noexcept {
    detail::KeyedSnapshotWriter writer(out, snapshot_header());
    const Duration elapsed = algorithm::since(epoch_, now);
    for (const auto& overflow : memory_.fixed().overflow) writer.add(0, 0, Line::saved(rule_, elapsed, overflow));
    for_each_active(now,
                    [&](std::size_t line, std::uint64_t tag, std::uint64_t state) { writer.add(line, tag, state); });
    return writer.finish();
  }

  // Fills a new table from what save_at wrote, before anybody else uses it; its quota, kind and memory must be those of
  // the saved one, and it takes over the seed. Clocks of two machines or boots cannot be compared: the caller says how
  // much time has `passed` since, as far as it is sure (a wall clock that nobody steps); 0 is always safe, and nobody
  // gets more than if the table had never been away. Error: kInvalidArgument when the bytes are cut, changed or of
  // another table; the table is then empty as before.
  Result<void> restore_at(std::span<const std::byte> saved, TimePoint now, Duration passed = Duration(0)) noexcept {
    const detail::KeyedSnapshotReader reader(saved);
    if (!reader.matches(snapshot_header())) return refused();
    const Duration elapsed = algorithm::since(epoch_, now);
    adopt(reader.seed());
    std::size_t group = 0;
    for (std::size_t i = 0; i < reader.entries(); ++i) {
      const detail::KeyedSnapshotEntry entry = reader.entry(i);
      const bool overflow = group < Memory::kGroups;
      if (entry.line >= line_count_ || !Line::is_state(rule_, entry.state) || (entry.tag == 0) != overflow ||
          entry.tag >> tag_bits() != 0) {
        return emptied();
      }
      const std::uint64_t state = Line::aged(rule_, entry.state, std::max(passed, Duration(0)));
      if (overflow) {
        Line::restore(rule_, elapsed, memory_.fixed().overflow[group++], state);
      } else if (state != 0 && !memory_.lines()[entry.line].restore(rule_, elapsed, entry.tag, state)) {
        return emptied();
      }
    }
    return {};
  }

 private:
  KeyedRateLimiter(const Rule& rule, const KeyedOptions& options, TimePoint epoch, Memory memory)
      : rule_(rule),
        quota_(options.quota),
        epoch_(epoch),
        when_full_(options.when_full),
        hash_(detail::random_seed(options.seed)),
        line_count_(Memory::lines(options.memory_bytes)),
        memory_(memory) {
    memory_.construct(line_count_);
    detail::KeyedHeader& header = memory_.fixed().header;
    header.kind = Line::kKind;
    header.permits = quota_.permits();
    header.period_ns = quota_.period().count();
    header.burst = quota_.burst();
    header.epoch_ns = to_ns(epoch);
    header.when_full = static_cast<std::uint64_t>(when_full_);
    header.line_count = line_count_;
    header.seed = hash_.seed();
    // Release: who sees the magic sees all of the table.
    header.magic.store(detail::KeyedHeader::kMagic, std::memory_order_release);
  }
  KeyedRateLimiter(const Rule& rule, const Quota& quota, Memory memory)
      : rule_(rule),
        quota_(quota),
        epoch_(time_from_ns(memory.fixed().header.epoch_ns)),
        when_full_(static_cast<WhenFull>(memory.fixed().header.when_full)),
        hash_(memory.fixed().header.seed),
        line_count_(memory.fixed().header.line_count),
        memory_(memory) {}

  Moment moment(TimePoint now) const noexcept { return rule_.moment(algorithm::since(epoch_, now)); }
  void acquire(std::uint64_t hash, const Moment& at, TimePoint now, std::int64_t n, Decision& decision) noexcept {
    line(hash).acquire(shared(hash), tag(hash), at, n, decision);
    if (now < epoch_) [[unlikely]]
      decision = algorithm::seen_from(now, epoch_, decision);
  }
  Decision acquire(std::uint64_t hash, const Moment& at, TimePoint now, std::int64_t n) noexcept {
    Decision decision;
    acquire(hash, at, now, n, decision);
    return decision;
  }

  // The line comes from the hash's high bits, the tag from its low ones.
  std::size_t index(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((algorithm::Wide{hash} * line_count_) >> 64);
  }
  Line& line(std::uint64_t hash) const noexcept { return memory_.lines()[index(hash)]; }
  std::uint64_t tag(std::uint64_t hash) const noexcept { return rule_.code().tag_from(hash); }
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&line(hash), 1); }
  typename Line::Shared shared(std::uint64_t hash) const noexcept {
    auto& fixed = memory_.fixed();
    return {rule_, when_full_, fixed.overflow[index(hash) % Memory::kGroups], fixed.tallies};
  }
  // each(line, tag, state)
  template <class Each>
  void for_each_active(TimePoint now, Each&& each) const noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    for (std::size_t i = 0; i < line_count_; ++i) {
      memory_.lines()[i].for_each_active(rule_, elapsed, [&](auto tag, auto state) { each(i, tag, state); });
    }
  }

  detail::KeyedSnapshotHeader snapshot_header() const noexcept {
    return {.kind = Line::kKind,
            .permits = quota_.permits(),
            .period_ns = quota_.period().count(),
            .burst = quota_.burst(),
            .line_count = line_count_,
            .seed = hash_.seed()};
  }
  void adopt(detail::SipKey seed) noexcept {
    memory_.fixed().header.seed = seed;
    hash_ = detail::KeyedHash(seed);
  }
  static Error refused() noexcept {
    return {Code::kInvalidArgument, "the saved bytes are cut, changed, or of a table with another quota or size"};
  }
  Error emptied() noexcept {
    memory_.construct_lines(line_count_);
    for (auto& overflow : memory_.fixed().overflow) overflow.store(0, std::memory_order_relaxed);  // relaxed: as above
    return refused();
  }

  Rule rule_;
  Quota quota_;
  TimePoint epoch_;
  WhenFull when_full_;
  detail::KeyedHash hash_;
  std::size_t line_count_;
  Memory memory_;
  detail::KeyedAllocation allocation_;
};

}  // namespace seawall
