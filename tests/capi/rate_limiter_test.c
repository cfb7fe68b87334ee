/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)

static void token_bucket(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_token_bucket_options options;
  CHECK(seawall_token_bucket_options_init(&options) == SEAWALL_OK);
  options.permits = 10;
  options.period_ns = SECOND;
  seawall_token_bucket* bucket = NULL;
  CHECK(seawall_token_bucket_new(&options, 0, &bucket, &error) == SEAWALL_OK);
  seawall_decision d = SEAWALL_DECISION_INIT;
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 10, &d) == SEAWALL_ALLOWED);
  CHECK(d.limit == 10 && d.remaining == 0 && d.retry_after_ns == 0 && d.reset_after_ns == SECOND);
  seawall_decision refused = SEAWALL_DECISION_INIT;
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 1, &refused) == SEAWALL_DENIED);
  CHECK(refused.retry_after_ns == SECOND / 10 && refused.charge_permits == 0);
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 11, &refused) == SEAWALL_NEVER_ALLOWED);
  CHECK(refused.retry_after_ns == SEAWALL_NEVER && refused.answer == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_token_bucket_refund(bucket, 0, &d) == 10);
  CHECK(seawall_token_bucket_refund(bucket, 0, &d) == 0); /* once */
  CHECK(seawall_token_bucket_peek(bucket, 0, 10, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, -1, &d) == SEAWALL_E_INVALID_ARGUMENT);
  d.struct_size = 0;
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 1, &d) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_refund(bucket, 0, &d) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_try_acquire(bucket, SEAWALL_NOW, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_sliding_window_try_acquire((seawall_sliding_window*)bucket, 0, 1, NULL) == SEAWALL_E_WRONG_HANDLE);
  seawall_token_bucket_free(bucket);

  options.permits = -1;
  CHECK(seawall_token_bucket_new(&options, 0, &bucket, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(bucket == NULL);
  CHECK(strcmp(error.message, "permits must be from 1 to 1000000000, not -1") == 0);
  CHECK(seawall_token_bucket_new_from_json("{\"permits\": 5, \"period_ns\": 1000, \"burst\": 2}", SEAWALL_TEXT, 0,
                                           &bucket, &error) == SEAWALL_OK);
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 3, NULL) == SEAWALL_NEVER_ALLOWED);
  seawall_token_bucket_free(bucket);
  CHECK(seawall_token_bucket_new_from_json("{\"rate\": 5}", SEAWALL_TEXT, 0, &bucket, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "rate") != NULL);
}

static void sliding_window(void) {
  seawall_sliding_window_options options;
  CHECK(seawall_sliding_window_options_init(&options) == SEAWALL_OK);
  options.permits = 2;
  options.period_ns = 12 * SECOND;
  seawall_sliding_window* window = NULL;
  CHECK(seawall_sliding_window_new(&options, 0, &window, NULL) == SEAWALL_OK);
  seawall_decision d = SEAWALL_DECISION_INIT;
  CHECK(seawall_sliding_window_try_acquire(window, 0, 2, &d) == SEAWALL_ALLOWED);
  seawall_decision refused = SEAWALL_DECISION_INIT;
  CHECK(seawall_sliding_window_try_acquire(window, 0, 1, &refused) == SEAWALL_DENIED);
  CHECK(refused.retry_after_ns == 13 * SECOND);
  CHECK(seawall_sliding_window_peek(window, 13 * SECOND, 2, NULL) == SEAWALL_ALLOWED);
  d.charge_permits = 1; /* a part */
  CHECK(seawall_sliding_window_refund(window, 0, &d) == 1);
  CHECK(seawall_sliding_window_peek(window, 0, 1, &refused) == SEAWALL_ALLOWED);
  CHECK(refused.remaining == 1);
  seawall_sliding_window_free(window);
  options.sub_windows = 99;
  CHECK(seawall_sliding_window_new(&options, 0, &window, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sliding_window_new_from_json("{\"permits\": 1, \"period_ns\": 1000, \"sub_windows\": 4}", SEAWALL_TEXT,
                                             0, &window, NULL) == SEAWALL_OK);
  seawall_sliding_window_free(window);
}

static void keyed_allow(void) {
  const char json[] = "{\"kind\": 1, \"permits\": 2, \"period_ns\": 86400000000000}";
  seawall_keyed_limiter* users = NULL;
  CHECK(seawall_keyed_limiter_new_from_json(json, sizeof json - 1, SEAWALL_NOW, &users, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_allow(users, "ann", 3) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire(users, "ann", 3, SEAWALL_NOW, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_allow(users, "ann", SEAWALL_TEXT) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_allow(users, "bob", 3) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_allow(users, NULL, 1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_allow(NULL, "ann", 3) == SEAWALL_E_WRONG_HANDLE);
  seawall_keyed_limiter_free(users);
}

static void keyed_limiter(int32_t kind) {
  seawall_keyed_limiter_options options;
  CHECK(seawall_keyed_limiter_options_init(&options) == SEAWALL_OK);
  options.kind = kind;
  options.permits = 3;
  options.period_ns = 12 * SECOND;
  options.memory_bytes = 4096;
  seawall_keyed_limiter* users = NULL;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_OK);
  seawall_decision d = SEAWALL_DECISION_INIT;
  CHECK(seawall_keyed_limiter_try_acquire(users, "ann", 3, 0, 3, &d) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire(users, "ann", SEAWALL_TEXT, 0, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_try_acquire(users, "bob", 3, 0, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_id(users, 7, 0, 3, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_peek_id(users, 7, 0, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_peek(users, "7", 1, 0, 1, NULL) == SEAWALL_ALLOWED);
  seawall_keyed_stats stats = {0};
  CHECK(seawall_keyed_limiter_stats(users, 0, &stats) == SEAWALL_E_INVALID_ARGUMENT);
  stats.struct_size = (uint32_t)sizeof stats;
  CHECK(seawall_keyed_limiter_stats(users, 0, &stats) == SEAWALL_OK);
  CHECK(stats.keys_active == 3 && stats.memory_bytes <= 4096 && stats.capacity >= 28);
  CHECK(seawall_keyed_limiter_refund(users, "ann", 3, 0, &d) == 3);
  CHECK(seawall_keyed_limiter_refund_id(users, 9, 0, &d) == 0);
  CHECK(seawall_keyed_limiter_stats(users, 0, &stats) == SEAWALL_OK);
  CHECK(stats.keys_active == 2);
  CHECK(seawall_keyed_limiter_try_acquire(users, NULL, 3, 0, 1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_try_acquire(users, NULL, 0, 0, 1, NULL) == SEAWALL_ALLOWED); /* the empty key */
  seawall_keyed_limiter_free(users);

  options.kind = 2;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  options.kind = kind;
  options.when_full = -1;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  options.when_full = 0;
  options.memory_bytes = 1;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(
      seawall_keyed_limiter_new_from_json("{\"kind\": 1, \"permits\": 2, \"period_ns\": 1000, \"memory_bytes\": 65536,"
                                          " \"seed\": 1, \"when_full\": 1}",
                                          SEAWALL_TEXT, 0, &users, NULL) == SEAWALL_OK);
  seawall_keyed_limiter_free(users);
}

static void nulls(void) {
  seawall_decision d = SEAWALL_DECISION_INIT;
  seawall_keyed_stats stats = {0};
  CHECK(seawall_token_bucket_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sliding_window_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_new(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sliding_window_new(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_token_bucket* bucket = NULL;
  CHECK(seawall_token_bucket_new_from_json(NULL, 1, 0, &bucket, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sliding_window_new_from_json(NULL, 1, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new_from_json(NULL, 1, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_try_acquire(NULL, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_token_bucket_peek(NULL, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_token_bucket_refund(NULL, 0, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_sliding_window_try_acquire(NULL, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_sliding_window_peek(NULL, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_sliding_window_refund(NULL, 0, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_try_acquire(NULL, "a", 1, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_try_acquire_id(NULL, 1, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_peek(NULL, "a", 1, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_peek_id(NULL, 1, 0, 1, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_refund(NULL, "a", 1, 0, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_refund_id(NULL, 1, 0, &d) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_keyed_limiter_stats(NULL, 0, &stats) == SEAWALL_E_WRONG_HANDLE);
  seawall_token_bucket_free(NULL);
  seawall_sliding_window_free(NULL);
  seawall_keyed_limiter_free(NULL);
}

/* Handles of another type lie where no limiter could: looking at their tag must be defined all the same (asan preset).
 */
static void wrong_handles(void) {
  seawall_circuit_breaker* breakers[8];
  for (int i = 0; i < 8; ++i) {
    CHECK(seawall_circuit_breaker_new(NULL, 0, &breakers[i], NULL) == SEAWALL_OK);
    CHECK(seawall_token_bucket_peek((seawall_token_bucket*)breakers[i], 0, 1, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_sliding_window_peek((seawall_sliding_window*)breakers[i], 0, 1, NULL) == SEAWALL_E_WRONG_HANDLE);
    seawall_token_bucket_free((seawall_token_bucket*)breakers[i]); /* nothing */
  }
  for (int i = 0; i < 8; ++i) seawall_circuit_breaker_free(breakers[i]);
}

/* A struct_size that was never set is refused before anything behind the struct is read. */
static void struct_size_never_set(void) {
  seawall_token_bucket_options options;
  seawall_token_bucket* bucket = NULL;
  CHECK(seawall_token_bucket_options_init(&options) == SEAWALL_OK);
  options.permits = 5;
  options.period_ns = SECOND;
  options.struct_size = UINT32_MAX;
  CHECK(seawall_token_bucket_new(&options, 0, &bucket, NULL) == SEAWALL_E_INVALID_ARGUMENT);
}

/* A limit has no default. */
static void quota_is_required(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_token_bucket* bucket = NULL;
  seawall_sliding_window* window = NULL;
  seawall_keyed_limiter* users = NULL;
  seawall_token_bucket_options bucket_options;
  seawall_sliding_window_options window_options;
  seawall_keyed_limiter_options users_options;
  seawall_token_bucket_options_init(&bucket_options);
  seawall_sliding_window_options_init(&window_options);
  seawall_keyed_limiter_options_init(&users_options);
  CHECK(seawall_token_bucket_new(&bucket_options, 0, &bucket, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(bucket == NULL && strstr(error.message, "permits") != NULL);
  CHECK(seawall_sliding_window_new(&window_options, 0, &window, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(window == NULL && strstr(error.message, "permits") != NULL);
  CHECK(seawall_keyed_limiter_new(&users_options, 0, &users, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(users == NULL && strstr(error.message, "permits") != NULL);
  bucket_options.permits = window_options.permits = users_options.permits = 5;
  CHECK(seawall_token_bucket_new(&bucket_options, 0, &bucket, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "period_ns") != NULL);
  CHECK(seawall_sliding_window_new(&window_options, 0, &window, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "period_ns") != NULL);
  CHECK(seawall_keyed_limiter_new(&users_options, 0, &users, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "period_ns") != NULL);
  CHECK(seawall_token_bucket_new(NULL, 0, &bucket, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sliding_window_new_from_json("{}", 2, 0, &window, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new_from_json("{\"permits\": 5}", SEAWALL_TEXT, 0, &users, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "period_ns") != NULL);
}

int main(void) {
  quota_is_required();
  wrong_handles();
  struct_size_never_set();
  token_bucket();
  sliding_window();
  keyed_allow();
  keyed_limiter(SEAWALL_KIND_TOKEN_BUCKET);
  keyed_limiter(SEAWALL_KIND_SLIDING_WINDOW);
  nulls();
  return check_result();
}
