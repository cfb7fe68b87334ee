// SPDX-License-Identifier: MIT
//
// MetricsState: what a MetricsRegistry is made of. Recording, looking up a series that is there, and walking all take
// no lock. What is made is published with release, what is removed is told by its generation, and its memory goes only
// to other series. The lock is for registering, creating and removing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/metrics_family.h"
#include "metrics/metrics_labels.h"
#include "metrics/metrics_memory.h"
#include "seawall/detail/fork_mutex.h"
#include "seawall/exemplar.h"

namespace seawall::detail {

// All is published by the generation, with release; what is read is checked by reading the generation again. 48 bytes.
struct Series : SeriesHead {
  std::uint32_t position = 0;  // in its family's list; guarded by the lock
  std::atomic<std::uint32_t> label_words{0};
  std::atomic<std::uint64_t> born{0};  // which one of all series that the registry made
  std::atomic<const Word*> labels{nullptr};
  std::atomic<Cell*> cells{nullptr};
};
static_assert(sizeof(Series) <= 48, "counted in the bound on bytes for each series");

// Generation words: the type of metric in the low bits, so that a C handle tells it, and never 0.
constexpr std::uint32_t kTypeBits = 3;
constexpr MetricType type_of_generation(std::uint32_t generation) noexcept {
  return static_cast<MetricType>((generation & ((1u << kTypeBits) - 1)) - 1);
}

// Tells a series from all that had its record before.
constexpr std::uint64_t key_of(const SeriesRef& series) noexcept {
  return std::uint64_t{series.generation} << 32 | series.index;
}

// Run by scrapes, one at a time, with no other lock held.
class GaugeCallback {
 public:
  explicit GaugeCallback(std::function<double()> read) : read_(std::move(read)) {}

  // Nothing: it threw, has ended, or asked for itself by rendering; or in the parent another thread was inside when
  // this process was forked, so nobody knows in what state it left what it reads.
  std::optional<double> run() noexcept;
  // It runs no more, and does not run now, unless this thread is inside: a callback may remove itself.
  void end() noexcept;

 private:
  ForkMutex running_;
  bool ended_ = false;  // guarded by it
  const std::function<double()> read_;
};

class MetricsState {
 public:
  explicit MetricsState(const MetricsConfig& config);

  Result<FamilyState*> find_or_add(Definition definition);
  // Never fails: what cannot have a series of its own gets the overflow series.
  SeriesRef with(FamilyState& family, LabelValues values) noexcept {
    const Found found = look_up(family, values);
    return found.series != nullptr ? ref(found) : refuse(family);
  }
  SeriesRef overflow(FamilyState& family) noexcept;
  bool remove(FamilyState& family, LabelValues values) noexcept;
  // Error: kAlreadyExists when the series has one; kFull when the label set has no series of its own.
  Result<void> set_callback(FamilyState& family, LabelValues values, std::function<double()> read);
  // False: nobody knows, in a child whose parent had a thread at the list.
  bool find_callback(const SeriesRef& series, std::shared_ptr<GaugeCallback>& out) noexcept;

  // The series with this index as it is now; a null generation when there is none.
  SeriesRef at(std::uint32_t index) noexcept;
  const Series& series(std::uint32_t index) const noexcept { return series_[index]; }
  FamilyState* family(std::uint32_t index) const noexcept;
  // The first family in the order of names.
  const FamilyState* first_family() const noexcept { return first_.load(std::memory_order_acquire); }  // see link()

  std::int64_t series_count() const noexcept { return used_.load(std::memory_order_relaxed); }  // a count of its own
  // How many series were made so far. Acquire: pairs with make().
  std::uint64_t births() const noexcept { return births_.load(std::memory_order_acquire); }
  std::size_t cell_bytes() const noexcept { return counters_.bytes() + gauges_.bytes(); }
  const MetricsOptions& options() const noexcept { return options_; }
  Recording& recording() noexcept { return recording_; }

 private:
  struct Index {
    explicit Index(std::uint32_t size) : mask(size - 1), entries(new std::atomic<std::uint32_t>[size] {}) {}
    const std::uint32_t mask;
    // 8 bits of hash and the series' index + 1; 0: none.
    const std::unique_ptr<std::atomic<std::uint32_t>[]> entries;
  };
  // Once the lock is held.
  class Unlock {
   public:
    explicit Unlock(ForkMutex& mutex) noexcept : mutex_(mutex) {}
    ~Unlock() { mutex_.unlock(); }
    Unlock(const Unlock&) = delete;
    Unlock& operator=(const Unlock&) = delete;

   private:
    ForkMutex& mutex_;
  };
  struct Retired {
    std::uint32_t index;
    std::uint32_t generation;
  };

  // A series in two registers, to be made a SeriesRef where one is wanted: what is written in parts and then copied as
  // a whole is waited for. Null: none.
  struct Found {
    const Series* series = nullptr;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
  };
  Found found_of(const SeriesRef& series) const noexcept {
    return {&series_[series.index], series.index, series.own()};
  }
  Found look_up(FamilyState& family, LabelValues values) noexcept;
  Found look_up_locked(FamilyState& family, LabelValues values, const LabelKey& labels) noexcept;
  Found find(const FamilyState& family, const LabelKey& labels) const noexcept;
  SeriesRef refuse(FamilyState& family) noexcept;
  // A handle that is stale from the beginning when the series was removed since it was found.
  SeriesRef ref(Found found) const noexcept {
    // Acquire: the cells are those of the generation, or of a later one, and then the handle is stale; one without any
    // has none.
    Cell* const cells = found.series->cells.load(std::memory_order_acquire);
    return {.first = cells != nullptr ? cells : &nowhere.cell,
            .head = found.series,
            .recording = const_cast<Recording*>(&recording_),
            .generation = recording_.cpus != 0 ? found.generation : found.generation | kNoSequences,
            .index = found.index};
  }
  // False: another number of values than the family has labels, or too long.
  bool make_key(const FamilyState& family, LabelValues values, LabelKey& labels) const noexcept {
    return values.size() == family.label_heads.size() && labels.assign(hash_, family.index, values);
  }
  bool acceptable(const FamilyState& family, LabelValues values) const noexcept;
  bool has_room(const FamilyState& family) const noexcept;
  // What follows is guarded by mutex_.
  SeriesRef add(FamilyState& family, const LabelKey& labels);
  SeriesRef make(FamilyState& family, const LabelKey& labels);
  void list(FamilyState& family, std::uint32_t index);
  FamilyState* add_family(Definition definition, bool bounded);
  void link(FamilyState* family) noexcept;
  void reserve_index();
  void insert(Index& index, std::uint32_t series, std::uint64_t hash) noexcept;
  void erase(std::uint32_t series, std::uint64_t hash) noexcept;
  std::uint64_t hash_of(std::uint32_t series) const noexcept;
  void retire(FamilyState& family, std::uint32_t index) noexcept;
  void recycle() noexcept;
  bool quiet() noexcept;
  bool is_foreign() const noexcept;
  void show_stale();
  Counter dropped_of(const FamilyState& family);

  const MetricsOptions options_;
  const LabelHash hash_;
  const std::uint64_t made_in_;  // fork epoch
  Recording recording_;
  ForkMutex mutex_;

  ChunkedArray<Series, 128> series_;
  ChunkedArray<std::atomic<FamilyState*>, 32> families_;
  std::atomic<FamilyState*> first_{nullptr};
  std::atomic<Index*> index_{nullptr};
  std::atomic<std::int64_t> used_{0};
  std::atomic<std::uint64_t> births_{0};

  std::vector<std::unique_ptr<Index>> indexes_;  // the last one is in use; older ones may still be read
  std::vector<std::unique_ptr<FamilyState>> owned_;
  std::map<std::string, FamilyState*, std::less<>> claims_;  // each sample name to its family
  std::uint32_t indexed_ = 0;
  CellArena counters_;
  CellArena gauges_;
  TextArena texts_;
  std::vector<std::unique_ptr<ExemplarSlot[]>> exemplars_;
  std::map<std::size_t, std::vector<ExemplarSlot*>> free_exemplars_;
  std::vector<Retired> retired_;
  std::vector<Retired> free_;  // series records, with the generation to begin with
  FamilyState* dropped_ = nullptr;
  FamilyState* stale_ = nullptr;

  ForkMutex callbacks_mutex_;
  std::map<std::uint64_t, std::shared_ptr<GaugeCallback>> callbacks_;  // by key_of()
};

}  // namespace seawall::detail
