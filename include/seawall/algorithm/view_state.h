// SPDX-License-Identifier: MIT
//
// What a service's list, or a view's, has to say of itself beside who is in it.
#pragma once

#include <cstdint>
#include <string_view>

namespace seawall {

// Who is in a list, beside how many. Numbers are those of the C API; they only grow at the end.
enum class ViewState : std::int32_t {
  kMatched = 0,  // those that were asked for; of a service that is no view, all
  kUnfiltered =
      1,        // the selector matches nobody who could get traffic, so it is the whole service (ViewFallback::kAll)
  kNobody = 2,  // nobody could get traffic, even in panic: in a view, none of those that the selector matches
};

constexpr std::string_view to_string(ViewState state) noexcept {
  constexpr std::string_view kNames[] = {"matched", "unfiltered", "nobody"};
  const auto at = static_cast<std::uint32_t>(state);
  return at < 3 ? kNames[at] : "unknown";
}

}  // namespace seawall
