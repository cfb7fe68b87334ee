// SPDX-License-Identifier: MIT
#include "seawall/dns/dns_source.h"

#include <random>

#include "gateway/configuration.h"
#include "gateway/sources.h"

std::unique_ptr<seawall::ServiceSource> make_dns_source(const DnsConfiguration& dns) {
  const auto check = [](const auto& result, const std::string& path) {
    if (!result) throw ConfigurationError(path + ": " + std::string(result.error().message.view()));
  };
  auto made = seawall::DnsSource::make({.servers = dns.servers, .seed = std::random_device()()});
  check(made, "/dns/servers");
  for (const auto& [service, target] : dns.names) {
    const auto records = target.port == 0 ? seawall::DnsRecords::kSrv : seawall::DnsRecords::kAddresses;
    check(made.value()->follow({service, target.name, target.port, records}), "/dns/names/" + service);
  }
  return std::move(made).value();
}
