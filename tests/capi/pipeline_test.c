/* SPDX-License-Identifier: MIT */
/* A whole request through the C API: admit, another instance, complete, cancel; who refuses, and what is given back. */
#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)

static seawall_registry* registry;
static seawall_service* service;
static seawall_keyed_limiter* users;
static seawall_sliding_window* all;
static seawall_circuit_breaker* breaker;
static seawall_metrics* metrics;
static const seawall_limit_key ann = {"ann", SEAWALL_TEXT, 0};

static void make_parts(void) {
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  for (int i = 0; i < 2; ++i) {
    seawall_instance instance;
    seawall_instance_init(&instance);
    instance.service = "trading";
    instance.service_size = SEAWALL_TEXT;
    instance.id = i == 0 ? "t-0" : "t-1";
    instance.id_size = SEAWALL_TEXT;
    instance.host = "127.0.0.1";
    instance.host_size = SEAWALL_TEXT;
    instance.port = 8001 + i;
    CHECK(seawall_registry_register(registry, &instance, 0, NULL, NULL) == SEAWALL_OK);
  }
  CHECK(seawall_registry_service(registry, "trading", SEAWALL_TEXT, &service, NULL) == SEAWALL_OK);
  const char user[] = "{\"permits\": 2, \"period_ns\": 60000000000, \"memory_bytes\": 65536}";
  CHECK(seawall_keyed_limiter_new_from_json(user, SEAWALL_TEXT, 0, &users, NULL) == SEAWALL_OK);
  const char wide[] = "{\"permits\": 5, \"period_ns\": 60000000000}";
  CHECK(seawall_sliding_window_new_from_json(wide, SEAWALL_TEXT, 0, &all, NULL) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_new(NULL, 0, &breaker, NULL) == SEAWALL_OK);
  CHECK(seawall_metrics_new(NULL, &metrics, NULL) == SEAWALL_OK);
}

static void free_parts(void) {
  seawall_metrics_free(metrics);
  seawall_circuit_breaker_free(breaker);
  seawall_sliding_window_free(all);
  seawall_keyed_limiter_free(users);
  seawall_service_free(service);
  seawall_registry_free(registry);
}

static seawall_pipeline_limit limits[2];

static seawall_pipeline_options everything(void) {
  const seawall_pipeline_limit user = {"user", SEAWALL_TEXT, users, 2, 60 * SECOND, 0, 0};
  const seawall_pipeline_limit wide = {"service", SEAWALL_TEXT, all, 5, 60 * SECOND, 0, 0};
  limits[0] = user;
  limits[1] = wide;
  seawall_pipeline_options options;
  seawall_pipeline_options_init(&options);
  options.limits = limits;
  options.limit_count = 2;
  options.breaker = breaker;
  options.service = service;
  options.trace = 1;
  options.metrics = metrics;
  options.name = "trading";
  options.name_size = SEAWALL_TEXT;
  return options;
}

static int64_t left(void) {
  seawall_decision decision = SEAWALL_DECISION_INIT;
  CHECK(seawall_sliding_window_peek(all, 0, 0, &decision) == SEAWALL_ALLOWED);
  return decision.remaining;
}

static void a_request(void) {
  make_parts();
  seawall_pipeline_options options = everything();
  seawall_pipeline* pipeline = NULL;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, NULL) == SEAWALL_OK);
  seawall_request request = SEAWALL_REQUEST_INIT;
  request.keys = &ann;
  request.key_count = 1;
  request.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  request.traceparent_size = SEAWALL_TEXT;

  seawall_admission call = {0};
  call.struct_size = sizeof call;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_ALLOWED);
  CHECK(call.answer == SEAWALL_ALLOWED && call.gate == SEAWALL_GATE_NONE && call.retry_after_ns == 0);
  CHECK(call.limit == 2 && call.remaining == 1 && call.nearest == 0 && strcmp(call.limit_name, "user") == 0);
  CHECK(call.has_instance == 1 && (call.port == 8001 || call.port == 8002) && call.generation != 0);
  CHECK(call.trace_continued == 1 && strlen(call.traceparent) == 55);
  CHECK(strncmp(call.traceparent + 3, "0af7651916cd43dd8448eb211c80319c", 32) == 0);
  char id[64], host[256];
  size_t id_size = 0, host_size = 0;
  CHECK(seawall_pipeline_instance(pipeline, &call.ticket, id, sizeof id, &id_size, host, sizeof host, &host_size) ==
        SEAWALL_OK);
  CHECK(id_size == 3 && strcmp(host, "127.0.0.1") == 0);

  const uint32_t first = call.slot;
  CHECK(seawall_pipeline_another(pipeline, &call, SEAWALL_OUTCOME_FAILURE, NULL, 0, 0) == SEAWALL_ALLOWED);
  CHECK(call.slot != first && call.has_instance == 1);
  CHECK(seawall_pipeline_another(pipeline, &call, SEAWALL_OUTCOME_FAILURE, &first, 1, 0) == SEAWALL_DENIED);
  CHECK(call.has_instance == 0 && call.ticket.id != 0);
  const seawall_ticket copy = call.ticket;
  CHECK(seawall_complete(pipeline, &call.ticket, SEAWALL_OUTCOME_FAILURE, 502, SECOND) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_complete(pipeline, &copy, SEAWALL_OUTCOME_FAILURE, 502, SECOND) == SEAWALL_REPORT_INVALID_TOKEN);
  CHECK(seawall_pipeline_cancel(pipeline, &copy, &request, SECOND) == SEAWALL_REPORT_INVALID_TOKEN);
  seawall_circuit_breaker_snapshot seen = {0};
  seen.struct_size = sizeof seen;
  CHECK(seawall_circuit_breaker_get_snapshot(breaker, SECOND, &seen) == SEAWALL_OK);
  CHECK(seen.failure_count == 1);
  CHECK(left() == 4);

  /* A call that was never made: all is as before. */
  CHECK(seawall_pipeline_admit_key(pipeline, "ann", SEAWALL_TEXT, 0, NULL, 0, 0, &call) == SEAWALL_ALLOWED);
  CHECK(call.trace_continued == 0 && left() == 3);
  CHECK(seawall_pipeline_cancel(pipeline, &call.ticket, &request, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(left() == 4);

  /* Only the limits; then the user's is used up, and says so. */
  CHECK(seawall_pipeline_charge(pipeline, &request, 0, &call) == SEAWALL_ALLOWED);
  CHECK(call.ticket.id == 0 && left() == 3);
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_DENIED);
  CHECK(call.gate == SEAWALL_GATE_LIMITS && strcmp(call.limit_name, "user") == 0 && call.retry_after_ns > 0);
  CHECK(call.traceparent[0] == '\0' && call.has_instance == 0 && left() == 3);
  request.permits = 3;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_admit(pipeline, NULL, 0, &call) == SEAWALL_NEVER_ALLOWED);
  CHECK(call.gate == SEAWALL_GATE_REQUEST && call.nearest == -1);

  /* A number is another key than its text. */
  CHECK(seawall_circuit_breaker_force_open(breaker, 0) == SEAWALL_OK);
  CHECK(seawall_pipeline_admit_key(pipeline, NULL, 0, 7, NULL, 0, 0, &call) == SEAWALL_NEVER_ALLOWED);
  CHECK(call.gate == SEAWALL_GATE_BREAKER && left() == 3);
  CHECK(seawall_circuit_breaker_reset(breaker, 0) == SEAWALL_OK);

  char names[32];
  size_t needed = 0;
  CHECK(seawall_pipeline_limit_names(pipeline, names, sizeof names, &needed) == SEAWALL_OK);
  CHECK(strcmp(names, "user,service") == 0 && needed == 12);

  /* Another composition: calls that are out end on theirs. */
  const seawall_limit_key bob = {NULL, 0, 7};
  request.keys = &bob;
  request.permits = 0;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_ALLOWED);
  seawall_pipeline_options nothing;
  seawall_pipeline_options_init(&nothing);
  CHECK(seawall_pipeline_replace(pipeline, &nothing, 0, NULL) == SEAWALL_OK);
  seawall_admission other = {0};
  other.struct_size = sizeof other;
  CHECK(seawall_admit(pipeline, NULL, 0, &other) == SEAWALL_ALLOWED && other.nearest == -1);
  seawall_pipeline_stats stats = {0};
  stats.struct_size = sizeof stats;
  CHECK(seawall_pipeline_get_stats(pipeline, 0, &stats) == SEAWALL_OK);
  CHECK(stats.compositions == 2 && stats.in_flight == 2 && stats.repeated == 2 && stats.max_in_flight >= 4096);
  CHECK(seawall_complete(pipeline, &call.ticket, SEAWALL_OUTCOME_SUCCESS, 200, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_complete(pipeline, &other.ticket, SEAWALL_OUTCOME_SUCCESS, 0, 0) == SEAWALL_REPORT_RECORDED);
  seawall_pipeline_free(pipeline);
  free_parts();
}

static void what_is_wrong_is_named(void) {
  make_parts();
  seawall_pipeline* pipeline = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_pipeline_options options = everything();
  limits[1].limiter = registry;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(strcmp(error.message, "limits/1/limiter is no live limiter") == 0 && pipeline == NULL);
  options = everything();
  limits[0].quota = 0;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strncmp(error.message, "limits/0/permits must", 21) == 0);
  options = everything();
  limits[0].name = NULL;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options = everything();
  limits[0].name_size = 0;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options = everything();
  options.limit_count = 5;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options = everything();
  options.limits = NULL;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options = everything();
  options.breaker = (seawall_circuit_breaker*)registry;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_WRONG_HANDLE);
  options = everything();
  options.service = (const seawall_service*)registry;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_WRONG_HANDLE);
  options = everything();
  options.metrics = (seawall_metrics*)registry;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_WRONG_HANDLE);
  options = everything();
  options.struct_size = 0;
  CHECK(seawall_pipeline_new(&options, 0, &pipeline, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(pipeline == NULL);

  CHECK(seawall_pipeline_new(NULL, 0, &pipeline, NULL) == SEAWALL_OK);
  seawall_admission call = {0};
  CHECK(seawall_admit(pipeline, NULL, 0, &call) == SEAWALL_E_INVALID_ARGUMENT);
  call.struct_size = sizeof call;
  CHECK(seawall_admit(pipeline, NULL, 0, &call) == SEAWALL_ALLOWED);
  seawall_request request = SEAWALL_REQUEST_INIT;
  request.key_count = 1;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_E_INVALID_ARGUMENT);
  request.key_count = 0;
  request.exclude_count = 1;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_E_INVALID_ARGUMENT);
  request.exclude_count = 0;
  request.permits = -1;
  CHECK(seawall_admit(pipeline, &request, 0, &call) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_complete(pipeline, &call.ticket, 3, 0, 0) == SEAWALL_E_INVALID_ARGUMENT);
  /* A ticket full of nonsense gives nothing back. */
  seawall_ticket nonsense;
  memset(&nonsense, 0xff, sizeof nonsense);
  CHECK(seawall_complete(pipeline, &nonsense, 0, 0, 0) == SEAWALL_REPORT_INVALID_TOKEN);
  nonsense.id = call.ticket.id;
  CHECK(seawall_complete(pipeline, &nonsense, 0, 0, 0) == SEAWALL_REPORT_RECORDED);
  seawall_pipeline_free(pipeline);
  free_parts();
}

static void routes_from_json(void) {
  make_parts();
  const char text[] =
      "{\"routes\": {\"trading\": {\"service\": \"trading\", \"breaker\": {}, \"limits\": [{\"name\": \"user\", "
      "\"key\": "
      "\"user\", \"permits\": 2, \"period\": \"60s\", \"memory_bytes\": 65536}]}}}";
  seawall_pipelines* pipelines = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_pipelines_load(text, SEAWALL_TEXT, registry, metrics, "host", SEAWALL_TEXT, 0, &pipelines, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strncmp(error.message, "/routes/trading/limits/0/key: ", 30) == 0 && pipelines == NULL);
  CHECK(seawall_pipelines_load(text, SEAWALL_TEXT, (seawall_registry*)metrics, NULL, NULL, 0, 0, &pipelines, NULL) ==
        SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_pipelines_load(text, SEAWALL_TEXT, registry, (seawall_metrics*)registry, NULL, 0, 0, &pipelines,
                               NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_pipelines_load(text, SEAWALL_TEXT, registry, metrics, "host,user", SEAWALL_TEXT, 0, &pipelines, NULL) ==
        SEAWALL_OK);
  seawall_pipeline* route = NULL;
  CHECK(seawall_pipelines_find(pipelines, "other", SEAWALL_TEXT, &route) == SEAWALL_E_NOT_FOUND && route == NULL);
  CHECK(seawall_pipelines_find(pipelines, "trading", SEAWALL_TEXT, &route) == SEAWALL_OK);
  const seawall_limit_key keys[] = {{"h", 1, 0}, {"ann", 3, 0}};
  seawall_request request = SEAWALL_REQUEST_INIT;
  request.keys = keys;
  request.key_count = 2;
  seawall_admission call = {0};
  call.struct_size = sizeof call;
  CHECK(seawall_admit(route, &request, 0, &call) == SEAWALL_ALLOWED && call.remaining == 1 && call.has_instance == 1);
  CHECK(seawall_pipelines_reload(pipelines, "{\"routes\": 1}", SEAWALL_TEXT, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_pipelines_reload(pipelines, "{\"routes\": {\"trading\": {}}}", SEAWALL_TEXT, 0, &error) == SEAWALL_OK);
  CHECK(seawall_complete(route, &call.ticket, SEAWALL_OUTCOME_SUCCESS, 200, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_admit(route, NULL, 0, &call) == SEAWALL_ALLOWED && call.has_instance == 0);
  char report[512];
  size_t needed = 0;
  CHECK(seawall_pipelines_report(pipelines, report, sizeof report, &needed) == SEAWALL_OK);
  CHECK(strcmp(report,
               "{\"kept\":[],\"changed\":[],\"reset\":[],\"added\":[],\"removed\":["
               "\"/routes/trading/limits/user\",\"/routes/trading/breaker\"]}") == 0);
  seawall_pipeline_free(route);
  seawall_pipelines_free(pipelines);
  free_parts();
}

int main(void) {
  routes_from_json();
  a_request();
  what_is_wrong_is_named();
  return check_result();
}
