// SPDX-License-Identifier: MIT
//
// Service: the handle with which a request chooses an instance. Get it once by name from ServiceRegistry::service();
// to register instances or list them, use the registry itself.
//
// pick() takes the next healthy instance in weighted round robin: each thread has its own position, so the spread is
// even for each thread, and for all of them together up to one pick for each thread. An instance whose lease has ended
// is passed over even before the registry's tick notices. Weight 0 gets nothing. Instances that a caller excludes leave
// their share to their successors (the known flaw of round robin). Each pick is in flight until done() is called once
// with its ticket, from any thread; a forgotten done() leaves that instance's in_flight too high until it registers
// anew, and nothing else.
//
// Threads: any number at once, lock-free, no allocation, nothing written that another thread writes. A handle is two
// words, copied freely, valid while its registry lives.
//
//   seawall::Service trading = registry.service("trading").value();
//   if (auto pick = trading.pick_at(now)) {
//     connect(pick->host.view(), pick->port);
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

#include "seawall/algorithm/lease.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/service_directory.h"
#include "seawall/detail/thread_stripe.h"
#include "seawall/detail/update.h"
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
  FixedText<64> id;
  FixedText<256> host;
  std::uint16_t port = 0;
  // Small, dense, and the same for as long as the registry knows the id: an index into the caller's own arrays. Beside
  // it keep the generation, which tells a new process (or, in time, another instance) in the same slot.
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
  std::uint64_t ticket = 0;  // for done()
};

class Service {
 public:
  // The next instance that gets traffic and whose slot is not in `exclude`; nothing when there is none.
  std::optional<Pick> pick_at(TimePoint now, std::span<const std::uint32_t> exclude = {}) const noexcept;
  std::optional<Pick> pick(std::span<const std::uint32_t> exclude = {}) const noexcept {
    return pick_at(Clock::now(), exclude);
  }
  // Ends a pick, exactly once. A ticket of an earlier generation changes nothing.
  void done(std::uint64_t ticket, Outcome outcome = Outcome::kSuccess) const noexcept;

  // How many instances the current list holds: those healthy when it was made.
  std::uint32_t size() const noexcept;

 private:
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
  struct Choice {
    bool found = false;
    detail::ListEntry entry;
  };
  struct Wanted {
    std::int64_t now;
    std::span<const std::uint32_t> exclude;
  };

  List list() const noexcept;
  bool whole(const List& list) const noexcept;
  Choice choose(const List& list, const Wanted& wanted) const noexcept;
  bool usable(const detail::ListEntry& entry, const Wanted& wanted) const noexcept;
  bool copy(const detail::ListEntry& entry, Pick& pick) const noexcept;
  static void add(detail::Word& tally, std::uint64_t ticket, std::int32_t by) noexcept;
  detail::Word& flight(std::uint64_t ticket) const noexcept {
    return directory_->flight(detail::thread_stripe<Directory::kStripes>(), detail::ticket_record(ticket));
  }

  Directory* directory_;
  std::uint32_t index_;
};

inline Service::List Service::list() const noexcept {
  for (;;) {
    const std::uint64_t version = detail::seen(directory_->head(index_));
    const detail::Word* words = directory_->list(index_, version);
    const List found{version, words, static_cast<std::uint32_t>(detail::seen(words[0]))};
    if (whole(found)) return found;
  }
}

inline bool Service::whole(const List& list) const noexcept {
  return detail::seen(directory_->head(index_)) < Directory::stale_from(list.version);
}

inline std::uint32_t Service::size() const noexcept { return list().size; }

inline std::optional<Pick> Service::pick_at(TimePoint now, std::span<const std::uint32_t> exclude) const noexcept {
  const auto believed = static_cast<std::int64_t>(detail::seen(directory_->believed_until()));
  const Wanted wanted{std::min(to_ns(now), believed), exclude};
  std::optional<Pick> pick;
  for (;;) {
    const List from = list();
    const Choice choice = choose(from, wanted);
    if (!whole(from)) continue;
    if (!choice.found) return pick;
    if (copy(choice.entry, pick.emplace())) break;
    pick.reset();
  }
  add(flight(pick->ticket), pick->ticket, 1);
  return pick;
}

inline Service::Choice Service::choose(const List& list, const Wanted& wanted) const noexcept {
  if (list.size == 0) return {};
  detail::Word& cursor = directory_->cursor(detail::thread_stripe<Directory::kStripes>(), index_);
  // Relaxed, and not one read-modify-write: a step lost between threads of one stripe repeats a pick and no more.
  const auto start = static_cast<std::uint32_t>(cursor.load(std::memory_order_relaxed));
  for (std::uint32_t step = 0; step < 2 * list.size; ++step) {
    const std::uint32_t sequence = start + step;
    const std::uint32_t at = sequence % list.size;
    const detail::ListEntry entry = list.entry(at);
    if (!algorithm::StaticStride::hits(sequence / list.size, at, entry.weight) || !usable(entry, wanted)) continue;
    cursor.store(sequence + 1, std::memory_order_relaxed);  // as above
    return {true, entry};
  }
  // What is left are light instances that would have to wait for their turn: take the first.
  for (std::uint32_t at = 0; at < list.size; ++at) {
    const detail::ListEntry entry = list.entry((start + at) % list.size);
    if (!usable(entry, wanted)) continue;
    cursor.store(start + at + 1, std::memory_order_relaxed);  // as above
    return {true, entry};
  }
  return {};
}

inline bool Service::usable(const detail::ListEntry& entry, const Wanted& wanted) const noexcept {
  const detail::InstanceRecord& record = directory_->record(entry.record);
  if (static_cast<std::int64_t>(detail::seen(record.lease_end)) <= wanted.now) return false;
  if (wanted.exclude.empty()) return true;
  const auto slot = static_cast<std::uint32_t>(detail::seen(record.address) >> 32);
  return std::find(wanted.exclude.begin(), wanted.exclude.end(), slot) == wanted.exclude.end();
}

inline bool Service::copy(const detail::ListEntry& entry, Pick& pick) const noexcept {
  const detail::InstanceRecord& record = directory_->record(entry.record);
  const std::uint64_t address = detail::seen(record.address);
  pick.slot = static_cast<std::uint32_t>(address >> 32);
  pick.port = static_cast<std::uint16_t>(address >> 16);
  pick.id.size_ = static_cast<std::uint16_t>(address >> 8 & 0x3f);  // never more than there is room for
  pick.host.size_ = static_cast<std::uint16_t>(address & 0xff);
  record.id.load(pick.id.text_.data(), pick.id.size_);
  record.host.load(pick.host.text_.data(), pick.host.size_);
  pick.generation = detail::seen(record.stamp);
  pick.ticket = detail::make_ticket(entry.generation, entry.record);
  return pick.generation != 0 && static_cast<std::uint32_t>(pick.generation) == entry.generation;
}

// Tallies carry the generation they belong to: what an earlier one still has to say is dropped.
inline void Service::add(detail::Word& tally, std::uint64_t ticket, std::int32_t by) noexcept {
  detail::update(tally, [=](std::uint64_t word) {
    const auto next = static_cast<std::uint32_t>(word) + static_cast<std::uint32_t>(by);
    const bool ours = word >> 32 == ticket >> 32;
    return detail::Step<bool>{ours ? (word >> 32 << 32 | next) : word, ours};
  });
}

inline void Service::done(std::uint64_t ticket, Outcome outcome) const noexcept {
  if (detail::ticket_record(ticket) >= directory_->record_count()) return;
  add(flight(ticket), ticket, -1);
  if (outcome == Outcome::kFailure) add(directory_->record(detail::ticket_record(ticket)).failures, ticket, 1);
}

}  // namespace seawall
