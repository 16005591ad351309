-- Send deliveries again, from the first attempt on.
-- KEYS  1 prefix of the deliveries  2 source of the feed  3 this call, by a random name
-- ARGV  1 webhook_id  2 delivery_id, or '' for dead ones  3 how many of those at most  4 now  5 when they are forgotten if
--       nothing becomes of them (Unix seconds)  6 state  7 JSON of an AuditEntry or ''
-- Returns how many. One that waits is due at once. The same call again within a minute, after a lost connection, returns the same.
local before = redis.call('GET', KEYS[3])
if before then
  redis.call('SET', KEYS[3], before, 'EX', 60)
  return tonumber(before)
end
local prefix = KEYS[1]
local due, list = prefix .. ':due:' .. ARGV[1], prefix .. ':list:' .. ARGV[1] .. ':'
local ids = {ARGV[2]}
if ARGV[2] == '' then ids = redis.call('ZRANGE', list .. 'dead', 0, tonumber(ARGV[3]) - 1) end
local replayed = 0
for _, id in ipairs(ids) do
  local position = redis.call('ZSCORE', list .. 'all', id)
  if position then
    redis.call('ZREM', list .. 'dead', id)
    redis.call('ZREM', list .. 'delivered', id)
    redis.call('ZADD', list .. 'waiting', position, id)
    redis.call('ZADD', due, ARGV[4], id)
    redis.call('ZADD', prefix .. ':ends', ARGV[5], id)
    redis.call('HSET', prefix .. ':queued', id .. '!', ARGV[6])
    redis.call('HDEL', prefix .. ':queued', id .. '#')
    replayed = replayed + 1
  end
end
if replayed > 0 then happened(KEYS[2], ARGV[4], '', '', ARGV[7]) end
redis.call('SET', KEYS[3], replayed, 'EX', 60)
return replayed
