// SPDX-License-Identifier: MIT
// The pure functions under TraceContext and TraceState: mostly at compile time. All rules of the specification are in
// tests/vectors/trace_context.txt.
#include <set>
#include <string>

#include "seawall/algorithm/trace_state.h"
#include "seawall/algorithm/traceparent.h"
#include "seawall/trace/correlation_id.h"
#include "seawall/trace_context.h"
#include "support/catch.h"

namespace {

using seawall::CorrelationId;
using seawall::TraceContext;
using seawall::TraceFault;
using seawall::TraceState;
using seawall::algorithm::Traceparent;

constexpr std::string_view kExample = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

constexpr TraceFault fault(std::string_view text) {
  Traceparent fields;
  return parse_traceparent(text, fields);
}

static_assert(fault(kExample) == TraceFault::kNone);
static_assert(fault("") == TraceFault::kParentAbsent);
static_assert(fault(kExample.substr(1)) == TraceFault::kParentLength);
static_assert(fault("0A-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == TraceFault::kParentVersion);
static_assert(fault("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == TraceFault::kParentVersion);
static_assert(fault("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == TraceFault::kParentSeparator);
static_assert(fault("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01") == TraceFault::kParentUpperCase);
static_assert(fault("00-00000000000000000000000000000000-b7ad6b7169203331-01") == TraceFault::kParentZeroTraceId);
static_assert(fault("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01") == TraceFault::kParentZeroSpanId);
static_assert(fault("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01") == TraceFault::kParentHex);
static_assert(fault("00-0Af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01") == TraceFault::kParentHex);
static_assert(fault("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0F") == TraceFault::kParentUpperCase);

constexpr bool round_trip(std::string_view text) {
  std::array<char, 55> out{};
  return TraceContext::parse(text).value().format(out) == text;
}
static_assert(round_trip(kExample));

static_assert(seawall::algorithm::is_trace_state_key("tenant@system"));
static_assert(!seawall::algorithm::is_trace_state_key("@system"));
static_assert(!seawall::algorithm::is_trace_state_value("ends with space "));
static_assert(TraceState::parse("a=1,b=2").value().get("b") == "2");

static_assert(CorrelationId::accept("A.b_c-9")->view() == "A.b_c-9");
static_assert(!CorrelationId::accept("a b"));
static_assert(CorrelationId::of(TraceContext::parse(kExample).value().trace_id()).view() ==
              "0af7651916cd43dd8448eb211c80319c");

}  // namespace

TEST_CASE("each byte is a hex digit or not, as the table of the specification says") {
  for (int c = 0; c < 256; ++c) {
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    std::string text(kExample);
    text[10] = static_cast<char>(c);
    CAPTURE(c);
    CHECK((fault(text) == TraceFault::kNone) == digit);
  }
}

TEST_CASE("each byte is allowed in keys, values and correlation ids exactly where the grammar says") {
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    const bool letter = letters.find(one) != letters.npos;
    const bool key = letter || std::string_view("_-*/@").find(one) != std::string_view::npos;
    const bool value = c >= 0x20 && c <= 0x7e && c != ',' && c != '=';
    const bool correlation = letter || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
    CAPTURE(c);
    CHECK(seawall::algorithm::is_trace_state_key(one) == letter);
    CHECK(seawall::algorithm::is_trace_state_key("k" + one) == key);
    CHECK(seawall::algorithm::is_trace_state_value(one + "v") == value);
    CHECK(CorrelationId::accept(one).has_value() == correlation);
  }
}

TEST_CASE("every fault has a text and a name of its own") {
  std::set<std::string_view> texts;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < seawall::kTraceFaultCount; ++i) {
    texts.insert(describe(static_cast<TraceFault>(i)));
    names.insert(name_of(static_cast<TraceFault>(i)));
  }
  CHECK(texts.size() == seawall::kTraceFaultCount);
  CHECK(names.size() == seawall::kTraceFaultCount);
  CHECK(texts.count("unknown") + texts.count("") == 0);
  CHECK(name_of(static_cast<TraceFault>(255)) == "unknown");
}
