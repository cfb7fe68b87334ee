// SPDX-License-Identifier: MIT
//
// As no_memory.cc, of libseawall_redis.so: each creation begins with a store of its own, at an address where nobody is,
// and ends with it, so that no thread of a store is there when memory is counted. Then calls of a store that has a
// server: whoever wants the memory, caller or thread, the caller is answered, and the next call is as good as ever.
#include <array>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "../redis/redis_server.h"
#include "failing_allocator.h"
#include "seawall_redis_c.h"

namespace {

// What stands on a store: new_part(store, out, error), and the part with its store.
template <class Part>
struct Owned {
  seawall_redis_store* store = nullptr;
  Part* part = nullptr;
};

template <class Part, class NewPart>
Creation on_a_store(const char* name, NewPart new_part, void (*free_part)(Part*)) {
  static Owned<Part> made;
  const auto free_all = [free_part] {
    free_part(made.part);
    seawall_redis_store_free(made.store);
    made = {};
  };
  return {name,
          [new_part, free_all] {
            constexpr const char* kNobody = "{\"endpoints\": \"127.0.0.1:1\"}";
            seawall_error error = SEAWALL_ERROR_INIT;
            std::int32_t code = seawall_redis_store_new_from_json(kNobody, SEAWALL_TEXT, &made.store, &error);
            if (code == SEAWALL_OK) code = new_part(made.store, &made.part, &error);
            const bool whole = made.part != nullptr;
            if (code != SEAWALL_OK) free_all();
            return std::pair(code, whole);
          },
          free_all};
}

std::int32_t limiter(const seawall_redis_store* store, seawall_redis_limiter** out, seawall_error* error) {
  constexpr const char* kOptions =
      "{\"name\": \"a-limit-with-a-name-of-some-length\", \"permits\": 9, \"period_ns\": 1000}";
  return seawall_redis_store_new_limiter_from_json(store, kOptions, SEAWALL_TEXT, out, error);
}

std::int32_t set_of_one(const seawall_redis_store* store, seawall_redis_limit_set** out, seawall_error* error) {
  seawall_redis_limiter* member = nullptr;
  const std::int32_t code = limiter(store, &member, error);
  if (code != SEAWALL_OK) return code;
  const std::int32_t made = seawall_redis_limit_set_new(&member, 1, out, error);
  seawall_redis_limiter_free(member);
  return made;
}

std::int32_t registrar(const seawall_redis_store* store, seawall_redis_registrar** out, seawall_error* error) {
  constexpr const char* kOptions = "{\"registry\": \"a-registry-with-a-name-of-some-length\"}";
  return seawall_redis_store_new_registrar_from_json(store, kOptions, SEAWALL_TEXT, out, error);
}

constexpr const char* kService = "a-service-with-a-name-of-some-length";

// That holds an instance, and was told to release it before it could say so.
std::int32_t keeper(const seawall_redis_store* store, seawall_redis_keeper** out, seawall_error* error) {
  seawall_redis_registrar* writer = nullptr;
  std::int32_t code = registrar(store, &writer, error);
  if (code != SEAWALL_OK) return code;
  code = seawall_redis_registrar_new_keeper(writer, out, error);
  seawall_redis_registrar_free(writer);
  if (code != SEAWALL_OK) return code;
  seawall_instance instance = SEAWALL_INSTANCE_INIT;
  instance.service = kService;
  instance.id = "an-instance-with-a-name-of-some-length";
  instance.host = "a.host.with.a.name.of.some.length";
  instance.service_size = instance.id_size = instance.host_size = SEAWALL_TEXT;
  instance.port = 80;
  code = seawall_redis_keeper_hold(*out, &instance, 0, error);
  if (code == SEAWALL_OK) {
    code = seawall_redis_keeper_release(*out, instance.service, SEAWALL_TEXT, instance.id, SEAWALL_TEXT, 0);
  }
  if (code == SEAWALL_OK) return code;
  seawall_redis_keeper_free(*out);
  *out = nullptr;
  return code;
}

// Room for one request: one that is counted for ever would close the store to all others.
constexpr const char* kPassword = "of no matter";
std::string store_at(std::uint16_t port) {
  return "{\"endpoints\": \"127.0.0.1:" + std::to_string(port) + "\", \"password\": \"" + kPassword +
         "\", \"most_pending\": 1, \"deadline_ns\": 300000000, \"silence_ns\": 120000000000, "
         "\"reconnect_min_ns\": 1000000, \"reconnect_max_ns\": 1000000}";
}

constexpr const char* kKey = "a-key-of-a-length-that-no-short-string-holds-as-it-is";

std::int32_t call(seawall_redis_limiter* limiter, seawall_redis_decision& decision) {
  return seawall_redis_limiter_try_acquire(limiter, kKey, SEAWALL_TEXT, 1, &decision);
}

// Room for what a set answers, and for what arrives in an inbox.
struct SetRoom {
  SetRoom() {
    for (seawall_redis_decision& each : decisions) each = SEAWALL_REDIS_DECISION_INIT;
    answer.decisions = decisions;
    answer.decision_count = SEAWALL_LIMIT_SET_MOST;
  }
  seawall_redis_decision decisions[SEAWALL_LIMIT_SET_MOST];
  seawall_redis_set_decision answer = SEAWALL_REDIS_SET_DECISION_INIT;
};

// A limiter, and a set of it and another one, with what it took.
struct Called {
  seawall_redis_limiter* limiter = nullptr;
  seawall_redis_limit_set* set = nullptr;
  SetRoom taken{};

  static constexpr std::array<seawall_text, 2> kKeys = {{{kKey, SEAWALL_TEXT}, {"all", SEAWALL_TEXT}}};
  std::int32_t take() { return seawall_redis_limit_set_try_acquire(set, kKeys.data(), 2, 1, &taken.answer); }
};

// Until Redis has answered so many calls in a row.
bool well(seawall_redis_limiter* limiter, int calls) {
  seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
  int in_a_row = 0;
  for (int i = 0; i < 12000 && in_a_row < calls; ++i) {
    const bool told = call(limiter, decision) == SEAWALL_ALLOWED && decision.decided_by == SEAWALL_REDIS_BY_STORE;
    in_a_row = told ? in_a_row + 1 : 0;
    if (!told) short_sleep();
  }
  return in_a_row == calls;
}

struct Verb {
  std::string name;
  std::function<std::int32_t(Called&)> ask;
};

// After one call the store's thread does what is to do, after a number of them in a row the caller himself.
void fail_at_each_allocation_of_a_call(Called& called, const Verb& verb, int calls_before) {
  const std::string where = verb.name + " after " + std::to_string(calls_before);
  for (int n = 0; n < 1000; ++n) {
    check(well(called.limiter, calls_before), "Redis is asked no more", where + ", allocation " + std::to_string(n));
    called.take();
    allocations_left = n;
    const std::int32_t code = verb.ask(called);
    const bool enough = allocations_left > 0;
    allocations_left = INT64_MAX;
    const bool known = code == SEAWALL_ALLOWED || code == SEAWALL_DENIED || code == SEAWALL_E_NO_MEMORY;
    check(known, "another code than NO_MEMORY", where + ", allocation " + std::to_string(n + 1));
    if (failures != 0) return;
    if (!enough) continue;
    std::printf("%s: fewer than %d allocations\n", where.c_str(), n);
    return;
  }
  check(false, "never had enough", where);
}

// Begins a call whose answer comes into the inbox with this tag.
struct AsyncVerb {
  std::string name;
  std::function<std::int32_t(Called&, seawall_redis_inbox*, std::uint64_t tag)> begin;
};

// The store's thread has no memory: it goes on, and who does not wait hears of his call, once there is some again.
void fail_at_each_allocation_of_the_thread(Called& called, const AsyncVerb& verb, seawall_redis_inbox* inbox) {
  SetRoom arrived;
  for (int n = 0; n < 1000; ++n) {
    const std::string where = "the store's thread, " + verb.name + ", allocation " + std::to_string(n + 1);
    check(well(called.limiter, 1), "Redis is asked no more", where);
    called.take();
    others_left = n;
    const std::int32_t code = verb.begin(called, inbox, static_cast<uint64_t>(n));
    check(code == SEAWALL_OK, "a call that asks for nothing of the thread's fails", where);
    uint64_t tag = 0;
    std::int32_t heard = 0;
    for (int i = 0; i < 12000 && heard == 0; ++i) {
      heard = seawall_redis_inbox_receive(inbox, &tag, &arrived.answer);
      if (heard == 0) short_sleep();
      if (others_left < -1) others_left = INT64_MAX;
    }
    const bool enough = others_left > 0 && others_left <= n;
    others_left = INT64_MAX;
    check(heard == 1 && tag == static_cast<uint64_t>(n), "the answer never comes", where);
    if (failures != 0) return;
    if (!enough) continue;
    std::printf("the store's thread, %s: fewer than %d allocations\n", verb.name.c_str(), n);
    return;
  }
  check(false, "never had enough", "the store's thread, " + verb.name);
}

const std::vector<Verb> kVerbs = {
    {"a call",
     [](Called& it) {
       seawall_redis_decision decision = SEAWALL_REDIS_DECISION_INIT;
       return call(it.limiter, decision);
     }},
    {"a set's call", [](Called& it) { return it.take(); }},
    {"a set's peek",
     [](Called& it) { return seawall_redis_limit_set_peek(it.set, it.kKeys.data(), 2, 1, &it.taken.answer); }},
    {"a set's refund",
     [](Called& it) { return seawall_redis_limit_set_refund(it.set, it.kKeys.data(), 2, &it.taken.answer); }},
};
const std::vector<AsyncVerb> kAsyncVerbs = {
    {"a call",
     [](Called& it, auto* inbox, auto tag) {
       return seawall_redis_limiter_try_acquire_async(it.limiter, kKey, SEAWALL_TEXT, 1, inbox, tag);
     }},
    {"a refund",
     [](Called& it, auto* inbox, auto tag) {
       return seawall_redis_limiter_refund_async(it.limiter, kKey, SEAWALL_TEXT, it.taken.decisions, inbox, tag);
     }},
    {"a set's peek",
     [](Called& it, auto* inbox, auto tag) {
       return seawall_redis_limit_set_peek_async(it.set, it.kKeys.data(), 2, 1, inbox, tag);
     }},
    {"a set's refund",
     [](Called& it, auto* inbox, auto tag) {
       return seawall_redis_limit_set_refund_async(it.set, it.kKeys.data(), 2, &it.taken.answer, inbox, tag);
     }},
};

// A new list of the service, and until the source has told it. Redis sends a list once for each version that the source
// says it has: who has no memory for it must not say that he has it.
bool lists(seawall_redis_registrar* registrar, seawall_redis_source* source, std::int32_t port, int n) {
  constexpr const char* kHost = "a.host.with.a.name.of.some.length";
  seawall_instance instance = SEAWALL_INSTANCE_INIT;
  instance.service = kService;
  instance.id = "an-instance-with-a-name-of-some-length";
  instance.host = kHost;
  instance.service_size = instance.id_size = instance.host_size = SEAWALL_TEXT;
  instance.port = port;
  bool registered = false;
  for (int i = 0; i < 12000 && !registered; ++i) {
    registered = seawall_redis_registrar_register(registrar, &instance, SEAWALL_ANY_GENERATION, nullptr) ==
                 SEAWALL_REDIS_SAYS_OK;
    if (!registered) short_sleep();
  }
  others_left = n;
  for (int i = 0; i < 12000 && registered; ++i) {
    seawall_source_answer answer = SEAWALL_SOURCE_ANSWER_INIT;
    bool told = false;
    seawall_redis_source_poll(source, SEAWALL_NOW);
    while (seawall_redis_source_receive(source, &answer) == 1) {
      told = told ||
             (answer.status == SEAWALL_SAYS_LIST && answer.instance_count == 1 && answer.instances[0].port == port);
    }
    if (told) return true;
    short_sleep();
    if (others_left < -1) others_left = INT64_MAX;
  }
  return false;
}

void fail_at_each_allocation_of_a_list(seawall_redis_store* store) {
  seawall_redis_registrar* writer = nullptr;
  seawall_redis_source* source = nullptr;
  seawall_error error = SEAWALL_ERROR_INIT;
  const std::string options =
      std::string(
          R"({"registry": "a-registry-with-a-name-of-some-length", "poll_interval_ns": 10000000, "services": ")")
          .append(kService)
          .append("\"}");
  std::int32_t code = registrar(store, &writer, &error);
  if (code == SEAWALL_OK) {
    code = seawall_redis_store_new_source_from_json(store, options.c_str(), SEAWALL_TEXT, &source, &error);
  }
  check(code == SEAWALL_OK, error.message, "a source with a server");
  bool enough = false;
  for (int n = 0; n < 1000 && failures == 0 && !enough; ++n) {
    const bool told = lists(writer, source, 1000 + n, n);
    enough = others_left > 0 && others_left <= n;
    others_left = INT64_MAX;
    check(told, "the list never comes", "a list, allocation " + std::to_string(n + 1));
    if (enough) std::printf("a list: fewer than %d allocations\n", n);
  }
  check(enough || failures != 0, "never had enough", "a list");
  seawall_redis_source_free(source);
  seawall_redis_registrar_free(writer);
}

void fail_at_each_allocation_of_calls() {
  const std::uint16_t port = free_port();
  const pid_t server = start_redis(port, kPassword);
  seawall_redis_store* store = nullptr;
  seawall_redis_limiter* all = nullptr;
  seawall_redis_inbox* inbox = nullptr;
  Called called;
  seawall_error error = SEAWALL_ERROR_INIT;
  constexpr const char* kLimit = "{\"name\": \"limit\", \"permits\": 1000000, \"period_ns\": 1000000000}";
  constexpr const char* kAll = "{\"name\": \"all\", \"permits\": 1000000, \"period_ns\": 1000000000, \"algorithm\": 1}";
  const auto made = [&](std::int32_t code) { check(code == SEAWALL_OK, error.message, "what stands on a server"); };
  made(seawall_redis_store_new_from_json(store_at(port).c_str(), SEAWALL_TEXT, &store, &error));
  made(seawall_redis_store_new_limiter_from_json(store, kLimit, SEAWALL_TEXT, &called.limiter, &error));
  made(seawall_redis_store_new_limiter_from_json(store, kAll, SEAWALL_TEXT, &all, &error));
  const std::array<const seawall_redis_limiter*, 2> members = {called.limiter, all};
  made(seawall_redis_limit_set_new(members.data(), 2, &called.set, &error));
  made(seawall_redis_inbox_new(&inbox, &error));
  for (const Verb& verb : kVerbs) {
    for (const int calls_before : {1, 40}) {
      if (failures == 0) fail_at_each_allocation_of_a_call(called, verb, calls_before);
    }
  }
  for (const AsyncVerb& verb : kAsyncVerbs) {
    if (failures == 0) fail_at_each_allocation_of_the_thread(called, verb, inbox);
  }
  seawall_redis_inbox_free(inbox);
  seawall_redis_limit_set_free(called.set);
  seawall_redis_limiter_free(called.limiter);
  seawall_redis_limiter_free(all);
  if (failures == 0) fail_at_each_allocation_of_a_list(store);
  seawall_redis_store_free(store);
  stop_redis(server);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what was printed is seen if the next creation ends the process
  const std::vector<Creation> creations = {
      creation<seawall_redis_store>(
          "seawall_redis_store_new_from_json",
          [](auto** out, auto* error) {
            constexpr const char* kTwo =
                "{\"endpoints\": \"127.0.0.1:1,[::1]:1\", \"password\": \"of some length, too\"}";
            return seawall_redis_store_new_from_json(kTwo, SEAWALL_TEXT, out, error);
          },
          seawall_redis_store_free),
      creation<seawall_redis_inbox>(
          "seawall_redis_inbox_new", [](auto** out, auto* error) { return seawall_redis_inbox_new(out, error); },
          seawall_redis_inbox_free),
      on_a_store<seawall_redis_limiter>("a limiter", limiter, seawall_redis_limiter_free),
      on_a_store<seawall_redis_limit_set>("a set of limits", set_of_one, seawall_redis_limit_set_free),
      on_a_store<seawall_redis_registrar>("a registrar", registrar, seawall_redis_registrar_free),
      on_a_store<seawall_redis_keeper>("a keeper", keeper, seawall_redis_keeper_free),
      on_a_store<seawall_redis_source>(
          "a source",
          [](const auto* store, auto** out, auto* error) {
            constexpr const char* kOptions = "{\"services\": \"a-service-with-a-name-of-some-length,b\"}";
            return seawall_redis_store_new_source_from_json(store, kOptions, SEAWALL_TEXT, out, error);
          },
          seawall_redis_source_free),
      on_a_store<seawall_redis_trip_board>(
          "a board of trips",
          [](const auto* store, auto** out, auto* error) {
            return seawall_redis_store_new_trip_board(store, "gateways", SEAWALL_TEXT, out, error);
          },
          seawall_redis_trip_board_free),
  };
  for (const Creation& each : creations) fail_at_each_allocation(each);
  fail_at_each_allocation_of_calls();
  std::printf("%zu creations, %d failures\n", creations.size(), failures);
  return failures == 0 ? 0 : 1;
}
