/* SPDX-License-Identifier: MIT
 * A store of the test's own server. */
#pragma once
#include "redis_server.h"
/* first, for _GNU_SOURCE */
#include "capi/check.h"
#include "seawall_redis_c.h"

static seawall_redis_store* open_store(uint16_t port, const char* password, int64_t deadline_ns) {
  char endpoints[64];
  seawall_redis_store_options options;
  seawall_redis_store* store = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  snprintf(endpoints, sizeof endpoints, "127.0.0.1:%u", (unsigned)port);
  seawall_redis_store_options_init(&options);
  options.endpoints.data = endpoints;
  options.endpoints.size = SEAWALL_TEXT;
  options.password.data = password;
  options.password.size = strlen(password);
  options.deadline_ns = deadline_ns;
  options.silence_ns = INT64_C(120000000000);
  options.reconnect_max_ns = INT64_C(20000000);
  CHECK(seawall_redis_store_new(&options, &store, &error) == SEAWALL_OK);
  return store;
}

static seawall_redis_store_stats stats_of(seawall_redis_store* store) {
  seawall_redis_store_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK(seawall_redis_store_get_stats(store, &stats) == SEAWALL_OK);
  return stats;
}

static void wait_until_up(seawall_redis_store* store) {
  for (int i = 0; i < 12000 && !stats_of(store).up; ++i) short_sleep();
  CHECK(stats_of(store).up == 1);
}
