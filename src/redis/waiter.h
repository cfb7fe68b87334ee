// SPDX-License-Identifier: MIT
// One value that comes from another thread, or not in time.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "seawall/time.h"

namespace seawall::redis {

template <class T>
class Waiter {
 public:
  void set(const T& value) {
    {
      const std::lock_guard lock(mutex_);
      value_ = value;
    }
    there_.notify_one();  // who sets it shares this, and need not be waited for
  }

  std::optional<T> wait_until(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    there_.wait_until(lock, deadline, [this] { return value_.has_value(); });
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable there_;
  std::optional<T> value_;
};

}  // namespace seawall::redis
