-- Forget a Server-Provided File and the Grants that shared it.
-- KEYS  1 library prefix  2 source of the feed
-- ARGV  1 file_id  2 now (Unix seconds)  3 JSON of an AuditEntry or ''
-- Returns 1. The same call again, after a lost connection, finds nothing to forget and adds nothing to the feed.
local prefix, id = KEYS[1], ARGV[1]
redis.call('DEL', prefix .. ':s:' .. id)
redis.call('HDEL', prefix .. ':o', id, id .. '!')
if redis.call('ZREM', prefix .. ':i:files', id) == 1 then
  happened(KEYS[2], ARGV[2], '', cjson.encode({{'file.deleted', id}}), ARGV[3])
end
return 1
