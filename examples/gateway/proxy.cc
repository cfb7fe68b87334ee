// SPDX-License-Identifier: MIT
//
// How a request passes the gateway: limits, breaker, choice of an instance, upstream call, report. This is the page to
// read first.
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gateway/routes.h"
#include "seawall/limit_set.h"
#include "seawall/runtime/span_events.h"

using http::CallStatus;
using seawall::Outcome;
using seawall::TimePoint;

namespace {

// Who was asked, in the order of the limits.
enum Limit : std::size_t { kUser, kService };

// An instance to call, with the leave of its own breaker.
struct Choice {
  seawall::Pick pick;
  seawall::PickText text;
  seawall::Ticket ticket;
};

// Passes over instances whose breaker refuses; `wait` becomes the shortest time after which one of them may not.
std::optional<Choice> choose(App& app, Upstream& upstream, std::vector<std::uint32_t>& excluded,
                             seawall::Duration& wait, TimePoint now) {
  seawall::PickText text;
  while (auto pick = upstream.instances.pick_at(now, text, excluded)) {
    auto ticket = app.instance_breakers.of(*pick).try_acquire_at(now);
    if (ticket) return Choice{*pick, text, std::move(ticket)};
    wait = std::min(wait, ticket.retry_after());
    excluded.push_back(pick->slot);
    upstream.instances.done(pick->ticket, Outcome::kIgnored);
  }
  return std::nullopt;
}

Outcome outcome_of(const http::CallResult& result) {
  // The client left, or we are short of files: says nothing about the upstream.
  if (result.status == CallStatus::kAborted || result.status == CallStatus::kShortage) return Outcome::kIgnored;
  if (result.status != CallStatus::kAnswered || result.response.status >= 500) return Outcome::kFailure;
  return result.response.status >= 400 ? Outcome::kIgnored : Outcome::kSuccess;
}

// The span of one attempt at a call.
seawall::Span attempt_span(App& app, const Upstream& upstream, const Exchange& exchange, const Choice& choice,
                           int attempt) {
  auto span = app.tracer.start(upstream.name, seawall::SpanKind::kClient, exchange.span);
  span.set("server.address", choice.text.host.view());
  span.set("server.port", choice.pick.port);
  span.set("seawall.instance", choice.text.id.view());
  if (attempt > 0) {
    span.set("http.request.resend_count", attempt);
    seawall::add_retry_event_at(span, attempt + 1, seawall::Duration(0), span.record().start);
  }
  return span;
}

void end_attempt(seawall::Span& span, const http::CallResult& result, Outcome outcome) {
  if (result.status == CallStatus::kAnswered) {
    span.set("http.response.status_code", result.response.status);
  } else {
    span.set("error.type", http::to_string(result.status));
  }
  if (outcome == Outcome::kFailure) span.set_status(seawall::SpanStatus::kError);
  span.end();
}

// One call, or two when the first instance was sent nothing (connection refused): each counts for its instance.
// Nothing when no instance could be chosen.
http::Task<std::optional<http::CallResult>> call(App& app, Upstream& upstream, const UpstreamMetrics& metrics,
                                                 const Exchange& exchange, http::Loop& loop, seawall::Duration& wait) {
  const auto deadline = std::chrono::steady_clock::now() + app.options.upstream_timeout;
  std::vector<std::uint32_t> excluded;
  std::optional<http::CallResult> result;
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto choice = choose(app, upstream, excluded, wait, seawall::Clock::now());
    if (!choice) break;
    if (attempt > 0) metrics.retries.add();
    const http::Endpoint endpoint{std::string(choice->text.host.view()), choice->pick.port};
    auto span = attempt_span(app, upstream, exchange, *choice, attempt);
    const http::Request outgoing = exchange.outgoing(span);
    result = co_await loop.client.call(endpoint, outgoing, deadline, exchange.request.peer);
    const Outcome outcome = outcome_of(*result);
    end_attempt(span, *result, outcome);
    choice->ticket.report(outcome);
    upstream.instances.done(choice->pick.ticket, outcome);
    if (result->status != CallStatus::kNotSent) break;
    excluded.push_back(choice->pick.slot);
  }
  co_return result;
}

http::Response refuse_limited(const Exchange& exchange, const seawall::SetDecision<2>& limited,
                              const Upstream& upstream) {
  const bool users = limited.refused_by() == kUser;
  auto response =
      refuse(exchange, 429,
             users ? "rate limit of the user exceeded" : "rate limit of the service " + upstream.name + " exceeded",
             {{"limit", users ? "user" : "service"}});
  add_retry_after(response, limited.retry_after);
  return response;
}

http::Response refuse_unavailable(const Exchange& exchange, const Upstream& upstream, seawall::Duration wait,
                                  seawall::Duration longest, TimePoint now) {
  auto response = refuse(exchange, 503, "the " + upstream.name + " service is temporarily unavailable",
                         {{"service", upstream.name},
                          {"circuit_breaker_state", seawall::to_string(upstream.breaker.snapshot_at(now).state)}});
  if (wait == seawall::Decision::kNever) wait = std::chrono::seconds(1);  // an instance may register any moment
  // Breakers keep whole milliseconds, rounded up: one of them must not make 31 seconds of 30.
  add_retry_after(response, std::min(wait, longest));
  return response;
}

// Which origins may call is the gateway's to say: routes.cc adds what applies.
void drop_cors(http::Response& response) {
  for (const char* name :
       {"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age"}) {
    response.headers.remove(std::string("Access-Control-") + name);
  }
}

http::Response answer(const Exchange& exchange, const Upstream& upstream, http::CallResult& result) {
  switch (result.status) {
    case CallStatus::kAnswered:
      drop_cors(result.response);
      return std::move(result.response);
    case CallStatus::kTimeout:
      return refuse(exchange, 504, "the " + upstream.name + " service did not answer in time");
    case CallStatus::kAborted:
      return refuse(exchange, 499, "the client went away");
    default:
      return refuse(exchange, 502,
                    "the " + upstream.name + " service could not be reached: " + http::to_string(result.status));
  }
}

// What the business counts: trades with their fees, and new users.
void count_business(App& app, std::size_t service, const http::Response& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  const auto data = body.find("data");
  if (!body.is_object() || data == body.end() || !data->is_object()) return;
  if (kUpstreamNames[service] == "user" && response.status == 201) app.metrics.users_registered.add();
  if (kUpstreamNames[service] != "trading" || response.status != 200) return;
  const bool mock = data->contains("service_type") && (*data)["service_type"] == "mock";
  (mock ? app.metrics.trades_mock : app.metrics.trades_live).add();
  const auto fee = data->find("fee");
  if (fee == data->end() || !fee->is_number()) return;
  const double units = std::clamp(fee->get<double>() / kRevenueUnit, 0.0, 1e15);
  app.metrics.revenue.add(std::llround(units));
}

// With the trace that it belongs to, where that is kept: a dashboard's slow point then leads to one slow call.
void observe(const seawall::Histogram& histogram, seawall::Duration duration, const seawall::Span& span) {
  const std::chrono::duration<double> seconds = duration;
  const seawall::TraceContext* context = span.context();
  if (context == nullptr || !context->sampled()) return histogram.observe(seconds.count());
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
  histogram.observe(seconds.count(), seawall::Exemplar::of(*context, unix_ms));
}

void count_call(const UpstreamMetrics& metrics, Outcome outcome, seawall::Duration duration,
                const seawall::Span& span) {
  observe(metrics.duration, duration, span);
  (outcome == Outcome::kSuccess   ? metrics.calls_answered
   : outcome == Outcome::kFailure ? metrics.calls_failed
                                  : metrics.calls_cancelled)
      .add();
}

}  // namespace

http::Task<http::Response> proxy(App& app, std::size_t service, Exchange& exchange, http::Loop& loop) {
  Upstream& upstream = *app.upstreams[service];
  const UpstreamMetrics& metrics = app.metrics.upstreams[service];
  app.metrics.proxied.add();
  exchange.span = app.tracer.start_at(exchange.route, seawall::SpanKind::kServer, exchange.trace, exchange.start);
  exchange.span.set("http.request.method", exchange.request.method);
  exchange.span.set("seawall.correlation_id", exchange.correlation.view());

  const auto key = user_key(exchange);
  if (const auto* fault = std::get_if<Fault>(&key)) co_return refuse(exchange, *fault);
  const std::string& user = std::get<std::string>(key);

  // Limits.
  seawall::LimitSet limits(seawall::of_key(app.user_limit, user), upstream.limit);
  auto limited = limits.try_acquire_at(exchange.start);
  seawall::add_limiter_event_at(exchange.span, "user", limited.decisions[kUser], exchange.start);
  seawall::add_limiter_event_at(exchange.span, "service", limited.decisions[kService], exchange.start);
  const auto with_limits = [&](http::Response response) {
    add_rate_limit_headers(response,
                           std::array{status("user", app.options.user_limit, limited.decisions[kUser]),
                                      status("service", app.options.service_limit, limited.decisions[kService])});
    return response;
  };
  if (!limited.allowed) {
    (limited.refused_by() == kUser ? app.metrics.user_limited : app.metrics.service_limited).add();
    co_return with_limits(refuse_limited(exchange, limited, upstream));
  }
  if (const auto fault = check_input(service, exchange)) co_return with_limits(refuse(exchange, *fault));

  // Breaker of the service.
  auto ticket = upstream.breaker.try_acquire_at(exchange.start);
  seawall::add_breaker_event_at(exchange.span, upstream.name, bool(ticket), upstream.breaker.state(),
                                ticket.retry_after(), exchange.start);
  if (!ticket) {
    app.metrics.breaker_open.add();
    limits.refund_at(limited, exchange.start);
    co_return with_limits(
        refuse_unavailable(exchange, upstream, ticket.retry_after(), app.options.open_duration, exchange.start));
  }

  // Instance and call. A request that finds no instance (or no file to call it with) was never made: the ticket is
  // cancelled, the limits refunded.
  seawall::Duration wait = seawall::Decision::kNever;
  auto result = co_await call(app, upstream, metrics, exchange, loop, wait);
  const TimePoint now = seawall::Clock::now();
  if (!result || result->status == CallStatus::kShortage) {
    app.metrics.no_instance.add();
    ticket.cancel();
    limits.refund_at(limited, now);
    co_return with_limits(refuse_unavailable(exchange, upstream, wait, app.options.open_duration, now));
  }

  // Report.
  const Outcome outcome = outcome_of(*result);
  ticket.report_at(outcome, now);
  count_call(metrics, outcome, now - exchange.start, exchange.span);
  http::Response response = answer(exchange, upstream, *result);
  if (response.status == 500 || response.status == 502 || response.status == 504) app.metrics.errors.add();
  if (outcome == Outcome::kSuccess && exchange.request.method == "POST") count_business(app, service, response);
  co_return with_limits(std::move(response));
}
