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

// What is not UTF-8 in it is replaced.
std::string to_text(const nlohmann::json& value);
