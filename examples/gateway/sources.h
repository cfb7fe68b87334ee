// SPDX-License-Identifier: MIT
//
// Sources: where instances come from that do not register themselves: the file of --services, and DNS.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "gateway/instances_config.h"
#include "gateway/options.h"
#include "gateway/services_file.h"
#include "seawall/runtime/source_follower.h"

// The DNS source of the present configuration. Of a service that is in it no more it says once that it is forgotten.
class DnsNames final : public seawall::ServiceSource {
 public:
  std::vector<seawall::SourceAnswer> poll_at(seawall::TimePoint now) override;
  void replace(const DnsConfiguration& next, std::shared_ptr<seawall::ServiceSource> source);
  const DnsConfiguration& configuration() const noexcept { return configuration_; }

 private:
  DnsConfiguration configuration_;
  std::shared_ptr<seawall::ServiceSource> source_;  // none without names
  std::vector<seawall::SourceAnswer> gone_;         // for the next poll
};

class Sources {
 public:
  Sources(seawall::ServiceRegistry& registry, const Options& options);

  // Makes all that a change of names or servers needs; what it returns changes over. Throws ConfigurationError.
  std::function<void()> prepare(const DnsConfiguration& dns);
  // Several times a second, from one thread. Waits for no network.
  void tick(seawall::TimePoint now);
  // From any thread.
  seawall::SourceFollowerReading reading(seawall::TimePoint now) const;

 private:
  std::unique_ptr<ServicesFile> file_;
  DnsNames dns_;
  mutable std::mutex mutex_;  // of the follower and its sources
  seawall::SourceFollower follower_;
};

// Throws ConfigurationError for what is wrong, or when this build has no DNS support.
std::unique_ptr<seawall::ServiceSource> make_dns_source(const DnsConfiguration& dns);
