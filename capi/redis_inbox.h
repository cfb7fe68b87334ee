// SPDX-License-Identifier: MIT
//
// Where answers arrive that nobody waits for.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "internal.h"
#include "seawall/redis/limit_set.h"
#include "seawall/redis/registrar.h"

namespace seawall::capi {

// Kept by the calls under way, so that the handle may go before they end.
class Inbox {
 public:
  template <class Answer>
  struct Arrival {
    uint64_t tag;
    Answer answer;
  };

  Inbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Inbox() { shut(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Of an inbox that is not shut.
  int fd() const noexcept { return fd_; }

  // Closes the descriptor, whoever still brings answers.
  void shut() {
    const std::lock_guard lock(mutex_);
    arrivals_ = {};
    if (const int fd = std::exchange(fd_, -1); fd >= 0) ::close(fd);
  }

  template <class Answer>
  void put(uint64_t tag, Answer answer) {
    const std::lock_guard lock(mutex_);
    if (fd_ < 0) return;
    of<Answer>().push_back({tag, std::move(answer)});
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);  // a full counter can be read as well
  }
  // Takes the oldest of its kind; the descriptor can be read for as long as there is another of any.
  template <class Answer>
  bool take(Arrival<Answer>& out) {
    const std::lock_guard lock(mutex_);
    if (of<Answer>().empty()) return false;
    out = std::move(of<Answer>().front());
    of<Answer>().pop_front();
    uint64_t count = 0;
    if (of<redis::SetAnswer>().empty() && of<redis::StoreWord>().empty()) [[maybe_unused]]
      const ssize_t n = ::read(fd_, &count, sizeof count);
    return true;
  }

 private:
  template <class Answer>
  using Arrivals = std::deque<Arrival<Answer>>;
  template <class Answer>
  Arrivals<Answer>& of() {
    return std::get<Arrivals<Answer>>(arrivals_);
  }

  int fd_;
  std::mutex mutex_;
  std::tuple<Arrivals<redis::SetAnswer>, Arrivals<redis::StoreWord>> arrivals_;
};

}  // namespace seawall::capi

struct seawall_redis_inbox : seawall::capi::Handle<0x52496e62> {  // "RInb"
  ~seawall_redis_inbox() { rep->shut(); }
  std::shared_ptr<seawall::capi::Inbox> rep = std::make_shared<seawall::capi::Inbox>();
};
