// SPDX-License-Identifier: MIT
// In a build without hiredis.
#include <stdexcept>

#include "gateway/shared_limits.h"
#include "gateway/shared_registry.h"

std::unique_ptr<SharedLimits> make_shared_limits(const Options&) {
  throw std::invalid_argument("--redis: this build has no Redis support (hiredis was not there); run without it");
}

std::unique_ptr<SharedRegistry> make_shared_registry(const Options&, seawall::ServiceRegistry&) { return nullptr; }

std::vector<seawall::LimitStatus> told(std::vector<seawall::LimitStatus> own, const SharedCharge&) { return own; }
