-- Keep a new broadcast and its audit entry, unless there is a broadcast of that id.
-- KEYS  1 prefix of the broadcasts  2 source of the feed
-- ARGV  1 broadcast_id  2 JSON  3 now (Unix seconds)  4 JSON of an AuditEntry  5… the shards to send it in
-- Returns the JSON that is kept, which is another one when the id was taken. Written once more then, because a WAIT counts only
-- what its own connection wrote.
local prefix = KEYS[1]
local hash = prefix .. ':b:' .. ARGV[1]
local kept = redis.call('HGET', hash, 'body')
redis.call('HSET', hash, 'body', kept or ARGV[2])
if kept then return kept end
redis.call('HSET', hash, 'sent', 0)
redis.call('ZADD', prefix .. ':list', redis.call('INCR', prefix .. ':count'), ARGV[1])
redis.call('SADD', prefix .. ':running', ARGV[1])
for at = 5, #ARGV do redis.call('HSET', prefix .. ':left:' .. ARGV[1], ARGV[at], '') end
happened(KEYS[2], ARGV[3], '', cjson.encode({{'broadcast.created', ARGV[1]}}), ARGV[4])
return ARGV[2]
