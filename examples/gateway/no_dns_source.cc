// SPDX-License-Identifier: MIT
// In a build without c-ares.
#include <stdexcept>

#include "gateway/sources.h"

std::unique_ptr<seawall::ServiceSource> make_dns_source(const Options&) {
  throw std::invalid_argument("--dns: this build has no DNS support (c-ares was not there); run without it");
}
