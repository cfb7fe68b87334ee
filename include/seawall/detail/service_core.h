// SPDX-License-Identifier: MIT
//
// What a handle of a service does below its verbs (service.h): takes and ends tickets, and the long ways of pick and
// done: every balancer, probes of ejected instances, and what a call that ended teaches.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/circuit_breaker.h"
#include "seawall/detail/flight_table.h"
#include "seawall/detail/instance_breaker.h"
#include "seawall/detail/service_choice.h"
#include "seawall/detail/service_directory.h"
#include "seawall/detail/stripe.h"
#include "seawall/outcome.h"
#include "seawall/time.h"

namespace seawall::detail {

struct EjectionRule {
  CircuitBreakerConfig config;
  std::uint32_t percent = 50;
  std::uint32_t least_left = 1;

  Step<algorithm::breaker::Admission> acquire(std::uint64_t word, std::int64_t elapsed) const noexcept {
    return algorithm::breaker::acquire(config, word, elapsed);
  }
  Step<algorithm::breaker::Report> report(std::uint64_t word, std::int64_t elapsed, std::uint64_t token,
                                          Outcome outcome) const noexcept {
    return algorithm::breaker::report(config, word, elapsed, token, outcome);
  }
};

// The breakers of a service's instances, as its list of now rules them.
class InstanceGate {
 public:
  InstanceGate(const ServiceDirectory& directory, const Word* words, std::uint32_t index, std::int64_t now) noexcept
      : directory_(directory), words_(words), index_(index), now_(std::max<std::int64_t>(now, 0)) {}

  static bool closed(std::uint64_t breaker) noexcept {
    return algorithm::breaker::state_of(breaker) == BreakerState::kClosed;
  }
  static std::uint32_t note(std::uint64_t breaker) noexcept { return BreakerNote::of(breaker); }
  static bool is_probe(std::uint32_t note) noexcept { return (note & BreakerNote::kProbe) != 0; }

  bool open_to(const InstanceRecord& record) const noexcept {
    return rule(record).acquire(seen(record.breaker), now_).answer.token != 0;
  }
  bool probe(InstanceRecord& record, std::uint32_t& note) const noexcept {
    const auto admission = of(record).probe(rule(record), now_);
    note = admission.note;
    return admission.admitted != Admitted::kNo;
  }
  void settle(InstanceRecord& record, std::uint32_t note, Outcome outcome) const noexcept {
    using Settled = BasicInstanceBreaker<Word>::Settled;
    const Settled settled = of(record).settle(rule(record), note, now_, outcome);
    if (settled == Settled::kEjected) ServiceDirectory::happened(directory_.header().ejections);
    if (settled == Settled::kRefused) ServiceDirectory::happened(directory_.header().ejections_refused);
  }

 private:
  BasicInstanceBreaker<Word> of(InstanceRecord& record) const noexcept {
    return {record.breaker, directory_.share(index_)};
  }
  // See service_list.h. What does not hold together is of two lists; whoever reads it then tries again.
  EjectionRule rule(const InstanceRecord& record) const noexcept {
    const std::uint64_t counts = seen(words_[2]);
    const auto bits = [&](int from, int count) {
      return static_cast<std::int32_t>(counts >> from & ((std::uint64_t{1} << count) - 1));
    };
    const auto ms = [&](int word, int from) {
      return std::chrono::milliseconds(static_cast<std::uint32_t>(seen(words_[word]) >> from));
    };
    CircuitBreakerOptions o;
    o.failure_threshold = bits(0, 10);
    o.open_growth_percent = bits(10, 10);
    o.open_jitter_percent = bits(20, 7);
    o.open_duration = ms(3, 32);
    o.max_open_duration = ms(3, 0);
    o.open_decay = ms(4, 32);
    o.probe_lease = ms(4, 0);
    o.seed = seen(record.address);  // instances that go together come back one by one
    const auto config = CircuitBreakerConfig::make(o);
    return {config ? config.value() : CircuitBreakerConfig(), static_cast<std::uint32_t>(bits(27, 7)),
            static_cast<std::uint32_t>(bits(34, 16))};
  }

  const ServiceDirectory& directory_;
  const Word* words_;
  std::uint32_t index_;
  std::int64_t now_;
};

// How many of a list's eligible are ejected: what a view has of them, of which the share counts its whole service's.
inline std::uint32_t count_ejected(const ServiceDirectory& directory, const Word* words) noexcept {
  const std::uint32_t eligible = directory.list_size(ListHead(seen(words[0])).eligible());
  std::uint32_t ejected = 0;
  for (std::uint32_t i = 0; i < eligible; ++i) {
    const auto entry = ListEntry::unpack(seen(words[ListHead::kWords + i]));
    if (!InstanceGate::closed(seen(directory.record(entry.record).breaker))) ++ejected;
  }
  return ejected;
}

class ServiceCore {
 public:
  // generation 0: nobody.
  struct Picked {
    std::uint64_t generation = 0, ticket = 0, address = 0;
    std::uint32_t record = 0, flags = 0;
  };
  // generation 0: it was retired meanwhile; ticket 1 then says that the sweep has ended what was taken.
  struct Taken {
    std::uint64_t generation;
    std::uint64_t ticket;
  };
  struct Settle {
    std::uint64_t cell, generation;
    std::uint32_t note;
    bool quiet;  // nothing to tell the breaker
    Outcome outcome;
    std::int64_t now, took;
  };

  // `owner`: the service itself, or the one that it is a view of, whose instances and ejections these are.
  ServiceCore(const ServiceDirectory& directory, std::uint32_t index, std::uint32_t owner) noexcept
      : directory_(&directory), index_(index), owner_(owner) {}

 protected:
  bool whole(std::uint64_t version) const noexcept {
    return !ServiceDirectory::stale(version, seen(directory_->head(index_)));
  }
  std::int64_t believed(TimePoint now) const noexcept {
    return std::min(to_ns(now), static_cast<std::int64_t>(seen(directory_->believed_until())));
  }

  Taken take(const ListEntry& entry, std::uint32_t what, std::uint32_t note) const noexcept {
    if (entry.record >= directory_->record_count()) return {0, 0};  // of a list that somebody overwrote
    const InstanceRecord& record = directory_->record(entry.record);
    const std::uint64_t generation = seen(record.stamp);
    if (static_cast<std::uint32_t>(generation) != entry.generation) return {0, 0};
    const auto flights = directory_->flights<FlightTable>();
    const auto mine = static_cast<std::uint32_t>(stripe<FlightTable::kStripes>());
    const std::uint64_t ticket = flights.take(mine, what | entry.record);
    if (ticket == 0) ServiceDirectory::happened(directory_->header().tickets_untracked);
    // Sequentially consistent: see FlightTable::take.
    if (record.stamp.load(std::memory_order_seq_cst) == generation) {
      return {generation, ticket == 0 ? 0 : ticket | std::uint64_t{note} << 20};
    }
    const std::uint64_t held = flights.held(ticket);
    return {0, ticket == 0 || (held != 0 && flights.end(ticket, held)) ? 0u : 1u};
  }

  [[gnu::noinline]] Picked choose_at(TimePoint now, Wanted wanted) const noexcept {
    wanted.now = believed(now);
    wanted.now_ms = ms(now);
    const bool is_view = index_ != owner_;
    for (;;) {
      const std::uint64_t version = seen(directory_->head(index_));
      const Word* words = directory_->list(index_, version);
      const ListHead head(seen(words[0]));
      const InstanceGate gate(*directory_, words, owner_, to_ns(now));
      ServiceChooser<ServiceDirectory, InstanceGate> chooser(*directory_, index_, words, wanted, gate, is_view);
      std::uint32_t ejected = algorithm::EjectionShare::ejected(seen(directory_->share(owner_)));
      if (is_view && head.panics(ejected)) ejected = count_ejected(*directory_, words);
      const Choice choice = chooser.choose(ejected);
      const bool hashed = head.balancer() >= kMaglev;
      const bool good = hashed ? seen(directory_->head(index_)) == version : whole(version);
      if (good && !choice.found()) return {};
      if (!choice.found()) continue;
      const bool loaded = head.balancer() == kLeastLoaded || head.balancer() == kPeakEwma;
      const Picked picked = good ? take_chosen(choice, loaded, now) : Picked{};
      if (picked.generation != 0) {
        if ((choice.flags & kPickPanic) != 0) ServiceDirectory::happened(directory_->header().panic_picks);
        return picked;
      }
      InstanceRecord& record = directory_->record(choice.entry().record);
      if ((choice.flags & kPickProbe) != 0) gate.settle(record, choice.note, Outcome::kIgnored);
      // A list is published before what it no longer names is retired. Where that does not hold, nothing will ever.
      if (good && seen(directory_->head(index_)) == version) return {};
    }
  }

  // generation 0: it was retired meanwhile.
  Picked take_chosen(const Choice& choice, bool loaded, TimePoint now) const noexcept {
    const ListEntry entry = choice.entry();
    InstanceRecord& record = directory_->record(entry.record);
    const std::uint64_t address = seen(record.address);
    // Relaxed: a count to compare with others. Before the ticket: who ends that takes this one away.
    if (loaded) record.load.fetch_add(1, std::memory_order_relaxed);
    const std::uint32_t what = Flight::begun(to_ns(now)) << 17 | (loaded ? Flight::kLoaded : 0);
    const Taken taken = take(entry, what, choice.note);
    if (loaded && taken.ticket == 0) unload(record);
    return {taken.generation, taken.ticket, address, entry.record, choice.flags};
  }

  [[gnu::noinline]] void settle(const Settle& what) const noexcept {
    InstanceRecord& record = directory_->record(Flight::record(what.cell));
    const std::uint32_t index = directory_->service_of(record);
    const std::uint64_t version = seen(directory_->head(index));
    const Word* words = directory_->list(index, version);
    const ListHead head(seen(words[0]));
    if (what.outcome == Outcome::kFailure) ServiceDirectory::add(record.failures, what.generation, 1);
    if (head.learns()) learn(record, seen(words[5]), what);
    if (head.ejects() && !what.quiet)
      InstanceGate(*directory_, words, index, what.now).settle(record, what.note, what.outcome);
  }

  // Relaxed: as where it is counted.
  static void unload(InstanceRecord& record) noexcept { record.load.fetch_sub(1, std::memory_order_relaxed); }

  const ServiceDirectory* directory_;
  std::uint32_t index_;
  std::uint32_t owner_;

 private:
  static constexpr std::uint32_t kLeastLoaded = 2, kPeakEwma = 3, kMaglev = 4;  // Balancer

  static std::uint64_t ms(TimePoint now) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(to_ns(now), 0)) / 1'000'000;
  }

  // What a failure took is what its limit in time would have been, or more; what was ignored teaches nothing.
  static void learn(InstanceRecord& record, std::uint64_t rule, const Settle& what) noexcept {
    const bool failed = what.outcome == Outcome::kFailure;
    if (what.outcome == Outcome::kIgnored || (!failed && what.took < 0)) return;
    const algorithm::PeakEwma ewma(static_cast<std::uint32_t>(std::max<std::uint64_t>(rule >> 32, 1)));
    const std::uint64_t now_ms = ms(time_from_ns(what.now));
    const auto took_us = static_cast<std::uint64_t>(std::max<std::int64_t>(what.took, 0)) / 1'000;
    update(record.ewma, [&](std::uint64_t word) {
      // The stamp after the word: a word that is another instance's is not touched.
      if (seen(record.stamp) != what.generation) return Step<bool>{word, false};
      const std::uint64_t sample = failed ? ewma.failed(word, took_us, static_cast<std::uint32_t>(rule)) : took_us;
      return Step<bool>{ewma.observe(word, now_ms, std::max<std::uint64_t>(sample, 1)), true};
    });
  }
};

}  // namespace seawall::detail
