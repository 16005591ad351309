-- How many mails wait, and how many were given up.
-- KEYS  1 outbox prefix
-- Returns how many wait, the oldest of them (JSON) or false, how many were given up.
local prefix = KEYS[1]
local oldest = redis.call('ZRANGE', prefix .. ':list:waiting', 0, 0)[1]
return {
  redis.call('ZCARD', prefix .. ':list:waiting'),
  oldest and redis.call('HGET', prefix .. ':mails', oldest) or false,
  redis.call('ZCARD', prefix .. ':list:failed'),
}
