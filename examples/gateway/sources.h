// SPDX-License-Identifier: MIT
//
// Sources: where instances come from that do not register themselves: the file of --services, and DNS (--dns).
#pragma once

#include <memory>
#include <mutex>

#include "gateway/options.h"
#include "gateway/services_file.h"
#include "seawall/runtime/source_follower.h"

class Sources {
 public:
  // Throws std::invalid_argument.
  Sources(seawall::ServiceRegistry& registry, const Options& options);

  // Several times a second, from one thread. Waits for no network.
  void tick(seawall::TimePoint now);
  // From any thread.
  seawall::SourceFollowerReading reading(seawall::TimePoint now) const;

 private:
  std::unique_ptr<ServicesFile> file_;
  std::unique_ptr<seawall::ServiceSource> dns_;
  mutable std::mutex mutex_;  // of the follower and its sources
  seawall::SourceFollower follower_;
};

// Throws std::invalid_argument for what is wrong, or when this build has no DNS support.
std::unique_ptr<seawall::ServiceSource> make_dns_source(const Options& options);
