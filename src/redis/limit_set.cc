// SPDX-License-Identifier: MIT
#include "seawall/redis/limit_set.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "redis/limiter_core.h"
#include "redis/waiter.h"

namespace seawall::redis {

namespace {

using Keys = std::vector<std::string>;

SetAnswer concluded(std::vector<Answer> answers) {
  SetAnswer set{.allowed = true, .retry_after = Duration(0), .answers = std::move(answers)};
  for (const Answer& answer : set.answers) {
    if (answer.allowed) continue;
    set.allowed = false;
    set.retry_after = std::max(set.retry_after, answer.retry_after);
  }
  return set;
}

// Whether an earlier place has the same key in Redis, which would be charged once for both.
bool given_before(const std::vector<RateLimiter>& limiters, const auto& keys, std::size_t at) noexcept {
  const RateLimiterOptions& own = limiters[at].options();
  for (std::size_t i = 0; i < at; ++i) {
    const RateLimiterOptions& other = limiters[i].options();
    if (keys[i] == keys[at] && own.name == other.name && own.tag == other.tag) return true;
  }
  return false;
}

// What is refused without asking: a cost that can never be, a cached refusal. Empty: ask.
std::vector<Answer> refused_here(const std::vector<RateLimiter>& limiters, const Keys& keys, TimePoint now,
                                 std::int64_t n) {
  std::vector<Answer> answers(limiters.size());
  bool refused = false;
  for (std::size_t i = 0; i < limiters.size(); ++i) {
    LimiterCore& limiter = *limiters[i].core();
    const bool never = i >= keys.size() || n > limiter.rule().limit() || given_before(limiters, keys, i);
    const Duration wait = never ? Decision::kNever : limiter.denied(keys[i], now, n);
    answers[i] = limiter.refusal(wait, DecidedBy::kDenialCache);
    answers[i].allowed = wait == Duration(0);
    if (answers[i].allowed) answers[i].remaining = -1;
    refused |= wait != Duration(0);
  }
  if (!refused) answers.clear();
  return answers;
}

// Of each limiter's policy; all or none.
std::vector<Answer> by_policy(const std::vector<RateLimiter>& limiters, const Keys& keys, TimePoint now, std::int64_t n,
                              Fault fault) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < limiters.size(); ++i) {
    Answer asked;
    asked.fault = fault;
    answers.push_back(limiters[i].core()->settled(keys[i], now, n, asked));
  }
  if (std::all_of(answers.begin(), answers.end(), [](const Answer& answer) { return answer.allowed; })) return answers;
  for (std::size_t i = 0; i < limiters.size(); ++i) {
    answers[i].remaining += limiters[i].core()->give_back_here(keys[i], now, answers[i]);
    answers[i].charge = {};
  }
  return answers;
}

SetAnswer settled(const std::vector<RateLimiter>& limiters, const Keys& keys, TimePoint now, std::int64_t n,
                  const SetAnswer& told, Fault fault) {
  if (fault != Fault::kNone) return concluded(by_policy(limiters, keys, now, n, fault));
  SetAnswer set = told;
  for (std::size_t i = 0; i < limiters.size(); ++i) {
    set.answers[i] = limiters[i].core()->settled(i < keys.size() ? keys[i] : "", now, n, set.answers[i]);
  }
  return set;
}

// What came of the call, before any policy.
struct Told {
  SetAnswer set;
  Fault fault = Fault::kTimeout;
};

// Asks for all in one call. Answers the deadline.
TimePoint ask(const std::vector<RateLimiter>& limiters, const Keys& keys, TimePoint now, std::int64_t n, Caller caller,
              const std::function<void(const Told&)>& done) {
  std::vector<std::string> full;
  for (std::size_t i = 0; i < limiters.size(); ++i) full.push_back(limiters[i].core()->full_key(keys[i]));
  const RequestPtr request = make_call(n > 0 ? "take" : "peek", full);
  const std::int64_t rung = std::max<std::int64_t>(n, 1);
  for (const RateLimiter& limiter : limiters) {
    request->words.add(limiter.core()->rule().argument(std::span(&rung, 1)));
  }
  request->done = [limiters, keys, now, n, rung, done](const CallResult& result) {
    Told told{.set = {}, .fault = result.fault};
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < limiters.size() && result.fault == Fault::kNone; ++i) {
      const auto each = key_answer(result, i);
      if (!each) return done({.set = {}, .fault = Fault::kRefused});
      answers.push_back(limiters[i].core()->decided(keys[i], now, *each, rung));
      if (n > 0) continue;
      answers.back().allowed = true;
      answers.back().retry_after = Duration(0);
    }
    told.set = concluded(std::move(answers));
    done(told);
  };
  return submit(limiters.front().core()->store(), request, caller, now);
}

Keys copied(std::span<const std::string_view> keys) { return {keys.begin(), keys.end()}; }

}  // namespace

std::size_t SetAnswer::refused_by() const noexcept {
  std::size_t worst = answers.size();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const bool longer = worst == answers.size() || answers[i].retry_after > answers[worst].retry_after;
    if (!answers[i].allowed && longer) worst = i;
  }
  return worst;
}

std::size_t LimitSet::repeated(std::span<const std::string_view> keys) const noexcept {
  const std::size_t count = std::min(keys.size(), limiters_.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (given_before(limiters_, keys, i)) return i;
  }
  return keys.size();
}

Result<LimitSet> LimitSet::make(std::vector<RateLimiter> limiters) {
  const auto count = static_cast<std::int64_t>(limiters.size());
  if (count < 1 || count > static_cast<std::int64_t>(kMost)) return out_of_range("limiters of a set", count, 1, kMost);
  for (const RateLimiter& limiter : limiters) {
    if (&limiter.core()->store() != &limiters.front().core()->store()) {
      return Error{Code::kInvalidArgument, "the limiters of a set must be of one store"};
    }
    const std::string& tag = limiter.options().tag;
    const bool same = !tag.empty() && tag == limiters.front().options().tag;
    if (limiter.core()->store().options().cluster && count > 1 && !same) {
      return Error{Code::kInvalidArgument,
                   "in a cluster the limiters of a set need the same tag: their keys lie in its slot"};
    }
  }
  return LimitSet(std::move(limiters));
}

SetAnswer LimitSet::try_acquire(std::span<const std::string_view> keys, std::int64_t n) {
  const TimePoint now = Clock::now();
  const Keys own = copied(keys);
  if (auto answers = refused_here(limiters_, own, now, n); !answers.empty()) {
    return settled(limiters_, own, now, n, concluded(std::move(answers)), Fault::kNone);
  }
  const auto waiter = std::make_shared<Waiter<Told>>();
  const TimePoint until =
      ask(limiters_, own, now, n, Caller::kWaits, [waiter](const Told& told) { waiter->set(told); });
  const Fault late = limiters_.front().core()->store().lost_as(Fault::kTimeout);
  const Told told = waiter->wait_until(until).value_or(Told{.set = {}, .fault = late});
  return settled(limiters_, own, now, n, told.set, told.fault);
}

void LimitSet::try_acquire_async(std::span<const std::string_view> keys, std::int64_t n, Done done) {
  const TimePoint now = Clock::now();
  const Keys own = copied(keys);
  if (auto answers = refused_here(limiters_, own, now, n); !answers.empty()) {
    return done(settled(limiters_, own, now, n, concluded(std::move(answers)), Fault::kNone));
  }
  ask(limiters_, own, now, n, Caller::kGoesOn,
      [limiters = limiters_, own, now, n, answer = std::optional<SetAnswer>(),
       done = std::move(done)](const Told& told) mutable {
        if (!answer) answer = settled(limiters, own, now, n, told.set, told.fault);
        done(*answer);  // again the same, when there was no memory for it
      });
}

}  // namespace seawall::redis
