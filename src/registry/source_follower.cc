// SPDX-License-Identifier: MIT
#include "seawall/runtime/source_follower.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "registry/source_feed.h"
#include "registry/source_follower_json.h"
#include "seawall/detail/saturating.h"
#include "seawall/runtime/service_registry.h"

namespace seawall {
namespace {

struct Source {
  ServiceSource* source;
  SourceRole role;
  std::vector<SourceAnswer> said = {};  // of which so many are heard: all, after a tick that came to its end
  std::size_t heard = 0;
};

// What the registry has yet to be told of an instance's record: nothing after a tick that came to its end.
enum class Owed : std::uint8_t { kNothing, kUpdate, kPut };

// An instance that the sources want.
struct Held {
  InstanceSpec spec;
  Owed owed = Owed::kNothing;
  std::string name = {};                                               // in the registry
  Health wanted_health = Health::kUnknown, health = Health::kUnknown;  // as its source says; as the registry was told
  std::uint64_t generation = 0;                                        // 0: not registered, and then one of:
  bool refused = false;                                                // by the registry
  bool yielded = false;                                                // to an instance that registered itself
  bool fenced = false;                                                 // by one, once
};

struct Followed {
  std::map<std::uint32_t, SourceFeed> feeds;  // by index into sources, which is their order of merit
  std::map<std::string, Held, std::less<>> held;
  bool dirty = false;
};

SourceFollowerOptions checked(const SourceFollowerOptions& options, Result<void>& result) {
  constexpr std::int64_t kMaxDuration = Duration(std::chrono::hours(24 * 366)).count();
  struct Bound {
    std::string_view name;
    std::int64_t value, low, high;
  };
  const Bound bounds[] = {
      {"removal_grace in ns", options.removal_grace.count(), 0, kMaxDuration},
      {"removal_ceiling in ns", options.removal_ceiling.count(), options.removal_grace.count(), kMaxDuration},
      {"max_shrink_percent", options.max_shrink_percent, 0, 100},
      {"min_protected", options.min_protected, 1, 1 << 20},
      {"not_found_repeats", options.not_found_repeats, 1, 1000},
      {"max_instances", options.max_instances, 1, 1 << 20},
      {"max_services", options.max_services, 1, 1 << 20},
  };
  for (const Bound& bound : bounds) {
    if (bound.value >= bound.low && bound.value <= bound.high) continue;
    result = out_of_range(bound.name, bound.value, bound.low, bound.high);
    break;
  }
  return options;
}

}  // namespace

Result<SourceFollowerConfig> SourceFollowerConfig::make(const SourceFollowerOptions& options) {
  Result<void> result;
  SourceFollowerConfig config;
  config.options_ = checked(options, result);
  if (!result) return result.error();
  return config;
}

class SourceFollower::Impl {
 public:
  Impl(ServiceRegistry& registry, const SourceFollowerOptions& options)
      : registry_(registry),
        options_(options),
        hold_{options.removal_grace.count(), options.removal_ceiling.count(), options.max_shrink_percent,
              options.min_protected} {}

  void add(ServiceSource& source, SourceRole role) {
    order_.reserve(sources_.size() + 1);  // nothing throws once the source is kept
    sources_.push_back({&source, std::move(role)});
    order_.resize(sources_.size());
    for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
    std::ranges::stable_sort(order_, [this](std::uint32_t a, std::uint32_t b) {
      return sources_[a].role.priority > sources_[b].role.priority;
    });
  }

  std::int64_t tick(std::int64_t given) {
    now_ = std::max(given, now_);
    changes_ = 0;
    if (std::exchange(unfinished_, true)) find_anew();
    for (std::uint32_t index = 0; index < sources_.size(); ++index) ask(index);
    for (auto& [name, service] : services_) release(service);
    join_all();
    std::erase_if(services_, [this](const auto& entry) { return forget_if_idle(entry.second); });
    if (waiting_items_ > 0) {
      take_in();
      join_all();
    }
    beat();
    unfinished_ = false;
    return changes_;
  }

  std::vector<SourceInfo> sources(std::int64_t given) const {
    const std::int64_t now = std::max(given, now_);
    std::vector<SourceInfo> all;
    for (const auto& [name, service] : services_) {
      for (const std::uint32_t index : order_) {
        const auto feed = service.feeds.find(index);
        if (feed == service.feeds.end()) continue;
        const SourceRole& role = sources_[index].role;
        SourceInfo& info = all.emplace_back();
        info.source = role.name;
        info.service = name;
        info.priority = role.priority;
        info.fallback = role.fallback;
        feed->second.describe(info, now);
      }
    }
    return all;
  }

  SourceFollowerStats counted() const {
    SourceFollowerStats stats = stats_;
    stats.last_refusal = last_refusal_.view();
    for (const auto& [name, service] : services_) {
      for (const auto& [id, held] : service.held) {
        stats.instances += held.generation != 0 ? 1 : 0;
        stats.refused += held.refused ? 1 : 0;
        stats.yielded += held.yielded ? 1 : 0;
      }
    }
    return stats;
  }

 private:
  // Lists of services that had no room, by source and service.
  using Waiting = std::map<std::pair<std::uint32_t, std::string>, SourceAnswer>;

  void ask(std::uint32_t index) {
    Source& source = sources_[index];
    hear_all(index);  // what the last tick had no memory for
    source.said = source.source->poll_at(time_from_ns(now_));
    source.heard = 0;
    hear_all(index);
    source.said.clear();
  }
  void hear_all(std::uint32_t index) {
    Source& source = sources_[index];
    for (; source.heard < source.said.size(); ++source.heard) {
      SourceAnswer& answer = source.said[source.heard];
      const bool news = answer.status != SourceStatus::kUnchanged && answer.status != SourceStatus::kFailed;
      if (news) forget_waiting(waiting_.find({index, answer.service}));
      hear(index, answer);
    }
  }

  // When it throws, nothing was heard, and the answer is whole.
  void hear(std::uint32_t index, SourceAnswer& answer) {
    auto service = services_.find(answer.service);
    const bool known = service != services_.end() && service->second.feeds.contains(index);
    if (!known) {
      if (answer.status == SourceStatus::kForgotten) return;
      if (feeds_ >= options_.max_services) {
        if (answer.status == SourceStatus::kList) wait(index, answer);
        ++stats_.left_out;
        return;
      }
      if (service == services_.end()) service = services_.try_emplace(answer.service).first;
      service->second.feeds.try_emplace(index);
      ++feeds_;
    }
    SourceFeed& feed = service->second.feeds.find(index)->second;
    const SourceFeed::Room room{options_.max_instances - items_, options_.max_instances - waiting_items_};
    service->second.dirty |= weighed(feed, [&] { return feed.hear(answer, now_, options_, room, stats_); });
  }

  // change() -> whether the items of the feed are others
  template <class Change>
  bool weighed(const SourceFeed& feed, Change&& change) {
    struct Scale {  // also of what is half done when it throws
      Scale(Impl& of, const SourceFeed& weighed) : impl(of), feed(weighed) { add(-1); }
      Scale(const Scale&) = delete;
      Scale& operator=(const Scale&) = delete;
      ~Scale() { add(1); }
      void add(std::int64_t sign) {
        impl.items_ += sign * feed.size();
        impl.waiting_items_ += sign * feed.waiting();
      }
      Impl& impl;
      const SourceFeed& feed;
    };
    const Scale scale(*this, feed);
    return change();
  }

  // A service for which there is no room: of its list as much as may wait.
  void wait(std::uint32_t index, SourceAnswer& answer) {
    if (static_cast<std::int64_t>(waiting_.size()) >= options_.max_services) return;
    const auto most = std::max<std::int64_t>(options_.max_instances - waiting_items_, 0);
    const auto kept = std::min(answer.instances.size(), static_cast<std::size_t>(most));
    if (kept == 0) return;
    SourceAnswer& waiting = waiting_[{index, answer.service}];  // from here on nothing throws
    waiting_items_ += static_cast<std::int64_t>(kept);
    waiting = std::move(answer);
    waiting.instances.resize(kept);
    waiting.health.resize(std::min(waiting.health.size(), kept));
  }

  void forget_waiting(Waiting::iterator at) {
    if (at == waiting_.end()) return;
    waiting_items_ -= static_cast<std::int64_t>(at->second.instances.size());
    waiting_.erase(at);
  }

  // What was left out, and has room now. Its sources need not say it again.
  void take_in() {
    while (!waiting_.empty() && feeds_ < options_.max_services && items_ < options_.max_instances) {
      const auto first = waiting_.begin();
      const auto size = static_cast<std::int64_t>(first->second.instances.size());
      waiting_items_ -= size;
      try {
        hear(first->first.first, first->second);
      } catch (...) {
        waiting_items_ += size;
        throw;
      }
      waiting_.erase(first);
    }
    for (auto& [name, service] : services_) {
      for (auto& entry : service.feeds) {
        SourceFeed& feed = entry.second;
        const std::int64_t room = options_.max_instances - items_;
        if (feed.waiting() != 0 && room > 0) service.dirty |= weighed(feed, [&] { return feed.take_in(room); });
      }
    }
  }

  void release(Followed& service) {
    for (auto& entry : service.feeds) {
      SourceFeed& feed = entry.second;
      service.dirty |= weighed(feed, [&] { return feed.release(now_, hold_, stats_); });
    }
    const auto gone = std::erase_if(service.feeds, [](const auto& feed) { return feed.second.forgotten(); });
    feeds_ -= static_cast<std::int64_t>(gone);
  }

  // A service that no source knows any more.
  bool forget_if_idle(const Followed& service) {
    const bool crowded = feeds_ >= options_.max_services;
    const bool idle = std::ranges::all_of(service.feeds, [=](const auto& feed) { return feed.second.idle(crowded); });
    if (!idle) return false;
    feeds_ -= static_cast<std::int64_t>(service.feeds.size());
    for (const auto& [index, feed] : service.feeds) waiting_items_ -= feed.waiting();
    return true;
  }

  // What the sources of a service want together: for each id the record of the best one.
  std::map<std::string_view, const SourceFeed::Item*> wanted(const Followed& service) const {
    std::map<std::string_view, const SourceFeed::Item*> all;
    for (const bool fallback : {false, true}) {
      if (fallback && !all.empty()) break;
      for (const std::uint32_t index : order_) {
        const auto feed = service.feeds.find(index);
        if (feed == service.feeds.end() || sources_[index].role.fallback != fallback) continue;
        for (const auto& [id, item] : feed->second.items()) all.try_emplace(id, &item);
      }
    }
    return all;
  }

  // What the last tick noted and, for want of memory, did not tell: its notes may point to who is gone by now. leaving_
  // points to nobody, and is told by this tick.
  void find_anew() {
    no_memory_ = false;
    told_.clear();
    changing_.clear();
    putting_.clear();
    judging_.clear();
    for (auto& entry : services_) entry.second.dirty = true;
  }

  void join_all() {
    for (auto& [name, service] : services_) {
      if (service.dirty) join(name, service);
    }
    tell();
  }

  // What is to be told to the registry is noted here and in beat(), and told at once for all.
  void join(const std::string& name, Followed& service) {
    const auto all = wanted(service);
    std::erase_if(service.held, [&](auto& entry) {
      if (all.contains(entry.first)) return false;
      if (entry.second.generation != 0) leave(entry.second);
      return true;
    });
    for (const auto& [id, item] : all) {
      const auto [at, added] = service.held.try_emplace(std::string(id));
      Held& held = at->second;
      held.wanted_health = item->health;
      if (added || held.owed != Owed::kNothing || !(held.spec == item->spec)) enter(name, held, item->spec);
      if (held.owed != Owed::kPut) note_health(held);  // else once it is put
    }
    service.dirty = false;
  }

  void leave(const Held& held) {
    leaving_.push_back({.name = held.name, .generation = held.generation, .deregister = true});
    ++stats_.removals;
    ++changes_;
  }

  void enter(const std::string& name, Held& held, const InstanceSpec& spec) {
    const bool same_process = held.owed != Owed::kPut && held.generation != 0 && spec.host == held.spec.host &&
                              spec.port == held.spec.port && spec.state >= held.spec.state;
    InstanceSpec copy = spec;  // before the first change
    held.owed = same_process ? Owed::kUpdate : Owed::kPut;
    held.spec = std::move(copy);
    if (!same_process) return note_put(name, held);
    InstanceChange& change = note_change(name, held);
    change.update = {spec.weight, spec.zone, spec.metadata};
    change.heartbeat = spec.state;  // or the answer that it is gone
  }

  InstanceChange& note_change(const std::string& service, Held& held) {
    changing_.push_back({&service, &held});
    return told_.emplace_back(InstanceChange{.name = held.name, .generation = held.generation});
  }
  void note_put(const std::string& service, Held& held) { putting_.push_back({&service, &held}); }
  // Only what is news: between two words of its source the host's own prober has the say.
  void note_health(Held& held) {
    if (held.health != held.wanted_health) judging_.push_back(&held);
  }

  void tell() {
    (void)registry_.change_instances_at(leaving_, time_from_ns(now_));
    leaving_.clear();  // all or, when it throws, none were told: that takes memory for the answers only
    const auto answers = registry_.change_instances_at(told_, time_from_ns(now_));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      hear_answer(*changing_[i].service, *changing_[i].held, told_[i], answers[i]);
    }
    told_.clear();
    changing_.clear();
    put_all();
    tell_health();
    (void)registry_.change_instances_at(leaving_, time_from_ns(now_));  // who was refused
    leaving_.clear();
    if (std::exchange(no_memory_, false)) throw std::bad_alloc();  // who was not told is owed it still
  }

  void hear_answer(const std::string& service, Held& held, const InstanceChange& told,
                   const Result<RegistryAnswer>& answer) {
    if (!answer) return refuse(held, answer.error());
    if (told.update) {
      ++stats_.updates;
      ++changes_;
    }
    switch (answer.value()) {
      case RegistryAnswer::kOk:
        if (told.update) held.owed = Owed::kNothing;
        return;
      case RegistryAnswer::kUnknown:
      case RegistryAnswer::kAmbiguous:  // not with the service in the name, and
      case RegistryAnswer::kInvalid:    // not of what was registered
        held.generation = 0;
        held.owed = Owed::kPut;
        return note_put(service, held);
      case RegistryAnswer::kFenced:
        held.generation = 0;
        held.owed = Owed::kNothing;
        held.yielded = held.fenced = true;
    }
  }

  // Registers them: for the first time, again, or with what has changed.
  void put_all() {
    std::vector<NewInstance> all;
    all.reserve(putting_.size());
    for (const auto& [service, held] : putting_) {
      // What expired is a corpse, such as an earlier follower's; but who fenced this one once has the id while it
      // stands.
      const Claim claim = held->generation != 0 ? Claim::kAnybody : held->fenced ? Claim::kNobody : Claim::kExpired;
      all.push_back({*service, held->spec, claim});
    }
    judging_.reserve(judging_.size() + all.size());  // before they are registered
    auto answers = registry_.register_instances_at(all, time_from_ns(now_));
    for (std::size_t i = 0; i < answers.size(); ++i) hear_put(*putting_[i].held, answers[i]);
    putting_.clear();
  }

  void hear_put(Held& held, Result<Registration>& mine) {
    const bool known = held.generation != 0;
    if (!mine && mine.error().code == Code::kNoMemory) return refuse(held, mine.error());
    held.refused = false;
    held.yielded = !mine && mine.error().code == Code::kAlreadyExists;
    if (!held.yielded) held.fenced = false;
    if (!held.yielded && !mine) return refuse(held, mine.error());
    held.owed = Owed::kNothing;
    if (held.yielded) return;
    held.generation = mine.value().generation;
    held.name = std::move(mine.value().name);
    held.health = Health::kUnknown;
    note_health(held);
    beat_interval_ = mine.value().heartbeat_interval.count();
    ++(known ? stats_.updates : stats_.adds);
    ++changes_;
  }

  void tell_health() {
    std::vector<InstanceChange> words;
    for (Held* held : judging_) {
      if (held->generation == 0 || held->health == held->wanted_health) continue;
      words.push_back({.name = held->name, .generation = held->generation, .health = held->wanted_health});
    }
    (void)registry_.change_instances_at(words, time_from_ns(now_));  // all or none, as who leaves
    for (Held* held : judging_) {
      if (held->generation != 0) held->health = held->wanted_health;
    }
    judging_.clear();
  }

  // What was registered before is not what the source wants any more.
  void refuse(Held& held, const Error& error) {
    if (error.code == Code::kNoMemory) {
      no_memory_ = true;
      return;
    }
    if (held.generation != 0) leave(held);
    held.generation = 0;
    held.owed = Owed::kNothing;
    held.refused = true;
    last_refusal_ = Message(std::string_view(held.spec.id).substr(0, 100)).append(": ").append(error.message.view());
  }

  void beat() {
    if (detail::saturating_sub(now_, last_beat_) < beat_interval_ / 2) return;
    for (auto& [name, service] : services_) {
      for (auto& [id, held] : service.held) {
        if (held.generation == 0) {
          note_put(name, held);
        } else {
          note_change(name, held).heartbeat = held.spec.state;
        }
      }
    }
    tell();
    last_beat_ = now_;
  }

  struct Wish {
    const std::string* service;
    Held* held;
  };

  ServiceRegistry& registry_;
  const SourceFollowerOptions options_;
  const algorithm::SourceHold hold_;
  std::vector<Source> sources_;
  std::vector<std::uint32_t> order_;  // of sources_, best first
  std::map<std::string, Followed, std::less<>> services_;
  // For tell(): who leaves, what is told of whom, who is put, of whom the health is told.
  std::vector<InstanceChange> leaving_, told_;
  std::vector<Wish> changing_, putting_;  // the first along with told_
  std::vector<Held*> judging_;
  bool unfinished_ = false;  // the last tick threw
  Waiting waiting_;
  bool no_memory_ = false;     // the registry had none for something that it was told
  SourceFollowerStats stats_;  // without what counted() adds
  Message last_refusal_;
  std::int64_t feeds_ = 0, items_ = 0;  // of all services
  std::int64_t waiting_items_ = 0;      // in waiting_ and in all feeds; no more than may be items
  std::int64_t changes_ = 0;            // of this tick
  std::int64_t now_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t last_beat_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t beat_interval_ = 0;  // of the registry, once it has told
};

SourceFollower::SourceFollower(ServiceRegistry& registry, const SourceFollowerConfig& config)
    : impl_(std::make_unique<Impl>(registry, config.options())) {}
SourceFollower::~SourceFollower() = default;

void SourceFollower::add(ServiceSource& source, SourceRole role) { impl_->add(source, std::move(role)); }
std::int64_t SourceFollower::tick_at(TimePoint now) { return impl_->tick(to_ns(now)); }
std::vector<SourceInfo> SourceFollower::sources_at(TimePoint now) const { return impl_->sources(to_ns(now)); }
SourceFollowerStats SourceFollower::stats() const { return impl_->counted(); }
std::string SourceFollower::to_json_at(TimePoint now) const {
  return source_follower_json(impl_->counted(), impl_->sources(to_ns(now)));
}

}  // namespace seawall
