// SPDX-License-Identifier: MIT
// What one source says about one service, and what is held of it against what it says.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "seawall/runtime/source_follower.h"

namespace seawall {

class SourceFeed {
 public:
  struct Item {
    InstanceSpec spec;
    Health health = Health::kUnknown;
    std::int64_t missing = kListed;  // since when its source lists it no more
    std::uint64_t list = 0;          // the last one that it was in
  };
  using Items = std::map<std::string, Item, std::less<>>;

  // How many more items there may be, and how many more that wait for room.
  struct Room {
    std::int64_t items, waiting;
  };

  // Returns whether the items are others than before. Counts in `stats`. Takes what it needs out of the answer; when it
  // throws, all is as before, the answer too.
  bool hear(SourceAnswer& answer, std::int64_t now, const SourceFollowerOptions& options, Room room,
            SourceFollowerStats& stats);
  // Takes in, in their order, those of the last list that had no room, now that there is some. Returns whether any.
  bool take_in(std::int64_t room);
  // Drops what has waited long enough. Returns whether something went.
  bool release(std::int64_t now, const algorithm::SourceHold& hold, SourceFollowerStats& stats);

  const Items& items() const noexcept { return items_; }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(items_.size()); }
  std::int64_t waiting() const noexcept { return static_cast<std::int64_t>(waiting_.size()); }
  // Has nobody, and its source knows no such service; or, where another one needs its place, lists nobody.
  bool idle(bool crowded) const noexcept { return items_.empty() && !failed_ && (not_found_ > 0 || crowded); }
  // Has nobody, and its source follows the service no more.
  bool forgotten() const noexcept { return items_.empty() && forgotten_; }
  void describe(SourceInfo& info, std::int64_t now) const;

 private:
  static constexpr std::int64_t kListed = std::numeric_limits<std::int64_t>::min();

  bool healthy(std::int64_t now) const noexcept {
    return heard_once_ && !failed_ && algorithm::SourceHold::vouches(heard_, ttl_, now);
  }
  // Where each instance of a list goes: all that is to be allocated for it.
  struct Places {
    std::vector<Item*> of;  // null: of none, it is there twice or one too many
    std::vector<bool> waits;
    Items added;
    std::deque<Item> waiting;
    std::int64_t listed = 0, duplicates = 0, left_out = 0;
  };
  Places places_for(const SourceAnswer& list, Room room);

  void fail(const Message& reason) noexcept;
  void confirm(const SourceAnswer& answer, std::int64_t now, SourceFollowerStats& stats) noexcept;
  static bool fill(const Places& places, SourceAnswer& list) noexcept;  // returns whether items are others
  void take(Places& places, SourceFollowerStats& stats) noexcept;
  void note_missing(std::int64_t now) noexcept;

  Items items_;
  std::deque<Item> waiting_;  // of the last list
  std::uint64_t list_ = 0;    // its number
  std::int64_t listed_ = 0;
  std::int64_t peak_ = 0;  // the longest list since nothing was missing
  bool doubted_ = false;
  bool forgotten_ = false;  // by its source
  bool failed_ = false;
  bool heard_once_ = false;         // something but a failure
  std::int64_t heard_ = 0;          // when it last said something but a failure
  std::int64_t healthy_since_ = 0;  // when it last came back
  std::int64_t ttl_ = 0;
  std::int64_t age_ = 0;
  std::int64_t not_found_ = 0;  // in a row
  std::int64_t answers_ = 0;
  std::int64_t failures_ = 0;
  Message reason_;
};

}  // namespace seawall
