// SPDX-License-Identifier: MIT
//
// Handles: what they record, when they are stale, across CPUs, without restartable sequences, and across a fork.
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"
#include "support/catch.h"

using seawall::Counter;
using seawall::Exemplar;
using seawall::Gauge;
using seawall::Histogram;
using seawall::MetricsConfig;
using seawall::MetricsRegistry;

namespace {

MetricsConfig atomic_only() { return MetricsConfig::make({.use_rseq = false}).value(); }
MetricsConfig shared() { return MetricsConfig::make({.share_with_children = true}).value(); }

// Both ways of recording, where the system has both.
const MetricsConfig kBoth[] = {MetricsConfig(), atomic_only()};

// The status of a child that ran `work`; 0 when it answered true.
template <class Work>
int in_child(Work work) {
  const pid_t pid = fork();
  if (pid == 0) _exit(work() ? 0 : 1);
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

Counter counter_of(MetricsRegistry& r) { return r.counter("a_total", "A.").value().get(); }

}  // namespace

TEST_CASE("cells are those of the CPUs wherever the system has restartable sequences") {
  const bool can = seawall::detail::rseq_registered() && syscall(SYS_membarrier, 1 << 8, 0, 0) == 0;
  CHECK(MetricsRegistry().is_per_cpu() == can);
  CHECK_FALSE(MetricsRegistry(atomic_only()).is_per_cpu());
}

TEST_CASE("a counter takes no negative number") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    const Counter counter = counter_of(r);
    counter.add(5);
    counter.add(0);
    counter.add(-3);
    counter.add(std::numeric_limits<std::int64_t>::min());
    CHECK(counter.value() == 5);
    counter.add(std::numeric_limits<std::int64_t>::max());
    CHECK(counter.value() == 5 + static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  }
}

TEST_CASE("a gauge is exact for whole numbers, takes any double, and knows a maximum") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    const Gauge gauge = r.gauge("g", "G.").value().get();
    CHECK(gauge.value() == 0);
    for (int i = 0; i < 1000; ++i) gauge.add(1);
    for (int i = 0; i < 1000; ++i) gauge.add(-1);
    CHECK(gauge.value() == 0);
    gauge.set(-1.25);
    gauge.max(-2);
    gauge.max(std::numeric_limits<double>::quiet_NaN());
    CHECK(gauge.value() == -1.25);
    gauge.max(7);
    gauge.max(6);
    CHECK(gauge.value() == 7);
  }
}

TEST_CASE("the sum of a histogram is exact to its steps") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    const Histogram latency = r.histogram("h", "H.").value().get();
    for (int i = 0; i < 1000; ++i) latency.observe(0.1);
    CHECK(latency.snapshot().sum == 100.0);  // adding the doubles gives 99.9999999999986
    CHECK(latency.snapshot().count == 1000);
    latency.observe(std::chrono::nanoseconds(1));
    CHECK(latency.snapshot().sum == 100.000000001);
  }
}

TEST_CASE("a handle that was never resolved does nothing") {
  Counter().add();
  Gauge().set(1);
  Histogram().observe(1);
  seawall::StateSet().set(0);
  CHECK(Counter().value() == 0);
  CHECK(Histogram().snapshot().count == 0);
  CHECK_FALSE(Counter().is_alive());
}

TEST_CASE("a handle that outlives its series records nothing, and that is counted") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    auto family = r.counter("a_total", "A.", {"x"}).value();
    auto latency = r.histogram("h", "H.", {"x"}, {.exponential = seawall::ExponentialOptions{}}).value();
    auto depth = r.gauge("g", "G.", {"x"}).value();
    const Counter old = family.with({"1"});
    const Histogram old_latency = latency.with({"1"});
    const Gauge old_depth = depth.with({"1"});
    old.add(3);
    CHECK(r.to_prometheus().find("stale") == std::string::npos);
    CHECK((family.remove({"1"}) && latency.remove({"1"}) && depth.remove({"1"})));
    CHECK_FALSE(family.remove({"1"}));
    CHECK_FALSE(family.remove({}));
    old.add();
    old_latency.observe(1);
    old_depth.add(1);
    CHECK((old.value() == 0 && old_latency.snapshot().count == 0 && old_depth.value() == 0));
    CHECK(r.stale_recordings() == 3);
    const Counter made = family.with({"1"});
    CHECK(made.value() == 0);
    CHECK_FALSE(made == old);
    made.add(2);
    old.add(100);
    CHECK(family.with({"1"}).value() == 2);
    const std::string text = r.to_prometheus();
    CHECK(text.find("\na_total{x=\"1\"} 2\n") != std::string::npos);
    CHECK(text.find("\nseawall_metrics_stale_recordings_total 4\n") != std::string::npos);
    CHECK(text.find("\nh_count") == std::string::npos);
  }
}

TEST_CASE("each removal of a family is counted once, and those of others are not") {
  MetricsRegistry r;
  const auto family = r.counter("a_total", "A.", {"x"}).value();
  const auto other = r.gauge("g", "G.", {"x"}).value();
  const auto plain = r.counter("b_total", "B.").value();
  const std::atomic<std::uint64_t>& removals = family.removals();
  family.with({"1"}).add();
  other.with({"1"}).set(1);
  CHECK(removals == 0);
  CHECK((family.remove({"1"}) && removals == 1));
  CHECK_FALSE(family.remove({"1"}));
  CHECK_FALSE(family.remove({"1", "2"}));
  CHECK_FALSE(plain.remove({}));
  CHECK(other.remove({"1"}));
  family.with({"1"}).add();
  CHECK((removals == 1 && other.removals() == 1 && plain.removals() == 0));
  CHECK(&r.counter("a_total", "A.", {"x"}).value().removals() == &removals);
  for (int i = 0; i < 200; ++i) {  // more than are given on at once
    family.with({std::to_string(i)}).add();
    CHECK(family.remove({std::to_string(i)}));
  }
  CHECK(removals == 201);
}

TEST_CASE("removed series give their memory to later ones, which begin at 0") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    auto counters = r.counter("a_total", "A.", {"x"}).value();
    auto histograms = r.histogram("h", "H.", {"x"}).value();
    bool clean = true;
    for (int i = 0; i < 5'000; ++i) {
      const std::string value = std::to_string(i);
      const Counter counter = counters.with({value});
      const Histogram histogram = histograms.with({value});
      clean &= counter.value() == 0 && histogram.snapshot().count == 0 && histogram.snapshot().sum == 0;
      counter.add(7);
      histogram.observe(1);
      clean &= counter.value() == 7 && histogram.snapshot().count == 1;
      clean &= counters.remove({value}) && histograms.remove({value});
    }
    CHECK(clean);
    CHECK(r.cell_bytes() < 512 * 1024);
    CHECK(r.series_count() == 0);
  }
}

TEST_CASE("a number stands for a series until it is removed, and for nothing else") {
  MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  const seawall::SeriesId id = r.id(family.with({"1"}));
  CHECK(MetricsRegistry::type_of(id) == seawall::MetricType::kCounter);
  r.counter_of(id).add(4);
  r.gauge_of(id).set(9);
  r.histogram_of(id).observe(1);
  CHECK(family.with({"1"}).value() == 4);
  family.remove({"1"});
  r.counter_of(id).add(4);
  CHECK(r.stale_recordings() == 1);
  family.with({"1"});
  r.counter_of(id).add(4);
  CHECK(family.with({"1"}).value() == 0);
  for (const std::uint64_t forged : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{9} << 32 | 0xFFFFFF}) {
    r.counter_of(seawall::SeriesId{forged}).add(1);
  }
}

TEST_CASE("the latest exemplar of each bucket is kept, one a second, in families that keep them") {
  MetricsRegistry r;
  auto kept = r.histogram("h", "H.", {}, {}, true).value().get();
  auto plain = r.histogram("p", "P.").value().get();
  kept.observe(0.2, Exemplar{1, 2, 3, 0, 5'000});
  kept.observe(0.2, Exemplar{1, 2, 4, 0, 5'999});  // too soon
  kept.observe(0.4, Exemplar{1, 2, 5, 0, 5'500});  // of another bucket
  plain.observe(0.2, Exemplar{1, 2, 6, 0, 5'000});
  CHECK((kept.snapshot().count == 3 && plain.snapshot().count == 1));
  const auto shows = [&r](char span_id) {
    return r.to_openmetrics().find(std::string("span_id=\"000000000000000").append({span_id, '"'})) !=
           std::string::npos;
  };
  CHECK((shows('3') && !shows('4') && shows('5') && !shows('6')));
  kept.observe(0.2, Exemplar{1, 2, 7, 0, 6'000});
  CHECK((!shows('3') && shows('7')));
}

// The kernel restarts a sequence when the thread moves; a sequence that was not restarted would add to the cell of the
// CPU that the thread has left, where another one adds at the same time, and one of the two would be lost.
TEST_CASE("nothing is lost while threads are moved from CPU to CPU") {
  cpu_set_t all;
  CPU_ZERO(&all);
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  std::vector<std::size_t> cpus;
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &all)) cpus.push_back(i);
  }
  MetricsRegistry r;
  const Counter counter = counter_of(r);
  const Histogram histogram = r.histogram("h", "H.").value().get();
  constexpr int kThreads = 4;
  constexpr int kAdds = 30'000;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kAdds; ++i) {
        if (i % 32 == 0) {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(cpus[(i / 32 + t) % cpus.size()], &one);
          sched_setaffinity(0, sizeof one, &one);
        }
        counter.add();
        histogram.observe(0.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counter.value() == kThreads * kAdds);
  CHECK(histogram.snapshot().count == kThreads * kAdds);
  CHECK(histogram.snapshot().sum == 0.5 * kThreads * kAdds);
}

TEST_CASE("a child of a fork has its own copy: it records, looks up, makes, removes and renders") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    auto family = r.counter("a_total", "A.", {"x"}).value();
    const Counter counter = family.with({"1"});
    counter.add(2);
    CHECK(in_child([&] {
            counter.add(3);
            family.with({"2"}).add(4);
            for (int i = 0; i < 200; ++i) {
              family.with({"3"}).add();
              if (!family.remove({"3"})) return false;
            }
            return counter.value() == 5 && family.with({"2"}).value() == 4 &&
                   r.to_prometheus().find("a_total{x=\"1\"} 5\n") != std::string::npos;
          }) == 0);
    CHECK(counter.value() == 2);
    CHECK(r.series_count() == 1);
  }
}

TEST_CASE("a child that is forked while another thread makes series does not wait for that thread for ever") {
  MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  const Counter counter = family.with({"known"});
  std::atomic<bool> done{false};
  std::thread maker([&] {
    for (int i = 0; !done.load(); ++i) {
      family.with({std::to_string(i % 1000)});
      family.remove({std::to_string((i + 500) % 1000)});
    }
  });
  int failed = 0;
  for (int i = 0; i < 50; ++i) {
    failed += in_child([&] {
                alarm(60);
                counter.add();
                family.with({"new in the child"}).add();  // its own series or, if the lock died, the overflow series
                return counter.value() == 1 && family.with({"known"}).value() == 1 && !r.to_prometheus().empty();
              }) == 0
                  ? 0
                  : 1;
  }
  done = true;
  maker.join();
  CHECK(failed == 0);
}

TEST_CASE("a child that is forked while another thread runs a gauge's callback renders all but that gauge") {
  MetricsRegistry r;
  const auto gauges = r.gauge("depth", "D.", {"queue"}).value();
  std::atomic<bool> inside{false}, done{false};
  REQUIRE(gauges.set_callback({"slow"}, [&] {
    inside = true;
    while (!done.load()) std::this_thread::yield();
    return 1.0;
  }));
  REQUIRE(gauges.set_callback({"fast"}, [] { return 2.0; }));
  gauges.with({"plain"}).set(3);
  std::thread renderer([&] { (void)r.to_prometheus(); });
  while (!inside.load()) std::this_thread::yield();
  const int status = in_child([&] {
    alarm(60);
    const std::string text = r.to_prometheus();
    const bool right = text.find("slow") == std::string::npos && text.find("depth{queue=\"fast\"} 2\n") < text.size() &&
                       text.find("depth{queue=\"plain\"} 3\n") < text.size();
    return right && gauges.remove({"slow"}) && gauges.set_callback({"slow"}, [] { return 4.0; }).ok() &&
           r.to_prometheus().find("depth{queue=\"slow\"} 4\n") != std::string::npos;
  });
  done = true;
  renderer.join();
  CHECK(status == 0);
  CHECK(r.to_prometheus().find("depth{queue=\"slow\"} 1\n") != std::string::npos);
}

// A handler that interrupts a sequence runs before the kernel starts the sequence over.
TEST_CASE("a signal handler may record while what it interrupts records the same series") {
  static Counter counter;
  static Histogram histogram;
  static std::atomic<std::uint64_t> handled{0};
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    counter = counter_of(r);
    histogram = r.histogram("h", "H.").value().get();
    handled = 0;
    struct sigaction action {};
    action.sa_handler = [](int) {
      counter.add();
      histogram.observe(0.5);
      handled.fetch_add(1);
    };
    struct sigaction before {};
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    const pthread_t me = pthread_self();
    std::atomic<bool> done{false};
    std::thread sender([&] {
      while (!done.load()) pthread_kill(me, SIGUSR1);
    });
    std::uint64_t made = 0;
    for (; handled.load() < 300; ++made) {
      counter.add();
      histogram.observe(0.5);
    }
    done = true;
    sender.join();
    REQUIRE(sigaction(SIGUSR1, &before, nullptr) == 0);
    const std::uint64_t all = made + handled.load();
    CHECK(counter.value() == all);
    CHECK(histogram.snapshot().count == all);
    CHECK(histogram.snapshot().sum == 0.5 * static_cast<double>(all));
  }
}

TEST_CASE("while a rendering stands still nobody waits for it: all but that callback goes on") {
  for (const MetricsConfig& config : kBoth) {
    MetricsRegistry r(config);
    const auto family = r.counter("a_total", "A.", {"x"}).value();
    const auto gauges = r.gauge("depth", "D.", {"queue"}).value();
    const Histogram histogram = r.histogram("h", "H.").value().get();
    const Counter counter = family.with({"known"}), old = family.with({"old"});
    seawall::MetricsWindows windows(r);
    bool went_on = false;
    REQUIRE(gauges.set_callback({"slow"}, [&] {
      std::thread other([&] {
        counter.add();
        histogram.observe(0.5);
        family.with({"known"}).add();
        family.with({"made meanwhile"}).add(7);
        went_on = family.remove({"old"}) && r.gauge("later", "L.").ok() &&
                  gauges.set_callback({"late"}, [] { return 2.0; }).ok() && windows.tick_at(seawall::time_from_ns(1));
      });
      other.join();
      return 1.0;
    }));
    const std::string page = r.to_prometheus();
    CHECK(went_on);
    CHECK(page.find("depth{queue=\"slow\"} 1\n") != std::string::npos);
    CHECK((counter.value() == 2 && histogram.snapshot().count == 1 && !old.is_alive()));
    CHECK(r.to_prometheus().find("a_total{x=\"made meanwhile\"} 7\n") != std::string::npos);
  }
}

TEST_CASE("a callback that removes itself keeps what it has captured until it has returned") {
  MetricsRegistry r;
  const auto gauges = r.gauge("depth", "D.", {"queue"}).value();
  const std::string kept = "a text that is too long for the small buffer of a string";
  std::size_t seen = 0;
  REQUIRE(gauges.set_callback({"in"}, [&, kept] {
    gauges.remove({"in"});
    seen = kept.size();
    return 1.0;
  }));
  CHECK(r.to_prometheus().find("depth{") == std::string::npos);
  CHECK(seen == kept.size());
}

TEST_CASE("children share the cells of their parent when told so, and SIGKILL leaves them usable") {
  MetricsRegistry r(shared());
  auto family = r.counter("a_total", "A.", {"x"}).value();
  const Counter counter = family.with({"1"});
  const Gauge ready = r.gauge("ready", "Ready.").value().get();
  const Histogram histogram = r.histogram("h", "H.").value().get();
  const auto child = [&] {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    alarm(60);
    family.with({"new"}).add(1);  // children make no series: it goes to the overflow series
    ready.add(1);
    for (;;) {
      counter.add();
      histogram.observe(0.003);
    }
  };
  const pid_t children[] = {child(), child()};
  std::uint64_t seen = 0;
  std::uint64_t observed = 0;
  bool fell = false;
  const auto read = [&] {
    const std::uint64_t total = counter.value();
    const std::uint64_t count = histogram.snapshot().count;
    fell |= total < seen || count < observed;
    seen = total;
    observed = count;
  };
  while (seen < 10'000 || ready.value() < 2) read();
  for (const pid_t pid : children) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    read();
  }
  read();
  CHECK_FALSE(fell);
  CHECK((observed <= seen && observed + 2 >= seen));  // each was killed between its two recordings at most
  CHECK(family.overflow().value() == 2);
  CHECK(r.series_count() == 3);
  counter.add();
  CHECK(counter.value() == seen + 1);
}
