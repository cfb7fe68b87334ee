// SPDX-License-Identifier: MIT
//
// The formats of a scrape: one walk over families and series, one printer for each format.
#pragma once

#include <string>

#include "metrics_state.h"

namespace seawall::detail {

std::string render(const MetricsState& state, Exposition format);

}  // namespace seawall::detail
