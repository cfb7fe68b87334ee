// SPDX-License-Identifier: MIT
#include "gateway/metrics.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "gateway/app.h"

namespace {

constexpr std::array<std::string_view, 8> kMethodNames = {"GET",    "HEAD",    "POST",  "PUT",
                                                          "DELETE", "OPTIONS", "PATCH", "other"};

template <class T>
T made(seawall::Result<T> result) {
  if (!result) throw std::logic_error(std::string(result.error().message.view()));
  return std::move(result).value();
}

}  // namespace

void RouteCounters::count(std::string_view method, int status) const {
  const auto found = std::find(kMethodNames.begin(), kMethodNames.end() - 1, method);
  family_.with({route_, *found, std::to_string(status > 0 && status < 600 ? status : 0)}).add();
}

Metrics::Metrics()
    : http_requests_(
          made(registry.counter("gateway_http_requests_total", "Requests answered.", {"route", "method", "code"}))) {
  const auto limited = made(registry.counter("gateway_rate_limited_total",
                                             "Requests refused by a limit: the user's or the service's.", {"scope"}));
  user_limited = limited.with({"user"});
  service_limited = limited.with({"service"});
  const auto unavailable =
      made(registry.counter("gateway_unavailable_total", "Requests refused with 503, by reason.", {"reason"}));
  breaker_open = unavailable.with({"circuit_breaker"});
  no_instance = unavailable.with({"no_instance"});
  no_connection = unavailable.with({"max_connections"});
  const auto trades = made(registry.counter("gateway_trades_total", "Trades executed.", {"kind"}));
  trades_live = trades.with({"live"});
  trades_mock = trades.with({"mock"});
  revenue = made(registry.counter("gateway_revenue_total", "Fees of all trades.", {},
                                  {.units_per_one = static_cast<std::int64_t>(1 / kRevenueUnit)}))
                .get();
  requests = made(registry.counter("gateway_requests_total", "All requests answered.")).get();
  proxied = made(registry.counter("gateway_proxied_requests_total", "Requests answered of proxied routes.")).get();
  errors = made(registry.counter("gateway_proxied_errors_total", "Of these, ended with 500, 502 or 504.")).get();
  users_registered = made(registry.counter("gateway_users_registered_total", "Users registered.")).get();
  active_users =
      made(registry.gauge("gateway_active_users", "Users and addresses with a request in the limit's period.")).get();

  connections_ = made(registry.gauge("gateway_connections", "Connections of clients.")).get();
  evicted_ = made(registry.counter("gateway_connections_evicted_total",
                                   "Idle connections closed because a newcomer needed the place."))
                 .get();

  const auto reloads = made(
      registry.counter("gateway_config_reloads_total", "Configurations read, that of the start included.", {"result"}));
  reloads_taken_ = reloads.with({"success"});
  reloads_refused_ = reloads.with({"failure"});
  last_reload_taken_ = made(registry.gauge("gateway_config_last_reload_successful",
                                           "Whether the configuration read last was taken; else an older one is."))
                           .get();
  last_reload_at_ = made(registry.gauge("gateway_config_last_reload_success_timestamp_seconds",
                                        "When the present configuration was taken."))
                        .get();

  const auto refused =
      made(registry.counter("gateway_trace_headers_refused_total",
                            "Trace headers and correlation ids not taken over, by reason.", {"reason"}));
  for (std::size_t i = static_cast<std::size_t>(seawall::TraceFault::kParentRepeated); i < refused_.size(); ++i) {
    refused_[i] = refused.with({name_of(static_cast<seawall::TraceFault>(i))});
  }

  const auto duration = made(registry.histogram("gateway_upstream_duration_seconds",
                                                "Time of upstream calls that ended, retries included.", {"service"}, {},
                                                /*exemplars=*/true));
  const auto calls =
      made(registry.counter("gateway_upstream_calls_total", "Upstream calls by outcome.", {"service", "outcome"}));
  const auto retries = made(registry.counter("gateway_upstream_retries_total",
                                             "Requests that went to a second instance, nothing having been sent to the "
                                             "first.",
                                             {"service"}));
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    const std::string_view name = kUpstreamNames[i];
    upstreams[i] = {duration.with({name}), calls.with({name, "success"}), calls.with({name, "failure"}),
                    calls.with({name, "ignored"}), retries.with({name})};
  }
}

void Metrics::count_reload(bool taken) {
  (taken ? reloads_taken_ : reloads_refused_).add();
  last_reload_taken_.set(taken ? 1 : 0);
  if (!taken) return;
  const std::chrono::duration<double> unix_time = std::chrono::system_clock::now().time_since_epoch();
  last_reload_at_.set(unix_time.count());
}

void Metrics::set_connections(const http::ConnectionCounts& counts) {
  connections_.set(static_cast<double>(counts.open));
  evicted_.add(counts.evicted - evicted_.value());
}

void Metrics::count_refused(seawall::TraceFault fault) { refused_[static_cast<std::size_t>(fault)].add(); }

RouteCounters& Metrics::route(const std::string& label) {
  for (auto& [known, counters] : routes_) {
    if (known == label) return *counters;
  }
  routes_.emplace_back(label, std::make_unique<RouteCounters>(http_requests_, label));
  return *routes_.back().second;
}

Sample Metrics::sample() const {
  Sample sample;
  sample.time =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  sample.at = std::chrono::steady_clock::now();
  sample.requests = requests.value();
  sample.proxied = proxied.value();
  sample.errors = errors.value();
  sample.trades = trades_live.value() + trades_mock.value();
  sample.revenue = static_cast<double>(revenue.value()) * kRevenueUnit;
  sample.rate_limited = user_limited.value() + service_limited.value();
  sample.unavailable = breaker_open.value() + no_instance.value();
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    const auto measured = upstreams[i].duration.snapshot();
    sample.services[i].calls = measured.count;
    sample.services[i].seconds = measured.sum;
  }
  return sample;
}
