// SPDX-License-Identifier: MIT
//
// A JSON text as a tree that is read by path, for configurations: what is wrong is told as "/routes/trading/limits/0:
// ...". Built from the events of the JSON library, whose own documents allocate when they are destroyed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"

namespace seawall {

struct JsonNode {
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kText, kArray, kObject };

  Kind kind = Kind::kNull;
  bool whole = false;             // a number that is an int64
  std::int64_t number = 0;        // of a whole number; 1 for true
  std::string text;               // of a text; of anything else but arrays and objects as it is told in errors
  std::string name;               // in its object
  std::vector<JsonNode> members;  // of an object or array

  const JsonNode* find(std::string_view wanted) const noexcept;
  std::string_view told() const noexcept;  // for errors
};

// An object. Errors: kInvalidArgument, with the byte where it is no JSON, or the path of a name that is there twice.
Result<JsonNode> parse_json(std::string_view text);

// Where a node stands, and what is wrong there.
class JsonPath {
 public:
  JsonPath() = default;
  JsonPath operator/(std::string_view name) const { return JsonPath(text_ + "/" + std::string(name)); }
  JsonPath operator/(std::size_t index) const { return *this / std::to_string(index); }
  const std::string& text() const noexcept { return text_; }

  Error wrong(std::string_view what) const {
    Message message(text_.empty() ? std::string_view("/") : std::string_view(text_));
    return {Code::kInvalidArgument, message.append(": ").append(what)};
  }
  Error expected(std::string_view what, const JsonNode& given) const {
    return wrong(std::string("expected ").append(what).append(", not ").append(given.told()));
  }

 private:
  explicit JsonPath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace seawall
