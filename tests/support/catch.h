// SPDX-License-Identifier: MIT
// The one place that knows which Catch2 is installed: 2.13 (Debian 12) or 3.x.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_ENABLE_ALL_STRINGMAKERS
#include <catch2/catch.hpp>
#endif
