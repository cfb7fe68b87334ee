// SPDX-License-Identifier: MIT
#include "seawall/dns/dns_source.h"

#include <random>
#include <stdexcept>

#include "gateway/sources.h"

std::unique_ptr<seawall::ServiceSource> make_dns_source(const Options& options) {
  const auto check = [](const auto& result, const std::string& what) {
    if (!result) throw std::invalid_argument(what + ": " + std::string(result.error().message.view()));
  };
  auto made = seawall::DnsSource::make({.servers = options.dns_servers, .seed = std::random_device()()});
  check(made, "--dns-servers");
  for (const DnsTarget& target : options.dns) {
    const auto records = target.port == 0 ? seawall::DnsRecords::kSrv : seawall::DnsRecords::kAddresses;
    const seawall::DnsName name{target.service, target.name, target.port, records};
    check(made.value()->follow(name), "--dns " + target.service + "=" + target.name);
  }
  return std::move(made).value();
}
