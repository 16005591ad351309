-- Read a delivery.
-- KEYS  1 prefix of the deliveries
-- ARGV  1 delivery_id  2 webhook_id
-- Returns its JSON, its state, attempts or false, and when it is due (Unix seconds) or false; the first is false when there is none.
local found = redis.call('HMGET', KEYS[1] .. ':queued', ARGV[1], ARGV[1] .. '!', ARGV[1] .. '#')
return {found[1], found[2], found[3], redis.call('ZSCORE', KEYS[1] .. ':due:' .. ARGV[2], ARGV[1])}
