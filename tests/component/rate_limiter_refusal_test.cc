// SPDX-License-Identifier: MIT
// A refusal writes nothing, so that who is throttled and asks on costs the others no cache line: each limiter lies in
// memory that cannot be written while it refuses.
#include <sys/mman.h>

#include <new>
#include <span>

#include "seawall/fixed_window.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
const Quota kThree = Quota::make(3, 60s).value();

class Page {
 public:
  Page() : memory_(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
  }
  ~Page() { munmap(memory_, kSize); }
  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(memory_), kSize}; }
  void protect() const { REQUIRE(mprotect(memory_, kSize, PROT_READ) == 0); }

 private:
  static constexpr std::size_t kSize = 65536;
  void* memory_;
};

}  // namespace

TEMPLATE_TEST_CASE("a limiter in memory that cannot be written refuses, and answers a peek", "", TokenBucket,
                   FixedWindow, SlidingWindow) {
  Page page;
  auto* limiter =
      new (page.bytes().data()) TestType(typename TestType::Config(TestType::Config::make(kThree).value()), at(0s));
  REQUIRE(limiter->try_acquire_at(at(1s), 3).allowed);
  page.protect();
  for (const Duration now : {Duration(0s), Duration(1s), Duration(5s)}) {
    for (const std::int64_t n : {1, 3, 4}) {
      CHECK_FALSE(limiter->try_acquire_at(at(now), n).allowed);
      CHECK_FALSE(limiter->peek_at(at(now), n).allowed);
      CHECK_FALSE(limiter->reserve_at(at(now), n, 0s).granted);
      CHECK_FALSE(limiter->acquire_until_at(at(now), at(now), n).granted);
    }
    CHECK(limiter->try_acquire_at(at(now), 0).allowed);
  }
}

TEST_CASE("a leased bucket in memory that cannot be written refuses, on whatever CPU") {
  Page page;
  const auto config = LeasedTokenBucketConfig::make({Quota::make(100, 60s).value(), 2}).value();
  auto* limiter = new (page.bytes().data()) LeasedTokenBucket(config, at(0s));
  while (limiter->try_acquire_at(at(1s)).allowed) {
  }
  page.protect();
  CHECK_FALSE(limiter->try_acquire_at(at(1s)).allowed);
  CHECK_FALSE(limiter->try_acquire_at(at(1s), 1000).allowed);
}

TEMPLATE_TEST_CASE("a keyed limiter in memory that cannot be written refuses a used up key", "", TokenBucket,
                   SlidingWindow) {
  Page page;
  auto users = KeyedRateLimiter<TestType>::make_in(page.bytes(), {.quota = kThree}, at(0s)).value();
  REQUIRE(users.try_acquire_at("ann", at(1s), 3).allowed);
  page.protect();
  for (const std::int64_t n : {1, 3, 4}) {
    CHECK_FALSE(users.try_acquire_at("ann", at(1s), n).allowed);
    CHECK_FALSE(users.peek_at("ann", at(1s), n).allowed);
  }
  CHECK(users.peek_at("bob", at(1s), 3).allowed);
  CHECK_FALSE(users.try_acquire_at("bob", at(1s), 4).allowed);  // never: takes no place
}
