/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "seawall_c.h"

static const size_t kText = SEAWALL_TEXT;
static const int64_t SECOND = 1000000000;

static seawall_registry* registry_with(const char* id) {
  seawall_registry* registry = NULL;
  CHECK(seawall_registry_new_from_json("{\"lease_ns\": 3600000000000}", kText, 0, &registry, NULL) == SEAWALL_OK);
  seawall_instance given;
  seawall_instance_init(&given);
  given.service = "s";
  given.service_size = 1;
  given.id = id;
  given.id_size = kText;
  given.host = "10.0.0.1";
  given.host_size = kText;
  given.port = 80;
  CHECK(seawall_registry_register(registry, &given, 0, NULL, NULL) == SEAWALL_OK);
  return registry;
}

static void a_fall(void) {
  seawall_registry* registry = registry_with("a");
  seawall_prober* prober = NULL;
  CHECK(seawall_registry_prober(registry, "{\"fall\": 2, \"jitter_percent\": 0, \"path\": \"/live\"}", kText, &prober,
                                NULL) == SEAWALL_OK);
  seawall_probe probe;
  CHECK(seawall_prober_next(prober, 0, &probe) == 0);
  CHECK(seawall_prober_next(prober, SECOND, &probe) == 1);
  CHECK(strcmp(probe.service, "s") == 0 && strcmp(probe.instance, "a") == 0 && strcmp(probe.path, "/live") == 0);
  CHECK(strcmp(probe.host, "10.0.0.1") == 0 && probe.port == 80 && probe.kind == SEAWALL_PROBE_HTTP);
  CHECK(probe.timeout_ns == SECOND && probe.path_size == 5);
  CHECK(seawall_prober_next(prober, SECOND, &probe) == 0);
  CHECK(seawall_prober_finish(prober, probe.id, 500, NULL, 0, NULL, 0, SECOND) == SEAWALL_OK);
  CHECK(seawall_prober_next(prober, 2 * SECOND, &probe) == 1);
  CHECK(seawall_prober_finish(prober, probe.id, 200, "s", 1, "b", 1, 2 * SECOND) == SEAWALL_OK);
  char text[512];
  CHECK(seawall_registry_to_json(registry, 2 * SECOND, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strstr(text, "\"state\":\"unhealthy\"") != NULL);
  seawall_prober_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK(seawall_prober_get_stats(prober, &stats) == SEAWALL_OK);
  CHECK(stats.sent == 2 && stats.failed == 2 && stats.wrong_identity == 1 && stats.falls == 1 && stats.targets == 1);
  seawall_prober_free(prober);
  seawall_registry_free(registry);
}

static void another_pace(void) {
  seawall_registry* registry = registry_with("a");
  seawall_prober* prober = NULL;
  CHECK(seawall_registry_prober(registry, "{\"jitter_percent\": 0}", kText, &prober, NULL) == SEAWALL_OK);
  seawall_probe probe;
  CHECK(seawall_prober_next(prober, 0, &probe) == 0);
  CHECK(seawall_prober_next(prober, SECOND, &probe) == 1); /* and it is out */
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_prober_configure(prober, "{\"fall\": 1, \"path\": \"/other\", \"interval_ns\": 60000000000}", kText,
                                 SECOND, &error) == SEAWALL_OK);
  CHECK(seawall_prober_finish(prober, probe.id, 500, NULL, 0, NULL, 0, SECOND) == SEAWALL_OK); /* given up */
  CHECK(seawall_prober_next(prober, SECOND, &probe) == 1 && strcmp(probe.path, "/other") == 0);
  CHECK(seawall_prober_finish(prober, probe.id, 500, NULL, 0, NULL, 0, SECOND) == SEAWALL_OK);
  char text[512];
  CHECK(seawall_registry_to_json(registry, SECOND, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strstr(text, "\"state\":\"unhealthy\"") != NULL);
  CHECK(seawall_prober_configure(prober, "{\"fall\": 0}", kText, SECOND, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "/fall: must be from 1 to 1000, not 0") == 0);
  CHECK(seawall_prober_configure(prober, "{\"interval_ns\": 0}", kText, SECOND, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_to_json(registry, SECOND, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strstr(text, "\"state\":\"healthy\"") != NULL);
  CHECK(seawall_prober_next(prober, 100 * SECOND, &probe) == 0);
  CHECK(seawall_prober_configure(prober, NULL, 0, SECOND, NULL) == SEAWALL_OK); /* the defaults */
  CHECK(seawall_prober_next(prober, 100 * SECOND, &probe) == 0);
  CHECK(seawall_prober_next(prober, 102 * SECOND, &probe) == 1 && strcmp(probe.path, "/health") == 0);
  CHECK(seawall_prober_configure(prober, NULL, 1, SECOND, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_prober_configure(NULL, NULL, 0, SECOND, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_prober_configure((seawall_prober*)registry, NULL, 0, SECOND, NULL) == SEAWALL_E_WRONG_HANDLE);
  seawall_prober_free(prober);
  seawall_registry_free(registry);
}

static void refusals(void) {
  seawall_registry* registry = registry_with("a");
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_prober* prober = NULL;
  seawall_probe probe;
  CHECK(seawall_registry_prober(registry, "{\"rise\": 0}", kText, &prober, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "/rise: must be from 1 to 1000, not 0") == 0 && prober == NULL);
  CHECK(seawall_registry_prober(registry, "{\"timeout_ns\": 0}", kText, &prober, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "/timeout_ns: ") == error.message);
  CHECK(seawall_registry_prober(registry, "{\"path\": \"x\"}", kText, &prober, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "/path: ") == error.message);
  CHECK(seawall_registry_prober(registry, "{\"fal\": 1}", kText, &prober, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_prober(registry, NULL, 1, &prober, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_prober(registry, "{}", 2, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_prober(NULL, "{}", 2, &prober, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_registry_prober(registry, NULL, 0, &prober, NULL) == SEAWALL_OK);
  seawall_prober* wrong[2] = {NULL, (seawall_prober*)registry};
  seawall_prober_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (int i = 0; i < 2; ++i) {
    CHECK(seawall_prober_next(wrong[i], 0, &probe) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_prober_finish(wrong[i], 1, 0, NULL, 0, NULL, 0, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_prober_get_stats(wrong[i], &stats) == SEAWALL_E_WRONG_HANDLE);
  }
  CHECK(seawall_prober_next(prober, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_prober_finish(prober, 1, 0, NULL, 1, NULL, 0, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_prober_finish(prober, 77, 200, NULL, 0, NULL, 0, 0) == SEAWALL_OK); /* late, counted */
  CHECK(seawall_prober_get_stats(prober, &stats) == SEAWALL_OK && stats.late == 1);
  seawall_prober_stats older = {
      (uint32_t)offsetof(seawall_prober_stats, hurried), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77};
  CHECK(seawall_prober_get_stats(prober, &older) == SEAWALL_OK && older.late == 1);
  CHECK(older.hurried == 77 && older.struct_size == offsetof(seawall_prober_stats, hurried));
  stats.struct_size = 4;
  CHECK(seawall_prober_get_stats(prober, &stats) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_prober_get_stats(prober, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_prober_free(NULL);
  seawall_prober_free(prober);
  seawall_registry_free(registry);
}

int main(void) {
  a_fall();
  another_pace();
  refusals();
  return check_result();
}
