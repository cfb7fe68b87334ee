// SPDX-License-Identifier: MIT
//
// tracestate, with any bytes in up to three fields (lines of the input). What goes on fits a header and reads back the
// same; what is right to the letter is right for the test suite; edits leave a list that is right.
#include "seawall/trace/trace_state.h"

#include <algorithm>
#include <array>
#include <string>

#include "fuzz.h"
#include "seawall/algorithm/sampling.h"

using namespace seawall;
using fuzz::Fields;
using fuzz::fields_of;
using fuzz::require;

namespace {

std::string text_of(const TraceState& state) {
  std::string out(state.text_size(), '?');
  require(state.format(out) == out.size());
  return out;
}

// What was taken over goes out and comes back.
void check(const Fields& fields, Strictness strictness) {
  TraceState state;
  const TraceFault fault = state.assign(fields, strictness);
  require(state.members().size() <= TraceState::kMaxMembers);
  if (fault != TraceFault::kNone && strictness != Strictness::kPassThrough) require(state.empty());
  const std::string text = text_of(state);
  require(fuzz::fits_a_header(text));
  TraceState again;
  const std::string_view field = text;
  again.assign(std::span(&field, 1), strictness);
  require(text_of(again) == text);
}

void edit(TraceState state) {
  const std::size_t before = state.members().size();
  const bool had = state.get("seawall").has_value();
  require(state.set("seawall", "1").ok() && state.get("seawall") == "1");
  require(state.members().front().key == "seawall");
  require(state.members().size() == std::min(before + (had ? 0 : 1), TraceState::kMaxMembers));
  require(TraceState::parse(text_of(state)).ok());
  state.shrink_to(100);
  require(state.text_size() <= 100 && TraceState::parse(text_of(state)).ok());
}

void check_otel(std::string_view value) {
  std::array<char, algorithm::kOtelMaxSize> out;
  const auto found = algorithm::parse_otel(value);
  const auto with = algorithm::format_otel(value, std::uint64_t{0xfd70a000000000}, out);
  require(with.starts_with("th:fd70a") && algorithm::parse_otel(with).threshold == 0xfd70a000000000);
  const auto without = algorithm::format_otel(value, std::nullopt, out);
  require(!algorithm::parse_otel(without).threshold);
  require(value.size() > 256 || algorithm::parse_otel(without).random_value == found.random_value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Fields fields = fields_of(fuzz::text_of(data, size));
  for (const auto strictness : {Strictness::kHarness, Strictness::kStrict, Strictness::kPassThrough}) {
    check(fields, strictness);
  }
  TraceState harness;
  TraceState strict;
  const bool lawful = harness.assign(fields) == TraceFault::kNone;
  if (strict.assign(fields, Strictness::kStrict) == TraceFault::kNone) require(lawful);
  if (lawful) edit(harness);
  check_otel(fields[0]);
  return 0;
}
