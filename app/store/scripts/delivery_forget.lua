-- Forget deliveries that are old enough, and those of webhooks that are gone.
-- KEYS  1 prefix of the deliveries  2 prefix of the webhooks
-- ARGV  1 now (Unix seconds)  2 how many at most of either
-- Returns how many.
local prefix, forgotten = KEYS[1], 0
local function forget(id, webhook)
  redis.call('HDEL', prefix .. ':queued', id, id .. '!', id .. '#')
  redis.call('ZREM', prefix .. ':ends', id)
  redis.call('ZREM', prefix .. ':due:' .. webhook, id)
  for _, name in ipairs({'all', 'waiting', 'delivered', 'dead'}) do
    redis.call('ZREM', prefix .. ':list:' .. webhook .. ':' .. name, id)
  end
  forgotten = forgotten + 1
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':ends', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  forget(id, string.match(id, '_([^_]*)$'))
end
local webhook = redis.call('SRANDMEMBER', KEYS[2] .. ':gone')
if webhook then
  local ids = redis.call('ZRANGE', prefix .. ':list:' .. webhook .. ':all', 0, tonumber(ARGV[2]) - 1)
  for _, id in ipairs(ids) do forget(id, webhook) end
  if #ids == 0 then redis.call('SREM', KEYS[2] .. ':gone', webhook) end
end
return forgotten
