/* SPDX-License-Identifier: MIT
 *
 * Limits, a registry and announced trips that machines share through Redis: the C API of libseawall_redis.so, which
 * needs hiredis and starts one thread for each store. A library and a header of its own, so that who does without Redis
 * needs neither. The rules are those of seawall_c.h, whose types, codes and answers are used here; libseawall.so itself
 * is not needed.
 *
 * No call waits beyond the store's deadline. While Redis is away each limiter's policy decides, and every decision says
 * who decided. Sockets and threads belong to the process that made the store: make it after a fork. In a child an older
 * one is away: the policy decides at once, and what was under way at the fork is never answered.
 */
#ifndef SEAWALL_REDIS_C_H
#define SEAWALL_REDIS_C_H

#include "seawall_c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The SEAWALL_ABI_VERSION that libseawall_redis.so was built with. Threads: any. */
SEAWALL_API int32_t seawall_redis_abi_version(void) SEAWALL_NOEXCEPT;

/* ---- store ----------------------------------------------------------------------------------------------------- */

/* A Redis server, one of several that fail over to each other, or a cluster. It serves all limiters of a process: one
 * thread owns the connections and sends what all callers ask at the same moment in one write. It connects, reconnects
 * and loads scripts by itself; nothing has to be restarted after any failure. */
typedef struct seawall_redis_store seawall_redis_store;

/* endpoints must be given; of the others 0 (or an empty text) means the default in brackets. Also the keys of the JSON
 * text of _new_from_json. */
typedef struct seawall_redis_store_options {
  uint32_t struct_size;
  int32_t cluster;                   /* 1: endpoints are nodes of a Redis Cluster; the others are asked of them */
  seawall_text endpoints;            /* HOST:PORT[,HOST:PORT]..., at most 16; of a replicated set the master is used */
  seawall_text user;                 /* of an ACL; needs a password [the server's own user] */
  seawall_text password;             /* [none] */
  int32_t database;                  /* 0 in a cluster */
  int32_t most_pending;              /* requests under way; more are not sent [16384] */
  int64_t deadline_ns;               /* of each request, from the call to the answer [10 ms] */
  int64_t silence_ns;                /* a connection that owes an answer for so long is closed [250 ms] */
  int64_t reconnect_min_ns;          /* doubles with each failure, less by chance [10 ms] */
  int64_t reconnect_max_ns;          /* [1 s] */
  int32_t breaker_failure_threshold; /* requests without an answer, in a row, after which none is sent... [3] */
  int32_t reserved;
  int64_t breaker_open_duration_ns; /* ... for so long [500 ms] */
} seawall_redis_store_options;

typedef struct seawall_redis_store_stats {
  uint32_t struct_size;
  int32_t up;           /* 1: some node answers */
  int32_t unauthorized; /* 1: the last server that was tried refuses our user or password, or wants one */
  int32_t reserved;
  uint64_t requests;
  uint64_t answered;
  uint64_t timeouts;
  uint64_t not_sent;
  uint64_t connects;
  uint64_t disconnects;
  uint64_t silences; /* of these, closed for silence */
  uint64_t reloads;  /* scripts sent whole because the server had forgotten them */
  uint64_t moved;    /* redirections of a cluster */
  uint64_t asked;
  uint64_t batches;         /* writes to a socket: requests / batches is how many share one */
  uint64_t messages;        /* hints of others, by publish and subscribe */
  uint64_t channels_denied; /* subscriptions that the server refused our user: then no hints come */
} seawall_redis_store_stats;

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_redis_store_options_init(seawall_redis_store_options* options) SEAWALL_NOEXCEPT;
/* Starts the thread and returns at once, whether a server is there or not. The caller owns *out and frees it. Errors:
 * INVALID_ARGUMENT naming the option, NO_MEMORY, INTERNAL when the system refuses a thread. Threads: any. */
SEAWALL_API int32_t seawall_redis_store_new(const seawall_redis_store_options* options, seawall_redis_store** out,
                                            seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"endpoints": "127.0.0.1:6379"}. */
SEAWALL_API int32_t seawall_redis_store_new_from_json(const char* json, size_t size, seawall_redis_store** out,
                                                      seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. Its limiters go on with it; the thread ends with the last of them, which this call or theirs waits for
 * (a moment: requests under way are answered by the policy). */
SEAWALL_API void seawall_redis_store_free(seawall_redis_store* store) SEAWALL_NOEXCEPT;
/* Errors: INVALID_ARGUMENT (struct_size). Threads: any. Takes a mutex. */
SEAWALL_API int32_t seawall_redis_store_get_stats(const seawall_redis_store* store,
                                                  seawall_redis_store_stats* out) SEAWALL_NOEXCEPT;
/* Why the last server that was tried turned us away, in its words; empty when it did not. Threads: any. */
SEAWALL_API int32_t seawall_redis_store_refusal(const seawall_redis_store* store, char* buffer, size_t capacity,
                                                size_t* needed) SEAWALL_NOEXCEPT;

/* ---- limiter --------------------------------------------------------------------------------------------------- */

/* One limit for each key, kept in Redis and shared by all processes that use the same name. */
typedef struct seawall_redis_limiter seawall_redis_limiter;

enum { SEAWALL_REDIS_TOKEN_BUCKET = 0, SEAWALL_REDIS_SLIDING_WINDOW = 1 };
/* Exact: Redis is asked for each request. Leased: batches of permits are taken ahead and spent here, without waiting.
 */
enum { SEAWALL_REDIS_EXACT = 0, SEAWALL_REDIS_LEASED = 1 };
/* Who decides when Redis cannot: a limiter of this process with the quota divided by `gateways`; all are allowed; none
 * is (retry after 1 s). */
enum { SEAWALL_REDIS_AWAY_LOCAL_SHARE = 0, SEAWALL_REDIS_AWAY_ALLOW = 1, SEAWALL_REDIS_AWAY_DENY = 2 };
/* denial_cache_ns = SEAWALL_REDIS_OFF: refusals are not repeated here. */
enum { SEAWALL_REDIS_OFF = -1 };

/* name, permits and period_ns must be given; of the others 0 means the default in brackets. Also the keys of the JSON
 * text. */
typedef struct seawall_redis_limiter_options {
  uint32_t struct_size;
  int32_t algorithm; /* SEAWALL_REDIS_TOKEN_BUCKET or _SLIDING_WINDOW [bucket] */
  seawall_text name; /* what the limit is of; part of the key in Redis. 1 to 64 of A-Z a-z 0-9 _ . - */
  seawall_text tag;  /* as name: limits with the same tag can be of one set in a cluster [none] */
  int64_t permits;   /* as in seawall_token_bucket_options, and the next two */
  int64_t period_ns;
  int64_t burst;     /* [permits], the only value that a sliding window takes */
  int32_t mode;      /* SEAWALL_REDIS_EXACT or _LEASED [exact] */
  int32_t when_away; /* SEAWALL_REDIS_AWAY_* [local share] */
  int32_t gateways;  /* processes that share the limit: of the leases, and of the local share [1] */
  int32_t reserved;
  int64_t batch;           /* of a lease [a quarter of the burst, divided by `gateways`] */
  int64_t lease_time_ns;   /* what a lease has left then is dropped [10 s] */
  int64_t denial_cache_ns; /* a refusal is repeated here for so long at most, or SEAWALL_REDIS_OFF [1 min] */
  uint64_t memory_bytes;   /* of leases and refusals here, 16 bytes a key; and of local shares [1 MiB] */
} seawall_redis_limiter_options;

/* Who decided: Redis, for this very request; permits that it gave this process ahead; a refusal of a moment ago, which
 * said until when it holds; the policy, since nobody knows, and `fault` says why. */
enum {
  SEAWALL_REDIS_BY_STORE = 0,
  SEAWALL_REDIS_BY_LEASE = 1,
  SEAWALL_REDIS_BY_DENIAL_CACHE = 2,
  SEAWALL_REDIS_BY_POLICY = 3
};
/* No answer by the deadline; no connection, or not asked since the last requests were not answered; the key holds what
 * no limiter wrote; Redis answered with an error of its own; it refuses our user or password, or wants one. */
enum {
  SEAWALL_REDIS_FAULT_NONE = 0,
  SEAWALL_REDIS_FAULT_TIMEOUT = 1,
  SEAWALL_REDIS_FAULT_AWAY = 2,
  SEAWALL_REDIS_FAULT_FOREIGN = 3,
  SEAWALL_REDIS_FAULT_REFUSED = 4,
  SEAWALL_REDIS_FAULT_UNAUTHORIZED = 5
};

/* "store", "lease", ...; "none", "timeout", ...; "unknown" for other numbers. Constants. */
SEAWALL_API const char* seawall_redis_by_name(int32_t decided_by) SEAWALL_NOEXCEPT;
SEAWALL_API const char* seawall_redis_fault_name(int32_t fault) SEAWALL_NOEXCEPT;

/* Beside SEAWALL_ALLOWED, _DENIED and _NEVER_ALLOWED, of _try_acquire_here alone: ask with one of the other verbs. */
enum { SEAWALL_REDIS_UNDECIDED = 3 };

/* Filled by the verbs; the caller owns it and sets struct_size once (SEAWALL_REDIS_DECISION_INIT). */
typedef struct seawall_redis_decision {
  uint32_t struct_size;
  int32_t answer;     /* as returned */
  int32_t decided_by; /* SEAWALL_REDIS_BY_* */
  int32_t fault;      /* SEAWALL_REDIS_FAULT_* */
  int64_t limit;      /* as in seawall_decision, and the next three; a lease knows what is left in itself */
  int64_t remaining;
  int64_t retry_after_ns;
  int64_t reset_after_ns;
  int64_t charge_at; /* what was taken, for refund: leave these two as they are */
  int64_t charge_rest;
  int64_t charge_permits; /* may be lowered before a refund, to give back only a part */
} seawall_redis_decision;
#define SEAWALL_REDIS_DECISION_INIT \
  { (uint32_t)sizeof(seawall_redis_decision), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

typedef struct seawall_redis_limiter_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t by_store; /* decisions, by who made them; those by leases are not counted, for their speed */
  uint64_t by_denial_cache;
  uint64_t by_policy;
  uint64_t foreign;        /* SEAWALL_REDIS_FAULT_FOREIGN */
  uint64_t leases;         /* batches taken, or parts of one */
  uint64_t leased_permits; /* in them: spent here, held, or lost with a lease that ended */
} seawall_redis_limiter_stats;

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_redis_limiter_options_init(seawall_redis_limiter_options* options) SEAWALL_NOEXCEPT;
/* A limiter of this store in *out, owned by the caller; the store may be freed before it. Errors: INVALID_ARGUMENT
 * naming the option, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_redis_store_new_limiter(const seawall_redis_store* store,
                                                    const seawall_redis_limiter_options* options,
                                                    seawall_redis_limiter** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"name": "user", "permits": 200, "period_ns": 60000000000}. */
SEAWALL_API int32_t seawall_redis_store_new_limiter_from_json(const seawall_redis_store* store, const char* json,
                                                              size_t size, seawall_redis_limiter** out,
                                                              seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. As seawall_redis_store_free. */
SEAWALL_API void seawall_redis_limiter_free(seawall_redis_limiter* limiter) SEAWALL_NOEXCEPT;

/* Takes `permits` of the key's (any bytes, not kept) or nothing; 0 permits are always allowed. Answers SEAWALL_ALLOWED,
 * SEAWALL_DENIED or SEAWALL_NEVER_ALLOWED; `decision` may be NULL. Waits for Redis until the deadline at most; not at
 * all when a lease, a refusal of a moment ago or the policy decides. Errors: WRONG_HANDLE, INVALID_ARGUMENT, NO_MEMORY.
 * Threads: any. */
SEAWALL_API int32_t seawall_redis_limiter_try_acquire(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                      int64_t permits,
                                                      seawall_redis_decision* decision) SEAWALL_NOEXCEPT;
/* The same where it can be decided without waiting, else SEAWALL_REDIS_UNDECIDED with nothing taken and nothing asked
 * for: then ask with try_acquire or _async, which also asks for a lease that is missing. Does not wait: for bindings
 * that hold a lock in a short call and give it away in a long one. */
SEAWALL_API int32_t seawall_redis_limiter_try_acquire_here(seawall_redis_limiter* limiter, const char* key,
                                                           size_t key_size, int64_t permits,
                                                           seawall_redis_decision* decision) SEAWALL_NOEXCEPT;
/* What Redis would answer now, without taking anything; leases and refusals of a moment ago are not looked at. While
 * Redis is away: what the policy would. Waits as try_acquire. */
SEAWALL_API int32_t seawall_redis_limiter_peek(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                               int64_t permits, seawall_redis_decision* decision) SEAWALL_NOEXCEPT;
/* Gives back what `decision` took from this key and clears its charge. Answers how many whole permits came back
 * (INT32_MAX when more), 0 when Redis could not be asked or said so too late. Waits as try_acquire. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT, NO_MEMORY. Threads: any (one at a time for one decision). */
SEAWALL_API int32_t seawall_redis_limiter_refund(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                 seawall_redis_decision* decision) SEAWALL_NOEXCEPT;
/* Errors: INVALID_ARGUMENT (struct_size). Threads: any. Does not block. */
SEAWALL_API int32_t seawall_redis_limiter_get_stats(const seawall_redis_limiter* limiter,
                                                    seawall_redis_limiter_stats* out) SEAWALL_NOEXCEPT;

/* ---- several limits as one decision ------------------------------------------------------------------------------ */

/* Up to SEAWALL_LIMIT_SET_MOST limits of one store in one call: all are charged, or none. Always exact; while Redis is
 * away each limiter's policy is asked, and all must allow. In a cluster all need the same `tag`. */
typedef struct seawall_redis_limit_set seawall_redis_limit_set;

/* Filled by the verbs; the caller owns it, sets struct_size once (SEAWALL_REDIS_SET_DECISION_INIT) and gives room for
 * what each limit answers, in the order of the set, each with its struct_size set. */
typedef struct seawall_redis_set_decision {
  uint32_t struct_size;
  int32_t answer;          /* as returned */
  int32_t refused_by;      /* the refusing limit with the longest wait, the first of equals; -1: allowed */
  uint32_t decision_count; /* room in `decisions`: as many as the set has limits, or more */
  uint32_t answered;       /* how many were filled */
  uint32_t reserved;
  /* Or NULL: then nothing can be refunded. Who was not asked, since another refused here, tells a `remaining` of -1. */
  seawall_redis_decision* decisions;
  int64_t retry_after_ns; /* 0 when allowed; the longest of those who refuse; SEAWALL_NEVER when never */
} seawall_redis_set_decision;
#define SEAWALL_REDIS_SET_DECISION_INIT \
  { (uint32_t)sizeof(seawall_redis_set_decision), 0, 0, 0, 0, 0, NULL, 0 }

/* A set in *out, owned by the caller. The limiters may be freed before it. Errors: INVALID_ARGUMENT (also: not of one
 * store, or in a cluster not of one tag), WRONG_HANDLE naming the place, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_redis_limit_set_new(const seawall_redis_limiter* const* limiters, size_t count,
                                                seawall_redis_limit_set** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. */
SEAWALL_API void seawall_redis_limit_set_free(seawall_redis_limit_set* set) SEAWALL_NOEXCEPT;
/* Takes `permits` of each limit, or of none; `keys`: one for each limiter, in the order of the set. `decision` may be
 * NULL. Waits as seawall_redis_limiter_try_acquire; a set decides here only that it refuses. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT (also: one key in two places whose limiters have one name and tag, which Redis would charge once for
 * both), NO_MEMORY. Threads: any. */
SEAWALL_API int32_t seawall_redis_limit_set_try_acquire(seawall_redis_limit_set* set, const seawall_text* keys,
                                                        size_t key_count, int64_t permits,
                                                        seawall_redis_set_decision* decision) SEAWALL_NOEXCEPT;
/* What Redis would answer now, without taking anything; refusals of a moment ago are not looked at. While Redis is
 * away: what the policies would. All else as try_acquire. */
SEAWALL_API int32_t seawall_redis_limit_set_peek(seawall_redis_limit_set* set, const seawall_text* keys,
                                                 size_t key_count, int64_t permits,
                                                 seawall_redis_set_decision* decision) SEAWALL_NOEXCEPT;
/* Gives back all that `decision` took from these keys, in one call: all of it, or nothing when Redis cannot be asked or
 * one key holds what no limiter wrote. Clears the charges first, so a second refund does nothing; each `remaining`
 * grows by the whole permits that came back. Answers SEAWALL_OK. Waits as try_acquire. Errors: WRONG_HANDLE,
 * INVALID_ARGUMENT (also: no decisions), NO_MEMORY. Threads: any (one at a time for one decision). */
SEAWALL_API int32_t seawall_redis_limit_set_refund(seawall_redis_limit_set* set, const seawall_text* keys,
                                                   size_t key_count,
                                                   seawall_redis_set_decision* decision) SEAWALL_NOEXCEPT;

/* ---- answers without waiting ------------------------------------------------------------------------------------- */

/* Where the answers of _async verbs arrive, for event loops: wait until the descriptor can be read, then receive until
 * there are no more. */
typedef struct seawall_redis_inbox seawall_redis_inbox;

/* The caller owns *out and frees it. Errors: NO_MEMORY, INTERNAL when the system refuses a descriptor. Threads: any. */
SEAWALL_API int32_t seawall_redis_inbox_new(seawall_redis_inbox** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. Closes the descriptor; answers that have not arrived yet are dropped. */
SEAWALL_API void seawall_redis_inbox_free(seawall_redis_inbox* inbox) SEAWALL_NOEXCEPT;
/* The descriptor, of the inbox: poll it for input, do not read or close it. Threads: any. */
SEAWALL_API int32_t seawall_redis_inbox_fd(const seawall_redis_inbox* inbox) SEAWALL_NOEXCEPT;
/* Moves the oldest answer out: 1, with the tag of its call and the answer of a set (of a single limiter: as a set of
 * one); 0 when there is none. Errors: WRONG_HANDLE, INVALID_ARGUMENT (tag is NULL, `decision` is NULL or has room for
 * fewer than SEAWALL_LIMIT_SET_MOST). Threads: any. Takes a mutex. */
SEAWALL_API int32_t seawall_redis_inbox_receive(seawall_redis_inbox* inbox, uint64_t* tag,
                                                seawall_redis_set_decision* decision) SEAWALL_NOEXCEPT;
/* The verbs without waiting: the answer comes into `inbox`, before this returns or by the store's deadline. Answers
 * SEAWALL_OK. Errors: as the verbs, and WRONG_HANDLE for the inbox; then nothing arrives. Threads: any.
 *
 * A refund clears the charges of `decision`, which is not used after this returns; what arrives is a copy of it whose
 * `remaining` grew by the whole permits that came back. Its inbox may be NULL: then nobody is told. */
SEAWALL_API int32_t seawall_redis_limiter_try_acquire_async(seawall_redis_limiter* limiter, const char* key,
                                                            size_t key_size, int64_t permits,
                                                            seawall_redis_inbox* inbox, uint64_t tag) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_limiter_peek_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                     int64_t permits, seawall_redis_inbox* inbox,
                                                     uint64_t tag) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_limiter_refund_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                       seawall_redis_decision* decision, seawall_redis_inbox* inbox,
                                                       uint64_t tag) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_limit_set_try_acquire_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                              size_t key_count, int64_t permits,
                                                              seawall_redis_inbox* inbox,
                                                              uint64_t tag) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_limit_set_peek_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                       size_t key_count, int64_t permits, seawall_redis_inbox* inbox,
                                                       uint64_t tag) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_limit_set_refund_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                         size_t key_count, seawall_redis_set_decision* decision,
                                                         seawall_redis_inbox* inbox, uint64_t tag) SEAWALL_NOEXCEPT;

/* ---- registry: writing ---------------------------------------------------------------------------------------------
 */

/* Registers instances in a registry that machines share through Redis. Leases run by the server's clock. Who wants
 * instances kept without thinking of heartbeats uses a seawall_redis_keeper; the reading side is seawall_redis_source.
 */
typedef struct seawall_redis_registrar seawall_redis_registrar;

/* 0 (or an empty text) means the default in brackets. Also the keys of the JSON text. */
typedef struct seawall_redis_registrar_options {
  uint32_t struct_size;
  int32_t reserved;
  seawall_text registry;         /* its name; 1 to 64 of A-Z a-z 0-9 _ . - [main] */
  int64_t heartbeat_interval_ns; /* [1 s] */
  int64_t lease_ns;              /* at least twice heartbeat_interval_ns [3 s] */
} seawall_redis_registrar_options;

/* Done; Redis has lost the instance, or let its lease end: register again, with the generation that it had; somebody
 * else has the id: stop; nothing, and `fault` says why. */
enum {
  SEAWALL_REDIS_SAYS_OK = 0,
  SEAWALL_REDIS_SAYS_UNKNOWN = 1,
  SEAWALL_REDIS_SAYS_FENCED = 2,
  SEAWALL_REDIS_SAYS_NOTHING = 3
};

/* Filled by the verbs; the caller owns it and sets struct_size once (SEAWALL_REDIS_WORD_INIT). */
typedef struct seawall_redis_word {
  uint32_t struct_size;
  int32_t answer; /* SEAWALL_REDIS_SAYS_*, as returned */
  int32_t fault;  /* SEAWALL_REDIS_FAULT_* */
  uint32_t reserved;
  uint64_t generation; /* of the instance as Redis knows it; after a fault of _register the one to repeat it with */
  char reason[256];    /* of a fault, where there is one; ends with a zero byte */
} seawall_redis_word;
#define SEAWALL_REDIS_WORD_INIT                             \
  {                                                         \
    (uint32_t)sizeof(seawall_redis_word), 0, 0, 0, 0, { 0 } \
  }

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_redis_registrar_options_init(seawall_redis_registrar_options* options) SEAWALL_NOEXCEPT;
/* A registrar of this store in *out, owned by the caller; the store may be freed before it. options NULL: the defaults.
 * Errors: INVALID_ARGUMENT naming the option, WRONG_HANDLE, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_redis_store_new_registrar(const seawall_redis_store* store,
                                                      const seawall_redis_registrar_options* options,
                                                      seawall_redis_registrar** out,
                                                      seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"lease_ns": 5000000000}. */
SEAWALL_API int32_t seawall_redis_store_new_registrar_from_json(const seawall_redis_store* store, const char* json,
                                                                size_t size, seawall_redis_registrar** out,
                                                                seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. As seawall_redis_store_free. */
SEAWALL_API void seawall_redis_registrar_free(seawall_redis_registrar* registrar) SEAWALL_NOEXCEPT;

/* Each answers SEAWALL_REDIS_SAYS_*, and fills `word` (or NULL). Each waits for Redis, a second at most, _register two
 * seconds; the _async ones do not, and what they answer comes into `inbox` (seawall_redis_inbox_receive_word). What an
 * instance or a service may not be called is SAYS_NOTHING with FAULT_REFUSED and the field in `reason`. Errors:
 * WRONG_HANDLE, INVALID_ARGUMENT, NO_MEMORY; then nothing arrives. Threads: any. */

/* As a new process with SEAWALL_ANY_GENERATION, which is given one above all others; else as the one that has this
 * generation, with its record as it is now, which is safe to repeat. `instance` (begin with SEAWALL_INSTANCE_INIT) is
 * copied. */
SEAWALL_API int32_t seawall_redis_registrar_register(seawall_redis_registrar* registrar,
                                                     const seawall_instance* instance, uint64_t generation,
                                                     seawall_redis_word* word) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_registrar_register_async(seawall_redis_registrar* registrar,
                                                           const seawall_instance* instance, uint64_t generation,
                                                           seawall_redis_inbox* inbox, uint64_t tag) SEAWALL_NOEXCEPT;
/* Renews the lease. state: SEAWALL_SELF_*, which moves forward only, or SEAWALL_SELF_UNCHANGED. */
SEAWALL_API int32_t seawall_redis_registrar_renew(seawall_redis_registrar* registrar, const char* service,
                                                  size_t service_size, const char* id, size_t id_size,
                                                  uint64_t generation, int32_t state,
                                                  seawall_redis_word* word) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_registrar_renew_async(seawall_redis_registrar* registrar, const char* service,
                                                        size_t service_size, const char* id, size_t id_size,
                                                        uint64_t generation, int32_t state, seawall_redis_inbox* inbox,
                                                        uint64_t tag) SEAWALL_NOEXCEPT;
/* No new calls, by whoever says so; the lease is not renewed. SEAWALL_ANY_GENERATION: whoever has the id. */
SEAWALL_API int32_t seawall_redis_registrar_drain(seawall_redis_registrar* registrar, const char* service,
                                                  size_t service_size, const char* id, size_t id_size,
                                                  uint64_t generation, seawall_redis_word* word) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_registrar_drain_async(seawall_redis_registrar* registrar, const char* service,
                                                        size_t service_size, const char* id, size_t id_size,
                                                        uint64_t generation, seawall_redis_inbox* inbox,
                                                        uint64_t tag) SEAWALL_NOEXCEPT;
/* Its generation cannot come back: what it still says is fenced, for ten leases. So with SAYS_UNKNOWN too. */
SEAWALL_API int32_t seawall_redis_registrar_deregister(seawall_redis_registrar* registrar, const char* service,
                                                       size_t service_size, const char* id, size_t id_size,
                                                       uint64_t generation, seawall_redis_word* word) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_registrar_deregister_async(seawall_redis_registrar* registrar, const char* service,
                                                             size_t service_size, const char* id, size_t id_size,
                                                             uint64_t generation, seawall_redis_inbox* inbox,
                                                             uint64_t tag) SEAWALL_NOEXCEPT;
/* Puts the service into the directory, from which readers learn that it exists; again every ten heartbeats or so. */
SEAWALL_API int32_t seawall_redis_registrar_enter(seawall_redis_registrar* registrar, const char* service,
                                                  size_t service_size, seawall_redis_word* word) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_registrar_enter_async(seawall_redis_registrar* registrar, const char* service,
                                                        size_t service_size, seawall_redis_inbox* inbox,
                                                        uint64_t tag) SEAWALL_NOEXCEPT;
/* The oldest word, as seawall_redis_inbox_receive the oldest answer; who shares an inbox between the two calls both. */
SEAWALL_API int32_t seawall_redis_inbox_receive_word(seawall_redis_inbox* inbox, uint64_t* tag,
                                                     seawall_redis_word* word) SEAWALL_NOEXCEPT;

/* Keeps instances registered, whatever happens to Redis: _tick sends what is due and waits for nothing. While Redis is
 * away it goes on trying at the pace of heartbeats; what Redis has forgotten is registered again under its old
 * generation, at a moment by chance. An instance whose id another process took is fenced and kept no longer. Instances
 * still held when it is freed stay in Redis until their leases end: release them first and tick until none is left. */
typedef struct seawall_redis_keeper seawall_redis_keeper;

/* Not registered yet, or not again; registered, as far as is known; another process has the id: stop; deregistering. */
enum { SEAWALL_REDIS_JOINING = 0, SEAWALL_REDIS_HELD = 1, SEAWALL_REDIS_WAS_FENCED = 2, SEAWALL_REDIS_LEAVING = 3 };
/* "joining", "held", "fenced", "leaving"; "unknown" for other numbers. A constant. */
SEAWALL_API const char* seawall_redis_kept_name(int32_t state) SEAWALL_NOEXCEPT;

typedef struct seawall_redis_kept {
  uint32_t struct_size;
  int32_t state; /* SEAWALL_REDIS_JOINING to _LEAVING */
  int32_t fault; /* of the last call */
  uint32_t reserved;
  uint64_t generation; /* 0: none was given yet */
  int64_t unheard_ns;  /* since Redis last said ok, or since hold */
  char reason[256];    /* of the fault; ends with a zero byte */
} seawall_redis_kept;

typedef struct seawall_redis_keeper_stats {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t instances; /* now, fenced ones included */
  int64_t registrations;
  int64_t renewals;
  int64_t removals;
  int64_t reregistrations; /* because Redis did not know the instance */
  int64_t fenced;
  int64_t faults;
} seawall_redis_keeper_stats;

/* *out is the caller's; the registrar may be freed before it. Errors: WRONG_HANDLE, NO_MEMORY. Threads: any, as for all
 * functions on a seawall_redis_keeper but _free. */
SEAWALL_API int32_t seawall_redis_registrar_new_keeper(const seawall_redis_registrar* registrar,
                                                       seawall_redis_keeper** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. As seawall_redis_store_free. */
SEAWALL_API void seawall_redis_keeper_free(seawall_redis_keeper* keeper) SEAWALL_NOEXCEPT;
/* From now on, as a new process: with a new generation. Copies it. Errors: INVALID_ARGUMENT naming the field. */
SEAWALL_API int32_t seawall_redis_keeper_hold(seawall_redis_keeper* keeper, const seawall_instance* instance,
                                              int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
/* Another record of the same process. Errors: as hold; NOT_FOUND: it is not held. */
SEAWALL_API int32_t seawall_redis_keeper_update(seawall_redis_keeper* keeper, const seawall_instance* instance,
                                                int64_t now_ns, seawall_error* error) SEAWALL_NOEXCEPT;
/* It deregisters, for one lease tries to. NOT_FOUND: it is not held. */
SEAWALL_API int32_t seawall_redis_keeper_release(seawall_redis_keeper* keeper, const char* service, size_t service_size,
                                                 const char* id, size_t id_size, int64_t now_ns) SEAWALL_NOEXCEPT;
/* Several times in a heartbeat interval. Answers how many calls it sent. Errors: NO_MEMORY. */
SEAWALL_API int32_t seawall_redis_keeper_tick(seawall_redis_keeper* keeper, int64_t now_ns) SEAWALL_NOEXCEPT;
/* How it stands with one instance. NOT_FOUND: it is not held, or left. */
SEAWALL_API int32_t seawall_redis_keeper_find(const seawall_redis_keeper* keeper, const char* service,
                                              size_t service_size, const char* id, size_t id_size, int64_t now_ns,
                                              seawall_redis_kept* out) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_keeper_get_stats(const seawall_redis_keeper* keeper,
                                                   seawall_redis_keeper_stats* out) SEAWALL_NOEXCEPT;

/* ---- registry: reading ---------------------------------------------------------------------------------------------
 */

/* The services of such a registry, as a source for a seawall_follower, which puts them into the host's own registry:
 * picks read that one alone, and no request waits for Redis. Each service is polled, with a pause that differs by
 * chance; a hint by publish and subscribe makes the next poll early. While Redis is away the last good list stays, with
 * its age. Of libseawall.so and libseawall_redis.so together:
 *
 *   const int32_t number = seawall_follower_add_source(follower, "redis", 5, SEAWALL_SOURCE_REGISTRY, 0, NULL);
 *   for (;; several times in a poll interval) {
 *     seawall_source_answer answer = SEAWALL_SOURCE_ANSWER_INIT;
 *     seawall_redis_source_poll(source, SEAWALL_NOW);
 *     while (seawall_redis_source_receive(source, &answer) == 1) seawall_follower_say(follower, number, &answer, NULL);
 *     seawall_follower_tick(follower, SEAWALL_NOW);
 *   }
 */
typedef struct seawall_redis_source seawall_redis_source;

/* 0 (or an empty text) means the default in brackets. Also the keys of the JSON text. */
typedef struct seawall_redis_source_options {
  uint32_t struct_size;
  int32_t reserved;
  seawall_text registry;     /* as in seawall_redis_registrar_options [main] */
  seawall_text services;     /* NAME[,NAME]... [all that is in the registry's directory] */
  int64_t poll_interval_ns;  /* [1 s] */
  int64_t expiry_ceiling_ns; /* instances that fell silent with many others are doubted only, for so long [5 min] */
  int64_t forget_after_ns;   /* a service of the directory that had nobody for so long is asked for no more [10 min] */
} seawall_redis_source_options;

typedef struct seawall_redis_source_stats {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t services; /* asked for */
  int64_t polls;    /* answered */
  int64_t lists;    /* of these, with a list; the others are "unchanged" */
  int64_t faults;
  int64_t hints;
  int64_t foreign;   /* items of the last lists that are no instances: left out */
  int64_t left_out;  /* services of the directory that are too many, or have a name that none has */
  int64_t forgotten; /* times that a service was */
} seawall_redis_source_stats;

/* Sets struct_size, everything else to 0. Error: INVALID_ARGUMENT for NULL. Threads: any. */
SEAWALL_API int32_t seawall_redis_source_options_init(seawall_redis_source_options* options) SEAWALL_NOEXCEPT;
/* A source of this store in *out, owned by the caller; the store may be freed before it. options NULL: the defaults.
 * Errors: INVALID_ARGUMENT naming the option, WRONG_HANDLE, NO_MEMORY. Threads: any. Does not block. */
SEAWALL_API int32_t seawall_redis_store_new_source(const seawall_redis_store* store,
                                                   const seawall_redis_source_options* options,
                                                   seawall_redis_source** out, seawall_error* error) SEAWALL_NOEXCEPT;
/* The same from JSON text such as {"services": "trading,social"}. */
SEAWALL_API int32_t seawall_redis_store_new_source_from_json(const seawall_redis_store* store, const char* json,
                                                             size_t size, seawall_redis_source** out,
                                                             seawall_error* error) SEAWALL_NOEXCEPT;
/* Threads: exclusive, as for all functions on a seawall_redis_source. As seawall_redis_store_free. */
SEAWALL_API void seawall_redis_source_free(seawall_redis_source* source) SEAWALL_NOEXCEPT;
/* Takes in what was heard, and sends the polls that are due; waits for nothing. Answers how many answers there are to
 * be received. Errors: NO_MEMORY. */
SEAWALL_API int32_t seawall_redis_source_poll(seawall_redis_source* source, int64_t now_ns) SEAWALL_NOEXCEPT;
/* The oldest answer: 1, and *out is filled; what it points at is the source's, until the next call. 0: there is none.
 * Errors: INVALID_ARGUMENT (struct_size), NO_MEMORY (it is still there). */
SEAWALL_API int32_t seawall_redis_source_receive(seawall_redis_source* source,
                                                 seawall_source_answer* out) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_source_get_stats(const seawall_redis_source* source,
                                                   seawall_redis_source_stats* out) SEAWALL_NOEXCEPT;
/* Why the last poll that failed did, in the server's words where it has some; empty when none has. */
SEAWALL_API int32_t seawall_redis_source_last_fault(const seawall_redis_source* source, char* buffer, size_t capacity,
                                                    size_t* needed) SEAWALL_NOEXCEPT;

/* ---- announced trips -----------------------------------------------------------------------------------------------
 */

/* Who of a fleet saw a circuit breaker trip, told to the others as an event and nothing more: breakers stay local, and
 * nothing here opens one. Who hears of a trip can look for himself, and gently: probe that instance now. Announcements
 * may be lost, and are never repeated; while Redis is away there are none. Threads: any, but for _free. */
typedef struct seawall_redis_trip_board seawall_redis_trip_board;

typedef struct seawall_redis_trip {
  uint32_t struct_size;
  uint32_t name_size;
  int64_t times;  /* announced since it was last received, by all others */
  char name[256]; /* ends with a zero byte */
} seawall_redis_trip;
#define SEAWALL_REDIS_TRIP_INIT                       \
  {                                                   \
    (uint32_t)sizeof(seawall_redis_trip), 0, 0, { 0 } \
  }

typedef struct seawall_redis_trip_board_stats {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t announced; /* by this board, as far as Redis took it */
  int64_t faults;    /* announcements that it did not */
  int64_t heard;     /* of others */
  int64_t left_out;  /* beyond what waits to be received, or none of ours */
} seawall_redis_trip_board_stats;

/* Boards of one name (1 to 64 of A-Z a-z 0-9 _ . -) hear each other. *out is the caller's; the store may be freed
 * before it. Errors: INVALID_ARGUMENT, WRONG_HANDLE, NO_MEMORY. Does not block. */
SEAWALL_API int32_t seawall_redis_store_new_trip_board(const seawall_redis_store* store, const char* name,
                                                       size_t name_size, seawall_redis_trip_board** out,
                                                       seawall_error* error) SEAWALL_NOEXCEPT;
/* Exclusive. As seawall_redis_store_free. */
SEAWALL_API void seawall_redis_trip_board_free(seawall_redis_trip_board* board) SEAWALL_NOEXCEPT;
/* Tells the others, by this name (1 to 200 bytes); waits for nothing. Errors: INVALID_ARGUMENT, NO_MEMORY. */
SEAWALL_API int32_t seawall_redis_trip_board_announce(seawall_redis_trip_board* board, const char* name,
                                                      size_t name_size) SEAWALL_NOEXCEPT;
/* One name that others announced: 1, and *out is filled; 0: there is none. Errors: INVALID_ARGUMENT (struct_size). */
SEAWALL_API int32_t seawall_redis_trip_board_receive(seawall_redis_trip_board* board,
                                                     seawall_redis_trip* out) SEAWALL_NOEXCEPT;
SEAWALL_API int32_t seawall_redis_trip_board_get_stats(const seawall_redis_trip_board* board,
                                                       seawall_redis_trip_board_stats* out) SEAWALL_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
