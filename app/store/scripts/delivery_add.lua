-- Queue deliveries that are not known yet.
-- KEYS  1 prefix of the deliveries  2 prefix of the webhooks
-- ARGV  1 now  2 when they are forgotten if nothing becomes of them (Unix seconds)  3 how many may wait for one webhook
--       4 state of those that may  5 state of those beyond  6… triples of delivery_id, webhook_id, JSON
-- Returns how many there are now of those that were named.
local prefix, there = KEYS[1], 0
local queued = prefix .. ':queued'
for at = 6, #ARGV, 3 do
  local id, webhook = ARGV[at], ARGV[at + 1]
  local known = redis.call('HGET', queued, id)
  if known then
    redis.call('HSET', queued, id, known)  -- for a WAIT, which counts only what its own connection wrote
    there = there + 1
  elseif redis.call('HEXISTS', KEYS[2] .. ':o', webhook) == 1 then
    local list = prefix .. ':list:' .. webhook .. ':'
    local rev = redis.call('INCR', prefix .. ':rev')
    local position = string.format('%.0f', tonumber(ARGV[1]) * 1000000 + rev % 1000000)
    local waits = redis.call('ZCARD', prefix .. ':due:' .. webhook) < tonumber(ARGV[3])
    redis.call('HSET', queued, id, ARGV[at + 2], id .. '!', waits and ARGV[4] or ARGV[5])
    redis.call('ZADD', list .. 'all', position, id)
    redis.call('ZADD', list .. (waits and 'waiting' or 'dead'), position, id)
    redis.call('ZADD', prefix .. ':ends', ARGV[2], id)
    if waits then redis.call('ZADD', prefix .. ':due:' .. webhook, ARGV[1], id) end
    there = there + 1
  end
end
return there
