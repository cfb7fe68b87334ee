// SPDX-License-Identifier: MIT
#include "services/tracing.h"

#include "common/text.h"

namespace {

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

seawall::Duration retry_after(const http::Response& response) {
  const auto seconds = to_integer(response.headers.get("Retry-After"));
  return std::chrono::seconds(seconds && *seconds > 0 && *seconds < 3600 ? *seconds : 0);
}

}  // namespace

Tracing::Tracing(const std::string& service, http::Endpoint collector, std::string token)
    : collector_(std::move(collector)),
      token_(std::move(token)),
      tracer_(seawall::TracerConfig::make({.service = service}).value()),
      exporter_(tracer_, {}) {}

seawall::Span Tracing::start(const http::Request& request) {
  const auto incoming = seawall::extract(request.headers.get("traceparent"), request.headers.get("tracestate"),
                                         seawall::IdGenerator::this_thread());
  auto span = tracer_.start(request.path(), seawall::SpanKind::kServer, incoming);
  span.set("http.request.method", request.method);
  return span;
}

void Tracing::end(seawall::Span& span, int status) {
  span.set("http.response.status_code", status);
  if (status >= 500) span.set_status(seawall::SpanStatus::kError, http::reason_phrase(status));
  span.end();
}

http::Task<> Tracing::run(http::Loop& loop) {
  while (true) {
    const bool running = co_await http::pause(loop, std::chrono::milliseconds(250));
    if (!running) co_return;
    co_await send(loop);
  }
}

http::Task<> Tracing::send(http::Loop& loop) {
  const auto body = exporter_.take(unix_now_ns());
  if (!body) co_return;
  http::Request request;
  request.method = "POST";
  request.target = "/v1/traces";
  request.headers.add("Content-Type", "application/json");
  if (!token_.empty()) request.headers.add("Authorization", "Bearer " + token_);
  request.body = *body;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const auto result = co_await loop.client.call(collector_, request, deadline);
  const bool answered = result.status == http::CallStatus::kAnswered;
  exporter_.finish(answered ? result.response.status : 0, retry_after(result.response));
}
