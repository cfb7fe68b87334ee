// SPDX-License-Identifier: MIT
// What the registry shows to readers, and how it is read back for listings.
#include <algorithm>

#include "registry/service_registry_impl.h"
#include "seawall/algorithm/peak_ewma.h"
#include "seawall/detail/service_core.h"

namespace seawall {
namespace {

std::uint64_t packed_address(const RegisteredInstance& instance) {
  const InstanceSpec& spec = instance.spec;
  return std::uint64_t{instance.slot} << 32 | std::uint64_t(static_cast<std::uint32_t>(spec.port)) << 16 |
         spec.id.size() << 8 | spec.host.size();
}

std::int64_t open_for_ns(std::uint64_t breaker, std::int64_t now) {
  if (algorithm::breaker::state_of(breaker) != BreakerState::kOpen) return 0;
  return std::max<std::int64_t>(0, algorithm::breaker::open_deadline_ns(breaker) - std::max<std::int64_t>(now, 0));
}

}  // namespace

// The record is free: no current list names it, and its stamp is 0.
// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::write_record(RegisteredInstance& instance) noexcept {
  detail::InstanceRecord& record = directory.record(instance.record);
  detail::InstanceTexts& texts = directory.texts(instance.record);
  texts.id.store(instance.spec.id);
  texts.host.store(instance.spec.host);
  detail::show(record.address, packed_address(instance));
  detail::show(record.lease_end, static_cast<std::uint64_t>(instance.lease_end));
  detail::show(record.service, instance.service);
  detail::show(record.failures, instance.generation << 32);  // a tally of this generation, at zero
  // No latency yet, in a word that tells this instance from the one before.
  const auto now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(instance.changed_at, 0)) / 1'000'000;
  detail::show(record.ewma, algorithm::PeakEwma::pack(0, now_ms));
  write_details(instance);
  detail::show(record.stamp, instance.generation);
}

// After the list without it was published, before anything else is written into it.
void ServiceRegistry::Impl::retire_record(std::uint32_t index) noexcept {
  leaving_records_.push_back(index);  // there is room for all
  if (!holding_) free_leaving();
}

void ServiceRegistry::Impl::free_leaving() noexcept {
  if (leaving_records_.empty()) return;
  for (const std::uint32_t index : leaving_records_) {
    leaving_[index] = true;
    // Sequentially consistent: whoever takes a ticket for it from now on sees this, all others the sweep sees.
    directory.record(index).stamp.store(0, std::memory_order_seq_cst);
  }
  const std::vector<bool>* const leaving = &leaving_;
  end_flights([=](std::uint64_t cell) { return (*leaving)[detail::Flight::record(cell) % leaving->size()]; });
  for (const std::uint32_t index : leaving_records_) {
    detail::InstanceRecord& record = directory.record(index);
    detail::BasicInstanceBreaker<detail::Word>(record.breaker, directory.share(directory.service_of(record))).clear();
    leaving_[index] = false;
    free_records_.push_back(index);
  }
  leaving_records_.clear();
}

void ServiceRegistry::Impl::reap_flights(std::int64_t now) {
  const std::int64_t deadline = options_.ticket_deadline.count();
  const std::int64_t reaped =
      end_flights([=](std::uint64_t cell) { return detail::Flight::age_ns(cell, now) > deadline; });
  stats_.tickets_reaped += reaped;
}

// Its versions go on from those of the registry, so that a name that comes back, wherever, has a higher one then.
// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::begin_service(std::uint32_t service, std::string_view name) {
  detail::DirectoryHeader& header = directory.header();
  const std::uint64_t version = std::max(detail::seen(directory.head(service)), detail::seen(header.version)) + 1;
  detail::show(directory.list(service, version)[0], 0);
  detail::show(directory.head(service), version);
  const std::uint64_t incarnation = detail::seen(header.incarnations) + 1;
  detail::show(header.incarnations, incarnation);
  const RegisteredView* view = services_[service].view.get();
  if (view == nullptr) {
    detail::show(directory.view(service).count, 0);
  } else {
    write_view(service);
  }
  names().assign(service, name, incarnation, view == nullptr ? 0 : view->of + 1);
  directory.changed();
}

std::vector<std::int32_t> ServiceRegistry::Impl::flights_by_record() const {
  std::vector<std::int32_t> counts(directory.record_count());
  directory.flights<detail::FlightTable>().for_each(
      [&](std::uint64_t cell) { ++counts[detail::Flight::record(cell) % counts.size()]; });
  return counts;
}

std::int64_t ServiceRegistry::Impl::in_flight(const RegisteredInstance& instance) const {
  std::int64_t count = 0;
  directory.flights<detail::FlightTable>().for_each(
      [&](std::uint64_t cell) { count += detail::Flight::record(cell) == instance.record; });
  return count;
}

std::uint64_t ServiceRegistry::Impl::breaker_of(const RegisteredInstance& instance) const {
  return detail::seen(directory.record(instance.record).breaker);
}

InstanceInfo ServiceRegistry::Impl::info(const RegisteredInstance& instance, std::int64_t in_flight,
                                         std::int64_t now) const {
  const std::int64_t left = detail::saturating_sub(instance.lease_end, std::min(now, believed_until()));
  InstanceInfo info;
  info.service = services_[instance.service].name;
  info.id = instance.spec.id;
  info.host = instance.spec.host;
  info.port = instance.spec.port;
  info.weight = instance.spec.weight;
  info.zone = instance.spec.zone;
  info.metadata = instance.spec.metadata;
  info.status = instance.status(lease_at(instance, now));
  const std::uint64_t breaker = breaker_of(instance);
  info.breaker = algorithm::breaker::state_of(breaker);
  if (info.breaker != BreakerState::kClosed) info.status.reasons |= kReasonEjected;
  info.ejected_for = Duration(open_for_ns(breaker, now));
  info.admin = instance.admin;
  info.self = instance.self;
  info.health = instance.health;
  info.lease_left = Duration(instance.expired() ? 0 : std::max<std::int64_t>(left, 0));
  info.unchanged = Duration(std::max<std::int64_t>(detail::saturating_sub(now, instance.changed_at), 0));
  info.generation = instance.generation;
  info.slot = instance.slot;
  info.in_flight = in_flight;
  info.failures =
      detail::ServiceDirectory::counted(detail::seen(directory.record(instance.record).failures), instance.generation);
  return info;
}

std::optional<InstanceInfo> ServiceRegistry::Impl::find(std::string_view name, std::int64_t now) const {
  RegistryAnswer answer{};
  const RegisteredInstance* found = resolve(name, kAnyGeneration, answer);
  if (found == nullptr) return std::nullopt;
  return info(*found, in_flight(*found), now);
}

std::vector<ServiceInfo> ServiceRegistry::Impl::list(std::int64_t now, const InstanceSelector& selector) const {
  std::vector<ServiceInfo> services;
  services.reserve(service_index_.size());
  const std::vector<std::int32_t> flights = flights_by_record();
  for (const auto& [name, index] : service_index_) {
    if (services_[index].view != nullptr) continue;
    ServiceInfo& service = services.emplace_back();
    service.name = name;
    for (const RegisteredInstance* instance : services_[index].instances) {
      if (!selector.matches(instance->spec.zone, instance->spec.metadata)) {
        ++service.hidden;
        continue;
      }
      service.instances.push_back(info(*instance, flights[instance->record], now));
    }
    std::ranges::sort(service.instances, {}, &InstanceInfo::slot);
  }
  std::ranges::sort(services, {}, &ServiceInfo::name);
  return services;
}

}  // namespace seawall
