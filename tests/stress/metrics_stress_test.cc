// SPDX-License-Identifier: MIT
//
// Threads record, look up and register while others read and render. Invariants: a total seen by one reader never
// falls; in each rendering a histogram's count is its +Inf bucket; when all threads are done every total is exact, and
// what went to overflow series is in the family's sum.
#include <pthread.h>

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

using seawall::MetricsRegistry;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 5'000;

// The number at the end of the line that begins with `head`; 0 when there is none.
std::uint64_t number(const std::string& text, const std::string& head) {
  const auto at = text.find(head);
  return at == std::string::npos ? 0 : std::stoull(text.substr(text.find(' ', at + head.size() - 1) + 1));
}

template <class Work>
std::vector<std::thread> start(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  return threads;
}

void join(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("totals are exact after the threads, and never fall before") {
  const bool use_rseq = GENERATE(true, false);
  MetricsRegistry r(seawall::MetricsConfig::make({.use_rseq = use_rseq}).value());
  const auto counter = r.counter("a_total", "A.").value().get();
  const auto gauge = r.gauge("g", "G.").value().get();
  const auto histogram = r.histogram("h", "H.").value().get();
  std::atomic<bool> done{false};
  std::atomic<int> falls{0};
  auto readers = start(2, [&](int) {
    std::uint64_t seen = 0;
    std::uint64_t observed = 0;
    while (!done.load()) {
      const std::uint64_t total = counter.value();
      const std::uint64_t count = histogram.snapshot().count;
      if (total < seen || count < observed) falls.fetch_add(1);
      seen = total;
      observed = count;
    }
  });
  auto writers = start(kThreads, [&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      counter.add(thread + 1);
      gauge.add(i % 2 == 0 ? 1 : -1);
      histogram.observe(0.001 * (thread + 1));
    }
  });
  join(writers);
  done = true;
  join(readers);
  CHECK(falls.load() == 0);
  CHECK(counter.value() == kRounds * (1 + 2 + 3 + 4));
  CHECK(gauge.value() == 0);
  CHECK(histogram.snapshot().count == kThreads * kRounds);
  CHECK(histogram.snapshot().sum == 0.001 * kRounds * (1 + 2 + 3 + 4));
}

TEST_CASE("lookups, registrations and renderings at once lose nothing") {
  MetricsRegistry r(seawall::MetricsConfig::make({.max_series = 60, .max_series_per_family = 40}).value());
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  auto readers = start(2, [&](int) {
    std::uint64_t seen = 0;
    while (!done.load()) {
      const std::string text = r.to_prometheus();
      const std::uint64_t count = number(text, "wait_count ");
      if (count < seen || number(text, "wait_bucket{le=\"+Inf\"} ") != count) wrong.fetch_add(1);
      seen = count;
      if (!r.to_openmetrics().ends_with("# EOF\n")) wrong.fetch_add(1);
    }
  });
  auto writers = start(kThreads, [&](int thread) {
    auto wait = r.histogram("wait", "Wait.");
    auto hits = r.counter("hits_total", "Hits.", {"key"});
    for (int i = 0; i < kRounds; ++i) {
      hits.value().with({std::to_string(i % 50)}).add();
      wait.value().get().observe(i % 4 == 0 ? 99 : 0.1);  // the former is beyond the last bound
      if (i % 500 == 0) {
        const std::string name = "gauge_" + std::to_string(thread) + "_" + std::to_string(i);
        if (!r.gauge(name, "G.", {"key"}).ok()) wrong.fetch_add(1);
      }
    }
  });
  join(writers);
  done = true;
  join(readers);
  CHECK(wrong.load() == 0);
  auto hits = r.counter("hits_total", "Hits.", {"key"}).value();
  std::uint64_t sum = hits.overflow().value();
  for (int i = 0; i < 50; ++i) {
    auto series = hits.with({std::to_string(i)});
    if (!hits.is_overflow(series)) sum += series.value();
  }
  CHECK(sum == kThreads * kRounds);
  CHECK(number(r.to_prometheus(), "wait_count ") == kThreads * kRounds);
}

TEST_CASE("threads that ask for one new label set at once get one series") {
  MetricsRegistry r;
  const auto family = r.counter("a_total", "A.", {"key"}).value();
  constexpr int kKeys = 300;
  std::array<std::array<seawall::Counter, kKeys>, 2> found;
  std::atomic<int> arrived{0};
  auto threads = start(2, [&](int thread) {
    for (int i = 0; i < kKeys; ++i) {
      arrived.fetch_add(1);
      for (int spins = 0; arrived.load() < 2 * (i + 1); ++spins) {
        if (spins > 10'000) std::this_thread::yield();  // else they would not ask at once
      }
      found[static_cast<std::size_t>(thread)][static_cast<std::size_t>(i)] = family.with({std::to_string(i)});
    }
  });
  join(threads);
  CHECK(found[0] == found[1]);
  CHECK(r.series_count() == kKeys);
}

// Short-lived threads record through handles while others remove the series and make them anew. Each thread adds to the
// total what it recorded into a series that it saw alive before and after: what then stands in the series can only be
// more, never less, and never that of another label set; memory of removed series is used again all the time.
TEST_CASE("series come and go under live handles, and no recording reaches another series") {
  MetricsRegistry r;
  auto fixed = r.counter("fixed_total", "F.", {"key"}).value();
  auto churned = r.counter("churned_total", "C.", {"key"}).value();
  auto waits = r.histogram("wait", "W.", {"key"}).value();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<std::uint64_t> recorded{0};
  // What is recorded into churned series are 1000s, so that one that reached a fixed series would show.
  const auto keep = fixed.with({"keep"});
  auto removers = start(2, [&](int thread) {
    for (int i = 0; !done.load(); ++i) {
      const std::string key = std::to_string(i % 7);
      churned.remove({key});
      waits.remove({key});
      const std::string own = "own" + std::to_string(thread) + "_" + std::to_string(i);
      const auto fresh = fixed.with({own});
      if (fresh.value() != 0) wrong.fetch_add(1);
      fresh.add(1);
      if (fresh.value() != 1) wrong.fetch_add(1);
      fixed.remove({own});
    }
  });
  for (int round = 0; round < 20; ++round) {
    auto writers = start(kThreads, [&](int thread) {
      const auto counter = churned.with({std::to_string(thread)});
      const auto wait = waits.with({std::to_string(thread)});
      for (int i = 0; i < 500; ++i) {
        counter.add(1000);
        wait.observe(0.1);
        keep.add(1);
        recorded.fetch_add(1);
      }
    });
    if (number(r.to_prometheus(), "wait_count{key=\"1\"} ") > 20 * 500) wrong.fetch_add(1);
    join(writers);
  }
  done = true;
  join(removers);
  CHECK(wrong.load() == 0);
  CHECK(keep.value() == recorded.load());
}

// Who was interrupted between its look at the series and its addition must not reach what has the memory by then. Not
// under ThreadSanitizer, which reports handlers that allocate.
#if !defined(__SANITIZE_THREAD__) && !SEAWALL_HAS_FEATURE(thread_sanitizer)
TEST_CASE("a signal handler may remove the series that is being recorded, and what is made then begins at 0") {
  constexpr int kSeries = 70;  // more than are removed before their memory is given on
  static seawall::Family<seawall::Counter>* family;
  static std::array<seawall::Counter, kSeries> made;
  static std::atomic<bool> armed;
  for (const bool use_rseq : {true, false}) {
    MetricsRegistry r(seawall::MetricsConfig::make({.use_rseq = use_rseq}).value());
    auto counters = r.counter("a_total", "A.", {"x"}).value();
    family = &counters;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (!armed.load()) return;
      family->remove({"recorded"});
      for (int i = 0; i < kSeries; ++i) {
        family->with({"filler"});
        family->remove({"filler"});
      }
      for (std::size_t i = 0; i < kSeries; ++i) made[i] = family->with({std::to_string(i)});
      armed = false;
    };
    struct sigaction before {};
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    std::atomic<bool> done{false};
    std::thread sender([&, me = pthread_self()] {
      while (!done.load()) pthread_kill(me, SIGUSR1);
    });
    std::uint64_t strayed = 0;
    for (int round = 0; round < 60; ++round) {
      const seawall::Counter recorded = counters.with({"recorded"});
      armed = true;
      while (armed.load()) recorded.add(1000);
      recorded.add(1000);  // the series is gone
      for (std::size_t i = 0; i < kSeries; ++i) {
        strayed += made[i].value();
        counters.remove({std::to_string(i)});
      }
    }
    done = true;
    sender.join();
    REQUIRE(sigaction(SIGUSR1, &before, nullptr) == 0);
    CHECK((strayed == 0 && r.stale_recordings() >= 60));
  }
}
#endif
