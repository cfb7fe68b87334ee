/* SPDX-License-Identifier: MIT
 * dlopen LIBRARY: loads and unloads the library over and over, as a plugin host does, while a thread that has used it
 * lives on. It must stay mapped (it is linked with -z nodelete): code or thread-locals that vanish under a running
 * thread crash at its end. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>

#include "capi/check.h"
#include "seawall_c.h"

static int64_t (*now_ns)(void);
static int32_t (*make_registry)(const char*, size_t, int64_t, seawall_registry**, seawall_error*);
static void (*free_registry)(seawall_registry*);
static int32_t (*new_root)(uint32_t, seawall_trace_context*);
static pthread_barrier_t used, closed;

static void use(void) {
  seawall_registry* registry = NULL;
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(now_ns() > 0);
  CHECK(make_registry("{}", 2, now_ns(), &registry, NULL) == 0 && registry != NULL);
  free_registry(registry);
  CHECK(new_root(1, &context) == 0);
}

/* Only the main thread checks; this one uses the library before and after the host has closed it. */
static void* outlive(void* unused) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  new_root(1, &context);
  pthread_barrier_wait(&used);
  pthread_barrier_wait(&closed);
  new_root(1, &context);
  return unused;
}

static int find(void* library, const char* name, void* function) {
  void* symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static void load_use_unload(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  pthread_t thread;
  CHECK(library != NULL);
  if (library == NULL) return;
  CHECK(find(library, "seawall_now_ns", &now_ns));
  CHECK(find(library, "seawall_registry_new_from_json", &make_registry));
  CHECK(find(library, "seawall_registry_free", &free_registry));
  CHECK(find(library, "seawall_trace_context_new_root", &new_root));
  if (check_failures != 0) return;
  use();
  CHECK(pthread_create(&thread, NULL, outlive, NULL) == 0);
  pthread_barrier_wait(&used);
  CHECK(dlclose(library) == 0);
  pthread_barrier_wait(&closed);
  CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char** argv) {
  int round;
  void* still;
  if (argc != 2) return 2;
  pthread_barrier_init(&used, NULL, 2);
  pthread_barrier_init(&closed, NULL, 2);
  for (round = 0; round < 100 && check_failures == 0; ++round) load_use_unload(argv[1]);
  still = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
  CHECK(still != NULL);
  return check_result();
}
