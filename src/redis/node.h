// SPDX-License-Identifier: MIT
// A server of the store, or a set of servers of which one is master: its connection, and what waits for it. All but the
// breaker belongs to the thread that drives the loop. A node with channels only listens to them: as RESP2 has it, such
// a connection takes no other commands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "redis/reply.h"
#include "redis/request.h"
#include "redis/socket.h"
#include "seawall/circuit_breaker.h"
#include "seawall/redis/store.h"
#include "seawall/time.h"

namespace seawall::redis {

class Node;

// Who owns the nodes.
class NodeOwner {
 public:
  virtual void answered(Node& node, const RequestPtr& request, const redisReply& reply) = 0;
  virtual void lost(const RequestPtr& request) = 0;  // the connection broke while it was under way
  virtual void learnt_slots(Node& node, const redisReply& reply) = 0;
  virtual void connected(Node& node) = 0;
  virtual void disconnected(Node& node, bool was_up, bool silent) = 0;
  virtual void refused(std::string_view error, bool unauthorized) = 0;  // the greeting, by the server
  virtual void wrote() = 0;
  virtual void heard(std::string_view channel, std::string_view message) = 0;
  virtual void denied() = 0;  // a channel, by the server

 protected:
  ~NodeOwner() = default;
};

class Node {
 public:
  Node(std::vector<Endpoint> endpoints, const StoreOptions& options, const CircuitBreakerConfig& breaker,
       const Scripts& scripts, NodeOwner& owner, const std::vector<std::string>* channels = nullptr);

  CircuitBreaker& breaker() noexcept { return breaker_; }

  const Endpoint& endpoint() const noexcept { return endpoints_[at_]; }
  bool up() const noexcept { return state_ == State::kUp; }
  // Up, and neither side owes the other anything.
  bool quiet() const noexcept { return up() && in_flight_.empty() && waiting_.empty() && out_.empty(); }

  // Sends it now, or when there is a connection. With `asking`, as a cluster wants it for a slot that is moving.
  void send(const RequestPtr& request, bool asking, TimePoint now);
  void ask_slots(TimePoint now);
  // To one more of its channels, if it is up; else it does on connecting.
  void subscribe(const std::string& channel, TimePoint now);

  // The loop: what to poll for; what came; what is due, and when something is next.
  int fd() const noexcept { return socket_.fd(); }
  short events() const noexcept;
  void ready(short events, TimePoint now);
  void flush(TimePoint now);
  void tick(TimePoint now);
  TimePoint next(TimePoint now) const;

  void close(TimePoint now, bool silent = false);

 private:
  enum class State { kDown, kResolving, kConnecting, kGreeting, kUp };
  enum class Purpose { kRequest, kLogin, kGreeting, kRole, kScript, kSubscribe, kSlots, kIgnored };
  struct Sent {
    Purpose purpose;
    RequestPtr request;
    TimePoint at;
  };

  void connect(TimePoint now);
  std::future<Addresses> resolve() const;
  void connect_to(const Addresses& addresses, TimePoint now);
  void greet(TimePoint now);
  void command(Purpose purpose, const Words& words, TimePoint now);
  void write(Sent sent, const Words& words, const Words& more = {});
  void write_request(const RequestPtr& request, bool asking, TimePoint now);
  void read(TimePoint now);
  bool take(const redisReply& reply, TimePoint now);
  bool greeted(Purpose purpose, const redisReply& reply);
  bool take_message(const redisReply& reply);
  void came_up(TimePoint now);
  // Without an answer until then the server is silent. An answer may be long, and one may stand before another.
  TimePoint silent_at() const { return std::max(in_flight_.front().at, heard_) + options_.silence; }

  // Any thread.
  CircuitBreaker breaker_;

  // The thread that drives.
  std::vector<Endpoint> endpoints_;
  const StoreOptions& options_;
  const Scripts& scripts_;
  NodeOwner& owner_;
  const std::vector<std::string>* const channels_;
  State state_ = State::kDown;
  std::size_t at_ = 0;        // of endpoints_, the one in use
  TimePoint retry_at_{};      // kDown: connect then
  TimePoint due_{};           // kResolving to kGreeting: give up then
  TimePoint heard_{};         // kUp: the last answer
  int failures_ = 0;          // since it was up
  bool turned_away_ = false;  // by what the server said to the greeting
  std::future<Addresses> resolving_;
  Socket socket_;
  ReplyReader reader_;
  std::string out_;
  std::size_t written_ = 0;   // of out_
  std::vector<Words> calls_;  // of scripts_, by their hashes
  std::deque<Sent> in_flight_;
  std::deque<RequestPtr> waiting_;
  std::minstd_rand random_;
};

}  // namespace seawall::redis
