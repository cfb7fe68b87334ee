// SPDX-License-Identifier: MIT
#include "seawall/redis/trip_board.h"

#include <map>
#include <random>

#include "redis/registry_call.h"
#include "redis/store_core.h"
#include "seawall/detail/mutex.h"

namespace seawall::redis {

class TripBoard::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(std::shared_ptr<StoreCore> store, std::string name)
      : store_(std::move(store)), calls_(std::move(name), Duration(0)), sender_(random_name()) {}

  void listen() {
    store_->loop().listen(calls_.channel(), weak_from_this(), [this](std::string_view message) { hear(message); });
  }

  void announce(std::string_view name) {
    const RequestPtr request = calls_.about_directory("announce", std::string(sender_).append(name));
    request->done = [weak = weak_from_this()](const CallResult& result) {
      const auto self = weak.lock();
      if (!self) return;
      const detail::MutexLock lock(self->mutex_);
      ++(result.fault == Fault::kNone ? self->stats_.announced : self->stats_.faults);
    };
    submit_registry_call(store_, request);
  }

  std::vector<Trip> poll() {
    const detail::MutexLock lock(mutex_);
    std::vector<Trip> trips;
    for (const auto& [name, times] : heard_) trips.push_back({name, times});
    heard_.clear();
    return trips;
  }

  TripBoardStats stats() const {
    const detail::MutexLock lock(mutex_);
    return stats_;
  }

 private:
  static std::string random_name() {
    std::random_device random;
    std::string name;
    for (int i = 0; i < 16; ++i) name.push_back("0123456789abcdef"[random() & 15]);
    return name.append(" ");
  }

  // "SENDER NAME"
  void hear(std::string_view message) {
    const detail::MutexLock lock(mutex_);
    if (message.substr(0, sender_.size()) == sender_) return;
    const bool ours = message.size() > sender_.size() && message.size() <= sender_.size() + kLongestName &&
                      message[sender_.size() - 1] == ' ';
    const std::string name(ours ? message.substr(sender_.size()) : std::string_view());
    if (!ours || (heard_.size() >= kMostTrips && !heard_.contains(name))) {
      ++stats_.left_out;
      return;
    }
    ++stats_.heard;
    ++heard_[name];
  }

  const std::shared_ptr<StoreCore> store_;
  const RegistryCalls calls_;
  const std::string sender_;
  mutable detail::Mutex mutex_;
  std::map<std::string, std::int64_t> heard_ SEAWALL_GUARDED_BY(mutex_);
  TripBoardStats stats_ SEAWALL_GUARDED_BY(mutex_);
};

Result<TripBoard> TripBoard::make(const Store& store, std::string_view board) {
  const auto name = registry_named(board);
  if (!name) return name.error();
  auto impl = std::make_shared<Impl>(store.core(), std::string("seawall-trips:").append(board));
  impl->listen();
  return TripBoard(std::move(impl));
}

Result<void> TripBoard::announce(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) {
    return out_of_range("length of name", static_cast<std::int64_t>(name.size()), 1, kLongestName);
  }
  impl_->announce(name);
  return {};
}

std::vector<Trip> TripBoard::poll() { return impl_->poll(); }
TripBoardStats TripBoard::stats() const { return impl_->stats(); }

}  // namespace seawall::redis
