/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

static void check_clock(int32_t trust) {
  seawall_clock_options options;
  seawall_clock* clock = NULL;
  int64_t before, now;
  int round;
  CHECK(seawall_clock_options_init(&options) == SEAWALL_OK);
  options.trust = trust;
  CHECK(seawall_clock_new(&options, &clock, NULL) == SEAWALL_OK);
  before = seawall_clock_now_ns(clock);
  for (round = 0; round < 1000; ++round) {
    now = seawall_clock_now_ns(clock);
    CHECK(now >= before);
    before = now;
  }
  CHECK(seawall_clock_source(clock) == SEAWALL_CLOCK_MONOTONIC ||
        (trust != SEAWALL_CLOCK_TRUST_NEVER && seawall_clock_source(clock) == SEAWALL_CLOCK_COUNTER));
  seawall_clock_free(clock);
}

int main(void) {
  seawall_clock* clock = NULL;
  seawall_clock_options options;
  seawall_error error = SEAWALL_ERROR_INIT;
  int64_t before;
  check_clock(SEAWALL_CLOCK_TRUST_KERNEL);
  check_clock(SEAWALL_CLOCK_TRUST_NEVER);
  check_clock(SEAWALL_CLOCK_TRUST_ALWAYS);

  seawall_clock_options_init(&options);
  options.trust = 3;
  CHECK(seawall_clock_new(&options, &clock, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(clock == NULL && strstr(error.message, "trust") != NULL);
  CHECK(seawall_clock_new_from_json("{\"trust\": -1}", SEAWALL_TEXT, &clock, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_clock_new_from_json("{\"trust\": 1}", SEAWALL_TEXT, &clock, &error) == SEAWALL_OK);
  CHECK(seawall_clock_source(clock) == SEAWALL_CLOCK_MONOTONIC);
  seawall_clock_free(clock);

  /* Without a clock there still is a time. */
  before = seawall_now_ns();
  CHECK(seawall_clock_now_ns(NULL) >= before);
  CHECK(seawall_clock_source(NULL) == SEAWALL_E_WRONG_HANDLE);
  return check_result();
}
