// SPDX-License-Identifier: MIT
// The rules of W3C Trace Context Level 2, from the table that Python runs too.
#include <map>

#include "seawall/trace/correlation_id.h"
#include "seawall/trace_context.h"
#include "support/catch.h"
#include "support/vectors.h"

namespace {

using namespace seawall;
using testing::Fields;
using testing::int_field;
using testing::text_field;

std::string text_of(const TraceState& state) {
  std::string out(state.text_size(), '\0');
  CHECK(state.format(out) == out.size());
  return out;
}

std::string trace_id_of(const TraceContext& context) {
  std::array<char, 32> out{};
  return std::string(context.format_trace_id(out));
}

Fields parse(const Fields& arguments) {
  const auto parsed = TraceContext::parse(text_field(arguments, "text"));
  if (!parsed) return {{"ok", "0"}};
  const TraceContext& context = parsed.value();
  std::array<char, 55> text{};
  std::array<char, 16> span_id{};
  return {{"ok", "1"},
          {"trace_id", trace_id_of(context)},
          {"span_id", std::string(context.format_span_id(span_id))},
          {"sampled", context.sampled() ? "1" : "0"},
          {"random", context.random() ? "1" : "0"},
          {"text", std::string(context.format(text))}};
}

// The header fields NAME and NAME2, as far as they are there.
std::vector<std::string_view> header(const Fields& arguments, const std::string& name) {
  std::vector<std::string_view> fields;
  for (const std::string& key : {name, name + "2"}) {
    if (const auto found = arguments.find(key); found != arguments.end()) fields.push_back(found->second);
  }
  return fields;
}

Fields result_of(const Result<TraceState>& parsed) {
  if (!parsed) return {{"ok", "0"}, {"members", "0"}};
  return {{"ok", "1"}, {"members", std::to_string(parsed.value().members().size())}, {"text", text_of(parsed.value())}};
}

Fields state(const Fields& arguments) { return result_of(TraceState::parse(header(arguments, "text"))); }

Fields sized_state(const Fields& arguments) {
  const auto key_size = static_cast<std::size_t>(int_field(arguments, "key"));
  const auto value_size = static_cast<std::size_t>(int_field(arguments, "value"));
  std::string text;
  for (std::int64_t i = 0; i < int_field(arguments, "members"); ++i) {
    const std::string number = int_field(arguments, "members") == 1 ? "" : std::to_string(10 + i);
    text += number + std::string(key_size - number.size(), 'k') + "=" + std::string(value_size, 'v') + ",";
  }
  return result_of(TraceState::parse(text));
}

Fields set(const Fields& arguments) {
  const std::string text = text_field(arguments, "text");
  const std::string key = text_field(arguments, "key");
  const std::string value = text_field(arguments, "value");
  TraceState list = TraceState::parse(text).value();
  if (!list.set(key, value)) {
    CHECK(text_of(list) == text);
    return {{"ok", "0"}};
  }
  return {{"ok", "1"}, {"text", text_of(list)}};
}

Fields get(const Fields& arguments) {
  const std::string text = text_field(arguments, "text");
  const auto value = TraceState::parse(text).value().get(text_field(arguments, "key"));
  return {{"found", value ? "1" : "0"}, {"value", std::string(value.value_or(""))}};
}

Fields remove_key(const Fields& arguments) {
  const std::string text = text_field(arguments, "text");
  TraceState list = TraceState::parse(text).value();
  const bool found = list.remove(text_field(arguments, "key"));
  return {{"found", found ? "1" : "0"}, {"text", text_of(list)}};
}

Fields shrink(const Fields& arguments) {
  const std::string text = text_field(arguments, "text");
  TraceState list = TraceState::parse(text).value();
  list.shrink_to(static_cast<std::size_t>(int_field(arguments, "limit")));
  return {{"text", text_of(list)}};
}

Fields extracted(const Fields& arguments) {
  const Extracted found =
      extract(header(arguments, "traceparent"), header(arguments, "tracestate"), IdGenerator::this_thread());
  return {{"continued", found.continued ? "1" : "0"},
          {"trace_id", trace_id_of(found.context)},
          {"state", text_of(found.state)}};
}

Fields accepted(const std::string& text) {
  const auto id = CorrelationId::accept(text);
  return {{"accepted", id ? "1" : "0"}, {"text", id ? std::string(id->view()) : ""}};
}

Fields correlation(const Fields& arguments) { return accepted(text_field(arguments, "text")); }
Fields sized_correlation(const Fields& arguments) {
  return accepted(std::string(static_cast<std::size_t>(int_field(arguments, "size")), 'x'));
}

const std::map<std::string, Fields (*)(const Fields&)> kVerbs = {{"parse", parse},
                                                                 {"state", state},
                                                                 {"sized_state", sized_state},
                                                                 {"set", set},
                                                                 {"get", get},
                                                                 {"remove", remove_key},
                                                                 {"shrink", shrink},
                                                                 {"extract", extracted},
                                                                 {"correlation", correlation},
                                                                 {"sized_correlation", sized_correlation}};

}  // namespace

TEST_CASE("trace context conforms to W3C Level 2") {
  for (const auto& vector : testing::load_vectors("trace_context.txt")) {
    CAPTURE(vector.name);
    for (const auto& step : vector.steps) CHECK(mismatches(step, kVerbs.at(step.verb)(step.arguments)) == "");
  }
}
