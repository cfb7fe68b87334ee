// SPDX-License-Identifier: MIT
//
// TraceFault: why something that a caller sent was not taken over, one value for each rule. Text for people by
// describe(), text for a metric's label by name_of(). TraceFaults (trace/propagator.h) counts them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace seawall {

enum class TraceFault : std::uint8_t {
  kNone,
  // traceparent: a new trace starts.
  kParentAbsent,
  kParentRepeated,
  kParentLength,
  kParentVersion,
  kParentSeparator,
  kParentUpperCase,
  kParentHex,
  kParentZeroTraceId,
  kParentZeroSpanId,
  // tracestate: the list is dropped, the trace goes on.
  kStateKey,
  kStateValue,
  kStateRepeatedKey,
  kStateTooManyMembers,
  kStateWithoutParent,
  // baggage: the member, or what is too much, is dropped.
  kBaggageKey,
  kBaggageValue,
  kBaggageProperty,
  kBaggageTooManyMembers,
  kBaggageTooLong,
  // b3: as for traceparent.
  kB3Repeated,
  kB3Length,
  kB3Hex,
  kB3ZeroId,
  kB3Sampling,
  kB3Incomplete,
  // correlation id: another one is made.
  kCorrelationLength,
  kCorrelationCharacter,
};

inline constexpr std::size_t kTraceFaultCount = static_cast<std::size_t>(TraceFault::kCorrelationCharacter) + 1;

namespace algorithm {

struct TraceFaultText {
  std::string_view name;
  std::string_view description;
};

inline constexpr std::array<TraceFaultText, kTraceFaultCount> kTraceFaultTexts{{
    {"none", "valid"},
    {"traceparent_absent", "traceparent is absent"},
    {"traceparent_repeated", "traceparent was sent more than once"},
    {"traceparent_length", "traceparent has the wrong length for its version"},
    {"traceparent_version", "traceparent has an invalid version"},
    {"traceparent_separator", "traceparent lacks a '-' between its fields"},
    {"traceparent_upper_case", "traceparent has an upper-case hex digit"},
    {"traceparent_hex", "traceparent has a digit that is not lower-case hex"},
    {"traceparent_zero_trace_id", "traceparent has an all-zero trace id"},
    {"traceparent_zero_span_id", "traceparent has an all-zero parent id"},
    {"tracestate_key", "tracestate has a member whose key breaks the grammar"},
    {"tracestate_value", "tracestate has a member whose value breaks the grammar"},
    {"tracestate_repeated_key", "tracestate has two members with one key"},
    {"tracestate_too_many_members", "tracestate has more than 32 members"},
    {"tracestate_without_traceparent", "tracestate came without a valid traceparent"},
    {"baggage_key", "baggage has a member whose key is no token"},
    {"baggage_value", "baggage has a member whose value breaks the grammar"},
    {"baggage_property", "baggage has a member with a property that breaks the grammar"},
    {"baggage_too_many_members", "baggage has more members than the limit"},
    {"baggage_too_long", "baggage has more bytes than the limit"},
    {"b3_repeated", "a B3 header was sent more than once"},
    {"b3_length", "a B3 id has the wrong length"},
    {"b3_hex", "a B3 id has a digit that is not lower-case hex"},
    {"b3_zero_id", "a B3 id is all zero"},
    {"b3_sampling", "the B3 sampling state is unknown"},
    {"b3_incomplete", "B3 has one of trace id and span id without the other"},
    {"correlation_id_length", "the correlation id is longer than 128 bytes"},
    {"correlation_id_character", "the correlation id has a character other than A-Z a-z 0-9 . _ -"},
}};

}  // namespace algorithm

// Stable, and safe as a label's value: a-z, 0-9 and _.
constexpr std::string_view name_of(TraceFault fault) noexcept {
  const auto at = static_cast<std::size_t>(fault);
  return at < kTraceFaultCount ? algorithm::kTraceFaultTexts[at].name : "unknown";
}

constexpr std::string_view describe(TraceFault fault) noexcept {
  const auto at = static_cast<std::size_t>(fault);
  return at < kTraceFaultCount ? algorithm::kTraceFaultTexts[at].description : "unknown";
}

// How much of what is not quite right is taken over. traceparent and B3 have one rule only; this is for the lists.
enum class Strictness : std::uint8_t {
  // As the W3C test suite wants it: one bad member or a 33rd drops a tracestate, of members with one key the first
  // stays. Of baggage, bad members are left out.
  kHarness,
  // To the letter: a key that comes twice drops a tracestate too, and one bad member all baggage.
  kStrict,
  // For proxies that are not the list's reader: members that break the grammar go on as they came, as long as they are
  // printable; a 33rd member and what follows is left out.
  kPassThrough,
};

}  // namespace seawall
