/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>

#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)
static const size_t kText = SEAWALL_TEXT;

static seawall_instance instance(const char* service, const char* id, int32_t port) {
  seawall_instance made;
  seawall_instance_init(&made);
  made.service = service;
  made.service_size = kText;
  made.id = id;
  made.id_size = kText;
  made.host = "127.0.0.1";
  made.host_size = kText;
  made.port = port;
  return made;
}

static void a_request(void) {
  seawall_registry* registry = NULL;
  seawall_service* service = NULL;
  seawall_registration mine, newer;
  seawall_pick pick;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_registry_new(NULL, 0, &registry, &error) == SEAWALL_OK);
  CHECK(seawall_registry_service(registry, "trading", kText, &service, &error) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 0);

  seawall_instance given = instance("trading", "trading-1", 8001);
  const seawall_metadata metadata = {"version", kText, "2", kText};
  given.metadata = &metadata;
  given.metadata_count = 1;
  CHECK(seawall_registry_register(registry, &given, 0, &mine, &error) == SEAWALL_OK);
  CHECK(mine.heartbeat_interval_ns >= SECOND * 4 / 5 && mine.heartbeat_interval_ns <= SECOND * 6 / 5);
  CHECK(mine.lease_ns == 3 * SECOND && mine.slot == 0);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1);
  CHECK(strcmp(pick.id, "trading-1") == 0 && pick.id_size == 9);
  CHECK(strcmp(pick.host, "127.0.0.1") == 0 && pick.host_size == 9);
  CHECK(pick.port == 8001 && pick.slot == mine.slot && pick.generation == mine.generation);
  CHECK(seawall_service_pick(service, &pick.slot, 1, 0, &pick) == 0);

  char text[512];
  size_t needed = 0;
  CHECK(seawall_registry_to_json(registry, 0, text, 10, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_registry_to_json(registry, 0, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strlen(text) == needed);
  CHECK(strstr(text, "\"in_flight\":1,") != NULL && strstr(text, "\"metadata\":{\"version\":\"2\"}") != NULL);
  CHECK(seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_SUCCESS, 5, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_SUCCESS, 5, 0) == SEAWALL_REPORT_LATE);
  CHECK(seawall_registry_to_json(registry, 0, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strstr(text, "\"in_flight\":0,") != NULL);

  CHECK(seawall_registry_register(registry, &given, 0, &newer, &error) == SEAWALL_OK);
  CHECK(seawall_registry_heartbeat(registry, "trading-1", kText, mine.generation, SEAWALL_SELF_UNCHANGED, 0) ==
        SEAWALL_E_FENCED);
  CHECK(seawall_registry_heartbeat(registry, "trading-1", kText, newer.generation, SEAWALL_SELF_SERVING, 0) ==
        SEAWALL_OK);
  CHECK(seawall_registry_heartbeat(registry, "nobody", kText, 1, SEAWALL_SELF_UNCHANGED, 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_registry_set_health(registry, "trading-1", kText, 0, SEAWALL_HEALTH_FAILING, 0) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1 && pick.flags == SEAWALL_PICK_PANIC);
  CHECK(seawall_registry_set_health(registry, "trading-1", kText, 0, SEAWALL_HEALTH_PASSING, 0) == SEAWALL_OK);
  CHECK(seawall_registry_drain(registry, "trading-1", kText, newer.generation, 0) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 0);
  CHECK(seawall_registry_set_admin(registry, "trading-1", kText, 0, SEAWALL_ADMIN_ENABLED, 0) == SEAWALL_OK);
  CHECK(seawall_registry_tick(registry, SECOND) == 0);
  CHECK(seawall_registry_tick(registry, 2 * SECOND) == 0);
  CHECK(seawall_registry_tick(registry, 3 * SECOND) == 1);
  CHECK(seawall_registry_deregister(registry, "trading-1", kText, newer.generation, 0) == SEAWALL_OK);

  given = instance("trading", "trading 1", 8001);
  CHECK(seawall_registry_register(registry, &given, 0, NULL, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "id may hold") == error.message);
  given = instance("trading", "trading-1", 8001);
  CHECK(seawall_registry_register(registry, &given, SEAWALL_NOW, NULL, NULL) == SEAWALL_OK);
  given = instance("social", "trading-1", 8001);
  CHECK(seawall_registry_register(registry, &given, SEAWALL_NOW, &newer, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_drain(registry, "trading-1", kText, 0, SEAWALL_NOW) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_drain(registry, "social/trading-1", kText, 0, SEAWALL_NOW) == SEAWALL_OK);
  CHECK(seawall_registry_heartbeat(registry, "trading-1", kText, newer.generation, SEAWALL_SELF_UNCHANGED,
                                   SEAWALL_NOW) == SEAWALL_OK);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

static void updates(void) {
  seawall_registry* registry = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_registry_new_from_json("{\"heartbeat_jitter_percent\": 0}", kText, 0, &registry, NULL) == SEAWALL_OK);
  seawall_instance given = instance("s", "a", 1);
  seawall_registration mine;
  CHECK(seawall_registry_register(registry, &given, 0, &mine, NULL) == SEAWALL_OK);
  CHECK(mine.heartbeat_interval_ns == SECOND);
  CHECK(mine.first_heartbeat_ns >= SECOND / 2 && mine.first_heartbeat_ns <= SECOND);

  seawall_instance_update update;
  CHECK(seawall_instance_update_init(&update) == SEAWALL_OK);
  update.zone = "z";
  update.zone_size = 1;
  CHECK(seawall_registry_update(registry, "s/a", kText, mine.generation, &update, 0, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_update(registry, "s/a", kText, mine.generation + 1, &update, 0, NULL) == SEAWALL_E_NOT_FOUND);
  char text[512];
  CHECK(seawall_registry_to_json(registry, 0, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strstr(text, "\"weight\":1,\"zone\":\"z\"") != NULL);
  update.weight = 1001;
  CHECK(seawall_registry_update(registry, "a", kText, 0, &update, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "weight must be") == error.message);

  int64_t in_flight = 7;
  CHECK(seawall_registry_drained(registry, "a", kText, 0, 0, &in_flight) == 0 && in_flight == 0);
  CHECK(seawall_registry_drain_until(registry, "a", kText, mine.generation, 9 * SECOND, 0) == SEAWALL_OK);
  CHECK(seawall_registry_drained(registry, "a", kText, 0, 0, NULL) == 0); /* not within the tick it began in */
  CHECK(seawall_registry_tick(registry, SECOND) == 0);
  CHECK(seawall_registry_drained(registry, "a", kText, 0, SECOND, NULL) == 1);
  CHECK(seawall_registry_heartbeat(registry, "a", kText, mine.generation, SEAWALL_SELF_UNCHANGED, SECOND) ==
        SEAWALL_E_FENCED);
  CHECK(seawall_registry_drained(registry, "b", kText, 0, SECOND, NULL) == SEAWALL_E_NOT_FOUND);

  char id[64], other[64];
  CHECK(seawall_instance_id("host name", kText, 7, id, sizeof id, NULL) == SEAWALL_OK);
  CHECK(seawall_instance_id("host name", kText, 7, other, sizeof other, NULL) == SEAWALL_OK);
  CHECK(strncmp(id, "host-name-7-", 12) == 0 && strlen(id) == 28 && strcmp(id, other) != 0);
  seawall_registry_free(registry);
}

static void options(void) {
  seawall_registry* registry = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_registry_options given;
  seawall_registry_options_init(&given);
  given.max_instances = 1;
  CHECK(seawall_registry_new(&given, 0, &registry, &error) == SEAWALL_OK);
  seawall_instance first = instance("s", "a", 1), second = instance("s", "b", 1);
  CHECK(seawall_registry_register(registry, &first, 0, NULL, &error) == SEAWALL_OK);
  CHECK(seawall_registry_register(registry, &second, 0, NULL, &error) == SEAWALL_E_FULL);
  CHECK(strstr(error.message, "max_instances is 1") != NULL);
  seawall_registry_free(registry);

  given.lease_ns = 1;
  CHECK(seawall_registry_new(&given, 0, &registry, &error) == SEAWALL_E_INVALID_ARGUMENT && registry == NULL);
  CHECK(strstr(error.message, "lease in ns") == error.message);
  CHECK(seawall_registry_new_from_json("{\"max_services\": 1}", kText, 0, &registry, &error) == SEAWALL_OK);
  seawall_service* service = NULL;
  CHECK(seawall_registry_service(registry, "one", kText, &service, NULL) == SEAWALL_OK);
  seawall_service_free(service);
  CHECK(seawall_registry_service(registry, "two", kText, &service, &error) == SEAWALL_E_FULL && service == NULL);
  seawall_registry_free(registry);
  CHECK(seawall_registry_new_from_json("{\"lease_ns\": 0}", kText, 0, &registry, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_new_from_json("{\"leas\": 1}", kText, 0, &registry, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "leas") != NULL);
}

/* Every function, with NULL everywhere and with a live handle of the other type. */
static void refusals(void) {
  seawall_registry* registry = NULL;
  seawall_service *first = NULL, *service = NULL;
  seawall_pick pick;
  seawall_instance given = instance("s", "a", 1);
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_service(registry, "s", 1, &first, NULL) == SEAWALL_OK);
  seawall_registry* wrong[2] = {NULL, (seawall_registry*)first};
  for (int i = 0; i < 2; ++i) {
    seawall_registry* r = wrong[i];
    seawall_service* s = i == 0 ? NULL : (seawall_service*)registry;
    seawall_service* out = NULL;
    CHECK(seawall_registry_register(r, &given, 0, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_heartbeat(r, "a", 1, 1, -1, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_drain(r, "a", 1, 1, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_restore(r, "a", 1, 1, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_set_admin(r, "a", 1, 1, 0, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_set_health(r, "a", 1, 1, 0, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_deregister(r, "a", 1, 1, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_update(r, "a", 1, 1, NULL, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_drain_until(r, "a", 1, 1, 0, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_drained(r, "a", 1, 1, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_tick(r, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_to_json(r, 0, NULL, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_registry_service(r, "s", 1, &out, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_service_pick(s, NULL, 0, 0, &pick) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_service_done(s, 1, 0, 0, 0) == SEAWALL_E_WRONG_HANDLE);
  }
  CHECK(seawall_registry_new(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_new_from_json(NULL, 3, 0, wrong, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_new_from_json("{}", 2, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_register(registry, NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  given.metadata_count = 1;
  CHECK(seawall_registry_register(registry, &given, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  given = instance("s", NULL, 1);
  CHECK(seawall_registry_register(registry, &given, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_heartbeat(registry, NULL, 1, 1, -1, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_heartbeat(registry, "a", 1, 1, 3, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_heartbeat(registry, NULL, 0, 1, -1, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_set_admin(registry, "a", 1, 1, 3, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_set_health(registry, "a", 1, 1, -1, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_to_json(registry, 0, NULL, 0, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_registry_service(registry, NULL, 1, &service, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_service(registry, "s", 1, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_service(registry, "s", 1, &service, NULL) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 1, 0, &pick) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_service_pick(service, NULL, 0, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_service_done(service, 1, 3, 0, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_service_done(service, ~(uint64_t)0, 0, SEAWALL_UNKNOWN_DURATION, 0) == SEAWALL_REPORT_LATE);
  CHECK(seawall_registry_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_instance_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_update(registry, "a", 1, 1, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_drain_until(registry, "a", 1, 1, SEAWALL_NOW, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_drained(registry, NULL, 1, 1, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_instance_id(NULL, 1, 1, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_instance_id("h", 1, 1, NULL, 0, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  seawall_registry_free(NULL);
  seawall_service_free(NULL);
  seawall_service_free(first);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

static void what_is_counted(void) {
  seawall_registry* registry = NULL;
  seawall_service* service = NULL;
  seawall_registration mine, newer;
  seawall_registry_stats stats;
  memset(&stats, 0, sizeof stats);
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_service(registry, "trading", kText, &service, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_get_stats(registry, &stats) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_get_stats(registry, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_get_stats(NULL, &stats) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_service_size(NULL) == SEAWALL_E_WRONG_HANDLE && seawall_service_size(service) == 0);

  const seawall_instance given = instance("trading", "trading-1", 8001);
  CHECK(seawall_registry_register(registry, &given, 0, &mine, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_register(registry, &given, 0, &newer, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_heartbeat(registry, "trading-1", kText, mine.generation, SEAWALL_SELF_UNCHANGED, 0) ==
        SEAWALL_E_FENCED);
  CHECK(seawall_registry_heartbeat(registry, "trading-1", kText, newer.generation, SEAWALL_SELF_UNCHANGED, 0) ==
        SEAWALL_OK);
  CHECK(seawall_service_size(service) == 1);
  stats.struct_size = sizeof stats;
  CHECK(seawall_registry_get_stats(registry, &stats) == SEAWALL_OK && stats.struct_size == sizeof stats);
  CHECK(stats.services == 1 && stats.instances == 1 && stats.registrations == 2);
  CHECK(stats.heartbeats == 1 && stats.fenced == 1 && stats.unknown == 0 && stats.removals == 0);
  CHECK(stats.lists > 0 && stats.listed > 0);

  seawall_registry_stats older;
  memset(&older, 77, sizeof older);
  older.struct_size = (uint32_t)offsetof(seawall_registry_stats, listed);
  CHECK(seawall_registry_get_stats(registry, &older) == SEAWALL_OK && older.lists == stats.lists);
  CHECK(older.listed == INT64_C(0x4d4d4d4d4d4d4d4d));
  seawall_service_free(service);
  seawall_registry_free(registry);
}

int main(void) {
  a_request();
  what_is_counted();
  updates();
  options();
  refusals();
  return check_result();
}
