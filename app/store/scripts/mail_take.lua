-- Take mails that are due, so that nobody else gets them for a while.
-- KEYS  1 outbox prefix
-- ARGV  1 now  2 until when they are taken (Unix seconds)  3 how many at most
-- Returns of each: the mail, how often it was tried, this time included.
local prefix, answer = KEYS[1], {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', prefix .. ':due', ARGV[2], id)
  answer[#answer + 1] = redis.call('HGET', prefix .. ':mails', id)
  answer[#answer + 1] = redis.call('HINCRBY', prefix .. ':mails', id .. '#', 1)
end
return answer
