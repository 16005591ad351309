-- Count the entries of indexes of shards.
-- KEYS  shard prefixes, those of one slot in a cluster
-- ARGV  1 for how many of the indexes the oldest entry is wanted too  then the names of the indexes, those first
-- Returns how many entries each has in all these shards, then the lowest position of each of the first ('' when it is empty).
local wanted = tonumber(ARGV[1])
local counts, lowest = {}, {}
for at = 1, #ARGV - 1 do
  local found, count = {}, 0
  for number, shard in ipairs(KEYS) do found[number] = shard .. ':d:' .. ARGV[at + 1] end
  local in_use = #KEYS == 1 or redis.call('EXISTS', unpack(found)) > 0  -- most are not, so that one call does for all shards
  for _, key in ipairs(in_use and found or {}) do
    local size = redis.call('ZCARD', key)
    count = count + size
    if at <= wanted and size > 0 then
      local oldest = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
      if not lowest[at] or oldest < lowest[at] then lowest[at] = oldest end
    end
  end
  counts[at] = count
end
for at = 1, wanted do counts[#counts + 1] = lowest[at] and string.format('%.0f', lowest[at]) or '' end
return counts
