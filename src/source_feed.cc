// SPDX-License-Identifier: MIT
#include "source_feed.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "seawall/detail/saturating.h"

namespace seawall {

bool SourceFeed::hear(SourceAnswer&& answer, std::int64_t now, const SourceFollowerOptions& options, Room room,
                      SourceFollowerStats& stats) {
  ++answers_;
  const bool unmissed = listed_ == size();
  forgotten_ = answer.status == SourceStatus::kForgotten;
  not_found_ = answer.status == SourceStatus::kNotFound ? not_found_ + 1 : 0;
  if (answer.status == SourceStatus::kFailed) {
    fail(answer.reason);
    return false;
  }
  if (not_found_ > 0 && not_found_ < options.not_found_repeats) {
    fail("the source does not know the service");
    return false;
  }
  confirm(answer, now, stats);
  if (answer.status == SourceStatus::kUnchanged) return false;
  if (answer.status != SourceStatus::kList) answer.instances.clear();
  const bool changed = replace(std::move(answer), now, room, stats);
  if (forgotten_ && unmissed) peak_ = 0;  // said on purpose; but what was doubted before stays so
  return changed;
}

void SourceFeed::fail(const Message& reason) {
  ++failures_;
  failed_ = true;
  reason_ = reason;
}

void SourceFeed::confirm(const SourceAnswer& answer, std::int64_t now, SourceFollowerStats& stats) {
  if (!healthy(now)) {
    if (heard_once_) ++stats.recoveries;
    healthy_since_ = now;
  }
  heard_once_ = true;
  failed_ = false;
  heard_ = now;
  ttl_ = std::max<std::int64_t>(answer.ttl.count(), 0);
  age_ = std::max<std::int64_t>(answer.age.count(), 0);
}

bool SourceFeed::replace(SourceAnswer&& list, std::int64_t now, Room room, SourceFollowerStats& stats) {
  room.waiting += waiting();
  waiting_.clear();
  bool changed = false;
  std::set<std::string_view> seen;  // keys of items_
  for (std::size_t i = 0; i < list.instances.size(); ++i) {
    InstanceSpec& spec = list.instances[i];
    const Health health = i < list.health.size() ? list.health[i] : Health::kUnknown;
    auto at = items_.find(spec.id);
    if (at != items_.end() && seen.contains(at->first)) {
      ++stats.duplicates;
      continue;
    }
    if (at == items_.end()) {
      if (room.items-- <= 0) {
        ++stats.left_out;
        if (room.waiting-- > 0) waiting_.push_back({std::move(spec), health, kListed});
        continue;
      }
      at = items_.try_emplace(spec.id).first;
      changed = true;
    }
    changed = changed || at->second.health != health || !(at->second.spec == spec);
    at->second = {std::move(spec), health, kListed};
    seen.insert(at->first);
  }
  listed_ = static_cast<std::int64_t>(seen.size());
  for (auto& [id, item] : items_) {
    if (item.missing == kListed && !seen.contains(id)) item.missing = now;
  }
  peak_ = listed_ == size() ? listed_ : std::max(peak_, listed_);
  return changed;
}

bool SourceFeed::take_in(std::int64_t room) {
  bool changed = false;
  for (; room > 0 && !waiting_.empty(); waiting_.pop_front()) {
    std::string id = waiting_.front().spec.id;
    if (!items_.try_emplace(std::move(id), std::move(waiting_.front())).second) continue;  // twice in the list
    ++listed_;
    --room;
    changed = true;
  }
  if (changed && listed_ == size()) peak_ = listed_;
  return changed;
}

bool SourceFeed::release(std::int64_t now, const algorithm::SourceHold& hold, SourceFollowerStats& stats) {
  const bool doubted = hold.doubtful(listed_, peak_);
  if (doubted && !doubted_) ++stats.doubted;
  doubted_ = doubted;
  if (!healthy(now) || listed_ == size()) return false;
  const auto gone = std::erase_if(items_, [&](const auto& entry) {
    return entry.second.missing != kListed && hold.due(entry.second.missing, healthy_since_, doubted) <= now;
  });
  if (listed_ == size()) peak_ = listed_;
  doubted_ = hold.doubtful(listed_, peak_);
  return gone != 0;
}

void SourceFeed::describe(SourceInfo& info, std::int64_t now) const {
  info.stale = !healthy(now);
  info.doubted = doubted_;
  if (heard_once_) info.age = Duration(detail::saturating_add(std::max<std::int64_t>(now - heard_, 0), age_));
  info.listed = listed_;
  info.leaving = size() - listed_;
  info.answers = answers_;
  info.failures = failures_;
  info.reason = reason_.view();
}

}  // namespace seawall
