/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "seawall_c.h"

static seawall_text text(const char* bytes) {
  seawall_text t;
  t.data = bytes;
  t.size = strlen(bytes);
  return t;
}

static seawall_attribute attribute(const char* key, int32_t type) {
  seawall_attribute a;
  memset(&a, 0, sizeof a);
  a.key = text(key);
  a.type = type;
  return a;
}

static seawall_tracer* tracer_of(const char* json) {
  seawall_tracer* tracer = NULL;
  CHECK(seawall_tracer_new_from_json(json, SEAWALL_TEXT, 0, &tracer, NULL) == SEAWALL_OK);
  return tracer;
}

static seawall_trace_context root(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_trace_context_new_root(SEAWALL_TRACE_ROOT_FLAGS, &context) == SEAWALL_OK);
  return context;
}

static void a_trace_is_told_in_lines(void) {
  char buffer[4096];
  size_t needed = 0;
  seawall_span entry, call;
  seawall_attribute a;
  seawall_trace_context context = root(), under = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_tracer* tracer = tracer_of("{\"service\": \"gateway\"}");
  CHECK(seawall_tracer_start(tracer, "GET /feed", SEAWALL_TEXT, SEAWALL_SPAN_SERVER, &context, 0, 1000, &entry) ==
        SEAWALL_OK);
  CHECK(seawall_span_start_child(&entry, "call", 4, SEAWALL_SPAN_CLIENT, 2000, &call) == SEAWALL_OK);
  CHECK(seawall_span_context(&call, &under) == SEAWALL_OK);
  CHECK(memcmp(under.trace_id, context.trace_id, 16) == 0);
  CHECK(memcmp(under.span_id, context.span_id, 8) != 0);

  a = attribute("http.response.status_code", SEAWALL_ATTRIBUTE_INT);
  a.number = 200;
  CHECK(seawall_span_set(&call, &a) == SEAWALL_OK);
  a = attribute("peer", SEAWALL_ATTRIBUTE_TEXT);
  a.text = text("social-1");
  CHECK(seawall_span_add_event(&call, "pick", 4, 2500, &a, 1) == SEAWALL_OK);
  CHECK(seawall_span_set_status(&call, SEAWALL_SPAN_ERROR, "reset", 5) == SEAWALL_OK);
  CHECK(seawall_span_end(&call, 3000) == SEAWALL_OK);
  CHECK(seawall_span_end(&call, 9000) == SEAWALL_OK);
  CHECK(seawall_span_keep(&entry) == SEAWALL_OK);
  CHECK(seawall_span_end(&entry, 4000) == SEAWALL_OK);

  CHECK(seawall_tracer_trace(tracer, context.trace_id, 0, buffer, 8, &needed, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed > 8);
  CHECK(seawall_tracer_trace(tracer, context.trace_id, 7, buffer, sizeof buffer, &needed, NULL) == SEAWALL_OK);
  CHECK(strstr(buffer, "\"service\":\"gateway\",\"name\":\"GET /feed\",\"kind\":\"server\"") != NULL);
  CHECK(strstr(buffer, "\"start_unix_ns\":2007,\"duration_ns\":1000,\"status\":\"error\",\"message\":\"reset\"") !=
        NULL);
  CHECK(strstr(buffer, "{\"name\":\"pick\",\"unix_ns\":2507,\"attributes\":{\"peer\":\"social-1\"}}") != NULL);
  CHECK(seawall_tracer_kept(tracer, 5, 0, buffer, sizeof buffer, &needed, NULL) == SEAWALL_OK);
  CHECK(strchr(buffer, '\n') == strrchr(buffer, '\n'));
  context.trace_id[0] = (uint8_t)(context.trace_id[0] ^ 1);
  CHECK(seawall_tracer_trace(tracer, context.trace_id, 0, buffer, sizeof buffer, &needed, NULL) == SEAWALL_E_NOT_FOUND);
  seawall_tracer_free(tracer);
}

static void verdicts_are_events(void) {
  char buffer[4096];
  size_t needed = 0;
  seawall_span span;
  seawall_trace_context context = root();
  seawall_decision decision = SEAWALL_DECISION_INIT;
  seawall_tracer* tracer = tracer_of("{\"service\": \"gateway\"}");
  CHECK(seawall_tracer_start(tracer, "a", 1, SEAWALL_SPAN_SERVER, &context, 0, 0, &span) == SEAWALL_OK);
  decision.answer = SEAWALL_DENIED;
  decision.retry_after_ns = 1000001;
  CHECK(seawall_span_add_limiter_event(&span, "user", SEAWALL_TEXT, &decision, 1) == SEAWALL_OK);
  CHECK(seawall_tracer_kept(tracer, 5, 0, buffer, sizeof buffer, &needed, NULL) == SEAWALL_OK && needed == 0);
  CHECK(seawall_span_add_breaker_event(&span, "trading", 7, 0, SEAWALL_BREAKER_FORCED_OPEN, SEAWALL_NEVER, 2) ==
        SEAWALL_OK);
  CHECK(seawall_span_add_retry_event(&span, 2, 5000000, 3) == SEAWALL_OK);
  CHECK(seawall_span_add_limiter_event(&span, "user", 4, NULL, 1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_limiter_event(&span, NULL, 4, &decision, 1) == SEAWALL_E_INVALID_ARGUMENT);
  decision.struct_size = 8;
  CHECK(seawall_span_add_limiter_event(&span, "user", 4, &decision, 1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_breaker_event(&span, "trading", 7, 1, 5, 0, 2) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_breaker_event(&span, "trading", 7, 1, -1, 0, 2) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_retry_event(NULL, 2, 0, 3) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_span_end(&span, 4) == SEAWALL_OK);
  CHECK(seawall_tracer_kept(tracer, 5, 0, buffer, sizeof buffer, &needed, NULL) == SEAWALL_OK);
  CHECK(strstr(buffer,
               "{\"name\":\"seawall.rate_limit\",\"unix_ns\":1,\"attributes\":{\"seawall.limiter\":\"user\","
               "\"seawall.allowed\":false,\"seawall.remaining\":0,\"seawall.retry_after_ms\":2}}") != NULL);
  CHECK(strstr(buffer,
               "{\"seawall.breaker\":\"trading\",\"seawall.allowed\":false,\"seawall.state\":\"forced_open\","
               "\"seawall.retry_after_ms\":-1}") != NULL);
  CHECK(strstr(buffer,
               "{\"name\":\"seawall.retry\",\"unix_ns\":3,\"attributes\":{\"seawall.attempt\":2,"
               "\"seawall.delay_ms\":5}}") != NULL);
  seawall_tracer_free(tracer);
}

static void bodies_are_taken_and_finished(void) {
  seawall_span span;
  seawall_text body;
  seawall_trace_context context = root();
  seawall_tracer_stats stats = {0};
  seawall_tracer* tracer = tracer_of("{\"service\": \"gateway\", \"max_batch\": 1}");
  int i;
  CHECK(seawall_tracer_take(tracer, 0, 0, &body) == SEAWALL_TAKE_NOTHING);
  for (i = 0; i < 2; ++i) {
    CHECK(seawall_tracer_start(tracer, "a", 1, SEAWALL_SPAN_SERVER, &context, 1, 10, &span) == SEAWALL_OK);
    CHECK(seawall_span_end(&span, 20) == SEAWALL_OK);
  }
  CHECK(seawall_tracer_take(tracer, 30, 1000, &body) == SEAWALL_TAKE_BODY);
  CHECK(body.size > 0 && strncmp(body.data, "{\"resourceSpans\":", 17) == 0);
  CHECK(seawall_tracer_finish(tracer, 503, 0, 30) == SEAWALL_OK);
  CHECK(seawall_tracer_take(tracer, 31, 1001, &body) == SEAWALL_TAKE_NOTHING);
  CHECK(seawall_tracer_take(tracer, 1000000030, 1000, &body) == SEAWALL_TAKE_BODY);
  CHECK(seawall_tracer_finish(tracer, 200, 0, 1000000030) == SEAWALL_OK);
  CHECK(seawall_tracer_take(tracer, 1000000031, 1000, &body) == SEAWALL_TAKE_BODY);
  CHECK(seawall_tracer_finish(tracer, 400, 0, 1000000031) == SEAWALL_OK);
  CHECK(seawall_tracer_get_stats(tracer, &stats) == SEAWALL_E_INVALID_ARGUMENT);
  stats.struct_size = sizeof stats;
  CHECK(seawall_tracer_get_stats(tracer, &stats) == SEAWALL_OK);
  CHECK(stats.recorded == 2 && stats.exported == 1 && stats.export_dropped == 1 && stats.export_retries == 1);
  seawall_tracer_free(tracer);
}

static void what_is_wrong_is_refused(void) {
  seawall_span span, child;
  seawall_attribute a = attribute("k", 9);
  seawall_trace_context context = root(), empty = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_tracer* tracer = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_tracer_options options;
  CHECK(seawall_tracer_options_init(&options) == SEAWALL_OK);
  CHECK(seawall_tracer_new(&options, 0, &tracer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "service") != NULL);
  options.service = text("s");
  options.kept_spans = -1;
  CHECK(seawall_tracer_new(&options, 0, &tracer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "kept_spans") != NULL);
  options.kept_spans = 0;
  options.format = 7;
  CHECK(seawall_tracer_new(&options, 0, &tracer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "format") != NULL);
  options.format = 0;
  CHECK(seawall_tracer_new(&options, 0, &tracer, &error) == SEAWALL_OK);

  memset(&span, 0, sizeof span);
  CHECK(seawall_span_end(&span, 0) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_span_end(NULL, 0) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_span_start_child(&span, "c", 1, SEAWALL_SPAN_CLIENT, 0, &child) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_tracer_start(tracer, "a", 1, 0, &context, 0, 0, &span) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_tracer_start(tracer, "a", 1, SEAWALL_SPAN_SERVER, &empty, 0, 0, &span) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_tracer_start(tracer, NULL, 1, SEAWALL_SPAN_SERVER, &context, 0, 0, &span) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_tracer_start(tracer, "a", 1, SEAWALL_SPAN_SERVER, &context, 0, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_tracer_start(tracer, "a", 1, SEAWALL_SPAN_SERVER, &context, 0, 0, &span) == SEAWALL_OK);
  CHECK(seawall_span_set(&span, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_set(&span, &a) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_set_status(&span, 3, NULL, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_event(&span, "e", 1, 0, NULL, 1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_add_event(&span, "e", 1, 0, &a, 65) == SEAWALL_E_FULL);
  CHECK(seawall_span_start_child(&span, "c", 1, SEAWALL_SPAN_CLIENT, 0, &span) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_span_end(&span, SEAWALL_NOW) == SEAWALL_OK);
  seawall_tracer_free(tracer);
}

int main(void) {
  a_trace_is_told_in_lines();
  verdicts_are_events();
  bodies_are_taken_and_finished();
  what_is_wrong_is_refused();
  return check_result();
}
