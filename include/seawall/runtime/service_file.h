// SPDX-License-Identifier: MIT
//
// FileSource: services from JSON text, for a SourceFollower. The host reads the file, whenever it finds that it has
// changed, and hands over the text; nothing here opens a file. A text with a mistake changes nothing: load() names path
// and value, the last good lists stay and count as stale until a good text comes.
//
//   {"trading": [{"host": "10.0.0.1", "port": 8001},
//                {"id": "trading-2", "host": "10.0.0.2", "port": 8001, "weight": 2, "zone": "b",
//                 "state": "draining", "metadata": {"version": "3"}}]}
//
// Only host and port must be there; the default of id is "trading@10.0.0.1:8001". A service that is in the text no
// longer counts as empty, so its instances go after the follower's removal_ceiling.
//
// services_text() writes the same format: a host that saves it now and then has, after a start without network, the
// last known instances (a second FileSource, as a fallback, with the age of the file).
//
// Threads: as its follower. To follow one service that code knows, use ListSource.
//
//   seawall::FileSource file;
//   follower.add(file, {.name = "services.json"});
//   if (auto loaded = file.load(text); !loaded) log(loaded.error().message.view());
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/service_source.h"
#include "seawall/time.h"

namespace seawall {

class FileSource final : public ServiceSource {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

  // Error: kInvalidArgument, as "trading[2].port: expected an integer, not \"x\"". age: of what the text says.
  Result<void> load(std::string_view json, Duration age = Duration(0));
  // The host could not read it.
  void fail(const Message& reason);

  std::vector<SourceAnswer> poll_at(TimePoint now) override;

 private:
  std::vector<std::string> services_;  // of the last good text
  std::vector<SourceAnswer> said_;     // not polled yet
};

// What `services` hold, as text for FileSource::load. Expired and disabled instances are left out.
std::string services_text(std::span<const ServiceInfo> services);

}  // namespace seawall
