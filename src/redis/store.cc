// SPDX-License-Identifier: MIT
#include "seawall/redis/store.h"

#include <string>
#include <system_error>

#include "redis/duration_range.h"
#include "redis/limit_script.h"
#include "redis/registry_script.h"
#include "redis/store_core.h"

namespace seawall::redis {

namespace {

Result<void> check(const StoreOptions& options) {
  const auto count = static_cast<std::int64_t>(options.endpoints.size());
  if (count < 1 || count > 16) return out_of_range("the number of endpoints", count, 1, 16);
  for (const Endpoint& endpoint : options.endpoints) {
    if (endpoint.host.empty() || endpoint.port == 0) {
      return Error{Code::kInvalidArgument, "an endpoint needs a host and a port"};
    }
  }
  if (options.cluster && options.database != 0) {
    return Error{Code::kInvalidArgument, "a Redis Cluster has only database 0"};
  }
  if (options.database < 0) return out_of_range("database", options.database, 0, INT32_MAX);
  if (options.password.empty() && !options.user.empty()) {
    return Error{Code::kInvalidArgument, "a user needs a password"};
  }
  if (options.most_pending < 1 || options.most_pending > 1'000'000) {
    return out_of_range("most_pending", options.most_pending, 1, 1'000'000);
  }
  constexpr Duration kMinute = std::chrono::minutes(1);
  constexpr Duration kMs = std::chrono::milliseconds(1);
  return check_ranges({{"deadline in ns", options.deadline, kMs / 10, kMinute},
                       {"background_deadline in ns", options.background_deadline, kMs, kMinute},
                       {"silence in ns", options.silence, options.deadline, 10 * kMinute},
                       {"reconnect_min in ns", options.reconnect_min, kMs, kMinute},
                       {"reconnect_max in ns", options.reconnect_max, options.reconnect_min, 10 * kMinute}});
}

}  // namespace

Result<Store> Store::open(const StoreOptions& options) {
  if (const auto fits = check(options); !fits) return fits.error();
  const auto breaker = CircuitBreakerConfig::make(options.breaker);
  if (!breaker) return breaker.error();
  const Scripts scripts = {std::string(kServerClock).append(kLimitDecision),
                           std::string(kServerClock).append(kRegistryVerbs)};
  const auto loop = std::make_shared<StoreLoop>(options, breaker.value(), scripts);
  const auto core = std::make_shared<StoreCore>(loop);  // before the thread, which only it can end
  try {
    core->start(std::thread([loop] { loop->run(); }));
  } catch (const std::system_error&) {
    return Error{Code::kInternal, "the system refuses a thread for the store"};
  }
  return Store(core);
}

StoreCore::~StoreCore() {
  if (!thread_.joinable()) return;  // it was refused
  if (loop_->left_behind()) {
    // There is no thread to join or to detach; its share of the loop keeps the loop for ever, and with it the handle.
    loop_->keep(std::move(thread_));
    return;
  }
  loop_->stop();
  // The thread holds the loop, so it may outlive this.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

StoreStats Store::stats() const { return core_->loop().stats(); }

}  // namespace seawall::redis
