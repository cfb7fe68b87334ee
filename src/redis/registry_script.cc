// SPDX-License-Identifier: MIT
#include "redis/registry_script.h"

namespace seawall::redis {

const char* const kRegistryVerbs = R"lua(
local verb, channel, service, patience, call = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), redis.call

local function foreign(what)
  return redis.error_reply('SEAWALL ' .. what .. ' holds what is no registry')
end
local function usable(key, kind)
  local found = call('TYPE', key).ok
  return found == kind or found == 'none'
end
local function text_of(number) return string.format('%.0f', number) end
-- What is not there is 0.
local function whole(text)
  if not text then return 0 end
  local number = string.match(text, '^%d+$') and tonumber(text)
  return number and number < 9007199254740992 and number or nil
end

if verb == 'announce' then
  call('PUBLISH', channel, service)
  return {0}
end
if verb == 'enter' or verb == 'services' then
  local directory, month = KEYS[1], 2592000000000
  if not usable(directory, 'zset') then return foreign('the key ' .. directory) end
  if verb == 'services' then return call('ZRANGE', directory, 0, -1, 'WITHSCORES') end
  call('ZADD', directory, text_of(now), service)
  call('ZREMRANGEBYSCORE', directory, '-inf', text_of(now - month))
  call('PEXPIRE', directory, 2592000000)
  return {0}
end

local items, leases, graves, meta, spans = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
for i, kind in ipairs({'hash', 'zset', 'zset', 'hash', 'zset'}) do
  if not usable(KEYS[i], kind) then return foreign('the key ' .. KEYS[i]) end
end
local numbers = call('HMGET', meta, 'version', 'last', 'touched')
local version, last, touched = whole(numbers[1]), whole(numbers[2]), whole(numbers[3])
if not (version and last and touched) then return foreign('the key ' .. meta) end

local ranks = {starting = 0, serving = 1, draining = 2, gone = 3}
local function parse(text)
  local generation, state, rest = string.match(text, '^i1 (%d+) (%l+) (.*)$')
  generation = whole(generation)
  if not generation or generation == 0 or not ranks[state] then return nil end
  return generation, state, rest
end
local function item(generation, state, rest)
  return 'i1 ' .. text_of(generation) .. ' ' .. state .. ' ' .. rest
end

local function stamp()
  last = math.max(last + 1, now)
  call('HSET', meta, 'last', text_of(last))
  return last
end
-- What nobody touches for a month is garbage.
local function keep()
  for i = 1, 5 do call('PEXPIRE', KEYS[i], 2592000000) end
end
-- The message is a hint: who may not send it is served all the same.
local function changed()
  version = stamp()
  call('HSET', meta, 'version', text_of(version))
  redis.pcall('PUBLISH', channel, service)
  keep()
end
local function reach(generation)
  if generation <= last then return end
  last = generation
  call('HSET', meta, 'last', text_of(last))
end

-- 0 is the shortest of those in use, -1 the longest.
local function span_at(rank) return tonumber(call('ZRANGE', spans, rank, rank, 'WITHSCORES')[2]) end
local function span_of(id)
  return tonumber(call('ZSCORE', spans, id)) or math.max(span_at(-1) or 0, patience)
end
local function lease_until(id, duration)
  if tonumber(call('ZSCORE', spans, id)) ~= duration then call('ZADD', spans, text_of(duration), id) end
  if call('ZADD', leases, text_of(now + duration), id) == 1 then keep() end
end
local function end_lease(id)
  call('ZREM', leases, id)
  call('ZREM', spans, id)
end

-- Nobody was heard for longer than callers are silent, or the past lies in the future: the server was stopped, or its
-- clock stepped. That ends nobody's lease, and prolongs none.
local function shift(key, by)
  local all = call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do call('ZADD', key, text_of(tonumber(all[i + 1]) + by), all[i]) end
end
-- An instance whose lease was lost without it (a key that was evicted or deleted) gets a new one, so that it ends.
local function mend()
  if call('HLEN', items) == call('ZCARD', leases) + call('ZCARD', graves) then return end
  local all = call('HGETALL', items)
  for i = 1, #all, 2 do
    local generation, state = parse(all[i + 1])
    if generation and not call('ZSCORE', state == 'gone' and graves or leases, all[i]) then
      call('ZADD', state == 'gone' and graves or leases, text_of(now + span_of(all[i])), all[i])
    end
  end
end
-- Not at each call: a poll that finds nothing new writes nothing. True: it was noted who came.
local function touch()
  local gap = now - touched
  if touched ~= 0 and gap >= 0 and gap < (span_at(0) or patience) / 8 then return false end
  if touched ~= 0 and (gap < 0 or gap > math.max(span_at(-1) or 0, patience)) then
    shift(leases, gap)
    shift(graves, gap)
  elseif touched ~= 0 then
    -- For this caller the gap is nothing; others may not have been heard in it. A lease ends before a witness.
    for _, id in ipairs(call('ZRANGEBYSCORE', leases, '(' .. text_of(touched), text_of(now))) do
      call('ZADD', leases, text_of(now), id)
    end
  end
  touched = now
  call('HSET', meta, 'touched', text_of(now))
  mend()
  keep()
  return true
end

-- An instance that fell silent is doubted from the end of its lease, and gone one lease later. When more than 15 % (more
-- than one, of four or more) are silent together, they are doubted only, until `ceiling` behind the end of their lease.
local function doubted(ceiling)
  local kept, news = {}, false
  for _, id in ipairs(call('ZRANGEBYSCORE', graves, '-inf', text_of(now))) do
    news = call('HDEL', items, id) == 1 or news
    call('ZREM', graves, id)
  end
  local silent = call('ZRANGEBYSCORE', leases, '-inf', text_of(now), 'WITHSCORES')
  local known, count = call('ZCARD', leases), #silent / 2
  local held = known >= 4 and count > 1 and count * 100 > known * 15
  for i = 1, #silent, 2 do
    local id, ended = silent[i], tonumber(silent[i + 1])
    local there, span = call('HEXISTS', items, id) == 1, span_of(id)
    if there and ended + (held and math.max(span, ceiling) or span) > now then
      kept[#kept + 1] = id
    else
      end_lease(id)
      call('HDEL', items, id)
      news = news or there
    end
  end
  if news then changed() end
  return kept
end

if verb == 'list' then
  if version == 0 and last == 0 then
    if call('EXISTS', items) == 0 then return {0, 0, 1} end
    changed()
  end
  touch()
  local silent = doubted(tonumber(ARGV[6]))
  local answer = {version, #silent, 0}
  for i = 1, #silent do answer[3 + i] = silent[i] end
  if version == whole(ARGV[5]) then return answer end
  answer[3] = 1
  for _, text in ipairs(call('HGETALL', items)) do answer[#answer + 1] = text end
  return answer
end

if verb == 'stamp' then
  local generation = stamp()
  keep()
  return {0, generation}
end

local id, given = ARGV[5], tonumber(ARGV[6])
-- Ten years ahead: believed, it would use up the numbers.
if given > math.max(last, now) + 315360000000000 then
  return redis.error_reply('ERR no such generation was ever given')
end
-- Where nobody lists, writers clear up, after the longest ceiling that a reader may have.
if touch() then doubted(86400000000) end
local stored = call('HGET', items, id)
local generation, state, rest
if stored then
  generation, state, rest = parse(stored)
  if not generation then return foreign('the instance ' .. id) end
end

if verb == 'put' then
  local wanted, duration = ARGV[7], tonumber(ARGV[9])
  if generation and (generation > given or (generation == given and state == 'gone')) then return {2, generation} end
  if generation == given and ranks[state] > ranks[wanted] then wanted = state end
  lease_until(id, duration)
  call('ZREM', graves, id)
  reach(given)
  local text = item(given, wanted, ARGV[8])
  if text ~= stored then
    call('HSET', items, id, text)
    changed()
  end
  return {0, given}
end

-- The gravestone outlives what a stopped server may still find in a connection that its client has left.
local function bury(number, words)
  call('HSET', items, id, item(number, 'gone', words))
  call('ZADD', graves, text_of(now + 10 * span_of(id)), id)
  end_lease(id)
  changed()
end
if verb == 'remove' and given ~= 0 and given > (generation or 0) then
  -- Its registration may still come.
  reach(given)
  bury(given, rest or '')
  return {1, generation or 0}
end

if not generation or given > generation or (given == 0 and state == 'gone') then return {1, generation or 0} end
if given ~= 0 and given < generation then return {2, generation} end

if verb == 'renew' then
  if state == 'gone' then return {2, generation} end
  if ranks[ARGV[7]] and ranks[ARGV[7]] > ranks[state] then
    call('HSET', items, id, item(generation, ARGV[7], rest))
    changed()
  end
  if tonumber(ARGV[8]) > 0 then lease_until(id, tonumber(ARGV[8])) end
elseif verb == 'remove' and state ~= 'gone' then
  bury(generation, rest)
end
return {0, generation}
)lua";

}  // namespace seawall::redis
