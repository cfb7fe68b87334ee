// SPDX-License-Identifier: MIT
#include "seawall/runtime/service_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "seawall/algorithm/mix.h"
#include "seawall/runtime/service_registry.h"

namespace seawall {
namespace {

constexpr std::size_t kLongestId = 63;

// FNV-1a, finished: ids must be the same in each process, and whoever chooses names chooses only his own.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return algorithm::mix64(hash);
}

SelfState state_of(const InstanceInfo& info) {
  return info.admin == AdminState::kDraining ? SelfState::kDraining : info.self;
}

Health health_of(const InstanceInfo& info) {
  if (info.health == Health::kFailing) return Health::kFailing;
  return (info.status.reasons & kDoubts) != 0 ? Health::kWarning : Health::kUnknown;
}

bool is_listed(const InstanceInfo& info) {
  return (info.status.reasons & (kReasonLeaseExpired | kReasonDisabled)) == 0;
}

}  // namespace

void ListSource::say(SourceAnswer answer) {
  const auto same = [&](const SourceAnswer& other) { return other.service == answer.service; };
  const auto at = std::ranges::find_if(said_, same);
  if (at == said_.end()) {
    said_.push_back(std::move(answer));
  } else {
    *at = std::move(answer);
  }
}

std::vector<SourceAnswer> ListSource::poll_at(TimePoint) { return std::exchange(said_, {}); }

SourceAnswer answer_of(const ServiceInfo& service) {
  SourceAnswer answer{.service = service.name};
  for (const InstanceInfo& info : service.instances) {
    if (!is_listed(info)) continue;
    answer.instances.push_back({info.id, info.host, info.port, info.weight, info.zone, info.metadata, state_of(info)});
    answer.health.push_back(health_of(info));
  }
  if (answer.instances.empty()) answer.status = SourceStatus::kEmpty;
  return answer;
}

std::vector<SourceAnswer> RegistrySource::poll_at(TimePoint now) {
  std::vector<SourceAnswer> answers;
  const std::uint64_t version = from_->version();
  if (!asked_ || version != version_) {
    for (const ServiceInfo& service : from_->services_at(now)) answers.push_back(answer_of(service));
    std::vector<std::string> names;
    names.reserve(answers.size());
    for (const SourceAnswer& answer : answers) names.push_back(answer.service);
    for (const std::string& name : services_) {
      if (!std::ranges::binary_search(names, name)) answers.push_back({name, SourceStatus::kEmpty});
    }
    services_ = std::move(names);
    asked_ = true;
    version_ = version;
  } else {
    for (const std::string& name : services_) answers.push_back({name, SourceStatus::kUnchanged});
  }
  return answers;
}

std::string instance_id_of(std::string_view service, std::string_view host, std::int32_t port) {
  const std::string_view plain = service.substr(service.rfind('/') + 1);  // without its namespace
  std::string id = fmt::format("{}@{}:{}", plain, host, port);
  if (id.size() > kLongestId) {
    const std::uint64_t hash = hash_of(id);
    id.resize(kLongestId - 17);
    id += fmt::format("~{:016x}", hash);
  }
  return id;
}

}  // namespace seawall
