// SPDX-License-Identifier: MIT
// The tables that C++, C and Python run, on the script in a real redis-server, with the instants of the tables where
// the script would ask for the server's time.
#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "redis/limit_rule.h"
#include "redis/limit_script.h"
#include "support/catch.h"
#include "support/redis_server.h"
#include "support/vectors.h"

using namespace seawall;
using namespace seawall::redis;
using seawall::testing::Fields;
using seawall::testing::int_field;
using seawall::testing::mismatches;
using seawall::testing::RedisClient;
using seawall::testing::RedisServer;
using seawall::testing::shown;
using seawall::testing::text_field;
using seawall::testing::VectorCase;
using seawall::testing::VectorStep;

namespace {

// And without the expiry of keys, which goes by the time that it really is.
constexpr const char* kGivenTime = R"lua(
local now, ns = tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])
local server = redis
local redis = {pcall = server.pcall, error_reply = server.error_reply}
function redis.call(verb, key, value)
  if verb == 'SET' then return server.call(verb, key, value) end
  return server.call(verb, key)
end
)lua";

KeyAnswer told(const std::string& reply) {
  INFO(reply);
  REQUIRE(reply.size() == 7 * 8);
  const auto number = [&](std::size_t place) { return packed_at(reply, place).value(); };
  return {number(0), number(1), number(2), {number(3), number(4), number(5), number(6)}};
}

// One key, as the tables' limiter.
class Limit {
 public:
  Limit(RedisClient& client, Algorithm algorithm, const Quota& quota)
      : client_(client), rule_(LimitRule::make(algorithm, quota).value()) {
    client_({"DEL", "limit"});
  }

  Decision ask(std::string_view verb, std::int64_t now, std::int64_t n, StoreCharge& charge) {
    const std::int64_t asked = std::clamp<std::int64_t>(n, 1, rule_.limit());
    const bool none = n != asked;
    const KeyAnswer answer = call(none ? "peek" : verb, rule_.argument(std::span(&asked, 1)), now);
    Decision decision = rule_.decision(answer, asked);
    if (verb == "take" && !none) charge = rule_.charge(answer, asked);
    if (none) decision.allowed = n <= 0;
    if (none) decision.retry_after = n <= 0 ? Duration(0) : Decision::kNever;
    if (now < 0 && decision.reset_after > Duration(0)) decision.reset_after += Duration(-now);
    if (now < 0 && !decision.allowed && !decision.never()) decision.retry_after += Duration(-now);
    return decision;
  }
  std::int64_t refund(std::int64_t now, const StoreCharge& charge) {
    if (charge.permits <= 0) return 0;
    return rule_.given_back(call("give", rule_.argument(charge), now));
  }

 private:
  KeyAnswer call(std::string_view verb, const std::string& argument, std::int64_t now) {
    now = std::max<std::int64_t>(now, 0);
    return told(client_({"EVAL", std::string(kGivenTime) + kLimitDecision, "1", "limit", std::string(verb), argument,
                         std::to_string(now / 1000), std::to_string(now % 1000)}));
  }

  RedisClient& client_;
  LimitRule rule_;
};

void run(RedisClient& client, Algorithm algorithm, const VectorCase& given) {
  const std::int64_t permits = int_field(given.options, "permits");
  const Duration period(int_field(given.options, "period_ns"));
  Limit limit(client, algorithm, Quota::make(permits, period, int_field(given.options, "burst", permits)).value());
  std::map<std::string, StoreCharge> charges;
  for (const VectorStep& step : given.steps) {
    const std::int64_t n = int_field(step.arguments, "n", 1);
    if (step.verb == "refund") {
      const auto back = limit.refund(step.now_ns, charges.at(text_field(step.arguments, "step")));
      CHECK(mismatches(step, Fields{{"refunded", std::to_string(back)}}) == "");
      continue;
    }
    StoreCharge charge;
    const Decision decision = limit.ask(step.verb == "peek" ? "peek" : "take", step.now_ns, n, charge);
    CHECK(mismatches(step, shown(decision)) == "");
    if (const auto name = text_field(step.arguments, "name"); !name.empty()) charges[name] = charge;
  }
}

}  // namespace

TEST_CASE("what was charged under another quota is given back, and the key is a limit still") {
  RedisServer server;
  RedisClient client(server.port());
  constexpr std::int64_t kDay = 86'400'000'000'000;
  constexpr std::int64_t kNow = 1'763'921'000'000'000'000;
  for (const auto& [before, after] : {std::pair(700, 100), std::pair(100, 700)}) {
    for (std::int64_t n = 1; n <= 40; ++n) {
      Limit old(client, Algorithm::kTokenBucket, Quota::make(before, Duration(kDay)).value());
      Limit changed(client, Algorithm::kTokenBucket, Quota::make(after, Duration(kDay)).value());
      StoreCharge charge;
      StoreCharge other;
      CHECK(old.ask("take", kNow, n, charge).allowed);
      CHECK(old.ask("take", kNow, 50, other).allowed);
      CHECK(changed.refund(kNow + 5'000'000, charge) <= n);
      const std::string kept = client({"GET", "limit"}).substr(2);
      INFO("permits " << n << " of " << before);
      const std::int64_t rest = packed_at(kept, 1).value();
      CHECK(rest >= 0);
      CHECK(rest < packed_at(kept, 2).value());
    }
  }
}

TEST_CASE("a packed number that is not whole is none") {
  const auto read = [](double number) {
    std::string text(8, ' ');
    std::memcpy(text.data(), &number, 8);  // on a machine with the lowest byte first
    return packed_at(text, 0);
  };
  CHECK(read(-3.0) == -3);
  CHECK(read(9007199254740992.0) == std::int64_t{1} << 53);
  CHECK(read(0.5) == std::nullopt);
  CHECK(read(-7.25) == std::nullopt);
  CHECK(read(9007199254740994.0) == std::nullopt);
  CHECK(read(std::numeric_limits<double>::quiet_NaN()) == std::nullopt);
}

TEST_CASE("the script decides as the vectors say") {
  RedisServer server;
  RedisClient client(server.port());
  for (const VectorCase& given : seawall::testing::load_vectors("token_bucket.txt")) {
    INFO(given.name);
    run(client, Algorithm::kTokenBucket, given);
  }
  for (const VectorCase& given : seawall::testing::load_vectors("sliding_window.txt")) {
    INFO(given.name);
    run(client, Algorithm::kSlidingWindow, given);
  }
}
