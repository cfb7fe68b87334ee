// SPDX-License-Identifier: MIT
#include "seawall/redis/store_source.h"

#include <algorithm>
#include <map>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "redis/duration_range.h"
#include "redis/registry_call.h"
#include "redis/store_core.h"
#include "seawall/detail/mutex.h"

namespace seawall::redis {

namespace {

// What is known of one service.
struct Polled {
  TimePoint due = TimePoint::min();
  TimePoint asked{};  // when `said` was asked
  bool asking = false;
  bool hinted = false;        // something is newer than what is being asked
  std::int64_t version = -1;  // -1: no list yet
  std::set<std::string> doubted = {};
  std::vector<InstanceSpec> instances = {};
  std::optional<TimePoint> empty_since = {};  // as far as is known
  std::string entered = {};                   // when it last was put into the directory, by the store's clock
  std::int64_t foreign = 0;
  bool news = false;  // `said` was not polled yet: none is asked for before it was
  SourceAnswer said = {};
};

Message reason_of(const CallResult& result) {
  if (!result.texts.empty()) return result.texts.front();
  switch (result.fault) {
    case Fault::kTimeout:
      return "Redis does not answer in time";
    case Fault::kAway:
      return "no connection to Redis";
    default:
      return "Redis refuses";
  }
}

// Ids and items in turn.
std::vector<InstanceSpec> instances_of(std::span<const std::string_view> texts, std::int64_t& foreign) {
  std::vector<InstanceSpec> instances;
  foreign = 0;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    auto found = parse_item(texts[i], texts[i + 1]);
    if (!found) {
      ++foreign;
    } else if (!found->spec.host.empty()) {
      instances.push_back(std::move(found->spec));
    }
  }
  std::ranges::sort(instances, {}, &InstanceSpec::id);
  return instances;
}

}  // namespace

class StoreSource::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(std::shared_ptr<StoreCore> store, const StoreSourceOptions& options, std::string name)
      : store_(std::move(store)),
        options_(options),
        calls_(std::move(name), options.poll_interval),
        random_(std::random_device()()) {
    for (const std::string& service : options_.services) services_.try_emplace(service);
  }

  void listen() {
    store_->loop().listen(calls_.channel(), weak_from_this(), [this](std::string_view service) { hint(service); });
  }

  std::vector<SourceAnswer> poll(TimePoint now) {
    std::vector<SourceAnswer> answers;
    std::vector<std::pair<std::string, std::int64_t>> due;
    bool ask_directory = false;
    {
      const detail::MutexLock lock(mutex_);
      answers.reserve(2 * services_.size());  // so that none is lost for want of memory: each is told once
      if (options_.services.empty()) forget(now, answers);
      due = services_due(now);
      for (auto& [name, service] : services_) {
        if (!std::exchange(service.news, false)) continue;
        service.said.age = std::max(Duration(0), now - service.asked);
        answers.push_back(std::exchange(service.said, {}));
      }
      for (const auto& [name, version] : due) {
        Polled& service = services_.find(name)->second;
        service.asking = true;
        service.hinted = false;
        service.due = now + about(options_.poll_interval);
      }
      ask_directory = options_.services.empty() && !asking_directory_ && directory_due_ <= now;
      if (ask_directory) {
        asking_directory_ = true;
        directory_due_ = now + about(options_.poll_interval);
      }
    }
    for (const auto& [name, version] : due) ask(name, version, now);
    if (ask_directory) ask_for_services();
    return answers;
  }

  StoreSourceStats stats() const {
    const detail::MutexLock lock(mutex_);
    StoreSourceStats stats = stats_;
    stats.services = static_cast<std::int64_t>(services_.size());
    for (const auto& [name, service] : services_) stats.foreign += service.foreign;
    return stats;
  }

 private:
  Duration about(Duration pause) SEAWALL_REQUIRES(mutex_) {
    const Duration most = pause * 2 / 5;
    return pause * 4 / 5 + Duration(std::uniform_int_distribution<std::int64_t>(0, most.count())(random_));
  }

  // Empty without memory for it: then they are due still.
  std::vector<std::pair<std::string, std::int64_t>> services_due(TimePoint now) const SEAWALL_REQUIRES(mutex_) {
    try {
      std::vector<std::pair<std::string, std::int64_t>> due;
      for (const auto& [name, service] : services_) {
        if (!service.asking && (service.due <= now || service.hinted)) due.emplace_back(name, service.version);
      }
      return due;
    } catch (const std::bad_alloc&) {
      return {};
    }
  }

  // And says so to who follows. Without memory it is done another time.
  void forget(TimePoint now, std::vector<SourceAnswer>& answers) SEAWALL_REQUIRES(mutex_) {
    try {
      forget_all(now, answers);
    } catch (const std::bad_alloc&) {
      ++stats_.faults;
    }
  }
  void forget_all(TimePoint now, std::vector<SourceAnswer>& answers) SEAWALL_REQUIRES(mutex_) {
    for (auto at = services_.begin(); at != services_.end();) {
      const Polled& service = at->second;
      const bool awaited = service.asking || service.news || service.hinted;
      if (awaited || !service.empty_since || now - *service.empty_since < options_.forget_after) {
        ++at;
        continue;
      }
      forgotten_.insert_or_assign(at->first, service.entered);
      answers.push_back({.service = at->first, .status = SourceStatus::kForgotten});
      ++stats_.forgotten;
      at = services_.erase(at);
    }
  }

  void hint(std::string_view name) {
    const detail::MutexLock lock(mutex_);
    ++stats_.hints;
    if (const auto at = forgotten_.find(name); at != forgotten_.end()) forgotten_.erase(at);
    if (const auto at = services_.find(name); at != services_.end()) {
      at->second.hinted = true;
    } else {
      directory_due_ = TimePoint::min();
    }
  }

  // Without memory for it, nobody is asked, and the next poll is.
  void ask(const std::string& name, std::int64_t version, TimePoint now) {
    try {
      ask_for_list(name, version, now);
    } catch (const std::bad_alloc&) {
      const detail::MutexLock lock(mutex_);
      services_.find(name)->second.asking = false;
      ++stats_.faults;
    }
  }
  void ask_for_list(const std::string& name, std::int64_t version, TimePoint now) {
    const RequestPtr request = calls_.about(name, "list");
    request->words.add(version);
    request->words.add(to_us(options_.expiry_ceiling));
    request->done = [weak = weak_from_this(), name, now](const CallResult& result) {
      if (const auto self = weak.lock()) self->hear(name, result, now);
    };
    submit_registry_call(store_, request);
  }

  void hear(const std::string& name, const CallResult& result, TimePoint asked) {
    const detail::MutexLock lock(mutex_);
    Polled& service = services_.find(name)->second;
    service.asking = false;
    const bool told = result.fault == Fault::kNone && result.numbers.size() == 3 && result.numbers[1] >= 0 &&
                      static_cast<std::size_t>(result.numbers[1]) <= result.texts.size();
    SourceAnswer answer{.service = name, .status = SourceStatus::kFailed};
    if (told) {
      ++stats_.polls;
      take(service, result, answer);
      if (!service.instances.empty()) {
        service.empty_since.reset();
      } else if (!service.empty_since) {
        service.empty_since = asked;
      }
    } else {
      service.empty_since.reset();
      answer.reason = reason_of(result);
      fail(result);
    }
    service.asked = asked;
    service.said = std::move(answer);
    service.news = true;
  }

  void take(Polled& service, const CallResult& result, SourceAnswer& answer) SEAWALL_REQUIRES(mutex_) {
    const auto silent = result.texts.first(static_cast<std::size_t>(result.numbers[1]));
    std::set<std::string> doubted(silent.begin(), silent.end());
    const bool full = result.numbers[2] != 0;
    if (!full && doubted == service.doubted) {
      answer.status = SourceStatus::kUnchanged;
      return;
    }
    service.version = -1;  // until all of it is told: who has no memory for a list asks for it again
    service.doubted = std::move(doubted);
    if (full) service.instances = instances_of(result.texts.subspan(silent.size()), service.foreign);
    stats_.lists += full ? 1 : 0;
    if (service.instances.empty()) {
      service.version = result.numbers[0];
      answer.status = service.version == 0 ? SourceStatus::kNotFound : SourceStatus::kEmpty;
      return;
    }
    answer.status = SourceStatus::kList;
    answer.instances = service.instances;
    for (const InstanceSpec& spec : service.instances) {
      answer.health.push_back(service.doubted.contains(spec.id) ? Health::kWarning : Health::kUnknown);
    }
    service.version = result.numbers[0];
  }

  void fail(const CallResult& result) SEAWALL_REQUIRES(mutex_) {
    ++stats_.faults;
    stats_.last_fault = reason_of(result).view();
  }

  void ask_for_services() {
    try {
      ask_the_directory();
    } catch (const std::bad_alloc&) {
      const detail::MutexLock lock(mutex_);
      asking_directory_ = false;
      ++stats_.faults;
    }
  }
  void ask_the_directory() {
    const RequestPtr request = calls_.about_directory("services", "");
    request->done = [weak = weak_from_this()](const CallResult& result) {
      if (const auto self = weak.lock()) self->hear_services(result);
    };
    submit_registry_call(store_, request);
  }

  void hear_services(const CallResult& result) {
    const detail::MutexLock lock(mutex_);
    asking_directory_ = false;
    stats_.left_out = 0;
    if (result.fault != Fault::kNone) return fail(result);
    decltype(forgotten_) still;  // nobody was entered since
    for (std::size_t i = 0; i + 1 < result.texts.size(); i += 2) {
      const std::string name(result.texts[i]);
      const std::string entered(result.texts[i + 1]);
      if (const auto at = services_.find(name); at != services_.end()) {
        at->second.entered = entered;
      } else if (const auto gone = forgotten_.find(name); gone != forgotten_.end() && gone->second == entered) {
        still.insert(forgotten_.extract(gone));
      } else if (services_.size() < kMostServices && is_service_name(name)) {
        services_.try_emplace(name).first->second.entered = entered;
      } else {
        ++stats_.left_out;
      }
    }
    forgotten_ = std::move(still);
  }

  const std::shared_ptr<StoreCore> store_;
  const StoreSourceOptions options_;
  const RegistryCalls calls_;
  mutable detail::Mutex mutex_;
  std::map<std::string, Polled, std::less<>> services_ SEAWALL_GUARDED_BY(mutex_);  // stay while they are asked for
  std::map<std::string, std::string, std::less<>> forgotten_ SEAWALL_GUARDED_BY(mutex_);  // and when they were entered
  bool asking_directory_ SEAWALL_GUARDED_BY(mutex_) = false;
  TimePoint directory_due_ SEAWALL_GUARDED_BY(mutex_) = TimePoint::min();
  StoreSourceStats stats_ SEAWALL_GUARDED_BY(mutex_);
  std::minstd_rand random_ SEAWALL_GUARDED_BY(mutex_);
};

Result<StoreSource> StoreSource::make(const Store& store, const StoreSourceOptions& options) {
  constexpr Duration kHour = std::chrono::hours(1);
  auto name = registry_named(options.registry);
  if (!name) return name.error();
  const auto fits = check_ranges({{"poll_interval in ns", options.poll_interval, std::chrono::milliseconds(10), kHour},
                                  {"expiry_ceiling in ns", options.expiry_ceiling, Duration(0), 24 * kHour},
                                  {"forget_after in ns", options.forget_after, Duration(0), 24 * kHour}});
  if (!fits) return fits.error();
  if (options.services.size() > kMostServices) {
    return out_of_range("services", static_cast<std::int64_t>(options.services.size()), 0, kMostServices);
  }
  for (const std::string& service : options.services) {
    if (is_service_name(service)) continue;
    return Error{Code::kInvalidArgument, Message("no service is called ").append(service)};
  }
  auto impl = std::make_shared<Impl>(store.core(), options, std::move(name).value());
  impl->listen();
  return StoreSource(std::move(impl));
}

std::vector<SourceAnswer> StoreSource::poll_at(TimePoint now) { return impl_->poll(now); }
StoreSourceStats StoreSource::stats() const { return impl_->stats(); }

}  // namespace seawall::redis
