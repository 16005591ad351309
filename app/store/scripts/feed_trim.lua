-- Forget the oldest events of the feed when there are more than are kept, up to a batch of them.
-- KEYS  1 stream of events
-- ARGV  1 how many are kept  2 how many are kept at most for a group that has not had them yet  3 how many go at once
-- Returns {how many went, 1 if a group had not had them all, else 0}.
local events, kept, most, batch = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local length = redis.call('XLEN', events)
if length < kept + batch then return {0, 0} end

local function is_before(one, other)
  local ms, seq = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= other_ms then return tonumber(ms) < tonumber(other_ms) end
  return tonumber(seq) < tonumber(other_seq)
end

local oldest = redis.call('XRANGE', events, '-', '+', 'COUNT', batch + 1)
local last, limit = oldest[batch][1], oldest[batch + 1][1]
local unseen = false
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', events)) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  local pending = redis.call('XPENDING', events, group['name'])
  if is_before(group['last-delivered-id'], last) then unseen = true end
  if pending[1] > 0 and is_before(pending[2], limit) then unseen = true end
end
if unseen and length < most + batch then return {0, 0} end
return {redis.call('XTRIM', events, 'MINID', limit), unseen and 1 or 0}
