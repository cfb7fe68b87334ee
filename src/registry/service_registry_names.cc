// SPDX-License-Identifier: MIT
// Parsing: options and registrations are checked here, once, and trusted behind.
#include <algorithm>
#include <bit>
#include <cstdio>

#include "registry/service_registry_impl.h"
#include "seawall/trace/id_generator.h"
#include "text/utf8.h"

namespace seawall {
namespace {

constexpr std::int32_t kMaxName = 63;
constexpr std::int32_t kMaxHost = 255;
constexpr std::int32_t kMaxWeight = 1000;

constexpr bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Result<void> check_text(std::string_view what, std::string_view text, std::int32_t longest, std::string_view others) {
  if (text.empty()) return Error{Code::kInvalidArgument, Message(what).append(" must not be empty")};
  if (text.size() > static_cast<std::size_t>(longest)) {
    return out_of_range(Message("length of ").append(what).view(), static_cast<std::int64_t>(text.size()), 1, longest);
  }
  for (const char c : text) {
    if (alphanumeric(c) || others.find(c) != std::string_view::npos) continue;
    return Error{Code::kInvalidArgument,
                 Message(what).append(" may hold letters, digits and ").append(others).append(" only")};
  }
  return {};
}

Result<void> check_name(std::string_view what, std::string_view text) {
  return check_text(what, text, kMaxName, "-._~:@");
}

Result<void> check_range(std::string_view what, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high) return out_of_range(what, value, low, high);
  return {};
}

Result<void> check_zone(std::string_view zone) {
  if (zone.empty()) return {};
  return check_name("zone", zone);
}

Result<void> check_metadata(const Metadata& metadata, std::int32_t most) {
  std::size_t bytes = 0;
  std::vector<std::string_view> names;
  for (const auto& [name, value] : metadata) {
    if (name.empty()) return Error{Code::kInvalidArgument, "a metadata name must not be empty"};
    if (!is_utf8(name) || !is_utf8(value)) return Error{Code::kInvalidArgument, "metadata must be UTF-8"};
    bytes += name.size() + value.size();
    if (bytes > static_cast<std::size_t>(most)) {
      return Error{Code::kFull, Message("metadata is longer than max_metadata_bytes, ").append(std::int64_t{most})};
    }
    names.push_back(name);
  }
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return Error{Code::kInvalidArgument, Message("metadata name ").append(*twice).append(" stands twice")};
  }
  return {};
}

bool is_prime(std::int32_t n) {
  for (std::int64_t factor = 2; factor * factor <= n; ++factor) {
    if (n % factor == 0) return false;
  }
  return n >= 2;
}

}  // namespace

Result<void> check_service_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return check_name("service", name);
  if (auto r = check_name("namespace", name.substr(0, slash)); !r) return r;
  if (auto r = check_name("service", name.substr(slash + 1)); !r) return r;
  return check_range("length of namespace and service", static_cast<std::int64_t>(name.size()), 1, kMaxName);
}

Result<void> check_instance(const InstanceSpec& spec, std::int32_t max_metadata_bytes) {
  if (auto r = check_name("id", spec.id); !r) return r;
  if (auto r = check_text("host", spec.host, kMaxHost, "-._:%[]"); !r) return r;
  if (auto r = check_range("port", spec.port, 1, 65535); !r) return r;
  if (auto r = check_range("weight", spec.weight, 0, kMaxWeight); !r) return r;
  if (auto r = check_zone(spec.zone); !r) return r;
  if (auto r = check_range("state", static_cast<std::int32_t>(spec.state), 0, 2); !r) return r;
  return check_metadata(spec.metadata, max_metadata_bytes);
}

Result<void> check_update(std::string_view name, const InstanceUpdate& update, std::int32_t max_metadata_bytes) {
  if (!well_formed(name)) {
    return Error{Code::kInvalidArgument, Message("name \"").append(name).append("\" has an empty part")};
  }
  if (update.weight) {
    if (auto r = check_range("weight", *update.weight, 0, kMaxWeight); !r) return r;
  }
  if (update.zone) {
    if (auto r = check_zone(*update.zone); !r) return r;
  }
  if (!update.metadata) return {};
  return check_metadata(*update.metadata, max_metadata_bytes);
}

Result<void> check_view(const ServiceViewOptions& options) {
  if (auto r = check_range("subset", options.subset, 0, detail::ServiceDirectory::kMaxRecords); !r) return r;
  return check_range("fallback", static_cast<std::int32_t>(options.fallback), 0, 1);
}

std::string instance_name(std::string_view service, std::string_view id) {
  return std::string(service).append("/").append(id);
}

std::string make_instance_id(std::string_view host, std::int64_t pid, std::uint64_t random) {
  char tail[48];
  const int size = std::snprintf(tail, sizeof tail, "-%lld-%016llx", static_cast<long long>(pid),
                                 static_cast<unsigned long long>(random));
  std::string id(host.substr(0, static_cast<std::size_t>(kMaxName - size)));
  for (char& c : id) {
    if (!alphanumeric(c) && std::string_view("-._").find(c) == std::string_view::npos) c = '-';
  }
  if (id.empty()) id = "instance";
  return id.append(tail);
}

std::string make_instance_id(std::string_view host, std::int64_t pid) {
  const SpanId drawn = IdGenerator::this_thread().span_id();
  return make_instance_id(host, pid, std::bit_cast<std::uint64_t>(drawn));
}

Result<ServiceRegistryConfig> ServiceRegistryConfig::make(const ServiceRegistryOptions& options) {
  constexpr std::int64_t kMaxDuration = Duration(std::chrono::hours(24 * 366)).count();
  const std::int64_t lease = options.lease.count();
  const std::int64_t interval = options.heartbeat_interval.count();
  struct Bound {
    std::string_view name;
    std::int64_t value, low, high;
  };
  const Bound bounds[] = {
      {"lease in ns", lease, 2, kMaxDuration},
      {"heartbeat_interval in ns", interval, 1, lease - 1},
      {"heartbeat_jitter_percent", options.heartbeat_jitter_percent, 0, 50},
      {"suspect_after in ns", options.suspect_after == Duration(0) ? lease : options.suspect_after.count(), interval,
       lease},
      {"max_expired_percent", options.max_expired_percent, 1, 100},
      {"guard_from", options.guard_from, 1, 4096},
      {"expiry_ceiling in ns", options.expiry_ceiling.count(), 0, kMaxDuration},
      {"tick_tolerance in ns", options.tick_tolerance.count(), 1, lease - interval},
      {"expired_retention in ns", options.expired_retention.count(), 0, kMaxDuration},
      {"max_services", options.max_services, 1, 4096},
      {"max_instances", options.max_instances, 1, detail::ServiceDirectory::kMaxRecords - 1},
      {"max_instances_per_service", options.max_instances_per_service, 1, detail::ServiceDirectory::kMaxRecords - 1},
      {"max_in_flight", options.max_in_flight, 1,
       std::int64_t{detail::DirectoryLayout::kStripes} * detail::DirectoryLayout::kMaxFlights},
      {"max_hashed_services", options.max_hashed_services, 0, detail::DirectoryLayout::kMaxTables / 2},
      {"hash_table_size", options.hash_table_size, 2, (1 << 22) - 1},
      {"ticket_deadline in ns", options.ticket_deadline.count(), 1'000'000'000, 3'600'000'000'000},
      {"max_metadata_bytes", options.max_metadata_bytes, 0, 1 << 20},
      {"first_generation", options.first_generation, 1, std::int64_t{1} << 62},
  };
  for (const Bound& bound : bounds) {
    if (auto r = check_range(bound.name, bound.value, bound.low, bound.high); !r) return r.error();
  }
  if (!is_prime(options.hash_table_size)) {
    return Error{
        Code::kInvalidArgument,
        Message("hash_table_size must be a prime, such as 65537, not ").append(std::int64_t{options.hash_table_size})};
  }
  // A ring's point takes four entries, and an instance without a point would get no key at all.
  const std::int64_t members = std::min(options.max_instances_per_service, options.max_instances);
  if (options.max_hashed_services != 0 && options.hash_table_size < 4 * members) {
    return Error{Code::kInvalidArgument,
                 Message("hash_table_size must be at least 4 for each of max_instances_per_service, ")
                     .append(4 * members)
                     .append(", not ")
                     .append(std::int64_t{options.hash_table_size})};
  }
  ServiceRegistryConfig config;
  config.options_ = options;
  return config;
}

}  // namespace seawall
