// SPDX-License-Identifier: MIT
// What recording a request costs: a span by itself, and one with what a gateway tells of a request.
#include <benchmark/benchmark.h>

#include "seawall/runtime/span_events.h"

namespace {

seawall::Tracer& tracer() {
  static seawall::Tracer one(seawall::TracerConfig::make({.service = "bench"}).value());
  return one;
}

seawall::Extracted incoming() { return {seawall::TraceContext::root(seawall::IdGenerator::this_thread()), {}, false}; }

void span_record(benchmark::State& state) {
  const auto context = incoming();
  const auto now = seawall::Clock::now();
  for (auto _ : state) tracer().start_at("GET /feed", seawall::SpanKind::kServer, context, now).end_at(now);
}
BENCHMARK(span_record)->Name("span.record")->ThreadRange(1, 2)->UseRealTime();

void span_request(benchmark::State& state) {
  const auto context = incoming();
  const auto now = seawall::Clock::now();
  const seawall::Decision allowed{.allowed = true, .limit = 200, .remaining = 100};
  for (auto _ : state) {
    auto span = tracer().start_at("GET /feed", seawall::SpanKind::kServer, context, now);
    span.set("http.request.method", "GET");
    seawall::add_limiter_event_at(span, "user", allowed, now);
    seawall::add_breaker_event_at(span, "social", true, seawall::BreakerState::kClosed, seawall::Duration(0), now);
    auto call = tracer().start_at("social", seawall::SpanKind::kClient, span, now);
    call.set("server.port", 8003);
    call.set("http.response.status_code", 200);
    call.end_at(now);
    span.set("http.response.status_code", 200);
    span.end_at(now);
  }
}
BENCHMARK(span_request)->Name("span.request")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
