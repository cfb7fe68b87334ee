// SPDX-License-Identifier: MIT
// Time: what a tick and a heartbeat do to leases.
#include <algorithm>

#include "service_registry_impl.h"

namespace seawall {

algorithm::LeaseRule lease_rule(const ServiceRegistryOptions& options) {
  const std::int64_t lease = options.lease.count();
  const std::int64_t slowest =
      algorithm::spread(options.heartbeat_interval.count(), options.heartbeat_jitter_percent, 2048);
  const std::int64_t given = options.suspect_after.count();
  const std::int64_t suspect_after = given != 0 ? given : std::min(std::max(lease - lease / 3, slowest), lease);
  return {lease, options.tick_tolerance.count(), lease - suspect_after};
}

RegistryAnswer ServiceRegistry::Impl::heartbeat(std::string_view name, std::uint64_t generation, std::int64_t now,
                                                std::optional<SelfState> state) {
  RegistryAnswer answer{};
  RegisteredInstance* instance = addressed(name, generation, answer);
  if (instance == nullptr) return answer;
  ++stats_.heartbeats;
  const HealthStatus before = instance->status();
  set_lease_end(*instance, rule_.renew(instance->lease_end, std::max(now, last_tick_)));
  instance->lease = LeaseState::kLive;
  if (state) instance->self = algorithm::advance(instance->self, *state);
  publish_if_changed(*instance, before, now);
  return answer;
}

LeaseState ServiceRegistry::Impl::lease_at(const RegisteredInstance& instance, std::int64_t now) const {
  const std::int64_t believed = std::min(now, believed_until());
  if (instance.expired() || instance.lease_end <= believed) return LeaseState::kExpired;
  return rule_.suspect_from(instance.lease_end) <= believed ? LeaseState::kSuspect : LeaseState::kLive;
}

std::int64_t ServiceRegistry::Impl::tick(std::int64_t given) {
  std::vector<RegisteredInstance*> gone;
  gone.reserve(instances_.size());
  std::vector<bool> changed(services_.size());  // what can throw is over
  const std::int64_t now = std::max(given, last_tick_);
  extend_leases(now);
  last_tick_ = now;
  detail::show(directory.header().ticked_at, static_cast<std::uint64_t>(now));
  // After the leases: a reader that sees the new instant also sees how far they were extended.
  detail::show(directory.believed_until(), static_cast<std::uint64_t>(believed_until()));
  std::int64_t ended = 0;
  stats_.suspects = 0;
  for (const auto& [id, instance] : instances_) {
    const LeaseState before = instance->lease;
    instance->lease = lease_at(*instance, now);
    if (instance->lease == LeaseState::kSuspect) ++stats_.suspects;
    if (instance->lease != before) {
      instance->changed_at = instance->expired() ? instance->lease_end : rule_.suspect_from(instance->lease_end);
      changed[instance->service] = true;
      if (instance->expired()) ++ended;
    }
    if (instance->expired() && detail::saturating_sub(now, instance->lease_end) >= options_.expired_retention.count()) {
      gone.push_back(instance.get());
    }
  }
  stats_.expirations += ended;
  for (std::uint32_t service = 0; service < changed.size(); ++service) {
    if (changed[service]) publish(service);
  }
  for (RegisteredInstance* instance : gone) erase(*instance);
  reap_flights(now);
  return ended;
}

void ServiceRegistry::Impl::extend_leases(std::int64_t now) {
  if (now <= believed_until()) return;
  ++stats_.late_ticks;
  for (const auto& [id, instance] : instances_) {
    set_lease_end(*instance, rule_.compensate(instance->lease_end, last_tick_, now));
  }
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::set_lease_end(RegisteredInstance& instance, std::int64_t end) {
  instance.lease_end = end;
  detail::show(directory.record(instance.record).lease_end, static_cast<std::uint64_t>(end));
}

}  // namespace seawall
