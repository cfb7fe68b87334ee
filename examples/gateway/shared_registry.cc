// SPDX-License-Identifier: MIT
#include "gateway/shared_registry.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include "seawall/redis/instance_keeper.h"
#include "seawall/redis/store_source.h"
#include "seawall/redis/trip_board.h"

namespace {

using namespace seawall;
using namespace seawall::redis;

constexpr std::size_t kMostFenced = 4096;

template <class T>
T checked(Result<T> result) {
  if (!result) throw std::invalid_argument("--redis: " + std::string(result.error().message.view()));
  return std::move(result).value();
}

// Who registered here.
struct Own {
  std::string service;
  InstanceSpec spec;
  std::uint64_t generation = 0;  // in the gateway's registry
};

class RedisRegistry final : public SharedRegistry {
 public:
  RedisRegistry(const Options& options, ServiceRegistry& registry)
      : registry_(registry),
        store_(checked(Store::open({.endpoints = {{options.redis->host, options.redis->port}},
                                    .user = options.redis_user,
                                    .password = options.redis_password}))),
        keeper_(checked(Registrar::make(store_, {.registry = "gateway"}))),
        source_(checked(StoreSource::make(store_, {.registry = "gateway"}))),
        follower_(registry),
        trips_(checked(TripBoard::make(store_, "gateway"))) {
    follower_.add(source_, {.name = "redis", .priority = SourcePriority::kRegistry});
  }

  void registered(const std::string& service, const InstanceSpec& spec, std::uint64_t generation) override {
    const std::lock_guard lock(mutex_);
    // What the gateway's registry took is wrong for Redis in nothing but its size: then it stays known here alone.
    if (!keeper_.hold(service, spec)) return;
    own_[instance_name(service, spec.id)] = {service, spec, generation};
  }

  std::optional<RegistryAnswer> answer_for(const std::string& name, std::uint64_t generation, TimePoint now) override {
    const std::lock_guard lock(mutex_);
    if (fenced_.contains(generation)) return RegistryAnswer::kFenced;
    const auto found = registry_.find_at(name, now);
    if (!found || found->generation == generation) return std::nullopt;
    // Another gateway's, which is not to be heard: the instance registers here, and belongs here then.
    if (!own_.contains(instance_name(found->service, found->id))) return RegistryAnswer::kUnknown;
    return std::nullopt;
  }

  void tripped(const std::string& service) override {
    (void)trips_.announce(service);  // the services of a gateway have short names
  }

  std::vector<std::string> tripped_elsewhere() override {
    std::vector<std::string> services;
    for (Trip& trip : trips_.poll()) services.push_back(std::move(trip.name));
    return services;
  }

  void tick(TimePoint now) override {
    const std::lock_guard lock(mutex_);
    give_way(now);
    for (auto at = own_.begin(); at != own_.end();) {
      at = lives(at->first, at->second, now) ? std::next(at) : own_.erase(at);
    }
    keeper_.tick_at(now);
    follower_.tick_at(now);
  }

  SourceFollowerReading reading(TimePoint now) const override {
    const std::lock_guard lock(mutex_);
    return {follower_.stats(), follower_.sources_at(now)};
  }

 private:
  // Who registered at another gateway under the same id is that one's; the process that is here hears so.
  void give_way(TimePoint now) {
    for (const KeptInstance& kept : keeper_.kept_at(now)) {
      if (kept.state != KeptState::kFenced) continue;
      const std::string name = instance_name(kept.service, kept.id);
      if (const auto own = own_.find(name); own != own_.end()) {
        if (fenced_.size() == kMostFenced) fenced_.erase(fenced_.begin());
        fenced_.insert(own->second.generation);
        registry_.deregister_at(name, own->second.generation, now);
        own_.erase(own);
      }
      keeper_.release_at(kept.service, kept.id, now);
    }
  }

  // Keeps the other gateways informed; false when it is gone here, and thereby there.
  bool lives(const std::string& name, Own& own, TimePoint now) {
    const auto found = registry_.find_at(name, now);
    if (!found || found->generation != own.generation || (found->status.reasons & kReasonLeaseExpired) != 0) {
      keeper_.release_at(own.service, own.spec.id, now);
      return false;
    }
    const InstanceSpec seen{found->id,   found->host,     found->port, found->weight,
                            found->zone, found->metadata, found->self};
    if (seen == own.spec) return true;
    own.spec = seen;
    (void)keeper_.update_at(own.service, seen, now);  // of what was held before nothing is too large
    return true;
  }

  ServiceRegistry& registry_;
  Store store_;
  mutable std::mutex mutex_;
  InstanceKeeper keeper_;
  StoreSource source_;
  SourceFollower follower_;
  TripBoard trips_;
  std::map<std::string, Own> own_;
  std::set<std::uint64_t> fenced_;  // generations; the oldest are forgotten
};

}  // namespace

std::unique_ptr<SharedRegistry> make_shared_registry(const Options& options, ServiceRegistry& registry) {
  return std::make_unique<RedisRegistry>(options, registry);
}
