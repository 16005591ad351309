-- Take words out of the index of a shard that no object has.
-- KEYS  1 shard prefix
-- ARGV  entries of the index as they were read
-- Returns how many were taken out.
local shard, taken = KEYS[1], 0

local function has(text, id, word)
  local from, to = part_of(text, id)
  return from and string.find(string.sub(text, from, to), '\n' .. word .. '\n', 1, true)
end

for _, entry in ipairs(ARGV) do
  local first = string.find(entry, '\n', 1, true)
  local second = string.find(entry, '\n', first + 1, true)
  local registration = string.sub(entry, first + 1, second - 1)
  local text = redis.call('HGET', shard .. string.sub(registration, 3) .. ':o', '~') or ''
  if not has(text, string.sub(entry, second + 1), string.sub(entry, 1, first - 1)) then
    taken = taken + redis.call('ZREM', shard .. ':words', entry)
  end
end
return taken
