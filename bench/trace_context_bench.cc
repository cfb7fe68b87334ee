// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "seawall/trace/correlation_id.h"
#include "seawall/trace/propagator.h"
#include "seawall/trace/sampler.h"
#include "seawall/trace_context.h"

namespace {

using namespace seawall;

constexpr std::string_view kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// The text comes from where the compiler cannot see it, as a header does.
std::string_view hidden(std::string_view text) {
  benchmark::DoNotOptimize(text);
  return text;
}

void parse(benchmark::State& state) {
  const std::string_view text = hidden(kTraceparent);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    auto parsed = TraceContext::parse(text);
    benchmark::DoNotOptimize(parsed);
  }
}

void format(benchmark::State& state) {
  TraceContext context = TraceContext::parse(kTraceparent).value();
  std::array<char, TraceContext::kTextSize> out{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(context);
    context.format(out);
    benchmark::DoNotOptimize(out);
  }
}

void child(benchmark::State& state) {
  TraceContext context = TraceContext::parse(kTraceparent).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(context);
    auto made = context.child(IdGenerator::this_thread());
    benchmark::DoNotOptimize(made);
  }
}

void span_id(benchmark::State& state) {
  for (auto _ : state) {
    auto made = IdGenerator::this_thread().span_id();
    benchmark::DoNotOptimize(made);
  }
}

void root_ids(benchmark::State& state) {
  for (auto _ : state) {
    auto made = TraceContext::root(IdGenerator::this_thread());
    benchmark::DoNotOptimize(made);
  }
}

// As vendors send it: keys of one length, values of a span id and some flags.
std::string state_of_32() {
  std::string text;
  for (int i = 10; i < 42; ++i) {
    text.append(i > 10 ? "," : "").append("vendor").append(std::to_string(i)).append("=00f067aa0ba902b7");
  }
  return text;
}

void state_32_members(benchmark::State& state) {
  const std::string list = state_of_32();
  const std::string_view text = hidden(list);
  TraceState parsed;
  for (auto _ : state) {
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(parsed.assign(std::span(&text, 1)));
    benchmark::DoNotOptimize(parsed);
  }
}

// What a gateway does with a request's trace headers, found in a list of eight, and for the call that follows.
void propagate(benchmark::State& state) {
  static Propagator propagator(PropagatorConfig::make({}).value());
  std::array<HeaderField, 8> headers{{{"Host", "a"}, {"User-Agent", "b"}, {"Accept", "*/*"}, {"X-User-ID", "7"}}};
  headers[5] = {"traceparent", hidden(kTraceparent)};
  headers[6] = {"tracestate", hidden("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")};
  auto& ids = IdGenerator::this_thread();
  for (auto _ : state) {
    benchmark::ClobberMemory();
    const Extracted in = propagator.extract(HeaderArray(headers), ids);
    propagator.inject(in.context.child(ids), in.state, [](std::string_view name, std::string_view value) {
      benchmark::DoNotOptimize(name);
      benchmark::DoNotOptimize(value);
    });
  }
}

void baggage_8_members(benchmark::State& state) {
  std::string list;
  for (int i = 10; i < 18; ++i)
    list.append(i > 10 ? "," : "").append("key").append(std::to_string(i)).append("=a%20b;p");
  const std::string_view text = hidden(list);
  Baggage parsed;
  for (auto _ : state) {
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(parsed.assign(std::span(&text, 1)));
    benchmark::DoNotOptimize(parsed);
  }
}

void sample(benchmark::State& state) {
  Sampler sampler(SamplerConfig::make({.ratio = 0.01}).value());
  Extracted in{TraceContext::parse(kTraceparent).value(), {}};
  SamplerText text;
  for (auto _ : state) {
    benchmark::DoNotOptimize(in.context);
    benchmark::DoNotOptimize(sampler.sample_at(TimePoint(), in, text));
  }
}

void accept(benchmark::State& state) {
  const std::string_view text = hidden("550e8400-e29b-41d4-a716-446655440000");
  for (auto _ : state) {
    benchmark::ClobberMemory();
    auto id = CorrelationId::accept(text);
    benchmark::DoNotOptimize(id);
  }
}

BENCHMARK(parse)->Name("trace.parse")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(format)->Name("trace.format")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(child)->Name("trace.child")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(span_id)->Name("trace.span_id")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(root_ids)->Name("trace.root_ids")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(state_32_members)->Name("tracestate.parse32")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(propagate)->Name("trace.propagate")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(baggage_8_members)->Name("baggage.parse8")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(sample)->Name("trace.sample")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(accept)->Name("correlation.accept")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
