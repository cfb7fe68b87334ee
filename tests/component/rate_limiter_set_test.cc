// SPDX-License-Identifier: MIT
// Several limits as one decision, under every order of two callers too, and the header values.
#include <array>
#include <string>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/limit_set.h"
#include "seawall/rate_limit_header.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

SlidingWindowConfig window(std::int64_t limit) {
  return SlidingWindowConfig::make({.quota = Quota::make(limit, 12s).value(), .sub_windows = 1}).value();
}

// A limit that answers from a script and writes down what is done to it.
struct Scripted {
  std::vector<bool> peeks, acquires;
  std::string& log;
  char name;

  Decision answer(bool allowed, std::int64_t n) const {
    Decision d{.allowed = allowed, .limit = 9, .remaining = allowed ? 5 : 0};
    if (!allowed) d.retry_after = Duration(name);
    if (allowed) d.charge = {1, n};
    return d;
  }
  static bool next(std::vector<bool>& script) {
    const bool first = script.front();
    script.erase(script.begin());
    return first;
  }
  Decision peek_at(TimePoint, std::int64_t n) noexcept {
    Decision d = answer(next(peeks), n);
    d.charge = {};
    return d;
  }
  Decision try_acquire_at(TimePoint, std::int64_t n) noexcept {
    log += name;
    return answer(next(acquires), n);
  }
  std::int64_t refund_at(Charge charge, TimePoint) noexcept {
    if (charge.permits > 0) log.append("-").push_back(name);
    return charge.permits;
  }
};

}  // namespace

TEST_CASE("a set charges all of its limits or none, and says which refused") {
  auto users = KeyedRateLimiter<TokenBucket>::make({.quota = Quota::make(2, 10s).value()}, at(0s)).value();
  SlidingWindow service(window(3), at(0s));
  TokenBucket all(TokenBucketConfig::make(Quota::make(100, 1s).value()).value(), at(0s));
  const auto ask = [&](const char* user, std::int64_t n = 1) {
    return LimitSet(of_key(users, user), service, all).try_acquire_at(at(0s), n);
  };
  CHECK(ask("ann").allowed);
  CHECK(ask("ann").allowed);
  const auto user = ask("ann");
  CHECK_FALSE(user.allowed);
  CHECK(user.refused_by() == 0);
  CHECK(user.retry_after == 5s);
  CHECK(service.peek_at(at(0s)).remaining == 1);
  CHECK(ask("bob").allowed);
  const auto both = ask("ann");
  CHECK(both.refused_by() == 1);  // the user's limit refuses too, and for less long
  CHECK(both.retry_after == 24s);
  CHECK_FALSE(both.decisions[0].allowed);
  const auto other_way_round = LimitSet(service, of_key(users, "ann")).try_acquire_at(at(0s));
  CHECK(other_way_round.refused_by() == 0);
  CHECK(other_way_round.retry_after == 24s);
  CHECK(ask("bob").refused_by() == 1);
  CHECK(users.peek_at("bob", at(0s)).remaining == 1);
  CHECK(all.peek_at(at(0s)).remaining == 97);
  CHECK(ask("bob", 4).never());
}

TEST_CASE("a set gives back what it took, once") {
  SlidingWindow narrow(window(2), at(0s));
  SlidingWindow wide(window(5), at(0s));
  LimitSet limits(narrow, wide);
  auto answer = limits.try_acquire_at(at(0s), 2);
  REQUIRE(answer.allowed);
  CHECK(answer.refused_by() == answer.kNobody);
  limits.refund_at(answer, at(0s));
  limits.refund_at(answer, at(0s));
  CHECK(narrow.peek_at(at(0s)).remaining == 2);
  CHECK(wide.peek_at(at(0s)).remaining == 5);
  CHECK(answer.decisions[0].remaining == 2);
}

TEST_CASE("a refusal writes nothing, a charge that is lost later gives the earlier ones back, the broadest first") {
  std::string log;
  Scripted a{{true, true}, {true}, log, 'a'};
  Scripted b{{true, true}, {true}, log, 'b'};
  Scripted c{{false, true}, {false}, log, 'c'};
  LimitSet limits(a, b, c);
  CHECK_FALSE(limits.try_acquire_at(at(0s)).allowed);
  CHECK(log.empty());
  const auto lost = limits.try_acquire_at(at(0s));
  CHECK(log == "abc-b-a");
  CHECK(lost.refused_by() == 2);
  CHECK(lost.retry_after == Duration('c'));
  for (const Decision& decision : lost.decisions) CHECK(decision.charge == Charge{});
}

// No limit is ever exceeded, and what was not admitted is there again afterwards.
TEST_CASE("interleavings: two callers over two limits, in every order, one of them killed") {
  using Cell = seawall::testing::explorer::Cell;
  namespace explorer = seawall::testing::explorer;
  for (const bool mortal : {false, true}) {
    const auto result = explorer::explore(
        [&](explorer::Run& run) {
          BasicSlidingWindow<Cell> first(window(1), at(0s));
          BasicSlidingWindow<Cell> second(window(1), at(0s));
          BasicSlidingWindow<Cell> both(window(2), at(0s));
          REQUIRE(both.try_acquire_at(at(0s)).allowed);
          std::array<bool, 2> admitted{};
          run.thread([&] { return admitted[0] = LimitSet(first, both).try_acquire_at(at(1s)).allowed; }, mortal);
          run.thread([&] { return admitted[1] = LimitSet(second, both).try_acquire_at(at(2s)).allowed; });
          if (!run.go()) return;
          REQUIRE(admitted[0] + admitted[1] <= 1);
          const std::int64_t left = both.peek_at(at(2s), 0).remaining;
          if (run.killed()) {
            REQUIRE(left >= 0);
            REQUIRE(first.peek_at(at(24s), 0).remaining == 1);  // time heals
          } else {
            REQUIRE(admitted[0] + admitted[1] == 1);  // the last permit is lost by one and won by the other
            REQUIRE(left == 0);
            REQUIRE(first.peek_at(at(2s), 0).remaining == (admitted[0] ? 0 : 1));
            REQUIRE(second.peek_at(at(2s), 0).remaining == (admitted[1] ? 0 : 1));
          }
        },
        2'000'000, explorer::kMergeStates);
    CHECK(result.complete);
    CHECK(result.states > 100);
  }
}

namespace {

std::string text(const Result<std::string_view>& value) {
  return value ? std::string(value.value()) : std::string(value.error().message.view());
}

Decision refused(Duration wait) { return {.allowed = false, .limit = 200, .remaining = 0, .retry_after = wait}; }

}  // namespace

TEST_CASE("header values name all policies and the limit nearest to refusing") {
  std::array<char, 128> buffer{};
  const Decision plenty{.allowed = true, .limit = 200, .remaining = 150, .reset_after = 11'000'000'001ns};
  const Decision few{.allowed = true, .limit = 1000, .remaining = 3, .reset_after = 0ns};
  const std::vector<LimitStatus> limits{{"user", 200, 60s, plenty}, {"service", 1000, 1500ms, few}};
  CHECK(text(rate_limit_policy(buffer, limits)) == R"("user";q=200;w=60, "service";q=1000;w=2)");
  CHECK(text(rate_limit(buffer, limits)) == R"("service";r=3;t=0)");
  CHECK(text(rate_limit(buffer, std::span(limits).first(1))) == R"("user";r=150;t=12)");
  CHECK(text(rate_limit(buffer, {})).empty());
  const std::vector<LimitStatus> shut{{"a", 1, 60s, refused(1ns)}, {"b", 1, 60s, few}, {"c", 1, 60s, refused(2s)}};
  CHECK(text(rate_limit(buffer, shut)) == R"("c";r=0;t=2)");
}

// boundary #4094, flask-limiter #62: 0 and negative seconds on a refusal make clients come back at once.
TEST_CASE("seconds are rounded up, never 0 or less on a refusal") {
  std::array<char, 64> buffer{};
  for (const auto& [wait, seconds] : {std::pair{Duration(0), "1"},
                                      {Duration(-5s), "1"},
                                      {Duration(1ns), "1"},
                                      {Duration(1s), "1"},
                                      {Duration(1s + 1ns), "2"},
                                      {Duration(24h), "86400"},
                                      {Duration::max() - 1ns, "9223372037"},
                                      {Decision::kNever, ""}}) {
    CHECK(text(retry_after(buffer, wait)) == seconds);
  }
  const std::vector<LimitStatus> never{{"x", 5, 60s, refused(Decision::kNever)}};
  CHECK(text(rate_limit(buffer, never)) == R"("x";r=0)");
  const std::vector<LimitStatus> early{{"x", 5, 60s, refused(Duration(-1))}};
  CHECK(text(rate_limit(buffer, early)) == R"("x";r=0;t=1)");
}

TEST_CASE("header values fit the buffer or say how large it must be, names are quoted") {
  std::array<char, 18> buffer{};
  const std::vector<LimitStatus> limits{{"a\"b\\", 10, 1s, {.allowed = true, .remaining = 10}}};
  CHECK(text(rate_limit_policy(buffer, limits)) == R"("a\"b\\";q=10;w=1)");
  CHECK(text(rate_limit_policy(std::span(buffer).first(16), limits)) == "the buffer must have 17 bytes");
  CHECK(rate_limit_policy({}, limits).error().code == Code::kBufferTooSmall);
  const std::vector<LimitStatus> bad{{"a\r\nX: 1", 10, 1s, {}}};
  CHECK(rate_limit(buffer, bad).error().code == Code::kInvalidArgument);
}
