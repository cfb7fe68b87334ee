// SPDX-License-Identifier: MIT
//
// LeasedTokenBucket: a TokenBucket for many threads. Each CPU takes its permits from a cell of its own, which leases
// them from the shared bucket `batch` at a time; so the line that all CPUs write is written once for each batch.
//
// Use it where one limit is asked by several threads millions of times a second; else TokenBucket, whose answers say
// more. The 16 cells are in the object and may hold a batch each; 16 batches, and what refills in 131 us, are taken out
// of the burst that the shared bucket has, and what is left must be a batch or more, else construction fails.
//
// Bound: as TokenBucket's, over cells and shared bucket together: in any interval, admitted minus refunded is at most
// burst + permits * interval / period, whatever the order of `now`. A cell remembers, in units of 65 us, the latest
// `now` of its users and takes no lease from an earlier unit: so a thread that slept, with a lease in hand or before,
// cannot bring permits of the past on top of the present. Such a lease is lost, as is that of a thread that was killed;
// the refill makes up for it, and the cell stays usable. Where the shared bucket refuses, permits in the cells of other
// CPUs are taken back: one permit is refused only when there is none anywhere. More than one are not put together from
// several places.
//
// Flaws: it starts with what the shared bucket holds, cells empty. The most that one call can take (`limit`) is the
// burst less what cells may hold. An admission from a cell says as `remaining` what is left in the cell, and knows no
// reset_after (0). Reservations and more than a batch go to the shared bucket. Any thread may call anything; nothing
// blocks or allocates; no pointers, usable in shared memory.
//
//   auto config = seawall::LeasedTokenBucketConfig::make({.quota = quota});
//   seawall::LeasedTokenBucket bucket(config.value());
//   const seawall::Decision d = bucket.try_acquire_at(now);
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"
#include "seawall/detail/update.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"

namespace seawall {

inline constexpr std::size_t kLeaseCells = 16;

struct LeaseOptions {
  Quota quota;
  std::int64_t batch = 0;  // permits that a cell leases at a time; 0 means a thirty-second of the burst, or what fits
};

class LeasedTokenBucketConfig {
 public:
  static constexpr std::int64_t kMostBatch = (1 << 20) - 1;

  // Error: kInvalidArgument when the burst is less than 17 batches and what refills in two units of the cells' time, or
  // comes back too slowly for a TokenBucket.
  static constexpr Result<LeasedTokenBucketConfig> make(const LeaseOptions& options) {
    const Quota& quota = options.quota;
    constexpr auto kCells = static_cast<std::int64_t>(kLeaseCells);
    const auto period = quota.period().count();
    const std::int64_t late = (quota.permits() * 2 * kUnit.count() - 1) / period + 1;
    const std::int64_t most = std::clamp<std::int64_t>((quota.burst() - late) / (kCells + 1), 0, kMostBatch);
    const std::int64_t batch = options.batch == 0 ? std::min(quota.burst() / (2 * kCells), most) : options.batch;
    if (batch < 1 || batch > most) return out_of_range("batch, 17 of which must fit the burst,", batch, 1, most);
    const auto shared = Quota::make(quota.permits(), quota.period(), quota.burst() - kCells * batch - late);
    if (!shared) return shared.error();
    const auto config = TokenBucketConfig::make(shared.value());
    if (!config) return config.error();
    return LeasedTokenBucketConfig(config.value(), batch);
  }

  // In which cells count time.
  static constexpr int kUnitBits = 16;
  static constexpr Duration kUnit{1 << kUnitBits};

  static constexpr Result<LeasedTokenBucketConfig> make(const Quota& quota) { return make(LeaseOptions{quota}); }

  constexpr const TokenBucketConfig& shared() const noexcept { return shared_; }
  constexpr std::int64_t batch() const noexcept { return batch_; }

 private:
  constexpr LeasedTokenBucketConfig(const TokenBucketConfig& shared, std::int64_t batch)
      : shared_(shared), batch_(batch) {}
  TokenBucketConfig shared_;
  std::int64_t batch_;
};

// The cell of the CPU that the caller runs on; the tests bring another, and fewer cells.
struct LeaseCellOfCpu {
  std::size_t operator()() const noexcept { return detail::stripe<kLeaseCells>(); }
};

template <class Cell, class Here = LeaseCellOfCpu, std::size_t kCells = kLeaseCells>
class BasicLeasedTokenBucket {
 public:
  using Config = LeasedTokenBucketConfig;

  // The shared bucket starts full, the cells empty. Instants before the epoch count as the epoch.
  explicit BasicLeasedTokenBucket(const Config& config, TimePoint epoch = Clock::now()) noexcept
      : batch_(config.batch()), epoch_(epoch), shared_(config.shared(), epoch) {
    tell_cells(config);
  }

  // Takes n permits or nothing. n above `limit` is never() allowed; n of 0 or less takes nothing.
  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    if (n < 1 || n > batch_) [[unlikely]]
      return n < 1 ? peek_at(now, 0) : shared_.try_acquire_at(now, n);
    Place& here = places_[Here{}()];
    const std::uint64_t unit = unit_of(now);
    const std::uint64_t seen = take(here, unit, n);
    if (permits_in(seen) >= n) [[likely]]
      return from_cell(here, permits_in(seen) - n, n);
    return lease(here, seen, unit, now, n);
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire(Clock(), n); }
  template <ReadableClock C>
  Decision try_acquire(const C& clock, std::int64_t n = 1) noexcept {
    return try_acquire_at(relaxed_now(clock), n);
  }

  // What try_acquire_at would answer, without taking anything. `remaining` is what is left everywhere.
  Decision peek_at(TimePoint now, std::int64_t n = 1) const noexcept {
    Decision decision = shared_.peek_at(now, n);
    for (const Place& place : places_) {
      // Relaxed: each cell is all there is to see of it; the sum is of one moment only while nobody asks.
      const std::int64_t held = permits_in(place.word.load(std::memory_order_relaxed));
      decision.remaining += held;
      decision.allowed |= n <= batch_ && held >= n;
    }
    if (decision.allowed) decision.retry_after = Duration(0);
    return decision;
  }
  Decision peek(std::int64_t n = 1) const noexcept { return peek_at(Clock::now(), n); }

  // As in TokenBucket. Permits from a cell go back to a cell, as far as it has room.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    if (charge.at != kFromCell) return shared_.refund_at(charge, now);
    const std::uint64_t unit = unit_of(now);
    return detail::update(places_[Here{}()].word, [&](std::uint64_t seen) {
      const std::int64_t back = std::clamp<std::int64_t>(charge.permits, 0, batch_ - permits_in(seen));
      return detail::Step<std::int64_t>{back == 0 ? seen : used_at(seen, unit) + static_cast<std::uint64_t>(back),
                                        back};
    });
  }
  std::int64_t refund(Charge charge) noexcept { return refund_at(charge, Clock::now()); }

  // As in TokenBucket, from the shared bucket.
  Reservation reserve_at(TimePoint now, std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    return shared_.reserve_at(now, n, max_wait);
  }
  Reservation reserve(std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    return reserve_at(Clock::now(), n, max_wait);
  }
  Reservation acquire_until_at(TimePoint deadline, TimePoint now, std::int64_t n = 1) noexcept {
    return shared_.acquire_until_at(deadline, now, n);
  }
  Reservation acquire_until(TimePoint deadline, std::int64_t n = 1) noexcept {
    return acquire_until_at(deadline, Clock::now(), n);
  }
  std::int64_t cancel_at(const Reservation& reservation, TimePoint now) noexcept {
    return shared_.cancel_at(reservation, now);
  }
  std::int64_t cancel(const Reservation& reservation) noexcept { return cancel_at(reservation, Clock::now()); }

  // As in TokenBucket. What is missing is taken from the shared bucket, and refunded there.
  Settlement settle_at(Charge charge, std::int64_t actual, TimePoint now, std::int64_t debt_cap = 0) noexcept {
    if (charge.at != kFromCell) return shared_.settle_at(charge, actual, now, debt_cap);
    const std::int64_t difference = std::max<std::int64_t>(actual, 0) - std::max<std::int64_t>(charge.permits, 0);
    if (difference > 0) return shared_.settle_at({}, difference, now, debt_cap);
    const std::int64_t back = refund_at({kFromCell, -difference}, now);
    return {.refunded = back, .charged = 0, .unpaid = 0, .charge = {kFromCell, charge.permits + difference}};
  }
  Settlement settle(Charge charge, std::int64_t actual, std::int64_t debt_cap = 0) noexcept {
    return settle_at(charge, actual, Clock::now(), debt_cap);
  }

  std::int64_t batch() const noexcept { return batch_; }

  // As in TokenBucket, of the shared bucket; the cells keep what they hold. Also false, and nothing changed, when the
  // batches of `config` are smaller than those of this object: its burst would leave too little for the cells.
  bool change_limit_at(const Config& config, LimitChange how, TimePoint now) noexcept {
    if (config.batch() < batch_ || !shared_.change_limit_at(config.shared(), how, now)) return false;
    tell_cells(config);
    return true;
  }
  bool change_limit(const Config& config, LimitChange how) noexcept {
    return change_limit_at(config, how, Clock::now());
  }

 private:
  // A cell: {the latest unit of time seen, 44 bits of 65 us: 30 years from the epoch; permits held, 20 bits}.
  static constexpr int kPermitBits = 20;
  struct alignas(detail::kCacheLine) Place {
    Cell word{0};
    // What its decisions say is the shared bucket's: of the latest change or lease. Of two changes at once a cell may
    // keep the earlier one's until its next lease.
    std::atomic<std::int64_t> limit{0};
  };
  // No generation of the shared bucket's word has this number.
  static constexpr std::uint64_t kFromCell = std::uint64_t{7} << 61;

  std::uint64_t unit_of(TimePoint now) const noexcept {
    return static_cast<std::uint64_t>(algorithm::since(epoch_, now).count()) >> Config::kUnitBits;
  }
  static constexpr std::int64_t permits_in(std::uint64_t word) noexcept {
    return static_cast<std::int64_t>(word & ((std::uint64_t{1} << kPermitBits) - 1));
  }
  static constexpr std::uint64_t unit_in(std::uint64_t word) noexcept { return word >> kPermitBits; }
  // The cell with its permits, and no older than `unit`.
  static constexpr std::uint64_t used_at(std::uint64_t word, std::uint64_t unit) noexcept {
    return unit > unit_in(word) ? unit << kPermitBits | static_cast<std::uint64_t>(permits_in(word)) : word;
  }

  // The cell before; n permits are taken when there were as many.
  static std::uint64_t take(Place& place, std::uint64_t unit, std::int64_t n) noexcept {
    return detail::update(place.word, [unit, n](std::uint64_t seen) {
      const bool enough = permits_in(seen) >= n;
      return detail::Step<std::uint64_t>{enough ? used_at(seen, unit) - static_cast<std::uint64_t>(n) : seen, seen};
    });
  }
  void tell_cells(const Config& config) noexcept {
    // Relaxed, here and below: a number that is told, and decides nothing.
    for (Place& place : places_) place.limit.store(config.shared().rule().burst(), std::memory_order_relaxed);
  }
  static Decision from_cell(const Place& place, std::int64_t left, std::int64_t n) noexcept {
    return {.allowed = true,
            .limit = place.limit.load(std::memory_order_relaxed),
            .remaining = left,
            .retry_after = Duration(0),
            .reset_after = Duration(0),
            .charge = {kFromCell, n}};
  }

  // A batch for the cell and n for the caller; fewer, when there are fewer.
  Decision lease(Place& here, std::uint64_t before, std::uint64_t unit, TimePoint now, std::int64_t n) noexcept {
    const std::int64_t room = batch_ - permits_in(before);
    Decision leased = shared_.try_acquire_at(now, std::min(n + room, here.limit.load(std::memory_order_relaxed)));
    if (!leased.allowed) leased = shared_.try_acquire_at(now, std::max(n, leased.remaining));
    if (!leased.allowed) return take_back(leased, unit, n);
    if (here.limit.load(std::memory_order_relaxed) != leased.limit) {
      here.limit.store(leased.limit, std::memory_order_relaxed);
    }
    const std::int64_t extra = leased.charge.permits - n;
    const std::int64_t left = detail::update(here.word, [&](std::uint64_t seen) {
      // Not on top of what another brought meanwhile, and not into a cell that was used at a later time.
      const bool bring = extra > 0 && permits_in(seen) + extra <= batch_ && unit >= unit_in(seen);
      const std::uint64_t next = bring ? used_at(seen, unit) + static_cast<std::uint64_t>(extra) : seen;
      return detail::Step<std::int64_t>{next, permits_in(next)};
    });
    return from_cell(here, left, n);
  }

  // The shared bucket has refused: from any cell that holds n.
  Decision take_back(const Decision& refusal, std::uint64_t unit, std::int64_t n) noexcept {
    for (Place& place : places_) {
      const std::int64_t held = permits_in(take(place, unit, n));
      if (held >= n) return from_cell(place, held - n, n);
    }
    return refusal;
  }

  // Read by everybody, written by nobody.
  std::int64_t batch_;
  TimePoint epoch_;

  // Written by leases.
  BasicTokenBucket<Cell> shared_;
  // Each written by one CPU, and by those that find nothing elsewhere.
  std::array<Place, kCells> places_{};
};

using LeasedTokenBucket = BasicLeasedTokenBucket<std::atomic<std::uint64_t>>;

}  // namespace seawall
