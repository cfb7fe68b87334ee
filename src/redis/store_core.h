// SPDX-License-Identifier: MIT
// What stands behind a Store: the thread, the nodes, who owns which slot, and the requests under way.
//
// One thread at a time drives the loop: sends, polls and reads. That is the store's thread, until a number of requests
// in a row came while no other was under way, and all is quiet: then it goes off duty, and a caller who waits anyway
// drives for his own request alone, which saves two wake-ups. Whatever else comes calls the store's thread back. So a
// caller runs no callback but his own.
#pragma once

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "redis/hash_slot.h"
#include "redis/node.h"
#include "redis/request.h"
#include "redis/socket.h"
#include "redis/total.h"
#include "seawall/detail/fork_epoch.h"
#include "seawall/detail/mutex.h"
#include "seawall/redis/store.h"

namespace seawall::redis {

class StoreLoop final : private NodeOwner {
 public:
  static constexpr std::size_t kMostNodes = 64;

  StoreLoop(const StoreOptions& options, const CircuitBreakerConfig& breaker, Scripts scripts);

  // Any thread. False, and nothing is called: not sent: lost_as(Fault::kAway). Else request->done is called at the
  // deadline (told in request->deadline) or before: by the store's thread, or, if the caller waits, perhaps in here.
  bool submit(const RequestPtr& request, TimePoint now);
  // Any thread. `heard` is called by the loop's thread with each message of the channel, for as long as `whose` is
  // there. Messages are lost while there is no connection, and nobody is told.
  using Heard = std::function<void(std::string_view message)>;
  void listen(std::string channel, std::weak_ptr<const void> whose, Heard heard);
  void stop();
  // Of a request that nobody answers, where it would be `fault` if a server let us in.
  Fault lost_as(Fault fault) const noexcept;
  // Whether this is a child of the process that made it: the thread did not come along, and the mutex may be held.
  bool left_behind() noexcept;
  // There: the handle of the thread, which must not be destroyed.
  void keep(std::thread lost) noexcept { lost_ = std::move(lost); }
  StoreStats stats() const;
  const StoreOptions& options() const noexcept { return options_; }

  // The store's thread.
  void run();

 private:
  enum class Driver : std::uint8_t { kThread, kCaller, kNobody };

  struct Listener {
    std::string channel;
    std::weak_ptr<const void> whose;
    Heard heard;
  };

  // NodeOwner
  void answered(Node& node, const RequestPtr& request, const redisReply& reply) override;
  void lost(const RequestPtr& request) override;
  void learnt_slots(Node& node, const redisReply& reply) override;
  void connected(Node& node) override;
  void disconnected(Node& node, bool was_up, bool silent) override;
  void refused(std::string_view error, bool unauthorized) override;
  void wrote() override;
  void heard(std::string_view channel, std::string_view message) override;
  void denied() override;

  bool not_sent();
  bool hand_in(const RequestPtr& request);
  Waker* call_thread() SEAWALL_REQUIRES(mutex_);
  bool has_new() const SEAWALL_REQUIRES(mutex_) {
    return !submitted_.empty() || !new_listeners_.empty() || thread_asks_;
  }
  bool called_away();

  // The store's thread alone.
  void take_over();
  void take_in();
  void turn();
  void without_memory() noexcept;
  void go_off_duty(TimePoint until);
  void add_listener(const Listener& listener);

  // Who drives.
  void drive(const RequestPtr& own) noexcept;
  void lost_track() noexcept;
  void accept(const RequestPtr& request);
  void tend();
  void poll(Node* listener, TimePoint until);
  TimePoint next_due() const;
  bool quiet() const;
  bool leave(Driver to);
  void expire(TimePoint now);
  TimePoint slots_due() const;
  void refresh_slots(TimePoint now);
  void redirect(Node& from, const RequestPtr& request, std::string_view error);
  void failed(Node& node, const RequestPtr& request, std::string_view error);
  void told(const RequestPtr& request, const redisReply& reply);
  void finish(const RequestPtr& request, Outcome outcome, const CallResult& result) noexcept;
  // As if it had not been sent: the policy decides.
  void give_up(const RequestPtr& request) noexcept { finish(request, Outcome::kIgnored, {Fault::kAway, {}}); }
  std::size_t node_at(const Endpoint& endpoint);
  std::size_t add_node(std::vector<Endpoint> endpoints);

  const StoreOptions options_;
  const CircuitBreakerConfig breaker_config_;
  const Scripts scripts_;
  const pid_t pid_ = getpid();
  std::atomic<std::uint64_t> fork_epoch_{detail::fork_epoch()};  // seen last in pid_
  Waker waker_;                                                  // wakes who drives
  Waker off_duty_;                                               // wakes the store's thread when it does not

  // Any thread. A node is made before its number is published, and never goes.
  std::array<std::unique_ptr<Node>, kMostNodes> nodes_;
  std::array<std::atomic<std::uint8_t>, kHashSlots> owner_{};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> pending_{0};
  std::atomic<bool> unauthorized_{false};
  mutable detail::Mutex mutex_;
  std::vector<RequestPtr> submitted_ SEAWALL_GUARDED_BY(mutex_);
  std::vector<Listener> new_listeners_ SEAWALL_GUARDED_BY(mutex_);
  // Passed on under the mutex, so the next driver sees what the last one did. Nobody drives only while has_new() is
  // false and all is quiet.
  Driver driver_ SEAWALL_GUARDED_BY(mutex_) = Driver::kThread;
  bool thread_asks_ SEAWALL_GUARDED_BY(mutex_) = false;  // to drive
  bool asleep_ SEAWALL_GUARDED_BY(mutex_) = false;       // who drives
  std::string refusal_ SEAWALL_GUARDED_BY(mutex_);

  struct Counters {
    std::atomic<std::uint32_t> nodes_up{0};
    Total requests, answered, timeouts, not_sent, connects, disconnects, silences, reloads, moved, asked, batches,
        messages, channels_denied;
  } counters_;

  std::thread lost_;

  // Who drives.
  std::size_t node_count_ = 0;
  TimePoint now_{};
  std::array<std::deque<RequestPtr>, 2> by_deadline_;  // those of callers, and those in the background
  std::uint64_t alone_in_a_row_ = 0;
  bool want_slots_ = false;
  TimePoint slots_asked_{};
  std::size_t slots_turn_ = 0;

  // The store's thread.
  std::vector<RequestPtr> taken_in_;  // handed in; from accepted_ on not accepted yet
  std::size_t accepted_ = 0;
  std::deque<Listener> joining_;  // not added yet
  std::vector<std::string> channels_;
  std::vector<Listener> listeners_;
  std::unique_ptr<Node> listener_;  // a connection of its own, once somebody listens
};

// Owns the thread; the last reference may go on the thread itself.
class StoreCore {
 public:
  explicit StoreCore(std::shared_ptr<StoreLoop> loop) : loop_(std::move(loop)) {}
  ~StoreCore();
  StoreCore(const StoreCore&) = delete;
  StoreCore& operator=(const StoreCore&) = delete;

  // The thread that runs the loop. Once, before anybody else has the core.
  void start(std::thread thread) noexcept { thread_ = std::move(thread); }
  StoreLoop& loop() noexcept { return *loop_; }
  const StoreOptions& options() const noexcept { return loop_->options(); }

 private:
  std::shared_ptr<StoreLoop> loop_;
  std::thread thread_;
};

}  // namespace seawall::redis
