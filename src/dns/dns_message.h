// SPDX-License-Identifier: MIT
// What a DNS answer holds (RFC 1035, RFC 2782), with the ttl of each record, which c-ares 1.18 does not give for SRV.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace seawall {

inline constexpr std::uint16_t kDnsA = 1;
inline constexpr std::uint16_t kDnsAaaa = 28;
inline constexpr std::uint16_t kDnsSrv = 33;

struct DnsRecord {
  std::string host;  // an address, or the target of SRV without its last dot
  std::uint16_t priority = 0, weight = 0, port = 0;
};

struct DnsAnswer {
  std::vector<DnsRecord> records;
  std::uint32_t ttl = UINT32_MAX;  // the shortest of the records and of the aliases that led to them, in seconds
};

// The records of this type in the answer section. Nothing: it is no whole message.
std::optional<DnsAnswer> read_dns_message(std::span<const unsigned char> message, std::uint16_t type);

}  // namespace seawall
