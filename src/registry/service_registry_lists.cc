// SPDX-License-Identifier: MIT
// The lists that readers choose from: who is in them, with which weight, and how to choose.
#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "registry/service_registry_impl.h"
#include "seawall/algorithm/hash_ring.h"
#include "seawall/algorithm/maglev.h"
#include "seawall/algorithm/slow_start.h"
#include "seawall/algorithm/spill_over.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/instance_breaker.h"
#include "seawall/detail/siphash.h"

namespace seawall {
namespace {

std::uint32_t unsigned_of(std::int64_t value) { return static_cast<std::uint32_t>(value); }
std::uint64_t ms_of(Duration d) { return static_cast<std::uint64_t>(d.count()) / 1'000'000; }
std::uint64_t hash_of(const RegisteredInstance* instance) { return detail::siphash({0, 0}, instance->spec.id); }

std::uint64_t ejection_counts(const ServiceOptions& o) {
  return std::uint64_t{unsigned_of(o.ejection_failures)} | std::uint64_t{unsigned_of(o.ejection_growth_percent)} << 10 |
         std::uint64_t{unsigned_of(o.ejection_jitter_percent)} << 20 |
         std::uint64_t{unsigned_of(o.max_ejected_percent)} << 27 | std::uint64_t{unsigned_of(o.least_left)} << 34;
}

void show_rules(detail::Word* words, const ServiceOptions& o, const ServiceOptions& choice) {
  const Duration longest = std::max(o.ejection_duration, o.max_ejection_duration);
  detail::show(words[2], ejection_counts(o));
  detail::show(words[3], ms_of(o.ejection_duration) << 32 | ms_of(longest));
  detail::show(words[4], ms_of(o.ejection_decay) << 32 | ms_of(o.probe_lease));
  detail::show(words[5],
               ms_of(choice.ewma_half_life) << 32 | static_cast<std::uint64_t>(choice.failure_latency.count()) / 1'000);
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
  std::uint32_t members = 0, newcomers = 0;
  for (const auto& [instance, part, local, weight] : members_) {
    if (part >= ListPart::kPanicOnly) continue;
    if (!instance->eligible_since) instance->eligible_since = last_tick_;
    ++members;
    newcomers += Duration(detail::saturating_sub(last_tick_, *instance->eligible_since)) < window;
  }
  service.ramping = newcomers != 0;
  return service.ramping_now = algorithm::SlowStart::worth_it(newcomers, members);
}

void ServiceRegistry::Impl::gather(const RegisteredService& from, const InstanceSelector* selector,
                                   std::string_view zone) noexcept {
  members_.clear();
  std::array<std::uint32_t, 2> pickable{};  // by rank
  for (RegisteredInstance* instance : from.instances) {
    if (selector != nullptr && !selector->matches(instance->spec.zone, instance->spec.metadata)) continue;
    const HealthStatus status = instance->status();
    if (status.pickable()) ++pickable[status.rank()];
    members_.push_back({.instance = instance, .local = !zone.empty() && instance->spec.zone == zone});
  }
  const std::uint32_t worst = algorithm::worst_rank_listed(pickable);
  for (ListMember& member : members_) {
    const HealthStatus status = member.instance->status();
    if (member.instance->fenced || !status.usable_in_panic()) continue;
    const bool eligible = status.pickable() && status.rank() <= worst;
    member.part = !eligible ? ListPart::kPanicOnly : member.local ? ListPart::kLocal : ListPart::kElsewhere;
  }
}

void ServiceRegistry::Impl::gather(const RegisteredService& shown) noexcept {
  const std::string& zone = shown.config.options().zone;
  unfiltered_ = false;
  if (shown.view == nullptr) return gather(shown, nullptr, zone);
  const RegisteredService& from = owner(shown);
  gather(from, &shown.view->selector, zone);
  const auto out = [](const ListMember& member) { return member.part == ListPart::kOut; };
  if (shown.view->fallback == ViewFallback::kAll && std::ranges::all_of(members_, out)) {
    gather(from, nullptr, zone);
    unfiltered_ = !std::ranges::all_of(members_, out);
  }
  if (shown.view->subset != 0) keep_subset(*shown.view);
}

void ServiceRegistry::Impl::publish(std::uint32_t index) noexcept {
  if (holding_) {
    held_lists_[index] = true;
    return;
  }
  for (const RegisteredInstance* instance : services_[index].instances) write_state(*instance);
  show_list(index);
  for (const std::uint32_t view : services_[index].views) show_list(view);
}

void ServiceRegistry::Impl::show_held() noexcept {
  holding_ = false;
  for (std::uint32_t index = 0; index < held_lists_.size(); ++index) {
    if (!held_lists_[index]) continue;
    held_lists_[index] = false;
    publish(index);
  }
  free_leaving();
}

void ServiceRegistry::Impl::show_list(std::uint32_t index) noexcept {
  RegisteredService& service = services_[index];
  const RegisteredService& from = owner(service);
  gather(service);
  if (service.view != nullptr && service.config.hashed()) {  // readers look for records in it (ServiceChooser::listed)
    std::ranges::sort(members_, {}, [](const ListMember& member) { return member.instance->record; });
  }
  const bool slowly = service.view == nullptr ? ramps(service) : from.ramping_now;
  std::uint32_t largest = 1;
  std::array<std::uint32_t, 4> counts{};
  for (ListMember& member : members_) {
    ++counts[static_cast<std::size_t>(member.part)];
    if (member.part == ListPart::kOut) continue;
    member.weight = weight_now(from, *member.instance, slowly);
    largest = std::max(largest, member.weight);
  }
  detail::Word& head = directory.head(index);
  const std::uint64_t next = detail::seen(head) + 1;
  detail::Word* words = directory.list(index, next);
  std::array<std::uint32_t, 3> at{0, counts[0], counts[0] + counts[1]};
  for (const ListMember& member : members_) {
    const RegisteredInstance& instance = *member.instance;
    detail::ListEntry entry{static_cast<std::uint32_t>(instance.generation), 0, instance.record};
    if (member.part != ListPart::kOut) {
      entry.weight = algorithm::StaticStride::scale(member.weight, largest);
      detail::show(words[detail::ListHead::kWords + at[static_cast<std::size_t>(member.part)]++], entry.pack());
      entry.weight = member.part == ListPart::kPanicOnly ? 1 : std::max(entry.weight, 2u);
    }
    if (service.view == nullptr) detail::show(directory.slot(instance.slot), entry.pack());
  }
  show_head(service, words, {counts[0], counts[1], counts[2]}, unfiltered_);
  if (service.view == nullptr) {
    detail::publish(directory.share(index),
                    [&](std::uint64_t word) { return algorithm::EjectionShare::know(word, counts[0] + counts[1]); });
  }
  detail::show(head, next);
  directory.changed();
  ++stats_.lists;
  stats_.listed += static_cast<std::int64_t>(members_.size());
}

// Who is ejected, and what calls teach, is the service's, also in the lists of its views.
void ServiceRegistry::Impl::show_head(RegisteredService& service, detail::Word* words,
                                      const std::array<std::uint32_t, 3>& counts, bool unfiltered) {
  const ServiceOptions& o = service.config.options();
  const RegisteredService& from = owner(service);
  const auto learns = [](const RegisteredService& s) { return s.config.options().balancer == Balancer::kPeakEwma; };
  const auto local_known = std::ranges::count_if(
      members_, [](const ListMember& member) { return member.local && member.part != ListPart::kOut; });
  detail::ListHead::Fields f;
  f.eligible = counts[0] + counts[1];
  f.known = f.eligible + counts[2];
  f.local = counts[0];
  f.balancer = unsigned_of(static_cast<std::int32_t>(o.balancer));
  f.fails = o.panic_mode == PanicMode::kFail;
  f.ejects = from.config.ejects();
  f.learns = learns(from);
  for (const std::uint32_t view : from.views) f.learns = f.learns || learns(services_[view]);
  f.unfiltered = unfiltered;
  f.panic_threshold = unsigned_of(o.panic_threshold);
  f.plain =
      !unfiltered && (f.local == 0 || f.local == f.eligible) && !detail::ListHead(detail::ListHead::pack(f)).panics(0);
  detail::show(words[0], detail::ListHead::pack(f));
  const std::uint64_t share =
      algorithm::local_share(f.local, unsigned_of(local_known), unsigned_of(o.over_provisioning_percent));
  detail::show(words[1], rebuilt_table(service) | share);
  show_rules(words, from.config.options(), o);
}

// The table's number and size, as the list names it. Built anew, in the other one of the service's two, when who is in
// it or a weight is another; health moves no key for good.
std::uint64_t ServiceRegistry::Impl::rebuilt_table(RegisteredService& service) {
  if (!service.config.hashed() || !service.tables) return std::uint64_t{0xff} << 32;
  hash_members_.clear();
  for (const ListMember& member : members_) {
    const RegisteredInstance* instance = member.instance;
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

Result<void> ServiceRegistry::Impl::configure(std::span<const ServiceRule> rules,
                                              std::span<const std::string> handles) {
  std::vector<Configured> all;
  std::set<std::string_view> unknown;
  std::size_t needed = 0;
  for (const ServiceRule& rule : rules) {
    if (const std::uint32_t* known = find_service(rule.service)) {
      all.push_back({*known, rule.config.has_value(), rule.config.value_or(default_config_)});
    } else if (rule.config) {
      unknown.insert(rule.service);
      if (rule.config->hashed()) ++needed;
    }
  }
  for (const std::string& name : handles) {
    if (find_service(name) == nullptr) unknown.insert(name);
  }
  follow(all);
  std::size_t tables = free_tables_.size();
  for (const Configured& one : all) {
    if (services_[one.service].tables) ++tables;
    if (one.config.hashed()) ++needed;
  }
  if (unknown.size() > free_services_.size()) return full("max_services", options_.max_services);
  if (needed > tables) return full("max_hashed_services", options_.max_hashed_services);
  if (needed != 0) reserve_for_tables();
  // From here on nothing can fail. Who gives tables back comes first.
  for (const ServiceRule& rule : rules) {
    if (!rule.config) continue;
    const std::uint32_t index = pin(rule.service).value();
    if (unknown.contains(rule.service)) all.push_back({index, true, *rule.config});
  }
  for (const bool hashed : {false, true}) {
    for (Configured& one : all) {
      if (one.config.hashed() == hashed) apply(one);
    }
  }
  return {};
}

// A view that is not configured by its name is as its service.
void ServiceRegistry::Impl::follow(std::vector<Configured>& all) const {
  const auto find = [&](std::uint32_t service) { return std::ranges::find(all, service, &Configured::service); };
  for (std::size_t i = 0, given = all.size(); i < given; ++i) {
    for (const std::uint32_t view : services_[all[i].service].views) {
      if (!services_[view].configured && find(view) == all.end()) all.push_back({view, false, all[i].config});
    }
  }
  for (Configured& one : all) {
    const RegisteredView* view = services_[one.service].view.get();
    if (view == nullptr || one.by_name) continue;
    const auto service = find(view->of);
    one.config = service != all.end() ? service->config : services_[view->of].config;
  }
}

void ServiceRegistry::Impl::apply(Configured& one) {
  RegisteredService& service = services_[one.service];
  choose_by(service, std::move(one.config));
  service.configured = one.by_name;
  // Also of a view: whether a service learns latencies stands in its list.
  publish(service.view == nullptr ? one.service : service.view->of);
  restore_ejected(one.service);
}

void ServiceRegistry::Impl::choose_by(RegisteredService& service, ServiceConfig&& config) noexcept {
  if (config.hashed() && !service.tables) {
    service.tables = free_tables_.back();
    free_tables_.pop_back();
  }
  if (!config.hashed() && service.tables) {
    free_tables_.push_back(*service.tables);  // where it came from: there is room
    service.tables.reset();
  }
  service.config = std::move(config);
  service.table_of = 0;
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
  std::vector<ServiceRule> rules;
  rules.reserve(services_.size());
  default_config_ = config;
  for (RegisteredService& service : services_) {
    if (service.configured || service.view != nullptr) continue;
    if (service.name.empty()) {
      service.config = config;
    } else {
      rules.push_back({service.name, {}});
    }
  }
  (void)configure(rules, {});  // which needs neither a place nor a table
}

}  // namespace seawall
