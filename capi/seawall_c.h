/* SPDX-License-Identifier: MIT
 *
 * The C API of Seawall. One header, C99.
 *
 * Every function is safe to call with NULL or with a live handle of another type: it answers SEAWALL_E_WRONG_HANDLE.
 * None throws, none calls back on another thread, none keeps a pointer to its arguments unless it says so.
 *
 * Times are int64_t nanoseconds of CLOCK_MONOTONIC. Where a function takes `now_ns`, SEAWALL_NOW means "read the
 * clock". Text goes in as pointer and length, where SEAWALL_TEXT (the largest size_t) as length means "ends with a zero
 * byte". Text comes out into the caller's buffer: (buffer, capacity, needed); *needed is always set to the whole length
 * without a final zero byte, and SEAWALL_E_BUFFER_TOO_SMALL is answered when it did not fit. `needed` may be NULL.
 *
 * Threads: "any" means from any number of threads at once on one handle; "exclusive" means no other call on that handle
 * at the same time. All *_free are exclusive, and free(NULL) does nothing. README.md beside this file has the rules.
 */
#ifndef SEAWALL_C_H
#define SEAWALL_C_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SEAWALL_API __attribute__((visibility("default")))
#else
#define SEAWALL_API
#endif

#ifdef __cplusplus
extern "C" {
#define SEAWALL_NOEXCEPT noexcept
#else
#define SEAWALL_NOEXCEPT
#endif

/* ---- common ---------------------------------------------------------------------------------------------------- */

#define SEAWALL_VERSION_MAJOR 0
#define SEAWALL_VERSION_MINOR 1
#define SEAWALL_VERSION_PATCH 0
#define SEAWALL_VERSION "0.1.0"
/* Grows when a binding made for an older header can no longer be used. */
#define SEAWALL_ABI_VERSION 1

#define SEAWALL_NOW INT64_MIN
#define SEAWALL_NEVER INT64_MAX
#define SEAWALL_TEXT ((size_t)-1)

/* What a function answers: 0 or a positive answer of its own, or one of these. Numbers never change their meaning. */
enum {
  SEAWALL_OK = 0,
  SEAWALL_E_INVALID_ARGUMENT = -1,
  SEAWALL_E_WRONG_HANDLE = -2,
  SEAWALL_E_NO_MEMORY = -3,
  SEAWALL_E_BUFFER_TOO_SMALL = -4,
  SEAWALL_E_NOT_FOUND = -5,
  SEAWALL_E_ALREADY_EXISTS = -6,
  SEAWALL_E_FENCED = -7,
  SEAWALL_E_FULL = -8,
  SEAWALL_E_INTERNAL = -9
};

/* Where a failing call explains itself. The caller owns it and sets struct_size = sizeof(seawall_error) (or uses
 * SEAWALL_ERROR_INIT) before the first call; the call fills code and a zero-terminated message. NULL is allowed
 * wherever a seawall_error* is taken. */
typedef struct seawall_error {
  uint32_t struct_size;
  int32_t code;
  char message[256];
} seawall_error;
#define SEAWALL_ERROR_INIT                    \
  {                                           \
    (uint32_t)sizeof(seawall_error), 0, { 0 } \
  }

/* Library version, "MAJOR.MINOR.PATCH"; static text. Threads: any. Does not block. */
SEAWALL_API const char* seawall_version(void) SEAWALL_NOEXCEPT;
/* The SEAWALL_ABI_VERSION the library was built with: a binding compares it with its own. Threads: any. */
SEAWALL_API int32_t seawall_abi_version(void) SEAWALL_NOEXCEPT;
/* The name of a status code, such as "SEAWALL_E_FULL"; static text, "unknown" for others. Threads: any. */
SEAWALL_API const char* seawall_code_name(int32_t code) SEAWALL_NOEXCEPT;
/* The clock behind SEAWALL_NOW, in nanoseconds. Threads: any. Does not block. */
SEAWALL_API int64_t seawall_now_ns(void) SEAWALL_NOEXCEPT;

/* Outcome of a guarded call. */
enum { SEAWALL_OUTCOME_SUCCESS = 0, SEAWALL_OUTCOME_FAILURE = 1, SEAWALL_OUTCOME_IGNORED = 2 };

/* ---- circuit breaker ------------------------------------------------------------------------------------------- */

/* ---- rate limiters --------------------------------------------------------------------------------------------- */

/* ---- metrics --------------------------------------------------------------------------------------------------- */

/* ---- trace context --------------------------------------------------------------------------------------------- */

/* ---- service registry ------------------------------------------------------------------------------------------ */

#ifdef __cplusplus
}
#endif

#endif /* SEAWALL_C_H */
