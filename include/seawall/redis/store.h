// SPDX-License-Identifier: MIT
//
// Store: a Redis server, one of several that fail over to each other, or a Redis Cluster, as the limiters see it.
//
// One store serves all limiters of a process: its one thread owns the connections, and sends what all callers ask at
// the same moment in one write (they are pipelined, and answered in order); who blocks while nothing else is under way
// sends and reads himself, on the same connection. Every request has a deadline. A node that fails or falls silent is
// left and connected anew, with a growing and jittered pause; a CircuitBreaker for each node spares callers the wait
// meanwhile. Nothing has to be restarted after any failure. Scripts are loaded on connecting, and sent whole when the
// server has forgotten them.
//
// Failover: give all servers of a replicated set as endpoints; the one whose role is master is used. Cluster: give any
// of its nodes; the others, and who owns which slot, are asked of them, and redirections are followed.
//
// Any thread may call anything. Sockets and the thread belong to the process that made the store: make it after a fork.
// A host name is looked up on connecting, by a thread for as long as that takes.
//
//   auto store = seawall::redis::Store::open({.endpoints = {{"127.0.0.1", 6379}}});
//   auto users = seawall::redis::RateLimiter::make(store.value(), {.name = "user", .quota = quota});
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall::redis {

class StoreCore;  // src/redis/store_core.h

struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
};

struct StoreOptions {
  std::vector<Endpoint> endpoints{};
  bool cluster = false;
  std::string user{};  // empty with a password: the old AUTH
  std::string password{};
  std::int32_t database = 0;  // 0 in a cluster

  Duration deadline = std::chrono::milliseconds(10);  // of each request, from the call to the answer
  // Of what nobody waits for: the calls of a registry. They go round the breaker.
  Duration background_deadline = std::chrono::seconds(1);
  // A connection that owes an answer, and brings nothing for so long, is blackholed: it is closed. Longer than any
  // pause of the server that is worth waiting out. Also the limit for connecting.
  Duration silence = std::chrono::milliseconds(250);
  Duration reconnect_min = std::chrono::milliseconds(10);  // doubles with each failure, up to max; then less by chance
  Duration reconnect_max = std::chrono::seconds(1);
  std::uint32_t most_pending = 16384;  // requests under way; more are not sent (Fault::kAway)
  // Round each node. A request beyond its deadline is a failure.
  CircuitBreakerOptions breaker{.open_duration = std::chrono::milliseconds(500), .open_jitter_percent = 20};
};

struct StoreStats {
  bool up = false;                // some node answers
  bool unauthorized = false;      // the last server that was tried refuses our user or password, or wants one
  std::uint64_t requests = 0;     // sent, or queued to be
  std::uint64_t answered = 0;     // in time, errors of the script included
  std::uint64_t timeouts = 0;     // Fault::kTimeout
  std::uint64_t not_sent = 0;     // Fault::kAway for an open breaker, or too many pending
  std::uint64_t connects = 0;     // connections that came up
  std::uint64_t disconnects = 0;  // connections lost or closed
  std::uint64_t silences = 0;     // of these, closed for silence
  std::uint64_t reloads = 0;      // scripts sent whole because the server had forgotten them
  std::uint64_t moved = 0;        // redirections of a cluster
  std::uint64_t asked = 0;
  std::uint64_t batches = 0;   // writes to a socket: requests / batches is how many share one
  std::uint64_t messages = 0;  // hints of others, by publish and subscribe
  // Subscriptions that the server refused our user (NOPERM): no hints come then, polls do their work. Once a
  // connection.
  std::uint64_t channels_denied = 0;
  std::string refusal{};  // why the last server that was tried turned us away, in its words; empty: it did not
};

class Store {
 public:
  // Starts the thread and returns at once, whether a server is there or not. Errors: kInvalidArgument, naming the
  // option; kInternal when the system refuses a thread.
  static Result<Store> open(const StoreOptions& options);

  // The thread ends with the last Store and limiter that refer to it. Requests under way are answered by the policy.
  Store(const Store&) = default;
  Store& operator=(const Store&) = default;

  StoreStats stats() const;
  const std::shared_ptr<StoreCore>& core() const noexcept { return core_; }

 private:
  explicit Store(std::shared_ptr<StoreCore> core) : core_(std::move(core)) {}
  std::shared_ptr<StoreCore> core_;
};

}  // namespace seawall::redis
