-- Forget mails whose time has come.
-- KEYS  1 outbox prefix
-- ARGV  1 now (Unix seconds)  2 how many at most
-- Returns how many.
local prefix = KEYS[1]
local gone = redis.call('ZRANGEBYSCORE', prefix .. ':ends', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(gone) do
  redis.call('HDEL', prefix .. ':mails', id, id .. '!', id .. '#')
  for _, name in ipairs({':ends', ':due', ':list:all', ':list:waiting', ':list:sent', ':list:failed'}) do
    redis.call('ZREM', prefix .. name, id)
  end
end
return #gone
