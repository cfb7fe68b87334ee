// SPDX-License-Identifier: MIT
//
// A reload in two steps: everything new is made beside what is there, then it takes its place, which cannot fail.
#include "seawall/runtime/pipelines.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "pipeline/pipeline_plan.h"
#include "pipeline/pipelines_config.h"
#include "registry/service_registry_impl.h"
#include "seawall/detail/mutex.h"
#include "seawall/fixed_window.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"

namespace seawall {
namespace {

using Algorithm = LimitConfig::Algorithm;
using KeyedBuckets = KeyedRateLimiter<TokenBucket>;
using KeyedWindows = KeyedRateLimiter<SlidingWindow>;

// The state of one limit.
struct LimitState {
  LimitConfig config;
  std::variant<std::shared_ptr<TokenBucket>, std::shared_ptr<FixedWindow>, std::shared_ptr<SlidingWindow>,
               std::shared_ptr<KeyedBuckets>, std::shared_ptr<KeyedWindows>>
      limiter;

  LimiterRef ref() const {
    return std::visit([](const auto& held) { return LimiterRef(*held); }, limiter);
  }
  std::shared_ptr<const void> owner() const {
    return std::visit([](const auto& held) { return std::shared_ptr<const void>(held); }, limiter);
  }
};

struct BreakerOfRoute {
  CircuitBreakerConfig config;
  std::shared_ptr<CircuitBreaker> held;
};

// What a reload does to limits that go on; runs when nothing can fail any more.
using Changes = std::vector<std::function<void(TimePoint)>>;

template <class Limiter>
Result<LimitState> make_single(const LimitConfig& config, TimePoint now) {
  const auto rule = Limiter::Config::make(*config.quota);
  if (!rule) return rule.error();
  return LimitState{config, std::make_shared<Limiter>(rule.value(), now)};
}
template <class Keyed>
Result<LimitState> make_keyed(const LimitConfig& config, TimePoint now) {
  auto made =
      Keyed::make({.quota = *config.quota, .memory_bytes = config.memory_bytes, .when_full = config.when_full}, now);
  if (!made) return made.error();
  return LimitState{config, std::make_shared<Keyed>(std::move(made).value())};
}
Result<LimitState> make_limit(const LimitConfig& config, TimePoint now) {
  const bool window = config.algorithm == Algorithm::kSlidingWindow;
  if (config.key >= 0) return window ? make_keyed<KeyedWindows>(config, now) : make_keyed<KeyedBuckets>(config, now);
  if (window) return make_single<SlidingWindow>(config, now);
  if (config.algorithm == Algorithm::kTokenBucket) return make_single<TokenBucket>(config, now);
  return make_single<FixedWindow>(config, now);
}

bool same_numbers(const LimitConfig& a, const LimitConfig& b) {
  return a.quota == b.quota && a.when_full == b.when_full;
}
// Whether the state of the one can go on as the other.
bool same_shape(const LimitConfig& a, const LimitConfig& b) {
  if (a.algorithm != b.algorithm || a.key != b.key) return false;
  if (a.key >= 0 && a.memory_bytes != b.memory_bytes) return false;
  return a.algorithm == Algorithm::kTokenBucket || a.quota->period() == b.quota->period();
}

// The old state under the new limit, once `changes` have run; `fresh` was made with it.
LimitState changed(const LimitState& old, const LimitState& fresh, Changes& changes) {
  const LimitChange how = fresh.config.on_change;
  return std::visit(
      [&]<class Limiter>(const std::shared_ptr<Limiter>& from) -> LimitState {
        const auto to = std::get<std::shared_ptr<Limiter>>(fresh.limiter);
        if constexpr (requires { typename Limiter::Config; }) {
          const auto rule = Limiter::Config::make(*fresh.config.quota).value();
          changes.push_back([from, rule, how](TimePoint now) { (void)from->change_limit_at(rule, how, now); });
          return {fresh.config, from};
        } else {
          changes.push_back([from, to, how](TimePoint now) { (void)to->take_over_at(*from, how, now); });
          return {fresh.config, to};
        }
      },
      old.limiter);
}

}  // namespace

class Pipelines::State {
 public:
  State(ServiceRegistry* registry, MetricsRegistry* metrics, const PipelinesOptions& options)
      : registry_(registry), metrics_(metrics), options_(options) {}

  Result<ReloadReport> reload(std::string_view json, TimePoint now) SEAWALL_EXCLUDES(mutex_);

  Pipeline* find(std::string_view route) const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    const auto found = pipelines_.find(route);
    return found != pipelines_.end() ? found->second.get() : nullptr;
  }
  std::vector<std::string> routes() const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    return present_.routes;
  }
  std::shared_ptr<CircuitBreaker> breaker(std::string_view route) const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    const auto found = present_.breakers.find(std::string("/routes/").append(route).append("/breaker"));
    return found != present_.breakers.end() ? found->second.held : nullptr;
  }
  std::vector<PipelineLimitInfo> limits() const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    std::vector<PipelineLimitInfo> found;
    for (const auto& [path, limit] : present_.limits) found.push_back({path, limit.config.name, limit.config.key >= 0});
    return found;
  }
  // A copy, which keeps the limiter: it is asked without the mutex.
  std::optional<LimitState> limit(std::string_view path) const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    const auto found = present_.limits.find(path);
    return found != present_.limits.end() ? std::optional(found->second) : std::nullopt;
  }

 private:
  template <class T>
  using ByPath = std::map<std::string, T, std::less<>>;

  // All states of one configuration.
  struct States {
    ByPath<LimitState> limits;
    ByPath<BreakerOfRoute> breakers;
    ByPath<ServiceRule> services;
    std::vector<std::string> routes;
  };
  // What a route gets. Its handle of `service` is made last, since it keeps a service in the registry for ever.
  struct Composition {
    std::string route;
    std::string service;  // empty: none
    std::unique_ptr<PipelinePlan> plan;
    Pipeline* pipeline = nullptr;  // null: to be made
  };

  Result<void> take_limits(const PipelinesConfig& config, TimePoint now, States& next, Changes& changes,
                           ReloadReport& report) const SEAWALL_REQUIRES(mutex_);
  Result<std::vector<Composition>> compose(const PipelinesConfig& config, TimePoint now, States& next,
                                           ReloadReport& report) const SEAWALL_REQUIRES(mutex_);
  PipelineParts parts_of(const RouteConfig& route, TimePoint now, States& next, ReloadReport& report) const
      SEAWALL_REQUIRES(mutex_);
  void take_breaker(const std::string& path, const CircuitBreakerConfig& config, TimePoint now, States& next,
                    ReloadReport& report) const SEAWALL_REQUIRES(mutex_);
  // What is to be said to the registry.
  Result<std::vector<ServiceRule>> take_services(const PipelinesConfig& config, States& next,
                                                 ReloadReport& report) const SEAWALL_REQUIRES(mutex_);
  // Whether there can be a service of this name, but for the room of the registry.
  Result<void> check_service(std::string_view name, const std::string& path) const;
  // Pipelines for those who have none, which nobody sees before they have their plan. Errors: kFull, also of a pipeline
  // with no place for its new plan.
  Result<ByPath<std::unique_ptr<Pipeline>>> make_room(std::vector<Composition>& compositions, TimePoint now) const
      SEAWALL_REQUIRES(mutex_);
  // Puts the services under their rules and the handles into the plans: all or none.
  Result<void> tell_registry(std::span<const ServiceRule> rules, std::vector<Composition>& compositions) const;
  template <class T>
  static void list_removed(const ByPath<T>& before, const ByPath<T>& next, ReloadReport& report);

  ServiceRegistry* const registry_;
  MetricsRegistry* const metrics_;
  const PipelinesOptions options_;
  mutable detail::Mutex mutex_;
  States present_ SEAWALL_GUARDED_BY(mutex_);
  // Never fewer, so that who looked one up may keep it.
  ByPath<std::unique_ptr<Pipeline>> pipelines_ SEAWALL_GUARDED_BY(mutex_);
};

Result<void> Pipelines::State::take_limits(const PipelinesConfig& config, TimePoint now, States& next, Changes& changes,
                                           ReloadReport& report) const {
  for (const LimitConfig& limit : config.limits) {
    const auto before = present_.limits.find(limit.path);
    const bool known = before != present_.limits.end() && same_shape(before->second.config, limit);
    if (known && same_numbers(before->second.config, limit)) {
      report.kept.push_back(limit.path);
      next.limits.insert_or_assign(limit.path, LimitState{limit, before->second.limiter});
      continue;
    }
    auto made = make_limit(limit, now);
    if (!made) {
      Message message(limit.place);
      return Error{made.error().code, message.append(": ").append(made.error().message.view())};
    }
    LimitState state = std::move(made).value();
    if (known) state = changed(before->second, state, changes);
    (known ? report.changed : before != present_.limits.end() ? report.reset : report.added).push_back(limit.path);
    next.limits.insert_or_assign(limit.path, std::move(state));
  }
  return {};
}

void Pipelines::State::take_breaker(const std::string& path, const CircuitBreakerConfig& config, TimePoint now,
                                    States& next, ReloadReport& report) const {
  const auto found = present_.breakers.find(path);
  if (found != present_.breakers.end() && found->second.config.options() == config.options()) {
    report.kept.push_back(path);
    next.breakers.insert_or_assign(path, found->second);
    return;
  }
  (found != present_.breakers.end() ? report.reset : report.added).push_back(path);
  next.breakers.insert_or_assign(path, BreakerOfRoute{config, std::make_shared<CircuitBreaker>(config, now)});
}

Result<void> Pipelines::State::check_service(std::string_view name, const std::string& path) const {
  const auto wrong = [&](const Error& why) {
    return Error{why.code, Message(path).append(": ").append(why.message.view())};
  };
  if (registry_ == nullptr) return wrong({Code::kInvalidArgument, "there is no registry"});
  if (const auto checked = check_service_name(name); !checked) return wrong(checked.error());
  return {};
}

Result<std::vector<ServiceRule>> Pipelines::State::take_services(const PipelinesConfig& config, States& next,
                                                                 ReloadReport& report) const {
  std::vector<ServiceRule> rules;
  for (const ServiceRule& rule : config.services) {
    const std::string path = "/services/" + rule.service;
    if (const auto checked = check_service(rule.service, path); !checked) return checked.error();
    const auto found = present_.services.find(path);
    const bool known = found != present_.services.end();
    const bool same = known && found->second.config->options() == rule.config->options();
    (same ? report.kept : known ? report.changed : report.added).push_back(path);
    if (!same) rules.push_back(rule);
    next.services.insert_or_assign(path, rule);
  }
  for (const auto& [path, rule] : present_.services) {
    if (next.services.find(path) == next.services.end()) rules.push_back({rule.service, std::nullopt});
  }
  return rules;
}

// All but the service.
PipelineParts Pipelines::State::parts_of(const RouteConfig& route, TimePoint now, States& next,
                                         ReloadReport& report) const {
  PipelineParts parts;
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const std::string& name : route.limits) {
    const LimitState& limit = next.limits.find(name)->second;
    parts.limits.push_back({limit.config.name, *limit.config.quota, limit.ref(), std::max(limit.config.key, 0)});
    owners->push_back(limit.owner());
  }
  if (route.breaker) {
    const std::string path = "/routes/" + route.name + "/breaker";
    take_breaker(path, *route.breaker, now, next, report);
    const auto& held = next.breakers.find(path)->second.held;
    parts.breaker = held.get();
    owners->push_back(held);
  }
  parts.trace = route.trace;
  parts.owner = std::move(owners);
  return parts;
}

Result<std::vector<Pipelines::State::Composition>> Pipelines::State::compose(const PipelinesConfig& config,
                                                                             TimePoint now, States& next,
                                                                             ReloadReport& report) const {
  std::vector<Composition> compositions;
  for (const RouteConfig& route : config.routes) {
    if (!route.service.empty()) {
      const auto checked = check_service(route.service, "/routes/" + route.name + "/service");
      if (!checked) return checked.error();
    }
    auto plan = PipelinePlan::make(parts_of(route, now, next, report));
    if (!plan) return plan.error();
    const auto known = pipelines_.find(route.name);
    compositions.push_back({route.name, route.service, std::move(plan).value(),
                            known != pipelines_.end() ? known->second.get() : nullptr});
    next.routes.push_back(route.name);
  }
  for (const auto& [name, pipeline] : pipelines_) {
    const bool stays = std::find(next.routes.begin(), next.routes.end(), name) != next.routes.end();
    if (!stays) compositions.push_back({name, "", PipelinePlan::closed(), pipeline.get()});
  }
  return compositions;
}

Result<Pipelines::State::ByPath<std::unique_ptr<Pipeline>>> Pipelines::State::make_room(
    std::vector<Composition>& compositions, TimePoint now) const {
  if (compositions.size() > static_cast<std::size_t>(options_.max_routes)) {
    return Error{Code::kFull, "/routes: more routes than max_routes were there in all"};
  }
  for (const Composition& each : compositions) {
    if (each.pipeline == nullptr || each.pipeline->state_->has_room(now)) continue;
    return Error{Code::kFull, "calls are still out on as many older compositions as there may be"};
  }
  ByPath<std::unique_ptr<Pipeline>> fresh;
  for (Composition& each : compositions) {
    if (each.pipeline != nullptr) continue;
    auto made = Pipeline::make({}, {.max_in_flight = options_.max_in_flight, .lease = options_.lease}, now);
    if (!made) return made.error();
    each.pipeline = made.value().get();
    fresh.insert_or_assign(each.route, std::move(made).value());
  }
  return fresh;
}

Result<void> Pipelines::State::tell_registry(std::span<const ServiceRule> rules,
                                             std::vector<Composition>& compositions) const {
  std::vector<std::string> names;
  for (const Composition& each : compositions) {
    if (!each.service.empty()) names.push_back(each.service);
  }
  if (rules.empty() && names.empty()) return {};
  const auto handles = registry_->configure(rules, names);
  if (!handles) {
    const bool named =
        std::any_of(rules.begin(), rules.end(), [](const auto& rule) { return rule.config.has_value(); });
    Message where(named ? "/services: " : "/routes: ");
    return Error{handles.error().code, where.append(handles.error().message.view())};
  }
  auto handle = handles.value().begin();
  for (Composition& each : compositions) {
    if (!each.service.empty()) each.plan->service = *handle++;
  }
  return {};
}

template <class T>
void Pipelines::State::list_removed(const ByPath<T>& before, const ByPath<T>& next, ReloadReport& report) {
  for (const auto& [path, state] : before) {
    if (next.find(path) == next.end()) report.removed.push_back(path);
  }
}

Result<ReloadReport> Pipelines::State::reload(std::string_view json, TimePoint now) {
  auto config = read_pipelines(json, options_.keys);
  if (!config) return config.error();
  const detail::MutexLock lock(mutex_);
  States next;
  Changes changes;
  ReloadReport report;
  if (const auto taken = take_limits(config.value(), now, next, changes, report); !taken) return taken.error();
  const auto rules = take_services(config.value(), next, report);
  if (!rules) return rules.error();
  auto compositions = compose(config.value(), now, next, report);
  if (!compositions) return compositions.error();
  list_removed(present_.limits, next.limits, report);
  list_removed(present_.breakers, next.breakers, report);
  list_removed(present_.services, next.services, report);
  auto fresh = make_room(compositions.value(), now);
  if (!fresh) return fresh.error();
  std::optional<PipelineFamilies> families;
  if (metrics_ != nullptr && !fresh.value().empty()) {
    const auto opened = PipelineFamilies::make(*metrics_);
    if (!opened) return opened.error();
    families = opened.value();
  }
  if (const auto told = tell_registry(rules.value(), compositions.value()); !told) return told.error();

  // From here on nothing can fail.
  for (const auto& change : changes) change(now);
  if (families) {
    for (auto& [name, pipeline] : fresh.value()) pipeline->state_->metrics = families->of(name);
  }
  for (Composition& each : compositions.value()) {
    (void)each.pipeline->state_->replace(std::move(each.plan), now);
  }
  pipelines_.merge(fresh.value());
  std::swap(present_, next);
  return report;
}

Pipelines::Pipelines(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Pipelines::~Pipelines() = default;

Result<std::unique_ptr<Pipelines>> Pipelines::make(std::string_view json, ServiceRegistry* registry,
                                                   MetricsRegistry* metrics, const PipelinesOptions& options,
                                                   TimePoint epoch) {
  constexpr std::int32_t kMost = 65536;
  if (options.max_routes < 1 || options.max_routes > kMost) {
    return out_of_range("max_routes", options.max_routes, 1, kMost);
  }
  if (options.keys.size() > 16) return out_of_range("keys", static_cast<std::int64_t>(options.keys.size()), 0, 16);
  auto state = std::make_unique<State>(registry, metrics, options);
  if (const auto loaded = state->reload(json, epoch); !loaded) return loaded.error();
  return std::unique_ptr<Pipelines>(new Pipelines(std::move(state)));
}

Result<ReloadReport> Pipelines::reload_at(std::string_view json, TimePoint now) { return state_->reload(json, now); }
Pipeline* Pipelines::find(std::string_view route) const { return state_->find(route); }
std::vector<std::string> Pipelines::routes() const { return state_->routes(); }
std::shared_ptr<CircuitBreaker> Pipelines::breaker(std::string_view route) const { return state_->breaker(route); }
std::vector<PipelineLimitInfo> Pipelines::limits() const { return state_->limits(); }

std::optional<Decision> Pipelines::peek_at(std::string_view limit, TimePoint now) const {
  const auto state = state_->limit(limit);
  if (!state) return std::nullopt;
  return std::visit(
      [now](const auto& held) -> std::optional<Decision> {
        if constexpr (requires { held->peek_at(now); }) return held->peek_at(now);
        return std::nullopt;
      },
      state->limiter);
}

std::optional<KeyedStats> Pipelines::keyed_stats_at(std::string_view limit, TimePoint now) const {
  const auto state = state_->limit(limit);
  if (!state) return std::nullopt;
  return std::visit(
      [now](const auto& held) -> std::optional<KeyedStats> {
        if constexpr (requires { held->stats_at(now); }) return held->stats_at(now);
        return std::nullopt;
      },
      state->limiter);
}

}  // namespace seawall
