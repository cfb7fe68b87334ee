// SPDX-License-Identifier: MIT
#include "redis/limit_script.h"

namespace seawall::redis {

// Straight on, without functions: most calls have one key, and to make a closure costs as much as to compare.
const char* const kLimitDecision = R"lua(
local verb, floor, unpacked, packed = ARGV[1], math.floor, struct.unpack, struct.pack
local states, chosen, foreign = {}, 1, nil

-- What the keys hold, and the first rung that all have room for.
for k = 1, #KEYS do
  local rule, text = ARGV[k + 1], redis.pcall('GET', KEYS[k])
  local subs, unit, most, most_rest, rungs, n, n_rest = unpacked('<ddddddd', rule)
  local at = 57
  if type(text) == 'table' then foreign = k break end
  if subs == 0 then
    -- A bucket is 'b2' TAT REST UNIT. Known from here on is TAT - now, never below 0.
    local d, r, mended = 0, 0, false
    if text then
      if #text ~= 26 then foreign = k break end
      local head, tat, tat_rest, u = unpacked('<c2ddd', text)
      if head ~= 'b2' or tat % 1 + tat_rest % 1 + u % 1 ~= 0 or tat < 0 or tat > 2 ^ 53 or tat_rest < 0
          or tat_rest >= u then
        foreign = k
        break
      end
      -- Under another quota's unit the rest is rounded up to a microsecond.
      if u ~= unit then tat, tat_rest = tat + 1, 0 end
      d, r = tat - now, tat_rest - ns * (unit / 1000)
      if r < 0 then d, r = d - 1, r + unit end
      if d < 0 then
        d, r = 0, 0
      elseif d > 2 * most + 2 then
        -- Two bursts ahead: the server's clock was set back. The bucket is empty then, and refills from now on; so this
        -- is written though the request be refused.
        d, r, mended = most, most_rest, true
      end
    end
    if verb ~= 'give' then
      while chosen <= rungs do
        if chosen > 1 then n, n_rest = unpacked('<dd', rule, 25 + 16 * chosen) end
        local e, f = d + n, r + n_rest
        if f >= unit then e, f = e + 1, f - unit end
        if e < most or (e == most and f <= most_rest) then break end
        chosen = chosen + 1
      end
      if chosen > rungs then chosen = 1000 end
    end
    states[k] = {d, r, mended}
  else
    -- A window is 'w2' PERIOD NEWEST COUNT..., the newest count first. Of another shape, or two windows ahead (the
    -- server's clock was set back), all that it counts is taken as charged now.
    local period, size = unit, subs + 1
    local whole = floor(now / period)
    local part = (now - whole * period) * subs + floor(ns * subs / 1000)
    local index = whole * subs + floor(part / period) + 1
    local counts, total, mended = {}, 0, false
    for i = 1, size do counts[i] = 0 end
    if text then
      local held = (#text - 18) / 4
      if held < 2 or held > 13 or held % 1 ~= 0 then foreign = k break end
      local old = {unpacked('<c2dd' .. string.rep('I4', held), text)}
      local newest = old[3]
      for i = 4, held + 3 do total = total + old[i] end
      if old[1] ~= 'w2' or old[2] % 1 + newest % 1 ~= 0 or newest < 0 or total > 2000000000 then
        foreign = k
        break
      end
      if old[2] ~= period or held ~= size or newest > index + 2 * size then
        counts[1], mended = total, true
      else
        if newest > index then index = newest end
        local older = index - newest
        total = 0
        for i = older + 1, size do
          counts[i] = old[i - older + 3]
          total = total + counts[i]
        end
      end
    end
    if verb ~= 'give' then
      while chosen <= rungs do
        if chosen > 1 then n = unpacked('<d', rule, 25 + 16 * chosen) end
        if total + n <= most then break end
        chosen = chosen + 1
      end
      if chosen > rungs then chosen = 1000 end
    end
    states[k] = {index, total, mended, counts}
  end
end
if foreign then return redis.error_reply('SEAWALL the key ' .. KEYS[foreign] .. ' holds what is no limit') end

-- What becomes of them.
local taken = verb == 'take' and chosen < 1000
local answer = packed('<ddd', chosen < 1000 and chosen or 0, now, ns)
for k = 1, #KEYS do
  local rule, state = ARGV[k + 1], states[k]
  local subs, unit, most, most_rest, rungs, n, n_rest = unpacked('<ddddddd', rule)
  if taken and chosen > 1 then n, n_rest = unpacked('<dd', rule, 25 + 16 * chosen) end
  if subs == 0 then
    local d, r, keep = state[1], state[2], state[3] and verb == 'take'
    local back, back_rest = 0, 0
    if taken then
      d, r, keep = d + n, r + n_rest, true
      if r >= unit then d, r = d + 1, r - unit end
    elseif verb == 'give' then
      -- The least of the cost, of what of it is not refilled yet, and of all that is not.
      local charged, charged_rest = unpacked('<dd', rule, 57)
      charged, charged_rest = charged - now, charged_rest - ns * (unit / 1000)
      if charged_rest < 0 then charged, charged_rest = charged - 1, charged_rest + unit end
      back, back_rest = n, n_rest
      if charged < back or (charged == back and charged_rest < back_rest) then back, back_rest = charged, charged_rest end
      if d < back or (d == back and r < back_rest) then back, back_rest = d, r end
      keep = back > 0 or (back == 0 and back_rest > 0)
      if keep then
        d, r = d - back, r - back_rest
        if r < 0 then d, r = d - 1, r + unit end
      else
        back, back_rest = 0, 0
      end
    end
    if keep then
      if d == 0 and r == 0 then
        redis.call('DEL', KEYS[k])
      else
        local tat, tat_rest = now + d, ns * (unit / 1000) + r
        if tat_rest >= unit then tat, tat_rest = tat + 1, tat_rest - unit end
        redis.call('SET', KEYS[k], packed('<c2ddd', 'b2', tat, tat_rest, unit), 'PX', floor(d / 1000) + 1)
      end
    end
    answer = answer .. packed('<dddd', d, r, back, back_rest)
  else
    local index, total, counts, size = state[1], state[2], state[4], subs + 1
    local keep, room_at, extra = state[3] and verb == 'take', 0, 0
    if taken then
      counts[1], total, keep = counts[1] + n, total + n, true
      extra = index
    elseif verb == 'give' then
      local i = index - unpacked('<d', rule, 57) + 1
      local back = i >= 1 and i <= size and math.min(n, counts[i]) or 0
      if back > 0 then counts[i], total, keep = counts[i] - back, total - back, true end
      extra = back
    else
      -- The sub-window that has room for the last rung.
      local sum, room, i = total, most - unpacked('<d', rule, 25 + 16 * rungs), size
      while sum > room and i >= 1 do
        sum, i = sum - counts[i], i - 1
      end
      room_at, extra = index + size - i, index
    end
    -- The one in which the limit is idle again.
    local idle = 0
    if total > 0 then
      local i = 1
      while counts[i] == 0 do i = i + 1 end
      idle = index - i + 1 + size
    end
    if keep then
      if total == 0 then
        redis.call('DEL', KEYS[k])
      else
        local left = (idle - index + 1) * unit / subs
        redis.call('SET', KEYS[k], packed('<c2dd' .. string.rep('I4', size), 'w2', unit, index, unpack(counts)),
                   'PX', floor(left / 1000) + 1)
      end
    end
    answer = answer .. packed('<dddd', total, room_at, idle, extra)
  end
end
return answer
)lua";

}  // namespace seawall::redis
