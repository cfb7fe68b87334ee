/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

static const char* const kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

static void parse_and_format(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_trace_context_parse(kTraceparent, SEAWALL_TEXT, &context, NULL) == SEAWALL_OK);
  CHECK(context.trace_id[0] == 0x0a && context.trace_id[15] == 0x9c);
  CHECK(context.span_id[0] == 0xb7 && context.span_id[7] == 0x31);
  CHECK(context.flags == (SEAWALL_TRACE_SAMPLED | SEAWALL_TRACE_RANDOM));

  char text[SEAWALL_TRACEPARENT_SIZE + 1];
  size_t needed = 0;
  CHECK(seawall_trace_context_format(&context, text, sizeof text, &needed) == SEAWALL_OK);
  CHECK(needed == SEAWALL_TRACEPARENT_SIZE && strcmp(text, kTraceparent) == 0);
  CHECK(seawall_trace_context_format(&context, text, SEAWALL_TRACEPARENT_SIZE, NULL) == SEAWALL_OK);
  CHECK(seawall_trace_context_format(&context, text, 54, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == SEAWALL_TRACEPARENT_SIZE);
}

static void an_error_says_why_and_changes_nothing(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_trace_context_parse(kTraceparent, 54, &context, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(error.code == SEAWALL_E_INVALID_ARGUMENT && strstr(error.message, "length") != NULL);
  CHECK(context.trace_id[0] == 0 && context.flags == 0);
}

static void root_and_child(void) {
  seawall_trace_context root = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_trace_context child = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_trace_context_new_root(SEAWALL_TRACE_ROOT_FLAGS, &root) == SEAWALL_OK);
  CHECK(root.flags == SEAWALL_TRACE_ROOT_FLAGS);
  CHECK(seawall_trace_context_child(&root, &child) == SEAWALL_OK);
  CHECK(memcmp(root.trace_id, child.trace_id, sizeof root.trace_id) == 0 && root.flags == child.flags);
  CHECK(memcmp(root.span_id, child.span_id, sizeof root.span_id) != 0);
  const seawall_trace_context before = child;
  CHECK(seawall_trace_context_child(&child, &child) == SEAWALL_OK);
  CHECK(memcmp(before.trace_id, child.trace_id, sizeof before.trace_id) == 0);
  CHECK(memcmp(before.span_id, child.span_id, sizeof before.span_id) != 0);
  CHECK(seawall_trace_context_new_root(0xffffff00u, &root) == SEAWALL_OK && root.flags == 0);
}

static void extract(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  char state[64];
  size_t needed = 99;
  CHECK(seawall_trace_context_extract(kTraceparent, SEAWALL_TEXT, "a=1 , b=2", SEAWALL_TEXT, &context, state,
                                      sizeof state, &needed) == SEAWALL_TRACE_CONTINUED);
  CHECK(strcmp(state, "a=1,b=2") == 0 && needed == 7 && context.trace_id[0] == 0x0a);
  CHECK(seawall_trace_context_extract(kTraceparent, SEAWALL_TEXT, "B=1", SEAWALL_TEXT, &context, state, sizeof state,
                                      &needed) == SEAWALL_TRACE_CONTINUED);
  CHECK(needed == 0 && state[0] == '\0');
  CHECK(seawall_trace_context_extract(NULL, 0, "a=1", SEAWALL_TEXT, &context, state, sizeof state, &needed) ==
        SEAWALL_TRACE_NEW_ROOT);
  CHECK(needed == 0 && context.flags == SEAWALL_TRACE_ROOT_FLAGS);
  context = (seawall_trace_context)SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_trace_context_extract(kTraceparent, SEAWALL_TEXT, "a=1", 3, &context, NULL, 0, &needed) ==
        SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 3 && context.trace_id[0] == 0x0a);
}

static void tracestate(void) {
  char out[64];
  size_t needed = 0;
  CHECK(seawall_trace_state_set("a=1,b=2", SEAWALL_TEXT, "b", 1, "3", 1, out, sizeof out, &needed, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "b=3,a=1") == 0 && needed == 7);
  CHECK(seawall_trace_state_set(NULL, 0, "b", 1, "3", 1, out, 3, &needed, NULL) == SEAWALL_OK);
  CHECK(memcmp(out, "b=3", 3) == 0 && needed == 3);
  CHECK(seawall_trace_state_set("", 0, "B", 1, "3", 1, out, 3, &needed, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_set("", 0, "b", 1, "3", 1, out, 2, &needed, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 3);
  CHECK(seawall_trace_state_remove("a=1,b=2", SEAWALL_TEXT, "a", 1, out, sizeof out, &needed, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "b=2") == 0);
  CHECK(seawall_trace_state_remove("a=1", SEAWALL_TEXT, "c", 1, out, sizeof out, NULL, NULL) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_trace_state_get("a=1,b=22", SEAWALL_TEXT, "b", 1, out, sizeof out, &needed, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "22") == 0 && needed == 2);
  CHECK(seawall_trace_state_get("a=1", SEAWALL_TEXT, "c", 1, out, sizeof out, NULL, NULL) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_trace_state_normalize(" a=1 ,, b=2,a=3", SEAWALL_TEXT, 0, out, sizeof out, NULL, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "a=1,b=2") == 0);
  CHECK(seawall_trace_state_normalize("a=1,b=2", SEAWALL_TEXT, 5, out, sizeof out, NULL, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "a=1") == 0);
}

static void more_than_32_members(void) {
  char text[512] = "";
  size_t size = 0;
  for (int i = 0; i < 33; ++i) size += (size_t)snprintf(text + size, sizeof text - size, "k%d=1,", i);
  char out[512];
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_trace_state_normalize(text, size, 0, out, sizeof out, NULL, &error) == SEAWALL_E_FULL);
  CHECK(strstr(error.message, "32") != NULL);
}

static void correlation_id(void) {
  char out[SEAWALL_CORRELATION_ID_MAX_SIZE];
  size_t needed = 0;
  CHECK(seawall_correlation_id_accept("req-1", SEAWALL_TEXT, out, sizeof out, &needed) == SEAWALL_CORRELATION_ACCEPTED);
  CHECK(needed == 5 && strcmp(out, "req-1") == 0);
  CHECK(seawall_correlation_id_accept("no spaces", 9, out, sizeof out, &needed) == SEAWALL_CORRELATION_GENERATED);
  CHECK(needed == 32 && strspn(out, "0123456789abcdef") == 32);
  CHECK(seawall_correlation_id_accept(NULL, 0, out, sizeof out, &needed) == SEAWALL_CORRELATION_GENERATED);
  CHECK(needed == 32);
  CHECK(seawall_correlation_id_accept("req-1", 5, out, 4, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 5);
}

static void null_everywhere(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  char out[64];
  CHECK(seawall_trace_context_parse(NULL, SEAWALL_TEXT, &context, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_parse(NULL, 55, &context, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_parse(kTraceparent, 55, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_format(NULL, out, sizeof out, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_new_root(0, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_child(NULL, &context) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_child(&context, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_extract(NULL, 0, NULL, 0, NULL, NULL, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_trace_context_extract(NULL, 1, NULL, 0, &context, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_extract(NULL, 0, NULL, 1, &context, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_extract(NULL, 0, NULL, 0, &context, NULL, 0, NULL) == SEAWALL_TRACE_NEW_ROOT);
  CHECK(seawall_trace_context_format(&context, NULL, 100, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_trace_state_normalize(NULL, 0, 0, NULL, 0, NULL, NULL) == SEAWALL_OK);
  CHECK(seawall_trace_state_normalize(NULL, 1, 0, NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_set(NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_set("", 0, NULL, 1, "1", 1, out, sizeof out, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_set("", 0, "a", 1, NULL, 1, out, sizeof out, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_set("", 0, "a", 1, "1", 1, NULL, 9, NULL, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_trace_state_remove("a=1", 3, NULL, 1, out, sizeof out, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_remove("a=1", 3, "a", 1, NULL, 0, NULL, NULL) == SEAWALL_OK);
  CHECK(seawall_trace_state_get("a=1", 3, NULL, 1, out, sizeof out, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_state_get(NULL, 0, NULL, 0, NULL, 0, NULL, NULL) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_correlation_id_accept(NULL, 1, out, sizeof out, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_correlation_id_accept("a", 1, NULL, 9, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
}

static void contexts_that_were_never_filled(void) {
  seawall_trace_context zero = SEAWALL_TRACE_CONTEXT_INIT;
  seawall_trace_context out = SEAWALL_TRACE_CONTEXT_INIT;
  char text[64];
  CHECK(seawall_trace_context_format(&zero, text, sizeof text, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_child(&zero, &out) == SEAWALL_E_INVALID_ARGUMENT);
  zero.struct_size = 4;
  CHECK(seawall_trace_context_parse(kTraceparent, 55, &zero, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_trace_context_new_root(0, &zero) == SEAWALL_E_INVALID_ARGUMENT);
}

int main(void) {
  parse_and_format();
  an_error_says_why_and_changes_nothing();
  root_and_child();
  extract();
  tracestate();
  more_than_32_members();
  correlation_id();
  null_everywhere();
  contexts_that_were_never_filled();
  return check_result();
}
