// SPDX-License-Identifier: MIT
//
// Social: GET /api/v1/social/feed, newest first, the last 1,000 trades.
#include <algorithm>
#include <deque>

#include "services/service.h"

using nlohmann::json;

namespace {

constexpr std::size_t kEntries = 1000;

class Social : public Service {
 public:
  bool is_api(const http::Request& request) const override {
    return request.method == "GET" && request.path() == "/api/v1/social/feed";
  }

  http::Task<http::Response> handle(http::Request& request, http::Loop&) override {
    if (request.method == "POST" && request.path() == "/internal/trades") co_return learn(request);
    if (!is_api(request)) co_return not_found(request);
    const auto limit = parse_limit(request.parameter("limit"));
    if (const auto* fault = std::get_if<Fault>(&limit)) co_return bad_request(*fault, request);
    const auto wanted = static_cast<std::size_t>(std::get<std::int64_t>(limit));
    json entries = json::array();
    for (std::size_t i = 0; i < std::min(wanted, feed_.size()); ++i) entries.push_back(feed_[i]);
    co_return success(200, {{"entries", std::move(entries)}}, request, "Feed");
  }

 private:
  http::Response learn(const http::Request& request) {
    const auto parsed = parse_trade(request.body);
    if (const auto* fault = std::get_if<Fault>(&parsed)) return bad_request(*fault, request);
    const json event = parse_json(request.body);
    json entry = {{"type", "trade"}};
    for (const char* field : {"trade_id", "user_id", "asset_symbol", "direction", "amount", "executed_at"}) {
      entry[field] = event.value(field, json());
    }
    feed_.push_front(std::move(entry));
    if (feed_.size() > kEntries) feed_.pop_back();
    return success(202, json::object(), request, "noted");
  }

  std::deque<json> feed_;  // newest first
};

}  // namespace

std::unique_ptr<Service> make_social() { return std::make_unique<Social>(); }
