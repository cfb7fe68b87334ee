/* SPDX-License-Identifier: MIT */
/* quickstart.cc in C. It brings its own time; a server passes SEAWALL_NOW. */
#include <stdio.h>
#include <stdlib.h>

#include "seawall_c.h"

enum { kOk, kFailed, kLimited, kRefused, kResults };
static const char* const kResultNames[kResults] = {"ok", "failed", "limited", "refused"};
#define kMs INT64_C(1000000)

typedef struct client {
  int64_t start_ns;
  seawall_token_bucket* limit;
  seawall_circuit_breaker* breaker;
  seawall_series calls[kResults]; /* resolved once: the hot path sees no names */
} client;

static void must(int32_t code, const seawall_error* error) {
  if (code < 0) exit(fprintf(stderr, "%s: %s\n", seawall_code_name(code), error->message));
}

/* What the real one would do: a request with this header. It is down from 300 to 900 ms. */
static int payment_service(const char* traceparent, int64_t at) {
  return traceparent[0] == '0' && (at < 300 * kMs || at >= 900 * kMs);
}

static int pay(client* self, const seawall_trace_context* request, int64_t now) {
  seawall_trace_context call = SEAWALL_TRACE_CONTEXT_INIT;
  char traceparent[SEAWALL_TRACEPARENT_SIZE + 1];
  uint64_t token = 0;
  if (seawall_token_bucket_try_acquire(self->limit, now, 1, NULL) != SEAWALL_ALLOWED) return kLimited;
  if (seawall_circuit_breaker_try_acquire(self->breaker, now, &token, NULL) != SEAWALL_BREAKER_ADMITTED)
    return kRefused;
  seawall_trace_context_child(request, &call);
  seawall_trace_context_format(&call, traceparent, sizeof traceparent, NULL);
  const int ok = payment_service(traceparent, now - self->start_ns);
  seawall_circuit_breaker_report(self->breaker, token, ok ? SEAWALL_OUTCOME_SUCCESS : SEAWALL_OUTCOME_FAILURE, now);
  return ok ? kOk : kFailed;
}

int main(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  client self = {seawall_now_ns(), NULL, NULL, {0}};
  const char* limit = "{\"permits\": 10, \"period_ns\": 1000000000, \"burst\": 4}";
  const char* breaker = "{\"failure_threshold\": 3, \"open_duration_ns\": 500000000}";
  must(seawall_token_bucket_new_from_json(limit, SEAWALL_TEXT, self.start_ns, &self.limit, &error), &error);
  must(seawall_circuit_breaker_new_from_json(breaker, SEAWALL_TEXT, self.start_ns, &self.breaker, &error), &error);

  const seawall_family_options calls = {.struct_size = sizeof calls,
                                        .type = SEAWALL_METRIC_COUNTER,
                                        .name = {"payment_calls_total", SEAWALL_TEXT},
                                        .help = {"Calls to the payment service.", SEAWALL_TEXT},
                                        .labels = &(const seawall_text){"result", SEAWALL_TEXT},
                                        .label_count = 1};
  seawall_metrics* metrics = NULL;
  seawall_family* family = NULL;
  must(seawall_metrics_new(NULL, &metrics, &error), &error);
  must(seawall_metrics_family(metrics, &calls, &family, &error), &error);
  for (int i = 0; i < kResults; ++i) {
    const seawall_text value = {kResultNames[i], SEAWALL_TEXT};
    must(seawall_family_series(family, &value, 1, &self.calls[i], &error), &error);
  }

  /* A new trace; a server continues its caller's with seawall_trace_context_extract. */
  seawall_trace_context request = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_trace_context_new_root(SEAWALL_TRACE_ROOT_FLAGS, &request);
  for (int64_t at = 0; at < 2000; at += 80) {
    const int result = pay(&self, &request, self.start_ns + at * kMs);
    seawall_counter_add(metrics, self.calls[result], 1);
    printf("%5d ms  %s\n", (int)at, kResultNames[result]);
  }
  char text[2048];
  must(seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, text, sizeof text, NULL, &error), &error);
  fputs(text, stdout);
  seawall_metrics_free(metrics);
  seawall_circuit_breaker_free(self.breaker);
  seawall_token_bucket_free(self.limit);
}
