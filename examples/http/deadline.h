// SPDX-License-Identifier: MIT
//
// Deadline: calls an action when a time set has passed, made for limits that nearly never strike.
//
// Moving the time is a plain store as long as the timer already sleeps no longer than that: it looks at the time again
// when it wakes. A connection that answers thousands of requests a second so touches its timer once in a while.
// For the loop's thread only.
#pragma once

#include <functional>
#include <memory>

#include "http/task.h"

namespace http {

class Deadline {
 public:
  Deadline(Executor executor, std::function<void()> action);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(SteadyTime when);
  void clear() noexcept;
  bool expired() const noexcept;  // since the last set

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace http
