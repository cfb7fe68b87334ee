// SPDX-License-Identifier: MIT
// What a leased bucket promises and how it answers, on one CPU and on several.
#include <limits>

#include "seawall/leased_token_bucket.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

struct Cpu {
  static inline std::size_t now = 0;
  std::size_t operator()() const { return now; }
};
using Leased = BasicLeasedTokenBucket<std::atomic<std::uint64_t>, Cpu>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
Quota quota(std::int64_t permits, Duration period, std::int64_t burst) {
  return Quota::make(permits, period, burst).value();
}
// 200 a second; 100 in the shared bucket, 16 cells of 5, one for what refills in 131 us.
LeasedTokenBucketConfig config() { return LeasedTokenBucketConfig::make({quota(200, 1s, 181), 5}).value(); }

}  // namespace

TEST_CASE("leased: cells that do not fit the burst are refused at construction") {
  const auto refused = [](std::int64_t burst, std::int64_t batch) {
    return std::string(LeasedTokenBucketConfig::make({quota(200, 1s, burst), batch}).error().message.view());
  };
  CHECK(refused(180, 11) == "batch, 17 of which must fit the burst, must be from 1 to 10, not 11");
  CHECK(refused(16, 0) == "batch, 17 of which must fit the burst, must be from 1 to 0, not 0");
  CHECK(refused(180, -1) == "batch, 17 of which must fit the burst, must be from 1 to 10, not -1");
  CHECK(LeasedTokenBucketConfig::make({quota(200, 1s, 171), 10}).value().shared().rule().burst() == 10);
  CHECK(refused(170, 10) == "batch, 17 of which must fit the burst, must be from 1 to 9, not 10");
  CHECK(LeasedTokenBucketConfig::make({quota(200, 1s, 320)}).value().batch() == 10);
  CHECK(LeasedTokenBucketConfig::make({quota(1'000'000'000, 1s, 1'000'000'000)}).value().batch() == 1'048'575);
}

TEST_CASE("leased: a lease serves the calls that follow on the CPU, and other CPUs find it when nothing else is left") {
  Leased bucket(config(), at(0s));
  Cpu::now = 3;
  CHECK(bucket.try_acquire_at(at(0s)).remaining == 5);
  CHECK(bucket.peek_at(at(0s), 0).remaining == 99);
  for (std::int64_t left = 4; left >= 0; --left) CHECK(bucket.try_acquire_at(at(0s)).remaining == left);
  CHECK(bucket.try_acquire_at(at(0s)).remaining == 5);
  Cpu::now = 4;
  CHECK(bucket.try_acquire_at(at(0s), 88).allowed);  // more than a batch: from the shared bucket, which is empty now
  CHECK(bucket.try_acquire_at(at(0s), 2).remaining == 3);
  CHECK(bucket.try_acquire_at(at(0s), 3).remaining == 0);
  const Decision refused = bucket.try_acquire_at(at(0s));
  CHECK_FALSE(refused.allowed);
  CHECK(refused.retry_after == 5ms);
  CHECK_FALSE(bucket.try_acquire_at(at(5ms) - Duration(1)).allowed);
  CHECK(bucket.try_acquire_at(at(5ms)).allowed);
  Cpu::now = 0;
}

TEST_CASE("leased: more than one call can take is never allowed, and nothing asked takes nothing") {
  Leased bucket(config(), at(0s));
  CHECK(bucket.try_acquire_at(at(0s), 101).never());
  CHECK(bucket.try_acquire_at(at(0s), std::numeric_limits<std::int64_t>::max()).never());
  CHECK(bucket.try_acquire_at(at(0s), 0).allowed);
  CHECK(bucket.try_acquire_at(at(0s), -1).allowed);
  CHECK(bucket.try_acquire_at(at(0s), 100).allowed);
}

TEST_CASE("leased: refunds go to the cell, as far as it has room") {
  Leased bucket(config(), at(0s));
  const Decision one = bucket.try_acquire_at(at(0s), 2);
  CHECK(one.remaining == 5);
  CHECK(bucket.refund_at(one.charge, at(0s)) == 0);  // the cell is full
  const Decision two = bucket.try_acquire_at(at(0s), 3);
  CHECK(bucket.refund_at(two.charge, at(1h)) == 3);
  CHECK(bucket.peek_at(at(0s), 0).remaining == 98);
  const Decision large = bucket.try_acquire_at(at(0s), 50);
  CHECK(bucket.refund_at(large.charge, at(0s)) == 50);
}

TEST_CASE("leased: settlement gives back to the cell or takes from the shared bucket") {
  Leased bucket(config(), at(0s));
  const Charge charge = bucket.try_acquire_at(at(0s), 4).charge;
  (void)bucket.try_acquire_at(at(0s), 5);
  const Settlement less = bucket.settle_at(charge, 1, at(0s));
  CHECK((less.refunded == 3 && less.charged == 0 && less.charge.permits == 1));
  const Settlement more = bucket.settle_at(less.charge, 20, at(0s));
  CHECK((more.refunded == 0 && more.charged == 19 && more.unpaid == 0));
  CHECK(bucket.peek_at(at(0s), 0).remaining == 100 - 1 - 5 - 19);
  CHECK(bucket.settle_at(more.charge, 500, at(0s), 10).unpaid > 0);
}

TEST_CASE("leased: reservations and a change of limit concern the shared bucket") {
  Leased bucket(config(), at(0s));
  CHECK(bucket.try_acquire_at(at(0s), 100).allowed);
  const Reservation later = bucket.reserve_at(at(0s), 10);
  CHECK((later.granted && later.delay == 50ms));
  CHECK_FALSE(bucket.acquire_until_at(at(54ms), at(0s)).granted);
  CHECK(bucket.acquire_until_at(at(55ms), at(0s)).granted);
  CHECK(bucket.cancel_at(later, at(0s)) == 10);
  const auto smaller_batches = LeasedTokenBucketConfig::make({quota(200, 1s, 181), 4}).value();
  CHECK_FALSE(bucket.change_limit_at(smaller_batches, LimitChange::kReset, at(0s)));
  const auto faster = LeasedTokenBucketConfig::make({quota(2000, 1s, 301), 5}).value();
  CHECK(bucket.change_limit_at(faster, LimitChange::kReset, at(0s)));
  CHECK(bucket.peek_at(at(0s), 0).remaining == 220);
  CHECK(bucket.try_acquire_at(at(0s), 210).limit == 220);
  // A cell that still holds permits tells the new limit too.
  CHECK(bucket.try_acquire_at(at(0s)).limit == 220);
  const Decision from_cell = bucket.try_acquire_at(at(0s));
  CHECK((from_cell.allowed && from_cell.remaining < 5));
  CHECK(from_cell.limit == 220);
  const auto slower = LeasedTokenBucketConfig::make({quota(1000, 1s, 201), 5}).value();
  CHECK(bucket.change_limit_at(slower, LimitChange::kKeep, at(0s)));
  CHECK(bucket.try_acquire_at(at(0s)).limit == slower.shared().rule().burst());
}

// The bound, with an adversary: all CPUs fill their cells, everybody waits until the shared bucket is full again, and
// then takes all at one instant.
TEST_CASE("leased: what all cells and the shared bucket hold is the burst") {
  Leased bucket(config(), at(0s));
  for (int round = 1; round <= 5; ++round) {
    const TimePoint now = at(round * 10s);
    for (Cpu::now = 0; Cpu::now < kLeaseCells; ++Cpu::now) (void)bucket.try_acquire_at(now);
    std::int64_t at_one_instant = 0;
    for (Cpu::now = 0; Cpu::now < kLeaseCells; ++Cpu::now) {
      while (bucket.try_acquire_at(now + 5s).allowed) ++at_one_instant;
    }
    CHECK(at_one_instant == 180);
  }
  Cpu::now = 0;
}
