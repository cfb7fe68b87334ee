// SPDX-License-Identifier: MIT
#include "gateway/kpis.h"

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>

#include "gateway/app.h"

using nlohmann::json;
using seawall::SeriesMatch;

namespace {

// 0 where nothing happened, or nothing is known yet.
double or_zero(double value) { return std::isfinite(value) ? value : 0; }
json milliseconds(double seconds) { return std::isfinite(seconds) ? json(1e3 * seconds) : json(); }

// One window as of one instant.
struct Figures {
  double rate(const SeriesMatch& match) const { return or_zero(windows.counter_at(now, window, match).per_second()); }
  double share(const SeriesMatch& part, const SeriesMatch& whole) const {
    return or_zero(windows.share_at(now, window, part, whole).share());
  }
  seawall::WindowHistogram latency(const SeriesMatch& match) const { return windows.histogram_at(now, window, match); }

  const seawall::MetricsWindows& windows;
  const seawall::TimePoint now;
  const seawall::Window window;
};

void add_service(json& kpis, const Figures& figures, std::string_view service) {
  const std::string name(service);
  const auto latency = figures.latency({"gateway_upstream_duration_seconds", {{"service", service}}});
  kpis[name + "_calls_per_second"] = or_zero(latency.per_second());
  kpis[name + "_latency_p99_ms"] = milliseconds(latency.quantile(0.99));
  kpis[name + "_error_rate"] =
      figures.share({"gateway_upstream_calls_total", {{"service", service}, {"outcome", "failure"}}},
                    {"gateway_upstream_calls_total", {{"service", service}}});
}

}  // namespace

seawall::MetricsWindows kpi_windows(const seawall::MetricsRegistry& registry) {
  seawall::MetricsWindowsOptions options;
  options.families = {"gateway_requests_total",       "gateway_proxied_requests_total",
                      "gateway_proxied_errors_total", "gateway_rate_limited_total",
                      "gateway_unavailable_total",    "gateway_trades_total",
                      "gateway_revenue_total",        "gateway_users_registered_total",
                      "gateway_upstream_calls_total", "gateway_upstream_duration_seconds"};
  auto made = seawall::MetricsWindows::make(registry, options);
  if (!made) throw std::logic_error(std::string(made.error().message.view()));
  return std::move(made).value();
}

json kpis_json(const seawall::MetricsWindows& windows, seawall::TimePoint now, seawall::Window window) {
  const Figures figures{windows, now, window};
  const auto latency = figures.latency("gateway_upstream_duration_seconds");
  const std::string_view proxied = "gateway_proxied_requests_total";
  json kpis = {
      {"covered_seconds", std::chrono::duration<double>(latency.covered).count()},
      {"requests_per_second", figures.rate("gateway_requests_total")},
      {"trades_per_minute", 60 * figures.rate("gateway_trades_total")},
      {"mock_trade_share", figures.share({"gateway_trades_total", {{"kind", "mock"}}}, "gateway_trades_total")},
      {"revenue_per_trade", figures.share("gateway_revenue_total", "gateway_trades_total")},
      {"revenue_per_minute", 60 * figures.rate("gateway_revenue_total")},
      {"registrations_per_minute", 60 * figures.rate("gateway_users_registered_total")},
      {"error_rate", figures.share("gateway_proxied_errors_total", proxied)},
      {"refusal_rate",
       figures.share("gateway_rate_limited_total", proxied) + figures.share("gateway_unavailable_total", proxied)},
      {"latency_mean_ms", milliseconds(latency.mean())},
      {"latency_p50_ms", milliseconds(latency.quantile(0.5))},
      {"latency_p90_ms", milliseconds(latency.quantile(0.9))},
      {"latency_p99_ms", milliseconds(latency.quantile(0.99))}};
  for (const std::string_view service : kUpstreamNames) add_service(kpis, figures, service);
  return kpis;
}
