// SPDX-License-Identifier: MIT
//
// What calls read of a pipeline: one composition, checked and immutable, and where the current one stands.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "seawall/algorithm/elapsed.h"
#include "seawall/detail/mutex.h"
#include "seawall/detail/ticket_slots.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"

namespace seawall {

struct PipelineFamilies {
  static Result<PipelineFamilies> make(MetricsRegistry& registry);
  PipelineMetrics of(std::string_view pipeline) const noexcept;

  Family<Counter> requests, calls, responses;
  Family<Histogram> duration;
};

struct PipelinePlan {
  struct Limit {
    LimiterRef limiter;
    std::uint32_t key = 0;
    LimitLabel label{};
  };

  // Error: kInvalidArgument, naming the part.
  static Result<std::unique_ptr<PipelinePlan>> make(PipelineParts&& parts);
  // One that refuses every request, by Gate::kRequest.
  static std::unique_ptr<PipelinePlan> closed();

  std::array<Limit, kMostPipelineLimits> limits;
  std::uint32_t limit_count = 0;
  std::uint32_t keys_needed = 0;
  CircuitBreaker* breaker = nullptr;
  std::optional<Service> service;
  bool trace = false;
  std::shared_ptr<const void> owner;
};

class Pipeline::State {
 public:
  using Slots = detail::TicketSlots;

  State(std::unique_ptr<const PipelinePlan> plan, const PipelineOptions& options, TimePoint epoch)
      : metrics(options.metrics),
        slots(static_cast<std::size_t>(options.max_in_flight)),
        epoch_(epoch),
        lease_(options.lease) {
    plans_[0] = std::move(plan);
  }

  // False: too many calls are out.
  bool enter(TimePoint now, Slots::Held& held) noexcept { return slots.enter(current_, elapsed(now), held); }
  // Of a slot that is held.
  const PipelinePlan& plan(const Slots::Held& held) const noexcept { return *plans_[held.version()]; }
  std::uint64_t leave_with_ticket(const Slots::Held& held, TimePoint now) noexcept {
    return slots.leave_with_ticket(held, elapsed(now) + lease_.count());
  }
  // False, and counted: nothing is out with this ticket.
  bool enter_again(const PipelineTicket& ticket, Slots::Held& held) noexcept {
    if (slots.enter_again(ticket.id, held)) [[likely]]
      return true;
    repeated_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count by itself
    return false;
  }
  void turn_away() noexcept { turned_away_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: as above

  Result<void> replace(std::unique_ptr<const PipelinePlan> plan, TimePoint now) SEAWALL_EXCLUDES(mutex_);
  // Whether the next replace() has a place for its plan.
  bool has_room(TimePoint now) SEAWALL_EXCLUDES(mutex_);
  void tidy(TimePoint now) SEAWALL_EXCLUDES(mutex_);
  PipelineStats stats(TimePoint now) const SEAWALL_EXCLUDES(mutex_);

  PipelineMetrics metrics;  // written before anybody calls
  Slots slots;

 private:
  void free_unused(TimePoint now) SEAWALL_REQUIRES(mutex_);
  std::int64_t elapsed(TimePoint now) const noexcept { return algorithm::since(epoch_, now).count(); }

  const TimePoint epoch_;
  const Duration lease_;
  // Written by replace alone, under the mutex; a call reads the place that its slot names.
  std::array<std::unique_ptr<const PipelinePlan>, Slots::kVersions> plans_;
  std::atomic<std::uint64_t> current_{0};
  mutable detail::Mutex mutex_;
  // Written when something is wrong.
  alignas(detail::kCacheLine) std::atomic<std::uint64_t> repeated_{0};
  std::atomic<std::uint64_t> turned_away_{0};
};

}  // namespace seawall
