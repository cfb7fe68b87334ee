// SPDX-License-Identifier: MIT
#include "options.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace seawall::capi {
namespace {

using Json = nlohmann::json;

template <class Target>
constexpr std::string_view expected() {
  if constexpr (std::is_same_v<Target, bool>) return "true or false";
  if constexpr (std::is_same_v<Target, double>) return "a number";
  if constexpr (std::is_same_v<Target, std::string>) return "a string";
  return "an integer that fits";
}

template <class Target, class Value>
constexpr bool suits(const Value& value) {
  if constexpr (std::is_same_v<Target, Value>) return true;
  if constexpr (std::is_integral_v<Value> && !std::is_same_v<Value, bool>) {
    if constexpr (std::is_same_v<Target, double>) return true;
    if constexpr (std::is_integral_v<Target> && !std::is_same_v<Target, bool>) return std::in_range<Target>(value);
  }
  return false;
}

// Receives the events of the JSON parser; each answers whether to go on. No document is built: destroying one
// allocates, which must not happen when memory has run out.
class Reader {
 public:
  explicit Reader(std::span<const OptionField> fields) : fields_(fields) { assert(fields.size() <= kMostFields); }

  Result<void> result() const { return failed_ ? Result<void>(error_) : Result<void>(); }

  bool start_object(std::size_t) { return inside_ ? refuse("an object") : (inside_ = true); }
  bool end_object() { return true; }
  bool start_array(std::size_t) { return refuse("an array"); }
  bool end_array() { return true; }

  bool key(std::string& name) {
    const auto found =
        std::find_if(fields_.begin(), fields_.end(), [&](const OptionField& f) { return f.name == name; });
    if (found == fields_.end()) return fail(Message("/").append(name).append(": unknown key"));
    field_ = &*found;
    bool& given = given_[static_cast<std::size_t>(found - fields_.begin())];
    return !std::exchange(given, true) || fail(Message("/").append(name).append(": is there twice"));
  }

  bool null() { return refuse("null"); }
  bool boolean(bool value) { return store(value, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return store(value, std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return store(value, std::to_string(value)); }
  bool number_float(double value, const std::string& text) { return store(value, text); }
  bool string(std::string& value) { return store(value, "\"" + value + "\""); }
  bool binary(Json::binary_t&) { return refuse("binary"); }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    return fail(Message("options: no valid JSON at byte ").append(static_cast<std::int64_t>(position)));
  }

 private:
  template <class Value>
  bool store(const Value& value, std::string_view given) {
    if (!inside_) return refuse(given);
    return std::visit(
        [&]<class Target>(Target* target) {
          if (!suits<Target>(value)) return refuse(given);
          if constexpr (std::is_convertible_v<Value, Target>) *target = static_cast<Target>(value);
          return true;
        },
        field_->target);
  }

  bool refuse(std::string_view given) {
    if (!inside_) return fail("options: expected one JSON object");
    // A text may be a secret: what was given for one is not repeated.
    if (std::holds_alternative<std::string*>(field_->target)) given = "another type";
    const auto want = std::visit([]<class Target>(Target*) { return expected<Target>(); }, field_->target);
    return fail(Message("/").append(field_->name).append(": expected ").append(want).append(", not ").append(given));
  }

  bool fail(const Message& why) {
    error_ = {Code::kInvalidArgument, why};
    failed_ = true;
    return false;
  }

  static constexpr std::size_t kMostFields = 32;

  std::span<const OptionField> fields_;
  std::array<bool, kMostFields> given_{};  // by place in fields_
  const OptionField* field_ = nullptr;     // the one whose value comes next
  bool inside_ = false;
  bool failed_ = false;
  Error error_{Code::kInvalidArgument, {}};
};

}  // namespace

Result<void> read_json_options(std::string_view json, std::span<const OptionField> fields) {
  Reader reader(fields);
  Json::sax_parse(json, &reader);
  return reader.result();
}

Error at_option(const Error& error, std::span<const OptionField> fields) {
  constexpr std::string_view kLength = "length of ", kUnit = "in ns ";
  std::string_view rest = error.message.view();
  const bool length = rest.starts_with(kLength);
  if (length) rest.remove_prefix(kLength.size());
  const std::string_view name = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  std::string key(name);
  if (rest.starts_with(kUnit)) {
    rest.remove_prefix(kUnit.size());
    key += "_ns";
  }
  if (std::ranges::find(fields, key, &OptionField::name) == fields.end()) return error;
  return {error.code, Message("/").append(key).append(length ? ": length " : ": ").append(rest)};
}

}  // namespace seawall::capi
