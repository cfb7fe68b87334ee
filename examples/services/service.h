// SPDX-License-Identifier: MIT
//
// What the four services have in common. A service process runs one event loop, so the state of a service needs no
// lock; every store has a bound, stated where it is declared. State belongs to one process: with several instances of a
// service each knows what it was told (all instances are told about trades; a registered user lives on one of them).
#pragma once

#include <memory>
#include <string>

#include "common/json.h"
#include "common/validation.h"
#include "http/server.h"

class Service {
 public:
  virtual ~Service() = default;
  // Whether `request` is one of this service's public routes: those that --delay and --fail-rate apply to.
  virtual bool is_api(const http::Request& request) const = 0;
  // Answers public and internal routes; 404 for all others. `request` must stay alive until the answer.
  virtual http::Task<http::Response> handle(http::Request& request, http::Loop& loop) = 0;
  virtual void start(http::Server&) {}
};

std::unique_ptr<Service> make_trading(http::Endpoint gateway);
std::unique_ptr<Service> make_gamification();
std::unique_ptr<Service> make_social();
std::unique_ptr<Service> make_user();

// {success, data, correlation_id, message}
http::Response success(int status, nlohmann::json data, const http::Request& request, std::string message);
// {success: false, message, correlation_id}, and the field at fault if there is one
http::Response failure(int status, const std::string& message, const http::Request& request);
http::Response bad_request(const Fault& fault, const http::Request& request);
http::Response not_found(const http::Request& request);

// An executed trade as trading tells the other services: POST /internal/trades.
nlohmann::json trade_event(const std::string& trade_id, const Trade& trade, const std::string& executed_at);
