/* SPDX-License-Identifier: MIT
 * What README.md promises about fork: a child may use every handle as a copy of its own; where the parent had other
 * threads, every function that takes no mutex; and no id comes twice. A child that hangs is ended by its alarm. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capi/check.h"
#include "seawall_c.h"

static seawall_circuit_breaker* breaker;
static seawall_metrics* metrics;
static seawall_series counter;
static seawall_registry* registry;
static seawall_service* service;
static atomic_int stop;

static int32_t create(void) {
  seawall_family_options family_options;
  seawall_family* family = NULL;
  seawall_instance instance;
  int32_t code = seawall_circuit_breaker_new(NULL, SEAWALL_NOW, &breaker, NULL);
  seawall_family_options_init(&family_options);
  family_options.name.data = "calls_total";
  family_options.help.data = "Calls.";
  family_options.name.size = family_options.help.size = SEAWALL_TEXT;
  seawall_instance_init(&instance);
  instance.service = "trading";
  instance.id = "trading-1";
  instance.host = "127.0.0.1";
  instance.service_size = instance.id_size = instance.host_size = SEAWALL_TEXT;
  instance.port = 8001;
  if (code >= 0) code = seawall_metrics_new(NULL, &metrics, NULL);
  if (code >= 0) code = seawall_metrics_family(metrics, &family_options, &family, NULL);
  if (code >= 0) code = seawall_family_series(family, NULL, 0, &counter, NULL);
  if (code >= 0) code = seawall_registry_new(NULL, SEAWALL_NOW, &registry, NULL);
  if (code >= 0) code = seawall_registry_register(registry, &instance, SEAWALL_NOW, NULL, NULL);
  if (code >= 0) code = seawall_registry_service(registry, "trading", SEAWALL_TEXT, &service, NULL);
  return code;
}

/* One request through everything that takes no mutex; 0 when all answered as they should. The instance's lease may end
 * while a slow machine runs the test, so time stands still. */
static int request(int64_t now_ns) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_pick pick;
  uint64_t token = 0;
  if (seawall_trace_context_new_root(SEAWALL_TRACE_ROOT_FLAGS, &context) != SEAWALL_OK) return 1;
  if (seawall_circuit_breaker_try_acquire(breaker, now_ns, &token, NULL) != SEAWALL_BREAKER_ADMITTED) return 2;
  if (seawall_service_pick(service, NULL, 0, now_ns, &pick) != 1) return 3;
  if (seawall_service_done(service, pick.ticket, SEAWALL_OUTCOME_SUCCESS, 1, now_ns) < 0) return 4;
  if (seawall_circuit_breaker_report(breaker, token, SEAWALL_OUTCOME_SUCCESS, now_ns) < 0) return 5;
  return seawall_counter_add(metrics, counter, 1) == SEAWALL_OK ? 0 : 6;
}

/* Everything else: what takes a mutex or allocates. */
static int administer(int64_t now_ns) {
  static char text[1 << 16];
  size_t needed = 0;
  if (seawall_registry_tick(registry, now_ns) < 0) return 11;
  if (seawall_registry_to_json(registry, now_ns, text, sizeof text, &needed) != SEAWALL_OK) return 12;
  if (seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, text, sizeof text, &needed, NULL) != SEAWALL_OK) {
    return 13;
  }
  return 0;
}

/* The exit code of a child that runs `work`, or -1 when a signal ended it. */
static int in_child(int (*work)(int64_t), int64_t now_ns) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(work(now_ns));
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int64_t start_ns;
static void* keep_busy(void* unused) {
  while (!atomic_load(&stop)) request(start_ns);
  return unused;
}

static int use_everything_and_free(int64_t now_ns) {
  const int wrong = request(now_ns) + administer(now_ns);
  seawall_service_free(service);
  seawall_registry_free(registry);
  seawall_metrics_free(metrics);
  seawall_circuit_breaker_free(breaker);
  return wrong;
}

static void ids_differ(void) {
  seawall_trace_context mine = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_trace_context childs = SEAWALL_TRACE_CONTEXT_INIT;
  int ends[2];
  pid_t child;
  CHECK(pipe(ends) == 0);
  CHECK(seawall_trace_context_new_root(1, &mine) == SEAWALL_OK); /* the generator has its seed before the fork */
  child = fork();
  if (child == 0) {
    seawall_trace_context_new_root(1, &childs);
    _exit(write(ends[1], &childs, sizeof childs) != (ssize_t)sizeof childs);
  }
  CHECK(seawall_trace_context_new_root(1, &mine) == SEAWALL_OK);
  CHECK(read(ends[0], &childs, sizeof childs) == (ssize_t)sizeof childs);
  CHECK(waitpid(child, NULL, 0) == child);
  CHECK(memcmp(mine.trace_id, childs.trace_id, sizeof mine.trace_id) != 0);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  pthread_t threads[2];
  uint64_t count = 0;
  int i;
  CHECK(create() >= 0);
  if (check_failures != 0) return check_result();
  start_ns = seawall_now_ns();

  CHECK(in_child(use_everything_and_free, start_ns) == 0);
  CHECK(seawall_counter_value(metrics, counter, &count) == SEAWALL_OK && count == 0); /* the child had a copy */
  CHECK(request(start_ns) == 0 && administer(start_ns) == 0);
  ids_differ();

  for (i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
  for (i = 0; i < 50; ++i) CHECK(in_child(request, start_ns) == 0);
  atomic_store(&stop, 1);
  for (i = 0; i < 2; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(use_everything_and_free(start_ns) == 0);
  return check_result();
}
