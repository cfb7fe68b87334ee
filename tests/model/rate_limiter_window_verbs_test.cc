// SPDX-License-Identifier: MIT
//
// All verbs of a SlidingWindow, strict and estimating, in any order of `now`, against a table of permits by sub-window
// that is added up anew for each question, and searches for the end of a wait. And an adversary that climbs towards the
// plan with the fullest window.
#include <rapidcheck.h>

#include <rapidcheck/catch.h>
#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "seawall/sliding_window.h"
#include "support/catch.h"

using namespace seawall;

namespace {

constexpr TimePoint at(std::int64_t ns) { return time_from_ns(ns); }

struct Shape {
  std::int64_t limit;
  std::int64_t period;
  std::int64_t parts;
  WindowMode mode;

  SlidingWindowConfig config(std::int64_t permits) const {
    const Quota quota = Quota::make(permits, Duration(period)).value();
    return SlidingWindowConfig::make({quota, static_cast<std::int32_t>(parts), mode}).value();
  }
  std::int64_t index(std::int64_t ns) const { return ns * parts / period + 1; }
  std::int64_t start(std::int64_t i) const { return ((i - 1) * period + parts - 1) / parts; }
  std::int64_t length(std::int64_t i) const { return start(i + 1) - start(i); }
};

// The words of the window, as the contract tells them.
class Table {
 public:
  explicit Table(const Shape& shape) : shape_(shape), limit_(shape.limit) {}

  std::int64_t limit() const { return limit_; }
  std::int64_t effective(std::int64_t now) const { return std::max(newest_, shape_.index(now)); }

  // The permits that count.
  std::int64_t taken(std::int64_t now) const {
    const std::int64_t current = effective(now);
    std::int64_t sum = 0;
    for (const auto& [i, permits] : permits_) {
      if (i + shape_.parts < current) continue;
      sum += permits;
      const std::int64_t into = std::min(now - shape_.start(current), shape_.length(current));
      if (shape_.mode == WindowMode::kEstimate && i + shape_.parts == current && into > 0) {
        sum -= permits * into / shape_.length(current);
      }
    }
    return sum;
  }
  bool early(std::int64_t now) const { return booked_ >= newest_ && newest_ != 0 && now < shape_.start(newest_); }
  bool allows(std::int64_t now, std::int64_t n) const { return n <= 0 || (!early(now) && n <= limit_ - taken(now)); }
  // Until n are there: by halves, since they stay there once they are.
  std::int64_t wait(std::int64_t now, std::int64_t n) const {
    std::int64_t before = now - 1;
    std::int64_t after = std::max(now, shape_.start(newest_ + 1)) + 2 * shape_.period;
    while (after - before > 1) {
      const std::int64_t middle = (before + after) / 2;
      (middle >= now && allows(middle, n) ? after : before) = middle;
    }
    return after - now;
  }

  // Until nothing counts: of the newest permits that are left, not of the newest that were taken.
  std::int64_t reset(std::int64_t now) const {
    std::int64_t wait = early(now) ? shape_.start(newest_) - now : 0;
    for (const auto& [i, permits] : permits_) {
      if (permits == 0 || i + shape_.parts < newest_) continue;
      wait = std::max(wait, shape_.start(i + shape_.parts + 1) - now);
    }
    return wait;
  }

  void take(std::int64_t i, std::int64_t n) {
    newest_ = i;
    permits_[i] += n;
  }
  void reserve(std::int64_t now, std::int64_t wait, std::int64_t n) {
    const std::int64_t when = shape_.index(now + wait);
    if (when > newest_ && wait > 0) booked_ = std::max(booked_, when);
    take(std::max(when, newest_), n);
  }
  std::int64_t refund(std::int64_t i, std::int64_t n, std::int64_t now) {
    if (n <= 0 || i < closed_ || i > newest_ || i + shape_.parts < effective(now)) return 0;
    const std::int64_t back = std::min(n, permits_[i]);
    permits_[i] -= back;
    return back;
  }

  void change(std::int64_t to, LimitChange how, std::int64_t now) {
    const std::int64_t from = std::exchange(limit_, to);
    if (how == LimitChange::kKeep) return;
    newest_ = effective(now);
    std::int64_t all = 0;
    for (const auto& [i, permits] : permits_) all += i + shape_.parts >= newest_ ? permits : 0;
    const std::int64_t left = from - all;
    const std::int64_t kept = how == LimitChange::kReset ? 0 : to - (left < 0 ? left : left * to / from);
    if (kept > all) permits_[newest_] += kept - all;
    if (kept < all) scale(kept, all);
    if (how == LimitChange::kReset && booked_ == newest_) booked_ = 0;
  }

 private:
  // From the newest on, so that the sums of all are rounded up.
  void scale(std::int64_t kept, std::int64_t all) {
    closed_ = newest_ + 1;
    std::int64_t before = 0;
    for (std::int64_t i = newest_; i > 0 && i + shape_.parts >= newest_; --i) {
      const auto share = [&](std::int64_t sum) { return (sum * kept + all - 1) / all; };
      const std::int64_t was = permits_[i];
      permits_[i] = std::min(was, share(before + was) - share(before));
      before += was;
    }
  }

  Shape shape_;
  std::int64_t limit_;
  std::map<std::int64_t, std::int64_t> permits_;
  std::int64_t newest_ = 0, booked_ = 0, closed_ = 0;
};

enum class Verb { kAcquire, kReserve, kUntil, kCancel, kSettle, kChange, kPeek };

struct Op {
  Verb verb;
  std::int64_t hop;   // of the clock, in 16ths of a period; may go back
  std::int64_t odd;   // nanoseconds on top
  std::int64_t n;     // permits
  std::int64_t more;  // what else the verb needs
};
std::ostream& operator<<(std::ostream& out, const Op& op) {
  static const char* const names[] = {"acquire", "reserve", "until", "cancel", "settle", "change", "peek"};
  return out << '{' << names[static_cast<int>(op.verb)] << ' ' << op.hop << "/16 + " << op.odd << ", " << op.n << ", "
             << op.more << '}';
}

rc::Gen<Op> any_op() {
  using rc::gen::inRange;
  const auto verb = rc::gen::weightedElement<Verb>({{6, Verb::kAcquire},
                                                    {3, Verb::kReserve},
                                                    {2, Verb::kUntil},
                                                    {3, Verb::kCancel},
                                                    {3, Verb::kSettle},
                                                    {1, Verb::kChange},
                                                    {1, Verb::kPeek}});
  const auto hop = rc::gen::weightedOneOf<std::int64_t>(
      {{4, rc::gen::just<std::int64_t>(0)}, {6, inRange<std::int64_t>(0, 4)}, {1, inRange<std::int64_t>(-24, 40)}});
  const auto n =
      rc::gen::weightedOneOf<std::int64_t>({{4, inRange<std::int64_t>(1, 4)}, {1, inRange<std::int64_t>(0, 14)}});
  return rc::gen::build<Op>(rc::gen::set(&Op::verb, verb), rc::gen::set(&Op::hop, hop),
                            rc::gen::set(&Op::odd, inRange<std::int64_t>(-2, 3)), rc::gen::set(&Op::n, n),
                            rc::gen::set(&Op::more, inRange<std::int64_t>(0, 60)));
}

// The limiter and the table, side by side.
class Both {
 public:
  explicit Both(const Shape& shape) : shape_(shape), window_(shape.config(shape.limit), at(0)), table_(shape) {}

  void step(const Op& op) {
    now_ = std::max<std::int64_t>(0, now_ + op.hop * shape_.period / 16 + op.odd);
    if (op.verb == Verb::kAcquire) acquire(op.n);
    const std::int64_t patience = op.more * shape_.period / 32;
    if (op.verb == Verb::kReserve) turn(op.n, patience, window_.reserve_at(at(now_), op.n, Duration(patience)));
    if (op.verb == Verb::kUntil) {
      turn(op.n, patience - 100, window_.acquire_until_at(at(now_ + patience - 100), at(now_), op.n));
    }
    if (op.verb == Verb::kCancel && !charges_.empty()) cancel(op.more);
    if (op.verb == Verb::kSettle && !charges_.empty()) settle(op.more, op.n, op.more % 4);
    if (op.verb == Verb::kChange) change(1 + op.n, static_cast<LimitChange>(op.more % 3));
    look(op.n);
  }

 private:
  std::int64_t most() const { return shape_.config(shape_.limit).rule().most_permits(); }

  void acquire(std::int64_t n) {
    const std::int64_t left = room();
    const Decision d = window_.try_acquire_at(at(now_), n);
    RC_ASSERT(d.remaining == left - (d.allowed && n > 0 ? n : 0));
    RC_ASSERT(d.allowed == table_.allows(now_, n));
    RC_ASSERT(d.never() == (n > table_.limit()));
    if (!d.allowed || n <= 0) return;
    table_.take(table_.effective(now_), n);
    keep(d.charge, n);
  }
  void turn(std::int64_t n, std::int64_t patience, const Reservation& r) {
    RC_ASSERT(r.limit == table_.limit());
    RC_ASSERT(r.never() == (n > table_.limit()));
    const std::int64_t wait = n > table_.limit() ? 0 : table_.wait(now_, n);
    const bool granted = n <= 0 || (n <= table_.limit() && wait <= patience);
    RC_ASSERT(r.granted == granted);
    if (n <= 0 || r.never()) return;
    RC_ASSERT(r.delay.count() == wait);
    if (!granted) return;
    table_.reserve(now_, wait, n);
    keep(r.charge, n);
  }
  void cancel(std::int64_t which) {
    const Charge charge = forget(which);
    const std::int64_t back = table_.refund(static_cast<std::int64_t>(charge.at), charge.permits, now_);
    RC_ASSERT(window_.cancel_at({.charge = charge}, at(now_)) == back);
  }
  void settle(std::int64_t which, std::int64_t actual, std::int64_t cap) {
    const Charge charge = forget(which);
    const Settlement s = window_.settle_at(charge, actual, at(now_), cap);
    const std::int64_t more = actual - charge.permits;
    if (more <= 0) {
      RC_ASSERT(s.refunded == table_.refund(static_cast<std::int64_t>(charge.at), -more, now_));
      RC_ASSERT((s.charged == 0 && s.unpaid == 0));
    } else {
      const std::int64_t room = std::min(table_.limit() + cap, most()) - table_.taken(now_);
      RC_ASSERT(s.charged == std::clamp<std::int64_t>(room, 0, more));
      RC_ASSERT((s.refunded == 0 && s.unpaid == more - s.charged));
      if (s.charged > 0) table_.take(table_.effective(now_), s.charged);
    }
    if (s.charge.permits > 0) charges_.push_back(s.charge);
  }
  void change(std::int64_t to, LimitChange how) {
    RC_ASSERT(bool(window_.change_limit_at(shape_.config(to), how, at(now_))));
    table_.change(to, how, now_);
  }
  void look(std::int64_t n) {
    const Decision d = window_.peek_at(at(now_), n);
    RC_ASSERT(d.limit == table_.limit());
    RC_ASSERT(d.remaining == room());
    RC_ASSERT(d.allowed == table_.allows(now_, n));
    RC_ASSERT(d.reset_after.count() == table_.reset(now_));
    if (!d.never()) RC_ASSERT(d.retry_after.count() == table_.wait(now_, n));
  }

  std::int64_t room() const {
    return table_.early(now_) ? 0 : std::max<std::int64_t>(0, table_.limit() - table_.taken(now_));
  }
  void keep(const Charge& charge, std::int64_t n) {
    RC_ASSERT(charge.permits == n);
    charges_.push_back(charge);
  }
  Charge forget(std::int64_t which) {
    const auto i = static_cast<std::size_t>(which) % charges_.size();
    const Charge charge = charges_[i];
    charges_.erase(charges_.begin() + static_cast<std::ptrdiff_t>(i));
    return charge;
  }

  Shape shape_;
  SlidingWindow window_;
  Table table_;
  std::int64_t now_ = 0;
  std::vector<Charge> charges_;
};

}  // namespace

TEST_CASE("verbs: a window under all verbs is a table of permits by sub-window") {
  for (const WindowMode mode : {WindowMode::kStrict, WindowMode::kEstimate}) {
    const char* const name = mode == WindowMode::kStrict ? "strict" : "estimate";
    rc::prop(name, [mode] {
      const std::int64_t parts = *rc::gen::inRange<std::int64_t>(1, 13);
      const std::int64_t period = *rc::gen::inRange<std::int64_t>(1000, 1100);  // sub-windows of unequal length
      Both both({*rc::gen::inRange<std::int64_t>(1, 12), period, parts, mode});
      const auto ops = *rc::gen::scale(6.0, rc::gen::container<std::vector<Op>>(any_op()));
      for (const Op& op : ops) both.step(op);
    });
  }
}

// ---- the adversary
// ---------------------------------------------------------------------------------------------------

namespace {

// Asks for n at an instant, or for a turn; gives it back again or not.
struct Move {
  std::int64_t hop, n;
  bool reserve, cancel;
};
using Plan = std::vector<Move>;

// The most permits that were used in one period, by this plan.
std::int64_t fullest(const Shape& shape, const Plan& plan) {
  SlidingWindow window(shape.config(shape.limit), at(0));
  std::vector<std::pair<std::int64_t, std::int64_t>> used;  // instant, permits
  std::int64_t now = 0;
  for (const Move& move : plan) {
    now += move.hop;
    const std::int64_t n = std::min(move.n, shape.limit);
    if (move.reserve) {
      const Reservation turn = window.reserve_at(at(now), n);
      if (!turn.granted || (move.cancel && window.cancel_at(turn, at(now)) == n)) continue;
      used.emplace_back(now + turn.delay.count(), n);
    } else if (window.try_acquire_at(at(now), n).allowed) {
      used.emplace_back(now, n);
    }
  }
  std::int64_t worst = 0;
  for (const auto& [from, first] : used) {
    std::int64_t sum = 0;
    for (const auto& [when, n] : used) sum += when >= from && when < from + shape.period ? n : 0;
    worst = std::max(worst, sum);
  }
  return worst;
}

Move any_move(std::mt19937_64& random, const Shape& shape, bool reserve) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const std::int64_t part = shape.period / shape.parts;
  const std::int64_t hops[] = {0, 1, part - 1, part, part + 1, shape.period - 1, shape.period, below(2 * part + 1)};
  return {hops[below(8)], below(3) == 0 ? 1 + below(shape.limit) : 1, reserve && below(4) == 0, below(3) == 0};
}

// Keeps a change of the plan that does not make its fullest window emptier.
std::int64_t climb(std::uint64_t seed, const Shape& shape, bool reserve) {
  std::mt19937_64 random(seed);
  Plan plan(40);
  for (Move& move : plan) move = any_move(random, shape, reserve);
  std::int64_t best = fullest(shape, plan);
  for (int turn = 0; turn < 1500; ++turn) {
    Plan next = plan;
    for (int i = 0; i < 2; ++i) next[random() % next.size()] = any_move(random, shape, reserve);
    const std::int64_t found = fullest(shape, next);
    if (found < best) continue;
    best = found;
    plan = next;
  }
  return best;
}

std::int64_t worst_of(WindowMode mode, std::int64_t limit, std::int64_t parts, bool reserve) {
  std::int64_t worst = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    worst = std::max(worst, climb(seed, {limit, parts * 100, parts, mode}, reserve));
  }
  return worst;
}

}  // namespace

TEST_CASE("verbs: an adversary who climbs finds the limit of a strict window, and not one more") {
  for (const std::int64_t parts : {1, 2, 6, 12}) {
    for (const bool reserve : {false, true}) {
      INFO(parts << " sub-windows" << (reserve ? ", with turns" : ""));
      CHECK(worst_of(WindowMode::kStrict, 9, parts, reserve) == 9);
    }
  }
}

// 2 L - 1: one permit of the oldest sub-window always counts as one, and between it and the latest all count in full.
TEST_CASE("verbs: an adversary who climbs finds one less than twice the limit of an estimating window, and no more") {
  std::int64_t worst = 0;
  for (const std::int64_t parts : {1, 2, 6, 12}) {
    for (const bool reserve : {false, true}) {
      INFO(parts << " sub-windows" << (reserve ? ", with turns" : ""));
      const std::int64_t found = worst_of(WindowMode::kEstimate, 9, parts, reserve);
      CHECK(found <= 2 * 9 - 1);
      worst = std::max(worst, found);
    }
  }
  CHECK(worst == 2 * 9 - 1);
}
