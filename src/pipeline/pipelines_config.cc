// SPDX-License-Identifier: MIT
#include "pipeline/pipelines_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "seawall/fixed_window.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "text/json_tree.h"

namespace seawall {
namespace {

using Kind = JsonNode::Kind;

// ---- values -------------------------------------------------------------------------------------------------------

Result<std::int64_t> integer(const JsonNode& node, const JsonPath& path) {
  if (node.kind != Kind::kNumber || !node.whole) return path.expected("an integer", node);
  return node.number;
}
Result<std::string> text(const JsonNode& node, const JsonPath& path) {
  if (node.kind != Kind::kText) return path.expected("a text", node);
  return node.text;
}
Result<bool> boolean(const JsonNode& node, const JsonPath& path) {
  if (node.kind != Kind::kBool) return path.expected("true or false", node);
  return node.number != 0;
}

Result<Duration> duration(const JsonNode& node, const JsonPath& path) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {{{"ns", 1},
                                                                                {"us", 1'000},
                                                                                {"ms", 1'000'000},
                                                                                {"s", 1'000'000'000},
                                                                                {"m", 60'000'000'000},
                                                                                {"h", 3'600'000'000'000}}};
  if (node.kind == Kind::kText) {
    std::int64_t count = 0;
    const char* const end = node.text.data() + node.text.size();
    const auto [rest, error] = std::from_chars(node.text.data(), end, count);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    for (const auto& [name, ns] : kUnits) {
      std::int64_t whole = 0;
      if (error == std::errc() && unit == name && !__builtin_mul_overflow(count, ns, &whole)) return Duration(whole);
    }
  }
  return path.expected("a duration such as \"30s\" (ns, us, ms, s, m, h)", node);
}

template <class Enum, std::size_t N>
Result<Enum> one_of(const JsonNode& node, const JsonPath& path, const std::array<std::string_view, N>& names) {
  std::string want = "one of";
  for (std::size_t i = 0; i < N; ++i) {
    if (node.kind == Kind::kText && node.text == names[i]) return static_cast<Enum>(i);
    want.append(" ").append(names[i]);
  }
  return path.expected(want, node);
}

// The member of an object that is being read: each is asked for once, what is left over is unknown.
class Members {
 public:
  Members(const JsonNode& node, JsonPath path) : node_(node), path_(std::move(path)) {}

  Result<void> is_object() const {
    if (node_.kind != Kind::kObject) return path_.expected("an object", node_);
    return {};
  }
  // Reads the member, if it is there: read(node, path) -> Result<T>, which goes to `to`.
  template <class To, class Read>
  Members& optional(std::string_view name, To& to, Read&& read) {
    known_.push_back(name);
    const JsonNode* member = node_.find(name);
    if (member == nullptr || error_) return *this;
    auto found = read(*member, path_ / name);
    if (found) {
      to = std::move(found).value();
    } else {
      error_ = found.error();
    }
    return *this;
  }
  // An integer of the field's own range; the range that makes sense is checked by the part that it is for.
  template <class Number>
  Members& number(std::string_view name, Number& to) {
    std::int64_t wide = static_cast<std::int64_t>(to);
    const bool there = node_.find(name) != nullptr;
    optional(name, wide, integer);
    if (error_ || !there) return *this;
    if (!std::in_range<Number>(wide)) error_ = (path_ / name).expected("an integer that fits", *node_.find(name));
    to = static_cast<Number>(wide);
    return *this;
  }
  bool has(std::string_view name) const { return node_.find(name) != nullptr; }
  const JsonPath& path() const noexcept { return path_; }

  Result<void> done() const {
    if (error_) return *error_;
    for (const JsonNode& member : node_.members) {
      if (std::find(known_.begin(), known_.end(), member.name) == known_.end()) {
        return (path_ / member.name).wrong("unknown key");
      }
    }
    return {};
  }

 private:
  const JsonNode& node_;
  JsonPath path_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

// The part's own message begins with the option's name, which is the path's last step already.
Error of_option(const JsonPath& path, const Error& why) {
  constexpr std::string_view kLength = "length of ";
  const std::string_view message = why.message.view();
  const bool length = message.starts_with(kLength);
  std::string_view rest = length ? message.substr(kLength.size()) : message;
  const std::string_view name = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  if (rest.starts_with("in ns ")) rest.remove_prefix(6);
  const bool plain =
      !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  const bool of_range = rest.find("must be from ") != std::string_view::npos;
  if (!plain || !of_range) return path.wrong(message);
  return (path / name).wrong((length ? "length " : "") + std::string(rest));
}

// ---- the parts ----------------------------------------------------------------------------------------------------

// The options in an object, as `read(members, options)` takes them.
template <class Config, class Options, class Read>
Result<Config> config_of(const JsonNode& node, const JsonPath& path, Read&& read) {
  Members members(node, path);
  if (const auto object = members.is_object(); !object) return object.error();
  Options options;
  read(members, options);
  if (const auto done = members.done(); !done) return done.error();
  const auto config = Config::make(options);
  if (!config) return of_option(path, config.error());
  return config.value();
}

void read_breaker(Members& members, CircuitBreakerOptions& o) {
  members.number("failure_threshold", o.failure_threshold)
      .number("failure_rate_threshold", o.failure_rate_threshold)
      .number("slow_call_rate_threshold", o.slow_call_rate_threshold)
      .number("count_window", o.count_window)
      .number("minimum_calls", o.minimum_calls)
      .number("open_growth_percent", o.open_growth_percent)
      .number("open_jitter_percent", o.open_jitter_percent)
      .number("half_open_max_probes", o.half_open_max_probes)
      .number("success_threshold", o.success_threshold)
      .number("seed", o.seed)
      .optional("slow_call_duration", o.slow_call_duration, duration)
      .optional("time_window", o.time_window, duration)
      .optional("open_duration", o.open_duration, duration)
      .optional("max_open_duration", o.max_open_duration, duration)
      .optional("open_decay", o.open_decay, duration)
      .optional("probe_lease", o.probe_lease, duration)
      .optional("shadow", o.shadow, boolean)
      .optional("count_totals", o.count_totals, boolean);
}

void read_service(Members& members, ServiceOptions& o) {
  constexpr std::array<std::string_view, 6> kBalancers = {"round_robin", "random", "least_loaded",
                                                          "peak_ewma",   "maglev", "ring_hash"};
  constexpr std::array<std::string_view, 2> kPanic = {"all", "fail"};
  members.number("over_provisioning_percent", o.over_provisioning_percent)
      .number("panic_threshold", o.panic_threshold)
      .number("ejection_failures", o.ejection_failures)
      .number("ejection_growth_percent", o.ejection_growth_percent)
      .number("ejection_jitter_percent", o.ejection_jitter_percent)
      .number("max_ejected_percent", o.max_ejected_percent)
      .number("least_left", o.least_left)
      .number("slow_start_least_percent", o.slow_start_least_percent)
      .optional("balancer", o.balancer,
                [&](const auto& n, const auto& p) { return one_of<Balancer>(n, p, kBalancers); })
      .optional("panic_mode", o.panic_mode,
                [&](const auto& n, const auto& p) { return one_of<PanicMode>(n, p, kPanic); })
      .optional("zone", o.zone, text)
      .optional("ejection_duration", o.ejection_duration, duration)
      .optional("max_ejection_duration", o.max_ejection_duration, duration)
      .optional("ejection_decay", o.ejection_decay, duration)
      .optional("probe_lease", o.probe_lease, duration)
      .optional("ewma_half_life", o.ewma_half_life, duration)
      .optional("failure_latency", o.failure_latency, duration)
      .optional("slow_start", o.slow_start, duration);
}

Result<CircuitBreakerConfig> breaker(const JsonNode& node, const JsonPath& path) {
  return config_of<CircuitBreakerConfig, CircuitBreakerOptions>(node, path, read_breaker);
}
Result<ServiceConfig> service_config(const JsonNode& node, const JsonPath& path) {
  return config_of<ServiceConfig, ServiceOptions>(node, path, read_service);
}

// Whether an algorithm can keep the quota.
Result<void> suits(LimitConfig::Algorithm algorithm, const Quota& quota) {
  const auto checked = [](const auto& made) { return made ? Result<void>() : Result<void>(made.error()); };
  if (algorithm == LimitConfig::Algorithm::kSlidingWindow) return checked(SlidingWindowConfig::make(quota));
  if (algorithm == LimitConfig::Algorithm::kTokenBucket) return checked(TokenBucketConfig::make(quota));
  return checked(FixedWindowConfig::make(quota));
}

class Reader {
 public:
  explicit Reader(std::span<const std::string> keys) : keys_(keys) {}

  Result<PipelinesConfig> read(const JsonNode& root) {
    for (const JsonNode& node : root.members) {
      const JsonPath path = JsonPath() / node.name;
      if (node.name != "limits" && node.name != "services" && node.name != "routes") return path.wrong("unknown key");
      if (node.kind != Kind::kObject) return path.expected("an object", node);
    }
    if (const JsonNode* limits = root.find("limits")) {
      for (const JsonNode& node : limits->members) {
        const JsonPath path = JsonPath() / "limits" / node.name;
        if (const auto read = limit(node, path, path, node.name, /*in_route=*/false); !read) return read.error();
      }
    }
    if (const JsonNode* services = root.find("services")) {
      for (const JsonNode& node : services->members) {
        auto config = service_config(node, JsonPath() / "services" / node.name);
        if (!config) return config.error();
        config_.services.push_back({node.name, std::move(config).value()});
      }
    }
    if (const JsonNode* routes = root.find("routes")) {
      for (const JsonNode& node : routes->members) {
        if (const auto read = route(node, JsonPath() / "routes" / node.name, node.name); !read) return read.error();
      }
    }
    return std::move(config_);
  }

 private:
  Result<std::int32_t> key(const JsonNode& node, const JsonPath& path) const {
    const auto found = std::find(keys_.begin(), keys_.end(), node.text);
    if (node.kind != Kind::kText || found == keys_.end()) {
      std::string want = "the name of a key:";
      for (const std::string& name : keys_) want.append(" ").append(name);
      return path.expected(want, node);
    }
    return static_cast<std::int32_t>(found - keys_.begin());
  }

  // `path` is where it stands, `state` what its state is called.
  Result<void> limit(const JsonNode& node, const JsonPath& path, const JsonPath& state, std::string_view name,
                     bool in_route) {
    using Algorithm = LimitConfig::Algorithm;
    constexpr std::array<std::string_view, 3> kAlgorithms = {"sliding_window", "token_bucket", "fixed_window"};
    constexpr std::array<std::string_view, 3> kFull = {"overflow", "deny", "allow"};
    constexpr std::array<std::string_view, 3> kChanges = {"keep", "proportional", "reset"};
    Members members(node, path);
    if (const auto object = members.is_object(); !object) return object.error();
    LimitConfig limit;
    limit.path = state.text();
    limit.place = path.text();
    limit.name = name;
    std::int64_t permits = 0, burst = 0;
    Duration period{0};
    if (in_route) members.optional("name", limit.name, text);
    members.number("permits", permits)
        .number("burst", burst)
        .number("memory_bytes", limit.memory_bytes)
        .optional("period", period, duration)
        .optional("algorithm", limit.algorithm,
                  [&](const auto& n, const auto& p) { return one_of<Algorithm>(n, p, kAlgorithms); })
        .optional("key", limit.key, [&](const auto& n, const auto& p) { return key(n, p); })
        .optional("when_full", limit.when_full,
                  [&](const auto& n, const auto& p) { return one_of<WhenFull>(n, p, kFull); })
        .optional("on_change", limit.on_change,
                  [&](const auto& n, const auto& p) { return one_of<LimitChange>(n, p, kChanges); });
    if (const auto done = members.done(); !done) return done;
    for (const std::string_view needed : {"permits", "period"}) {
      if (!members.has(needed)) return (path / needed).wrong("is missing");
    }
    const bool keyed = members.has("key");
    if (keyed && limit.algorithm == Algorithm::kFixedWindow) {
      return (path / "algorithm").wrong("a limit with keys is a sliding_window or a token_bucket, not fixed_window");
    }
    for (const std::string_view of_keyed : {"memory_bytes", "when_full"}) {
      if (!keyed && members.has(of_keyed)) return (path / of_keyed).wrong("only for a limit with a key");
    }
    const auto quota = Quota::make(permits, period, members.has("burst") ? burst : permits);
    if (!quota) return of_option(path, quota.error());
    if (const auto fits = suits(limit.algorithm, quota.value()); !fits) return of_option(path, fits.error());
    limit.quota = quota.value();
    config_.limits.push_back(std::move(limit));
    return {};
  }

  Result<void> route(const JsonNode& node, const JsonPath& path, const std::string& name) {
    Members members(node, path);
    if (const auto object = members.is_object(); !object) return object.error();
    RouteConfig route;
    route.name = name;
    const JsonNode* limits = node.find("limits");
    bool ignored = false;
    members.optional("service", route.service, text)
        .optional("trace", route.trace, boolean)
        .optional("breaker", route.breaker, breaker)
        .optional("limits", ignored, [](const auto& n, const auto& p) -> Result<bool> {
          if (n.kind != Kind::kArray) return p.expected("an array", n);
          return true;
        });
    if (const auto done = members.done(); !done) return done;
    if (name.empty()) return path.wrong("a route needs a name");
    if (members.has("service") && route.service.empty()) return (path / "service").wrong("must not be empty");
    if (limits != nullptr) {
      if (const auto read = limits_of(*limits, path, route); !read) return read;
    }
    config_.routes.push_back(std::move(route));
    return {};
  }

  Result<void> limits_of(const JsonNode& limits, const JsonPath& path, RouteConfig& route) {
    if (limits.members.size() > kMostPipelineLimits) {
      return (path / "limits").wrong("more than " + std::to_string(kMostPipelineLimits) + " limits");
    }
    for (std::size_t i = 0; i < limits.members.size(); ++i) {
      const JsonNode& node = limits.members[i];
      const JsonPath here = path / "limits" / i;
      std::string state = "/limits/" + node.text;
      if (node.kind != Kind::kText) {
        const JsonNode* name = node.find("name");
        if (node.kind == Kind::kObject && name == nullptr) return (here / "name").wrong("is missing");
        // A path of names is one limit's only: the last step has no slash, whatever the route is called.
        if (name != nullptr && name->text.find('/') != std::string::npos) {
          return (here / "name").wrong("must not contain /");
        }
        const JsonPath named = path / "limits" / (name != nullptr ? name->text : std::string());
        // The path of a state is by name, so that it survives another order; that of an error by place.
        if (const auto read = limit(node, here, named, "", /*in_route=*/true); !read) return read;
        state = named.text();
      } else if (config_.find(state) == nullptr) {
        return here.expected("the name of one of /limits", node);
      }
      const std::string& told = config_.find(state)->name;
      // By the name that is told: a shared limit and one of the route's own may be called the same.
      const auto is_told = [&](const std::string& other) { return config_.find(other)->name == told; };
      if (std::any_of(route.limits.begin(), route.limits.end(), is_told)) {
        return here.wrong("there are two limits of this name");
      }
      const bool printable =
          std::all_of(told.begin(), told.end(), [](char c) { return c >= ' ' && c <= '~' && c != ','; });
      if (told.empty() || told.size() >= sizeof(LimitLabel::name) || !printable) {
        return here.wrong("a limit's name is 1 to 31 printable ASCII characters without ,");
      }
      route.limits.push_back(std::move(state));
    }
    return {};
  }

  std::span<const std::string> keys_;
  PipelinesConfig config_;
};

}  // namespace

const LimitConfig* PipelinesConfig::find(std::string_view path) const noexcept {
  const auto found = std::find_if(limits.begin(), limits.end(), [&](const LimitConfig& l) { return l.path == path; });
  return found != limits.end() ? &*found : nullptr;
}

Result<PipelinesConfig> read_pipelines(std::string_view json, std::span<const std::string> keys) {
  const auto root = parse_json(json);
  if (!root) return root.error();
  return Reader(keys).read(root.value());
}

}  // namespace seawall
