// SPDX-License-Identifier: MIT
//
// Service: the handle with which a request chooses an instance. Get it once by name from ServiceRegistry::service();
// to register instances or list them, use the registry itself.
//
// Which instance a pick takes is up to the service's balancer (service_config.h): by default the next in weighted round
// robin, where each thread has its own position, so that the spread is even for each thread, and for all of them
// together up to one pick for each thread. An instance whose lease has ended is passed over even before the registry's
// tick notices, one that failed too often until a probe may find out, one of weight 0 always. Instances that a caller
// excludes leave their share to their successors in round robin, to all others evenly with the other balancers. When
// too few are eligible a pick takes any that is known (Pick::flags says so).
//
// Each pick is in flight until done() is called with its ticket, from any thread, or until its instance leaves. Exactly
// the first done() counts: another one, or one for a process that was replaced since, changes nothing and is counted
// as late. A ticket that is never given back is reaped by the registry's tick, and counted.
//
// A Pick holds numbers. Who keeps connections of its own by slot and generation needs no more; the texts (id and host)
// are copied on demand: by describe(), which refuses when the instance was replaced or removed since, or together with
// the pick.
//
// Threads: any number at once, lock-free, no allocation; nothing is written that another CPU writes, but by the
// balancers that compare loads. A handle is two words, copied freely, valid while its registry lives.
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
#include "seawall/detail/service_core.h"
#include "seawall/detail/service_directory.h"
#include "seawall/detail/siphash.h"
#include "seawall/outcome.h"
#include "seawall/service_config.h"
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
  std::uint32_t flags = 0;   // PickFlag
};

struct PickText {
  FixedText<64> id;
  FixedText<256> host;
};

class Service : private detail::ServiceCore {
 public:
  // The next instance that gets traffic and whose slot is not in `exclude`; nothing when there is none.
  std::optional<Pick> pick_at(TimePoint now, std::span<const std::uint32_t> exclude = {}) const noexcept;
  std::optional<Pick> pick(std::span<const std::uint32_t> exclude = {}) const noexcept {
    return pick_at(Clock::now(), exclude);
  }
  // For a balancer that chooses by key: equal keys get the same instance as long as it is eligible. Others ignore it.
  std::optional<Pick> pick_for_at(std::uint64_t key, TimePoint now,
                                  std::span<const std::uint32_t> exclude = {}) const noexcept {
    Picked picked;
    choose_at(now, {.key = algorithm::mix64(key), .keyed = true, .exclude = exclude}, picked);
    return pick_of(picked);
  }
  // A key of bytes as a number, the same in all processes and versions. Who chooses keys may choose their instance.
  static std::uint64_t key_of(std::string_view bytes) noexcept { return detail::siphash({0, 0}, bytes); }
  // The same, with the texts; `text` is written only for a pick.
  std::optional<Pick> pick_at(TimePoint now, PickText& text,
                              std::span<const std::uint32_t> exclude = {}) const noexcept;
  std::optional<Pick> pick_for_at(std::uint64_t key, TimePoint now, PickText& text,
                                  std::span<const std::uint32_t> exclude = {}) const noexcept {
    return described(now, text, [&] { return pick_for_at(key, now, exclude); });
  }
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
  ReportResult done_with(const Now& clock, std::uint64_t ticket, Outcome outcome, Duration took) const noexcept {
    if (ends_quietly(ticket, outcome, took)) [[likely]]
      return ReportResult::kRecorded;
    return done_loudly(clock, ticket, outcome, took);
  }
  static constexpr Duration kUnknown{-1};

  // How many instances the current list holds: those healthy when it was made.
  std::uint32_t size() const noexcept;
  // Whether a view's selector matches anybody (runtime/service_view.h).
  ViewState view_state() const noexcept;

 private:
  friend class ServiceReader;
  friend class ServiceRegistry;
  using Directory = detail::ServiceDirectory;

  using ServiceCore::ServiceCore;

  static std::optional<Pick> pick_of(const Picked& p) noexcept {
    if (p.generation == 0) [[unlikely]]
      return std::nullopt;
    return Pick{.generation = p.generation,
                .ticket = p.ticket,
                .slot = static_cast<std::uint32_t>(p.address >> 32),
                .port = static_cast<std::uint16_t>(p.address >> 16),
                .record = static_cast<std::uint16_t>(p.record),
                .flags = p.flags};
  }
  [[gnu::noinline]] ReportResult late() const noexcept {
    Directory::happened(directory_->header().tickets_late);
    return ReportResult::kLate;
  }
  // Ends a call from which nobody learns: no failure, no probe, of an instance without failures, and nobody who asks
  // how long it took. Inline, as a few instructions are all that there is to it. False, and nothing is done: all else.
  [[gnu::always_inline]] bool ends_quietly(std::uint64_t ticket, Outcome outcome, Duration took) const noexcept;
  template <class Now>
  [[gnu::noinline]] ReportResult done_loudly(Now clock, std::uint64_t ticket, Outcome outcome,
                                             Duration took) const noexcept;

  // Picks until the instance is still there when its texts are copied.
  template <class Picking>
  std::optional<Pick> described(TimePoint now, PickText& text, const Picking& picking) const noexcept {
    for (;;) {
      const std::optional<Pick> pick = picking();
      if (!pick || describe(*pick, text)) return pick;
      done_at(pick->ticket, Outcome::kIgnored, now);
    }
  }
};

inline std::uint32_t Service::size() const noexcept {
  for (;;) {
    const std::uint64_t version = detail::seen(directory_->head(index_));
    const detail::ListHead head(detail::seen(*directory_->list(index_, version)));
    if (whole(version)) return directory_->list_size(head.eligible());
  }
}

inline ViewState Service::view_state() const noexcept {
  for (;;) {
    const std::uint64_t version = detail::seen(directory_->head(index_));
    const detail::ListHead head(detail::seen(*directory_->list(index_, version)));
    if (whole(version)) return head.view_state();
  }
}

inline std::optional<Pick> Service::pick_at(TimePoint now, std::span<const std::uint32_t> exclude) const noexcept {
  Picked next;
  if (!exclude.empty() || !take_next(now, next)) [[unlikely]] {
    // One of its own, since its address is given away: `next` then never has to be in memory.
    Picked picked;
    exclude.empty() ? choose_any_at(now, picked) : choose_at(now, {.exclude = exclude}, picked);
    next = picked;
  }
  return pick_of(next);
}

inline std::optional<Pick> Service::pick_at(TimePoint now, PickText& text,
                                            std::span<const std::uint32_t> exclude) const noexcept {
  return described(now, text, [&] { return pick_at(now, exclude); });
}

inline bool Service::describe(const Pick& pick, PickText& text) const noexcept {
  if (pick.record >= directory_->record_count()) return false;
  const detail::InstanceRecord& record = directory_->record(pick.record);
  const std::uint64_t address = detail::seen(record.address);
  text.id.size_ = static_cast<std::uint16_t>(address >> 8 & 0x3f);  // never more than there is room for
  text.host.size_ = static_cast<std::uint16_t>(address & 0xff);
  const detail::InstanceTexts& texts = directory_->texts(pick.record);
  texts.id.load(text.id.text_.data(), text.id.size_);
  texts.host.load(text.host.text_.data(), text.host.size_);
  return pick.generation != 0 && detail::seen(record.stamp) == pick.generation;
}

inline bool Service::ends_quietly(std::uint64_t ticket, Outcome outcome, Duration took) const noexcept {
  const Directory& d = *directory_;
  const auto flights = d.flights<detail::FlightTable>();
  const std::uint64_t held = flights.held(ticket);
  if (held == 0) return false;
  detail::InstanceRecord& record = d.record(detail::Flight::record(held));
  const bool loaded = detail::Flight::loaded(held);
  if (loaded && took >= Duration(0)) return false;
  // Before the end: as long as the cell is held, the record was not given to another instance.
  if (!is_quiet(record, {detail::Flight::note(ticket), outcome}) || !flights.end(ticket, held)) return false;
  if (loaded) unload(record);
  return true;
}

template <class Now>
ReportResult Service::done_loudly(Now clock, std::uint64_t ticket, Outcome outcome, Duration took) const noexcept {
  if (ticket == 0) return ReportResult::kNotCounted;
  const Directory& d = *directory_;
  const auto flights = d.flights<detail::FlightTable>();
  const std::uint64_t held = flights.held(ticket);
  if (held == 0) return late();
  detail::InstanceRecord& record = d.record(detail::Flight::record(held));
  const std::uint64_t generation = detail::seen(record.stamp);  // before the end, as above
  if (!flights.end(ticket, held)) return late();
  if (detail::Flight::loaded(held)) unload(record);
  settle(held, generation, {detail::Flight::note(ticket), outcome}, to_ns(clock()), took.count());
  return ReportResult::kRecorded;
}

}  // namespace seawall
