// SPDX-License-Identifier: MIT
#include "registry/source_feed.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "seawall/detail/saturating.h"

namespace seawall {

bool SourceFeed::hear(SourceAnswer& answer, std::int64_t now, const SourceFollowerOptions& options, Room room,
                      SourceFollowerStats& stats) {
  std::optional<Places> places;
  if (answer.status == SourceStatus::kList) places = places_for(answer, room);
  ++answers_;  // from here on nothing throws
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
  const bool changed = places && fill(*places, answer);
  if (places) {
    take(*places, stats);
  } else {
    ++list_;  // of nobody
    listed_ = 0;
    waiting_.clear();
  }
  note_missing(now);
  if (forgotten_ && unmissed) peak_ = 0;  // said on purpose; but what was doubted before stays so
  return changed;
}

void SourceFeed::fail(const Message& reason) noexcept {
  ++failures_;
  failed_ = true;
  reason_ = reason;
}

void SourceFeed::confirm(const SourceAnswer& answer, std::int64_t now, SourceFollowerStats& stats) noexcept {
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

SourceFeed::Places SourceFeed::places_for(const SourceAnswer& list, Room room) {
  Places places;
  places.of.resize(list.instances.size());
  places.waits.resize(list.instances.size());
  room.waiting += waiting();
  ++list_;
  const auto find_in = [](Items& items, std::string_view id) {
    const auto at = items.find(id);
    return at == items.end() ? nullptr : &at->second;
  };
  for (std::size_t i = 0; i < list.instances.size(); ++i) {
    const std::string& id = list.instances[i].id;
    Item* item = find_in(items_, id);
    if (item == nullptr) item = find_in(places.added, id);
    if (item != nullptr && item->list == list_) {
      ++places.duplicates;
      continue;
    }
    if (item == nullptr && room.items-- <= 0) {
      ++places.left_out;
      places.waits[i] = room.waiting-- > 0;
      if (places.waits[i]) places.of[i] = &places.waiting.emplace_back();
      continue;
    }
    if (item == nullptr) item = &places.added.try_emplace(id).first->second;
    item->list = list_;
    places.of[i] = item;
    ++places.listed;
  }
  return places;
}

bool SourceFeed::fill(const Places& places, SourceAnswer& list) noexcept {
  bool changed = !places.added.empty();
  for (std::size_t i = 0; i < places.of.size(); ++i) {
    Item* const item = places.of[i];
    if (item == nullptr) continue;
    InstanceSpec& spec = list.instances[i];
    const Health health = i < list.health.size() ? list.health[i] : Health::kUnknown;
    changed = changed || (!places.waits[i] && (item->health != health || !(item->spec == spec)));
    item->spec = std::move(spec);
    item->health = health;
    item->missing = kListed;
  }
  return changed;
}

void SourceFeed::take(Places& places, SourceFollowerStats& stats) noexcept {
  items_.merge(places.added);
  waiting_.swap(places.waiting);
  listed_ = places.listed;
  stats.duplicates += places.duplicates;
  stats.left_out += places.left_out;
}

void SourceFeed::note_missing(std::int64_t now) noexcept {
  for (auto& [id, item] : items_) {
    if (item.missing == kListed && item.list != list_) item.missing = now;
  }
  peak_ = listed_ == size() ? listed_ : std::max(peak_, listed_);
}

bool SourceFeed::take_in(std::int64_t room) {
  bool changed = false;
  for (; room > 0 && !waiting_.empty(); waiting_.pop_front()) {
    std::string id = waiting_.front().spec.id;
    waiting_.front().list = list_;
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
