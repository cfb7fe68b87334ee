// SPDX-License-Identifier: MIT
//
// BreakerTable: the places of a KeyedCircuitBreaker and the index over them.
//
// A call finds its key's place by loads: tag -> bucket of the index -> place. Who changes the table holds the mutex. A
// place is given to another key in this order: its tag is cleared, its last use is looked at once more, its breaker
// is reset (a new generation, so that what is still out is late), then it gets the new tag. A caller writes its use,
// asks the breaker, then looks at the tag again: finds it his own, and he was admitted by his own key's breaker before
// that was reset; finds another, and he asks again. Both sides write before they look (seq_cst), so never do both miss
// each other: a call that was admitted is seen before its breaker is taken away.
//
// The index has four entries for each place and buckets of 16, so the table is full when its places are; that a bucket
// overflows first has a chance below 10^-6 for each (seeded hash, 4 entries on average), and counts as full too.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/algorithm/breaker_word.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/mutex.h"
#include "seawall/detail/saturating.h"
#include "seawall/detail/update.h"
#include "seawall/time.h"

namespace seawall::detail {

template <class Breaker, std::size_t kNameSize>
class BreakerTable {
 public:
  struct Place {
    Place(const CircuitBreakerConfig& config, TimePoint epoch) noexcept : breaker(config, epoch) {}

    std::atomic<std::uint64_t> tag{0};  // 0: free
    std::atomic<std::uint64_t> last_used{0};
    std::uint32_t name_size = 0;
    std::array<char, kNameSize> name{};
    Breaker breaker;

    bool is_of(std::uint64_t wanted) const noexcept { return tag.load(std::memory_order_seq_cst) == wanted; }
  };

  BreakerTable(std::size_t capacity, Duration idle_after, const CircuitBreakerConfig& config, TimePoint epoch)
      : idle_after_(idle_after), config_(config), epoch_(epoch), capacity_(capacity) {
    const std::size_t buckets = std::bit_ceil((capacity + 3) / 4);
    mask_ = buckets - 1;
    index_.reset(new (std::nothrow) Bucket[buckets]());
    places_ =
        static_cast<Place*>(::operator new (capacity * sizeof(Place), std::align_val_t{alignof(Place)}, std::nothrow));
    for (std::size_t i = 0; places_ != nullptr && i < capacity; ++i) new (&places_[i]) Place(config, epoch);
  }
  BreakerTable(const BreakerTable&) = delete;
  BreakerTable& operator=(const BreakerTable&) = delete;
  // Places are trivially destructible.
  ~BreakerTable() { ::operator delete (places_, std::align_val_t{alignof(Place)}); }

  bool ready() const noexcept { return index_ != nullptr && places_ != nullptr; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t memory_bytes() const noexcept { return capacity_ * sizeof(Place) + (mask_ + 1) * sizeof(Bucket); }
  // Relaxed: counts, each by itself.
  std::size_t in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  std::uint64_t evictions() const noexcept { return evictions_.load(std::memory_order_relaxed); }

  Place* find(std::uint64_t tag) const noexcept {
    for (const Entry& entry : bucket(tag).entries) {
      // Acquire: the place that was stored before the tag.
      if (entry.tag.load(std::memory_order_acquire) != tag) continue;
      // Relaxed: whatever is here, the caller compares the place's own tag.
      return &places_[entry.place.load(std::memory_order_relaxed)];
    }
    return nullptr;
  }

  // The place of the key, a new one if need be; null: none is free and none is idle.
  Place* find_or_add(std::uint64_t tag, std::string_view name, TimePoint now) noexcept {
    const MutexLock lock(mutex_);
    return find_or_add_locked(tag, name, now);
  }

  // do_it(breaker) for the key's breaker, which stays the key's meanwhile. False: it has none.
  template <class DoIt>
  bool administer(std::uint64_t tag, std::string_view name, TimePoint now, bool add, const DoIt& do_it) noexcept {
    const MutexLock lock(mutex_);
    Place* place = add ? find_or_add_locked(tag, name, now) : find(tag);
    if (place == nullptr) return false;
    touch(*place, now);
    do_it(place->breaker);
    look_again();
    return true;
  }

  bool forget(std::uint64_t tag, TimePoint now) noexcept {
    const MutexLock lock(mutex_);
    Place* place = find(tag);
    if (place == nullptr) return false;
    place->tag.store(0, std::memory_order_seq_cst);
    release(*place, tag, now);
    return true;
  }

  // Written only once in an eighth of idle_after: between, a call finds what it would write.
  void touch(Place& place, TimePoint now) noexcept {
    const std::uint64_t use = use_of(now);
    const std::uint64_t step = static_cast<std::uint64_t>(idle_after_.count()) / 8;
    agree(place.last_used, [use, step](std::uint64_t seen) {
      return Step<bool>{use > seen + step ? use : seen, true};
    });
  }

  // The earliest instant at which a new key may find a place.
  TimePoint may_be_idle_at() const noexcept {
    // Relaxed: an instant by itself.
    return time_from_ns(full_until_.load(std::memory_order_relaxed));
  }

  Place* at(std::size_t place) const noexcept { return place < capacity_ ? &places_[place] : nullptr; }
  // The breaker is one of a place here.
  std::size_t place_of(const Breaker& breaker) const noexcept {
    return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&breaker) -
                                    reinterpret_cast<const std::byte*>(places_)) /
           sizeof(Place);
  }
  // The name at a place, copied; its length, or -1 for a free place.
  std::ptrdiff_t name_at(std::size_t place, std::span<char> out) const noexcept {
    const MutexLock lock(mutex_);
    if (place >= capacity_ || places_[place].is_of(0)) return -1;
    const Place& found = places_[place];
    std::memcpy(out.data(), found.name.data(), std::min<std::size_t>(out.size(), found.name_size));
    return static_cast<std::ptrdiff_t>(found.name_size);
  }

 private:
  struct Entry {
    std::atomic<std::uint64_t> tag{0};
    std::atomic<std::uint32_t> place{0};
  };
  struct alignas(kCacheLine) Bucket {
    std::array<Entry, 16> entries;
  };

  static constexpr std::int64_t kAnyTime = std::numeric_limits<std::int64_t>::min();

  std::uint64_t step() const noexcept { return static_cast<std::uint64_t>(idle_after_.count()) / 8; }
  Bucket& bucket(std::uint64_t tag) const noexcept { return index_[tag & mask_]; }

  Entry* free_entry(std::uint64_t tag) noexcept {
    for (Entry& entry : bucket(tag).entries) {
      if (entry.tag.load(std::memory_order_relaxed) == 0) return &entry;  // relaxed: only we write, under the mutex
    }
    return nullptr;
  }

  // Nanoseconds since the epoch.
  std::uint64_t use_of(TimePoint now) const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, saturating_sub(to_ns(now), to_ns(epoch_))));
  }
  std::uint64_t idle_from(const Place& place) const noexcept {
    return place.last_used.load(std::memory_order_seq_cst) + static_cast<std::uint64_t>(idle_after_.count());
  }

  Place* find_or_add_locked(std::uint64_t tag, std::string_view name, TimePoint now) noexcept SEAWALL_REQUIRES(mutex_) {
    if (Place* known = find(tag)) return known;
    Entry* entry = free_entry(tag);
    Place* place = entry != nullptr ? vacate(now) : nullptr;
    if (place == nullptr) return nullptr;
    in_use_.fetch_add(1, std::memory_order_relaxed);
    place->last_used.store(use_of(now), std::memory_order_seq_cst);
    place->name_size = static_cast<std::uint32_t>(std::min(name.size(), kNameSize));
    std::memcpy(place->name.data(), name.data(), place->name_size);
    place->tag.store(tag, std::memory_order_seq_cst);
    entry->place.store(static_cast<std::uint32_t>(place - places_), std::memory_order_relaxed);
    entry->tag.store(tag, std::memory_order_release);  // release: publishes the place
    return place;
  }

  // A free place, or that of an idle breaker. When there is none, nobody looks again before one can be idle, or for an
  // eighth of idle_after where a breaker waits for more than time: a flood of new keys costs a comparison each.
  Place* vacate(TimePoint now) noexcept SEAWALL_REQUIRES(mutex_) {
    const bool room = in_use() < capacity_;
    if (!room && now < may_be_idle_at()) return nullptr;
    std::uint64_t soonest = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < capacity_; ++i) {
      hand_ = hand_ + 1 < capacity_ ? hand_ + 1 : 0;
      Place& place = places_[hand_];
      if (place.is_of(0)) return &place;
      if (room) continue;
      if (evict(place, now)) return &place;
      const bool waits_for_time = clean(place, now) && idle_from(place) > use_of(now);
      soonest = std::min(soonest, waits_for_time ? idle_from(place) : std::max(idle_from(place), use_of(now) + step()));
    }
    // Relaxed: an instant by itself.
    full_until_.store(saturating_add(to_ns(epoch_), static_cast<std::int64_t>(soonest)), std::memory_order_relaxed);
    return nullptr;
  }

  // Nothing would be lost with it that a fresh breaker has not.
  static bool clean(const Place& place, TimePoint now) noexcept {
    const auto seen = place.breaker.snapshot_at(now);
    return seen.state == BreakerState::kClosed && seen.failure_count == 0 && seen.trips == 0;
  }
  bool idle(const Place& place, TimePoint now) const noexcept {
    return clean(place, now) && idle_from(place) <= use_of(now);
  }

  bool evict(Place& place, TimePoint now) noexcept SEAWALL_REQUIRES(mutex_) {
    if (!idle(place, now)) return false;
    const std::uint64_t tag = place.tag.exchange(0, std::memory_order_seq_cst);
    if (!idle(place, now)) {  // a call came between
      place.tag.store(tag, std::memory_order_seq_cst);
      return false;
    }
    release(place, tag, now);
    evictions_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  void release(Place& place, std::uint64_t tag, TimePoint now) noexcept SEAWALL_REQUIRES(mutex_) {
    for (Entry& entry : bucket(tag).entries) {
      // Relaxed: who still finds the place sees its own tag gone.
      if (entry.tag.load(std::memory_order_relaxed) == tag) entry.tag.store(0, std::memory_order_relaxed);
    }
    place.breaker.reset_at(now);
    place.breaker.clear_stats();
    place.breaker.set_shadow(config_.options().shadow);
    in_use_.fetch_sub(1, std::memory_order_relaxed);
    look_again();
  }
  // Relaxed: an instant by itself.
  void look_again() noexcept { full_until_.store(kAnyTime, std::memory_order_relaxed); }

  Duration idle_after_;
  CircuitBreakerConfig config_;
  TimePoint epoch_;
  std::size_t capacity_;
  std::size_t mask_ = 0;
  std::unique_ptr<Bucket[]> index_;
  Place* places_ = nullptr;
  mutable Mutex mutex_;
  std::size_t hand_ SEAWALL_GUARDED_BY(mutex_) = 0;  // the place that was looked at last
  std::atomic<std::size_t> in_use_{0};
  std::atomic<std::uint64_t> evictions_{0};
  std::atomic<std::int64_t> full_until_{kAnyTime};
};

}  // namespace seawall::detail
