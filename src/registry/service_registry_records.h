// SPDX-License-Identifier: MIT
// What the write side of the registry keeps of instances and services, and their names taken apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "seawall/algorithm/instance_health.h"
#include "seawall/result.h"
#include "seawall/runtime/instance_selector.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/runtime/service_view.h"
#include "seawall/service_config.h"

namespace seawall {

// Those with one key, by its hash, in chains: whoever enters or leaves takes as many steps among thousands as alone,
// where a multimap looks for one that leaves among all its equals. `kLink` is where each of them has its neighbours.
template <class T>
struct ChainLink {
  T* next = nullptr;
  T* previous = nullptr;
};
template <class T, auto kLink>
class ChainsByHash {
 public:
  void reserve(std::size_t size) { firsts_.reserve(size); }
  T* first(std::uint64_t hash) const noexcept {
    const auto found = firsts_.find(hash);
    return found == firsts_.end() ? nullptr : found->second;
  }
  static T* next(const T& one) noexcept { return (one.*kLink).next; }

  // Has changed nothing when it throws.
  void enter(std::uint64_t hash, T& one) {
    T*& first = firsts_.try_emplace(hash, nullptr).first->second;
    (one.*kLink).previous = nullptr;
    (one.*kLink).next = first;
    if (first != nullptr) (first->*kLink).previous = &one;
    first = &one;
  }
  void leave(std::uint64_t hash, const T& one) noexcept {
    T* const next = (one.*kLink).next;
    T* const previous = (one.*kLink).previous;
    if (next != nullptr) (next->*kLink).previous = previous;
    if (previous != nullptr) {
      (previous->*kLink).next = next;
      return;
    }
    const auto found = firsts_.find(hash);
    if (next != nullptr) {
      found->second = next;
    } else {
      firsts_.erase(found);
    }
  }

 private:
  std::unordered_map<std::uint64_t, T*> firsts_;
};

struct RegisteredInstance {
  InstanceSpec spec;
  std::uint32_t service = 0;
  std::uint32_t place = 0;  // in the instances of its service
  // Once it has expired: in its service's heap of those, and in that of all.
  std::uint32_t expired_place = 0, expired_place_of_all = 0;
  ChainLink<RegisteredInstance> same_id = {};  // in the default namespace
  std::uint32_t slot = 0;
  std::uint32_t record = 0;
  std::uint64_t generation = 0;
  AdminState admin = AdminState::kEnabled;
  SelfState self = SelfState::kServing;
  Health health = Health::kUnknown;
  LeaseState lease = LeaseState::kLive;  // as the last tick found
  bool shielded = false;                 // readers see no end of its lease
  bool fenced = false;                   // drained, or another instance has its endpoint: its process is to stop
  std::int64_t lease_end = 0;
  std::int64_t expired_at = 0;
  std::int64_t changed_at = 0;
  struct Drain {
    std::int64_t from, deadline;
  };
  std::optional<Drain> drain;                  // to be ended by tick
  std::optional<std::int64_t> eligible_since;  // when it first was, for slow start

  bool expired() const noexcept { return lease == LeaseState::kExpired; }
  bool draining() const noexcept { return admin == AdminState::kDraining || self == SelfState::kDraining; }
  // Whether the end of its lease is a loss, or what was going to happen.
  bool guarded() const noexcept { return !draining() && admin != AdminState::kDisabled && !fenced; }
  HealthStatus status(LeaseState as_of) const noexcept {
    return algorithm::join_health(admin, self, health, as_of, static_cast<std::uint32_t>(spec.weight));
  }
  HealthStatus status() const noexcept { return status(lease); }
};

// Those that expired: the one that did so first is found at once, and whoever comes back or goes leaves in a few steps.
// A binary heap in which each instance knows its place; entering allocates nothing where room was made before.
template <std::uint32_t RegisteredInstance::*kPlace>
class ExpiredFirst {
 public:
  void reserve(std::size_t size) {
    if (heap_.capacity() < size) heap_.reserve(2 * size);
  }
  RegisteredInstance* first() const noexcept { return heap_.empty() ? nullptr : heap_.front(); }

  void enter(RegisteredInstance& instance) noexcept {
    heap_.push_back(&instance);
    rise(heap_.size() - 1);
  }
  void leave(const RegisteredInstance& instance) noexcept {
    RegisteredInstance* const last = heap_.back();
    heap_.pop_back();
    if (last == &instance) return;
    heap_[instance.*kPlace] = last;
    sink(rise(instance.*kPlace));
  }

 private:
  static bool before(const RegisteredInstance* a, const RegisteredInstance* b) noexcept {
    return std::pair(a->expired_at, a->slot) < std::pair(b->expired_at, b->slot);
  }
  void put(std::size_t at, RegisteredInstance* instance) noexcept {
    heap_[at] = instance;
    instance->*kPlace = static_cast<std::uint32_t>(at);
  }
  // -> where it stays
  std::size_t rise(std::size_t at) noexcept {
    RegisteredInstance* const one = heap_[at];
    for (; at != 0 && before(one, heap_[(at - 1) / 2]); at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
    put(at, one);
    return at;
  }
  void sink(std::size_t at) noexcept {
    RegisteredInstance* const one = heap_[at];
    for (std::size_t below; (below = 2 * at + 1) < heap_.size(); at = below) {
      if (below + 1 < heap_.size() && before(heap_[below + 1], heap_[below])) ++below;
      if (!before(heap_[below], one)) break;
      put(at, heap_[below]);
    }
    put(at, one);
  }

  std::vector<RegisteredInstance*> heap_;
};

struct RegisteredView {
  std::uint32_t of = 0;
  InstanceSelector selector;
  std::uint32_t subset = 0;
  std::uint64_t seed = 0;
  ViewFallback fallback = ViewFallback::kNobody;
};

struct RegisteredService {
  std::string name;
  std::unique_ptr<RegisteredView> view = nullptr;  // it has no instances of its own then
  std::vector<std::uint32_t> views = {};           // of this one
  bool configured = false;                         // by its name
  bool ramping = false;                            // there are newcomers, whose weights still grow
  bool ramping_now = false;                        // and they have less than their own: not when most are new
  bool drains = false;                             // tick may have drains to end
  ServiceConfig config;
  // Where it chooses by key: which pair of tables, the one of the last list, and what that was built of.
  std::optional<std::uint32_t> tables;
  std::uint32_t table_turn = 0, table_size = 0;
  std::uint64_t table_of = 0;
  std::vector<RegisteredInstance*> instances;
  ExpiredFirst<& RegisteredInstance::expired_place> expired = {};

  // So that one more allocates nothing, when it enters or expires.
  void reserve_one() {
    if (instances.size() == instances.capacity()) instances.reserve(2 * instances.size() + 8);
    expired.reserve(instances.capacity());
  }
  void enter(RegisteredInstance& instance) {
    instances.push_back(&instance);
    instance.place = static_cast<std::uint32_t>(instances.size() - 1);
  }
  void leave(const RegisteredInstance& instance) noexcept {
    RegisteredInstance* const last = instances.back();
    last->place = instance.place;
    instances[instance.place] = last;
    instances.pop_back();
  }
};

// An instance in a table of keys.
struct HashMember {
  std::uint64_t hash;
  std::uint32_t slot;
  std::int32_t weight;
};

// An instance as a list shows it. Which part of the list: in it by its own worth, or only when there is panic.
enum class ListPart : std::uint32_t { kLocal, kElsewhere, kPanicOnly, kOut };
struct ListMember {
  RegisteredInstance* instance;
  ListPart part = ListPart::kOut;
  bool local = false;
  std::uint32_t weight = 0;
};

// Enumerations that count from 0, given by whoever.
template <class Enum>
constexpr bool is_one_of(Enum given, Enum last) noexcept {
  return static_cast<std::uint32_t>(given) <= static_cast<std::uint32_t>(last);
}
constexpr bool is_one_of(SelfState given) noexcept { return is_one_of(given, SelfState::kDraining); }
constexpr bool is_one_of(Health given) noexcept { return is_one_of(given, Health::kUnknown); }
constexpr bool is_one_of(AdminState given) noexcept { return is_one_of(given, AdminState::kDisabled); }

// Looks up by std::string_view, without making a string.
struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};
template <class T>
using ByName = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;
// By a hash of the name; whoever looks compares the name itself.
template <class T>
using ManyByHash = std::unordered_multimap<std::uint64_t, T>;

// An instance's name taken apart: "[[namespace/]service/]id".
struct InstanceName {
  std::string_view service, id;
};
constexpr InstanceName split_name(std::string_view name) noexcept {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {{}, name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}
// "/i" is not the id i.
constexpr bool well_formed(std::string_view name) noexcept {
  return !name.empty() && name.front() != '/' && name.back() != '/' && name.find("//") == name.npos;
}
constexpr bool in_default_namespace(std::string_view service) noexcept { return service.find('/') == service.npos; }

// What is wrong with the fields of a registration, if anything (service_registry_names.cc).
Result<void> check_service_name(std::string_view name);
Result<void> check_instance(const InstanceSpec& spec, std::int32_t max_metadata_bytes);
Result<void> check_update(std::string_view name, const InstanceUpdate& update, std::int32_t max_metadata_bytes);
Result<void> check_view(const ServiceViewOptions& options);

}  // namespace seawall
