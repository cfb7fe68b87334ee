// SPDX-License-Identifier: MIT
#include "registry/service_registry_impl.h"

#include <algorithm>
#include <limits>

#include "seawall/algorithm/mix.h"

namespace seawall {
namespace {

std::vector<std::uint32_t> descending(std::uint32_t count) {  // so that the lowest index is given out first
  std::vector<std::uint32_t> indices(count);
  for (std::uint32_t i = 0; i < count; ++i) indices[i] = count - 1 - i;
  return indices;
}

std::uint32_t take(std::vector<std::uint32_t>& free) {
  const std::uint32_t index = free.back();
  free.pop_back();
  return index;
}

std::uint32_t unsigned_of(std::int32_t value) { return static_cast<std::uint32_t>(value); }
std::int64_t size_of(const std::vector<RegisteredInstance*>& v) { return static_cast<std::int64_t>(v.size()); }

// The entry of the instance, which is under this hash, or the end.
template <class ByHash>
typename ByHash::iterator entry_of(ByHash& table, std::uint64_t hash, const RegisteredInstance& instance) {
  const auto [begin, end] = table.equal_range(hash);
  const auto own = std::find_if(begin, end, [&](const auto& entry) { return &*entry.second == &instance; });
  return own == end ? table.end() : own;
}

}  // namespace

ServiceRegistry::Impl::Impl(const ServiceRegistryOptions& options, std::int64_t epoch, detail::KeyedAllocation own,
                            const detail::ServiceDirectory& in)
    : memory(std::move(own)),
      directory(in),
      options_(options),
      rule_(lease_rule(options)),
      guard_{options.max_expired_percent, options.guard_from, options.expiry_ceiling.count()},
      last_tick_(epoch),
      next_generation_(static_cast<std::uint64_t>(options.first_generation)),
      services_(unsigned_of(options.max_services)),
      free_services_(descending(unsigned_of(options.max_services))),
      free_slots_(descending(unsigned_of(options.max_instances))),
      free_records_(descending(directory.record_count())),
      free_tables_(descending(unsigned_of(options.max_hashed_services))) {
  members_.reserve(std::min(unsigned_of(options.max_instances_per_service), unsigned_of(options.max_instances)));
  held_lists_.resize(services_.size());
  leaving_records_.reserve(free_records_.size());
  leaving_.resize(free_records_.size());
  if (options.one_per_endpoint) endpoints_.reserve(free_slots_.size());
  instances_.reserve(free_slots_.size());
  by_id_.reserve(free_slots_.size());
  expired_.reserve(free_slots_.size());
  service_index_.reserve(free_services_.size());
}

Error ServiceRegistry::Impl::full(std::string_view bound, std::int64_t limit) {
  ++stats_.refused_full;
  return {Code::kFull, Message("the registry is full: ").append(bound).append(" is ").append(limit)};
}

Result<Registration> ServiceRegistry::Impl::add(std::string_view service, const InstanceSpec& spec, std::int64_t now,
                                                Claim claim) {
  if (const std::uint32_t* index = find_service(service)) {
    if (services_[*index].view != nullptr) {
      return Error{
          Code::kInvalidArgument,
          Message("service: ").append(service).append(" is a view, of ").append(owner(services_[*index]).name)};
    }
    if (RegisteredInstance* known = find_instance(*index, spec.id)) {
      const bool free =
          claim == Claim::kAnybody || (claim == Claim::kExpired && lease_at(*known, now) == LeaseState::kExpired);
      if (!free) return Error{Code::kAlreadyExists, "another instance has the id"};
      return replace(*known, spec, now);
    }
  }
  if (const auto error = make_room(service)) return *error;
  const auto index = service_for(service);  // only now: evicting may have removed the service
  if (!index) return index.error();
  try {
    return add_new(index.value(), spec, now);
  } catch (...) {
    release_if_idle(index.value());
    throw;
  }
}

Result<Registration> ServiceRegistry::Impl::add_one(const NewInstance& one, std::int64_t now) {
  if (auto checked = check_service_name(one.service); !checked) return checked.error();
  if (auto checked = check_instance(one.spec, options_.max_metadata_bytes); !checked) return checked.error();
  return add(one.service, one.spec, now, one.claim);
}

Result<RegistryAnswer> ServiceRegistry::Impl::change_one(const InstanceChange& one, std::int64_t now) {
  constexpr RegistryAnswer kOk = RegistryAnswer::kOk;
  if (one.update) {
    if (auto checked = check_update(one.name, *one.update, options_.max_metadata_bytes); !checked) {
      return checked.error();
    }
    if (const RegistryAnswer answer = update(one.name, one.generation, *one.update); answer != kOk) return answer;
  }
  if (one.heartbeat) {
    if (!is_one_of(*one.heartbeat)) return RegistryAnswer::kInvalid;
    if (one.generation == kAnyGeneration) return RegistryAnswer::kUnknown;  // as heartbeat_at
    const RegistryAnswer answer = heartbeat(one.name, one.generation, now, one.heartbeat);
    if (answer != kOk) return answer;
  }
  if (one.health) {
    if (!is_one_of(*one.health)) return RegistryAnswer::kInvalid;
    if (const RegistryAnswer answer = set_health(one.name, one.generation, *one.health, now); answer != kOk) {
      return answer;
    }
  }
  return one.deregister ? remove(one.name, one.generation) : kOk;
}

std::optional<Error> ServiceRegistry::Impl::make_room(std::string_view service) {
  const std::uint32_t* index = find_service(service);
  RegisteredInstance* victim = nullptr;
  if (index != nullptr && size_of(services_[*index].instances) >= options_.max_instances_per_service) {
    victim = services_[*index].expired.first();
    if (victim == nullptr) return full("max_instances_per_service", options_.max_instances_per_service);
  } else if (free_slots_.empty()) {
    victim = expired_.first();
    if (victim == nullptr) return full("max_instances", options_.max_instances);
  }
  if (index == nullptr && free_services_.empty() && (victim == nullptr || !is_last_of_service(*victim))) {
    return full("max_services", options_.max_services);
  }
  if (victim != nullptr) {
    ++stats_.evicted_expired;
    erase(*victim);
  }
  return std::nullopt;
}

bool ServiceRegistry::Impl::is_last_of_service(const RegisteredInstance& instance) const {
  const RegisteredService& service = services_[instance.service];
  return service.instances.size() == 1 && !names().pinned(instance.service);
}

// Here and in replace, all that can throw comes before the first change.
Registration ServiceRegistry::Impl::add_new(std::uint32_t service, const InstanceSpec& spec, std::int64_t now) {
  Registration mine = promised(service, spec);
  services_[service].reserve_one();
  auto owned = std::make_unique<RegisteredInstance>();
  RegisteredInstance& instance = *owned;
  instance.spec = spec;
  instance.service = service;
  index_endpoint(instance, spec);
  try {
    index_names(owned);
  } catch (...) {
    forget_endpoint(instance);
    throw;
  }
  instance.slot = take(free_slots_);
  if (holding_ && free_records_.empty()) {  // as in enter(), which is too late: no list may name who has no record yet
    show_held();
    hold_lists();
  }
  services_[service].enter(instance);
  enter(instance, now, mine);
  return mine;
}

Registration ServiceRegistry::Impl::replace(RegisteredInstance& instance, const InstanceSpec& spec, std::int64_t now) {
  Registration mine = promised(instance.service, spec);
  InstanceSpec copy = spec;
  index_endpoint(instance, spec);
  instance.spec = std::move(copy);
  instance.admin = algorithm::inherit(instance.admin);
  instance.health = Health::kUnknown;
  const std::uint32_t old = instance.record;
  enter(instance, now, mine);
  retire_record(old);
  return mine;
}

Registration ServiceRegistry::Impl::promised(std::uint32_t service, const InstanceSpec& spec) const {
  Registration mine;
  mine.id = spec.id;
  mine.name = instance_name(services_[service].name, spec.id);
  mine.lease = options_.lease;
  return mine;
}

// Gives the instance a generation, a lease and a record of its own, and shows it to readers.
void ServiceRegistry::Impl::enter(RegisteredInstance& instance, std::int64_t now, Registration& mine) noexcept {
  ++stats_.registrations;
  instance.generation = mine.generation = take_generation();
  mine.slot = instance.slot;
  // Never so long that a tick's tolerance would not fit in behind it: make() saw to it for the interval itself.
  const std::uint64_t hash = algorithm::mix64(instance.generation + NameHash()(mine.name));
  const std::int64_t interval =
      std::min(algorithm::spread(options_.heartbeat_interval.count(), options_.heartbeat_jitter_percent, hash),
               options_.lease.count() - options_.tick_tolerance.count());
  mine.heartbeat_interval = Duration(interval);
  mine.first_heartbeat = Duration(algorithm::spread(interval - interval / 4, 33, hash >> 32));  // 1/2 to 1 of it
  if (holding_ && free_records_.empty()) {  // so that those that left are free
    show_held();
    hold_lists();
  }
  instance.record = take(free_records_);
  instance.self = instance.spec.state;
  leave_expired(instance);
  instance.lease = LeaseState::kLive;
  instance.shielded = instance.fenced = false;
  instance.drain.reset();
  instance.changed_at = std::max(now, last_tick_);
  instance.eligible_since.reset();
  instance.lease_end = rule_.renew(std::numeric_limits<std::int64_t>::min(), instance.changed_at);
  write_record(instance);
  if (options_.one_per_endpoint) take_endpoint(instance);
  publish(instance.service);
}

std::uint64_t ServiceRegistry::Impl::endpoint_hash(std::uint32_t service, const InstanceSpec& spec) noexcept {
  return algorithm::mix64(NameHash()(spec.host) ^ (std::uint64_t{service} << 32 | unsigned_of(spec.port)));
}

// Where it has an entry that is moved: nothing can throw then.
void ServiceRegistry::Impl::index_endpoint(RegisteredInstance& instance, const InstanceSpec& next) {
  if (!options_.one_per_endpoint) return;
  const auto own = entry_of(endpoints_, endpoint_hash(instance.service, instance.spec), instance);
  const std::uint64_t hash = endpoint_hash(instance.service, next);
  if (own == endpoints_.end()) {
    endpoints_.emplace(hash, &instance);
    return;
  }
  auto entry = endpoints_.extract(own);
  entry.key() = hash;
  endpoints_.insert(std::move(entry));
}

void ServiceRegistry::Impl::forget_endpoint(const RegisteredInstance& instance) noexcept {
  if (!options_.one_per_endpoint) return;
  const auto own = entry_of(endpoints_, endpoint_hash(instance.service, instance.spec), instance);
  if (own != endpoints_.end()) endpoints_.erase(own);
}

// Whom it fences is forgotten, until it registers again: many that take one endpoint in turn do not search each other.
void ServiceRegistry::Impl::take_endpoint(const RegisteredInstance& instance) noexcept {
  auto [at, end] = endpoints_.equal_range(endpoint_hash(instance.service, instance.spec));
  while (at != end) {
    RegisteredInstance* other = at->second;
    const bool same = other->service == instance.service && other->spec.port == instance.spec.port &&
                      other->spec.host == instance.spec.host;
    if (!same || other == &instance) {
      ++at;
      continue;
    }
    at = endpoints_.erase(at);
    if (other->fenced) continue;
    ++stats_.endpoints_taken;
    other->fenced = true;
    if (!other->expired()) expire(*other, instance.changed_at);
  }
}

std::uint64_t ServiceRegistry::Impl::take_generation() {
  if (static_cast<std::uint32_t>(next_generation_) == 0) ++next_generation_;  // so that no ticket is 0
  detail::show(directory.header().generations, next_generation_);             // before it is used
  return next_generation_++;
}

std::uint64_t ServiceRegistry::Impl::name_hash(std::uint32_t service, std::string_view id) noexcept {
  return algorithm::mix64(NameHash()(id) + service);
}

RegisteredInstance* ServiceRegistry::Impl::find_instance(std::uint32_t service, std::string_view id) const {
  for (auto [at, end] = instances_.equal_range(name_hash(service, id)); at != end; ++at) {
    if (at->second->service == service && at->second->spec.id == id) return at->second.get();
  }
  return nullptr;
}

// In both tables or, when it throws, in none, and still the caller's.
void ServiceRegistry::Impl::index_names(std::unique_ptr<RegisteredInstance>& owned) {
  RegisteredInstance& instance = *owned;
  const auto at = instances_.emplace(name_hash(instance.service, instance.spec.id), nullptr);
  try {
    if (in_default_namespace(services_[instance.service].name)) by_id_.enter(NameHash()(instance.spec.id), instance);
  } catch (...) {
    instances_.erase(at);
    throw;
  }
  at->second = std::move(owned);
}

void ServiceRegistry::Impl::forget_names(const RegisteredInstance& instance) noexcept {
  if (in_default_namespace(services_[instance.service].name)) by_id_.leave(NameHash()(instance.spec.id), instance);
  instances_.erase(entry_of(instances_, name_hash(instance.service, instance.spec.id), instance));
}

RegisteredInstance* ServiceRegistry::Impl::resolve(std::string_view name, std::uint64_t generation,
                                                   RegistryAnswer& answer) const {
  if (!well_formed(name)) {
    answer = RegistryAnswer::kInvalid;
    return nullptr;
  }
  const InstanceName wanted = split_name(name);
  if (wanted.service.empty()) return resolve_id(wanted.id, generation, answer);
  const std::uint32_t* service = find_service(wanted.service);
  RegisteredInstance* found = service == nullptr ? nullptr : find_instance(*service, wanted.id);
  answer = found == nullptr ? RegistryAnswer::kUnknown : RegistryAnswer::kOk;
  return found;
}

RegisteredInstance* ServiceRegistry::Impl::resolve_id(std::string_view id, std::uint64_t generation,
                                                      RegistryAnswer& answer) const {
  RegisteredInstance* found = nullptr;
  bool several = false;
  answer = RegistryAnswer::kOk;
  for (RegisteredInstance* instance = by_id_.first(NameHash()(id)); instance; instance = by_id_.next(*instance)) {
    if (instance->spec.id != id) continue;
    if (instance->generation == generation) return instance;
    several = found != nullptr;
    found = instance;
  }
  if (found == nullptr) answer = RegistryAnswer::kUnknown;
  if (several) answer = RegistryAnswer::kAmbiguous;
  return several ? nullptr : found;
}

RegisteredInstance* ServiceRegistry::Impl::addressed(std::string_view name, std::uint64_t generation,
                                                     RegistryAnswer& answer) {
  RegisteredInstance* instance = resolve(name, generation, answer);
  if (instance != nullptr && generation > instance->generation) answer = RegistryAnswer::kUnknown;
  const bool stale = instance != nullptr && (generation < instance->generation || instance->fenced);
  if (stale && generation != kAnyGeneration) answer = RegistryAnswer::kFenced;
  if (answer == RegistryAnswer::kUnknown) ++stats_.unknown;
  if (answer == RegistryAnswer::kFenced) ++stats_.fenced;
  return answer == RegistryAnswer::kOk ? instance : nullptr;
}

void ServiceRegistry::Impl::publish_if_changed(RegisteredInstance& instance, HealthStatus before, std::int64_t now) {
  if (instance.status() == before) return;
  instance.changed_at = std::max(now, last_tick_);
  publish(instance.service);
}

RegistryAnswer ServiceRegistry::Impl::update(std::string_view name, std::uint64_t generation, InstanceUpdate update) {
  RegistryAnswer answer{};
  RegisteredInstance* instance = addressed(name, generation, answer);
  if (instance == nullptr) return answer;
  if (update.weight) instance->spec.weight = *update.weight;
  if (update.zone) instance->spec.zone = *std::move(update.zone);
  if (update.metadata) instance->spec.metadata = *std::move(update.metadata);
  write_details(*instance);
  publish(instance->service);
  return answer;
}

RegistryAnswer ServiceRegistry::Impl::remove(std::string_view name, std::uint64_t generation) {
  RegistryAnswer answer{};
  if (RegisteredInstance* instance = addressed(name, generation, answer)) erase(*instance);
  return answer;
}

void ServiceRegistry::Impl::erase(RegisteredInstance& instance) {
  ++stats_.removals;
  const std::uint32_t service = instance.service;
  leave_expired(instance);
  services_[service].leave(instance);
  publish(service);
  detail::show(directory.slot(instance.slot), 0);
  retire_record(instance.record);
  free_slots_.push_back(instance.slot);
  forget_endpoint(instance);
  forget_names(instance);
  release_if_idle(service);
}

Result<std::uint32_t> ServiceRegistry::Impl::service_for(std::string_view name, std::unique_ptr<RegisteredView> view) {
  if (const std::uint32_t* known = find_service(name)) return *known;
  if (free_services_.empty()) return full("max_services", options_.max_services);
  const std::uint32_t index = free_services_.back();
  services_[index].config = default_config_;
  std::string own(name);  // who has a name is counted
  std::string key(name);  // built before: the table does not survive a key that throws while it is built in place
  service_index_.emplace(std::move(key), index);
  services_[index].name = std::move(own);
  free_services_.pop_back();
  services_[index].view = std::move(view);
  begin_service(index, name);
  return index;
}

void ServiceRegistry::Impl::release_if_idle(std::uint32_t service) {
  RegisteredService& entry = services_[service];
  if (!entry.instances.empty() || !names().release(service)) return;
  if (entry.view != nullptr) std::erase(services_[entry.view->of].views, service);
  entry.view.reset();
  service_index_.erase(service_index_.find(entry.name));
  entry.name.clear();
  free_services_.push_back(service);
  directory.changed();
}

const std::uint32_t* ServiceRegistry::Impl::find_service(std::string_view name) const {
  const auto found = service_index_.find(name);
  return found == service_index_.end() ? nullptr : &found->second;
}

Result<std::uint32_t> ServiceRegistry::Impl::pin(std::string_view name) {
  auto index = service_for(name);
  if (index) names().pin(names().find(names().key(name)));
  return index;
}

RegistryStats ServiceRegistry::Impl::counted() const {
  const auto total = [](const detail::Word& word) { return static_cast<std::int64_t>(detail::seen(word)); };
  RegistryStats stats = stats_;
  stats.services =
      std::ranges::count_if(services_, [](const RegisteredService& s) { return !s.name.empty() && s.view == nullptr; });
  stats.instances = static_cast<std::int64_t>(instances_.size());
  stats.tickets_late = total(directory.header().tickets_late);
  stats.tickets_untracked = total(directory.header().tickets_untracked);
  stats.ejections = total(directory.header().ejections);
  stats.ejections_refused = total(directory.header().ejections_refused);
  stats.panic_picks = total(directory.header().panic_picks);
  return stats;
}

}  // namespace seawall
