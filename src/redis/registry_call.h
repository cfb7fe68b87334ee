// SPDX-License-Identifier: MIT
// A registry in Redis as the script of registry_script.h knows it: its keys, the calls, and instances as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "redis/request.h"
#include "seawall/redis/store.h"
#include "seawall/result.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/time.h"

namespace seawall::redis {

struct StoredInstance {
  InstanceSpec spec;
  std::uint64_t generation = 0;
  bool gone = false;  // a gravestone; the state is draining
};

class RegistryCalls {
 public:
  RegistryCalls(std::string registry, Duration pause) : registry_(std::move(registry)), pause_(pause) {}

  const std::string& channel() const noexcept { return registry_; }
  // The verb's own arguments follow. All go in the background.
  RequestPtr about(std::string_view service, std::string_view verb) const;
  RequestPtr about_directory(std::string_view verb, std::string_view service) const;

 private:
  std::string registry_;
  Duration pause_;  // twice as long without a call is no silence of the callers
};

// "seawall-registry:NAME", the head of all keys and the channel. Error: kInvalidArgument.
Result<std::string> registry_named(std::string_view name);
// What a registry would refuse, and what the store cannot hold. Errors: kInvalidArgument, naming the field.
Result<void> check_instance(std::string_view service, const InstanceSpec& spec);
bool is_service_name(std::string_view text);

std::string_view word_of(SelfState state) noexcept;
// REST of an item: "HOST PORT WEIGHT z=ZONE NAME=VALUE...", the metadata with percent signs for what is not plain.
std::string rest_of(const InstanceSpec& spec);
// Nothing: it is none of ours.
std::optional<StoredInstance> parse_item(std::string_view id, std::string_view text);

std::int64_t to_us(Duration duration) noexcept;  // rounded up

// To the store, or done at once.
void submit_registry_call(const std::shared_ptr<StoreCore>& store, const RequestPtr& request);

}  // namespace seawall::redis
