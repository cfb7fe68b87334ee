// SPDX-License-Identifier: MIT
// What the gateway tells about itself.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "common/text.h"
#include "gateway/page.h"
#include "gateway/routes.h"

using nlohmann::json;

namespace {

json instance_json(const seawall::InstanceInfo& instance) {
  json metadata = json::object();
  for (const auto& [name, value] : instance.metadata) metadata[name] = value;
  return {{"id", instance.id},
          {"host", instance.host},
          {"port", instance.port},
          {"healthy", takes_calls(instance)},
          {"state", instance.status.state()},
          {"weight", instance.weight},
          {"circuit_breaker", seawall::to_string(instance.breaker)},
          {"in_flight", instance.in_flight},
          {"metadata", std::move(metadata)}};
}

json service_json(const seawall::ServiceInfo& service) {
  const seawall::InstanceInfo* address = service.instances.empty() ? nullptr : &service.instances.front();
  bool healthy = false;
  json instances = json::array();
  for (const auto& instance : service.instances) {
    if (!healthy && takes_calls(instance)) {
      healthy = true;
      address = &instance;
    }
    instances.push_back(instance_json(instance));
  }
  return {{"host", address ? json(address->host) : json()},
          {"port", address ? json(address->port) : json()},
          {"healthy", healthy},
          {"instances", std::move(instances)}};
}

json services_json(App& app, seawall::TimePoint now) {
  json services = json::object();
  for (const auto& service : app.registry.services_at(now)) services[service.name] = service_json(service);
  return services;
}

// Of a list sorted by name.
std::size_t healthy_instances(const std::vector<seawall::ServiceInfo>& services, std::string_view name) {
  const auto found = std::ranges::lower_bound(services, name, {}, &seawall::ServiceInfo::name);
  if (found == services.end() || found->name != name) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(found->instances, takes_calls));
}

struct Health {
  json services = json::object();
  bool healthy = true;
};

Health health_of(App& app, seawall::TimePoint now) {
  Health health;
  const auto listed = app.registry.services_at(now);
  for (auto& upstream : app.upstreams) {
    const auto breaker = upstream->breaker()->snapshot_at(now);
    const std::size_t instances = healthy_instances(listed, upstream->name);
    health.healthy = health.healthy && instances > 0 && breaker.state == seawall::BreakerState::kClosed;
    json& service = health.services[upstream->name];
    service["circuit_breaker"] = seawall::to_string(breaker.state);
    service["failure_count"] = breaker.failure_count;
    service["healthy_instances"] = instances;
  }
  return health;
}

json business_json(App& app, const Sample& now, seawall::TimePoint at) {
  return {{"requests_total", now.requests},         {"trades_executed", now.trades},
          {"users_active", app.active_users(at)},   {"users_registered", app.metrics.users_registered.value()},
          {"revenue_generated", now.revenue},       {"errors_total", now.errors},
          {"rate_limited_total", now.rate_limited}, {"unavailable_total", now.unavailable}};
}

// What is not counted as it happens: how breakers, limits and the registry are now.
void publish(App& app, seawall::TimePoint now) {
  app.publisher.publish_at(now);
  app.metrics.active_users.set(static_cast<double>(app.active_users(now)));
}

json metrics_json(App& app, const Exchange& exchange) {
  json breakers = json::object();
  for (auto& upstream : app.upstreams) breakers[upstream->name] = seawall::to_string(upstream->breaker()->state());
  const Sample now = app.metrics.sample();
  json metrics = business_json(app, now, exchange.start);
  metrics["families"] = json::parse(app.metrics.registry.to_json()).at("families");
  return {
      {"success", true},
      {"timestamp", timestamp()},
      {"metrics", std::move(metrics)},
      {"circuit_breakers", std::move(breakers)},
      {"rate_limiting", {{"active_users", app.active_users(exchange.start)}, {"total_tracked_requests", now.proxied}}},
      {"message", "Metrics"}};
}

// A page needs more than "anything": it is named, or wanted more than JSON.
bool prefers_page(std::string_view accept) {
  const Acceptance html = acceptance_of(accept, "text/html");
  const Acceptance json = acceptance_of(accept, "application/json");
  return html.quality > json.quality || (html.quality > 0 && html.quality == json.quality && html.named);
}

}  // namespace

http::Response root_route(App& app, const Exchange& exchange) {
  json endpoints = {{"health", "/health"},
                    {"services", "/services"},
                    {"dashboard", "/dashboard"},
                    {"history", "/dashboard/history"},
                    {"metrics", "/metrics"},
                    {"traces", "/traces"},
                    {"trade", "/api/v1/trading/execute"},
                    {"profile", "/api/v1/gamification/user/{id}/profile"},
                    {"feed", "/api/v1/social/feed"},
                    {"register", "/api/v1/users/register"}};
  if (app.options.test_endpoints) endpoints["test_rate_limit"] = "/test/rate-limit";
  return reply(exchange, 200,
               {{"success", true},
                {"message", "AstraTrade gateway on Seawall"},
                {"version", SEAWALL_GATEWAY_VERSION},
                {"features",
                 {"circuit_breaker", "rate_limiting", "service_registry", "metrics", "trace_context", "spans",
                  "correlation_id"}},
                {"endpoints", std::move(endpoints)},
                {"timestamp", timestamp()}});
}

http::Response health_route(App& app, const Exchange& exchange) {
  Health health = health_of(app, exchange.start);
  const char* redis = !app.shared_limits ? "disabled" : app.shared_limits->up() ? "connected" : "unavailable";
  // What load balancers ask for often: by assignment, which costs half of a list in braces.
  json body;
  body["success"] = true;
  body["timestamp"] = timestamp();
  body["status"] = health.healthy ? "healthy" : "degraded";
  json& infrastructure = body["infrastructure"];
  infrastructure["redis"] = redis;
  infrastructure["service_registry"] = "in_process";
  if (app.shared_limits && app.shared_limits->unauthorized()) infrastructure["redis_error"] = "unauthorized";
  body["services"] = std::move(health.services);
  body["message"] = health.healthy ? "All services are healthy" : "Some services need attention";
  return reply(exchange, 200, std::move(body));
}

http::Response services_route(App& app, const Exchange& exchange) {
  json services = services_json(app, exchange.start);
  const std::string count = std::to_string(services.size());
  return reply(exchange, 200,
               {{"success", true},
                {"timestamp", timestamp()},
                {"services", std::move(services)},
                {"message", count + " services known"}});
}

http::Response dashboard_route(App& app, const Exchange& exchange) {
  if (prefers_page(exchange.request.headers.get("Accept"))) {
    http::Response page;
    page.headers.add("Content-Type", "text/html; charset=utf-8");
    page.headers.add("Cache-Control", "no-cache");
    page.headers.add("Vary", "Accept");
    page.body = dashboard_page();
    return page;
  }
  const Sample now = app.metrics.sample();
  const std::chrono::duration<double> uptime = exchange.start - app.started;
  auto response = reply(exchange, 200,
                        {{"success", true},
                         {"data",
                          {{"timestamp", timestamp()},
                           {"uptime_seconds", uptime.count()},
                           {"metrics", business_json(app, now, exchange.start)},
                           {"kpis", kpis_json(app.windows, exchange.start, seawall::Window::kMinute)},
                           {"kpis_hour", kpis_json(app.windows, exchange.start, seawall::Window::kHour)},
                           {"status", health_of(app, exchange.start).healthy ? "healthy" : "degraded"}}},
                         {"message", "Dashboard"}});
  response.headers.add("Vary", "Accept");
  return response;
}

http::Response history_route(App& app, const Exchange& exchange) {
  std::int64_t after = INT64_MIN;
  if (const auto given = exchange.request.parameter("after")) {
    const auto number = to_integer(*given);
    if (!number) return refuse(exchange, Fault{"after", "after must be an integer, in Unix seconds"});
    after = *number;
  }
  return reply(exchange, 200,
               {{"success", true}, {"data", app.history.to_json(after)}, {"message", "One sample a second"}});
}

http::Response metrics_route(App& app, const Exchange& exchange) {
  publish(app, exchange.start);
  const auto format = seawall::negotiate(exchange.request.headers.get("Accept"));
  if (format == seawall::Exposition::kJson) {
    auto response = reply(exchange, 200, metrics_json(app, exchange));
    response.headers.add("Vary", "Accept");
    return response;
  }
  http::Response response;
  response.headers.add("Content-Type", seawall::content_type(format));
  response.headers.add("Vary", "Accept");
  response.body = app.metrics.registry.render(format);
  return response;
}
