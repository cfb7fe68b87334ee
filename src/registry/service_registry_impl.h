// SPDX-License-Identifier: MIT
// The write side of the registry. All of Impl is guarded by its mutex; what readers see is in the directory.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/service_registry_records.h"
#include "seawall/algorithm/expiry_guard.h"
#include "seawall/algorithm/lease.h"
#include "seawall/algorithm/maglev.h"
#include "seawall/detail/keyed_memory.h"
#include "seawall/detail/mutex.h"
#include "seawall/detail/service_directory.h"
#include "seawall/detail/service_names.h"
#include "seawall/runtime/instance_selector.h"
#include "seawall/runtime/service_explanation.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_view.h"

namespace seawall {

class ServiceRegistry::Impl {
 public:
  // What the directory needs of memory, when `own` is not null.
  Impl(const ServiceRegistryOptions& options, std::int64_t epoch, detail::KeyedAllocation own,
       const detail::ServiceDirectory& directory);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void begin() SEAWALL_REQUIRES(mutex);  // in new memory
  // False: somebody else has the lease. Before each verb; at once true when the memory is nobody else's.
  bool writes(std::int64_t now) SEAWALL_REQUIRES(mutex);
  bool written_by_me() const SEAWALL_REQUIRES(mutex);
  bool take_lease(std::int64_t now, std::int64_t length, bool at_once) SEAWALL_REQUIRES(mutex);
  // Reads what a former writer left, and shows all of it anew.
  void adopt() SEAWALL_REQUIRES(mutex);

  Result<Registration> add(std::string_view service, const InstanceSpec& spec, std::int64_t now,
                           Claim claim = Claim::kAnybody) SEAWALL_REQUIRES(mutex);
  std::vector<Result<Registration>> add_all(std::span<const NewInstance> instances, std::int64_t now)
      SEAWALL_REQUIRES(mutex) {
    return for_all(instances, now, &Impl::add_one);
  }
  std::vector<Result<RegistryAnswer>> change_all(std::span<const InstanceChange> changes, std::int64_t now)
      SEAWALL_REQUIRES(mutex) {
    return for_all(changes, now, &Impl::change_one);
  }
  RegistryAnswer heartbeat(std::string_view name, std::uint64_t generation, std::int64_t now,
                           std::optional<SelfState> state) SEAWALL_REQUIRES(mutex);
  // Finds the instance and lets `change(instance)` alter it; publishes when its health is another afterwards.
  template <class Change>
  RegistryAnswer change(std::string_view name, std::uint64_t generation, std::int64_t now, Change&& change)
      SEAWALL_REQUIRES(mutex);
  RegistryAnswer update(std::string_view name, std::uint64_t generation, InstanceUpdate update) SEAWALL_REQUIRES(mutex);
  RegistryAnswer set_health(std::string_view name, std::uint64_t generation, Health health, std::int64_t now)
      SEAWALL_REQUIRES(mutex) {
    return change(name, generation, now, [=](RegisteredInstance& instance) { instance.health = health; });
  }
  RegistryAnswer remove(std::string_view name, std::uint64_t generation) SEAWALL_REQUIRES(mutex);
  std::int64_t tick(std::int64_t now) SEAWALL_REQUIRES(mutex);
  RegistryAnswer drain_until(std::string_view name, std::uint64_t generation, std::int64_t deadline, std::int64_t now)
      SEAWALL_REQUIRES(mutex);
  DrainStatus drained(std::string_view name, std::uint64_t generation, std::int64_t now) const SEAWALL_REQUIRES(mutex);
  Result<std::uint32_t> pin(std::string_view name) SEAWALL_REQUIRES(mutex);
  Result<void> may_define_view(std::string_view name, std::string_view service) SEAWALL_REQUIRES(mutex);
  Result<std::uint32_t> define_view(std::string_view name, const ServiceViewOptions& options,
                                    const InstanceSelector& selector) SEAWALL_REQUIRES(mutex);
  Service handle(std::uint32_t service) const SEAWALL_REQUIRES(mutex) {
    return Service(directory, service, names().owner(service));
  }
  const std::uint32_t* find_service(std::string_view name) const SEAWALL_REQUIRES(mutex);

  // All or none; room for the handles, too. Error: kFull, when services or tables run out.
  Result<void> configure(std::span<const ServiceRule> rules, std::span<const std::string> handles)
      SEAWALL_REQUIRES(mutex);
  RegistryAnswer restore(std::string_view name, std::uint64_t generation) SEAWALL_REQUIRES(mutex);
  void configure_default(const ServiceConfig& config) SEAWALL_REQUIRES(mutex);

  RegistryStats counted() const SEAWALL_REQUIRES(mutex);
  std::vector<ServiceInfo> list(std::int64_t now, const InstanceSelector& selector) const SEAWALL_REQUIRES(mutex);
  std::optional<ServiceExplanation> explain(std::string_view name, std::int64_t now) const SEAWALL_REQUIRES(mutex);
  std::optional<InstanceInfo> find(std::string_view name, std::int64_t now) const SEAWALL_REQUIRES(mutex);

  mutable detail::Mutex mutex;
  const detail::KeyedAllocation memory;
  detail::ServiceDirectory directory;

 private:
  // One after the other, with each list written once. What became of some is not lost for want of memory for others.
  template <class Item, class Answer>
  std::vector<Result<Answer>> for_all(std::span<const Item> items, std::int64_t now,
                                      Result<Answer> (Impl::*one)(const Item&, std::int64_t)) SEAWALL_REQUIRES(mutex);
  Result<Registration> add_one(const NewInstance& one, std::int64_t now) SEAWALL_REQUIRES(mutex);
  Result<RegistryAnswer> change_one(const InstanceChange& one, std::int64_t now) SEAWALL_REQUIRES(mutex);
  // Checks the bounds and, when nothing else can fail, evicts what expired first for what is to come.
  std::optional<Error> make_room(std::string_view service) SEAWALL_REQUIRES(mutex);
  // `view`: what it is to be when there is none of that name yet.
  Result<std::uint32_t> service_for(std::string_view name, std::unique_ptr<RegisteredView> view = nullptr)
      SEAWALL_REQUIRES(mutex);
  Error full(std::string_view bound, std::int64_t limit) SEAWALL_REQUIRES(mutex);
  Registration add_new(std::uint32_t service, const InstanceSpec& spec, std::int64_t now) SEAWALL_REQUIRES(mutex);
  void index_names(std::unique_ptr<RegisteredInstance>& owned) SEAWALL_REQUIRES(mutex);
  void forget_names(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);  // which is over then
  Registration replace(RegisteredInstance& instance, const InstanceSpec& spec, std::int64_t now)
      SEAWALL_REQUIRES(mutex);
  Registration promised(std::uint32_t service, const InstanceSpec& spec) const SEAWALL_REQUIRES(mutex);
  // With one_per_endpoint, who has which host and port. take_endpoint fences whoever else of the service has this one.
  static std::uint64_t endpoint_hash(std::uint32_t service, const InstanceSpec& spec) noexcept;
  void index_endpoint(RegisteredInstance& instance, const InstanceSpec& next) SEAWALL_REQUIRES(mutex);
  void forget_endpoint(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void take_endpoint(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void enter(RegisteredInstance& instance, std::int64_t now, Registration& mine) noexcept SEAWALL_REQUIRES(mutex);
  static std::uint64_t name_hash(std::uint32_t service, std::string_view id) noexcept;
  // Null when the service has none of this id.
  RegisteredInstance* find_instance(std::uint32_t service, std::string_view id) const SEAWALL_REQUIRES(mutex);
  // Null and kUnknown, kAmbiguous or kInvalid when the name does not tell.
  RegisteredInstance* resolve(std::string_view name, std::uint64_t generation, RegistryAnswer& answer) const
      SEAWALL_REQUIRES(mutex);
  RegisteredInstance* resolve_id(std::string_view id, std::uint64_t generation, RegistryAnswer& answer) const
      SEAWALL_REQUIRES(mutex);
  RegisteredInstance* addressed(std::string_view name, std::uint64_t generation, RegistryAnswer& answer)
      SEAWALL_REQUIRES(mutex);
  LeaseState lease_at(const RegisteredInstance& instance, std::int64_t now) const SEAWALL_REQUIRES(mutex);
  // Its service would go with it.
  bool is_last_of_service(const RegisteredInstance& instance) const SEAWALL_REQUIRES(mutex);
  void erase(RegisteredInstance& instance) SEAWALL_REQUIRES(mutex);
  void erase_expired() SEAWALL_REQUIRES(mutex);
  void release_if_idle(std::uint32_t service) SEAWALL_REQUIRES(mutex);
  void set_lease_end(RegisteredInstance& instance, std::int64_t end) SEAWALL_REQUIRES(mutex);
  void show_lease_end(const RegisteredInstance& instance) SEAWALL_REQUIRES(mutex);
  void expire(RegisteredInstance& instance, std::int64_t when) noexcept SEAWALL_REQUIRES(mutex);
  void enter_expired(RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void leave_expired(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  // Judges the leases of a service as of the last tick. True: some status changed.
  bool judge(const RegisteredService& service, std::int64_t& ended) SEAWALL_REQUIRES(mutex);
  struct Losses {
    std::uint32_t known = 0;
    std::uint32_t ended = 0;   // within the last lease period
    std::uint32_t ending = 0;  // those, and who would be over before the next tick that is in time
  };
  Losses losses(const RegisteredService& service) const SEAWALL_REQUIRES(mutex);
  bool end_drains(RegisteredService& service, const std::vector<std::int32_t>& flights) SEAWALL_REQUIRES(mutex);
  // True: it is over.
  bool end_drain(RegisteredInstance& instance, const std::vector<std::int32_t>& flights) SEAWALL_REQUIRES(mutex);
  void extend_leases(std::int64_t now) SEAWALL_REQUIRES(mutex);
  void write_record(RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void write_details(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void write_state(const RegisteredInstance& instance) noexcept SEAWALL_REQUIRES(mutex);
  void adopt_services() SEAWALL_REQUIRES(mutex);
  void adopt_instances() SEAWALL_REQUIRES(mutex);
  std::unique_ptr<RegisteredInstance> read_record(std::uint32_t record) const SEAWALL_REQUIRES(mutex);
  bool adoptable(const RegisteredInstance& found) const SEAWALL_REQUIRES(mutex);
  void retire_record(std::uint32_t record) noexcept SEAWALL_REQUIRES(mutex);
  void free_leaving() noexcept SEAWALL_REQUIRES(mutex);
  void publish_if_changed(RegisteredInstance& instance, HealthStatus before, std::int64_t now) SEAWALL_REQUIRES(mutex);
  std::uint64_t take_generation() SEAWALL_REQUIRES(mutex);
  // service_registry_lists.cc. Weights are kept in 1/kWeightUnit, so that a light newcomer has less than its own.
  static constexpr std::uint32_t kWeightUnit = 100;
  // Writes the service's list, or notes that it is to be: between hold_lists and show_held, where each list is written
  // once for all changes. What a list names stays whole until the list without it is shown.
  void publish(std::uint32_t service) noexcept SEAWALL_REQUIRES(mutex);
  void hold_lists() noexcept SEAWALL_REQUIRES(mutex) { holding_ = true; }
  void show_held() noexcept SEAWALL_REQUIRES(mutex);
  void show_list(std::uint32_t index) noexcept SEAWALL_REQUIRES(mutex);
  // Into members_: whom a list shows, and where.
  void gather(const RegisteredService& shown) noexcept SEAWALL_REQUIRES(mutex);
  void gather(const RegisteredService& from, const InstanceSelector* selector, std::string_view zone) noexcept
      SEAWALL_REQUIRES(mutex);
  void keep_subset(const RegisteredView& view) noexcept SEAWALL_REQUIRES(mutex);
  const RegisteredService& owner(const RegisteredService& service) const SEAWALL_REQUIRES(mutex) {
    return service.view == nullptr ? service : services_[service.view->of];
  }
  // What can throw of configuring comes before.
  void choose_by(RegisteredService& service, ServiceConfig&& config) noexcept SEAWALL_REQUIRES(mutex);
  void write_view(std::uint32_t index) noexcept SEAWALL_REQUIRES(mutex);
  void adopt_views() SEAWALL_REQUIRES(mutex);
  std::unique_ptr<RegisteredView> read_view(std::uint32_t index) const SEAWALL_REQUIRES(mutex);
  detail::ServiceNames names() const { return directory.names<detail::ServiceNames>(); }
  // Shows a service in a place that was free.
  void begin_service(std::uint32_t service, std::string_view name) SEAWALL_REQUIRES(mutex);
  // Of a service that is no view, from members_.
  bool ramps(RegisteredService& service) const SEAWALL_REQUIRES(mutex);
  std::uint32_t weight_now(const RegisteredService& service, const RegisteredInstance& instance, bool ramps) const
      SEAWALL_REQUIRES(mutex);
  void show_head(RegisteredService& service, detail::Word* words, const std::array<std::uint32_t, 3>& counts,
                 bool unfiltered) SEAWALL_REQUIRES(mutex);
  std::uint64_t rebuilt_table(RegisteredService& service) SEAWALL_REQUIRES(mutex);
  detail::Word* service_table(const RegisteredService& service) const SEAWALL_REQUIRES(mutex);
  std::uint32_t build_maglev(detail::Word* to) SEAWALL_REQUIRES(mutex);
  std::uint32_t build_ring(detail::Word* to) SEAWALL_REQUIRES(mutex);
  void reserve_for_tables() SEAWALL_REQUIRES(mutex);
  struct Configured {
    std::uint32_t service;
    bool by_name;
    ServiceConfig config;
  };
  void follow(std::vector<Configured>& all) const SEAWALL_REQUIRES(mutex);
  void apply(Configured& one) SEAWALL_REQUIRES(mutex);
  void restore(const RegisteredInstance& instance) SEAWALL_REQUIRES(mutex);
  void restore_ejected(std::uint32_t service) SEAWALL_REQUIRES(mutex);
  std::uint64_t breaker_of(const RegisteredInstance& instance) const SEAWALL_REQUIRES(mutex);
  template <class Which>
  std::int64_t end_flights(const Which& which) SEAWALL_REQUIRES(mutex);
  InstanceExplanation explain(const RegisteredService& service, const RegisteredInstance& instance,
                              std::int64_t in_flight, std::int64_t now) const SEAWALL_REQUIRES(mutex);
  InstanceInfo info(const RegisteredInstance& instance, std::int64_t in_flight, std::int64_t now) const
      SEAWALL_REQUIRES(mutex);
  std::vector<std::int32_t> flights_by_record() const SEAWALL_REQUIRES(mutex);  // the whole table, as the next two
  void reap_flights(std::int64_t now) SEAWALL_REQUIRES(mutex);
  std::int64_t in_flight(const RegisteredInstance& instance) const SEAWALL_REQUIRES(mutex);
  std::int64_t believed_until() const SEAWALL_REQUIRES(mutex) { return rule_.believed_until(last_tick_); }

  const ServiceRegistryOptions options_;
  const algorithm::LeaseRule rule_;
  const algorithm::ExpiryGuard guard_;
  std::uint32_t writer_ SEAWALL_GUARDED_BY(mutex) = 0;  // 0: nobody else can write
  std::int64_t writer_lease_ SEAWALL_GUARDED_BY(mutex) = 0;
  RegistryStats stats_ SEAWALL_GUARDED_BY(mutex);
  std::int64_t last_tick_ SEAWALL_GUARDED_BY(mutex);
  std::uint64_t next_generation_ SEAWALL_GUARDED_BY(mutex);
  ManyByHash<std::unique_ptr<RegisteredInstance>> instances_ SEAWALL_GUARDED_BY(mutex);             // by name_hash
  ChainsByHash<RegisteredInstance, &RegisteredInstance::same_id> by_id_ SEAWALL_GUARDED_BY(mutex);  // by NameHash
  ManyByHash<RegisteredInstance*> endpoints_ SEAWALL_GUARDED_BY(mutex);                             // by endpoint_hash
  ExpiredFirst<&RegisteredInstance::expired_place_of_all> expired_ SEAWALL_GUARDED_BY(mutex);
  ByName<std::uint32_t> service_index_ SEAWALL_GUARDED_BY(mutex);
  std::vector<RegisteredService> services_ SEAWALL_GUARDED_BY(mutex);
  std::vector<std::uint32_t> free_services_ SEAWALL_GUARDED_BY(mutex);
  std::vector<std::uint32_t> free_slots_ SEAWALL_GUARDED_BY(mutex);
  std::vector<std::uint32_t> free_records_ SEAWALL_GUARDED_BY(mutex);
  ServiceConfig default_config_ SEAWALL_GUARDED_BY(mutex);
  bool holding_ SEAWALL_GUARDED_BY(mutex) = false;
  std::vector<bool> held_lists_ SEAWALL_GUARDED_BY(mutex);                // of which services
  std::vector<std::uint32_t> leaving_records_ SEAWALL_GUARDED_BY(mutex);  // when those are shown
  std::vector<bool> leaving_ SEAWALL_GUARDED_BY(mutex);                   // the same, by record
  std::vector<std::uint32_t> free_tables_ SEAWALL_GUARDED_BY(mutex);
  // What lists and tables are made of, kept for the next time.
  std::vector<ListMember> members_ SEAWALL_GUARDED_BY(mutex);
  bool unfiltered_ SEAWALL_GUARDED_BY(mutex) = false;  // gathered so
  std::vector<std::uint64_t> scores_ SEAWALL_GUARDED_BY(mutex);
  std::vector<HashMember> hash_members_ SEAWALL_GUARDED_BY(mutex);
  std::vector<algorithm::MaglevEntry> maglev_entries_ SEAWALL_GUARDED_BY(mutex);
  std::vector<std::uint16_t> maglev_table_ SEAWALL_GUARDED_BY(mutex);
  std::vector<std::uint64_t> ring_ SEAWALL_GUARDED_BY(mutex);
};

// service_registry_memory.cc; `shared`: with all that a writer needs that takes over.
detail::DirectorySizes directory_sizes(const ServiceRegistryOptions& options, bool shared);
Result<detail::ServiceDirectory> make_directory(std::span<std::byte> memory, const detail::DirectorySizes& sizes,
                                                std::int64_t epoch);
algorithm::LeaseRule lease_rule(const ServiceRegistryOptions& options);

template <class Change>
RegistryAnswer ServiceRegistry::Impl::change(std::string_view name, std::uint64_t generation, std::int64_t now,
                                             Change&& change) {
  RegistryAnswer answer{};
  RegisteredInstance* instance = addressed(name, generation, answer);
  if (instance == nullptr) return answer;
  const HealthStatus before = instance->status();
  change(*instance);
  publish_if_changed(*instance, before, now);
  return answer;
}

template <class Item, class Answer>
std::vector<Result<Answer>> ServiceRegistry::Impl::for_all(std::span<const Item> items, std::int64_t now,
                                                           Result<Answer> (Impl::*one)(const Item&, std::int64_t)) {
  std::vector<Result<Answer>> answers;
  answers.reserve(items.size());
  hold_lists();
  for (const Item& item : items) {
    try {
      answers.push_back((this->*one)(item, now));
    } catch (...) {  // for want of memory
      answers.push_back(Error{Code::kNoMemory, "out of memory"});
    }
  }
  show_held();
  return answers;
}

template <class Which>
std::int64_t ServiceRegistry::Impl::end_flights(const Which& which) {
  std::int64_t ended = 0;
  directory.flights<detail::FlightTable>().end_all(which, [&](std::uint64_t cell) {
    ++ended;
    if (!detail::Flight::loaded(cell)) return;
    // Relaxed: a count to compare with others.
    directory.record(detail::Flight::record(cell)).load.fetch_sub(1, std::memory_order_relaxed);
  });
  return ended;
}

}  // namespace seawall
