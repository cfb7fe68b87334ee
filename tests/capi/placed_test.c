/* SPDX-License-Identifier: MIT
 * Limiters and breakers in memory that processes share: what is refused, and that a killed process leaves its charges
 * and nothing else. Each process has the memory at an address of its own. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capi/check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)
#define SIZE ((size_t)SEAWALL_PLACE_SIZE)

static FILE* file;

/* The same memory at another address, with 64 bytes behind it. */
static unsigned char* mapped(void) {
  void* memory = mmap(NULL, SIZE + 64, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  CHECK(memory != MAP_FAILED);
  return (unsigned char*)memory;
}

static unsigned char* fresh(void) {
  if (file != NULL) fclose(file);
  file = tmpfile();
  CHECK(file != NULL && ftruncate(fileno(file), (off_t)(SIZE + 64)) == 0);
  return mapped();
}

/* act(memory) in a process that is killed after it. */
static void in_killed_process(void (*act)(unsigned char*)) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    act(mapped());
    kill(getpid(), check_failures == 0 ? SIGKILL : SIGTERM);
    _exit(1);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#define LIMITER(X, OTHER)                                                                                          \
  static void take_three_##X(unsigned char* memory) {                                                              \
    seawall_##X* found = NULL;                                                                                     \
    CHECK(seawall_##X##_attach(memory, SIZE, &found, NULL) == SEAWALL_OK);                                         \
    CHECK(seawall_##X##_try_acquire(found, SECOND, 3, NULL) == SEAWALL_ALLOWED);                                   \
  }                                                                                                                \
  static void test_##X(void) {                                                                                     \
    unsigned char* memory = fresh();                                                                               \
    seawall_error error = SEAWALL_ERROR_INIT;                                                                      \
    seawall_decision decision = SEAWALL_DECISION_INIT;                                                             \
    seawall_##X##_options options;                                                                                 \
    seawall_##X *made = NULL, *found = NULL;                                                                       \
    CHECK(seawall_##X##_options_init(&options) == SEAWALL_OK);                                                     \
    CHECK(seawall_##X##_new_in(&options, memory, SIZE, 0, &made, &error) == SEAWALL_E_INVALID_ARGUMENT);           \
    CHECK(made == NULL && strstr(error.message, "permits") != NULL);                                               \
    options.permits = 200;                                                                                         \
    options.period_ns = 100 * SECOND;                                                                              \
    CHECK(seawall_##X##_attach(memory, SIZE, &found, &error) == SEAWALL_E_INVALID_ARGUMENT);                       \
    CHECK(found == NULL && strstr(error.message, "no object of this type") != NULL);                               \
    CHECK(seawall_##X##_new_in(&options, NULL, SIZE, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);               \
    CHECK(seawall_##X##_new_in(&options, memory + 8, SIZE, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);         \
    CHECK(seawall_##X##_new_in(&options, memory, 128, 0, &made, &error) == SEAWALL_E_INVALID_ARGUMENT);            \
    CHECK(strstr(error.message, "memory_size") != NULL);                                                           \
    CHECK(seawall_##X##_new_in(&options, memory, SIZE, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);              \
    CHECK(seawall_##X##_new_in(&options, memory, SIZE, 0, &made, NULL) == SEAWALL_OK);                             \
    CHECK(seawall_##X##_attach(memory, SIZE, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);                           \
    CHECK(seawall_##X##_attach(NULL, SIZE, &found, NULL) == SEAWALL_E_INVALID_ARGUMENT);                           \
    CHECK(seawall_##X##_attach(memory + 8, SIZE, &found, NULL) == SEAWALL_E_INVALID_ARGUMENT);                     \
    CHECK(seawall_##X##_attach(memory, 128, &found, NULL) == SEAWALL_E_INVALID_ARGUMENT);                          \
    seawall_##OTHER* other = NULL;                                                                                 \
    CHECK(seawall_##OTHER##_attach(memory, SIZE, &other, NULL) == SEAWALL_E_INVALID_ARGUMENT && other == NULL);    \
    CHECK(seawall_##X##_peek(made, SECOND, 1, &decision) == SEAWALL_ALLOWED);                                      \
    const int64_t before = decision.remaining;                                                                     \
    in_killed_process(take_three_##X);                                                                             \
    CHECK(seawall_##X##_peek(made, SECOND, 1, &decision) == SEAWALL_ALLOWED);                                      \
    CHECK(decision.remaining == before - 3);                                                                       \
    seawall_##X##_free(made); /* the handle, not the limiter */                                                    \
    CHECK(seawall_##X##_attach(memory, SIZE, &found, NULL) == SEAWALL_OK);                                         \
    CHECK(seawall_##X##_peek(found, SECOND, 1, &decision) == SEAWALL_ALLOWED && decision.remaining == before - 3); \
    seawall_##X##_free(found);                                                                                     \
    munmap(memory, SIZE + 64);                                                                                     \
  }

LIMITER(token_bucket, fixed_window)
LIMITER(fixed_window, token_bucket)
LIMITER(sliding_window, circuit_breaker)
LIMITER(leased_token_bucket, token_bucket)

/* The token of the last one is left behind the breaker. */
static void fail_and_take(unsigned char* memory) {
  seawall_circuit_breaker* found = NULL;
  uint64_t token = 0;
  CHECK(seawall_circuit_breaker_attach(memory, SIZE, &found, NULL) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(found, 0, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  CHECK(seawall_circuit_breaker_report(found, token, SEAWALL_OUTCOME_FAILURE, 0) >= 0);
  CHECK(seawall_circuit_breaker_try_acquire(found, 0, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  memcpy(memory + SIZE, &token, sizeof token);
}

static void breaker(void) {
  unsigned char* memory = fresh();
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_circuit_breaker_options options;
  seawall_circuit_breaker *made = NULL, *found = NULL;
  seawall_token_bucket* no_bucket = NULL;
  CHECK(seawall_circuit_breaker_options_init(&options) == SEAWALL_OK);
  options.failure_threshold = -7;
  CHECK(seawall_circuit_breaker_new_in(&options, memory, SIZE, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  options.failure_threshold = 2;
  CHECK(seawall_circuit_breaker_attach(memory, SIZE, &found, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(found == NULL && strstr(error.message, "no object of this type") != NULL);
  CHECK(seawall_circuit_breaker_attach(memory, SIZE, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_in(&options, memory + 8, SIZE, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_in(&options, memory, 128, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_in(&options, memory, SIZE, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_in(&options, memory, SIZE, 0, &made, NULL) == SEAWALL_OK);
  CHECK(seawall_token_bucket_attach(memory, SIZE, &no_bucket, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  in_killed_process(fail_and_take);
  uint64_t token = 0;
  memcpy(&token, memory + SIZE, sizeof token);
  CHECK(seawall_circuit_breaker_report(made, token, SEAWALL_OUTCOME_FAILURE, 0) >= 0);
  seawall_circuit_breaker_free(made); /* the handle, not the breaker */
  CHECK(seawall_circuit_breaker_attach(memory, SIZE, &found, NULL) == SEAWALL_OK);
  int64_t retry_after = 0;
  CHECK(seawall_circuit_breaker_try_acquire(found, 0, &token, &retry_after) == SEAWALL_BREAKER_REFUSED);
  CHECK(retry_after > 0);
  seawall_circuit_breaker_free(found);
  munmap(memory, SIZE + 64);
}

int main(void) {
  test_token_bucket();
  test_fixed_window();
  test_sliding_window();
  test_leased_token_bucket();
  breaker();
  fclose(file);
  return check_result();
}
