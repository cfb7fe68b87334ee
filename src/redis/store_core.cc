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

StoreLoop::StoreLoop(const StoreOptions& options, const CircuitBreakerConfig& breaker, std::string script)
    : options_(options), breaker_config_(breaker), script_(std::move(script)) {
  if (!options_.cluster) {
    add_node(options_.endpoints);
  } else {
    for (const Endpoint& endpoint : options_.endpoints) node_at(endpoint);
    want_slots_ = true;
  }
}

bool StoreLoop::submit(const RequestPtr& request) {
  // Relaxed: a bound on memory, no more exact than that.
  if (pending_.load(std::memory_order_relaxed) >= options_.most_pending) return not_sent();
  // Acquire: with the number of a node comes the node.
  CircuitBreaker& breaker = nodes_[owner_[request->slot].load(std::memory_order_acquire)]->breaker();
  const TimePoint now = Clock::now();
  auto ticket = breaker.try_acquire_at(now);
  if (!ticket) return not_sent();
  request->breaker = &breaker;
  request->token = ticket.detach();
  request->deadline = now + options_.deadline;
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
    by_deadline_.insert(by_deadline_.end(), submitted_.begin(), submitted_.end());
    submitted_.clear();
  }
  for (const RequestPtr& request : std::exchange(by_deadline_, {}))
    finish(request, Outcome::kIgnored, {Fault::kAway, {}});
}

void StoreLoop::turn() {
  std::vector<RequestPtr> submitted;
  {
    const detail::MutexLock lock(mutex_);
    submitted.swap(submitted_);
  }
  now_ = Clock::now();
  for (const RequestPtr& request : submitted) {
    by_deadline_.push_back(request);
    // Relaxed: written by this thread.
    nodes_[owner_[request->slot].load(std::memory_order_relaxed)]->send(request, /*asking=*/false, now_);
  }
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->tick(now_);
  if (options_.cluster) refresh_slots(now_);
  for (std::size_t i = 0; i < node_count_; ++i) nodes_[i]->flush(now_);
  expire(now_);
  wait(now_);
}

void StoreLoop::wait(TimePoint now) {
  std::array<pollfd, kMostNodes + 1> polled;
  std::array<std::size_t, kMostNodes> node_of;
  polled[0] = {waker_.fd(), POLLIN, 0};
  std::size_t count = 0;
  TimePoint next = by_deadline_.empty() ? now + kSlotsFresh : by_deadline_.front()->deadline;
  if (options_.cluster) next = std::min(next, std::max(slots_due(), now + kSlotsLook));
  for (std::size_t i = 0; i < node_count_; ++i) {
    next = std::min(next, nodes_[i]->next(now));
    if (nodes_[i]->fd() < 0) continue;
    node_of[count++] = i;
    polled[count] = {nodes_[i]->fd(), nodes_[i]->events(), 0};
  }
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
  for (std::size_t i = 0; i < count; ++i) nodes_[node_of[i]]->ready(polled[i + 1].revents, now_);
}

// All requests have the same time from the call to the deadline, so the oldest is due first.
void StoreLoop::expire(TimePoint now) {
  while (!by_deadline_.empty()) {
    const RequestPtr request = by_deadline_.front();
    if (!request->finished() && request->deadline > now) return;
    by_deadline_.pop_front();
    if (request->finished()) continue;
    add(counters_.timeouts);
    finish(request, Outcome::kFailure, {lost_as(Fault::kTimeout), {}});
  }
}

void StoreLoop::finish(const RequestPtr& request, Outcome outcome, const CallResult& result) {
  if (request->finished()) return;
  request->breaker->report(request->token, outcome);
  pending_.fetch_sub(1, std::memory_order_relaxed);  // as in submit()
  std::exchange(request->done, nullptr)(result);
}

void StoreLoop::answered(Node& node, const RequestPtr& request, const redisReply& reply) {
  if (is_error(reply)) return failed(node, request, text_of(reply));
  CallResult result;
  for (std::size_t i = 0; is_array(reply, i + 1); ++i) result.numbers.push_back(reply.element[i]->integer);
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
  if (starts_with(error, "SEAWALL")) return finish(request, Outcome::kSuccess, {Fault::kForeign, {}});
  // A master that became a replica, or lost its own: there may be another one.
  const bool deposed = starts_with(error, "READONLY") || starts_with(error, "MASTERDOWN");
  want_slots_ = true;
  finish(request, Outcome::kFailure, {is_unauthorized(error) ? Fault::kUnauthorized : Fault::kRefused, {}});
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

void StoreLoop::connected(Node&) {
  add(counters_.connects);
  counters_.nodes_up.fetch_add(1, std::memory_order_relaxed);  // relaxed: for stats() alone
  want_slots_ = true;
  refused({}, /*unauthorized=*/false);
}

void StoreLoop::disconnected(bool was_up, bool silent) {
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
  nodes_[node_count_] = std::make_unique<Node>(std::move(endpoints), options_, breaker_config_, script_, owner);
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
          .refusal = refusal_};
}

StoreCore::~StoreCore() {
  loop_->stop();
  // The thread holds the loop, so it may outlive this.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace seawall::redis
