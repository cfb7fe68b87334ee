/* SPDX-License-Identifier: MIT */
/* Reservations, settlement and changes of limit through the C API; the tables of tests/vectors run through Python. */
#include "check.h"
#include "seawall_c.h"

static void reservations(void) {
  seawall_token_bucket_options options;
  seawall_token_bucket_options_init(&options);
  options.permits = 10;
  options.period_ns = 1000000000;
  seawall_token_bucket* bucket = NULL;
  CHECK(seawall_token_bucket_new(&options, 0, &bucket, NULL) == SEAWALL_OK);

  seawall_reservation turn = SEAWALL_RESERVATION_INIT;
  CHECK(seawall_token_bucket_reserve(bucket, 0, 10, SEAWALL_NEVER, &turn) == SEAWALL_ALLOWED);
  CHECK(turn.delay_ns == 0 && turn.limit == 10);
  CHECK(seawall_token_bucket_reserve(bucket, 0, 5, 499999999, &turn) == SEAWALL_DENIED);
  CHECK(turn.delay_ns == 500000000);
  CHECK(seawall_token_bucket_acquire_until(bucket, 0, 499999999, 5, &turn) == SEAWALL_DENIED);
  CHECK(seawall_token_bucket_acquire_until(bucket, 0, 500000000, 5, &turn) == SEAWALL_ALLOWED);
  CHECK(seawall_token_bucket_cancel(bucket, 0, &turn) == 5);
  CHECK(seawall_token_bucket_cancel(bucket, 0, &turn) == 0);
  CHECK(seawall_token_bucket_reserve(bucket, 0, 11, SEAWALL_NEVER, &turn) == SEAWALL_NEVER_ALLOWED);
  CHECK(turn.delay_ns == SEAWALL_NEVER);

  CHECK(seawall_token_bucket_reserve(bucket, 0, -1, 0, &turn) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_reserve(bucket, 0, 1, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  turn.struct_size = 8;
  CHECK(seawall_token_bucket_reserve(bucket, 0, 1, 0, &turn) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_cancel(bucket, 0, &turn) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_token_bucket_free(bucket);
}

static void settlement_and_change(void) {
  seawall_fixed_window_options options;
  seawall_fixed_window_options_init(&options);
  options.permits = 10;
  options.period_ns = 1000000000;
  seawall_fixed_window* window = NULL;
  CHECK(seawall_fixed_window_new(&options, 0, &window, NULL) == SEAWALL_OK);

  seawall_decision decision = SEAWALL_DECISION_INIT;
  seawall_settlement done = SEAWALL_SETTLEMENT_INIT;
  CHECK(seawall_fixed_window_try_acquire(window, 0, 4, &decision) == SEAWALL_ALLOWED);
  CHECK(seawall_fixed_window_settle(window, 0, &decision, 1, 0, &done) == SEAWALL_OK);
  CHECK(done.refunded == 3 && done.charged == 0 && done.unpaid == 0);
  CHECK(decision.charge_permits == 1);
  CHECK(seawall_fixed_window_settle(window, 0, &decision, 20, 5, NULL) == SEAWALL_OK);
  CHECK(decision.charge_permits == 15);
  CHECK(seawall_fixed_window_settle(window, 0, &decision, -1, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_fixed_window_settle(window, 0, NULL, 1, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);

  seawall_error error = SEAWALL_ERROR_INIT;
  options.permits = 20;
  CHECK(seawall_fixed_window_change_limit(window, &options, 3, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_fixed_window_change_limit(window, &options, SEAWALL_CHANGE_RESET, 0, NULL) == SEAWALL_LIMIT_CHANGED);
  CHECK(seawall_fixed_window_peek(window, 0, 20, &decision) == SEAWALL_ALLOWED);
  CHECK(seawall_fixed_window_change_limit_from_json(window, "{\"permits\": 1, \"period_ns\": 5}", SEAWALL_TEXT,
                                                    SEAWALL_CHANGE_KEEP, 0, &error) == SEAWALL_LIMIT_CHANGED);
  CHECK(seawall_fixed_window_change_limit_from_json(window, "{}", SEAWALL_TEXT, SEAWALL_CHANGE_KEEP, 0, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_fixed_window_change_limit(NULL, &options, 0, 0, &error) == SEAWALL_E_WRONG_HANDLE);
  seawall_fixed_window_free(window);
}

static void at_most(void) {
  seawall_token_bucket_options options;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_token_bucket_options_at_most(&options, 100, 60000000000, 20, &error) == SEAWALL_OK);
  CHECK(options.permits == 80 && options.burst == 20 && options.period_ns == 60000000000);
  CHECK(seawall_token_bucket_options_at_most(&options, 100, 60000000000, 100, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_token_bucket_options_at_most(NULL, 100, 1, 1, &error) == SEAWALL_E_INVALID_ARGUMENT);
}

static void leased(void) {
  seawall_leased_token_bucket* bucket = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  const char* json = "{\"permits\": 200, \"period_ns\": 1000000000, \"burst\": 181, \"batch\": 5}";
  CHECK(seawall_leased_token_bucket_new_from_json(json, SEAWALL_TEXT, 0, &bucket, &error) == SEAWALL_OK);
  int taken = 0;
  while (seawall_leased_token_bucket_try_acquire(bucket, 0, 1, NULL) == SEAWALL_ALLOWED) ++taken;
  CHECK(taken == 100);
  seawall_reservation turn = SEAWALL_RESERVATION_INIT;
  CHECK(seawall_leased_token_bucket_reserve(bucket, 0, 2, SEAWALL_NEVER, &turn) == SEAWALL_ALLOWED);
  CHECK(turn.delay_ns == 10000000);
  CHECK(seawall_leased_token_bucket_cancel(bucket, 0, &turn) == 2);
  const char* smaller = "{\"permits\": 200, \"period_ns\": 1000000000, \"burst\": 181, \"batch\": 4}";
  CHECK(seawall_leased_token_bucket_change_limit_from_json(bucket, smaller, SEAWALL_TEXT, SEAWALL_CHANGE_KEEP, 0,
                                                           &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_leased_token_bucket_free(bucket);
}

static void sliding_window(void) {
  seawall_sliding_window_options options;
  seawall_sliding_window_options_init(&options);
  options.permits = 10;
  options.period_ns = 12000000000;
  seawall_sliding_window* window = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  options.mode = 2;
  CHECK(seawall_sliding_window_new(&options, 0, &window, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options.mode = SEAWALL_WINDOW_STRICT;
  CHECK(seawall_sliding_window_new(&options, 0, &window, &error) == SEAWALL_OK);
  seawall_decision decision = SEAWALL_DECISION_INIT;
  seawall_reservation turn = SEAWALL_RESERVATION_INIT;
  CHECK(seawall_sliding_window_try_acquire(window, 0, 8, &decision) == SEAWALL_ALLOWED);
  CHECK(seawall_sliding_window_settle(window, 0, &decision, 10, 0, NULL) == SEAWALL_OK);
  CHECK(decision.charge_permits == 10);
  CHECK(seawall_sliding_window_acquire_until(window, 0, 12999999999, 1, &turn) == SEAWALL_DENIED);
  CHECK(seawall_sliding_window_reserve(window, 0, 1, SEAWALL_NEVER, &turn) == SEAWALL_ALLOWED);
  CHECK(turn.delay_ns == 13000000000);
  CHECK(seawall_sliding_window_cancel(window, 0, &turn) == 1);
  options.permits = 3;
  CHECK(seawall_sliding_window_change_limit(window, &options, SEAWALL_CHANGE_RESET, 0, &error) ==
        SEAWALL_LIMIT_CHANGED);
  CHECK(seawall_sliding_window_try_acquire(window, 0, 3, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.limit == 3 && decision.remaining == 0);
  CHECK(seawall_sliding_window_change_limit_from_json(window, "{\"permits\": 3, \"period_ns\": 5}", SEAWALL_TEXT,
                                                      SEAWALL_CHANGE_KEEP, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_sliding_window_free(window);
}

/* A refund answers permits; a negative number would be an error. */
static void large_refund(void) {
  seawall_token_bucket* bucket = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_token_bucket_new_from_json("{\"permits\": 1000000000, \"period_ns\": 1000000000}", SEAWALL_TEXT, 0,
                                           &bucket, &error) == SEAWALL_OK);
  seawall_decision decision = SEAWALL_DECISION_INIT;
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 1, &decision) == SEAWALL_ALLOWED);
  CHECK(seawall_token_bucket_settle(bucket, 0, &decision, 3000000000, 5000000000, NULL) == SEAWALL_OK);
  CHECK(decision.charge_permits == 3000000000);
  CHECK(seawall_token_bucket_refund(bucket, 0, &decision) == INT32_MAX);
  seawall_token_bucket_free(bucket);
}

int main(void) {
  large_refund();
  sliding_window();
  reservations();
  settlement_and_change();
  at_most();
  leased();
  return check_result();
}
