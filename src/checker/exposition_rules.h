// SPDX-License-Identifier: MIT
//
// What the two texts allow for a type of metric: the suffixes of its samples and which of them are totals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/runtime/exposition.h"

namespace seawall::detail {

enum class FamilyType : std::uint8_t {
  kUnknown,  // "untyped" in 0.0.4
  kCounter,
  kGauge,
  kHistogram,
  kSummary,
  kInfo,
  kStateSet,
  kGaugeHistogram,
};

// Nothing: the format has no type of that name.
constexpr std::optional<FamilyType> family_type(Exposition format, std::string_view name) noexcept {
  if (name == "counter") return FamilyType::kCounter;
  if (name == "gauge") return FamilyType::kGauge;
  if (name == "histogram") return FamilyType::kHistogram;
  if (name == "summary") return FamilyType::kSummary;
  if (format == Exposition::kPrometheus) {
    return name == "untyped" ? std::optional(FamilyType::kUnknown) : std::nullopt;
  }
  if (name == "unknown") return FamilyType::kUnknown;
  if (name == "info") return FamilyType::kInfo;
  if (name == "stateset") return FamilyType::kStateSet;
  if (name == "gaugehistogram") return FamilyType::kGaugeHistogram;
  return std::nullopt;
}

inline constexpr std::string_view kPlainSuffix[] = {""};
inline constexpr std::string_view kCounterSuffixes[] = {"_total", "_created"};
inline constexpr std::string_view kHistogramSuffixes[] = {"_bucket", "_sum", "_count", "_created"};
inline constexpr std::string_view kSummarySuffixes[] = {"", "_sum", "_count", "_created"};
inline constexpr std::string_view kInfoSuffix[] = {"_info"};
inline constexpr std::string_view kGaugeHistogramSuffixes[] = {"_bucket", "_gsum", "_gcount"};

// What a sample's name may have behind that of its family; "" is the name alone.
constexpr std::span<const std::string_view> family_suffixes(Exposition format, FamilyType type) noexcept {
  const bool old = format == Exposition::kPrometheus;  // knows no creation times, and counters by any name
  switch (type) {
    case FamilyType::kCounter:
      return old ? std::span<const std::string_view>(kPlainSuffix) : kCounterSuffixes;
    case FamilyType::kHistogram:
      return std::span(kHistogramSuffixes).first(old ? 3 : 4);
    case FamilyType::kSummary:
      return std::span(kSummarySuffixes).first(old ? 3 : 4);
    case FamilyType::kInfo:
      return kInfoSuffix;
    case FamilyType::kGaugeHistogram:
      return kGaugeHistogramSuffixes;
    case FamilyType::kUnknown:
    case FamilyType::kGauge:
    case FamilyType::kStateSet:
      break;
  }
  return kPlainSuffix;
}

// Does a sample only rise? Only then is a smaller value a fault, and a negative one or NaN.
constexpr bool is_total(FamilyType type, std::string_view suffix) noexcept {
  if (type == FamilyType::kCounter) return suffix != "_created";
  if (type == FamilyType::kHistogram) return suffix != "_created";
  return type == FamilyType::kSummary && (suffix == "_sum" || suffix == "_count");
}

}  // namespace seawall::detail
