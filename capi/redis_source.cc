// SPDX-License-Identifier: MIT
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "creation.h"
#include "redis_handles.h"
#include "seawall/redis/store_source.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::StoreSource;
using seawall::redis::StoreSourceOptions;
using seawall::redis::StoreSourceStats;

namespace {

// An answer as C sees it, and what that points at.
class AnswerOut {
 public:
  explicit AnswerOut(SourceAnswer given) : given_(std::move(given)) {
    for (const InstanceSpec& spec : given_.instances) {
      auto& pairs = metadata_.emplace_back();
      for (const auto& [name, value] : spec.metadata) {
        pairs.push_back({name.data(), name.size(), value.data(), value.size()});
      }
      instances_.push_back(instance(spec, pairs));
    }
    for (const Health health : given_.health) health_.push_back(static_cast<int32_t>(health));
    if (health_.size() != instances_.size()) health_.clear();
  }

  void write(seawall_source_answer& out) const noexcept {
    out.status = static_cast<int32_t>(given_.status);
    out.service = {given_.service.data(), given_.service.size()};
    out.instances = instances_.data();
    out.health = health_.empty() ? nullptr : health_.data();
    out.instance_count = instances_.size();
    out.ttl_ns = given_.ttl.count();
    out.age_ns = given_.age.count();
    const std::string_view reason = given_.reason.view();
    out.reason = {reason.data(), reason.size()};
  }

 private:
  seawall_instance instance(const InstanceSpec& spec, const std::vector<seawall_metadata>& pairs) const noexcept {
    return {.struct_size = sizeof(seawall_instance),
            .port = spec.port,
            .service = given_.service.data(),
            .service_size = given_.service.size(),
            .id = spec.id.data(),
            .id_size = spec.id.size(),
            .host = spec.host.data(),
            .host_size = spec.host.size(),
            .zone = spec.zone.data(),
            .zone_size = spec.zone.size(),
            .metadata = pairs.data(),
            .metadata_count = pairs.size(),
            .weight = spec.weight,
            .state = static_cast<int32_t>(spec.state)};
  }

  const SourceAnswer given_;
  std::vector<std::vector<seawall_metadata>> metadata_;
  std::vector<seawall_instance> instances_;
  std::vector<int32_t> health_;
};

std::vector<std::string> names_of(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    names.emplace_back(text.substr(0, comma));
    if (comma + 1 == text.size()) names.emplace_back();  // which nobody is called
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return names;
}

using Given = seawall_redis_source_options;
constexpr OptionMember<Given> kMembers[] = {{"registry", &Given::registry},
                                            {"services", &Given::services},
                                            {"poll_interval_ns", &Given::poll_interval_ns},
                                            {"expiry_ceiling_ns", &Given::expiry_ceiling_ns},
                                            {"forget_after_ns", &Given::forget_after_ns}};

}  // namespace

struct seawall_redis_source : Handle<0x52537263> {  // "RSrc"
  explicit seawall_redis_source(StoreSource source) : rep(std::move(source)) {}
  StoreSource rep;
  std::deque<SourceAnswer> heard;
  std::unique_ptr<const AnswerOut> shown;  // what the last answer points at
};

namespace {

int32_t create(const seawall_redis_store& store, const Given& given, seawall_redis_source** out, seawall_error* error) {
  StoreSourceOptions options;
  if (given.registry.size != 0) options.registry = text_in(given.registry);
  options.services = names_of(text_in(given.services));
  if (given.poll_interval_ns != 0) options.poll_interval = Duration(given.poll_interval_ns);
  if (given.expiry_ceiling_ns != 0) options.expiry_ceiling = Duration(given.expiry_ceiling_ns);
  if (given.forget_after_ns != 0) options.forget_after = Duration(given.forget_after_ns);
  auto made = StoreSource::make(store.rep, options);
  if (!made) return fail(error, made.error());
  *out = std::make_unique<seawall_redis_source>(std::move(made).value()).release();
  return SEAWALL_OK;
}

}  // namespace

extern "C" {

int32_t seawall_redis_source_options_init(seawall_redis_source_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_redis_store_new_source(const seawall_redis_store* store, const seawall_redis_source_options* options,
                                       seawall_redis_source** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_struct<Given>(options, kMembers, out, error,
                                   [&](const Given& given) { return create(*store, given, out, error); });
}

int32_t seawall_redis_store_new_source_from_json(const seawall_redis_store* store, const char* json, size_t size,
                                                 seawall_redis_source** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_json<Given>(json, size, kMembers, out, error,
                                 [&](const Given& given) { return create(*store, given, out, error); });
}

void seawall_redis_source_free(seawall_redis_source* source) noexcept { free_handle(source); }

int32_t seawall_redis_source_poll(seawall_redis_source* source, int64_t now_ns) noexcept {
  if (!valid(source)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    auto answers = source->rep.poll_at(instant(now_ns));
    source->heard.insert(source->heard.end(), std::move_iterator(answers.begin()), std::move_iterator(answers.end()));
    return static_cast<int32_t>(source->heard.size());
  });
}

int32_t seawall_redis_source_receive(seawall_redis_source* source, seawall_source_answer* out) noexcept {
  if (!valid(source)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    if (source->heard.empty()) return 0;
    source->shown = std::make_unique<const AnswerOut>(source->heard.front());
    source->heard.pop_front();
    source->shown->write(*out);
    return 1;
  });
}

int32_t seawall_redis_source_get_stats(const seawall_redis_source* source, seawall_redis_source_stats* out) noexcept {
  if (!valid(source)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const StoreSourceStats stats = source->rep.stats();
    return give({.struct_size = 0,
                 .reserved = 0,
                 .services = stats.services,
                 .polls = stats.polls,
                 .lists = stats.lists,
                 .faults = stats.faults,
                 .hints = stats.hints,
                 .foreign = stats.foreign,
                 .left_out = stats.left_out,
                 .forgotten = stats.forgotten},
                out);
  });
}

int32_t seawall_redis_source_last_fault(const seawall_redis_source* source, char* buffer, size_t capacity,
                                        size_t* needed) noexcept {
  if (!valid(source)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] { return text_out(source->rep.stats().last_fault, buffer, capacity, needed); });
}

}  // extern "C"
