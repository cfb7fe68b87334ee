// SPDX-License-Identifier: MIT
//
// Result<T>: a value or an Error, for what can go wrong outside a request: bad configuration, I/O, a full table.
//
// A refusal (limiter says no, breaker is open) is an answer, never an Error. An Error names its culprit in a text of at
// most Message::kCapacity bytes that lives inside it: no allocation, usable in constant expressions and without
// exceptions. value() on an error aborts the process, as dereferencing an empty optional would be undefined.
//
//   auto quota = seawall::Quota::make(100, std::chrono::seconds(1));
//   if (!quota) return report(quota.error().message.view());
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <variant>

namespace seawall {

// Stable numbers, the same as SEAWALL_E_* of the C API. They only grow at the end.
enum class Code : std::int32_t {
  kInvalidArgument = -1,  // the message names the argument and what is allowed
  kWrongHandle = -2,      // C API: NULL, or a handle of another type
  kNoMemory = -3,
  kBufferTooSmall = -4,  // the needed size is reported beside it
  kNotFound = -5,
  kAlreadyExists = -6,
  kFenced = -7,    // a newer generation took over; the caller must stop
  kFull = -8,      // a stated bound is reached; nothing was added
  kInternal = -9,  // a defect of Seawall: please report it
};

// A text of bounded length, built by appending; what does not fit is cut, between two characters of UTF-8.
class Message {
 public:
  static constexpr std::size_t kCapacity = 224;

  constexpr Message() = default;
  constexpr Message(std::string_view text) { append(text); }  // NOLINT: a text is a message
  constexpr Message(const char* text) { append(text); }       // NOLINT: a literal is a message

  constexpr Message& append(std::string_view text) {
    for (const char c : head(text, kCapacity - size_)) text_[size_++] = c;
    return *this;
  }
  constexpr Message& append(std::int64_t number) {
    std::array<char, 20> digits{};
    std::size_t at = digits.size();
    const bool negative = number < 0;
    auto rest = negative ? ~static_cast<std::uint64_t>(number) + 1 : static_cast<std::uint64_t>(number);
    do {
      digits[--at] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) append("-");
    return append(std::string_view(digits.data() + at, digits.size() - at));
  }

  constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }

  // The whole characters in the first `most` bytes of `text`.
  static constexpr std::string_view head(std::string_view text, std::size_t most) noexcept {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
    return text.substr(0, most);
  }

 private:
  std::array<char, kCapacity> text_{};
  std::size_t size_ = 0;
};

struct Error {
  Code code = Code::kInternal;
  Message message;
};

// "NAME must be from LOW to HIGH, not GIVEN": the error of most options.
constexpr Error out_of_range(std::string_view name, std::int64_t given, std::int64_t low, std::int64_t high) {
  Message m(name);
  m.append(" must be from ").append(low).append(" to ").append(high).append(", not ").append(given);
  return {Code::kInvalidArgument, m};
}

template <class T>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  constexpr Result(const Error& error) : state_(std::in_place_index<1>, error) {}  // NOLINT: implicit

  constexpr bool ok() const noexcept { return state_.index() == 0; }
  constexpr explicit operator bool() const noexcept { return ok(); }

  constexpr const T& value() const& { return std::get<0>(checked(0)); }
  constexpr T& value() & { return std::get<0>(checked(0)); }
  constexpr T&& value() && { return std::get<0>(std::move(checked(0))); }
  constexpr const Error& error() const& { return std::get<1>(checked(1)); }

 private:
  constexpr const std::variant<T, Error>& checked(std::size_t index) const {
    if (state_.index() != index) std::abort();
    return state_;
  }
  constexpr std::variant<T, Error>& checked(std::size_t index) {
    if (state_.index() != index) std::abort();
    return state_;
  }

  std::variant<T, Error> state_;
};

// For what has no value: `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  constexpr Result() = default;
  constexpr Result(const Error& error) : failed_(true), error_(error) {}  // NOLINT: implicit

  constexpr bool ok() const noexcept { return !failed_; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  constexpr const Error& error() const& { return failed_ ? error_ : (std::abort(), error_); }

 private:
  bool failed_ = false;
  Error error_;
};

}  // namespace seawall
