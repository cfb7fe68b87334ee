// SPDX-License-Identifier: MIT
// Uses seawall::redis as installed; no server is needed to be refused by the policy.
#include <chrono>
#include <cstdio>

#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"

int main() {
  using namespace seawall::redis;
  const auto store = Store::open({.endpoints = {{"127.0.0.1", 1}}});
  if (!store) return 1;
  const auto quota = seawall::Quota::make(1, std::chrono::hours(1)).value();
  auto users = RateLimiter::make(store.value(), {.name = "user", .quota = quota});
  if (!users) return 2;
  const Answer first = users.value().try_acquire("ann");
  const Answer second = users.value().try_acquire("ann");
  if (!first.allowed || second.allowed || first.by != DecidedBy::kPolicy) return 3;
  std::puts("seawall::redis: the local share decides");
}
