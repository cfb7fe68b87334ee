// SPDX-License-Identifier: MIT
//
// The shipped bucket under every order of its accesses, for two and three threads with clocks of their own. What must
// hold in each order:
//   - a bucket admits at most burst plus refill, and refuses only what would not fit;
//   - no permit is lost: once all threads are through, what was not admitted is still there.
#include <array>

#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::Run;

namespace {

using Bucket = BasicTokenBucket<seawall::testing::explorer::Cell>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

TokenBucketConfig bucket_config() { return TokenBucketConfig::make(Quota::make(2, 2s).value()).value(); }

}  // namespace

TEST_CASE("interleavings: three threads with different clocks share a bucket of two") {
  const auto result = explore([](Run& run) {
    Bucket bucket(bucket_config(), at(0s));
    std::array<bool, 3> admitted{};
    const std::array<Duration, 3> clocks{0ms, 500ms, 999ms};  // the third permit comes at 1 s
    for (std::size_t i = 0; i < 3; ++i)
      run.thread([&, i] { admitted[i] = bucket.try_acquire_at(at(clocks[i])).allowed; });
    if (!run.go()) return;
    const int count = admitted[0] + admitted[1] + admitted[2];
    REQUIRE(count >= 1);  // a clock behind that of an earlier admission may be refused
    REQUIRE(count <= 2);
    REQUIRE_FALSE(bucket.peek_at(at(999ms), count == 2 ? 1 : 2).allowed);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 5);
}

TEST_CASE("interleavings: a bucket's refund races with two admissions") {
  const auto result = explore([](Run& run) {
    Bucket bucket(bucket_config(), at(0s));
    const Charge charge = bucket.try_acquire_at(at(0s), 2).charge;
    std::array<bool, 2> admitted{};
    std::int64_t back = 0;
    for (bool& mine : admitted) run.thread([&] { mine = bucket.try_acquire_at(at(0s)).allowed; });
    run.thread([&] { back = bucket.refund_at(charge, at(0s)); });
    if (!run.go()) return;
    REQUIRE(back == 2);
    REQUIRE(bucket.peek_at(at(0s), 0).remaining == 2 - admitted[0] - admitted[1]);
  });
  CHECK(result.complete);
}
