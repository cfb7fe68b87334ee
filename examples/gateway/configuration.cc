// SPDX-License-Identifier: MIT
#include "gateway/configuration.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "common/file.h"
#include "gateway/app.h"

using nlohmann::json;

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr std::size_t kMostDepth = 16;
constexpr std::chrono::seconds kPatience{2};  // with who writes into a pipe

[[noreturn]] void fail(const std::string& what) { throw ConfigurationError(what); }

std::string prefix(const Options& options) {
  return options.config_file.empty() ? "command line: " : "--config " + options.config_file + ": ";
}

std::string duration(std::chrono::nanoseconds time) { return std::to_string(time.count()) + "ns"; }

json limit(const seawall::Quota& quota) { return {{"permits", quota.permits()}, {"period", duration(quota.period())}}; }

json of_command_line(const Options& options) {
  json user = limit(options.user_limit), service = limit(options.service_limit);
  user["key"] = "user";
  service["name"] = "service";
  json routes = json::object(), services = json::object();
  for (const std::string_view name : kUpstreamNames) {
    const std::string opened = duration(options.open_duration);
    routes[std::string(name)] = {
        {"service", name}, {"breaker", {{"open_duration", opened}}}, {"limits", {"user", service}}};
    // The contract: no healthy instance is a 503, and each instance has a breaker, for which after each open_duration
    // one probe decides. All but one may be ejected: what the last one answers is up to the breaker of the service.
    services[std::string(name)] = {{"panic_threshold", 0},
                                   {"ejection_duration", opened},
                                   {"ejection_growth_percent", 0},
                                   {"ejection_jitter_percent", 0},
                                   {"max_ejected_percent", 100}};
  }
  json all = instances_of_command_line(options);
  all["limits"] = {{"user", std::move(user)}};
  all["services"] = std::move(services);
  all["routes"] = std::move(routes);
  return all;
}

// Merging would keep the last of two equal names without a word, so they are looked for here.
json parse(const std::string& text) {
  std::vector<std::set<std::string>> names;
  std::vector<std::string> path;
  const auto look = [&](int depth, json::parse_event_t event, json& value) {
    if (static_cast<std::size_t>(depth) > kMostDepth) fail("is nested too deeply");
    if (event == json::parse_event_t::object_start) {
      names.emplace_back();
      path.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      names.pop_back();
      path.pop_back();
    } else if (event == json::parse_event_t::key) {
      path.back() = value.get<std::string>();
      if (names.back().insert(path.back()).second) return true;
      std::string twice;
      for (const std::string& step : path) twice.append("/").append(step);
      fail(twice + ": is there twice");
    }
    return true;
  };
  try {
    return json::parse(text, look);
  } catch (const json::parse_error& error) {
    fail("no valid JSON at byte " + std::to_string(error.byte));
  } catch (const json::out_of_range&) {
    fail("a number is too large for any use");
  }
}

json read_file(const std::string& path) {
  try {
    const std::string text = File(path).read(kMostBytes, kPatience);
    if (text.size() > kMostBytes) fail("is larger than 1 MiB");
    json read = parse(text);
    if (!read.is_object()) fail("expected an object, not " + read.dump());
    return read;
  } catch (const std::system_error& error) {
    fail(error.code().message());
  }
}

bool is_upstream(std::string_view name) { return std::ranges::find(kUpstreamNames, name) != kUpstreamNames.end(); }

// Shared limits, the parts of this gateway and the limits of routes (trading, trading/burst; in Redis trading.burst)
// share one space of names. The limit of users and the service "user" have one name, as one has a key and one has none.
void check_limits(const json& merged) {
  const auto limits = merged.find("limits");
  if (limits == merged.end() || !limits->is_object()) return;
  for (const auto& [name, limit] : limits->items()) {
    if (name == "user") {
      if (limit.is_object() && !limit.contains("key")) fail("/limits/user/key: must not be removed");
      continue;
    }
    const std::string first = name.substr(0, name.find_first_of("/."));
    if (first != "gateway" && first != "services" && !is_upstream(first)) continue;
    fail("/limits/" + name + ": this gateway needs that name for itself");
  }
}

[[noreturn]] void fail_unknown(const std::string& path, const char* what) {
  fail(path + ": this gateway has no such " + what + ", but trading, gamification, social and user");
}

// What this gateway needs beyond what Pipelines checks.
void check(const json& merged, const DnsConfiguration& dns) {
  for (const auto& [service, target] : dns.names) {
    if (!is_upstream(service)) fail_unknown("/dns/names/" + service, "service");
  }
  check_limits(merged);
  const auto routes = merged.find("routes");
  if (routes == merged.end()) fail("/routes: must not be removed");
  if (!routes->is_object()) return;
  for (const auto& [name, route] : routes->items()) {
    const std::string path = "/routes/" + name;
    if (!is_upstream(name)) fail_unknown(path, "route");
    if (!route.is_object()) continue;
    if (const json service = route.value("service", json()); service != json(name)) {
      fail(path + "/service: must be " + json(name).dump() + ", not " + service.dump());
    }
    if (!route.contains("breaker")) fail(path + "/breaker: must not be removed");
  }
  for (const std::string_view name : kUpstreamNames) {
    if (!routes->contains(name)) fail("/routes/" + std::string(name) + ": must not be removed");
  }
}

seawall::Quota quota_of(const json& limit) {
  const auto permits = limit.at("permits").get<std::int64_t>();
  const auto period = parse_duration(limit.at("period").get<std::string>());
  const auto quota = seawall::Quota::make(permits, period, limit.value("burst", permits));
  if (!quota) fail(std::string(quota.error().message.view()));
  return quota.value();
}

// A space cannot be in a user id: whatever has the same place, such a key is no user's.
RouteLimits limits_of(const json& merged, const std::string& service) {
  RouteLimits found{.service = service, .limits = {}};
  for (const json& each : merged.at("routes").at(service).value("limits", json::array())) {
    const bool shared = each.is_string();
    const json& limit = shared ? merged.at("limits").at(each.get<std::string>()) : each;
    const std::string name = shared ? each.get<std::string>() : limit.at("name").get<std::string>();
    const bool by_user = limit.contains("key");
    found.limits.push_back({.name = name,
                            .place = by_user && !shared ? service + "." + name : name,
                            .key = by_user  ? ""
                                   : shared ? " all"
                                            : " " + service,
                            .token_bucket = limit.value("algorithm", "") == "token_bucket",
                            .quota = quota_of(limit)});
  }
  return found;
}

std::vector<RouteLimits> limits_of(const json& merged) {
  std::vector<RouteLimits> found;
  try {
    for (const std::string_view service : kUpstreamNames) found.push_back(limits_of(merged, std::string(service)));
  } catch (const std::exception&) {  // Pipelines says what is wrong
    found.clear();
  }
  return found;
}

}  // namespace

void refuse_configuration(const Options& options, const seawall::Error& error) {
  refuse_configuration(options, std::string(error.message.view()));
}

void refuse_configuration(const Options& options, const std::string& why) {
  if (options.config_file.empty()) throw std::invalid_argument(prefix(options) + why);
  fail(prefix(options) + why);
}

Configuration read_configuration(const Options& options) {
  json merged = of_command_line(options);
  InstancesConfiguration instances;
  try {
    if (!options.config_file.empty()) merged.merge_patch(read_file(options.config_file));
    instances = take_instances(merged);
    check(merged, instances.dns);
  } catch (const ConfigurationError& error) {
    refuse_configuration(options, error.what());
  }
  return {.instances = std::move(instances),
          .text = merged.dump(-1, ' ', false, json::error_handler_t::replace),
          .limits = limits_of(merged)};
}
