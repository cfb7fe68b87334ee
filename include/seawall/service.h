// SPDX-License-Identifier: MIT
//
// Service: the handle with which a request chooses an instance. Get it once by name from ServiceRegistry::service();
// to register instances or list them, use the registry itself.
//
// pick() takes the next healthy instance in weighted round robin: each thread has its own position, so the spread is
// even for each thread, and for all of them together up to one pick for each thread. An instance whose lease has ended
// is passed over even before the registry's tick notices. Weight 0 gets nothing. Instances that a caller excludes leave
// their share to their successors (the known flaw of round robin).
//
// Each pick is in flight until done() is called with its ticket, from any thread, or until its instance leaves. Exactly
// the first done() counts: another one, or one for a process that was replaced since, changes nothing and is counted
// as late. A ticket that is never given back is reaped by the registry's tick, and counted.
//
// A Pick holds numbers. Who keeps connections of its own by slot and generation needs no more; the texts (id and host)
// are copied on demand: by describe(), which refuses when the instance was replaced or removed since, or together with
// the pick.
//
// Threads: any number at once, lock-free, no allocation, nothing written that another CPU writes. A handle is two
// words, copied freely, valid while its registry lives.
//
//   seawall::Service trading = registry.service("trading").value();
//   seawall::PickText text;
//   if (auto pick = trading.pick_at(now, text)) {
//     connect(text.host.view(), pick->port);
//     trading.done(pick->ticket, seawall::Outcome::kSuccess);
//   }
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/flight_table.h"
#include "seawall/detail/service_directory.h"
#include "seawall/detail/stripe.h"
#include "seawall/outcome.h"
#include "seawall/time.h"

namespace seawall {

// Text by value, of at most kBytes - 1 bytes.
template <std::size_t kBytes>
class FixedText {
 public:
  FixedText() noexcept {}  // the bytes behind size() stay unwritten: a pick copies only what it has
  std::string_view view() const noexcept { return {text_.data(), size_}; }
  std::size_t size() const noexcept { return size_; }

 private:
  friend class Service;
  std::uint16_t size_ = 0;
  std::array<char, kBytes> text_;
};

struct Pick {
  std::uint64_t generation = 0;
  std::uint64_t ticket = 0;  // for done()
  // Small, dense, and the same for as long as the registry knows the id: an index into the caller's own arrays. Beside
  // it keep the generation, which tells a new process (or, in time, another instance) in the same slot.
  std::uint32_t slot = 0;
  std::uint16_t port = 0;
  std::uint16_t record = 0;  // where its texts stand, for describe()
};

struct PickText {
  FixedText<64> id;
  FixedText<256> host;
};

class Service {
 public:
  // The next instance that gets traffic and whose slot is not in `exclude`; nothing when there is none.
  std::optional<Pick> pick_at(TimePoint now, std::span<const std::uint32_t> exclude = {}) const noexcept;
  std::optional<Pick> pick(std::span<const std::uint32_t> exclude = {}) const noexcept {
    return pick_at(Clock::now(), exclude);
  }
  // The same, with the texts; `text` is written only for a pick.
  std::optional<Pick> pick_at(TimePoint now, PickText& text,
                              std::span<const std::uint32_t> exclude = {}) const noexcept;
  // The texts of a pick, also after done(). False: its instance was replaced or removed since; `text` is then void.
  bool describe(const Pick& pick, PickText& text) const noexcept;
  // Ends a pick: how the call went, and how long it took where the caller knows (not negative). kLate, and nothing is
  // changed: the ticket was over.
  ReportResult done_at(std::uint64_t ticket, Outcome outcome, TimePoint now, Duration took = kUnknown) const noexcept {
    return done_with([now] { return now; }, ticket, outcome, took);
  }
  ReportResult done(std::uint64_t ticket, Outcome outcome = Outcome::kSuccess,
                    Duration took = kUnknown) const noexcept {
    return done_with(&Clock::now, ticket, outcome, took);
  }
  // The same with a clock (callable, must not throw) that is called only where an instant is needed.
  template <class Now>
  ReportResult done_with(const Now& clock, std::uint64_t ticket, Outcome outcome, Duration took) const noexcept;
  static constexpr Duration kUnknown{-1};

  // How many instances the current list holds: those healthy when it was made.
  std::uint32_t size() const noexcept;

 private:
  friend class ServiceReader;
  friend class ServiceRegistry;
  using Directory = detail::ServiceDirectory;

  Service(Directory& directory, std::uint32_t index) noexcept : directory_(&directory), index_(index) {}

  struct List {
    std::uint64_t version;
    const detail::Word* words;
    std::uint32_t size;
    detail::ListEntry entry(std::uint32_t at) const noexcept {
      return detail::ListEntry::unpack(detail::seen(words[1 + at]));
    }
  };
  // Of a round: the pass, which decides whose turn it is, and the entry.
  struct Place {
    static std::uint64_t next(std::uint64_t place, std::uint32_t size) noexcept {
      const bool last = static_cast<std::uint32_t>(place) + 1 == size;
      return last ? ((place >> 32) + 1) << 32 : place + 1;
    }
    // The first round begins anywhere; one over a list that has become shorter, at its front.
    static std::uint64_t within(std::uint64_t place, std::uint32_t size) noexcept {
      return place >> 32 << 32 | algorithm::below(size, static_cast<std::uint32_t>(place));
    }
    static bool hits(std::uint64_t place, const detail::ListEntry& entry) noexcept {
      return algorithm::StaticStride::hits(static_cast<std::uint32_t>(place >> 32), static_cast<std::uint32_t>(place),
                                           entry.weight);
    }
  };
  // As the list's word, which fits a register: fields written one by one and then copied together wait for each other.
  struct Choice {
    std::uint64_t word = 0;
    bool found() const noexcept { return word != 0; }
    detail::ListEntry entry() const noexcept { return detail::ListEntry::unpack(word); }
  };
  struct Wanted {
    std::int64_t now;
    std::span<const std::uint32_t> exclude;
  };

  List list() const noexcept;
  bool whole(const List& list) const noexcept;
  Choice choose(const List& list, const Wanted& wanted) const noexcept;
  [[gnu::noinline]] Choice choose_further(const List& list, const Wanted& wanted, std::uint64_t place) const noexcept {
    // What is still without a hit after two rounds is light instances that would have to wait: the third takes any.
    for (std::uint32_t step = 0; step < 3 * list.size; ++step) {
      const detail::ListEntry entry = list.entry(static_cast<std::uint32_t>(place));
      const bool hit = step >= 2 * list.size || Place::hits(place, entry);
      place = Place::next(place, list.size);
      if (!hit || !usable(entry, wanted)) continue;
      directory_->cursor(index_).store(place, std::memory_order_relaxed);  // as above
      return {entry.pack()};
    }
    return {};
  }
  [[gnu::noinline]] static bool excluded(const detail::InstanceRecord& record,
                                         std::span<const std::uint32_t> slots) noexcept {
    return std::find(slots.begin(), slots.end(), detail::seen(record.address) >> 32) != slots.end();
  }
  bool usable(const detail::ListEntry& entry, const Wanted& wanted) const noexcept;
  // generation 0: it was retired meanwhile.
  struct Taken {
    std::uint64_t generation;
    std::uint64_t ticket;
  };
  Taken take(const detail::ListEntry& entry, std::uint32_t begun) const noexcept;

  Directory* directory_;
  std::uint32_t index_;
};

// Not yet known to be whole. Whatever it holds, its size and its entries were once those of some list.
inline Service::List Service::list() const noexcept {
  const std::uint64_t version = detail::seen(directory_->head(index_));
  const detail::Word* words = directory_->list(index_, version);
  return {version, words, directory_->list_size(detail::seen(words[0]))};
}

inline bool Service::whole(const List& list) const noexcept {
  return detail::seen(directory_->head(index_)) < Directory::stale_from(list.version);
}

inline std::uint32_t Service::size() const noexcept {
  for (;;) {
    const List found = list();
    if (whole(found)) return found.size;
  }
}

inline std::optional<Pick> Service::pick_at(TimePoint now, std::span<const std::uint32_t> exclude) const noexcept {
  const auto believed = static_cast<std::int64_t>(detail::seen(directory_->believed_until()));
  const Wanted wanted{std::min(to_ns(now), believed), exclude};
  for (;;) {
    const List from = list();
    const Choice choice = choose(from, wanted);
    if (!whole(from)) continue;
    if (!choice.found()) return std::nullopt;
    const detail::ListEntry entry = choice.entry();
    const std::uint64_t address = detail::seen(directory_->record(entry.record).address);
    const Taken taken = take(entry, detail::Flight::begun(to_ns(now)));
    if (taken.generation != 0) {
      return Pick{taken.generation, taken.ticket, static_cast<std::uint32_t>(address >> 32),
                  static_cast<std::uint16_t>(address >> 16), static_cast<std::uint16_t>(entry.record)};
    }
    // A list is published before what it no longer names is retired. Where that does not hold, nothing will ever.
    if (detail::seen(directory_->head(index_)) == from.version) return std::nullopt;
  }
}

inline std::optional<Pick> Service::pick_at(TimePoint now, PickText& text,
                                            std::span<const std::uint32_t> exclude) const noexcept {
  std::optional<Pick> pick;
  for (;;) {
    pick = pick_at(now, exclude);
    if (!pick || describe(*pick, text)) return pick;
    done(pick->ticket, Outcome::kIgnored);
  }
}

inline Service::Choice Service::choose(const List& list, const Wanted& wanted) const noexcept {
  if (list.size == 0) return {};
  detail::Word& cursor = directory_->cursor(index_);
  // Relaxed, and not one read-modify-write: a step lost between threads of one stripe repeats a pick and no more.
  std::uint64_t place = cursor.load(std::memory_order_relaxed);
  if (static_cast<std::uint32_t>(place) >= list.size) place = Place::within(place, list.size);
  const detail::ListEntry entry = list.entry(static_cast<std::uint32_t>(place));
  if (!Place::hits(place, entry) || !usable(entry, wanted)) return choose_further(list, wanted, place);
  cursor.store(Place::next(place, list.size), std::memory_order_relaxed);  // as above
  return {entry.pack()};
}

inline bool Service::usable(const detail::ListEntry& entry, const Wanted& wanted) const noexcept {
  const detail::InstanceRecord& record = directory_->record(entry.record);
  if (static_cast<std::int64_t>(detail::seen(record.lease_end)) <= wanted.now) return false;
  return wanted.exclude.empty() || !excluded(record, wanted.exclude);
}

inline Service::Taken Service::take(const detail::ListEntry& entry, std::uint32_t begun) const noexcept {
  const detail::InstanceRecord& record = directory_->record(entry.record);
  const std::uint64_t generation = detail::seen(record.stamp);
  if (static_cast<std::uint32_t>(generation) != entry.generation) return {0, 0};
  const auto flights = directory_->flights<detail::FlightTable>();
  const auto stripe = static_cast<std::uint32_t>(detail::stripe<detail::FlightTable::kStripes>());
  const std::uint64_t ticket = flights.take(stripe, begun << 17 | entry.record);
  if (ticket == 0) Directory::happened(directory_->header().tickets_untracked);
  // Sequentially consistent: see FlightTable::take.
  if (record.stamp.load(std::memory_order_seq_cst) == generation) return {generation, ticket};
  if (const std::uint64_t held = flights.held(ticket)) flights.end(ticket, held);
  return {0, 0};
}

inline bool Service::describe(const Pick& pick, PickText& text) const noexcept {
  if (pick.record >= directory_->record_count()) return false;
  const detail::InstanceRecord& record = directory_->record(pick.record);
  const std::uint64_t address = detail::seen(record.address);
  text.id.size_ = static_cast<std::uint16_t>(address >> 8 & 0x3f);  // never more than there is room for
  text.host.size_ = static_cast<std::uint16_t>(address & 0xff);
  record.id.load(text.id.text_.data(), text.id.size_);
  record.host.load(text.host.text_.data(), text.host.size_);
  return pick.generation != 0 && detail::seen(record.stamp) == pick.generation;
}

template <class Now>
ReportResult Service::done_with(const Now&, std::uint64_t ticket, Outcome outcome, Duration) const noexcept {
  if (ticket == 0) return ReportResult::kNotCounted;
  const detail::FlightTable flights = directory_->flights<detail::FlightTable>();
  const std::uint64_t held = flights.held(ticket);
  detail::InstanceRecord& record = directory_->record(detail::Flight::record(held));
  // Before the end: as long as the cell is held, the record was not given to another instance.
  const std::uint64_t generation = detail::seen(record.stamp);
  if (held == 0 || !flights.end(ticket, held)) {
    Directory::happened(directory_->header().tickets_late);
    return ReportResult::kLate;
  }
  if (outcome == Outcome::kFailure) Directory::add(record.failures, generation, 1);
  return ReportResult::kRecorded;
}

}  // namespace seawall
