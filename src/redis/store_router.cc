// SPDX-License-Identifier: MIT
// Where a store's requests go: its nodes, who owns which slot of a cluster, and what becomes of one that is sent away.
#include <algorithm>
#include <charconv>

#include "redis/store_core.h"

namespace seawall::redis {

namespace {

constexpr Duration kSlotsAgain = std::chrono::milliseconds(100);  // between two questions for the slots
constexpr Duration kSlotsFresh = std::chrono::seconds(10);        // asked so often when all is well
constexpr int kMostHops = 5;

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

void StoreLoop::failed(Node& node, const RequestPtr& request, std::string_view error) {
  if (starts_with(error, "NOSCRIPT")) {
    counters_.reloads.add();
    request->whole = true;
    return node.send(request, /*asking=*/false, now_);
  }
  if (starts_with(error, "MOVED ") || starts_with(error, "ASK ")) return redirect(node, request, error);
  if (starts_with(error, "TRYAGAIN") && request->hops++ < kMostHops) return node.send(request, /*asking=*/true, now_);
  counters_.answered.add();
  if (starts_with(error, "SEAWALL")) return finish(request, Outcome::kSuccess, {Fault::kForeign, {}, {&error, 1}});
  // A master that became a replica, or lost its own: there may be another one.
  const bool deposed = starts_with(error, "READONLY") || starts_with(error, "MASTERDOWN");
  want_slots_ = true;
  const Fault fault = starts_with(error, "NOAUTH") ? Fault::kUnauthorized : Fault::kRefused;
  finish(request, Outcome::kFailure, {fault, {}, {&error, 1}});
  if (deposed && !options_.cluster) node.close(now_);
}

// "MOVED SLOT HOST:PORT" is for good, "ASK SLOT HOST:PORT" for this once.
void StoreLoop::redirect(Node& from, const RequestPtr& request, std::string_view error) {
  const auto space = error.rfind(' ');
  const std::size_t to = node_at(endpoint_of(error.substr(space + 1), from.endpoint()));
  const bool moved = error[0] == 'M';
  (moved ? counters_.moved : counters_.asked).add();
  if (moved) {
    // Release: with the number comes the node.
    owner_[request->slot].store(static_cast<std::uint8_t>(to), std::memory_order_release);
    want_slots_ = true;
  }
  if (request->hops++ >= kMostHops) return finish(request, Outcome::kFailure, {Fault::kRefused, {}});
  nodes_[to]->send(request, /*asking=*/!moved, now_);
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

}  // namespace seawall::redis
