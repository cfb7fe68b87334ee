// SPDX-License-Identifier: MIT
// Time: what a tick and a heartbeat do to leases.
#include <algorithm>
#include <limits>

#include "registry/service_registry_impl.h"

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
  leave_expired(*instance);
  instance->lease = LeaseState::kLive;
  if (state) instance->self = algorithm::advance(instance->self, *state);
  publish_if_changed(*instance, before, now);
  return answer;
}

LeaseState ServiceRegistry::Impl::lease_at(const RegisteredInstance& instance, std::int64_t now) const {
  const std::int64_t believed = std::min(now, believed_until());
  if (instance.expired()) return LeaseState::kExpired;
  if (instance.lease_end <= believed) return instance.shielded ? LeaseState::kHeld : LeaseState::kExpired;
  return rule_.suspect_from(instance.lease_end) <= believed ? LeaseState::kSuspect : LeaseState::kLive;
}

std::int64_t ServiceRegistry::Impl::tick(std::int64_t given) {
  std::vector<bool> changed(services_.size());
  const bool drains = std::ranges::any_of(services_, &RegisteredService::drains);
  const auto flights = drains ? flights_by_record() : std::vector<std::int32_t>();
  // What can throw is over.
  const std::int64_t now = std::max(given, last_tick_);
  extend_leases(now);
  last_tick_ = now;
  detail::show(directory.header().ticked_at, static_cast<std::uint64_t>(now));
  std::int64_t ended = 0;
  stats_.suspects = stats_.held = stats_.protected_services = 0;
  for (std::size_t i = 0; i < services_.size(); ++i) changed[i] = judge(services_[i], ended);
  // After the leases: a reader that sees the new instant also sees how far they were extended, and who is held.
  detail::show(directory.believed_until(), static_cast<std::uint64_t>(believed_until()));
  stats_.expirations += ended;
  hold_lists();
  for (std::uint32_t service = 0; service < changed.size(); ++service) {
    const bool drained = services_[service].drains && end_drains(services_[service], flights);
    if (changed[service] || drained || services_[service].ramping) publish(service);
  }
  erase_expired();
  show_held();
  reap_flights(now);
  return ended;
}

// Who expired long enough ago to be forgotten.
void ServiceRegistry::Impl::erase_expired() {
  while (RegisteredInstance* first = expired_.first()) {
    const std::int64_t since = detail::saturating_sub(last_tick_, first->expired_at);
    if (since < options_.expired_retention.count()) return;
    erase(*first);
  }
}

ServiceRegistry::Impl::Losses ServiceRegistry::Impl::losses(const RegisteredService& service) const {
  const std::int64_t lately = detail::saturating_sub(last_tick_, options_.lease.count());
  Losses sum;
  for (const RegisteredInstance* instance : service.instances) {
    const std::int64_t end = instance->lease_end;
    if (!instance->guarded()) continue;
    // Over for good: it is not among those that are left, and no news either.
    if (instance->expired() ? end <= lately : end <= last_tick_ && guard_.past_ceiling(end, last_tick_)) continue;
    ++sum.known;
    sum.ended += end <= last_tick_ ? 1 : 0;
    sum.ending += end <= believed_until() ? 1 : 0;
  }
  return sum;
}

bool ServiceRegistry::Impl::judge(const RegisteredService& service, std::int64_t& ended) {
  const Losses sum = losses(service);
  // Readers look at leases themselves, up to the next tick: who would be held then is shielded from them now.
  const bool hold = guard_.holds(sum.known, sum.ended), shield = guard_.holds(sum.known, sum.ending);
  std::int64_t held = 0;
  bool changed = false;
  for (RegisteredInstance* instance : service.instances) {
    if (instance->expired()) continue;
    const bool over = instance->lease_end <= last_tick_;
    const bool among = over ? hold && !guard_.past_ceiling(instance->lease_end, last_tick_)
                            : shield && instance->lease_end <= believed_until();
    if (instance->shielded != (among && instance->guarded())) {
      instance->shielded = !instance->shielded;
      show_lease_end(*instance);
    }
    const LeaseState before = instance->lease;
    const LeaseState after = lease_at(*instance, last_tick_);
    stats_.suspects += after == LeaseState::kSuspect ? 1 : 0;
    held += after == LeaseState::kHeld ? 1 : 0;
    if (after == before) continue;
    changed = true;
    if (after == LeaseState::kExpired) {
      ++ended;
      stats_.expirations_at_ceiling += before == LeaseState::kHeld ? 1 : 0;
      expire(*instance, before == LeaseState::kHeld ? last_tick_ : instance->lease_end);
      continue;
    }
    stats_.holds += after == LeaseState::kHeld ? 1 : 0;
    instance->lease = after;
    instance->changed_at =
        after == LeaseState::kSuspect ? rule_.suspect_from(instance->lease_end) : instance->lease_end;
  }
  stats_.held += held;
  stats_.protected_services += held != 0 ? 1 : 0;
  return changed;
}

void ServiceRegistry::Impl::expire(RegisteredInstance& instance, std::int64_t when) noexcept {
  instance.lease = LeaseState::kExpired;
  instance.expired_at = instance.changed_at = when;
  enter_expired(instance);
  set_lease_end(instance, std::min(instance.lease_end, when));
}

void ServiceRegistry::Impl::enter_expired(RegisteredInstance& instance) noexcept {
  expired_.enter(instance);
  services_[instance.service].expired.enter(instance);
}

void ServiceRegistry::Impl::leave_expired(const RegisteredInstance& instance) noexcept {
  if (!instance.expired()) return;
  expired_.leave(instance);
  services_[instance.service].expired.leave(instance);
}

void ServiceRegistry::Impl::extend_leases(std::int64_t now) {
  if (now <= believed_until()) return;
  ++stats_.late_ticks;
  for (const auto& [hash, instance] : instances_) {
    // A held lease's ceiling waits, too.
    const std::int64_t late = detail::saturating_sub(now, believed_until());
    const bool held = !instance->expired() && instance->shielded && instance->lease_end <= believed_until();
    instance->lease_end = held ? detail::saturating_add(instance->lease_end, late)
                               : rule_.compensate(instance->lease_end, last_tick_, now);
    show_lease_end(*instance);
  }
}

void ServiceRegistry::Impl::set_lease_end(RegisteredInstance& instance, std::int64_t end) {
  instance.lease_end = end;
  instance.shielded = false;
  show_lease_end(instance);
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::show_lease_end(const RegisteredInstance& instance) {
  const std::int64_t end = instance.shielded ? std::numeric_limits<std::int64_t>::max() : instance.lease_end;
  detail::show(directory.record(instance.record).lease_end, static_cast<std::uint64_t>(end));
}

RegistryAnswer ServiceRegistry::Impl::drain_until(std::string_view name, std::uint64_t generation,
                                                  std::int64_t deadline, std::int64_t now) {
  const RegisteredInstance::Drain drain{std::max(now, last_tick_), deadline};
  RegisteredService* const services = services_.data();
  return change(name, generation, now, [=](RegisteredInstance& instance) {
    instance.admin = AdminState::kDraining;
    instance.drain = drain;
    services[instance.service].drains = true;
  });
}

// True: the status of some changed.
bool ServiceRegistry::Impl::end_drains(RegisteredService& service, const std::vector<std::int32_t>& flights) {
  bool ended = false;
  service.drains = false;
  for (RegisteredInstance* instance : service.instances) {
    ended = end_drain(*instance, flights) || ended;
    service.drains = service.drains || (instance->drain && !instance->fenced);
  }
  return ended;
}

// A pick that had chosen before the drain began may not be counted yet: so not within the tick of the drain itself.
bool ServiceRegistry::Impl::end_drain(RegisteredInstance& instance, const std::vector<std::int32_t>& flights) {
  if (!instance.drain || instance.fenced) return false;
  if (instance.admin != AdminState::kDraining) {  // the operator thought better of it
    instance.drain.reset();
    return false;
  }
  const bool idle = flights[instance.record] == 0 && last_tick_ > instance.drain->from;
  if (!idle && last_tick_ < instance.drain->deadline) return false;
  ++(idle ? stats_.drains : stats_.drains_cut);
  instance.fenced = true;
  if (!instance.expired()) expire(instance, last_tick_);
  return true;
}

DrainStatus ServiceRegistry::Impl::drained(std::string_view name, std::uint64_t generation, std::int64_t now) const {
  DrainStatus status;
  const RegisteredInstance* instance = resolve(name, generation, status.answer);
  if (instance != nullptr && generation > instance->generation) status.answer = RegistryAnswer::kUnknown;
  if (instance == nullptr || status.answer != RegistryAnswer::kOk) return status;
  status.in_flight = in_flight(*instance);
  if (instance->drain) {
    status.left = Duration(std::max<std::int64_t>(detail::saturating_sub(instance->drain->deadline, now), 0));
  }
  const bool replaced = generation != kAnyGeneration && generation < instance->generation;
  const bool idle = instance->draining() && status.in_flight == 0 && last_tick_ > instance->changed_at;
  if (replaced) status.answer = RegistryAnswer::kFenced;
  status.done = replaced || instance->fenced || idle;
  return status;
}

}  // namespace seawall
