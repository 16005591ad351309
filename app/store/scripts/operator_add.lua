-- Keep a new operator, unless there is one of that name.
-- KEYS  1 operators by the digest of their key  2 digests by name
-- ARGV  1 name  2 digest of the key  3 JSON
-- Returns 1, or 0 when the name is taken. The very same call a second time, after a lost connection, returns 1 again.
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if taken then return taken == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
