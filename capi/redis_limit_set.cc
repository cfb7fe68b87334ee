// SPDX-License-Identifier: MIT
// Sets of limits, and the inboxes in which answers arrive.
#include "seawall/redis/limit_set.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "redis_handles.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Answer;
using seawall::redis::LimitSet;
using seawall::redis::RateLimiter;
using seawall::redis::SetAnswer;

namespace {

// Kept by the calls under way, so that the handle may go before they end.
class Inbox {
 public:
  struct Arrival {
    uint64_t tag;
    SetAnswer answer;
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
    arrivals_.clear();
    if (const int fd = std::exchange(fd_, -1); fd >= 0) ::close(fd);
  }

  void put(Arrival arrival) {
    const std::lock_guard lock(mutex_);
    if (fd_ < 0) return;
    arrivals_.push_back(std::move(arrival));
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);  // a full counter can be read as well
  }
  // Takes the oldest; the descriptor can be read for as long as there is another.
  bool take(Arrival& out) {
    const std::lock_guard lock(mutex_);
    if (arrivals_.empty()) return false;
    out = std::move(arrivals_.front());
    arrivals_.pop_front();
    uint64_t count = 0;
    if (arrivals_.empty()) [[maybe_unused]]
      const ssize_t n = ::read(fd_, &count, sizeof count);
    return true;
  }

 private:
  int fd_;
  std::mutex mutex_;
  std::deque<Arrival> arrivals_;
};

static_assert(LimitSet::kMost == SEAWALL_LIMIT_SET_MOST);
using Keys = std::array<std::string_view, LimitSet::kMost>;

// The keys as texts; false unless there is a readable one for each limiter, and none is repeated.
bool bound(const LimitSet& set, const seawall_text* keys, size_t count, Keys& out) noexcept {
  if (count != set.size() || keys == nullptr) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (keys[i].data == nullptr) return false;
    out[i] = text_in(keys[i].data, keys[i].size);
  }
  return set.repeated({out.data(), count}) == count;
}

SetAnswer set_of_one(const Answer& answer) {
  return {.allowed = answer.allowed, .retry_after = answer.retry_after, .answers = {answer}};
}

}  // namespace

struct seawall_redis_inbox : Handle<0x52496e62> {  // "RInb"
  ~seawall_redis_inbox() { rep->shut(); }
  std::shared_ptr<Inbox> rep = std::make_shared<Inbox>();
};

extern "C" {

int32_t seawall_redis_limit_set_new(const seawall_redis_limiter* const* limiters, size_t count,
                                    seawall_redis_limit_set** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (limiters == nullptr) return invalid(error, "limiters is NULL");
  if (count < 1 || count > LimitSet::kMost) {
    return fail(error, out_of_range("count", static_cast<std::int64_t>(count), 1, LimitSet::kMost));
  }
  return guarded(error, [&]() -> int32_t {
    std::vector<RateLimiter> members;
    for (size_t i = 0; i < count; ++i) {
      if (!valid(limiters[i])) {
        return wrong_handle(error, Message("no live limiter at place ").append(static_cast<std::int64_t>(i)).view());
      }
      members.push_back(limiters[i]->rep);
    }
    auto made = LimitSet::make(std::move(members));
    if (!made) return fail(error, made.error());
    *out = std::make_unique<seawall_redis_limit_set>(std::move(made).value()).release();
    return SEAWALL_OK;
  });
}

void seawall_redis_limit_set_free(seawall_redis_limit_set* set) noexcept { free_handle(set); }

int32_t seawall_redis_limit_set_try_acquire(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                            int64_t permits, seawall_redis_set_decision* decision) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  if (decision != nullptr && !usable_for(*decision, key_count)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const SetAnswer answer = set->rep.try_acquire(std::span(texts.data(), key_count), permits);
    if (decision != nullptr) write(answer, *decision);
    return code_of(answer);
  });
}

int32_t seawall_redis_inbox_new(seawall_redis_inbox** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  return guarded(error, [&]() -> int32_t {
    auto inbox = std::make_unique<seawall_redis_inbox>();
    if (inbox->rep->fd() < 0) return fail(error, SEAWALL_E_INTERNAL, "the system refuses a descriptor");
    *out = inbox.release();
    return SEAWALL_OK;
  });
}

void seawall_redis_inbox_free(seawall_redis_inbox* inbox) noexcept { free_handle(inbox); }

int32_t seawall_redis_inbox_fd(const seawall_redis_inbox* inbox) noexcept {
  return valid(inbox) ? inbox->rep->fd() : static_cast<int32_t>(SEAWALL_E_WRONG_HANDLE);
}

int32_t seawall_redis_inbox_receive(seawall_redis_inbox* inbox, uint64_t* tag,
                                    seawall_redis_set_decision* decision) noexcept {
  if (!valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (tag == nullptr || decision == nullptr || decision->struct_size < sizeof *decision ||
      decision->decisions == nullptr || !usable_for(*decision, LimitSet::kMost)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  return guarded(nullptr, [&] {
    Inbox::Arrival arrival;
    if (!inbox->rep->take(arrival)) return 0;
    *tag = arrival.tag;
    write(arrival.answer, *decision);
    return 1;
  });
}

int32_t seawall_redis_limiter_try_acquire_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                int64_t permits, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  if (!valid(limiter) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || permits < 0) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    limiter->rep.try_acquire_async(text_in(key, key_size), permits, [to = inbox->rep, tag](const Answer& answer) {
      to->put({tag, set_of_one(answer)});
    });
    return SEAWALL_OK;
  });
}

int32_t seawall_redis_limit_set_try_acquire_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                  size_t key_count, int64_t permits, seawall_redis_inbox* inbox,
                                                  uint64_t tag) noexcept {
  if (!valid(set) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    set->rep.try_acquire_async(std::span(texts.data(), key_count), permits,
                               [to = inbox->rep, tag](const SetAnswer& answer) {
                                 to->put({tag, answer});
                               });
    return SEAWALL_OK;
  });
}

}  // extern "C"
