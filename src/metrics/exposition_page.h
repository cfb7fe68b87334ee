// SPDX-License-Identifier: MIT
//
// The walk over families and series that every format shares. It keeps its place in the cursor alone.
#pragma once

#include <span>

#include "metrics/metrics_family.h"
#include "seawall/runtime/exposition.h"

namespace seawall::detail {

// `first`: of the registry's families. Takes no lock and allocates nothing.
PagePart render_part(const FamilyState* first, ExpositionCursor& cursor, std::span<char> buffer) noexcept;

}  // namespace seawall::detail
