// SPDX-License-Identifier: MIT
//
// The registry that several gateways share through Redis (--redis): what registers itself at one of them is known to
// all. Each gateway keeps in Redis who registered here, for as long as it lives here, and follows what the others keep.
// An instance belongs to the gateway at which it registered last; that one hears its heartbeats.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/options.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"

class SharedRegistry {
 public:
  virtual ~SharedRegistry() = default;

  // It registered itself here, as this generation of `registry`.
  virtual void registered(const std::string& service, const seawall::InstanceSpec& spec, std::uint64_t generation) = 0;
  // What an instance is told that is not this gateway's any more, or never was; nothing: ask the registry.
  virtual std::optional<seawall::RegistryAnswer> answer_for(const std::string& name, std::uint64_t generation,
                                                            seawall::TimePoint now) = 0;
  // A breaker of this gateway has opened: the others are told, and may probe that service. Theirs stay as they are, as
  // ours do; while Redis is away nobody hears it.
  virtual void tripped(const std::string& service) = 0;
  // Whose breakers opened at other gateways since the last call.
  virtual std::vector<std::string> tripped_elsewhere() = 0;
  // Several times a second, from one thread. Waits for nothing.
  virtual void tick(seawall::TimePoint now) = 0;
  // Of what the other gateways keep. From any thread.
  virtual seawall::SourceFollowerReading reading(seawall::TimePoint now) const = 0;
};

std::unique_ptr<SharedRegistry> make_shared_registry(const Options& options, seawall::ServiceRegistry& registry);
