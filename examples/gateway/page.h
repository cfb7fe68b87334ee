// SPDX-License-Identifier: MIT
//
// The dashboard for people: examples/dashboard/index.html, which is part of the program.
#pragma once

#include <string_view>

std::string_view dashboard_page() noexcept;
