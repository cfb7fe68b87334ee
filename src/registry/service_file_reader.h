// SPDX-License-Identifier: MIT
// Reads the text of FileSource. Receives the events of the JSON parser, each of which answers whether to go on; no
// document is built, since destroying one allocates. Errors name the path and the value.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/runtime/service_source.h"

namespace seawall {

class ServiceFileReader {
 public:
  using Json = nlohmann::json;

  // What was read, in the order of the text.
  std::vector<SourceAnswer> services;
  bool failed = false;
  Message why;

  bool start_object(std::size_t);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool key(std::string& name);
  bool string(std::string& value);
  bool number_integer(std::int64_t value) { return number(value); }
  bool number_unsigned(std::uint64_t value);
  bool number_float(double, const std::string& text) { return unexpected(text); }
  bool boolean(bool value) { return unexpected(value ? "true" : "false"); }
  bool null() { return unexpected("null"); }
  bool binary(Json::binary_t&) { return unexpected("binary"); }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&);

 private:
  enum class In { kNothing, kServices, kService, kInstance, kMetadata };
  struct Field;

  InstanceSpec& instance() { return services.back().instances.back(); }
  bool number(std::int64_t value);
  bool finish_instance();
  bool refuse(std::string_view what);
  bool unexpected(std::string_view given);
  std::string_view wanted() const;
  Message path() const;

  In in_ = In::kNothing;
  std::string key_;  // of the instance
  std::string metadata_key_;
};

}  // namespace seawall
