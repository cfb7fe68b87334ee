/* SPDX-License-Identifier: MIT
 * Reads the tables of tests/vectors, as support/vectors.h describes them (bare words only):
 *
 *   vector_file file;
 *   for (vector_open(&file, "token_bucket.txt"); vector_next(&file);) {
 *     if (file.is_case) ... vector_number(&file.arguments, "permits", 0)
 *     else ... file.now_ns, file.verb; vector_expect(&file, "remaining", decision.remaining);
 *   }
 *
 * The next line, or the end, fails a line of which not all expected values were compared. */
#pragma once
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { VECTOR_FIELDS = 16 };

typedef struct vector_fields {
  int count;
  const char* names[VECTOR_FIELDS];
  const char* values[VECTOR_FIELDS];
} vector_fields;

typedef struct vector_file {
  FILE* stream;
  const char* name;
  int line;
  int is_case;
  int64_t now_ns;
  const char* verb; /* of a case: its name */
  vector_fields arguments;
  vector_fields expected;
  int compared;
  char text[1024];
} vector_file;

static void vector_open(vector_file* file, const char* name) {
  char path[512];
  memset(file, 0, sizeof *file);
  snprintf(path, sizeof path, "%s/%s", SEAWALL_TEST_VECTORS, name);
  file->name = name;
  file->stream = fopen(path, "r");
  CHECK(file->stream != NULL);
}

static void vector_fail(const vector_file* file, const char* what, const char* value) {
  fprintf(stderr, "%s:%d: %s %s\n", file->name, file->line, what, value);
  const int holds = 0;
  CHECK(holds);
}

static void vector_put(vector_file* file, vector_fields* fields, char* word) {
  char* equals = strchr(word, '=');
  if (equals == NULL || fields->count == VECTOR_FIELDS) {
    vector_fail(file, "cannot be read:", word);
    return;
  }
  *equals = '\0';
  fields->names[fields->count] = word;
  fields->values[fields->count++] = equals + 1;
}

/* 0 at the end of the file. */
static int vector_next(vector_file* file) {
  if (file->compared != file->expected.count) vector_fail(file, "not all that is expected was compared:", file->verb);
  file->compared = file->expected.count = 0;
  while (file->stream != NULL && fgets(file->text, sizeof file->text, file->stream) != NULL) {
    ++file->line;
    char* word = strtok(file->text, " \t\n");
    if (word == NULL || word[0] == '#') continue;
    file->is_case = strcmp(word, "case") == 0;
    file->now_ns = strtoll(word, NULL, 10);
    file->verb = strtok(NULL, " \t\n");
    file->arguments.count = 0;
    vector_fields* into = &file->arguments;
    while ((word = strtok(NULL, " \t\n")) != NULL && word[0] != '#') {
      if (strcmp(word, "->") == 0) {
        into = &file->expected;
      } else {
        vector_put(file, into, word);
      }
    }
    return 1;
  }
  if (file->stream != NULL) fclose(file->stream);
  file->stream = NULL;
  return 0;
}

/* NULL when there is none. */
static const char* vector_text(const vector_fields* fields, const char* name) {
  for (int i = 0; i < fields->count; ++i) {
    if (strcmp(fields->names[i], name) == 0) return fields->values[i];
  }
  return NULL;
}

static int64_t vector_number(const vector_fields* fields, const char* name, int64_t fallback) {
  const char* text = vector_text(fields, name);
  return text != NULL ? strtoll(text, NULL, 10) : fallback;
}

static void vector_expect_text(vector_file* file, const char* name, const char* actual) {
  const char* wanted = vector_text(&file->expected, name);
  if (wanted == NULL) return;
  ++file->compared;
  CHECK(strcmp(wanted, actual) == 0);
  if (strcmp(wanted, actual) != 0) vector_fail(file, name, actual);
}

static void vector_expect(vector_file* file, const char* name, int64_t actual) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, actual);
  vector_expect_text(file, name, text);
}

/* A number for each name that is given, 0 to VECTOR_FIELDS - 1, from 0 again when name is NULL. */
static int vector_place(const char* name) {
  static char known[VECTOR_FIELDS][24];
  static int count = 0;
  if (name == NULL) return count = 0;
  for (int i = 0; i < count; ++i) {
    if (strcmp(known[i], name) == 0) return i;
  }
  CHECK(count < VECTOR_FIELDS);
  if (count == VECTOR_FIELDS) return 0;
  snprintf(known[count], sizeof known[count], "%s", name);
  return count++;
}

/* The fields as a JSON object of numbers, without `how`, and with the C name of what the tables call `estimate`. */
static const char* vector_json(const vector_fields* fields) {
  static char json[1024];
  size_t size = 0;
  json[0] = '\0';
  for (int i = 0; i < fields->count; ++i) {
    const char* name = strcmp(fields->names[i], "estimate") == 0 ? "mode" : fields->names[i];
    if (strcmp(name, "how") == 0) continue;
    size += (size_t)snprintf(json + size, sizeof json - size, "%s\"%s\":%s", size == 0 ? "{" : ",", name,
                             fields->values[i]);
  }
  snprintf(json + size, sizeof json - size, "%s", size == 0 ? "{}" : "}");
  return json;
}
