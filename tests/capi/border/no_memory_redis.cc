// SPDX-License-Identifier: MIT
//
// As no_memory.cc, of libseawall_redis.so: each creation begins with a store of its own, at an address where nobody is,
// and ends with it, so that no thread of a store is there when memory is counted.
#include <cstdio>
#include <vector>

#include "failing_allocator.h"
#include "seawall_redis_c.h"

namespace {

// What stands on a store: new_part(store, out, error), and the part with its store.
template <class Part>
struct Owned {
  seawall_redis_store* store = nullptr;
  Part* part = nullptr;
};

template <class Part, class NewPart>
Creation on_a_store(const char* name, NewPart new_part, void (*free_part)(Part*)) {
  static Owned<Part> made;
  const auto free_all = [free_part] {
    free_part(made.part);
    seawall_redis_store_free(made.store);
    made = {};
  };
  return {name,
          [new_part, free_all] {
            constexpr const char* kNobody = "{\"endpoints\": \"127.0.0.1:1\"}";
            seawall_error error = SEAWALL_ERROR_INIT;
            std::int32_t code = seawall_redis_store_new_from_json(kNobody, SEAWALL_TEXT, &made.store, &error);
            if (code == SEAWALL_OK) code = new_part(made.store, &made.part, &error);
            const bool whole = made.part != nullptr;
            if (code != SEAWALL_OK) free_all();
            return std::pair(code, whole);
          },
          free_all};
}

std::int32_t limiter(const seawall_redis_store* store, seawall_redis_limiter** out, seawall_error* error) {
  constexpr const char* kOptions =
      "{\"name\": \"a-limit-with-a-name-of-some-length\", \"permits\": 9, \"period_ns\": 1000}";
  return seawall_redis_store_new_limiter_from_json(store, kOptions, SEAWALL_TEXT, out, error);
}

std::int32_t set_of_one(const seawall_redis_store* store, seawall_redis_limit_set** out, seawall_error* error) {
  seawall_redis_limiter* member = nullptr;
  const std::int32_t code = limiter(store, &member, error);
  if (code != SEAWALL_OK) return code;
  const std::int32_t made = seawall_redis_limit_set_new(&member, 1, out, error);
  seawall_redis_limiter_free(member);
  return made;
}

std::int32_t registrar(const seawall_redis_store* store, seawall_redis_registrar** out, seawall_error* error) {
  constexpr const char* kOptions = "{\"registry\": \"a-registry-with-a-name-of-some-length\"}";
  return seawall_redis_store_new_registrar_from_json(store, kOptions, SEAWALL_TEXT, out, error);
}

// That holds an instance, and was told to release it before it could say so.
std::int32_t keeper(const seawall_redis_store* store, seawall_redis_keeper** out, seawall_error* error) {
  seawall_redis_registrar* writer = nullptr;
  std::int32_t code = registrar(store, &writer, error);
  if (code != SEAWALL_OK) return code;
  code = seawall_redis_registrar_new_keeper(writer, out, error);
  seawall_redis_registrar_free(writer);
  if (code != SEAWALL_OK) return code;
  seawall_instance instance = SEAWALL_INSTANCE_INIT;
  instance.service = "a-service-with-a-name-of-some-length";
  instance.id = "an-instance-with-a-name-of-some-length";
  instance.host = "a.host.with.a.name.of.some.length";
  instance.service_size = instance.id_size = instance.host_size = SEAWALL_TEXT;
  instance.port = 80;
  code = seawall_redis_keeper_hold(*out, &instance, 0, error);
  if (code == SEAWALL_OK) {
    code = seawall_redis_keeper_release(*out, instance.service, SEAWALL_TEXT, instance.id, SEAWALL_TEXT, 0);
  }
  if (code == SEAWALL_OK) return code;
  seawall_redis_keeper_free(*out);
  *out = nullptr;
  return code;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what was printed is seen if the next creation ends the process
  const std::vector<Creation> creations = {
      creation<seawall_redis_store>(
          "seawall_redis_store_new_from_json",
          [](auto** out, auto* error) {
            constexpr const char* kTwo =
                "{\"endpoints\": \"127.0.0.1:1,[::1]:1\", \"password\": \"of some length, too\"}";
            return seawall_redis_store_new_from_json(kTwo, SEAWALL_TEXT, out, error);
          },
          seawall_redis_store_free),
      creation<seawall_redis_inbox>(
          "seawall_redis_inbox_new", [](auto** out, auto* error) { return seawall_redis_inbox_new(out, error); },
          seawall_redis_inbox_free),
      on_a_store<seawall_redis_limiter>("a limiter", limiter, seawall_redis_limiter_free),
      on_a_store<seawall_redis_limit_set>("a set of limits", set_of_one, seawall_redis_limit_set_free),
      on_a_store<seawall_redis_registrar>("a registrar", registrar, seawall_redis_registrar_free),
      on_a_store<seawall_redis_keeper>("a keeper", keeper, seawall_redis_keeper_free),
      on_a_store<seawall_redis_source>(
          "a source",
          [](const auto* store, auto** out, auto* error) {
            constexpr const char* kOptions = "{\"services\": \"a-service-with-a-name-of-some-length,b\"}";
            return seawall_redis_store_new_source_from_json(store, kOptions, SEAWALL_TEXT, out, error);
          },
          seawall_redis_source_free),
      on_a_store<seawall_redis_trip_board>(
          "a board of trips",
          [](const auto* store, auto** out, auto* error) {
            return seawall_redis_store_new_trip_board(store, "gateways", SEAWALL_TEXT, out, error);
          },
          seawall_redis_trip_board_free),
  };
  for (const Creation& each : creations) fail_at_each_allocation(each);
  std::printf("%zu creations, %d failures\n", creations.size(), failures);
  return failures == 0 ? 0 : 1;
}
