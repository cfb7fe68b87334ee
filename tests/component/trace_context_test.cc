// SPDX-License-Identifier: MIT
#include "seawall/trace_context.h"

#include <limits>
#include <memory>
#include <set>
#include <string>
#include <type_traits>

#include "seawall/trace/correlation_id.h"
#include "seawall/trace/propagator.h"
#include "seawall/trace/sampler.h"
#include "support/allocations.h"
#include "support/catch.h"

namespace {

using namespace seawall;

constexpr std::string_view kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

// What the promises of the headers rest on: no destructors, no pointers into themselves.
static_assert(std::is_trivially_destructible_v<IdGenerator> && !std::is_copy_constructible_v<IdGenerator>);
static_assert(std::is_trivially_copyable_v<TraceContext> && sizeof(TraceContext) == 26);
static_assert(std::is_trivially_copyable_v<TraceState> && std::is_trivially_copyable_v<CorrelationId>);
static_assert(sizeof(CorrelationId) == 129);

}  // namespace

#if SEAWALL_COUNTS_ALLOCATIONS
TEST_CASE("a whole request allocates nothing") {
  std::string joined = "first";
  const std::size_t before = allocation::made;
  joined = std::string(100, 'x');
  REQUIRE(allocation::made > before);  // the counter counts

  auto& ids = IdGenerator::this_thread();
  std::array<char, 55> traceparent{};
  std::array<char, 512> tracestate{};
  std::array<char, 32> trace_id{};
  const std::size_t start = allocation::made;
  Extracted in = extract(kTraceparent, "vendor=1, tenant@system=2,third=3", ids);
  const Extracted fresh = extract("not one", "a=1", ids);
  const bool bad_state = TraceState::parse("B=1").ok();
  const bool changed = in.state.set("seawall", "1").ok() && in.state.remove("third");
  in.state.shrink_to(30);
  in.context.child(ids).format(traceparent);
  fresh.context.format_trace_id(trace_id);
  const std::size_t written = in.state.format(tracestate);
  const auto id = CorrelationId::accept_or_generate("not an id", ids);
  CHECK(allocation::made == start);
  CHECK(changed);
  CHECK_FALSE(bad_state);
  CHECK(written == std::string_view("seawall=1,vendor=1").size());
  CHECK(id.view().size() == 32);
}

TEST_CASE("no path of a propagator or a sampler allocates, for good headers and for bad ones") {
  const auto propagator = std::make_unique<Propagator>(
      PropagatorConfig::make({.b3 = true, .inject_b3 = B3Inject::kMulti, .max_tracestate_bytes = 512}).value());
  Sampler sampler(SamplerConfig::make({.ratio = 0.5, .limit = Quota::make(1, Duration(1)).value()}).value());
  const std::string long_list = std::string(600, 'k') + "=1";
  const std::array<std::array<HeaderField, 3>, 6> requests{{
      {},
      {{{"traceparent", kTraceparent}, {"tracestate", "a=1,ot=th:8"}, {"baggage", "a=1,b=%20;p"}}},
      {{{"traceparent", kTraceparent}, {"traceparent", kTraceparent}, {"tracestate", "A"}}},
      {{{"traceparent", "nonsense"}, {"b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-d"}, {}}},
      {{{"X-B3-TraceId", "x"}, {"X-B3-SpanId", "y"}, {"baggage", long_list}}},
      {{{"traceparent", kTraceparent}, {"tracestate", long_list}, {"baggage", "=,;"}}},
  }};
  auto& ids = IdGenerator::this_thread();
  const TraceContext warm = TraceContext::root(ids);
  std::size_t headers_set = 0;
  std::array<char, 512> text;
  SamplerText otel;
  const std::size_t start = allocation::made;
  for (const auto& headers : requests) {
    const HeaderArray carrier(headers);
    Extracted in = propagator->extract(carrier, ids);
    Baggage baggage;
    propagator->extract_baggage(carrier, baggage);
    headers_set += baggage.set("seawall", "a b\n", {}, text).ok() ? 1 : 0;
    headers_set += Baggage::decode(baggage.get("b").value_or(""), text);
    sampler.sample(in, otel);
    propagator->correlation_id("not an id", in.context);
    propagator->inject(in.context.child(ids), in.state, [&](std::string_view, std::string_view) { ++headers_set; });
  }
  CHECK(allocation::made == start);
  CHECK(headers_set > 6 * 8);
  CHECK(warm.sampled());
}
#endif

TEST_CASE("a child keeps trace and flags and gets a span id of its own") {
  IdGenerator ids({1, 2, 3, 4});
  const TraceContext parent = TraceContext::parse(kTraceparent).value();
  const TraceContext first = parent.child(ids);
  const TraceContext second = parent.child(ids);
  CHECK(first.trace_id() == parent.trace_id());
  CHECK(first.flags() == parent.flags());
  CHECK(first.span_id() != parent.span_id());
  CHECK(first.span_id() != second.span_id());
}

TEST_CASE("the random flag is passed on as it came, and never invented") {
  auto& ids = IdGenerator::this_thread();
  const auto without = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").value();
  CHECK_FALSE(without.child(ids).random());
  CHECK(TraceContext::parse(kTraceparent).value().child(ids).random());
  CHECK(TraceContext::root(ids).random());
  CHECK_FALSE(TraceContext::root(ids, kTraceSampled).random());
  CHECK(TraceContext::root(ids, 0xff).flags() == kTraceFlagsKnown);
}

TEST_CASE("with_sampled changes that flag only") {
  const TraceContext context = TraceContext::parse(kTraceparent).value();
  const TraceContext off = context.with_sampled(false);
  CHECK_FALSE(off.sampled());
  CHECK(off.random());
  CHECK(off.trace_id() == context.trace_id());
  CHECK(off.with_sampled(true) == context);
}

TEST_CASE("make refuses all-zero ids and drops unknown flags") {
  CHECK_FALSE(TraceContext::make({}, {1}, 0));
  CHECK_FALSE(TraceContext::make({1}, {}, 0));
  CHECK(TraceContext::make({1}, {1}, 0xff).value().flags() == 3);
}

TEST_CASE("an error says which rule was broken") {
  CHECK(TraceContext::parse("00-0AF7").error().message.view() == "traceparent has the wrong length for its version");
  CHECK(TraceState::parse("A=1").error().code == Code::kInvalidArgument);
  std::string many;
  for (int i = 0; i < 33; ++i) many.append("k").append(std::to_string(i)).append("=1,");
  CHECK(TraceState::parse(many).error().code == Code::kFull);
}

TEST_CASE("format writes nothing into a buffer that is too small") {
  const TraceState state = TraceState::parse("a=1,b=2").value();
  std::array<char, 6> small{'x', 'x', 'x', 'x', 'x', 'x'};
  CHECK(state.format(small) == 7);
  CHECK(std::string_view(small.data(), small.size()) == "xxxxxx");
  std::array<char, 7> exact{};
  CHECK(state.format(exact) == 7);
  CHECK(std::string_view(exact.data(), exact.size()) == "a=1,b=2");
}

TEST_CASE("a fresh root of extract starts another trace each time") {
  auto& ids = IdGenerator::this_thread();
  std::set<TraceId> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(extract("", "a=1", ids).context.trace_id());
  CHECK(seen.size() == 1000);
}

TEST_CASE("a correlation id is the caller's unchanged, or 32 fresh hex digits") {
  auto& ids = IdGenerator::this_thread();
  CHECK(CorrelationId::accept_or_generate("Req-1.2_3", ids).view() == "Req-1.2_3");
  const auto first = CorrelationId::accept_or_generate("no spaces please", ids);
  const auto second = CorrelationId::generate(ids);
  CHECK(first.view().size() == 32);
  CHECK_FALSE(first == second);
  CHECK(CorrelationId::accept(first.view()) == first);
}

TEST_CASE("without a correlation id the trace id is one, so that one word finds both") {
  const auto propagator = std::make_unique<Propagator>(PropagatorConfig::make({}).value());
  const TraceContext context = TraceContext::parse(kTraceparent).value();
  CHECK(propagator->correlation_id("", context).view() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(propagator->correlation_id("req-1", context).view() == "req-1");
  CHECK(propagator->faults().count(TraceFault::kCorrelationCharacter) == 0);
  CHECK(propagator->correlation_id("a b", context).view() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(propagator->correlation_id(std::string(129, 'a'), context).view().size() == 32);
  CHECK(propagator->faults().count(TraceFault::kCorrelationCharacter) == 1);
  CHECK(propagator->faults().count(TraceFault::kCorrelationLength) == 1);
}

TEST_CASE("a trace id from elsewhere starts a trace of that name") {
  auto& ids = IdGenerator::this_thread();
  const auto spelled = CorrelationId::accept("550e8400-e29b-41d4-a716-446655440000").value().trace_id();
  REQUIRE(spelled);
  const TraceContext root = TraceContext::root_of(spelled->id, kTraceSampled | kTraceRandom, ids);
  CHECK(root.trace_id() == spelled->id);
  CHECK(root.random());
  CHECK(TraceContext::root_of({}, kTraceSampled, ids).trace_id() != TraceId{});
}

TEST_CASE("a list of fields knows when it left some out") {
  HeaderFields fields;
  for (std::size_t i = 0; i < HeaderFields::kMax; ++i) fields.add("a");
  CHECK_FALSE(fields.too_many());
  fields.add("b");
  CHECK(fields.too_many());
  CHECK(fields.values().size() == HeaderFields::kMax);
  std::array<HeaderField, 65> headers;
  headers.fill({"baggage", ""});
  const auto propagator = std::make_unique<Propagator>(PropagatorConfig::make({}).value());
  Baggage baggage;
  CHECK(propagator->extract_baggage(HeaderArray(headers), baggage) == TraceFault::kBaggageTooManyMembers);
}

TEST_CASE("trace options out of range are refused by name") {
  const auto refused = [](const PropagatorOptions& options) {
    return std::string(PropagatorConfig::make(options).error().message.view());
  };
  CHECK(refused({.max_tracestate_bytes = 511}).find("max_tracestate_bytes") == 0);
  CHECK(refused({.root_flags = 4}).find("root_flags") == 0);
  CHECK(refused({.baggage = {.members = 65}}).find("baggage.members") == 0);
  CHECK(refused({.baggage = {.bytes = 8193}}).find("baggage.bytes") == 0);
  CHECK(refused({.strictness = static_cast<Strictness>(3)}).find("strictness") == 0);
  for (const double ratio : {-0.1, 1.1, 1e-18}) CHECK_FALSE(SamplerConfig::make({.ratio = ratio}).ok());
  CHECK_FALSE(SamplerConfig::make({.ratio = std::numeric_limits<double>::quiet_NaN()}).ok());
}

TEST_CASE("hints travel to children, and a decision ends the deferral") {
  auto& ids = IdGenerator::this_thread();
  const auto made = TraceContext::make({1}, {1}, 0, kTraceDeferred | kTraceShortId | 0x80).value();
  const TraceContext child = made.child(ids);
  CHECK(child.hints() == (kTraceDeferred | kTraceShortId));
  CHECK_FALSE(child.with_sampled(true).deferred());
  CHECK(child.with_sampled(true).short_id());
  CHECK(child.with_sampled(true).with_deferred().deferred());
  CHECK_FALSE(child.with_sampled(true).with_deferred().sampled());
  const auto debug = TraceContext::make({1}, {1}, kTraceSampled, kTraceDebug).value();
  CHECK(debug.with_sampled(true).debug());
  CHECK_FALSE(debug.with_sampled(false).debug());
}
