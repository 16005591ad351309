-- Forget an operator.
-- KEYS  1 operators by the digest of their key  2 digests by name
-- ARGV  1 name
-- Returns 1, or 0 when there is none of that name.
local digest = redis.call('HGET', KEYS[2], ARGV[1])
if not digest then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], digest)
return 1
