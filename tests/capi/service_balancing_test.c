/* SPDX-License-Identifier: MIT */
/* How a service's calls are spread, from C. */
#include <string.h>

#include "check.h"
#include "seawall_c.h"

static const int64_t SECOND = 1000000000;
static const size_t kText = SEAWALL_TEXT;

static seawall_registry* fleet(int instances) {
  static const char* const ids[] = {"a", "b", "c", "d"};
  seawall_registry* registry = NULL;
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  for (int i = 0; i < instances; ++i) {
    seawall_instance given;
    seawall_instance_init(&given);
    given.service = "s";
    given.service_size = kText;
    given.id = ids[i];
    given.id_size = kText;
    given.host = "h";
    given.host_size = kText;
    given.zone = i == 0 ? "west" : "east";
    given.zone_size = kText;
    given.port = 1;
    CHECK(seawall_registry_register(registry, &given, 0, NULL, NULL) == SEAWALL_OK);
  }
  return registry;
}

static void ejection(void) {
  seawall_registry* registry = fleet(2);
  seawall_service* service = NULL;
  seawall_pick pick;
  seawall_explained why[2];
  size_t needed = 0;
  CHECK(seawall_registry_service(registry, "s", kText, &service, NULL) == SEAWALL_OK);
  const uint32_t not_b = 1;
  for (int i = 0; i < 3; ++i) {
    CHECK(seawall_service_pick(service, &not_b, 1, 0, &pick) == 1 && pick.flags == 0);
    CHECK(seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_FAILURE, 5, 0) == SEAWALL_REPORT_RECORDED);
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1 && strcmp(pick.id, "b") == 0);
  }
  CHECK(seawall_registry_explain(registry, "s", kText, 0, why, 2, &needed) == 0 && needed == 2);
  CHECK(strcmp(why[0].id, "a") == 0 && why[0].verdict == SEAWALL_VERDICT_NOBODY);
  CHECK(why[0].reasons == SEAWALL_REASON_EJECTED && why[0].ejected_for_ns >= 30 * SECOND);
  CHECK(why[1].verdict == SEAWALL_VERDICT_PICKED && why[1].in_flight == 4 && why[1].weight == 1);
  CHECK(seawall_registry_explain(registry, "s", kText, 0, why, 1, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_registry_explain(registry, "t", kText, 0, why, 2, &needed) == SEAWALL_E_NOT_FOUND && needed == 0);
  char text[1024];
  CHECK(seawall_registry_explain_text(registry, "s", kText, 0, 0, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strstr(text, "a: nobody, ejected for") != NULL && strlen(text) == needed);
  CHECK(seawall_registry_explain_text(registry, "s", kText, 1, 0, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strstr(text, "\"verdict\":\"nobody\",\"reasons\":[\"ejected\"]") != NULL);
  CHECK(seawall_registry_restore(registry, "s/c", kText, 0, 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_registry_restore(registry, "s/a", kText, 0, 0) == SEAWALL_OK);
  CHECK(seawall_registry_explain(registry, "s", kText, 0, why, 2, &needed) == 0 && why[0].reasons == 0);
  CHECK(seawall_registry_explain_text(registry, "t", kText, 1, 0, text, sizeof text, NULL) == SEAWALL_E_NOT_FOUND);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

static void panic(void) {
  seawall_registry* registry = fleet(1);
  seawall_service* service = NULL;
  seawall_pick pick;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_service_options options;
  CHECK(seawall_registry_service(registry, "s", kText, &service, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_set_health(registry, "a", kText, 0, SEAWALL_HEALTH_FAILING, 0) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1 && pick.flags == SEAWALL_PICK_PANIC);
  CHECK(seawall_registry_explain(registry, "s", kText, 0, NULL, 0, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_service_options_init(&options) == SEAWALL_OK);
  CHECK(options.panic_threshold == 50 && options.ejection_failures == 3 && options.least_left == 1);
  options.panic_threshold = 0;
  CHECK(seawall_registry_configure(registry, NULL, 0, &options, &error) == SEAWALL_OK);
  CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 0);
  options.panic_threshold = 101;
  CHECK(seawall_registry_configure(registry, "s", kText, &options, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "panic_threshold") != NULL);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

static void keys_and_zones(void) {
  seawall_registry* registry = fleet(4);
  seawall_service* service = NULL;
  seawall_pick pick;
  seawall_pick again;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_service_options options;
  CHECK(seawall_registry_service(registry, "s", kText, &service, NULL) == SEAWALL_OK);
  seawall_service_options_init(&options);
  options.zone = "west";
  options.zone_size = kText;
  CHECK(seawall_registry_configure(registry, "s", kText, &options, &error) == SEAWALL_OK);
  for (int i = 0; i < 8; ++i) {
    CHECK(seawall_service_pick(service, NULL, 0, 0, &pick) == 1 && strcmp(pick.id, "a") == 0 && pick.flags == 0);
  }
  CHECK(seawall_service_pick(service, &pick.slot, 1, 0, &pick) == 1 && pick.flags == SEAWALL_PICK_SPILLED);
  const char* json = "{\"balancer\": \"ring_hash\"}";
  CHECK(seawall_registry_configure_from_json(registry, "s", kText, json, kText, &error) == SEAWALL_OK);
  CHECK(seawall_service_pick_for(service, "user-1", kText, NULL, 0, 0, &pick) == 1);
  for (int i = 0; i < 8; ++i) {
    CHECK(seawall_service_pick_for(service, "user-1", kText, NULL, 0, 0, &again) == 1 && again.slot == pick.slot);
  }
  CHECK(seawall_service_pick_for(service, NULL, 1, NULL, 0, 0, &again) == SEAWALL_E_INVALID_ARGUMENT);
  const struct {
    const char *json, *message;
  } wrong[] = {
      {"{\"balancer\": \"best\"}",
       "/balancer: expected one of round_robin random least_loaded peak_ewma maglev ring_hash, not best"},
      {"{\"panic_mode\": \"some\"}", "/panic_mode: expected one of all fail, not some"},
      {"{\"panic_threshold\": 101}", "/panic_threshold: must be from 0 to 100, not 101"},
      {"{\"slow_start_ns\": -1}", "/slow_start_ns: must be from 0 to"},
      {"{\"zone\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
       "/zone: length must be from 0 to 63, not 64"},
      {"{\"least_left\": 1.5}", "/least_left: expected an integer that fits, not 1.5"},
      {"{\"least_left\": 1, \"least_left\": 2}", "/least_left: is there twice"},
      {"{\"ballancer\": 1}", "/ballancer: unknown key"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    CHECK(seawall_registry_configure_from_json(registry, "s", kText, wrong[i].json, kText, &error) ==
          SEAWALL_E_INVALID_ARGUMENT);
    CHECK(strncmp(error.message, wrong[i].message, strlen(wrong[i].message)) == 0);
  }
  seawall_registry* none = NULL;
  CHECK(seawall_registry_new_from_json("{\"lease_ns\": 0}", kText, 0, &none, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strncmp(error.message, "/lease_ns: must be from", 23) == 0);
  CHECK(seawall_registry_configure_from_json(registry, "", 0, json, kText, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

int main(void) {
  ejection();
  panic();
  keys_and_zones();
  return check_result();
}
