// SPDX-License-Identifier: MIT
// The script that keeps instances in Redis; registry_call.h makes its arguments and reads its answers. It goes behind
// kServerClock of limit_script.h: `now` is the server's time in us.
//
// KEYS of a service, all under its hash tag:
//   items   HASH id -> "i1 GENERATION STATE REST"; STATE: starting, serving, draining, or gone (a gravestone)
//   leases  ZSET id -> when its lease ends
//   graves  ZSET id -> when its gravestone goes
//   meta    HASH of three whole numbers: `version` of the list; `last`, the highest number given; `touched`, when
//           somebody was last heard
//   spans   ZSET id -> how long its lease is
// ARGV: verb, channel, service, patience (twice the time between two calls of the caller); then
//   stamp                                       -> 0, a generation above all others
//   put ID GENERATION STATE REST LEASE          -> answer, generation
//   renew ID GENERATION STATE LEASE             -> answer, generation   STATE may be empty, and moves forward only
//   remove ID GENERATION                        -> answer, generation
//   list VERSION CEILING                        -> version, number of doubted, 1 when all is listed;
//                                                  ids of the doubted, then id and item of each
// KEYS of all: the directory, a ZSET service -> when it was last entered. Verbs: enter (the service), services,
// and announce (of a TripBoard: publishes the third argument, writes nothing).
//
// Answers are RegistryAnswer: 0 ok, 1 unknown, 2 fenced. Generation 0 means whoever has the id.
//
// Versions and generations are max(last + 1, now): they go on above what was given before even when all was lost, and
// two stores that parted never give the same, as long as no server's clock is behind what was given. Numbers are below
// Registrar::kMaxGeneration until the year 2112; who says one that is ten years ahead is refused.
#pragma once

namespace seawall::redis {

extern const char* const kRegistryVerbs;

}  // namespace seawall::redis
