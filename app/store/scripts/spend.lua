-- Count one more of something, unless that were too many.
-- KEYS  1 sorted set of what was counted, by its second
-- ARGV  1 now (Unix seconds)  2 name of this one  3 how many  4 within how many seconds, and more such pairs
-- Returns 0 when it was counted (also when it had been, under this name), else the seconds until there is room.
local key, now, longest, wait = KEYS[1], tonumber(ARGV[1]), 0, 0
if redis.call('ZSCORE', key, ARGV[2]) then
  redis.call('ZADD', key, ARGV[1], ARGV[2])  -- for a WAIT, which counts only what its own connection wrote
  return 0
end
for at = 3, #ARGV, 2 do
  local count, period = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  longest = math.max(longest, period)
  -- The one that has to be out of the period before another fits in.
  local blocking = redis.call('ZREVRANGEBYSCORE', key, '+inf', '(' .. (now - period), 'WITHSCORES', 'LIMIT', count - 1, 1)
  if blocking[2] then wait = math.max(wait, tonumber(blocking[2]) + period - now) end
end
if wait > 0 then return wait end
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - longest)
redis.call('ZADD', key, ARGV[1], ARGV[2])
redis.call('EXPIRE', key, longest)
return 0
