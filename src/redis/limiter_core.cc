// SPDX-License-Identifier: MIT
#include "redis/limiter_core.h"

#include <algorithm>
#include <utility>

namespace seawall::redis {

namespace {

constexpr Duration kDeniedFor = std::chrono::seconds(1);  // what WhenAway::kDeny says
constexpr std::size_t kLongestKey = 200;

// `least` and as many of `more` on top as there are: all, a half, a quarter, ..., none.
class Rungs {
 public:
  Rungs(std::int64_t least, std::int64_t more, std::int64_t limit) noexcept {
    for (; more > 0; more /= 2) {
      if (least + more <= limit) permits_[count_++] = least + more;
    }
    if (least > 0) permits_[count_++] = least;
  }
  std::span<const std::int64_t> permits() const noexcept { return std::span(permits_).first(count_); }
  std::int64_t taken(const KeyAnswer& answer) const noexcept {
    const auto at = static_cast<std::size_t>(answer.rung - 1);
    return answer.taken() && at < count_ ? permits_[at] : 0;
  }

 private:
  std::array<std::int64_t, 64> permits_;  // a number has no more halves
  std::size_t count_ = 0;
};

// Of a call without an answer: at least that it was none.
Fault fault_of(const CallResult& result) { return result.fault == Fault::kNone ? Fault::kRefused : result.fault; }

// Long keys by their head and 128 bits of a hash that is the same in all processes.
std::string shortened(std::string_view key) {
  std::string text(key.substr(0, kLongestKey - 33));
  text.append("#");
  for (const detail::SipKey half : {detail::SipKey{0x5ea, 0x11}, detail::SipKey{0x3a11, 0x22}}) {
    const std::uint64_t hash = detail::siphash<2, 4>(half, key);
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back("0123456789abcdef"[hash >> shift & 15]);
  }
  return text;
}

}  // namespace

RequestPtr make_call(std::string_view verb, std::span<const std::string> keys) {
  auto request = std::make_shared<Request>();
  std::size_t size = 32;
  for (const std::string& key : keys) size += key.size() + 128;  // with its argument
  request->words.text.reserve(size);
  request->words.add(static_cast<std::int64_t>(keys.size()));
  for (const std::string& key : keys) request->words.add(key);
  request->words.add(verb);
  request->slot = hash_slot(keys.front());
  return request;
}

TimePoint submit(StoreLoop& store, const RequestPtr& request, Caller caller, TimePoint now) {
  request->caller = caller;
  if (store.submit(request, now)) return request->deadline;
  std::exchange(request->done, nullptr)({store.lost_as(Fault::kAway), {}});
  return now;
}

std::optional<KeyAnswer> key_answer(const CallResult& result, std::size_t i) {
  if (result.fault != Fault::kNone || result.texts.empty()) return std::nullopt;
  std::array<std::int64_t, 7> numbers{};
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    const auto number = packed_at(result.texts.front(), k < 3 ? k : k + 4 * i);
    if (!number) return std::nullopt;
    numbers[k] = *number;
  }
  return KeyAnswer{numbers[0], numbers[1], numbers[2], {numbers[3], numbers[4], numbers[5], numbers[6]}};
}

LimiterCore::LimiterCore(std::shared_ptr<StoreCore> store, const RateLimiterOptions& options, const LimitRule& rule,
                         std::int64_t batch, Share share, detail::SipKey seed)
    : store_(std::move(store)),
      options_(options),
      key_head_("seawall:{" + (options.tag.empty() ? options.name : options.tag + "}:" + options.name) + ":"),
      rule_(rule),
      seed_(seed),
      cells_(options.memory_bytes, batch, options.lease_time, Clock::now()),
      share_(std::move(share)) {}

std::string LimiterCore::full_key(std::string_view key) const {
  std::string full;
  full.reserve(key_head_.size() + std::min(key.size(), kLongestKey) + 1);
  full.append(key_head_);
  key.size() > kLongestKey ? full.append(shortened(key)) : full.append(key);
  if (options_.tag.empty()) full.append("}");
  return full;
}

Answer LimiterCore::refusal(Duration wait, DecidedBy by, Fault fault) const {
  Answer answer{Decision{.allowed = false, .limit = rule_.limit(), .retry_after = wait, .reset_after = wait}};
  if (wait == Decision::kNever) answer.reset_after = Duration(0);
  answer.by = by;
  answer.fault = fault;
  return answer;
}

bool LimiterCore::refuse_here(Duration wait, Answer& answer) {
  answer = refusal(wait, DecidedBy::kDenialCache);
  count(answer.by);
  return true;
}

RequestPtr LimiterCore::call(std::string_view verb, std::string_view key, std::span<const std::int64_t> rungs) const {
  const std::string full = full_key(key);
  RequestPtr request = make_call(verb, std::span(&full, 1));
  request->words.add(rule_.argument(rungs));
  return request;
}

TimePoint LimiterCore::ask(std::string_view key, TimePoint now, std::int64_t n, std::int64_t room, Caller caller,
                           Done done) {
  const RequestPtr request = call("take", key, Rungs(n, room, rule_.limit()).permits());
  request->done = told_once(
      [self = shared_from_this(), text = std::string(key), now, n, room, caller](const CallResult& result) {
        const Answer answer = self->taken(text, now, n, room, result);
        return caller == Caller::kGoesOn ? self->settled(Verb::kTake, text, now, n, answer) : answer;
      },
      std::move(done));
  return submit(store(), request, caller, now);
}

Answer LimiterCore::taken(std::string_view key, TimePoint asked, std::int64_t n, std::int64_t room,
                          const CallResult& result) {
  const auto told = key_answer(result, 0);
  if (room > 0) bring(hash(key), told ? Rungs(n, room, rule_.limit()).taken(*told) - n : 0);
  return told ? decided(key, asked, *told, n) : refusal(kDeniedFor, DecidedBy::kPolicy, fault_of(result));
}

void LimiterCore::bring(std::uint64_t hash, std::int64_t permits) {
  if (permits > 0) {
    leases_.add();
    leased_permits_.add(static_cast<std::uint64_t>(permits));
  }
  cells_.bring(hash, Clock::now(), permits);
}

// The caller has his permits already.
void LimiterCore::ask_ahead(std::string_view key, TimePoint now, std::int64_t room) {
  const RequestPtr request = call("take", key, Rungs(0, room, rule_.limit()).permits());
  request->done = [self = shared_from_this(), hash = hash(key), room](const CallResult& result) {
    const auto answer = key_answer(result, 0);
    self->bring(hash, answer ? Rungs(0, room, self->rule_.limit()).taken(*answer) : 0);
  };
  submit(store(), request, Caller::kGoesOn, now);
}

TimePoint LimiterCore::ask_peek(std::string_view key, TimePoint now, std::int64_t n, Caller caller, Done done) {
  const std::int64_t permits = rung(n);
  const RequestPtr request = call("peek", key, std::span(&permits, 1));
  request->done = told_once(
      [self = shared_from_this(), text = std::string(key), now, n, caller](const CallResult& result) {
        const auto told = key_answer(result, 0);
        const Answer answer =
            told ? self->looked(*told, n) : self->refusal(kDeniedFor, DecidedBy::kPolicy, fault_of(result));
        return caller == Caller::kGoesOn ? self->settled(Verb::kPeek, text, now, n, answer) : answer;
      },
      std::move(done));
  return submit(store(), request, caller, now);
}

Answer LimiterCore::looked(const KeyAnswer& told, std::int64_t n) const {
  Answer answer{rule_.decision(told, rung(n))};
  if (n <= 0) {
    answer.allowed = true;
    answer.retry_after = Duration(0);
  } else if (n > rule_.limit()) {
    answer.allowed = false;
    answer.retry_after = Decision::kNever;
  }
  return answer;
}

TimePoint LimiterCore::ask_back(std::string_view key, TimePoint now, const StoreCharge& charge, Caller caller,
                                std::function<void(std::int64_t)> done) {
  const std::string full = full_key(key);
  const RequestPtr request = make_call("give", std::span(&full, 1));
  request->words.add(rule_.argument(charge));
  request->done = told_once(
      [self = shared_from_this(), hash = hash(key)](const CallResult& result) {
        const auto answer = key_answer(result, 0);
        return answer ? self->given_back(hash, *answer) : 0;
      },
      std::move(done));
  return submit(store(), request, caller, now);
}

std::int64_t LimiterCore::given_back(std::uint64_t hash, const KeyAnswer& answer) {
  cells_.forget_denial(hash);
  return rule_.given_back(answer);
}

std::int64_t LimiterCore::give_back_here(std::string_view key, TimePoint now, const Answer& answer) {
  if (answer.by == DecidedBy::kLease) return cells_.put_back(hash(key), now, answer.charge.permits);
  if (answer.by != DecidedBy::kPolicy) return 0;
  return std::visit(
      [&](auto& share) -> std::int64_t {
        if constexpr (requires { share.refund_at(key, answer.charge, now); }) {
          return share.refund_at(key, answer.charge, now);
        } else {
          return 0;
        }
      },
      share_);
}

Answer LimiterCore::decided(std::string_view key, TimePoint asked, const KeyAnswer& told, std::int64_t n) {
  Answer answer{rule_.decision(told, n)};
  answer.stored = rule_.charge(told, n);
  if (answer.allowed || options_.denial_cache == Duration(0)) return answer;
  // From when it was asked: the server decided later, so this ends no later than what it said.
  const Duration known = std::min(answer.retry_after, options_.denial_cache);
  cells_.deny(hash(key), asked, asked + known, n);
  return answer;
}

Answer LimiterCore::settled(Verb verb, std::string_view key, TimePoint now, std::int64_t n, const Answer& given) {
  const Answer answer = given.fault == Fault::kNone ? given : policy(verb, key, now, n, given.fault);
  if (given.fault == Fault::kForeign) foreign_.add();
  count(answer.by);
  return answer;
}

Answer LimiterCore::policy(Verb verb, std::string_view key, TimePoint now, std::int64_t n, Fault fault) {
  if (n > rule_.limit()) return refusal(Decision::kNever, DecidedBy::kPolicy, fault);
  Answer answer = refusal(kDeniedFor, DecidedBy::kPolicy, fault);
  if (options_.when_away == WhenAway::kAllow || n <= 0) {
    answer.allowed = true;
    answer.retry_after = answer.reset_after = Duration(0);
  }
  std::visit(
      [&](auto& share) {
        if constexpr (requires { share.try_acquire_at(key, now, n); }) {
          static_cast<Decision&>(answer) =
              verb == Verb::kTake ? share.try_acquire_at(key, now, n) : share.peek_at(key, now, n);
        }
      },
      share_);
  return answer;
}

RateLimiterStats LimiterCore::stats() const {
  const auto by = [&](DecidedBy who) { return decisions_[static_cast<std::size_t>(who)].value(); };
  return {.by_store = by(DecidedBy::kStore),
          .by_denial_cache = by(DecidedBy::kDenialCache),
          .by_policy = by(DecidedBy::kPolicy),
          .foreign = foreign_.value(),
          .leases = leases_.value(),
          .leased_permits = leased_permits_.value()};
}

}  // namespace seawall::redis
