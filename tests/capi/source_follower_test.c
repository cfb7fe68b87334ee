/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)
static const size_t kText = SEAWALL_TEXT;

static int32_t load(seawall_follower* follower, int32_t source, const char* json, seawall_error* error) {
  return seawall_follower_load(follower, source, json, kText, 0, error);
}

static void a_file(void) {
  seawall_registry* registry = NULL;
  seawall_service* service = NULL;
  seawall_follower* follower = NULL;
  seawall_pick pick;
  seawall_error error = SEAWALL_ERROR_INIT;
  char text[1024];
  size_t needed = 0;
  CHECK(seawall_registry_new(NULL, 0, &registry, &error) == SEAWALL_OK);
  CHECK(seawall_registry_service(registry, "trading", kText, &service, &error) == SEAWALL_OK);
  seawall_follower_options options;
  CHECK(seawall_follower_options_init(&options) == SEAWALL_OK);
  options.removal_grace_ns = 2 * SECOND;
  CHECK(seawall_registry_follower(registry, &options, &follower, &error) == SEAWALL_OK);
  const int32_t file = seawall_follower_add_source(follower, "services.json", kText, SEAWALL_SOURCE_STATIC, 0, &error);
  CHECK(file == 0);
  CHECK(load(follower, file, "{\"trading\": [{\"host\": \"h\", \"port\": 1}, {\"host\": \"h\", \"port\": 2}]}",
             &error) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 0);
  CHECK(seawall_follower_tick(follower, 0) == 2);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1);
  CHECK(strncmp(pick.id, "trading@h:", 10) == 0);
  CHECK(seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_SUCCESS, SEAWALL_UNKNOWN_DURATION, 0) == SEAWALL_OK);

  CHECK(load(follower, file, "{\"trading\": [{\"host\": \"h\", \"port\": 0}]}", &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "trading[0]: port must be from 1 to 65535, not 0") == 0);
  CHECK(seawall_follower_tick(follower, SECOND) == 0);
  CHECK(seawall_follower_to_json(follower, SECOND, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strstr(text, "\"stale\":true") != NULL && strstr(text, "port must be from") != NULL);
  CHECK(load(follower, file, "{\"trading\": [{\"host\": \"h\", \"port\": 2}]}", &error) == SEAWALL_OK);
  CHECK(seawall_follower_tick(follower, SECOND) == 0);
  CHECK(seawall_follower_tick(follower, 2 * SECOND) == 0);
  CHECK(seawall_follower_tick(follower, 3 * SECOND) == 1);
  CHECK(seawall_registry_to_source(registry, 3 * SECOND, text, 10, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_registry_to_source(registry, 3 * SECOND, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(
      strcmp(text,
             "{\"trading\":[{\"id\":\"trading@h:2\",\"host\":\"h\",\"port\":2,\"weight\":1,\"state\":\"serving\"}]}") ==
      0);
  CHECK(seawall_follower_fail(follower, file, "gone", kText) == SEAWALL_OK);
  CHECK(seawall_follower_tick(follower, 4 * SECOND) == 0);

  CHECK(load(follower, 1, "{}", &error) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_follower_fail(follower, -1, "", 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_follower_load(follower, file, "{}", 2, -1, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_follower_add_source(follower, "x", 1, 4, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_follower_add_source(follower, "x", 1, 0, 2, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_follower_free(follower);
  options.removal_ceiling_ns = 1;
  CHECK(seawall_registry_follower(registry, &options, &follower, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "removal_ceiling in ns must be from") != NULL && follower == NULL);
  CHECK(seawall_registry_follower(NULL, NULL, &follower, &error) == SEAWALL_E_WRONG_HANDLE);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

int main(void) {
  a_file();
  return check_result();
}
