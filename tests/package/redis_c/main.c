/* SPDX-License-Identifier: MIT
 * Uses libseawall_redis.so as installed; no server is needed to be refused by the policy. */
#include <seawall_redis_c.h>
#include <stdio.h>

int main(void) {
  seawall_redis_store* store = NULL;
  seawall_redis_limiter* users = NULL;
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  if (seawall_redis_store_new_from_json("{\"endpoints\": \"127.0.0.1:1\"}", SEAWALL_TEXT, &store, NULL) != 0) return 1;
  if (seawall_redis_store_new_limiter_from_json(
          store, "{\"name\": \"user\", \"permits\": 1, \"period_ns\": 3600000000000}", SEAWALL_TEXT, &users, NULL) != 0)
    return 2;
  if (seawall_redis_limiter_try_acquire(users, "ann", 3, 1, &decision) != SEAWALL_ALLOWED) return 3;
  if (seawall_redis_limiter_try_acquire(users, "ann", 3, 1, &decision) != SEAWALL_DENIED) return 4;
  if (decision.decided_by != SEAWALL_REDIS_BY_POLICY) return 5;
  seawall_redis_limiter_free(users);
  seawall_redis_store_free(store);
  puts("libseawall_redis.so: the local share decides");
  return 0;
}
