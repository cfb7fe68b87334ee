// SPDX-License-Identifier: MIT
#include "dns_lookup.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace seawall {
namespace {

constexpr int kInternet = 1;

// Weights of SRV go to 65535, ours to 1000. 0 means "hardly any", beside others that have one; equal ones are 1.
std::int32_t weight_of(std::uint16_t weight, std::uint16_t largest, bool all_equal) {
  if (all_equal || largest == 0) return 1;
  return std::max<std::int32_t>(1, std::int32_t{weight} * 1000 / largest);
}

}  // namespace

struct DnsLookup::Query {
  DnsLookup* lookup;
  std::uint16_t type;
  std::size_t endpoint;
};

DnsLookup::DnsLookup(ares_channel channel, const DnsName& name, const DnsSourceOptions& options, DnsStats& stats)
    : channel_(channel), name_(name), options_(options), stats_(stats) {}

void DnsLookup::start() {
  if (name_.records == DnsRecords::kSrv) return ask(name_.name, kDnsSrv, 0);
  DnsRecord record;
  record.port = static_cast<std::uint16_t>(name_.port);
  endpoints_.push_back({name_.name, record, {}});
  ask_addresses(0, name_.records);
}

void DnsLookup::ask_addresses(std::size_t endpoint, DnsRecords records) {
  const std::string host = endpoints_[endpoint].host;
  if (records != DnsRecords::kAaaa) ask(host, kDnsA, endpoint);
  if (records != DnsRecords::kA) ask(host, kDnsAaaa, endpoint);
}

void DnsLookup::ask(const std::string& host, std::uint16_t type, std::size_t endpoint) {
  auto query = std::make_unique<Query>(Query{this, type, endpoint});
  ++pending_;
  ++stats_.queries;
  ares_query(channel_, host.c_str(), kInternet, type, called_back, query.release());
}

void DnsLookup::called_back(void* given, int status, int, unsigned char* message, int size) noexcept {
  const std::unique_ptr<Query> query(static_cast<Query*>(given));
  DnsLookup& lookup = *query->lookup;
  try {
    lookup.take(*query, status, {message, message == nullptr ? 0 : static_cast<std::size_t>(size)});
  } catch (...) {
    lookup.fail(lookup.name_.name, "out of memory");
  }
  --lookup.pending_;  // last: what the answer led to is counted
}

void DnsLookup::take(const Query& query, int status, std::span<const unsigned char> message) {
  const std::string& host = query.type == kDnsSrv ? name_.name : endpoints_[query.endpoint].host;
  if (status == ARES_ENODATA) return;
  if (status == ARES_ENOTFOUND) {  // a target of SRV that does not exist has no addresses
    not_found_ = not_found_ || host == name_.name;
    return;
  }
  if (status != ARES_SUCCESS) return fail(host, ares_strerror(status));
  auto answer = read_dns_message(message, query.type);
  if (!answer) {
    ++stats_.malformed;
    return fail(host, "the answer is no DNS message");
  }
  take_records(query, std::move(*answer));
}

void DnsLookup::take_records(const Query& query, DnsAnswer&& answer) {
  ttl_ = std::min(ttl_, answer.ttl);
  const auto room = static_cast<std::size_t>(options_.max_records - records_);
  if (answer.records.size() > room) {
    stats_.left_out += static_cast<std::int64_t>(answer.records.size() - room);
    answer.records.resize(room);
  }
  if (query.type == kDnsSrv) return take_services(std::move(answer.records));
  records_ += static_cast<std::int32_t>(answer.records.size());
  for (DnsRecord& record : answer.records) endpoints_[query.endpoint].addresses.push_back(std::move(record.host));
}

void DnsLookup::take_services(std::vector<DnsRecord>&& records) {
  for (DnsRecord& record : records) {
    if (record.host.empty() || record.host == "." || record.port == 0) continue;  // "." : decidedly not offered
    std::string host = record.host;
    endpoints_.push_back({std::move(host), std::move(record), {}});
  }
  const std::size_t count = endpoints_.size();
  for (std::size_t i = 0; i < count; ++i) ask_addresses(i, DnsRecords::kAddresses);
}

void DnsLookup::fail(std::string_view host, std::string_view why) {
  if (failed_) return;
  failed_ = true;
  why_ = Message(host).append(": ").append(why);
}

SourceAnswer DnsLookup::answer() const {
  SourceAnswer answer{.service = name_.service};
  answer.instances = instances();
  if (failed_) {
    answer = {.service = name_.service, .status = SourceStatus::kFailed, .reason = why_};
  } else if (answer.instances.empty()) {
    answer.status = not_found_ ? SourceStatus::kNotFound : SourceStatus::kEmpty;
  } else {
    answer.ttl = std::chrono::seconds(ttl_);
  }
  return answer;
}

std::vector<InstanceSpec> DnsLookup::instances() const {
  std::uint16_t best = std::numeric_limits<std::uint16_t>::max(), largest = 0, least = best;
  for (const Endpoint& endpoint : endpoints_) best = std::min(best, endpoint.record.priority);
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.record.priority != best) continue;
    largest = std::max(largest, endpoint.record.weight);
    least = std::min(least, endpoint.record.weight);
  }
  std::vector<InstanceSpec> all;
  for (const Endpoint& endpoint : endpoints_) {
    const bool first = endpoint.record.priority == best;
    for (const std::string& address : endpoint.addresses) {
      InstanceSpec& spec = all.emplace_back();
      spec.id = instance_id_of(name_.service, address, endpoint.record.port);
      spec.host = address;
      spec.port = endpoint.record.port;
      spec.weight = first ? weight_of(endpoint.record.weight, largest, largest == least) : 0;
    }
  }
  return all;
}

}  // namespace seawall
