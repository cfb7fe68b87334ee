// SPDX-License-Identifier: MIT
//
// Making and replacing compositions. How a request passes one is in pipeline_admit.cc.
#include "seawall/runtime/pipeline.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "pipeline/pipeline_plan.h"
#include "seawall/runtime/metrics_registry.h"

namespace seawall {
namespace {

static_assert(Pipeline::kMostCompositions == detail::TicketSlots::kVersions);

Error wrong(std::size_t limit, std::string_view what) {
  Message why("limits/");
  return {Code::kInvalidArgument, why.append(static_cast<std::int64_t>(limit)).append("/").append(what)};
}

bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

LimitLabel label_of(const PipelineLimit& limit) {
  LimitLabel label{};
  std::copy(limit.name.begin(), limit.name.end(), label.name.begin());
  label.quota = limit.quota.permits();
  label.window = limit.quota.period();
  return label;
}

Result<void> check(const PipelineLimit& limit, std::size_t place) {
  constexpr std::int32_t kMostKeys = 16;
  if (limit.name.empty() || limit.name.size() >= sizeof(LimitLabel::name) || !is_header_text(limit.name) ||
      limit.name.find(',') != std::string::npos) {
    return wrong(place, "name must be 1 to 31 printable ASCII characters without ,");
  }
  if (!limit.limiter) return wrong(place, "limiter is missing");
  if (limit.key < 0 || limit.key >= kMostKeys) return wrong(place, "key must be from 0 to 15");
  return {};
}

}  // namespace

std::string_view to_string(Gate gate) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"none", "in_flight", "limits", "breaker", "instance", "request"};
  const auto index = static_cast<std::size_t>(gate);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Result<PipelineMetrics> PipelineMetrics::make(MetricsRegistry& registry, std::string_view pipeline) {
  const auto families = PipelineFamilies::make(registry);
  if (!families) return families.error();
  return families.value().of(pipeline);
}

Result<PipelineFamilies> PipelineFamilies::make(MetricsRegistry& registry) {
  const auto requests = registry.counter("seawall_pipeline_requests_total", "Requests by the gate that refused them.",
                                         {"pipeline", "gate"});
  if (!requests) return requests.error();
  const auto calls =
      registry.counter("seawall_pipeline_calls_total", "Admitted calls by how they ended.", {"pipeline", "outcome"});
  if (!calls) return calls.error();
  const auto responses = registry.counter("seawall_pipeline_responses_total",
                                          "Admitted calls by the class of their status.", {"pipeline", "status"});
  if (!responses) return responses.error();
  const auto duration =
      registry.histogram("seawall_pipeline_call_duration_seconds", "From admission to completion.", {"pipeline"});
  if (!duration) return duration.error();
  return PipelineFamilies{requests.value(), calls.value(), responses.value(), duration.value()};
}

PipelineMetrics PipelineFamilies::of(std::string_view pipeline) const noexcept {
  PipelineMetrics made;
  for (std::size_t i = 0; i < made.requests.size(); ++i) {
    made.requests[i] = requests.with({pipeline, to_string(static_cast<Gate>(i))});
  }
  constexpr std::array<std::string_view, 4> kOutcomes = {"success", "failure", "ignored", "cancelled"};
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) made.calls[i] = calls.with({pipeline, kOutcomes[i]});
  constexpr std::array<std::string_view, 6> kClasses = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 0; i < kClasses.size(); ++i) made.responses[i] = responses.with({pipeline, kClasses[i]});
  made.duration = duration.with({pipeline});
  return made;
}

Result<std::unique_ptr<PipelinePlan>> PipelinePlan::make(PipelineParts&& parts) {
  if (parts.limits.size() > kMostPipelineLimits) {
    return out_of_range("limits", static_cast<std::int64_t>(parts.limits.size()), 0, kMostPipelineLimits);
  }
  auto plan = std::make_unique<PipelinePlan>();
  for (std::size_t i = 0; i < parts.limits.size(); ++i) {
    const PipelineLimit& limit = parts.limits[i];
    if (const auto checked = check(limit, i); !checked) return checked.error();
    // Who is refused is told the name of the limit, which has to say which one it was.
    const auto is_same = [&](const PipelineLimit& other) { return other.name == limit.name; };
    if (std::any_of(parts.limits.begin(), parts.limits.begin() + static_cast<std::ptrdiff_t>(i), is_same)) {
      return wrong(i, "name is that of a limit before it");
    }
    const auto key = static_cast<std::uint32_t>(limit.key);
    plan->limits[i] = {limit.limiter, key, label_of(limit)};
    if (limit.limiter.is_keyed()) plan->keys_needed = std::max(plan->keys_needed, key + 1);
  }
  plan->limit_count = static_cast<std::uint32_t>(parts.limits.size());
  plan->breaker = parts.breaker;
  plan->service = parts.service;
  plan->trace = parts.trace;
  plan->owner = std::move(parts.owner);
  return plan;
}

std::unique_ptr<PipelinePlan> PipelinePlan::closed() {
  auto plan = std::make_unique<PipelinePlan>();
  plan->keys_needed = std::numeric_limits<std::uint32_t>::max();
  return plan;
}

Pipeline::Pipeline(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

Result<std::unique_ptr<Pipeline>> Pipeline::make(PipelineParts parts, const PipelineOptions& options, TimePoint epoch) {
  constexpr std::int32_t kMostInFlight = 1 << 20;
  constexpr Duration kLeastLease = std::chrono::seconds(1);
  constexpr Duration kMostLease = std::chrono::hours(24) * 366;
  if (options.max_in_flight < 1 || options.max_in_flight > kMostInFlight) {
    return out_of_range("max_in_flight", options.max_in_flight, 1, kMostInFlight);
  }
  if (options.lease < kLeastLease || options.lease > kMostLease) {
    return out_of_range("lease in ns", options.lease.count(), kLeastLease.count(), kMostLease.count());
  }
  auto plan = PipelinePlan::make(std::move(parts));
  if (!plan) return plan.error();
  auto state = std::make_unique<State>(std::move(plan).value(), options, epoch);
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(state)));
}

Result<void> Pipeline::replace_at(PipelineParts parts, TimePoint now) {
  auto plan = PipelinePlan::make(std::move(parts));
  if (!plan) return plan.error();
  return state_->replace(std::move(plan).value(), now);
}

void Pipeline::tidy_at(TimePoint now) { state_->tidy(now); }
PipelineStats Pipeline::stats_at(TimePoint now) const { return state_->stats(now); }

Result<void> Pipeline::State::replace(std::unique_ptr<const PipelinePlan> plan, TimePoint now) {
  const detail::MutexLock lock(mutex_);
  free_unused(now);
  const auto free = std::find(plans_.begin(), plans_.end(), nullptr);
  if (free == plans_.end()) {
    return Error{Code::kFull, "calls are still out on as many older compositions as there may be"};
  }
  *free = std::move(plan);
  // seq_cst: before the look at the slots, for all threads; see detail::TicketSlots.
  current_.store(static_cast<std::uint64_t>(free - plans_.begin()), std::memory_order_seq_cst);
  free_unused(now);
  return {};
}

bool Pipeline::State::has_room(TimePoint now) {
  const detail::MutexLock lock(mutex_);
  free_unused(now);
  return std::find(plans_.begin(), plans_.end(), nullptr) != plans_.end();
}

void Pipeline::State::tidy(TimePoint now) {
  const detail::MutexLock lock(mutex_);
  free_unused(now);
}

void Pipeline::State::free_unused(TimePoint now) {
  const std::uint64_t current = current_.load(std::memory_order_relaxed);  // relaxed: written under this mutex
  for (std::size_t version = 0; version < plans_.size(); ++version) {
    if (version != current && plans_[version] && slots.is_unused(version, elapsed(now))) plans_[version].reset();
  }
}

PipelineStats Pipeline::State::stats(TimePoint now) const {
  const detail::MutexLock lock(mutex_);
  PipelineStats stats{.max_in_flight = slots.size(), .in_flight = slots.in_use(elapsed(now)), .lost = slots.lost()};
  // Relaxed: counts by themselves.
  stats.repeated = repeated_.load(std::memory_order_relaxed);
  stats.turned_away = turned_away_.load(std::memory_order_relaxed);
  for (const auto& plan : plans_) stats.compositions += plan ? 1 : 0;
  return stats;
}

}  // namespace seawall
