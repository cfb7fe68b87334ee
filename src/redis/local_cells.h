// SPDX-License-Identifier: MIT
// What this process may decide about keys without asking: permits it holds, and refusals it remembers. A table of fixed
// size, lock-free. A key has one place that it can have, so it never has two leases; who finds another's key there,
// whose time is not over, asks the store.
//
// A place is {hash of the key, word}; all that decides is the word:
//   62..63 kind: 0 lease, 1 lease and more permits are being asked for, 2 refusal, 3 changing hands
//   20..61 time in units of 262 us since the epoch (36 years): the lease ends, the refusal ends
//    0..19 permits: left of the lease; the fewest that were refused
//
// A place changes hands when its time is over: word -> changing hands (one exchange), then the hash, then an empty
// lease of now. Its time is later than that of every word before: so a word comes back only under the same key, and who
// read {word, hash} in this order may exchange that word knowing that it is his key's.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "seawall/time.h"

namespace seawall::redis {

struct CellWord {
  enum Kind : std::uint64_t { kLease = 0, kAsking = 1, kDenial = 2, kMoving = 3 };
  static constexpr std::int64_t kMostPermits = (1 << 20) - 1;
  static constexpr int kUnitBits = 18;

  Kind kind = kLease;
  std::uint64_t until = 0;
  std::int64_t permits = 0;

  constexpr std::uint64_t packed() const noexcept {
    return static_cast<std::uint64_t>(kind) << 62 | until << 20 | static_cast<std::uint64_t>(permits);
  }
  static constexpr CellWord of(std::uint64_t word) noexcept {
    return {static_cast<Kind>(word >> 62), word >> 20 & ((std::uint64_t{1} << 42) - 1),
            static_cast<std::int64_t>(word & static_cast<std::uint64_t>(kMostPermits))};
  }
};

// What a cell says to a caller who wants n permits.
struct CellAnswer {
  enum class Says {
    kTaken,     // n permits of the lease; ask for more when `ask` is set, and give them to bring()
    kDenied,    // until `wait` from now
    kAskAhead,  // nothing here: ask for a lease as well, and give it to bring()
    kAsk,       // nothing here: ask for n alone
  };
  Says says = Says::kAsk;
  bool ask = false;
  std::int64_t left = 0;  // of the lease
  Duration wait{0};
};

// Word is std::atomic<std::uint64_t>, or the explorer's.
template <class Word>
class BasicLocalCells {
 public:
  BasicLocalCells(std::size_t memory_bytes, std::int64_t batch, Duration lease_time, TimePoint epoch)
      : mask_(std::bit_floor(std::max<std::size_t>(memory_bytes / sizeof(Place), 1)) - 1),
        batch_(batch),
        lease_units_(units(lease_time) + 1),
        epoch_(epoch),
        places_(std::make_unique<Place[]>(mask_ + 1)) {}

  // batch 0: no leases.
  CellAnswer take(std::uint64_t hash, TimePoint now, std::int64_t n) noexcept {
    const std::uint64_t unit = unit_at(now);
    Place& place = places_[hash & mask_];
    std::uint64_t seen = 0;
    if (!read(place, hash, seen) && !(owns(place, hash, unit) && read(place, hash, seen))) return {};
    do {
      // Of a lease that is good for more than this, the permits alone change, which are the lowest bits: next to
      // nothing stands between reading the word and exchanging it.
      const auto held = static_cast<std::int64_t>(seen & std::uint64_t{CellWord::kMostPermits});
      if (seen >> 62 == CellWord::kLease && seen >> 20 > unit && held - n >= batch_ / 2) [[likely]] {
        if (replace(place, seen, seen - static_cast<std::uint64_t>(n))) {
          return {.says = CellAnswer::Says::kTaken, .left = held - n};
        }
        continue;
      }
      const CellWord cell = CellWord::of(seen);
      if (cell.kind == CellWord::kDenial && cell.until > unit && n >= cell.permits) {
        return {.says = CellAnswer::Says::kDenied, .wait = time_of(cell.until) - now};
      }
      CellWord next = cell;
      const CellAnswer answer = decide(cell, next, unit, n);
      if (exchange(place, seen, next)) return answer;
    } while (read(place, hash, seen));
    return {};
  }

  // How long n permits are known to be refused.
  Duration denied(std::uint64_t hash, TimePoint now, std::int64_t n) noexcept {
    std::uint64_t seen = 0;
    if (!read(places_[hash & mask_], hash, seen)) return Duration(0);
    const CellWord cell = CellWord::of(seen);
    const bool holds = cell.kind == CellWord::kDenial && cell.until > unit_at(now) && n >= cell.permits;
    return holds ? time_of(cell.until) - now : Duration(0);
  }

  // The permits that were asked for have come, or none; from here on others may ask.
  void bring(std::uint64_t hash, TimePoint now, std::int64_t permits) noexcept {
    const std::uint64_t unit = unit_at(now);
    change(hash, [&](CellWord cell) {
      if (cell.kind != CellWord::kAsking) return cell;
      const std::int64_t held = cell.until > unit ? cell.permits : 0;
      cell.kind = CellWord::kLease;
      cell.permits = std::min(held + permits, batch_);
      if (permits > 0) cell.until = std::max(cell.until, unit + lease_units_);
      return cell;
    });
  }

  // n permits were refused until `until`. A lease that is held, or asked for, stays.
  void deny(std::uint64_t hash, TimePoint now, TimePoint until, std::int64_t n) noexcept {
    const std::uint64_t unit = unit_at(now);
    const std::uint64_t end = unit_at(until);
    if (n > CellWord::kMostPermits || end <= unit || !owns(places_[hash & mask_], hash, unit)) return;
    change(hash, [&](CellWord cell) {
      // Not in the place of an empty lease that runs longer: times of a cell never fall.
      const bool spent = cell.kind == CellWord::kLease && cell.permits == 0 && cell.until <= end;
      const bool idle = cell.until <= unit || spent;
      const bool wider = cell.kind == CellWord::kDenial && n <= cell.permits && end >= cell.until;
      if (cell.kind == CellWord::kAsking || !(idle || wider)) return cell;
      return CellWord{CellWord::kDenial, std::max(cell.until, end), n};
    });
  }

  // Something came back: a refusal is no longer known to hold.
  void forget_denial(std::uint64_t hash) noexcept {
    change(hash, [](CellWord cell) {
      return cell.kind == CellWord::kDenial ? CellWord{CellWord::kLease, cell.until, 0} : cell;
    });
  }
  // Permits of a lease go back to it, as far as it has room. Answers how many.
  std::int64_t put_back(std::uint64_t hash, TimePoint now, std::int64_t permits) noexcept {
    const std::uint64_t unit = unit_at(now);
    std::int64_t back = 0;
    change(hash, [&](CellWord cell) {
      const bool lease = cell.kind == CellWord::kLease || cell.kind == CellWord::kAsking;
      back = lease && cell.until > unit ? std::clamp<std::int64_t>(permits, 0, batch_ - cell.permits) : 0;
      cell.permits += back;
      return cell;
    });
    return back;
  }

  std::int64_t batch() const noexcept { return batch_; }

 private:
  struct Place {
    Word hash{0};
    Word word{0};
  };

  static std::uint64_t units(Duration d) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(d.count(), 0)) >> CellWord::kUnitBits;
  }
  // From 1 on: 0 is before all time.
  std::uint64_t unit_at(TimePoint now) const noexcept { return units(now - epoch_) + 1; }
  TimePoint time_of(std::uint64_t unit) const noexcept {
    return epoch_ + Duration(static_cast<std::int64_t>((unit - 1) << CellWord::kUnitBits));
  }
  // Twice the permits of a batch would be held by two, so a batch is topped up when half of it is gone.
  CellAnswer decide(const CellWord& cell, CellWord& next, std::uint64_t unit, std::int64_t n) const noexcept {
    if (cell.kind == CellWord::kDenial) {
      if (cell.until > unit || batch_ == 0) return {};  // fewer than were refused, or no leases
      next = {CellWord::kAsking, cell.until, 0};
      return {.says = CellAnswer::Says::kAskAhead};
    }
    const bool valid = cell.until > unit;
    if (valid && cell.permits >= n) {
      next.permits -= n;
      const bool ask = cell.kind == CellWord::kLease && next.permits < batch_ / 2;
      if (ask) next.kind = CellWord::kAsking;
      return {.says = CellAnswer::Says::kTaken, .ask = ask, .left = next.permits};
    }
    if (batch_ == 0 || n > batch_ || cell.kind == CellWord::kAsking) return {};
    next.kind = CellWord::kAsking;
    if (!valid) next.permits = 0;
    return {.says = CellAnswer::Says::kAskAhead, .left = next.permits};
  }

  // False: the place has another key now, or changes hands.
  static bool read(Place& place, std::uint64_t hash, std::uint64_t& seen) noexcept {
    // Acquire, both: the hash is read after the word, and is as new as it at least.
    seen = place.word.load(std::memory_order_acquire);
    return CellWord::of(seen).kind != CellWord::kMoving && place.hash.load(std::memory_order_acquire) == hash;
  }
  static bool exchange(Place& place, std::uint64_t seen, const CellWord& next) noexcept {
    return next.packed() == seen || replace(place, seen, next.packed());
  }
  static bool replace(Place& place, std::uint64_t seen, std::uint64_t next) noexcept {
    // Relaxed: nothing else is published by it; a word is exchanged only by who knows whose it is.
    return place.word.compare_exchange_strong(seen, next, std::memory_order_relaxed, std::memory_order_relaxed);
  }

  template <class Change>
  void change(std::uint64_t hash, const Change& change) noexcept {
    Place& place = places_[hash & mask_];
    std::uint64_t seen = 0;
    while (read(place, hash, seen)) {
      if (exchange(place, seen, change(CellWord::of(seen)))) return;
    }
  }

  // Whether the place is the key's, or can be made so.
  static bool owns(Place& place, std::uint64_t hash, std::uint64_t unit) noexcept {
    std::uint64_t seen = 0;
    if (read(place, hash, seen)) return true;
    const CellWord cell = CellWord::of(seen);
    if (cell.kind == CellWord::kMoving || cell.kind == CellWord::kAsking || cell.until >= unit) return false;
    // Acquire and release: the old key's exchanges come before, the new hash after.
    if (!place.word.compare_exchange_strong(seen, CellWord{CellWord::kMoving, unit, 0}.packed(),
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return false;
    }
    place.hash.store(hash, std::memory_order_release);  // release: not before the word above
    // Release: with the new word comes the new hash.
    place.word.store(CellWord{CellWord::kLease, unit, 0}.packed(), std::memory_order_release);
    return true;
  }

  std::size_t mask_;
  std::int64_t batch_;
  std::uint64_t lease_units_;
  TimePoint epoch_;
  std::unique_ptr<Place[]> places_;
};

using LocalCells = BasicLocalCells<std::atomic<std::uint64_t>>;

}  // namespace seawall::redis
