// SPDX-License-Identifier: MIT
//
// The rules for names and texts, checked at registration and never again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics_family.h"
#include "seawall/result.h"

namespace seawall::detail {

// Valid UTF-8 without zero bytes (scrapers take one for the end of the text): what may stand in help and label values.
bool is_clean_text(std::string_view text) noexcept;

// Error: kInvalidArgument, quoting the name that breaks a rule.
Result<void> check_definition(const Definition& definition);

// The OpenMetrics name of the family: that of a counter without _total, of an info without _info.
std::string_view family_name(const Definition& definition) noexcept;

// Every name under which samples of the family appear in one of the formats, now or with creation times.
std::vector<std::string> claimed_names(const Definition& definition);

}  // namespace seawall::detail
