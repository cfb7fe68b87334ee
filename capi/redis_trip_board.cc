// SPDX-License-Identifier: MIT
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "redis_handles.h"
#include "seawall/redis/trip_board.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Trip;
using seawall::redis::TripBoard;
using seawall::redis::TripBoardStats;

struct seawall_redis_trip_board : Handle<0x52547270> {  // "RTrp"
  explicit seawall_redis_trip_board(TripBoard board) : rep(std::move(board)) {}
  TripBoard rep;
  std::mutex mutex;
  std::deque<Trip> heard;  // under the mutex; polled, and not received yet
};

static_assert(TripBoard::kLongestName < sizeof(seawall_redis_trip::name));

extern "C" {

int32_t seawall_redis_store_new_trip_board(const seawall_redis_store* store, const char* name, size_t name_size,
                                           seawall_redis_trip_board** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  return guarded(error, [&]() -> int32_t {
    auto made = TripBoard::make(store->rep, text_in(name, name_size));
    if (!made) return fail(error, made.error());
    *out = std::make_unique<seawall_redis_trip_board>(std::move(made).value()).release();
    return SEAWALL_OK;
  });
}

void seawall_redis_trip_board_free(seawall_redis_trip_board* board) noexcept { free_handle(board); }

int32_t seawall_redis_trip_board_announce(seawall_redis_trip_board* board, const char* name,
                                          size_t name_size) noexcept {
  if (!valid(board)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(name, name_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    return board->rep.announce(text_in(name, name_size)) ? SEAWALL_OK : SEAWALL_E_INVALID_ARGUMENT;
  });
}

int32_t seawall_redis_trip_board_receive(seawall_redis_trip_board* board, seawall_redis_trip* out) noexcept {
  if (!valid(board)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const std::lock_guard lock(board->mutex);
    if (board->heard.empty()) {
      auto trips = board->rep.poll();
      board->heard.assign(std::move_iterator(trips.begin()), std::move_iterator(trips.end()));
    }
    if (board->heard.empty()) return 0;
    const Trip& trip = board->heard.front();
    out->times = trip.times;
    out->name_size = static_cast<std::uint32_t>(trip.name.size());
    write_text(trip.name, out->name);
    board->heard.pop_front();
    return 1;
  });
}

int32_t seawall_redis_trip_board_get_stats(const seawall_redis_trip_board* board,
                                           seawall_redis_trip_board_stats* out) noexcept {
  if (!valid(board)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const TripBoardStats stats = board->rep.stats();
    return give({.struct_size = 0,
                 .reserved = 0,
                 .announced = stats.announced,
                 .faults = stats.faults,
                 .heard = stats.heard,
                 .left_out = stats.left_out},
                out);
  });
}

}  // extern "C"
