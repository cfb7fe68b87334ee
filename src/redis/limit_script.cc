// SPDX-License-Identifier: MIT
#include "redis/limit_script.h"

namespace seawall::redis {

const char* const kLimitDecision = R"lua(
local verb, at, floor = ARGV[1], 2, math.floor

local function foreign(k)
  return redis.error_reply('SEAWALL the key ' .. KEYS[k] .. ' holds what is no limit')
end

-- A bucket is 'b1 TAT REST UNIT'. Under another quota's unit the rest is rounded up to a microsecond.
local function bucket(k, text)
  local unit, tolerance, rest = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local key = {unit = unit, first = at + 5, step = 2, rungs = tonumber(ARGV[at + 4])}
  local now_rest = ns * (unit / 1000)
  local tat, tat_rest = now, now_rest
  if text then
    local t, r, u = string.match(text, '^b1 (%d+) (%d+) (%d+)$')
    t, r, u = tonumber(t), tonumber(r), tonumber(u)
    if not t or r >= u then return nil end
    if u ~= unit then t, r = t + 1, 0 end
    -- Two bursts ahead: the server's clock was set back. The bucket is empty then, and refills from now on; so this is
    -- written though the request be refused.
    if t > now + 2 * tolerance + 2 then
      t, r = now + tolerance, now_rest + rest
      if r >= unit then t, r = t + 1, r - unit end
      key.mended = true
    end
    if t > tat or (t == tat and r > tat_rest) then tat, tat_rest = t, r end
  end
  -- TAT - now, when so much is added.
  function key.ahead(more, more_rest)
    local d, r = tat - now + more, tat_rest - now_rest + more_rest
    if r < 0 then return d - 1, r + unit end
    if r >= unit then return d + 1, r - unit end
    return d, r
  end
  function key.fits(rung)
    local d, r = key.ahead(tonumber(ARGV[rung]), tonumber(ARGV[rung + 1]))
    return d < tolerance or (d == tolerance and r <= rest)
  end
  local function keep(d, r)
    if d <= 0 and r <= 0 then return redis.call('DEL', KEYS[k]) end
    local t, tr = now + d, now_rest + r
    if tr >= unit then t, tr = t + 1, tr - unit end
    local value = string.format('b1 %.0f %.0f %.0f', t, tr, unit)
    redis.call('SET', KEYS[k], value, 'PX', string.format('%.0f', floor(d / 1000) + 1))
  end
  function key.take(rung)
    local d, r = key.ahead(tonumber(ARGV[rung]), tonumber(ARGV[rung + 1]))
    keep(d, r)
    return d, r, 0, 0
  end
  function key.look()
    local d, r = key.ahead(0, 0)
    if key.mended and verb ~= 'peek' then keep(d, r) end
    return d, r, 0, 0
  end
  -- The least of the cost, of what of it is not refilled yet, and of all that is not.
  function key.give(rung)
    local back, back_rest = tonumber(ARGV[rung]), tonumber(ARGV[rung + 1])
    local charged, charged_rest = tonumber(ARGV[rung + 2]) - now, tonumber(ARGV[rung + 3]) - now_rest
    if charged_rest < 0 then charged, charged_rest = charged - 1, charged_rest + unit end
    local d, r = key.ahead(0, 0)
    if charged < back or (charged == back and charged_rest < back_rest) then back, back_rest = charged, charged_rest end
    if d < back or (d == back and r < back_rest) then back, back_rest = d, r end
    if back < 0 or (back == 0 and back_rest == 0) then return d, r, 0, 0 end
    d, r = d - back, r - back_rest
    if r < 0 then d, r = d - 1, r + unit end
    keep(d, r)
    return d, r, back, back_rest
  end
  return key
end

-- A window is 'w1 PERIOD SUB_WINDOWS NEWEST COUNT...', the newest count first. Of another shape, or two windows ahead
-- (the server's clock was set back), all that it counts is taken as charged now.
local function window(k, text)
  local period, subs, limit = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local key = {first = at + 5, step = 1, rungs = tonumber(ARGV[at + 4])}
  local whole = floor(now / period)
  local part = (now - whole * period) * subs + floor(ns * subs / 1000)
  local index = whole * subs + floor(part / period) + 1
  local counts, total = {}, 0
  for i = 0, subs do counts[i] = 0 end
  if text then
    local p, s, newest, list = string.match(text, '^w1 (%d+) (%d+) (%d+)([ %d]+)$')
    p, s, newest = tonumber(p), tonumber(s), tonumber(newest)
    if not p or s > 12 then return nil end
    local old, n, sum = {}, 0, 0
    for c in string.gmatch(list, '%d+') do
      c = tonumber(c)
      if c > 2000000000 then return nil end
      old[n], n, sum = c, n + 1, sum + c
    end
    if n ~= s + 1 then return nil end
    if p ~= period or s ~= subs or newest > index + 2 * (subs + 1) then
      counts[0], total = sum, sum
      key.mended = true
    else
      if newest > index then index = newest end
      for i = index - newest, subs do
        counts[i] = old[i - (index - newest)]
        total = total + counts[i]
      end
    end
  end
  local function idle()
    for i = 0, subs do
      if counts[i] > 0 then return index - i + subs + 1 end
    end
    return 0
  end
  local function keep()
    if total == 0 then return redis.call('DEL', KEYS[k]) end
    local value = string.format('w1 %.0f %d %.0f', period, subs, index)
    for i = 0, subs do value = value .. string.format(' %d', counts[i]) end
    local left = (idle() - index + 1) * period / subs
    redis.call('SET', KEYS[k], value, 'PX', string.format('%.0f', floor(left / 1000) + 1))
  end
  function key.fits(rung)
    return total + ARGV[rung] <= limit
  end
  function key.take(rung)
    counts[0], total = counts[0] + ARGV[rung], total + ARGV[rung]
    keep()
    return total, 0, idle(), index
  end
  function key.look()
    if key.mended and verb ~= 'peek' then keep() end
    local room, sum, i = limit - ARGV[key.first + key.rungs - 1], total, 0
    while sum > room and i <= subs do
      sum, i = sum - counts[subs - i], i + 1
    end
    return total, index + i, idle(), index
  end
  function key.give(rung)
    local i = index - ARGV[rung + 1]
    if i < 0 or i > subs then return total, 0, idle(), 0 end
    local back = math.min(tonumber(ARGV[rung]), counts[i])
    if back > 0 then
      counts[i], total = counts[i] - back, total - back
      keep()
    end
    return total, 0, idle(), back
  end
  return key
end

local keys, rung = {}, 1
for k = 1, #KEYS do
  local text = redis.pcall('GET', KEYS[k])
  if type(text) == 'table' then return foreign(k) end
  local key = (ARGV[at] == 'b' and bucket or window)(k, text)
  if not key then return foreign(k) end
  if verb ~= 'give' then
    while rung <= key.rungs and not key.fits(key.first + (rung - 1) * key.step) do rung = rung + 1 end
    if rung > key.rungs then rung = 1000 end
  end
  keys[k], at = key, key.first + key.rungs * key.step
  if verb == 'give' then at = at + key.step end
end

local answer = {rung < 1000 and rung or 0, now, ns}
for k = 1, #keys do
  local key = keys[k]
  local chosen = key.first + (rung - 1) * key.step
  local a, b, c, d
  if verb == 'give' then
    a, b, c, d = key.give(chosen)
  elseif verb == 'take' and rung < 1000 then
    a, b, c, d = key.take(chosen)
  else
    a, b, c, d = key.look()
  end
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = a, b, c, d
end
return answer
)lua";

}  // namespace seawall::redis
