// SPDX-License-Identifier: MIT
// Readers choose while a writer churns. What must hold, whatever the interleaving:
//
//   whole    a pick's host is the one that belongs to its id and port, so no text is torn, and its port is the one that
//            was registered under its generation;
//   healthy  the generation was registered to be picked, never one that started with weight 0;
//   recent   a generation that was drained or removed before the pick began is not picked;
//   counted  when every pick has been given back, nothing is in flight.
//
// The writer is alone, so it knows each generation before it registers it, and writes down what to expect.
#include <array>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

namespace {

constexpr int kReaders = 4;
constexpr std::size_t kSteps = 6000;
constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);

std::string host_of(std::string_view id, int port) {
  std::string host;
  for (int i = 0; i < port % 20; ++i) host.append(id).append("-").append(std::to_string(port)).append(".");
  return host + "end";
}

struct Expected {
  std::atomic<int> port{0};             // of the generation; 0 when it must never be picked
  std::atomic<std::int64_t> closed{0};  // the step after which it must not be picked; 0 when there is none
};

struct Churn {
  seawall::ServiceRegistry registry{{}, kNow};
  seawall::Service service = registry.service("s").value();
  std::vector<Expected> expected = std::vector<Expected>(kSteps + 2);
  std::atomic<std::int64_t> step{0};
  std::atomic<bool> stop{false};
  std::array<std::atomic<std::int64_t>, kReaders> tries{};

  // Lets each reader try again, so that a busy machine does not run the writer alone.
  void wait_for_readers() {
    for (const auto& count : tries) {
      // Relaxed, here and where it is counted, so as not to order what the test is about.
      const std::int64_t before = count.load(std::memory_order_relaxed);
      while (count.load(std::memory_order_relaxed) == before) std::this_thread::yield();
    }
  }

  void write() {
    std::mt19937 random(20261123);
    std::array<std::uint64_t, 8> current{};
    std::uint64_t next = 1;
    for (std::int64_t at = 1; at <= static_cast<std::int64_t>(kSteps); ++at) {
      const std::size_t which = random() % current.size();
      const std::string id{'i', static_cast<char>('0' + which)};
      std::uint64_t closes = current[which];
      switch (random() % 4) {
        case 0:
          registry.deregister_at(id, 0, kNow);
          current[which] = 0;
          break;
        case 1:
          registry.drain_at(id, 0, kNow);
          break;
        default: {
          const int port = 1 + static_cast<int>(random() % 60000);
          const int weight = static_cast<int>(random() % 3);
          expected[next].port = weight == 0 ? 0 : port;
          seawall::InstanceSpec spec{.id = id, .host = host_of(id, port), .port = port, .weight = weight};
          (void)registry.register_instance_at("s", spec, kNow);
          current[which] = next++;
        }
      }
      if (closes != 0 && expected[closes].closed == 0) expected[closes].closed = at;
      step = at;
      if (at % 100 == 0) wait_for_readers();
    }
    stop = true;
  }

  // Counts what must not be.
  std::int64_t read(std::size_t reader, std::int64_t& picks) {
    std::int64_t wrong = 0;
    while (!stop) {
      tries[reader].fetch_add(1, std::memory_order_relaxed);
      const std::int64_t before = step;
      seawall::PickText text;
      const auto pick = service.pick_at(kNow, text);
      if (!pick) continue;
      ++picks;
      const Expected& e = expected[pick->generation];
      const std::int64_t closed = e.closed;
      wrong += pick->port != e.port;
      wrong += text.host.view() != host_of(text.id.view(), pick->port);
      wrong += closed != 0 && closed <= before;
      service.done(pick->ticket);
    }
    return wrong;
  }
};

}  // namespace

TEST_CASE("picks during churn are whole, healthy, recent and counted") {
  Churn churn;
  std::array<std::int64_t, kReaders> wrong{};
  std::array<std::int64_t, kReaders> picks{};
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] { wrong[i] = churn.read(i, picks[i]); });
  }
  churn.write();
  for (std::thread& reader : readers) reader.join();
  std::int64_t total = 0;
  for (std::size_t i = 0; i < kReaders; ++i) {
    CHECK(wrong[i] == 0);
    total += picks[i];
  }
  CHECK(total > 0);
  for (const auto& service : churn.registry.services_at(kNow)) {
    for (const auto& info : service.instances) CHECK(info.in_flight == 0);
  }
}

// Many threads, one instance each registers and keeps alive while another thread ticks: nobody who beats is ever
// expired, and every verb may meet every other.
TEST_CASE("owners beat and a ticker ticks: nobody who beats is lost") {
  constexpr int kOwners = 4;
  seawall::ServiceRegistry registry({}, kNow);
  std::atomic<std::int64_t> now{0};
  std::array<std::atomic<int>, kOwners> lost{};
  std::vector<std::thread> owners;
  for (std::size_t i = 0; i < kOwners; ++i) {
    owners.emplace_back([&, i] {
      const std::string id{'o', static_cast<char>('0' + i)};
      for (int round = 0; round < 20; ++round) {
        const auto mine =
            registry.register_instance_at("s", {.id = id, .host = "h", .port = 1}, seawall::time_from_ns(now)).value();
        for (int beat = 0; beat < 50; ++beat) {
          lost[i] +=
              registry.heartbeat_at(id, mine.generation, seawall::time_from_ns(now)) != seawall::RegistryAnswer::kOk;
        }
        lost[i] += registry.deregister_at(id, mine.generation, kNow) != seawall::RegistryAnswer::kOk;
      }
    });
  }
  // A tenth of a second a tick, 30 s of retention: what beats at all within 300 ticks is never removed; the owners
  // finish with fewer ticks than that, and a removed instance would answer kUnknown.
  for (int i = 0; i < 200; ++i) {
    now += 100'000'000;
    registry.tick_at(seawall::time_from_ns(now));
    std::this_thread::yield();
  }
  for (std::thread& owner : owners) owner.join();
  for (const auto& count : lost) CHECK(count == 0);
  CHECK(registry.stats().instances == 0);
  CHECK(registry.stats().removals == 20 * kOwners);
}
