-- Note how far a broadcast has got in a shard, unless somebody else has noted it meanwhile.
-- KEYS  1 prefix of the broadcasts
-- ARGV  1 broadcast_id  2 shard  3 where it was  4 where it is, or '' at the end of the shard  5 how many got it
--       6 now (Unix seconds)
-- Returns 1 when noted, else 0; the very same call a second time, after a lost connection, finds it done and returns 0.
local prefix, id, shard = KEYS[1], ARGV[1], ARGV[2]
local left, hash = prefix .. ':left:' .. id, prefix .. ':b:' .. id
if redis.call('HGET', left, shard) ~= ARGV[3] then return 0 end
redis.call('HINCRBY', hash, 'sent', ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', left, shard, ARGV[4])
  return 1
end
redis.call('HDEL', left, shard)
if redis.call('EXISTS', left) == 0 then
  redis.call('HSET', hash, 'completed', ARGV[6])
  redis.call('SREM', prefix .. ':running', id)
end
return 1
