-- Read what is due in shards, the longest overdue first.
-- KEYS  what is due in each shard (sorted sets), of one slot in a cluster
-- ARGV  1 now (Unix seconds)  2 how many at most of each
-- Returns of each shard the full ids and the seconds, in turn.
local answer = {}
for number, key in ipairs(KEYS) do
  answer[number] = redis.call('ZRANGEBYSCORE', key, '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
end
return answer
