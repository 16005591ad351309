-- Read Grants whose time has come.
-- KEYS  1 registration prefix
-- ARGV  1 now (Unix seconds)  2 how many at most
-- Returns document, internal part or false, and position of each. Entries without a Grant are forgotten.
local prefix = KEYS[1]
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local position = redis.call('ZSCORE', prefix .. ':i:grants', id)
  if position then
    local fields = redis.call('HMGET', prefix .. ':o', id, id .. '!')
    answer[#answer + 1] = fields[1]
    answer[#answer + 1] = fields[2]
    answer[#answer + 1] = position
  else
    redis.call('ZREM', prefix .. ':due', id)
  end
end
return answer
