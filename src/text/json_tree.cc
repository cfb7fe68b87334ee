// SPDX-License-Identifier: MIT
#include "text/json_tree.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace seawall {
namespace {

using Json = nlohmann::json;
using Kind = JsonNode::Kind;

// Receives the events of the JSON parser; each answers whether to go on.
class Builder {
 public:
  JsonNode root;
  bool failed = false;
  Error error{Code::kInvalidArgument, {}};

  bool start_object(std::size_t) { return open(Kind::kObject); }
  bool start_array(std::size_t) { return open(Kind::kArray); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (open_.back()->find(name) != nullptr) return fail((path() / name).wrong("is there twice"));
    name_ = name;
    return true;
  }
  bool null() { return leaf(Kind::kNull, "null"); }
  bool boolean(bool value) {
    if (!leaf(Kind::kBool, value ? "true" : "false")) return false;
    last_->number = value ? 1 : 0;
    return true;
  }
  bool number_integer(std::int64_t value) { return whole(value); }
  bool number_unsigned(std::uint64_t value) {
    if (std::in_range<std::int64_t>(value)) return whole(static_cast<std::int64_t>(value));
    return leaf(Kind::kNumber, std::to_string(value));
  }
  bool number_float(double, const std::string& text) { return leaf(Kind::kNumber, text); }
  bool string(std::string& value) { return leaf(Kind::kText, value); }
  bool binary(Json::binary_t&) { return leaf(Kind::kNull, "binary"); }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    Message message("no valid JSON at byte ");
    return fail({Code::kInvalidArgument, message.append(static_cast<std::int64_t>(position))});
  }

 private:
  static constexpr std::size_t kMostDepth = 16;

  bool fail(const Error& why) {
    failed = true;
    error = why;
    return false;
  }
  // Of the object or array that is being read.
  JsonPath path() const {
    JsonPath found;
    for (std::size_t i = 1; i < open_.size(); ++i) {
      const auto& siblings = open_[i - 1]->members;
      const bool named = open_[i - 1]->kind == Kind::kObject;
      found = named ? found / siblings.back().name : found / (siblings.size() - 1);
    }
    return found;
  }
  bool add(JsonNode node) {
    if (open_.empty()) {
      root = std::move(node);
      last_ = &root;
      return true;
    }
    JsonNode& parent = *open_.back();
    if (parent.kind == Kind::kObject) node.name = name_;
    parent.members.push_back(std::move(node));
    last_ = &parent.members.back();
    return true;
  }
  bool leaf(Kind kind, std::string text) {
    JsonNode node;
    node.kind = kind;
    node.text = std::move(text);
    return add(std::move(node));
  }
  bool whole(std::int64_t value) {
    if (!leaf(Kind::kNumber, std::to_string(value))) return false;
    last_->whole = true;
    last_->number = value;
    return true;
  }
  bool open(Kind kind) {
    if (open_.size() == kMostDepth) return fail(path().wrong("is nested too deeply"));
    JsonNode node;
    node.kind = kind;
    add(std::move(node));
    open_.push_back(last_);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<JsonNode*> open_;  // a parent grows only while none of its children is open
  std::string name_;
  JsonNode* last_ = nullptr;
};

}  // namespace

const JsonNode* JsonNode::find(std::string_view wanted) const noexcept {
  for (const JsonNode& member : members) {
    if (member.name == wanted) return &member;
  }
  return nullptr;
}

std::string_view JsonNode::told() const noexcept {
  if (kind == Kind::kObject) return "an object";
  if (kind == Kind::kArray) return "an array";
  return text.empty() ? "an empty text" : std::string_view(text);
}

Result<JsonNode> parse_json(std::string_view text) {
  Builder builder;
  Json::sax_parse(text, &builder);
  if (builder.failed) return builder.error;
  if (builder.root.kind != Kind::kObject) return JsonPath().expected("an object", builder.root);
  return std::move(builder.root);
}

}  // namespace seawall
