-- Note what has become of a mail that was taken.
-- KEYS  1 outbox prefix
-- ARGV  1 id  2 until when it was taken  3 its status now  4 what went wrong, or ''  5 when to try again, '' for never
--       6 what is kept of it from now on, '' for all  7 when it is forgotten, '' for as before (Unix seconds)
-- Returns 1, or 0 when it is gone, is not waiting, or is with somebody else and was not sent.
local prefix, id, status = KEYS[1], ARGV[1], ARGV[3]
local due = redis.call('ZSCORE', prefix .. ':due', id)
if not due or (status ~= 'sent' and tonumber(due) ~= tonumber(ARGV[2])) then return 0 end
redis.call('HSET', prefix .. ':mails', id .. '!', status .. '\n' .. ARGV[4])
if ARGV[5] ~= '' then
  redis.call('ZADD', prefix .. ':due', ARGV[5], id)
  return 1
end
redis.call('ZREM', prefix .. ':due', id)
redis.call('ZREM', prefix .. ':list:waiting', id)
redis.call('ZADD', prefix .. ':list:' .. status, redis.call('ZSCORE', prefix .. ':list:all', id), id)
redis.call('HSET', prefix .. ':mails', id, ARGV[6])
redis.call('ZADD', prefix .. ':ends', ARGV[7], id)
return 1
