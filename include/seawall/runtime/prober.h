// SPDX-License-Identifier: MIT
//
// Prober: asks the instances of a ServiceRegistry whether they are well, over HTTP or TCP, and is the writer of their
// Health. It does no I/O: the host sends what next() gives and says with finish() what came back, by any client,
// blocking or not. To tell health by the calls themselves, use the service's passive ejection; a lease needs neither.
//
// Each instance is asked every `interval`, spread so that no two meet for long; on an edge (never asked, or the last
// answers speak against what it is held for) every edge_interval. rise and fall are algorithm/probe_rule.h's. A probe
// without an answer fails at its timeout, whether or not anybody finishes it; at most max_in_flight are out. An answer
// that names another service or instance is a failure: the address has been given on. (An id that a source made of the
// address, instance_id_of(), is unknown to the instance; then only its service is compared.) Only expired instances are
// not asked. A prober that learnt nothing (no file left for a connection) says kNothingLearnt, which changes nothing.
//
// Known limit: probes can fail where calls do not (one busy thread answers them), so keep panic on for the service.
//
// Threads: any; each function takes one mutex for a short time. The registry must outlive it; one prober for each.
//
//   seawall::Prober prober(registry);
//   while (auto probe = prober.next()) {                                  // every 100 ms or so
//     const auto answer = get(probe->host, probe->port, probe->path, probe->timeout);
//     prober.finish(probe->id, {.status = answer.status, .service = answer.json["service"]});
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class ServiceRegistry;

enum class ProbeKind : std::int32_t {
  kHttp = 0,  // GET path; 2xx is well, 429 a warning, all else a failure
  kTcp = 1,   // whoever accepts a connection is well
};

struct ProberOptions {
  ProbeKind kind = ProbeKind::kHttp;
  std::string path = "/health";
  Duration interval = std::chrono::seconds(5);  // 0: nobody is asked
  Duration edge_interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(1);
  std::int32_t jitter_percent = 20;  // of either interval, up or down; 0 to 50
  std::int32_t rise = 2;
  std::int32_t fall = 3;
  std::int32_t max_in_flight = 64;
  bool require_identity = false;  // an answer that does not name its service and instance is a failure
  friend bool operator==(const ProberOptions&, const ProberOptions&) = default;
};

class ProberConfig {
 public:
  ProberConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<ProberConfig> make(const ProberOptions& options);
  const ProberOptions& options() const noexcept { return options_; }

 private:
  ProberOptions options_;
};

struct Probe {
  std::uint64_t id = 0;  // for finish()
  ProbeKind kind = ProbeKind::kHttp;
  std::string service, instance;
  std::string host, path;
  std::int32_t port = 0;
  Duration timeout{0};
};

struct ProbeAnswer {
  static constexpr std::int32_t kNothingLearnt = -1;
  std::int32_t status = 0;        // of HTTP; of TCP any above 0 for a connection; 0: no answer
  std::string_view service = {};  // what the answer says it is; empty: nothing
  std::string_view instance = {};
};

struct ProberStats {
  std::int64_t targets = 0, in_flight = 0;
  std::int64_t sent = 0, passed = 0, warned = 0, failed = 0, learnt_nothing = 0;
  std::int64_t timeouts = 0, wrong_identity = 0;  // of the failed
  std::int64_t late = 0;                          // answers to probes that had timed out, or of instances that went
  std::int64_t falls = 0, rises = 0;              // how often an instance became failing, and how often it came back
  std::int64_t hurried = 0;                       // probes that hurry() brought forward
};

class Prober {
 public:
  explicit Prober(ServiceRegistry& registry, const ProberConfig& config = {});
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // The next probe to send; nothing when none is due or max_in_flight are out. Ask until there is none.
  std::optional<Probe> next_at(TimePoint now);
  std::optional<Probe> next() { return next_at(Clock::now()); }
  // Once for each probe. What comes too late is counted and changes nothing. When it throws it may be called again.
  void finish_at(std::uint64_t id, const ProbeAnswer& answer, TimePoint now);
  void finish(std::uint64_t id, const ProbeAnswer& answer) { finish_at(id, answer, Clock::now()); }

  // From now on so. What is known of each instance stays, and probes that are out are given up and sent anew; but of
  // whom nobody is asked any more nothing is known. When it throws all goes on as before.
  void configure_at(const ProberConfig& config, TimePoint now);
  void configure(const ProberConfig& config) { configure_at(config, Clock::now()); }

  // Somebody else doubts a service (a TripBoard): its instances are asked soon, spread over a quarter of edge_interval.
  // Gently: whoever calls it how often, no instance is asked again before edge_interval has passed. How many probes it
  // brought forward.
  std::int64_t hurry_at(std::string_view service, TimePoint now);
  std::int64_t hurry(std::string_view service) { return hurry_at(service, Clock::now()); }

  ProberStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seawall
