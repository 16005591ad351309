-- Pick a broadcast that is being sent, and some of the shards that are left.
-- KEYS  1 prefix of the broadcasts
-- ARGV  1 how many shards at most
-- Returns nothing, or JSON and a list of shards, each followed by where to go on in it.
local id = redis.call('SRANDMEMBER', KEYS[1] .. ':running')
if not id then return false end
local left = redis.call('HRANDFIELD', KEYS[1] .. ':left:' .. id, ARGV[1], 'WITHVALUES')
return {redis.call('HGET', KEYS[1] .. ':b:' .. id, 'body'), left}
