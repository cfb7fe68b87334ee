// SPDX-License-Identifier: MIT
// What stands behind a RateLimiter: what is decided here, what is asked of the store, and what its answer means.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "redis/limit_rule.h"
#include "redis/local_cells.h"
#include "redis/request.h"
#include "redis/store_core.h"
#include "redis/total.h"
#include "seawall/detail/striped_counter.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/redis/rate_limiter.h"

namespace seawall::redis {

// What is asked: to take permits, or what who takes them would be told.
enum class Verb : bool { kTake, kPeek };

class LimiterCore : public std::enable_shared_from_this<LimiterCore> {
 public:
  using Share = std::variant<std::monostate, KeyedRateLimiter<TokenBucket>, KeyedRateLimiter<SlidingWindow>>;
  // An answer with a fault is none: the policy decides.
  using Done = std::function<void(const Answer&)>;

  LimiterCore(std::shared_ptr<StoreCore> store, const RateLimiterOptions& options, const LimitRule& rule,
              std::int64_t batch, Share share, detail::SipKey seed);

  // What can be decided without the store; counted. False: ask, and for `room` permits of a lease as well. Tells when
  // that was: to read the clock waits for what came before, so the key is hashed meanwhile.
  bool decide_here(std::string_view key, std::int64_t n, TimePoint& now, Answer& answer, std::int64_t& room) {
    const std::uint64_t hashed = hash(key);
    now = Clock::now();
    if (n > rule_.limit()) return refuse_here(Decision::kNever, answer);
    const CellAnswer cell = cells_.take(hashed, now, n);
    room = cells_.batch() - cell.left;
    if (cell.says == CellAnswer::Says::kTaken) [[likely]] {
      if (cell.ask) [[unlikely]]
        ask_ahead(key, now, room);
      answer.allowed = true;
      answer.limit = rule_.limit();
      answer.remaining = cell.left;
      answer.charge = {1, n};
      answer.by = DecidedBy::kLease;
      return true;
    }
    if (cell.says == CellAnswer::Says::kDenied) return refuse_here(cell.wait, answer);
    if (cell.says == CellAnswer::Says::kAsk) room = 0;
    return false;
  }
  Duration denied(std::string_view key, TimePoint now, std::int64_t n) noexcept {
    return cells_.denied(hash(key), now, n);
  }

  // Asks the store, `done` is called once: here, or on the store's thread until the instant that is answered. Here only
  // for a caller who waits, or when nothing is sent. Who goes on is told what is settled; who waits settles it himself.
  TimePoint ask(std::string_view key, TimePoint now, std::int64_t n, std::int64_t room, Caller caller, Done done);
  // After decide_here() said to ask for a lease too, instead of ask().
  void not_asked(std::string_view key) { cells_.bring(hash(key), Clock::now(), 0); }
  TimePoint ask_peek(std::string_view key, TimePoint now, std::int64_t n, Caller caller, Done done);
  TimePoint ask_back(std::string_view key, TimePoint now, const StoreCharge& charge, Caller caller,
                     std::function<void(std::int64_t)> done);
  std::int64_t give_back_here(std::string_view key, TimePoint now, const Answer& answer);

  // The answer itself, or the policy's where it has a fault; counted.
  Answer settled(Verb verb, std::string_view key, TimePoint now, std::int64_t n, const Answer& answer);
  // What the store's answer for one key means; a refusal is remembered from `asked` on.
  Answer decided(std::string_view key, TimePoint asked, const KeyAnswer& answer, std::int64_t n);
  // What one to `peek` means, which was asked about rung(n).
  Answer looked(const KeyAnswer& answer, std::int64_t n) const;
  std::int64_t rung(std::int64_t n) const { return std::clamp<std::int64_t>(n, 1, rule_.limit()); }
  // How many permits one to `give` brought back; nobody is refused by memory then.
  std::int64_t given_back(std::uint64_t hash, const KeyAnswer& answer);
  Answer timed_out() const { return refusal(Duration(0), DecidedBy::kPolicy, store_->loop().lost_as(Fault::kTimeout)); }
  Answer refusal(Duration wait, DecidedBy by, Fault fault = Fault::kNone) const;

  std::uint64_t hash(std::string_view key) const noexcept { return detail::siphash(seed_, key); }
  std::string full_key(std::string_view key) const;
  const LimitRule& rule() const noexcept { return rule_; }
  StoreLoop& store() noexcept { return store_->loop(); }
  const RateLimiterOptions& options() const noexcept { return options_; }
  RateLimiterStats stats() const;

 private:
  void count(DecidedBy by) noexcept { decisions_[static_cast<std::size_t>(by)].add(); }
  bool refuse_here(Duration wait, Answer& answer);
  Answer taken(std::string_view key, TimePoint asked, std::int64_t n, std::int64_t room, const CallResult& result);
  Answer policy(Verb verb, std::string_view key, TimePoint now, std::int64_t n, Fault fault);
  void bring(std::uint64_t hash, std::int64_t permits);
  // A lease alone, for later requests.
  void ask_ahead(std::string_view key, TimePoint now, std::int64_t room);
  RequestPtr call(std::string_view verb, std::string_view key, std::span<const std::int64_t> rungs) const;

  const std::shared_ptr<StoreCore> store_;
  const RateLimiterOptions options_;
  const std::string key_head_;  // of the keys in Redis
  const LimitRule rule_;
  const detail::SipKey seed_;
  LocalCells cells_;
  Share share_;
  std::array<detail::StripedCounter, 4> decisions_;  // by DecidedBy
  Total foreign_;
  Total leases_;
  Total leased_permits_;
};

// A call about these keys; the arguments of each follow.
RequestPtr make_call(std::string_view verb, std::span<const std::string> keys);
// Hands it to the store, or calls done at once. Answers until when done is called.
TimePoint submit(StoreLoop& store, const RequestPtr& request, Caller caller, TimePoint now);
// For Request::done: tells `done` what `conclude` makes of the result. Again the same, when there was no memory for it.
template <class Conclude, class Done>
auto told_once(Conclude conclude, Done done) {
  using Told = std::invoke_result_t<Conclude&, const CallResult&>;
  return [conclude = std::move(conclude), done = std::move(done),
          told = std::optional<Told>()](const CallResult& result) mutable {
    if (!told) told = conclude(result);
    done(*told);
  };
}
// The answer about key i; null numbers when the script said less.
std::optional<KeyAnswer> key_answer(const CallResult& result, std::size_t i);

}  // namespace seawall::redis
