// SPDX-License-Identifier: MIT
// The table of leases and refusals under threads that fight for too few places. Invariant: what is taken of a key was
// brought for that key: a place that changes hands takes no permits along.
#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "redis/local_cells.h"
#include "support/catch.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;

TEST_CASE("a cell spends what was brought, within the batch and its time") {
  const TimePoint start = time_from_ns(1'000'000'000);
  LocalCells cells(4096, 10, 1s, start);
  CellAnswer answer = cells.take(7, start, 1);
  CHECK(answer.says == CellAnswer::Says::kAskAhead);
  CHECK(cells.take(7, start, 1).says == CellAnswer::Says::kAsk);  // one asks for the lease, the others for themselves
  cells.bring(7, start, 25);                                      // never more than a batch
  for (int i = 0; i < 10; ++i) {
    answer = cells.take(7, start, 1);
    CHECK(answer.says == CellAnswer::Says::kTaken);
    CHECK(answer.left == 9 - i);
    CHECK(answer.ask == (i == 5));  // once, when half of it is gone
  }
  CHECK(cells.take(7, start, 1).says == CellAnswer::Says::kAsk);
  cells.bring(7, start, 4);
  CHECK(cells.take(7, start, 11).says == CellAnswer::Says::kAsk);
  CHECK(cells.take(7, start + 2s, 1).says == CellAnswer::Says::kAskAhead);  // over
  cells.bring(7, start + 2s, 0);
  CHECK(cells.put_back(7, start + 2s, 5) == 0);
  CHECK(cells.take(7, start + 2s, 1).says == CellAnswer::Says::kAskAhead);
  cells.bring(7, start + 2s, 10);
  CHECK(cells.take(7, start + 2s, 1).says == CellAnswer::Says::kTaken);
  CHECK(cells.take(7, start + 4s, 1).says == CellAnswer::Says::kAskAhead);  // over, though nearly whole
}

TEST_CASE("a refusal holds until its time, for as many permits or more") {
  const TimePoint start = time_from_ns(0);
  LocalCells cells(4096, 0, 1s, start);
  CHECK(cells.take(7, start, 3).says == CellAnswer::Says::kAsk);
  cells.deny(7, start, start + 1s, 3);
  for (const Duration at : {Duration(0), Duration(500ms), Duration(999ms)}) {
    CHECK(cells.take(7, start + at, 3).says == CellAnswer::Says::kDenied);
    CHECK(cells.take(7, start + at, 2).says == CellAnswer::Says::kAsk);
    CHECK(cells.take(7, start + at, 4).wait <= 1s - at);
  }
  CHECK(cells.take(7, start + 1s, 3).says == CellAnswer::Says::kAsk);
  cells.deny(7, start + 1s, start + 9s, 1);
  CHECK(cells.denied(7, start + 2s, 1) > 6s);
  cells.forget_denial(7);
  CHECK(cells.denied(7, start + 2s, 1) == 0s);
}

TEST_CASE("threads, 8 keys and 2 places: no permit is spent under another key") {
  constexpr int kThreads = 4;
  constexpr std::size_t kKeys = 8;
  LocalCells cells(2 * 16, 20, 1ms, time_from_ns(0));
  std::array<std::atomic<std::int64_t>, kKeys> brought{};
  std::array<std::atomic<std::int64_t>, kKeys> spent{};
  std::atomic<std::int64_t> clock{0};
  std::atomic<bool> never_above{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::uint64_t random = static_cast<std::uint64_t>(t) + 1;
      for (int i = 0; i < 100'000; ++i) {
        random = random * 6364136223846793005 + 1442695040888963407;
        const std::size_t key = (random >> 33) % kKeys;
        const TimePoint now = time_from_ns(clock.fetch_add(50'000));
        const CellAnswer answer = cells.take(key + 1, now, 1);
        if (answer.says == CellAnswer::Says::kTaken) {
          const std::int64_t all = spent[key].fetch_add(1) + 1;
          if (all > brought[key].load()) never_above = false;
        }
        const bool ask = answer.says == CellAnswer::Says::kAskAhead || answer.ask;
        if (ask && random % 5 != 0) {
          brought[key].fetch_add(20 - answer.left);
          cells.bring(key + 1, now, 20 - answer.left);
        } else if (ask) {
          cells.bring(key + 1, now, 0);
          cells.deny(key + 1, now, now + 2ms, 1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(never_above);
  std::int64_t all = 0;
  for (const auto& each : spent) all += each;
  CHECK(all > 1000);
}
