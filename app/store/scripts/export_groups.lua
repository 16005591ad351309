-- How far the followers of the feed have got.
-- KEYS  1 stream of events
-- Returns pairs: name of a group, id of the last event such that it has had this one and all before it.
local exists, groups = pcall(redis.call, 'XINFO', 'GROUPS', KEYS[1])
if not exists or groups.err then return {} end

local function before(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  if number ~= '0' then return ms .. '-' .. string.format('%.0f', tonumber(number) - 1) end
  return string.format('%.0f-%.0f', tonumber(ms) - 1, 1000000000)
end

local answer = {}
for _, flat in ipairs(groups) do
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = flat[i + 1] end
  local pending = redis.call('XPENDING', KEYS[1], facts.name)
  answer[#answer + 1] = facts.name
  answer[#answer + 1] = pending[1] > 0 and before(pending[2]) or facts['last-delivered-id']
end
return answer
