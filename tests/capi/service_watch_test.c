/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "seawall_c.h"

static const size_t kText = SEAWALL_TEXT;

static void add(seawall_registry* registry, const char* id) {
  seawall_instance given;
  seawall_instance_init(&given);
  given.service = "trading";
  given.id = id;
  given.host = "127.0.0.1";
  given.service_size = given.id_size = given.host_size = kText;
  given.port = 8001;
  CHECK(seawall_registry_register(registry, &given, 0, NULL, NULL) == SEAWALL_OK);
}

int main(void) {
  seawall_registry* registry = NULL;
  seawall_watch* watch = NULL;
  char json[2048];
  size_t needed = 0;
  uint64_t first = 0, second = 0;
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_watch(registry, "trading", kText, &watch, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_version(registry, &first) == SEAWALL_OK);
  CHECK(seawall_watch_poll(watch, 0) == 1); /* the first answer is news, also of a service that nobody knows */
  CHECK(seawall_watch_poll(watch, 0) == 0);
  add(registry, "trading-1");
  CHECK(seawall_registry_version(registry, &second) == SEAWALL_OK);
  CHECK(second > first);
  CHECK(seawall_watch_poll(watch, 5000000) == 1);
  CHECK(seawall_watch_to_json(watch, json, 10, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_watch_to_json(watch, json, sizeof json, &needed) == SEAWALL_OK);
  CHECK(strlen(json) == needed);
  CHECK(strstr(json, "\"added\":[{\"id\":\"trading-1\",\"host\":\"127.0.0.1\"") != NULL);
  CHECK(strstr(json, "\"reset\":false") != NULL);
  CHECK(strstr(json, "\"age_ms\":5,") != NULL);
  CHECK(seawall_watch_poll(watch, 0) == 0);
  CHECK(seawall_registry_deregister(registry, "trading-1", kText, 0, 0) == SEAWALL_OK);
  CHECK(seawall_watch_poll(watch, 0) == 1); /* its service went with it: version 0, which is back */
  CHECK(seawall_watch_to_json(watch, json, sizeof json, NULL) == SEAWALL_OK);
  CHECK(strstr(json, "\"removed\":[{\"id\":\"trading-1\"") != NULL);
  seawall_watch_free(watch);
  CHECK(seawall_registry_watch(registry, NULL, 1, &watch, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(watch == NULL);
  CHECK(seawall_registry_watch(registry, "trading", kText, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_version(registry, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_watch_poll(NULL, 0) == SEAWALL_E_WRONG_HANDLE);
  seawall_watch_free(NULL);
  seawall_registry_free(registry);
  return check_result();
}
