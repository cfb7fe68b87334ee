// SPDX-License-Identifier: MIT
#include "registry/service_file_reader.h"

#include <algorithm>
#include <limits>

#include "registry/service_registry_impl.h"

namespace seawall {
namespace {

constexpr std::int32_t kMaxMetadata = 1 << 20;  // the registry's own bound is what counts

constexpr std::string_view kKeys[] = {"id", "host", "port", "weight", "zone", "state", "metadata"};

std::string in_quotes(std::string_view text) { return std::string("\"").append(text).append("\""); }

// The given text or number that a message of check_instance is about: it begins with the field, or "length of" it.
std::string culprit(const InstanceSpec& spec, std::string_view message) {
  constexpr std::string_view kLength = "length of ";
  if (message.starts_with(kLength)) message.remove_prefix(kLength.size());
  if (message.starts_with("id ")) return in_quotes(spec.id);
  if (message.starts_with("host ")) return in_quotes(spec.host);
  if (message.starts_with("zone ")) return in_quotes(spec.zone);
  return {};  // the message says it
}

}  // namespace

bool ServiceFileReader::start_object(std::size_t) {
  switch (in_) {
    case In::kNothing:
      in_ = In::kServices;
      return true;
    case In::kService:
      services.back().instances.emplace_back();
      key_.clear();
      in_ = In::kInstance;
      return true;
    case In::kInstance:
      if (key_ != "metadata") return unexpected("an object");
      in_ = In::kMetadata;
      metadata_key_.clear();
      return true;
    default:
      return unexpected("an object");
  }
}

bool ServiceFileReader::end_object() {
  if (in_ == In::kMetadata) {
    in_ = In::kInstance;
    return true;
  }
  if (in_ == In::kInstance) return finish_instance();
  return true;  // the whole
}

bool ServiceFileReader::start_array(std::size_t) {
  if (in_ != In::kServices) return unexpected("an array");
  in_ = In::kService;
  return true;
}

bool ServiceFileReader::end_array() {
  in_ = In::kServices;
  return true;
}

bool ServiceFileReader::key(std::string& name) {
  if (in_ == In::kMetadata) {
    metadata_key_ = name;
    instance().metadata.emplace_back(name, std::string());
    return true;
  }
  if (in_ == In::kInstance) {
    key_ = name;
    return std::ranges::find(kKeys, name) != std::end(kKeys) || refuse("unknown key");
  }
  if (std::ranges::any_of(services, [&](const SourceAnswer& other) { return other.service == name; })) {
    why = Message("service ").append(in_quotes(name)).append(" stands twice");
    return !(failed = true);
  }
  if (const auto checked = check_service_name(name); !checked) {
    why = Message(checked.error().message).append(", not ").append(in_quotes(name));
    return !(failed = true);
  }
  services.push_back({.service = name});
  return true;
}

bool ServiceFileReader::string(std::string& value) {
  if (in_ == In::kMetadata) {
    instance().metadata.back().second = std::move(value);
    return true;
  }
  if (in_ != In::kInstance) return unexpected(in_quotes(value));
  if (key_ == "id") {
    instance().id = std::move(value);
  } else if (key_ == "host") {
    instance().host = std::move(value);
  } else if (key_ == "zone") {
    instance().zone = std::move(value);
  } else if (key_ == "state" && (value == "starting" || value == "serving" || value == "draining")) {
    instance().state = value == "starting"  ? SelfState::kStarting
                       : value == "serving" ? SelfState::kServing
                                            : SelfState::kDraining;
  } else {
    return unexpected(in_quotes(value));
  }
  return true;
}

bool ServiceFileReader::number_unsigned(std::uint64_t value) {
  return number(static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max())));
}

bool ServiceFileReader::number(std::int64_t value) {
  if (in_ != In::kInstance || (key_ != "port" && key_ != "weight")) return unexpected(std::to_string(value));
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) return unexpected(std::to_string(value));
  (key_ == "port" ? instance().port : instance().weight) = static_cast<std::int32_t>(value);
  return true;
}

bool ServiceFileReader::finish_instance() {
  InstanceSpec& spec = instance();
  key_.clear();
  if (spec.id.empty()) spec.id = instance_id_of(services.back().service, spec.host, spec.port);
  const auto checked = check_instance(spec, kMaxMetadata);
  if (checked) {
    in_ = In::kService;
    return true;
  }
  const std::string given = culprit(spec, checked.error().message.view());
  why = path().append(": ").append(checked.error().message.view());
  if (!given.empty()) why.append(", not ").append(given);
  return !(failed = true);
}

bool ServiceFileReader::parse_error(std::size_t position, const std::string& token, const Json::exception& error) {
  constexpr int kNumberOutOfRange = 406;  // as 1e400
  if (!failed && error.id == kNumberOutOfRange) return unexpected(std::string_view(token).substr(0, 32));
  if (!failed) why = Message("no valid JSON at byte ").append(static_cast<std::int64_t>(position));
  return !(failed = true);
}

bool ServiceFileReader::refuse(std::string_view what) {
  why = path().append(": ").append(what);
  return !(failed = true);
}

bool ServiceFileReader::unexpected(std::string_view given) {
  return refuse(std::string("expected ").append(wanted()).append(", not ").append(given));
}

std::string_view ServiceFileReader::wanted() const {
  if (in_ == In::kNothing) return "an object of services";
  if (in_ == In::kServices) return "an array of instances";
  if (in_ == In::kService) return "an object";
  if (in_ == In::kMetadata) return "a string";
  if (key_ == "port" || key_ == "weight") return "an integer";
  if (key_ == "state") return "\"starting\", \"serving\" or \"draining\"";
  return key_ == "metadata" ? "an object" : "a string";
}

// trading[2].metadata.version
Message ServiceFileReader::path() const {
  Message path;
  if (in_ == In::kNothing || services.empty()) return "the text";
  path.append(services.back().service);
  if (in_ == In::kServices) return path;
  const auto count = static_cast<std::int64_t>(services.back().instances.size());
  path.append("[").append(in_ == In::kService ? count : count - 1).append("]");
  if (in_ != In::kService && !key_.empty()) path.append(".").append(key_);
  if (in_ == In::kMetadata) path.append(".").append(metadata_key_);
  return path;
}

}  // namespace seawall
