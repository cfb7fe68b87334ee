// SPDX-License-Identifier: MIT
//
// The choice of one instance from a service's list, by the balancer that the list names. Reads only what the directory
// shows (whoever calls then checks that the list was whole); writes the cursor of its stripe, and takes a probe where
// an instance was ejected long enough.
//
// Whoever may not be chosen is never chosen; who is drawn and may not is drawn again, a few times, and then the list is
// scanned from a random place, so that all callers of a service in trouble do not herd to the same successor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "seawall/algorithm/distinct_pair.h"
#include "seawall/algorithm/maglev.h"
#include "seawall/algorithm/spill_over.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/pick_choice.h"
#include "seawall/detail/service_list.h"

namespace seawall::detail {

// Gate knows breakers: note(word) of a closed one, open_to(record) whether one that is not closed would admit a
// probe now, and probe(record, note) takes it.
template <class Directory, class Gate>
class ServiceChooser {
 public:
  ServiceChooser(const Directory& directory, std::uint32_t service, const Word* words, const Wanted& wanted,
                 const Gate& gate, bool is_view) noexcept
      : d_(directory),
        service_(service),
        words_(words),
        wanted_(wanted),
        gate_(gate),
        is_view_(is_view),
        head_(seen(words[0])) {
    known_ = d_.list_size(head_.known());
    eligible_ = std::min(head_.eligible(), known_);
    local_ = std::min(head_.local(), eligible_);
  }

  Choice choose(std::uint32_t ejected) noexcept {
    panic_ = head_.panics(ejected);
    if (panic_ && head_.fails()) return {};
    Choice choice = ordinary();
    if (!choice.found() && !panic_ && !passed_over_ && !head_.fails() && head_.panic_threshold() != 0) {
      panic_ = true;  // all leases have ended since the list was made, or all are ejected
      choice = ordinary();
    }
    if (choice.found() && panic_) choice.flags |= kPickPanic;
    if (choice.found() && head_.unfiltered()) choice.flags |= kPickUnfiltered;
    return choice;
  }

 private:
  static constexpr std::uint32_t kTries = 4;    // pairs
  static constexpr std::uint32_t kDraws = 16;   // of the weighted choice
  static constexpr std::uint32_t kProbes = 32;  // places of a table

  struct Range {
    std::uint32_t first, size;
  };
  enum class Fit : std::uint32_t { kNo, kProbe, kYes };

  Choice ordinary() noexcept {
    const Range all{0, panic_ ? known_ : eligible_};
    if (all.size == 0) return {};
    if (head_.balancer() >= 4) return by_key(all);
    if (panic_ || local_ == 0 || local_ == eligible_) return in(all, 0);
    const std::uint64_t share = seen(words_[1]) & 0x1ffff;
    const bool stays = share >= algorithm::kWholeShare || (random() & 0xffff) < share;
    const Choice choice = stays ? in({0, local_}, 0) : in({local_, eligible_ - local_}, 1);
    return choice.found() ? choice : in(all, 0);
  }

  Choice in(Range range, std::uint32_t cursor) noexcept {
    switch (head_.balancer()) {
      case 0:
        return in_turn(range, d_.cursor(service_, cursor));
      case 1:
        return by_weight(range);
      default:
        return better_of_two(range);
    }
  }

  Choice in_turn(Range range, Word& cursor) noexcept {
    // Relaxed, and not one read-modify-write: a step lost between threads of one stripe repeats a pick and no more.
    std::uint64_t place = Place::within(cursor.load(std::memory_order_relaxed), range.size);
    // What is still without a hit after two rounds is light instances that would have to wait: the third takes any.
    for (std::uint32_t step = 0; step < 3 * range.size; ++step) {
      const std::uint32_t at = range.first + static_cast<std::uint32_t>(place);
      const bool hit = step >= 2 * range.size || Place::hits(place, entry(at).weight);
      place = Place::next(place, range.size);
      if (!hit) continue;
      const Choice choice = admit(at);
      if (!choice.found()) continue;
      cursor.store(place, std::memory_order_relaxed);  // as above
      return choice;
    }
    return {};
  }

  // Drawn evenly and kept by weight, which is exact however often it is tried; then exactly, in two walks.
  Choice by_weight(Range range) noexcept {
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      const std::uint64_t r = random();
      const std::uint32_t at = range.first + algorithm::below(range.size, static_cast<std::uint32_t>(r));
      if (algorithm::below(algorithm::StaticStride::kMaxWeight, static_cast<std::uint32_t>(r >> 32)) >=
          entry(at).weight) {
        continue;
      }
      const Choice choice = admit(at);
      if (choice.found()) return choice;
    }
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < range.size; ++i) {
      if (fit(range.first + i) != Fit::kNo) sum += entry(range.first + i).weight;
    }
    if (sum == 0) return scan(range, 0);  // which notes whom the caller excluded
    std::uint64_t left = random() % sum;
    for (std::uint32_t i = 0; i < range.size; ++i) {
      if (fit(range.first + i) == Fit::kNo) continue;
      const std::uint64_t weight = entry(range.first + i).weight;
      if (left < weight) {
        const Choice choice = admit(range.first + i);
        if (choice.found()) return choice;
        left = 0;  // a probe that somebody else took meanwhile: the next one
        continue;
      }
      left -= weight;
    }
    return {};
  }

  Choice better_of_two(Range range) noexcept {
    if (range.size == 1) return admit(range.first);
    for (std::uint32_t i = 0; i < kTries; ++i) {
      const Choice choice = better_of(range, algorithm::distinct_pair(range.size, random()));
      if (!choice.found()) continue;
      if (range.size >= kLongList) {
        const std::uint64_t next = StripeRandom::ahead(d_.cursor(service_, 2));
        ask_ahead(d_, &words_[ListHead::kWords + range.first], algorithm::distinct_pair(range.size, next));
      }
      return choice;
    }
    return scan(range, algorithm::below(range.size, static_cast<std::uint32_t>(random())));
  }

  Choice better_of(Range range, algorithm::Pair pair) noexcept {
    const std::uint32_t a = range.first + pair.first, b = range.first + pair.second;
    const ListEntry entry_a = entry(a), entry_b = entry(b);
    const InstanceRecord &record_a = d_.record(entry_a.record), &record_b = d_.record(entry_b.record);
    __builtin_prefetch(&record_a);
    __builtin_prefetch(&record_b);
    const TwoChoices two(words_, head_.measures(), wanted_.now_ms);
    const Fit fit_a = fit(record_a), fit_b = fit(record_b);
    for (const auto& [at, fits] : {std::pair{a, fit_a}, std::pair{b, fit_b}}) {
      if (fits != Fit::kProbe) continue;
      const Choice choice = admit(at);
      if (choice.found()) return choice;
    }
    if (fit_a != Fit::kYes && fit_b != Fit::kYes) return {};
    const bool first = fit_b != Fit::kYes || (fit_a == Fit::kYes && !two.second_is_better(record_a, entry_a.weight,
                                                                                          record_b, entry_b.weight));
    return {(first ? entry_a : entry_b).pack(), Gate::note(seen((first ? record_a : record_b).breaker)),
            spilled(first ? a : b)};
  }

  Choice scan(Range range, std::uint32_t from) noexcept {
    for (std::uint32_t i = 0; i < range.size; ++i) {
      const Choice choice = admit(range.first + (from + i) % range.size);
      if (choice.found()) return choice;
    }
    return {};
  }

  Choice by_key(Range range) noexcept {
    const std::uint64_t hash = wanted_.keyed ? wanted_.key : random();
    const std::uint64_t word = seen(words_[1]);
    const auto size = static_cast<std::uint32_t>(word >> 40);
    const Word* table = d_.table(static_cast<std::uint32_t>(word >> 32) & 0xff);
    const Choice choice = table == nullptr || size == 0 ? Choice{}
                          : head_.balancer() == 4       ? by_maglev(table, std::min(size, d_.table_words() * 4), hash)
                                                        : by_ring(table, std::min(size, d_.table_words()), hash);
    return choice.found() ? choice : scan(range, algorithm::below(range.size, static_cast<std::uint32_t>(hash)));
  }
  // Who is not eligible keeps its places in the table; its keys go where a second hash, and a third, leads.
  Choice by_maglev(const Word* table, std::uint32_t size, std::uint64_t hash) noexcept {
    for (std::uint32_t i = 0; i < kProbes; ++i) {
      const auto at = static_cast<std::uint32_t>(hash % size);
      const Choice choice = of_slot(static_cast<std::uint32_t>(seen(table[at / 4]) >> at % 4 * 16) & 0xffff);
      if (choice.found()) return choice;
      hash = algorithm::mix64(hash + 0x9e3779b97f4a7c15u);
    }
    return {};
  }
  Choice by_ring(const Word* ring, std::uint32_t size, std::uint64_t hash) noexcept {
    std::uint32_t low = 0, high = size;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      const bool before = seen(ring[middle]) < (hash & ~std::uint64_t{0xffff});
      low = before ? middle + 1 : low;
      high = before ? high : middle;
    }
    for (std::uint32_t i = 0; i < kProbes && i < size; ++i) {
      const Choice choice = of_slot(static_cast<std::uint32_t>(seen(ring[(low + i) % size])) & 0xffff);
      if (choice.found()) return choice;
    }
    return {};
  }
  // A slot says what its instance is to the service. What it is to a view, only the view's list says.
  Choice of_slot(std::uint32_t slot) noexcept {
    const std::uint64_t word = seen(d_.slot(slot));
    if (is_view_) return listed(ListEntry::unpack(word));
    const std::uint32_t weight = ListEntry::unpack(word).weight;
    return weight < (panic_ ? 1u : 2u) ? Choice{} : admit_word(word, 0);
  }

  // A view that chooses by key has each part of its list in the order of records.
  Choice listed(const ListEntry& wanted) noexcept {
    const std::uint32_t ends[] = {0, local_, eligible_, panic_ ? known_ : eligible_};
    for (std::size_t part = 0; part < 3; ++part) {
      const std::uint32_t at = first_not_before(wanted.record, {ends[part], ends[part + 1] - ends[part]});
      if (at == ends[part + 1] || entry(at).record != wanted.record) continue;
      const bool same = entry(at).generation == wanted.generation;
      return same ? admit_word(seen(words_[ListHead::kWords + at]), 0) : Choice{};
    }
    return {};
  }
  std::uint32_t first_not_before(std::uint32_t record, Range range) const noexcept {
    std::uint32_t low = range.first, high = range.first + range.size;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      const bool before = entry(middle).record < record;
      low = before ? middle + 1 : low;
      high = before ? high : middle;
    }
    return low;
  }

  ListEntry entry(std::uint32_t at) const noexcept { return ListEntry::unpack(seen(words_[ListHead::kWords + at])); }

  // Without taking anything.
  Fit fit(std::uint32_t at) const noexcept { return fit(d_.record(entry(at).record)); }
  Fit fit(const InstanceRecord& r) const noexcept {
    if (excluded(r)) return Fit::kNo;
    if (panic_) return Fit::kYes;
    if (static_cast<std::int64_t>(seen(r.lease_end)) <= wanted_.now) return Fit::kNo;
    const std::uint64_t breaker = seen(r.breaker);
    if (Gate::closed(breaker)) return Fit::kYes;
    return gate_.open_to(r) ? Fit::kProbe : Fit::kNo;
  }
  Choice admit(std::uint32_t at) noexcept { return admit_word(seen(words_[ListHead::kWords + at]), spilled(at)); }
  std::uint32_t spilled(std::uint32_t at) const noexcept {
    return local_ != 0 && at >= local_ ? std::uint32_t{kPickSpilled} : 0;
  }
  Choice admit_word(std::uint64_t word, std::uint32_t flags) noexcept {
    InstanceRecord& r = d_.record(ListEntry::unpack(word).record);
    if (!panic_ && static_cast<std::int64_t>(seen(r.lease_end)) <= wanted_.now) return {};
    if (excluded(r)) {
      passed_over_ = true;
      return {};
    }
    const std::uint64_t breaker = seen(r.breaker);
    if (panic_ || Gate::closed(breaker)) return {word, Gate::note(breaker), flags};
    std::uint32_t note = 0;
    if (!gate_.probe(r, note)) return {};
    return {word, note, flags | (Gate::is_probe(note) ? std::uint32_t{kPickProbe} : 0)};
  }
  bool excluded(const InstanceRecord& r) const noexcept {
    return !wanted_.exclude.empty() &&
           std::find(wanted_.exclude.begin(), wanted_.exclude.end(), seen(r.address) >> 32) != wanted_.exclude.end();
  }

  std::uint64_t random() noexcept { return StripeRandom::draw(d_.cursor(service_, 2)); }

  const Directory& d_;
  const std::uint32_t service_;
  const Word* const words_;
  const Wanted& wanted_;
  const Gate& gate_;
  const bool is_view_;
  const ListHead head_;
  std::uint32_t known_ = 0, eligible_ = 0, local_ = 0;
  bool panic_ = false;
  bool passed_over_ = false;  // somebody eligible was, for the caller's sake
};

}  // namespace seawall::detail
