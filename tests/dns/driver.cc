// SPDX-License-Identifier: MIT
// A host of DnsSource for dns_test.py. Each line of standard input is a command, each answered by one line of JSON; the
// time of the schedule is given, only c-ares' own timeouts are real:
//   names SERVERS JITTER_PERCENT TRIES TIMEOUT_MS
//   follow SERVICE NAME RECORDS PORT     RECORDS: addresses, a, aaaa, srv
//   poll MS                              what there is at that time, after all queries that are due have ended
//   start MS                             the same without waiting for them
//   next MS                              for how long there is nothing to do, in ms
#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "seawall/dns/dns_source.h"

namespace {

using Json = nlohmann::ordered_json;
using seawall::DnsRecords;
using seawall::SourceStatus;

constexpr const char* kStatus[] = {"list", "unchanged", "empty", "failed", "not_found"};

seawall::TimePoint at(std::int64_t ms) { return seawall::time_from_ns(ms * 1'000'000); }

Json shown(const seawall::SourceAnswer& answer) {
  Json instances = Json::array();
  for (const auto& spec : answer.instances) instances.push_back({spec.id, spec.host, spec.port, spec.weight});
  return {{"service", answer.service},
          {"status", kStatus[static_cast<int>(answer.status)]},
          {"instances", instances},
          {"ttl_ms", answer.ttl.count() / 1'000'000},
          {"reason", std::string(answer.reason.view())}};
}

Json poll(seawall::DnsSource& source, std::int64_t ms, bool wait) {
  Json answers = Json::array();
  for (;;) {
    for (const auto& answer : source.poll_at(at(ms))) answers.push_back(shown(answer));
    if (!wait || (source.sockets().empty() && source.next_at(at(ms)) > at(ms))) return answers;
    source.wait(std::chrono::seconds(1));
  }
}

Json stats(const seawall::DnsStats& s) {
  return {{"queries", s.queries},     {"answers", s.answers}, {"failures", s.failures},
          {"not_found", s.not_found}, {"empty", s.empty},     {"malformed", s.malformed}};
}

DnsRecords records(const std::string& text) {
  if (text == "srv") return DnsRecords::kSrv;
  if (text == "aaaa") return DnsRecords::kAaaa;
  return text == "a" ? DnsRecords::kA : DnsRecords::kAddresses;
}

template <class T>
Json outcome(const seawall::Result<T>& result) {
  return result ? Json("ok") : Json(std::string(result.error().message.view()));
}

}  // namespace

int main() {
  std::unique_ptr<seawall::DnsSource> source;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    Json answer;
    if (command == "names") {
      seawall::DnsSourceOptions options;
      std::int64_t timeout_ms = 0;
      words >> options.servers >> options.jitter_percent >> options.tries >> timeout_ms;
      options.query_timeout = std::chrono::milliseconds(timeout_ms);
      options.seed = 1;
      auto made = seawall::DnsSource::make(options);
      answer = outcome(made);
      if (made) source = std::move(made).value();
    } else if (command == "follow") {
      seawall::DnsName name;
      std::string kind;
      words >> name.service >> name.name >> kind >> name.port;
      name.records = records(kind);
      answer = outcome(source->follow(name));
    } else if (command == "stats") {
      answer = stats(source->stats());
    } else {
      std::int64_t ms = 0;
      words >> ms;
      if (command == "next") {
        answer = (source->next_at(at(ms)) - at(ms)).count() / 1'000'000;
      } else {
        answer = poll(*source, ms, command == "poll");
      }
    }
    std::cout << answer.dump() << std::endl;
  }
}
