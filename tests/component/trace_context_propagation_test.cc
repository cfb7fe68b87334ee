// SPDX-License-Identifier: MIT
// Propagator, B3, baggage and samplers, from the tables that Python runs too.
#include <map>
#include <memory>

#include "seawall/trace/propagator.h"
#include "seawall/trace/sampler.h"
#include "support/catch.h"
#include "support/vectors.h"

namespace {

using namespace seawall;
using testing::Fields;
using testing::int_field;
using testing::text_field;

std::string number(bool truth) { return truth ? "1" : "0"; }

template <class List>
std::string text_of(const List& list) {
  std::string out(list.text_size(), '\0');
  CHECK(list.format(out) == out.size());
  return out;
}

Strictness strictness_of(const Fields& arguments) {
  const std::string name = text_field(arguments, "strictness", "harness");
  if (name == "harness") return Strictness::kHarness;
  return name == "strict" ? Strictness::kStrict : Strictness::kPassThrough;
}

PropagatorOptions options_of(const Fields& arguments) {
  PropagatorOptions options;
  options.strictness = strictness_of(arguments);
  const std::string trust = text_field(arguments, "trust", "full");
  options.trust = trust == "full" ? TraceTrust::kFull : trust == "ids" ? TraceTrust::kIds : TraceTrust::kIgnore;
  options.b3 = int_field(arguments, "accept_b3") != 0;
  const std::string inject = text_field(arguments, "inject_b3");
  options.inject_b3 = inject == "single" ? B3Inject::kSingle : inject == "multi" ? B3Inject::kMulti : B3Inject::kNone;
  options.max_tracestate_bytes = static_cast<std::size_t>(int_field(arguments, "max_tracestate_bytes"));
  return options;
}

// The fields of a step as a request's headers: NAME2 is the second field of NAME.
std::vector<HeaderField> headers_of(const Fields& arguments) {
  std::vector<HeaderField> headers;
  for (const auto& [name, value] : arguments) {
    std::string_view key = name;
    if (key.ends_with('2')) key.remove_suffix(1);
    headers.push_back({key, value});
  }
  return headers;
}

std::string counted(const TraceFaults& faults) {
  std::string names;
  for (std::size_t i = 0; i < kTraceFaultCount; ++i) {
    const auto fault = static_cast<TraceFault>(i);
    if (faults.count(fault) > 0) names.append(names.empty() ? "" : ",").append(name_of(fault));
  }
  return names;
}

Fields fields_of(const Extracted& in) {
  std::array<char, 32> trace_id{};
  std::array<char, 16> span_id{};
  std::array<char, kB3Size> single{};
  B3Headers b3;
  format_b3(in.context, b3);
  return {{"continued", number(in.continued)},
          {"decided", number(in.decided)},
          {"fault", std::string(name_of(in.fault))},
          {"state_fault", std::string(name_of(in.state_fault))},
          {"trace_id", std::string(in.context.format_trace_id(trace_id))},
          {"span_id", std::string(in.context.format_span_id(span_id))},
          {"sampled", number(in.context.sampled())},
          {"random", number(in.context.random())},
          {"deferred", number(in.context.deferred())},
          {"debug", number(in.context.debug())},
          {"state", text_of(in.state)},
          {"out_b3", std::string(format_b3(in.context, single))},
          {"out_trace_id", std::string(b3.trace_id)},
          {"out_span_id", std::string(b3.span_id)},
          {"out_sampled", std::string(b3.sampled)},
          {"out_flags", std::string(b3.flags)}};
}

Fields extracted(const Fields& arguments) {
  const auto propagator = std::make_unique<Propagator>(PropagatorConfig::make(options_of(arguments)).value());
  const auto headers = headers_of(arguments);
  const Extracted in = propagator->extract(HeaderArray(headers), IdGenerator::this_thread());
  Fields out = fields_of(in);
  out["counted"] = counted(propagator->faults());
  return out;
}

Fields injected(const Fields& arguments) {
  const auto propagator = std::make_unique<Propagator>(PropagatorConfig::make(options_of(arguments)).value());
  const std::string tracestate = text_field(arguments, "tracestate");
  const Extracted in = extract(text_field(arguments, "traceparent"), tracestate, IdGenerator::this_thread());
  Fields out;
  propagator->inject(in.context, in.state, [&](std::string_view name, std::string_view value) {
    CHECK(out.count(name) == 0);
    out[std::string(name)] = value;
  });
  return out;
}

Fields spelled(const Fields& arguments) {
  const auto spelled = CorrelationId::accept(text_field(arguments, "text")).value().trace_id();
  if (!spelled) return {{"found", "0"}};
  const std::string trace_id(CorrelationId::of(spelled->id).view());
  return {{"found", "1"}, {"trace_id", trace_id}, {"random", number(spelled->random)}};
}

struct Carried {
  std::vector<std::string> texts;
  Baggage baggage;
  TraceFault fault;
};

std::unique_ptr<Carried> carried(std::vector<std::string> texts, const Fields& arguments) {
  auto out = std::make_unique<Carried>();
  out->texts = std::move(texts);
  const std::vector<std::string_view> fields(out->texts.begin(), out->texts.end());
  BaggageLimits limits;
  limits.members = static_cast<std::size_t>(int_field(arguments, "limit_members", 64));
  limits.bytes = static_cast<std::size_t>(int_field(arguments, "limit_bytes", 8192));
  out->fault = out->baggage.assign(fields, strictness_of(arguments), limits);
  return out;
}

std::unique_ptr<Carried> carried(const Fields& arguments) {
  std::vector<std::string> texts{text_field(arguments, "text")};
  if (arguments.count("text2") > 0) texts.push_back(text_field(arguments, "text2"));
  return carried(std::move(texts), arguments);
}

std::string plain(std::string_view coded) {
  std::string out(Baggage::decode(coded, {}), '\0');
  CHECK(Baggage::decode(coded, out) == out.size());
  return out;
}

Fields baggage(const Fields& arguments) {
  const auto found = carried(arguments);
  return {{"members", std::to_string(found->baggage.size())},
          {"text", text_of(found->baggage)},
          {"fault", std::string(name_of(found->fault))}};
}

Fields member(const Fields& arguments) {
  const auto found = carried(arguments);
  const BaggageMember member = found->baggage[static_cast<std::size_t>(int_field(arguments, "at"))];
  return {
      {"key", std::string(member.key)}, {"value", plain(member.value)}, {"properties", std::string(member.properties)}};
}

Fields get(const Fields& arguments) {
  const auto found = carried(arguments);
  const auto value = found->baggage.get(text_field(arguments, "key"));
  return {{"found", number(value.has_value())}, {"value", plain(value.value_or(""))}};
}

Fields set(const Fields& arguments) {
  const auto found = carried(arguments);
  const std::string key = text_field(arguments, "key");
  const std::string value = text_field(arguments, "value");
  const std::string properties = text_field(arguments, "properties");
  const auto needed = found->baggage.set(key, value, properties, {});
  if (!needed) return {{"ok", "0"}};
  std::string out(needed.value(), '\0');
  CHECK(found->baggage.set(key, value, properties, out).value() == out.size());
  return {{"ok", "1"}, {"text", out}};
}

Fields removed(const Fields& arguments) {
  const auto found = carried(arguments);
  const std::string key = text_field(arguments, "key");
  std::string out(found->baggage.remove(key, {}), '\0');
  CHECK(found->baggage.remove(key, out) == out.size());
  return {{"text", out}};
}

Fields sized(const Fields& arguments) {
  std::string text;
  for (std::int64_t i = 0; i < int_field(arguments, "members"); ++i) {
    text.append(i > 0 ? "," : "").append("k").append(std::to_string(10 + i)).append("=");
    text.append(static_cast<std::size_t>(int_field(arguments, "value")), 'v');
  }
  const auto fields = static_cast<std::size_t>(int_field(arguments, "fields", 1));
  const auto found = carried(std::vector<std::string>(fields, text), arguments);
  return {{"members", std::to_string(found->baggage.size())},
          {"bytes", std::to_string(text_of(found->baggage).size())},
          {"fault", std::string(name_of(found->fault))}};
}

Fields sampled(const Fields& arguments, Sampler& sampler, TimePoint now) {
  const std::string tracestate = text_field(arguments, "tracestate");
  Extracted in = extract(text_field(arguments, "traceparent"), tracestate, IdGenerator::this_thread());
  REQUIRE(in.continued);
  in.decided = int_field(arguments, "decided") != 0;
  SamplerText text;
  const bool kept = sampler.sample_at(now, in, text);
  CHECK(in.context.sampled() == kept);
  return {{"sampled", number(kept)}, {"state", text_of(in.state)}};
}

const std::map<std::string, Fields (*)(const Fields&)> kPropagation = {
    {"extract", extracted}, {"inject", injected}, {"spelled", spelled}};
const std::map<std::string, Fields (*)(const Fields&)> kBaggage = {
    {"baggage", baggage}, {"member", member}, {"get", get}, {"set", set}, {"remove", removed}, {"sized", sized}};

void run(std::string_view file, const std::map<std::string, Fields (*)(const Fields&)>& verbs) {
  for (const auto& vector : testing::load_vectors(file)) {
    CAPTURE(vector.name);
    for (const auto& step : vector.steps) CHECK(mismatches(step, verbs.at(step.verb)(step.arguments)) == "");
  }
}

}  // namespace

TEST_CASE("a propagator reads and writes headers as the table says") { run("trace_propagation.txt", kPropagation); }

TEST_CASE("baggage conforms to W3C") { run("trace_baggage.txt", kBaggage); }

TEST_CASE("samplers decide as the table says") {
  for (const auto& vector : testing::load_vectors("trace_sampling.txt")) {
    CAPTURE(vector.name);
    SamplerOptions options;
    if (const std::int64_t permits = int_field(vector.options, "permits"); permits > 0) {
      options.limit = Quota::make(permits, Duration(int_field(vector.options, "period_ns"))).value();
    }
    Sampler limited(SamplerConfig::make(options).value(), TimePoint());
    for (const auto& step : vector.steps) {
      options.ratio = std::stod(text_field(step.arguments, "ratio", "1"));
      options.follow_parent = int_field(step.arguments, "ignore_parent") == 0;
      Sampler single(SamplerConfig::make(options).value(), TimePoint());
      Sampler& sampler = options.limit ? limited : single;
      CHECK(mismatches(step, sampled(step.arguments, sampler, time_from_ns(step.now_ns))) == "");
    }
  }
}
