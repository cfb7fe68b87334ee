/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

#define SECOND INT64_C(1000000000)

static seawall_circuit_breaker_snapshot look(const seawall_circuit_breaker* breaker, int64_t now_ns) {
  seawall_circuit_breaker_snapshot out;
  out.struct_size = (uint32_t)sizeof out;
  CHECK(seawall_circuit_breaker_get_snapshot(breaker, now_ns, &out) == SEAWALL_OK);
  return out;
}

static int32_t call(seawall_circuit_breaker* breaker, int32_t outcome, int64_t now_ns) {
  uint64_t token = 0;
  if (seawall_circuit_breaker_try_acquire(breaker, now_ns, &token, NULL) != SEAWALL_BREAKER_ADMITTED) return -100;
  return seawall_circuit_breaker_report(breaker, token, outcome, now_ns);
}

static void three_failures_open_and_a_probe_closes(void) {
  seawall_circuit_breaker* breaker = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  uint64_t probe = 0, refused = 77;
  int64_t wait = -1;
  CHECK(seawall_circuit_breaker_new(NULL, 0, &breaker, &error) == SEAWALL_OK);
  for (int i = 0; i < 3; ++i) CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 0).state == SEAWALL_BREAKER_OPEN);
  CHECK(look(breaker, 0).failure_count == 3 && look(breaker, 0).reason == SEAWALL_BREAKER_REASON_FAILURE_THRESHOLD);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, SECOND, &refused, &wait) == SEAWALL_BREAKER_REFUSED);
  CHECK(refused == 0 && wait == 29 * SECOND);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 30 * SECOND, &probe, &wait) == SEAWALL_BREAKER_ADMITTED);
  CHECK(probe != 0 && wait == 0);
  CHECK(look(breaker, 30 * SECOND).probes_in_flight == 1);
  CHECK(seawall_circuit_breaker_cancel(breaker, probe) == SEAWALL_OK);
  CHECK(look(breaker, 30 * SECOND).probes_in_flight == 0);
  CHECK(call(breaker, SEAWALL_OUTCOME_SUCCESS, 31 * SECOND) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 31 * SECOND).state == SEAWALL_BREAKER_CLOSED);
  CHECK(seawall_circuit_breaker_report(breaker, probe, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_LATE);
  CHECK(seawall_circuit_breaker_report(breaker, 0, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_INVALID_TOKEN);
  CHECK(look(breaker, 0).late_results == 1);

  seawall_circuit_breaker_event events[8];
  CHECK(seawall_circuit_breaker_poll_events(breaker, events, 1) == 1);
  CHECK(events[0].reason == SEAWALL_BREAKER_REASON_FAILURE_THRESHOLD && events[0].to == SEAWALL_BREAKER_OPEN);
  CHECK(seawall_circuit_breaker_poll_events(breaker, events, 8) == 2);
  CHECK(events[0].reason == SEAWALL_BREAKER_REASON_OPEN_ELAPSED && events[0].at_ns == 30 * SECOND);
  CHECK(events[1].reason == SEAWALL_BREAKER_REASON_PROBES_SUCCEEDED && events[1].generation == 3);
  CHECK(seawall_circuit_breaker_poll_events(breaker, NULL, 0) == 0);
  seawall_circuit_breaker_free(breaker);
}

static void the_operator(void) {
  seawall_circuit_breaker* breaker = NULL;
  uint64_t token = 0;
  int64_t wait = 0;
  CHECK(seawall_circuit_breaker_new(NULL, SEAWALL_NOW, &breaker, NULL) == SEAWALL_OK);
  CHECK(call(breaker, SEAWALL_OUTCOME_SUCCESS, SEAWALL_NOW) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_circuit_breaker_force_open(breaker, SEAWALL_NOW) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, SEAWALL_NOW, &token, &wait) == SEAWALL_BREAKER_REFUSED);
  CHECK(wait == SEAWALL_NEVER);
  CHECK(seawall_circuit_breaker_disable(breaker, SEAWALL_NOW) == SEAWALL_OK);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, SEAWALL_NOW) == SEAWALL_REPORT_NOT_COUNTED);
  CHECK(look(breaker, SEAWALL_NOW).state == SEAWALL_BREAKER_DISABLED);
  CHECK(seawall_circuit_breaker_reset(breaker, SEAWALL_NOW) == SEAWALL_OK);
  CHECK(look(breaker, SEAWALL_NOW).state == SEAWALL_BREAKER_CLOSED);
  CHECK(look(breaker, SEAWALL_NOW).generation == 3);
  seawall_circuit_breaker_free(breaker);
}

static void options(void) {
  seawall_circuit_breaker* breaker = NULL;
  seawall_circuit_breaker_options given;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_circuit_breaker_options_init(&given) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  given.failure_threshold = 1;
  given.open_duration_ns = SECOND;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_OK);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 0).retry_after_ns == SECOND);
  seawall_circuit_breaker_free(breaker);

  given.failure_threshold = 1024;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(breaker == NULL && strstr(error.message, "failure_threshold") != NULL);
  uint64_t none = 7;
  CHECK(seawall_circuit_breaker_try_acquire(NULL, 0, &none, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(none == 0); /* a caller that overlooks the code has no token either */
  given.struct_size = 1;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_E_INVALID_ARGUMENT);

  const char* json = "{\"failure_threshold\": 2, \"probe_lease_ns\": 5000000000}";
  CHECK(seawall_circuit_breaker_new_from_json(json, SEAWALL_TEXT, 0, &breaker, &error) == SEAWALL_OK);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 0).state == SEAWALL_BREAKER_OPEN);
  seawall_circuit_breaker_free(breaker);
  CHECK(seawall_circuit_breaker_new_from_json("{\"failures\": 2}", SEAWALL_TEXT, 0, &breaker, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "failures") != NULL);
}

static void windows_and_shadow(void) {
  seawall_circuit_breaker* breaker = NULL;
  seawall_circuit_breaker_options given;
  seawall_error error = SEAWALL_ERROR_INIT;
  uint64_t token = 0;
  CHECK(seawall_circuit_breaker_options_init(&given) == SEAWALL_OK);
  given.failure_threshold = SEAWALL_BREAKER_OFF;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "nothing opens") != NULL);
  given.failure_rate_threshold = 50;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "count_window") != NULL);
  given.count_window = 4;
  given.time_window_ns = SECOND;
  given.count_totals = 1;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, &error) == SEAWALL_OK);
  for (int i = 0; i < 2; ++i) CHECK(call(breaker, SEAWALL_OUTCOME_SUCCESS, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 0).count_window_calls == 3 && look(breaker, 0).count_window_failures == 1);
  CHECK(look(breaker, 0).time_window_calls == 3 && look(breaker, 0).time_window_failures == 1);
  CHECK(look(breaker, SECOND).time_window_calls == 0 && look(breaker, SECOND).count_window_calls == 3);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, 0).state == SEAWALL_BREAKER_OPEN);
  CHECK(look(breaker, 0).reason == SEAWALL_BREAKER_REASON_COUNT_FAILURE_RATE);
  CHECK(look(breaker, 0).successes == 2 && look(breaker, 0).failures == 2);

  CHECK(seawall_circuit_breaker_set_shadow(breaker, 1) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 0, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  CHECK(seawall_circuit_breaker_report(breaker, token, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_NOT_COUNTED);
  CHECK(look(breaker, 0).shadow_refusals == 1);
  CHECK(seawall_circuit_breaker_set_shadow(breaker, 0) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 0, &token, NULL) == SEAWALL_BREAKER_REFUSED);
  CHECK(look(breaker, 0).refusals == 1);
  seawall_circuit_breaker_free(breaker);

  const char* json =
      "{\"slow_call_rate_threshold\": 100, \"slow_call_duration_ns\": 1000000000, \"count_window\": 1, "
      "\"shadow\": 1}";
  CHECK(seawall_circuit_breaker_new_from_json(json, SEAWALL_TEXT, 0, &breaker, &error) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 0, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  CHECK(seawall_circuit_breaker_report(breaker, token, SEAWALL_OUTCOME_SUCCESS, SECOND) == SEAWALL_REPORT_RECORDED);
  CHECK(look(breaker, SECOND).reason == SEAWALL_BREAKER_REASON_COUNT_SLOW_RATE);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, SECOND, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  seawall_circuit_breaker_free(breaker);
}

static void the_word(void) {
  seawall_circuit_breaker* breaker = NULL;
  seawall_circuit_breaker_options given;
  CHECK(seawall_circuit_breaker_new(NULL, 0, &breaker, NULL) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_reset(breaker, 0) == SEAWALL_OK);
  const uint64_t* word = seawall_circuit_breaker_word(breaker);
  CHECK(word != NULL && (*word & SEAWALL_BREAKER_UNHEALTHY) == 0);
  uint64_t token = 0;
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 0, &token, NULL) == SEAWALL_BREAKER_ADMITTED);
  const uint64_t seen = *word;
  CHECK(token == ((seen & SEAWALL_BREAKER_IDENTITY) | SEAWALL_BREAKER_TOKEN_MARK));
  CHECK(seawall_circuit_breaker_report(breaker, token, SEAWALL_OUTCOME_SUCCESS, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(*word == seen);
  CHECK(call(breaker, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK((*word & SEAWALL_BREAKER_UNHEALTHY) != 0);
  seawall_circuit_breaker_free(breaker);
  CHECK(seawall_circuit_breaker_word(NULL) == NULL);
  CHECK(seawall_circuit_breaker_options_init(&given) == SEAWALL_OK);
  given.count_totals = 1;
  CHECK(seawall_circuit_breaker_new(&given, 0, &breaker, NULL) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_word(breaker) == NULL);
  seawall_circuit_breaker_free(breaker);
}

static void keyed(void) {
  seawall_keyed_circuit_breaker* hosts = NULL;
  seawall_keyed_circuit_breaker_options options;
  seawall_circuit_breaker_options each;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_breaker_ticket ticket;
  seawall_circuit_breaker_snapshot seen;
  seawall_keyed_circuit_breaker_stats stats;
  char name[8];
  size_t needed = 0;
  int64_t wait = -1;
  seen.struct_size = (uint32_t)sizeof seen;
  stats.struct_size = (uint32_t)sizeof stats;
  CHECK(seawall_keyed_circuit_breaker_options_init(&options) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_options_init(&each) == SEAWALL_OK);
  options.capacity = 2;
  options.idle_after_ns = SECOND;
  options.when_full = SEAWALL_BREAKERS_FULL_REFUSE;
  each.failure_threshold = 1;
  CHECK(seawall_keyed_circuit_breaker_new(&options, &each, 0, &hosts, &error) == SEAWALL_OK);
  CHECK(seawall_keyed_circuit_breaker_get_snapshot(hosts, "a", 1, 0, &seen) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, "a", 1, 0, &ticket, &wait) == SEAWALL_BREAKER_ADMITTED);
  CHECK(wait == 0 && ticket.token != 0);
  CHECK(seawall_keyed_circuit_breaker_report(hosts, &ticket, SEAWALL_OUTCOME_FAILURE, 0) == SEAWALL_REPORT_RECORDED);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, "a", 1, 0, &ticket, &wait) == SEAWALL_BREAKER_REFUSED);
  CHECK(wait == 30 * SECOND && ticket.token == 0);
  CHECK(seawall_keyed_circuit_breaker_get_snapshot(hosts, "a", SEAWALL_TEXT, 0, &seen) == SEAWALL_OK);
  CHECK(seen.state == SEAWALL_BREAKER_OPEN);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, "b", 1, 0, &ticket, NULL) == SEAWALL_BREAKER_ADMITTED);
  CHECK(seawall_keyed_circuit_breaker_cancel(hosts, &ticket) == SEAWALL_OK);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, "c", 1, 0, &ticket, &wait) == SEAWALL_BREAKER_REFUSED);
  CHECK(wait == SECOND);
  CHECK(seawall_keyed_circuit_breaker_force_open(hosts, "c", 1, 0) == SEAWALL_E_FULL);
  CHECK(seawall_keyed_circuit_breaker_get_stats(hosts, &stats) == SEAWALL_OK);
  CHECK(stats.in_use == 2 && stats.capacity == 2 && stats.full == 1 && stats.evictions == 0);
  CHECK(seawall_keyed_circuit_breaker_forget(hosts, "b", 1, 0) == SEAWALL_OK);
  CHECK(seawall_keyed_circuit_breaker_forget(hosts, "b", 1, 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_keyed_circuit_breaker_reset(hosts, "b", 1, 0) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_keyed_circuit_breaker_reset(hosts, "a", 1, 0) == SEAWALL_OK);
  CHECK(seawall_keyed_circuit_breaker_disable(hosts, "c", 1, 0) == SEAWALL_OK);
  int found = 0;
  for (uint64_t i = 0; i < 3; ++i) {
    if (seawall_keyed_circuit_breaker_key_at(hosts, i, name, sizeof name, &needed) != SEAWALL_OK) continue;
    CHECK(needed == 1 && (name[0] == 'a' || name[0] == 'c'));
    ++found;
  }
  CHECK(found == 2);
  CHECK(seawall_keyed_circuit_breaker_report(hosts, NULL, 0, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_circuit_breaker_report(hosts, &ticket, 3, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, NULL, 1, 0, &ticket, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_keyed_circuit_breaker_try_acquire(hosts, "a", 1, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_keyed_circuit_breaker_free(hosts);
  const char* json = "{\"capacity\": 1, \"failure_threshold\": 2}";
  CHECK(seawall_keyed_circuit_breaker_new_from_json(json, SEAWALL_TEXT, 0, &hosts, &error) == SEAWALL_OK);
  seawall_keyed_circuit_breaker_free(hosts);
  options.capacity = -1;
  CHECK(seawall_keyed_circuit_breaker_new(&options, NULL, 0, &hosts, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(hosts == NULL && strstr(error.message, "capacity") != NULL);
}

static void wrong_arguments(void) {
  seawall_circuit_breaker* breaker = NULL;
  seawall_circuit_breaker_snapshot small;
  uint64_t other_handle[16] = {0x54455354}; /* begins as a handle of another type does */
  seawall_circuit_breaker* wrong[2];
  uint64_t token = 0;
  wrong[0] = NULL;
  wrong[1] = (seawall_circuit_breaker*)(void*)other_handle;
  small.struct_size = 4;
  for (int i = 0; i < 2; ++i) {
    CHECK(seawall_circuit_breaker_try_acquire(wrong[i], 0, &token, NULL) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_report(wrong[i], 1, 0, 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_cancel(wrong[i], 1) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_get_snapshot(wrong[i], 0, &small) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_force_open(wrong[i], 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_disable(wrong[i], 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_reset(wrong[i], 0) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_set_shadow(wrong[i], 1) == SEAWALL_E_WRONG_HANDLE);
    CHECK(seawall_circuit_breaker_poll_events(wrong[i], NULL, 0) == SEAWALL_E_WRONG_HANDLE);
    seawall_circuit_breaker_free(wrong[i]);
  }
  CHECK(seawall_circuit_breaker_new(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_from_json("{}", 2, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new_from_json(NULL, 2, 0, &breaker, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_new(NULL, 0, &breaker, NULL) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_try_acquire(breaker, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_report(breaker, 1, 3, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_report(breaker, 1, -1, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_get_snapshot(breaker, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_get_snapshot(breaker, 0, &small) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_circuit_breaker_poll_events(breaker, NULL, 1) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_circuit_breaker_free(breaker);
}

static void names(void) {
  CHECK(strcmp(seawall_breaker_state_name(SEAWALL_BREAKER_HALF_OPEN), "half_open") == 0);
  CHECK(strcmp(seawall_breaker_state_name(-1), "unknown") == 0);
  CHECK(strcmp(seawall_breaker_reason_name(SEAWALL_BREAKER_REASON_PROBES_LOST), "probes_lost") == 0);
  CHECK(strcmp(seawall_breaker_reason_name(14), "unknown") == 0);
}

int main(void) {
  three_failures_open_and_a_probe_closes();
  the_operator();
  options();
  windows_and_shadow();
  the_word();
  keyed();
  wrong_arguments();
  names();
  return check_result();
}
