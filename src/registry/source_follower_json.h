// SPDX-License-Identifier: MIT
// The listing of a follower's sources as JSON.
#pragma once

#include <span>
#include <string>

#include "seawall/runtime/source_follower.h"

namespace seawall {

std::string source_follower_json(const SourceFollowerStats& stats, std::span<const SourceInfo> sources);

}  // namespace seawall
