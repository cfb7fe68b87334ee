// SPDX-License-Identifier: MIT
// The lists that readers choose from: who is in them, with which weight, and how to choose.
#include <algorithm>
#include <array>

#include "seawall/algorithm/hash_ring.h"
#include "seawall/algorithm/maglev.h"
#include "seawall/algorithm/slow_start.h"
#include "seawall/algorithm/spill_over.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/instance_breaker.h"
#include "seawall/detail/siphash.h"
#include "service_registry_impl.h"

namespace seawall {
namespace {

std::uint32_t unsigned_of(std::int64_t value) { return static_cast<std::uint32_t>(value); }
std::uint64_t ms_of(Duration d) { return static_cast<std::uint64_t>(d.count()) / 1'000'000; }
std::uint64_t hash_of(const RegisteredInstance* instance) { return detail::siphash({0, 0}, instance->spec.id); }

// Who leads the others: in the list by its own worth, or only when there is panic.
enum class Part : std::uint32_t { kLocal, kElsewhere, kPanicOnly, kOut };

class Parts {
 public:
  explicit Parts(const RegisteredService& service) : service_(service) {
    std::array<std::uint32_t, 2> pickable{};  // by rank
    for (const RegisteredInstance* instance : service.instances) {
      if (instance->status().pickable()) ++pickable[instance->status().rank()];
    }
    worst_ = algorithm::worst_rank_listed(pickable);
  }
  Part of(const RegisteredInstance* instance) const {
    const HealthStatus status = instance->status();
    if (instance->fenced || !status.usable_in_panic()) return Part::kOut;
    if (!status.pickable() || status.rank() > worst_) return Part::kPanicOnly;
    return local(instance) ? Part::kLocal : Part::kElsewhere;
  }
  bool local(const RegisteredInstance* instance) const {
    const std::string& zone = service_.config.options().zone;
    return !zone.empty() && instance->spec.zone == zone;
  }

 private:
  const RegisteredService& service_;
  std::uint32_t worst_;
};

std::uint64_t ejection_counts(const ServiceOptions& o) {
  return std::uint64_t{unsigned_of(o.ejection_failures)} | std::uint64_t{unsigned_of(o.ejection_growth_percent)} << 10 |
         std::uint64_t{unsigned_of(o.ejection_jitter_percent)} << 20 |
         std::uint64_t{unsigned_of(o.max_ejected_percent)} << 27 | std::uint64_t{unsigned_of(o.least_left)} << 34;
}

void show_rules(detail::Word* words, const ServiceOptions& o) {
  const Duration longest = std::max(o.ejection_duration, o.max_ejection_duration);
  detail::show(words[2], ejection_counts(o));
  detail::show(words[3], ms_of(o.ejection_duration) << 32 | ms_of(longest));
  detail::show(words[4], ms_of(o.ejection_decay) << 32 | ms_of(o.probe_lease));
  detail::show(words[5], ms_of(o.ewma_half_life) << 32 | static_cast<std::uint64_t>(o.failure_latency.count()) / 1'000);
}

}  // namespace

// A newcomer's weight is less for a while after its first traffic, unless most are new.
std::uint32_t ServiceRegistry::Impl::weight_now(const RegisteredService& service, const RegisteredInstance& instance,
                                                bool ramps) const {
  const auto weight = static_cast<std::uint32_t>(instance.spec.weight);
  if (!ramps || !instance.eligible_since) return weight * kWeightUnit;
  const ServiceOptions& o = service.config.options();
  const algorithm::SlowStart start{o.slow_start, unsigned_of(o.slow_start_least_percent)};
  return start.weight(weight * kWeightUnit, Duration(detail::saturating_sub(last_tick_, *instance.eligible_since)));
}

// Whether newcomers get less than their weight, and until the last of them is no newcomer the list changes by time.
bool ServiceRegistry::Impl::ramps(RegisteredService& service) const {
  const Duration window = service.config.options().slow_start;
  if (window == Duration(0) || service.config.hashed()) return service.ramping = service.ramping_now = false;
  const Parts parts(service);
  std::uint32_t members = 0, newcomers = 0;
  for (RegisteredInstance* instance : service.instances) {
    if (parts.of(instance) >= Part::kPanicOnly) continue;
    if (!instance->eligible_since) instance->eligible_since = last_tick_;
    ++members;
    newcomers += Duration(detail::saturating_sub(last_tick_, *instance->eligible_since)) < window;
  }
  service.ramping = newcomers != 0;
  return service.ramping_now = algorithm::SlowStart::worth_it(newcomers, members);
}

void ServiceRegistry::Impl::publish(std::uint32_t index) {
  RegisteredService& service = services_[index];
  for (const RegisteredInstance* instance : service.instances) write_state(*instance);
  const Parts parts(service);
  const bool slowly = ramps(service);
  std::uint32_t largest = 1, local_known = 0;
  for (const RegisteredInstance* instance : service.instances) {
    const Part part = parts.of(instance);
    if (part != Part::kOut) largest = std::max(largest, weight_now(service, *instance, slowly));
    local_known += part != Part::kOut && parts.local(instance);
  }
  detail::Word& head = directory.head(index);
  const std::uint64_t next = detail::seen(head) + 1;
  detail::Word* words = directory.list(index, next);
  std::array<std::uint32_t, 3> counts{};
  std::uint32_t at = detail::ListHead::kWords;
  for (const Part wanted : {Part::kLocal, Part::kElsewhere, Part::kPanicOnly, Part::kOut}) {
    for (const RegisteredInstance* instance : service.instances) {
      if (parts.of(instance) != wanted) continue;
      detail::ListEntry entry{static_cast<std::uint32_t>(instance->generation), 0, instance->record};
      if (wanted != Part::kOut) {
        entry.weight = algorithm::StaticStride::scale(weight_now(service, *instance, slowly), largest);
        detail::show(words[at++], entry.pack());
        ++counts[static_cast<std::size_t>(wanted)];
        entry.weight = wanted == Part::kPanicOnly ? 1 : std::max(entry.weight, 2u);
      }
      detail::show(directory.slot(instance->slot), entry.pack());
    }
  }
  show_head(service, words, counts, local_known);
  detail::publish(directory.share(index),
                  [&](std::uint64_t word) { return algorithm::EjectionShare::know(word, counts[0] + counts[1]); });
  detail::show(head, next);
  directory.changed();
}

void ServiceRegistry::Impl::show_head(RegisteredService& service, detail::Word* words,
                                      const std::array<std::uint32_t, 3>& counts, std::uint32_t local_known) {
  const ServiceOptions& o = service.config.options();
  detail::ListHead::Fields f;
  f.eligible = counts[0] + counts[1];
  f.known = f.eligible + counts[2];
  f.local = counts[0];
  f.balancer = unsigned_of(static_cast<std::int32_t>(o.balancer));
  f.fails = o.panic_mode == PanicMode::kFail;
  f.ejects = service.config.ejects();
  f.panic_threshold = unsigned_of(o.panic_threshold);
  f.plain = o.balancer == Balancer::kRoundRobin && (f.local == 0 || f.local == f.eligible) &&
            !detail::ListHead(detail::ListHead::pack(f)).panics(0);
  detail::show(words[0], detail::ListHead::pack(f));
  const std::uint64_t share = algorithm::local_share(f.local, local_known, unsigned_of(o.over_provisioning_percent));
  detail::show(words[1], rebuilt_table(service) | share);
  show_rules(words, o);
}

// The table's number and size, as the list names it. Built anew, in the other one of the service's two, when who is in
// it or a weight is another; health moves no key for good.
std::uint64_t ServiceRegistry::Impl::rebuilt_table(RegisteredService& service) {
  if (!service.config.hashed() || !service.tables) return std::uint64_t{0xff} << 32;
  hash_members_.clear();
  for (const RegisteredInstance* instance : service.instances) {
    if (instance->spec.weight != 0) hash_members_.push_back({hash_of(instance), instance->slot, instance->spec.weight});
  }
  std::ranges::sort(hash_members_, {}, [](const HashMember& m) { return std::pair(m.hash, m.slot); });
  std::uint64_t sum = 1 + unsigned_of(static_cast<std::int32_t>(service.config.options().balancer));
  for (const HashMember& m : hash_members_) {
    sum = algorithm::mix64(sum ^ algorithm::mix64(m.hash + m.slot) ^ unsigned_of(m.weight));
  }
  if (sum != service.table_of) {
    service.table_of = sum;
    service.table_turn ^= 1;
    service.table_size = service.config.options().balancer == Balancer::kMaglev ? build_maglev(service_table(service))
                                                                                : build_ring(service_table(service));
  }
  return std::uint64_t{service.table_size} << 40 | std::uint64_t{*service.tables * 2 + service.table_turn} << 32;
}

detail::Word* ServiceRegistry::Impl::service_table(const RegisteredService& service) const {
  return directory.table(*service.tables * 2 + service.table_turn);
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
std::uint32_t ServiceRegistry::Impl::build_maglev(detail::Word* to) {
  maglev_entries_.clear();
  for (const HashMember& m : hash_members_)
    maglev_entries_.push_back({.hash = m.hash, .weight = unsigned_of(m.weight)});
  if (maglev_entries_.empty() || !algorithm::Maglev::build(maglev_entries_, maglev_table_)) return 0;
  for (std::size_t at = 0; at < maglev_table_.size(); at += 4) {
    std::uint64_t word = 0;
    for (std::size_t i = at; i < std::min(at + 4, maglev_table_.size()); ++i) {
      word |= std::uint64_t{hash_members_[maglev_table_[i]].slot} << i % 4 * 16;
    }
    detail::show(to[at / 4], word);
  }
  return unsigned_of(static_cast<std::int64_t>(maglev_table_.size()));
}

// An instance has kPoints points for each unit of weight, or as many as there is room for.
// NOLINTNEXTLINE(readability-make-member-function-const): as above
std::uint32_t ServiceRegistry::Impl::build_ring(detail::Word* to) {
  constexpr std::uint64_t kPoints = 160;
  std::uint64_t weights = 0;
  for (const HashMember& m : hash_members_) weights += unsigned_of(m.weight);
  if (weights == 0) return 0;
  const std::uint64_t room = directory.table_words();
  const bool crowded = kPoints * weights > room;
  const std::uint64_t left = room - std::min<std::uint64_t>(room, hash_members_.size());  // behind one for each
  ring_.clear();
  for (const HashMember& m : hash_members_) {
    const std::uint64_t fair = crowded ? 1 + unsigned_of(m.weight) * left / weights : unsigned_of(m.weight) * kPoints;
    const std::uint64_t points = std::min(fair, room - ring_.size());
    ring_.resize(ring_.size() + points);
    algorithm::HashRing::place(std::span(ring_).last(points), m.hash, static_cast<std::uint16_t>(m.slot));
  }
  algorithm::HashRing::sort(ring_);
  for (std::size_t i = 0; i < ring_.size(); ++i) detail::show(to[i], ring_[i]);
  return unsigned_of(static_cast<std::int64_t>(ring_.size()));
}

Result<void> ServiceRegistry::Impl::configure(std::span<const ServiceRule> rules) {
  std::vector<Configured> all;
  std::size_t tables = free_tables_.size(), needed = 0;
  for (const ServiceRule& rule : rules) {
    const std::uint32_t* known = find_service(rule.service);
    if (!rule.config && known == nullptr) continue;
    const auto index = rule.config ? pin(rule.service) : Result<std::uint32_t>(*known);
    if (!index) return index.error();
    all.push_back({index.value(), rule.config.has_value(), rule.config.value_or(default_config_)});
    if (services_[index.value()].tables) ++tables;
    if (all.back().config.hashed()) ++needed;
  }
  if (needed > tables) return full("max_hashed_services", options_.max_hashed_services);
  if (needed != 0) reserve_for_tables();
  // From here on nothing can fail. Who gives tables back comes first.
  for (const bool hashed : {false, true}) {
    for (Configured& one : all) {
      if (one.config.hashed() == hashed) apply(one);
    }
  }
  return {};
}

void ServiceRegistry::Impl::apply(Configured& one) {
  RegisteredService& service = services_[one.service];
  if (one.config.hashed() && !service.tables) {
    service.tables = free_tables_.back();
    free_tables_.pop_back();
  }
  if (!one.config.hashed() && service.tables) {
    free_tables_.push_back(*service.tables);  // where it came from: there is room
    service.tables.reset();
  }
  service.config = std::move(one.config);
  service.configured = one.by_name;
  service.table_of = 0;
  publish(one.service);
  restore_ejected(one.service);
}

RegistryAnswer ServiceRegistry::Impl::restore(std::string_view name, std::uint64_t generation) {
  RegistryAnswer answer{};
  const RegisteredInstance* instance = addressed(name, generation, answer);
  if (instance != nullptr) restore(*instance);
  return answer;
}

// NOLINTNEXTLINE(readability-make-member-function-const): as above
void ServiceRegistry::Impl::restore(const RegisteredInstance& instance) {
  detail::BasicInstanceBreaker<detail::Word>(directory.record(instance.record).breaker,
                                             directory.share(instance.service))
      .clear();
}

// Where nobody is ejected any more, no call would close what is open. After the list that says so.
// NOLINTNEXTLINE(readability-make-member-function-const): as above
void ServiceRegistry::Impl::restore_ejected(std::uint32_t index) {
  if (services_[index].config.ejects()) return;
  for (const RegisteredInstance* instance : services_[index].instances) restore(*instance);
}

// So that publishing allocates nothing.
void ServiceRegistry::Impl::reserve_for_tables() {
  hash_members_.reserve(unsigned_of(options_.max_instances_per_service));
  maglev_entries_.reserve(unsigned_of(options_.max_instances_per_service));
  maglev_table_.resize(unsigned_of(options_.hash_table_size));
  ring_.reserve(directory.table_words());
}

void ServiceRegistry::Impl::configure_default(const ServiceConfig& config) {
  default_config_ = config;
  for (std::uint32_t index = 0; index < services_.size(); ++index) {
    RegisteredService& service = services_[index];
    if (service.configured) continue;
    service.config = config;
    if (service.name.empty()) continue;
    publish(index);
    restore_ejected(index);
  }
}

}  // namespace seawall
