// SPDX-License-Identifier: MIT
#include "redis/store_core.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace seawall::redis {

namespace {

constexpr Duration kSlotsAgain = std::chrono::milliseconds(100);  // between two questions for the slots
constexpr Duration kSlotsFresh = std::chrono::seconds(10);        // asked so often when all is well
constexpr Duration kSlotsLook = std::chrono::milliseconds(20);    // for a node to ask, while none is up
constexpr int kMostHops = 5;
constexpr std::uint64_t kAloneInARow = 16;  // requests until callers drive: handing over costs one of them a wake-up

// Relaxed: totals, each by itself.
void add(std::atomic<std::uint64_t>& total) { total.fetch_add(1, std::memory_order_relaxed); }

bool starts_with(std::string_view text, std::string_view head) { return text.substr(0, head.size()) == head; }

// HOST:PORT; an empty host is that of the node that says so.
Endpoint endpoint_of(std::string_view text, const Endpoint& from) {
  const auto colon = text.rfind(':');
  Endpoint endpoint{std::string(text.substr(0, colon)), 0};
  if (endpoint.host.empty()) endpoint.host = from.host;
  if (colon != std::string_view::npos) {
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), endpoint.port);
  }
  return endpoint;
}

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

bool StoreLoop::submit(const RequestPtr& request) {
  if (left_behind()) return not_sent();
  // Relaxed: a bound on memory, no more exact than that.
  if (pending_.load(std::memory_order_relaxed) >= options_.most_pending) return not_sent();
  const TimePoint now = Clock::now();
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
  add(counters_.requests);
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
  add(counters_.not_sent);
  return false;
}

void StoreLoop::stop() {
  stopping_.store(true, std::memory_order_release);  // release: pairs with the load in run()
  waker_.wake();
  off_duty_.wake();
}

void StoreLoop::run() {
  for (take_over(); !stopping_.load(std::memory_order_acquire); take_over()) turn();
  {
    const detail::MutexLock lock(mutex_);
    by_deadline_[0].insert(by_deadline_[0].end(), submitted_.begin(), submitted_.end());
    submitted_.clear();
  }
  for (auto& queue : by_deadline_) {
    for (const RequestPtr& request : std::exchange(queue, {})) {
      finish(request, Outcome::kIgnored, {Fault::kAway, {}});
    }
  }
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
    Polled(off_duty_).wait(kSlotsFresh);
  }
}

void StoreLoop::turn() {
  std::vector<RequestPtr> submitted;
  std::vector<Listener> listeners;
  {
    const detail::MutexLock lock(mutex_);
    submitted.swap(submitted_);
    listeners.swap(new_listeners_);
  }
  now_ = Clock::now();
  for (Listener& listener : listeners) add_listener(std::move(listener));
  for (const RequestPtr& request : submitted) accept(request);
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
  }
  leave(Driver::kThread);
  off_duty_.wake();
}

// For want of memory. A connection that has something under way may have lost track of it.
void StoreLoop::give_up(const RequestPtr& own) noexcept {
  try {
    finish(own, Outcome::kIgnored, {Fault::kAway, {}});
  } catch (const std::bad_alloc&) {  // nor has whom it tells: the caller waits out his deadline
  }
  for (std::size_t i = 0; i < node_count_; ++i) {
    if (nodes_[i]->up() && !nodes_[i]->quiet()) nodes_[i]->close(now_);
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
  TimePoint next = now_ + kSlotsFresh;
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
      const RequestPtr request = queue.front();
      if (!request->finished() && request->deadline > now) break;
      queue.pop_front();
      if (request->finished()) continue;
      add(counters_.timeouts);
      finish(request, Outcome::kFailure, {lost_as(Fault::kTimeout), {}});
    }
  }
}

void StoreLoop::finish(const RequestPtr& request, Outcome outcome, const CallResult& result) {
  if (request->finished()) return;
  if (request->breaker != nullptr) request->breaker->report(request->token, outcome);
  pending_.fetch_sub(1, std::memory_order_relaxed);  // as in submit()
  std::exchange(request->done, nullptr)(result);
}

void StoreLoop::answered(Node& node, const RequestPtr& request, const redisReply& reply) {
  if (is_error(reply)) return failed(node, request, text_of(reply));
  CallResult result;
  if (reply.type == REDIS_REPLY_STRING) result.texts.emplace_back(text_of(reply));
  for (std::size_t i = 0; is_array(reply, i + 1); ++i) {
    const redisReply& element = *reply.element[i];
    if (element.type == REDIS_REPLY_STRING) {
      result.texts.emplace_back(text_of(element));
    } else {
      result.numbers.push_back(element.integer);
    }
  }
  add(counters_.answered);
  finish(request, Outcome::kSuccess, result);
}

void StoreLoop::failed(Node& node, const RequestPtr& request, std::string_view error) {
  if (starts_with(error, "NOSCRIPT")) {
    add(counters_.reloads);
    request->whole = true;
    return node.send(request, /*asking=*/false, now_);
  }
  if (starts_with(error, "MOVED ") || starts_with(error, "ASK ")) return redirect(node, request, error);
  if (starts_with(error, "TRYAGAIN") && request->hops++ < kMostHops) return node.send(request, /*asking=*/true, now_);
  add(counters_.answered);
  if (starts_with(error, "SEAWALL"))
    return finish(request, Outcome::kSuccess, {Fault::kForeign, {}, {std::string(error)}});
  // A master that became a replica, or lost its own: there may be another one.
  const bool deposed = starts_with(error, "READONLY") || starts_with(error, "MASTERDOWN");
  want_slots_ = true;
  const Fault fault = starts_with(error, "NOAUTH") ? Fault::kUnauthorized : Fault::kRefused;
  finish(request, Outcome::kFailure, {fault, {}, {std::string(error)}});
  if (deposed && !options_.cluster) node.close(now_);
}

// "MOVED SLOT HOST:PORT" is for good, "ASK SLOT HOST:PORT" for this once.
void StoreLoop::redirect(Node& from, const RequestPtr& request, std::string_view error) {
  const auto space = error.rfind(' ');
  const std::size_t to = node_at(endpoint_of(error.substr(space + 1), from.endpoint()));
  const bool moved = error[0] == 'M';
  add(moved ? counters_.moved : counters_.asked);
  if (moved) {
    // Release: with the number comes the node.
    owner_[request->slot].store(static_cast<std::uint8_t>(to), std::memory_order_release);
    want_slots_ = true;
  }
  if (request->hops++ >= kMostHops) return finish(request, Outcome::kFailure, {Fault::kRefused, {}});
  nodes_[to]->send(request, /*asking=*/!moved, now_);
}

void StoreLoop::lost(const RequestPtr& request) { finish(request, Outcome::kFailure, {lost_as(Fault::kAway), {}}); }

void StoreLoop::connected(Node& node) {
  if (&node == listener_.get()) return;
  add(counters_.connects);
  counters_.nodes_up.fetch_add(1, std::memory_order_relaxed);  // relaxed: for stats() alone
  want_slots_ = true;
  refused({}, /*unauthorized=*/false);
}

void StoreLoop::disconnected(Node& node, bool was_up, bool silent) {
  if (&node == listener_.get()) return;
  want_slots_ = true;
  if (silent) add(counters_.silences);
  if (!was_up) return;
  add(counters_.disconnects);
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

void StoreLoop::wrote() { add(counters_.batches); }

void StoreLoop::add_listener(Listener listener) {
  std::erase_if(listeners_, [](const Listener& each) { return each.whose.expired(); });
  const std::string channel = listener.channel;
  listeners_.push_back(std::move(listener));
  if (std::find(channels_.begin(), channels_.end(), channel) != channels_.end()) return;
  channels_.push_back(channel);
  if (listener_) return listener_->subscribe(channel, now_);
  NodeOwner& owner = *this;
  listener_ = std::make_unique<Node>(options_.endpoints, options_, breaker_config_, scripts_, owner, &channels_);
}

void StoreLoop::heard(std::string_view channel, std::string_view message) {
  add(counters_.messages);
  for (const Listener& listener : listeners_) {
    if (listener.channel != channel) continue;
    if (const auto whose = listener.whose.lock()) listener.heard(message);
  }
}

void StoreLoop::denied() { add(counters_.channels_denied); }

TimePoint StoreLoop::slots_due() const { return slots_asked_ + (want_slots_ ? kSlotsAgain : kSlotsFresh); }

void StoreLoop::refresh_slots(TimePoint now) {
  if (now < slots_due()) return;
  for (std::size_t i = 0; i < node_count_; ++i) {
    Node& node = *nodes_[slots_turn_++ % node_count_];
    if (!node.up()) continue;
    slots_asked_ = now;
    return node.ask_slots(now);
  }
}

// [first slot, last slot, [host, port, id], replicas...]...
void StoreLoop::learnt_slots(Node& node, const redisReply& reply) {
  if (is_error(reply)) return;
  want_slots_ = false;
  for (std::size_t i = 0; is_array(reply, i + 1); ++i) {
    const redisReply& range = *reply.element[i];
    if (!is_array(range, 3) || !is_array(*range.element[2], 2)) continue;
    const redisReply& master = *range.element[2];
    Endpoint endpoint{std::string(text_of(*master.element[0])), static_cast<std::uint16_t>(master.element[1]->integer)};
    if (endpoint.host.empty()) endpoint.host = node.endpoint().host;
    const std::size_t owner = node_at(endpoint);
    want_slots_ |= !nodes_[owner]->up();  // until a replica has taken over
    const auto first = std::max<std::int64_t>(range.element[0]->integer, 0);
    const auto last = std::min<std::int64_t>(range.element[1]->integer, kHashSlots - 1);
    for (std::int64_t slot = first; slot <= last; ++slot) {
      // Release: with the number comes the node.
      owner_[static_cast<std::size_t>(slot)].store(static_cast<std::uint8_t>(owner), std::memory_order_release);
    }
  }
}

std::size_t StoreLoop::node_at(const Endpoint& endpoint) {
  for (std::size_t i = 0; i < node_count_; ++i) {
    if (nodes_[i]->endpoint().host == endpoint.host && nodes_[i]->endpoint().port == endpoint.port) return i;
  }
  return add_node({endpoint});
}

// Beyond the bound the first node stands in for all others; it redirects, or refuses.
std::size_t StoreLoop::add_node(std::vector<Endpoint> endpoints) {
  if (node_count_ == kMostNodes) return 0;
  NodeOwner& owner = *this;
  nodes_[node_count_] = std::make_unique<Node>(std::move(endpoints), options_, breaker_config_, scripts_, owner);
  return node_count_++;
}

}  // namespace seawall::redis
