-- Keep a mail, unless there is one with its id.
-- KEYS  1 outbox prefix
-- ARGV  1 id  2 the mail (JSON)  3 from when on it may be sent  4 when it is forgotten (Unix seconds)
-- Returns 1. The very same call a second time, after a lost connection, changes nothing.
local prefix, id = KEYS[1], ARGV[1]
local state = redis.call('HGET', prefix .. ':mails', id .. '!')
if state then
  redis.call('HSET', prefix .. ':mails', id .. '!', state)  -- for a WAIT, which counts only what its own connection wrote
  return 1
end
local position = redis.call('HINCRBY', prefix .. ':r', 'rev', 1)
redis.call('HSET', prefix .. ':mails', id, ARGV[2], id .. '!', 'waiting\n')
redis.call('ZADD', prefix .. ':list:all', position, id)
redis.call('ZADD', prefix .. ':list:waiting', position, id)
redis.call('ZADD', prefix .. ':due', ARGV[3], id)
redis.call('ZADD', prefix .. ':ends', ARGV[4], id)
return 1
