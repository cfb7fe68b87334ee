// SPDX-License-Identifier: MIT
#include "gateway/sources.h"

Sources::Sources(seawall::ServiceRegistry& registry, const Options& options) : follower_(registry) {
  if (!options.services_file.empty()) {
    file_ = std::make_unique<ServicesFile>(options.services_file);
    follower_.add(file_->source(), {.name = "file", .priority = seawall::SourcePriority::kStatic});
  }
  if (!options.dns.empty()) {
    dns_ = make_dns_source(options);
    follower_.add(*dns_, {.name = "dns", .priority = seawall::SourcePriority::kDns});
  }
  follower_.tick();
}

void Sources::tick(seawall::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (file_) file_->tick();
  follower_.tick_at(now);
}

seawall::SourceFollowerReading Sources::reading(seawall::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return {follower_.stats(), follower_.sources_at(now)};
}
