// SPDX-License-Identifier: MIT
//
// The values of the HTTP fields RateLimit-Policy, RateLimit (draft-ietf-httpapi-ratelimit-headers-10) and Retry-After
// (RFC 9110), written into the caller's buffer.
//
//   RateLimit-Policy: "user";q=200;w=60, "service";q=1000;w=60      all limits
//   RateLimit: "user";r=150;t=12                                    the limit nearest to refusing
//   Retry-After: 12                                                 on a refusal
//
// Seconds are rounded up, and on a refusal at least 1, so that nobody comes back too early. A wait that will never do
// is not told: RateLimit has no t then, Retry-After no value. Pure functions, no allocation; about 40 bytes a limit.
//
//   const std::array limits{seawall::LimitStatus{"user", 200, 60s, answer.decisions[0]}};
//   std::array<char, 128> buffer;
//   if (auto value = seawall::rate_limit(buffer, limits)) response.set("RateLimit", value.value());
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "seawall/decision.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct LimitStatus {
  std::string_view name;   // printable ASCII
  std::int64_t quota = 0;  // permits in each window
  Duration window{0};
  Decision decision{};
};

// Whole seconds, rounded up.
constexpr std::int64_t header_seconds(Duration wait) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns = std::max<std::int64_t>(wait.count(), 0);
  return ns / kSecond + (ns % kSecond != 0 ? 1 : 0);
}

namespace detail {

class HeaderText {
 public:
  explicit constexpr HeaderText(std::span<char> buffer) noexcept : buffer_(buffer) {}

  constexpr HeaderText& add(std::string_view text) noexcept {
    for (const char c : text) put(c);
    return *this;
  }
  constexpr HeaderText& add(std::int64_t number) noexcept { return add(Message().append(number).view()); }
  // A string of structured fields (RFC 9651).
  constexpr HeaderText& quote(std::string_view text) noexcept {
    put('"');
    for (const char c : text) {
      if (c < ' ' || c > '~') bad_name_ = true;
      if (c == '"' || c == '\\') put('\\');
      put(c);
    }
    put('"');
    return *this;
  }
  constexpr std::size_t size() const noexcept { return size_; }  // needed, whether there was room or not
  constexpr Result<std::string_view> done() const {
    if (bad_name_) return Error{Code::kInvalidArgument, "the name of a limit must be printable ASCII"};
    if (size_ <= buffer_.size()) return std::string_view(buffer_.data(), size_);
    Message m("the buffer must have ");
    return Error{Code::kBufferTooSmall, m.append(static_cast<std::int64_t>(size_)).append(" bytes")};
  }

 private:
  constexpr void put(char c) noexcept {
    if (size_ < buffer_.size()) buffer_[size_] = c;
    ++size_;
  }

  std::span<char> buffer_;
  std::size_t size_ = 0;
  bool bad_name_ = false;
};

}  // namespace detail

// The limit that says most: of those that refuse the one with the longest wait, else the one with the least left.
constexpr const LimitStatus* nearest_limit(std::span<const LimitStatus> limits) noexcept {
  const LimitStatus* nearest = nullptr;
  for (const LimitStatus& limit : limits) {
    const Decision& mine = limit.decision;
    const bool nearer = nearest == nullptr ||
                        (nearest->decision.allowed ? !mine.allowed || mine.remaining < nearest->decision.remaining
                                                   : !mine.allowed && mine.retry_after > nearest->decision.retry_after);
    if (nearer) nearest = &limit;
  }
  return nearest;
}

namespace detail {

constexpr void write_policy(HeaderText& text, std::span<const LimitStatus> limits) noexcept {
  for (const LimitStatus& limit : limits) {
    if (&limit != limits.data()) text.add(", ");
    text.quote(limit.name).add(";q=").add(limit.quota);
    if (limit.window > Duration(0)) text.add(";w=").add(header_seconds(limit.window));
  }
}

constexpr void write_state(HeaderText& text, std::span<const LimitStatus> limits) noexcept {
  const LimitStatus* nearest = nearest_limit(limits);
  if (nearest == nullptr) return;
  const Decision& decision = nearest->decision;
  text.quote(nearest->name).add(";r=").add(std::max<std::int64_t>(decision.remaining, 0));
  if (decision.allowed) {
    text.add(";t=").add(header_seconds(decision.reset_after));
  } else if (!decision.never()) {
    text.add(";t=").add(std::max<std::int64_t>(header_seconds(decision.retry_after), 1));
  }
}

constexpr void write_wait(HeaderText& text, Duration wait) noexcept {
  if (wait != Decision::kNever) text.add(std::max<std::int64_t>(header_seconds(wait), 1));
}

}  // namespace detail

// All three: empty when there is nothing to say. Errors: kBufferTooSmall, with the size that would do; kInvalidArgument
// for a name that is not printable ASCII.
constexpr Result<std::string_view> rate_limit_policy(std::span<char> buffer, std::span<const LimitStatus> limits) {
  detail::HeaderText text(buffer);
  detail::write_policy(text, limits);
  return text.done();
}

constexpr Result<std::string_view> rate_limit(std::span<char> buffer, std::span<const LimitStatus> limits) {
  detail::HeaderText text(buffer);
  detail::write_state(text, limits);
  return text.done();
}

// Of a refusal, with the wait of its decision.
constexpr Result<std::string_view> retry_after(std::span<char> buffer, Duration wait) {
  detail::HeaderText text(buffer);
  detail::write_wait(text, wait);
  return text.done();
}

}  // namespace seawall
