// SPDX-License-Identifier: MIT
//
// Registering families and callbacks.
#include <algorithm>
#include <new>
#include <utility>

#include "metrics/metrics_handles.h"
#include "metrics/metrics_names.h"
#include "metrics/metrics_state.h"

namespace seawall::detail {
namespace {

Error other_definition(const Definition& given) {
  Message m("metric \"");
  m.append(given.name).append("\" is registered with another type, help, label list or options");
  return {Code::kAlreadyExists, m};
}

Error clash(const Definition& given, std::string_view claimed, const Definition& owner) {
  Message m("metric \"");
  m.append(given.name).append("\" and \"").append(owner.name).append("\" would both expose ").append(claimed);
  return {Code::kAlreadyExists, m};
}

Error refused(const Definition& given, std::string_view why, Code code) {
  Message m("metric \"");
  m.append(given.name).append("\" ").append(why);
  return {code, m};
}

Error too_many_families(const Definition& given, std::int64_t bound) {
  Message m("metric \"");
  m.append(given.name).append("\" exceeds max_families = ").append(bound);
  return {Code::kFull, m};
}

}  // namespace

Result<FamilyState*> MetricsState::find_or_add(Definition definition) {
  if (auto checked = check_definition(definition); !checked) return checked.error();
  if (!mutex_.lock())
    return refused(definition, "cannot be registered: the parent forked while it registered", Code::kInternal);
  const Unlock unlock(mutex_);
  for (const std::string& name : claimed_names(definition)) {
    const auto claim = claims_.find(name);
    if (claim == claims_.end()) continue;
    FamilyState* owner = claim->second;
    if (owner->definition == definition) return owner;
    if (owner->definition.name == definition.name) return other_definition(definition);
    return clash(definition, name, owner->definition);
  }
  constexpr std::size_t kOurs = 2;
  if (static_cast<std::int64_t>(owned_.size() - kOurs) >= options_.max_families) {
    return too_many_families(definition, options_.max_families);
  }
  if (is_foreign()) return refused(definition, "cannot be registered in a child", Code::kInvalidArgument);
  return add_family(std::move(definition), true);
}

// Nothing changes when it throws.
FamilyState* MetricsState::add_family(Definition definition, bool bounded) {
  auto made = std::make_unique<FamilyState>(std::move(definition));
  std::map<std::string, FamilyState*, std::less<>> names;
  for (std::string& name : claimed_names(made->definition)) names.emplace(std::move(name), made.get());
  if (owned_.size() == owned_.capacity()) owned_.reserve(2 * owned_.size() + 8);
  families_.reserve();
  made->owner = this;
  made->bounded = bounded;
  made->index = families_.size();
  const bool labelled = !made->definition.labels.empty();
  made->series.reserve();
  made->overflow = make(*made, LabelKey());
  FamilyState* family = made.get();
  owned_.push_back(std::move(made));
  // Release: who finds the family finds it whole.
  families_.append([family](auto& slot) { slot.store(family, std::memory_order_release); });
  claims_.merge(names);
  // Without labels it is the family's only series, and counts; that of the stale recordings is shown when there are
  // some.
  if ((!labelled && bounded) || options_.share_with_children) {
    list(*family, family->overflow.index);
    family->overflow_linked = true;
  }
  if (!labelled && bounded) used_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count of its own
  if (labelled && bounded) family->dropped = dropped_of(*family);
  link(family);
  return family;
}

Counter MetricsState::dropped_of(const FamilyState& family) {
  LabelKey labels;
  const std::string_view name = family.definition.name;
  make_key(*dropped_, LabelValues(&name, 1), labels);
  return HandleAccess::make<Counter>(add(*dropped_, labels), dropped_);
}

// Into the list of families at its place by name.
void MetricsState::link(FamilyState* family) noexcept {
  std::atomic<FamilyState*>* from = &first_;
  // Relaxed: only the holder of the lock writes.
  for (FamilyState* at = from->load(std::memory_order_relaxed);
       at != nullptr && at->definition.name < family->definition.name; at = from->load(std::memory_order_relaxed)) {
    from = &at->next_by_name;
  }
  family->next_by_name.store(from->load(std::memory_order_relaxed), std::memory_order_relaxed);
  from->store(family, std::memory_order_release);  // who finds the family finds it, and what is behind it, whole
}

// From the first removal on there may be handles that outlive their series.
void MetricsState::show_stale() {
  if (std::exchange(stale_->overflow_linked, true)) return;
  list(*stale_, stale_->overflow.index);  // has room since add_family()
}

Result<void> MetricsState::set_callback(FamilyState& family, LabelValues values, std::function<double()> read) {
  const bool labelled = !family.definition.labels.empty();
  const SeriesRef series = with(family, values);
  if (labelled && series.head == family.overflow.head) {
    return refused(family.definition, "cannot have a series with these values", Code::kFull);
  }
  if (!read) return refused(family.definition, "needs a callback", Code::kInvalidArgument);
  if (!callbacks_mutex_.lock())
    return refused(family.definition, "cannot have a callback: the parent forked while it gave one", Code::kInternal);
  const Unlock unlock(callbacks_mutex_);
  // remove() takes the callbacks' lock behind the end of the generation: what is alive here, it finds.
  if (!series.is_alive()) return refused(family.definition, "lost the series with these values", Code::kFull);
  auto& callback = callbacks_[key_of(series)];
  if (callback) return refused(family.definition, "has a callback for these values", Code::kAlreadyExists);
  callback = std::make_shared<GaugeCallback>(std::move(read));
  family.has_callbacks.store(true, std::memory_order_release);  // pairs with the reader's load
  return {};
}

bool MetricsState::find_callback(const SeriesRef& series, std::shared_ptr<GaugeCallback>& out) noexcept {
  if (!callbacks_mutex_.lock()) return false;
  const Unlock unlock(callbacks_mutex_);
  const auto found = callbacks_.find(key_of(series));
  if (found != callbacks_.end()) out = found->second;
  return true;
}

namespace {
// The callback that this thread is inside. It may not render, so there is no second one.
constinit thread_local const GaugeCallback* running_here = nullptr;
}  // namespace

std::optional<double> GaugeCallback::run() noexcept {
  if (running_here == this || !running_.lock()) return std::nullopt;
  std::optional<double> read;
  running_here = this;
  try {
    if (!ended_) read = read_();
  } catch (...) {
    read.reset();  // no sample rather than a wrong one; the scrape goes on
  }
  running_here = nullptr;
  running_.unlock();
  return read;
}

void GaugeCallback::end() noexcept {
  if (running_here == this) {
    ended_ = true;
  } else if (running_.lock()) {
    ended_ = true;
    running_.unlock();
  }
}

}  // namespace seawall::detail
