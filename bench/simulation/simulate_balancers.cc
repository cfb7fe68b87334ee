// SPDX-License-Identifier: MIT
//
// simulate_balancers [--check]
//
// One client of 16 instances of which one is 10 times slower, in simulated time: what each balancer makes of that.
// Calls arrive at random (Poisson) at half of what the others can do; an instance works on 4 calls at a time and queues
// the rest. Prints the latencies as JSON for plot.py; with --check only what is not as promised.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "seawall/runtime/service_registry.h"

namespace {

using seawall::Balancer;

constexpr std::size_t kInstances = 16;
constexpr std::size_t kAtOnce = 4;
constexpr double kTakes = 0.010;  // seconds, on average
constexpr double kSlowdown = 10;
constexpr double kLoad = 0.5;
constexpr std::int64_t kCalls = 100'000;

struct Outcome {
  std::string name;
  std::vector<double> latency_ms;  // sorted
  double slow_share = 0;
};

struct Call {
  double arrived = 0;
  std::size_t instance = 0;
  std::uint64_t ticket = 0;
};

struct Event {
  double at;
  std::int64_t call;  // -1: the next one arrives
  friend bool operator>(const Event& a, const Event& b) { return a.at > b.at; }
};

seawall::TimePoint at(double seconds) { return seawall::time_from_ns(static_cast<std::int64_t>(seconds * 1e9)); }

class Run {
 public:
  explicit Run(Balancer balancer) : registry_({}, at(0)) {
    for (std::size_t i = 0; i < kInstances; ++i) {
      const std::string id = std::to_string(i);
      mine_.push_back(registry_.register_instance_at("s", {.id = id, .host = "h", .port = 1}, at(0)).value());
      of_slot_.resize(std::max<std::size_t>(of_slot_.size(), mine_.back().slot + 1));
      of_slot_[mine_.back().slot] = i;
    }
    seawall::ServiceOptions options;
    options.balancer = balancer;
    (void)registry_.configure("s", seawall::ServiceConfig::make(options).value());
    outcome_.name = seawall::to_string(balancer);
  }

  Outcome go() {
    const seawall::Service service = registry_.service("s").value();
    events_.push({0, -1});
    double housekeeping = 0;
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      for (; housekeeping < event.at; housekeeping += 0.5) keep_alive(housekeeping);
      if (event.call < 0) {
        arrive(service, event.at);
      } else {
        leave(service, calls_[static_cast<std::size_t>(event.call)], event.at);
      }
    }
    std::ranges::sort(outcome_.latency_ms);
    outcome_.slow_share /= static_cast<double>(kCalls);
    return std::move(outcome_);
  }

 private:
  void keep_alive(double now) {
    for (const auto& mine : mine_) registry_.heartbeat_at(mine.name, mine.generation, at(now));
    registry_.tick_at(at(now));
  }

  void arrive(const seawall::Service& service, double now) {
    const auto pick = service.pick_at(at(now));
    if (pick) {
      const std::size_t instance = of_slot_[pick->slot];
      if (instance == 0) outcome_.slow_share += 1;
      calls_.push_back({now, instance, pick->ticket});
      queues_[instance].push_back(static_cast<std::int64_t>(calls_.size() - 1));
      work(instance, now);
    }
    if (++arrived_ == kCalls) return;
    constexpr double kRate = kLoad * static_cast<double>((kInstances - 1) * kAtOnce) / kTakes;
    events_.push({now + std::exponential_distribution<double>(kRate)(random_), -1});
  }

  void work(std::size_t instance, double now) {
    while (busy_[instance] < kAtOnce && !queues_[instance].empty()) {
      const std::int64_t call = queues_[instance].front();
      queues_[instance].pop_front();
      ++busy_[instance];
      const double mean = instance == 0 ? kTakes * kSlowdown : kTakes;
      events_.push({now + std::exponential_distribution<double>(1 / mean)(random_), call});
    }
  }

  void leave(const seawall::Service& service, const Call& call, double now) {
    const double took = now - call.arrived;
    service.done_at(call.ticket, seawall::Outcome::kSuccess, at(now),
                    seawall::Duration(static_cast<std::int64_t>(took * 1e9)));
    outcome_.latency_ms.push_back(took * 1e3);
    --busy_[call.instance];
    work(call.instance, now);
  }

  seawall::ServiceRegistry registry_;
  std::vector<seawall::Registration> mine_;
  std::vector<std::size_t> of_slot_;
  std::mt19937_64 random_{1};
  std::vector<Call> calls_;
  std::array<std::deque<std::int64_t>, kInstances> queues_;
  std::array<std::size_t, kInstances> busy_{};
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::int64_t arrived_ = 0;
  Outcome outcome_;
};

double quantile(const Outcome& outcome, double share) {
  return outcome.latency_ms[static_cast<std::size_t>(share * static_cast<double>(outcome.latency_ms.size() - 1))];
}

void print(const std::vector<Outcome>& outcomes) {
  std::printf("{\"instances\":%zu,\"slowdown\":%g,\"load\":%g,\"balancers\":[", kInstances, kSlowdown, kLoad);
  for (const Outcome& outcome : outcomes) {
    std::printf("%s{\"name\":\"%s\",\"slow_share\":%.5f,\"latency_ms\":[", &outcome == outcomes.data() ? "" : ",\n",
                outcome.name.c_str(), outcome.slow_share);
    for (int i = 0; i <= 1000; ++i) std::printf("%s%.3f", i == 0 ? "" : ",", quantile(outcome, i / 1000.0));
    std::printf("]}");
  }
  std::printf("]}\n");
}

// Two choices by load or by latency keep the slow instance out of the tail; those that know no load do not.
bool check(const std::vector<Outcome>& outcomes) {
  const auto& [random, turn, loaded, ewma] = std::tie(outcomes[0], outcomes[1], outcomes[2], outcomes[3]);
  bool good = true;
  for (const Outcome* aware : {&loaded, &ewma}) {
    for (const Outcome* blind : {&random, &turn}) {
      if (quantile(*aware, 0.99) < quantile(*blind, 0.99) / 4 && aware->slow_share < blind->slow_share / 3) continue;
      std::printf("not so: %s is far better than %s: 99 %% within %.1f and %.1f ms, slow share %.3f and %.3f\n",
                  aware->name.c_str(), blind->name.c_str(), quantile(*aware, 0.99), quantile(*blind, 0.99),
                  aware->slow_share, blind->slow_share);
      good = false;
    }
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  const bool checking = argc == 2 && std::strcmp(argv[1], "--check") == 0;
  if (argc > 1 && !checking) {
    std::fprintf(stderr, "usage: simulate_balancers [--check]\n");
    return 2;
  }
  std::vector<Outcome> outcomes;
  for (const Balancer balancer :
       {Balancer::kRandom, Balancer::kRoundRobin, Balancer::kLeastLoaded, Balancer::kPeakEwma}) {
    outcomes.push_back(Run(balancer).go());
  }
  if (checking) return check(outcomes) ? 0 : 1;
  print(outcomes);
}
