// SPDX-License-Identifier: MIT
#include "common/validation.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/json.h"
#include "common/text.h"

using nlohmann::json;

namespace {

// Reads the fields of one JSON object. The first fault found stays; later fields read as defaults.
class Fields {
 public:
  explicit Fields(std::string_view body) : object_(parse_json(body)) {
    if (object_.is_discarded()) {
      fail("body", "the body is not valid JSON, or nested too deeply");
    } else if (!object_.is_object()) {
      fail("body", "the body must be a JSON object");
    }
  }

  // Missing and null are the same; a required field must be there.
  const json* find(const char* name, bool required) {
    if (fault_) return nullptr;
    const auto found = object_.find(name);
    if (found != object_.end() && !found->is_null()) return &*found;
    if (required) fail(name, std::string(name) + " is required");
    return nullptr;
  }

  std::string text(const char* name, std::size_t low, std::size_t high) {
    const json* value = find(name, true);
    if (!value) return {};
    if (!value->is_string()) return fail(name, std::string(name) + " must be a text"), std::string();
    const auto& text = value->get_ref<const std::string&>();
    const auto characters = static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (characters < low || characters > high) {
      fail(name,
           std::string(name) + " must have " + std::to_string(low) + " to " + std::to_string(high) + " characters");
    } else if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
      fail(name, std::string(name) + " must not contain control characters");
    }
    return text;
  }

  std::int64_t integer(const char* name, std::int64_t low, std::int64_t high, std::optional<std::int64_t> fallback) {
    const json* value = find(name, !fallback);
    if (!value) return fallback.value_or(0);
    const bool fits = value->is_number_integer() &&
                      !(value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX});
    if (fits && value->get<std::int64_t>() >= low && value->get<std::int64_t>() <= high) {
      return value->get<std::int64_t>();
    }
    const std::string range = " from " + std::to_string(low) + " to " + std::to_string(high);
    fail(name, std::string(name) + " must be an integer" + (low == INT64_MIN ? "" : range));
    return 0;
  }

  double number(const char* name) {
    const json* value = find(name, true);
    if (value && value->is_number()) return value->get<double>();
    if (value) fail(name, std::string(name) + " must be a number");
    return 0;
  }

  bool flag(const char* name) {
    const json* value = find(name, false);
    if (value && !value->is_boolean()) fail(name, std::string(name) + " must be true or false");
    return value && value->is_boolean() && value->get<bool>();
  }

  void fail(std::string field, std::string message) {
    if (!fault_) fault_ = Fault{std::move(field), std::move(message)};
  }
  void require(bool condition, const char* field, const std::string& message) {
    if (!condition) fail(field, std::string(field) + " " + message);
  }

  template <class T>
  Parsed<T> result(T value) {
    if (fault_) return *fault_;
    return value;
  }

 private:
  json object_;
  std::optional<Fault> fault_;
};

bool plausible_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || text.find('@', at + 1) != std::string_view::npos) return false;
  const std::string_view domain = text.substr(at + 1);
  return domain.find('.') != std::string_view::npos && !domain.starts_with('.') && !domain.ends_with('.') &&
         domain.find("..") == std::string_view::npos && text.find(' ') == std::string_view::npos;
}

bool is_ip_address(const std::string& host) {
  in6_addr address;  // large enough for both families
  return host == "localhost" || ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Parsed<Trade> parse_trade(std::string_view body) {
  Fields fields(body);
  Trade trade;
  trade.user_id = fields.integer("user_id", INT64_MIN, INT64_MAX, std::nullopt);
  trade.asset_symbol = fields.text("asset_symbol", 1, 32);
  trade.direction = fields.text("direction", 0, 32);
  fields.require(trade.direction == "LONG" || trade.direction == "SHORT", "direction", "must be LONG or SHORT");
  trade.amount = fields.number("amount");
  fields.require(trade.amount > 0, "amount", "must be above 0");
  if (fields.find("risk_percentage", false)) {
    const double risk = fields.number("risk_percentage");
    fields.require(risk >= 0.1 && risk <= 10, "risk_percentage", "must be from 0.1 to 10");
  }
  trade.is_mock = fields.flag("is_mock");
  return fields.result(std::move(trade));
}

Parsed<Registration> parse_registration(std::string_view body) {
  Fields fields(body);
  Registration user;
  user.username = fields.text("username", 3, 50);
  user.email = fields.text("email", 3, 254);
  fields.require(plausible_email(user.email), "email", "must be an address such as name@example.org");
  user.password = fields.text("password", 8, 4096);
  return fields.result(std::move(user));
}

Parsed<InstanceRecord> parse_instance(std::string_view body) {
  Fields fields(body);
  InstanceRecord record;
  record.service = fields.text("service", 1, 63);
  fields.require(is_token(record.service), "service", "must consist of A-Z a-z 0-9 . _ -");
  record.id = fields.text("id", 1, 63);
  fields.require(is_token(record.id), "id", "must consist of A-Z a-z 0-9 . _ -");
  record.host = fields.text("host", 1, 63);
  fields.require(is_ip_address(record.host), "host", "must be an IP address or localhost");
  record.port = static_cast<std::uint16_t>(fields.integer("port", 1, 65535, std::nullopt));
  record.weight = static_cast<std::uint32_t>(fields.integer("weight", 0, 1000, 1));
  if (const json* metadata = fields.find("metadata", false)) {
    fields.require(metadata->is_object(), "metadata", "must be an object");
    fields.require(metadata->dump().size() <= 4096, "metadata", "must have at most 4096 bytes");
    for (const auto& [name, value] : metadata->items()) {
      fields.require(value.is_string(), "metadata", "must have texts as values");
      if (value.is_string()) record.metadata.emplace_back(name, value.get<std::string>());
    }
  }
  return fields.result(std::move(record));
}

Parsed<Heartbeat> parse_heartbeat(std::string_view body) {
  Fields fields(body);
  Heartbeat heartbeat;
  heartbeat.generation = static_cast<std::uint64_t>(fields.integer("generation", 0, INT64_MAX, std::nullopt));
  if (fields.find("state", false)) {
    heartbeat.state = fields.text("state", 1, 32);
    const bool known = heartbeat.state == "starting" || heartbeat.state == "serving" || heartbeat.state == "draining";
    fields.require(known, "state", "must be starting, serving or draining");
  }
  return fields.result(heartbeat);
}

Parsed<std::int64_t> parse_limit(std::optional<std::string_view> value) {
  if (!value) return std::int64_t{20};
  const auto limit = to_integer(*value);
  if (limit && *limit >= 1 && *limit <= 100) return *limit;
  return Fault{"limit", "limit must be an integer from 1 to 100"};
}

Parsed<std::int64_t> parse_user_id(std::string_view segment) {
  if (const auto id = to_integer(segment)) return *id;
  return Fault{"user_id", "user_id must be an integer"};
}
