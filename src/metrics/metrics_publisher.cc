// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_publisher.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/metrics_fields.h"
#include "metrics/metrics_instances.h"
#include "metrics/metrics_registry_source.h"
#include "seawall/circuit_breaker.h"
#include "seawall/detail/mutex.h"
#include "seawall/keyed_circuit_breaker.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_registry.h"

namespace seawall {
namespace detail {
namespace {

struct BreakerReading {
  CircuitBreakerSnapshot snapshot;
  CircuitBreakerStats stats;
};

constexpr MetricsField<BreakerReading> kBreakerTotals[] = {
    {"seawall_circuit_breaker_late_results_total", "Results that came after the breaker had moved on.",
     [](const BreakerReading& r) { return plain(r.stats.late_results); }},
    {"seawall_circuit_breaker_probes_lost_total", "Probes that were given up because no result came.",
     [](const BreakerReading& r) { return plain(r.stats.probes_lost); }},
    {"seawall_circuit_breaker_lost_events_total", "Transitions that were overwritten before they were read.",
     [](const BreakerReading& r) { return plain(r.stats.lost_events); }},
    {"seawall_circuit_breaker_shadow_refusals_total", "Calls admitted in shadow that would have been refused.",
     [](const BreakerReading& r) { return plain(r.stats.shadow_refusals); }},
};
constexpr MetricsField<BreakerReading> kBreakerCalls[] = {
    {"seawall_circuit_breaker_successes_total", "Calls reported as successes.",
     [](const BreakerReading& r) { return plain(r.stats.successes); }},
    {"seawall_circuit_breaker_failures_total", "Calls reported as failures.",
     [](const BreakerReading& r) { return plain(r.stats.failures); }},
    {"seawall_circuit_breaker_ignored_total", "Calls reported as saying nothing.",
     [](const BreakerReading& r) { return plain(r.stats.ignored); }},
    {"seawall_circuit_breaker_slow_calls_total", "Successes and failures that took too long.",
     [](const BreakerReading& r) { return plain(r.stats.slow_calls); }},
    {"seawall_circuit_breaker_refusals_total", "Calls refused.",
     [](const BreakerReading& r) { return plain(r.stats.refusals); }},
};
constexpr MetricsField<BreakerReading> kBreakerGauges[] = {
    {"seawall_circuit_breaker_consecutive_failures",
     "Failures in a row; while not closed, those that opened the breaker.",
     [](const BreakerReading& r) { return plain(r.snapshot.failure_count); }},
    {"seawall_circuit_breaker_probes_in_flight", "Probes without a result yet.",
     [](const BreakerReading& r) { return plain(r.snapshot.probes_in_flight); }},
};

constexpr MetricsField<Decision> kLimiterGauges[] = {
    {"seawall_rate_limiter_limit", "The most permits that can be available at one instant.",
     [](const Decision& d) { return plain(d.limit); }},
    {"seawall_rate_limiter_remaining", "Permits available now.", [](const Decision& d) { return plain(d.remaining); }},
};

constexpr MetricsField<KeyedStats> kKeyedTotals[] = {
    {"seawall_keyed_limiter_evictions_total", "Idle keys forgotten to make room.",
     [](const KeyedStats& s) { return plain(s.evictions); }},
    {"seawall_keyed_limiter_full_refusals_total", "Requests of new keys refused for want of room.",
     [](const KeyedStats& s) { return plain(s.full_refusals); }},
    {"seawall_keyed_limiter_full_admissions_total", "Requests of new keys admitted uncounted for want of room.",
     [](const KeyedStats& s) { return plain(s.full_admissions); }},
    {"seawall_keyed_limiter_overflow_admissions_total", "Requests of new keys admitted by the limit that they share.",
     [](const KeyedStats& s) { return plain(s.overflow_admissions); }},
};
constexpr MetricsField<KeyedStats> kKeyedGauges[] = {
    {"seawall_keyed_limiter_keys", "Keys in use.", [](const KeyedStats& s) { return plain(s.keys_active); }},
    {"seawall_keyed_limiter_capacity", "Keys that the table has room for.",
     [](const KeyedStats& s) { return plain(s.capacity); }},
    {"seawall_keyed_limiter_memory_bytes", "Memory of the table.",
     [](const KeyedStats& s) { return plain(s.memory_bytes); }},
};

constexpr MetricsField<KeyedCircuitBreakerStats> kBreakersTotals[] = {
    {"seawall_keyed_circuit_breaker_evictions_total", "Idle keys forgotten to make room.",
     [](const KeyedCircuitBreakerStats& s) { return plain(s.evictions); }},
    {"seawall_keyed_circuit_breaker_full_total", "Calls of keys without a breaker of their own, for want of room.",
     [](const KeyedCircuitBreakerStats& s) { return plain(s.full); }},
};
constexpr MetricsField<KeyedCircuitBreakerStats> kBreakersGauges[] = {
    {"seawall_keyed_circuit_breaker_keys", "Keys that have a breaker.",
     [](const KeyedCircuitBreakerStats& s) { return plain(s.in_use); }},
    {"seawall_keyed_circuit_breaker_capacity", "Breakers that there is room for.",
     [](const KeyedCircuitBreakerStats& s) { return plain(s.capacity); }},
    {"seawall_keyed_circuit_breaker_memory_bytes", "Memory of all breakers.",
     [](const KeyedCircuitBreakerStats& s) { return plain(s.memory_bytes); }},
};

// A struct of figures and nothing else.
template <class Reading>
class FieldSource final : public Source {
 public:
  FieldSource(std::string_view name, const FieldFamilies<Reading>& families, std::function<Reading(TimePoint)> read)
      : Source(name), series_(families, {name}), read_(std::move(read)) {}
  void publish(TimePoint now) override { series_.set(read_(now)); }
  void remove() override { series_.remove({name()}); }

 private:
  FieldSeries<Reading> series_;
  const std::function<Reading(TimePoint)> read_;
};

// In the order of BreakerState.
constexpr std::array<std::string_view, 5> kBreakerStates = {
    to_string(BreakerState::kClosed), to_string(BreakerState::kOpen), to_string(BreakerState::kHalfOpen),
    to_string(BreakerState::kForcedOpen), to_string(BreakerState::kDisabled)};

struct BreakerFamilies {
  FieldFamilies<BreakerReading> fields;
  FieldFamilies<BreakerReading> calls;  // of breakers that count their calls
  std::optional<Family<StateSet>> state;
  std::optional<Family<Counter>> transitions;

  Result<void> open(MetricsRegistry& metrics) {
    if (state) return {};
    if (auto opened = fields.open(metrics, kBreakerTotals, kBreakerGauges, {"breaker"}); !opened) return opened;
    if (auto opened = calls.open(metrics, kBreakerCalls, {}, {"breaker"}); !opened) return opened;
    const auto states = metrics.state_set("seawall_circuit_breaker_state", "State of the breaker.",
                                          TextList(kBreakerStates), {"breaker"});
    if (!states) return states.error();
    const auto changes = metrics.counter("seawall_circuit_breaker_transitions_total", "Changes of state, by cause.",
                                         {"breaker", "to", "reason"});
    if (!changes) return changes.error();
    transitions = changes.value();
    state = states.value();
    return {};
  }
};

class BreakerSource final : public Source {
 public:
  BreakerSource(std::string_view name, const BreakerFamilies& families, CircuitBreaker& breaker,
                MetricsPublisher::EventTap tap)
      : Source(name),
        families_(families),
        breaker_(breaker),
        tap_(std::move(tap)),
        fields_(families.fields, {name}),
        state_(families.state->with({name})) {
    if (breaker.config().options().count_totals) calls_.emplace(families.calls, TextList{name});
    // All at 0 from now on: what appears with its first transition has no increase.
    for (BreakerReason reason = kFirstReason; reason <= kLastReason; reason = after(reason)) transition(reason);
  }

  void publish(TimePoint now) override {
    const CircuitBreakerSnapshot snapshot = breaker_.snapshot_at(now);
    const BreakerReading reading{snapshot, breaker_.stats()};
    fields_.set(reading);
    if (calls_) calls_->set(reading);
    state_.set(static_cast<std::uint32_t>(snapshot.state));
    std::array<CircuitBreakerEvent, 32> events;
    while (const std::size_t count = breaker_.poll_events(events)) {
      for (std::size_t i = 0; i < count; ++i) take(events[i]);
    }
  }

  void remove() override {
    fields_.remove({name()});
    if (calls_) calls_->remove({name()});
    families_.state->remove({name()});
    for (BreakerReason reason = kFirstReason; reason <= kLastReason; reason = after(reason)) {
      families_.transitions->remove({name(), to_string(algorithm::breaker::state_after(reason)), to_string(reason)});
    }
  }

 private:
  static constexpr BreakerReason kFirstReason = BreakerReason::kFailureThreshold;
  static constexpr BreakerReason kLastReason = BreakerReason::kProbeSlow;
  static BreakerReason after(BreakerReason reason) { return static_cast<BreakerReason>(static_cast<int>(reason) + 1); }

  Counter transition(BreakerReason reason) const {
    return families_.transitions->with({name(), to_string(algorithm::breaker::state_after(reason)), to_string(reason)});
  }
  void take(const CircuitBreakerEvent& event) {
    transition(event.reason).add();
    if (tap_) tap_(event);
  }

  const BreakerFamilies& families_;
  CircuitBreaker& breaker_;
  const MetricsPublisher::EventTap tap_;
  FieldSeries<BreakerReading> fields_;
  std::optional<FieldSeries<BreakerReading>> calls_;
  StateSet state_;
};

struct KeyedBreakerFamilies {
  FieldFamilies<KeyedCircuitBreakerStats> fields;
  std::optional<Family<Gauge>> breakers;

  Result<void> open(MetricsRegistry& metrics) {
    if (breakers) return {};
    if (auto opened = fields.open(metrics, kBreakersTotals, kBreakersGauges, {"breaker"}); !opened) return opened;
    const auto counted =
        metrics.gauge("seawall_keyed_circuit_breaker_breakers", "Breakers of keys, by state.", {"breaker", "state"});
    if (!counted) return counted.error();
    breakers = counted.value();
    return {};
  }
};

class KeyedBreakerSource final : public Source {
 public:
  KeyedBreakerSource(std::string_view name, const KeyedBreakerFamilies& families, KeyedCircuitBreaker& breakers)
      : Source(name), families_(families), breakers_(breakers), fields_(families.fields, {name}) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] = families.breakers->with({name, kBreakerStates[i]});
  }

  void publish(TimePoint now) override {
    fields_.set(breakers_.stats());
    const auto states = breakers_.states_at(now);
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i].set(plain(states[i]));
  }

  void remove() override {
    fields_.remove({name()});
    for (const std::string_view state : kBreakerStates) families_.breakers->remove({name(), state});
  }

 private:
  const KeyedBreakerFamilies& families_;
  KeyedCircuitBreaker& breakers_;
  FieldSeries<KeyedCircuitBreakerStats> fields_;
  std::array<Gauge, kBreakerStates.size()> counts_;
};

}  // namespace
}  // namespace detail

class MetricsPublisher::Impl {
 public:
  explicit Impl(MetricsRegistry& metrics) : metrics_(metrics) {}
  ~Impl() {
    for (auto& [key, source] : sources_) source->remove();
  }

  Result<void> watch(std::string_view name, CircuitBreaker& breaker, EventTap tap) {
    return add<detail::BreakerSource>(
        "breaker", name, breakers_, [&] { return breakers_.open(metrics_); }, breaker, std::move(tap));
  }
  Result<void> watch(std::string_view name, KeyedCircuitBreaker& breakers) {
    return add<detail::KeyedBreakerSource>(
        "keyed breaker", name, keyed_breakers_, [&] { return keyed_breakers_.open(metrics_); }, breakers);
  }
  Result<void> watch(std::string_view name, ServiceRegistry& registry) {
    return add<detail::RegistrySource>(
        "registry", name, registries_, [&] { return registries_.open(metrics_); }, registry);
  }
  Result<void> watch(std::string_view name, Prober& prober) {
    return add<detail::ProberSource>(
        "prober", name, probers_, [&] { return probers_.open(metrics_); }, prober);
  }
  Result<void> watch(std::string_view name, std::function<SourceFollowerReading(TimePoint)> read) {
    return add<detail::FollowerSource>(
        "follower", name, followers_, [&] { return followers_.open(metrics_); }, std::move(read));
  }
  Result<void> watch(std::string_view name, std::function<KeyedStats(TimePoint)> read) {
    const auto open = [&] { return keyed_.open(metrics_, detail::kKeyedTotals, detail::kKeyedGauges, {"limiter"}); };
    return add<detail::FieldSource<KeyedStats>>("keyed limiter", name, keyed_, open, std::move(read));
  }
  Result<void> watch(std::string_view name, std::function<Decision(TimePoint)> read) {
    const auto open = [&] { return limiters_.open(metrics_, {}, detail::kLimiterGauges, {"limiter"}); };
    return add<detail::FieldSource<Decision>>("limiter", name, limiters_, open, std::move(read));
  }

  bool unwatch(std::string_view name) {
    const detail::MutexLock lock(mutex_);
    return std::erase_if(sources_, [name](auto& entry) {
             if (entry.first.second != name) return false;
             entry.second->remove();
             return true;
           }) != 0;
  }

  void publish_at(TimePoint now) {
    const detail::MutexLock lock(mutex_);
    for (auto& [key, source] : sources_) source->publish(now);
  }

 private:
  template <class SourceOf, class Families, class Open, class... Arguments>
  Result<void> add(std::string_view kind, std::string_view name, Families& families, const Open& open,
                   Arguments&&... arguments) {
    const detail::MutexLock lock(mutex_);
    if (auto opened = open(); !opened) return opened;
    const std::pair key{std::string(kind), std::string(name)};
    if (sources_.contains(key)) {
      Message m(kind);
      m.append(" \"").append(Message::head(name, 100)).append("\" is watched already");
      return Error{Code::kAlreadyExists, m};
    }
    auto source = std::make_unique<SourceOf>(name, families, std::forward<Arguments>(arguments)...);
    sources_.emplace(key, std::move(source));
    return {};
  }

  MetricsRegistry& metrics_;
  detail::Mutex mutex_;
  detail::BreakerFamilies breakers_;
  detail::KeyedBreakerFamilies keyed_breakers_;
  detail::RegistryFamilies registries_;
  detail::ProberFamilies probers_;
  detail::FollowerFamilies followers_;
  detail::FieldFamilies<KeyedStats> keyed_;
  detail::FieldFamilies<Decision> limiters_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<detail::Source>> sources_;
};

MetricsPublisher::MetricsPublisher(MetricsRegistry& metrics) : impl_(std::make_unique<Impl>(metrics)) {}
MetricsPublisher::~MetricsPublisher() = default;
MetricsPublisher::MetricsPublisher(MetricsPublisher&&) noexcept = default;
MetricsPublisher& MetricsPublisher::operator=(MetricsPublisher&&) noexcept = default;

Result<void> MetricsPublisher::watch(std::string_view name, CircuitBreaker& breaker, EventTap tap) {
  return impl_->watch(name, breaker, std::move(tap));
}
Result<void> MetricsPublisher::watch(std::string_view name, KeyedCircuitBreaker& breakers) {
  return impl_->watch(name, breakers);
}
Result<void> MetricsPublisher::watch(std::string_view name, ServiceRegistry& registry) {
  return impl_->watch(name, registry);
}
Result<void> MetricsPublisher::watch(std::string_view name, Prober& prober) { return impl_->watch(name, prober); }
Result<void> MetricsPublisher::watch(std::string_view name, SourceFollower& follower) {
  return impl_->watch(name, [&follower](TimePoint now) {
    return SourceFollowerReading{follower.stats(), follower.sources_at(now)};
  });
}
Result<void> MetricsPublisher::watch_follower(std::string_view name,
                                              std::function<SourceFollowerReading(TimePoint)> read) {
  return impl_->watch(name, std::move(read));
}
Result<void> MetricsPublisher::watch_keyed(std::string_view name, std::function<KeyedStats(TimePoint)> stats) {
  return impl_->watch(name, std::move(stats));
}
Result<void> MetricsPublisher::watch_limiter(std::string_view name, std::function<Decision(TimePoint)> peek) {
  return impl_->watch(name, std::move(peek));
}
bool MetricsPublisher::unwatch(std::string_view name) { return impl_->unwatch(name); }
void MetricsPublisher::publish_at(TimePoint now) { impl_->publish_at(now); }

}  // namespace seawall
