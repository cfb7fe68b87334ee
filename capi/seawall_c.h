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

/* W3C Trace Context Level 2. There are no handles here: contexts are structs of the caller, tracestate is text. All
 * functions: threads any, do not block, allocate nothing. Ids come from a generator of the calling thread that is safe
 * across fork; they are unique, not secret. NULL for a context answers SEAWALL_E_WRONG_HANDLE, NULL for a text that
 * must be there or a context that is not initialised SEAWALL_E_INVALID_ARGUMENT. */

#define SEAWALL_TRACEPARENT_SIZE 55
#define SEAWALL_CORRELATION_ID_MAX_SIZE 128

/* Bits of seawall_trace_context.flags, and for the `flags` of a new root. RANDOM says that the last 7 bytes of the
 * trace id are random; leave it out of new roots for peers that drop a traceparent with flags they do not know. */
enum { SEAWALL_TRACE_SAMPLED = 1, SEAWALL_TRACE_RANDOM = 2, SEAWALL_TRACE_ROOT_FLAGS = 3 };

/* Where a request belongs. Set struct_size (or use SEAWALL_TRACE_CONTEXT_INIT) before the first call that fills it; a
 * filled one may be copied. A context that was not filled, so whose ids are all zero, is refused wherever one is read.
 */
typedef struct seawall_trace_context {
  uint32_t struct_size;
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint8_t flags;
  uint8_t reserved[3];
} seawall_trace_context;
#define SEAWALL_TRACE_CONTEXT_INIT                              \
  {                                                             \
    (uint32_t)sizeof(seawall_trace_context), {0}, {0}, 0, { 0 } \
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

/* ---- service registry ------------------------------------------------------------------------------------------ */

/* Which instances of which services exist, and which may get traffic. An instance registers, then sends a heartbeat
 * each heartbeat interval; one lease after the last it gets no picks, and tick removes it some time later. Its id is
 * unique in the registry. Registering an id again gives a higher generation and fences the process that had the lower
 * one.
 *
 * Four inputs decide about traffic, each with one writer: the operator (admin state), the instance (its own state,
 * which moves forward only), the prober (health), and time (the lease). No one overwrites another.
 *
 * Names (service, id, zone): letters, digits and - . _ ~ : @, at most 63 bytes. Host: letters, digits and - . _ : % [
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
  uint32_t reserved;                 /* 0 */
  int64_t heartbeat_interval_ns;     /* 1 s */
  int64_t lease_ns;                  /* 3 s */
  int64_t expired_retention_ns;      /* 30 s: how long an expired instance stays listed */
  int64_t tick_tolerance_ns;         /* 1 s: a tick that comes later extends the leases; at most lease - interval */
  int64_t first_generation;          /* 1; give a number above all given before a restart, such as wall clock in us */
} seawall_registry_options;

/* An instance's own state. */
enum { SEAWALL_SELF_STARTING = 0, SEAWALL_SELF_SERVING = 1, SEAWALL_SELF_DRAINING = 2 };
/* No news, in seawall_registry_heartbeat. */
#define SEAWALL_SELF_UNCHANGED -1
/* The operator's word. */
enum { SEAWALL_ADMIN_ENABLED = 0, SEAWALL_ADMIN_DRAINING = 1, SEAWALL_ADMIN_DISABLED = 2 };
/* The prober's word. */
enum { SEAWALL_HEALTH_PASSING = 0, SEAWALL_HEALTH_FAILING = 1 };
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

typedef struct seawall_registration {
  uint64_t generation;
  uint32_t slot;
  uint32_t reserved;
  int64_t heartbeat_interval_ns;
  int64_t lease_ns;
} seawall_registration;

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
} seawall_pick;

/* Sets struct_size and the defaults (for an instance: weight 1, serving, all else empty). Threads: any. */
SEAWALL_API void seawall_registry_options_init(seawall_registry_options* options) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_instance_init(seawall_instance* instance) SEAWALL_NOEXCEPT;

/* *out is the caller's, to be given to _free; NULL on failure. options NULL: the defaults. Does not block.
 * Errors: INVALID_ARGUMENT naming the field, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_new(const seawall_registry_options* options, int64_t now_ns,
                                         seawall_registry** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from {"lease_ns": 3000000000, ...}; the keys are the fields above. */
SEAWALL_API int32_t seawall_registry_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                   seawall_registry** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Threads: exclusive, for the registry and all its services; free the services first. */
SEAWALL_API void seawall_registry_free(seawall_registry* registry) SEAWALL_NOEXCEPT;

/* Adds an instance, or replaces the one of the same service and id by a new generation. *out (may be NULL) is filled.
 * Copies what it is given. Threads: any; takes a mutex for a short time, as do all functions on a seawall_registry.
 * Errors: INVALID_ARGUMENT naming the field; ALREADY_EXISTS when another service has the id; FULL naming the bound. */
SEAWALL_API int32_t seawall_registry_register(seawall_registry* registry, const seawall_instance* instance,
                                              int64_t now_ns, seawall_registration* out,
                                              seawall_error* error) SEAWALL_NOEXCEPT;

/* Each of these addresses an instance by id and generation. Threads: any; short mutex. Errors: NOT_FOUND when the id is
 * unknown or the generation was never given (register again); FENCED when a newer generation took over (stop);
 * INVALID_ARGUMENT. */

/* Renews the lease. state is a SEAWALL_SELF_ value or SEAWALL_SELF_UNCHANGED. ANY_GENERATION is NOT_FOUND here. */
SEAWALL_API int32_t seawall_registry_heartbeat(seawall_registry* registry, const char* id, size_t id_size,
                                               uint64_t generation, int32_t state, int64_t now_ns) SEAWALL_NOEXCEPT;
/* No new picks; calls in flight go on. The same as set_admin with SEAWALL_ADMIN_DRAINING. */
SEAWALL_API int32_t seawall_registry_drain(seawall_registry* registry, const char* id, size_t id_size,
                                           uint64_t generation, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_registry_set_admin(seawall_registry* registry, const char* id, size_t id_size,
                                               uint64_t generation, int32_t admin, int64_t now_ns) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_registry_set_health(seawall_registry* registry, const char* id, size_t id_size,
                                                uint64_t generation, int32_t health, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Removes it at once. */
SEAWALL_API int32_t seawall_registry_deregister(seawall_registry* registry, const char* id, size_t id_size,
                                                uint64_t generation, int64_t now_ns) SEAWALL_NOEXCEPT;

/* Ends leases and removes what has long expired; call it at least every tick_tolerance. Answers how many leases ended.
 * Threads: any; short mutex. */
SEAWALL_API int32_t seawall_registry_tick(seawall_registry* registry, int64_t now_ns) SEAWALL_NOEXCEPT;

/* The listing as JSON: {"NAME": {"host", "port", "healthy", "instances": [{"id", "host", "port", "healthy", "state",
 * "weight", ...}]}}; host and port are those of the first healthy instance, else of the first, else null. It may grow
 * between a call that measures and one that copies: repeat until it fits. Threads: any; short mutex. Errors:
 * BUFFER_TOO_SMALL, NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_to_json(const seawall_registry* registry, int64_t now_ns, char* buffer,
                                             size_t capacity, size_t* needed) SEAWALL_NOEXCEPT;

/* The handle of a service, which may have no instance yet. *out is the caller's, to be freed before the registry; the
 * service keeps one of max_services for the registry's life. Threads: any; short mutex. Errors: INVALID_ARGUMENT
 * (name), FULL (max_services), NO_MEMORY. */
SEAWALL_API int32_t seawall_registry_service(seawall_registry* registry, const char* name, size_t name_size,
                                             seawall_service** out, seawall_error* error) SEAWALL_NOEXCEPT;
SEAWALL_API void seawall_service_free(seawall_service* service) SEAWALL_NOEXCEPT;

/* 1: *out holds the next instance in weighted round robin whose slot is not among the exclude_count slots in exclude
 * (NULL with 0); 0: there is none, *out is as it was. A pick is in flight until done is called once with its ticket.
 * Threads: any. Lock-free, no allocation. Errors: INVALID_ARGUMENT (out or exclude NULL). */
SEAWALL_API int32_t seawall_service_pick(const seawall_service* service, const uint32_t* exclude, size_t exclude_count,
                                         int64_t now_ns, seawall_pick* out) SEAWALL_NOEXCEPT;
/* Ends a pick, from any thread, with a SEAWALL_OUTCOME_. A ticket of an earlier generation changes nothing.
 * Lock-free. Errors: INVALID_ARGUMENT (outcome). */
SEAWALL_API int32_t seawall_service_done(const seawall_service* service, uint64_t ticket, int32_t outcome,
                                         int64_t now_ns) SEAWALL_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* SEAWALL_C_H */
