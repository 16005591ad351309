-- Take deliveries that are due, of every active webhook some, so that nobody else gets them for a while.
-- KEYS  1 prefix of the deliveries  2 prefix of the webhooks
-- ARGV  1 now  2 until when they are taken (Unix seconds)  3 how many at most  4 how many at most of one webhook
--       5… pairs of webhook_id and how many at most of it
-- Returns of each webhook: its JSON, its sealed secret, the one before or false, until when that one signs or false, and a list
-- of JSON and attempts (this one included) of each delivery. The order is another one each time, so that nobody is always last.
local prefix, left, answer = KEYS[1], tonumber(ARGV[3]), {}
local most = {}
for at = 5, #ARGV, 2 do most[ARGV[at]] = tonumber(ARGV[at + 1]) end
local active = KEYS[2] .. ':active'
for _, webhook in ipairs(redis.call('SRANDMEMBER', active, redis.call('SCARD', active))) do
  local limit = math.min(left, most[webhook] or tonumber(ARGV[4]))
  if limit > 0 then
    local due, found = prefix .. ':due:' .. webhook, {}
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[1], 'LIMIT', 0, limit)) do
      redis.call('ZADD', due, ARGV[2], id)
      found[#found + 1] = redis.call('HGET', prefix .. ':queued', id)
      found[#found + 1] = redis.call('HINCRBY', prefix .. ':queued', id .. '#', 1)
    end
    if #found > 0 then
      left = left - #found / 2
      local kept = redis.call('HMGET', KEYS[2] .. ':o', webhook, webhook .. '$', webhook .. '+$', webhook .. '@')
      answer[#answer + 1] = {kept[1], kept[2], kept[3], kept[4], found}
    end
  end
end
return answer
