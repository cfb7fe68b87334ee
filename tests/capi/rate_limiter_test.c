/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

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

static void keyed_place(int32_t kind) {
  seawall_keyed_limiter_options options;
  seawall_keyed_limiter* users = NULL;
  seawall_decision d = SEAWALL_DECISION_INIT;
  const seawall_limit_key ann = {"ann", 3, 0}, seven = {NULL, 0, 7};
  uint64_t at_ann = 0, at_seven = 0, again = 0;
  CHECK(seawall_keyed_limiter_options_init(&options) == SEAWALL_OK);
  options.kind = kind;
  options.permits = 3;
  options.period_ns = 12 * SECOND;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_place_of(users, &ann, &at_ann) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_place_of(users, &seven, &at_seven) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_place_of(users, &ann, &again) == SEAWALL_OK && again == at_ann && at_seven != at_ann);
  CHECK(seawall_keyed_limiter_peek_place(users, at_ann, 0, 3, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_place(users, at_ann, 0, 2, &d) == SEAWALL_ALLOWED);
  CHECK(d.remaining == 1 && d.charge_permits == 2);
  /* It is the key that the other verbs know by its text. */
  CHECK(seawall_keyed_limiter_peek(users, "ann", 3, 0, 2, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_try_acquire(users, "ann", 3, 0, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_place(users, at_ann, 0, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_peek_place(users, at_ann, 0, 4, NULL) == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_place(users, at_ann, 0, -1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_try_acquire_place(users, at_seven, SEAWALL_NOW, 3, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_refund_place(users, at_ann, 0, &d) == 2 && d.charge_permits == 0);
  CHECK(seawall_keyed_limiter_refund_place(users, at_ann, 0, &d) == 0);
  CHECK(seawall_keyed_limiter_peek(users, "ann", 3, 0, 2, NULL) == SEAWALL_ALLOWED);
  /* Any number is somebody's. */
  for (uint64_t bits = 0; bits < 64; ++bits) {
    CHECK(seawall_keyed_limiter_peek_place(users, UINT64_MAX >> bits, 0, 1, NULL) >= 0);
    CHECK(seawall_keyed_limiter_try_acquire_place(users, UINT64_MAX << bits, 0, 0, NULL) == SEAWALL_ALLOWED);
  }
  CHECK(seawall_keyed_limiter_try_acquire_place(users, 0, 0, 0, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_place_of(users, NULL, &again) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_place_of(users, &ann, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_place_of(NULL, &ann, &again) == SEAWALL_E_WRONG_HANDLE);
  seawall_keyed_limiter_free(users);
}

static seawall_keyed_limiter* keyed_of(int32_t kind, int64_t permits) {
  seawall_keyed_limiter_options options;
  CHECK(seawall_keyed_limiter_options_init(&options) == SEAWALL_OK);
  options.kind = kind;
  options.permits = permits;
  options.period_ns = 12 * SECOND;
  options.memory_bytes = 8192;
  seawall_keyed_limiter* users = NULL;
  CHECK(seawall_keyed_limiter_new(&options, 0, &users, NULL) == SEAWALL_OK);
  return users;
}

static void keyed_batch(int32_t kind) {
  enum { KEYS = 40 };
  seawall_keyed_limiter* users = keyed_of(kind, 3);
  seawall_limit_key keys[KEYS] = {{"ann", 3, 0}, {NULL, 0, 7}, {"7", SEAWALL_TEXT, 0}, {"ann", SEAWALL_TEXT, 9}};
  uint64_t ids[KEYS];
  seawall_decision decisions[KEYS];
  for (int i = 0; i < KEYS; ++i) {
    const seawall_decision d = SEAWALL_DECISION_INIT;
    decisions[i] = d;
    if (i >= 4) keys[i].id = 7;
    ids[i] = 7;
  }
  CHECK(seawall_keyed_limiter_try_acquire_batch(users, keys, 4, 0, 2, decisions) == 3);
  CHECK(decisions[0].answer == SEAWALL_ALLOWED && decisions[0].remaining == 1 && decisions[0].charge_permits == 2);
  CHECK(decisions[2].answer == SEAWALL_ALLOWED && decisions[3].answer == SEAWALL_DENIED);
  CHECK(decisions[3].retry_after_ns > 0 && decisions[4].answer == 0 && decisions[4].limit == 0);
  CHECK(seawall_keyed_limiter_refund_id(users, 7, 0, &decisions[1]) == 2);
  CHECK(seawall_keyed_limiter_try_acquire_batch(users, keys, KEYS, 0, 1, decisions) == 2 + 3);
  CHECK(seawall_keyed_limiter_try_acquire_batch_id(users, ids, KEYS, 0, 1, decisions) == 0);
  CHECK(decisions[KEYS - 1].answer == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_try_acquire_batch_id(users, ids, KEYS, SEAWALL_NOW, 1, decisions) == 3);
  CHECK(seawall_keyed_limiter_try_acquire_batch_id(users, ids, KEYS, 0, 9, decisions) == 0);
  CHECK(decisions[20].answer == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_batch_id(users, NULL, 0, 0, 1, NULL) == 0);
  CHECK(seawall_keyed_limiter_try_acquire_batch_id(users, NULL, 1, 0, 1, decisions) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_try_acquire_batch(users, keys, 1, 0, 1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_try_acquire_batch(users, keys, 1, 0, -1, decisions) == SEAWALL_E_INVALID_ARGUMENT);
  decisions[3].struct_size = 0;
  CHECK(seawall_keyed_limiter_try_acquire_batch(users, keys, 4, 0, 1, decisions) == SEAWALL_E_INVALID_ARGUMENT);

  seawall_clock* clock = NULL;
  CHECK(seawall_clock_new(NULL, &clock, NULL) == SEAWALL_OK);
  const seawall_limit_key bob = {"bob", 3, 0};
  CHECK(seawall_keyed_limiter_try_acquire_with(users, &bob, clock, 3, &decisions[0]) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_with(users, &bob, clock, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_try_acquire_with(users, NULL, clock, 1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_try_acquire_with(users, &bob, NULL, 1, NULL) == SEAWALL_E_WRONG_HANDLE);
  seawall_clock_free(clock);
  seawall_keyed_limiter_free(users);
}

static void keyed_saved(int32_t kind) {
  unsigned char bytes[4096];
  size_t needed = 0;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_keyed_limiter* users = keyed_of(kind, 3);
  CHECK(seawall_keyed_limiter_try_acquire(users, "ann", 3, 0, 2, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_save(users, 0, NULL, 0, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed > 0 && needed <= sizeof bytes);
  CHECK(seawall_keyed_limiter_save(users, 0, bytes, needed - 1, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_keyed_limiter_save(users, 0, bytes, sizeof bytes, &needed) == SEAWALL_OK);
  seawall_keyed_limiter* back = keyed_of(kind, 3);
  CHECK(seawall_keyed_limiter_restore(back, bytes, needed - 1, 0, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "saved bytes") != NULL);
  CHECK(seawall_keyed_limiter_restore(back, NULL, needed, 0, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_restore(back, bytes, needed, 0, 0, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_try_acquire(back, "ann", 3, 0, 2, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_try_acquire(back, "ann", 3, 0, 1, NULL) == SEAWALL_ALLOWED);
  seawall_keyed_limiter* later = keyed_of(kind, 3);
  CHECK(seawall_keyed_limiter_restore(later, bytes, needed, 0, 100 * SECOND, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_try_acquire(later, "ann", 3, 0, 3, NULL) == SEAWALL_ALLOWED);
  seawall_keyed_limiter_free(later);
  seawall_keyed_limiter_free(back);
  seawall_keyed_limiter_free(users);
}

static void keyed_change(int32_t kind) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_keyed_limiter* old = keyed_of(kind, 4);
  seawall_keyed_limiter* fresh = keyed_of(kind, 40);
  seawall_keyed_limiter* other = keyed_of(1 - kind, 40);
  seawall_decision d = SEAWALL_DECISION_INIT;
  CHECK(seawall_keyed_limiter_try_acquire(old, "ann", 3, 0, 1, NULL) == SEAWALL_ALLOWED);
  const seawall_limit_key ann = {"ann", 3, 0};
  uint64_t before = 0, at_old = 0, after = 0;
  CHECK(seawall_keyed_limiter_place_of(fresh, &ann, &before) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_place_of(old, &ann, &at_old) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_take_over(fresh, old, SEAWALL_CHANGE_PROPORTIONAL, 0, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_place_of(fresh, &ann, &after) == SEAWALL_OK && after == at_old && after != before);
  CHECK(seawall_keyed_limiter_peek_place(fresh, at_old, 0, 31, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_peek(fresh, "ann", 3, 0, 0, &d) == SEAWALL_ALLOWED && d.remaining == 30);
  CHECK(seawall_keyed_limiter_take_over(fresh, old, 3, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "how must be from 0 to 2, not 3") == 0);
  CHECK(seawall_keyed_limiter_take_over(fresh, fresh, 0, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_take_over(fresh, other, 0, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_take_over(fresh, NULL, 0, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  seawall_keyed_limiter_free(other);
  seawall_keyed_limiter_free(fresh);
  seawall_keyed_limiter_free(old);
}

static void keyed_in_memory_of_others(int32_t kind) {
  size_t size = 0;
  CHECK(seawall_keyed_limiter_memory_for(kind, 100, &size) == SEAWALL_OK);
  CHECK(size >= 2400 && size < 40000);
  CHECK(seawall_keyed_limiter_memory_for(2, 100, &size) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_memory_for(kind, (size_t)-1, &size) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_memory_for(kind, 100, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  unsigned char* whole = (unsigned char*)calloc(1, size + 64);
  unsigned char* memory = whole + (64 - (uintptr_t)whole % 64) % 64;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_keyed_limiter_options options;
  seawall_keyed_limiter* made = NULL;
  seawall_keyed_limiter* found = NULL;
  CHECK(seawall_keyed_limiter_options_init(&options) == SEAWALL_OK);
  options.kind = kind;
  options.permits = 3;
  options.period_ns = 12 * SECOND;
  CHECK(seawall_keyed_limiter_attach(kind, memory, size, &found, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(found == NULL && strstr(error.message, "no keyed limiter") != NULL);
  CHECK(seawall_keyed_limiter_new_in(&options, memory + 8, size - 8, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new_in(&options, NULL, size, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new_in(&options, memory, 64, 0, &made, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_new_in(&options, memory, size, 0, &made, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_attach(1 - kind, memory, size, &found, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_attach(2, memory, size, &found, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_attach(kind, memory, size, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_limiter_attach(kind, memory, size, &found, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_try_acquire(made, "ann", 3, 0, 3, NULL) == SEAWALL_ALLOWED);
  seawall_keyed_limiter_free(made); /* the handle, not the table */
  CHECK(seawall_keyed_limiter_try_acquire(found, "ann", 3, 0, 1, NULL) == SEAWALL_DENIED);
  seawall_keyed_limiter_free(found);
  free(whole);
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
  for (int32_t kind = SEAWALL_KIND_TOKEN_BUCKET; kind <= SEAWALL_KIND_SLIDING_WINDOW; ++kind) {
    keyed_place(kind);
    keyed_batch(kind);
    keyed_saved(kind);
    keyed_change(kind);
    keyed_in_memory_of_others(kind);
  }
  nulls();
  return check_result();
}
