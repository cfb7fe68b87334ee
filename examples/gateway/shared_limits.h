// SPDX-License-Identifier: MIT
//
// The limits of users and services that several gateways share through Redis (--redis).
//
// They are asked before the gateway's own, which count the same requests and fewer, and hold alone while Redis is away.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/options.h"
#include "http/server.h"
#include "seawall/rate_limit_header.h"
#include "seawall/redis/limit_set.h"

class SharedLimits {
 public:
  virtual ~SharedLimits() = default;

  // Of a user and of a service, in this order. Waits for Redis, 10 ms at most.
  virtual http::Task<seawall::redis::SetAnswer> try_acquire(http::Loop& loop, std::string user,
                                                            std::string service) = 0;
  virtual void refund(const std::string& user, const std::string& service, const seawall::redis::SetAnswer& answer) = 0;
  virtual bool up() const = 0;
  virtual bool unauthorized() const = 0;  // no server takes our user and password
  virtual void tick() = 0;                // says on standard error why a server turns us away, once for each reason
};

// Throws std::invalid_argument when this build has no Redis support.
std::unique_ptr<SharedLimits> make_shared_limits(const Options& options);

// What a client is told: the numbers of all gateways where Redis knows them, else the gateway's own.
std::vector<seawall::LimitStatus> told(std::vector<seawall::LimitStatus> own, const seawall::redis::SetAnswer& shared);
