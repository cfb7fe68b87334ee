// SPDX-License-Identifier: MIT
//
// Looking up, making and removing series.
#include "metrics/metrics_state.h"

#include <algorithm>
#include <new>
#include <random>
#include <utility>

#include "metrics/membarrier.h"
#include "metrics/metrics_names.h"

namespace seawall::detail {
namespace {

constexpr std::size_t kRecycleBatch = 64;  // removed series whose memory is given on at once: one barrier for all
constexpr std::uint32_t kIndexBits = 24;

std::uint64_t random_word() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

std::uint32_t entry_of(std::uint32_t series, std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> 56 << kIndexBits) | (series + 1);
}
std::uint32_t series_of(std::uint32_t entry) noexcept { return (entry & ((1u << kIndexBits) - 1)) - 1; }

std::uint32_t generation_after(std::uint32_t last, MetricType type) noexcept {
  const std::uint32_t next = ((last >> kTypeBits) + 1) << kTypeBits | (static_cast<std::uint32_t>(type) + 1);
  return next & ~kNoSequences;
}

Recording* set_up(Recording& recording, bool use_rseq) noexcept {
  const std::uint32_t cpus = possible_cpus();
  if (use_rseq && cpus != 0 && rseq_registered() && can_restart_all()) {
    recording.cpus = cpus;
    recording.blocks = cpus + 1;
  } else {
    recording.blocks = cpus == 0 ? Recording::kStripes : std::min(std::bit_ceil(cpus), Recording::kStripes);
  }
  return &recording;
}

Definition counter_definition(const char* name, const char* help, std::vector<std::string> labels) {
  Definition made;
  made.name = name;
  made.help = help;
  made.labels = std::move(labels);
  return made;
}

}  // namespace

FamilyState::FamilyState(Definition made) : definition(std::move(made)) {
  for (const std::string& label : definition.labels) label_heads.push_back("," + label + "=\"");
}

MetricsState::MetricsState(const MetricsConfig& config)
    : options_(config.options()),
      hash_({random_word(), random_word()}),
      made_in_(fork_epoch()),
      counters_(set_up(recording_, options_.use_rseq)->blocks, options_.share_with_children),
      gauges_(1, options_.share_with_children) {
  dropped_ = add_family(
      counter_definition("seawall_metrics_dropped_label_sets_total",
                         "Lookups answered with the overflow series: a bound on series was reached, or a value was "
                         "refused.",
                         {"family"}),
      false);
  stale_ =
      add_family(counter_definition("seawall_metrics_stale_recordings_total",
                                    "Recordings through handles whose series was removed: they are not in it.", {}),
                 false);
  stale_->external = &recording_.stale;
}

FamilyState* MetricsState::family(std::uint32_t index) const noexcept {
  return families_[index].load(std::memory_order_acquire);  // pairs with append()
}

SeriesRef MetricsState::at(std::uint32_t index) noexcept {
  SeriesRef none;
  if (index >= series_.size()) return none;
  const std::uint32_t generation = series_[index].generation.load(std::memory_order_acquire);  // pairs with make()
  if (generation == 0) return none;
  const SeriesRef found = ref({&series_[index], index, generation});
  return found.is_alive() ? found : none;
}

inline MetricsState::Found MetricsState::find(const FamilyState& family, const LabelKey& labels) const noexcept {
  const Index* index = index_.load(std::memory_order_acquire);  // pairs with reserve_index()
  if (index == nullptr) return {};
  const auto tag = static_cast<std::uint32_t>(labels.hash() >> 56);
  for (auto at = static_cast<std::uint32_t>(labels.hash());; ++at) {
    const std::uint32_t entry = index->entries[at & index->mask].load(std::memory_order_acquire);  // see insert()
    if (entry == 0) return {};
    if (entry >> kIndexBits != tag) continue;
    const Series& series = series_[series_of(entry)];
    const std::uint32_t generation = series.generation.load(std::memory_order_acquire);  // pairs with make()
    // Acquire, all: if one of them is a later series', the generation read last is, too.
    if (generation == 0 || series.family.load(std::memory_order_acquire) != family.index) continue;
    if (series.label_words.load(std::memory_order_acquire) != labels.words().size()) continue;
    const Word* text = series.labels.load(std::memory_order_acquire);
    // And the text of another one may be shorter than these words.
    if (text == nullptr || series.generation.load(std::memory_order_acquire) != generation) continue;
    if (!labels.equals(text)) continue;
    if (series.generation.load(std::memory_order_acquire) == generation) return {&series, series_of(entry), generation};
  }
}

MetricsState::Found MetricsState::look_up(FamilyState& family, LabelValues values) noexcept {
  if (family.definition.labels.empty() && values.empty()) return found_of(family.overflow);
  LabelKey labels;
  if (!make_key(family, values, labels)) return {};
  const Found found = find(family, labels);
  if (found.series != nullptr) [[likely]]
    return found;
  return look_up_locked(family, values, labels);
}

MetricsState::Found MetricsState::look_up_locked(FamilyState& family, LabelValues values,
                                                 const LabelKey& labels) noexcept {
  if (!acceptable(family, values) || !mutex_.lock()) return {};
  Found found = find(family, labels);
  try {
    if (found.series == nullptr && has_room(family)) found = found_of(add(family, labels));
  } catch (const std::bad_alloc&) {
    // A request must not fail because it is being counted: out of memory is one more reason to overflow.
    found = {};
  }
  mutex_.unlock();
  return found;
}

SeriesRef MetricsState::refuse(FamilyState& family) noexcept {
  family.dropped.add();
  return overflow(family);
}

bool MetricsState::acceptable(const FamilyState& family, LabelValues values) const noexcept {
  const auto longest = static_cast<std::size_t>(options_.max_label_value_bytes);
  const bool clean = std::all_of(values.begin(), values.end(),
                                 [longest](std::string_view v) { return v.size() <= longest && is_clean_text(v); });
  LabelText text;
  return clean && text.render(family.label_heads, values);  // as a scrape will
}

// In a child, shared cells belong to the parent: two children would give the same ones to different series.
bool MetricsState::is_foreign() const noexcept { return options_.share_with_children && fork_epoch() != made_in_; }

bool MetricsState::has_room(const FamilyState& family) const noexcept {
  if (is_foreign()) return false;
  if (!family.bounded) return true;
  // What was removed and cannot be given on yet takes room, too.
  return family.series_count < options_.max_series_per_family && series_count() < options_.max_series &&
         static_cast<std::int64_t>(retired_.size()) <= options_.max_series;
}

SeriesRef MetricsState::add(FamilyState& family, const LabelKey& labels) {
  reserve_index();
  family.series.reserve();
  const SeriesRef made = make(family, labels);
  insert(*indexes_.back(), made.index, labels.hash());
  ++indexed_;
  list(family, made.index);
  ++family.series_count;
  if (family.bounded) used_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count of its own
  return made;
}

// The record, its labels and cells, published. The overflow series of a family is made so, too, and in no index.
SeriesRef MetricsState::make(FamilyState& family, const LabelKey& labels) {
  series_.reserve();
  const std::size_t slots = family.exemplar_count();
  ExemplarSlot* exemplars = nullptr;
  if (slots != 0) {
    auto& free = free_exemplars_[slots];
    if (free.empty()) {
      exemplars_.push_back(std::make_unique<ExemplarSlot[]>(slots));
      free.push_back(exemplars_.back().get());
    }
    exemplars = free.back();
  }
  const std::span<const std::uint64_t> words = labels.words();
  Word* text = words.empty() ? nullptr : texts_.take(words);
  Cell* cells = nullptr;
  try {
    cells = (family.is_per_cpu() ? counters_ : gauges_).take(family.cell_count());
    if (cells == nullptr) throw std::bad_alloc();
  } catch (const std::bad_alloc&) {
    if (text != nullptr) texts_.give_back(text, words.size());
    throw;
  }
  if (exemplars != nullptr) {
    free_exemplars_[slots].pop_back();
    for (std::size_t i = 0; i < slots; ++i) exemplars[i].clear();
  }
  Retired place{0, 0};
  if (!free_.empty()) {
    place = free_.back();
    free_.pop_back();
  } else {
    place.index = series_.append([](Series&) {});
  }
  Series& series = series_[place.index];
  // Release, all: who reads one of them sees that the last generation is over.
  series.family.store(family.index, std::memory_order_release);
  series.label_words.store(static_cast<std::uint32_t>(words.size()), std::memory_order_release);
  series.labels.store(text, std::memory_order_release);
  series.cells.store(cells, std::memory_order_release);
  // Relaxed: only the holder of the lock writes. Release: who knows of this birth sees those before.
  const std::uint64_t birth = births_.load(std::memory_order_relaxed) + 1;
  series.born.store(birth, std::memory_order_release);
  births_.store(birth, std::memory_order_release);
  series.exemplars.store(exemplars, std::memory_order_release);
  const std::uint32_t generation = generation_after(place.generation, family.definition.type);
  series.generation.store(generation, std::memory_order_release);
  return ref({&series, place.index, generation});
}

// After series.reserve().
void MetricsState::list(FamilyState& family, std::uint32_t index) {
  // Release: who finds the series finds it whole.
  const auto fill = [index](std::atomic<std::uint32_t>& slot) { slot.store(index + 1, std::memory_order_release); };
  std::uint32_t position = 0;
  if (family.holes.empty()) {
    position = family.series.append(fill);
  } else {
    position = family.holes.back();
    family.holes.pop_back();
    fill(family.series[position]);
  }
  series_[index].position = position;
  family.live.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count of its own
}

SeriesRef MetricsState::overflow(FamilyState& family) noexcept {
  if (mutex_.lock()) {
    try {
      if (!family.overflow_linked) {
        family.series.reserve();
        list(family, family.overflow.index);
        family.overflow_linked = true;
      }
    } catch (const std::bad_alloc&) {
      family.overflow_linked = false;  // recorded all the same; listed the next time
    }
    mutex_.unlock();
  }
  return family.overflow;
}

bool MetricsState::remove(FamilyState& family, LabelValues values) noexcept {
  LabelKey labels;
  if (family.definition.labels.empty() || !make_key(family, values, labels)) return false;
  if (is_foreign() || !mutex_.lock()) return false;
  const Found found = find(family, labels);
  const bool there = found.series != nullptr;
  try {
    if (there) {
      if (retired_.size() == retired_.capacity()) retired_.reserve(2 * retired_.size() + kRecycleBatch);
      if (family.holes.size() == family.holes.capacity()) family.holes.reserve(2 * family.holes.size() + 8);
      free_.reserve(retired_.capacity() + free_.size());
      show_stale();
      erase(found.index, labels.hash());
      retire(family, found.index);
    }
  } catch (const std::bad_alloc&) {
    mutex_.unlock();
    return false;
  }
  mutex_.unlock();
  if (!there) return false;
  std::shared_ptr<GaugeCallback> ended;
  if (callbacks_mutex_.lock()) {
    const Unlock unlock(callbacks_mutex_);
    if (const auto callback = callbacks_.find(key_of(ref(found))); callback != callbacks_.end()) {
      ended = std::move(callback->second);
      callbacks_.erase(callback);
    }
  }
  if (ended) ended->end();
  return true;
}

void MetricsState::retire(FamilyState& family, std::uint32_t index) noexcept {
  Series& series = series_[index];
  const std::uint32_t generation = series.generation.load(std::memory_order_relaxed);  // relaxed: ours under the lock
  // Relaxed: walkers look at the generation.
  family.series[series.position].store(0, std::memory_order_relaxed);
  family.holes.push_back(series.position);
  family.live.fetch_sub(1, std::memory_order_relaxed);  // relaxed: counts of their own
  used_.fetch_sub(1, std::memory_order_relaxed);
  --family.series_count;
  series.generation.store(0, std::memory_order_seq_cst);  // sequentially consistent: see Entered
  // Last, and release: who has read this number does not find the series.
  family.removals.fetch_add(1, std::memory_order_release);
  retired_.push_back({index, generation});
  if (retired_.size() >= kRecycleBatch) recycle();
}

// Nobody writes through a handle whose generation is over any more.
bool MetricsState::quiet() noexcept {
  if (options_.share_with_children) return false;  // a child may, and knows nothing of the removal
  for (const auto& stripe : recording_.stripes) {
    // Sequentially consistent: see Entered.
    if (stripe.active.load(std::memory_order_seq_cst) != 0) return false;
  }
  return recording_.cpus == 0 || restart_all();
}

void MetricsState::recycle() noexcept {
  if (!quiet()) return;
  for (const Retired& r : retired_) {
    Series& series = series_[r.index];
    const FamilyState& family = *this->family(series.family.load(std::memory_order_relaxed));  // relaxed: the lock's
    const std::size_t words = series.label_words.load(std::memory_order_relaxed);
    texts_.give_back(const_cast<Word*>(series.labels.load(std::memory_order_relaxed)), words);
    (family.is_per_cpu() ? counters_ : gauges_)
        .give_back(series.cells.load(std::memory_order_relaxed), family.cell_count());
    if (ExemplarSlot* slots = series.exemplars.exchange(nullptr, std::memory_order_relaxed)) {
      try {
        free_exemplars_[family.exemplar_count()].push_back(slots);
      } catch (const std::bad_alloc&) {
        slots = nullptr;  // left unused until the registry ends
      }
    }
    free_.push_back(r);  // has room: see remove()
  }
  retired_.clear();
}

void MetricsState::reserve_index() {
  const std::uint32_t size = indexes_.empty() ? 0 : indexes_.back()->mask + 1;
  if (indexed_ + 1 <= size / 4 * 3) return;
  indexes_.reserve(indexes_.size() + 1);
  auto larger = std::make_unique<Index>(size == 0 ? 16 : 2 * size);
  if (size != 0) {
    for (std::uint32_t i = 0; i < size; ++i) {
      const std::uint32_t entry = indexes_.back()->entries[i].load(std::memory_order_relaxed);  // relaxed: the lock's
      if (entry != 0) insert(*larger, series_of(entry), hash_of(series_of(entry)));
    }
  }
  index_.store(larger.get(), std::memory_order_release);  // pairs with find()
  indexes_.push_back(std::move(larger));
}

std::uint64_t MetricsState::hash_of(std::uint32_t index) const noexcept {
  const Series& series = series_[index];
  LabelKey labels;  // relaxed, all: under the lock
  labels.copy_from(series.labels.load(std::memory_order_relaxed), series.label_words.load(std::memory_order_relaxed));
  labels.hash_anew(hash_, series.family.load(std::memory_order_relaxed));
  return labels.hash();
}

void MetricsState::insert(Index& index, std::uint32_t series, std::uint64_t hash) noexcept {
  auto at = static_cast<std::uint32_t>(hash) & index.mask;
  // Relaxed: only the holder of the lock writes.
  while (index.entries[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & index.mask;
  index.entries[at].store(entry_of(series, hash), std::memory_order_release);  // pairs with find()
}

// Those behind move up, so that no chain breaks. A lookup that runs meanwhile may miss one of them: it then asks again
// under the lock.
void MetricsState::erase(std::uint32_t series, std::uint64_t hash) noexcept {
  Index& index = *indexes_.back();
  // Relaxed, all loads: only the holder of the lock writes. Release, the stores: as in insert().
  auto hole = static_cast<std::uint32_t>(hash) & index.mask;
  while (index.entries[hole].load(std::memory_order_relaxed) != entry_of(series, hash)) hole = (hole + 1) & index.mask;
  for (auto at = (hole + 1) & index.mask;; at = (at + 1) & index.mask) {
    const std::uint32_t entry = index.entries[at].load(std::memory_order_relaxed);
    if (entry == 0) break;
    const auto home = static_cast<std::uint32_t>(hash_of(series_of(entry))) & index.mask;
    if (((at - home) & index.mask) < ((at - hole) & index.mask)) continue;  // it stands between its home and the hole
    index.entries[hole].store(entry, std::memory_order_release);
    hole = at;
  }
  index.entries[hole].store(0, std::memory_order_release);
  --indexed_;
}

}  // namespace seawall::detail
