// SPDX-License-Identifier: MIT
//
// The formats of a scrape: one walk over families and series, one printer for each format.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics_family.h"

namespace seawall::detail {

inline constexpr std::string_view kOverflowLabels = "seawall_overflow=\"true\"";

// a="1",b="2", escaped; labels with an empty value are left out.
std::string label_text(std::span<const std::string> names, std::span<const std::string> values);

std::string render(std::span<const FamilyState* const> families, Exposition format);

}  // namespace seawall::detail
