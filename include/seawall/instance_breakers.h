// SPDX-License-Identifier: MIT
//
// InstanceBreakers: a circuit breaker for each instance that a Service may pick, by the slot of the pick.
//
// Use it beside a ServiceRegistry, whose slots are small and dense; use KeyedCircuitBreaker where dependencies have
// only names. A new process in a slot (a higher generation) starts with a closed breaker, and what is still reported
// for the old one is late. About 3.5 KB for each slot, taken at once.
//
// Threads: any, lock-free. Tickets must not outlive this object. Known flaw: a call for the generation before the
// current one gets the breaker of the current one.
//
//   seawall::InstanceBreakers breakers(registry_options.max_instances, breaker_config);
//   auto ticket = breakers.of(*pick).try_acquire_at(now);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "seawall/service.h"
#include "seawall/time.h"

namespace seawall {

class InstanceBreakers {
 public:
  // `slots`: as many instances as the registry may hold.
  explicit InstanceBreakers(std::size_t slots, const CircuitBreakerConfig& config = {},
                            TimePoint epoch = Clock::now()) {
    slots_.reserve(slots);
    for (std::size_t i = 0; i < slots; ++i) slots_.push_back(std::make_unique<Slot>(config, epoch));
  }

  std::size_t size() const noexcept { return slots_.size(); }

  // `slot` below size().
  CircuitBreaker& of(std::uint32_t slot, std::uint64_t generation) noexcept {
    Slot& found = *slots_[slot];
    // Acquire: who sees the generation may meet the breaker before it is reset, but not words from before it was used.
    std::uint64_t seen = found.generation.load(std::memory_order_acquire);
    if (seen < generation && found.generation.compare_exchange_strong(seen, generation)) found.breaker.reset_at({});
    return found.breaker;
  }
  CircuitBreaker& of(const Pick& pick) noexcept { return of(pick.slot, pick.generation); }

 private:
  struct Slot {
    Slot(const CircuitBreakerConfig& config, TimePoint epoch) : breaker(config, epoch) {}
    std::atomic<std::uint64_t> generation{0};
    CircuitBreaker breaker;
  };
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace seawall
