// SPDX-License-Identifier: MIT
//
// A fleet in simulated time: processes that register with one real ServiceRegistry, and clients that each keep a real
// registry of their own, filled by a SourceFollower with a rendezvous subset of that list. The same seed gives the same
// run. What is simulated is the rest: time, calls and how they fail, deaths, and a source that lies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "seawall/algorithm/rendezvous.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"

namespace simulation {

using seawall::Duration;
using seawall::TimePoint;
using namespace std::chrono_literals;

struct Options {
  std::size_t instances = 10'000;
  std::size_t clients = 1'000;
  std::size_t subset = 100;  // of a client
  std::size_t zones = 3;
  double calls_per_second = 30;  // of a client
  std::uint64_t seed = 1;
  Duration deploy_from = 20s, deploy_for = 60s;  // each process is replaced once, evenly over this time
  Duration drain = 4s;                           // between saying "draining" and stopping
  Duration zone_loss = 100s;                     // all of the last zone, without a word
  Duration lie_from = 150s, lie_for = 20s;       // the source answers "nobody"
  Duration end = 180s;
};

// One second.
struct Second {
  std::int64_t calls = 0;
  std::int64_t first_failures = 0;  // of first attempts
  std::int64_t failures = 0;        // of calls: the one retry elsewhere failed too, or there was nobody
  std::int64_t listed = 0;          // instances in the clients' registries, at its end
  std::int64_t spread_from = 0;     // processes that served all of it
  double spread = 0;                // standard deviation of their calls over the mean
};

struct Report {
  std::vector<Second> seconds;
  std::vector<double> to_first_pick;  // seconds from serving to being in a client's list, for each process and client
  std::vector<double> to_last_pick_drained,
      to_last_pick_lost;          // from draining, from death, to the last call sent there
  std::int64_t healthy_lost = 0;  // serving processes that a client's source last listed and its registry lacks
};

class Fleet {
 public:
  explicit Fleet(const Options& options);
  Report run();

 private:
  enum class What { kBeat, kServe, kDrain, kStop, kLoseZone, kCall, kEnd, kPoll, kList, kSecond };
  struct Event {
    std::int64_t at;
    std::uint64_t order;
    What what;
    std::size_t who;
    friend bool operator>(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };
  enum class Life { kStarting, kServing, kDraining, kStopped, kLost };
  struct Process {
    seawall::Registration mine;
    Life life = Life::kStarting;
    std::size_t place = 0;  // the instance number that it stands for; its zone is place % zones
    std::int64_t serving_since = -1, leaving_since = -1, last_call = -1;
    std::int64_t calls = 0;  // in this second
  };
  struct Client {
    std::unique_ptr<seawall::ServiceRegistry> registry;
    seawall::ListSource source;
    std::unique_ptr<seawall::SourceFollower> follower;
    std::optional<seawall::Service> service;
    std::uint64_t seed = 0, version = 0;
    std::int64_t listed_at = -1;
    std::vector<std::size_t> known;  // processes in its list, sorted
  };
  struct Call {
    std::size_t client = 0;
    std::size_t process = 0;
    seawall::Pick pick;
    bool retry = false, fails = false;
  };

  void after(Duration delay, What what, std::size_t who);
  Duration jittered(Duration about);
  void handle(const Event& event);
  std::size_t start(std::size_t place);
  void beat(std::size_t process);
  void stop(std::size_t process);
  void lose_zone();
  void list();
  void poll(std::size_t client);
  seawall::SourceAnswer subset_for(Client& client, std::vector<std::size_t>& chosen);
  void compare(Client& client, std::vector<std::size_t>&& chosen);
  void send(std::size_t client, std::size_t call, std::span<const std::uint32_t> exclude);
  void end_call(std::size_t call);
  void look_for_lost();
  void end_second();
  std::size_t free_call();
  bool lying() const {
    return now_ >= options_.lie_from.count() && now_ < (options_.lie_from + options_.lie_for).count();
  }
  TimePoint now() const { return seawall::time_from_ns(now_); }
  Second& second() { return report_.seconds.back(); }

  const Options options_;
  std::mt19937_64 random_;
  std::int64_t now_ = 0;
  std::uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Process> processes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Call> calls_;
  std::vector<std::size_t> free_calls_;
  seawall::ServiceRegistry central_;
  std::uint64_t version_ = 0;
  std::int64_t listed_at_ = -1;
  seawall::SourceAnswer listing_;    // of the central registry, as the clients' servers have it
  std::vector<std::size_t> listed_;  // the processes in it
  std::vector<seawall::algorithm::Rendezvous::Member> members_, scratch_;
  Report report_;
};

}  // namespace simulation
