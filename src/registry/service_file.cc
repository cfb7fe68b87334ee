// SPDX-License-Identifier: MIT
#include "seawall/runtime/service_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "registry/service_file_reader.h"
#include "text/json_text.h"

namespace seawall {
namespace {

// Names, hosts and zones need no escapes: their alphabets hold none.
void append_instance(std::string& out, const InstanceSpec& spec) {
  constexpr std::string_view kStates[] = {"starting", "serving", "draining"};
  fmt::format_to(std::back_inserter(out), R"({{"id":"{}","host":"{}","port":{},"weight":{},"state":"{}")", spec.id,
                 spec.host, spec.port, spec.weight, kStates[static_cast<std::size_t>(spec.state)]);
  if (!spec.zone.empty()) fmt::format_to(std::back_inserter(out), R"(,"zone":"{}")", spec.zone);
  if (!spec.metadata.empty()) {
    out += R"(,"metadata":{)";
    for (const auto& [name, value] : spec.metadata) {
      if (&name != &spec.metadata.front().first) out += ',';
      append_json_text(out, name);
      out += ':';
      append_json_text(out, value);
    }
    out += '}';
  }
  out += '}';
}

}  // namespace

Result<void> FileSource::load(std::string_view json, Duration age) {
  ServiceFileReader reader;
  if (json.size() > kMaxBytes) {
    reader.why = Message("the text is longer than ").append(static_cast<std::int64_t>(kMaxBytes)).append(" bytes");
    reader.failed = true;
  } else {
    ServiceFileReader::Json::sax_parse(json, &reader);
  }
  if (reader.failed) {
    fail(reader.why);
    return Error{Code::kInvalidArgument, reader.why};
  }
  for (SourceAnswer& answer : said_) {  // what was said of it before, and is not polled yet
    if (std::ranges::find(services_, answer.service) == services_.end()) services_.push_back(answer.service);
  }
  std::vector<std::string> names;
  for (SourceAnswer& answer : reader.services) {
    if (answer.instances.empty()) answer.status = SourceStatus::kEmpty;
    answer.age = age;
    names.push_back(answer.service);
  }
  for (const std::string& name : services_) {
    if (std::ranges::find(names, name) == names.end()) {
      reader.services.push_back({.service = name, .status = SourceStatus::kEmpty, .age = age});
    }
  }
  said_ = std::move(reader.services);
  services_ = std::move(names);
  return {};
}

void FileSource::fail(const Message& reason) {
  std::erase_if(said_, [](const SourceAnswer& answer) { return answer.status == SourceStatus::kFailed; });
  for (const std::string& name : services_) {
    said_.push_back({.service = name, .status = SourceStatus::kFailed, .reason = reason});
  }
}

std::vector<SourceAnswer> FileSource::poll_at(TimePoint) { return std::exchange(said_, {}); }

std::string services_text(std::span<const ServiceInfo> services) {
  std::string out = "{";
  for (const ServiceInfo& service : services) {
    const SourceAnswer answer = answer_of(service);
    if (answer.instances.empty()) continue;
    if (out.size() > 1) out += ',';
    fmt::format_to(std::back_inserter(out), R"("{}":[)", service.name);
    for (const InstanceSpec& spec : answer.instances) {
      if (&spec != &answer.instances.front()) out += ',';
      append_instance(out, spec);
    }
    out += ']';
  }
  return out += '}';
}

}  // namespace seawall
