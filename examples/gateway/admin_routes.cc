// SPDX-License-Identifier: MIT
// What operators and tests do to the gateway, and who may.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/text.h"
#include "gateway/routes.h"

using nlohmann::json;

namespace {

// Takes as long for a wrong token as for the right one of the same length; the length is no secret.
bool same_secret(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i] ^ b[i])));
  }
  return difference == 0;
}

// Whether it is an address or localhost: any other name can lead here for a moment (DNS rebinding), and pages of that
// name would be its own. The port is left out where it is that of the scheme.
bool is_fixed_host(const std::string& host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') : 0;
  try {
    static_cast<void>(http::parse_endpoint(host.find(':', end) == std::string::npos ? host + ":80" : host));
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

// A page of another site, in a browser on this machine, comes from loopback too; but browsers say whose page it is.
bool of_foreign_page(const App& app, const http::Headers& headers) {
  const std::string* origin = headers.find("Origin");
  const auto& known = app.options.cors_origins;
  if (!origin || std::find(known.begin(), known.end(), *origin) != known.end()) return false;
  const std::string host(headers.get("Host"));
  return *origin != "http://" + host || !is_fixed_host(host);
}

http::Response unknown_service(const Exchange& exchange) {
  return refuse(exchange, 404, "no such service: " + std::string(exchange.segments.at(0)));
}

}  // namespace

std::optional<http::Response> deny_access(const App& app, const Exchange& exchange) {
  if (app.options.admin_token.empty()) {
    if (!exchange.request.peer->loopback()) {
      return refuse(exchange, 403, "only for clients on this machine, since SEAWALL_ADMIN_TOKEN is not set");
    }
    if (!of_foreign_page(app, exchange.request.headers)) return std::nullopt;
    return refuse(exchange, 403, "not for pages of other sites, since SEAWALL_ADMIN_TOKEN is not set");
  }
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = exchange.request.headers.get("Authorization");
  const bool bearer = given.size() > kScheme.size() && http::same_name(given.substr(0, kScheme.size()), kScheme);
  if (bearer && same_secret(given.substr(kScheme.size()), app.options.admin_token)) return std::nullopt;
  auto response = refuse(exchange, 401, "a valid bearer token is needed");
  response.headers.add("WWW-Authenticate", "Bearer realm=\"seawall\"");
  return response;
}

// Closes the service's breaker and those of its instances.
http::Response reset_breaker_route(App& app, const Exchange& exchange) {
  Upstream* upstream = app.find(exchange.segments.at(0));
  if (!upstream) return unknown_service(exchange);
  for (const auto& service : app.registry.services_at(exchange.start)) {
    if (service.name != upstream->name) continue;
    for (const auto& instance : service.instances) {
      app.registry.restore_at(seawall::instance_name(service.name, instance.id), instance.generation, exchange.start);
    }
  }
  const auto breaker = upstream->breaker();
  breaker->reset_at(exchange.start);
  const auto state = breaker->snapshot_at(exchange.start);
  return reply(exchange, 200,
               {{"success", true},
                {"message", "circuit breaker of " + upstream->name + " reset"},
                {"service", upstream->name},
                {"new_state", seawall::to_string(state.state)},
                {"failure_count", state.failure_count},
                {"reason", seawall::to_string(state.reason)},
                {"timestamp", timestamp()}});
}

// Four failures of calls that were admitted together, as four clients would see them.
http::Response trip_breaker_route(App& app, const Exchange& exchange) {
  Upstream* upstream = app.find(exchange.segments.at(0));
  if (!upstream) return unknown_service(exchange);
  const auto breaker = upstream->breaker();
  std::array<seawall::Ticket, 4> tickets;
  for (auto& ticket : tickets) ticket = breaker->try_acquire_at(exchange.start);
  for (auto& ticket : tickets) ticket.report_at(seawall::Outcome::kFailure, exchange.start);
  const auto state = breaker->snapshot_at(exchange.start);
  return reply(exchange, 200,
               {{"success", true},
                {"message", "four failures recorded for " + upstream->name},
                {"service", upstream->name},
                {"state", seawall::to_string(state.state)},
                {"failure_count", state.failure_count},
                {"reason", seawall::to_string(state.reason)}});
}

http::Response rate_limit_test_route(App& app, const Exchange& exchange) {
  constexpr int kMost = 60;
  const auto key = user_key(exchange);
  if (const auto* fault = std::get_if<Fault>(&key)) return refuse(exchange, *fault);
  const std::string& user = std::get<std::string>(key);
  const auto quota = seawall::Quota::make(10, std::chrono::seconds(60)).value();
  seawall::Decision decision = app.test_limit.try_acquire_at(user, exchange.start);  // the request itself
  json results = json::array();
  int allowed = 0;
  while (decision.allowed && results.size() < kMost) {
    decision = app.test_limit.try_acquire_at(user, exchange.start);
    results.push_back({{"request", results.size() + 1}, {"allowed", decision.allowed}});
    if (decision.allowed) ++allowed;
  }
  if (results.empty()) results.push_back({{"request", 1}, {"allowed", false}});
  const bool named = exchange.request.headers.find("X-User-ID") != nullptr;
  auto response = reply(exchange, 200,
                        {{"success", true},
                         {"user_id", named ? user : exchange.request.peer->address()},
                         {"test_results", std::move(results)},
                         {"message", std::to_string(allowed) + " allowed, then blocked"}});
  add_rate_limit_headers(response, std::array{status("test", quota, decision)});
  return response;
}
