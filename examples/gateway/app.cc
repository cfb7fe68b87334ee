// SPDX-License-Identifier: MIT
#include "gateway/app.h"

#include <chrono>
#include <stdexcept>

namespace {

template <class T>
T checked(seawall::Result<T> result, const char* what) {
  if (!result) throw std::invalid_argument(std::string(what) + ": " + std::string(result.error().message.view()));
  return std::move(result).value();
}

void watched(const seawall::Result<void>& result) {
  if (!result) throw std::logic_error(std::string(result.error().message.view()));
}

seawall::CircuitBreakerConfig breaker_config(const Options& options) {
  seawall::CircuitBreakerOptions breaker;
  breaker.open_duration = options.open_duration;
  return checked(seawall::CircuitBreakerConfig::make(breaker), "--open-duration");
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

seawall::ProberConfig prober_config(const Options& options) {
  seawall::ProberOptions prober;
  if (options.probe_interval.count() > 0) prober.interval = options.probe_interval;
  prober.edge_interval = std::min(prober.edge_interval, prober.interval);
  return checked(seawall::ProberConfig::make(prober), "--probe-interval");
}

seawall::KeyedRateLimiter<seawall::SlidingWindow> keyed_limiter(const seawall::Quota& quota, std::size_t bytes,
                                                                const char* what) {
  return checked(seawall::KeyedRateLimiter<seawall::SlidingWindow>::make({.quota = quota, .memory_bytes = bytes}),
                 what);
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The contract: no healthy instance is a 503, and each instance has a breaker, for which after each open_duration one
// probe decides. All but one may be ejected: what the last one answers is up to the breaker of the service.
seawall::ServiceConfig service_config(const Options& options) {
  return checked(seawall::ServiceConfig::make({.panic_threshold = 0,
                                               .ejection_duration = options.open_duration,
                                               .ejection_growth_percent = 0,
                                               .ejection_jitter_percent = 0,
                                               .max_ejected_percent = 100}),
                 "--open-duration");
}

// Room for some 200,000 users in one period; half of that many never crowd it.
constexpr std::size_t kUserTable = 16 * 1024 * 1024;
constexpr std::size_t kTestTable = 1024 * 1024;

seawall::TracerConfig tracer_config(const Options& options) {
  return checked(seawall::TracerConfig::make({.service = "gateway", .slow = options.slow_trace}), "--slow-trace");
}

}  // namespace

App::App(Options given)
    : options(std::move(given)),
      registry(registry_config()),
      prober(registry, prober_config(options)),
      user_limit(keyed_limiter(options.user_limit, kUserTable, "--user-limit")),
      test_limit(keyed_limiter(seawall::Quota::make(10, std::chrono::seconds(60)).value(), kTestTable, "test limit")),
      shared_limits(options.redis ? make_shared_limits(options) : nullptr),
      shared_registry(options.redis ? make_shared_registry(options, registry) : nullptr),
      tracer(tracer_config(options)) {
  const auto limit = checked(seawall::SlidingWindowConfig::make(options.service_limit), "--service-limit");
  (void)registry.configure_default(service_config(options));  // fails only for one that chooses by key
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    const std::string name(kUpstreamNames[i]);
    upstreams[i].reset(new Upstream{name, checked(registry.service(name), "service"), seawall::SlidingWindow(limit),
                                    seawall::CircuitBreaker(breaker_config(options)), nullptr});
    upstreams[i]->pipeline = checked(seawall::Pipeline::make(parts(*upstreams[i])), "pipeline");
    watched(publisher.watch(name, upstreams[i]->breaker));
    watched(publisher.watch(name, upstreams[i]->limit));
  }
  watched(publisher.watch_keyed("user", [this](seawall::TimePoint now) { return user_stats(now); }));
  if (!options.services_file.empty()) services_file = std::make_unique<ServicesFile>(registry, options.services_file);
  watched(publisher.watch("services", registry));
}

seawall::PipelineParts App::parts(Upstream& upstream) {
  return {.limits = {{"user", options.user_limit, user_limit}, {"service", options.service_limit, upstream.limit}},
          .breaker = &upstream.breaker,
          .service = upstream.instances};
}

Upstream* App::find(std::string_view name) {
  for (auto& upstream : upstreams) {
    if (upstream->name == name) return upstream.get();
  }
  return nullptr;
}

seawall::KeyedStats App::user_stats(seawall::TimePoint now) {
  requests_counted_.store(metrics.proxied.value());
  users_counted_at_.store(seawall::to_ns(now));
  const seawall::KeyedStats stats = user_limit.stats_at(now);
  users_.store(stats.keys_active);
  return stats;
}

std::size_t App::active_users(seawall::TimePoint now) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t at = seawall::to_ns(now);
  std::int64_t counted_at = users_counted_at_.load();
  const bool outdated = counted_at < at - kSecond || metrics.proxied.value() != requests_counted_.load();
  // The table is walked by whoever moves the time on; others take the number that is there.
  if (outdated && users_counted_at_.compare_exchange_strong(counted_at, at)) user_stats(now);
  return users_.load();
}

Sample App::sample(seawall::TimePoint now) {
  Sample sample = metrics.sample();
  const auto listed = registry.services_at(now);
  for (std::size_t i = 0; i < kUpstreams; ++i) {
    sample.services[i].breaker = upstreams[i]->breaker.state();
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

http::Task<> App::keep_house(http::Loop& loop) {
  std::int64_t sampled = 0;
  // Not do-while: g++ 12 lets `continue` skip a co_await in its condition, and the loop would spin.
  for (;;) {
    const auto now = seawall::Clock::now();
    if (services_file) services_file->tick(now);
    if (shared_limits) shared_limits->tick();
    if (shared_registry) shared_registry->tick(now);
    registry.tick_at(now);
    windows.tick_at(now);
    // One sample for each Unix second, however late we are: two of one name would hide each other from `after`.
    if (const std::int64_t second = unix_seconds(); second != sampled) {
      Sample taken = sample(now);
      taken.time = sampled = second;
      history.add(std::move(taken));
    }
    if (!co_await http::pause(loop, std::chrono::milliseconds(200))) co_return;
  }
}

bool takes_calls(const seawall::InstanceInfo& instance) {
  const seawall::HealthStatus but_for_ejection{instance.status.reasons & ~std::uint32_t{seawall::kReasonEjected}};
  return but_for_ejection.healthy() && instance.ejected_for <= seawall::Duration(0);
}
