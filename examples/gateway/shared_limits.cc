// SPDX-License-Identifier: MIT
#include "gateway/shared_limits.h"

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace {

using namespace seawall::redis;

template <class T>
T checked(seawall::Result<T> result) {
  if (!result) throw std::invalid_argument("--redis: " + std::string(result.error().message.view()));
  return std::move(result).value();
}

RateLimiter limiter(const Store& store, const std::string& name, const seawall::Quota& quota) {
  RateLimiterOptions options{.name = name, .quota = quota, .algorithm = Algorithm::kSlidingWindow};
  options.when_away = WhenAway::kAllow;  // the gateway's own limits hold then
  return checked(RateLimiter::make(store, options));
}

class RedisLimits final : public SharedLimits {
 public:
  explicit RedisLimits(const Options& options)
      : store_(checked(Store::open({.endpoints = {{options.redis->host, options.redis->port}},
                                    .user = options.redis_user,
                                    .password = options.redis_password}))),
        users_(limiter(store_, "gateway-user", options.user_limit)),
        services_(limiter(store_, "gateway-service", options.service_limit)),
        set_(checked(LimitSet::make({users_, services_}))) {}

  http::Task<SetAnswer> try_acquire(http::Loop& loop, std::string user, std::string service) override {
    const auto ask = [&](auto handler) {
      // The answer comes on the store's thread; the work guard keeps the loop until it has been posted there.
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      auto work = http::asio::make_work_guard(loop.context);
      const std::array<std::string_view, 2> keys{user, service};
      set_.try_acquire_async(keys, 1, [&loop, shared, work = std::move(work)](const SetAnswer& answer) {
        http::asio::post(loop.context, [shared, answer] { (*shared)(answer); });
      });
    };
    co_return co_await http::asio::async_initiate<decltype(http::use_task), void(SetAnswer)>(ask, http::use_task);
  }

  void refund(const std::string& user, const std::string& service, const SetAnswer& answer) override {
    if (!answer.allowed) return;
    users_.refund_async(user, answer.answers[0]);
    services_.refund_async(service, answer.answers[1]);
  }

  bool up() const override { return store_.stats().up; }
  bool unauthorized() const override { return store_.stats().unauthorized; }

  void tick() override {
    std::string refusal = store_.stats().refusal;
    if (refusal != reported_ && !refusal.empty()) std::fprintf(stderr, "--redis: refused: %s\n", refusal.c_str());
    reported_ = std::move(refusal);
  }

 private:
  Store store_;
  RateLimiter users_;
  RateLimiter services_;
  LimitSet set_;
  std::string reported_;  // the loop's that keeps house
};

}  // namespace

std::unique_ptr<SharedLimits> make_shared_limits(const Options& options) {
  return std::make_unique<RedisLimits>(options);
}

std::vector<seawall::LimitStatus> told(std::vector<seawall::LimitStatus> own, const SetAnswer& shared) {
  for (std::size_t i = 0; i < own.size() && i < shared.answers.size(); ++i) {
    if (shared.answers[i].by != DecidedBy::kPolicy) own[i].decision = shared.answers[i];
  }
  return own;
}
