-- Count the entries of indexes of a shard.
-- KEYS  1 shard prefix
-- ARGV  1 for how many of the indexes the oldest entry is wanted too  then the names of the indexes, those first
-- Returns how many entries each has, then the lowest position of each of the first ('' when it is empty).
local answer = {}
for at = 2, #ARGV do answer[#answer + 1] = redis.call('ZCARD', KEYS[1] .. ':d:' .. ARGV[at]) end
for at = 2, 1 + tonumber(ARGV[1]) do
  local oldest = answer[at - 1] > 0 and redis.call('ZRANGE', KEYS[1] .. ':d:' .. ARGV[at], 0, 0, 'WITHSCORES')
  answer[#answer + 1] = oldest and oldest[2] or ''
end
return answer
