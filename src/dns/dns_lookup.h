// SPDX-License-Identifier: MIT
// One resolution of one name: its queries, and what came of them together.
#pragma once

#include <ares.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns_message.h"
#include "seawall/dns/dns_source.h"

namespace seawall {

class DnsLookup {
 public:
  // Sends the queries; they call back while c-ares processes its sockets or is destroyed, before `this` may go.
  DnsLookup(ares_channel channel, const DnsName& name, const DnsSourceOptions& options, DnsStats& stats);
  DnsLookup(const DnsLookup&) = delete;
  DnsLookup& operator=(const DnsLookup&) = delete;

  void start();
  bool complete() const noexcept { return pending_ == 0; }
  // Of a complete one. The ttl is the records' own.
  SourceAnswer answer() const;

 private:
  // An address to be found: of the name itself, or of an SRV record.
  struct Endpoint {
    std::string host;
    DnsRecord record;
    std::vector<std::string> addresses;
  };
  struct Query;

  void ask(const std::string& host, std::uint16_t type, std::size_t endpoint);
  void ask_addresses(std::size_t endpoint, DnsRecords records);
  static void called_back(void* query, int status, int timeouts, unsigned char* message, int size) noexcept;
  void take(const Query& query, int status, std::span<const unsigned char> message);
  void take_records(const Query& query, DnsAnswer&& answer);
  void take_services(std::vector<DnsRecord>&& records);
  void fail(std::string_view host, std::string_view why);
  std::vector<InstanceSpec> instances() const;

  ares_channel channel_;
  const DnsName& name_;
  const DnsSourceOptions& options_;
  DnsStats& stats_;
  std::vector<Endpoint> endpoints_;
  std::int32_t pending_ = 0;
  bool failed_ = false;
  bool not_found_ = false;
  std::int32_t records_ = 0;
  std::uint32_t ttl_ = UINT32_MAX;
  Message why_;
};

}  // namespace seawall
