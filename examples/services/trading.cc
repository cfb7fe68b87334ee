// SPDX-License-Identifier: MIT
//
// Trading: POST /api/v1/trading/execute. After a trade it tells every instance of gamification and social, found
// through the gateway. Telling is best effort: at most 1,000 events wait, an event that cannot be delivered within a
// second is dropped, and the trade itself never waits for any of it.
#include <chrono>
#include <deque>
#include <vector>

#include "common/text.h"
#include "services/service.h"

using nlohmann::json;

namespace {

constexpr std::size_t kWaitingEvents = 1000;
constexpr double kFee = 0.001;

class Trading : public Service {
 public:
  explicit Trading(http::Endpoint gateway) : gateway_(std::move(gateway)) {}

  bool is_api(const http::Request& request) const override {
    return request.method == "POST" && request.path() == "/api/v1/trading/execute";
  }

  http::Task<http::Response> handle(http::Request& request, http::Loop&) override {
    if (!is_api(request)) co_return not_found(request);
    const auto parsed = parse_trade(request.body);
    if (const auto* fault = std::get_if<Fault>(&parsed)) co_return bad_request(*fault, request);
    co_return execute(std::get<Trade>(parsed), request);
  }

  void start(http::Server& server) override {
    server.spawn(server.loop(0), [this, &server] { return tell_others(server.loop(0)); });
  }

 private:
  http::Response execute(const Trade& trade, const http::Request& request) {
    const std::string id = "T-" + run_ + "-" + std::to_string(++executed_);
    const std::string at = timestamp();
    if (waiting_.size() < kWaitingEvents) waiting_.push_back(to_text(trade_event(id, trade, at)));
    return success(200,
                   {{"trade_id", id},
                    {"status", "executed"},
                    {"amount", trade.amount},
                    {"fee", trade.amount * kFee},
                    {"executed_at", at},
                    {"service_type", trade.is_mock ? "mock" : "live"}},
                   request, "Trade executed");
  }

  http::Task<> tell_others(http::Loop& loop) {
    while (co_await http::pause(loop, std::chrono::milliseconds(50))) {
      if (waiting_.empty()) continue;
      const auto listeners = co_await find_listeners(loop);
      for (std::size_t left = waiting_.size(); left > 0; --left) {
        http::Request event;
        event.method = "POST";
        event.target = "/internal/trades";
        event.headers.add("Content-Type", "application/json");
        event.body = std::move(waiting_.front());
        waiting_.pop_front();
        for (const auto& listener : listeners) co_await send(loop, listener, event);
      }
    }
  }

  http::Task<std::vector<http::Endpoint>> find_listeners(http::Loop& loop) {
    http::Request request;
    request.method = "GET";
    request.target = "/services";
    const auto answer = co_await send(loop, gateway_, request);
    std::vector<http::Endpoint> listeners;
    const json body = parse_json(answer.response.body);
    if (answer.status != http::CallStatus::kAnswered || !body.is_object()) co_return listeners;
    for (const char* name : {"gamification", "social"}) {
      const json::json_pointer at(std::string("/services/") + name + "/instances");
      if (!body.contains(at)) continue;
      for (const json& each : body[at]) {
        if (member_or(each, "healthy", false)) {
          listeners.push_back({member_or(each, "host", std::string()), member_or(each, "port", std::uint16_t{0})});
        }
      }
    }
    co_return listeners;
  }

  static http::Task<http::CallResult> send(http::Loop& loop, const http::Endpoint& to, const http::Request& request) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    return loop.client.call(to, request, deadline);
  }

  http::Endpoint gateway_;
  std::string run_ = random_hex();
  std::uint64_t executed_ = 0;
  std::deque<std::string> waiting_;
};

}  // namespace

std::unique_ptr<Service> make_trading(http::Endpoint gateway) { return std::make_unique<Trading>(std::move(gateway)); }
