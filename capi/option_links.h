// SPDX-License-Identifier: MIT
//
// Options that a C struct and a C++ struct have in common, each named once: from one to the other, and from JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "options.h"
#include "seawall/time.h"

namespace seawall::capi {

// A field of the C struct, the option that it is, and its key. In C, durations are nanoseconds and enumerations and
// truth values are integers.
template <auto kField, auto kOption>
struct OptionLink {
  std::string_view key;

  template <class C, class Options>
  static void to_c(C& c, const Options& options) {
    const auto& from = options.*kOption;
    using To = std::remove_reference_t<decltype(c.*kField)>;
    if constexpr (std::is_same_v<decltype(from), const Duration&>) {
      c.*kField = from.count();
    } else {
      c.*kField = static_cast<To>(from);
    }
  }
  template <class C, class Options>
  static void from_c(const C& c, Options& options) {
    using To = std::remove_reference_t<decltype(options.*kOption)>;
    if constexpr (std::is_same_v<To, bool>) {
      options.*kOption = c.*kField != 0;
    } else {
      options.*kOption = static_cast<To>(c.*kField);
    }
  }
  template <class C>
  OptionField field(C& c) const {
    return {key, &(c.*kField)};
  }
};

template <class C, class Options, class... Links>
C options_to_c(const Options& options, const std::tuple<Links...>& links) {
  C c{};
  c.struct_size = sizeof c;
  std::apply([&](const auto&... link) { (link.to_c(c, options), ...); }, links);
  return c;
}

template <class Options, class C, class... Links>
Options options_from_c(const C& c, const std::tuple<Links...>& links) {
  Options options;
  std::apply([&](const auto&... link) { (link.from_c(c, options), ...); }, links);
  return options;
}

template <class C, class... Links>
std::array<OptionField, sizeof...(Links)> option_fields(C& c, const std::tuple<Links...>& links) {
  return std::apply([&](const auto&... link) { return std::array{link.field(c)...}; }, links);
}

}  // namespace seawall::capi
