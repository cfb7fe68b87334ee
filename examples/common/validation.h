// SPDX-License-Identifier: MIT
//
// What clients send, parsed: a value of these types is valid. The gateway refuses bad input before it reaches a breaker
// or an upstream; the services parse again, because they can be reached directly.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// What is wrong with the input, for its sender: names the field.
struct Fault {
  std::string field;
  std::string message;
};

template <class T>
using Parsed = std::variant<T, Fault>;

struct Trade {
  std::int64_t user_id = 0;
  std::string asset_symbol;
  std::string direction;  // LONG or SHORT
  double amount = 0;
  bool is_mock = false;
};

struct Registration {
  std::string username;
  std::string email;
  std::string password;
};

struct InstanceRecord {
  std::string service;
  std::string id;
  std::string host;  // an IP address or localhost
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct Heartbeat {
  std::uint64_t generation = 0;
  std::string state = "serving";  // starting, serving or draining
};

Parsed<Trade> parse_trade(std::string_view body);
Parsed<Registration> parse_registration(std::string_view body);
Parsed<InstanceRecord> parse_instance(std::string_view body);
Parsed<Heartbeat> parse_heartbeat(std::string_view body);

// Whether it has letters, digits and . _ - alone, as names of services and instances.
bool is_token(std::string_view text);

// `?limit=` of a list; a missing one is 20.
Parsed<std::int64_t> parse_limit(std::optional<std::string_view> value);
Parsed<std::int64_t> parse_user_id(std::string_view segment);
