// SPDX-License-Identifier: MIT
//
// Execution<T>: what CircuitBreaker::execute(fn) answers: the value of fn, or that the call was refused and when to ask
// again.
//
//   auto run = breaker.execute([&] { return fetch(url); }, [](const Reply& r) { return r.status >= 500
//                                            ? seawall::Outcome::kFailure : seawall::Outcome::kSuccess; });
//   if (!run) return refuse(run.retry_after());
//   use(run.value());
#pragma once

#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>

#include "seawall/outcome.h"
#include "seawall/time.h"

namespace seawall {

struct Refused {
  Duration retry_after{0};
};

namespace detail {

struct AlwaysSuccess {
  template <class... T>
  constexpr Outcome operator()(const T&...) const noexcept {
    return Outcome::kSuccess;
  }
};

// fn(), after which an exception has been reported as a failure.
template <class Fn, class Settle>
decltype(auto) run_settling_exceptions(Fn& fn, const Settle& settle) {
#if defined(__cpp_exceptions)
  try {
    return fn();
  } catch (...) {
    settle(Outcome::kFailure);
    throw;
  }
#else
  static_cast<void>(settle);
  return fn();
#endif
}

}  // namespace detail

template <class T>
class [[nodiscard]] Execution {
  static_assert(!std::is_reference_v<T>, "return a value or a pointer: the answer outlives the call");

 public:
  explicit Execution(Refused refused) : retry_after_(refused.retry_after) {}

  template <class Fn, class Classify, class Settle>
  static Execution of(Fn& fn, Classify& classify, const Settle& settle) {
    Execution run(detail::run_settling_exceptions(fn, settle));
    settle(classify(std::as_const(*run.value_)));
    return run;
  }

  explicit operator bool() const noexcept { return value_.has_value(); }
  Duration retry_after() const noexcept { return retry_after_; }

  // Of a refused run: aborts.
  T& value() & { return value_ ? *value_ : (std::abort(), *value_); }
  const T& value() const& { return value_ ? *value_ : (std::abort(), *value_); }
  T&& value() && { return value_ ? std::move(*value_) : (std::abort(), std::move(*value_)); }

 private:
  explicit Execution(T&& value) : value_(std::move(value)) {}

  std::optional<T> value_;
  Duration retry_after_{0};
};

template <>
class [[nodiscard]] Execution<void> {
 public:
  explicit Execution(Refused refused) : retry_after_(refused.retry_after) {}

  template <class Fn, class Classify, class Settle>
  static Execution of(Fn& fn, Classify& classify, const Settle& settle) {
    detail::run_settling_exceptions(fn, settle);
    settle(classify());
    return Execution();
  }

  explicit operator bool() const noexcept { return admitted_; }
  Duration retry_after() const noexcept { return retry_after_; }

 private:
  Execution() : admitted_(true) {}

  bool admitted_ = false;
  Duration retry_after_{0};
};

}  // namespace seawall
