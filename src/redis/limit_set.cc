// SPDX-License-Identifier: MIT
#include "seawall/redis/limit_set.h"

#include <algorithm>
#include <memory>
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

// What is asked, when, and of whom.
struct Question {
  Verb verb;
  std::vector<RateLimiter> limiters;
  Keys keys;
  std::int64_t n;
  TimePoint now = Clock::now();

  LimiterCore& limiter(std::size_t i) const { return *limiters[i].core(); }
  bool takes() const noexcept { return verb == Verb::kTake && n > 0; }
};

// What is refused without asking: a cost that can never be, a cached refusal of who wants to take. Empty: ask.
std::vector<Answer> refused_here(const Question& asked) {
  std::vector<Answer> answers(asked.limiters.size());
  bool refused = false;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    LimiterCore& limiter = asked.limiter(i);
    const bool never =
        i >= asked.keys.size() || asked.n > limiter.rule().limit() || given_before(asked.limiters, asked.keys, i);
    const Duration cached = never || !asked.takes() ? Duration(0) : limiter.denied(asked.keys[i], asked.now, asked.n);
    const Duration wait = never ? Decision::kNever : cached;
    answers[i] = limiter.refusal(wait, DecidedBy::kDenialCache);
    answers[i].allowed = wait == Duration(0);
    if (answers[i].allowed) answers[i].remaining = -1;
    refused |= wait != Duration(0);
  }
  if (!refused) answers.clear();
  return answers;
}

// Of each limiter's policy; all or none.
std::vector<Answer> by_policy(const Question& asked, Fault fault) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < asked.limiters.size(); ++i) {
    Answer away;
    away.fault = fault;
    answers.push_back(asked.limiter(i).settled(asked.verb, asked.keys[i], asked.now, asked.n, away));
  }
  if (std::all_of(answers.begin(), answers.end(), [](const Answer& answer) { return answer.allowed; })) return answers;
  for (std::size_t i = 0; i < asked.limiters.size(); ++i) {
    answers[i].remaining += asked.limiter(i).give_back_here(asked.keys[i], asked.now, answers[i]);
    answers[i].charge = {};
  }
  return answers;
}

// What came of a question, before any policy.
struct Told {
  std::vector<Answer> answers;
  Fault fault = Fault::kNone;
};

SetAnswer settled(const Question& asked, const Told& told) {
  if (told.fault != Fault::kNone) return concluded(by_policy(asked, told.fault));
  std::vector<Answer> answers = told.answers;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string_view key = i < asked.keys.size() ? std::string_view(asked.keys[i]) : "";
    answers[i] = asked.limiter(i).settled(asked.verb, key, asked.now, asked.n, answers[i]);
  }
  return concluded(std::move(answers));
}

Told told_by(const Question& asked, const CallResult& result) {
  if (result.fault != Fault::kNone) return {.answers = {}, .fault = result.fault};
  Told told;
  for (std::size_t i = 0; i < asked.limiters.size(); ++i) {
    const auto each = key_answer(result, i);
    if (!each) return {.answers = {}, .fault = Fault::kRefused};
    LimiterCore& limiter = asked.limiter(i);
    told.answers.push_back(asked.takes() ? limiter.decided(asked.keys[i], asked.now, *each, asked.n)
                                         : limiter.looked(*each, asked.n));
  }
  return told;
}

// The call that asks all.
RequestPtr call_of(const Question& asked) {
  std::vector<std::string> full;
  for (std::size_t i = 0; i < asked.limiters.size(); ++i) full.push_back(asked.limiter(i).full_key(asked.keys[i]));
  RequestPtr request = make_call(asked.takes() ? "take" : "peek", full);
  for (const RateLimiter& limiter : asked.limiters) {
    const std::int64_t rung = limiter.core()->rung(asked.n);
    request->words.add(limiter.core()->rule().argument(std::span(&rung, 1)));
  }
  return request;
}

SetAnswer wait_for(const Question& asked) {
  if (auto answers = refused_here(asked); !answers.empty()) return settled(asked, {std::move(answers)});
  const auto waiter = std::make_shared<Waiter<Told>>();
  const RequestPtr request = call_of(asked);
  request->done = told_once([asked](const CallResult& result) { return told_by(asked, result); },
                            [waiter](const Told& told) { waiter->set(told); });
  StoreLoop& store = asked.limiter(0).store();
  const TimePoint until = submit(store, request, Caller::kWaits, asked.now);
  const Fault late = store.lost_as(Fault::kTimeout);
  return settled(asked, waiter->wait_until(until).value_or(Told{.answers = {}, .fault = late}));
}

void go_on(Question asked, LimitSet::Done done) {
  if (auto answers = refused_here(asked); !answers.empty()) return done(settled(asked, {std::move(answers)}));
  const RequestPtr request = call_of(asked);
  StoreLoop& store = asked.limiter(0).store();
  const TimePoint now = asked.now;
  request->done =
      told_once([asked = std::move(asked)](const CallResult& result) { return settled(asked, told_by(asked, result)); },
                std::move(done));
  submit(store, request, Caller::kGoesOn, now);
}

// What Redis charged at one place of an answer.
struct Charged {
  RateLimiter limiter;
  std::string key;
  StoreCharge charge;
  std::size_t place;
};

// Clears the charges. Those that were made here go back at once, those of Redis are answered.
std::vector<Charged> taken_out(const std::vector<RateLimiter>& limiters, std::span<const std::string_view> keys,
                               TimePoint now, SetAnswer& answer) {
  std::vector<Charged> charged;
  for (std::size_t i = std::min({limiters.size(), keys.size(), answer.answers.size()}); i-- > 0;) {
    Answer& each = answer.answers[i];
    if (each.by != DecidedBy::kStore) {
      each.remaining += limiters[i].core()->give_back_here(keys[i], now, each);
    } else if (each.stored.permits > 0) {
      charged.push_back({limiters[i], std::string(keys[i]), each.stored, i});
    }
    each.charge = {};
    each.stored = {};
  }
  return charged;
}

// In one call; `done` is told the answer with what came back in `remaining`.
TimePoint give_back(std::vector<Charged> charged, const SetAnswer& answer, Caller caller, TimePoint now,
                    LimitSet::Done done) {
  if (charged.empty()) {
    done(answer);
    return now;
  }
  std::vector<std::string> full;
  full.reserve(charged.size());
  for (const Charged& each : charged) full.push_back(each.limiter.core()->full_key(each.key));
  const RequestPtr request = make_call("give", full);
  for (const Charged& each : charged) request->words.add(each.limiter.core()->rule().argument(each.charge));
  StoreLoop& store = charged.front().limiter.core()->store();
  request->done = told_once(
      [charged = std::move(charged), answer](const CallResult& result) {
        SetAnswer after = answer;
        for (std::size_t i = 0; i < charged.size(); ++i) {
          LimiterCore& limiter = *charged[i].limiter.core();
          const auto told = key_answer(result, i);
          if (told)
            after.answers[charged[i].place].remaining += limiter.given_back(limiter.hash(charged[i].key), *told);
        }
        return after;
      },
      std::move(done));
  return submit(store, request, caller, now);
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
  return wait_for({Verb::kTake, limiters_, copied(keys), n});
}

void LimitSet::try_acquire_async(std::span<const std::string_view> keys, std::int64_t n, Done done) {
  go_on({Verb::kTake, limiters_, copied(keys), n}, std::move(done));
}

SetAnswer LimitSet::peek(std::span<const std::string_view> keys, std::int64_t n) {
  return wait_for({Verb::kPeek, limiters_, copied(keys), n});
}

void LimitSet::peek_async(std::span<const std::string_view> keys, std::int64_t n, Done done) {
  go_on({Verb::kPeek, limiters_, copied(keys), n}, std::move(done));
}

void LimitSet::refund(std::span<const std::string_view> keys, SetAnswer& answer) {
  const TimePoint now = Clock::now();
  std::vector<Charged> charged = taken_out(limiters_, keys, now, answer);
  const auto waiter = std::make_shared<Waiter<SetAnswer>>();
  const TimePoint until = give_back(std::move(charged), answer, Caller::kWaits, now,
                                    [waiter](const SetAnswer& after) { waiter->set(after); });
  if (auto after = waiter->wait_until(until)) answer = *std::move(after);
}

void LimitSet::refund_async(std::span<const std::string_view> keys, SetAnswer& answer, Done done) {
  const TimePoint now = Clock::now();
  std::vector<Charged> charged = taken_out(limiters_, keys, now, answer);
  give_back(std::move(charged), answer, Caller::kGoesOn, now, std::move(done));
}

}  // namespace seawall::redis
