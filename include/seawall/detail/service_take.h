// SPDX-License-Identifier: MIT
//
// Taking a call: its ticket, and the short ways of a pick, which serve a list without zones whose instances are all
// well, for a caller who excludes nobody. All else takes the long way (service_core.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/distinct_pair.h"
#include "seawall/algorithm/ejection_share.h"
#include "seawall/detail/pick_choice.h"
#include "seawall/detail/service_list.h"
#include "seawall/detail/stripe.h"
#include "seawall/time.h"

namespace seawall::detail {

// Directory: ServiceDirectory, which the handle of a service knows by its address. Table: FlightTable. Gate: as
// ServiceChooser has it.
template <class Directory, class Table, class Gate>
class ServiceTaker {
 public:
  // generation 0: nobody, and the rest is void. Written in place, once and word by word: what is copied as a whole
  // right after its parts were written waits until they have reached the cache, behind the locked instructions.
  struct Picked {
    std::uint64_t generation, ticket, address;
    std::uint32_t record, flags;
  };
  // `owner`: the service itself, or the one that it is a view of, whose instances and ejections these are.
  ServiceTaker(const Directory& directory, std::uint32_t index, std::uint32_t owner) noexcept
      : directory_(&directory), index_(index), owner_(owner) {}

 protected:
  static constexpr std::uint32_t kRoundRobin = 0, kLeastLoaded = 2, kPeakEwma = 3, kMaglev = 4;  // Balancer

  bool whole(std::uint64_t version) const noexcept {
    return !Directory::stale(version, seen(directory_->head(index_)));
  }

  // A ticket for a call, `what` as FlightTable::take has it; 0: there are too many, and it is counted. Nearly always
  // this CPU's next cell is free. The rest is a call that finds out all anew, so that nothing is kept in memory for it:
  // locked instructions wait for what was written before them.
  std::uint64_t begin(const Directory& d, std::uint32_t what) const noexcept {
    if (const std::int32_t cpu = rseq_cpu(); cpu >= 0) [[likely]] {
      const auto mine = static_cast<std::uint32_t>(cpu) % Table::kStripes;
      const std::uint64_t ticket = d.template flights<Table>().take_next(mine, what);
      if (ticket != 0) [[likely]]
        return ticket;
    }
    return begin_anywhere(what);
  }
  [[gnu::noinline]] std::uint64_t begin_anywhere(std::uint32_t what) const noexcept {
    const auto mine = static_cast<std::uint32_t>(stripe<Table::kStripes>());
    const std::uint64_t ticket = directory_->template flights<Table>().take(mine, what);
    if (ticket == 0) Directory::happened(directory_->header().tickets_untracked);
    return ticket;
  }
  // False: the sweep has ended it, or there is none.
  [[gnu::noinline]] bool give_back(std::uint64_t ticket) const noexcept {
    const auto flights = directory_->template flights<Table>();
    const std::uint64_t held = flights.held(ticket);
    return held != 0 && flights.end(ticket, held);
  }
  static std::uint64_t noted(std::uint64_t ticket, std::uint32_t note) noexcept {
    return ticket == 0 ? 0 : ticket | std::uint64_t{note} << 20;
  }

  // Takes a call to the instance that the entry names. `loaded`: it counts as one. False: another one has the record,
  // or none, and nothing was taken. Only the look at the stamp behind the ticket says so: nobody gets a generation
  // again, so what was read of the record in between is then the instance's own.
  [[gnu::always_inline]] bool take(const Directory& d, const ListEntry& entry, InstanceRecord& record, bool loaded,
                                   TimePoint now, Picked& picked) const noexcept {
    // Relaxed: a count to compare with others. Before the ticket: who ends that takes this one away.
    if (loaded) record.load.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t ticket = begin(d, Table::what(to_ns(now), loaded, entry.record));
    const std::uint64_t address = seen(record.address);
    // Sequentially consistent: see Table::take.
    const std::uint64_t generation = record.stamp.load(std::memory_order_seq_cst);
    picked = {generation, ticket, address, entry.record, 0};
    if (loaded && ticket == 0) [[unlikely]]
      unload(record);
    if (static_cast<std::uint32_t>(generation) == entry.generation && generation != 0) [[likely]]
      return true;
    if (ticket != 0 && give_back(ticket) && loaded) unload(record);
    return false;
  }

  // What the short ways read first. What a handle knows is read once, or each word that is seen would have it read
  // again.
  struct Look {
    [[gnu::always_inline]] explicit Look(const ServiceTaker& taker) noexcept
        : d(*taker.directory_),
          index(taker.index_),
          owner(taker.owner_),
          version(seen(d.head(index))),
          words(d.list(index, version)),
          head(seen(words[0])),
          size(d.list_size(head.eligible())) {}

    [[gnu::always_inline]] bool ejects() const noexcept {
      return algorithm::EjectionShare::ejected(seen(d.share(owner))) != 0;
    }
    // Nobody has published since, which is more than has to be.
    [[gnu::always_inline]] bool whole() const noexcept { return seen(d.head(index)) == version; }
    // What ends behind now ends behind what is believed of it, too.
    [[gnu::always_inline]] bool lives(const InstanceRecord& record, TimePoint now) const noexcept {
      const auto end = static_cast<std::int64_t>(seen(record.lease_end));
      return end > to_ns(now) || end > d.believed(now);
    }
    // An entry as the list's word, which a register holds.
    [[gnu::always_inline]] std::uint64_t entry(std::uint32_t at) const noexcept {
      return seen(words[ListHead::kWords + at]);
    }

    const Directory& d;
    std::uint32_t index, owner;
    std::uint64_t version;
    const Word* words;
    ListHead head;
    std::uint32_t size;
  };

  // As take, of an instance that is well.
  [[gnu::always_inline]] bool take_well(const Directory& d, const ListEntry& entry, InstanceRecord& record, bool loaded,
                                        TimePoint now, Picked& picked) const noexcept {
    if (!take(d, entry, record, loaded, now, picked)) return false;
    picked.ticket = noted(picked.ticket, Gate::note(seen(record.breaker)));
    return true;
  }

  // The short way: round robin, nobody excluded, nobody ejected, and the next in turn is well. False: all else.
  [[gnu::always_inline]] bool take_next(TimePoint now, Picked& picked) const noexcept {
    const Look look(*this);
    const Directory& d = look.d;
    if (!look.head.plain(kRoundRobin) || look.ejects()) return false;
    Word& cursor = d.cursor(look.index, 0);
    // Relaxed, and not one read-modify-write: a step lost between threads of one stripe repeats a pick and no more.
    std::uint64_t place = cursor.load(std::memory_order_relaxed);
    if (static_cast<std::uint32_t>(place) >= look.size) [[unlikely]] {
      // The first round, or the list has become shorter: choose_at begins it.
      if (static_cast<std::uint32_t>(place) != look.size || look.size == 0) return false;
      place = Place::next_pass(place);
    }
    const ListEntry entry = ListEntry::unpack(look.entry(static_cast<std::uint32_t>(place)));
    if (!look.whole()) return false;
    // As above. Whoever is not taken has been passed over: choose_at goes on behind.
    cursor.store(place + 1, std::memory_order_relaxed);
    if (entry.record >= d.record_count() || !Place::hits(place, entry.weight)) return false;
    InstanceRecord& record = d.record(entry.record);
    if (!look.lives(record, now)) return false;
    return take_well(d, entry, record, false, now, picked);
  }

  // The same of the balancers that compare two by load, or also by latency.
  template <bool kMeasures>
  [[gnu::always_inline]] bool take_better(TimePoint now, Picked& picked) const noexcept {
    const Look look(*this);
    const Directory& d = look.d;
    if (!look.head.plain(kMeasures ? kPeakEwma : kLeastLoaded) || look.size < 2 || look.ejects()) return false;
    Word& random = d.cursor(look.index, 2);
    const algorithm::Pair pair = algorithm::distinct_pair(look.size, StripeRandom::draw(random));
    const std::uint64_t first = look.entry(pair.first), second = look.entry(pair.second);
    const TwoChoices two(look.words, kMeasures, kMeasures ? ms(now) : 0);
    if (!look.whole()) return false;
    const ListEntry one = ListEntry::unpack(first), other = ListEntry::unpack(second);
    if (one.record >= d.record_count() || other.record >= d.record_count()) return false;
    InstanceRecord &record_one = d.record(one.record), &record_other = d.record(other.record);
    if (!look.lives(record_one, now) || !look.lives(record_other, now)) return false;
    if (look.size >= kLongList) [[unlikely]]
      ask_ahead(d, &look.words[ListHead::kWords], algorithm::distinct_pair(look.size, StripeRandom::ahead(random)));
    // A branch, and the rest twice, so that who is taken need not wait for both counts where they are as they mostly
    // are.
    if (two.second_is_better(record_one, one.weight, record_other, other.weight)) {
      return take_counted(d, other, record_other, now, picked);
    }
    return take_counted(d, one, record_one, now, picked);
  }
  [[gnu::always_inline]] bool take_counted(const Directory& d, const ListEntry& entry, InstanceRecord& record,
                                           TimePoint now, Picked& picked) const noexcept {
    Picked taken;
    if (!take_well(d, entry, record, true, now, taken)) return false;
    picked = taken;
    return true;
  }

  // Relaxed: as where it is counted.
  static void unload(InstanceRecord& record) noexcept { record.load.fetch_sub(1, std::memory_order_relaxed); }

  static std::uint64_t ms(TimePoint now) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(to_ns(now), 0)) / 1'000'000;
  }

  const Directory* directory_;
  std::uint32_t index_;
  std::uint32_t owner_;
};

}  // namespace seawall::detail
