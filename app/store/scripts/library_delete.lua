-- Forget a Server-Provided File and the Grants that shared it.
-- KEYS  1 library prefix
-- ARGV  1 file_id
-- Returns 1.
local prefix, id = KEYS[1], ARGV[1]
redis.call('DEL', prefix .. ':s:' .. id)
redis.call('ZREM', prefix .. ':i:files', id)
redis.call('HDEL', prefix .. ':o', id, id .. '!')
return 1
