// SPDX-License-Identifier: MIT
#include "gateway/app.h"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace {

template <class T>
T checked(seawall::Result<T> result, const char* what) {
  if (!result) throw std::invalid_argument(std::string(what) + ": " + std::string(result.error().message.view()));
  return std::move(result).value();
}

void watched(const seawall::Result<void>& result) {
  if (!result) throw std::logic_error(std::string(result.error().message.view()));
}

seawall::ServiceRegistryConfig registry_config() {
  seawall::ServiceRegistryOptions options;
  // Above all that a former run of the gateway gave, so that its instances register anew instead of being mistaken.
  options.first_generation =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  options.heartbeat_jitter_percent = 0;  // the services vary each pause themselves, around what the contract promises
  return checked(seawall::ServiceRegistryConfig::make(options), "registry");
}

seawall::KeyedRateLimiter<seawall::SlidingWindow> test_limiter() {
  constexpr std::size_t kTable = 1024 * 1024;
  const auto quota = seawall::Quota::make(10, std::chrono::seconds(60)).value();
  return checked(seawall::KeyedRateLimiter<seawall::SlidingWindow>::make({.quota = quota, .memory_bytes = kTable}),
                 "test limit");
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

seawall::TracerConfig tracer_config(const Options& options) {
  return checked(seawall::TracerConfig::make({.service = "gateway", .slow = options.slow_trace}), "--slow-trace");
}

// What a reload did.
std::string told(const seawall::ReloadReport& report) {
  std::string text;
  const auto add = [&text](const char* what, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) text.append(text.empty() ? "" : ", ").append(path).append(" ").append(what);
  };
  add("changed", report.changed);
  add("begun anew", report.reset);
  add("added", report.added);
  add("removed", report.removed);
  return text.append(text.empty() ? "" : ", ").append(std::to_string(report.kept.size())).append(" kept");
}

// The parts that Pipelines does not know.
void add_instances(seawall::ReloadReport& report, const InstancesConfiguration& before,
                   const InstancesConfiguration& now) {
  (now.dns == before.dns ? report.kept : report.changed).push_back("/dns");
  (now.prober.options() == before.prober.options() ? report.kept : report.changed).push_back("/probe");
}

}  // namespace

App::App(Options given)
    : options(std::move(given)),
      registry(registry_config()),
      prober(registry),
      sources(registry, options),
      test_limit(test_limiter()),
      shared_limits(options.redis ? make_shared_limits(options) : nullptr),
      shared_registry(options.redis ? make_shared_registry(options, registry) : nullptr),
      tracer(tracer_config(options)) {
  const Configuration configuration = read_configuration(options);
  const auto change_over = prepare(configuration);
  auto made = seawall::Pipelines::make(configuration.text, &registry, &metrics.registry);
  if (!made) refuse_configuration(options, made.error());
  pipelines = std::move(made).value();
  change_over();
  instances_ = configuration.instances;
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    const std::string name(kUpstreamNames[i]);
    upstreams[i].reset(new Upstream{name, *pipelines, *pipelines->find(name)});
  }
  watched(publisher.watch("services", registry));
  watched(publisher.watch("gateway", prober));
  watched(publisher.watch_follower("gateway", [this](seawall::TimePoint now) { return sources.reading(now); }));
  if (shared_registry) {
    watched(
        publisher.watch_follower("redis", [this](seawall::TimePoint now) { return shared_registry->reading(now); }));
  }
  watched_ = std::make_unique<Watched>(publisher, *pipelines);
  watched_->update();
  metrics.count_reload(true);
}

std::function<void()> App::prepare(const Configuration& configuration) {
  std::function<void()> share = shared_limits ? shared_limits->prepare(configuration.limits) : [] {};
  try {
    return
        [this, share, follow = sources.prepare(configuration.instances.dns), probe = configuration.instances.prober] {
          share();
          follow();
          prober.configure(probe);
        };
  } catch (const ConfigurationError& error) {
    refuse_configuration(options, error.what());
  }
}

void App::reload() {
  try {
    const Configuration configuration = read_configuration(options);
    const auto change_over = prepare(configuration);
    auto report = pipelines->reload(configuration.text);
    if (!report) refuse_configuration(options, report.error());
    change_over();
    add_instances(report.value(), instances_, configuration.instances);
    instances_ = configuration.instances;
    watched_->update();
    metrics.count_reload(true);
    std::fprintf(stderr, "configuration reloaded: %s\n", told(report.value()).c_str());
  } catch (const std::exception& error) {
    metrics.count_reload(false);
    std::fprintf(stderr, "configuration refused, the old one stays: %s\n", error.what());
  }
}

Upstream* App::find(std::string_view name) {
  for (auto& upstream : upstreams) {
    if (upstream->name == name) return upstream.get();
  }
  return nullptr;
}

std::size_t App::active_users(seawall::TimePoint now) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t at = seawall::to_ns(now);
  std::int64_t counted_at = users_counted_at_.load();
  const bool outdated = counted_at < at - kSecond || metrics.proxied.value() != requests_counted_.load();
  // The table is walked by whoever moves the time on; others take the number that is there.
  if (outdated && users_counted_at_.compare_exchange_strong(counted_at, at)) {
    requests_counted_.store(metrics.proxied.value());
    const auto stats = pipelines->keyed_stats_at("/limits/user", now);
    users_.store(stats ? stats->keys_active : 0);
  }
  return users_.load();
}

// A breaker that was open between two samples shows: closed again, it has changed twice at least.
seawall::BreakerState App::breaker_since_last_sample(std::size_t upstream) {
  const auto breaker = upstreams[upstream]->breaker();
  const auto seen = breaker->snapshot();
  const auto [before, generation] = std::exchange(sampled_[upstream], {breaker.get(), seen.generation});
  const bool was_open =
      before == breaker.get() && seawall::algorithm::breaker::generations_after(seen.generation, generation) > 1;
  return seen.state == seawall::BreakerState::kClosed && was_open ? seawall::BreakerState::kOpen : seen.state;
}

Sample App::sample(seawall::TimePoint now) {
  Sample sample = metrics.sample();
  const auto listed = registry.services_at(now);
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    sample.services[i].breaker = breaker_since_last_sample(i);
    for (const auto& service : listed) {
      if (service.name != upstreams[i]->name) continue;
      sample.services[i].instances = service.instances.size();
      for (const auto& instance : service.instances) {
        if (takes_calls(instance)) ++sample.services[i].healthy_instances;
      }
    }
  }
  return sample;
}

void App::share_trips(seawall::TimePoint now) {
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    const auto breaker = upstreams[i]->breaker();
    const auto seen = breaker->snapshot_at(now);
    const auto trip = std::pair<const void*, std::uint32_t>(breaker.get(), seen.generation);
    if (seen.state != seawall::BreakerState::kOpen || trip == trips_told_[i]) continue;
    trips_told_[i] = trip;
    shared_registry->tripped(upstreams[i]->name);
  }
  for (const std::string& service : shared_registry->tripped_elsewhere()) prober.hurry_at(service, now);
}

http::Task<> App::keep_house(http::Server& server) {
  std::int64_t sampled = 0;
  // Not do-while: g++ 12 lets `continue` skip a co_await in its condition, and the loop would spin.
  for (;;) {
    const auto now = seawall::Clock::now();
    sources.tick(now);
    if (shared_limits) shared_limits->tick();
    if (shared_registry) {
      shared_registry->tick(now);
      share_trips(now);
    }
    registry.tick_at(now);
    windows.tick_at(now);
    metrics.set_connections(server.connections());
    // One sample for each Unix second, however late we are: two of one name would hide each other from `after`.
    if (const std::int64_t second = unix_seconds(); second != sampled) {
      Sample taken = sample(now);
      taken.time = sampled = second;
      history.add(std::move(taken));
    }
    if (!co_await http::pause(server.loop(0), std::chrono::milliseconds(200))) co_return;
  }
}

bool takes_calls(const seawall::InstanceInfo& instance) {
  const seawall::HealthStatus but_for_ejection{instance.status.reasons & ~std::uint32_t{seawall::kReasonEjected}};
  return but_for_ejection.healthy() && instance.ejected_for <= seawall::Duration(0);
}
