// SPDX-License-Identifier: MIT
#include "options.h"

#include <algorithm>

#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace seawall::capi {
namespace {

using Json = nlohmann::json;

Error bad(std::string_view key, std::string_view expected, const Json& given) {
  Message m("option ");
  m.append(key).append(": expected ").append(expected).append(", not ").append(given.dump());
  return {Code::kInvalidArgument, m};
}

template <class Integer>
bool fits(const Json& value) {
  if (value.is_number_unsigned())
    return value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<Integer>::max()};
  if (!value.is_number_integer()) return false;
  const auto number = value.get<std::int64_t>();
  if constexpr (std::is_unsigned_v<Integer>) {
    return number >= 0 && static_cast<std::uint64_t>(number) <= std::numeric_limits<Integer>::max();
  } else {
    return number >= std::numeric_limits<Integer>::min() && number <= std::numeric_limits<Integer>::max();
  }
}

struct Store {
  std::string_view key;
  const Json& value;

  template <class T>
  Result<void> operator()(T* target) const {
    if constexpr (std::is_same_v<T, bool>) {
      if (!value.is_boolean()) return bad(key, "true or false", value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!value.is_string()) return bad(key, "a string", value);
    } else if constexpr (std::is_same_v<T, double>) {
      if (!value.is_number()) return bad(key, "a number", value);
    } else {
      if (!fits<T>(value)) return bad(key, "an integer that fits", value);
    }
    *target = value.get<T>();
    return {};
  }
};

}  // namespace

Result<void> read_json_options(std::string_view json, std::initializer_list<OptionField> fields) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Error{Code::kInvalidArgument, "options: expected one JSON object"};
  for (const auto& item : parsed.items()) {
    const std::string& key = item.key();
    const auto* field = std::find_if(fields.begin(), fields.end(), [&](const OptionField& f) { return f.name == key; });
    if (field == fields.end()) return Error{Code::kInvalidArgument, Message("unknown option ").append(key)};
    if (auto stored = std::visit(Store{key, item.value()}, field->target); !stored) return stored;
  }
  return {};
}

}  // namespace seawall::capi
