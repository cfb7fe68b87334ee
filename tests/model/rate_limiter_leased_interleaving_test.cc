// SPDX-License-Identifier: MIT
//
// The leased bucket in every order of its accesses. What must hold in each order:
//   - a cell never holds more than a batch;
//   - in no interval more than what shared bucket and cells may hold together, and the refill: so a lease that a thread
//     slept with is not brought to a cell that was filled and emptied meanwhile;
//   - one permit is refused only when there is none anywhere;
//   - a thread that dies before any of its accesses costs at most its lease, and its cell goes on.
#include <array>
#include <map>

#include "seawall/leased_token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

// Each thread says on which CPU it runs; the scenario itself is on CPU 0.
struct Cpu {
  static inline std::map<const void*, std::size_t> of;
  static void set(std::size_t cpu) { of[seawall::testing::explorer::current] = cpu; }
  std::size_t operator()() const {
    const auto found = of.find(seawall::testing::explorer::current);
    return found == of.end() ? 0 : found->second;
  }
};
template <std::size_t kCells>
using Leased = BasicLeasedTokenBucket<Cell, Cpu, kCells>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

// `shared` in the shared bucket, which come back in an hour, and batches of two.
LeasedTokenBucketConfig config(std::int64_t shared) {
  return LeasedTokenBucketConfig::make({Quota::make(shared, 1h, shared + 32 + 1).value(), 2}).value();
}

template <class Limiter>
std::int64_t drain(Limiter& limiter, TimePoint now) {
  std::int64_t admitted = 0;
  while (limiter.try_acquire_at(now).allowed) ++admitted;
  return admitted;
}

}  // namespace

TEST_CASE("interleavings: a lease that slept does not come on top of what was filled and emptied meanwhile") {
  const auto result = explore([](Run& run) {
    Leased<1> bucket(config(6), at(0s));
    std::int64_t at_one_instant = 0;
    run.thread([&] { (void)bucket.try_acquire_at(at(0s)); });
    run.thread([&] {
      (void)bucket.try_acquire_at(at(0s));
      at_one_instant = drain(bucket, at(2h));
    });
    if (!run.go()) return;
    at_one_instant += drain(bucket, at(2h));
    REQUIRE(at_one_instant <= 6 + 2);
    REQUIRE(at_one_instant >= 6);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("interleavings: a refund to a cell and a lease on its way do not overfill it") {
  const auto result = explore([](Run& run) {
    Leased<1> bucket(config(6), at(0s));
    const Charge first = bucket.try_acquire_at(at(0s)).charge;
    (void)bucket.try_acquire_at(at(0s));
    (void)bucket.try_acquire_at(at(0s));  // the cell is empty now, three are left in the shared bucket
    std::int64_t back = 0;
    bool admitted = false;
    run.thread([&] { back = bucket.refund_at(first, at(0s)); });
    run.thread([&] { admitted = bucket.try_acquire_at(at(0s)).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted);
    REQUIRE(back <= 1);
    // At 2 h the shared bucket is full: what is on top of it is the cell.
    REQUIRE(drain(bucket, at(2h)) <= 6 + 2);
    REQUIRE(drain(bucket, at(2h)) == 0);
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: three threads on two CPUs share what there is, and the last permit is found") {
  const auto result = explore([](Run& run) {
    Cpu::of.clear();
    Leased<2> bucket(config(4), at(0s));
    std::array<bool, 3> admitted{};
    for (std::size_t i = 0; i < 3; ++i) {
      run.thread([&, i] {
        Cpu::set(i / 2);
        admitted[i] = bucket.try_acquire_at(at(0s)).allowed;
      });
    }
    if (!run.go()) return;
    const int count = admitted[0] + admitted[1] + admitted[2];
    REQUIRE(count >= 2);  // a lease that met another on the same cell is lost: two permits
    const std::int64_t rest = bucket.peek_at(at(0s), 0).remaining;
    REQUIRE(count + rest <= 4);
    REQUIRE(count + rest >= 2);
    REQUIRE(drain(bucket, at(0s)) == rest);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("interleavings: without others on its CPU no permit is lost") {
  const auto result = explore([](Run& run) {
    Cpu::of.clear();
    Leased<2> bucket(config(4), at(0s));
    std::array<bool, 2> admitted{};
    for (std::size_t i = 0; i < 2; ++i) {
      run.thread([&, i] {
        Cpu::set(i);
        admitted[i] = bucket.try_acquire_at(at(0s)).allowed;
      });
    }
    if (!run.go()) return;
    REQUIRE((admitted[0] && admitted[1]));
    REQUIRE(drain(bucket, at(0s)) == 2);
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: a thread that dies with a lease costs its lease, and its cell goes on") {
  const auto result = explore([](Run& run) {
    Cpu::of.clear();
    Leased<1> bucket(config(9), at(0s));
    bool admitted = false;
    run.thread([&] { (void)bucket.try_acquire_at(at(0s)); }, kMortal);
    run.thread([&] { admitted = bucket.try_acquire_at(at(0s)).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted);
    const std::int64_t rest = drain(bucket, at(0s));
    REQUIRE((rest <= 8 && rest >= 9 - 1 - 3 - 2));
    REQUIRE(bucket.peek_at(at(0s), 0).remaining == 0);
    REQUIRE(drain(bucket, at(2h)) == 9);  // time has healed it
  });
  CHECK(result.complete);
  CHECK(result.kills > 5);
}
