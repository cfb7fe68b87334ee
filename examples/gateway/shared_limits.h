// SPDX-License-Identifier: MIT
//
// The limits of the routes that several gateways share through Redis (--redis).
//
// They are asked before the gateway's own, which count the same requests and fewer, and hold alone while Redis is away.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/configuration.h"
#include "http/server.h"
#include "seawall/rate_limit_header.h"
#include "seawall/redis/limit_set.h"

// What a request was charged, or why not; without limits it is allowed.
struct SharedCharge {
  seawall::redis::SetAnswer answer;
  std::vector<seawall::LimitStatus> told;  // one for each answer
  std::shared_ptr<const void> limits;      // that were asked: what the status names, and where a refund goes

  bool allowed() const noexcept { return told.empty() || answer.allowed; }
};

class SharedLimits {
 public:
  virtual ~SharedLimits() = default;

  // Two steps, the first of which may throw ConfigurationError: from the second on these limits are asked.
  virtual std::function<void()> prepare(const std::vector<RouteLimits>& routes) = 0;

  // Of a user at a service. Waits for Redis, 10 ms at most.
  virtual http::Task<SharedCharge> try_acquire(http::Loop& loop, std::string user, std::string service) = 0;
  virtual void refund(const std::string& user, const SharedCharge& charge) = 0;
  virtual bool up() const = 0;
  virtual bool unauthorized() const = 0;  // no server takes our user and password
  // Waits until Redis has answered what is under way, or its time is over: 10 ms. After a drain that timed out, before
  // the loops go: answers are brought to them by the store's thread.
  virtual void settle() = 0;
  virtual void tick() = 0;  // says on standard error why a server turns us away, once for each reason
};

// Throws std::invalid_argument when this build has no Redis support.
std::unique_ptr<SharedLimits> make_shared_limits(const Options& options);

// What a client is told: the numbers of all gateways where Redis knows them, else the gateway's own.
std::vector<seawall::LimitStatus> told(std::vector<seawall::LimitStatus> own, const SharedCharge& shared);
