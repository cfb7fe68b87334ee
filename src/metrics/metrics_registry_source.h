// SPDX-License-Identifier: MIT
//
// What a MetricsPublisher shows of a service registry: its totals, and of each service how many instances are how.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/metrics_fields.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/service_registry.h"

namespace seawall::detail {

inline constexpr MetricsField<RegistryStats> kRegistryTotals[] = {
    {"seawall_service_registry_registrations_total", "Instances registered, again ones included.",
     [](const RegistryStats& s) { return plain(s.registrations); }},
    {"seawall_service_registry_heartbeats_total", "Leases renewed.",
     [](const RegistryStats& s) { return plain(s.heartbeats); }},
    {"seawall_service_registry_expirations_total", "Leases that ended without a heartbeat.",
     [](const RegistryStats& s) { return plain(s.expirations); }},
    {"seawall_service_registry_removals_total", "Instances removed.",
     [](const RegistryStats& s) { return plain(s.removals); }},
    {"seawall_service_registry_fenced_total", "Calls refused because a newer process took the id over.",
     [](const RegistryStats& s) { return plain(s.fenced); }},
    {"seawall_service_registry_unknown_total", "Calls for instances that are not known.",
     [](const RegistryStats& s) { return plain(s.unknown); }},
    {"seawall_service_registry_refused_full_total", "Registrations refused at a bound.",
     [](const RegistryStats& s) { return plain(s.refused_full); }},
    {"seawall_service_registry_holds_total", "Leases that ended with so many others that their instances were held.",
     [](const RegistryStats& s) { return plain(s.holds); }},
    {"seawall_service_registry_ceiling_expirations_total", "Held instances that expired at the ceiling.",
     [](const RegistryStats& s) { return plain(s.expirations_at_ceiling); }},
    {"seawall_service_registry_drains_total", "Drains that ended with no call in flight.",
     [](const RegistryStats& s) { return plain(s.drains); }},
    {"seawall_service_registry_drains_cut_total", "Drains that ended at their deadline, with calls in flight.",
     [](const RegistryStats& s) { return plain(s.drains_cut); }},
    {"seawall_service_registry_endpoints_taken_total", "Instances fenced because another one has their host and port.",
     [](const RegistryStats& s) { return plain(s.endpoints_taken); }},
    {"seawall_service_registry_late_ticks_total", "Ticks so late that leases were extended.",
     [](const RegistryStats& s) { return plain(s.late_ticks); }},
    {"seawall_service_tickets_late_total", "Tickets of picks given back when they were over.",
     [](const RegistryStats& s) { return plain(s.tickets_late); }},
    {"seawall_service_tickets_reaped_total", "Tickets of picks that were never given back.",
     [](const RegistryStats& s) { return plain(s.tickets_reaped); }},
    {"seawall_service_tickets_untracked_total", "Picks without a ticket, beyond max_in_flight.",
     [](const RegistryStats& s) { return plain(s.tickets_untracked); }},
    {"seawall_service_ejections_total", "Instances ejected for their failures.",
     [](const RegistryStats& s) { return plain(s.ejections); }},
    {"seawall_service_ejections_refused_total", "Ejections that the share of ejected instances did not allow.",
     [](const RegistryStats& s) { return plain(s.ejections_refused); }},
    {"seawall_service_panic_picks_total", "Picks made because too few instances were eligible.",
     [](const RegistryStats& s) { return plain(s.panic_picks); }},
};
inline constexpr MetricsField<RegistryStats> kRegistryGauges[] = {
    {"seawall_service_registry_services", "Services known.", [](const RegistryStats& s) { return plain(s.services); }},
    {"seawall_service_registry_instances", "Instances known, in any state.",
     [](const RegistryStats& s) { return plain(s.instances); }},
    {"seawall_service_registry_suspects", "Instances with a heartbeat overdue.",
     [](const RegistryStats& s) { return plain(s.suspects); }},
    {"seawall_service_registry_held", "Instances whose lease ended, kept because so many ended at once.",
     [](const RegistryStats& s) { return plain(s.held); }},
    {"seawall_service_registry_protected_services", "Services with held instances.",
     [](const RegistryStats& s) { return plain(s.protected_services); }},
};

struct RegistryFamilies {
  FieldFamilies<RegistryStats> fields;
  std::optional<Family<Gauge>> instances;
  std::optional<Family<Gauge>> states;
  std::optional<Family<Gauge>> in_flight;

  Result<void> open(MetricsRegistry& metrics) {
    if (instances) return {};
    if (auto opened = fields.open(metrics, kRegistryTotals, kRegistryGauges, {"registry"}); !opened) return opened;
    const auto flying =
        metrics.gauge("seawall_service_registry_service_in_flight", "Picks not done yet.", {"registry", "service"});
    if (!flying) return flying.error();
    const auto listed =
        metrics.gauge("seawall_service_registry_service_instances",
                      "Instances of a service, by whether they are picked.", {"registry", "service", "healthy"});
    if (!listed) return listed.error();
    const auto counted = metrics.gauge("seawall_service_registry_service_instance_states",
                                       "Instances of a service, by their state.", {"registry", "service", "state"});
    if (!counted) return counted.error();
    states = counted.value();
    in_flight = flying.value();
    instances = listed.value();
    return {};
  }
};

class RegistrySource final : public Source {
 public:
  RegistrySource(std::string_view name, const RegistryFamilies& families, ServiceRegistry& registry)
      : Source(name), families_(families), registry_(registry), fields_(families.fields, {name}) {}

  void publish(TimePoint now) override {
    fields_.set(registry_.stats());
    std::vector<std::string> listed;
    for (const ServiceInfo& service : registry_.services_at(now)) {
      set(service);
      listed.push_back(service.name);
    }
    for (const std::string& service : services_) {  // both in order of name
      if (!std::binary_search(listed.begin(), listed.end(), service)) forget(service);
    }
    services_ = std::move(listed);
  }

  void remove() override {
    fields_.remove({name()});
    for (const std::string& service : services_) forget(service);
  }

 private:
  // Of HealthStatus::state().
  static constexpr std::array<std::string_view, 10> kStates = {
      "healthy", "warning", "suspect", "held", "ejected", "starting", "unhealthy", "draining", "disabled", "expired"};

  void set(const ServiceInfo& service) {
    std::int64_t healthy = 0, in_flight = 0;
    for (const InstanceInfo& instance : service.instances) {
      healthy += instance.status.healthy() ? 1 : 0;
      in_flight += instance.in_flight;
    }
    const auto rest = static_cast<std::int64_t>(service.instances.size()) - healthy;
    families_.instances->with({name(), service.name, "true"}).set(plain(healthy));
    families_.instances->with({name(), service.name, "false"}).set(plain(rest));
    families_.in_flight->with({name(), service.name}).set(plain(in_flight));
    for (const std::string_view state : kStates) {
      const auto in_state = std::count_if(service.instances.begin(), service.instances.end(),
                                          [state](const InstanceInfo& i) { return i.status.state() == state; });
      families_.states->with({name(), service.name, state}).set(plain(in_state));
    }
  }
  void forget(const std::string& service) {
    families_.instances->remove({name(), service, "true"});
    families_.instances->remove({name(), service, "false"});
    families_.in_flight->remove({name(), service});
    for (const std::string_view state : kStates) families_.states->remove({name(), service, state});
  }

  const RegistryFamilies& families_;
  ServiceRegistry& registry_;
  FieldSeries<RegistryStats> fields_;
  std::vector<std::string> services_;
};

}  // namespace seawall::detail
