-- Keep a new operator, unless there is one of that name.
-- KEYS  1 operators by the digest of their key  2 digests by name  3 source of the feed
-- ARGV  1 name  2 digest of the key  3 JSON  4 now (Unix seconds)  5 JSON of an AuditEntry or ''
-- Returns 1, or 0 when the name is taken. The very same call a second time, after a lost connection, returns 1 again, and writes
-- for a WAIT, which counts only what its own connection wrote.
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if taken and taken ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if not taken then happened(KEYS[3], ARGV[4], '', cjson.encode({{'operator.created', ARGV[1]}}), ARGV[5]) end
return 1
