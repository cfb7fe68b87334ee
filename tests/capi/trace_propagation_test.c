/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

static const char* const kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static seawall_propagator* propagator_of(const char* json) {
  seawall_propagator* propagator = NULL;
  CHECK(seawall_propagator_new_from_json(json, SEAWALL_TEXT, &propagator, NULL) == SEAWALL_OK);
  return propagator;
}

static seawall_header header(const char* name, const char* value) {
  const seawall_header made = {name, strlen(name), value, strlen(value)};
  return made;
}

static seawall_carrier carrier_of(const seawall_header* headers, size_t count) {
  seawall_carrier carrier;
  CHECK(seawall_carrier_init(&carrier) == SEAWALL_OK);
  carrier.headers = headers;
  carrier.header_count = count;
  return carrier;
}

static uint64_t count_of(seawall_propagator* propagator, int32_t fault) {
  uint64_t count = 99;
  CHECK(seawall_propagator_fault_count(propagator, fault, &count) == SEAWALL_OK);
  return count;
}

static void headers_in_an_array(void) {
  seawall_propagator* propagator = propagator_of("{}");
  const seawall_header headers[] = {header("Host", "x"), header("TraceParent", kTraceparent),
                                    header("tracestate", "a=1"), header("tracestate", "b=2")};
  seawall_carrier carrier = carrier_of(headers, 4);
  seawall_extracted out;
  char state[32];
  size_t needed = 0;
  CHECK(seawall_extracted_init(&out) == SEAWALL_OK);
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, state, sizeof state, &needed) ==
        SEAWALL_TRACE_CONTINUED);
  CHECK(out.continued == 1 && out.decided == 1 && out.fault == SEAWALL_FAULT_NONE);
  CHECK(out.context.trace_id[0] == 0x0a && out.context.flags == SEAWALL_TRACE_SAMPLED);
  CHECK(needed == 7 && strcmp(state, "a=1,b=2") == 0);
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, state, 6, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 7 && out.continued == 1);
  carrier.header_count = 1;
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, state, sizeof state, &needed) == SEAWALL_TRACE_NEW_ROOT);
  CHECK(out.fault == SEAWALL_FAULT_PARENT_ABSENT && out.context.flags == SEAWALL_TRACE_ROOT_FLAGS);
  CHECK(count_of(propagator, SEAWALL_FAULT_PARENT_ABSENT) == 0);
  seawall_propagator_free(propagator);
}

/* Fields that a host finds by itself: two of traceparent. */
typedef struct fields {
  const char* values[3];
  int asked;
} fields;

static int32_t get_field(void* user_data, const char* name, size_t name_size, size_t at, const char** value,
                         size_t* value_size) {
  fields* from = user_data;
  ++from->asked;
  if (name_size != 11 || memcmp(name, "traceparent", 11) != 0 || at >= 3 || from->values[at] == NULL) return 0;
  *value = from->values[at];
  *value_size = SEAWALL_TEXT;
  return 1;
}

static void headers_by_callback_with_repeated_fields(void) {
  seawall_propagator* propagator = propagator_of("{}");
  fields from = {{kTraceparent, NULL, NULL}, 0};
  seawall_carrier carrier = carrier_of(NULL, 0);
  carrier.get = get_field;
  carrier.user_data = &from;
  seawall_extracted out;
  CHECK(seawall_extracted_init(&out) == SEAWALL_OK);
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, NULL, 0, NULL) == SEAWALL_TRACE_CONTINUED);
  CHECK(from.asked == 3);
  from.values[1] = kTraceparent;
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, NULL, 0, NULL) == SEAWALL_TRACE_NEW_ROOT);
  CHECK(out.fault == SEAWALL_FAULT_PARENT_REPEATED);
  from.values[0] = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
  from.values[1] = NULL;
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, NULL, 0, NULL) == SEAWALL_TRACE_NEW_ROOT);
  CHECK(count_of(propagator, SEAWALL_FAULT_PARENT_REPEATED) == 1);
  CHECK(count_of(propagator, SEAWALL_FAULT_PARENT_UPPER_CASE) == 1);
  CHECK(strcmp(seawall_trace_fault_name(SEAWALL_FAULT_PARENT_UPPER_CASE), "traceparent_upper_case") == 0);
  CHECK(strcmp(seawall_trace_fault_name(-1), "unknown") == 0);
  CHECK(strcmp(seawall_trace_fault_name(SEAWALL_FAULT_COUNT), "unknown") == 0);
  uint64_t count = 0;
  CHECK(seawall_propagator_fault_count(propagator, SEAWALL_FAULT_COUNT, &count) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_propagator_fault_count(propagator, 0, &count) == SEAWALL_E_NOT_FOUND);
  seawall_propagator_free(propagator);
}

typedef struct outgoing {
  char text[512];
  size_t size;
} outgoing;

static void set_field(void* user_data, const char* name, size_t name_size, const char* value, size_t value_size) {
  outgoing* to = user_data;
  to->size += (size_t)snprintf(to->text + to->size, sizeof to->text - to->size, "%.*s: %.*s\n", (int)name_size, name,
                               (int)value_size, value);
}

static void inject(void) {
  seawall_propagator* propagator = propagator_of("{\"inject_b3\": 1}");
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_trace_context_parse(kTraceparent, SEAWALL_TEXT, &context, NULL) == SEAWALL_OK);
  outgoing to = {"", 0};
  CHECK(seawall_propagator_inject(propagator, &context, "a=1", 3, set_field, &to) == SEAWALL_OK);
  CHECK(strcmp(to.text,
               "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate: a=1\n"
               "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\nx-b3-traceid: \nx-b3-spanid: \n"
               "x-b3-sampled: \nx-b3-flags: \nx-b3-parentspanid: \n") == 0);
  CHECK(seawall_propagator_inject(propagator, &context, NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_propagator_inject(propagator, NULL, NULL, 0, set_field, &to) == SEAWALL_E_INVALID_ARGUMENT);
  const size_t before = to.size;
  const seawall_trace_context never_filled = SEAWALL_TRACE_CONTEXT_INIT;
  CHECK(seawall_propagator_inject(propagator, &never_filled, NULL, 0, set_field, &to) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(to.size == before); /* headers stay as they are */
  seawall_propagator_free(propagator);
}

static void b3_keeps_its_states(void) {
  seawall_propagator* propagator = propagator_of("{\"accept_b3\": 1}");
  const seawall_header b3 = header("B3", "8448eb211c80319c-b7ad6b7169203331-d");
  const seawall_carrier carrier = carrier_of(&b3, 1);
  seawall_extracted out;
  char text[64];
  CHECK(seawall_extracted_init(&out) == SEAWALL_OK);
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, NULL, 0, NULL) == SEAWALL_TRACE_CONTINUED);
  CHECK(out.from_b3 == 1 && out.context.hints == (SEAWALL_TRACE_DEBUG | SEAWALL_TRACE_SHORT_ID));
  CHECK(seawall_trace_context_child(&out.context, &out.context) == SEAWALL_OK);
  CHECK(seawall_trace_context_format_b3(&out.context, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(memcmp(text, "8448eb211c80319c-", 17) == 0 && strcmp(text + strlen(text) - 2, "-d") == 0);
  CHECK(seawall_trace_context_format(&out.context, text, sizeof text, NULL) == SEAWALL_OK);
  CHECK(memcmp(text, "00-00000000000000008448eb211c80319c-", 36) == 0);
  seawall_propagator_free(propagator);
}

static void options(void) {
  seawall_propagator* propagator = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  const char* const bad[] = {"strictness", "trust", "accept_b3", "inject_b3", "root_flags"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    char json[64];
    snprintf(json, sizeof json, "{\"%s\": 4}", bad[i]);
    CHECK(seawall_propagator_new_from_json(json, SEAWALL_TEXT, &propagator, &error) == SEAWALL_E_INVALID_ARGUMENT);
    CHECK(propagator == NULL && strstr(error.message, bad[i]) != NULL);
  }
  CHECK(seawall_propagator_new_from_json("{\"max_tracestate_bytes\": 511}", SEAWALL_TEXT, &propagator, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_propagator_new_from_json("{\"baggage_members\": 65}", SEAWALL_TEXT, &propagator, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_propagator_new_from_json("{\"baggage_bytes\": 8193}", SEAWALL_TEXT, &propagator, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_propagator_new(NULL, &propagator, &error) == SEAWALL_OK);
  seawall_propagator_free(propagator);
  propagator = propagator_of("{\"root_flags\": -1}");
  const seawall_carrier carrier = carrier_of(NULL, 0);
  seawall_extracted out;
  CHECK(seawall_extracted_init(&out) == SEAWALL_OK);
  CHECK(seawall_propagator_extract(propagator, &carrier, &out, NULL, 0, NULL) == SEAWALL_TRACE_NEW_ROOT);
  CHECK(out.context.flags == 0);
  const seawall_header unreadable = {"x", 1, NULL, 3};
  const seawall_carrier bad_carrier = carrier_of(&unreadable, 1);
  CHECK(seawall_propagator_extract(propagator, &bad_carrier, &out, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_propagator_free(propagator);
}

static void baggage(void) {
  seawall_propagator* propagator = propagator_of("{\"baggage_members\": 2}");
  const seawall_header headers[] = {header("baggage", "a=1, b=x%20y;p"), header("Baggage", "c=3")};
  const seawall_carrier carrier = carrier_of(headers, 2);
  char out[64];
  size_t needed = 0;
  CHECK(seawall_propagator_extract_baggage(propagator, &carrier, out, sizeof out, &needed) ==
        SEAWALL_FAULT_BAGGAGE_TOO_MANY_MEMBERS);
  CHECK(needed == 13 && strcmp(out, "a=1,b=x%20y;p") == 0);
  CHECK(count_of(propagator, SEAWALL_FAULT_BAGGAGE_TOO_MANY_MEMBERS) == 1);
  seawall_propagator_free(propagator);

  CHECK(seawall_baggage_get("a=1,b=x%20y", SEAWALL_TEXT, "b", 1, out, sizeof out, &needed) == SEAWALL_OK);
  CHECK(needed == 3 && strcmp(out, "x y") == 0);
  CHECK(seawall_baggage_get("a=1", 3, "c", 1, out, sizeof out, &needed) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_baggage_get("a=12", 4, "a", 1, out, 1, &needed) == SEAWALL_E_BUFFER_TOO_SMALL && needed == 2);
  CHECK(seawall_baggage_set(NULL, 0, "k", 1, "x y", 3, "p", 1, out, sizeof out, &needed, NULL) == SEAWALL_OK);
  CHECK(strcmp(out, "k=x%20y;p") == 0 && needed == 9);
  CHECK(seawall_baggage_set(NULL, 0, "k", 1, "x y", 3, NULL, 0, out, 6, &needed, NULL) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(needed == 7);
  CHECK(seawall_baggage_set(NULL, 0, "k k", 3, "", 0, NULL, 0, out, 6, &needed, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_baggage_remove("a=1,b=2,a=3", SEAWALL_TEXT, "a", 1, out, sizeof out, &needed) == SEAWALL_OK);
  CHECK(strcmp(out, "b=2") == 0);
  seawall_baggage_member member;
  CHECK(seawall_baggage_at("a=1,b = 2 ; p=v", SEAWALL_TEXT, 1, &member) == SEAWALL_OK);
  CHECK(member.key_size == 1 && member.key[0] == 'b' && member.value_size == 1 && member.value[0] == '2');
  CHECK(member.properties_size == 3 && memcmp(member.properties, "p=v", 3) == 0);
  CHECK(seawall_baggage_at("a=1", 3, 1, &member) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_baggage_decode("%FFx", 4, out, sizeof out, &needed) == SEAWALL_OK && needed == 4);
}

static void sampler(void) {
  seawall_sampler* limited = NULL;
  CHECK(seawall_sampler_new_from_json("{\"permits\": 1, \"period_ns\": 1000}", SEAWALL_TEXT, 0, &limited, NULL) ==
        SEAWALL_OK);
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  char state[300];
  CHECK(seawall_trace_context_new_root(SEAWALL_TRACE_RANDOM, &context) == SEAWALL_OK);
  CHECK(seawall_sampler_sample(limited, 0, &context, 0, NULL, 0, state, sizeof state, NULL) == SEAWALL_TRACE_RECORD);
  CHECK(context.flags == SEAWALL_TRACE_ROOT_FLAGS);
  CHECK(seawall_sampler_sample(limited, 999, &context, 0, NULL, 0, state, sizeof state, NULL) == SEAWALL_TRACE_DROP);
  CHECK(context.flags == SEAWALL_TRACE_RANDOM);
  CHECK(seawall_sampler_sample(limited, 1000, &context, 0, NULL, 0, state, sizeof state, NULL) == SEAWALL_TRACE_RECORD);
  seawall_sampler_free(limited);

  seawall_sampler* all = NULL;
  size_t needed = 0;
  CHECK(seawall_sampler_new(NULL, 0, &all, NULL) == SEAWALL_OK);
  CHECK(seawall_sampler_sample(all, 0, &context, 0, "a=1", 3, state, sizeof state, &needed) == SEAWALL_TRACE_RECORD);
  CHECK(strcmp(state, "ot=th:0,a=1") == 0 && needed == 11);
  context.flags = 0;
  CHECK(seawall_sampler_sample(all, 0, &context, 1, "a=1", 3, state, sizeof state, &needed) == SEAWALL_TRACE_DROP);
  seawall_sampler_free(all);

  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_sampler_new_from_json("{\"ratio\": 1.5}", SEAWALL_TEXT, 0, &all, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "ratio") != NULL);
  CHECK(seawall_sampler_new_from_json("{\"permits\": 1}", SEAWALL_TEXT, 0, &all, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_sampler_new_from_json("{\"ratio\": -1}", SEAWALL_TEXT, 0, &all, &error) == SEAWALL_OK);
  CHECK(seawall_sampler_sample(all, 0, &context, 0, NULL, 0, state, sizeof state, &needed) == SEAWALL_TRACE_DROP);
  seawall_sampler_free(all);
}

static void correlation_ids_that_spell_a_trace(void) {
  seawall_trace_context context = SEAWALL_TRACE_CONTEXT_INIT;
  const char* const uuid = "550e8400-e29b-41d4-a716-446655440000";
  CHECK(seawall_correlation_id_root(uuid, SEAWALL_TEXT, SEAWALL_TRACE_ROOT_FLAGS, &context) == SEAWALL_OK);
  CHECK(context.trace_id[0] == 0x55 && context.trace_id[6] == 0x41 && context.flags == SEAWALL_TRACE_ROOT_FLAGS);
  CHECK(seawall_correlation_id_root("550e8400-e29b-11d4-a716-446655440000", SEAWALL_TEXT, SEAWALL_TRACE_ROOT_FLAGS,
                                    &context) == SEAWALL_OK);
  CHECK(context.flags == SEAWALL_TRACE_SAMPLED);
  CHECK(seawall_correlation_id_root("req-1", 5, SEAWALL_TRACE_ROOT_FLAGS, &context) == SEAWALL_E_NOT_FOUND);
  seawall_ids_reseed();
  CHECK(seawall_trace_context_child(&context, &context) == SEAWALL_OK);
}

int main(void) {
  headers_in_an_array();
  headers_by_callback_with_repeated_fields();
  inject();
  b3_keeps_its_states();
  options();
  baggage();
  sampler();
  correlation_ids_that_spell_a_trace();
  return check_result();
}
