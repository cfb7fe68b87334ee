// SPDX-License-Identifier: MIT
#include "seawall/runtime/prober.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "seawall/algorithm/lease.h"
#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/probe_rule.h"
#include "seawall/detail/mutex.h"
#include "seawall/detail/saturating.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_source.h"

namespace seawall {
namespace {

struct Target {
  std::string service, id, host;
  std::int32_t port = 0;
  std::uint64_t generation = 0;  // 0: nobody in this slot
  algorithm::ProbeState state;
  std::int64_t at = 0;                                              // when its probe is due, or is given up
  std::uint64_t probe = 0;                                          // out; 0: none
  std::int64_t settled = std::numeric_limits<std::int64_t>::min();  // when the last one was
};

constexpr std::uint32_t kSlotBits = 16;
static_assert(detail::ServiceDirectory::kMaxRecords < (1u << kSlotBits));

std::string_view without_namespace(std::string_view service) { return service.substr(service.find('/') + 1); }

// The id is that of a source that knows addresses only: the instance itself has never heard it.
bool is_made_up(const Target& target) { return target.id == instance_id_of(target.service, target.host, target.port); }

bool is_path(std::string_view path) {
  const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  return path.starts_with('/') && path.size() <= 1024 && std::ranges::all_of(path, printable);
}

}  // namespace

class Prober::Impl {
 public:
  Impl(ServiceRegistry& registry, const ProberOptions& options)
      : registry_(registry), options_(options), rule_{options.rise, options.fall} {}

  std::optional<Probe> next(std::int64_t now) SEAWALL_REQUIRES(mutex) {
    if (options_.interval == Duration(0)) return std::nullopt;
    look(now);
    while (!out_.empty() && out_.begin()->first <= now) {
      settle(out_.begin()->second, Health::kFailing, now);
      ++stats_.timeouts;
    }
    if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
    if (out_.size() >= static_cast<std::size_t>(options_.max_in_flight)) return std::nullopt;
    return send(waiting_.begin()->second, now);
  }

  void finish(std::uint64_t id, const ProbeAnswer& answer, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    const auto slot = static_cast<std::uint32_t>(id & ((1u << kSlotBits) - 1));
    if (id == 0 || slot >= targets_.size() || targets_[slot].probe != id || targets_[slot].at <= now) {
      ++stats_.late;
      return;
    }
    const bool stranger = answer.status > 0 && !is_same(targets_[slot], answer);
    settle(slot, stranger ? Health::kFailing : judge(answer), now);
    if (stranger) ++stats_.wrong_identity;
  }

  // All or nothing: what can throw comes before the first change.
  void configure(ProberOptions options, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    const bool off = options.interval == Duration(0);
    if (off) forget_health(now);
    options_ = std::move(options);
    rule_ = {options_.rise, options_.fall};
    for (std::uint32_t slot = 0; slot < targets_.size(); ++slot) {
      const Target& target = targets_[slot];
      if (target.generation == 0) continue;
      if (off) {
        leave(slot);
        continue;
      }
      const std::int64_t at = target.probe != 0 ? now : target.at;
      move(slot, 0, std::min(at, share_of(target.generation, options_.interval, now)));
    }
    if (off) looked_ = false;  // so that all are found again, should it be
  }

  std::int64_t hurry(std::string_view service, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    if (options_.interval == Duration(0)) return 0;  // nobody is asked
    look(now);
    const std::int64_t before = stats_.hurried;
    for (std::uint32_t slot = 0; slot < targets_.size(); ++slot) {
      Target& target = targets_[slot];
      if (target.generation == 0 || target.probe != 0 || target.service != service) continue;
      const std::int64_t rested = detail::saturating_add(target.settled, options_.edge_interval.count());
      const auto share = static_cast<std::int64_t>(algorithm::mix64(target.generation + sent_) % 1024);
      const std::int64_t spread = options_.edge_interval.count() / 4096 * share;
      const std::int64_t at = detail::saturating_add(std::max(now, rested), spread);
      if (at >= target.at) continue;
      move(slot, 0, at);
      ++stats_.hurried;
    }
    return stats_.hurried - before;
  }

  ProberStats counted() const SEAWALL_REQUIRES(mutex) {
    ProberStats stats = stats_;
    stats.in_flight = static_cast<std::int64_t>(out_.size());
    stats.targets = static_cast<std::int64_t>(out_.size() + waiting_.size());
    return stats;
  }

  mutable detail::Mutex mutex;

 private:
  using Agenda = std::set<std::pair<std::int64_t, std::uint32_t>>;  // by time, then slot

  // Learns who there is, when the registry has changed; at most a few times in an edge_interval.
  void look(std::int64_t now) SEAWALL_REQUIRES(mutex) {
    const std::uint64_t version = registry_.version();
    if (looked_ && (version == version_ || now < next_look_)) return;
    const auto services = registry_.services_at(time_from_ns(now));
    std::vector<bool> there(targets_.size());
    for (const ServiceInfo& service : services) {
      for (const InstanceInfo& info : service.instances) {
        if ((info.status.reasons & kReasonLeaseExpired) != 0) continue;
        if (info.slot >= targets_.size()) targets_.resize(info.slot + 1);
        there.resize(targets_.size());
        there[info.slot] = true;
        if (targets_[info.slot].generation != info.generation) enter(info, now);
      }
    }
    for (std::uint32_t slot = 0; slot < there.size(); ++slot) {
      if (!there[slot]) leave(slot);
    }
    version_ = version;  // last: what threw is looked at again
    looked_ = true;
    next_look_ = detail::saturating_add(now, options_.edge_interval.count() / 4);
  }

  void enter(const InstanceInfo& info, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    leave(info.slot);
    const std::int64_t at = share_of(info.generation, options_.edge_interval, now);  // not all at once after a restart
    Target target = {info.service,
                     info.id,
                     info.host,
                     info.port,
                     info.generation,
                     {},
                     at,
                     0,
                     std::numeric_limits<std::int64_t>::min()};
    // What the registry holds against it stands until `rise` answers speak for it.
    if (info.health == Health::kFailing) target.state.health = Health::kFailing;
    waiting_.emplace(at, info.slot);
    targets_[info.slot] = std::move(target);
  }

  // An instant within the interval, by the instance.
  static std::int64_t share_of(std::uint64_t generation, Duration interval, std::int64_t now) {
    const auto share = static_cast<std::int64_t>(algorithm::mix64(generation) % 1024);
    return detail::saturating_add(now, interval.count() / 1024 * share);
  }

  // Of all at once; words of health alone need no memory of the registry's.
  void forget_health(std::int64_t now) SEAWALL_REQUIRES(mutex) {
    std::vector<InstanceChange> words;
    for (const Target& target : targets_) {
      if (target.generation == 0 || target.state.health == Health::kUnknown) continue;
      words.push_back({.name = instance_name(target.service, target.id),
                       .generation = target.generation,
                       .health = Health::kUnknown});
    }
    (void)registry_.change_instances_at(words, time_from_ns(now));
  }

  // When it throws the registry knows nothing. Where the answer is fenced or unknown the registry has changed, and the
  // next look finds out.
  void tell(const Target& target, Health health, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    registry_.set_health_at(instance_name(target.service, target.id), target.generation, health, time_from_ns(now));
  }

  void leave(std::uint32_t slot) noexcept SEAWALL_REQUIRES(mutex) {
    Target& target = targets_[slot];
    if (target.generation == 0) return;
    agenda(target).erase({target.at, slot});
    target.generation = target.probe = 0;
  }

  Agenda& agenda(const Target& target) SEAWALL_REQUIRES(mutex) { return target.probe != 0 ? out_ : waiting_; }

  // In the node that it has: nothing is allocated, so no target is ever in neither agenda.
  void move(std::uint32_t slot, std::uint64_t probe, std::int64_t at) noexcept SEAWALL_REQUIRES(mutex) {
    Target& target = targets_[slot];
    auto node = agenda(target).extract({target.at, slot});
    target.probe = probe;
    target.at = at;
    node.value() = {at, slot};
    agenda(target).insert(std::move(node));
  }

  Probe send(std::uint32_t slot, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    Target& target = targets_[slot];
    Probe probe{++sent_ << kSlotBits | slot,
                options_.kind,
                target.service,
                target.id,
                target.host,
                options_.path,
                target.port,
                options_.timeout};
    ++stats_.sent;
    move(slot, probe.id, detail::saturating_add(now, options_.timeout.count()));
    return probe;
  }

  Health judge(const ProbeAnswer& answer) const SEAWALL_REQUIRES(mutex) {
    if (answer.status < 0) return Health::kUnknown;
    if (answer.status == 0) return Health::kFailing;
    if (options_.kind == ProbeKind::kTcp || (answer.status >= 200 && answer.status < 300)) return Health::kPassing;
    return answer.status == 429 ? Health::kWarning : Health::kFailing;
  }

  bool is_same(const Target& target, const ProbeAnswer& answer) const SEAWALL_REQUIRES(mutex) {
    const bool same_service = answer.service == target.service || answer.service == without_namespace(target.service);
    if (!answer.service.empty() && !same_service) return false;
    if (!answer.instance.empty() && answer.instance != target.id && !is_made_up(target)) return false;
    return !options_.require_identity || (!answer.service.empty() && !answer.instance.empty());
  }

  void settle(std::uint32_t slot, Health result, std::int64_t now) SEAWALL_REQUIRES(mutex) {
    Target& target = targets_[slot];
    const Health before = target.state.health;
    const auto next = rule_.next(target.state, result);
    if (next.health != before) tell(target, next.health, now);  // first: when it throws, the probe is still out
    count(result);
    target.settled = now;
    target.state = next;
    const bool edge = target.state.on_edge() || result == Health::kUnknown;
    const Duration interval = edge ? options_.edge_interval : options_.interval;
    const std::int64_t pause = algorithm::spread(interval.count(), options_.jitter_percent, algorithm::mix64(sent_));
    move(slot, 0, detail::saturating_add(now, pause));
    if (target.state.health == before) return;
    stats_.falls += target.state.health == Health::kFailing ? 1 : 0;
    stats_.rises += before == Health::kFailing ? 1 : 0;
  }

  void count(Health result) SEAWALL_REQUIRES(mutex) {
    switch (result) {
      case Health::kPassing:
        ++stats_.passed;
        return;
      case Health::kFailing:
        ++stats_.failed;
        return;
      case Health::kWarning:
        ++stats_.warned;
        return;
      case Health::kUnknown:
        ++stats_.learnt_nothing;
    }
  }

  ServiceRegistry& registry_;
  ProberOptions options_ SEAWALL_GUARDED_BY(mutex);
  algorithm::ProbeRule rule_ SEAWALL_GUARDED_BY(mutex);
  std::vector<Target> targets_ SEAWALL_GUARDED_BY(mutex);  // by the registry's slots
  Agenda waiting_ SEAWALL_GUARDED_BY(mutex);
  Agenda out_ SEAWALL_GUARDED_BY(mutex);
  std::uint64_t sent_ SEAWALL_GUARDED_BY(mutex) = 0;
  std::uint64_t version_ SEAWALL_GUARDED_BY(mutex) = 0;
  bool looked_ SEAWALL_GUARDED_BY(mutex) = false;
  std::int64_t next_look_ SEAWALL_GUARDED_BY(mutex) = 0;
  ProberStats stats_ SEAWALL_GUARDED_BY(mutex);
};

Prober::Prober(ServiceRegistry& registry, const ProberConfig& config)
    : impl_(std::make_unique<Impl>(registry, config.options())) {}
Prober::~Prober() = default;

std::optional<Probe> Prober::next_at(TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->next(to_ns(now));
}

void Prober::finish_at(std::uint64_t id, const ProbeAnswer& answer, TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  impl_->finish(id, answer, to_ns(now));
}

void Prober::configure_at(const ProberConfig& config, TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  impl_->configure(config.options(), to_ns(now));
}

std::int64_t Prober::hurry_at(std::string_view service, TimePoint now) {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->hurry(service, to_ns(now));
}

ProberStats Prober::stats() const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->counted();
}

Result<ProberConfig> ProberConfig::make(const ProberOptions& options) {
  constexpr std::int64_t kYear = Duration(std::chrono::hours(24 * 366)).count();
  const bool never = options.interval == Duration(0);
  struct Bound {
    std::string_view name;
    std::int64_t value, low, high;
  };
  const Bound bounds[] = {
      {"kind", static_cast<std::int64_t>(options.kind), 0, 1},
      {"interval in ns", options.interval.count(), never ? 0 : 1'000, kYear},
      {"edge_interval in ns", options.edge_interval.count(), 1'000, never ? kYear : options.interval.count()},
      {"timeout in ns", options.timeout.count(), 1, kYear},
      {"jitter_percent", options.jitter_percent, 0, 50},
      {"rise", options.rise, 1, 1000},
      {"fall", options.fall, 1, 1000},
      {"max_in_flight", options.max_in_flight, 1, 65536},
  };
  for (const Bound& bound : bounds) {
    if (bound.value < bound.low || bound.value > bound.high) {
      return out_of_range(bound.name, bound.value, bound.low, bound.high);
    }
  }
  if (!is_path(options.path)) {
    return Error{
        Code::kInvalidArgument,
        Message("path must begin with / and hold printable characters only, at most 1024, not ").append(options.path)};
  }
  ProberConfig config;
  config.options_ = options;
  return config;
}

}  // namespace seawall
