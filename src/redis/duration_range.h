// SPDX-License-Identifier: MIT
// Which durations an option may have.
#pragma once

#include <initializer_list>
#include <string_view>

#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall::redis {

struct DurationRange {
  std::string_view name;  // "... in ns"
  Duration given, least, most;
};

// Error: kInvalidArgument, naming the first that is none of its range.
inline Result<void> check_ranges(std::initializer_list<DurationRange> ranges) {
  for (const DurationRange& range : ranges) {
    if (range.given >= range.least && range.given <= range.most) continue;
    return out_of_range(range.name, range.given.count(), range.least.count(), range.most.count());
  }
  return {};
}

}  // namespace seawall::redis
