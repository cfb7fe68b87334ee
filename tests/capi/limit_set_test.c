/* SPDX-License-Identifier: MIT */
/* Several limits as one decision, and the HTTP fields, through the C API. */
#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)

static seawall_keyed_limiter* users;
static seawall_sliding_window* service;
static seawall_token_bucket* all;

static void make_limiters(void) {
  seawall_keyed_limiter_options user_options;
  seawall_keyed_limiter_options_init(&user_options);
  user_options.permits = 2;
  user_options.period_ns = 10 * SECOND;
  user_options.memory_bytes = 1 << 16;
  CHECK(seawall_keyed_limiter_new(&user_options, 0, &users, NULL) == SEAWALL_OK);
  seawall_sliding_window_options service_options;
  seawall_sliding_window_options_init(&service_options);
  service_options.permits = 3;
  service_options.period_ns = 12 * SECOND;
  service_options.sub_windows = 1;
  CHECK(seawall_sliding_window_new(&service_options, 0, &service, NULL) == SEAWALL_OK);
  seawall_token_bucket_options all_options;
  seawall_token_bucket_options_init(&all_options);
  all_options.permits = 100;
  all_options.period_ns = SECOND;
  CHECK(seawall_token_bucket_new(&all_options, 0, &all, NULL) == SEAWALL_OK);
}

static void free_limiters(void) {
  seawall_keyed_limiter_free(users);
  seawall_sliding_window_free(service);
  seawall_token_bucket_free(all);
}

static int64_t left_of_all(void) {
  seawall_decision decision = SEAWALL_DECISION_INIT;
  CHECK(seawall_token_bucket_peek(all, 0, 0, &decision) == SEAWALL_ALLOWED);
  return decision.remaining;
}

static void one_decision(void) {
  make_limiters();
  const void* limiters[] = {users, service, all};
  seawall_limit_set* set = NULL;
  CHECK(seawall_limit_set_new(limiters, 3, &set, NULL) == SEAWALL_OK);
  const seawall_limit_key ann = {"ann", SEAWALL_TEXT, 0};
  const seawall_limit_key seven = {NULL, 0, 7};
  seawall_decision decisions[] = {SEAWALL_DECISION_INIT, SEAWALL_DECISION_INIT, SEAWALL_DECISION_INIT};
  seawall_set_decision answer = SEAWALL_SET_DECISION_INIT;
  answer.decisions = decisions;
  answer.decision_count = 3;

  CHECK(seawall_limit_set_peek(set, &ann, 1, 0, 2, &answer) == SEAWALL_ALLOWED);
  CHECK(decisions[0].charge_permits == 0 && left_of_all() == 100);
  CHECK(seawall_limit_set_try_acquire(set, &ann, 1, 0, 2, &answer) == SEAWALL_ALLOWED);
  CHECK(answer.answer == SEAWALL_ALLOWED && answer.refused_by == -1 && answer.retry_after_ns == 0);
  CHECK(decisions[0].remaining == 0 && decisions[1].remaining == 1 && decisions[2].remaining == 98);
  CHECK(seawall_limit_set_try_acquire(set, &ann, 1, 0, 1, &answer) == SEAWALL_DENIED);
  CHECK(answer.refused_by == 0 && answer.retry_after_ns == 5 * SECOND);
  CHECK(decisions[0].answer == SEAWALL_DENIED && decisions[1].answer == SEAWALL_ALLOWED);
  CHECK(left_of_all() == 98);

  /* of the others only the service refuses */
  CHECK(seawall_limit_set_try_acquire(set, &seven, 1, 0, 2, &answer) == SEAWALL_DENIED);
  CHECK(answer.refused_by == 1 && answer.retry_after_ns == 24 * SECOND);
  CHECK(seawall_limit_set_try_acquire(set, &seven, 1, 0, 4, &answer) == SEAWALL_NEVER_ALLOWED);
  CHECK(answer.retry_after_ns == SEAWALL_NEVER);

  /* refunded as a whole, once */
  CHECK(seawall_limit_set_try_acquire(set, &seven, 1, 0, 1, &answer) == SEAWALL_ALLOWED);
  CHECK(left_of_all() == 97);
  CHECK(seawall_limit_set_refund(set, &seven, 1, 0, &answer) == SEAWALL_OK);
  CHECK(decisions[1].remaining == 1 && decisions[1].charge_permits == 0 && left_of_all() == 98);
  CHECK(seawall_limit_set_refund(set, &seven, 1, 0, &answer) == SEAWALL_OK);
  CHECK(left_of_all() == 98);
  CHECK(seawall_keyed_limiter_peek_id(users, 7, 0, 2, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_limit_set_try_acquire(set, &seven, 1, 0, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(left_of_all() == 97);
  seawall_limit_set_free(set);
  CHECK(left_of_all() == 97); /* borrowed */
  free_limiters();
}

static void every_type(void) {
  const char* json = "{\"permits\": 100, \"period_ns\": 1000000000}";
  seawall_leased_token_bucket* leased = NULL;
  seawall_fixed_window* fixed = NULL;
  seawall_keyed_limiter* windows = NULL;
  make_limiters();
  CHECK(seawall_leased_token_bucket_new_from_json(json, SEAWALL_TEXT, 0, &leased, NULL) == SEAWALL_OK);
  CHECK(seawall_fixed_window_new_from_json(json, SEAWALL_TEXT, 0, &fixed, NULL) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_new_from_json("{\"kind\": 1, \"permits\": 2, \"period_ns\": 1000000000}", SEAWALL_TEXT, 0,
                                            &windows, NULL) == SEAWALL_OK);
  const void* limiters[] = {users, windows, service, fixed, leased, all, all, all};
  const seawall_limit_key keys[] = {{"ann", 3, 0}, {"host", 4, 0}};
  seawall_limit_set* set = NULL;
  CHECK(seawall_limit_set_new(limiters, SEAWALL_LIMIT_SET_MOST, &set, NULL) == SEAWALL_OK);
  CHECK(seawall_limit_set_try_acquire(set, keys, 2, 0, 2, NULL) == SEAWALL_ALLOWED);
  CHECK(left_of_all() == 94);
  CHECK(seawall_keyed_limiter_peek(users, "ann", 3, 0, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_keyed_limiter_peek(windows, "host", 4, 0, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_fixed_window_peek(fixed, 0, 99, NULL) == SEAWALL_DENIED);
  CHECK(seawall_sliding_window_peek(service, 0, 2, NULL) == SEAWALL_DENIED);
  seawall_limit_set_free(set);
  seawall_leased_token_bucket_free(leased);
  seawall_fixed_window_free(fixed);
  seawall_keyed_limiter_free(windows);
  free_limiters();
}

static void wrong_arguments(void) {
  make_limiters();
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, NULL) == SEAWALL_OK);
  const void* limiters[SEAWALL_LIMIT_SET_MOST + 1] = {users, service, metrics};
  seawall_limit_set* set = (seawall_limit_set*)&error;
  CHECK(seawall_limit_set_new(limiters, 3, &set, &error) == SEAWALL_E_WRONG_HANDLE && set == NULL);
  CHECK(strcmp(error.message, "no live limiter at place 2") == 0);
  limiters[2] = NULL;
  CHECK(seawall_limit_set_new(limiters, 3, &set, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_limit_set_new(limiters, 0, &set, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_new(limiters, SEAWALL_LIMIT_SET_MOST + 1, &set, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_new(limiters, (size_t)-1, &set, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_new(NULL, 2, &set, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_new(limiters, 2, &set, &error) == SEAWALL_OK);

  const seawall_limit_key keys[] = {{"ann", 3, 0}, {"bob", 3, 0}};
  seawall_decision decisions[] = {SEAWALL_DECISION_INIT, SEAWALL_DECISION_INIT};
  seawall_set_decision answer = SEAWALL_SET_DECISION_INIT;
  CHECK(seawall_limit_set_try_acquire(set, keys, 2, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_try_acquire(set, NULL, 0, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_try_acquire(set, NULL, 1, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_try_acquire(set, keys, 1, 0, -1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_limit_set_try_acquire((seawall_limit_set*)users, keys, 1, 0, 1, &answer) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_limit_set_try_acquire(set, keys, 1, 0, 1, &answer) == SEAWALL_ALLOWED); /* no room is asked for */
  CHECK(seawall_limit_set_refund(set, keys, 1, 0, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  answer.decisions = decisions;
  answer.decision_count = 1;
  CHECK(seawall_limit_set_peek(set, keys, 1, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  answer.decision_count = 2;
  CHECK(seawall_limit_set_peek(set, keys, 1, 0, 1, &answer) == SEAWALL_ALLOWED);
  decisions[1].struct_size = 0;
  CHECK(seawall_limit_set_peek(set, keys, 1, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  decisions[0].struct_size = 8;
  CHECK(seawall_limit_set_peek(set, keys, 1, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  answer.struct_size = 8;
  CHECK(seawall_limit_set_peek(set, keys, 1, 0, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_limit_set_free(set);
  seawall_metrics_free(metrics);
  free_limiters();
}

/* A caller built against a header in which a decision has one field more. */
static void decisions_of_a_newer_caller(void) {
  typedef struct newer {
    seawall_decision known;
    int64_t unknown;
  } newer;
  newer decisions[2] = {{SEAWALL_DECISION_INIT, 5}, {SEAWALL_DECISION_INIT, 6}};
  seawall_set_decision answer = SEAWALL_SET_DECISION_INIT;
  seawall_limit_set* set = NULL;
  make_limiters();
  const void* limiters[] = {service, all};
  CHECK(seawall_limit_set_new(limiters, 2, &set, NULL) == SEAWALL_OK);
  decisions[0].known.struct_size = decisions[1].known.struct_size = (uint32_t)sizeof(newer);
  answer.decisions = &decisions[0].known;
  answer.decision_count = 2;
  CHECK(seawall_limit_set_try_acquire(set, NULL, 0, 0, 1, &answer) == SEAWALL_ALLOWED);
  CHECK(decisions[0].known.remaining == 2 && decisions[0].unknown == 5);
  CHECK(decisions[1].known.remaining == 99 && decisions[1].unknown == 6);
  seawall_limit_set_free(set);
  free_limiters();
}

static void headers(void) {
  seawall_decision user = SEAWALL_DECISION_INIT;
  seawall_decision everything = SEAWALL_DECISION_INIT;
  user.remaining = 150;
  user.reset_after_ns = 11 * SECOND + 1;
  everything.remaining = 700;
  seawall_limit_status limits[] = {{"user", 4, 200, 60 * SECOND, &user},
                                   {"all", SEAWALL_TEXT, 1000, 60 * SECOND, &everything}};
  char text[64];
  size_t needed = 0;
  CHECK(seawall_rate_limit_policy_header(limits, 2, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strcmp(text, "\"user\";q=200;w=60, \"all\";q=1000;w=60") == 0 && needed == strlen(text));
  CHECK(seawall_rate_limit_header(limits, 2, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strcmp(text, "\"user\";r=150;t=12") == 0);
  everything.answer = SEAWALL_DENIED;
  everything.retry_after_ns = 1;
  CHECK(seawall_rate_limit_header(limits, 2, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(strcmp(text, "\"all\";r=700;t=1") == 0);

  memset(text, 'x', sizeof text);
  CHECK(seawall_rate_limit_header(limits, 2, text, 14, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 15 && text[14] == 'x');
  CHECK(seawall_rate_limit_header(limits, 2, text, 15, &needed) == SEAWALL_OK && text[15] == 'x');
  CHECK(seawall_rate_limit_header(limits, 2, NULL, 0, &needed) == SEAWALL_E_BUFFER_TOO_SMALL && needed == 15);
  CHECK(seawall_rate_limit_header(limits, 0, text, sizeof text, &needed) == SEAWALL_OK && needed == 0);
  CHECK(seawall_rate_limit_header(NULL, 1, text, sizeof text, &needed) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_rate_limit_header(limits, 9, text, sizeof text, &needed) == SEAWALL_E_INVALID_ARGUMENT);
  limits[1].decision = NULL;
  CHECK(seawall_rate_limit_header(limits, 2, text, sizeof text, &needed) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_rate_limit_policy_header(limits, 2, text, sizeof text, &needed) == SEAWALL_OK);
  limits[1].name = "a\nb";
  CHECK(seawall_rate_limit_policy_header(limits, 2, text, sizeof text, &needed) == SEAWALL_E_INVALID_ARGUMENT);
  limits[1].name = NULL;
  CHECK(seawall_rate_limit_policy_header(limits, 2, text, sizeof text, &needed) == SEAWALL_E_INVALID_ARGUMENT);

  CHECK(seawall_retry_after_header(2 * SECOND + 1, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(strcmp(text, "3") == 0);
  CHECK(seawall_retry_after_header(SEAWALL_NEVER, text, sizeof text, &needed) == SEAWALL_OK && needed == 0);
}

int main(void) {
  one_decision();
  every_type();
  wrong_arguments();
  decisions_of_a_newer_caller();
  headers();
  return check_result();
}
