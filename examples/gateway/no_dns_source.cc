// SPDX-License-Identifier: MIT
// In a build without c-ares.
#include "gateway/configuration.h"
#include "gateway/sources.h"

std::unique_ptr<seawall::ServiceSource> make_dns_source(const DnsConfiguration&) {
  throw ConfigurationError("/dns/names: this build has no DNS support (c-ares was not there); run without them");
}
