-- Forget an operator.
-- KEYS  1 operators by the digest of their key  2 digests by name  3 source of the feed  4 this call, by a random name
-- ARGV  1 name  2 now (Unix seconds)  3 JSON of an AuditEntry or ''
-- Returns 1, or 0 when there is none of that name. The same call again within a minute, after a lost connection, returns 1 again.
if redis.call('SET', KEYS[4], '', 'XX', 'EX', 60) then return 1 end
local digest = redis.call('HGET', KEYS[2], ARGV[1])
if not digest then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], digest)
happened(KEYS[3], ARGV[2], '', cjson.encode({{'operator.revoked', ARGV[1]}}), ARGV[3])
redis.call('SET', KEYS[4], '', 'EX', 60)
return 1
