// SPDX-License-Identifier: MIT
//
// JSON of strangers, read and written so that no text of theirs can end the program.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Discarded (is_discarded()) when `text` is no valid JSON, or has more than 64 levels: whoever copies or writes a value
// calls itself for each level.
nlohmann::json parse_json(std::string_view text);

// The member of that name; `fallback` when there is none, or one of another type.
template <class T>
T member_or(const nlohmann::json& object, const char* name, T fallback) {
  const auto found = object.find(name);
  if (found == object.end()) return fallback;
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::type_error&) {
    return fallback;
  }
}

// What is not UTF-8 in it is replaced.
std::string to_text(const nlohmann::json& value);
