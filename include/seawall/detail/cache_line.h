// SPDX-License-Identifier: MIT
//
// The unit that two cores cannot write at once. A constant of ours, not std::hardware_destructive_interference_size:
// that one changes with compiler flags, and objects here may live in memory shared between programs.
#pragma once

#include <cstddef>

namespace seawall::detail {

inline constexpr std::size_t kCacheLine = 64;

}  // namespace seawall::detail
