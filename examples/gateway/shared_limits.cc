// SPDX-License-Identifier: MIT
#include "gateway/shared_limits.h"

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace {

using namespace seawall::redis;

// The limits of one route, immutable.
struct RouteSet {
  std::vector<SharedLimitSpec> specs;
  LimitSet set;

  std::vector<std::string_view> keys(std::string_view user) const {
    std::vector<std::string_view> keys;
    for (const SharedLimitSpec& spec : specs) keys.push_back(spec.key.empty() ? user : spec.key);
    return keys;
  }
};
using RouteSets = std::map<std::string, std::shared_ptr<const RouteSet>>;

template <class T>
T made(seawall::Result<T> result, const std::string& what) {
  if (!result) throw ConfigurationError("--redis: " + what + ": " + std::string(result.error().message.view()));
  return std::move(result).value();
}

// Of a fixed window Redis knows nothing: there it is the stricter sliding one.
RateLimiter limiter(const Store& store, const SharedLimitSpec& spec) {
  RateLimiterOptions options{.name = "gateway-" + spec.place, .quota = spec.quota};
  options.algorithm = spec.token_bucket ? Algorithm::kTokenBucket : Algorithm::kSlidingWindow;
  options.when_away = WhenAway::kAllow;  // the gateway's own limits hold then
  return made(RateLimiter::make(store, options), "limit " + spec.name);
}

// Calls under way.
class Calls {
 public:
  // One of them, until it goes.
  class Call {
   public:
    explicit Call(Calls& calls) : calls_(calls) {
      const std::lock_guard lock(calls_.mutex_);
      ++calls_.count_;
    }
    ~Call() {
      const std::lock_guard lock(calls_.mutex_);
      if (--calls_.count_ == 0) calls_.none_.notify_all();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Calls& calls_;
  };

  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

class RedisLimits final : public SharedLimits {
 public:
  explicit RedisLimits(const Options& options)
      : store_(made(Store::open({.endpoints = {{options.redis->host, options.redis->port}},
                                 .user = options.redis_user,
                                 .password = options.redis_password}),
                    "store")) {}

  std::function<void()> prepare(const std::vector<RouteLimits>& routes) override {
    RouteSets sets;
    for (const RouteLimits& route : routes) {
      std::vector<RateLimiter> limiters;
      for (const SharedLimitSpec& spec : route.limits) limiters.push_back(limiter(store_, spec));
      if (limiters.empty()) continue;
      LimitSet set = made(LimitSet::make(std::move(limiters)), "limits of " + route.service);
      sets[route.service] = std::make_shared<const RouteSet>(RouteSet{route.limits, std::move(set)});
    }
    return [this, sets]() mutable {
      const std::lock_guard lock(mutex_);
      sets_.swap(sets);
    };
  }

  http::Task<SharedCharge> try_acquire(http::Loop& loop, std::string user, std::string service) override {
    SharedCharge charge;
    const auto route = find(service);
    if (!route) co_return charge;
    const auto ask = [&](auto handler) {
      // The answer comes on the store's thread; the work guard keeps the loop until it has been posted there, and a
      // stop waits for the call. All are given up then, whoever still has a copy of the callback; and if it cannot be
      // asked.
      using Handler = decltype(handler);
      struct Waiting {
        std::shared_ptr<Handler> handler;
        decltype(http::asio::make_work_guard(loop.context)) work;
        std::unique_ptr<Calls::Call> call;
      };
      const auto waiting = std::make_shared<Waiting>(Waiting{std::make_shared<Handler>(std::move(handler)),
                                                             http::asio::make_work_guard(loop.context),
                                                             std::make_unique<Calls::Call>(calls_)});
      LimitSet set = route->set;
      set.try_acquire_async(route->keys(user), 1, [&loop, waiting](const SetAnswer& answer) {
        http::asio::post(loop.context,
                         [handler = std::exchange(waiting->handler, nullptr), answer] { (*handler)(answer); });
        waiting->work.reset();
        waiting->call.reset();
      });
    };
    charge.answer = co_await http::asio::async_initiate<decltype(http::use_task), void(SetAnswer)>(ask, http::use_task);
    for (std::size_t i = 0; i < charge.answer.answers.size(); ++i) {
      const SharedLimitSpec& spec = route->specs[i];
      charge.told.push_back({spec.name, spec.quota.permits(), spec.quota.period(), charge.answer.answers[i]});
    }
    charge.limits = route;
    co_return charge;
  }

  void refund(const std::string& user, const SharedCharge& charge) override {
    const auto* route = static_cast<const RouteSet*>(charge.limits.get());
    if (route == nullptr || !charge.answer.allowed) return;
    LimitSet set = route->set;
    SetAnswer answer = charge.answer;
    set.refund_async(route->keys(user), answer);
  }

  bool up() const override { return store_.stats().up; }
  bool unauthorized() const override { return store_.stats().unauthorized; }

  void settle() override { calls_.wait_for_none(); }

  void tick() override {
    std::string refusal = store_.stats().refusal;
    if (refusal != reported_ && !refusal.empty()) std::fprintf(stderr, "--redis: refused: %s\n", refusal.c_str());
    reported_ = std::move(refusal);
  }

 private:
  std::shared_ptr<const RouteSet> find(const std::string& service) const {
    const std::lock_guard lock(mutex_);
    const auto found = sets_.find(service);
    return found != sets_.end() ? found->second : nullptr;
  }

  Calls calls_;  // before the store, whose thread ends them
  Store store_;
  mutable std::mutex mutex_;
  RouteSets sets_;
  std::string reported_;  // the loop's that keeps house
};

}  // namespace

std::unique_ptr<SharedLimits> make_shared_limits(const Options& options) {
  return std::make_unique<RedisLimits>(options);
}

std::vector<seawall::LimitStatus> told(std::vector<seawall::LimitStatus> own, const SharedCharge& shared) {
  for (std::size_t i = 0; i < own.size() && i < shared.told.size(); ++i) {
    const bool known = shared.answer.answers[i].by != seawall::redis::DecidedBy::kPolicy;
    if (known && own[i].name == shared.told[i].name) own[i].decision = shared.told[i].decision;
  }
  return own;
}
