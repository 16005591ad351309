-- Put an entry for the audit log on its way that no other script carries.
-- KEYS  1 source of the feed  2 this call, by a random name
-- ARGV  1 now (Unix seconds)  2 JSON of an AuditEntry
-- Returns 1. The same call again within a minute, after a lost connection, adds nothing.
if redis.call('SET', KEYS[2], '', 'XX', 'EX', 60) then return 1 end
happened(KEYS[1], ARGV[1], '', '', ARGV[2])
redis.call('SET', KEYS[2], '', 'EX', 60)
return 1
