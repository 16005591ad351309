-- Read mails, newest first.
-- KEYS  1 outbox prefix
-- ARGV  1 all, or a status  2 only those older than the mail with this id, or ''  3 how many at most
-- Returns of each: the mail, its status and last error (in two lines), how often it was tried or false.
local prefix, from = KEYS[1], '+inf'
if ARGV[2] ~= '' then
  local position = redis.call('ZSCORE', prefix .. ':list:all', ARGV[2])
  if not position then return {} end
  from = '(' .. position
end
local answer = {}
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', prefix .. ':list:' .. ARGV[1], from, '-inf', 'LIMIT', 0, ARGV[3])) do
  for _, field in ipairs(redis.call('HMGET', prefix .. ':mails', id, id .. '!', id .. '#')) do
    answer[#answer + 1] = field
  end
end
return answer
