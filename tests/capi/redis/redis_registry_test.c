/* SPDX-License-Identifier: MIT
 * The registry in Redis and announced trips from C: with a redis-server of the test's own, and without one. */
#include "redis_store.h"
/* first, for _GNU_SOURCE */
#include <poll.h>

static const int kPatience = 12000; /* short sleeps: a minute */

static seawall_instance instance_of(const char* id, int32_t port) {
  seawall_instance instance = SEAWALL_INSTANCE_INIT;
  instance.service = "trading";
  instance.service_size = SEAWALL_TEXT;
  instance.id = id;
  instance.id_size = SEAWALL_TEXT;
  instance.host = "10.0.0.1";
  instance.host_size = SEAWALL_TEXT;
  instance.port = port;
  return instance;
}

static seawall_redis_registrar* registrar_of(seawall_redis_store* store, const char* json) {
  seawall_redis_registrar* registrar = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_redis_store_new_registrar_from_json(store, json, SEAWALL_TEXT, &registrar, &error) == SEAWALL_OK);
  return registrar;
}

static void test_verbs(seawall_redis_store* store) {
  seawall_redis_registrar* registrar = registrar_of(store, "{\"registry\": \"verbs\", \"lease_ns\": 60000000000}");
  seawall_instance instance = instance_of("t-1", 8001);
  seawall_redis_word word = SEAWALL_REDIS_WORD_INIT;
  uint64_t mine = 0;
  CHECK(seawall_redis_registrar_renew(registrar, "trading", 7, "t-1", 3, 5, SEAWALL_SELF_UNCHANGED, NULL) ==
        SEAWALL_REDIS_SAYS_UNKNOWN);
  CHECK(seawall_redis_registrar_register(registrar, &instance, SEAWALL_ANY_GENERATION, &word) == SEAWALL_REDIS_SAYS_OK);
  mine = word.generation;
  CHECK(mine != 0 && word.fault == SEAWALL_REDIS_FAULT_NONE && word.reason[0] == '\0');
  CHECK(seawall_redis_registrar_renew(registrar, "trading", 7, "t-1", 3, mine, SEAWALL_SELF_UNCHANGED, &word) ==
        SEAWALL_REDIS_SAYS_OK);
  CHECK(seawall_redis_registrar_enter(registrar, "trading", 7, &word) == SEAWALL_REDIS_SAYS_OK);
  /* Another process takes the id: the first one is fenced. */
  CHECK(seawall_redis_registrar_register(registrar, &instance, SEAWALL_ANY_GENERATION, &word) == SEAWALL_REDIS_SAYS_OK);
  CHECK(word.generation > mine);
  CHECK(seawall_redis_registrar_renew(registrar, "trading", 7, "t-1", 3, mine, SEAWALL_SELF_SERVING, NULL) ==
        SEAWALL_REDIS_SAYS_FENCED);
  CHECK(seawall_redis_registrar_drain(registrar, "trading", 7, "t-1", 3, word.generation, NULL) ==
        SEAWALL_REDIS_SAYS_OK);
  CHECK(seawall_redis_registrar_deregister(registrar, "trading", 7, "t-1", 3, word.generation, NULL) ==
        SEAWALL_REDIS_SAYS_OK);
  /* What has no right name is refused, and the reason names the field. */
  instance.port = 0;
  CHECK(seawall_redis_registrar_register(registrar, &instance, 0, &word) == SEAWALL_REDIS_SAYS_NOTHING);
  CHECK(word.fault == SEAWALL_REDIS_FAULT_REFUSED && strstr(word.reason, "port") != NULL);
  instance = instance_of("t-1", 8001);
  instance.state = 7;
  CHECK(seawall_redis_registrar_register(registrar, &instance, 0, &word) == SEAWALL_REDIS_SAYS_NOTHING);
  CHECK(strstr(word.reason, "state") != NULL);
  CHECK(seawall_redis_registrar_register(registrar, NULL, 0, &word) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_registrar_renew(registrar, "trading", 7, "t-1", 3, 1, 9, &word) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_registrar_renew(registrar, NULL, 7, "t-1", 3, 1, 0, &word) == SEAWALL_E_INVALID_ARGUMENT);
  word.struct_size = 8;
  CHECK(seawall_redis_registrar_enter(registrar, "trading", 7, &word) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_redis_registrar_free(registrar);
}

static void test_verbs_without_waiting(seawall_redis_store* store) {
  seawall_redis_registrar* registrar = registrar_of(store, "{\"registry\": \"later\"}");
  seawall_redis_inbox* inbox = NULL;
  seawall_instance instance = instance_of("t-1", 8001);
  seawall_redis_word word = SEAWALL_REDIS_WORD_INIT;
  struct pollfd fd;
  uint64_t tag = 0, generation = 0;
  CHECK(seawall_redis_inbox_new(&inbox, NULL) == SEAWALL_OK);
  CHECK(seawall_redis_inbox_receive_word(inbox, &tag, &word) == 0);
  CHECK(seawall_redis_registrar_register_async(registrar, &instance, 0, inbox, 7) == SEAWALL_OK);
  fd.fd = seawall_redis_inbox_fd(inbox);
  fd.events = POLLIN;
  CHECK(poll(&fd, 1, 60000) == 1);
  CHECK(seawall_redis_inbox_receive_word(inbox, &tag, &word) == 1);
  CHECK(tag == 7 && word.answer == SEAWALL_REDIS_SAYS_OK);
  generation = word.generation;
  CHECK(poll(&fd, 1, 0) == 0);
  CHECK(seawall_redis_registrar_renew_async(registrar, "trading", 7, "t-1", 3, generation, 1, inbox, 8) == SEAWALL_OK);
  CHECK(seawall_redis_registrar_drain_async(registrar, "trading", 7, "t-1", 3, generation, inbox, 9) == SEAWALL_OK);
  CHECK(seawall_redis_registrar_enter_async(registrar, "trading", 7, inbox, 10) == SEAWALL_OK);
  CHECK(seawall_redis_registrar_deregister_async(registrar, "trading", 7, "t-1", 3, 0, inbox, 11) == SEAWALL_OK);
  for (uint64_t want = 8; want <= 11; ++want) {
    CHECK(poll(&fd, 1, 60000) == 1);
    CHECK(seawall_redis_inbox_receive_word(inbox, &tag, &word) == 1);
    CHECK(tag == want && word.answer == SEAWALL_REDIS_SAYS_OK);
  }
  CHECK(seawall_redis_registrar_enter_async(registrar, NULL, 7, inbox, 12) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_registrar_enter_async(registrar, "trading", 7, NULL, 12) == SEAWALL_E_WRONG_HANDLE);
  seawall_redis_registrar_free(registrar);
  seawall_redis_inbox_free(inbox);
}

/* Asks the source, applies what it says, and ticks. */
static void follow(seawall_redis_source* source, seawall_follower* follower) {
  seawall_source_answer answer = SEAWALL_SOURCE_ANSWER_INIT;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_redis_source_poll(source, SEAWALL_NOW) >= 0);
  while (seawall_redis_source_receive(source, &answer) == 1) {
    CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_OK);
  }
  CHECK(seawall_follower_tick(follower, SEAWALL_NOW) >= 0);
}

static int64_t listed(seawall_registry* registry, const char* what) {
  static char text[16384];
  size_t needed = 0;
  int64_t count = 0;
  const char* at = text;
  CHECK(seawall_registry_to_source(registry, SEAWALL_NOW, text, sizeof text, &needed) == SEAWALL_OK);
  while ((at = strstr(at, what)) != NULL) ++count, ++at;
  return count;
}

static void test_kept_and_followed(seawall_redis_store* store) {
  seawall_redis_registrar* registrar =
      registrar_of(store, "{\"registry\": \"kept\", \"heartbeat_interval_ns\": 20000000, \"lease_ns\": 30000000000}");
  seawall_redis_keeper* keeper = NULL;
  seawall_redis_source* source = NULL;
  seawall_registry* registry = NULL;
  seawall_follower* follower = NULL;
  seawall_redis_keeper_stats stats;
  seawall_redis_source_stats read;
  seawall_redis_kept kept;
  seawall_error error = SEAWALL_ERROR_INIT;
  const seawall_metadata version = {"version", SEAWALL_TEXT, "3 \"x\"", SEAWALL_TEXT};
  seawall_instance instance = instance_of("t-1", 8001);
  CHECK(seawall_redis_registrar_new_keeper(registrar, &keeper, &error) == SEAWALL_OK);
  seawall_redis_registrar_free(registrar); /* the keeper goes on */
  CHECK(seawall_redis_store_new_source_from_json(store,
                                                 "{\"registry\": \"kept\", \"services\": \"trading,social\", "
                                                 "\"poll_interval_ns\": 10000000}",
                                                 SEAWALL_TEXT, &source, &error) == SEAWALL_OK);
  CHECK(seawall_registry_new(NULL, SEAWALL_NOW, &registry, &error) == SEAWALL_OK);
  CHECK(seawall_registry_follower(registry, NULL, &follower, &error) == SEAWALL_OK);
  CHECK(seawall_follower_add_source(follower, "redis", 5, SEAWALL_SOURCE_REGISTRY, 0, &error) == 0);

  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  memset(&read, 0, sizeof read);
  read.struct_size = sizeof read;
  memset(&kept, 0, sizeof kept);
  kept.struct_size = sizeof kept;
  instance.metadata = &version;
  instance.metadata_count = 1;
  CHECK(seawall_redis_keeper_hold(keeper, &instance, SEAWALL_NOW, &error) == SEAWALL_OK);
  for (int i = 0; i < kPatience && listed(registry, "\"t-1\"") == 0; ++i) {
    CHECK(seawall_redis_keeper_tick(keeper, SEAWALL_NOW) >= 0);
    follow(source, follower);
    short_sleep();
  }
  CHECK(listed(registry, "\"metadata\":{\"version\":\"3 \\\"x\\\"\"}") == 1);
  CHECK(seawall_redis_keeper_find(keeper, "trading", 7, "t-1", 3, SEAWALL_NOW, &kept) == SEAWALL_OK);
  CHECK(kept.state == SEAWALL_REDIS_HELD && kept.generation != 0);
  CHECK(seawall_redis_keeper_find(keeper, "trading", 7, "t-2", 3, SEAWALL_NOW, &kept) == SEAWALL_E_NOT_FOUND);
  instance.weight = 9;
  CHECK(seawall_redis_keeper_update(keeper, &instance, SEAWALL_NOW, &error) == SEAWALL_OK);
  for (int i = 0; i < kPatience && listed(registry, "\"weight\":9") == 0; ++i) {
    CHECK(seawall_redis_keeper_tick(keeper, SEAWALL_NOW) >= 0);
    follow(source, follower);
    short_sleep();
  }
  CHECK(listed(registry, "\"weight\":9") == 1);
  CHECK(seawall_redis_source_get_stats(source, &read) == SEAWALL_OK);
  CHECK(read.services == 2 && read.lists >= 2 && read.polls >= read.lists && read.faults == 0);
  instance.port = -1;
  CHECK(seawall_redis_keeper_update(keeper, &instance, SEAWALL_NOW, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "port") != NULL);
  CHECK(seawall_redis_keeper_release(keeper, "trading", 7, "t-1", 3, SEAWALL_NOW) == SEAWALL_OK);
  CHECK(seawall_redis_keeper_release(keeper, "trading", 7, "t-2", 3, SEAWALL_NOW) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_redis_keeper_get_stats(keeper, &stats) == SEAWALL_OK && stats.instances == 1);
  for (int i = 0; i < kPatience && stats.instances != 0; ++i) {
    CHECK(seawall_redis_keeper_tick(keeper, SEAWALL_NOW) >= 0);
    CHECK(seawall_redis_keeper_get_stats(keeper, &stats) == SEAWALL_OK);
    short_sleep();
  }
  CHECK(stats.instances == 0 && stats.removals == 1 && stats.registrations >= 2);
  for (int i = 0; i < kPatience && listed(registry, "\"draining\"") == 0; ++i) {
    follow(source, follower);
    short_sleep();
  }
  CHECK(listed(registry, "\"draining\"") == 1);

  seawall_redis_source_free(source);
  seawall_redis_keeper_free(keeper);
  seawall_follower_free(follower);
  seawall_registry_free(registry);
}

static void test_what_is_said(void) {
  seawall_registry* registry = NULL;
  seawall_follower* follower = NULL;
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_source_answer answer = SEAWALL_SOURCE_ANSWER_INIT;
  seawall_instance instances[2];
  int32_t health[2] = {SEAWALL_HEALTH_UNKNOWN, SEAWALL_HEALTH_WARNING};
  instances[0] = instance_of("t-1", 8001);
  instances[1] = instance_of("t-2", 8002);
  CHECK(seawall_registry_new(NULL, 0, &registry, &error) == SEAWALL_OK);
  CHECK(seawall_registry_follower(registry, NULL, &follower, &error) == SEAWALL_OK);
  CHECK(seawall_follower_add_source(follower, "ours", 4, SEAWALL_SOURCE_STATIC, 0, &error) == 0);
  CHECK(seawall_follower_add_source(follower, "file", 4, SEAWALL_SOURCE_STATIC, 0, &error) == 1);
  CHECK(seawall_follower_say(follower, 0, NULL, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "service") != NULL);
  answer.service.data = "trading";
  answer.service.size = SEAWALL_TEXT;
  answer.instance_count = 2;
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  answer.instances = instances;
  answer.health = health;
  health[1] = 17;
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "health") != NULL);
  health[1] = SEAWALL_HEALTH_WARNING;
  answer.status = 6;
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  answer.status = SEAWALL_SAYS_LIST;
  answer.ttl_ns = -1;
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  answer.ttl_ns = 0;
  CHECK(seawall_follower_say(follower, 2, &answer, &error) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_OK);
  answer.status = SEAWALL_SAYS_FAILED; /* behind the list, before a tick: neither is lost */
  answer.instance_count = 0;
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_OK);
  CHECK(seawall_follower_tick(follower, 1) == 2);
  CHECK(listed(registry, "\"id\"") == 2);
  /* Said or loaded, not both. */
  CHECK(seawall_follower_load(follower, 0, "{}", 2, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_follower_fail(follower, 0, "x", 1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_follower_load(follower, 1, "{}", 2, 0, &error) == SEAWALL_OK);
  CHECK(seawall_follower_say(follower, 1, &answer, &error) == SEAWALL_E_INVALID_ARGUMENT);
  answer.status = SEAWALL_SAYS_UNCHANGED;
  for (int i = 0; i < 16384; ++i) CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_OK);
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_E_FULL);
  CHECK(seawall_follower_tick(follower, 2) == 0);
  CHECK(seawall_follower_say(follower, 0, &answer, &error) == SEAWALL_OK);
  seawall_follower_free(follower);
  seawall_registry_free(registry);
}

static void test_trips(seawall_redis_store* store, seawall_redis_store* other) {
  seawall_redis_trip_board *here = NULL, *there = NULL;
  seawall_redis_trip trip = SEAWALL_REDIS_TRIP_INIT;
  seawall_redis_trip_board_stats stats;
  seawall_error error = SEAWALL_ERROR_INIT;
  char name[201];
  int heard = 0;
  CHECK(seawall_redis_store_new_trip_board(other, "gateway", 7, &there, &error) == SEAWALL_OK);
  CHECK(seawall_redis_store_new_trip_board(store, "no board", 8, &here, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(here == NULL);
  CHECK(seawall_redis_store_new_trip_board(store, "gateway", 7, &here, &error) == SEAWALL_OK);
  memset(name, 'x', sizeof name);
  CHECK(seawall_redis_trip_board_announce(here, name, 201) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_redis_trip_board_announce(here, name, 0) == SEAWALL_E_INVALID_ARGUMENT);
  /* An announcement before the other one listens is lost: say it again until it is heard. */
  for (int i = 0; i < kPatience && !heard; ++i) {
    CHECK(seawall_redis_trip_board_announce(here, name, 200) == SEAWALL_OK);
    short_sleep();
    heard = seawall_redis_trip_board_receive(there, &trip) == 1;
  }
  CHECK(heard && trip.name_size == 200 && strlen(trip.name) == 200 && trip.times >= 1);
  CHECK(seawall_redis_trip_board_receive(here, &trip) == 0); /* not our own */
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK(seawall_redis_trip_board_get_stats(there, &stats) == SEAWALL_OK && stats.heard >= 1 && stats.announced == 0);
  seawall_redis_trip_board_free(here);
  seawall_redis_trip_board_free(there);
}

static void test_options(seawall_redis_store* store) {
  seawall_redis_registrar* registrar = NULL;
  seawall_redis_source* source = NULL;
  seawall_redis_registrar_options writing;
  seawall_redis_source_options reading;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_redis_store_new_registrar(store, NULL, &registrar, &error) == SEAWALL_OK);
  seawall_redis_registrar_free(registrar);
  CHECK(seawall_redis_store_new_source(store, NULL, &source, &error) == SEAWALL_OK);
  seawall_redis_source_free(source);
  CHECK(seawall_redis_registrar_options_init(&writing) == SEAWALL_OK);
  writing.lease_ns = 1;
  CHECK(seawall_redis_store_new_registrar(store, &writing, &registrar, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(registrar == NULL && strstr(error.message, "lease") != NULL);
  CHECK(seawall_redis_source_options_init(&reading) == SEAWALL_OK);
  reading.services.data = "trading,";
  reading.services.size = SEAWALL_TEXT;
  CHECK(seawall_redis_store_new_source(store, &reading, &source, &error) == SEAWALL_E_INVALID_ARGUMENT);
  reading.services.data = NULL;
  CHECK(seawall_redis_store_new_source(store, &reading, &source, &error) == SEAWALL_E_INVALID_ARGUMENT);
}

/* Redis is away: the verbs say so within their time, and what waits for nothing goes on. */
static void test_away(void) {
  seawall_redis_store* store = open_store(1, "", INT64_C(50000000));
  seawall_redis_registrar* registrar = registrar_of(store, "{}");
  seawall_redis_keeper* keeper = NULL;
  seawall_redis_source* source = NULL;
  seawall_redis_word word = SEAWALL_REDIS_WORD_INIT;
  seawall_source_answer answer = SEAWALL_SOURCE_ANSWER_INIT;
  seawall_instance instance = instance_of("t-1", 8001);
  char text[256];
  size_t needed = 0;
  int received = 0;
  CHECK(seawall_redis_registrar_register(registrar, &instance, 0, &word) == SEAWALL_REDIS_SAYS_NOTHING);
  CHECK(word.fault == SEAWALL_REDIS_FAULT_TIMEOUT || word.fault == SEAWALL_REDIS_FAULT_AWAY);
  CHECK(seawall_redis_registrar_new_keeper(registrar, &keeper, NULL) == SEAWALL_OK);
  CHECK(seawall_redis_keeper_hold(keeper, &instance, SEAWALL_NOW, NULL) == SEAWALL_OK);
  CHECK(seawall_redis_keeper_tick(keeper, SEAWALL_NOW) == 2);
  CHECK(seawall_redis_store_new_source_from_json(store, "{\"services\": \"trading\"}", SEAWALL_TEXT, &source, NULL) ==
        SEAWALL_OK);
  for (int i = 0; i < kPatience && !received; ++i) {
    CHECK(seawall_redis_source_poll(source, SEAWALL_NOW) >= 0);
    received = seawall_redis_source_receive(source, &answer) == 1;
    short_sleep();
  }
  CHECK(received && answer.status == SEAWALL_SAYS_FAILED && answer.reason.size != 0);
  CHECK(seawall_redis_source_last_fault(source, text, sizeof text, &needed) == SEAWALL_OK && needed != 0);
  seawall_redis_keeper_free(keeper);
  seawall_redis_source_free(source);
  seawall_redis_registrar_free(registrar);
  seawall_redis_store_free(store);
}

int main(void) {
  const uint16_t port = free_port();
  const pid_t redis = start_redis(port, "sesame");
  seawall_redis_store* store = open_store(port, "sesame", INT64_C(2000000000));
  seawall_redis_store* other = open_store(port, "sesame", INT64_C(2000000000));
  wait_until_up(store);
  wait_until_up(other);
  test_verbs(store);
  test_verbs_without_waiting(store);
  test_kept_and_followed(store);
  test_what_is_said();
  test_trips(store, other);
  test_options(store);
  seawall_redis_store_free(other);
  seawall_redis_store_free(store);
  stop_redis(redis);
  test_away();
  return check_result();
}
