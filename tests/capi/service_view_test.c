/* SPDX-License-Identifier: MIT
 * Views, many registrations at once, and a registry in memory that two processes share, of which one is killed. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "seawall_c.h"

static const size_t kText = SEAWALL_TEXT;
static const char kJson[] = "{\"max_instances\": 16, \"max_metadata_bytes\": 64}";

static seawall_instance instance(const char* id, const char* host, int32_t port, const char* zone) {
  seawall_instance given;
  seawall_instance_init(&given);
  given.service = "s";
  given.id = id;
  given.host = host;
  given.zone = zone;
  given.service_size = given.id_size = given.host_size = given.zone_size = kText;
  given.port = port;
  return given;
}

static seawall_view_options view_of(const char* selector, int32_t fallback) {
  seawall_view_options options;
  CHECK(seawall_view_options_init(&options) == SEAWALL_OK);
  options.service = "s";
  options.selector = selector;
  options.service_size = options.selector_size = kText;
  options.fallback = fallback;
  return options;
}

static void views(void) {
  const seawall_instance all[3] = {instance("a", "h", 1, "west"), instance("b", "h", 0, "west"),
                                   instance("c", "h", 3, "east")};
  seawall_registration out[3];
  int32_t codes[3];
  seawall_error error = {sizeof error, 0, ""};
  seawall_registry* registry = NULL;
  seawall_service *view = NULL, *nobody = NULL;
  seawall_pick pick;
  char json[2048];
  seawall_view_options options = view_of("zone in (east, north)", SEAWALL_VIEW_NOBODY);
  CHECK(seawall_registry_new(NULL, 0, &registry, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_register_many(registry, all, 3, 0, out, codes, &error) == 2);
  CHECK(codes[0] == SEAWALL_OK && codes[1] == SEAWALL_E_INVALID_ARGUMENT && codes[2] == SEAWALL_OK);
  CHECK(out[1].generation == 0 && out[2].generation > out[0].generation);
  CHECK(strstr(error.message, "instances[1]: port") != NULL);
  CHECK(seawall_registry_register_many(registry, NULL, 0, 0, NULL, NULL, NULL) == 0);
  CHECK(seawall_registry_register_many(registry, NULL, 1, 0, NULL, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);

  CHECK(seawall_registry_view(registry, "east", kText, &options, &view, NULL) == SEAWALL_OK);
  CHECK(seawall_service_view_state(view) == SEAWALL_VIEW_STATE_MATCHED);
  CHECK(seawall_service_size(view) == 1);
  CHECK(seawall_service_size((const seawall_service*)registry) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_service_pick(view, NULL, 0, 0, &pick) == 1 && strcmp(pick.id, "c") == 0 && pick.flags == 0);
  CHECK(seawall_service_done(view, pick.ticket, SEAWALL_OUTCOME_SUCCESS, 1, 0) == SEAWALL_REPORT_RECORDED);
  options = view_of("zone=north", SEAWALL_VIEW_ALL);
  CHECK(seawall_registry_view(registry, "north", kText, &options, &nobody, NULL) == SEAWALL_OK);
  CHECK(seawall_service_view_state(nobody) == SEAWALL_VIEW_STATE_UNFILTERED);
  CHECK(seawall_service_pick(nobody, NULL, 0, 0, &pick) == 1 && (pick.flags & SEAWALL_PICK_UNFILTERED) != 0);
  seawall_service_free(nobody);
  options = view_of("zone=north", SEAWALL_VIEW_NOBODY);
  CHECK(seawall_registry_view(registry, "north", kText, &options, &nobody, NULL) == SEAWALL_OK);
  CHECK(seawall_service_view_state(nobody) == SEAWALL_VIEW_STATE_NOBODY);
  CHECK(seawall_service_pick(nobody, NULL, 0, 0, &pick) == 0);
  CHECK(seawall_registry_to_json_selected(registry, "zone=north", kText, 0, json, sizeof json, NULL, NULL) == 0);
  CHECK(strstr(json, "\"instances\":[],\"hidden\":2") != NULL);
  CHECK(seawall_registry_to_json_selected(registry, "=", kText, 0, json, sizeof json, NULL, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "selector") != NULL);
  seawall_service_free(view);
  CHECK(seawall_registry_view(registry, "s", kText, &options, &view, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(view == NULL && strstr(error.message, "s is a service") != NULL);
  CHECK(seawall_registry_view(registry, "v", kText, NULL, &view, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_heartbeat(registry, "/a", kText, 1, SEAWALL_SELF_UNCHANGED, 0) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_service_free(nobody);
  seawall_registry_free(registry);
}

/* The other process: goes on with the registry and replaces an instance, over and over. */
static void write_until_killed(void* memory, size_t size, volatile int* rounds) {
  seawall_registry* registry = NULL;
  if (seawall_registry_take_over(kJson, kText, memory, size, 1, 0, 0, &registry, NULL) != SEAWALL_OK) _exit(1);
  for (int32_t port = 1;; port = port % 60000 + 1) {
    char host[64];
    (void)snprintf(host, sizeof host, "host-%d-and-something-behind-it-%d", (int)port, (int)port);
    const seawall_instance given = instance("a", host, port, "");
    if (seawall_registry_register(registry, &given, 0, NULL, NULL) != SEAWALL_OK) _exit(1);
    ++*rounds;
  }
}

static void pick_beside_a_writer_that_dies(seawall_service* service, void* memory, size_t size, volatile int* rounds) {
  uint64_t generation = 0;
  const int begun = *rounds;
  int status = 0;
  const pid_t writer = fork();
  if (writer == 0) write_until_killed(memory, size, rounds);
  CHECK(writer > 0);
  while (*rounds < begun + 2000 && waitpid(writer, &status, WNOHANG) == 0) {
    char host[64];
    seawall_pick pick;
    if (seawall_service_pick(service, NULL, 0, 0, &pick) != 1) continue; /* before the first */
    (void)snprintf(host, sizeof host, "host-%d-and-something-behind-it-%d", (int)pick.port, (int)pick.port);
    CHECK(strcmp(pick.host, host) == 0 && pick.generation >= generation); /* whole, and none older than the last */
    generation = pick.generation;
    (void)seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_SUCCESS, SEAWALL_UNKNOWN_DURATION, 0);
  }
  CHECK(*rounds >= begun + 2000);
  CHECK(kill(writer, SIGKILL) == 0);
  CHECK(waitpid(writer, &status, 0) == writer && WIFSIGNALED(status));
}

static void shared_memory(void) {
  size_t size = 0;
  seawall_error error = {sizeof error, 0, ""};
  seawall_registry *first = NULL, *next = NULL;
  seawall_reader* reader = NULL;
  seawall_service* service = NULL;
  seawall_watch* watch = NULL;
  uint64_t version = 0;
  volatile int* rounds =
      (volatile int*)mmap(NULL, sizeof *rounds, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seawall_registry_memory_for("{\"max_services\": 0}", kText, &size, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "max_services") != NULL);
  CHECK(seawall_registry_memory_for(kJson, kText, &size, NULL) == SEAWALL_OK && size != 0);
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED && rounds != MAP_FAILED);
  CHECK(seawall_reader_attach(memory, size, &reader, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(reader == NULL && strstr(error.message, "magic") != NULL);
  CHECK(seawall_registry_new_in(kJson, kText, memory, 64, 0, 0, &first, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_registry_new_in(kJson, kText, memory, size, 0, 0, &first, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_writes(first) == 1);
  CHECK(seawall_reader_attach(memory, size, &reader, NULL) == SEAWALL_OK);
  CHECK(seawall_reader_service(reader, "s", kText, &service, NULL) == SEAWALL_E_NOT_FOUND);
  const seawall_instance given = instance("b", "h", 1, "west");
  CHECK(seawall_registry_register(first, &given, 0, NULL, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_drain(first, "s/b", kText, SEAWALL_ANY_GENERATION, 0) == SEAWALL_OK);
  CHECK(seawall_reader_service(reader, "s", kText, &service, NULL) == SEAWALL_OK);
  CHECK(seawall_reader_watch(reader, "s", kText, &watch, NULL) == SEAWALL_OK);
  CHECK(seawall_watch_poll(watch, 0) == 1);
  CHECK(seawall_registry_take_over(kJson, kText, memory, size, 0, 0, 0, &next, &error) == SEAWALL_E_FENCED);

  for (int death = 0; death < 3; ++death) pick_beside_a_writer_that_dies(service, memory, size, rounds);

  CHECK(seawall_registry_writes(first) == 0);
  CHECK(seawall_registry_heartbeat(first, "s/b", kText, 1, SEAWALL_SELF_UNCHANGED, 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_registry_take_over(kJson, kText, memory, size, 0, 0, 10000000000, &next, NULL) == SEAWALL_OK);
  CHECK(seawall_registry_writes(next) == 1);
  CHECK(seawall_registry_deregister(next, "s/b", kText, SEAWALL_ANY_GENERATION, 10000000000) == SEAWALL_OK);
  CHECK(seawall_watch_poll(watch, 0) == 1);
  CHECK(seawall_reader_version(reader, &version) == SEAWALL_OK && version > 6000);
  seawall_watch_free(watch);
  seawall_service_free(service);
  seawall_reader_free(reader);
  seawall_registry_free(first);
  seawall_registry_free(next);
  CHECK(munmap(memory, size) == 0);
}

int main(void) {
  views();
  shared_memory();
  return check_result();
}
