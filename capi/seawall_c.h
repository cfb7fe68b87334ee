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

/* ---- clock ----------------------------------------------------------------------------------------------------- */

/* CLOCK_MONOTONIC read from the processor's counter, where the kernel itself trusts that counter; else the clock
 * itself. Its readings are now_ns arguments like any other, within 10 us of CLOCK_MONOTONIC. It calibrates itself on a
 * reading each 1 to 2 ms; nothing to call, no thread. Usable in a child after fork. Through an FFI the call costs more
 * than it saves: read your language's monotonic clock there. */
typedef struct seawall_clock seawall_clock;

/* kernel: as the kernel does; never: CLOCK_MONOTONIC only; always: the caller knows better than the kernel. */
enum { SEAWALL_CLOCK_TRUST_KERNEL = 0, SEAWALL_CLOCK_TRUST_NEVER = 1, SEAWALL_CLOCK_TRUST_ALWAYS = 2 };
enum { SEAWALL_CLOCK_MONOTONIC = 0, SEAWALL_CLOCK_COUNTER = 1 };

typedef struct seawall_clock_options {
  uint32_t struct_size;
  int32_t trust; /* SEAWALL_CLOCK_TRUST_*; default: as the kernel does */
} seawall_clock_options;

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_clock_options_init(seawall_clock_options* options) SEAWALL_NOEXCEPT;
/* The caller owns *out and frees it. options may be NULL. Allocates, reads one file below /sys, and measures for 1 ms.
 * Threads: any. Errors: SEAWALL_E_INVALID_ARGUMENT (trust), SEAWALL_E_NO_MEMORY. */
SEAWALL_API int32_t seawall_clock_new(const seawall_clock_options* options, seawall_clock** out,
                                      seawall_error* error) SEAWALL_NOEXCEPT;
/* The same with options as a JSON object whose keys are the fields above. */
SEAWALL_API int32_t seawall_clock_new_from_json(const char* json, size_t size, seawall_clock** out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. */
SEAWALL_API void seawall_clock_free(seawall_clock* clock) SEAWALL_NOEXCEPT;
/* Nanoseconds, for now_ns. NULL or another handle: those of seawall_now_ns. Threads: any. Does not block. */
SEAWALL_API int64_t seawall_clock_now_ns(const seawall_clock* clock) SEAWALL_NOEXCEPT;
/* SEAWALL_CLOCK_COUNTER or SEAWALL_CLOCK_MONOTONIC; changes from the first to the second when the counter turns out to
 * be wrong. Threads: any. */
SEAWALL_API int32_t seawall_clock_source(const seawall_clock* clock) SEAWALL_NOEXCEPT;

/* ---- circuit breaker ------------------------------------------------------------------------------------------- */

/* Stops calling a dependency that keeps failing: three failures in a row open it, or the rate of failed or slow calls
 * in a window, if asked for; after open_duration one probe decides. For each call: try_acquire, the call, report, once.
 * All functions but _free: threads any, do not block, allocate nothing. While the breaker is closed, SEAWALL_NOW reads
 * no clock, unless it has a time window or times calls. */
typedef struct seawall_circuit_breaker seawall_circuit_breaker;

enum {
  SEAWALL_BREAKER_CLOSED = 0,
  SEAWALL_BREAKER_OPEN = 1,
  SEAWALL_BREAKER_HALF_OPEN = 2,
  SEAWALL_BREAKER_FORCED_OPEN = 3,
  SEAWALL_BREAKER_DISABLED = 4
};
/* Why a breaker changed: three failures, break over, probes succeeded, a probe failed, probes not reported within their
 * lease, the three calls of an operator, the rates of the two windows, a probe that was slow. NONE: of a snapshot of a
 * breaker that has not changed yet. */
enum {
  SEAWALL_BREAKER_REASON_NONE = 0,
  SEAWALL_BREAKER_REASON_FAILURE_THRESHOLD = 1,
  SEAWALL_BREAKER_REASON_OPEN_ELAPSED = 2,
  SEAWALL_BREAKER_REASON_PROBES_SUCCEEDED = 3,
  SEAWALL_BREAKER_REASON_PROBE_FAILED = 4,
  SEAWALL_BREAKER_REASON_PROBES_LOST = 5,
  SEAWALL_BREAKER_REASON_FORCED_OPEN = 6,
  SEAWALL_BREAKER_REASON_DISABLED = 7,
  SEAWALL_BREAKER_REASON_RESET = 8,
  SEAWALL_BREAKER_REASON_COUNT_FAILURE_RATE = 9,
  SEAWALL_BREAKER_REASON_TIME_FAILURE_RATE = 10,
  SEAWALL_BREAKER_REASON_COUNT_SLOW_RATE = 11,
  SEAWALL_BREAKER_REASON_TIME_SLOW_RATE = 12,
  SEAWALL_BREAKER_REASON_PROBE_SLOW = 13
};
enum { SEAWALL_BREAKER_REFUSED = 0, SEAWALL_BREAKER_ADMITTED = 1 };
/* What became of a report: LATE when the breaker has moved on since the call was admitted, NOT_COUNTED when it was
 * admitted while disabled or, in shadow, instead of being refused, INVALID_TOKEN when no breaker gave the token out.
 * Only RECORDED can change anything. */
enum {
  SEAWALL_REPORT_RECORDED = 0,
  SEAWALL_REPORT_LATE = 1,
  SEAWALL_REPORT_NOT_COUNTED = 2,
  SEAWALL_REPORT_INVALID_TOKEN = 3
};

/* failure_threshold = SEAWALL_BREAKER_OFF: failures in a row do not open it. */
enum { SEAWALL_BREAKER_OFF = -1 };

/* Any rule that is given opens the breaker by itself. A rate is in percent of the calls of each window that is given;
 * it is looked at when a call fails or is slow, and needs minimum_calls calls (or a full count_window, if that is
 * less). */
typedef struct seawall_circuit_breaker_options {
  uint32_t struct_size;
  int32_t failure_threshold;        /* failures in a row that open it, 1 to 1023; default 3 */
  int64_t open_duration_ns;         /* 1 ms to 366 days; default 30 s; kept to the millisecond, rounded up */
  int32_t half_open_max_probes;     /* probes in flight at once, 1 to 15; default 1 */
  int32_t success_threshold;        /* successful probes that close it, 1 to 15; default 1 */
  int64_t probe_lease_ns;           /* 1 ms to 366 days, longer than a call; default 30 s; rounded up to 256 ms */
  int32_t failure_rate_threshold;   /* percent of a window, 1 to 100; default: no such rule */
  int32_t slow_call_rate_threshold; /* the same for slow calls; a slow probe is a failed one then */
  int64_t slow_call_duration_ns;    /* a call is slow from here on, 1 ms to 366 days */
  int64_t time_window_ns;           /* the calls of the last so long, to a tenth; 1 s to 366 days; default: none */
  int32_t count_window;             /* the last so many calls, 1 to 1024; default: none */
  int32_t minimum_calls;            /* 1 to 1,000,000; default 20 */
  int32_t open_growth_percent;      /* each opening in a row lasts longer: 100 doubles; 0 to 900; default 0 */
  int32_t open_jitter_percent;      /* then up to so much longer; 0 to 100; default 0 */
  int64_t max_open_duration_ns;     /* growth stops here, or at open_duration if that is more; default 5 min */
  int64_t open_decay_ns;            /* closed for so long makes up for one opening; default: closing does, for all */
  uint64_t seed;                    /* of the jitter; default: now_ns of the creation */
  int32_t shadow;                   /* 1: refuse nothing, and count what would have been refused */
  int32_t count_totals;             /* 1: count all calls, at the price of a write for each */
} seawall_circuit_breaker_options;

/* State: one load. The totals, each by itself. Set struct_size before the call. */
typedef struct seawall_circuit_breaker_snapshot {
  uint32_t struct_size;
  int32_t state;         /* SEAWALL_BREAKER_* */
  int32_t failure_count; /* closed: the run so far; open and half-open: failure_threshold, 0 when it is off */
  uint32_t generation;   /* grows by one with each transition, wraps at 131,072 */
  int32_t trips;         /* openings that were not made up for, at most 15 */
  int32_t probes_in_flight;
  int32_t probe_successes;
  int32_t reason;         /* SEAWALL_BREAKER_REASON_*: why it is in this state */
  int64_t retry_after_ns; /* 0: a call now would be admitted; SEAWALL_NEVER while forced open */
  uint64_t late_results;
  uint64_t probes_lost;
  uint64_t lost_events;
  uint64_t shadow_refusals; /* admitted in shadow, would have been refused */
  uint64_t successes;       /* this and the next four: 0 without count_totals */
  uint64_t failures;
  uint64_t ignored;
  uint64_t slow_calls; /* also among the successes or failures */
  uint64_t refusals;
  int64_t count_window_calls; /* what the windows hold; 0 unless closed */
  int64_t count_window_failures;
  int64_t count_window_slow;
  int64_t time_window_calls;
  int64_t time_window_failures;
  int64_t time_window_slow;
} seawall_circuit_breaker_snapshot;

/* One transition. This struct never changes. */
typedef struct seawall_circuit_breaker_event {
  int32_t from;
  int32_t to;
  int32_t reason; /* SEAWALL_BREAKER_REASON_* */
  uint32_t generation;
  int64_t at_ns; /* the now_ns of the call that caused it, to the millisecond */
} seawall_circuit_breaker_event;

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_circuit_breaker_options_init(seawall_circuit_breaker_options* options) SEAWALL_NOEXCEPT;

/* A closed breaker; the caller owns *out and frees it. options may be NULL. Times are kept from now_ns, for 34 years.
 * Allocates. Errors: SEAWALL_E_INVALID_ARGUMENT naming the option, SEAWALL_E_NO_MEMORY. */
SEAWALL_API int32_t seawall_circuit_breaker_new(const seawall_circuit_breaker_options* options, int64_t now_ns,
                                                seawall_circuit_breaker** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The same with options as a JSON object whose keys are the fields above. */
SEAWALL_API int32_t seawall_circuit_breaker_new_from_json(const char* json, size_t size, int64_t now_ns,
                                                          seawall_circuit_breaker** out,
                                                          seawall_error* error) SEAWALL_NOEXCEPT;
/* A breaker in memory of the caller's, aligned to 64 bytes, SEAWALL_PLACE_SIZE of them or more, which processes may
 * share: one makes it (_new_in), the others, or the same at another address, attach once that has answered. The memory
 * holds all state and no address; it must outlive the handles, and _free leaves it as it is. All must read the same
 * clock: one boot, one time namespace. A token may be reported by another process than took it; any process may be
 * killed anywhere without harm to the others. Errors: as _new, and INVALID_ARGUMENT for the memory, or when no breaker
 * of this version was made in it. Threads: any. Does not block. */
#define SEAWALL_PLACE_SIZE 4096
SEAWALL_API int32_t seawall_circuit_breaker_new_in(const seawall_circuit_breaker_options* options, void* memory,
                                                   size_t memory_size, int64_t now_ns, seawall_circuit_breaker** out,
                                                   seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_circuit_breaker_attach(void* memory, size_t memory_size, seawall_circuit_breaker** out,
                                                   seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. Tokens that are still out must not be reported any more, unless the breaker lies in the caller's memory.
 */
SEAWALL_API void seawall_circuit_breaker_free(seawall_circuit_breaker* breaker) SEAWALL_NOEXCEPT;

/* May a call go out? SEAWALL_BREAKER_ADMITTED with *token, which the caller reports or cancels once; or
 * SEAWALL_BREAKER_REFUSED with *token = 0 (as on an error) and, where retry_after_ns is not NULL, the time to wait:
 * while open, nothing is admitted earlier; while probes are in flight, one is admitted at the latest then.
 * *retry_after_ns is 0 when admitted. Errors: SEAWALL_E_INVALID_ARGUMENT (token is NULL). */
SEAWALL_API int32_t seawall_circuit_breaker_try_acquire(seawall_circuit_breaker* breaker, int64_t now_ns,
                                                        uint64_t* token, int64_t* retry_after_ns) SEAWALL_NOEXCEPT;
/* How the call ended: SEAWALL_OUTCOME_*. Answers SEAWALL_REPORT_*. A probe that is never reported is given up after
 * probe_lease_ns. Errors: SEAWALL_E_INVALID_ARGUMENT (outcome). */
SEAWALL_API int32_t seawall_circuit_breaker_report(seawall_circuit_breaker* breaker, uint64_t token, int32_t outcome,
                                                   int64_t now_ns) SEAWALL_NOEXCEPT;
/* The call was not made, for example because a later check refused it: it counts for nothing, and a probe is given
 * back. */
SEAWALL_API int32_t seawall_circuit_breaker_cancel(seawall_circuit_breaker* breaker, uint64_t token) SEAWALL_NOEXCEPT;

/* For bindings in which a call into the library costs more than the decision: the address of the breaker's word, read
 * as one aligned 64-bit load, valid until _free; NULL for a breaker with windows, timed calls or totals. While
 * (word & SEAWALL_BREAKER_UNHEALTHY) == 0, a call may go out without try_acquire; its token is
 * (word & SEAWALL_BREAKER_IDENTITY) | SEAWALL_BREAKER_TOKEN_MARK. A call that succeeded need not be reported when
 * (word & (SEAWALL_BREAKER_IDENTITY | SEAWALL_BREAKER_UNHEALTHY)) is the same after it; every other one must be. */
#define SEAWALL_BREAKER_UNHEALTHY 0xE0000000000003FF
#define SEAWALL_BREAKER_IDENTITY 0xFFFFF00000000000
#define SEAWALL_BREAKER_TOKEN_MARK 0x0000080000000000
SEAWALL_API const uint64_t* seawall_circuit_breaker_word(const seawall_circuit_breaker* breaker) SEAWALL_NOEXCEPT;

/* An observation: only try_acquire moves an open breaker on, so do not wait here for "closed".
 * Errors: SEAWALL_E_INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_circuit_breaker_get_snapshot(const seawall_circuit_breaker* breaker, int64_t now_ns,
                                                         seawall_circuit_breaker_snapshot* out) SEAWALL_NOEXCEPT;

/* The operator. force_open refuses all, disable admits all and counts nothing; only reset leaves these states. reset
 * closes from any state; calls in flight are late then. */
SEAWALL_API int32_t seawall_circuit_breaker_force_open(seawall_circuit_breaker* breaker,
                                                       int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_circuit_breaker_disable(seawall_circuit_breaker* breaker, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_circuit_breaker_reset(seawall_circuit_breaker* breaker, int64_t now_ns) SEAWALL_NOEXCEPT;

/* While on is not 0, nothing is refused, not even when forced open; the state moves on, and what would have been
 * refused is counted in shadow_refusals. */
SEAWALL_API int32_t seawall_circuit_breaker_set_shadow(seawall_circuit_breaker* breaker, int32_t on) SEAWALL_NOEXCEPT;

/* Moves the oldest unread transitions, in order, into events[0 .. capacity) and answers how many. 32 are kept, older
 * ones are counted in lost_events. Several pollers share the events, each is delivered once.
 * Errors: SEAWALL_E_INVALID_ARGUMENT (events is NULL and capacity is not 0). */
SEAWALL_API int32_t seawall_circuit_breaker_poll_events(seawall_circuit_breaker* breaker,
                                                        seawall_circuit_breaker_event* events,
                                                        size_t capacity) SEAWALL_NOEXCEPT;

/* A circuit breaker for each host or instance, in memory chosen once. When all are taken, a new key gets the place of
 * one that is idle: closed, no failures in a row, and not asked for during idle_after; else it meets when_full. All
 * functions but _free: threads any; a call for a known key neither blocks nor allocates, one for a new key takes a
 * short mutex. Keys are pointer and length, any bytes. Errors of all that take a key: SEAWALL_E_INVALID_ARGUMENT (key
 * is NULL). */
typedef struct seawall_keyed_circuit_breaker seawall_keyed_circuit_breaker;

/* What a new key meets when all breakers are taken: its calls are admitted and count nowhere; all such keys share one
 * breaker; they are refused until a breaker may be idle. */
enum { SEAWALL_BREAKERS_FULL_ADMIT = 0, SEAWALL_BREAKERS_FULL_SHARE = 1, SEAWALL_BREAKERS_FULL_REFUSE = 2 };

typedef struct seawall_keyed_circuit_breaker_options {
  uint32_t struct_size;
  int32_t capacity;      /* breakers, 1 to 1,000,000, 3.5 KB each; default 1024 */
  int64_t idle_after_ns; /* 1 ms to 366 days, longer than a call; default 10 min */
  int32_t when_full;     /* SEAWALL_BREAKERS_FULL_*; default admit */
  int32_t reserved;
} seawall_keyed_circuit_breaker_options;

typedef struct seawall_keyed_circuit_breaker_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t memory_bytes;
  uint64_t capacity;
  uint64_t in_use;
  uint64_t evictions;
  uint64_t full; /* calls that met when_full */
} seawall_keyed_circuit_breaker_stats;

/* An admitted call. This struct never changes. */
typedef struct seawall_breaker_ticket {
  uint64_t token; /* 0: refused */
  uint64_t place;
} seawall_breaker_ticket;

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_options_init(seawall_keyed_circuit_breaker_options* options)
    SEAWALL_NOEXCEPT;
/* The caller owns *out and frees it. Both options may be NULL; `breaker` is of each breaker. Allocates. Errors:
 * SEAWALL_E_INVALID_ARGUMENT naming the option, SEAWALL_E_NO_MEMORY. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_new(const seawall_keyed_circuit_breaker_options* options,
                                                      const seawall_circuit_breaker_options* breaker, int64_t now_ns,
                                                      seawall_keyed_circuit_breaker** out,
                                                      seawall_error* error) SEAWALL_NOEXCEPT;
/* The same with a JSON object whose keys are the fields of both. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_new_from_json(const char* json, size_t size, int64_t now_ns,
                                                                seawall_keyed_circuit_breaker** out,
                                                                seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. Tickets that are still out must not be reported any more. */
SEAWALL_API void seawall_keyed_circuit_breaker_free(seawall_keyed_circuit_breaker* breakers) SEAWALL_NOEXCEPT;

/* As seawall_circuit_breaker_try_acquire, for the breaker of the key. Errors: SEAWALL_E_INVALID_ARGUMENT (ticket is
 * NULL). */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_try_acquire(seawall_keyed_circuit_breaker* breakers, const char* key,
                                                              size_t size, int64_t now_ns,
                                                              seawall_breaker_ticket* ticket,
                                                              int64_t* retry_after_ns) SEAWALL_NOEXCEPT;
/* As seawall_circuit_breaker_report and _cancel. A call whose breaker was given to another key meanwhile is LATE. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_report(seawall_keyed_circuit_breaker* breakers,
                                                         const seawall_breaker_ticket* ticket, int32_t outcome,
                                                         int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_circuit_breaker_cancel(seawall_keyed_circuit_breaker* breakers,
                                                         const seawall_breaker_ticket* ticket) SEAWALL_NOEXCEPT;

/* The breaker of one key. SEAWALL_E_NOT_FOUND: it has none. Errors: SEAWALL_E_INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_get_snapshot(const seawall_keyed_circuit_breaker* breakers,
                                                               const char* key, size_t size, int64_t now_ns,
                                                               seawall_circuit_breaker_snapshot* out) SEAWALL_NOEXCEPT;
/* The key whose breaker is at a place, from 0 to capacity - 1; its first 120 bytes. SEAWALL_E_NOT_FOUND: none is. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_key_at(const seawall_keyed_circuit_breaker* breakers, uint64_t place,
                                                         char* buffer, size_t capacity,
                                                         size_t* needed) SEAWALL_NOEXCEPT;
/* Errors: SEAWALL_E_INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_get_stats(const seawall_keyed_circuit_breaker* breakers,
                                                            seawall_keyed_circuit_breaker_stats* out) SEAWALL_NOEXCEPT;

/* The operator, for one key, as for a single breaker; force_open and disable make its breaker if it has none.
 * SEAWALL_E_NOT_FOUND: it has none; SEAWALL_E_FULL: none could be made. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_force_open(seawall_keyed_circuit_breaker* breakers, const char* key,
                                                             size_t size, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_circuit_breaker_disable(seawall_keyed_circuit_breaker* breakers, const char* key,
                                                          size_t size, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_circuit_breaker_reset(seawall_keyed_circuit_breaker* breakers, const char* key,
                                                        size_t size, int64_t now_ns) SEAWALL_NOEXCEPT;
/* The dependency is gone: frees its breaker, whatever its state. SEAWALL_E_NOT_FOUND: it has none. */
SEAWALL_API int32_t seawall_keyed_circuit_breaker_forget(seawall_keyed_circuit_breaker* breakers, const char* key,
                                                         size_t size, int64_t now_ns) SEAWALL_NOEXCEPT;

/* "closed", "open", "half_open", "forced_open", "disabled"; "failure_threshold", ...; "unknown" for other numbers.
 * Static text. */
SEAWALL_API const char* seawall_breaker_state_name(int32_t state) SEAWALL_NOEXCEPT;
SEAWALL_API const char* seawall_breaker_reason_name(int32_t reason) SEAWALL_NOEXCEPT;

/* ---- rate limiters --------------------------------------------------------------------------------------------- */

/* A token bucket: a rate, and a burst at one instant; leased: for many threads, each CPU takes batches. A sliding
 * window: never more than `permits` in any `period_ns`. A fixed window: in each of the windows that follow each other
 * from the epoch on, so up to twice as much across a boundary. A keyed limiter: a bucket or sliding window for each of
 * very many keys, in memory chosen once. */
typedef struct seawall_token_bucket seawall_token_bucket;
typedef struct seawall_leased_token_bucket seawall_leased_token_bucket;
typedef struct seawall_fixed_window seawall_fixed_window;
typedef struct seawall_sliding_window seawall_sliding_window;
typedef struct seawall_keyed_limiter seawall_keyed_limiter;

/* What try_acquire and peek answer. A refusal is an answer, not an error. */
enum {
  SEAWALL_ALLOWED = 0,
  SEAWALL_DENIED = 1,       /* allowed exactly after retry_after_ns, if nobody asks meanwhile */
  SEAWALL_NEVER_ALLOWED = 2 /* asks for more than the limit: no wait helps */
};

/* Filled by try_acquire and peek; the caller owns it and sets struct_size once (SEAWALL_DECISION_INIT). */
typedef struct seawall_decision {
  uint32_t struct_size;
  int32_t answer;         /* as returned */
  int64_t limit;          /* the most permits that can be available at one instant */
  int64_t remaining;      /* permits available after this decision */
  int64_t retry_after_ns; /* 0 when allowed; SEAWALL_NEVER when never */
  int64_t reset_after_ns; /* until all `limit` permits are available again, if nobody asks meanwhile */
  uint64_t charge_at;     /* what was taken, for refund: leave as it is */
  int64_t charge_permits; /* may be lowered before a refund, to give back only a part */
} seawall_decision;
#define SEAWALL_DECISION_INIT \
  { (uint32_t)sizeof(seawall_decision), 0, 0, 0, 0, 0, 0, 0 }

/* A turn, filled by reserve and acquire_until; the caller owns it and sets struct_size once (SEAWALL_RESERVATION_INIT).
 */
typedef struct seawall_reservation {
  uint32_t struct_size;
  int32_t answer;     /* as returned */
  int64_t limit;      /* as in seawall_decision */
  int64_t delay_ns;   /* allowed: act so long after now_ns; else the wait that was too long, or SEAWALL_NEVER */
  uint64_t charge_at; /* what was taken, for cancel: leave as it is */
  int64_t charge_permits;
} seawall_reservation;
#define SEAWALL_RESERVATION_INIT \
  { (uint32_t)sizeof(seawall_reservation), 0, 0, 0, 0, 0 }

/* What settle did; the caller owns it and sets struct_size once (SEAWALL_SETTLEMENT_INIT). */
typedef struct seawall_settlement {
  uint32_t struct_size;
  int32_t reserved;
  int64_t refunded; /* permits given back, when the real cost was lower */
  int64_t charged;  /* permits taken on top, when it was higher */
  int64_t unpaid;   /* permits beyond the debt cap, which nobody pays */
} seawall_settlement;
#define SEAWALL_SETTLEMENT_INIT \
  { (uint32_t)sizeof(seawall_settlement), 0, 0, 0, 0 }

/* What becomes of the permits that are left when a limit changes: as many as before, the same share, or the new limit
 * starts full. Debts and reservations stay in all but RESET. */
enum { SEAWALL_CHANGE_KEEP = 0, SEAWALL_CHANGE_PROPORTIONAL = 1, SEAWALL_CHANGE_RESET = 2 };
/* What change_limit answers. */
enum {
  SEAWALL_LIMIT_CHANGED = 0,
  SEAWALL_LIMIT_OVERTAKEN = 1 /* a change that began later overtook this one, and that one holds */
};

/* permits and period_ns must be given; of the others 0 means the default in brackets. Also the keys of the JSON text of
 * _new_from_json. */
typedef struct seawall_token_bucket_options {
  uint32_t struct_size;
  int32_t reserved;
  int64_t permits;   /* 1 to 1000000000 in each period */
  int64_t period_ns; /* 1 ns to 366 days, and no shorter than one ns for each permit */
  int64_t burst;     /* the most at one instant [permits] */
} seawall_token_bucket_options;

typedef struct seawall_fixed_window_options {
  uint32_t struct_size;
  int32_t reserved;
  int64_t permits; /* as above, and the next */
  int64_t period_ns;
} seawall_fixed_window_options;

typedef struct seawall_leased_token_bucket_options {
  uint32_t struct_size;
  int32_t reserved;
  int64_t permits; /* as above, and the next two */
  int64_t period_ns;
  int64_t burst; /* at least 17 batches and what refills in 131 us */
  int64_t batch; /* permits that a CPU takes at a time [a thirty-second of the burst] */
} seawall_leased_token_bucket_options;

typedef struct seawall_sliding_window_options {
  uint32_t struct_size;
  int32_t sub_windows; /* 1 to 12; a permit comes back up to period_ns / sub_windows late [as many as possible] */
  int64_t permits;     /* as above, and the next */
  int64_t period_ns;
  int32_t mode; /* SEAWALL_WINDOW_* [strict] */
  int32_t reserved;
} seawall_sliding_window_options;

/* Strict: never more than `permits` in any period. Estimate: permits come back gradually; an adversary who knows the
 * sub-windows gets up to 2 * permits - 1 into one period. */
enum { SEAWALL_WINDOW_STRICT = 0, SEAWALL_WINDOW_ESTIMATE = 1 };

enum { SEAWALL_KIND_TOKEN_BUCKET = 0, SEAWALL_KIND_SLIDING_WINDOW = 1 };
/* A new key when all places of its line are taken by keys in use: it shares one limit with all such keys of a 64th of
 * the table, is refused until a place is free, or is admitted and not counted. */
enum { SEAWALL_WHEN_FULL_OVERFLOW = 0, SEAWALL_WHEN_FULL_DENY = 1, SEAWALL_WHEN_FULL_ALLOW = 2 };

typedef struct seawall_keyed_limiter_options {
  uint32_t struct_size;
  int32_t kind;    /* SEAWALL_KIND_* */
  int64_t permits; /* as above, and the next */
  int64_t period_ns;
  int64_t burst;         /* [permits], the only value that a sliding window takes */
  uint64_t memory_bytes; /* 24 bytes a key in a token bucket's table, 192 in a window's, leave 1 in 300 no place
                            [16 MiB] */
  uint64_t seed;         /* of the hash; give one only to make a test repeatable [random] */
  int32_t when_full;     /* SEAWALL_WHEN_FULL_* */
  int32_t reserved;
} seawall_keyed_limiter_options;

typedef struct seawall_keyed_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t memory_bytes;
  uint64_t capacity;            /* keys */
  uint64_t keys_active;         /* keys whose state says more than a fresh one */
  uint64_t evictions;           /* idle keys forgotten to make room */
  uint64_t full_refusals;       /* of keys without a place */
  uint64_t full_admissions;     /* SEAWALL_WHEN_FULL_ALLOW at work */
  uint64_t overflow_admissions; /* SEAWALL_WHEN_FULL_OVERFLOW at work */
} seawall_keyed_stats;

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_token_bucket_options_init(seawall_token_bucket_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_options_init(seawall_fixed_window_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_options_init(seawall_leased_token_bucket_options* options)
    SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_options_init(seawall_sliding_window_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_options_init(seawall_keyed_limiter_options* options) SEAWALL_NOEXCEPT;

/* The options of a bucket that never admits more than `limit` permits in any window of window_ns, wherever it starts:
 * `burst` of them (1 to limit - 1) at one instant, the others refill evenly. Error: INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_token_bucket_options_at_most(seawall_token_bucket_options* options, int64_t limit,
                                                         int64_t window_ns, int64_t burst,
                                                         seawall_error* error) SEAWALL_NOEXCEPT;

/* A new limiter in *out, owned by the caller, to be given to _free; NULL on failure. now_ns is its epoch: earlier
 * instants count as it. Errors: INVALID_ARGUMENT naming the option, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_token_bucket_new(const seawall_token_bucket_options* options, int64_t now_ns,
                                             seawall_token_bucket** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_new(const seawall_sliding_window_options* options, int64_t now_ns,
                                               seawall_sliding_window** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_new(const seawall_keyed_limiter_options* options, int64_t now_ns,
                                              seawall_keyed_limiter** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_new(const seawall_fixed_window_options* options, int64_t now_ns,
                                             seawall_fixed_window** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_new(const seawall_leased_token_bucket_options* options, int64_t now_ns,
                                                    seawall_leased_token_bucket** out,
                                                    seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"permits": 200, "period_ns": 60000000000}. */
SEAWALL_API int32_t seawall_token_bucket_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                       seawall_token_bucket** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                         seawall_sliding_window** out,
                                                         seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                        seawall_keyed_limiter** out,
                                                        seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                       seawall_fixed_window** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                              seawall_leased_token_bucket** out,
                                                              seawall_error* error) SEAWALL_NOEXCEPT;
/* The bytes that leave 1 of `keys` keys in use in 300 no place. Error: INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_keyed_limiter_memory_for(int32_t kind, size_t keys, size_t* bytes) SEAWALL_NOEXCEPT;
/* A keyed limiter in memory of the caller's, aligned to 64 bytes, which processes may share: one makes it (_new_in),
 * the others, or the same at another address, attach once that has answered. options->memory_bytes is not read. The
 * memory holds all state and no address; it must outlive the handles, and _free leaves it as it is. All must read the
 * same clock: one boot, one time namespace. Any process may be killed anywhere without harm to the others. Errors:
 * INVALID_ARGUMENT naming the option, or when no keyed limiter of this kind was made in this memory, NO_MEMORY.
 * Threads: any. Does not block. */
SEAWALL_API int32_t seawall_keyed_limiter_new_in(const seawall_keyed_limiter_options* options, void* memory,
                                                 size_t memory_size, int64_t now_ns, seawall_keyed_limiter** out,
                                                 seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_attach(int32_t kind, void* memory, size_t memory_size,
                                                 seawall_keyed_limiter** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The others, of SEAWALL_PLACE_SIZE bytes each or more, in the same way: all that is said of _new_in and _attach above
 * holds for them. _attach also refuses what was made by a library whose objects have another size. */
SEAWALL_API int32_t seawall_token_bucket_new_in(const seawall_token_bucket_options* options, void* memory,
                                                size_t memory_size, int64_t now_ns, seawall_token_bucket** out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_token_bucket_attach(void* memory, size_t memory_size, seawall_token_bucket** out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_new_in(const seawall_fixed_window_options* options, void* memory,
                                                size_t memory_size, int64_t now_ns, seawall_fixed_window** out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_attach(void* memory, size_t memory_size, seawall_fixed_window** out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_new_in(const seawall_sliding_window_options* options, void* memory,
                                                  size_t memory_size, int64_t now_ns, seawall_sliding_window** out,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_attach(void* memory, size_t memory_size, seawall_sliding_window** out,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_new_in(const seawall_leased_token_bucket_options* options, void* memory,
                                                       size_t memory_size, int64_t now_ns,
                                                       seawall_leased_token_bucket** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_attach(void* memory, size_t memory_size,
                                                       seawall_leased_token_bucket** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_fixed_window_free(seawall_fixed_window* limiter) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_leased_token_bucket_free(seawall_leased_token_bucket* limiter) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_token_bucket_free(seawall_token_bucket* bucket) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_sliding_window_free(seawall_sliding_window* window) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_keyed_limiter_free(seawall_keyed_limiter* limiter) SEAWALL_NOEXCEPT;

/* Takes `permits` or nothing and answers SEAWALL_ALLOWED, SEAWALL_DENIED or SEAWALL_NEVER_ALLOWED. *decision is filled
 * unless it is NULL. peek answers the same and takes nothing. Keys are texts of any bytes (not kept) or, with _id,
 * numbers; the number 7 and the text "7" are different keys. Errors: WRONG_HANDLE, INVALID_ARGUMENT for negative
 * permits, a NULL key or a decision without struct_size. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_token_bucket_try_acquire(seawall_token_bucket* bucket, int64_t now_ns, int64_t permits,
                                                     seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_token_bucket_peek(seawall_token_bucket* bucket, int64_t now_ns, int64_t permits,
                                              seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_try_acquire(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                                     seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_peek(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                              seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_try_acquire(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                            int64_t permits,
                                                            seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_peek(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                     int64_t permits, seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_try_acquire(seawall_sliding_window* window, int64_t now_ns, int64_t permits,
                                                       seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_peek(seawall_sliding_window* window, int64_t now_ns, int64_t permits,
                                                seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire(seawall_keyed_limiter* limiter, const char* key, size_t key_size,
                                                      int64_t now_ns, int64_t permits,
                                                      seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                                         int64_t permits, seawall_decision* decision) SEAWALL_NOEXCEPT;
/* try_acquire of one permit, now and without a decision: for bindings in which each argument costs. */
SEAWALL_API int32_t seawall_keyed_limiter_allow(seawall_keyed_limiter* limiter, const char* key,
                                                size_t key_size) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_peek(seawall_keyed_limiter* limiter, const char* key, size_t key_size,
                                               int64_t now_ns, int64_t permits,
                                               seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_peek_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                                  int64_t permits, seawall_decision* decision) SEAWALL_NOEXCEPT;

/* A key: a text, which is not kept, or with text NULL the number id. */
typedef struct seawall_limit_key {
  const char* text;
  size_t text_size;
  uint64_t id;
} seawall_limit_key;

/* try_acquire of `permits` for each key in turn, in fewer steps: all keys are looked for in memory at once, the clock
 * is read once. decisions[0] to decisions[count - 1] are filled; each has its struct_size set. Answers how many were
 * allowed (INT32_MAX when more). Errors: WRONG_HANDLE, INVALID_ARGUMENT, with nothing taken. Threads: any. Does not
 * block. */
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire_batch(seawall_keyed_limiter* limiter,
                                                            const seawall_limit_key* keys, size_t count, int64_t now_ns,
                                                            int64_t permits,
                                                            seawall_decision* decisions) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire_batch_id(seawall_keyed_limiter* limiter, const uint64_t* keys,
                                                               size_t count, int64_t now_ns, int64_t permits,
                                                               seawall_decision* decisions) SEAWALL_NOEXCEPT;
/* try_acquire as of what `clock` says, which is read while memory looks for the key, as the system's clock is in
 * try_acquire with SEAWALL_NOW. Errors, threads: as try_acquire. */
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire_with(seawall_keyed_limiter* limiter, const seawall_limit_key* key,
                                                           const seawall_clock* clock, int64_t permits,
                                                           seawall_decision* decision) SEAWALL_NOEXCEPT;

/* Where a key lies in this limiter, in *place: who has several questions about one key asks them of the place, so the
 * key is hashed once, and memory looks for it meanwhile. The place means this key until the limiter is freed, is
 * restored or takes over another, whose places it then has; in any other limiter it is any key's, and so is a number
 * that is no place. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_keyed_limiter_place_of(const seawall_keyed_limiter* limiter, const seawall_limit_key* key,
                                                   uint64_t* place) SEAWALL_NOEXCEPT;
/* try_acquire, peek and refund of the key that lies there; errors and threads as theirs. */
SEAWALL_API int32_t seawall_keyed_limiter_try_acquire_place(seawall_keyed_limiter* limiter, uint64_t place,
                                                            int64_t now_ns, int64_t permits,
                                                            seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_peek_place(seawall_keyed_limiter* limiter, uint64_t place, int64_t now_ns,
                                                     int64_t permits, seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_refund_place(seawall_keyed_limiter* limiter, uint64_t place, int64_t now_ns,
                                                       seawall_decision* decision) SEAWALL_NOEXCEPT;

/* Gives back what `decision` took from this limiter (and key), and clears its charge, so that a second refund does
 * nothing. Answers the permits given back (INT32_MAX when more): 0 when the charge is too old. To charge two limits,
 * both or neither: acquire the first, acquire the second, refund the first when the second refuses. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT. Threads: any (one at a time for one decision). Does not block. */
SEAWALL_API int32_t seawall_token_bucket_refund(seawall_token_bucket* bucket, int64_t now_ns,
                                                seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_refund(seawall_fixed_window* limiter, int64_t now_ns,
                                                seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_refund(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                       seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_refund(seawall_sliding_window* window, int64_t now_ns,
                                                  seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_refund(seawall_keyed_limiter* limiter, const char* key, size_t key_size,
                                                 int64_t now_ns, seawall_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_keyed_limiter_refund_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                                    seawall_decision* decision) SEAWALL_NOEXCEPT;

/* Takes `permits` that may be used reservation->delay_ns after now_ns, or nothing when that is longer than max_wait_ns
 * (SEAWALL_NEVER: any wait) or, with acquire_until, after deadline_ns. So the wait is known before anybody sleeps; the
 * caller sleeps. Turns are in the order of the calls. Answers SEAWALL_ALLOWED, SEAWALL_DENIED or SEAWALL_NEVER_ALLOWED
 * and fills *reservation. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_token_bucket_reserve(seawall_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                                 int64_t max_wait_ns,
                                                 seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_token_bucket_acquire_until(seawall_token_bucket* limiter, int64_t now_ns,
                                                       int64_t deadline_ns, int64_t permits,
                                                       seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_reserve(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                                 int64_t max_wait_ns,
                                                 seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_reserve(seawall_sliding_window* limiter, int64_t now_ns, int64_t permits,
                                                   int64_t max_wait_ns,
                                                   seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_acquire_until(seawall_fixed_window* limiter, int64_t now_ns,
                                                       int64_t deadline_ns, int64_t permits,
                                                       seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_acquire_until(seawall_sliding_window* limiter, int64_t now_ns,
                                                         int64_t deadline_ns, int64_t permits,
                                                         seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_reserve(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                        int64_t permits, int64_t max_wait_ns,
                                                        seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_acquire_until(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                              int64_t deadline_ns, int64_t permits,
                                                              seawall_reservation* reservation) SEAWALL_NOEXCEPT;
/* Gives a reservation back and clears its charge. Answers the permits given back: all until the turn has come. Later
 * reservations keep their turns. Errors, threads: as refund. */
SEAWALL_API int32_t seawall_token_bucket_cancel(seawall_token_bucket* limiter, int64_t now_ns,
                                                seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_cancel(seawall_fixed_window* limiter, int64_t now_ns,
                                                seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_cancel(seawall_sliding_window* limiter, int64_t now_ns,
                                                  seawall_reservation* reservation) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_cancel(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                       seawall_reservation* reservation) SEAWALL_NOEXCEPT;
/* `decision` was charged an estimate, `actual` permits are the real cost: the rest is given back, or what is missing is
 * taken, down to debt_cap permits below zero. Never refuses: the work is done. The decision then names what is charged;
 * *settlement is filled unless it is NULL. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any (one at a time for one
 * decision). Does not block. */
SEAWALL_API int32_t seawall_token_bucket_settle(seawall_token_bucket* limiter, int64_t now_ns,
                                                seawall_decision* decision, int64_t actual, int64_t debt_cap,
                                                seawall_settlement* settlement) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_settle(seawall_fixed_window* limiter, int64_t now_ns,
                                                seawall_decision* decision, int64_t actual, int64_t debt_cap,
                                                seawall_settlement* settlement) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_settle(seawall_sliding_window* limiter, int64_t now_ns,
                                                  seawall_decision* decision, int64_t actual, int64_t debt_cap,
                                                  seawall_settlement* settlement) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_settle(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                       seawall_decision* decision, int64_t actual, int64_t debt_cap,
                                                       seawall_settlement* settlement) SEAWALL_NOEXCEPT;
/* From now_ns on another limit; `how` is a SEAWALL_CHANGE_*. Every decision is by the old limit or by the new one.
 * Answers SEAWALL_LIMIT_CHANGED or SEAWALL_LIMIT_OVERTAKEN. Charges from before cannot be refunded. A sliding window
 * keeps its period, sub-windows and mode; with SEAWALL_CHANGE_KEEP what was taken still counts, and can be refunded.
 * While a reservation of a sliding window stands, nobody passes it, also after its cancel. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT naming the option, NO_MEMORY (JSON). Threads: any. Does not block. */
SEAWALL_API int32_t seawall_token_bucket_change_limit(seawall_token_bucket* limiter,
                                                      const seawall_token_bucket_options* options, int32_t how,
                                                      int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_token_bucket_change_limit_from_json(seawall_token_bucket* limiter, const char* json,
                                                                size_t json_size, int32_t how, int64_t now_ns,
                                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_change_limit(seawall_fixed_window* limiter,
                                                      const seawall_fixed_window_options* options, int32_t how,
                                                      int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_change_limit(seawall_sliding_window* limiter,
                                                        const seawall_sliding_window_options* options, int32_t how,
                                                        int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_fixed_window_change_limit_from_json(seawall_fixed_window* limiter, const char* json,
                                                                size_t json_size, int32_t how, int64_t now_ns,
                                                                seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sliding_window_change_limit_from_json(seawall_sliding_window* limiter, const char* json,
                                                                  size_t json_size, int32_t how, int64_t now_ns,
                                                                  seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_change_limit(seawall_leased_token_bucket* limiter,
                                                             const seawall_leased_token_bucket_options* options,
                                                             int32_t how, int64_t now_ns,
                                                             seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_leased_token_bucket_change_limit_from_json(seawall_leased_token_bucket* limiter,
                                                                       const char* json, size_t json_size, int32_t how,
                                                                       int64_t now_ns,
                                                                       seawall_error* error) SEAWALL_NOEXCEPT;

/* Fills *stats, whose struct_size the caller has set. Walks the whole table: for a scrape, not for a request. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_keyed_limiter_stats(seawall_keyed_limiter* limiter, int64_t now_ns,
                                                seawall_keyed_stats* stats) SEAWALL_NOEXCEPT;

/* Writes what is left of all keys in use to `buffer`; *needed is the number of bytes, also when they did not fit.
 * Others may go on; what they take meanwhile may be missing. The bytes contain the seed of the hash: keep them secret.
 * Errors: WRONG_HANDLE, BUFFER_TOO_SMALL. Threads: any. Walks the whole table, does not block. */
SEAWALL_API int32_t seawall_keyed_limiter_save(const seawall_keyed_limiter* limiter, int64_t now_ns, void* buffer,
                                               size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;
/* Fills a new limiter of the same kind, limit and memory_bytes from what _save wrote, on this machine or another.
 * passed_ns: the time since, as far as the caller is sure of it; 0 is always safe. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT when the bytes are cut, changed or of another limiter: it is then empty. Threads: exclusive. */
SEAWALL_API int32_t seawall_keyed_limiter_restore(seawall_keyed_limiter* limiter, const void* saved, size_t size,
                                                  int64_t now_ns, int64_t passed_ns,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;
/* Another limit for all keys: `limiter` is new, with the new limit and the kind and memory_bytes of `old`, and takes
 * over what its keys have used; the caller then uses it in place of the old one and frees that. `how` is a
 * SEAWALL_CHANGE_*: a key in use has as many permits left as before (of a window: as many are taken) or the same share;
 * any other has the whole new limit. What `old` grants after its keys were taken over is not known to `limiter`: at
 * most its limit for each key. Charges stay with their limiter. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads:
 * exclusive for `limiter`, any for `old`. Walks the whole table, does not block. */
SEAWALL_API int32_t seawall_keyed_limiter_take_over(seawall_keyed_limiter* limiter, const seawall_keyed_limiter* old,
                                                    int32_t how, int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;

/* Several limits (of a user, a service, of all) as one decision: all of them are charged, or none. The set borrows its
 * limiters: they are still the caller's, may be used beside it and in other sets, and must outlive it. */
typedef struct seawall_limit_set seawall_limit_set;
#define SEAWALL_LIMIT_SET_MOST 8

/* Filled by the verbs of a set; the caller owns it, sets struct_size once (SEAWALL_SET_DECISION_INIT) and gives room
 * for what each limit answers, in the order of the set, each with its struct_size set. Without `decisions` (NULL)
 * nothing can be refunded. */
typedef struct seawall_set_decision {
  uint32_t struct_size;
  int32_t answer;              /* as returned */
  int32_t refused_by;          /* the refusing limit with the longest wait, 0 for the first of the set; -1: allowed */
  uint32_t decision_count;     /* of `decisions`: at least as many as the set has limits */
  seawall_decision* decisions; /* or NULL */
  int64_t retry_after_ns;      /* 0 when allowed; the longest of those who refuse; SEAWALL_NEVER when never */
} seawall_set_decision;
#define SEAWALL_SET_DECISION_INIT \
  { (uint32_t)sizeof(seawall_set_decision), 0, 0, 0, NULL, 0 }

/* A new set in *out, owned by the caller, to be freed before its limiters. `limiters` are 1 to SEAWALL_LIMIT_SET_MOST
 * handles of any of the five types above, the narrowest limit first. Errors: INVALID_ARGUMENT, WRONG_HANDLE naming the
 * place, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_limit_set_new(const void* const* limiters, size_t count, seawall_limit_set** out,
                                          seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_limit_set_free(seawall_limit_set* set) SEAWALL_NOEXCEPT;
/* Takes `permits` of each limit, or of none; _peek takes nothing. `keys`: one for each keyed limiter of the set, in its
 * order. Looks at all limits before it charges one, so a refusal writes nothing; when a later one is lost to another
 * thread meanwhile, the earlier ones are given back: nobody is ever over a limit, but another caller may be refused by
 * a charge that is given back a moment later. Answers SEAWALL_ALLOWED, _DENIED or _NEVER_ALLOWED; `decision` may be
 * NULL. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads and blocking: as the limiters. */
SEAWALL_API int32_t seawall_limit_set_try_acquire(seawall_limit_set* set, const seawall_limit_key* keys,
                                                  size_t key_count, int64_t now_ns, int64_t permits,
                                                  seawall_set_decision* decision) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_limit_set_peek(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count,
                                           int64_t now_ns, int64_t permits,
                                           seawall_set_decision* decision) SEAWALL_NOEXCEPT;
/* Gives back what all limits were charged in `decision`, with the same keys, once: its charges are cleared, `remaining`
 * says what is left then. Errors and threads: the same; decision and its decisions must be given. */
SEAWALL_API int32_t seawall_limit_set_refund(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count,
                                             int64_t now_ns, seawall_set_decision* decision) SEAWALL_NOEXCEPT;

/* A limit as the HTTP fields below tell it. */
typedef struct seawall_limit_status {
  const char* name; /* printable ASCII */
  size_t name_size;
  int64_t quota;                    /* permits in each window */
  int64_t window_ns;                /* 0: not told */
  const seawall_decision* decision; /* what the limit answered; RateLimit-Policy does not need it */
} seawall_limit_status;

/* The value of RateLimit-Policy (all limits) and RateLimit (the one nearest to refusing) of
 * draft-ietf-httpapi-ratelimit-headers-10, and Retry-After (of a refusal; empty for SEAWALL_NEVER), into the caller's
 * buffer, seconds rounded up. At most SEAWALL_LIMIT_SET_MOST limits. Errors: INVALID_ARGUMENT, BUFFER_TOO_SMALL.
 * Threads: any. Does not block, does not allocate. */
SEAWALL_API int32_t seawall_rate_limit_policy_header(const seawall_limit_status* limits, size_t count, char* buffer,
                                                     size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_rate_limit_header(const seawall_limit_status* limits, size_t count, char* buffer,
                                              size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_retry_after_header(int64_t retry_after_ns, char* buffer, size_t capacity,
                                               size_t* needed) SEAWALL_NOEXCEPT;

/* ---- metrics --------------------------------------------------------------------------------------------------- */

/* A registry owns its families and they own their series. Handles of families are borrowed: valid until
 * seawall_metrics_free, never freed by the caller. A series is a number, which is never reused: one that is 0, was
 * removed, or is no series at all records nothing and answers SEAWALL_OK; such recordings are counted. Resolve once,
 * keep the number, record through it. */
typedef struct seawall_metrics seawall_metrics;
typedef struct seawall_family seawall_family;
typedef uint64_t seawall_series;

enum {
  SEAWALL_METRIC_COUNTER = 0,
  SEAWALL_METRIC_GAUGE = 1,
  SEAWALL_METRIC_HISTOGRAM = 2,
  SEAWALL_METRIC_STATE_SET = 3,
  SEAWALL_METRIC_INFO = 4
};
/* Prometheus text 0.0.4, OpenMetrics 1.0 text, JSON; and OTLP/HTTP JSON, the body of a POST to /v1/metrics of an
 * OpenTelemetry receiver, which needs what seawall_metrics_page_options says. */
enum {
  SEAWALL_FORMAT_PROMETHEUS = 0,
  SEAWALL_FORMAT_OPENMETRICS = 1,
  SEAWALL_FORMAT_JSON = 2,
  SEAWALL_FORMAT_OTLP_JSON = 3
};
/* Answers of seawall_family_series: its own series, or the family's overflow series, which takes what is beyond the
 * bounds and values that are too long, no UTF-8 or hold a zero byte. Both can be recorded into. */
enum { SEAWALL_SERIES_OWN = 0, SEAWALL_SERIES_OVERFLOW = 1 };

/* A borrowed text; size may be SEAWALL_TEXT. */
typedef struct seawall_text {
  const char* data;
  size_t size;
} seawall_text;

/* Bounds; 0 means the default in brackets. Also the keys for seawall_metrics_new_from_json. */
typedef struct seawall_metrics_options {
  uint32_t struct_size;
  uint32_t reserved;             /* 0 */
  int64_t max_families;          /* [1000] */
  int64_t max_series;            /* [10000], of all families together */
  int64_t max_series_per_family; /* [2000] */
  int64_t max_label_value_bytes; /* [256], 1024 at most */
  int32_t no_rseq;               /* 1: atomic additions even where the system has restartable sequences */
  int32_t share_with_children;   /* 1: forked children record into the cells of their parent, and make no new series */
} seawall_metrics_options;

/* What makes two registrations the same family. */
typedef struct seawall_family_options {
  uint32_t struct_size;
  int32_t type;               /* SEAWALL_METRIC_* */
  seawall_text name;          /* [a-zA-Z][a-zA-Z0-9_]*; of a counter, and only of one, ending in _total; info: _info */
  seawall_text help;          /* needed */
  const seawall_text* labels; /* label_count names; NULL with 0 */
  size_t label_count;
  const double* bounds; /* histograms: bound_count rising upper bounds; 0: 0.005 to 10, for seconds */
  size_t bound_count;
  int64_t units_per_one;      /* counters: the exposed value is the total divided by this; 0: 1 */
  int64_t steps_per_unit;     /* histograms: resolution of the sum; 0: chosen from the bounds */
  const seawall_text* states; /* state sets: state_count names, 1 to 16; a series begins in the first */
  size_t state_count;
  int32_t exemplars;    /* counters and histograms: 1 keeps the exemplars they are given */
  int32_t exponential;  /* histograms: 1 for 2^schema buckets between two powers of two, from 2^min_exponent to */
  int32_t schema;       /* 2^max_exponent. Schema 0 to 5, 398 buckets at most; all three 0: schema 3 from 2^-20 to */
  int32_t min_exponent; /* 2^7, for seconds */
  int32_t max_exponent;
  int32_t reserved; /* 0 */
} seawall_family_options;

/* The trace that an observation belongs to. */
typedef struct seawall_exemplar {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  int64_t unix_ms; /* when, on the wall clock */
} seawall_exemplar;

/* A value that a rendering asks for, on its own thread. It may record, resolve and remove; it must not render, and must
 * return soon: another rendering that comes to it waits, as who removes its series does. */
typedef double (*seawall_gauge_callback)(void* user_data);

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_metrics_options_init(seawall_metrics_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_family_options_init(seawall_family_options* options) SEAWALL_NOEXCEPT;

/* A new registry in *out, owned by the caller. options NULL: all defaults. Errors: INVALID_ARGUMENT, NO_MEMORY; *out is
 * then NULL. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_metrics_new(const seawall_metrics_options* options, seawall_metrics** out,
                                        seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"max_series": 500}. */
SEAWALL_API int32_t seawall_metrics_new_from_json(const char* json, size_t json_size, seawall_metrics** out,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;
/* Frees the registry and all that was borrowed from it. Threads: exclusive. */
SEAWALL_API void seawall_metrics_free(seawall_metrics* metrics) SEAWALL_NOEXCEPT;

/* Registers a family, or finds it when it was registered with the same options. *out is borrowed. Errors, which quote
 * the culprit: WRONG_HANDLE, INVALID_ARGUMENT, ALREADY_EXISTS (another definition, or a name that would share a sample
 * name with another family), FULL (max_families), NO_MEMORY. Threads: any. Blocks for other registrations only. */
SEAWALL_API int32_t seawall_metrics_family(seawall_metrics* metrics, const seawall_family_options* options,
                                           seawall_family** out, seawall_error* error) SEAWALL_NOEXCEPT;

/* The series with these values, one for each label in order: SEAWALL_SERIES_OWN or SEAWALL_SERIES_OVERFLOW, and its
 * number in *out. Resolving is all that an info needs: its value is always 1. Errors: WRONG_HANDLE, INVALID_ARGUMENT
 * (the number of values is not that of the labels). Threads: any. Waits only to make a series, for others who do. */
SEAWALL_API int32_t seawall_family_series(seawall_family* family, const seawall_text* values, size_t value_count,
                                          seawall_series* out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The series is no longer exposed, and its number records nothing; resolved again it begins at 0 with a new number. A
 * callback of it has ended and runs no more. Errors: WRONG_HANDLE, INVALID_ARGUMENT, NOT_FOUND (also for the one series
 * of a family without labels). Threads: any. */
SEAWALL_API int32_t seawall_family_remove(seawall_family* family, const seawall_text* values, size_t value_count,
                                          seawall_error* error) SEAWALL_NOEXCEPT;
/* For bindings that keep numbers by values, where a lookup costs more than recording: the address of how many series of
 * the family were removed, read as one aligned 64-bit load, valid until seawall_metrics_free; NULL for what is no
 * family. A number that was answered with SEAWALL_SERIES_OWN is the one of its values while this is what it was before
 * seawall_family_series was called; what was answered with OVERFLOW may have a series of its own the next time. */
SEAWALL_API const uint64_t* seawall_family_removals(const seawall_family* family) SEAWALL_NOEXCEPT;
/* A series of a gauge family gets its value from `callback`. Errors: WRONG_HANDLE (also for another type of family),
 * INVALID_ARGUMENT, ALREADY_EXISTS (it has one), FULL (no series of its own), NO_MEMORY. Threads: any. */
SEAWALL_API int32_t seawall_family_gauge_callback(seawall_family* family, const seawall_text* values,
                                                  size_t value_count, seawall_gauge_callback callback, void* user_data,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;

/* Recording and reading of series: threads any, never blocks or allocates. SEAWALL_OK, or WRONG_HANDLE (also for a
 * series of another type), or INVALID_ARGUMENT for what the line says and for a NULL result. */
SEAWALL_API int32_t seawall_counter_add(seawall_metrics* metrics, seawall_series series,
                                        int64_t n) SEAWALL_NOEXCEPT; /* n below 0 is refused */
SEAWALL_API int32_t seawall_counter_value(const seawall_metrics* metrics, seawall_series series,
                                          uint64_t* value) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_gauge_set(seawall_metrics* metrics, seawall_series series, double value) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_gauge_add(seawall_metrics* metrics, seawall_series series,
                                      double difference) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_gauge_max(seawall_metrics* metrics, seawall_series series, double value) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_gauge_value(const seawall_metrics* metrics, seawall_series series,
                                        double* value) SEAWALL_NOEXCEPT;
/* A negative value counts as 0, NaN counts into +Inf and adds nothing to the sum. */
SEAWALL_API int32_t seawall_histogram_observe(seawall_metrics* metrics, seawall_series series,
                                              double value) SEAWALL_NOEXCEPT;
/* A duration into a histogram of seconds. */
SEAWALL_API int32_t seawall_histogram_observe_ns(seawall_metrics* metrics, seawall_series series,
                                                 int64_t ns) SEAWALL_NOEXCEPT;
/* With the trace, where the family keeps exemplars: the latest one of each bucket, at most one a second. */
SEAWALL_API int32_t seawall_counter_add_exemplar(seawall_metrics* metrics, seawall_series series, int64_t n,
                                                 const seawall_exemplar* exemplar) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_histogram_observe_exemplar(seawall_metrics* metrics, seawall_series series, double value,
                                                       const seawall_exemplar* exemplar) SEAWALL_NOEXCEPT;
/* count or sum may be NULL. */
SEAWALL_API int32_t seawall_histogram_totals(const seawall_metrics* metrics, seawall_series series, uint64_t* count,
                                             double* sum) SEAWALL_NOEXCEPT;
/* All buckets of one reading: bucket i holds counts[i] observations (not those below it, too) above the bound before it
 * and up to upper_bounds[i], of which the last is infinite. *needed is how many buckets there are, 0 of a series that
 * is gone, and *count the sum of their counts. BUFFER_TOO_SMALL when the arrays have room for fewer: nothing is written
 * but *needed. upper_bounds, needed, count and sum may be NULL, and counts with a capacity of 0. */
SEAWALL_API int32_t seawall_histogram_buckets(const seawall_metrics* metrics, seawall_series series,
                                              double* upper_bounds, uint64_t* counts, size_t capacity, size_t* needed,
                                              uint64_t* count, double* sum) SEAWALL_NOEXCEPT;
/* The interpolated quantile q (0 to 1, else refused); NaN when nothing was observed. */
SEAWALL_API int32_t seawall_histogram_quantile(const seawall_metrics* metrics, seawall_series series, double q,
                                               double* value) SEAWALL_NOEXCEPT;
/* The state's place in the options' list; one that is not there is refused with INVALID_ARGUMENT when negative, else
 * changes nothing. */
SEAWALL_API int32_t seawall_state_set_set(seawall_metrics* metrics, seawall_series series,
                                          int32_t state) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_state_set_value(const seawall_metrics* metrics, seawall_series series,
                                            int32_t* state) SEAWALL_NOEXCEPT;
/* Recordings through numbers whose series is gone, in *count. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_metrics_stale_recordings(const seawall_metrics* metrics, uint64_t* count) SEAWALL_NOEXCEPT;

/* All families as text (of any format but OTLP_JSON) into the caller's buffer, as the head of this file says. Values
 * change between two calls, so a caller that asks for the size first should add some room, or repeat. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT (format), BUFFER_TOO_SMALL, NO_MEMORY. Threads: any. Takes no lock that recording or
 * lookups take; waits for a callback of a gauge that another rendering is inside. */
SEAWALL_API int32_t seawall_metrics_render(const seawall_metrics* metrics, int32_t format, char* buffer,
                                           size_t capacity, size_t* needed, seawall_error* error) SEAWALL_NOEXCEPT;
/* The Content-Type of a format; static text, "" for others. Threads: any. */
SEAWALL_API const char* seawall_metrics_content_type(int32_t format) SEAWALL_NOEXCEPT;
/* The SEAWALL_FORMAT_* for an HTTP Accept header; never an error. Threads: any. */
SEAWALL_API int32_t seawall_metrics_negotiate(const char* accept, size_t accept_size) SEAWALL_NOEXCEPT;
/* Is `text` right by the rules of its format (PROMETHEUS or OPENMETRICS)? `previous`, unless empty, is an earlier text
 * of the same process and format: no total may have fallen since. Errors: INVALID_ARGUMENT, whose message says "line N:
 * " and quotes the culprit; NO_MEMORY. Threads: any. Does not block; takes time and memory by the text. */
SEAWALL_API int32_t seawall_metrics_validate(int32_t format, const char* text, size_t text_size, const char* previous,
                                             size_t previous_size, seawall_error* error) SEAWALL_NOEXCEPT;
/* Series now, overflow series not counted, in *count. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_metrics_series_count(const seawall_metrics* metrics, int64_t* count) SEAWALL_NOEXCEPT;

/* A page in parts, into a buffer of any size: what a scraper gets while it is written. */
typedef struct seawall_metrics_page_options {
  uint32_t struct_size;
  int32_t format;        /* SEAWALL_FORMAT_*; the others are of OTLP_JSON, and ignored by the rest */
  int64_t start_unix_ns; /* since when totals count, and when they are read: ns of the wall clock */
  int64_t now_unix_ns;
  seawall_text service; /* the value of service.name; borrowed until the page is done; {NULL, 0}: none */
} seawall_metrics_page_options;

/* How far a page has been written. The caller's memory, of any origin; nothing to free. */
typedef struct seawall_metrics_page {
  uint64_t opaque[12];
} seawall_metrics_page;
enum { SEAWALL_PAGE_DONE = 0, SEAWALL_PAGE_MORE = 1 };

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_metrics_page_options_init(seawall_metrics_page_options* options) SEAWALL_NOEXCEPT;
/* Begins a page of all families in *page. The registry must outlive it. Errors: WRONG_HANDLE, INVALID_ARGUMENT.
 * Threads: any. Does not block. */
SEAWALL_API int32_t seawall_metrics_page_begin(const seawall_metrics* metrics,
                                               const seawall_metrics_page_options* options, seawall_metrics_page* page,
                                               seawall_error* error) SEAWALL_NOEXCEPT;
/* Writes as much of the page as fits, *written bytes of whole lines without a final zero byte, and answers whether
 * there is MORE. BUFFER_TOO_SMALL: the next part, such as all lines of one histogram, needs *needed bytes. Series may
 * come and go between two parts; one that is there all the time is on the page exactly once. Allocates nothing. Errors:
 * WRONG_HANDLE (no page was begun), INVALID_ARGUMENT, BUFFER_TOO_SMALL. Threads: exclusive for a page; takes no lock
 * that recording or lookups take; waits for a callback of a gauge that another rendering is inside. */
SEAWALL_API int32_t seawall_metrics_page_next(seawall_metrics_page* page, char* buffer, size_t capacity,
                                              size_t* written, size_t* needed) SEAWALL_NOEXCEPT;

/* What the counters and histograms of a registry did in the last 60 seconds and the last 60 minutes: rates, shares and
 * quantiles for a host's own status page. The host ticks about once a second; an answer is the difference of two ticks
 * over the time truly between them, covered_ns, which is less than the window after the start and after late ticks.
 * What is not known is NaN. Only ticks inside the window count: a pause is never shown as a rate of now. */
typedef struct seawall_metrics_windows seawall_metrics_windows;
enum { SEAWALL_WINDOW_MINUTE = 0, SEAWALL_WINDOW_HOUR = 1 };

typedef struct seawall_metrics_windows_options {
  uint32_t struct_size;
  uint32_t reserved;            /* 0 */
  int64_t memory_bytes;         /* 4 KiB to 1 TiB; series beyond are left out and counted [16 MiB] */
  const seawall_text* families; /* only these, family_count of them, 1000 at most; none: all */
  size_t family_count;
} seawall_metrics_windows_options;

typedef struct seawall_label_match {
  seawall_text name;
  seawall_text value; /* empty: the label is absent */
} seawall_label_match;

/* Which series: those of a family that have all these labels, added up; 16 labels at most. */
typedef struct seawall_series_match {
  seawall_text family;
  const seawall_label_match* labels;
  size_t label_count;
} seawall_series_match;

/* Answers: the caller owns them and sets struct_size. `series`: how many matched; none of them is 0 of everything. */
typedef struct seawall_window_counter {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t covered_ns;
  uint64_t series;
  double increase; /* in the units that are exposed */
  double per_second;
} seawall_window_counter;

typedef struct seawall_window_share {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t covered_ns;
  double part;
  double whole;
  double share; /* part / whole: of both by the same two ticks */
} seawall_window_share;

typedef struct seawall_window_histogram {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t covered_ns;
  uint64_t series;
  uint64_t count;
  double sum;
  double per_second; /* observations */
  double mean;
  double p50;
  double p90;
  double p99;
} seawall_window_histogram;

typedef struct seawall_metrics_windows_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t series;         /* kept */
  uint64_t skipped_series; /* for which there was no room at the latest tick */
  uint64_t bytes;          /* that the kept ones take */
  uint64_t samples;        /* ticks that took one */
  uint64_t backward_ticks; /* before the latest one: ignored */
} seawall_metrics_windows_stats;

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_metrics_windows_options_init(seawall_metrics_windows_options* options) SEAWALL_NOEXCEPT;
/* New windows in *out, owned by the caller, to be freed before the registry, which they borrow. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT naming the option, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_metrics_windows_new(const seawall_metrics* metrics,
                                                const seawall_metrics_windows_options* options,
                                                seawall_metrics_windows** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_metrics_windows_free(seawall_metrics_windows* windows) SEAWALL_NOEXCEPT;
/* 1 when it took a sample: the first tick of its second; else 0. Error: WRONG_HANDLE. All that follow: threads any;
 * ticks and questions take turns at a lock that recording, lookups and scrapes never take. */
SEAWALL_API int32_t seawall_metrics_windows_tick(seawall_metrics_windows* windows, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Of counters, of counters by counters, of histograms; `window` is a SEAWALL_WINDOW_*. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_metrics_windows_counter(const seawall_metrics_windows* windows, int32_t window,
                                                    const seawall_series_match* match, int64_t now_ns,
                                                    seawall_window_counter* out) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_metrics_windows_share(const seawall_metrics_windows* windows, int32_t window,
                                                  const seawall_series_match* part, const seawall_series_match* whole,
                                                  int64_t now_ns, seawall_window_share* out) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_metrics_windows_histogram(const seawall_metrics_windows* windows, int32_t window,
                                                      const seawall_series_match* match, int64_t now_ns,
                                                      seawall_window_histogram* out) SEAWALL_NOEXCEPT;
/* Every series by itself, as JSON: {"schema": 1, "age_seconds": 0.2, "skipped_series": 0, "families": [{"name", "type",
 * "series": [{"labels": {...}, "minute": {...}, "hour": {...}}]}]}, where a window is {"covered_seconds", "increase",
 * "rate"}, and of a histogram {"covered_seconds", "count", "sum", "rate", "mean", "p50", "p90", "p99"}. What is not
 * known is null. Errors: WRONG_HANDLE, BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_metrics_windows_json(const seawall_metrics_windows* windows, int64_t now_ns, char* buffer,
                                                 size_t capacity, size_t* needed,
                                                 seawall_error* error) SEAWALL_NOEXCEPT;
/* Errors: WRONG_HANDLE, INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_metrics_windows_get_stats(const seawall_metrics_windows* windows,
                                                      seawall_metrics_windows_stats* stats) SEAWALL_NOEXCEPT;

/* Brings what breakers, limiters, service registries, probers and followers know into a metrics registry, under the
 * names that seawall/runtime/metrics_publisher.h lists: seawall_circuit_breaker_state{breaker},
 * seawall_rate_limiter_remaining{limiter}, seawall_keyed_limiter_keys{limiter},
 * seawall_service_registry_instances{registry}, seawall_source_age_seconds{follower,source,service} and so on. Publish
 * before each scrape. The events of a watched breaker are polled here and nowhere else. */
typedef struct seawall_metrics_publisher seawall_metrics_publisher;

/* A new publisher in *out, owned by the caller, to be freed before the registry; its series go with it. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_metrics_publisher_new(seawall_metrics* metrics, seawall_metrics_publisher** out,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_metrics_publisher_free(seawall_metrics_publisher* publisher) SEAWALL_NOEXCEPT;
/* `part`: a live handle of a circuit breaker, a keyed one, one of the five limiters, a service registry, a prober or a
 * follower (of a limit set watch the limits). It must stay until it is unwatched or the publisher is freed. `name` is
 * the value of the label, once for each kind. Errors: WRONG_HANDLE, INVALID_ARGUMENT, ALREADY_EXISTS (the name, or a
 * family with another definition), FULL, NO_MEMORY. Threads: any. Waits for a seawall_metrics_publisher_publish under
 * way. */
SEAWALL_API int32_t seawall_metrics_publisher_watch(seawall_metrics_publisher* publisher, const char* name,
                                                    size_t name_size, void* part,
                                                    seawall_error* error) SEAWALL_NOEXCEPT;
/* Whatever is watched under this name; its series go. Errors: WRONG_HANDLE, INVALID_ARGUMENT, NOT_FOUND. Threads and
 * blocking: the same. */
SEAWALL_API int32_t seawall_metrics_publisher_unwatch(seawall_metrics_publisher* publisher, const char* name,
                                                      size_t name_size) SEAWALL_NOEXCEPT;
/* Reads all that is watched. Errors: WRONG_HANDLE, NO_MEMORY. Threads: any; once at a time. Takes the locks that the
 * watched parts take for a listing, and walks keyed parts. */
SEAWALL_API int32_t seawall_metrics_publisher_publish(seawall_metrics_publisher* publisher,
                                                      int64_t now_ns) SEAWALL_NOEXCEPT;

/* ---- trace context --------------------------------------------------------------------------------------------- */

/* W3C Trace Context Level 2, W3C baggage and B3. Contexts are structs of the caller, tracestate and baggage are text;
 * handles are only for rules that a whole server shares (propagator, sampler). All functions but those that make and
 * free these: threads any, do not block, allocate nothing. Ids come from a generator of the calling thread that is safe
 * across fork; they are unique, not secret. NULL for a context answers SEAWALL_E_WRONG_HANDLE, NULL for a text that
 * must be there or a context that is not initialised SEAWALL_E_INVALID_ARGUMENT. */

#define SEAWALL_TRACEPARENT_SIZE 55
#define SEAWALL_CORRELATION_ID_MAX_SIZE 128

/* Bits of seawall_trace_context.flags, and for the `flags` of a new root. RANDOM says that the last 7 bytes of the
 * trace id are random; leave it out of new roots for peers that drop a traceparent with flags they do not know. */
enum { SEAWALL_TRACE_SAMPLED = 1, SEAWALL_TRACE_RANDOM = 2, SEAWALL_TRACE_ROOT_FLAGS = 3 };
/* Bits of seawall_trace_context.hints: what B3 says and traceparent has no bit for (no decision yet; keep in any case;
 * the trace id came with 64 bits). */
enum { SEAWALL_TRACE_DEFERRED = 1, SEAWALL_TRACE_DEBUG = 2, SEAWALL_TRACE_SHORT_ID = 4 };

/* Where a request belongs. Set struct_size (or use SEAWALL_TRACE_CONTEXT_INIT) before the first call that fills it; a
 * filled one may be copied. A context that was not filled, so whose ids are all zero, is refused wherever one is read.
 */
typedef struct seawall_trace_context {
  uint32_t struct_size;
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint8_t flags;
  uint8_t hints;
  uint8_t reserved[2];
} seawall_trace_context;
#define SEAWALL_TRACE_CONTEXT_INIT                                 \
  {                                                                \
    (uint32_t)sizeof(seawall_trace_context), {0}, {0}, 0, 0, { 0 } \
  }

/* Reads a traceparent; white space around it is allowed. Flags that the library does not know are dropped.
 * Errors: SEAWALL_E_INVALID_ARGUMENT, with *out unchanged and the broken rule in *error. */
SEAWALL_API int32_t seawall_trace_context_parse(const char* traceparent, size_t size, seawall_trace_context* out,
                                                seawall_error* error) SEAWALL_NOEXCEPT;

/* Writes the traceparent, SEAWALL_TRACEPARENT_SIZE bytes. Errors: SEAWALL_E_INVALID_ARGUMENT (an all-zero id),
 * SEAWALL_E_BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_trace_context_format(const seawall_trace_context* context, char* buffer, size_t capacity,
                                                 size_t* needed) SEAWALL_NOEXCEPT;

/* Starts a new trace with these SEAWALL_TRACE_* flags. Errors: SEAWALL_E_INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_trace_context_new_root(uint32_t flags, seawall_trace_context* out) SEAWALL_NOEXCEPT;

/* The same trace and flags with a new span id: one for each call that goes out. `out` may be `parent` itself.
 * Errors: SEAWALL_E_INVALID_ARGUMENT (struct_size, or an all-zero id in *parent). */
SEAWALL_API int32_t seawall_trace_context_child(const seawall_trace_context* parent,
                                                seawall_trace_context* out) SEAWALL_NOEXCEPT;

enum { SEAWALL_TRACE_NEW_ROOT = 0, SEAWALL_TRACE_CONTINUED = 1 };

/* What a server does with the headers of a request, in one call. SEAWALL_TRACE_CONTINUED: *out is the caller's context
 * and the buffer holds its tracestate, normalised, or nothing when that is invalid. SEAWALL_TRACE_NEW_ROOT: traceparent
 * was absent (NULL, 0) or invalid, *out is a new root with SEAWALL_TRACE_ROOT_FLAGS and the tracestate is dropped.
 * Several header fields of one name are joined with "," first; two traceparents so are an invalid one.
 * Errors: SEAWALL_E_BUFFER_TOO_SMALL (*out is filled all the same, and may be used without a tracestate). A capacity of
 * `tracestate_size` always suffices. */
SEAWALL_API int32_t seawall_trace_context_extract(const char* traceparent, size_t traceparent_size,
                                                  const char* tracestate, size_t tracestate_size,
                                                  seawall_trace_context* out, char* buffer, size_t capacity,
                                                  size_t* needed) SEAWALL_NOEXCEPT;

/* The functions below read a tracestate (NULL, 0 is the empty one) and write one: buffer, capacity, needed, where the
 * buffer must not overlap a text that goes in. Errors of all: SEAWALL_E_INVALID_ARGUMENT for a list, key or value that
 * breaks the grammar, SEAWALL_E_FULL for a list of more than 32 members, SEAWALL_E_BUFFER_TOO_SMALL; nothing is written
 * then. */

/* The list without white space, empty members and repeated keys, and with whole members dropped (first those over 128
 * bytes, then from the right) until it has at most max_bytes; 0 means no limit. */
SEAWALL_API int32_t seawall_trace_state_normalize(const char* text, size_t size, size_t max_bytes, char* buffer,
                                                  size_t capacity, size_t* needed,
                                                  seawall_error* error) SEAWALL_NOEXCEPT;

/* The list with that member added or changed, and in front. A 33rd member drops the last one. */
SEAWALL_API int32_t seawall_trace_state_set(const char* text, size_t size, const char* key, size_t key_size,
                                            const char* value, size_t value_size, char* buffer, size_t capacity,
                                            size_t* needed, seawall_error* error) SEAWALL_NOEXCEPT;

/* The list without that member. SEAWALL_E_NOT_FOUND: it had none, and nothing is written. */
SEAWALL_API int32_t seawall_trace_state_remove(const char* text, size_t size, const char* key, size_t key_size,
                                               char* buffer, size_t capacity, size_t* needed,
                                               seawall_error* error) SEAWALL_NOEXCEPT;

/* The value of that member. SEAWALL_E_NOT_FOUND: it has none, and nothing is written. */
SEAWALL_API int32_t seawall_trace_state_get(const char* text, size_t size, const char* key, size_t key_size,
                                            char* buffer, size_t capacity, size_t* needed,
                                            seawall_error* error) SEAWALL_NOEXCEPT;

enum { SEAWALL_CORRELATION_GENERATED = 0, SEAWALL_CORRELATION_ACCEPTED = 1 };

/* The correlation id of a request: the caller's, unchanged, when it is 1 to 128 of A-Z a-z 0-9 . _ - (ACCEPTED); else,
 * also for NULL, 32 random hex digits (GENERATED). A capacity of SEAWALL_CORRELATION_ID_MAX_SIZE always suffices.
 * Errors: SEAWALL_E_BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_correlation_id_accept(const char* text, size_t size, char* buffer, size_t capacity,
                                                  size_t* needed) SEAWALL_NOEXCEPT;

/* The trace id that such an id spells (32 hex digits or a UUID) in a new context of that trace, with RANDOM only if the
 * UUID's version says so. `flags` as for a new root. SEAWALL_E_NOT_FOUND: it spells none, and *out is unchanged. Only
 * for callers that are trusted to choose trace ids. */
SEAWALL_API int32_t seawall_correlation_id_root(const char* text, size_t size, uint32_t flags,
                                                seawall_trace_context* out) SEAWALL_NOEXCEPT;

/* All id generators of this library in this process seed themselves anew before their next id. For hosts that learn
 * that their virtual machine was restored from a snapshot; fork and clone need no such call. */
SEAWALL_API void seawall_ids_reseed(void) SEAWALL_NOEXCEPT;

/* ---- trace context: headers of a request, baggage, sampling */

/* Why something that a caller sent was not taken over. */
enum {
  SEAWALL_FAULT_NONE = 0,
  SEAWALL_FAULT_PARENT_ABSENT = 1,
  SEAWALL_FAULT_PARENT_REPEATED = 2,
  SEAWALL_FAULT_PARENT_LENGTH = 3,
  SEAWALL_FAULT_PARENT_VERSION = 4,
  SEAWALL_FAULT_PARENT_SEPARATOR = 5,
  SEAWALL_FAULT_PARENT_UPPER_CASE = 6,
  SEAWALL_FAULT_PARENT_HEX = 7,
  SEAWALL_FAULT_PARENT_ZERO_TRACE_ID = 8,
  SEAWALL_FAULT_PARENT_ZERO_SPAN_ID = 9,
  SEAWALL_FAULT_STATE_KEY = 10,
  SEAWALL_FAULT_STATE_VALUE = 11,
  SEAWALL_FAULT_STATE_REPEATED_KEY = 12,
  SEAWALL_FAULT_STATE_TOO_MANY_MEMBERS = 13,
  SEAWALL_FAULT_STATE_WITHOUT_PARENT = 14,
  SEAWALL_FAULT_BAGGAGE_KEY = 15,
  SEAWALL_FAULT_BAGGAGE_VALUE = 16,
  SEAWALL_FAULT_BAGGAGE_PROPERTY = 17,
  SEAWALL_FAULT_BAGGAGE_TOO_MANY_MEMBERS = 18,
  SEAWALL_FAULT_BAGGAGE_TOO_LONG = 19,
  SEAWALL_FAULT_B3_REPEATED = 20,
  SEAWALL_FAULT_B3_LENGTH = 21,
  SEAWALL_FAULT_B3_HEX = 22,
  SEAWALL_FAULT_B3_ZERO_ID = 23,
  SEAWALL_FAULT_B3_SAMPLING = 24,
  SEAWALL_FAULT_B3_INCOMPLETE = 25,
  SEAWALL_FAULT_CORRELATION_LENGTH = 26,
  SEAWALL_FAULT_CORRELATION_CHARACTER = 27,
  SEAWALL_FAULT_COUNT = 28
};
/* "traceparent_upper_case": stable, fit for a label's value. "unknown" for other numbers. A constant. */
SEAWALL_API const char* seawall_trace_fault_name(int32_t fault) SEAWALL_NOEXCEPT;

/* How much of what is not quite right is taken over: as the W3C test suite wants it; to the letter (a repeated key
 * drops a tracestate, a bad member all baggage); or, for proxies, as it came where it is printable. */
enum { SEAWALL_STRICTNESS_HARNESS = 0, SEAWALL_STRICTNESS_STRICT = 1, SEAWALL_STRICTNESS_PASS_THROUGH = 2 };
/* What of a caller is believed: all; all but the sampling decision; nothing. */
enum { SEAWALL_TRUST_FULL = 0, SEAWALL_TRUST_IDS = 1, SEAWALL_TRUST_IGNORE = 2 };
enum { SEAWALL_B3_NONE = 0, SEAWALL_B3_SINGLE = 1, SEAWALL_B3_MULTI = 2 };

/* 0 means the default in brackets. Also the keys of the JSON text of _new_from_json. */
typedef struct seawall_propagator_options {
  uint32_t struct_size;
  int32_t strictness;           /* [SEAWALL_STRICTNESS_HARNESS] */
  int32_t trust;                /* [SEAWALL_TRUST_FULL] */
  int32_t accept_b3;            /* 1: read B3 where there is no valid traceparent [0] */
  int32_t inject_b3;            /* beside traceparent [SEAWALL_B3_NONE] */
  int32_t root_flags;           /* of new traces [SEAWALL_TRACE_ROOT_FLAGS]; -1: none */
  int32_t max_tracestate_bytes; /* sent on, from 512 [no limit] */
  int32_t baggage_members;      /* 1 to 64 [64] */
  int32_t baggage_bytes;        /* 1 to 8192 [8192] */
  int32_t reserved;
} seawall_propagator_options;

typedef struct seawall_header {
  const char* name; /* in any case */
  size_t name_size;
  const char* value;
  size_t value_size;
} seawall_header;

/* Fills in the field number `at`, from 0, of those with this name (lower case), in the order of the request, and
 * answers 1; 0 when there is none. The text must stay as it is until the function that asked returns. */
typedef int32_t (*seawall_header_get)(void* user_data, const char* name, size_t name_size, size_t at,
                                      const char** value, size_t* value_size);
/* Sets a header of a call that goes out, in place of all of that name; value_size 0: removes them. */
typedef void (*seawall_header_set)(void* user_data, const char* name, size_t name_size, const char* value,
                                   size_t value_size);

/* The headers of a request: an array of all of them, repeated ones too, or a function that finds them. */
typedef struct seawall_carrier {
  uint32_t struct_size;
  uint32_t reserved;
  const seawall_header* headers;
  size_t header_count;
  seawall_header_get get; /* asked when headers is NULL */
  void* user_data;
} seawall_carrier;

typedef struct seawall_extracted {
  uint32_t struct_size;
  int32_t continued; /* 1: context is the caller's; 0: a new root */
  int32_t decided;   /* 1: the caller said whether the trace is sampled */
  int32_t from_b3;
  int32_t fault;       /* SEAWALL_FAULT_*: why it is not continued */
  int32_t state_fault; /* the first rule that the tracestate broke */
  seawall_trace_context context;
} seawall_extracted;

/* The rules of one server, and its counts. */
typedef struct seawall_propagator seawall_propagator;

/* Sets struct_size, everything else to 0 (of extracted also the context's). Error: INVALID_ARGUMENT for NULL. */
SEAWALL_API int32_t seawall_propagator_options_init(seawall_propagator_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_carrier_init(seawall_carrier* carrier) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_extracted_init(seawall_extracted* extracted) SEAWALL_NOEXCEPT;

/* *out is the caller's, to be given to _free; NULL on failure. options NULL: the defaults. Errors: INVALID_ARGUMENT
 * naming the option, NO_MEMORY. */
SEAWALL_API int32_t seawall_propagator_new(const seawall_propagator_options* options, seawall_propagator** out,
                                           seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_propagator_new_from_json(const char* json, size_t json_size, seawall_propagator** out,
                                                     seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_propagator_free(seawall_propagator* propagator) SEAWALL_NOEXCEPT;

/* What a server does with the headers of a request: *out is filled, and the buffer with the tracestate to send on,
 * normalised. Answers SEAWALL_TRACE_CONTINUED or SEAWALL_TRACE_NEW_ROOT. Errors: INVALID_ARGUMENT (struct_size, a NULL
 * text in the array), BUFFER_TOO_SMALL (*out is filled all the same, and may be used without a tracestate). */
SEAWALL_API int32_t seawall_propagator_extract(seawall_propagator* propagator, const seawall_carrier* carrier,
                                               seawall_extracted* out, char* buffer, size_t capacity,
                                               size_t* needed) SEAWALL_NOEXCEPT;
/* The baggage to send on, as one text. Answers SEAWALL_FAULT_NONE or the first rule that was broken; what could be kept
 * is then in the buffer. A capacity of 8192 always suffices. Errors: as above. */
SEAWALL_API int32_t seawall_propagator_extract_baggage(seawall_propagator* propagator, const seawall_carrier* carrier,
                                                       char* buffer, size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* Gives the headers of a call that goes out to set(user_data, ...), on this thread: traceparent, tracestate, and those
 * of B3 if the options name it. `context` is a child; `tracestate` may be NULL, 0, and is left out when invalid.
 * Errors: INVALID_ARGUMENT (context, NULL for set), and nothing is set. */
SEAWALL_API int32_t seawall_propagator_inject(seawall_propagator* propagator, const seawall_trace_context* context,
                                              const char* tracestate, size_t tracestate_size, seawall_header_set set,
                                              void* user_data) SEAWALL_NOEXCEPT;

/* How often this propagator refused something for this reason. Errors: NOT_FOUND for a number that is no reason,
 * INVALID_ARGUMENT for NULL. */
SEAWALL_API int32_t seawall_propagator_fault_count(seawall_propagator* propagator, int32_t fault,
                                                   uint64_t* out) SEAWALL_NOEXCEPT;

/* The context as the single header b3, at most 51 bytes. Errors: as seawall_trace_context_format. */
SEAWALL_API int32_t seawall_trace_context_format_b3(const seawall_trace_context* context, char* buffer, size_t capacity,
                                                    size_t* needed) SEAWALL_NOEXCEPT;

/* Baggage is text as in its header, where values are percent-coded; NULL, 0 is the empty one. What of it breaks the
 * grammar or the limits of 64 members and 8192 bytes counts as not there. Buffers must not overlap a text that goes in.
 */

/* The plain text of the last member with this key. SEAWALL_E_NOT_FOUND: there is none. Errors: INVALID_ARGUMENT,
 * BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_baggage_get(const char* text, size_t size, const char* key, size_t key_size, char* buffer,
                                        size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;
/* The baggage with this member in place of all of its key. `value` is plain text, `properties` ("p1;p2=v", may be NULL,
 * 0) is coded. Errors: INVALID_ARGUMENT (key or properties), FULL, BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_baggage_set(const char* text, size_t size, const char* key, size_t key_size,
                                        const char* value, size_t value_size, const char* properties,
                                        size_t properties_size, char* buffer, size_t capacity, size_t* needed,
                                        seawall_error* error) SEAWALL_NOEXCEPT;
/* The baggage without the members of this key. Errors: INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_baggage_remove(const char* text, size_t size, const char* key, size_t key_size,
                                           char* buffer, size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* Views of the baggage's text; value and properties as they were sent. */
typedef struct seawall_baggage_member {
  const char* key;
  size_t key_size;
  const char* value;
  size_t value_size;
  const char* properties;
  size_t properties_size;
} seawall_baggage_member;
/* The member number `at`, from 0. Errors: NOT_FOUND behind the last, INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_baggage_at(const char* text, size_t size, size_t at,
                                       seawall_baggage_member* out) SEAWALL_NOEXCEPT;
/* The plain text of a coded value; what is no UTF-8 becomes U+FFFD. Errors: INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_baggage_decode(const char* coded, size_t size, char* buffer, size_t capacity,
                                           size_t* needed) SEAWALL_NOEXCEPT;

/* Decides which traces are recorded: what the caller decided; else a share of all, by the trace id's random bits; then
 * at most so many for each period. 0 means the default in brackets; also the keys of the JSON text. */
typedef struct seawall_sampler seawall_sampler;
typedef struct seawall_sampler_options {
  uint32_t struct_size;
  int32_t ignore_parent; /* 1: decide even where the caller has decided [0] */
  double ratio;          /* of traces without a decision, 2^-56 to 1 [1]; a negative number: none */
  int64_t permits;       /* a token bucket's, for traces kept by our own decision [no limit] */
  int64_t period_ns;     /* to be given with permits */
  int64_t burst;         /* [permits] */
} seawall_sampler_options;

/* Error: INVALID_ARGUMENT for NULL. */
SEAWALL_API int32_t seawall_sampler_options_init(seawall_sampler_options* options) SEAWALL_NOEXCEPT;
/* *out is the caller's, to be given to _free; NULL on failure. options NULL: the defaults. now_ns is the limit's epoch.
 * Errors: INVALID_ARGUMENT naming the option, NO_MEMORY. */
SEAWALL_API int32_t seawall_sampler_new(const seawall_sampler_options* options, int64_t now_ns, seawall_sampler** out,
                                        seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_sampler_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                  seawall_sampler** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_sampler_free(seawall_sampler* sampler) SEAWALL_NOEXCEPT;

enum { SEAWALL_TRACE_DROP = 0, SEAWALL_TRACE_RECORD = 1 };
/* Decides, and writes the sampled flag into *context and the tracestate to send on (with the threshold that was used,
 * or without one) into the buffer; a capacity of tracestate_size + 260 always suffices. `decided` as in
 * seawall_extracted. Use a child of the context for what goes out. Errors: INVALID_ARGUMENT; BUFFER_TOO_SMALL, with
 * *context changed all the same. */
SEAWALL_API int32_t seawall_sampler_sample(seawall_sampler* sampler, int64_t now_ns, seawall_trace_context* context,
                                           int32_t decided, const char* tracestate, size_t tracestate_size,
                                           char* buffer, size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* ---- service registry ------------------------------------------------------------------------------------------ */

/* Which instances of which services exist, and which may get traffic. An instance registers, then sends a heartbeat
 * each heartbeat interval; one lease after the last it gets no picks, and tick removes it some time later. Its id is
 * unique in its service. Registering an id again gives a higher generation and fences the process that had the lower
 * one.
 *
 * A service of another namespace than the default one is named "namespace/service". An instance is addressed as
 * "[[namespace/]service/]id": an id alone means the instance of that id in the default namespace, whatever its service;
 * where several services have it, the one with the generation that was given.
 *
 * Four inputs decide about traffic, each with one writer: the operator (admin state), the instance (its own state,
 * which moves forward only), the prober (health), and time (the lease). No one overwrites another.
 *
 * Names (namespace, service, id, zone): letters, digits and - . _ ~ : @, at most 63 bytes, a namespace and its service
 * together. Host: letters, digits and - . _ : % [
 * ], at most 255 bytes. Metadata: UTF-8. */
typedef struct seawall_registry seawall_registry;
typedef struct seawall_service seawall_service;

/* 0 means the default, which stands behind each field. */
typedef struct seawall_registry_options {
  uint32_t struct_size;
  int32_t max_services;              /* 64 */
  int32_t max_instances;             /* 1024 */
  int32_t max_instances_per_service; /* 256 */
  int32_t max_metadata_bytes;        /* 4096, of one instance */
  int32_t max_in_flight;             /* 16384: tickets of calls under way; a pick beyond them has ticket 0 */
  int64_t heartbeat_interval_ns;     /* 1 s */
  int64_t lease_ns;                  /* 3 s */
  int64_t expired_retention_ns;      /* 30 s: how long an expired instance stays listed */
  int64_t tick_tolerance_ns;         /* 1 s: a tick that comes later extends the leases; at most lease - interval */
  int64_t first_generation;          /* 1; give a number above all given before a restart, such as wall clock in us */
  int64_t ticket_deadline_ns;        /* 5 min: a ticket not given back for so long is reaped by tick; at most 1 h */
  int64_t suspect_after_ns;          /* from the last heartbeat; two thirds of the lease. lease_ns turns it off */
  int32_t heartbeat_jitter_percent;  /* 20, up or down, at most 50; negative: none */
  int32_t one_per_endpoint;          /* not 0: registering fences others of the service with the same host and port */
  int32_t max_expired_percent; /* 15: when more of a service lose their lease in one lease period, and more than */
  int32_t guard_from;          /* one, none expires; 100: off. 4: services of fewer instances are not guarded */
  int64_t expiry_ceiling_ns;   /* 5 min: for so long; then they do expire */
  int32_t max_hashed_services; /* 2: services that choose by key; negative: none */
  int32_t hash_table_size;     /* 65537, a prime: entries of 2 bytes of a table, of which each of them has two */
} seawall_registry_options;

/* An instance's own state. */
enum { SEAWALL_SELF_STARTING = 0, SEAWALL_SELF_SERVING = 1, SEAWALL_SELF_DRAINING = 2 };
/* No news, in seawall_registry_heartbeat. */
enum { SEAWALL_SELF_UNCHANGED = -1 };
/* The operator's word. */
enum { SEAWALL_ADMIN_ENABLED = 0, SEAWALL_ADMIN_DRAINING = 1, SEAWALL_ADMIN_DISABLED = 2 };
/* The prober's word. A warning puts an instance behind the others; unknown, before the first probe, does not. */
enum { SEAWALL_HEALTH_PASSING = 0, SEAWALL_HEALTH_FAILING = 1, SEAWALL_HEALTH_WARNING = 2, SEAWALL_HEALTH_UNKNOWN = 3 };
/* Whoever has the id now. */
#define SEAWALL_ANY_GENERATION 0

/* Text fields are pointer and length, as everywhere (length SEAWALL_TEXT: up to the zero byte); NULL with length 0 is
 * the empty text. */
typedef struct seawall_metadata {
  const char* name;
  size_t name_size;
  const char* value;
  size_t value_size;
} seawall_metadata;

typedef struct seawall_instance {
  uint32_t struct_size;
  int32_t port; /* 1 to 65535 */
  const char* service;
  size_t service_size;
  const char* id;
  size_t id_size;
  const char* host;
  size_t host_size;
  const char* zone; /* may be empty */
  size_t zone_size;
  const seawall_metadata* metadata; /* metadata_count of them */
  size_t metadata_count;
  int32_t weight; /* 0 to 1000; 0 gets no picks */
  int32_t state;  /* SEAWALL_SELF_... */
} seawall_instance;
/* As seawall_instance_init leaves it. */
#define SEAWALL_INSTANCE_INIT \
  { (uint32_t)sizeof(seawall_instance), 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 1, SEAWALL_SELF_SERVING }

typedef struct seawall_registration {
  uint64_t generation;
  uint32_t slot;
  uint32_t reserved;
  int64_t heartbeat_interval_ns; /* spread by the generation, so that hosts do not beat together */
  int64_t lease_ns;
  int64_t first_heartbeat_ns; /* from now; also spread */
} seawall_registration;

/* What may change of an instance while it lives. NULL texts and metadata leave what is there. */
typedef struct seawall_instance_update {
  uint32_t struct_size;
  int32_t weight; /* negative: as it was */
  const char* zone;
  size_t zone_size;
  const seawall_metadata* metadata; /* all of it */
  size_t metadata_count;
} seawall_instance_update;

/* Bits of seawall_pick.flags: too few are eligible, and all that are known get their share; this call decides whether
 * an ejected instance comes back; the instance is in another zone than the caller. */
enum {
  SEAWALL_PICK_PANIC = 1,
  SEAWALL_PICK_PROBE = 2,
  SEAWALL_PICK_SPILLED = 4,
  SEAWALL_PICK_UNFILTERED = 8 /* the view's selector matches nobody: it is any of the service */
};

/* The instance that gets a call. Texts end with a zero byte. slot is small, dense and the same for as long as the
 * registry knows the id: an index into arrays of your own. ticket is for done. */
typedef struct seawall_pick {
  uint64_t ticket;
  uint64_t generation;
  uint32_t slot;
  uint16_t port;
  uint8_t id_size;
  uint8_t host_size;
  char id[64];
  char host[256];
  uint32_t flags; /* SEAWALL_PICK_ */
  uint32_t reserved;
} seawall_pick;

/* Sets struct_size, everything else to 0; of an instance also weight 1 and SEAWALL_SELF_SERVING. Error:
 * SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_registry_options_init(seawall_registry_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_instance_init(seawall_instance* instance) SEAWALL_NOEXCEPT;
/* Sets struct_size and weight -1: nothing changes. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_instance_update_init(seawall_instance_update* update) SEAWALL_NOEXCEPT;
/* An id that no other process start has: "host-pid-random", at most 63 bytes. Threads: any. Errors: BUFFER_TOO_SMALL,
 * INVALID_ARGUMENT (host NULL). Each call draws another one: call it with a buffer of 64. */
SEAWALL_API int32_t seawall_instance_id(const char* host, size_t host_size, int64_t pid, char* buffer, size_t capacity,
                                        size_t* needed) SEAWALL_NOEXCEPT;

/* *out is the caller's, to be given to _free; NULL on failure. options NULL: the defaults. Does not block.
 * Errors: INVALID_ARGUMENT naming the field, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_new(const seawall_registry_options* options, int64_t now_ns,
                                         seawall_registry** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from {"lease_ns": 3000000000, ...}: the keys are the fields above; what is left out has its default, and 0
 * is 0. */
SEAWALL_API int32_t seawall_registry_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                   seawall_registry** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Threads: exclusive, for the registry and all its services; free the services first. */
SEAWALL_API void seawall_registry_free(seawall_registry* registry) SEAWALL_NOEXCEPT;

/* Adds an instance, or replaces the one of the same service and id by a new generation. *out (may be NULL) is filled.
 * Copies what it is given. Threads: any; takes a mutex for a short time, as do all functions on a seawall_registry.
 * Errors: INVALID_ARGUMENT naming the field; FULL naming the bound. */
SEAWALL_API int32_t seawall_registry_register(seawall_registry* registry, const seawall_instance* instance,
                                              int64_t now_ns, seawall_registration* out,
                                              seawall_error* error) SEAWALL_NOEXCEPT;

/* Many at once, each as above, of the same struct_size: the list of each service is written once, where one by one they
 * cost the square of their number. Answers how many were registered. out (may be NULL) has a place for each, zeros for
 * one that was refused; codes (may be NULL) gets SEAWALL_OK or why not; error says what is wrong with the first such.
 * Threads: any; the mutex for as long as it takes. Errors: INVALID_ARGUMENT (nothing was registered), NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_register_many(seawall_registry* registry, const seawall_instance* instances,
                                                   size_t count, int64_t now_ns, seawall_registration* out,
                                                   int32_t* codes, seawall_error* error) SEAWALL_NOEXCEPT;

/* Each of these addresses an instance by its id, or "service/id", and generation. Threads: any; short mutex. Errors:
 * NOT_FOUND when the id is unknown or the generation was never given (register again); FENCED when a newer generation
 * took over (stop); INVALID_ARGUMENT, also for an id alone that instances of several services have, and for a name with
 * nothing before or behind a slash. */

/* Renews the lease. state is a SEAWALL_SELF_ value or SEAWALL_SELF_UNCHANGED. ANY_GENERATION is NOT_FOUND here. */
SEAWALL_API int32_t seawall_registry_heartbeat(seawall_registry* registry, const char* id, size_t id_size,
                                               uint64_t generation, int32_t state, int64_t now_ns) SEAWALL_NOEXCEPT;
/* No new picks; calls in flight go on. The same as set_admin with SEAWALL_ADMIN_DRAINING. */
SEAWALL_API int32_t seawall_registry_drain(seawall_registry* registry, const char* id, size_t id_size,
                                           uint64_t generation, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Closes the instance's breaker: who was ejected for its failures is picked again. */
SEAWALL_API int32_t seawall_registry_restore(seawall_registry* registry, const char* id, size_t id_size,
                                             uint64_t generation, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Drains, and lets tick take it out when no call is in flight, or at the deadline: it is expired then, and its process
 * fenced. Another set_admin takes it back. */
SEAWALL_API int32_t seawall_registry_drain_until(seawall_registry* registry, const char* id, size_t id_size,
                                                 uint64_t generation, int64_t deadline_ns,
                                                 int64_t now_ns) SEAWALL_NOEXCEPT;
/* 1: it drains and no call is in flight, or its drain is over, or it was replaced. 0: not yet; never waits: ask again
 * after the next tick. *in_flight (may be NULL) is filled. NOT_FOUND: it is gone. */
SEAWALL_API int32_t seawall_registry_drained(const seawall_registry* registry, const char* id, size_t id_size,
                                             uint64_t generation, int64_t now_ns, int64_t* in_flight) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_registry_set_admin(seawall_registry* registry, const char* id, size_t id_size,
                                               uint64_t generation, int32_t admin, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_registry_set_health(seawall_registry* registry, const char* id, size_t id_size,
                                                uint64_t generation, int32_t health, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Its generation, calls in flight and counts stay. Errors also: INVALID_ARGUMENT naming the field. */
SEAWALL_API int32_t seawall_registry_update(seawall_registry* registry, const char* id, size_t id_size,
                                            uint64_t generation, const seawall_instance_update* update, int64_t now_ns,
                                            seawall_error* error) SEAWALL_NOEXCEPT;
/* Removes it at once. */
SEAWALL_API int32_t seawall_registry_deregister(seawall_registry* registry, const char* id, size_t id_size,
                                                uint64_t generation, int64_t now_ns) SEAWALL_NOEXCEPT;

/* Ends leases and removes what has long expired; call it at least every tick_tolerance. Answers how many leases ended.
 * Threads: any; short mutex. */
SEAWALL_API int32_t seawall_registry_tick(seawall_registry* registry, int64_t now_ns) SEAWALL_NOEXCEPT;

/* The listing as JSON: {"NAME": {"host", "port", "healthy", "protected", "instances": [{"id", "host", "port",
 * "healthy", "state", "weight", ...}]}}; host and port are those of the first healthy instance, else of the first, else
 * null. It may grow between a call that measures and one that copies: repeat until it fits. Threads: any; short mutex.
 * Errors: BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_to_json(const seawall_registry* registry, int64_t now_ns, char* buffer,
                                             size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* The same of the instances that the selector matches (see seawall_view_options), each service with "hidden": how many
 * more it has. Errors also: INVALID_ARGUMENT quoting what of the selector cannot be read. */
SEAWALL_API int32_t seawall_registry_to_json_selected(const seawall_registry* registry, const char* selector,
                                                      size_t selector_size, int64_t now_ns, char* buffer,
                                                      size_t capacity, size_t* needed,
                                                      seawall_error* error) SEAWALL_NOEXCEPT;

/* The handle of a service, which may have no instance yet. *out is the caller's, to be freed before the registry; the
 * service keeps one of max_services for the registry's life. Threads: any; short mutex. Errors: INVALID_ARGUMENT
 * (name), FULL (max_services), NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_service(seawall_registry* registry, const char* name, size_t name_size,
                                             seawall_service** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_service_free(seawall_service* service) SEAWALL_NOEXCEPT;

/* A view is a part of a service under a name of its own, which is picked from, watched, configured and explained as a
 * service is: of the instances that the selector matches, or of a subset for one client of a large fleet, or both.
 *
 * selector: terms joined by commas, all of which must be true: tier=gold, tier!=gold, tier in (a, b), tier notin (a,
 * b), gpu (has it), !gpu. "zone" is the instance's zone, all other names are of its metadata. Empty: all. 255 bytes at
 * most. subset: as many that may get traffic, wherever there are, chosen by rendezvous; 0: no subset. subset_seed: the
 * client's own number, such as a hash of its host's name; 0: one of this registry. fallback: when the selector matches
 * nobody who could get traffic, VIEW_NOBODY picks nobody, VIEW_ALL takes the whole service and says so in each pick's
 * flags. */
enum { SEAWALL_VIEW_NOBODY = 0, SEAWALL_VIEW_ALL = 1 };
typedef struct seawall_view_options {
  uint32_t struct_size;
  int32_t subset;
  const char* service;
  size_t service_size;
  const char* selector;
  size_t selector_size;
  uint64_t subset_seed;
  int32_t fallback;
  int32_t reserved;
} seawall_view_options;
SEAWALL_API int32_t seawall_view_options_init(seawall_view_options* options) SEAWALL_NOEXCEPT;
/* The view of this name, made or defined anew, in *out, the caller's, to be freed before the registry; the view takes
 * one of max_services and is kept. Until it is configured by its name it chooses as its service does; ejection and slow
 * start always are the service's. Threads: any; short mutex. Errors: INVALID_ARGUMENT (a name, one that is a service,
 * the selector), FULL (max_services, max_hashed_services), NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_view(seawall_registry* registry, const char* name, size_t name_size,
                                          const seawall_view_options* options, seawall_service** out,
                                          seawall_error* error) SEAWALL_NOEXCEPT;
/* Who is in the list: MATCHED, those asked for; UNFILTERED, the whole service, since the selector matches nobody;
 * NOBODY, nobody who could get traffic, even in panic. Also of a service that is no view. Threads: any; does not block.
 */
enum { SEAWALL_VIEW_STATE_MATCHED = 0, SEAWALL_VIEW_STATE_UNFILTERED = 1, SEAWALL_VIEW_STATE_NOBODY = 2 };
SEAWALL_API int32_t seawall_service_view_state(const seawall_service* service) SEAWALL_NOEXCEPT;
/* "matched", "unfiltered", "nobody"; "unknown" for other numbers. A constant. */
SEAWALL_API const char* seawall_view_state_name(int32_t state) SEAWALL_NOEXCEPT;
/* How many instances the service's or view's list holds: those healthy when it was made. Threads: any; does not block.
 */
SEAWALL_API int32_t seawall_service_size(const seawall_service* service) SEAWALL_NOEXCEPT;

/* A registry in memory of the caller's, which processes share: one writes it, the others read. The configuration is
 * JSON as in _new_from_json and must have the same bounds (max_...) for all of these. The memory is aligned to 64
 * bytes, holds no address, and outlives the handles.
 *
 * The bytes it needs, in *bytes. Errors: INVALID_ARGUMENT naming the option. Threads: any. */
SEAWALL_API int32_t seawall_registry_memory_for(const char* json, size_t json_size, size_t* bytes,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
/* Makes a registry there, of which this process is the writer: its verbs renew a lease of writer_lease_ns (0: 3 s) in
 * the memory. Errors: INVALID_ARGUMENT, also for memory that does not fit, NO_MEMORY. Threads: exclusive for the
 * memory. */
SEAWALL_API int32_t seawall_registry_new_in(const char* json, size_t json_size, void* memory, size_t memory_size,
                                            int64_t writer_lease_ns, int64_t now_ns, seawall_registry** out,
                                            seawall_error* error) SEAWALL_NOEXCEPT;
/* Goes on with the registry in this memory after its writer: with its instances, views, versions and generations;
 * services have to be configured anew. FENCED: the writer's lease still runs; at_once not 0 does not ask, for a host
 * that knows the writer dead. The former one, should it live, finds itself fenced. Errors also: INVALID_ARGUMENT,
 * NO_MEMORY. Threads: any. */
SEAWALL_API int32_t seawall_registry_take_over(const char* json, size_t json_size, void* memory, size_t memory_size,
                                               int32_t at_once, int64_t writer_lease_ns, int64_t now_ns,
                                               seawall_registry** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* 1: this registry still is the writer of its memory; also of memory of its own. 0: another one took over. */
SEAWALL_API int32_t seawall_registry_writes(const seawall_registry* registry) SEAWALL_NOEXCEPT;

/* Reads a registry in memory that another process writes, whether that lives or not. */
typedef struct seawall_reader seawall_reader;
typedef struct seawall_watch seawall_watch;
/* *out is the caller's; the memory must outlive it. Threads: any. Errors: INVALID_ARGUMENT (no registry was made in
 * this memory, or by another version of the library), NO_MEMORY. */
SEAWALL_API int32_t seawall_reader_attach(void* memory, size_t memory_size, seawall_reader** out,
                                          seawall_error* error) SEAWALL_NOEXCEPT;
/* Threads: exclusive, for the reader and all its services and watches; free those first. */
SEAWALL_API void seawall_reader_free(seawall_reader* reader) SEAWALL_NOEXCEPT;
/* The handle of a service or view that the registry knows, for seawall_service_pick and _done. Threads: any; does not
 * block. Errors: NOT_FOUND, NO_MEMORY. */
SEAWALL_API int32_t seawall_reader_service(const seawall_reader* reader, const char* name, size_t name_size,
                                           seawall_service** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* As seawall_registry_watch and seawall_registry_version. */
SEAWALL_API int32_t seawall_reader_watch(const seawall_reader* reader, const char* name, size_t name_size,
                                         seawall_watch** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_reader_version(const seawall_reader* reader, uint64_t* out) SEAWALL_NOEXCEPT;

/* A watch holds the last snapshot of one service, by name, and says what changed since. Its version is the service's,
 * of a registry whose epoch is random: after a restart, or when a version goes back, the changes say "reset", and all
 * that stayed is among "changed". Pull: nothing waits, nothing calls back. */
/* *out is the caller's, to be freed before the registry. The service need not be known. Threads: any; does not block.
 * Errors: INVALID_ARGUMENT, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_watch(const seawall_registry* registry, const char* name, size_t name_size,
                                           seawall_watch** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_watch_free(seawall_watch* watch) SEAWALL_NOEXCEPT;
/* 1: there is a new version, which seawall_watch_to_json writes; 0: there is none. Threads: exclusive for the watch;
 * does not block, waits for no lock of the registry. Errors: NO_MEMORY (the next poll says it again). */
SEAWALL_API int32_t seawall_watch_poll(seawall_watch* watch, int64_t now_ns) SEAWALL_NOEXCEPT;
/* The last news: {"epoch": "HEX", "version", "age_ms", "reset", "instances": [{"id", "host", "port", "weight", "zone",
 * "slot", "generation"}], "added": [...], "removed": [...], "changed": [...]}; instances are in order of id, age is the
 * time since the registry's last tick, at that poll. Threads: exclusive for the watch. Errors: BUFFER_TOO_SMALL,
 * NO_MEMORY. */
SEAWALL_API int32_t seawall_watch_to_json(const seawall_watch* watch, char* buffer, size_t capacity,
                                          size_t* needed) SEAWALL_NOEXCEPT;
/* Of the whole registry: it grows with every change that a pick can see. *out gets it. Threads: any; does not block. */
SEAWALL_API int32_t seawall_registry_version(const seawall_registry* registry, uint64_t* out) SEAWALL_NOEXCEPT;

/* The first five are as they are now, or as of the last tick; all others are totals. */
typedef struct seawall_registry_stats {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t services;
  int64_t instances;
  int64_t suspects;           /* a heartbeat is overdue; as of the last tick */
  int64_t held;               /* their lease ended together with many others'; as of the last tick */
  int64_t protected_services; /* with such instances */
  int64_t holds;
  int64_t expirations_at_ceiling; /* of those held */
  int64_t drains;                 /* of drain_until: ended with no call in flight */
  int64_t drains_cut;             /* and at the deadline */
  int64_t registrations;
  int64_t heartbeats;
  int64_t expirations;
  int64_t removals;
  int64_t fenced; /* answers given */
  int64_t unknown;
  int64_t refused_full;    /* registrations, at a bound */
  int64_t evicted_expired; /* made room for a registration before their time */
  int64_t late_ticks;      /* which extended the leases */
  int64_t tickets_late;
  int64_t tickets_reaped;    /* never given back */
  int64_t tickets_untracked; /* picks beyond max_in_flight */
  int64_t ejections;
  int64_t ejections_refused; /* due, but for max_ejected_percent and least_left */
  int64_t panic_picks;
  int64_t endpoints_taken; /* instances fenced because another one registered their host and port */
  int64_t lists;           /* written for readers */
  int64_t listed;          /* entries of them */
} seawall_registry_stats;
/* Fills *stats, whose struct_size the caller has set. Threads: any; short mutex. Errors: INVALID_ARGUMENT (stats NULL,
 * or of no struct_size). */
SEAWALL_API int32_t seawall_registry_get_stats(const seawall_registry* registry,
                                               seawall_registry_stats* stats) SEAWALL_NOEXCEPT;

/* 1: *out holds the instance that the service's balancer chose, whose slot is not among the exclude_count slots in
 * exclude (NULL with 0); 0: there is none, *out is as it was. A pick is in flight until done is called once with its
 * ticket. Threads: any. Lock-free, no allocation. Errors: INVALID_ARGUMENT (out or exclude NULL). */
SEAWALL_API int32_t seawall_service_pick(const seawall_service* service, const uint32_t* exclude, size_t exclude_count,
                                         int64_t now_ns, seawall_pick* out) SEAWALL_NOEXCEPT;
/* The same for a balancer that chooses by key: equal keys get the same instance as long as it is eligible. Other
 * balancers ignore the key. Errors also: INVALID_ARGUMENT (key NULL). */
SEAWALL_API int32_t seawall_service_pick_for(const seawall_service* service, const char* key, size_t key_size,
                                             const uint32_t* exclude, size_t exclude_count, int64_t now_ns,
                                             seawall_pick* out) SEAWALL_NOEXCEPT;
/* Ends a pick, from any thread: how the call went (SEAWALL_OUTCOME_) and how long it took (SEAWALL_UNKNOWN_DURATION).
 * Answers SEAWALL_REPORT_RECORDED; SEAWALL_REPORT_LATE, and nothing is changed, when the ticket was over: given back
 * before, reaped, or its instance left; SEAWALL_REPORT_NOT_COUNTED for ticket 0. Lock-free. Errors: INVALID_ARGUMENT
 * (outcome). */
enum { SEAWALL_UNKNOWN_DURATION = -1 };
SEAWALL_API int32_t seawall_service_done(const seawall_service* service, uint64_t ticket, int32_t outcome,
                                         int64_t took_ns, int64_t now_ns) SEAWALL_NOEXCEPT;

/* How the calls to a service are spread. In turn and random know no load; LEAST_LOADED takes the one with fewer calls
 * under way of two, PEAK_EWMA the one with less latency times calls under way (give done the duration); MAGLEV and
 * RING_HASH choose by key. */
enum {
  SEAWALL_BALANCER_ROUND_ROBIN = 0,
  SEAWALL_BALANCER_RANDOM = 1,
  SEAWALL_BALANCER_LEAST_LOADED = 2,
  SEAWALL_BALANCER_PEAK_EWMA = 3,
  SEAWALL_BALANCER_MAGLEV = 4,
  SEAWALL_BALANCER_RING_HASH = 5
};
/* "round_robin", ..., as in the configuration; "unknown" for other numbers. A constant. */
SEAWALL_API const char* seawall_balancer_name(int32_t balancer) SEAWALL_NOEXCEPT;
enum { SEAWALL_PANIC_ALL = 0, SEAWALL_PANIC_FAIL = 1 };

/* Filled by _init with what stands behind each field; then every value means itself, 0 is 0. */
typedef struct seawall_service_options {
  uint32_t struct_size;
  int32_t balancer; /* SEAWALL_BALANCER_, round robin */
  const char* zone; /* the caller's: its instances come first while they are enough; none */
  size_t zone_size;
  int32_t over_provisioning_percent; /* 140: so many of the zone's, eligible, would carry its whole traffic */
  int32_t panic_mode;                /* SEAWALL_PANIC_, all */
  int32_t panic_threshold;           /* 50 percent of the known eligible, below which there is panic; 0: never */
  int32_t ejection_failures;         /* 3 in a row; 0: nobody is ejected */
  int32_t ejection_growth_percent;   /* 100: each ejection in a row lasts so much longer */
  int32_t ejection_jitter_percent;   /* 10 */
  int32_t max_ejected_percent;       /* 50 of those that would get traffic, counting the next one */
  int32_t least_left;                /* 1: so many are never ejected, whatever the share */
  int32_t slow_start_least_percent;  /* 10: a newcomer's first share of its weight */
  uint32_t reserved;
  int64_t ejection_duration_ns;     /* 30 s, then a probe decides */
  int64_t max_ejection_duration_ns; /* 5 min */
  int64_t ejection_decay_ns;        /* 1 min in service makes up for one ejection */
  int64_t probe_lease_ns;           /* 30 s: a probe not given back for so long is lost */
  int64_t ewma_half_life_ns;        /* 7 s */
  int64_t failure_latency_ns;       /* 1 s: a failure counts as a call at least so slow */
  int64_t slow_start_ns;            /* 0, off: a newcomer's weight grows for so long */
} seawall_service_options;

/* Sets struct_size and the defaults. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_service_options_init(seawall_service_options* options) SEAWALL_NOEXCEPT;
/* How calls to the service are spread and who is ejected, from now on; name NULL with size 0: of all services that are
 * not configured by name. A service that is configured is kept as one with a handle is. Threads: any; short mutex.
 * Errors: INVALID_ARGUMENT naming the option; FULL (max_services, max_hashed_services); NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_configure(seawall_registry* registry, const char* name, size_t name_size,
                                               const seawall_service_options* options,
                                               seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from {"balancer": "peak_ewma", "panic_mode": "all", "zone": "west", "panic_threshold": 30, ...}: what is
 * left out has its default. An error names path and value: "/panic_threshold: must be from 0 to 100, not 101". */
SEAWALL_API int32_t seawall_registry_configure_from_json(seawall_registry* registry, const char* name, size_t name_size,
                                                         const char* json, size_t json_size,
                                                         seawall_error* error) SEAWALL_NOEXCEPT;

/* What an instance gets: its share; a probe, for it was ejected long enough; what another zone cannot carry; its share
 * only because of panic; nothing. */
enum {
  SEAWALL_VERDICT_PICKED = 0,
  SEAWALL_VERDICT_PROBE = 1,
  SEAWALL_VERDICT_SPILL_OVER = 2,
  SEAWALL_VERDICT_PANIC = 3,
  SEAWALL_VERDICT_NOBODY = 4
};
/* Bits of seawall_explained.reasons. */
enum {
  SEAWALL_REASON_EXPIRED = 1,
  SEAWALL_REASON_DISABLED = 2,
  SEAWALL_REASON_DRAINING = 4,
  SEAWALL_REASON_SELF_DRAINING = 8,
  SEAWALL_REASON_FAILING = 16,
  SEAWALL_REASON_STARTING = 32,
  SEAWALL_REASON_ZERO_WEIGHT = 64,
  SEAWALL_REASON_SUSPECT = 128,
  SEAWALL_REASON_WARNING = 256,
  SEAWALL_REASON_EJECTED = 512,
  SEAWALL_REASON_HELD = 1024,
  SEAWALL_REASON_UNMATCHED = 2048,    /* of a view: its selector does not match it */
  SEAWALL_REASON_NOT_IN_SUBSET = 4096 /* of a view */
};
/* "picked", "spill_over", ...; "expired", "zero_weight", ... of one bit: as in the texts of
 * seawall_registry_explain_text. "unknown" for other numbers. Constants. */
SEAWALL_API const char* seawall_verdict_name(int32_t verdict) SEAWALL_NOEXCEPT;
SEAWALL_API const char* seawall_reason_name(uint32_t reason) SEAWALL_NOEXCEPT;
typedef struct seawall_explained {
  uint64_t generation;
  int64_t in_flight;
  int64_t ejected_for_ns; /* until a probe may go */
  int64_t latency_ns;     /* the moving average; 0: unknown, or the balancer does not ask */
  double weight;          /* what counts now, slow start included */
  uint32_t slot;
  int32_t verdict;  /* SEAWALL_VERDICT_ */
  uint32_t reasons; /* SEAWALL_REASON_ */
  int32_t local;    /* 1: in the caller's zone */
  char id[64];
  char zone[64];
} seawall_explained;

/* Why the service's picks go where they go: fills at most `capacity` of `out` (NULL with 0) in order of slot, *needed
 * (may be NULL) is how many there are. Answers 1 while there is panic, else 0. Threads: any; short mutex. Errors:
 * NOT_FOUND (name), BUFFER_TOO_SMALL, NO_MEMORY, INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_registry_explain(const seawall_registry* registry, const char* name, size_t name_size,
                                             int64_t now_ns, seawall_explained* out, size_t capacity,
                                             size_t* needed) SEAWALL_NOEXCEPT;
/* The same as text: lines for people, or as_json: {"service", "balancer", "panic", "eligible", "known", "ejected",
 * "instances": [{"id", "verdict", "reasons", ...}]}. Errors: NOT_FOUND, BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_explain_text(const seawall_registry* registry, const char* name, size_t name_size,
                                                  int32_t as_json, int64_t now_ns, char* buffer, size_t capacity,
                                                  size_t* needed) SEAWALL_NOEXCEPT;

/* ---- sources of instances -------------------------------------------------------------------------------------- */

/* A follower keeps in a registry what sources list: instances that do not register themselves. A source here is JSON
 * text that the host reads from wherever it wants:
 *
 *   {"trading": [{"host": "10.0.0.1", "port": 8001},
 *                {"id": "trading-2", "host": "10.0.0.2", "port": 8001, "weight": 2, "zone": "b",
 *                 "state": "draining", "metadata": {"version": "3"}}]}
 *
 * What is new is registered at once. What is listed no more goes after removal_grace; what is missing from an empty
 * list, or from one that lost more than max_shrink_percent, after removal_ceiling. A source that fails takes nothing.
 * Sources are joined by id; the record of the one with the highest priority counts. The follower sends its instances'
 * heartbeats. */
typedef struct seawall_follower seawall_follower;

/* 0 means the default, which stands behind each field. */
typedef struct seawall_follower_options {
  uint32_t struct_size;
  int32_t max_shrink_percent; /* 50 */
  int32_t min_protected;      /* 4: of lists that were never longer only the empty one is doubted */
  int32_t not_found_repeats;  /* 3 */
  int32_t max_instances;      /* 16384, listed by all sources together */
  int32_t max_services;       /* 4096, counted once for each source that lists it */
  int64_t removal_grace_ns;   /* 10 s */
  int64_t removal_ceiling_ns; /* 10 min; at least removal_grace_ns */
} seawall_follower_options;

enum { SEAWALL_SOURCE_STATIC = 0, SEAWALL_SOURCE_DISK = 1, SEAWALL_SOURCE_DNS = 2, SEAWALL_SOURCE_REGISTRY = 3 };

/* Sets struct_size, everything else to 0. Error: SEAWALL_E_INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_follower_options_init(seawall_follower_options* options) SEAWALL_NOEXCEPT;

/* *out is the caller's, to be freed before the registry; NULL on failure. options NULL: the defaults. Threads: any.
 * Errors: WRONG_HANDLE, INVALID_ARGUMENT naming the field, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_follower(seawall_registry* registry, const seawall_follower_options* options,
                                              seawall_follower** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Its instances stay registered until their leases end. Threads: exclusive; all other functions on a seawall_follower
 * may be called from any thread and take its mutex. */
SEAWALL_API void seawall_follower_free(seawall_follower* follower) SEAWALL_NOEXCEPT;

/* Adds a source without a list yet and answers its number, from 0. name is for listings and metrics, where of
 * several sources with one name only the best is shown for each service. fallback 1: counts only for
 * services of which no other source has anybody. Errors: INVALID_ARGUMENT, NO_MEMORY. */
SEAWALL_API int32_t seawall_follower_add_source(seawall_follower* follower, const char* name, size_t name_size,
                                                int32_t priority, int32_t fallback,
                                                seawall_error* error) SEAWALL_NOEXCEPT;
/* The text of a source, all of it; it takes effect with the next tick. age_ns: how old it is already. After an error
 * the last good text counts, as stale. Errors: NOT_FOUND (source); INVALID_ARGUMENT naming path and value. */
SEAWALL_API int32_t seawall_follower_load(seawall_follower* follower, int32_t source, const char* json,
                                          size_t json_size, int64_t age_ns, seawall_error* error) SEAWALL_NOEXCEPT;
/* The host could not read the text of a source; why is for listings. Errors: NOT_FOUND (source), INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_follower_fail(seawall_follower* follower, int32_t source, const char* why,
                                          size_t why_size) SEAWALL_NOEXCEPT;
/* What a source says about one service, where the host asks it itself (seawall_redis_source). */
enum {
  SEAWALL_SAYS_LIST = 0,      /* `instances` is all there is */
  SEAWALL_SAYS_UNCHANGED = 1, /* as in the last list */
  SEAWALL_SAYS_EMPTY = 2,     /* it answered, and the answer holds nobody */
  SEAWALL_SAYS_FAILED = 3,    /* no answer: what it said before is the best that is known */
  SEAWALL_SAYS_NOT_FOUND = 4, /* it knows no such service */
  SEAWALL_SAYS_FORGOTTEN = 5  /* it follows it no more, and says so once: what it still listed goes without doubt */
};
typedef struct seawall_source_answer {
  uint32_t struct_size;
  int32_t status; /* SEAWALL_SAYS_ */
  seawall_text service;
  const seawall_instance* instances; /* instance_count of them, of one struct_size; their `service` is not looked at */
  const int32_t* health;             /* SEAWALL_HEALTH_ of each; NULL: it did not look */
  size_t instance_count;
  int64_t ttl_ns;      /* for how long it vouches for this answer without another one; 0: for ever */
  int64_t age_ns;      /* how old it was already when it was given */
  seawall_text reason; /* of SEAWALL_SAYS_FAILED */
} seawall_source_answer;
#define SEAWALL_SOURCE_ANSWER_INIT                                                          \
  {                                                                                         \
    (uint32_t)sizeof(seawall_source_answer), 0, {NULL, 0}, NULL, NULL, 0, 0, 0, { NULL, 0 } \
  }
/* For the next tick; copies it. A source is either said or loaded. Errors: NOT_FOUND (source), INVALID_ARGUMENT naming
 * the field (the answer as a whole is refused), FULL: 16384 answers wait for a tick; NO_MEMORY. */
SEAWALL_API int32_t seawall_follower_say(seawall_follower* follower, int32_t source,
                                         const seawall_source_answer* answer, seawall_error* error) SEAWALL_NOEXCEPT;
/* Applies what is new and what is due, and sends heartbeats; call it each heartbeat interval of the registry. Answers
 * how many instances it registered, changed or removed. Takes the registry's mutex for short times. Errors: NO_MEMORY.
 */
SEAWALL_API int32_t seawall_follower_tick(seawall_follower* follower, int64_t now_ns) SEAWALL_NOEXCEPT;
/* {"stats": {"instances", "refused", "adds", ...}, "sources": [{"source", "service", "stale", "doubted", "age_ms",
 * "listed", "leaving", "failures", "reason", ...}]}. Errors: BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_follower_to_json(const seawall_follower* follower, int64_t now_ns, char* buffer,
                                             size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* What a registry holds as text for seawall_follower_load: kept on disk, it is a source for a start without network.
 * Expired and disabled instances are left out. Threads: any; short mutex. Errors: BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_to_source(const seawall_registry* registry, int64_t now_ns, char* buffer,
                                               size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* ---- prober ---------------------------------------------------------------------------------------------------- */

/* Asks the instances of a registry whether they are well, over HTTP or TCP, and is the writer of their health. It does
 * no I/O: send what next gives and say with finish what came back. A probe without an answer fails at its timeout,
 * whether or not it is finished. Threads: any; each function takes a mutex for a short time. */
typedef struct seawall_prober seawall_prober;

/* GET path: 2xx is well, 429 a warning, all else a failure. TCP: whoever accepts a connection is well. */
enum { SEAWALL_PROBE_HTTP = 0, SEAWALL_PROBE_TCP = 1 };
/* In seawall_prober_finish: the probe could not be sent, for want of a file or so. Changes nothing. */
enum { SEAWALL_PROBE_NOTHING_LEARNT = -1 };

/* Texts end with a zero byte. */
typedef struct seawall_probe {
  uint64_t id; /* for finish */
  int64_t timeout_ns;
  int32_t kind;
  uint16_t port;
  uint16_t service_size;
  uint16_t instance_size;
  uint16_t host_size;
  uint16_t path_size;
  uint16_t reserved;
  char service[64];
  char instance[64];
  char host[256];
  char path[1032];
} seawall_probe;

typedef struct seawall_prober_stats {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t targets;
  int64_t in_flight;
  int64_t sent;
  int64_t passed;
  int64_t warned;
  int64_t failed;
  int64_t learnt_nothing;
  int64_t timeouts;       /* of the failed */
  int64_t wrong_identity; /* of the failed: the address belongs to another instance now */
  int64_t late;           /* answers to probes that had timed out, or of instances that went */
  int64_t falls;
  int64_t rises;
  int64_t hurried; /* probes that seawall_prober_hurry brought forward */
} seawall_prober_stats;

/* *out is the caller's, to be given to _free before the registry; NULL on failure. json may be NULL with length 0, for
 * the defaults of {"kind": SEAWALL_PROBE_HTTP, "path": "/health", "interval_ns": 5 s (0: never), "edge_interval_ns": 1
 * s (of an instance never asked, or whose last answers speak against its health), "timeout_ns": 1 s, "jitter_percent":
 * 20 (of either interval, at most 50), "rise": 2 (successes in a row bring an instance back), "fall": 3 (failures in a
 * row take it out), "max_in_flight": 64, "require_identity": false (true: an answer that does not name its service and
 * instance is a failure)}. Threads: any. Errors: INVALID_ARGUMENT naming the key, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_prober(seawall_registry* registry, const char* json, size_t json_size,
                                            seawall_prober** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Threads: exclusive. */
SEAWALL_API void seawall_prober_free(seawall_prober* prober) SEAWALL_NOEXCEPT;
/* 1: *out is the next probe to send. 0: none is due, or max_in_flight are out. Ask until 0, every 100 ms or so. Errors:
 * INVALID_ARGUMENT (out NULL), NO_MEMORY. */
SEAWALL_API int32_t seawall_prober_next(seawall_prober* prober, int64_t now_ns, seawall_probe* out) SEAWALL_NOEXCEPT;
/* Once for each probe. status: of HTTP; of TCP any above 0 for a connection; 0 for no answer; or NOTHING_LEARNT.
 * service and instance: what the answer says it is, empty for nothing. What comes too late is counted and changes
 * nothing. */
SEAWALL_API int32_t seawall_prober_finish(seawall_prober* prober, uint64_t id, int32_t status, const char* service,
                                          size_t service_size, const char* instance, size_t instance_size,
                                          int64_t now_ns) SEAWALL_NOEXCEPT;
/* From now on so; json as above. What is known of each instance stays, and probes that are out are given up and sent
 * anew; with "interval_ns": 0 of all is unknown how they are. On failure all goes on as before. Errors:
 * INVALID_ARGUMENT naming the key, NO_MEMORY. */
SEAWALL_API int32_t seawall_prober_configure(seawall_prober* prober, const char* json, size_t json_size, int64_t now_ns,
                                             seawall_error* error) SEAWALL_NOEXCEPT;
/* Somebody else doubts a service (seawall_redis_trip_board): its instances are asked soon, but none again before
 * edge_interval_ns has passed. Answers how many probes it brought forward. */
SEAWALL_API int32_t seawall_prober_hurry(seawall_prober* prober, const char* service, size_t service_size,
                                         int64_t now_ns) SEAWALL_NOEXCEPT;
/* Fills *stats, whose struct_size the caller has set. */
SEAWALL_API int32_t seawall_prober_get_stats(const seawall_prober* prober,
                                             seawall_prober_stats* stats) SEAWALL_NOEXCEPT;

/* ---- spans ----------------------------------------------------------------------------------------------------- */

/* What a process did for a request, when, and how it went. A tracer keeps the latest spans and, apart from them, those
 * of traces worth keeping: with an error, with a slow entry span, or marked by seawall_span_keep. It also makes request
 * bodies of the spans of sampled and kept traces, for an OpenTelemetry collector or a file; sending is the host's.
 *
 * A span lives in the caller's memory (1.3 KiB, on the stack if you like) from a start function to seawall_span_end; it
 * is only valid at the address where it was started, and its tracer must outlive it. Threads: functions on a span
 * exclusive, all others any unless they say otherwise. None blocks; none on a span allocates. */
typedef struct seawall_tracer seawall_tracer;
typedef struct seawall_span {
  uint64_t opaque[160];
} seawall_span;

enum {
  SEAWALL_SPAN_INTERNAL = 1,
  SEAWALL_SPAN_SERVER = 2,
  SEAWALL_SPAN_CLIENT = 3,
  SEAWALL_SPAN_PRODUCER = 4,
  SEAWALL_SPAN_CONSUMER = 5
};
enum { SEAWALL_SPAN_UNSET = 0, SEAWALL_SPAN_OK = 1, SEAWALL_SPAN_ERROR = 2 };
enum {
  SEAWALL_ATTRIBUTE_BOOL = 0,
  SEAWALL_ATTRIBUTE_INT = 1,
  SEAWALL_ATTRIBUTE_DOUBLE = 2,
  SEAWALL_ATTRIBUTE_TEXT = 3
};
/* OTLP/HTTP JSON, to be sent with POST /v1/traces as application/json; or one JSON object a line. */
enum { SEAWALL_SPANS_OTLP_JSON = 0, SEAWALL_SPANS_JSON_LINES = 1 };

/* 0 means the default in brackets. Also the keys for seawall_tracer_new_from_json, where service is a string. */
typedef struct seawall_tracer_options {
  uint32_t struct_size;
  int32_t recent_spans;     /* [2048], of 1 KiB each; rounded up to a power of two */
  int32_t kept_spans;       /* [1024], the same */
  int32_t keeps_per_second; /* [20] traces; five times as many at once */
  int64_t slow_ns;          /* [1 s] an entry span this long is worth keeping */
  int32_t format;           /* SEAWALL_SPANS_*, of what seawall_tracer_take gives */
  int32_t max_batch;        /* [256] spans in one body */
  seawall_text service;     /* needed: 1 to 63 bytes of UTF-8 */
} seawall_tracer_options;

/* One attribute; `type` says which of the values counts. A key has 1 to 64 bytes, a text is cut to 256. */
typedef struct seawall_attribute {
  seawall_text key;
  int32_t type; /* SEAWALL_ATTRIBUTE_* */
  int32_t reserved;
  int64_t number; /* BOOL and INT */
  double real;    /* DOUBLE */
  seawall_text text;
} seawall_attribute;

typedef struct seawall_tracer_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t recorded;
  uint64_t dropped; /* lost their slot to a writer a whole ring ahead */
  uint64_t kept_traces;
  uint64_t keeps_refused; /* by keeps_per_second */
  uint64_t exported;
  uint64_t export_dropped; /* given up after seawall_tracer_finish */
  uint64_t export_lost;    /* overwritten before they were taken */
  uint64_t export_retries;
} seawall_tracer_stats;

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_tracer_options_init(seawall_tracer_options* options) SEAWALL_NOEXCEPT;
/* A new tracer in *out, owned by the caller, to be given to _free; NULL on failure. Errors: INVALID_ARGUMENT naming the
 * option, NO_MEMORY. Threads: any. */
SEAWALL_API int32_t seawall_tracer_new(const seawall_tracer_options* options, int64_t now_ns, seawall_tracer** out,
                                       seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"service": "gateway", "slow_ns": 500000000}. */
SEAWALL_API int32_t seawall_tracer_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                 seawall_tracer** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_tracer_free(seawall_tracer* tracer) SEAWALL_NOEXCEPT;

/* Starts the entry span of a request: what seawall_trace_context_extract filled and answered goes in as `context` and
 * `continued`. Continued, the span is a child of the context's; else the context is that of the span itself, a root.
 * Errors: WRONG_HANDLE, INVALID_ARGUMENT (kind, name, context or span is wrong). */
SEAWALL_API int32_t seawall_tracer_start(seawall_tracer* tracer, const char* name, size_t name_size, int32_t kind,
                                         const seawall_trace_context* context, int32_t continued, int64_t now_ns,
                                         seawall_span* span) SEAWALL_NOEXCEPT;
/* Starts a span under another one, of the same tracer. `parent` may have ended. Errors: WRONG_HANDLE (parent was never
 * started), INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_span_start_child(const seawall_span* parent, const char* name, size_t name_size,
                                             int32_t kind, int64_t now_ns, seawall_span* span) SEAWALL_NOEXCEPT;
/* The context under which calls are made from this span: format it as traceparent. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_span_context(const seawall_span* span, seawall_trace_context* out) SEAWALL_NOEXCEPT;
/* Sets an attribute; one with this key gets the new value. What does not fit any more is left out and counted in the
 * exported span. Errors: WRONG_HANDLE, INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_span_set(seawall_span* span, const seawall_attribute* attribute) SEAWALL_NOEXCEPT;
/* OK is final, ERROR replaces UNSET, UNSET changes nothing. The text says what is wrong. */
SEAWALL_API int32_t seawall_span_set_status(seawall_span* span, int32_t status, const char* text,
                                            size_t text_size) SEAWALL_NOEXCEPT;
/* Adds an event with all of its attributes, or counts it as dropped. */
SEAWALL_API int32_t seawall_span_add_event(seawall_span* span, const char* name, size_t name_size, int64_t now_ns,
                                           const seawall_attribute* attributes, size_t count) SEAWALL_NOEXCEPT;
/* What the other parts decided for this call, as events with the names and attributes that they have in every program:
 * seawall.rate_limit, seawall.circuit_breaker, seawall.retry. `name` is that of the limiter or the breaker; `state` one
 * of SEAWALL_BREAKER_...; a wait of SEAWALL_NEVER is told as -1 ms. A breaker's refusal and a retry make the trace
 * worth keeping. Errors: WRONG_HANDLE, INVALID_ARGUMENT. */
SEAWALL_API int32_t seawall_span_add_limiter_event(seawall_span* span, const char* name, size_t name_size,
                                                   const seawall_decision* decision, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_span_add_breaker_event(seawall_span* span, const char* name, size_t name_size,
                                                   int32_t allowed, int32_t state, int64_t retry_after_ns,
                                                   int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_span_add_retry_event(seawall_span* span, int64_t attempt, int64_t delay_ns,
                                                 int64_t now_ns) SEAWALL_NOEXCEPT;
/* This trace is worth keeping. */
SEAWALL_API int32_t seawall_span_keep(seawall_span* span) SEAWALL_NOEXCEPT;
/* Records the span. It can then only be the parent of others, or the place where another is started. A second end
 * changes nothing. A span that is given up without an end is not recorded; nothing leaks. */
SEAWALL_API int32_t seawall_span_end(seawall_span* span, int64_t now_ns) SEAWALL_NOEXCEPT;

/* The spans of a trace that are still there, as JSON lines in order of start. unix_offset_ns: wall clock minus the
 * clock of `now_ns`, at any instant. Errors: WRONG_HANDLE, INVALID_ARGUMENT (trace_id is NULL), NOT_FOUND,
 * BUFFER_TOO_SMALL, NO_MEMORY. Threads: any. Reads both rings: for people, not for a request. */
SEAWALL_API int32_t seawall_tracer_trace(seawall_tracer* tracer, const uint8_t* trace_id /* 16 bytes */,
                                         int64_t unix_offset_ns, char* buffer, size_t capacity, size_t* needed,
                                         seawall_error* error) SEAWALL_NOEXCEPT;
/* The kept traces, the latest first, at most `limit`: the first span of each as a JSON line. As above, without
 * NOT_FOUND. */
SEAWALL_API int32_t seawall_tracer_kept(seawall_tracer* tracer, size_t limit, int64_t unix_offset_ns, char* buffer,
                                        size_t capacity, size_t* needed, seawall_error* error) SEAWALL_NOEXCEPT;

enum { SEAWALL_TAKE_NOTHING = 0, SEAWALL_TAKE_BODY = 1 };
/* The next body to send: TAKE_BODY and a text that is borrowed until seawall_tracer_finish; TAKE_NOTHING when there are
 * no spans to send, or it is not yet time to try again. unix_now_ns: the instant now_ns by the wall clock. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT (body is NULL), NO_MEMORY. Threads: exclusive with take and finish. */
SEAWALL_API int32_t seawall_tracer_take(seawall_tracer* tracer, int64_t now_ns, int64_t unix_now_ns,
                                        seawall_text* body) SEAWALL_NOEXCEPT;
/* How sending it went: the HTTP status, 0 for no answer; 200 for a file that was written. 429, 502, 503, 504 and 0 are
 * tried again, after a growing pause or retry_after_ns, five times in all. Threads: exclusive with take and finish. */
SEAWALL_API int32_t seawall_tracer_finish(seawall_tracer* tracer, int32_t http_status, int64_t retry_after_ns,
                                          int64_t now_ns) SEAWALL_NOEXCEPT;
/* Fills *stats, whose struct_size the caller has set. Threads: exclusive with take and finish. */
SEAWALL_API int32_t seawall_tracer_get_stats(seawall_tracer* tracer, seawall_tracer_stats* stats) SEAWALL_NOEXCEPT;

/* ---- Pipeline ------------------------------------------------------------------------------------------------------
 *
 * Limits, breaker, choice of an instance, trace and metrics of one route as one question and one report: seawall_admit
 * before the call, seawall_complete after it. All gates are looked at before one of them takes anything, in the order
 * of SEAWALL_GATE_*, so a refusal charges nobody; what is lost to another caller in between is given back. */
typedef struct seawall_pipeline seawall_pipeline;
#define SEAWALL_PIPELINE_MOST_LIMITS 4
#define SEAWALL_PIPELINE_MOST_KEYS 16

/* Which gate a request did not pass. */
enum {
  SEAWALL_GATE_NONE = 0,
  SEAWALL_GATE_IN_FLIGHT = 1, /* as many calls are out as there may be */
  SEAWALL_GATE_LIMITS = 2,
  SEAWALL_GATE_BREAKER = 3,
  SEAWALL_GATE_INSTANCE = 4, /* no healthy instance */
  SEAWALL_GATE_REQUEST = 5   /* has no key for a limit with keys */
};
/* "none", "in_flight", "limits", ..., as the label of the metrics; "unknown" for other numbers. A constant. */
SEAWALL_API const char* seawall_gate_name(int32_t gate) SEAWALL_NOEXCEPT;

/* A limit of a pipeline. Its limiter is borrowed: still the caller's, to be freed after the pipeline. */
typedef struct seawall_pipeline_limit {
  const char* name; /* 1 to 31 printable ASCII characters without ',' */
  size_t name_size;
  const void* limiter; /* a handle of any of the five types of limiters */
  int64_t quota;       /* what is told to clients: permits in each window; the limiter decides */
  int64_t window_ns;
  int32_t key; /* which of the request's keys a keyed limiter is asked for */
  int32_t reserved;
} seawall_pipeline_limit;

/* What a pipeline is made of; NULL and 0: it has no such gate. All handles are borrowed: still the caller's, to be
 * freed after the pipeline. */
typedef struct seawall_pipeline_options {
  uint32_t struct_size;
  int32_t max_in_flight;                /* 0: 4096; rounded up to 16 times a power of two. A bound of memory */
  int64_t lease_ns;                     /* 0: 10 minutes. A ticket that is never given back frees its place then */
  const seawall_pipeline_limit* limits; /* the narrowest first */
  size_t limit_count;                   /* at most SEAWALL_PIPELINE_MOST_LIMITS */
  seawall_circuit_breaker* breaker;     /* of the service: hears how requests end */
  const seawall_service* service;       /* which of its instances are ejected: seawall_registry_configure */
  int32_t trace;                        /* not 0: an admission brings a traceparent */
  int32_t reserved;
  seawall_metrics* metrics; /* not NULL: the pipeline counts in seawall_pipeline_*{pipeline="name"} */
  const char* name;         /* for the metrics */
  size_t name_size;
} seawall_pipeline_options;
SEAWALL_API int32_t seawall_pipeline_options_init(seawall_pipeline_options* options) SEAWALL_NOEXCEPT;

/* One request. The texts are not kept. */
typedef struct seawall_request {
  uint32_t struct_size;
  uint32_t key_count;
  const seawall_limit_key* keys; /* see seawall_pipeline_limit.key; at most SEAWALL_PIPELINE_MOST_KEYS */
  int64_t permits;               /* 0: 1 */
  const uint32_t* exclude;       /* slots of instances that are not wanted */
  size_t exclude_count;
  const char* traceparent; /* as it came, or NULL */
  size_t traceparent_size;
} seawall_request;
#define SEAWALL_REQUEST_INIT \
  { (uint32_t)sizeof(seawall_request), 0, NULL, 0, NULL, 0, NULL, 0 }

/* What a call that is out holds: plain numbers, to be copied freely and given back once. */
typedef struct seawall_ticket {
  uint64_t id; /* 0: none */
  uint64_t numbers[15];
} seawall_ticket;

/* Filled by seawall_admit; the caller owns it and sets struct_size once. */
typedef struct seawall_admission {
  uint32_t struct_size;
  int32_t answer;           /* as returned */
  int32_t gate;             /* SEAWALL_GATE_*: which refused */
  int32_t nearest;          /* the limit that refused for longest, else that is nearest to refusing; -1: no limits */
  int64_t retry_after_ns;   /* 0 when allowed; SEAWALL_NEVER when never, or while the breaker is forced open */
  int64_t limit, remaining; /* of the nearest limit */
  int64_t reset_after_ns;
  char limit_name[32];
  uint64_t generation; /* of the instance; as in seawall_pick */
  uint32_t slot;
  int32_t port;
  int32_t has_instance;
  int32_t trace_continued; /* 1: the caller's trace goes on, pass his tracestate on too */
  char traceparent[56];    /* for the call that goes out, with a zero at its end */
  seawall_ticket ticket;
} seawall_admission;

typedef struct seawall_pipeline_stats {
  uint32_t struct_size;
  uint32_t compositions; /* that calls may still use: 1, and more after seawall_pipeline_replace */
  uint64_t max_in_flight, in_flight;
  uint64_t repeated;    /* reports of tickets that were given back before, or never given out */
  uint64_t turned_away; /* requests refused by SEAWALL_GATE_IN_FLIGHT */
  uint64_t lost;        /* tickets never given back whose place went to another after their lease */
} seawall_pipeline_stats;

/* A new pipeline in *out, owned by the caller. Errors: INVALID_ARGUMENT naming the part, WRONG_HANDLE, ALREADY_EXISTS
 * (a metric of that name with another definition), FULL (metrics), NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_pipeline_new(const seawall_pipeline_options* options, int64_t now_ns,
                                         seawall_pipeline** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* NULL is a no-op. Exclusive; no call may be out. */
SEAWALL_API void seawall_pipeline_free(seawall_pipeline* pipeline) SEAWALL_NOEXCEPT;
/* From here on another composition; calls that are out end on theirs, so what it borrows must outlive them.
 * max_in_flight, lease_ns, metrics and name stay. Errors: as seawall_pipeline_new; FULL while lost calls hold 15 older
 * compositions. Threads: any. Takes a mutex for a short time. */
SEAWALL_API int32_t seawall_pipeline_replace(seawall_pipeline* pipeline, const seawall_pipeline_options* options,
                                             int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;

/* May this request go out, and where to? Answers SEAWALL_ALLOWED, SEAWALL_DENIED or SEAWALL_NEVER_ALLOWED (no wait
 * helps) and fills *admission. `request` may be NULL: nothing of all. Lock-free, no allocation. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_admit(seawall_pipeline* pipeline, const seawall_request* request, int64_t now_ns,
                                  seawall_admission* admission) SEAWALL_NOEXCEPT;
/* The same for a request with one key and nothing else but a traceparent: fewer steps for bindings. `key`: a text, or
 * with NULL the number id. */
SEAWALL_API int32_t seawall_pipeline_admit_key(seawall_pipeline* pipeline, const char* key, size_t key_size,
                                               uint64_t id, const char* traceparent, size_t traceparent_size,
                                               int64_t now_ns, seawall_admission* admission) SEAWALL_NOEXCEPT;
/* Only the limits, for a request that is answered without a call: the charge stays, there is nothing to complete. */
SEAWALL_API int32_t seawall_pipeline_charge(seawall_pipeline* pipeline, const seawall_request* request, int64_t now_ns,
                                            seawall_admission* admission) SEAWALL_NOEXCEPT;
/* The end of the request: SEAWALL_OUTCOME_*, and the status of HTTP, 0 for none, which is only counted. Answers
 * SEAWALL_REPORT_RECORDED; SEAWALL_REPORT_INVALID_TOKEN, and nothing is changed, when the ticket was given back before
 * or is none. Lock-free. Errors: WRONG_HANDLE, INVALID_ARGUMENT. Threads: any. */
SEAWALL_API int32_t seawall_complete(seawall_pipeline* pipeline, const seawall_ticket* ticket, int32_t outcome,
                                     int32_t status, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Instead: the call was never made. The limits get back what was charged to the keys of `request`, nothing counts. */
SEAWALL_API int32_t seawall_pipeline_cancel(seawall_pipeline* pipeline, const seawall_ticket* ticket,
                                            const seawall_request* request, int64_t now_ns) SEAWALL_NOEXCEPT;
/* The call went to its instance and ended so, and the request goes on: picks another instance, the one before and
 * `exclude` (at most 31) left out. Answers SEAWALL_ALLOWED; SEAWALL_DENIED when there is none: the request is still to
 * be completed. */
SEAWALL_API int32_t seawall_pipeline_another(seawall_pipeline* pipeline, seawall_admission* admission, int32_t outcome,
                                             const uint32_t* exclude, size_t exclude_count,
                                             int64_t now_ns) SEAWALL_NOEXCEPT;
/* Id and host of the instance of a call that is out, each as text out. Errors: WRONG_HANDLE, INVALID_ARGUMENT,
 * NOT_FOUND (the call has ended, has none, or it was replaced), BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_pipeline_instance(seawall_pipeline* pipeline, const seawall_ticket* ticket, char* id,
                                              size_t id_capacity, size_t* id_needed, char* host, size_t host_capacity,
                                              size_t* host_needed) SEAWALL_NOEXCEPT;
/* The names of the limits, joined by commas. Errors: WRONG_HANDLE, BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_pipeline_limit_names(seawall_pipeline* pipeline, char* buffer, size_t capacity,
                                                 size_t* needed) SEAWALL_NOEXCEPT;
/* Fills *stats, whose struct_size the caller has set. Walks all places: for a scrape. Takes a mutex for a short time.
 */
SEAWALL_API int32_t seawall_pipeline_get_stats(seawall_pipeline* pipeline, int64_t now_ns,
                                               seawall_pipeline_stats* stats) SEAWALL_NOEXCEPT;

/* Routes with their limits, breakers and services from a JSON text, reloaded under load;
 * include/seawall/runtime/pipelines.h has the text. */
typedef struct seawall_pipelines seawall_pipelines;
/* New pipelines in *out, owned by the caller. `registry` and `metrics` are borrowed, and may be NULL: routes then have
 * no service, or count nothing. `keys`: the names of what requests are told apart by, joined by commas, in the order of
 * seawall_request.keys. Errors: INVALID_ARGUMENT with path and value ("/routes/trading/limits/0/permits: ..."),
 * WRONG_HANDLE, ALREADY_EXISTS, FULL, NO_MEMORY. Threads: any. */
SEAWALL_API int32_t seawall_pipelines_load(const char* json, size_t json_size, seawall_registry* registry,
                                           seawall_metrics* metrics, const char* keys, size_t keys_size, int64_t now_ns,
                                           seawall_pipelines** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* NULL is a no-op. Exclusive; after all handles from seawall_pipelines_find, and no call may be out. */
SEAWALL_API void seawall_pipelines_free(seawall_pipelines* pipelines) SEAWALL_NOEXCEPT;
/* Another configuration in its place, state kept where it can be. After an error all is as it was. Errors: as _load;
 * FULL while lost calls hold too many older compositions. Threads: any for requests, exclusive with _reload and
 * _report. */
SEAWALL_API int32_t seawall_pipelines_reload(seawall_pipelines* pipelines, const char* json, size_t json_size,
                                             int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
/* What the last reload did, as JSON: {"kept": [paths], "changed", "reset", "added", "removed"}. Errors: WRONG_HANDLE,
 * BUFFER_TOO_SMALL. */
SEAWALL_API int32_t seawall_pipelines_report(const seawall_pipelines* pipelines, char* buffer, size_t capacity,
                                             size_t* needed) SEAWALL_NOEXCEPT;
/* The pipeline of a route: a handle of the caller's, to be freed before the pipelines; it follows reloads. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT, NOT_FOUND, NO_MEMORY. Threads: any. Takes a mutex for a short time. */
SEAWALL_API int32_t seawall_pipelines_find(const seawall_pipelines* pipelines, const char* route, size_t route_size,
                                           seawall_pipeline** out) SEAWALL_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* SEAWALL_C_H */
