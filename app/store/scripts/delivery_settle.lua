-- Note what has become of a delivery that was taken.
-- KEYS  1 prefix of the deliveries
-- ARGV  1 delivery_id  2 webhook_id  3 until when it was taken  4 its status now  5 its state  6 when to try again, '' for never
--       7 when it is forgotten, '' for as before (Unix seconds)  8 how many of that status a webhook keeps
-- Returns 1, or 0 when it is gone, is not waiting, or is with somebody else and was not delivered.
local prefix, id, status = KEYS[1], ARGV[1], ARGV[4]
local due, list = prefix .. ':due:' .. ARGV[2], prefix .. ':list:' .. ARGV[2] .. ':'
local until_ = redis.call('ZSCORE', due, id)
if not until_ or (status ~= 'delivered' and tonumber(until_) ~= tonumber(ARGV[3])) then return 0 end
redis.call('HSET', prefix .. ':queued', id .. '!', ARGV[5])
if ARGV[6] ~= '' then
  redis.call('ZADD', due, ARGV[6], id)
  return 1
end
redis.call('ZREM', due, id)
redis.call('ZREM', list .. 'waiting', id)
redis.call('ZADD', list .. status, redis.call('ZSCORE', list .. 'all', id), id)
redis.call('ZADD', prefix .. ':ends', ARGV[7], id)
for _, old in ipairs(redis.call('ZRANGE', list .. status, 0, -1 - tonumber(ARGV[8]))) do
  redis.call('HDEL', prefix .. ':queued', old, old .. '!', old .. '#')
  redis.call('ZREM', list .. status, old)
  redis.call('ZREM', list .. 'all', old)
  redis.call('ZREM', prefix .. ':ends', old)
end
return 1
