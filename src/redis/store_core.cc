// SPDX-License-Identifier: MIT
#include "redis/store_core.h"

#include <poll.h>

#include <algorithm>
#include <new>
#include <utility>

namespace seawall::redis {

namespace {

constexpr Duration kIdle = std::chrono::seconds(10);             // the thread looks around so often at least
constexpr Duration kSlotsLook = std::chrono::milliseconds(20);   // for a node to ask, while none is up
constexpr Duration kMemoryLook = std::chrono::milliseconds(20);  // for memory, when there was none
constexpr std::uint64_t kAloneInARow = 16;  // requests until callers drive: handing over costs one of them a wake-up

// What a thread polls: what wakes it, and sockets.
class Polled {
 public:
  explicit Polled(Waker& waker) : waker_(waker) { polled_[0] = {waker.fd(), POLLIN, 0}; }

  void add(Node& node, short events) {
    if (node.fd() < 0) return;
    nodes_[count_++] = &node;
    polled_[count_] = {node.fd(), events, 0};
  }

  // Whether anything came.
  bool wait(Duration most) {
    const Duration pause = std::max(Duration(0), most);
    const timespec timeout{pause.count() / 1'000'000'000, pause.count() % 1'000'000'000};
    if (ppoll(polled_.data(), count_ + 1, &timeout, nullptr) <= 0) return false;
    if (polled_[0].revents != 0) waker_.clear();
    return true;
  }

  void tell(TimePoint now) const {
    for (std::size_t i = 0; i < count_; ++i) nodes_[i]->ready(polled_[i + 1].revents, now);
  }

 private:
  Waker& waker_;
  std::array<pollfd, StoreLoop::kMostNodes + 2> polled_;
  std::array<Node*, StoreLoop::kMostNodes + 1> nodes_;
  std::size_t count_ = 0;
};

}  // namespace

StoreLoop::StoreLoop(const StoreOptions& options, const CircuitBreakerConfig& breaker, Scripts scripts)
    : options_(options), breaker_config_(breaker), scripts_(std::move(scripts)) {
  if (!options_.cluster) {
    add_node(options_.endpoints);
  } else {
    for (const Endpoint& endpoint : options_.endpoints) node_at(endpoint);
    want_slots_ = true;
  }
}

bool StoreLoop::left_behind() noexcept {
  // Relaxed, both: the number alone matters. It also changes without a fork, so the process id has the last word.
  const std::uint64_t epoch = detail::fork_epoch();
  if (epoch == fork_epoch_.load(std::memory_order_relaxed)) return false;
  if (getpid() != pid_) return true;
  fork_epoch_.store(epoch, std::memory_order_relaxed);
  return false;
}

bool StoreLoop::submit(const RequestPtr& request, TimePoint now) {
  if (left_behind()) return not_sent();
  // Relaxed: a bound on memory, no more exact than that.
  if (pending_.load(std::memory_order_relaxed) >= options_.most_pending) return not_sent();
  request->deadline = now + (request->background ? options_.background_deadline : options_.deadline);
  if (!request->background) {
    // Acquire: with the number of a node comes the node.
    CircuitBreaker& breaker = nodes_[owner_[request->slot].load(std::memory_order_acquire)]->breaker();
    auto ticket = breaker.try_acquire_at(now);
    if (!ticket) return not_sent();
    request->breaker = &breaker;
    request->token = ticket.detach();
  }
  request->alone = pending_.fetch_add(1, std::memory_order_relaxed) == 0;  // as above
  counters_.requests.add();
  try {
    if (!hand_in(request)) drive(request);
  } catch (...) {  // for want of memory, and nobody has it
    if (request->breaker != nullptr) request->breaker->report(request->token, Outcome::kIgnored);
    pending_.fetch_sub(1, std::memory_order_relaxed);  // as above
    throw;
  }
  return true;
}

// False: it is the caller's to drive, for this request.
bool StoreLoop::hand_in(const RequestPtr& request) {
  Waker* sleeper = nullptr;
  {
    const detail::MutexLock lock(mutex_);
    if (driver_ == Driver::kNobody && request->caller == Caller::kWaits) {
      driver_ = Driver::kCaller;
      return false;
    }
    submitted_.push_back(request);
    sleeper = call_thread();
  }
  if (sleeper != nullptr) sleeper->wake();
  return true;
}

// Whom to wake, so that what has come is looked at: null when somebody will do so anyway.
Waker* StoreLoop::call_thread() {
  if (driver_ == Driver::kNobody) {
    driver_ = Driver::kThread;
    return &off_duty_;
  }
  return std::exchange(asleep_, false) ? &waker_ : nullptr;
}

void StoreLoop::listen(std::string channel, std::weak_ptr<const void> whose, Heard heard) {
  Waker* sleeper = nullptr;
  {
    const detail::MutexLock lock(mutex_);
    new_listeners_.push_back({std::move(channel), std::move(whose), std::move(heard)});
    sleeper = call_thread();
  }
  if (sleeper != nullptr) sleeper->wake();
}

bool StoreLoop::not_sent() {
  counters_.not_sent.add();
  return false;
}

void StoreLoop::stop() {
  stopping_.store(true, std::memory_order_release);  // release: pairs with the load in run()
  waker_.wake();
  off_duty_.wake();
}

void StoreLoop::run() {
  for (take_over(); !stopping_.load(std::memory_order_acquire); take_over()) {
    try {
      turn();
    } catch (const std::bad_alloc&) {
      without_memory();
    }
  }
  std::vector<RequestPtr> rest;
  {
    const detail::MutexLock lock(mutex_);
    rest.swap(submitted_);
  }
  for (const RequestPtr& request : rest) give_up(request);
  for (const RequestPtr& request : taken_in_) give_up(request);
  taken_in_.clear();
  for (auto& queue : by_deadline_) {
    for (; !queue.empty(); queue.pop_front()) give_up(queue.front());
  }
}

// What was just handed in is answered as if it had not been sent, so that the policy decides; what is under way by
// lost_track(). Whoever wants to listen stays in joining_, and is tried again.
void StoreLoop::without_memory() noexcept {
  taken_in_.erase(taken_in_.begin(), taken_in_.begin() + static_cast<std::ptrdiff_t>(std::exchange(accepted_, 0)));
  for (const RequestPtr& request : taken_in_) give_up(request);
  std::erase_if(taken_in_, [](const RequestPtr& request) { return request->finished(); });
  lost_track();
  if (listener_ && listener_->fd() >= 0 && !listener_->quiet()) listener_->close(now_);
  want_slots_ = true;
  Polled(off_duty_).wait(kMemoryLook);
}

// From a caller who drives, as soon as he looks up.
void StoreLoop::take_over() {
  for (;;) {
    Waker* sleeper = nullptr;
    {
      const detail::MutexLock lock(mutex_);
      if (driver_ != Driver::kCaller) {
        driver_ = Driver::kThread;
        thread_asks_ = false;
        return;
      }
      thread_asks_ = true;
      sleeper = call_thread();
    }
    if (sleeper != nullptr) sleeper->wake();
    Polled(off_duty_).wait(kIdle);
  }
}

void StoreLoop::take_in() {
  const detail::MutexLock lock(mutex_);
  if (taken_in_.empty()) {
    taken_in_.swap(submitted_);  // the two buffers take turns
  } else {
    taken_in_.insert(taken_in_.end(), submitted_.begin(), submitted_.end());
    submitted_.clear();
  }
  joining_.insert(joining_.end(), new_listeners_.begin(), new_listeners_.end());
  new_listeners_.clear();
}

void StoreLoop::turn() {
  take_in();
  now_ = Clock::now();
  for (; !joining_.empty(); joining_.pop_front()) add_listener(joining_.front());
  for (; accepted_ < taken_in_.size(); ++accepted_) accept(taken_in_[accepted_]);
  taken_in_.clear();
  accepted_ = 0;
  if (listener_) {
    listener_->tick(now_);
    listener_->flush(now_);
  }
  tend();
  const TimePoint next = listener_ ? std::min(next_due(), listener_->next(now_)) : next_due();
  if (alone_in_a_row_ >= kAloneInARow && quiet()) return go_off_duty(next);
  poll(listener_.get(), next);
}

// Only what a caller who drives would not see wakes the thread: a connection that is hung up, a message, and the time.
void StoreLoop::go_off_duty(TimePoint until) {
  Polled polled(off_duty_);
  for (std::size_t i = 0; i < node_count_; ++i) polled.add(*nodes_[i], POLLRDHUP);
  if (listener_) polled.add(*listener_, listener_->events());
  const Duration pause = until - now_;  // which is the driver's
  if (leave(Driver::kNobody)) polled.wait(pause);
  take_over();
  now_ = Clock::now();
  poll(listener_.get(), now_);
}

// A caller, for his own request, until it is answered or something else comes up.
void StoreLoop::drive(const RequestPtr& own) noexcept {
  try {
    now_ = Clock::now();
    accept(own);
    for (tend(); !own->finished() && !called_away(); tend()) poll(nullptr, next_due());
    if (quiet() && leave(Driver::kNobody)) return;
  } catch (const std::bad_alloc&) {
    give_up(own);
    lost_track();
  }
  leave(Driver::kThread);
  off_duty_.wake();
}

// For want of memory: a connection that has something under way may have lost track of it.
void StoreLoop::lost_track() noexcept {
  for (std::size_t i = 0; i < node_count_; ++i) {
    if (nodes_[i]->fd() >= 0 && !nodes_[i]->quiet()) nodes_[i]->close(now_);
  }
}

bool StoreLoop::called_away() {
  const detail::MutexLock lock(mutex_);
  return has_new();
}

// False: not to nobody, since something has come.
bool StoreLoop::leave(Driver to) {
  const detail::MutexLock lock(mutex_);
  if (to == Driver::kNobody && has_new()) return false;
  driver_ = to;
  return true;
}

void StoreLoop::accept(const RequestPtr& request) {
  alone_in_a_row_ = request->alone ? alone_in_a_row_ + 1 : 0;
  by_deadline_[request->background ? 1 : 0].push_back(request);
  // Relaxed: written by who drives.
  nodes_[owner_[request->slot].load(std::memory_order_relaxed)]->send(request, /*asking=*/false, now_);
}

void StoreLoop::tend() {
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->tick(now_);
  if (options_.cluster) refresh_slots(now_);
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->flush(now_);
  expire(now_);
}

bool StoreLoop::quiet() const {
  const auto first = nodes_.begin();
  return by_deadline_[0].empty() && by_deadline_[1].empty() &&
         std::all_of(first, first + static_cast<std::ptrdiff_t>(node_count_), [](const auto& n) { return n->quiet(); });
}

// Of all but the listener.
TimePoint StoreLoop::next_due() const {
  TimePoint next = now_ + kIdle;
  for (const auto& queue : by_deadline_) {
    if (!queue.empty()) next = std::min(next, queue.front()->deadline);
  }
  if (options_.cluster) next = std::min(next, std::max(slots_due(), now_ + kSlotsLook));
  for (std::size_t i = 0; i < node_count_; ++i) next = std::min(next, nodes_[i]->next(now_));
  return next;
}

void StoreLoop::poll(Node* listener, TimePoint until) {
  Polled polled(waker_);
  for (std::size_t i = 0; i < node_count_; ++i) polled.add(*nodes_[i], nodes_[i]->events());
  if (listener != nullptr) polled.add(*listener, listener->events());
  {
    const detail::MutexLock lock(mutex_);
    asleep_ = !has_new();
    if (!asleep_) until = now_;
  }
  const bool came = polled.wait(until - now_);
  {
    const detail::MutexLock lock(mutex_);
    asleep_ = false;
  }
  now_ = Clock::now();
  if (came) polled.tell(now_);
}

// All requests of a queue have the same time from the call to the deadline, so the oldest is due first.
void StoreLoop::expire(TimePoint now) {
  for (auto& queue : by_deadline_) {
    while (!queue.empty()) {
      const RequestPtr& request = queue.front();
      if (!request->finished() && request->deadline > now) break;
      if (!request->finished()) {
        if (!request->settled) counters_.timeouts.add();
        finish(request, Outcome::kFailure, {lost_as(Fault::kTimeout), {}});
      }
      if (!request->finished()) throw std::bad_alloc();
      queue.pop_front();
    }
  }
}

// Not finished by it: whom it tells has no memory for the answer. Then expire() tells him, when there is some again.
void StoreLoop::finish(const RequestPtr& request, Outcome outcome, const CallResult& result) noexcept {
  if (request->finished()) return;
  if (!std::exchange(request->settled, true)) {
    if (request->breaker != nullptr) request->breaker->report(request->token, outcome);
    pending_.fetch_sub(1, std::memory_order_relaxed);  // as in submit()
  }
  auto done = std::exchange(request->done, nullptr);
  try {
    done(result);
  } catch (const std::bad_alloc&) {
    request->done = std::move(done);
  }
}

void StoreLoop::answered(Node& node, const RequestPtr& request, const redisReply& reply) {
  try {
    is_error(reply) ? failed(node, request, text_of(reply)) : told(request, reply);
  } catch (const std::bad_alloc&) {
    give_up(request);
  }
}

void StoreLoop::told(const RequestPtr& request, const redisReply& reply) {
  const std::string_view whole = text_of(reply);
  std::vector<std::int64_t> numbers;
  std::vector<std::string_view> texts;
  for (std::size_t i = 0; is_array(reply, i + 1); ++i) {
    const redisReply& element = *reply.element[i];
    if (element.type == REDIS_REPLY_STRING) {
      texts.push_back(text_of(element));
    } else {
      numbers.push_back(element.integer);
    }
  }
  counters_.answered.add();
  const bool text = reply.type == REDIS_REPLY_STRING;
  finish(request, Outcome::kSuccess, {Fault::kNone, numbers, text ? std::span(&whole, 1) : std::span(texts)});
}

void StoreLoop::lost(const RequestPtr& request) { finish(request, Outcome::kFailure, {lost_as(Fault::kAway), {}}); }

void StoreLoop::connected(Node& node) {
  if (&node == listener_.get()) return;
  counters_.connects.add();
  counters_.nodes_up.fetch_add(1, std::memory_order_relaxed);  // relaxed: for stats() alone
  want_slots_ = true;
  refused({}, /*unauthorized=*/false);
}

void StoreLoop::disconnected(Node& node, bool was_up, bool silent) {
  if (&node == listener_.get()) return;
  want_slots_ = true;
  if (silent) counters_.silences.add();
  if (!was_up) return;
  counters_.disconnects.add();
  counters_.nodes_up.fetch_sub(1, std::memory_order_relaxed);  // as above
}

void StoreLoop::refused(std::string_view error, bool unauthorized) {
  // Relaxed: says what a fault is called, and nothing else hangs on it.
  unauthorized_.store(unauthorized, std::memory_order_relaxed);
  const detail::MutexLock lock(mutex_);
  refusal_ = error;
}

Fault StoreLoop::lost_as(Fault fault) const noexcept {
  return unauthorized_.load(std::memory_order_relaxed) ? Fault::kUnauthorized : fault;  // relaxed: as refused()
}

void StoreLoop::wrote() { counters_.batches.add(); }

// Again from the start, when there was no memory for it: to subscribe twice is harmless.
void StoreLoop::add_listener(const Listener& listener) {
  std::erase_if(listeners_, [](const Listener& each) { return each.whose.expired(); });
  if (std::find(channels_.begin(), channels_.end(), listener.channel) == channels_.end()) {
    if (listener_) listener_->subscribe(listener.channel, now_);
    channels_.push_back(listener.channel);
  }
  NodeOwner& owner = *this;
  if (!listener_) {
    listener_ = std::make_unique<Node>(options_.endpoints, options_, breaker_config_, scripts_, owner, &channels_);
  }
  listeners_.push_back(listener);
}

void StoreLoop::heard(std::string_view channel, std::string_view message) {
  counters_.messages.add();
  for (const Listener& listener : listeners_) {
    if (listener.channel != channel) continue;
    if (const auto whose = listener.whose.lock()) listener.heard(message);
  }
}

void StoreLoop::denied() { counters_.channels_denied.add(); }

StoreStats StoreLoop::stats() const {
  const detail::MutexLock lock(mutex_);
  return {.up = counters_.nodes_up.load(std::memory_order_relaxed) > 0,   // relaxed: by itself, as the totals
          .unauthorized = unauthorized_.load(std::memory_order_relaxed),  // relaxed: as refused()
          .requests = counters_.requests.value(),
          .answered = counters_.answered.value(),
          .timeouts = counters_.timeouts.value(),
          .not_sent = counters_.not_sent.value(),
          .connects = counters_.connects.value(),
          .disconnects = counters_.disconnects.value(),
          .silences = counters_.silences.value(),
          .reloads = counters_.reloads.value(),
          .moved = counters_.moved.value(),
          .asked = counters_.asked.value(),
          .batches = counters_.batches.value(),
          .messages = counters_.messages.value(),
          .channels_denied = counters_.channels_denied.value(),
          .refusal = refusal_};
}

}  // namespace seawall::redis
