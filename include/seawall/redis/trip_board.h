// SPDX-License-Identifier: MIT
//
// TripBoard: who of a fleet saw a circuit breaker trip, told to the others as an event and nothing more.
//
// Breakers stay local: each says what its own process sees on its way to a dependency, and another machine's network is
// another fact. So nothing here opens a breaker. A host that hears of a trip can look for itself, and gently: probe
// that instance now (Prober), before users' calls find out. Announcements go by publish and subscribe: they cost one
// message, may be lost, and are never repeated; while Redis is away there are none. A host says what trips, from the
// events of its breakers.
//
// Threads: any.
//
//   auto board = seawall::redis::TripBoard::make(store).value();
//   board.announce("trading");                                  // ours has opened
//   for (const auto& trip : board.poll()) probe(trip.name);     // others', now and then
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/redis/store.h"
#include "seawall/result.h"

namespace seawall::redis {

struct Trip {
  std::string name;
  std::int64_t times = 1;  // announced since it was last polled, by all others
};

struct TripBoardStats {
  std::int64_t announced = 0;  // by this board, as far as Redis took it
  std::int64_t faults = 0;     // announcements that it did not
  std::int64_t heard = 0;      // of others
  std::int64_t left_out = 0;   // beyond kMostTrips, or none of ours
};

class TripBoard {
 public:
  static constexpr std::size_t kMostTrips = 1024;  // names that wait to be polled
  static constexpr std::size_t kLongestName = 200;

  // `board`: 1 to 64 of A-Z a-z 0-9 _ . -; boards of one name hear each other. Error: kInvalidArgument.
  static Result<TripBoard> make(const Store& store, std::string_view board = "main");

  // Tells the others; waits for nothing. Error: kInvalidArgument, for an empty or too long name.
  Result<void> announce(std::string_view name);
  // What the others announced since the last call, in order of name.
  std::vector<Trip> poll();
  TripBoardStats stats() const;

 private:
  class Impl;
  explicit TripBoard(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace seawall::redis
