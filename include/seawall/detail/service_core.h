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
#include "seawall/detail/service_take.h"
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

class ServiceCore : protected ServiceTaker<ServiceDirectory, FlightTable, InstanceGate> {
 public:
  // How a call ended, in one word: what is passed in registers writes no memory.
  struct Ending {
    std::uint32_t note;  // of its ticket
    Outcome outcome;
  };

  using ServiceTaker::ServiceTaker;

 protected:
  // Nobody is excluded.
  [[gnu::noinline]] void choose_any_at(TimePoint now, Picked& picked) const noexcept {
    if (!take_better<false>(now, picked)) choose_measured_at(now, picked);
  }
  [[gnu::noinline]] void choose_measured_at(TimePoint now, Picked& picked) const noexcept {
    if (!take_better<true>(now, picked)) choose_at(now, {}, picked);
  }

  [[gnu::noinline]] void choose_at(TimePoint now, Wanted wanted, Picked& picked) const noexcept {
    wanted.now = directory_->believed(now);
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
      if (good && !choice.found()) break;
      if (!choice.found()) continue;
      if (good && take_chosen(choice, head.compares(), now, picked)) {
        if ((choice.flags & kPickPanic) != 0) ServiceDirectory::happened(directory_->header().panic_picks);
        return;
      }
      InstanceRecord& record = directory_->record(choice.entry().record);
      if ((choice.flags & kPickProbe) != 0) gate.settle(record, choice.note, Outcome::kIgnored);
      // A list is published before what it no longer names is retired. Where that does not hold, nothing will ever.
      if (good && seen(directory_->head(index_)) == version) break;
    }
    picked.generation = 0;
  }

  // False: it was retired meanwhile.
  bool take_chosen(const Choice& choice, bool loaded, TimePoint now, Picked& picked) const noexcept {
    const ListEntry entry = choice.entry();
    if (entry.record >= directory_->record_count()) return false;  // of a list that somebody overwrote
    Picked taken;
    if (!take(*directory_, entry, directory_->record(entry.record), loaded, now, taken)) return false;
    taken.ticket = noted(taken.ticket, choice.note);
    taken.flags = choice.flags;
    picked = taken;
    return true;
  }

  // `cell`: what the ticket's cell held; `generation`: the record's stamp before it was ended.
  [[gnu::noinline]] void settle(std::uint64_t cell, std::uint64_t generation, Ending end, std::int64_t now,
                                std::int64_t took) const noexcept {
    InstanceRecord& record = directory_->record(Flight::record(cell));
    const std::uint32_t index = directory_->service_of(record);
    const std::uint64_t version = seen(directory_->head(index));
    const Word* words = directory_->list(index, version);
    const ListHead head(seen(words[0]));
    if (end.outcome == Outcome::kFailure) ServiceDirectory::add(record.failures, generation, 1);
    if (head.learns()) learn(record, seen(words[5]), generation, end.outcome, now, took);
    if (head.ejects() && !is_quiet(record, end)) {
      InstanceGate(*directory_, words, index, now).settle(record, end.note, end.outcome);
    }
  }
  // There is nothing to tell the breaker.
  static bool is_quiet(const InstanceRecord& record, Ending end) noexcept {
    return end.outcome != Outcome::kFailure && (end.note & BreakerNote::kProbe) == 0 &&
           BreakerNote::quiet(seen(record.breaker));
  }

 private:
  // What a failure took is what its limit in time would have been, or more; what was ignored teaches nothing.
  static void learn(InstanceRecord& record, std::uint64_t rule, std::uint64_t generation, Outcome outcome,
                    std::int64_t now_ns, std::int64_t took_ns) noexcept {
    const bool failed = outcome == Outcome::kFailure;
    if (outcome == Outcome::kIgnored || (!failed && took_ns < 0)) return;
    const algorithm::PeakEwma ewma(static_cast<std::uint32_t>(std::max<std::uint64_t>(rule >> 32, 1)));
    const std::uint64_t now_ms = ms(time_from_ns(now_ns));
    const auto took_us = static_cast<std::uint64_t>(std::max<std::int64_t>(took_ns, 0)) / 1'000;
    update(record.ewma, [&](std::uint64_t word) {
      // The stamp after the word: a word that is another instance's is not touched.
      if (seen(record.stamp) != generation) return Step<bool>{word, false};
      const std::uint64_t sample = failed ? ewma.failed(word, took_us, static_cast<std::uint32_t>(rule)) : took_us;
      return Step<bool>{ewma.observe(word, now_ms, std::max<std::uint64_t>(sample, 1)), true};
    });
  }
};

}  // namespace seawall::detail
