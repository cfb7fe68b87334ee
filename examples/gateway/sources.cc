// SPDX-License-Identifier: MIT
#include "gateway/sources.h"

#include <iterator>
#include <utility>

std::vector<seawall::SourceAnswer> DnsNames::poll_at(seawall::TimePoint now) {
  std::vector<seawall::SourceAnswer> answers = std::exchange(gone_, {});
  if (source_) std::ranges::move(source_->poll_at(now), std::back_inserter(answers));
  return answers;
}

void DnsNames::replace(const DnsConfiguration& next, std::shared_ptr<seawall::ServiceSource> source) {
  std::erase_if(gone_, [&](const auto& answer) { return next.names.contains(answer.service); });
  for (const auto& [service, target] : configuration_.names) {
    if (next.names.contains(service)) continue;
    gone_.push_back({.service = service, .status = seawall::SourceStatus::kForgotten});
  }
  configuration_ = next;
  source_ = std::move(source);
}

Sources::Sources(seawall::ServiceRegistry& registry, const Options& options) : follower_(registry) {
  if (!options.services_file.empty()) {
    file_ = std::make_unique<ServicesFile>(options.services_file);
    follower_.add(file_->source(), {.name = "file", .priority = seawall::SourcePriority::kStatic});
  }
  follower_.add(dns_, {.name = "dns", .priority = seawall::SourcePriority::kDns});
  follower_.tick();
}

std::function<void()> Sources::prepare(const DnsConfiguration& dns) {
  {
    const std::lock_guard lock(mutex_);
    if (dns == dns_.configuration()) return [] {};
  }
  std::shared_ptr<seawall::ServiceSource> source;
  if (!dns.names.empty()) source = make_dns_source(dns);
  return [this, dns, source] {
    const std::lock_guard lock(mutex_);
    dns_.replace(dns, source);
  };
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
