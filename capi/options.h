// SPDX-License-Identifier: MIT
//
// Options from JSON text: {"failure_threshold": 5, "open_duration_ns": 1000000000}. The keys are the field names of the
// C options struct, so a binding needs no layout. Unknown keys, keys given twice, wrong types and trailing text are
// errors that name path and value: "/failure_threshold: expected an integer that fits, not 1.5". Only options.cc sees
// the JSON library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "seawall/result.h"

namespace seawall::capi {

// Where the value of one key goes. Integers are checked against the range of their type.
struct OptionField {
  std::string_view name;
  std::variant<std::int32_t*, std::uint32_t*, std::int64_t*, std::uint64_t*, double*, bool*, std::string*> target;
};

// Error: kInvalidArgument; fields read before the failing one may have been set.
Result<void> read_json_options(std::string_view json, std::span<const OptionField> fields);
inline Result<void> read_json_options(std::string_view json, std::initializer_list<OptionField> fields) {
  return read_json_options(json, std::span(fields.begin(), fields.size()));
}

// An error that begins with the name of an option, as "/lease_ns: must be from ..."; others stay as they are.
Error at_option(const Error& error, std::span<const OptionField> fields);

}  // namespace seawall::capi
