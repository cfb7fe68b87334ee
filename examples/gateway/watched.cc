// SPDX-License-Identifier: MIT
#include "gateway/watched.h"

#include <stdexcept>
#include <utility>

#include "seawall/circuit_breaker.h"

namespace {

void done(const seawall::Result<void>& result) {
  if (!result) throw std::logic_error(std::string(result.error().message.view()));
}

// The limit "service" of a route has the route's name, others and one by user the route's and their own; a shared one
// has its own, which refuse to be like these (configuration.cc).
std::string name_of(const seawall::PipelineLimitInfo& limit) {
  constexpr std::string_view kRoutes = "/routes/";
  if (!limit.path.starts_with(kRoutes)) return limit.name;
  const std::string route = limit.path.substr(kRoutes.size(), limit.path.find('/', kRoutes.size()) - kRoutes.size());
  return limit.name == "service" && !limit.keyed ? route : route + "/" + limit.name;
}

}  // namespace

void Watched::update() {
  auto next = present();
  for (const auto& [name, parts] : watched_) {
    const auto found = next.find(name);
    if (found == next.end() || found->second != parts) publisher_.unwatch(name);
  }
  for (const auto& [name, parts] : next) {
    const auto found = watched_.find(name);
    if (found == watched_.end() || found->second != parts) watch(name, parts);
  }
  watched_ = std::move(next);
}

std::map<std::string, Watched::Parts> Watched::present() const {
  std::map<std::string, Parts> found;
  for (const std::string& route : pipelines_.routes()) found[route].breaker = pipelines_.breaker(route);
  for (const auto& limit : pipelines_.limits()) {
    Parts& parts = found[name_of(limit)];
    (limit.keyed ? parts.keyed_limit : parts.limit) = limit.path;
  }
  return found;
}

// Limits are looked up by path at each scrape: a reload may have replaced them.
void Watched::watch(const std::string& name, const Parts& parts) {
  if (parts.breaker) done(publisher_.watch(name, *parts.breaker));
  if (!parts.limit.empty()) {
    done(publisher_.watch_limiter(name, [this, path = parts.limit](seawall::TimePoint now) {
      return pipelines_.peek_at(path, now).value_or(seawall::Decision{});
    }));
  }
  if (!parts.keyed_limit.empty()) {
    done(publisher_.watch_keyed(name, [this, path = parts.keyed_limit](seawall::TimePoint now) {
      return pipelines_.keyed_stats_at(path, now).value_or(seawall::KeyedStats{});
    }));
  }
}
