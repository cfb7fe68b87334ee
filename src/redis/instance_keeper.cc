// SPDX-License-Identifier: MIT
#include "seawall/redis/instance_keeper.h"

#include <algorithm>
#include <map>
#include <new>
#include <random>
#include <tuple>
#include <utility>

#include "redis/registry_call.h"
#include "seawall/detail/mutex.h"

namespace seawall::redis {

namespace {

constexpr std::int64_t kEnterEvery = 10;  // heartbeats

struct Name {
  std::string service, id;
  friend bool operator<(const Name& a, const Name& b) { return std::tie(a.service, a.id) < std::tie(b.service, b.id); }
};

struct Entry {
  InstanceSpec spec;
  KeptState state = KeptState::kJoining;
  std::uint64_t generation = 0;
  std::uint64_t serial = 0;  // of hold(): what is heard about an earlier one is nothing to this
  bool asking = false;
  bool stale = false;  // changed while it was asked
  TimePoint due{};
  TimePoint heard{};
  TimePoint give_up{};  // leaving
  Fault fault = Fault::kNone;
  std::string reason = {};
};

struct Call {
  Name name;
  Entry entry;  // as it is when it is asked
};

}  // namespace

class InstanceKeeper::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(Registrar registrar) : registrar_(std::move(registrar)), random_(std::random_device()()) {}

  void hold(std::string_view service, const InstanceSpec& spec, TimePoint now) {
    const detail::MutexLock lock(mutex_);
    entries_[Name{std::string(service), spec.id}] = Entry{.spec = spec, .serial = ++serial_, .due = now, .heard = now};
  }

  bool update(std::string_view service, const InstanceSpec& spec, TimePoint now) {
    const detail::MutexLock lock(mutex_);
    const auto at = entries_.find(Name{std::string(service), spec.id});
    if (at == entries_.end() || at->second.state > KeptState::kHeld) return false;
    Entry& entry = at->second;
    const SelfState state = std::max(entry.spec.state, spec.state);
    entry.spec = spec;
    entry.spec.state = state;
    entry.state = KeptState::kJoining;
    entry.stale = entry.asking;
    entry.due = now;
    return true;
  }

  bool release(std::string_view service, std::string_view id, TimePoint now) {
    const detail::MutexLock lock(mutex_);
    const auto at = entries_.find(Name{std::string(service), std::string(id)});
    if (at == entries_.end()) return false;
    Entry& entry = at->second;
    const bool nothing_to_say = !entry.asking && entry.generation == 0;
    if (entry.state == KeptState::kFenced || nothing_to_say) {
      entries_.erase(at);
    } else if (entry.state != KeptState::kLeaving) {
      entry.state = KeptState::kLeaving;
      entry.stale = entry.asking;
      entry.due = now;
      entry.give_up = now + registrar_.options().lease;
    }
    return true;
  }

  std::int64_t tick(TimePoint now) {
    std::vector<Call> calls;
    std::vector<std::string> services;
    {
      const detail::MutexLock lock(mutex_);
      for (const auto& [name, entry] : entries_) {
        if (entry.asking || entry.due > now || entry.state == KeptState::kFenced) continue;
        calls.push_back({name, entry});
      }
      services = services_due(now);
      for (const Call& call : calls) entries_.find(call.name)->second.asking = true;  // from here on without memory
    }
    for (const Call& call : calls) say(call, now);
    for (const std::string& service : services) enter(service, now);
    return static_cast<std::int64_t>(calls.size() + services.size());
  }

  std::vector<KeptInstance> kept(TimePoint now) const {
    const detail::MutexLock lock(mutex_);
    std::vector<KeptInstance> all;
    all.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) all.push_back(told(name, entry, now));
    return all;
  }

  std::optional<KeptInstance> find(std::string_view service, std::string_view id, TimePoint now) const {
    const detail::MutexLock lock(mutex_);
    const auto at = entries_.find(Name{std::string(service), std::string(id)});
    if (at == entries_.end()) return std::nullopt;
    return told(at->first, at->second, now);
  }

  KeeperStats stats() const {
    const detail::MutexLock lock(mutex_);
    KeeperStats stats = stats_;
    stats.instances = static_cast<std::int64_t>(entries_.size());
    return stats;
  }

 private:
  static KeptInstance told(const Name& name, const Entry& entry, TimePoint now) {
    return {name.service,
            name.id,
            entry.state,
            entry.generation,
            entry.fault,
            entry.reason,
            std::max(Duration(0), now - entry.heard)};
  }
  // A fifth more or less.
  Duration about(Duration pause) SEAWALL_REQUIRES(mutex_) { return pause * 4 / 5 + part_of(pause * 2 / 5); }
  Duration part_of(Duration most) SEAWALL_REQUIRES(mutex_) {
    return Duration(std::uniform_int_distribution<std::int64_t>(0, most.count())(random_));
  }
  Duration interval() const { return registrar_.options().heartbeat_interval; }

  std::vector<std::string> services_due(TimePoint now) SEAWALL_REQUIRES(mutex_) {
    std::vector<std::string> due;
    std::map<std::string, TimePoint> entered;
    for (const auto& [name, entry] : entries_) {
      if (entry.state > KeptState::kHeld || entered.contains(name.service)) continue;
      const auto at = entered_.find(name.service);
      TimePoint next = at == entered_.end() ? now : at->second;
      if (next <= now) {
        due.push_back(name.service);
        next = now + about(kEnterEvery * interval());
      }
      entered.emplace(name.service, next);
    }
    entered_ = std::move(entered);
    return due;
  }

  void enter(const std::string& service, TimePoint now) {
    try {
      ask_to_enter(service, now);
    } catch (const std::bad_alloc&) {
      not_entered(service, now);
    }
  }
  void not_entered(const std::string& service, TimePoint now) {
    const detail::MutexLock lock(mutex_);
    ++stats_.faults;
    if (const auto at = entered_.find(service); at != entered_.end()) at->second = now + about(interval());
  }
  void ask_to_enter(const std::string& service, TimePoint now) {
    registrar_.enter_async(service, [weak = weak_from_this(), service, now](const StoreWord& word) {
      const auto self = weak.lock();
      if (self && !word.ok()) self->not_entered(service, now);
    });
  }

  // For want of memory nothing is said, and tried again as after any fault.
  void say(const Call& call, TimePoint now) {
    try {
      send(call, now);
    } catch (const std::bad_alloc&) {
      hear(call, {.fault = Fault::kAway}, now);
    }
  }

  void send(const Call& call, TimePoint now) {
    const auto heard = [weak = weak_from_this(), call, now](const StoreWord& word) {
      if (const auto self = weak.lock()) self->hear(call, word, now);
    };
    const auto& [name, entry] = call;
    switch (entry.state) {
      case KeptState::kJoining:
        return registrar_.register_async(name.service, entry.spec, entry.generation, heard);
      case KeptState::kLeaving:
        return registrar_.deregister_async(name.service, name.id, entry.generation, heard);
      default:
        return registrar_.renew_async(name.service, name.id, entry.generation, entry.spec.state, heard);
    }
  }

  void hear(const Call& call, const StoreWord& word, TimePoint now) {
    const detail::MutexLock lock(mutex_);
    const auto at = entries_.find(call.name);
    if (at == entries_.end() || at->second.serial != call.entry.serial) return;
    Entry& entry = at->second;
    entry.asking = false;
    entry.fault = word.fault;
    entry.reason = word.reason;
    const bool joining = call.entry.state == KeptState::kJoining;
    if (joining && entry.generation == 0 && word.answer != RegistryAnswer::kFenced) entry.generation = word.generation;
    if (entry.state == KeptState::kLeaving) return hear_leaving(at, call, word, now);
    entry.due = now + about(interval());
    if (word.fault != Fault::kNone) {
      ++stats_.faults;
    } else if (word.answer == RegistryAnswer::kFenced) {
      ++stats_.fenced;
      entry.state = KeptState::kFenced;
    } else if (word.answer == RegistryAnswer::kOk) {
      ++(joining ? stats_.registrations : stats_.renewals);
      entry.heard = now;
      if (!entry.stale) entry.state = KeptState::kHeld;
    } else {
      // All that Redis has forgotten comes back, but not all at once.
      ++stats_.reregistrations;
      entry.state = KeptState::kJoining;
      entry.due = now + part_of(interval());
    }
    if (std::exchange(entry.stale, false)) entry.due = now;
  }

  using Place = std::map<Name, Entry>::iterator;
  void hear_leaving(Place at, const Call& call, const StoreWord& word, TimePoint now) SEAWALL_REQUIRES(mutex_) {
    Entry& entry = at->second;
    const bool removed = call.entry.state == KeptState::kLeaving && word.fault == Fault::kNone;
    stats_.removals += removed ? 1 : 0;
    stats_.faults += word.fault != Fault::kNone ? 1 : 0;
    if (removed || entry.generation == 0 || now >= entry.give_up) {
      entries_.erase(at);
    } else {
      entry.due = std::exchange(entry.stale, false) ? now : now + about(interval());
    }
  }

  Registrar registrar_;  // any thread
  mutable detail::Mutex mutex_;
  std::map<Name, Entry> entries_ SEAWALL_GUARDED_BY(mutex_);
  std::map<std::string, TimePoint> entered_ SEAWALL_GUARDED_BY(mutex_);  // when each service goes into the directory
  std::uint64_t serial_ SEAWALL_GUARDED_BY(mutex_) = 0;
  KeeperStats stats_ SEAWALL_GUARDED_BY(mutex_);
  std::minstd_rand random_ SEAWALL_GUARDED_BY(mutex_);
};

InstanceKeeper::InstanceKeeper(Registrar registrar) : impl_(std::make_shared<Impl>(std::move(registrar))) {}

Result<void> InstanceKeeper::hold_at(std::string_view service, const InstanceSpec& spec, TimePoint now) {
  if (auto fits = check_instance(service, spec); !fits) return fits;
  impl_->hold(service, spec, now);
  return {};
}
Result<bool> InstanceKeeper::update_at(std::string_view service, const InstanceSpec& spec, TimePoint now) {
  if (const auto fits = check_instance(service, spec); !fits) return fits.error();
  return impl_->update(service, spec, now);
}
bool InstanceKeeper::release_at(std::string_view service, std::string_view id, TimePoint now) {
  return impl_->release(service, id, now);
}
std::int64_t InstanceKeeper::tick_at(TimePoint now) { return impl_->tick(now); }
std::vector<KeptInstance> InstanceKeeper::kept_at(TimePoint now) const { return impl_->kept(now); }
std::optional<KeptInstance> InstanceKeeper::find_at(std::string_view service, std::string_view id,
                                                    TimePoint now) const {
  return impl_->find(service, id, now);
}
KeeperStats InstanceKeeper::stats() const { return impl_->stats(); }

}  // namespace seawall::redis
