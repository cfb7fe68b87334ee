// SPDX-License-Identifier: MIT
//
// KeyedTable: the memory of a keyed limiter with what is the same for all keys of it: how it is made, found again,
// saved, filled from another one, and where in it a key lies. The verbs are in keyed_rate_limiter.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "seawall/algorithm/elapsed.h"
#include "seawall/algorithm/keyed_code.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/decision.h"
#include "seawall/detail/keyed_hash.h"
#include "seawall/detail/keyed_memory.h"
#include "seawall/detail/keyed_snapshot.h"
#include "seawall/detail/keyed_tally.h"
#include "seawall/keyed_options.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall::detail {

template <class L>
class KeyedTable {
 public:
  using Line = L;
  using Rule = typename Line::Rule;
  using Memory = KeyedMemory<Line>;
  using Moment = algorithm::KeyedMoment;

  static Result<KeyedTable> make(const KeyedOptions& options, TimePoint epoch) {
    const auto rule = Rule::make(options.quota);
    if (!rule) return rule.error();
    if (const auto fits = Memory::check_size(options.memory_bytes); !fits) return fits.error();
    auto allocation = allocate_keyed(options.memory_bytes);
    if (allocation == nullptr) return Error{Code::kNoMemory, "no memory for the table"};
    KeyedTable made(rule.value(), options, epoch, Memory(allocation.get()));
    made.allocation_ = std::move(allocation);
    return made;
  }

  static Result<KeyedTable> make_in(std::span<std::byte> memory, const KeyedOptions& options, TimePoint epoch) {
    const auto rule = Rule::make(options.quota);
    if (!rule) return rule.error();
    if (const auto fits = Memory::check_place(memory); !fits) return fits.error();
    KeyedOptions sized = options;
    sized.memory_bytes = memory.size();
    return KeyedTable(rule.value(), sized, epoch, Memory(memory.data()));
  }

  static Result<KeyedTable> attach(std::span<std::byte> memory) {
    const Error none{Code::kInvalidArgument, "no keyed limiter of this kind was made in this memory"};
    if (const auto fits = Memory::check_place(memory); !fits) return fits.error();
    const Memory found(memory.data());
    const KeyedHeader& header = found.fixed().header;
    // Acquire: with the magic comes the rest of the header.
    const bool made = header.magic.load(std::memory_order_acquire) == KeyedHeader::kMagic;
    if (!made || header.kind != Line::kKind || header.line_count == 0 ||
        header.line_count > Memory::lines(memory.size()) || header.when_full > 2) {
      return none;
    }
    const auto quota = Quota::make(header.permits, Duration(header.period_ns), header.burst);
    if (!quota) return quota.error();
    const auto rule = Rule::make(quota.value());
    if (!rule) return rule.error();
    if (header.tag_bits < 1 || header.tag_bits > rule.value().code().tag_bits()) return none;
    return KeyedTable(rule.value(), quota.value(), found);
  }

  // ---- where a key is: the hash times the lines; 64 bits up stands the line, below it, from the top, the tag -------

  const Rule& rule() const noexcept { return rule_; }
  const KeyedHash& hash() const noexcept { return hash_; }
  struct Spot {
    Line* line;
    std::uint64_t tag;
  };
  Spot spot(std::uint64_t hash) const noexcept {
    const algorithm::Wide place = algorithm::Wide{hash} * line_count_;
    return {&memory_.lines()[static_cast<std::size_t>(place >> 64)], tags_.cut(static_cast<std::uint64_t>(place))};
  }
  // Always inlined: g++ 12 takes a function that only prefetches for one without effect, and leaves its calls out.
  [[gnu::always_inline]] static void prefetch(const Spot& spot) noexcept { __builtin_prefetch(spot.line, 1); }
  typename Line::Shared shared(const Spot& spot) const noexcept {
    auto& fixed = memory_.fixed();
    const auto index = static_cast<std::size_t>(spot.line - memory_.lines());
    return {rule_, when_full_, fixed.overflow[index % Memory::kGroups], fixed.tallies};
  }

  // ---- time -------------------------------------------------------------------------------------------------------

  TimePoint epoch() const noexcept { return epoch_; }
  Duration elapsed(TimePoint now) const noexcept { return algorithm::since(epoch_, now); }
  Moment moment(TimePoint now) const noexcept { return rule_.moment(elapsed(now)); }
  // As moment(), where `elapsed` is `now`, neither before the epoch nor behind the horizon. False: it is.
  bool moment_within(TimePoint now, Moment& moment) const noexcept {
    const auto elapsed = static_cast<std::uint64_t>(to_ns(now)) - static_cast<std::uint64_t>(to_ns(epoch_));
    if (elapsed > static_cast<std::uint64_t>(algorithm::kHorizon.count())) [[unlikely]]
      return false;
    moment = rule_.moment(Duration(static_cast<std::int64_t>(elapsed)));
    return true;
  }

  // ---- all keys ---------------------------------------------------------------------------------------------------

  KeyedStats stats_at(TimePoint now) const noexcept {
    const KeyedTallies& tallies = memory_.fixed().tallies;
    KeyedStats stats{.memory_bytes = Memory::bytes(line_count_),
                     .capacity = line_count_ * Line::kPlaces,
                     .evictions = tallies.sum(&KeyedTally::evictions),
                     .full_refusals = tallies.sum(&KeyedTally::full_refusals),
                     .full_admissions = tallies.sum(&KeyedTally::full_admissions),
                     .overflow_admissions = tallies.sum(&KeyedTally::overflow_admissions)};
    for_each_active(elapsed(now), [&](std::size_t, std::uint64_t, std::uint64_t) { ++stats.keys_active; });
    return stats;
  }
  int tag_bits() const noexcept { return tags_.bits(); }

  std::size_t save_at(std::span<std::byte> out, TimePoint now) const noexcept {
    KeyedSnapshotWriter writer(out, snapshot_header());
    for (const auto& overflow : memory_.fixed().overflow) writer.add(0, 0, Line::saved(rule_, elapsed(now), overflow));
    for_each_active(elapsed(now), [&](auto line, auto tag, auto state) { writer.add(line, tag, state); });
    return writer.finish();
  }

  // Nobody else may use the table, here and below.
  Result<void> restore_at(std::span<const std::byte> saved, TimePoint now, Duration passed) noexcept {
    const KeyedSnapshotReader reader(saved);
    if (!reader.matches(snapshot_header()) || reader.tag_bits() < 1 || reader.tag_bits() > rule_.code().tag_bits())
      return refused();
    adopt(reader.seed(), reader.tag_bits());
    std::size_t group = 0;
    for (std::size_t i = 0; i < reader.entries(); ++i) {
      const KeyedSnapshotEntry entry = reader.entry(i);
      const bool overflow = group < Memory::kGroups;
      if (entry.line >= line_count_ || !Line::is_state(rule_, entry.state) || (entry.tag == 0) != overflow ||
          !tags_.can_be(entry.tag)) {
        return emptied();
      }
      const std::uint64_t state = Line::aged(rule_, entry.state, std::max(passed, Duration(0)));
      if (overflow) {
        Line::restore(rule_, elapsed(now), memory_.fixed().overflow[group++], state);
      } else if (state != 0 && !memory_.lines()[entry.line].restore(rule_, elapsed(now), entry.tag, state)) {
        return emptied();
      }
    }
    return {};
  }

  // A key lies in the same line in both tables. Keys of which this one has too few tag bits to tell them apart become
  // one, as used as the more used of them; where the old one had fewer, this one keeps to those.
  Result<void> take_over_at(const KeyedTable& old, LimitChange how, TimePoint now) noexcept {
    if (old.line_count_ != line_count_) {
      return Error{Code::kInvalidArgument, "the tables must have the same number of bytes"};
    }
    adopt(old.hash_.seed(), std::min(rule_.code().tag_bits(), old.tag_bits()));
    if (how == LimitChange::kReset) return {};
    for (std::size_t i = 0; i < Memory::kGroups; ++i) {
      const std::uint64_t state = Line::saved(old.rule_, old.elapsed(now), old.memory_.fixed().overflow[i]);
      Line::restore(rule_, elapsed(now), memory_.fixed().overflow[i], rule_.taken_over(old.rule_, state, how));
    }
    for (std::size_t i = 0; i < line_count_; ++i) take_over_line(i, old, how, now);
    return {};
  }

 private:
  KeyedTable(const Rule& rule, const KeyedOptions& options, TimePoint epoch, Memory memory)
      : rule_(rule),
        quota_(options.quota),
        epoch_(epoch),
        when_full_(options.when_full),
        hash_(random_seed(options.seed)),
        tags_(rule.code().tag_bits()),
        line_count_(Memory::lines(options.memory_bytes)),
        memory_(memory) {
    memory_.construct(line_count_);
    KeyedHeader& header = memory_.fixed().header;
    header.kind = Line::kKind;
    header.permits = quota_.permits();
    header.period_ns = quota_.period().count();
    header.burst = quota_.burst();
    header.epoch_ns = to_ns(epoch);
    header.when_full = static_cast<std::uint64_t>(when_full_);
    header.line_count = line_count_;
    header.seed = hash_.seed();
    header.tag_bits = tag_bits();
    // Release: who sees the magic sees all of the table.
    header.magic.store(KeyedHeader::kMagic, std::memory_order_release);
  }
  KeyedTable(const Rule& rule, const Quota& quota, Memory memory)
      : rule_(rule),
        quota_(quota),
        epoch_(time_from_ns(memory.fixed().header.epoch_ns)),
        when_full_(static_cast<WhenFull>(memory.fixed().header.when_full)),
        hash_(memory.fixed().header.seed),
        tags_(static_cast<int>(memory.fixed().header.tag_bits)),
        line_count_(memory.fixed().header.line_count),
        memory_(memory) {}

  // each(line, tag, state)
  template <class Each>
  void for_each_active(Duration elapsed, Each&& each) const noexcept {
    for (std::size_t i = 0; i < line_count_; ++i) {
      memory_.lines()[i].for_each_active(rule_, elapsed, [&](auto tag, auto state) { each(i, tag, state); });
    }
  }

  void take_over_line(std::size_t i, const KeyedTable& old, LimitChange how, TimePoint now) noexcept {
    struct Key {
      std::uint64_t tag = 0, state = 0;
    };
    std::array<Key, Line::kPlaces> keys{};
    old.memory_.lines()[i].for_each_active(old.rule_, old.elapsed(now), [&](auto found, auto state) {
      const std::uint64_t wanted = tags_.cut(found);
      const auto place = std::find_if(keys.begin(), keys.end(), [&](auto k) { return k.tag == 0 || k.tag == wanted; });
      *place = {wanted, std::max(place->state, rule_.taken_over(old.rule_, state, how))};
    });
    for (const Key& key : keys) {
      if (key.state != 0) (void)memory_.lines()[i].restore(rule_, elapsed(now), key.tag, key.state);  // there is room
    }
  }

  KeyedSnapshotHeader snapshot_header() const noexcept {
    return {.kind = Line::kKind,
            .permits = quota_.permits(),
            .period_ns = quota_.period().count(),
            .burst = quota_.burst(),
            .line_count = line_count_,
            .seed = hash_.seed(),
            .tag_bits = tag_bits()};
  }
  void adopt(SipKey seed, std::int64_t tag_bits) noexcept {
    KeyedHeader& header = memory_.fixed().header;
    header.seed = seed;
    header.tag_bits = tag_bits;
    hash_ = KeyedHash(seed);
    tags_ = KeyedTags(static_cast<int>(tag_bits));
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
  KeyedHash hash_;
  KeyedTags tags_;
  std::size_t line_count_;
  Memory memory_;
  KeyedAllocation allocation_;
};

}  // namespace seawall::detail
