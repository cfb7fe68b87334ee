// SPDX-License-Identifier: MIT
//
// Instances as C gives them.
#pragma once

#include <algorithm>
#include <span>

#include "internal.h"
#include "seawall/runtime/service_instance.h"

namespace seawall::capi {

inline bool readable_pairs(const seawall_metadata* metadata, size_t count) noexcept {
  if (metadata == nullptr && count != 0) return false;
  return std::ranges::all_of(std::span(metadata, count), [](const seawall_metadata& pair) {
    return readable(pair.name, pair.name_size) && readable(pair.value, pair.value_size);
  });
}

inline bool texts_readable(const seawall_instance& given) noexcept {
  return readable_pairs(given.metadata, given.metadata_count) && readable(given.service, given.service_size) &&
         readable(given.id, given.id_size) && readable(given.host, given.host_size) &&
         readable(given.zone, given.zone_size);
}

inline Metadata metadata_of(const seawall_metadata* metadata, size_t count) {
  Metadata read;
  for (const auto& pair : std::span(metadata, count)) {
    read.emplace_back(text_in(pair.name, pair.name_size), text_in(pair.value, pair.value_size));
  }
  return read;
}

inline InstanceSpec spec_of(const seawall_instance& given) {
  InstanceSpec spec;
  spec.id = text_in(given.id, given.id_size);
  spec.host = text_in(given.host, given.host_size);
  spec.port = given.port;
  spec.weight = given.weight;
  spec.zone = text_in(given.zone, given.zone_size);
  spec.metadata = metadata_of(given.metadata, given.metadata_count);
  spec.state = static_cast<SelfState>(given.state);
  return spec;
}

// A copy of the caller's, of whatever size; false: it is none.
inline bool read_instance(const seawall_instance* instance, seawall_instance& out) noexcept {
  out = {};
  out.weight = 1;
  out.state = SEAWALL_SELF_SERVING;
  return instance != nullptr && read_options(instance, out);
}

}  // namespace seawall::capi
