// SPDX-License-Identifier: MIT
//
// The handle of a service registry, which other parts borrow.
#pragma once

#include <utility>

#include "internal.h"
#include "seawall/runtime/service_registry.h"

struct seawall_registry : seawall::capi::Handle<0x52656773> {  // "Regs"
  seawall_registry(const seawall::ServiceRegistryConfig& config, seawall::TimePoint epoch) : rep(config, epoch) {}
  explicit seawall_registry(seawall::ServiceRegistry&& made) : rep(std::move(made)) {}
  seawall::ServiceRegistry rep;
};
