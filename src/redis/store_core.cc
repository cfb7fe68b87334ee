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
  pending_.fetch_add(1, std::memory_order_relaxed);  // as above
  add(counters_.requests);
  bool wake = false;
  {
    const detail::MutexLock lock(mutex_);
    submitted_.push_back(request);
    wake = std::exchange(asleep_, false);
  }
  if (wake) waker_.wake();
  return true;
}

void StoreLoop::listen(std::string channel, std::weak_ptr<const void> whose, Heard heard) {
  {
    const detail::MutexLock lock(mutex_);
    new_listeners_.push_back({std::move(channel), std::move(whose), std::move(heard)});
  }
  waker_.wake();
}

bool StoreLoop::not_sent() {
  add(counters_.not_sent);
  return false;
}

void StoreLoop::stop() {
  stopping_.store(true, std::memory_order_release);  // release: pairs with the load in run()
  waker_.wake();
}

void StoreLoop::run() {
  while (!stopping_.load(std::memory_order_acquire)) turn();
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
  for (const RequestPtr& request : submitted) {
    by_deadline_[request->background ? 1 : 0].push_back(request);
    // Relaxed: written by this thread.
    nodes_[owner_[request->slot].load(std::memory_order_relaxed)]->send(request, /*asking=*/false, now_);
  }
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->tick(now_);
  if (listener_) listener_->tick(now_);
  if (options_.cluster) refresh_slots(now_);
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->flush(now_);
  if (listener_) listener_->flush(now_);
  expire(now_);
  wait(now_);
}

void StoreLoop::wait(TimePoint now) {
  std::array<pollfd, kMostNodes + 2> polled;
  std::array<Node*, kMostNodes + 1> node_of;
  polled[0] = {waker_.fd(), POLLIN, 0};
  std::size_t count = 0;
  TimePoint next = now + kSlotsFresh;
  for (const auto& queue : by_deadline_) {
    if (!queue.empty()) next = std::min(next, queue.front()->deadline);
  }
  if (options_.cluster) next = std::min(next, std::max(slots_due(), now + kSlotsLook));
  const auto poll_for = [&](Node* node) {
    next = std::min(next, node->next(now));
    if (node->fd() < 0) return;
    node_of[count++] = node;
    polled[count] = {node->fd(), node->events(), 0};
  };
  for (std::size_t i = 0; i < node_count_; ++i) poll_for(nodes_[i].get());
  if (listener_) poll_for(listener_.get());
  Duration pause = std::max(Duration(0), next - now);
  {
    const detail::MutexLock lock(mutex_);
    asleep_ = submitted_.empty();
    if (!asleep_) pause = Duration(0);
  }
  const timespec timeout{pause.count() / 1'000'000'000, pause.count() % 1'000'000'000};
  const int ready = ppoll(polled.data(), count + 1, &timeout, nullptr);
  {
    const detail::MutexLock lock(mutex_);
    asleep_ = false;
  }
  if (ready <= 0) return;
  if (polled[0].revents != 0) waker_.clear();
  now_ = Clock::now();
  for (std::size_t i = 0; i < count; ++i) node_of[i]->ready(polled[i + 1].revents, now_);
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

StoreStats StoreLoop::stats() const {
  const auto read = [](const auto& total) { return total.load(std::memory_order_relaxed); };  // relaxed: as add()
  const detail::MutexLock lock(mutex_);
  return {.up = read(counters_.nodes_up) > 0,
          .unauthorized = read(unauthorized_),
          .requests = read(counters_.requests),
          .answered = read(counters_.answered),
          .timeouts = read(counters_.timeouts),
          .not_sent = read(counters_.not_sent),
          .connects = read(counters_.connects),
          .disconnects = read(counters_.disconnects),
          .silences = read(counters_.silences),
          .reloads = read(counters_.reloads),
          .moved = read(counters_.moved),
          .asked = read(counters_.asked),
          .batches = read(counters_.batches),
          .messages = read(counters_.messages),
          .refusal = refusal_};
}

StoreCore::~StoreCore() {
  if (!thread_.joinable()) return;  // it was refused
  if (loop_->left_behind()) {
    // There is no thread to join or to detach; its share of the loop keeps the loop for ever, and with it the handle.
    loop_->keep(std::move(thread_));
    return;
  }
  loop_->stop();
  // The thread holds the loop, so it may outlive this.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace seawall::redis
