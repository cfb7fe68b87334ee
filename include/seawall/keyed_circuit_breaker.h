// SPDX-License-Identifier: MIT
//
// KeyedCircuitBreaker: a circuit breaker for each host or instance, in memory that is chosen once and never grows.
//
// Use it when the dependencies are named at run time; use CircuitBreaker by itself for one with a name. A key's breaker
// is made at its first call. When all are taken, a new key gets the place of one that is idle: closed, no failure in a
// row, no opening left to make up for, and not asked for during `idle_after`, which must be longer than a call. Nothing
// else is ever evicted (what its windows held is forgotten then), so a dependency that is gone should be taken out with
// forget(). A key that finds no place meets `when_full`, and a counter.
//
// Keys are told apart by a 64-bit SipHash with a secret seed: two of n keys share a breaker with probability below
// n * n / 2^65. About 3.5 KB for each breaker. Tickets must not outlive this object.
//
// Any thread may call anything; for one process. A call for a known key takes no lock: it is the breaker's own call, a
// few loads to find it, and one store in each eighth of `idle_after`. A new key, forget() and the lists lock a mutex.
//
//   auto hosts = seawall::KeyedCircuitBreaker::make({.capacity = 500}).value();
//   auto ticket = hosts.try_acquire("10.0.0.7:8001");
//   if (!ticket) return try_another_host(ticket.retry_after());
//   ticket.report(call() ? seawall::Outcome::kSuccess : seawall::Outcome::kFailure);
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "seawall/circuit_breaker.h"
#include "seawall/detail/breaker_table.h"
#include "seawall/detail/siphash.h"
#include "seawall/result.h"

namespace seawall {

// What a new key meets when no breaker is free for it. Numbers are those of the C API.
enum class WhenBreakersFull : std::int32_t {
  kAdmit = 0,   // its calls are admitted and count nowhere: it is not protected, and nobody else suffers
  kShare = 1,   // all such keys share one breaker
  kRefuse = 2,  // its calls are refused until a breaker may be idle (in shadow admitted, and count nowhere)
};

struct KeyedCircuitBreakerOptions {
  std::int32_t capacity = 1024;                    // breakers, 1 to 1,000,000
  Duration idle_after = std::chrono::minutes(10);  // 1 ms to 366 days; longer than a call
  WhenBreakersFull when_full = WhenBreakersFull::kAdmit;
  std::uint64_t seed = 0;  // of the hash; 0 takes 128 random bits. Give one only to make a test repeatable
  CircuitBreakerConfig breaker{};
};

struct KeyedCircuitBreakerStats {
  std::size_t memory_bytes = 0;
  std::size_t capacity = 0;
  std::size_t in_use = 0;
  std::uint64_t evictions = 0;
  std::uint64_t full = 0;  // calls that met when_full
};

class KeyedCircuitBreaker {
 public:
  static constexpr std::int32_t kMaxCapacity = 1'000'000;
  static constexpr std::size_t kNameSize = 120;  // longer keys are listed cut; they are told apart all the same

  // Errors: kInvalidArgument naming the option; kNoMemory.
  static Result<KeyedCircuitBreaker> make(const KeyedCircuitBreakerOptions& options, TimePoint epoch = Clock::now()) {
    if (options.capacity < 1 || options.capacity > kMaxCapacity) {
      return out_of_range("capacity", options.capacity, 1, kMaxCapacity);
    }
    if (options.idle_after < CircuitBreakerConfig::kMinDuration ||
        options.idle_after > CircuitBreakerConfig::kMaxDuration) {
      return out_of_range("idle_after in ns", options.idle_after.count(), CircuitBreakerConfig::kMinDuration.count(),
                          CircuitBreakerConfig::kMaxDuration.count());
    }
    const auto full = static_cast<std::int32_t>(options.when_full);
    if (full < 0 || full > 2) return out_of_range("when_full", full, 0, 2);
    KeyedCircuitBreaker made(options, epoch);
    if (made.shared_ == nullptr || !made.shared_->table.ready()) {
      return Error{Code::kNoMemory, "no memory for the breakers"};
    }
    return made;
  }

  // As CircuitBreaker's, for the breaker of `key`.
  Ticket try_acquire(std::string_view key) noexcept { return try_acquire_at(key, Clock::now()); }
  Ticket try_acquire_at(std::string_view key, TimePoint now) noexcept {
    const std::uint64_t tag = tag_of(key);
    Place* place = shared_->table.find(tag);
    for (;;) {
      if (place == nullptr) place = shared_->table.find_or_add(tag, key, now);
      if (place == nullptr) return full(now);
      shared_->table.touch(*place, now);
      Ticket ticket = place->breaker.try_acquire_at(now);
      if (place->is_of(tag)) return ticket;
      place = nullptr;  // given to another key meanwhile; the ticket is cancelled
    }
  }

  // The operator: as CircuitBreaker's. False: there is no breaker for the key; force_open and disable make one if they
  // can.
  bool force_open_at(std::string_view key, TimePoint now) noexcept {
    return administer(key, now, &CircuitBreaker::force_open_at, /*add=*/true);
  }
  bool disable_at(std::string_view key, TimePoint now) noexcept {
    return administer(key, now, &CircuitBreaker::disable_at, /*add=*/true);
  }
  bool reset_at(std::string_view key, TimePoint now) noexcept {
    return administer(key, now, &CircuitBreaker::reset_at, /*add=*/false);
  }
  // The dependency is gone: frees its breaker, whatever its state. Results of calls that are out are late. False: none.
  bool forget_at(std::string_view key, TimePoint now) noexcept { return shared_->table.forget(tag_of(key), now); }

  // The breaker of the key as it is now; nothing when it has none.
  std::optional<CircuitBreakerSnapshot> snapshot_at(std::string_view key, TimePoint now) const noexcept {
    const CircuitBreaker* breaker = find(key);
    return breaker != nullptr ? std::optional(breaker->snapshot_at(now)) : std::nullopt;
  }
  // For a look at once: later it may be another key's. Null: none.
  const CircuitBreaker* find(std::string_view key) const noexcept {
    const Place* place = shared_->table.find(tag_of(key));
    return place != nullptr ? &place->breaker : nullptr;
  }

  // Place by place, from 0 to capacity - 1, the name of the key whose breaker is there, into `out`. Answers its length
  // (of the part that is kept); nothing for a free place.
  std::optional<std::size_t> key_at(std::size_t place, std::span<char> out) const noexcept {
    const std::ptrdiff_t size = shared_->table.name_at(place, out);
    return size < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(size));
  }

  KeyedCircuitBreakerStats stats() const noexcept {
    const auto& table = shared_->table;
    return {.memory_bytes = table.memory_bytes() + sizeof(Shared),
            .capacity = table.capacity(),
            .in_use = table.in_use(),
            .evictions = table.evictions(),
            .full = shared_->full.load(std::memory_order_relaxed)};  // relaxed: a count by itself
  }

  // How many of the keys' breakers are in each state, in the order of BreakerState. Looks at all of them: for a scrape.
  std::array<std::size_t, 5> states_at(TimePoint now) const noexcept {
    std::array<std::size_t, 5> states{};
    for (std::size_t i = 0; i < shared_->table.capacity(); ++i) {
      const Place& place = *shared_->table.at(i);
      if (!place.is_of(0)) ++states[static_cast<std::size_t>(place.breaker.snapshot_at(now).state)];
    }
    return states;
  }

  // A ticket as two numbers, for code that cannot hold one; give it back once. kInvalidToken for a place that is none.
  struct Detached {
    std::uint64_t token = 0;
    std::uint64_t place = 0;
  };
  Detached detach(Ticket& ticket) const noexcept {
    if (!ticket) return {};
    const CircuitBreaker& breaker = *ticket.breaker();
    const auto& table = shared_->table;
    return {ticket.detach(), &breaker == &shared_->overflow ? table.capacity() : table.place_of(breaker)};
  }
  ReportResult report_at(const Detached& call, Outcome outcome, TimePoint now) noexcept {
    CircuitBreaker* breaker = breaker_at(call.place);
    return breaker == nullptr ? ReportResult::kInvalidToken : breaker->report_at(call.token, outcome, now);
  }
  void cancel(const Detached& call) noexcept {
    if (CircuitBreaker* breaker = breaker_at(call.place)) breaker->cancel(call.token);
  }

 private:
  using Table = detail::BreakerTable<CircuitBreaker, kNameSize>;
  using Place = Table::Place;

  struct Shared {
    Shared(const KeyedCircuitBreakerOptions& o, TimePoint epoch)
        : table(static_cast<std::size_t>(o.capacity), o.idle_after, o.breaker, epoch), overflow(o.breaker, epoch) {
      if (o.when_full == WhenBreakersFull::kAdmit) overflow.disable_at(epoch);
      if (o.when_full == WhenBreakersFull::kRefuse) overflow.force_open_at(epoch);
    }
    Table table;
    CircuitBreaker overflow;  // of keys that found no place: shared, disabled, or forced open (admits in shadow)
    std::atomic<std::uint64_t> full{0};
  };

  KeyedCircuitBreaker(const KeyedCircuitBreakerOptions& options, TimePoint epoch)
      : when_full_(options.when_full), seed_(seed(options.seed)), shared_(new (std::nothrow) Shared(options, epoch)) {}

  static detail::SipKey seed(std::uint64_t given) {
    if (given != 0) return {given, ~given};
    std::random_device random;
    const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
    return {word(), word()};
  }
  std::uint64_t tag_of(std::string_view key) const noexcept {
    return std::max<std::uint64_t>(1, detail::siphash(seed_, key));
  }
  CircuitBreaker* breaker_at(std::uint64_t place) const noexcept {
    if (place == shared_->table.capacity()) return &shared_->overflow;
    Place* found = shared_->table.at(place);
    return found != nullptr ? &found->breaker : nullptr;
  }

  Ticket full(TimePoint now) noexcept {
    shared_->full.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count orders nothing
    Ticket ticket = shared_->overflow.try_acquire_at(now);
    if (ticket || when_full_ != WhenBreakersFull::kRefuse) return ticket;
    const TimePoint free_at = shared_->table.may_be_idle_at();
    return Ticket(Duration(std::max<std::int64_t>(1, detail::saturating_sub(to_ns(free_at), to_ns(now)))));
  }

  bool administer(std::string_view key, TimePoint now, void (CircuitBreaker::*verb)(TimePoint), bool add) noexcept {
    return shared_->table.administer(tag_of(key), key, now, add, [&](CircuitBreaker& found) { (found.*verb)(now); });
  }

  WhenBreakersFull when_full_;
  detail::SipKey seed_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace seawall
