// SPDX-License-Identifier: MIT
#include "seawall/runtime/service_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "registry/service_registry_impl.h"
#include "text/json_text.h"

namespace seawall {
namespace {

void append_metadata(std::string& out, const Metadata& metadata) {
  out += '{';
  for (const auto& [name, value] : metadata) {
    if (&name != &metadata.front().first) out += ',';
    append_json_text(out, name);
    out += ':';
    append_json_text(out, value);
  }
  out += '}';
}

// Names, hosts and zones need no escapes: their alphabets hold none.
void append_instance(std::string& out, const InstanceInfo& info) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"id":"{}","host":"{}","port":{},"healthy":{},"state":"{}","weight":{},"zone":"{}",)"
                 R"("in_flight":{},"failures":{},"generation":{},"slot":{},"lease_left_ms":{},"metadata":)",
                 info.id, info.host, info.port, info.status.healthy(), info.status.state(), info.weight, info.zone,
                 info.in_flight, info.failures, info.generation, info.slot, info.lease_left.count() / 1'000'000);
  append_metadata(out, info.metadata);
  out += '}';
}

void append_service(std::string& out, const ServiceInfo& service, bool selected) {
  const InstanceInfo* address = service.address();
  fmt::format_to(std::back_inserter(out), R"("{}":{{"host":)", service.name);
  if (address == nullptr) {
    out += R"(null,"port":null)";
  } else {
    fmt::format_to(std::back_inserter(out), R"("{}","port":{})", address->host, address->port);
  }
  fmt::format_to(std::back_inserter(out), R"(,"healthy":{},"protected":{},"instances":[)", service.healthy(),
                 service.protected_from_expiry());
  for (const InstanceInfo& info : service.instances) {
    if (&info != &service.instances.front()) out += ',';
    append_instance(out, info);
  }
  out += ']';
  if (selected) fmt::format_to(std::back_inserter(out), R"(,"hidden":{})", service.hidden);
  out += '}';
}

Error another_writer() { return {Code::kFenced, "another writer took over the memory of this registry"}; }

}  // namespace

bool ServiceInfo::healthy() const noexcept {
  return std::ranges::any_of(instances, [](const InstanceInfo& info) { return info.status.healthy(); });
}

bool ServiceInfo::protected_from_expiry() const noexcept {
  return std::ranges::any_of(instances,
                             [](const InstanceInfo& info) { return (info.status.reasons & kReasonHeld) != 0; });
}

const InstanceInfo* ServiceInfo::address() const noexcept {
  for (const InstanceInfo& info : instances) {
    if (info.status.healthy()) return &info;
  }
  return instances.empty() ? nullptr : &instances.front();
}

ServiceRegistry::~ServiceRegistry() = default;
ServiceRegistry::ServiceRegistry(ServiceRegistry&&) noexcept = default;

Result<Registration> ServiceRegistry::register_instance_at(std::string_view service, const InstanceSpec& spec,
                                                           TimePoint now) {
  if (auto checked = check_service_name(service); !checked) return checked.error();
  if (auto checked = check_instance(spec, config_.options().max_metadata_bytes); !checked) return checked.error();
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return another_writer();
  return impl_->add(service, spec, to_ns(now));
}

std::vector<Result<Registration>> ServiceRegistry::register_instances_at(std::span<const NewInstance> instances,
                                                                         TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return std::vector<Result<Registration>>(instances.size(), another_writer());
  return impl_->add_all(instances, to_ns(now));
}

std::vector<Result<RegistryAnswer>> ServiceRegistry::change_instances_at(std::span<const InstanceChange> changes,
                                                                         TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return {changes.size(), RegistryAnswer::kUnknown};
  return impl_->change_all(changes, to_ns(now));
}

Result<RegistryAnswer> ServiceRegistry::update_at(std::string_view name, std::uint64_t generation,
                                                  const InstanceUpdate& update, TimePoint now) {
  if (auto checked = check_update(name, update, config_.options().max_metadata_bytes); !checked) return checked.error();
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return another_writer();
  return impl_->update(name, generation, update);
}

RegistryAnswer ServiceRegistry::heartbeat_at(std::string_view name, std::uint64_t generation, TimePoint now,
                                             std::optional<SelfState> state) {
  if (generation == kAnyGeneration) return RegistryAnswer::kUnknown;  // no process was ever given it
  if (state && !is_one_of(*state)) return RegistryAnswer::kInvalid;
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->heartbeat(name, generation, to_ns(now), state);
}

RegistryAnswer ServiceRegistry::set_admin_at(std::string_view name, std::uint64_t generation, AdminState state,
                                             TimePoint now) {
  if (!is_one_of(state)) return RegistryAnswer::kInvalid;
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->change(name, generation, to_ns(now), [=](RegisteredInstance& instance) { instance.admin = state; });
}

RegistryAnswer ServiceRegistry::drain_until_at(std::string_view name, std::uint64_t generation, TimePoint deadline,
                                               TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->drain_until(name, generation, to_ns(deadline), to_ns(now));
}

DrainStatus ServiceRegistry::drained_at(std::string_view name, std::uint64_t generation, TimePoint now) const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->drained(name, generation, to_ns(now));
}

RegistryAnswer ServiceRegistry::set_health_at(std::string_view name, std::uint64_t generation, Health health,
                                              TimePoint now) {
  if (!is_one_of(health)) return RegistryAnswer::kInvalid;
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->set_health(name, generation, health, to_ns(now));
}

RegistryAnswer ServiceRegistry::restore_at(std::string_view name, std::uint64_t generation, TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->restore(name, generation);
}

RegistryAnswer ServiceRegistry::deregister_at(std::string_view name, std::uint64_t generation, TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return RegistryAnswer::kUnknown;
  return impl_->remove(name, generation);
}

std::int64_t ServiceRegistry::tick_at(TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->writes(to_ns(now))) return 0;
  return impl_->tick(to_ns(now));
}

Result<Service> ServiceRegistry::service(std::string_view name) {
  if (auto checked = check_service_name(name); !checked) return checked.error();
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->written_by_me()) return another_writer();
  const auto index = impl_->pin(name);
  if (!index) return index.error();
  return impl_->handle(index.value());
}

Result<Service> ServiceRegistry::view(std::string_view name, const ServiceViewOptions& options) {
  for (const std::string_view given : {name, std::string_view(options.service)}) {
    if (auto checked = check_service_name(given); !checked) return checked.error();
  }
  if (auto checked = check_view(options); !checked) return checked.error();
  const auto selector = InstanceSelector::parse(options.selector);
  if (!selector) return selector.error();
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->written_by_me()) return another_writer();
  const auto index = impl_->define_view(name, options, selector.value());
  if (!index) return index.error();
  return impl_->handle(index.value());
}

Result<void> ServiceRegistry::configure(std::string_view name, const ServiceConfig& config) {
  const std::array rules{ServiceRule{std::string(name), config}};
  if (const auto configured = configure(rules); !configured) return configured.error();
  return {};
}

Result<std::vector<Service>> ServiceRegistry::configure(std::span<const ServiceRule> rules,
                                                        std::span<const std::string> services) {
  for (const ServiceRule& rule : rules) {
    if (auto checked = check_service_name(rule.service); !checked) return checked.error();
    if (std::ranges::count(rules, rule.service, &ServiceRule::service) > 1) {
      return Error{Code::kInvalidArgument, Message(rule.service).append(": there are two rules for it")};
    }
  }
  for (const std::string& name : services) {
    if (auto checked = check_service_name(name); !checked) return checked.error();
  }
  std::vector<Service> handles;
  handles.reserve(services.size());
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->written_by_me()) return another_writer();
  if (const auto configured = impl_->configure(rules, services); !configured) return configured.error();
  for (const std::string& name : services) handles.push_back(impl_->handle(impl_->pin(name).value()));
  return handles;
}

Result<void> ServiceRegistry::configure_default(const ServiceConfig& config) {
  if (config.hashed()) return Error{Code::kInvalidArgument, "balancer: the default cannot be one that chooses by key"};
  const detail::MutexLock lock(impl_->mutex);
  if (!impl_->written_by_me()) return another_writer();
  impl_->configure_default(config);
  return {};
}

std::optional<ServiceExplanation> ServiceRegistry::explain_at(std::string_view service, TimePoint now) const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->explain(service, to_ns(now));
}

std::optional<InstanceInfo> ServiceRegistry::find_at(std::string_view name, TimePoint now) const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->find(name, to_ns(now));
}

std::vector<ServiceInfo> ServiceRegistry::services_at(TimePoint now, const InstanceSelector& selector) const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->list(to_ns(now), selector);
}

std::string ServiceRegistry::to_json_at(TimePoint now, const InstanceSelector& selector) const {
  std::string out = "{";
  for (const ServiceInfo& service : services_at(now, selector)) {
    if (out.size() > 1) out += ',';
    append_service(out, service, !selector.everybody());
  }
  return out += '}';
}

RegistryStats ServiceRegistry::stats() const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->counted();
}

}  // namespace seawall
