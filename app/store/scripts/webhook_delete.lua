-- Forget a webhook; what was to be sent to it goes bit by bit (see `delivery_forget.lua`).
-- KEYS  1 prefix of the webhooks  2 source of the feed  3 this call, by a random name
-- ARGV  1 webhook_id  2 now (Unix seconds)  3 JSON of an AuditEntry
-- Returns 1, or 0 when there is none. The same call again within a minute, after a lost connection, returns 1 again.
if redis.call('SET', KEYS[3], '', 'XX', 'EX', 60) then return 1 end
local id = ARGV[1]
if redis.call('HDEL', KEYS[1] .. ':o', id) == 0 then return 0 end
redis.call('HDEL', KEYS[1] .. ':o', id .. '$', id .. '+$', id .. '@')
redis.call('HINCRBY', KEYS[1] .. ':count', 'webhooks', -1)
redis.call('SREM', KEYS[1] .. ':active', id)
redis.call('SADD', KEYS[1] .. ':gone', id)
happened(KEYS[2], ARGV[2], '', '', ARGV[3])
redis.call('SET', KEYS[3], '', 'EX', 60)
return 1
