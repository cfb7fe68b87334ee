// SPDX-License-Identifier: MIT
//
// Gamification: GET /api/v1/gamification/user/{id}/profile. Trades earn experience: 10 points each, and a level for
// every 100. Remembers 100,000 users; beyond that the one who traded first is forgotten.
#include <deque>
#include <unordered_map>

#include "services/service.h"

using nlohmann::json;

namespace {

constexpr std::size_t kUsers = 100'000;
constexpr std::string_view kPrefix = "/api/v1/gamification/user/";
constexpr std::string_view kSuffix = "/profile";

class Gamification : public Service {
 public:
  bool is_api(const http::Request& request) const override {
    return request.method == "GET" && request.path().size() > kPrefix.size() + kSuffix.size() &&
           request.path().starts_with(kPrefix) && request.path().ends_with(kSuffix);
  }

  http::Task<http::Response> handle(http::Request& request, http::Loop&) override {
    if (request.method == "POST" && request.path() == "/internal/trades") co_return learn(request);
    if (!is_api(request)) co_return not_found(request);
    std::string_view segment = request.path().substr(kPrefix.size());
    segment.remove_suffix(kSuffix.size());
    const auto id = parse_user_id(segment);
    if (const auto* fault = std::get_if<Fault>(&id)) co_return bad_request(*fault, request);
    co_return profile(std::get<std::int64_t>(id), request);
  }

 private:
  struct Profile {
    std::uint64_t trades = 0;
    bool big_trade = false;
  };

  http::Response learn(const http::Request& request) {
    const auto parsed = parse_trade(request.body);
    if (const auto* fault = std::get_if<Fault>(&parsed)) return bad_request(*fault, request);
    const Trade& trade = std::get<Trade>(parsed);
    const auto [found, is_new] = profiles_.try_emplace(trade.user_id);
    found->second.trades += 1;
    found->second.big_trade = found->second.big_trade || trade.amount >= 10'000;
    if (is_new) {
      order_.push_back(trade.user_id);
      if (order_.size() > kUsers) {
        profiles_.erase(order_.front());
        order_.pop_front();
      }
    }
    return success(202, json::object(), request, "noted");
  }

  http::Response profile(std::int64_t id, const http::Request& request) const {
    const auto found = profiles_.find(id);
    const Profile profile = found == profiles_.end() ? Profile() : found->second;
    const std::uint64_t xp = profile.trades * 10;
    json achievements = json::array();
    if (profile.trades >= 1) achievements.push_back("first_trade");
    if (profile.trades >= 10) achievements.push_back("ten_trades");
    if (profile.trades >= 100) achievements.push_back("hundred_trades");
    if (profile.big_trade) achievements.push_back("big_trade");
    return success(200,
                   {{"user_id", id},
                    {"level", 1 + xp / 100},
                    {"xp", xp},
                    {"achievements", achievements},
                    {"trades", profile.trades}},
                   request, "Profile found");
  }

  std::unordered_map<std::int64_t, Profile> profiles_;
  std::deque<std::int64_t> order_;
};

}  // namespace

std::unique_ptr<Service> make_gamification() { return std::make_unique<Gamification>(); }
