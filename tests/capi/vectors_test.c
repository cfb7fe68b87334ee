/* SPDX-License-Identifier: MIT
 * The tables of the breaker and of the limiters, run by C. */
#include "vectors.h"

#include "seawall_c.h"

/* ---- circuit breaker ------------------------------------------------------------------------------------------- */

static const char* const OUTCOMES[] = {"success", "failure", "ignored"};
static const char* const RESULTS[] = {"recorded", "late", "not_counted", "invalid_token"};

static int32_t number_of(const char* const* names, int32_t count, const char* name) {
  for (int32_t i = 0; i < count; ++i) {
    if (name != NULL && strcmp(names[i], name) == 0) return i;
  }
  return -1;
}

static void show_breaker(vector_file* file, const seawall_circuit_breaker* breaker) {
  seawall_circuit_breaker_snapshot s;
  s.struct_size = (uint32_t)sizeof s;
  CHECK(seawall_circuit_breaker_get_snapshot(breaker, file->now_ns, &s) == SEAWALL_OK);
  vector_expect_text(file, "state", seawall_breaker_state_name(s.state));
  vector_expect_text(file, "reason", seawall_breaker_reason_name(s.reason));
  vector_expect(file, "failure_count", s.failure_count);
  vector_expect(file, "generation", s.generation);
  vector_expect(file, "trips", s.trips);
  vector_expect(file, "probes_in_flight", s.probes_in_flight);
  vector_expect(file, "probe_successes", s.probe_successes);
  vector_expect(file, "retry_after_ns", s.retry_after_ns);
  vector_expect(file, "late_results", (int64_t)s.late_results);
  vector_expect(file, "probes_lost", (int64_t)s.probes_lost);
  vector_expect(file, "shadow_refusals", (int64_t)s.shadow_refusals);
  vector_expect(file, "successes", (int64_t)s.successes);
  vector_expect(file, "failures", (int64_t)s.failures);
  vector_expect(file, "ignored", (int64_t)s.ignored);
  vector_expect(file, "slow_calls", (int64_t)s.slow_calls);
  vector_expect(file, "refusals", (int64_t)s.refusals);
  vector_expect(file, "count_window_calls", s.count_window_calls);
  vector_expect(file, "count_window_failures", s.count_window_failures);
  vector_expect(file, "count_window_slow", s.count_window_slow);
  vector_expect(file, "time_window_calls", s.time_window_calls);
  vector_expect(file, "time_window_failures", s.time_window_failures);
  vector_expect(file, "time_window_slow", s.time_window_slow);
}

static void play_breaker(vector_file* file, seawall_circuit_breaker* breaker, uint64_t tokens[VECTOR_FIELDS]) {
  const int64_t now = file->now_ns;
  const char* name = vector_text(&file->arguments, "name");
  uint64_t* token = &tokens[vector_place(name != NULL ? name : "call")];
  const char* verb = file->verb;
  const int is_call = strcmp(verb, "call") == 0;
  if (is_call || strcmp(verb, "try_acquire") == 0) {
    const int64_t took = vector_number(&file->arguments, "took_ns", 0);
    vector_expect(file, "admitted", seawall_circuit_breaker_try_acquire(breaker, now - took, token, NULL));
  }
  if (is_call || strcmp(verb, "report") == 0) {
    const int32_t outcome = number_of(OUTCOMES, 3, vector_text(&file->arguments, "outcome"));
    const int32_t result = seawall_circuit_breaker_report(breaker, *token, outcome, now);
    CHECK(result >= 0 && result < 4);
    vector_expect_text(file, "result", RESULTS[result & 3]);
  }
  if (strcmp(verb, "cancel") == 0) CHECK(seawall_circuit_breaker_cancel(breaker, *token) == SEAWALL_OK);
  if (strcmp(verb, "force_open") == 0) CHECK(seawall_circuit_breaker_force_open(breaker, now) == SEAWALL_OK);
  if (strcmp(verb, "disable") == 0) CHECK(seawall_circuit_breaker_disable(breaker, now) == SEAWALL_OK);
  if (strcmp(verb, "reset") == 0) CHECK(seawall_circuit_breaker_reset(breaker, now) == SEAWALL_OK);
  if (strcmp(verb, "set_shadow") == 0) {
    const int32_t on = (int32_t)vector_number(&file->arguments, "on", 0);
    CHECK(seawall_circuit_breaker_set_shadow(breaker, on) == SEAWALL_OK);
  }
}

static void circuit_breaker(void) {
  seawall_circuit_breaker* breaker = NULL;
  uint64_t tokens[VECTOR_FIELDS] = {0};
  vector_file file;
  for (vector_open(&file, "circuit_breaker.txt"); vector_next(&file);) {
    if (file.is_case) {
      const char* json = vector_json(&file.arguments);
      vector_place(NULL);
      seawall_circuit_breaker_free(breaker);
      breaker = NULL;
      CHECK(seawall_circuit_breaker_new_from_json(json, strlen(json), 0, &breaker, NULL) == SEAWALL_OK);
    } else {
      play_breaker(&file, breaker, tokens);
      show_breaker(&file, breaker);
    }
  }
  seawall_circuit_breaker_free(breaker);
}

/* ---- limiters -------------------------------------------------------------------------------------------------- */

typedef struct verbs {
  int32_t (*make)(const char* json, int64_t now_ns, void** out);
  void (*drop)(void* limiter);
  int32_t (*try_acquire)(void* limiter, int64_t now_ns, int64_t n, seawall_decision* decision);
  int32_t (*peek)(void* limiter, int64_t now_ns, int64_t n, seawall_decision* decision);
  int32_t (*refund)(void* limiter, int64_t now_ns, seawall_decision* decision);
  int32_t (*reserve)(void* limiter, int64_t now_ns, int64_t n, int64_t max_wait_ns, seawall_reservation* turn);
  int32_t (*until)(void* limiter, int64_t now_ns, int64_t deadline_ns, int64_t n, seawall_reservation* turn);
  int32_t (*cancel)(void* limiter, int64_t now_ns, seawall_reservation* turn);
  int32_t (*settle)(void* limiter, int64_t now_ns, seawall_decision* decision, int64_t actual, int64_t debt_cap,
                    seawall_settlement* done);
  int32_t (*change)(void* limiter, const char* json, int32_t how, int64_t now_ns);
} verbs;

#define VERBS(kind)                                                                                                  \
  static int32_t kind##_make(const char* json, int64_t now, void** out) {                                            \
    seawall_##kind* made = NULL;                                                                                     \
    const int32_t code = seawall_##kind##_new_from_json(json, strlen(json), now, &made, NULL);                       \
    *out = made;                                                                                                     \
    return code;                                                                                                     \
  }                                                                                                                  \
  static void kind##_drop(void* l) { seawall_##kind##_free((seawall_##kind*)l); }                                    \
  static int32_t kind##_try_acquire(void* l, int64_t now, int64_t n, seawall_decision* d) {                          \
    return seawall_##kind##_try_acquire((seawall_##kind*)l, now, n, d);                                              \
  }                                                                                                                  \
  static int32_t kind##_peek(void* l, int64_t now, int64_t n, seawall_decision* d) {                                 \
    return seawall_##kind##_peek((seawall_##kind*)l, now, n, d);                                                     \
  }                                                                                                                  \
  static int32_t kind##_refund(void* l, int64_t now, seawall_decision* d) {                                          \
    return seawall_##kind##_refund((seawall_##kind*)l, now, d);                                                      \
  }                                                                                                                  \
  static int32_t kind##_reserve(void* l, int64_t now, int64_t n, int64_t most, seawall_reservation* r) {             \
    return seawall_##kind##_reserve((seawall_##kind*)l, now, n, most, r);                                            \
  }                                                                                                                  \
  static int32_t kind##_until(void* l, int64_t now, int64_t deadline, int64_t n, seawall_reservation* r) {           \
    return seawall_##kind##_acquire_until((seawall_##kind*)l, now, deadline, n, r);                                  \
  }                                                                                                                  \
  static int32_t kind##_cancel(void* l, int64_t now, seawall_reservation* r) {                                       \
    return seawall_##kind##_cancel((seawall_##kind*)l, now, r);                                                      \
  }                                                                                                                  \
  static int32_t kind##_settle(void* l, int64_t now, seawall_decision* d, int64_t actual, int64_t cap,               \
                               seawall_settlement* s) {                                                              \
    return seawall_##kind##_settle((seawall_##kind*)l, now, d, actual, cap, s);                                      \
  }                                                                                                                  \
  static int32_t kind##_change(void* l, const char* json, int32_t how, int64_t now) {                                \
    return seawall_##kind##_change_limit_from_json((seawall_##kind*)l, json, strlen(json), how, now, NULL);          \
  }                                                                                                                  \
  static const verbs kind##_verbs = {kind##_make,    kind##_drop,  kind##_try_acquire, kind##_peek,   kind##_refund, \
                                     kind##_reserve, kind##_until, kind##_cancel,      kind##_settle, kind##_change};

VERBS(token_bucket)
VERBS(fixed_window)
VERBS(sliding_window)

/* What the step of a name took. */
typedef struct taken {
  seawall_decision decision;
  seawall_reservation turn;
} taken;

static void show_decision(vector_file* file, const seawall_decision* d) {
  vector_expect(file, "allowed", d->answer == SEAWALL_ALLOWED);
  vector_expect(file, "never", d->answer == SEAWALL_NEVER_ALLOWED);
  vector_expect(file, "limit", d->limit);
  vector_expect(file, "remaining", d->remaining);
  vector_expect(file, "retry_after_ns", d->retry_after_ns);
  vector_expect(file, "reset_after_ns", d->reset_after_ns);
}

static void show_turn(vector_file* file, const seawall_reservation* r) {
  vector_expect(file, "granted", r->answer == SEAWALL_ALLOWED);
  vector_expect(file, "never", r->answer == SEAWALL_NEVER_ALLOWED);
  vector_expect(file, "limit", r->limit);
  vector_expect(file, "delay_ns", r->delay_ns);
}

static void play_limiter(vector_file* file, const verbs* of, void* limiter, taken all[VECTOR_FIELDS]) {
  const vector_fields* given = &file->arguments;
  const int64_t now = file->now_ns, n = vector_number(given, "n", 1);
  const char* name = vector_text(given, "name");
  const char* step = vector_text(given, "step");
  taken* one = &all[vector_place(name != NULL ? name : step != NULL ? step : "nameless")];
  const char* verb = file->verb;
  if (strcmp(verb, "try_acquire") == 0 || strcmp(verb, "peek") == 0) {
    const int32_t answer = (verb[0] == 'p' ? of->peek : of->try_acquire)(limiter, now, n, &one->decision);
    CHECK(answer == one->decision.answer);
    show_decision(file, &one->decision);
  } else if (strcmp(verb, "reserve") == 0) {
    CHECK(of->reserve(limiter, now, n, vector_number(given, "max_wait_ns", SEAWALL_NEVER), &one->turn) >= 0);
    show_turn(file, &one->turn);
  } else if (strcmp(verb, "until") == 0) {
    CHECK(of->until(limiter, now, vector_number(given, "deadline_ns", 0), n, &one->turn) >= 0);
    show_turn(file, &one->turn);
  } else if (strcmp(verb, "refund") == 0) {
    vector_expect(file, "refunded", of->refund(limiter, now, &one->decision));
  } else if (strcmp(verb, "cancel") == 0) {
    vector_expect(file, "refunded", of->cancel(limiter, now, &one->turn));
  } else if (strcmp(verb, "settle") == 0) {
    seawall_settlement done = SEAWALL_SETTLEMENT_INIT;
    CHECK(of->settle(limiter, now, &one->decision, vector_number(given, "actual", 0),
                     vector_number(given, "debt_cap", 0), &done) == SEAWALL_OK);
    vector_expect(file, "refunded", done.refunded);
    vector_expect(file, "charged", done.charged);
    vector_expect(file, "unpaid", done.unpaid);
  } else {
    static const char* const HOW[] = {"keep", "proportional", "reset"};
    CHECK(strcmp(verb, "change") == 0);
    const int32_t how = number_of(HOW, 3, vector_text(given, "how"));
    vector_expect(file, "changed", of->change(limiter, vector_json(given), how, now) == SEAWALL_LIMIT_CHANGED);
  }
}

static void limiters(const char* name, const verbs* of) {
  void* limiter = NULL;
  taken all[VECTOR_FIELDS];
  vector_file file;
  for (vector_open(&file, name); vector_next(&file);) {
    if (file.is_case) {
      vector_place(NULL);
      for (int i = 0; i < VECTOR_FIELDS; ++i) {
        const taken none = {SEAWALL_DECISION_INIT, SEAWALL_RESERVATION_INIT};
        all[i] = none;
      }
      of->drop(limiter);
      CHECK(of->make(vector_json(&file.arguments), 0, &limiter) == SEAWALL_OK);
    } else {
      play_limiter(&file, of, limiter, all);
    }
  }
  of->drop(limiter);
}

int main(void) {
  circuit_breaker();
  limiters("token_bucket.txt", &token_bucket_verbs);
  limiters("token_bucket_verbs.txt", &token_bucket_verbs);
  limiters("fixed_window.txt", &fixed_window_verbs);
  limiters("sliding_window.txt", &sliding_window_verbs);
  limiters("sliding_window_verbs.txt", &sliding_window_verbs);
  return check_result();
}
