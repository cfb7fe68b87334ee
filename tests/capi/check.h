/* SPDX-License-Identifier: MIT
 * The whole test framework of the C tests: CHECK prints what failed and goes on; main returns check_result(). */
#pragma once
#include <stdio.h>
#include <string.h>

static int check_failures = 0;
static int check_count = 0;

#define CHECK(condition)                                                            \
  do {                                                                              \
    ++check_count;                                                                  \
    if (!(condition)) {                                                             \
      ++check_failures;                                                             \
      fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                               \
  } while (0)

static int check_result(void) {
  printf("%d checks, %d failed\n", check_count, check_failures);
  return check_count == 0 || check_failures != 0;
}
