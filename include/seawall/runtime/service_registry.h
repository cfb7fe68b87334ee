// SPDX-License-Identifier: MIT
//
// ServiceRegistry: which instances of which services exist, and which of them may get traffic now.
//
// An instance registers under an id that is unique in its service and receives a generation, then sends a heartbeat
// each heartbeat_interval (runtime/service_instance.h has the names). suspect_after its last heartbeat it is suspect
// and stands behind the others; one lease after it, it gets no picks; it stays listed as "expired" for
// expired_retention and is then removed, by tick() and by nothing else. An id that registers again gets a higher
// generation and replaces the old process at once; what the old one still says is fenced. A heartbeat renews the lease
// and no more: it never revives what was removed (the answer is kUnknown: register again) and never makes an unhealthy
// or draining instance healthy. algorithm/instance_health.h has the inputs of health, service.h the choosing.
//
// The host calls tick(now) at least every tick_tolerance. While the host was paused no heartbeat could be heard, so a
// late tick extends the leases instead of ending all of them at once.
//
// Threads: any; each function takes one mutex for a short time, none blocks on anything else. Choosing, by a Service
// handle or by name, takes none: all a forked child may do. Known limits: one machine, one writer, weights to 1000.
//
//   auto registry = seawall::ServiceRegistry(seawall::ServiceRegistryConfig());
//   auto mine = registry.register_instance("trading", {.id = "trading-1", .host = "127.0.0.1", .port = 8001}).value();
//   registry.heartbeat(mine.name, mine.generation);   // every mine.heartbeat_interval
//   registry.tick();                                // every second
//   auto pick = registry.service("trading").value().pick();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/instance_selector.h"
#include "seawall/runtime/service_explanation.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/runtime/service_view.h"
#include "seawall/service.h"
#include "seawall/service_config.h"
#include "seawall/service_reader.h"
#include "seawall/time.h"

namespace seawall {

struct ServiceRegistryOptions {
  Duration heartbeat_interval = std::chrono::seconds(1);
  Duration lease = std::chrono::seconds(3);
  // From the last heartbeat; `lease` turns it off. 0: two thirds of the lease, or later where heartbeats are rarer.
  Duration suspect_after{0};
  Duration expired_retention = std::chrono::seconds(30);
  Duration tick_tolerance = std::chrono::seconds(1);  // at most lease - heartbeat_interval
  // By how much, up or down, the interval promised to an instance differs from heartbeat_interval; 0 to 50. Where that
  // would leave too little of the lease, it is shorter.
  std::int32_t heartbeat_jitter_percent = 20;
  // An instance that registers fences any other of its service that has the same host and port: a process that was
  // killed and started anew under another id leaves no corpse.
  bool one_per_endpoint = false;
  // When more than this part of a service's instances, and more than one, lose their lease within one lease period,
  // none of them expires (algorithm/expiry_guard.h): they are held, behind the others, until so many beat again that
  // the rest is few, or until expiry_ceiling after the end of their lease. 100 turns it off.
  std::int32_t max_expired_percent = 15;
  std::int32_t guard_from = 4;  // services of fewer instances are not guarded
  Duration expiry_ceiling = std::chrono::minutes(5);
  std::int32_t max_services = 64;
  std::int32_t max_instances = 1024;
  std::int32_t max_instances_per_service = 256;
  std::int32_t max_metadata_bytes = 4096;  // of one instance: all names and values
  std::int32_t max_in_flight = 16384;      // tickets of calls under way; a pick beyond them has none, and is counted
  // Services that choose by key (Balancer::kMaglev, kRingHash), and the entries of a table of Maglev: a prime. Each of
  // them takes two tables of 2 bytes an entry, which a ring of hashes uses as points of 8.
  std::int32_t max_hashed_services = 2;
  std::int32_t hash_table_size = 65537;
  Duration ticket_deadline = std::chrono::minutes(5);  // a ticket not given back for so long is reaped; at most 1 h
  // Generations count up from here. A registry that keeps nothing over a restart takes a number above all that it gave
  // before, such as the wall clock in microseconds: then the generation of a former run is never taken for a new one.
  std::int64_t first_generation = 1;
};

// Options that have been checked. The default is the default options.
class ServiceRegistryConfig {
 public:
  ServiceRegistryConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<ServiceRegistryConfig> make(const ServiceRegistryOptions& options);
  const ServiceRegistryOptions& options() const noexcept { return options_; }

 private:
  ServiceRegistryOptions options_;
};

struct RegistryStats {
  std::int64_t services = 0, instances = 0;
  std::int64_t suspects = 0;            // instances with a heartbeat overdue, as of the last tick
  std::int64_t held = 0;                // instances whose lease ended together with many others'; as of the last tick
  std::int64_t protected_services = 0;  // services with such instances
  std::int64_t holds = 0, expirations_at_ceiling = 0;  // how often an instance was held, and how often for too long
  std::int64_t drains = 0, drains_cut = 0;  // drain_until that ended with no call in flight, or at the deadline
  std::int64_t registrations = 0, heartbeats = 0, expirations = 0, removals = 0;
  std::int64_t fenced = 0, unknown = 0;  // answers given
  std::int64_t refused_full = 0;         // registrations refused at a bound
  std::int64_t evicted_expired = 0;      // expired instances that made room for a registration before their time
  std::int64_t late_ticks = 0;           // ticks that came so late that leases were extended
  std::int64_t tickets_late = 0;         // given back when they were over: twice, or after their instance or the reaper
  std::int64_t tickets_reaped = 0;       // never given back
  std::int64_t tickets_untracked = 0;    // picks beyond max_in_flight
  std::int64_t ejections = 0;            // instances ejected for their failures
  std::int64_t ejections_refused = 0;    // that were due, but for ServiceOptions::max_ejected_percent and least_left
  std::int64_t panic_picks = 0;          // made because too few were eligible
  std::int64_t endpoints_taken = 0;      // instances fenced because another one registered their host and port
  std::int64_t lists = 0, listed = 0;    // lists written for readers, and entries of them: what changes cost
};

class ServiceRegistry {
 public:
  static constexpr std::uint64_t kAnyGeneration = 0;

  explicit ServiceRegistry(const ServiceRegistryConfig& config = {}, TimePoint epoch = Clock::now());
  // In memory of the caller, aligned to 64 bytes and of at least memory_for(config) bytes, that outlives the registry:
  // processes that have it mapped attach a ServiceReader. This process is its writer; it keeps a lease of
  // `writer_lease` in the memory, which each verb renews. Errors: kInvalidArgument, naming what is wrong.
  static std::size_t memory_for(const ServiceRegistryConfig& config);
  static Result<ServiceRegistry> make_in(std::span<std::byte> memory, const ServiceRegistryConfig& config,
                                         TimePoint now = Clock::now(), Duration writer_lease = std::chrono::seconds(3));
  // Goes on with the registry in this memory, after its writer: with its instances, versions and generations. What the
  // writer left half done never happened, or is done. kIfEnded waits for nobody: it is refused with kFenced while the
  // lease runs. kAtOnce is for a host that knows the writer dead. The former writer, should it live, finds itself
  // fenced at its next verb: it changes nothing, answers kUnknown or kFenced, and writes() is false. `config` must be
  // the one that the memory was made with, in all bounds.
  enum class TakeOver : std::int32_t { kIfEnded = 0, kAtOnce = 1 };
  static Result<ServiceRegistry> take_over(std::span<std::byte> memory, const ServiceRegistryConfig& config,
                                           TakeOver when, TimePoint now = Clock::now(),
                                           Duration writer_lease = std::chrono::seconds(3));
  bool writes() const;
  ~ServiceRegistry();
  ServiceRegistry(ServiceRegistry&&) noexcept;
  ServiceRegistry(const ServiceRegistry&) = delete;
  ServiceRegistry& operator=(const ServiceRegistry&) = delete;

  // `service` is "service" or "namespace/service". A known id is replaced, in its slot; it keeps AdminState::kDisabled
  // and nothing else. Errors: kInvalidArgument naming the field; kFull naming the bound (when instances are short, the
  // one that expired first makes room).
  Result<Registration> register_instance_at(std::string_view service, const InstanceSpec& spec, TimePoint now);
  Result<Registration> register_instance(std::string_view service, const InstanceSpec& spec) {
    return register_instance_at(service, spec, Clock::now());
  }

  // Many at once, each as above. All of them can be picked when this returns, and the list of each service was written
  // once: to register n one by one writes n * n / 2 entries.
  std::vector<Result<Registration>> register_instances_at(std::span<const NewInstance> instances, TimePoint now);
  // Many verbs at once, each as below, with one list for each service, too. Of an instance's verbs the first that does
  // not answer kOk is the last.
  std::vector<Result<RegistryAnswer>> change_instances_at(std::span<const InstanceChange> changes, TimePoint now);

  // Here and below, `name` is an instance's name, with its service or without.
  //
  // Renews the lease, also one that has ended while the instance was still listed. `state` is the instance's own word;
  // it moves forward only (starting, serving, draining).
  RegistryAnswer heartbeat_at(std::string_view name, std::uint64_t generation, TimePoint now,
                              std::optional<SelfState> state = std::nullopt);
  RegistryAnswer heartbeat(std::string_view name, std::uint64_t generation,
                           std::optional<SelfState> state = std::nullopt) {
    return heartbeat_at(name, generation, Clock::now(), state);
  }

  // The operator's word. drain is set_admin(kDraining): no new picks, calls in flight go on. kAnyGeneration addresses
  // whoever has the id now.
  RegistryAnswer set_admin_at(std::string_view name, std::uint64_t generation, AdminState state, TimePoint now);
  RegistryAnswer drain_at(std::string_view name, std::uint64_t generation, TimePoint now) {
    return set_admin_at(name, generation, AdminState::kDraining, now);
  }
  RegistryAnswer drain(std::string_view name, std::uint64_t generation = kAnyGeneration) {
    return drain_at(name, generation, Clock::now());
  }
  // Drains, and lets tick take the instance out when no call is in flight, or at `deadline`: it is expired then, and
  // its process fenced. Another set_admin takes it back. drained() tells how far it is.
  RegistryAnswer drain_until_at(std::string_view name, std::uint64_t generation, TimePoint deadline, TimePoint now);
  RegistryAnswer drain_until(std::string_view name, std::uint64_t generation, TimePoint deadline) {
    return drain_until_at(name, generation, deadline, Clock::now());
  }
  DrainStatus drained_at(std::string_view name, std::uint64_t generation, TimePoint now) const;
  DrainStatus drained(std::string_view name, std::uint64_t generation = kAnyGeneration) const {
    return drained_at(name, generation, Clock::now());
  }
  RegistryAnswer set_admin(std::string_view name, std::uint64_t generation, AdminState state) {
    return set_admin_at(name, generation, state, Clock::now());
  }
  // The prober's word.
  RegistryAnswer set_health_at(std::string_view name, std::uint64_t generation, Health health, TimePoint now);
  RegistryAnswer set_health(std::string_view name, std::uint64_t generation, Health health) {
    return set_health_at(name, generation, health, Clock::now());
  }
  // Closes the instance's breaker: who was ejected is picked again.
  RegistryAnswer restore_at(std::string_view name, std::uint64_t generation, TimePoint now);
  RegistryAnswer restore(std::string_view name, std::uint64_t generation = kAnyGeneration) {
    return restore_at(name, generation, Clock::now());
  }
  // What changes of an instance while it lives. Errors: as register_instance_at.
  Result<RegistryAnswer> update_at(std::string_view name, std::uint64_t generation, const InstanceUpdate& update,
                                   TimePoint now);
  Result<RegistryAnswer> update(std::string_view name, std::uint64_t generation, const InstanceUpdate& update) {
    return update_at(name, generation, update, Clock::now());
  }
  // Removes the instance at once.
  RegistryAnswer deregister_at(std::string_view name, std::uint64_t generation, TimePoint now);
  RegistryAnswer deregister(std::string_view name, std::uint64_t generation = kAnyGeneration) {
    return deregister_at(name, generation, Clock::now());
  }

  // Ends leases and removes what has long expired. Returns how many leases ended. A `now` before the last tick counts
  // as the last tick.
  std::int64_t tick_at(TimePoint now);
  std::int64_t tick() { return tick_at(Clock::now()); }

  // The handle of a service, which may have no instance yet; a service with a handle is kept for the registry's life,
  // others go with their last instance. Errors: kInvalidArgument (name), kFull (max_services).
  Result<Service> service(std::string_view name);
  // How calls to it are spread and who is ejected, from now on. The service is kept as one with a handle is. Errors:
  // kInvalidArgument (name), kFull (max_services, max_hashed_services).
  Result<void> configure(std::string_view service, const ServiceConfig& config);
  // All of them at once, and the handles of `services`; or none of it. Loads, latencies and who is ejected stay; a rule
  // that ejects nobody lets all of them back.
  Result<std::vector<Service>> configure(std::span<const ServiceRule> rules,
                                         std::span<const std::string> services = {});
  // Of all that are not configured by name, now and later. Error: kInvalidArgument, for one that chooses by key.
  Result<void> configure_default(const ServiceConfig& config);
  // The handle of a view (service_view.h) of this name, which takes one of max_services and is kept with its service.
  // Until it is configured by its name it chooses as its service does; slow start and ejection always are the
  // service's. A view that exists is defined anew. Errors: kInvalidArgument (a name, the selector, a name that is a
  // service's or another service's view), kFull (max_services, max_hashed_services).
  Result<Service> view(std::string_view name, const ServiceViewOptions& options);
  // What needs no lock: picks by name, for callers that have no handle. Valid while the registry lives.
  const ServiceReader& reader() const noexcept { return reader_; }
  std::optional<Pick> pick_at(std::string_view service, TimePoint now,
                              std::span<const std::uint32_t> exclude = {}) const noexcept {
    return reader_.pick_at(service, now, exclude);
  }
  std::optional<Pick> pick_at(std::string_view service, TimePoint now, PickText& text,
                              std::span<const std::uint32_t> exclude = {}) const noexcept {
    return reader_.pick_at(service, now, text, exclude);
  }
  // Ends a pick of any service.
  ReportResult done(std::uint64_t ticket, Outcome outcome = Outcome::kSuccess,
                    Duration took = Service::kUnknown) const noexcept {
    return reader_.done(ticket, outcome, took);
  }

  // Nothing for an ambiguous name, too.
  // Why its picks go where they go; nothing for a service that is not known.
  std::optional<ServiceExplanation> explain_at(std::string_view service, TimePoint now) const;
  std::optional<InstanceInfo> find_at(std::string_view name, TimePoint now) const;
  // In order of name, without views. A service of whose instances a selector matches none is among them, and says how
  // many are hidden.
  std::vector<ServiceInfo> services_at(TimePoint now, const InstanceSelector& selector = {}) const;
  // {"NAME": {"host", "port", "healthy", "instances": [{...}]}}, the `services` of the gateway's listing; with a
  // selector also "hidden".
  std::string to_json_at(TimePoint now, const InstanceSelector& selector = {}) const;
  std::uint64_t version() const noexcept { return reader_.version(); }
  RegistryStats stats() const;

 private:
  class Impl;
  ServiceRegistry(const ServiceRegistryConfig& config, std::unique_ptr<Impl> impl);
  ServiceRegistryConfig config_;
  std::unique_ptr<Impl> impl_;
  ServiceReader reader_;
};

}  // namespace seawall
