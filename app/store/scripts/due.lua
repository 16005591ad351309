-- Read Grants whose time has come.
-- KEYS  1 registration prefix  2 what is due in the shard
-- ARGV  1 now (Unix seconds)  2 how many at most  3 registration_id
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
    redis.call('ZREM', KEYS[2], ARGV[3] .. '-' .. id)
  end
end
return answer
