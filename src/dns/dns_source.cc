// SPDX-License-Identifier: MIT
#include "seawall/dns/dns_source.h"

#include <ares.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "dns_lookup.h"
#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/refresh.h"
#include "seawall/detail/saturating.h"

namespace seawall {
namespace {

// c-ares counts how often it was started, but not under a lock.
bool start_library() {
  static std::once_flag once;
  static int status = ARES_ENOTINITIALIZED;
  std::call_once(once, [] { status = ares_library_init(ARES_LIB_INIT_ALL); });
  return status == ARES_SUCCESS;
}

Error option_error(std::string_view option, std::string_view why) {
  return {Code::kInvalidArgument, Message(option).append(": ").append(why)};
}

Result<void> check(const DnsSourceOptions& options) {
  constexpr std::int64_t kDay = Duration(std::chrono::hours(24)).count();
  constexpr std::int64_t kMs = 1'000'000;
  struct Bound {
    std::string_view name;
    std::int64_t value, low, high;
  };
  const Bound bounds[] = {
      {"query_timeout in ns", options.query_timeout.count(), kMs, kDay / 24},
      {"tries", options.tries, 1, 10},
      {"floor in ns", options.floor.count(), kMs, kDay},
      {"ceiling in ns", options.ceiling.count(), options.floor.count(), 7 * kDay},
      {"first_pause in ns", options.first_pause.count(), kMs, kDay},
      {"longest_pause in ns", options.longest_pause.count(), options.first_pause.count(), kDay},
      {"jitter_percent", options.jitter_percent, 0, 100},
      {"max_names", options.max_names, 1, 65536},
      {"max_records", options.max_records, 1, 65536},
  };
  for (const Bound& bound : bounds) {
    if (bound.value < bound.low || bound.value > bound.high) {
      return out_of_range(bound.name, bound.value, bound.low, bound.high);
    }
  }
  if (std::ranges::count(options.servers, ',') >= 8) return option_error("servers", "at most 8");
  return {};
}

std::vector<pollfd> to_poll(const std::vector<DnsSocket>& sockets) {
  std::vector<pollfd> fds;
  for (const DnsSocket& socket : sockets) {
    const int events = (socket.readable ? POLLIN : 0) | (socket.writable ? POLLOUT : 0);
    fds.push_back({socket.fd, static_cast<short>(events), 0});
  }
  return fds;
}

}  // namespace

class DnsSource::Impl {
 public:
  explicit Impl(const DnsSourceOptions& options)
      : options_(options),
        rule_{options.floor.count(), options.ceiling.count(), options.first_pause.count(),
              options.longest_pause.count(), options.jitter_percent} {}
  ~Impl() {
    if (channel_ != nullptr) ares_destroy(channel_);  // calls back what is pending, so the lookups must still live
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> open() {
    ares_options given{};
    given.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    given.timeout = static_cast<int>(options_.query_timeout.count() / 1'000'000);
    given.tries = options_.tries;
    char only_dns[] = "b";
    given.lookups = only_dns;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
    if (const int status = ares_init_options(&channel_, &given, mask); status != ARES_SUCCESS) {
      channel_ = nullptr;
      return Error{Code::kInternal, Message("c-ares: ").append(ares_strerror(status))};
    }
    if (options_.servers.empty()) return {};
    const int status = ares_set_servers_ports_csv(channel_, options_.servers.c_str());
    if (status != ARES_SUCCESS) {
      return option_error("servers", Message(ares_strerror(status)).append(": ").append(options_.servers).view());
    }
    return {};
  }

  Result<void> follow(const DnsName& name) {
    if (name.name.empty() || name.name.size() > 254) {
      return out_of_range("length of name", static_cast<std::int64_t>(name.name.size()), 1, 254);
    }
    const bool srv = name.records == DnsRecords::kSrv;
    if (!srv && (name.port < 1 || name.port > 65535)) return out_of_range("port", name.port, 1, 65535);
    if (std::ranges::any_of(names_, [&](const Followed& f) { return f.name.service == name.service; })) {
      return Error{Code::kAlreadyExists, Message("service ").append(name.service).append(" has a name already")};
    }
    if (names_.size() >= static_cast<std::size_t>(options_.max_names)) {
      return Error{Code::kFull, Message("max_names is ").append(std::int64_t{options_.max_names})};
    }
    names_.emplace_back().name = name;
    return {};
  }

  std::vector<SourceAnswer> poll(std::int64_t now) {
    for (Followed& followed : names_) {
      if (followed.lookup || now < followed.due) continue;
      followed.lookup.emplace(channel_, followed.name, options_, stats_);
      followed.lookup->start();
    }
    drive();
    const auto told = [](const Followed& followed) { return followed.lookup && followed.lookup->complete(); };
    std::vector<SourceAnswer> answers;  // all of them before the first is forgotten
    for (const Followed& followed : names_) {
      if (told(followed)) answers.push_back(followed.lookup->answer());
    }
    auto answer = answers.begin();
    for (Followed& followed : names_) {
      if (!told(followed)) continue;
      followed.lookup.reset();
      schedule(followed, *answer++, now);
    }
    return answers;
  }

  std::vector<DnsSocket> sockets() const {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> fds{};
    const int bits = ares_getsock(channel_, fds.data(), ARES_GETSOCK_MAXNUM);
    std::vector<DnsSocket> all;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const DnsSocket socket{fds[static_cast<std::size_t>(i)], (bits & (1 << i)) != 0,
                             (bits & (1 << (i + ARES_GETSOCK_MAXNUM))) != 0};
      if (socket.readable || socket.writable) all.push_back(socket);
    }
    return all;
  }

  std::int64_t next(std::int64_t now) const {
    std::int64_t at = std::numeric_limits<std::int64_t>::max();
    for (const Followed& followed : names_) {
      if (followed.lookup && followed.lookup->complete()) return now;
      if (!followed.lookup) at = std::min(at, std::max(now, followed.due));
    }
    return std::min(at, detail::saturating_add(now, patience()));
  }

  // c-ares ends what has timed out whenever it is called.
  bool wait(std::int64_t most) {
    most = std::min(most, patience());
    return process(static_cast<int>(std::clamp<std::int64_t>((most + 999'999) / 1'000'000, 0, 1 << 30)));
  }

  const DnsStats& stats() const noexcept { return stats_; }

 private:
  struct Followed {
    DnsName name;
    std::optional<DnsLookup> lookup;  // while it is being asked
    std::int64_t due = std::numeric_limits<std::int64_t>::min();
    std::int64_t failures = 0;  // in a row
  };

  // Until c-ares gives up a try.
  std::int64_t patience() const {
    timeval room{};
    const timeval* given = ares_timeout(channel_, nullptr, &room);
    if (given == nullptr) return std::numeric_limits<std::int64_t>::max();
    return std::int64_t{given->tv_sec} * 1'000'000'000 + std::int64_t{given->tv_usec} * 1000;
  }

  // What arrived may lead to further queries, and their answers may be there soon.
  void drive() {
    constexpr int kRounds = 64;
    for (int i = 0; i < kRounds && process(0); ++i) continue;
  }

  bool process(int wait_ms) {
    std::vector<pollfd> fds = to_poll(sockets());
    const int ready = ::poll(fds.data(), fds.size(), wait_ms);
    for (const pollfd& fd : fds) {
      if (fd.revents == 0) continue;
      const bool reads = (fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writes = (fd.revents & POLLOUT) != 0;
      ares_process_fd(channel_, reads ? fd.fd : ARES_SOCKET_BAD, writes ? fd.fd : ARES_SOCKET_BAD);
    }
    if (ready <= 0) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return ready > 0;
  }

  void schedule(Followed& followed, SourceAnswer& answer, std::int64_t now) {
    const std::uint64_t random = algorithm::mix64(options_.seed + 0x9e3779b97f4a7c15u * ++draws_);
    std::int64_t pause = 0;
    if (answer.status == SourceStatus::kList) {
      ++stats_.answers;
      followed.failures = 0;
      pause = rule_.after_answer(answer.ttl.count(), random);
      // Until the next answer must have come, with as much again for a host that is late.
      const std::int64_t patience = detail::saturating_add(pause, options_.query_timeout.count() * options_.tries * 4);
      answer.ttl = Duration(detail::saturating_add(patience, patience));
    } else {
      ++(answer.status == SourceStatus::kFailed     ? stats_.failures
         : answer.status == SourceStatus::kNotFound ? stats_.not_found
                                                    : stats_.empty);
      pause = rule_.after_failure(++followed.failures, random);
    }
    followed.due = detail::saturating_add(now, pause);
  }

  const DnsSourceOptions options_;
  const algorithm::RefreshRule rule_;
  DnsStats stats_;
  std::list<Followed> names_;  // lookups refer to their name
  std::uint64_t draws_ = 0;
  ares_channel channel_ = nullptr;
};

DnsSource::DnsSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsSource::~DnsSource() = default;

Result<std::unique_ptr<DnsSource>> DnsSource::make(const DnsSourceOptions& options) {
  if (auto checked = check(options); !checked) return checked.error();
  if (!start_library()) return Error{Code::kInternal, "c-ares does not start"};
  auto impl = std::make_unique<Impl>(options);
  if (auto opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<DnsSource>(new DnsSource(std::move(impl)));
}

Result<void> DnsSource::follow(const DnsName& name) { return impl_->follow(name); }
std::vector<SourceAnswer> DnsSource::poll_at(TimePoint now) { return impl_->poll(to_ns(now)); }
std::vector<DnsSocket> DnsSource::sockets() const { return impl_->sockets(); }
TimePoint DnsSource::next_at(TimePoint now) const { return time_from_ns(impl_->next(to_ns(now))); }
bool DnsSource::wait(Duration most) { return impl_->wait(most.count()); }
const DnsStats& DnsSource::stats() const noexcept { return impl_->stats(); }

}  // namespace seawall
