// SPDX-License-Identifier: MIT
//
// The handles of what keeps a registry informed, a follower of sources and a prober, which a publisher watches.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "internal.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_file.h"
#include "seawall/runtime/source_follower.h"

namespace seawall::capi {

// A source whose text or whose answers the host gives; the first of these decides which.
class HostSource final : public ServiceSource {
 public:
  static constexpr std::size_t kMostSaid = 16384;

  // Null when it is a source of the other kind.
  FileSource* file() noexcept { return take(Kind::kText) ? &file_ : nullptr; }
  std::vector<SourceAnswer>* said() noexcept { return take(Kind::kAnswers) ? &said_ : nullptr; }

  std::vector<SourceAnswer> poll_at(TimePoint now) override {
    return kind_ == Kind::kAnswers ? std::exchange(said_, {}) : file_.poll_at(now);
  }

 private:
  enum class Kind { kOpen, kText, kAnswers };
  bool take(Kind kind) noexcept {
    if (kind_ == Kind::kOpen) kind_ = kind;
    return kind_ == kind;
  }

  Kind kind_ = Kind::kOpen;
  FileSource file_;
  std::vector<SourceAnswer> said_;
};

}  // namespace seawall::capi

struct seawall_follower : seawall::capi::Handle<0x466f6c6c> {  // "Foll"
  seawall_follower(seawall::ServiceRegistry& registry, const seawall::SourceFollowerConfig& config)
      : rep(registry, config) {}
  mutable std::mutex mutex;                                         // of all that follows
  std::vector<std::unique_ptr<seawall::capi::HostSource>> sources;  // in order of their numbers
  seawall::SourceFollower rep;
};

struct seawall_prober : seawall::capi::Handle<0x50726f62> {  // "Prob"
  seawall_prober(seawall::ServiceRegistry& registry, const seawall::ProberConfig& config) : rep(registry, config) {}
  seawall::Prober rep;
};
