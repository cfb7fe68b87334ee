// SPDX-License-Identifier: MIT
#include "seawall/redis/registrar.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "creation.h"
#include "instance_in.h"
#include "redis_handles.h"
#include "redis_inbox.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Registrar;
using seawall::redis::RegistrarOptions;
using seawall::redis::StoreWord;

namespace {

using Given = seawall_redis_registrar_options;
constexpr OptionMember<Given> kMembers[] = {{"registry", &Given::registry},
                                            {"heartbeat_interval_ns", &Given::heartbeat_interval_ns},
                                            {"lease_ns", &Given::lease_ns}};

int32_t create(const seawall_redis_store& store, const Given& given, seawall_redis_registrar** out,
               seawall_error* error) {
  RegistrarOptions options;
  if (given.registry.size != 0) options.registry = text_in(given.registry);
  if (given.heartbeat_interval_ns != 0) options.heartbeat_interval = Duration(given.heartbeat_interval_ns);
  if (given.lease_ns != 0) options.lease = Duration(given.lease_ns);
  auto made = Registrar::make(store.rep, options);
  if (!made) return fail(error, made.error());
  *out = std::make_unique<seawall_redis_registrar>(std::move(made).value()).release();
  return SEAWALL_OK;
}

bool sound_state(int32_t state) noexcept { return state >= SEAWALL_SELF_UNCHANGED && state <= SEAWALL_SELF_DRAINING; }
std::optional<SelfState> state_of(int32_t state) {
  return state == SEAWALL_SELF_UNCHANGED ? std::nullopt : std::optional(static_cast<SelfState>(state));
}

// An instance of a service, or the service alone.
struct Names {
  std::string_view service, id;
};
std::optional<Names> names_of(const char* service, size_t service_size, const char* id, size_t id_size) noexcept {
  if (!readable(service, service_size) || !readable(id, id_size)) return std::nullopt;
  return Names{text_in(service, service_size), text_in(id, id_size)};
}
struct Record {
  std::string_view service;
  InstanceSpec spec;
};
std::optional<Record> record_of(const seawall_instance* instance) {
  seawall_instance given;
  if (!read_instance(instance, given) || !texts_readable(given)) return std::nullopt;
  return Record{text_in(given.service, given.service_size), spec_of(given)};
}

// ask(registrar, what) -> StoreWord
template <class Read, class Ask>
int32_t waiting(seawall_redis_registrar* registrar, bool sound, Read&& read, seawall_redis_word* word,
                Ask&& ask) noexcept {
  if (!valid(registrar)) return SEAWALL_E_WRONG_HANDLE;
  if (!sound || (word != nullptr && !usable(word))) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto what = read();
    if (!what) return SEAWALL_E_INVALID_ARGUMENT;
    const StoreWord said = ask(registrar->rep, *what);
    if (word != nullptr) write(said, *word);
    return code_of(said);
  });
}

// ask(registrar, what, done)
template <class Read, class Ask>
int32_t later(seawall_redis_registrar* registrar, bool sound, Read&& read, seawall_redis_inbox* inbox, uint64_t tag,
              Ask&& ask) noexcept {
  if (!valid(registrar) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (!sound) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto what = read();
    if (!what) return SEAWALL_E_INVALID_ARGUMENT;
    ask(registrar->rep, *what, [to = inbox->rep, tag](const StoreWord& word) { to->put(tag, word); });
    return SEAWALL_OK;
  });
}

}  // namespace

extern "C" {

int32_t seawall_redis_registrar_options_init(seawall_redis_registrar_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_redis_store_new_registrar(const seawall_redis_store* store,
                                          const seawall_redis_registrar_options* options, seawall_redis_registrar** out,
                                          seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_struct<Given>(options, kMembers, out, error,
                                   [&](const Given& given) { return create(*store, given, out, error); });
}

int32_t seawall_redis_store_new_registrar_from_json(const seawall_redis_store* store, const char* json, size_t size,
                                                    seawall_redis_registrar** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_json<Given>(json, size, kMembers, out, error,
                                 [&](const Given& given) { return create(*store, given, out, error); });
}

void seawall_redis_registrar_free(seawall_redis_registrar* registrar) noexcept { free_handle(registrar); }

int32_t seawall_redis_registrar_register(seawall_redis_registrar* registrar, const seawall_instance* instance,
                                         uint64_t generation, seawall_redis_word* word) noexcept {
  return waiting(
      registrar, true, [&] { return record_of(instance); }, word,
      [&](Registrar& rep, const Record& r) { return rep.register_instance(r.service, r.spec, generation); });
}

int32_t seawall_redis_registrar_register_async(seawall_redis_registrar* registrar, const seawall_instance* instance,
                                               uint64_t generation, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return later(
      registrar, true, [&] { return record_of(instance); }, inbox, tag,
      [&](Registrar& rep, const Record& r, Registrar::Done done) {
        rep.register_async(r.service, r.spec, generation, std::move(done));
      });
}

int32_t seawall_redis_registrar_renew(seawall_redis_registrar* registrar, const char* service, size_t service_size,
                                      const char* id, size_t id_size, uint64_t generation, int32_t state,
                                      seawall_redis_word* word) noexcept {
  return waiting(
      registrar, sound_state(state), [&] { return names_of(service, service_size, id, id_size); }, word,
      [&](Registrar& rep, const Names& n) { return rep.renew(n.service, n.id, generation, state_of(state)); });
}

int32_t seawall_redis_registrar_renew_async(seawall_redis_registrar* registrar, const char* service,
                                            size_t service_size, const char* id, size_t id_size, uint64_t generation,
                                            int32_t state, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return later(
      registrar, sound_state(state), [&] { return names_of(service, service_size, id, id_size); }, inbox, tag,
      [&](Registrar& rep, const Names& n, Registrar::Done done) {
        rep.renew_async(n.service, n.id, generation, state_of(state), std::move(done));
      });
}

int32_t seawall_redis_registrar_drain(seawall_redis_registrar* registrar, const char* service, size_t service_size,
                                      const char* id, size_t id_size, uint64_t generation,
                                      seawall_redis_word* word) noexcept {
  return waiting(
      registrar, true, [&] { return names_of(service, service_size, id, id_size); }, word,
      [&](Registrar& rep, const Names& n) { return rep.drain(n.service, n.id, generation); });
}

int32_t seawall_redis_registrar_drain_async(seawall_redis_registrar* registrar, const char* service,
                                            size_t service_size, const char* id, size_t id_size, uint64_t generation,
                                            seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return later(
      registrar, true, [&] { return names_of(service, service_size, id, id_size); }, inbox, tag,
      [&](Registrar& rep, const Names& n, Registrar::Done done) {
        rep.drain_async(n.service, n.id, generation, std::move(done));
      });
}

int32_t seawall_redis_registrar_deregister(seawall_redis_registrar* registrar, const char* service, size_t service_size,
                                           const char* id, size_t id_size, uint64_t generation,
                                           seawall_redis_word* word) noexcept {
  return waiting(
      registrar, true, [&] { return names_of(service, service_size, id, id_size); }, word,
      [&](Registrar& rep, const Names& n) { return rep.deregister(n.service, n.id, generation); });
}

int32_t seawall_redis_registrar_deregister_async(seawall_redis_registrar* registrar, const char* service,
                                                 size_t service_size, const char* id, size_t id_size,
                                                 uint64_t generation, seawall_redis_inbox* inbox,
                                                 uint64_t tag) noexcept {
  return later(
      registrar, true, [&] { return names_of(service, service_size, id, id_size); }, inbox, tag,
      [&](Registrar& rep, const Names& n, Registrar::Done done) {
        rep.deregister_async(n.service, n.id, generation, std::move(done));
      });
}

int32_t seawall_redis_registrar_enter(seawall_redis_registrar* registrar, const char* service, size_t service_size,
                                      seawall_redis_word* word) noexcept {
  return waiting(
      registrar, true, [&] { return names_of(service, service_size, nullptr, 0); }, word,
      [](Registrar& rep, const Names& n) { return rep.enter(n.service); });
}

int32_t seawall_redis_registrar_enter_async(seawall_redis_registrar* registrar, const char* service,
                                            size_t service_size, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return later(
      registrar, true, [&] { return names_of(service, service_size, nullptr, 0); }, inbox, tag,
      [](Registrar& rep, const Names& n, Registrar::Done done) { rep.enter_async(n.service, std::move(done)); });
}

}  // extern "C"
