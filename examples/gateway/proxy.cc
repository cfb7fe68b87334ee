// SPDX-License-Identifier: MIT
//
// How a request passes the gateway: limits, breaker and choice of an instance (a seawall::Pipeline), upstream call,
// report. This is the page to read first.
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gateway/routes.h"
#include "seawall/runtime/span_events.h"

using http::CallStatus;
using seawall::Gate;
using seawall::Outcome;
using seawall::TimePoint;

namespace {

Outcome outcome_of(const http::CallResult& result) {
  // The client left, or we are short of files: says nothing about the upstream.
  if (result.status == CallStatus::kAborted || result.status == CallStatus::kShortage) return Outcome::kIgnored;
  if (result.status != CallStatus::kAnswered || result.response.status >= 500) return Outcome::kFailure;
  return result.response.status >= 400 ? Outcome::kIgnored : Outcome::kSuccess;
}

// The span of one attempt at a call.
seawall::Span attempt_span(App& app, const Upstream& upstream, const Exchange& exchange, const seawall::PickText& text,
                           std::uint16_t port, int attempt) {
  auto span = app.tracer.start(upstream.name, seawall::SpanKind::kClient, exchange.span);
  span.set("server.address", text.host.view());
  span.set("server.port", port);
  span.set("seawall.instance", text.id.view());
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
http::Task<http::CallResult> send(App& app, Upstream& upstream, const UpstreamMetrics& metrics,
                                  const Exchange& exchange, http::Loop& loop, seawall::Admission& call) {
  const auto deadline = std::chrono::steady_clock::now() + app.options.upstream_timeout;
  http::CallResult result;
  for (int attempt = 0;; ++attempt) {
    seawall::PickText text;
    upstream.pipeline.describe(call, text);
    const http::Endpoint endpoint{std::string(text.host.view()), call.instance.port};
    auto span = attempt_span(app, upstream, exchange, text, call.instance.port, attempt);
    const http::Request outgoing = exchange.outgoing(span);
    result = co_await loop.client.call(endpoint, outgoing, deadline, exchange.request.peer);
    const Outcome outcome = outcome_of(result);
    end_attempt(span, result, outcome);
    if (result.status != CallStatus::kNotSent || attempt > 0) break;
    if (!upstream.pipeline.another_at(call, outcome, seawall::Clock::now())) break;
    metrics.retries.add();
  }
  co_return result;
}

// The verdicts as events of the request's span.
void note_verdicts(Exchange& exchange, const Upstream& upstream, const Limits& limits, const seawall::Admission& call) {
  for (const seawall::LimitStatus& limit : limits.of(call)) {
    seawall::add_limiter_event_at(exchange.span, limit.name, limit.decision, exchange.start);
  }
  if (exchange.span.context() == nullptr || call.gate == Gate::kLimits || call.gate == Gate::kRequest) return;
  seawall::add_breaker_event_at(exchange.span, upstream.name, call.gate != Gate::kBreaker, upstream.breaker()->state(),
                                call.retry_after, exchange.start);
}

http::Response refuse_unavailable(const Exchange& exchange, const Upstream& upstream, seawall::Duration wait,
                                  TimePoint now) {
  auto response = refuse(exchange, 503, "the " + upstream.name + " service is temporarily unavailable",
                         {{"service", upstream.name},
                          {"circuit_breaker_state", seawall::to_string(upstream.breaker()->snapshot_at(now).state)}});
  // Breakers keep whole milliseconds, rounded up: one of them must not make 31 seconds of 30.
  constexpr std::chrono::milliseconds kRounding{1};
  add_retry_after(response, wait == seawall::Decision::kNever ? seawall::Pipeline::kInstanceWait : wait - kRounding);
  return response;
}

http::Response refuse_limited(App& app, const Exchange& exchange, const Upstream& upstream, const std::string& limit,
                              seawall::Duration wait) {
  const bool users = limit == "user";
  (users ? app.metrics.user_limited : app.metrics.service_limited).add();
  auto response = refuse(exchange, 429, "rate limit of the " + limit + (users ? "" : " " + upstream.name) + " exceeded",
                         {{"limit", limit}});
  add_retry_after(response, wait);
  return response;
}

// A request that the limits of all gateways refused, which nobody else was asked about.
http::Response refuse_shared(App& app, Exchange& exchange, const Upstream& upstream, const SharedCharge& shared) {
  for (const auto& limit : shared.told) {
    seawall::add_limiter_event_at(exchange.span, limit.name, limit.decision, exchange.start);
  }
  const std::size_t by = std::min(shared.answer.refused_by(), shared.told.size() - 1);
  auto response = refuse_limited(app, exchange, upstream, std::string(shared.told[by].name), shared.answer.retry_after);
  add_rate_limit_headers(response, shared.told);
  return response;
}

// A request that a gate refused: counted, and told how long to wait.
http::Response refuse_at_gate(App& app, const Exchange& exchange, const Upstream& upstream,
                              const seawall::Admission& call) {
  if (call.gate != Gate::kLimits) {
    (call.gate == Gate::kBreaker ? app.metrics.breaker_open : app.metrics.no_instance).add();
    return refuse_unavailable(exchange, upstream, call.retry_after, exchange.start);
  }
  return refuse_limited(app, exchange, upstream, std::string(call.label.text()), call.retry_after);
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
  const auto body = parse_json(response.body);
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

  // Limits that gateways share are asked first; this gateway's own hold beside them.
  SharedCharge shared;
  if (app.shared_limits) shared = co_await app.shared_limits->try_acquire(loop, user, upstream.name);
  if (!shared.allowed()) co_return refuse_shared(app, exchange, upstream, shared);
  const auto give_back = [&] {
    if (app.shared_limits) app.shared_limits->refund(user, shared);
  };

  // Limits, input, breaker and instance: the pipeline's order. What is wrong with the input costs a permit and no
  // probe.
  std::optional<Fault> fault;
  const auto good = [&]() noexcept { return !(fault = check_input(service, exchange)); };
  const std::array keys{seawall::LimiterKey(user)};
  const seawall::PipelineRequest request{.keys = keys, .check = good};
  // The time that Redis took is not the instance's.
  const TimePoint asked = app.shared_limits ? seawall::Clock::now() : exchange.start;
  auto call = upstream.pipeline.admit_at(request, asked);
  const Limits limits(upstream.pipeline);
  note_verdicts(exchange, upstream, limits, call);
  const auto with_limits = [&](http::Response response) {
    add_rate_limit_headers(response, told(limits.of(call), shared));
    return response;
  };
  if (fault) co_return with_limits(refuse(exchange, *fault));
  if (!call) {
    give_back();
    co_return with_limits(refuse_at_gate(app, exchange, upstream, call));
  }

  // The call. One that was never made for want of files counts for nobody.
  auto result = co_await send(app, upstream, metrics, exchange, loop, call);
  const TimePoint now = seawall::Clock::now();
  if (result.status == CallStatus::kShortage) {
    app.metrics.no_instance.add();
    upstream.pipeline.cancel_at(call, request, now);
    give_back();
    co_return with_limits(refuse_unavailable(exchange, upstream, seawall::Pipeline::kInstanceWait, now));
  }

  // Report.
  const Outcome outcome = outcome_of(result);
  upstream.pipeline.complete_at(call, outcome, now, result.response.status);
  count_call(metrics, outcome, now - exchange.start, exchange.span);
  http::Response response = answer(exchange, upstream, result);
  if (response.status == 500 || response.status == 502 || response.status == 504) app.metrics.errors.add();
  if (outcome == Outcome::kSuccess && exchange.request.method == "POST") count_business(app, service, response);
  co_return with_limits(std::move(response));
}
