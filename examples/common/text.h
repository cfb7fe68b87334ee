// SPDX-License-Identifier: MIT
//
// Small texts that gateway and services both need.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Wall time for people, as 2026-01-31T12:00:00.000Z.
std::string timestamp(std::chrono::system_clock::time_point when = std::chrono::system_clock::now());

std::optional<std::int64_t> to_integer(std::string_view text) noexcept;  // all of it, or nothing

// Sixteen hexadecimal digits from the system's random device.
std::string random_hex();
