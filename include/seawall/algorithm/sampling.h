// SPDX-License-Identifier: MIT
//
// Consistent probability sampling (OpenTelemetry, "TraceState: Probability Sampling", on W3C Trace Context Level 2): a
// trace is kept when its 56 random bits are at or above a threshold. Every service that compares the same bits with
// the same threshold decides alike, and one with a lower threshold keeps a superset.
//
//   tracestate: ot=th:HEX;rv:HEX     th: threshold, 1 to 14 digits, zeros at the end cut off: the chance was 1 - th
//                                    rv: 14 digits that stand for the trace id's random bits
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/algorithm/traceparent.h"
#include "seawall/detail/bounded_text.h"
#include "seawall/detail/ows.h"

namespace seawall::algorithm {

inline constexpr std::uint64_t kThresholdEnd = std::uint64_t{1} << 56;  // nothing reaches it: keeps none
inline constexpr int kThresholdDigits = 14;
inline constexpr std::size_t kOtelMaxSize = 256;

// The last 7 bytes of the trace id, which is what the random flag vouches for.
constexpr std::uint64_t random_bits(const TraceId& id) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 9; i < 16; ++i) bits = bits << 8 | id[i];
  return bits;
}

// 0 keeps all, kThresholdEnd none. Rounded to `precision` digits that tell something: those behind a run of f or 0 at
// the start. 0.01 with 4 digits is fd70a. ratio is from 0 to 1; what is below 2^-56 keeps none.
constexpr std::uint64_t threshold_of(double ratio, int precision = 4) noexcept {
  const double exact = ratio * static_cast<double>(kThresholdEnd);
  const auto whole = static_cast<std::uint64_t>(exact);
  const std::uint64_t kept = whole + (exact - static_cast<double>(whole) >= 0.5 ? 1 : 0);
  if (kept == 0 || kept >= kThresholdEnd) return kept == 0 ? kThresholdEnd : 0;
  std::uint64_t threshold = kThresholdEnd - kept;
  const auto digit = [threshold](int i) { return threshold >> (4 * (kThresholdDigits - 1 - i)) & 15; };
  int run = 0;
  while (run < kThresholdDigits && digit(run) == digit(0) && (digit(0) == 0 || digit(0) == 15)) ++run;
  const int cut = kThresholdDigits - run - precision;
  if (cut <= 0) return threshold;
  const std::uint64_t unit = std::uint64_t{1} << (4 * cut);
  threshold = (threshold + unit / 2) / unit * unit;
  return threshold < kThresholdEnd ? threshold : kThresholdEnd - unit;
}

// What is known of the member `ot`.
struct OtelState {
  std::optional<std::uint64_t> threshold;
  std::optional<std::uint64_t> random_value;
};

// 1 to 14 lower-case digits, of which those that are missing at the end are zeros.
constexpr std::optional<std::uint64_t> read_threshold(std::string_view text) noexcept {
  if (text.empty() || text.size() > kThresholdDigits) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kThresholdDigits; ++i) {
    const std::uint8_t digit = i < text.size() ? detail::hex_value(text[i]) : 0;
    if (digit > 15) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

// What does not follow the grammar counts as absent.
constexpr OtelState parse_otel(std::string_view value) noexcept {
  OtelState found;
  while (!value.empty()) {
    const std::string_view field = detail::take_part(value, ';');
    if (field.starts_with("th:")) found.threshold = read_threshold(field.substr(3));
    if (field.starts_with("rv:") && field.size() == 3 + kThresholdDigits) {
      found.random_value = read_threshold(field.substr(3));
    }
  }
  return found;
}

// What an rv field takes with its semicolon; 0 for other fields.
constexpr std::size_t random_value_room(std::string_view field) noexcept {
  return field.starts_with("rv:") && field.size() == 3 + kThresholdDigits ? field.size() + 1 : 0;
}

// `value` with this threshold, or with none, in `out`. Other fields stay as they are; of what no longer fits into
// kOtelMaxSize bytes rv stays, for all that come after must decide by it.
constexpr std::string_view format_otel(std::string_view value, std::optional<std::uint64_t> threshold,
                                       std::span<char, kOtelMaxSize> out) noexcept {
  detail::BoundedText text(out);
  if (threshold) {
    text.add("th:");
    std::uint64_t rest = *threshold;
    do {
      text.add(detail::kHexDigits[rest >> 52 & 15]);
      rest = rest << 4 & (kThresholdEnd - 1);
    } while (rest != 0);
  }
  std::size_t reserved = 0;  // for rv fields to come
  for (std::string_view rest = value; !rest.empty();) reserved += random_value_room(detail::take_part(rest, ';'));
  while (!value.empty()) {
    const std::string_view field = detail::take_part(value, ';');
    reserved -= random_value_room(field);
    if (field.empty() || field.starts_with("th:")) continue;
    if (text.size() + 1 + field.size() + reserved > kOtelMaxSize) continue;
    if (text.size() > 0) text.add(';');
    text.add(field);
  }
  return {out.data(), text.size()};
}

}  // namespace seawall::algorithm
