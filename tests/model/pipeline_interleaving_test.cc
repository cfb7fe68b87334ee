// SPDX-License-Identifier: MIT
//
// The two lock-free parts of a pipeline, in every order of their accesses.
//
// Passing the gates: no limit is ever exceeded; a breaker that is due for one probe lets one through; what was not
// admitted is there again afterwards; who is killed half way leaves charges that time heals, and nothing stuck.
//
// Ticket slots: a ticket is given back once, whoever tries; a version that a thread may still use is never found
// unused; every slot is free again at the end, or its ticket is out.
#include <array>
#include <optional>

#include "seawall/algorithm/pipeline_order.h"
#include "seawall/circuit_breaker.h"
#include "seawall/detail/ticket_slots.h"
#include "seawall/limiter_ref.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMergeStates;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

using Window = BasicTokenBucket<Cell>;
using Breaker = BasicCircuitBreaker<Cell>;

TokenBucketConfig bucket(std::int64_t permits) {
  return TokenBucketConfig::make(Quota::make(permits, 60s).value()).value();
}

// Two limits and a breaker, as Passage in src/pipeline/pipeline_admit.cc has them.
struct Gates {
  Window& user;
  Window& service;
  Breaker& breaker;
  TimePoint now;
  std::array<Decision, 2> decisions{};
  std::uint64_t probe = 0;
  bool lost = false;  // a limit, to the other request, after the look

  auto list() {
    return LimitList(2, [this](std::size_t i) -> Window& { return i == 0 ? user : service; });
  }
  bool other_limits_would_allow() { return list().peek_at(decisions, now, 1, 1); }
  bool first_limit_would_allow() { return (decisions[0] = user.peek_at(now)).allowed; }
  bool has_check() { return false; }
  bool request_is_good() { return true; }
  bool breaker_would_admit() { return breaker.snapshot_at(now).retry_after == 0s; }
  bool has_instances() { return true; }
  bool charge_limits() { return !(lost = !list().charge_at(decisions, now, 1)); }
  void refund_limits() { list().refund_at(decisions, now); }
  bool take_instance() { return true; }
  void drop_instance() {}
  bool take_breaker() {
    auto ticket = breaker.try_acquire_at(now);
    probe = ticket.detach();
    return probe != 0;
  }
};

CircuitBreakerConfig one_failure() {
  CircuitBreakerOptions options;
  options.failure_threshold = 1;
  options.open_duration = 10s;
  return CircuitBreakerConfig::make(options).value();
}
void open(Breaker& breaker) {
  auto ticket = breaker.try_acquire_at(at(0s));
  ticket.report_at(Outcome::kFailure, at(0s));
}

using Slots = detail::BasicTicketSlots<Cell, 1>;

}  // namespace

TEST_CASE("interleavings: two requests at two limits and a breaker that is due for its one probe") {
  std::uint64_t kills = 0;
  std::array<int, 3> seen{};  // admitted; refused by the breaker; by a limit
  const auto result = explore(
      [&](Run& run) {
        Window user(bucket(2), at(0s));
        Window service(bucket(2), at(0s));
        Breaker breaker(one_failure(), at(0s));
        open(breaker);
        std::array<Gate, 2> gates{Gate::kRequest, Gate::kRequest};
        std::array<std::uint64_t, 2> probes{};
        for (std::size_t i = 0; i < 2; ++i) {
          run.thread(
              [&, i] {
                Gates mine{user, service, breaker, at(10s + std::chrono::milliseconds(i))};
                gates[i] = algorithm::pass(mine);
                probes[i] = mine.probe;
                return static_cast<int>(gates[i]);
              },
              i == 0 ? kMortal : false);
        }
        if (!run.go()) return;
        const auto left = [](Window& window) { return window.peek_at(at(11s)).remaining; };
        const int admitted = (gates[0] == Gate::kNone) + (gates[1] == Gate::kNone);
        REQUIRE(admitted <= 1);
        if (run.killed()) {
          ++kills;
          REQUIRE(left(user) >= 0);
          REQUIRE(gates[1] != Gate::kRequest);  // a killed request stops nobody
          return;
        }
        // Exactly one passes, and the other is charged nothing.
        REQUIRE(admitted == 1);
        REQUIRE(left(user) == 1);
        REQUIRE(left(service) == 1);
        const Gate other = gates[0] == Gate::kNone ? gates[1] : gates[0];
        REQUIRE((other == Gate::kBreaker || other == Gate::kLimits));
        ++seen[other == Gate::kBreaker ? 1 : 2];
        // The probe decides, once.
        const std::size_t winner = gates[0] == Gate::kNone ? 0 : 1;
        REQUIRE(breaker.report_at(probes[winner], Outcome::kSuccess, at(11s)) == ReportResult::kRecorded);
        REQUIRE(breaker.state() == BreakerState::kClosed);
      },
      2'000'000, kMergeStates);
  CHECK(result.complete);
  CHECK(kills > 0);
  CHECK(seen[1] > 0);
}

TEST_CASE("interleavings: the last permit of the wider limit goes to one, and the other's narrow one comes back") {
  int refunds = 0;
  const auto result = explore([&](Run& run) {
    std::array<bool, 2> lost{};
    Window ann(bucket(2), at(0s));
    Window bob(bucket(2), at(0s));
    Window service(bucket(1), at(0s));
    Breaker breaker(one_failure(), at(0s));
    std::array<Gate, 2> gates{};
    const std::array<Window*, 2> users{&ann, &bob};
    for (std::size_t i = 0; i < 2; ++i) {
      run.thread([&, i] {
        Gates mine{*users[i], service, breaker, at(std::chrono::seconds(i))};
        gates[i] = algorithm::pass(mine);
        lost[i] = mine.lost;
        return static_cast<int>(gates[i]) * 2 + lost[i];
      });
    }
    if (!run.go()) return;
    refunds += lost[0] + lost[1];
    REQUIRE(((gates[0] == Gate::kNone) != (gates[1] == Gate::kNone)));
    for (std::size_t i = 0; i < 2; ++i) {
      REQUIRE(users[i]->peek_at(at(1s)).remaining == (gates[i] == Gate::kNone ? 1 : 2));
    }
    REQUIRE(service.peek_at(at(1s)).remaining == 0);
  });
  CHECK(result.complete);
  CHECK(refunds > 0);
}

TEST_CASE("interleavings: a ticket is given back by one of three, one of them the end of its lease") {
  std::array<int, 3> winners{};
  const auto result = explore([&](Run& run) {
    Slots slots(1);
    Cell current{0};
    Slots::Held held;
    REQUIRE(slots.enter(current, 0, held));
    const std::uint64_t ticket = slots.leave_with_ticket(held, 1'000'000'000);
    std::array<bool, 3> mine{};
    for (std::size_t i = 0; i < 2; ++i) {
      run.thread([&, i] {
        Slots::Held again;
        mine[i] = slots.enter_again(ticket, again);
        if (mine[i]) slots.leave(again);
        return mine[i];
      });
    }
    std::uint64_t next = 0;
    run.thread([&] {
      Slots::Held other;
      mine[2] = slots.enter(current, 2'000'000'000, other);
      if (mine[2]) next = slots.leave_with_ticket(other, 3'000'000'000);
      return next;
    });
    if (!run.go()) return;
    // The third finds the slot free, or its lease over, or just being given back.
    const bool lost = slots.lost() == 1;
    REQUIRE(mine[0] + mine[1] + lost == 1);
    ++winners[lost ? 2 : mine[0] ? 0 : 1];
    Slots::Held last;
    REQUIRE_FALSE((mine[2] && slots.enter_again(ticket, last)));
    REQUIRE(slots.enter_again(next, last) == mine[2]);
  });
  CHECK(result.complete);
  for (const int count : winners) CHECK(count > 0);
}

// The version that a thread uses, between its look at the current one and its leaving, is never found unused.
TEST_CASE("interleavings: a composition is replaced twice while one goes in, goes out and comes back") {
  std::array<int, 3> used{};
  const auto result = explore(
      [&](Run& run) {
        Slots slots(2);
        Cell current{0};
        std::array<bool, 3> there{true, false, false};  // compositions: as State::plans_
        bool broken = false;
        const auto use = [&](const Slots::Held& held) {
          if (!there[held.version()]) broken = true;
          return held.version();
        };
        const auto replace = [&](std::uint64_t version) {
          there[version] = true;
          current.store(version);
          for (std::uint64_t old = 0; old < 3; ++old) {
            if (old != version && there[old] && slots.is_unused(old, 0)) there[old] = false;
          }
        };
        std::uint32_t version = 9;
        run.thread([&] {
          Slots::Held held;
          if (!slots.enter(current, 0, held)) broken = true;
          version = use(held);
          const std::uint64_t ticket = slots.leave_with_ticket(held, 1'000'000'000);
          if (!slots.enter_again(ticket, held) || use(held) != version) broken = true;
          slots.leave(held);
          return version * 2 + (broken ? 1U : 0U);
        });
        run.thread([&] {
          replace(1);
          replace(2);
          return there[0] * 4 + there[1] * 2 + there[2];
        });
        if (!run.go()) return;
        REQUIRE_FALSE(broken);
        REQUIRE(there[2]);
        REQUIRE(slots.is_unused(0, 0));
        REQUIRE(slots.is_unused(1, 0));
        ++used[version];
      },
      2'000'000);
  CHECK(result.complete);
  for (const int count : used) CHECK(count > 0);
}

TEST_CASE(
    "interleavings: a lease that ends while its composition is freed takes the ticket with it, or the ticket it") {
  const auto result = explore([](Run& run) {
    Slots slots(1);
    Cell current{0};
    Slots::Held held;
    REQUIRE(slots.enter(current, 0, held));
    const std::uint64_t ticket = slots.leave_with_ticket(held, 1'000'000'000);
    current.store(1);
    bool freed = false, back = false;
    run.thread([&] {
      Slots::Held again;
      back = slots.enter_again(ticket, again);
      const bool broken = back && freed;
      if (back) slots.leave(again);
      return broken;
    });
    run.thread([&] {
      freed = slots.is_unused(0, 2'000'000'000);
      return freed;
    });
    if (!run.go()) return;
    REQUIRE((!freed || !back || slots.lost() == 0));
    REQUIRE(back + static_cast<int>(slots.lost()) == 1);
  });
  CHECK(result.complete);
}
