/* SPDX-License-Identifier: MIT
 * Limits in Redis from C, with a redis-server of the test's own, and without one. */
#include "redis_store.h"
/* first, for _GNU_SOURCE */
#include <fcntl.h>
#include <poll.h>

static int64_t const kDay = INT64_C(86400000000000);

static seawall_redis_limiter* limiter_of(seawall_redis_store* store, const char* json) {
  seawall_redis_limiter* limiter = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_redis_store_new_limiter_from_json(store, json, SEAWALL_TEXT, &limiter, &error) == SEAWALL_OK);
  if (limiter == NULL) fprintf(stderr, "%s\n", error.message);
  return limiter;
}

static void test_exact(seawall_redis_store* store) {
  seawall_redis_limiter* limiter = NULL;
  seawall_redis_limiter_options options;
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  seawall_redis_limiter_options_init(&options);
  options.name.data = "exact";
  options.name.size = 5;
  options.algorithm = SEAWALL_REDIS_SLIDING_WINDOW;
  options.permits = 3;
  options.period_ns = kDay;
  CHECK(seawall_redis_store_new_limiter(store, &options, &limiter, NULL) == SEAWALL_OK);

  CHECK(seawall_redis_limiter_try_acquire_here(limiter, "ann", 3, 1, &decision) == SEAWALL_REDIS_UNDECIDED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 2, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_STORE && decision.fault == SEAWALL_REDIS_FAULT_NONE);
  CHECK(strcmp(seawall_redis_by_name(decision.decided_by), "store") == 0);
  CHECK(strcmp(seawall_redis_fault_name(SEAWALL_REDIS_FAULT_UNAUTHORIZED), "unauthorized") == 0);
  CHECK(decision.limit == 3 && decision.remaining == 1 && decision.charge_permits == 2);
  CHECK(seawall_redis_limiter_peek(limiter, "ann", SEAWALL_TEXT, 2, NULL) == SEAWALL_DENIED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 4, NULL) == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 0, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, -1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limiter_refund(limiter, "ann", 3, &decision) == 2);
  CHECK(decision.charge_permits == 0);
  CHECK(seawall_redis_limiter_refund(limiter, "ann", 3, &decision) == 0);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 3, &decision) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, &decision) == SEAWALL_DENIED);
  CHECK(decision.retry_after_ns > 0 && decision.charge_permits == 0);
  CHECK(seawall_redis_limiter_try_acquire_here(limiter, "ann", 3, 1, &decision) == SEAWALL_DENIED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_DENIAL_CACHE);
  seawall_redis_limiter_free(limiter);
}

static void test_leased(seawall_redis_store* store) {
  seawall_redis_limiter* limiter = limiter_of(
      store, "{\"name\": \"leased\", \"permits\": 1000, \"period_ns\": 86400000000000, \"mode\": 1, \"batch\": 100}");
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  seawall_redis_limiter_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  /* A look asks for nothing; the verb after it brings a lease along. */
  for (int i = 0; i < 2; ++i) {
    CHECK(seawall_redis_limiter_try_acquire_here(limiter, "ann", 3, 1, &decision) == SEAWALL_REDIS_UNDECIDED);
  }
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_STORE);
  CHECK(seawall_redis_limiter_try_acquire_here(limiter, "ann", 3, 1, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_LEASE);
  CHECK(seawall_redis_limiter_refund(limiter, "ann", 3, &decision) == 1);
  CHECK(seawall_redis_limiter_get_stats(limiter, &stats) == SEAWALL_OK);
  CHECK(stats.leases >= 1 && stats.leased_permits == 100 && stats.by_store == 1);
  seawall_redis_limiter_free(limiter);
}

/* Of a set of which one permit is taken: `answer` tells of it. */
static void test_set_peek_and_refund(seawall_redis_limit_set* set, const seawall_text* keys,
                                     seawall_redis_set_decision* answer) {
  seawall_redis_decision* decisions = answer->decisions;
  seawall_redis_decision peeked[2] = {SEAWALL_REDIS_DECISION_INIT, SEAWALL_REDIS_DECISION_INIT};
  seawall_redis_set_decision look = SEAWALL_REDIS_SET_DECISION_INIT;
  look.decisions = peeked;
  look.decision_count = 2;
  CHECK(seawall_redis_limit_set_peek(set, keys, 2, 1, &look) == SEAWALL_ALLOWED);
  CHECK(look.answered == 2 && peeked[0].remaining == 1 && peeked[1].remaining == 8 && peeked[1].charge_permits == 0);
  CHECK(seawall_redis_limit_set_peek(set, keys, 2, 2, &look) == SEAWALL_DENIED && look.refused_by == 0);
  CHECK(seawall_redis_limit_set_peek(set, keys, 2, 3, NULL) == SEAWALL_NEVER_ALLOWED);
  CHECK(seawall_redis_limit_set_peek(set, keys, 2, -1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_refund(set, keys, 1, answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_refund(set, keys, 2, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_refund(NULL, keys, 2, answer) == SEAWALL_E_WRONG_HANDLE);
  CHECK(decisions[0].charge_permits == 1 && decisions[1].charge_permits == 1);
  CHECK(seawall_redis_limit_set_refund(set, keys, 2, answer) == SEAWALL_OK);
  CHECK(decisions[0].charge_permits == 0 && decisions[1].charge_permits == 0 && decisions[1].remaining == 9);
  CHECK(seawall_redis_limit_set_peek(set, keys, 2, 2, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limit_set_refund(set, keys, 2, answer) == SEAWALL_OK);
  CHECK(decisions[1].remaining == 9);
  CHECK(seawall_redis_limit_set_try_acquire(set, keys, 2, 1, answer) == SEAWALL_ALLOWED);
}

/* Peeks and refunds without waiting; of `service` 5 of 9 are taken from "new", and 2 by the set. */
static void test_peek_and_refund_into(seawall_redis_inbox* inbox, struct pollfd* polled, seawall_redis_limit_set* set,
                                      seawall_redis_limiter* service, seawall_redis_set_decision* answer) {
  const seawall_text keys[2] = {{"carl", 4}, {"new", 3}};
  seawall_redis_decision single = SEAWALL_REDIS_DECISION_INIT;
  seawall_redis_decision both[2] = {SEAWALL_REDIS_DECISION_INIT, SEAWALL_REDIS_DECISION_INIT};
  seawall_redis_set_decision taken = SEAWALL_REDIS_SET_DECISION_INIT;
  seawall_redis_decision* decisions = answer->decisions;
  uint64_t tag = 0;
  taken.decisions = both;
  taken.decision_count = 2;
  CHECK(seawall_redis_limiter_try_acquire(service, "new", 3, 5, &single) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limit_set_try_acquire(set, keys, 2, 2, &taken) == SEAWALL_ALLOWED);
  for (uint64_t step = 1; step <= 6; ++step) {
    if (step == 1) CHECK(seawall_redis_limiter_peek_async(service, "new", 3, 3, inbox, step) == SEAWALL_OK);
    if (step == 2) CHECK(seawall_redis_limit_set_peek_async(set, keys, 2, 1, inbox, step) == SEAWALL_OK);
    if (step == 3) CHECK(seawall_redis_limiter_refund_async(service, "new", 3, &single, inbox, step) == SEAWALL_OK);
    if (step == 4) CHECK(seawall_redis_limit_set_refund_async(set, keys, 2, &taken, inbox, step) == SEAWALL_OK);
    if (step == 5) CHECK(seawall_redis_limit_set_refund_async(set, keys, 2, &taken, inbox, step) == SEAWALL_OK);
    if (step == 6) CHECK(seawall_redis_limit_set_peek_async(set, keys, 2, 2, inbox, step) == SEAWALL_OK);
    CHECK(single.charge_permits == (step < 3 ? 5 : 0) && both[1].charge_permits == (step < 4 ? 2 : 0));
    CHECK(poll(polled, 1, 60000) == 1);
    CHECK(seawall_redis_inbox_receive(inbox, &tag, answer) == 1 && tag == step);
    CHECK(answer->answered == (step == 1 || step == 3 ? 1 : 2));
    if (step == 1) CHECK(answer->answer == SEAWALL_DENIED && decisions[0].remaining == 2);
    if (step == 2) CHECK(answer->answer == SEAWALL_DENIED && answer->refused_by == 0 && decisions[1].remaining == 2);
    if (step == 3) CHECK(decisions[0].remaining == single.remaining + 5 && decisions[0].charge_permits == 0);
    if (step >= 4 && step < 6) CHECK(decisions[1].remaining == both[1].remaining + (step == 4 ? 2 : 0));
    if (step == 6) CHECK(answer->answer == SEAWALL_ALLOWED && decisions[1].remaining == 9);
  }
  /* Nobody is told. */
  CHECK(seawall_redis_limiter_try_acquire(service, "new", 3, 5, &single) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limiter_refund_async(service, "new", 3, &single, NULL, 0) == SEAWALL_OK);
  CHECK(single.charge_permits == 0);
  for (int i = 0; i < 12000 && seawall_redis_limiter_peek(service, "new", 3, 9, NULL) != SEAWALL_ALLOWED; ++i) {
    short_sleep();
  }
  CHECK(seawall_redis_limiter_peek(service, "new", 3, 9, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_redis_limiter_refund_async(service, "new", 3, &single, (seawall_redis_inbox*)set, 0) ==
        SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_redis_limit_set_refund_async(set, keys, 2, &taken, (seawall_redis_inbox*)set, 0) ==
        SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_redis_limit_set_refund_async(set, keys, 2, &taken, NULL, 0) == SEAWALL_OK);
  CHECK(seawall_redis_limit_set_refund_async(set, keys, 2, NULL, inbox, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_refund_async(set, keys, 1, &taken, inbox, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limiter_peek_async(service, "new", 3, 1, NULL, 0) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_redis_limit_set_peek_async(set, keys, 2, 1, NULL, 0) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_redis_limit_set_peek_async(set, keys, 2, -1, inbox, 0) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_inbox_receive(inbox, &tag, answer) == 0);
}

static void test_set_and_inbox(seawall_redis_store* store, pid_t redis) {
  seawall_redis_limiter* limiters[2];
  seawall_redis_limit_set* set = NULL;
  seawall_redis_inbox* inbox = NULL;
  seawall_redis_decision decisions[SEAWALL_LIMIT_SET_MOST];
  seawall_redis_set_decision answer = SEAWALL_REDIS_SET_DECISION_INIT;
  const seawall_text keys[2] = {{"ann", 3}, {"trading", SEAWALL_TEXT}};
  const seawall_text twice[2] = {{"ann", 3}, {"ann", 3}};
  uint64_t tags = 0, tag = 0;
  struct pollfd polled;

  limiters[0] = limiter_of(store, "{\"name\": \"user\", \"permits\": 2, \"period_ns\": 86400000000000}");
  limiters[1] =
      limiter_of(store, "{\"name\": \"service\", \"permits\": 9, \"period_ns\": 86400000000000, \"algorithm\": 1}");
  for (size_t i = 0; i < SEAWALL_LIMIT_SET_MOST; ++i) decisions[i].struct_size = sizeof decisions[i];
  answer.decisions = decisions;
  answer.decision_count = SEAWALL_LIMIT_SET_MOST;
  CHECK(seawall_redis_limit_set_new((const seawall_redis_limiter* const*)limiters, 2, &set, NULL) == SEAWALL_OK);
  CHECK(seawall_redis_limit_set_try_acquire(set, keys, 2, 1, &answer) == SEAWALL_ALLOWED);
  CHECK(answer.answered == 2 && answer.refused_by == -1);
  CHECK(decisions[0].remaining == 1 && decisions[1].remaining == 8);
  test_set_peek_and_refund(set, keys, &answer);
  CHECK(seawall_redis_limit_set_try_acquire(set, keys, 1, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_try_acquire(set, NULL, 2, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  answer.decision_count = 1;
  CHECK(seawall_redis_limit_set_try_acquire(set, keys, 2, 1, &answer) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_limit_set_try_acquire((seawall_redis_limit_set*)limiters[0], keys, 2, 1, NULL) ==
        SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_redis_limiter_try_acquire((seawall_redis_limiter*)set, "a", 1, 1, NULL) == SEAWALL_E_WRONG_HANDLE);

  /* Without waiting. */
  answer.decision_count = SEAWALL_LIMIT_SET_MOST;
  CHECK(seawall_redis_inbox_new(&inbox, NULL) == SEAWALL_OK);
  polled.fd = seawall_redis_inbox_fd(inbox);
  polled.events = POLLIN;
  CHECK(poll(&polled, 1, 0) == 0);
  CHECK(seawall_redis_inbox_receive(inbox, &tag, &answer) == 0);
  CHECK(seawall_redis_limit_set_try_acquire_async(set, keys, 2, 1, inbox, 1) == SEAWALL_OK);
  CHECK(seawall_redis_limiter_try_acquire_async(limiters[1], "social", 6, 3, inbox, 2) == SEAWALL_OK);
  CHECK(seawall_redis_limiter_try_acquire_async(limiters[0], "bob", 3, 9, inbox, 4) == SEAWALL_OK);
  CHECK(seawall_redis_limiter_try_acquire_async(limiters[0], "bob", 3, 1, (seawall_redis_inbox*)set, 8) ==
        SEAWALL_E_WRONG_HANDLE);
  while (tags != 7 && poll(&polled, 1, 10000) == 1) {
    while (seawall_redis_inbox_receive(inbox, &tag, &answer) == 1) {
      tags += tag;
      if (tag == 1) CHECK(answer.answer == SEAWALL_ALLOWED && answer.answered == 2 && decisions[0].remaining == 0);
      if (tag == 2) CHECK(answer.answer == SEAWALL_ALLOWED && answer.answered == 1 && decisions[0].remaining == 6);
      if (tag == 4) CHECK(answer.answer == SEAWALL_NEVER_ALLOWED && answer.refused_by == 0);
    }
  }
  CHECK(tags == 7);
  test_peek_and_refund_into(inbox, &polled, set, limiters[1], &answer);
  CHECK(poll(&polled, 1, 0) == 0);
  /* One that is under way when its inbox goes: the server is stopped, so that it stays so. */
  kill(redis, SIGSTOP);
  waitpid(redis, NULL, WUNTRACED);
  CHECK(seawall_redis_limiter_try_acquire_async(limiters[1], "social", 6, 1, inbox, 16) == SEAWALL_OK);
  CHECK(fcntl(polled.fd, F_GETFD) >= 0);
  seawall_redis_inbox_free(inbox);
  CHECK(fcntl(polled.fd, F_GETFD) == -1);
  kill(redis, SIGCONT);

  seawall_redis_limit_set_free(set);
  set = NULL;
  seawall_redis_limiter_free(limiters[1]);
  limiters[1] = limiters[0];
  CHECK(seawall_redis_limit_set_new((const seawall_redis_limiter* const*)limiters, 2, &set, NULL) == SEAWALL_OK);
  CHECK(seawall_redis_limit_set_try_acquire(set, twice, 2, 1, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_redis_limit_set_free(set);
  seawall_redis_limiter_free(limiters[0]);
}

/* The child has no thread of the store's: nothing may wait for it, neither a verb nor the end. */
static void test_fork(seawall_redis_store* shared, uint16_t port) {
  seawall_redis_store* store = open_store(port, "sesame", INT64_C(60000000000));
  seawall_redis_limiter* limiter = limiter_of(
      store, "{\"name\": \"forked\", \"permits\": 9, \"period_ns\": 86400000000000, \"gateways\": 3, \"mode\": 1}");
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  seawall_redis_inbox* inbox = NULL;
  int status = -1;
  wait_until_up(store);
  CHECK(seawall_redis_inbox_new(&inbox, NULL) == SEAWALL_OK);
  const pid_t child = fork();
  if (child == 0) {
    seawall_redis_decision decisions[SEAWALL_LIMIT_SET_MOST];
    seawall_redis_set_decision answer = SEAWALL_REDIS_SET_DECISION_INIT;
    uint64_t tag = 0;
    alarm(60);
    for (size_t i = 0; i < SEAWALL_LIMIT_SET_MOST; ++i) decisions[i].struct_size = sizeof decisions[i];
    answer.decisions = decisions;
    answer.decision_count = SEAWALL_LIMIT_SET_MOST;
    CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 3, &decision) == SEAWALL_ALLOWED);
    CHECK(decision.decided_by == SEAWALL_REDIS_BY_POLICY && decision.fault == SEAWALL_REDIS_FAULT_AWAY);
    CHECK(seawall_redis_limiter_try_acquire_async(limiter, "ann", 3, 3, inbox, 7) == SEAWALL_OK);
    CHECK(seawall_redis_inbox_receive(inbox, &tag, &answer) == 1 && tag == 7 && answer.answer == SEAWALL_DENIED);
    seawall_redis_inbox_free(inbox);
    seawall_redis_store_free(store);
    seawall_redis_limiter_free(limiter);
    store = open_store(port, "sesame", INT64_C(60000000000));
    wait_until_up(store);
    seawall_redis_store_free(store);
    _exit(check_result());
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_STORE);
  CHECK(stats_of(shared).up == 1);
  seawall_redis_inbox_free(inbox);
  seawall_redis_limiter_free(limiter);
  seawall_redis_store_free(store);
}

static void test_password(uint16_t port) {
  seawall_redis_store* store = open_store(port, "wrong", 100000000);
  seawall_redis_limiter* limiter =
      limiter_of(store, "{\"name\": \"a\", \"permits\": 3, \"period_ns\": 1000000000, \"when_away\": 2}");
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  char words[200];
  size_t needed = 0;
  for (int i = 0; i < 12000 && !stats_of(store).unauthorized; ++i) short_sleep();
  CHECK(stats_of(store).up == 0);
  CHECK(seawall_redis_store_refusal(store, words, sizeof words, &needed) == SEAWALL_OK);
  CHECK(strncmp(words, "WRONGPASS", 9) == 0 && needed == strlen(words));
  seawall_redis_store_free(store); /* its limiter goes on */
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, &decision) == SEAWALL_DENIED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_POLICY && decision.fault == SEAWALL_REDIS_FAULT_UNAUTHORIZED);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 0, &decision) == SEAWALL_ALLOWED);
  seawall_redis_limiter_free(limiter);
}

static void test_options(void) {
  seawall_redis_store* store = NULL;
  seawall_redis_limiter* limiter = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  static const char* const kWrong[] = {"{}",
                                       "{\"endpoints\": \"nowhere\"}",
                                       "{\"endpoints\": \"a:1,\"}",
                                       "{\"endpoints\": \"a:0\"}",
                                       "{\"endpoints\": \":1\"}",
                                       "{\"endpoints\": \"[]:1\"}",
                                       "{\"endpoints\": \"a:70000\"}",
                                       "{\"endpoints\": \"[:6379\"}",
                                       "{\"endpoints\": \"::1]:6379\"}",
                                       "{\"endpoints\": \"[::1]]:6379\"}",
                                       "{\"endpoints\": \"redis://:secret@a:6379\"}",
                                       "{\"endpoints\": \"redis://:secret@a\"}"};
  for (size_t i = 0; i < sizeof kWrong / sizeof *kWrong; ++i) {
    CHECK(seawall_redis_store_new_from_json(kWrong[i], SEAWALL_TEXT, &store, &error) == SEAWALL_E_INVALID_ARGUMENT);
    CHECK(store == NULL && strstr(error.message, "endpoints") != NULL && strstr(error.message, "secret") == NULL);
  }
  CHECK(seawall_redis_store_new_from_json("{\"endpoints\": \"a:1\", \"password\": 123456}", SEAWALL_TEXT, &store,
                                          &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "password: expected a string") != NULL && strstr(error.message, "123456") == NULL);
  CHECK(seawall_redis_store_new_from_json("{\"endpoints\": \"a:1\", \"breaker_failure_threshold\": -1}", SEAWALL_TEXT,
                                          &store, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "breaker_failure_threshold must be from 1 to 1023, not -1") != NULL);
  CHECK(seawall_redis_store_new_from_json("{\"endpoints\": \"127.0.0.1:1,[::1]:1\", \"deadline_ns\": 1000000}",
                                          SEAWALL_TEXT, &store, &error) == SEAWALL_OK);
  CHECK(seawall_redis_store_new_limiter_from_json(store, "{\"permits\": 1, \"period_ns\": 1000}", SEAWALL_TEXT,
                                                  &limiter, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "name") != NULL && limiter == NULL);
  limiter = limiter_of(store, "{\"name\": \"a\", \"algorithm\": 1, \"permits\": 1, \"period_ns\": 86400000000000}");
  /* Nobody is there: the local share decides. */
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, &decision) == SEAWALL_ALLOWED);
  CHECK(decision.decided_by == SEAWALL_REDIS_BY_POLICY && decision.fault != SEAWALL_REDIS_FAULT_NONE);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, NULL) == SEAWALL_DENIED);
  CHECK(seawall_redis_limiter_refund(limiter, "ann", 3, &decision) == 1);
  CHECK(seawall_redis_limiter_try_acquire(limiter, "ann", 3, 1, NULL) == SEAWALL_ALLOWED);
  seawall_redis_limiter_free(limiter);
  seawall_redis_store_free(store);
  CHECK(seawall_redis_abi_version() == SEAWALL_ABI_VERSION);
}

int main(void) {
  const uint16_t port = free_port();
  const pid_t redis = start_redis(port, "sesame");
  seawall_redis_store* store = open_store(port, "sesame", INT64_C(60000000000));
  wait_until_up(store);
  test_exact(store);
  test_leased(store);
  test_set_and_inbox(store, redis);
  test_fork(store, port);
  seawall_redis_store_free(store);
  test_password(port);
  test_options();
  stop_redis(redis);
  return check_result();
}
